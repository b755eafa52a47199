# A job that leaves things out resumes like any other: after a cancel, after a crash
# and with consistent => true.  What has changed in what it leaves out is no change of
# the source, what has changed in the rest is.  One table of ten thousand is cloned
# in a few seconds.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($source, $target) = new_pair('later', target_conf => "restart_after_crash = on\n");

my @filter = (exclude_tables => [ 'unwanted*', 'gone.*' ], exclude_table_data => ['log'], exclude => [ 'comments', 'large objects' ]);

sub fill_app
{
	my ($db) = @_;
	new_database($source, $db);
	create_holds($source, $db);
	$source->safe_psql($db, <<'EOQ');
CREATE TABLE first (a int PRIMARY KEY, b text);
INSERT INTO first SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, 12000) g;
CREATE INDEX first_b ON first (left(b, 8));
CREATE TABLE log (a int PRIMARY KEY);
INSERT INTO log SELECT g FROM generate_series(1, 1000) g;
CREATE TABLE held (a int CHECK (hold.here(1)), b text, log int REFERENCES log);
INSERT INTO held SELECT g, repeat(md5(g::text), 8), 1 FROM generate_series(1, 6000) g;
CREATE TABLE last (a int REFERENCES first, b text);
INSERT INTO last SELECT g, 'last' FROM generate_series(1, 100) g;
CREATE TABLE unwanted_1 (a int); INSERT INTO unwanted_1 VALUES (1);
CREATE TABLE unwanted_2 (a int); INSERT INTO unwanted_2 VALUES (1);
CREATE SCHEMA gone; CREATE TABLE gone.t (a int);
SELECT lo_from_bytea(990001, 'large');
COMMENT ON TABLE first IS 'first';
EOQ
	return;
}

# Stop a job by CODE while one table is there and the next one is on its way.
sub stop_in_copy
{
	my ($db, $code) = @_;
	fill_app($db);
	new_database($target, $db);
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => $db), db => $db, table_jobs => 1, index_jobs => 1, @filter);
	wait_held($target, $db, 1, $job);
	wait_until($target, "SELECT count(*) = 1 FROM pgcopy_tables WHERE state = 'copied'", db => $db, job => $job, what => 'a table to be there');
	$code->($db, $job);
	$hold->{run}->finish;
	return $job;
}

sub cancel_it
{
	my ($db, $job) = @_;
	$target->safe_psql($db, "SELECT pgcopy_cancel($job)");
	is(wait_for_end($target, $job, db => $db), 'cancelled', "$db: the job is cancelled");
	return;
}

sub kill_worker
{
	my ($db, $job) = @_;
	my ($pid) = split /\n/, $target->safe_psql($db, "SELECT pid FROM pgcopy_workers WHERE job = $job ORDER BY pid");
	kill 'KILL', $pid;
	wait_until($target, "SELECT count(*) = 1 FROM pgcopy_jobs WHERE job = $job AND state = 'interrupted'", db => $db, job => $job, what => 'the server to be back');
	return;
}

# Change what is left out, in all ways.
sub change_unwanted
{
	my ($db) = @_;
	$source->safe_psql($db, <<'EOQ');
ALTER TABLE unwanted_1 RENAME a TO b; ALTER TABLE unwanted_1 ADD c text; CREATE INDEX ON unwanted_1 (b);
DROP TABLE unwanted_2; CREATE TABLE unwanted_3 (a int); CREATE VIEW unwanted_v AS SELECT 1 AS a;
CREATE TABLE gone.u (a int); ALTER TABLE gone.t RENAME TO v; COMMENT ON TABLE first IS 'changed'; DELETE FROM log WHERE a > 1;
EOQ
	return;
}

sub is_right
{
	my ($db, $job, $rows) = @_;
	ok(wait_for_state($target, $job, 'done', db => $db), "$db: the job ends done");
	is($target->safe_psql($db, <<'EOQ'), "first held last log|$rows", "$db: all is here once");
SELECT (SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace),
 (SELECT count(*) FROM first), (SELECT count(*) FROM log), (SELECT count(*) FROM held), (SELECT count(*) FROM last), (SELECT count(*) FROM pg_largeobject_metadata)
EOQ
	is($target->safe_psql($db, "SELECT percent, tables_done, tables_total FROM pgcopy_jobs WHERE job = $job"), '100|3|3', "$db: counted right");
	is($target->safe_psql($db, "SELECT string_agg(conname || ' ' || convalidated, ' ' ORDER BY conname) FROM pg_constraint WHERE contype = 'f'"),
		'held_log_fkey false last_a_fkey true', "$db: foreign keys");
	is($target->safe_psql($db, "SELECT count(*) = count(DISTINCT (object, message)) FROM pgcopy_notices WHERE job = $job"), 't', "$db: each notice once");
	ok(is_quiet($source, $target, 10), "$db: no process and no session is left");
	return;
}

foreach my $stop ([ 'cancelled', \&cancel_it ], [ 'killed', \&kill_worker ])
{
	foreach my $consistent ('true', 'false')
	{
		my $db = "$stop->[0]_$consistent";
		my $job = stop_in_copy($db, $stop->[1]);
		change_unwanted($db);
		$source->safe_psql($db, "INSERT INTO first VALUES (20000, 'later')");
		$target->safe_psql($db, "SELECT pgcopy_resume($job, consistent => $consistent)");
		is_right($db, $job, ($consistent eq 'true' ? 12001 : 12000) . '|0|6000|100|0');
	}
}

# the old snapshot lives: another session has it
my $keeper;
my $job = stop_in_copy('living', sub {
	my ($db, $job) = @_;
	my $name = $target->safe_psql($db, "SELECT name FROM pgcopy.snapshot WHERE job = $job");
	$keeper = $source->background_psql($db);
	$keeper->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$name'");
	my $kept = $keeper->query_safe('SELECT pg_export_snapshot()');
	cancel_it($db, $job);
	$target->safe_psql($db, "UPDATE pgcopy.snapshot SET name = '$kept' WHERE job = $job");
	change_unwanted($db);
});
$target->safe_psql('living', "SELECT pgcopy_resume($job)");
is_right('living', $job, '12000|0|6000|100|0');
$keeper->quit;

$job = stop_in_copy('changed', \&cancel_it);
$source->safe_psql('changed', 'ALTER TABLE last ADD c int');
$target->safe_psql('changed', "SELECT pgcopy_resume($job, consistent => true)");
is(wait_for_end($target, $job, db => 'changed'), 'failed', 'a change of what is cloned is found');
like($target->safe_psql('changed', "SELECT detail FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY no DESC LIMIT 1"), qr/"public"."last" has other columns/, 'and named');

#-------------------------------------------------------------------------
# One of ten thousand; the source could not lock them all
#-------------------------------------------------------------------------
new_database($_, 'many') for $source, $target;
$source->safe_psql('many', "DO \$\$ BEGIN FOR i IN ${\($_ * 1000)} .. ${\($_ * 1000 + 999)} LOOP EXECUTE format('CREATE TABLE t%s (a int PRIMARY KEY, b text)', i); END LOOP; END \$\$")
  for 0 .. 9;
$source->safe_psql('many', 'INSERT INTO t4711 VALUES (1); VACUUM ANALYZE pg_class; VACUUM ANALYZE pg_attribute; VACUUM ANALYZE pg_depend; VACUUM ANALYZE pg_type; VACUUM ANALYZE pg_constraint; VACUUM ANALYZE pg_index');

# Seconds of processor time that ended children of both servers have taken: the
# machine may do other things.
sub processor_seconds
{
	my $ticks = 0;

	foreach my $node ($source, $target)
	{
		my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
		my @stat = split / /, slurp_proc($pid, 'stat') =~ s/^.*\) //sr;
		$ticks += $stat[13] + $stat[14];
	}
	return $ticks / 100;
}

# pg_dump of that table is the measure, whatever the machine: the job runs one too.
my $before = processor_seconds();
$source->command_ok([ 'pg_dump', '-d', $source->connstr('many'), '-t', 't4711', '-f', '/dev/null' ], 'pg_dump of one of ten thousand tables');
ok(is_quiet($source, $target, 10), 'its session has ended');
my $measure = processor_seconds() - $before;
$before = processor_seconds();
$job = clone_ok($target, conninfo($source, db => 'many'), db => 'many', include_tables => ['t4711'], name => 'one of ten thousand tables');
ok(is_quiet($source, $target, 10), 'all processes have ended');
my $seconds = processor_seconds() - $before;
note("it took $seconds s, pg_dump's session $measure s");
cmp_ok($seconds, '<', 0.5 + 4 * $measure, 'it takes a few times as long as pg_dump');
is($target->safe_psql('many', "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"), '1', 'nothing else is here');

done_testing();
