# A load that fails leaves frozen rows, which are visible although their
# transaction has aborted; the next attempt removes them.  In the end each row
# is there once, every page is frozen, and TOAST has each piece once: beside
# readers who hold a page, on a standby too, when the commit log has long been
# truncated, after a crash between the map and the page, and for a load that is
# given up.  Rows of others in the same table stay.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('failed',
	target_init => [ allows_streaming => 1 ],
	target_conf => "wal_consistency_checking = 'all'\nmax_wal_size = 2GB\nsynchronize_seqscans = off\n");
my @databases = qw(pinned others forgotten torn given_up);

# The first chunk of four has a held row, far behind others.
new_database($source, 'app');
create_holds($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE pieces (a int CHECK (CASE WHEN a <> 2500 THEN true ELSE hold.here(a / a) END), b text, c text);
ALTER TABLE pieces ALTER b SET STORAGE PLAIN, ALTER c SET STORAGE EXTERNAL;
INSERT INTO pieces SELECT g, repeat(md5(g::text), 30), CASE WHEN g % 10 = 0 THEN repeat(md5(g::text), 100) END
FROM generate_series(1, 12000) g;
CREATE INDEX ON pieces (a);
EOQ
my $quarter = $source->safe_psql('app', "SELECT pg_table_size('pieces') / 4 + 8192");
my $sum = 'SELECT count(*), sum(hashtextextended(pieces::text, 0)::numeric) FROM pieces';
my $pieces = "SELECT format('SELECT count(*) FROM %s', reltoastrelid::regclass) FROM pg_class WHERE relname = 'pieces' \\gexec";
my $expected = $source->safe_psql('app', $sum);

new_database($target, @databases);
foreach my $db (@databases)
{
	$target->safe_psql($db, $_) for 'CREATE SCHEMA look', 'CREATE EXTENSION pg_visibility SCHEMA look';
}
$target->backup('before');
my $standby = PostgreSQL::Test::Cluster->new('failed_standby');
$standby->init_from_backup($target, 'before', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\n");
$standby->start;

sub catch_up
{
	my ($what) = @_;

	my $lsn = $target->lsn('insert');
	ok(wait_until($standby, "SELECT pg_last_wal_replay_lsn() >= '$lsn'", what => $what, limit => 60), $what);
	return;
}

# Begin a clone in four chunks, one at a time, of which one stands at the hold.
sub start_held
{
	my ($db) = @_;
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => 'app'), db => $db, table_jobs => 1, split_tables_larger_than => $quarter);

	wait_held($target, $db, 1, $job);
	return ($job, $hold);
}

# Terminate the worker at the hold, and wait until the second attempt is there.
sub fail_once
{
	my ($db, $job) = @_;
	my $pid = $target->safe_psql($db, <<'EOQ');
SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
WHERE l.locktype = 'advisory' AND NOT l.granted AND a.backend_type ILIKE '%pgcopy%' AND a.datname = current_database()
EOQ

	$target->safe_psql($db, "SELECT pg_terminate_backend($pid)");
	return wait_until($target, "SELECT count(*) = 1 FROM pgcopy.item WHERE job = $job AND attempts = 2 AND state = 'running' AND pid <> $pid",
		db => $db, job => $job, what => 'the second attempt', limit => 60)
	  && wait_until($target, held_sql(1), db => $db, job => $job, what => 'that it has come to the hold', limit => 60);
}

# A reader in the middle of a page of the first chunk.
sub start_reading
{
	my ($node, $db) = @_;
	my $session = $node->background_psql($db);

	$session->query_safe('BEGIN');
	$session->query_safe('DECLARE reader CURSOR FOR SELECT a, left(b, 32) = md5(a::text), length(b) FROM pieces WHERE a < 6');
	is($session->query_safe('FETCH 1 FROM reader'), '1|t|960', $node->name . ': a row of a load that will fail is read');
	return $session;
}

sub goes_on_reading
{
	my ($node, $session) = @_;

	is($session->query_safe('FETCH 4 FROM reader'), join("\n", map { "$_|t|960" } 2 .. 5),
		$node->name . ': the page is read to its end');
	$session->query_safe('FETCH ALL FROM reader');
	pass($node->name . ': and so is the table');
	$session->quit;
	return;
}

sub ends_complete
{
	my ($db, $job) = @_;

	is(wait_for_end($target, $job, db => $db), 'done', "$db: the clone ends done");
	is($target->safe_psql($db, "SELECT count(*) FROM pgcopy.item WHERE dirty_from IS NOT NULL"), '0', "$db: no item has anything to take back");
	is($target->safe_psql($db, $pieces), $source->safe_psql('app', $pieces), "$db: TOAST has every piece once");
	return;
}

#
# Readers with a pin
#
my ($job, $hold) = start_held('pinned');
cmp_ok($target->safe_psql('pinned', 'SELECT count(*) FROM pieces'), '>', 500, 'rows of loads that have not committed are there');
is($target->safe_psql('pinned', "SELECT count(*) FROM pgcopy.item WHERE job = $job AND state = 'running' AND dirty_from IS NOT NULL"),
	'1', 'a load says from which transaction on it may leave rows');
catch_up('the standby has these rows');
my @reader = map { start_reading($_, 'pinned') } $target, $standby;
ok(fail_once('pinned', $job), 'the second attempt does not wait for a reader');
catch_up('nor does the standby');
my $map = <<'EOQ';
SELECT count(*) FILTER (WHERE all_visible AND NOT pd_all_visible), count(*) FILTER (WHERE NOT pd_all_visible) > 100
FROM look.pg_visibility('pieces')
EOQ
is($_->safe_psql('pinned', $map), '0|t', $_->name . ': pages with dead rows are not all-visible, and the map does not say so') for $target, $standby;
goes_on_reading(@$_) for [ $target, $reader[0] ], [ $standby, $reader[1] ];
release($hold);
ends_complete('pinned', $job);
is($target->safe_psql('pinned', $sum), $expected, 'each row is there once');
my $frozen = <<'EOQ';
SELECT (SELECT count(*) FILTER (WHERE NOT all_frozen) FROM look.pg_visibility_map(t.oid)),
	(SELECT count(*) FROM look.pg_check_frozen(t.oid)), (SELECT count(*) FROM look.pg_check_visible(t.oid))
FROM pg_class c JOIN pg_class t ON t.oid IN (c.oid, c.reltoastrelid) WHERE c.relname = 'pieces' ORDER BY t.relkind
EOQ
is($target->safe_psql('pinned', $frozen), "0|0|0\n0|0|0", 'every page is frozen, in TOAST too');
catch_up('the standby has it all');
is($standby->safe_psql('pinned', "SET enable_indexscan = off; SET enable_indexonlyscan = off; $sum"), $expected, 'the standby has each row once');
is($standby->safe_psql('pinned', 'SELECT count(*) FROM pieces WHERE a > 0'), '12000', 'also by its index');
is($standby->safe_psql('pinned', $frozen), "0|0|0\n0|0|0", 'and its maps tell the truth');

#
# Rows of others
#
($job, $hold) = start_held('others');
$target->safe_psql('others', $_) for "INSERT INTO pieces VALUES (-1, 'mine')", 'VACUUM (FREEZE) pieces';
ok(fail_once('others', $job), 'a load fails beside a row of somebody else, which is frozen');
is($target->safe_psql('others', 'SELECT b FROM pieces WHERE a = -1'), 'mine', 'that row stays');
release($hold);
ends_complete('others', $job);
is($target->safe_psql('others', 'DELETE FROM pieces WHERE a = -1 RETURNING b'), 'mine', 'to the end');
is($target->safe_psql('others', $sum), $expected, 'all others are there once');
$standby->stop;

#
# A commit log that has forgotten: the last chunk fails, the snapshot is kept
#
$source->safe_psql('app', <<'EOQ');
ALTER TABLE pieces DROP CONSTRAINT pieces_a_check, ADD CHECK (CASE WHEN a <> 11900 THEN true ELSE hold.here(a / a) END);
EOQ
($job, $hold) = start_held('forgotten');
wait_until($target, 'SELECT chunks_done = 3 FROM pgcopy_tables', db => 'forgotten', job => $job, what => 'the other chunks');
my $holder = $source->background_psql('app');
my $name = $target->safe_psql('forgotten', "SELECT name FROM pgcopy.snapshot WHERE job = $job");
$holder->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$name'");
my $kept = $holder->query_safe('SELECT pg_export_snapshot()');
$target->safe_psql('forgotten', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'forgotten'), 'cancelled', 'a job is cancelled in its last chunk');
release($hold);
cmp_ok($target->safe_psql('forgotten', 'SELECT count(*) FROM pieces'), '>', 11000, 'and has left rows');
$target->safe_psql('forgotten', "UPDATE pgcopy.snapshot SET name = '$kept' WHERE job = $job");

my $segment = int($target->safe_psql('postgres', 'SELECT pg_current_xact_id()') / 2**20) + 5;
$target->stop;
my $commit_log = $target->data_dir . '/pg_xact';
open my $file, '>', sprintf('%s/%04X', $commit_log, $segment) or die "could not write: $!";
print $file "\0" x (32 * 8192);
close $file;
command_ok([ 'pg_resetwal', '-x', $segment * 2**20, $target->data_dir ], 'five million transactions go by');
$target->start;
$target->safe_psql('postgres', "UPDATE pg_database SET datallowconn = true WHERE datname = 'template0'");
command_ok([ 'vacuumdb', '--all', '--freeze', '--quiet', '--host', $target->host, '--port', $target->port ], 'VACUUM freezes everything');
ok(!-e "$commit_log/0000", 'the server forgets the first ones');
$target->safe_psql('forgotten', "SELECT pgcopy_resume($job)");
ends_complete('forgotten', $job);
is($target->safe_psql('forgotten', $sum), $expected, 'each row is there once, although nobody knows how its load ended');
is($target->safe_psql('forgotten', "SELECT max(attempts) FROM pgcopy.item WHERE job = $job AND kind = 'table'"), '2', 'a chunk was read again');
is($target->safe_psql('forgotten', $frozen), "0|0|0\n0|0|0", 'every page is frozen, in TOAST too');
$holder->quit;

#
# Torn between the map and the pages; then the leader goes on alone
#
$target->safe_psql('postgres', "ALTER DATABASE torn SET pgcopy.test_point = 'taking back map cleared'; ALTER DATABASE torn SET pgcopy.test_hit = 3");
my $point = hold($target, 'torn', 100);
($job, $hold) = start_held('torn');
wait_until($target, 'SELECT chunks_done = 3 FROM pgcopy_tables', db => 'torn', job => $job, what => 'the other chunks');
$holder = $source->background_psql('app');
$name = $target->safe_psql('torn', "SELECT name FROM pgcopy.snapshot WHERE job = $job");
$holder->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$name'");
$kept = $holder->query_safe('SELECT pg_export_snapshot()');
my $pid = $target->safe_psql('torn', "SELECT pid FROM pgcopy.item WHERE job = $job AND state = 'running'");
$target->safe_psql('torn', "SELECT pg_terminate_backend($pid)");
ok(wait_held($target, 'torn', 100, $job), 'the second attempt is amid taking rows back');
$target->safe_psql('torn', 'CHECKPOINT');
$target->stop('immediate');
$target->append_conf('postgresql.conf', "max_worker_processes = 1\nmax_logical_replication_workers = 0\nmax_parallel_workers = 0\n");
$target->start;
is($target->safe_psql('torn', "SELECT count(*) FILTER (WHERE all_visible AND NOT pd_all_visible), count(*) FILTER (WHERE NOT pd_all_visible) > 32, count(*) FILTER (WHERE pd_all_visible AND NOT all_visible) FROM look.pg_visibility('pieces')"),
	'0|t|32', 'the server crashes there: of 32 pages only the map was changed');
$target->safe_psql('torn', "UPDATE pgcopy.snapshot SET name = '$kept' WHERE job = $job; ALTER DATABASE torn RESET ALL");
$target->safe_psql('torn', "SELECT pgcopy_resume($job)");
ends_complete('torn', $job);
is($target->safe_psql('torn', $sum), $expected, 'each row is there once');
is($target->safe_psql('torn', "SELECT count(DISTINCT pid) FROM pgcopy.item WHERE job = $job AND (kind <> 'table' OR attempts > 1) AND stage = 1"), '1', 'the leader has done what was left');
is($target->safe_psql('torn', $frozen), "0|0|0\n0|0|0", 'every page is frozen, in TOAST too');
$holder->quit;

#
# Given up: nothing is left in TOAST either, where no row came as far as the heap
#
new_database($source, 'bad');
$source->safe_psql('bad', <<'EOQ');
CREATE FUNCTION is_fine(a int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF a > 600 AND a % 50 = 0 AND current_setting('test.is_target', true) = 'yes' THEN RAISE EXCEPTION 'number % is not fine', a USING ERRCODE = 'DA000'; END IF;
	RETURN true;
END $$;
CREATE TABLE pieces (a int CHECK (is_fine(a)), b text, c text);
ALTER TABLE pieces ALTER b SET STORAGE PLAIN, ALTER c SET STORAGE EXTERNAL;
INSERT INTO pieces SELECT g, repeat(md5(g::text), 30), CASE WHEN g > 600 AND g % 50 BETWEEN 30 AND 40 THEN repeat(md5(g::text), 1000) END
FROM generate_series(1, 4000) g;
EOQ
$target->safe_psql('postgres', "ALTER DATABASE given_up SET test.is_target = 'yes'");
$job = clone($target, conninfo($source, db => 'bad'), db => 'given_up', split_tables_larger_than => '4MB', on_error => 'continue');
is(wait_for_end($target, $job, db => 'given_up'), 'done', 'given up: the clone ends done');
is($target->safe_psql('given_up', "SELECT count(*) FILTER (WHERE state = 'failed') > 0, count(*) FILTER (WHERE state = 'done') > 0 FROM pgcopy.item WHERE job = $job AND kind = 'table'"),
	't|t', 'given up: chunks have failed, not all of them');
is($target->safe_psql('given_up', $frozen), "0|0|0\n0|0|0", 'given up: every page is frozen, in TOAST too');

done_testing();
