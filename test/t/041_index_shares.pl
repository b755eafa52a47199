# Index builds share memory and cores and waste neither.  Builds that run
# together share maintenance_work_mem, by size and by what they can use; the
# last one has all of it, and parallel workers for all cores; builds that run in
# turn have everything each. pgcopy.maintenance_work_mem goes before the
# server's setting.  An index on a materialized view is no exception.
#
# What a build may use is told by a function in its index expression, which
# writes its settings to the server log at the first row.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFaults;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('memory', target_conf => "maintenance_work_mem = '40MB'\n");
new_database($source, 'one', 'two', 'uneven');

# Rows of 7 kB are many bytes quickly; sizes count heap bytes.
sub create_table
{
	my ($db, $name, $rows, @indexes) = @_;

	$source->safe_psql($db, <<'EOQ');
CREATE OR REPLACE FUNCTION public.noted(a int, name text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF a = 1 THEN
		RAISE LOG 'build of % has % %', name, current_setting('maintenance_work_mem'),
			current_setting('max_parallel_maintenance_workers');
	END IF;
	RETURN a;
END $$;
EOQ
	$source->safe_psql($db, "CREATE TABLE $name (a int, b text); ALTER TABLE $name ALTER b SET STORAGE PLAIN;"
		  . "INSERT INTO $name SELECT g, repeat('x', 7000) FROM generate_series(1, $rows) g;"
		  . join('', map { "CREATE INDEX $_ ON $name (public.noted(a, '$_'));" } @indexes));
	return;
}

# Parallel workers of the builds that builds_of() has found, by name.
my %workers;

# The job's builds and what each had: "name:40MB name:20MB", by name.
sub builds_of
{
	my ($db, %opt) = @_;
	my $offset = -s $target->logfile;
	my $name = delete $opt{name};

	new_database($target, $name);
	clone_ok($target, conninfo($source, db => $db), db => $name, name => "the clone of $name ends done", %opt);
	my %found;
	my $log = slurp_file($target->logfile, $offset);

	# ANALYZE calls it too, afterwards, and REFRESH when it builds anew
	%workers = ();
	while ($log =~ /build of (\w+) has (\w+) (\d+)\n[^\n]*CONTEXT[^\n]*\n\s*SQL statement "(?:CREATE INDEX|REFRESH)/g)
	{
		$found{$1} = $2;
		$workers{$1} = $3;
	}
	return join(' ', map { "$_:$found{$_}" } sort keys %found);
}

# How many parallel workers a build may have on so many cores.
sub workers_on
{
	my ($n) = @_;

	return $n < 1 ? 0 : $n > 3 ? 2 : $n - 1;
}

create_table('one', 't', 200, 'lone');
create_table('two', 't', 6000, 'first', 'second');
create_table('uneven', 'large', 6000, 'large_a');
create_table('uneven', "small_$_", 1, "small_${_}_a") for 1 .. 5;

is(builds_of('one', name => 'server_setting'), 'lone:40MB',
	"the last build gets all of the server's maintenance_work_mem");

$target->append_conf('postgresql.conf', "pgcopy.maintenance_work_mem = '12MB'\n");
$target->reload;
is(builds_of('one', name => 'own_setting'), 'lone:12MB', 'pgcopy.maintenance_work_mem goes before it');
is(builds_of('two', name => 'shared', index_jobs => 2), 'first:6MB second:6MB', 'two that run together share it');

# What the server allows is two, its default; a build itself is on a core, too.
chomp(my $cores = `getconf _NPROCESSORS_ONLN`);
is_deeply([ sort values %workers ], [ workers_on($cores - 1), workers_on($cores) ],
	'the last of two has parallel workers for all cores, the other one for those that are free');
is(builds_of('two', name => 'in_turn', index_jobs => 1), 'first:12MB second:12MB', 'two that run in turn have all of it');
is_deeply([ values %workers ], [ (workers_on($cores)) x 2 ], '... and all cores');

# The small ones could not use their share: the large one has more than half.
my $uneven = builds_of('uneven', name => 'uneven', table_jobs => 1, index_jobs => 4);
my ($large) = $uneven =~ /large_a:(\d+)kB/;
cmp_ok($large // 0, '>', 6 * 1024, "a large one gets what small ones cannot use ($uneven)");

$source->safe_psql('one', <<'EOQ');
CREATE MATERIALIZED VIEW seen AS SELECT a FROM t;
CREATE INDEX of_view ON seen (public.noted(a, 'of_view'));
EOQ
is(builds_of('one', name => 'late'), 'lone:12MB of_view:12MB', 'an index on a materialized view has it too');

# A small build that runs already has taken no more than it can use.
new_database($source, 'beside');
create_holds($source, 'beside');
$source->safe_psql('beside', <<'EOQ');
CREATE TABLE small (a text COLLATE "C");
CREATE TABLE large (a text COLLATE "C" CHECK (hold.here(1)));
INSERT INTO small SELECT md5(g::text) FROM generate_series(1, 100) g;
INSERT INTO large SELECT md5(g::text) FROM generate_series(1, 200000) g;
CREATE INDEX small_a ON small (a);
CREATE INDEX large_a ON large (a);
EOQ
new_database($target, 'beside');
set_test_point($target, 'beside', 'index filled');
$target->safe_psql('postgres', "ALTER DATABASE beside SET log_min_messages = debug1");
my $offset = -s $target->logfile;
my $copying = hold($target, 'beside', 1);
my $building = hold_points($target, 'beside');
my $job = clone($target, conninfo($source, db => 'beside'), db => 'beside', table_jobs => 2, index_jobs => 2);
wait_held($target, 'beside', 100, $job);
release($copying);
wait_held($target, 'beside', 100, $job, 2);
release($building);
ok(wait_for_state($target, $job, 'done', db => 'beside'), 'a clone with a small build that runs while a large one starts ends done');
my ($kb) = slurp_file($target->logfile, $offset) =~ /index "large_a" built: .* (\d+) kB of memory/;
cmp_ok($kb // 0, '>', 8 * 1024, 'the large one had what the small one could not use');
cmp_ok($kb // 0, '<=', 11 * 1024, '... and no more');

# What does not fit into a small share is built here, too, whoever compares.
new_database($source, 'little');
$source->safe_psql('little', <<'EOQ');
CREATE EXTENSION citext;
CREATE TABLE t (c citext, j jsonb, a int[], s text COLLATE "C");
INSERT INTO t SELECT md5(g::text), jsonb_build_array(g % 7777, g), array[g % 500, g], md5(g::text) FROM generate_series(1, 30000) g;
CREATE INDEX t_c ON t (c);
CREATE INDEX t_j_c ON t (j DESC, c);
CREATE UNIQUE INDEX t_a ON t (a);
CREATE INDEX t_s ON t (s);
EOQ
new_database($target, 'little');
$target->safe_psql('postgres', "ALTER DATABASE little SET log_min_messages = debug1; ALTER SYSTEM SET pgcopy.maintenance_work_mem = '1MB'");
$target->reload;
$offset = -s $target->logfile;
$job = clone_ok($target, conninfo($source, db => 'little'), db => 'little', name => 'a clone with little memory for its builds ends done');
is($target->safe_psql('little', "SELECT string_agg(concat_ws(' ', index_name, built_by, built_reason), ', ' ORDER BY index_name) FROM pgcopy_indexes WHERE job = $job AND kind = 'index'"),
	't_a fast, t_c fast, t_j_c fast, t_s fast', 'pgcopy_indexes says that it has built them all');
my %runs = slurp_file($target->logfile, $offset) =~ /index "(\w+)" built: .* (\d+) runs/g;
is(join(' ', sort grep { $runs{$_} > 1 } keys %runs), 't_a t_c t_j_c t_s', '... from runs in files');

done_testing();
