# A standby is a source like any other.  What it does not have, the rows of
# unlogged tables and the values of unlogged sequences, is named before the first
# row is read; their definitions arrive, and all else is equal.  When recovery
# ends our transactions there, planning starts again, and a job that has read
# rows waits, goes on or asks as after any loss of its snapshot; it never hangs
# and mixes nothing.  A promotion in between changes nothing.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($primary, $target) = new_pair('standby', source_conf => <<'EOC', target_conf => "pgcopy.source_retry_timeout = '20s'\n");
wal_level = replica
max_wal_senders = 5
hot_standby = on
autovacuum = off
EOC
new_database($primary, 'app');
$primary->safe_psql('app', <<'EOQ');
CREATE TABLE logged (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text);
INSERT INTO logged (a) SELECT repeat('x', g) FROM generate_series(1, 1000) g;
CREATE SEQUENCE counter;
SELECT setval('counter', 4711);
CREATE TABLE large (a int, b text);
INSERT INTO large SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 20000) g;
CREATE TABLE noise (a int);
INSERT INTO noise SELECT generate_series(1, 1000);
CREATE UNLOGGED TABLE "Odd ""name""" (id serial PRIMARY KEY, a text UNIQUE, b int GENERATED ALWAYS AS IDENTITY);
INSERT INTO "Odd ""name""" (a) SELECT g FROM generate_series(1, 300) g;
CREATE UNLOGGED TABLE child (CHECK (id > 0)) INHERITS (logged);
INSERT INTO child (id) VALUES (1);
CREATE UNLOGGED TABLE refers (id int REFERENCES "Odd ""name""");
INSERT INTO refers VALUES (1);
CREATE TABLE tree (a int, b text) PARTITION BY LIST (a);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1);
CREATE UNLOGGED TABLE tree_2 PARTITION OF tree FOR VALUES IN (2);
INSERT INTO tree VALUES (1, 'logged'), (2, 'not');
CREATE INDEX ON tree (b);
CREATE TYPE colour AS ENUM ('red', 'green', 'blue');
CREATE TABLE hashed (c colour) PARTITION BY HASH (c);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE UNLOGGED TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE UNLOGGED SEQUENCE fast START 7;
SELECT nextval('fast') FROM generate_series(1, 5);
CREATE MATERIALIZED VIEW seen AS SELECT count(*) AS n FROM logged WHERE a IS NOT NULL;
SELECT lo_from_bytea(5000, 'large');
EOQ

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby_standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
# what a connection of the standby needs is in the copied configuration
$standby->append_conf('postgresql.conf', <<'EOC');
hot_standby_feedback = off
max_standby_streaming_delay = 0
EOC
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
my $app = conninfo($standby, db => 'app');

sub notices
{
	my ($db) = @_;
	return $target->safe_psql($db, "SELECT object, message, hint FROM pgcopy_notices WHERE message ~ 'standby' ORDER BY message");
}

# What is logged, on either side.
my $rows = <<'EOQ';
SELECT (SELECT count(*) || ' ' || sum(hashtext(b)) FROM large), (SELECT sum(hashtext(l::text)) FROM ONLY logged l),
	(SELECT string_agg(b, ' ') FROM ONLY tree_1), (SELECT last_value FROM counter), (SELECT last_value FROM logged_id_seq),
	(SELECT n FROM seen), (SELECT encode(lo_get(5000), 'escape'))
EOQ
my $expected = $primary->safe_psql('app', $rows);
my $unlogged = 'SELECT (SELECT count(*) FROM "Odd ""name"""), (SELECT count(*) FROM ONLY child), (SELECT count(*) FROM tree_2), (SELECT count(*) FROM refers)';

foreach my $how ('stop', 'continue')
{
	new_database($target, $how);
	clone_ok($target, $app, db => $how, on_error => $how, split_tables_larger_than => '1MB', name => "$how: the clone of a standby ends done");
	is($target->safe_psql($how, $rows), $expected, "$how: all that is logged is there");
	is($target->safe_psql($how, $unlogged), '0|0|0|0', "$how: what is not is empty");
	is($target->safe_psql($how, 'SELECT last_value, is_called FROM fast'), '7|f', "$how: an unlogged sequence starts where it was made to");
	is($target->safe_psql($how, 'INSERT INTO "Odd ""name""" (a) VALUES (\'new\') RETURNING id, b'), '1|1', "$how: so do those of unlogged tables");
	$target->safe_psql($how, 'DELETE FROM "Odd ""name"""; VACUUM "Odd ""name"""; ALTER SEQUENCE "Odd ""name""_id_seq" RESTART');
	assert_same($primary, $target, source_db => 'app', db => $how, data => 0, sequences => 0, name => "$how: definitions are equal");
	is($target->safe_psql($how, "SELECT count(*) FROM pgcopy_errors"), '0', "$how: without an error");
	my $notices = notices($how);
	like($notices, qr/^(?=.*sequence public\.fast)(?=.*table public\."Odd ""name""")(?=.*table public\.tree_2)(?=.*sequence public\."Odd ""name""_b_seq")[^|]*\|8 unlogged tables and sequences arrive without their content/m,
		"$how: all of them are named") or diag($notices);
	like($notices, qr/ends the job's snapshot if that delays it for more than 0\|.*hot_standby_feedback/, "$how: and what may end the snapshot") or diag($notices);
}

# Have recovery end all transactions of the job: rows that their snapshots see
# are gone on the primary.
sub conflict
{
	my ($sql) = @_;
	my $pids = $standby->safe_psql('app', "SELECT string_agg(pid::text, ', ') FROM pg_stat_activity WHERE application_name ~ '^pgcopy job'");
	$primary->safe_psql('app', $_) for split /;/, $sql // 'DELETE FROM noise; INSERT INTO noise VALUES (1); VACUUM noise';
	ok(wait_until($standby, "SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pids)", expected => '0', what => 'recovery to end the sessions of the job'),
		'recovery ends the sessions of the job');
	return;
}

# Start a clone that stops at a point.
sub start_at
{
	my ($db, $point, $hit) = @_;
	new_database($target, $db);
	$target->safe_psql('postgres', "ALTER DATABASE $db SET pgcopy.test_point = '$point'; ALTER DATABASE $db SET pgcopy.test_hit = $hit");
	my $hold = hold($target, $db, 100);
	my $job = clone($target, $app, db => $db, table_jobs => 1, split_tables_larger_than => '0');
	wait_held($target, $db, 100, $job);
	return ($job, $hold);
}

sub errors
{
	my ($db) = @_;
	return $target->safe_psql($db, "SELECT sqlstate, message FROM pgcopy_errors ORDER BY at");
}

# in planning
my %planning = (vacuum => undef, alter => 'ALTER TABLE noise ADD b int');
foreach my $how (sort keys %planning)
{
	my $db = "planning_$how";
	my ($job, $hold) = start_at($db, 'planning locked', 1);
	conflict($planning{$how});
	release($hold);
	is(wait_for_end($target, $job, db => $db), 'done', "$how: a conflict in planning starts it again") or show_job($target, $job, db => $db);
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	is($target->safe_psql($db, $rows), $expected, "$how: and the clone is complete");
}

# While nothing is read yet the job goes on with a new snapshot, otherwise it has
# to ask.
my ($job, $hold) = start_at('first', 'table begun', 1);
conflict();
release($hold);
is(wait_for_end($target, $job, db => 'first'), 'done', 'a conflict before anything was read: the job goes on') or show_job($target, $job, db => 'first');
is($target->safe_psql('first', $rows), $expected, 'and is complete');
like(errors('first'), qr/^40001\|.*conflict with recovery/m, 'the conflict is recorded');

($job, $hold) = start_at('later', 'table begun', 2);
conflict();
release($hold);
is(wait_for_end($target, $job, db => 'later'), 'failed', 'a conflict when some tables were read: the job asks');
like($target->safe_psql('later', 'SELECT message FROM pgcopy_progress'), qr/were read under a snapshot that is gone/, 'with their number');
like(errors('later'), qr/^40001\|.*conflict with recovery/m, 'and the conflict is recorded');
$target->safe_psql('later', "SELECT pgcopy_resume($job, consistent => true)");
is(wait_for_end($target, $job, db => 'later'), 'done', 'consistent => true reads all again') or show_job($target, $job, db => 'later');
is($target->safe_psql('later', $rows), $expected, 'and is complete');

# promoted while rows are read
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
($job, $hold) = start_at('promoted', 'table begun', 2);
$standby->promote;
$standby->safe_psql('app', "INSERT INTO large VALUES (0, 'after')");
release($hold);
is(wait_for_end($target, $job, db => 'promoted'), 'done', 'a standby that is promoted in between goes on being the source') or show_job($target, $job, db => 'promoted');
is($target->safe_psql('promoted', $rows), $expected, 'with what it had at the beginning');
new_database($target, 'after');
clone_ok($target, $app, db => 'after', name => 'as a primary it is one like others');
assert_same($standby, $target, source_db => 'app', db => 'after', name => 'with what it has now');
is(notices('after'), '', 'nothing is said of a standby');
ok(is_quiet($standby, $target, 10), 'nothing is left');

$_->stop for $standby, $primary, $target;
done_testing();
