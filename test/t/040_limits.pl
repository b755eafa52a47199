# Where something is short a job gets slower, or fails before it does anything
# with an error that names the setting.  Without a free worker slot the leader
# works alone; without one for the leader pgcopy_clone fails and there is no
# job.  The number of tables is limited by no lock table of the target, and the
# time per table does not grow with it; memory does not grow with rows.  A
# source whose lock table is too small is told so.
#
# PGCOPY_TEST_TABLES (default 1000) is the number of tables of the smaller
# database, the larger has five times as many; PGCOPY_TEST_ROWS (default 2
# million) is the number of rows of the long table.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $few = $ENV{PGCOPY_TEST_TABLES} // 1000;
my $many = $few * 5;
my $rows = $ENV{PGCOPY_TEST_ROWS} // 2_000_000;

my ($source, $target) = new_pair(
	'limits',
	source_conf => "max_locks_per_transaction = 1000\n",
	target_conf => "max_worker_processes = 2\nmax_logical_replication_workers = 0\n");
new_database($source, 'small', 'few', 'many', 'long', 'lockless');
new_database($target, 'a', 'b', 'c', 'd', 'few', 'many', 'long', 'lockless');

sub limit_workers
{
	my ($slots) = @_;
	$target->append_conf('postgresql.conf', "max_worker_processes = $slots\n");
	$target->restart;
	return;
}

#
# Worker slots
#
$source->safe_psql('small', <<'EOQ');
CREATE TABLE t1 (a int PRIMARY KEY, b text);
CREATE TABLE t2 (a int PRIMARY KEY, b int REFERENCES t1);
INSERT INTO t1 SELECT g, 'b' || g FROM generate_series(1, 5000) g;
INSERT INTO t2 SELECT g, g FROM generate_series(1, 5000) g;
CREATE INDEX ON t1 (b);
EOQ
my $small = conninfo($source, db => 'small');
clone_ok($target, $small, db => 'a', table_jobs => 4, index_jobs => 4, limit => 60,
	name => 'a job goes on with one worker, asked for eight');
assert_same($source, $target, source_db => 'small', db => 'a', name => 'and one worker copies all');

# A job that waits for a lock on the source has one slot, the leader of the
# second job the other: that one gets no worker.
my $blocker = $source->background_psql('small');
$blocker->query_safe('BEGIN; LOCK TABLE t1 IN ACCESS EXCLUSIVE MODE');
my $first = clone($target, $small, db => 'b');
wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 't1'::regclass",
	db => 'small', what => 'the first job to wait for a lock');
new_database($source, 'small2');
create_holds($source, 'small2');
$source->safe_psql('small2', 'CREATE TABLE t3 (a int CHECK (hold.here(1))); INSERT INTO t3 SELECT generate_series(1, 100)');
my $hold = hold($target, 'c', 1);
my $second = clone($target, conninfo($source, db => 'small2'), db => 'c');
wait_held($target, 'c', 1, $second);
like($target->safe_psql('c', "SELECT message FROM pgcopy_progress WHERE job = $second"), qr/works alone: raise max_worker_processes/,
	'a leader that gets no worker works itself, and says which setting to raise');
is($target->safe_psql('c', "SELECT process, doing, object_name FROM pgcopy_workers WHERE job = $second"), 'leader|table|t3', 'and at what it is');
my @error = call_error($target, 'd', "CREATE EXTENSION pgcopydb_ext; SELECT pgcopy_clone(" . quote_literal($small) . ")");
is($error[0], '53400', 'when not even a leader can be had, pgcopy_clone fails');
like("@error", qr/max_worker_processes/, 'and names the setting');
is($target->safe_psql('d', 'SELECT count(*) FROM pgcopy_jobs'), '0', 'and there is no job');
release($hold);
is(wait_for_end($target, $second, db => 'c', limit => 60), 'done', 'the job ends done without any worker');
is($target->safe_psql('c', 'SELECT count(*) FROM t3'), '100', 'and is complete');
$target->safe_psql('b', "SELECT pgcopy_cancel($first)");
$blocker->query_safe('ROLLBACK');
$blocker->quit;
ok(is_quiet($source, $target, 10), 'nothing is left');

#
# Many tables, with the default max_locks_per_transaction on the target
#
limit_workers(16);
sub create_tables
{
	my ($db, $count) = @_;
	for (my $at = 0; $at < $count; $at += 1000)
	{
		my $to = $at + 999 < $count ? $at + 999 : $count - 1;
		$source->safe_psql($db, <<EOQ);
DO \$\$ BEGIN
FOR i IN $at..$to LOOP
	EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, b text)', i);
	EXECUTE format('INSERT INTO t%s SELECT g, %L || g FROM generate_series(1, 20) g', i, 'row ');
	EXECUTE format('CREATE INDEX ON t%s (b)', i);
END LOOP;
END \$\$;
EOQ
	}
	return;
}

is($target->safe_psql('postgres', 'SHOW max_locks_per_transaction'), '64', 'the target has the default of max_locks_per_transaction');
my %seconds;
my %largest;
foreach my $db ('few', 'many')
{
	my $count = $db eq 'few' ? $few : $many;
	create_tables($db, $count);
	my $job = clone_ok($target, conninfo($source, db => $db), db => $db, limit => 60 + $count * 0.05, name => "$count tables are cloned");
	$seconds{$db} = $target->safe_psql($db, "SELECT extract(epoch FROM elapsed) FROM pgcopy_jobs WHERE job = $job");
	is($target->safe_psql($db, "SELECT tables_done, errors FROM pgcopy_jobs WHERE job = $job"), "$count|0", "$count tables are done");
	is( $target->safe_psql($db, "SELECT count(*), (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relname ~ '^t[0-9]+\$') FROM pg_class WHERE relname ~ '^t[0-9]+\$' AND relkind = 'r' AND reltuples = 20"),
		"$count|" . 2 * $count, "$count tables have their rows, statistics and indexes");
	diag(sprintf "%d tables took %.1f s: %.2f ms a table", $count, $seconds{$db}, $seconds{$db} * 1000 / $count);
}
my $ratio = ($seconds{many} / $many) / ($seconds{few} / $few);
diag(sprintf "time per table, %d to %d tables: ratio %.2f", $many, $few, $ratio);
cmp_ok($ratio, '<=', 1.3, 'the time per table does not grow with the number of tables');

#
# Many narrow rows: memory does not grow with them
#
$source->safe_psql('long', "CREATE TABLE long (a int, b int); INSERT INTO long SELECT g, g FROM generate_series(1, $rows) g");
my $job = clone($target, conninfo($source, db => 'long'), db => 'long', table_jobs => 2, split_tables_larger_than => '50MB');
my $end = time() + 60 + $rows / 50_000;
my ($state, $samples) = ('', 0);
my $looker = $target->background_psql('long');
do
{
	foreach my $pid (split /\n/, $looker->query_safe("SELECT pid FROM pgcopy_workers WHERE job = $job AND doing IS DISTINCT FROM 'index'"))
	{
		my ($kb) = slurp_proc($pid, 'status') =~ /^RssAnon:\s+(\d+) kB/m or next;
		$samples++;
		$largest{$pid} = $kb if $kb > ($largest{$pid} // 0);
	}
	$state = $looker->query_safe("SELECT state FROM pgcopy_progress WHERE job = $job");
	sleep(0.02);
} while ($state !~ /^(done|failed|cancelled|interrupted)$/ && time() < $end);
$looker->quit;
is($state, 'done', "$rows rows are cloned");
cmp_ok($samples, '>', 3, 'the memory of workers was looked at');
is(join(', ', map { "$_: $largest{$_} kB" } grep { $largest{$_} > 100 * 1024 } sort keys %largest),
	'', 'no process of ours has 100 MB of its own');
is($target->safe_psql('long', 'SELECT count(*), sum(a::bigint) FROM long'), "$rows|" . $rows * ($rows + 1) / 2, 'all rows are there');

#
# A source whose lock table is too small is told so
#
$source->stop;
$source->append_conf('postgresql.conf', "max_locks_per_transaction = 10\nmax_connections = 20\nmax_prepared_transactions = 0\nautovacuum = off\n");
$source->start;
$target->safe_psql('lockless', 'CREATE EXTENSION pgcopydb_ext');
my $lock_job = clone($target, conninfo($source, db => 'many'), db => 'lockless');
is(wait_for_end($target, $lock_job, db => 'lockless', limit => 60), 'failed', 'a source with too small a lock table fails the job');
like( $target->safe_psql('lockless', "SELECT message || ' ' || coalesce(hint, '') FROM pgcopy_errors WHERE job = $lock_job"),
	qr/max_locks_per_transaction/, 'and the error names the setting');

$source->stop;
$target->stop;
done_testing();
