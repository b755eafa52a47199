# A job that has stopped, by whatever, goes on where it stopped: no row is
# missing or there twice, and what is done is not touched.  As long as the
# snapshot lives nobody is asked anything.  When it is gone and some tables have
# been read, the job does not mix two moments of the source without being told
# to: it asks, and both answers work.  A source that has changed is found out,
# and the change named.  After a crash with the library preloaded, jobs that
# need no answer go on by themselves.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my ($source, $target) = new_pair('resume');

# Four tables that are copied one after the other, the third of which is held.
sub fill_app
{
	my ($db) = @_;
	new_database($source, $db);
	create_holds($source, $db, pre_data => 1);
	$source->safe_psql($db, <<'EOQ');
CREATE TABLE first (a int PRIMARY KEY, b text);
INSERT INTO first SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, 12000) g;
CREATE INDEX first_b ON first (left(b, 8));
CREATE UNLOGGED TABLE second (a int UNIQUE, b text);
INSERT INTO second SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, 8000) g;
CREATE INDEX second_b ON second (b);
CREATE TABLE held (a int CHECK (hold.here(1)), b text);
INSERT INTO held SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, 6000) g;
CREATE TABLE last (a int REFERENCES first, b text);
INSERT INTO last SELECT g, 'last' FROM generate_series(1, 100) g;
CREATE SEQUENCE s; SELECT setval('s', 4711);
SELECT lo_from_bytea(990001, 'large');
EOQ
	return;
}

# Clone APP into a new database and stop the job by CODE while two tables are
# there and the third is on its way.  Returns the job.
sub stop_in_copy
{
	my ($app, $db, $code) = @_;
	new_database($target, $db);
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => $app), db => $db, table_jobs => 1, index_jobs => 1);
	wait_held($target, $db, 1, $job);
	wait_until($target, "SELECT count(*) = 2 FROM pgcopy_tables WHERE state = 'copied' AND table_name IN ('first', 'second')",
		db => $db, job => $job, what => 'two tables to be there');
	wait_until($target, "SELECT count(*) >= 4 FROM pgcopy_indexes WHERE state = 'done'",
		db => $db, job => $job, what => 'their indexes to be there');
	$code->($job, $hold);
	return $job;
}

sub cancel_it
{
	my ($db) = @_;
	return sub {
		my ($job, $hold) = @_;
		$target->safe_psql($db, "SELECT pgcopy_cancel($job)");
		is(wait_for_end($target, $job, db => $db, limit => 10), 'cancelled', "$db: the job is cancelled");
		release($hold);
	};
}

sub resume
{
	my ($db, $job, $more) = @_;
	return $target->safe_psql($db, "SELECT pgcopy_resume($job" . ($more // '') . ')');
}

# The resumed job ends done, and what it says of itself is right.
sub ends_done
{
	my ($db, $job, $name) = @_;
	ok(wait_for_state($target, $job, 'done', db => $db), "$name: the job ends done");
	is( $target->safe_psql($db, "SELECT percent, tables_done = tables_total, indexes_done = indexes_total, errors FROM pgcopy_jobs WHERE job = $job"),
		'100|t|t|0', "$name: everything is counted as done");
	is($target->safe_psql($db, "SELECT count(*) FROM pgcopy.item WHERE job = $job AND state <> 'done'"), '0', "$name: every item is done");
	ok(is_quiet($source, $target, 10), "$name: no process and no session is left");
	return;
}

sub marked
{
	my ($db) = @_;
	return $target->safe_psql($db, 'SELECT count(*) FROM first WHERE a = -1');
}

my $marker = "INSERT INTO first VALUES (-1, 'a marker')";

#
# The snapshot is gone: the user has to say
#
fill_app('app');
my $job = stop_in_copy('app', 'mixed', cancel_it('mixed'));
like($target->safe_psql('mixed', "SELECT message FROM pgcopy_progress WHERE job = $job"),
	qr/SELECT pgcopy_resume\($job\)/, 'the progress says what to type');
$target->safe_psql('mixed', $marker);
my ($code, $message, $detail, $hint) = call_error($target, 'mixed', "SELECT pgcopy_resume($job)");
is($code, '55000', 'resume does not mix snapshots without being asked');
like($message, qr/2 of 4 tables were read under a snapshot that is gone/, 'it counts the tables');
like($hint, qr/pgcopy_resume\($job, consistent => false\).*pgcopy_resume\($job, consistent => true\)/, 'it names both ways out');
is(job_state($target, $job, db => 'mixed'), 'cancelled', 'the job is what it was');

$source->safe_psql('app', "INSERT INTO last VALUES (200, 'later')");
is(resume('mixed', $job, ', consistent => false'), $job, 'it is the same job');
ends_done('mixed', $job, 'consistent => false');
is(marked('mixed'), '1', 'a finished table is not touched');
is($target->safe_psql('mixed', "SELECT count(*) FROM last WHERE a = 200"), '1', 'the rest is read under a new snapshot');
$target->safe_psql('mixed', 'DELETE FROM first WHERE a = -1');
assert_same($source, $target, source_db => 'app', db => 'mixed', name => 'consistent => false: both sides are equal');
is($target->safe_psql('mixed', "SELECT conninfo IS NULL FROM pgcopy.job WHERE id = $job"), 't', 'the connection string is wiped in the end');
($code) = call_error($target, 'mixed', "SELECT pgcopy_resume($job)");
is($code, '55000', 'a job that is done cannot be resumed');
($code) = call_error($target, 'mixed', 'SELECT pgcopy_resume(4711)');
is($code, '42704', 'a job that is not there cannot be resumed');
($code) = call_error($target, 'mixed', 'SELECT pgcopy_resume(NULL)');
is($code, '22004', 'nor can NULL');

$job = stop_in_copy('app', 'again', cancel_it('again'));
$target->safe_psql('again', $marker);
$source->safe_psql('app', "UPDATE first SET b = 'changed' WHERE a = 1");
resume('again', $job, ', consistent => true');
ends_done('again', $job, 'consistent => true');
is(marked('again'), '0', 'a finished table is read again');
assert_same($source, $target, source_db => 'app', db => 'again', name => 'consistent => true: both sides are equal');
assert_frozen($target, db => 'again');

#
# An index of the name of one of ours, on a table of somebody else's
#
$job = stop_in_copy('app', 'theirs', cancel_it('theirs'));
$target->safe_psql('theirs', 'DROP INDEX second_b; CREATE TABLE theirs (a int); CREATE INDEX second_b ON theirs (a)');
resume('theirs', $job, ', consistent => true');
is(wait_for_end($target, $job, db => 'theirs'), 'failed', "somebody else's index has the name of one of ours");
is($target->safe_psql('theirs', "SELECT sqlstate FROM pgcopy_errors WHERE job = $job AND is_final"), '42P07', 'that is said');
is($target->safe_psql('theirs', "SELECT indrelid::regclass FROM pg_index WHERE indexrelid = 'second_b'::regclass"),
	'theirs', 'it is not dropped');
$target->safe_psql('theirs', 'DROP TABLE theirs');
resume('theirs', $job, ', consistent => true');
ends_done('theirs', $job, "without somebody else's index");
assert_same($source, $target, source_db => 'app', db => 'theirs', name => "without somebody else's index: both sides are equal");

#
# Somebody drops what is to be undone, and the leader waits for it
#
foreach my $drop ('DROP INDEX first_b', 'ALTER TABLE first DROP CONSTRAINT first_pkey', 'DROP TABLE first')
{
	my $db = lc($drop =~ s/\W+/_/gr);
	$job = stop_in_copy('app', $db, cancel_it($db));
	my $other = $target->background_psql($db);
	$other->query_safe("BEGIN; $drop");
	resume($db, $job, ', consistent => true');
	wait_until($target, "SELECT count(*) > 0 FROM pg_locks JOIN pgcopy_jobs ON pid = leader_pid WHERE job = $job AND locktype = 'relation' AND NOT granted",
		db => $db, job => $job, what => 'the leader to wait');
	$other->query_safe('COMMIT');
	$other->quit;
	if ($drop =~ /^DROP TABLE/)
	{
		is(wait_for_end($target, $job, db => $db), 'failed', "$drop: the job fails");
		is($target->safe_psql($db, "SELECT sqlstate, message FROM pgcopy_errors WHERE job = $job AND is_final"), '42P01|table "public.first" has been dropped', "$drop: that is said");
		next;
	}
	ends_done($db, $job, $drop);
	assert_same($source, $target, source_db => 'app', db => $db, name => "$drop: both sides are equal");
}

#
# What was built on tables after the copying, when they are read again
#
my %built_with = (
	built => 'CREATE VIEW view AS SELECT a FROM referenced',
	viewed => 'CREATE VIEW view AS SELECT a, b FROM referenced GROUP BY a');
my %job_of;
foreach my $db (sort keys %built_with)
{
	new_database($source, $db);
	$source->safe_psql($db, <<"EOQ");
CREATE TABLE referenced (a int PRIMARY KEY, b int);
INSERT INTO referenced SELECT g, g FROM generate_series(1, 100) g;
CREATE INDEX referenced_b ON referenced (b);
CREATE TABLE parts (a int REFERENCES referenced, b int, PRIMARY KEY (b, a)) PARTITION BY RANGE (b);
CREATE TABLE middle PARTITION OF parts FOR VALUES FROM (0) TO (50) PARTITION BY LIST (a);
CREATE TABLE leaf PARTITION OF middle DEFAULT;
CREATE TABLE other PARTITION OF parts DEFAULT;
CREATE INDEX parts_a ON parts (a);
INSERT INTO parts SELECT a, b FROM referenced;
ALTER TABLE other REPLICA IDENTITY USING INDEX other_pkey;
CREATE TABLE child (b int, a int, FOREIGN KEY (b, a) REFERENCES parts, FOREIGN KEY (b, a) REFERENCES other);
INSERT INTO child SELECT b, a FROM other;
ALTER TABLE referenced ADD CONSTRAINT large CHECK (b > 1) NOT VALID;
CREATE STATISTICS referenced_s ON a, b FROM referenced;
COMMENT ON STATISTICS referenced_s IS 'statistics';
CREATE DOMAIN number AS int;
CREATE TABLE numbers (a number);
INSERT INTO numbers VALUES (-1);
ALTER DOMAIN number ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID;
COMMENT ON CONSTRAINT positive ON DOMAIN number IS 'a condition';
ALTER TABLE numbers ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_them ON numbers USING (true);
COMMENT ON CONSTRAINT referenced_pkey ON referenced IS 'a key';
COMMENT ON INDEX referenced_b IS 'an index';
COMMENT ON INDEX parts_a IS 'of parts';
CREATE UNLOGGED TABLE lost AS SELECT 1 AS a;
CREATE INDEX lost_a ON lost (a);
COMMENT ON INDEX lost_a IS 'lost too';
CREATE MATERIALIZED VIEW quotient AS SELECT a / coalesce(nullif(current_setting('test.divisor', true), '')::int, 1) AS a FROM referenced;
CREATE UNIQUE INDEX ON quotient (a);
$built_with{$db};
EOQ
	new_database($target, $db);
	$target->safe_psql('postgres', "ALTER DATABASE $db SET test.divisor = 0");
	$job_of{$db} = clone($target, conninfo($source, db => $db), db => $db);
	is(wait_for_end($target, $job_of{$db}, db => $db), 'failed', "$db: a materialized view cannot be refreshed");
	$target->safe_psql('postgres', "ALTER DATABASE $db RESET test.divisor");
}
$target->stop('immediate');
$target->start;
($code, $message) = call_error($target, 'built', "SELECT pgcopy_resume($job_of{built})");
like($message, qr/5 of 6 tables were read under a snapshot that is gone/, 'after a crash an unlogged table is to be read again');
resume('built', $job_of{built}, ', consistent => true');
ends_done('built', $job_of{built}, 'foreign key and indexes of a partitioned table');
assert_same($source, $target, source_db => 'built', db => 'built', name => 'foreign key and indexes of a partitioned table: both sides are equal');

$job = $job_of{viewed};
resume('viewed', $job, ', consistent => true');
is(wait_for_end($target, $job, db => 'viewed'), 'failed', 'a view that needs the primary key stands in the way');
is($target->safe_psql('viewed', "SELECT sqlstate FROM pgcopy_errors WHERE job = $job AND is_final"), '2BP01', 'that is said');
like($target->safe_psql('viewed', "SELECT hint FROM pgcopy_errors WHERE job = $job AND is_final"),
	qr/SELECT pgcopy_drop\($job\) and clone again/, 'with what to do');
resume('viewed', $job, ', consistent => false');
ends_done('viewed', $job, 'the other way out');
assert_same($source, $target, source_db => 'viewed', db => 'viewed', name => 'the other way out: both sides are equal');

#
# Before any table was read a new snapshot is as good
#
new_database($target, 'early');
my $hold = hold($target, 'early', 3);
$job = clone($target, conninfo($source, db => 'app'), db => 'early');
wait_held($target, 'early', 3, $job);
($code) = call_error($target, 'early', "SELECT pgcopy_resume($job)");
is($code, '55006', 'a job that runs cannot be resumed');
cancel_it('early')->($job, $hold);
$source->safe_psql('app', "INSERT INTO last VALUES (201, 'later'); SELECT lo_from_bytea(990002, 'new'); SELECT lo_from_bytea(980002, 'new')");
resume('early', $job);
ends_done('early', $job, 'pre-data');
assert_same($source, $target, source_db => 'app', db => 'early', name => 'pre-data: both sides are equal');

#
# A source that has changed is found out
#
new_database($target, 'changed');
$hold = hold($target, 'changed', 3);
$job = clone($target, conninfo($source, db => 'app'), db => 'changed');
wait_held($target, 'changed', 3, $job);
cancel_it('changed')->($job, $hold);
foreach my $change (
	[ 'ALTER TABLE last ADD c int', 'ALTER TABLE last DROP c', qr/"public"\."last" has other columns/, 'a new column' ],
	[ 'CREATE INDEX some_index ON last (b)', 'DROP INDEX some_index', qr/CREATE INDEX some_index is new/, 'a new index' ],
	[ 'ALTER TABLE last RENAME TO previous', 'ALTER TABLE previous RENAME TO last', qr/"public"\."previous" was renamed/, 'a renamed table' ])
{
	$source->safe_psql('app', $change->[0]);
	resume('changed', $job);
	is(wait_for_end($target, $job, db => 'changed'), 'failed', "$change->[3]: the job fails");
	is($target->safe_psql('changed', "SELECT sqlstate FROM pgcopy_errors WHERE job = $job AND is_final"), '55000', "$change->[3]: one error");
	like($target->safe_psql('changed', "SELECT detail FROM pgcopy_errors WHERE job = $job AND is_final"), $change->[2], "$change->[3]: it is named");
	$source->safe_psql('app', $change->[1]);
}
$source->safe_psql('app', 'DROP TABLE IF EXISTS never');

#
# The target crashes
#
sub check_crash
{
	my ($db, $job) = @_;
	is(wait_for_end($target, $job, db => $db, limit => 10), 'interrupted', "$db: the job is interrupted");
	like($target->safe_psql($db, "SELECT message FROM pgcopy_progress WHERE job = $job"),
		qr/SELECT pgcopy_resume\($job\)/, "$db: the progress says what to type");
	($code) = call_error($target, $db, "SELECT pgcopy_resume($job)");
	is($code, '55000', "$db: the snapshot is gone");
	$target->safe_psql($db, $marker);
	resume($db, $job, ', consistent => false');
	ends_done($db, $job, $db);
	is(marked($db), '1', "$db: a finished table is not touched");
	is($target->safe_psql($db, 'SELECT count(*) FROM second'), '8000', "$db: an unlogged table is read again");
	is($target->safe_psql($db, 'SELECT attempts FROM pgcopy_tables WHERE table_name = ' . quote_literal('first')), '1', "$db: pgcopy_tables shows what was copied once");
	$target->safe_psql($db, 'DELETE FROM first WHERE a = -1');
	assert_same($source, $target, source_db => 'app', db => $db, name => "$db: both sides are equal");
	return;
}

$job = stop_in_copy('app', 'immediate', sub {
	my ($job, $hold) = @_;
	$target->stop('immediate');
	$hold->{run}->finish;
	$target->start;
});
check_crash('immediate', $job);

$job = stop_in_copy('app', 'kill', sub {
	my ($job, $hold) = @_;
	my $pid = $target->safe_psql('kill', "SELECT leader_pid FROM pgcopy_jobs WHERE job = $job");
	kill 'KILL', $pid;
	$hold->{run}->finish;
	# restart_after_crash is off in tests
	my $end = time() + 60;
	sleep(0.1) while -e $target->data_dir . '/postmaster.pid' && time() < $end;
	$target->_update_pid(0);
	$target->start;
});
check_crash('kill', $job);

# Only the leader ends: its workers go, and are waited for.
$job = stop_in_copy('app', 'terminate', sub {
	my ($job, $hold) = @_;
	$target->safe_psql('terminate', "SELECT pg_terminate_backend(leader_pid) FROM pgcopy_jobs WHERE job = $job");
	is(wait_for_end($target, $job, db => 'terminate', limit => 10), 'interrupted', 'a job without its leader is interrupted');
	release($hold);
});
resume('terminate', $job, ', consistent => false');
ends_done('terminate', $job, 'terminate');
assert_same($source, $target, source_db => 'app', db => 'terminate', name => 'terminate: both sides are equal');

#
# The snapshot lives: only the chunk that was on its way is read again
#
new_database($source, 'split');
new_database($target, 'split');
create_holds($source, 'split');
$source->safe_psql('split', <<'EOQ');
CREATE TABLE big (a int CHECK (CASE WHEN a < 39990 THEN true ELSE hold.here(a / a) END), b text);
ALTER TABLE big SET (autovacuum_enabled = off); -- new rows belong at its end
INSERT INTO big SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, 40000) g;
CREATE INDEX ON big (a);
EOQ
my $expected = $source->safe_psql('split', 'SELECT count(*), sum(hashtext(big::text)) FROM big');
my $bytes = $source->safe_psql('split', "SELECT pg_relation_size('big') / 10 + 8192");
$hold = hold($target, 'split', 1);
$job = clone($target, conninfo($source, db => 'split'), db => 'split', table_jobs => 1, split_tables_larger_than => $bytes);
wait_held($target, 'split', 1, $job);
my $chunks = $target->safe_psql('split', 'SELECT chunks_total FROM pgcopy_tables');
is($target->safe_psql('split', 'SELECT chunks_total - chunks_done FROM pgcopy_tables'), '1', "all but one of $chunks chunks are done");
my $holder = $source->background_psql('split');
my $name = $target->safe_psql('split', "SELECT name FROM pgcopy.snapshot WHERE job = $job");
$holder->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$name'");
my $kept = $holder->query_safe('SELECT pg_export_snapshot()');
cancel_it('split')->($job, $hold);
$source->safe_psql('split', 'DELETE FROM big WHERE a % 2 = 0');
$target->safe_psql('split', "UPDATE pgcopy.snapshot SET name = '$kept' WHERE job = $job");
resume('split', $job);
ends_done('split', $job, 'split');
is($target->safe_psql('split', 'SELECT count(*), sum(hashtext(big::text)) FROM big'), $expected, 'the rows are those of the first snapshot');
is( $target->safe_psql('split', "SELECT count(*) FILTER (WHERE attempts = 1), count(*) FILTER (WHERE attempts = 2) FROM pgcopy.item WHERE job = $job AND kind = 'table'"),
	($chunks - 1) . '|1', 'one chunk was read again');
$holder->quit;

# ... and when it is gone, the table starts over whole.
new_database($target, 'whole');
$expected = $source->safe_psql('split', 'SELECT count(*), sum(hashtext(big::text)) FROM big');
$source->safe_psql('split', "INSERT INTO big VALUES (39999, 'held')");
$hold = hold($target, 'whole', 1);
$job = clone($target, conninfo($source, db => 'split'), db => 'whole', table_jobs => 1, split_tables_larger_than => $bytes);
wait_held($target, 'whole', 1, $job);
cancel_it('whole')->($job, $hold);
$source->safe_psql('split', "DELETE FROM big WHERE b = 'held'");
resume('whole', $job, ', consistent => false');
ends_done('whole', $job, 'whole');
is($target->safe_psql('whole', 'SELECT count(*), sum(hashtext(big::text)) FROM big'), $expected, 'a split table has rows of one snapshot only');

# The snapshot lives, but nobody held the locks, and a column has been renamed.
new_database($target, 'renamed');
$source->safe_psql('split', "INSERT INTO big VALUES (39999, 'held')");
$hold = hold($target, 'renamed', 1);
$job = clone($target, conninfo($source, db => 'split'), db => 'renamed', table_jobs => 1, split_tables_larger_than => $bytes);
wait_held($target, 'renamed', 1, $job);
$holder = $source->background_psql('split');
$name = $target->safe_psql('renamed', "SELECT name FROM pgcopy.snapshot WHERE job = $job");
$holder->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$name'");
$kept = $holder->query_safe('SELECT pg_export_snapshot()');
cancel_it('renamed')->($job, $hold);
$source->safe_psql('split', 'ALTER TABLE big RENAME b TO c');
$target->safe_psql('renamed', "UPDATE pgcopy.snapshot SET name = '$kept' WHERE job = $job");
resume('renamed', $job);
is(wait_for_end($target, $job, db => 'renamed'), 'failed', 'a column that was renamed while nobody held the locks is noticed');
is($target->safe_psql('renamed', "SELECT message, detail FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY at DESC LIMIT 1"),
	"the source has changed since job $job was planned|While no session held its locks: column b of public.big was renamed.", 'and named');
$holder->quit;
$source->safe_psql('split', 'ALTER TABLE big RENAME c TO b');

#
# A job that failed, repaired by hand
#
new_database($source, 'repair');
new_database($target, 'repair');
$source->safe_psql('repair', <<'EOQ');
CREATE TABLE first (a int PRIMARY KEY, b text);
INSERT INTO first VALUES (1);
CREATE TABLE refers (a int REFERENCES first);
SET session_replication_role = replica;
INSERT INTO refers VALUES (1), (2);
EOQ
$job = clone($target, conninfo($source, db => 'repair'), db => 'repair');
is(wait_for_end($target, $job, db => 'repair'), 'failed', 'a job with a violated foreign key fails');
is($target->safe_psql('repair', "SELECT conninfo IS NOT NULL FROM pgcopy.job WHERE id = $job"), 't', 'it keeps its connection string');
like($target->safe_psql('repair', "SELECT message FROM pgcopy_progress WHERE job = $job"),
	qr/refers_a_fkey.*SELECT pgcopy_resume\($job\)/, 'the progress says why, and what to type');
$target->safe_psql('repair', $marker);
resume('repair', $job);
is(wait_for_end($target, $job, db => 'repair'), 'failed', 'resumed as it is, it fails again');
is($target->safe_psql('repair', "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND is_final"), '1', 'with one final error');
$target->safe_psql('repair', 'DELETE FROM refers WHERE a = 2');
resume('repair', $job);
ends_done('repair', $job, 'repaired');
is($target->safe_psql('repair', "SELECT convalidated FROM pg_constraint WHERE conname = 'refers_a_fkey'"), 't', 'the foreign key is valid');
is(marked('repair'), '1', 'no table was read again');
is($target->safe_psql('repair', "SELECT message ~ '^took' FROM pgcopy_progress WHERE job = $job"), 't', 'an error that was overcome is no message');

#
# Many tables, and a materialized view that fails at the end
#
new_database($source, 'many');
new_database($target, 'many');
$source->safe_psql('many', <<'EOQ');
CREATE TABLE first (a int PRIMARY KEY, b text);
INSERT INTO first VALUES (1);
CREATE MATERIALIZED VIEW divides AS SELECT 1 / a AS one FROM first;
UPDATE first SET a = 0;
EOQ
$source->safe_psql('many', "SELECT format('CREATE TABLE t%s AS SELECT %s AS a', g, g) FROM generate_series($_ * 500 + 1, $_ * 500 + 500) g \\gexec") for 0 .. 3;
$job = clone($target, conninfo($source, db => 'many'), db => 'many');
is(wait_for_end($target, $job, db => 'many'), 'failed', 'a job whose REFRESH fails fails');
$target->safe_psql('many', "$marker; UPDATE first SET a = 1 WHERE a = 0");
my $start = time();
resume('many', $job);
ok(wait_for_state($target, $job, 'done', db => 'many'), 'repaired, it ends done');
cmp_ok(time() - $start, '<', 5, 'to resume a job of 2,000 tables takes less than 5 seconds');
note(sprintf 'it took %.1f seconds', time() - $start);
is(marked('many'), '1', 'no table was read again');
is($target->safe_psql('many', "SELECT count(*) FROM pgcopy.item WHERE job = $job AND kind = 'table' AND attempts > 1"), '0', 'nor tried');

#
# With the library preloaded, jobs go on by themselves after a crash
#
$target->append_conf('postgresql.conf', "shared_preload_libraries = 'pgcopydb_ext'");
$target->restart;
new_database($target, 'auto');
$hold = hold($target, 'auto', 3);
$job = clone($target, conninfo($source, db => 'app'), db => 'auto');
wait_held($target, 'auto', 3, $job);
my $undecided = stop_in_copy('app', 'undecided', sub {
	my ($job, $held) = @_;
	$target->stop('immediate');
	$_->{run}->finish for $hold, $held;
	$target->start;
});
ok(wait_until($target, "SELECT pgcopy_wait($job) = 'done'", db => 'auto', job => $job), 'a job of which no table was read goes on by itself');
ends_done('auto', $job, 'auto');
assert_same($source, $target, source_db => 'app', db => 'auto', name => 'auto: both sides are equal');
is(job_state($target, $undecided, db => 'undecided'), 'interrupted', 'one whose snapshot is gone waits for the user to choose');
$target->append_conf('postgresql.conf', 'pgcopy.auto_resume = off');
$target->restart;
is(job_state($target, $undecided, db => 'undecided'), 'interrupted', 'and so it does with pgcopy.auto_resume = off');

$source->stop;
$target->stop;
done_testing();
