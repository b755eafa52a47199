# A source under load that rolls back many savepoints cannot export a snapshot with its
# slot.  It is followed all the same: tables are locked for a moment, all that can be, and
# read under snapshots of several moments.  Nothing is missing and nothing there twice,
# although a table is in use for long, and others all the time; and although the job is
# stopped between two of these snapshots.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyTraffic;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $HOT = 6;
my ($source, $target) = new_pair(
	'savepoints',
	source_conf => <<'EOC',
wal_level = logical
max_connections = 30
max_prepared_transactions = 0
max_worker_processes = 1
autovacuum_max_workers = 1
max_wal_senders = 4
max_replication_slots = 4
log_statement = none
EOC
	target_conf => "max_replication_slots = 10\nwal_retrieve_retry_interval = '200ms'\n");

$source->safe_psql('postgres', 'CREATE DATABASE app');
$source->safe_psql('app', <<EOQ);
CREATE SEQUENCE ids START 100000;
DO \$\$ BEGIN FOR i IN 1 .. $HOT LOOP
	EXECUTE format('CREATE TABLE hot_%s (id int PRIMARY KEY, n int DEFAULT 0)', i);
	EXECUTE format('INSERT INTO hot_%s SELECT generate_series(1, 500)', i);
END LOOP; END \$\$;
CREATE TABLE child (id int PRIMARY KEY REFERENCES hot_1, n int);
CREATE TABLE stuck (id int PRIMARY KEY, what text);
INSERT INTO stuck SELECT g, 'row ' || g FROM generate_series(1, 500) g;
CREATE TABLE cold (id int PRIMARY KEY, what text);
INSERT INTO cold SELECT g, md5(g::text) FROM generate_series(1, 20000) g;
CREATE TABLE tree (id int PRIMARY KEY, n int) PARTITION BY HASH (id);
CREATE TABLE tree_0 PARTITION OF tree FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES WITH (MODULUS 2, REMAINDER 1);
EOQ

# Two of the tables, in any order; in transactions of all lengths, so that savepoints of
# short ones are rolled back, and later ones commit, while older ones go on.
my $rolled_back = 'SAVEPOINT s\; UPDATE hot_:b SET n = n + 1000 WHERE id = :k\; ROLLBACK TO s\; ' x 30;
my $traffic = PgCopyTraffic->new($source, $target, 'app', clients => 8, script => <<"EOS");
\\set a random(1, $HOT)
\\set b random(1, $HOT)
\\set k random(1, 500)
\\set pause random(1, 10) * random(1, 10) * 3
BEGIN;
UPDATE hot_:a SET n = n + 1 WHERE id = :k;
$rolled_back
\\sleep :pause ms
$rolled_back UPDATE hot_:b SET n = n + 1 WHERE id = :k;
SELECT nextval('ids') AS id \\gset
INSERT INTO hot_1 VALUES (:id);
INSERT INTO child VALUES (:id, :k);
INSERT INTO tree VALUES (:id, :k);
UPDATE tree SET n = n + 1 WHERE id = :id - 10;
DELETE FROM child WHERE id = :id - 20;
END;
EOS
$traffic->start('script');
wait_until($source, 'SELECT last_value > 100050 FROM ids', db => 'app', what => 'writers to write');

# It writes, but has no number yet: a slot does not wait for it.
my $user = $source->background_psql('app');
$user->query_safe('BEGIN; LOCK TABLE stuck IN ROW EXCLUSIVE MODE');

sub job { return $target->safe_psql('app', "SELECT $_[0]"); }

# Wait until another snapshot is due, and cannot be had.
sub await_lock
{
	my ($job, $what) = @_;
	return ok(wait_until($target, "SELECT message ~ 'waiting for a SHARE lock' FROM pgcopy_progress WHERE job = $job", db => 'app', job => $job, what => 'it to wait'), $what);
}

# Three exports in a row must fail; now and then one meets writers that have just begun.
my ($began, $job);
for (1 .. 6)
{
	$target->safe_psql('postgres', 'CREATE DATABASE app');
	$target->safe_psql('app', 'CREATE EXTENSION pgcopydb_ext');
	$began = time();
	$job = clone($target, conninfo($source, db => 'app'), db => 'app', follow => 'true', table_jobs => 2);
	wait_until($target, "SELECT count(*) > 0 FROM pgcopy.snapshot WHERE job = $job", db => 'app', job => $job);
	last if job("count(*) FROM pgcopy.snapshot WHERE job = $job AND exact IS NULL") eq '0';
	note('the source could export');
	$target->safe_psql('app', "SELECT pgcopy_cancel($job)");
	wait_for_end($target, $job, db => 'app');
	$target->safe_psql('app', "SELECT pgcopy_drop($job)");
	$target->safe_psql('postgres', 'DROP DATABASE app WITH (FORCE)');
}
await_lock($job, 'what can be locked is copied, and then the table in use is waited for');
note(sprintf 'after %.1f s; snapshots: %s', time() - $began,
	job("string_agg(cardinality(exact)::text, ' ' ORDER BY no) FROM pgcopy.snapshot WHERE job = $job"));
is(job("count(*) FILTER (WHERE exact IS NULL) || ' ' || (count(*) > 0) FROM pgcopy.snapshot WHERE job = $job"), '0 true', 'the source could not export: all snapshots are by lock');
# Those in use all the time are had one by one, in the pauses of those who use them.
my $missing = "(SELECT string_agg(DISTINCT r.table_name, ' ') FROM pgcopy.item i JOIN pgcopy.relation r ON r.job = i.job AND r.no = i.relation WHERE i.job = $job AND i.kind = 'table' AND i.state <> 'done')";
wait_until($target, "SELECT $missing = 'stuck'", db => 'app', job => $job, what => 'all others to be copied');
is(job($missing), 'stuck', 'all others are here');
is($source->safe_psql('app', "SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND mode = 'ShareLock' AND granted"), '0', 'nobody is kept from writing meanwhile');
is(job("count(*) FROM pgcopy.item i JOIN pgcopy.snapshot s ON s.job = i.job AND s.no = i.snapshot JOIN pgcopy.relation r ON r.job = i.job AND r.no = i.relation WHERE i.kind = 'table' AND i.state = 'done' AND NOT r.source_oid = ANY (s.exact)"),
	'0', 'no table was read under a snapshot that has no position for it');

# Stop it here.
$target->safe_psql('app', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'app'), 'cancelled', 'it can be cancelled there');
$target->safe_psql('app', "SELECT pgcopy_resume($job)");
await_lock($job, 'resumed, it waits again');
$user->query_safe(q{INSERT INTO stuck VALUES (501, 'late'); UPDATE stuck SET what = 'changed' WHERE id < 10; DELETE FROM stuck WHERE id = 100});
$user->query_safe('COMMIT');
$user->query_safe(q{UPDATE stuck SET what = what || ' again' WHERE id < 5 OR id = 501});
$user->quit;
ok(wait_for_state($target, $job, 'following', db => 'app'), 'it follows once that has committed');
note(sprintf 'after %.1f s; snapshots: %s', time() - $began,
	job("string_agg(coalesce(cardinality(exact)::text, 'all'), ' ' ORDER BY no) FROM pgcopy.snapshot WHERE job = $job"));
$source->safe_psql('app', q{UPDATE stuck SET what = 'followed' WHERE id = 7});
$traffic->stop;
ok(catch_up($source, $target, 'app', job => $job), 'the target catches up');
is(contents_differ($source, $target, 'app'), '', 'nothing is missing or there twice');
is(job('count(*) FROM pg_constraint WHERE NOT convalidated'), '0', 'foreign keys between tables of two moments are valid');

my %cutover = cutover($target, $job, db => 'app');
is($cutover{state}, 'done', 'it can be cut over') or diag(explain(\%cutover));
is(contents_differ($source, $target, 'app'), '', 'and nothing is missing then');

done_testing();
