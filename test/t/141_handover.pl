# A job that follows its source misses nothing and does nothing twice, however many
# sessions write meanwhile: what was committed before the snapshot is copied, all after
# comes by the stream, and this holds if the leader is killed, the target or the
# source crashes in the middle of copying, as the rest is read under a later snapshot.
# Waiting for a slot names who holds it up, and a job that ends in planning leaves
# nothing on the source.  Source and target may be databases of one server.  The
# password is in no log, view or statistics.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run qw(start finish);
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my ($source, $target) = new_pair(
	'handover',
	source_conf => "wal_level = logical\nmax_wal_senders = 10\nmax_replication_slots = 10\n",
	target_conf => "max_replication_slots = 10\nshared_preload_libraries = 'pg_stat_statements'\n");

# Tables, one of them held, and a procedure that writes to all of them until told.
sub fill_app
{
	my ($node, $db) = @_;
	new_database($node, $db);
	create_holds($node, $db);
	$node->safe_psql($db, <<'EOQ');
CREATE TABLE first (a int PRIMARY KEY, b text);
INSERT INTO first SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, 5000) g;
CREATE TABLE held (a int PRIMARY KEY CHECK (hold.here(1)), b text);
INSERT INTO held SELECT g, md5(g::text) FROM generate_series(1, 3000) g;
CREATE TABLE parts (a int, b text, PRIMARY KEY (a)) PARTITION BY RANGE (a);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (1000) TO (1000000);
INSERT INTO parts SELECT g, md5(g::text) FROM generate_series(1, 3000) g;
CREATE TABLE last (a int PRIMARY KEY REFERENCES first, b text);
INSERT INTO last SELECT g, 'last' FROM generate_series(1, 3000) g;
CREATE TABLE written (n bigint);
CREATE PROCEDURE write() LANGUAGE plpgsql AS $$
DECLARE n int := (SELECT max(a) FROM last) + 10000;
BEGIN
	LOOP
		n := n + 1;
		INSERT INTO first VALUES (n, 'new');
		INSERT INTO held VALUES (n, 'new');
		INSERT INTO parts VALUES (n, 'new'), (-n + 1000000 - 1, 'other');
		INSERT INTO last VALUES (n, 'new');
		UPDATE first SET b = b || 'x' WHERE a = n % 5000;
		UPDATE held SET b = b || 'x' WHERE a IN (n % 3000, n % 300);
		UPDATE parts SET b = 'y', a = a + 0 WHERE a = n % 3000;
		UPDATE parts SET a = a + 500000 WHERE a = n % 1000;
		DELETE FROM last WHERE a = n % 3000;
		COMMIT;
		PERFORM pg_sleep(0.002);
	END LOOP;
END $$;
EOQ
	return;
}

sub start_writer
{
	my ($node, $db) = @_;
	my $writer = { node => $node, db => $db };
	$writer->{run} = start([ 'psql', '-X', '-q', '-d', conninfo($node, db => $db, application_name => 'writer'), '-c', 'CALL write()' ],
		'<', \undef, '>', \$writer->{out}, '2>', \$writer->{err});
	my $rows = $node->safe_psql($db, 'SELECT max(a) FROM last');
	wait_until($node, "SELECT max(a) > $rows FROM last", db => $db, what => 'the writer to write');
	return $writer;
}

sub stop_writer
{
	my ($writer) = @_;
	$writer->{node}->safe_psql($writer->{db},
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'writer' AND datname = current_database()");
	eval { finish($writer->{run}) };
	return;
}

# All that was written is here, and nothing else.
sub is_caught_up
{
	my ($source, $app, $target, $db, $name) = @_;
	my $lsn = $source->safe_psql($app, 'SELECT pg_current_wal_insert_lsn()');
	$source->safe_psql($app, "SELECT pg_logical_emit_message(true, 'test', 'end')");

	ok(wait_until($target, <<EOQ, db => $db, job => 1, what => 'the subscription to catch up'), "$name: the target catches up");
SELECT bool_and(latest_end_lsn >= '$lsn') FROM pg_stat_subscription s JOIN pg_subscription p ON p.oid = s.subid
JOIN pg_database d ON d.oid = p.subdbid WHERE d.datname = current_database()
EOQ
	assert_same($source, $target, source_db => $app, db => $db, name => "$name: nothing is missing or there twice",
		schema => 0, sequences => 0);
	is($target->safe_psql($db, "SELECT string_agg(DISTINCT srsubstate::text, '') FROM pg_subscription_rel"),
		'r', "$name: each table is ready");
	return;
}

# Nothing of a job is left in a source.
sub has_nothing
{
	my ($node, $db, $name) = @_;
	is($node->safe_psql($db, <<'EOQ'), '0|0', "$name: neither slot nor publication is left on the source");
SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'pgcopy%'), (SELECT count(*) FROM pg_publication)
EOQ
	return;
}

fill_app($source, 'app');

# First, while there is no other slot and no other writer.
subtest 'a slot that waits' => sub {
	new_database($target, 'waits');
	my $other = $source->background_psql('postgres');
	$other->query_safe("SET application_name = 'batch'; BEGIN; SELECT txid_current()");
	my $job = clone($target, conninfo($source, db => 'app'), db => 'waits', follow => 1);
	ok(wait_until($target, "SELECT message ~ 'slot waits.*database postgres.*batch' FROM pgcopy_progress WHERE job = $job",
			db => 'waits', job => $job), 'the message says for whom it waits');
	my $begun = time();
	$target->safe_psql('waits', "SELECT pgcopy_cancel($job)");
	is(wait_for_end($target, $job, db => 'waits'), 'cancelled', 'it can be cancelled');
	note(sprintf 'it took %.1f s', time() - $begun);
	is($target->safe_psql('waits', "SELECT on_source FROM pgcopy.follow WHERE job = $job"),
		'f', 'the job knows that nothing is left');
	has_nothing($source, 'app', 'cancelled');

	$target->safe_psql('waits', "SELECT pgcopy_resume($job)");
	wait_until($target, "SELECT message ~ 'slot waits' FROM pgcopy_progress WHERE job = $job", db => 'waits', job => $job);
	$other->query_safe('COMMIT');
	$other->quit;
	ok(wait_for_state($target, $job, 'following', db => 'waits'), 'resumed, it goes on once the other one has committed');
	is_caught_up($source, 'app', $target, 'waits', 'resumed');
	is($target->safe_psql('waits', 'SELECT count(*) FROM pg_publication'), '0', 'the publication is not cloned');
	$target->safe_psql('waits', "SELECT pgcopy_cancel($job)");
	is(wait_for_end($target, $job, db => 'waits'), 'cancelled', 'following can be cancelled');
	$target->safe_psql('waits', "SELECT pgcopy_drop($job)");
	has_nothing($source, 'app', 'dropped');
};

# The leader is terminated, the target crashes, the source too: all in one job.
subtest 'a job that is interrupted again and again' => sub {
	new_database($target, 'again');
	my $writer = start_writer($source, 'app');
	my $hold = hold($target, 'again', 1);
	my $job = clone($target, conninfo($source, db => 'app'), db => 'again', follow => 1, table_jobs => 1);
	wait_held($target, 'again', 1, $job);
	$target->safe_psql('again', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgcopy job $job leader'");
	ok(wait_for_state($target, $job, 'interrupted', db => 'again'), 'without its leader it is interrupted');

	$target->safe_psql('again', "SELECT pgcopy_resume($job)");
	wait_held($target, 'again', 1, $job);
	$target->stop('immediate');
	eval { $hold->quit };
	$target->start;
	$hold = hold($target, 'again', 1);

	$target->safe_psql('again', "SELECT pgcopy_resume($job)");
	wait_held($target, 'again', 1, $job);
	my $snapshots = $target->safe_psql('again', "SELECT count(*) FROM pgcopy.snapshot WHERE job = $job");
	# a fast stop would wait until the held worker reads what is sent to it
	$source->stop('immediate');
	$source->start;
	eval { finish($writer->{run}) };
	$writer = start_writer($source, 'app');
	release($hold);
	ok(wait_for_state($target, $job, 'following', db => 'again'), 'it follows in the end');
	stop_writer($writer);
	cmp_ok($target->safe_psql('again', "SELECT count(*) FROM pgcopy.snapshot WHERE job = $job"),
		'>', $snapshots, 'the rest was read under a later snapshot');
	is($target->safe_psql('again', "SELECT count(*) FROM pgcopy.snapshot WHERE job = $job AND lsn IS NULL"),
		'0', 'each snapshot has a position');
	is_caught_up($source, 'app', $target, 'again', 'interrupted');
	cmp_ok($target->safe_psql('again', 'SELECT count(*) FROM pg_subscription_rel WHERE srsublsn IS NOT NULL'),
		'>', 0, 'tables began at a position of their own');

	# a lost slot is not made good by another one
	$target->safe_psql('again', "SELECT pgcopy_cancel($job)");
	is(wait_for_end($target, $job, db => 'again'), 'cancelled', 'it is cancelled');
	wait_until($source, 'SELECT NOT bool_or(active) FROM pg_replication_slots', what => 'the slot to be free');
	$source->safe_psql('app', "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name ~ '_${job}\$'");
	$source->safe_psql('app', "UPDATE first SET b = 'while there was no slot' WHERE a < 100");
	$target->safe_psql('again', "SELECT pgcopy_resume($job)");
	is(wait_for_end($target, $job, db => 'again'), 'failed', 'without its slot it fails');
	like($target->safe_psql('again', "SELECT hint FROM pgcopy_errors WHERE job = $job AND hint IS NOT NULL ORDER BY no DESC LIMIT 1"),
		qr/consistent => true/, 'and says what helps');
	$target->safe_psql('again', "SELECT pgcopy_resume($job, consistent => true)");
	ok(wait_for_state($target, $job, 'following', db => 'again'), 'that reads all again');
	is_caught_up($source, 'app', $target, 'again', 'read again');
};

# The source asks for a password.
subtest 'a password' => sub {
	my $password = 'a"Very\'Secret\\Word';
	my $literal = PgCopy::quote_literal($password);
	$source->safe_psql('app', "SET log_statement = none; CREATE ROLE migrator SUPERUSER LOGIN PASSWORD $literal");
	new_database($target, 'secret');
	$target->safe_psql('secret', 'CREATE EXTENSION pgcopydb_ext; CREATE EXTENSION pg_stat_statements');
	my $writer = start_writer($source, 'app');
	my $call = PgCopy::quote_literal(conninfo($source, db => 'app', tcp => 1, user => 'migrator', password => $password));
	my $job = $target->safe_psql('secret',
		"SET log_statement = none; SET pg_stat_statements.track = none; SELECT pgcopy_clone($call, follow => true)");
	ok(wait_for_state($target, $job, 'following', db => 'secret'), 'it follows');
	stop_writer($writer);
	is_caught_up($source, 'app', $target, 'secret', 'with a password');
	is($target->safe_psql('secret', "SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%Secret%' AND query NOT LIKE '%pg_stat_statements%'"),
		'0', 'it is not in pg_stat_statements');
	unlike(slurp_file($_->logfile), qr/Secret.{0,3}Word/, 'it is not in the log of ' . $_->name) for $source, $target;
};

# Both databases are in one server, which has transactions of the job itself.
subtest 'one server' => sub {
	new_database($source, 'same');
	my $writer = start_writer($source, 'app');
	my $job = clone($source, conninfo($source, db => 'app'), db => 'same', follow => 1);
	ok(wait_for_state($source, $job, 'following', db => 'same'), 'it follows');
	stop_writer($writer);
	is_caught_up($source, 'app', $source, 'same', 'one server');
};

done_testing();
