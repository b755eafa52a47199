# Nothing grows with the number of jobs that a server has done.  Of a job that
# is done and dropped nothing is left: no segment of shared memory, no temporary
# file, no session on the source, no row of ours.  Postmaster and launcher have
# no more memory and open files than before.
#
# PGCOPY_TEST_JOBS (default 20) is how many jobs, one after the other.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my $jobs = $ENV{PGCOPY_TEST_JOBS} // 20;

# With mmap the segments of this server are files in a directory of its own.
my ($source, $target) = new_pair('many',
	target_conf => "shared_preload_libraries = 'pgcopydb_ext'\ndynamic_shared_memory_type = mmap\nautovacuum = off\n");
new_database($source, 'app');
new_database($target, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE SCHEMA app;
CREATE TABLE app.one (a int PRIMARY KEY, b text);
INSERT INTO app.one SELECT g, md5(g::text) FROM generate_series(1, 500) g;
CREATE TABLE app.two (a serial, b int REFERENCES app.one);
INSERT INTO app.two (b) SELECT a FROM app.one;
CREATE INDEX ON app.one (b);
CREATE TABLE app.three (a text);
SELECT lo_from_bytea(815, 'a large object');
EOQ
$target->safe_psql('app', 'CREATE EXTENSION pgcopydb_ext');

my $postmaster = (split /\n/, slurp_file($target->data_dir . '/postmaster.pid'))[0];
my $launcher = $target->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pgcopydb_ext launcher'");
ok($launcher, 'there is a launcher');

# What must not grow, as numbers by name.
sub measure
{
	my %now;
	foreach my $process ([ postmaster => $postmaster ], [ launcher => $launcher ])
	{
		my ($name, $pid) = @$process;
		($now{"memory of the $name, kB"}) = slurp_proc($pid, 'status') =~ /^RssAnon:\s+(\d+)/m;
		$now{"files of the $name"} = () = glob "/proc/$pid/fd/*";
	}
	$now{'shared memory segments'} = () = glob $target->data_dir . '/pg_dynshmem/*';
	$now{'temporary files'} = $target->safe_psql('app', 'SELECT count(*) FROM pg_ls_tmpdir()');
	$now{'sessions on the source'} = source_sessions($source);
	$now{'rows of pgcopy tables'} = $target->safe_psql('app', join ' + ', 'SELECT 0', map { "(SELECT count(*) FROM pgcopy.$_)" } qw(job item relation statement snapshot error notice));
	$now{'pages of pgcopy tables'} = $target->safe_psql('app', "SELECT sum(pg_total_relation_size(oid)) / 8192 FROM pg_class WHERE relnamespace = 'pgcopy'::regnamespace AND relkind = 'r'");
	return \%now;
}

my $middle;
my $done = 0;
for my $no (1 .. $jobs)
{
	my $job = $target->safe_psql('app', 'SELECT pgcopy_clone(' . quote_literal(conninfo($source, db => 'app')) . ', table_jobs => 2, index_jobs => 2)');
	last if $target->safe_psql('app', "SELECT pgcopy_wait($job, '1min')") ne 'done';
	$done++;
	$target->safe_psql('app', "SET client_min_messages = warning; SELECT pgcopy_drop($job); DROP SCHEMA app CASCADE; SELECT lo_unlink(815);");
	$target->safe_psql('app', 'VACUUM') if $no % 5 == 0;
	$middle = measure() if $no == int($jobs / 2) && is_quiet($source, $target, 10);
}
is($done, $jobs, "$jobs jobs ended done, one after the other");
ok(is_quiet($source, $target, 10), 'nothing is left of them');
$target->safe_psql('app', 'VACUUM');

# Allocators and indexes need not be the same to the byte.
my %tolerance = ('pages of pgcopy tables' => 10, 'memory of the postmaster, kB' => 128, 'memory of the launcher, kB' => 16);
my $end = measure();
foreach my $name (sort keys %$end)
{
	cmp_ok($end->{$name}, '<=', $middle->{$name} + ($tolerance{$name} // 0), "no growth: $name ($middle->{$name}, $end->{$name})");
}
is($end->{$_}, 0, "none at the end: $_") for 'rows of pgcopy tables', 'sessions on the source', 'temporary files';

$source->stop;
$target->stop;
done_testing();
