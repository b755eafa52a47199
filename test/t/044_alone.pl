# No job waits for ever for processes that others have.  A leader that gets no
# worker does all kinds of items itself, shows its figures, can be cancelled,
# and gives up what fails as a worker would.  Seven jobs at once with eight
# slots all end.  A source with room for few sessions gets fewer copiers, down
# to the leader alone; with too little even for that it is an error which says
# how many are needed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use IO::Select;
use PgCopy;
use PgCopyMiddle;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my ($source, $target) = new_pair('alone',
	target_conf => "max_worker_processes = 8\nautovacuum = off\n");
new_database($source, 'app', 'sick');

# All kinds of items: chunks, tables, routed rows, large objects, indexes,
# constraints, foreign keys, those of partitioned tables, views to refresh,
# sequences.
create_holds($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE big (a int PRIMARY KEY, b text);
INSERT INTO big SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 4000) g;
CREATE INDEX big_b ON big (b);
CREATE TABLE small (a int REFERENCES big, b text UNIQUE);
INSERT INTO small SELECT g, 'b' || g FROM generate_series(1, 200) g;
CREATE TABLE parts (a int REFERENCES big, b int) PARTITION BY RANGE (a);
CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE high PARTITION OF parts FOR VALUES FROM (100) TO (1000);
INSERT INTO parts SELECT g, g FROM generate_series(1, 200) g;
CREATE TABLE held (a int CHECK (hold.here(1)));
INSERT INTO held SELECT generate_series(1, 3000);
CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM big;
CREATE UNIQUE INDEX ON m (count);
CREATE SEQUENCE s;
SELECT setval('s', 4711);
SELECT lo_from_bytea(880000 + g, decode(md5(g::text), 'hex')) FROM generate_series(1, 50) g;
EOQ
my $app = conninfo($source, db => 'app');

sub kinds
{
	my ($db, $job, $condition) = @_;
	return $target->safe_psql($db, "SELECT string_agg(DISTINCT kind, ', ' ORDER BY kind) FROM pgcopy.item WHERE job = $job AND $condition");
}

#
# Seven jobs at once, and the launcher of logical replication: no slot for a worker
#
my (%job, @caller);
foreach my $db (map { "seven_$_" } 1 .. 7)
{
	new_database($target, $db);
	$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext');
	# the leader has its slot from now on, and begins at COMMIT
	my $caller = $target->background_psql($db);
	$caller->query_safe('BEGIN');
	$job{$db} = $caller->query_safe('SELECT pgcopy_clone(' . quote_literal($app) . ", split_tables_larger_than => '100kB')");
	push @caller, $caller;
}
$_->query_safe('COMMIT') for @caller;
$_->quit for @caller;
my $ended = 0;
foreach my $db (sort keys %job)
{
	$ended++ if wait_for_state($target, $job{$db}, 'done', db => $db, limit => 180);
}
is($ended, 7, 'seven jobs at once with eight worker slots all end done');
assert_same($source, $target, source_db => 'app', db => 'seven_7', name => 'and what is there is the source');
ok(is_quiet($source, $target, 10), 'nothing is left of them');

#
# Only a leader fits
#
$target->append_conf('postgresql.conf', "max_worker_processes = 1\nmax_logical_replication_workers = 0\n");
$target->restart;
new_database($target, 'one');
my $hold = hold($target, 'one', 1);
my $job = clone($target, $app, db => 'one', split_tables_larger_than => '100kB');
wait_held($target, 'one', 1, $job);
is($target->safe_psql('one', "SELECT process, doing, object_name FROM pgcopy_workers WHERE job = $job"), 'leader|table|held', 'the leader is seen at work');
like($target->safe_psql('one', "SELECT message FROM pgcopy_progress WHERE job = $job"), qr/no free background worker, the leader works alone: raise max_worker_processes/,
	'the progress says why, and what to raise');
cmp_ok($target->safe_psql('one', "SELECT rows_done FROM pgcopy_workers WHERE job = $job"), '>=', 0, 'its live figures are there');
release($hold);
ok(wait_for_state($target, $job, 'done', db => 'one'), 'a job of a leader alone ends done');
is(kinds('one', $job, 'stage IN (1, 3)'), 'analyze, constraint, foreign key, index, large objects, refresh, sequences, table, validate', 'all kinds of items were there');
is($target->safe_psql('one', "SELECT count(*) FILTER (WHERE state <> 'done'), count(*) FILTER (WHERE attempts > 1), count(DISTINCT pid) FROM pgcopy.item WHERE job = $job"),
	'0|0|1', 'one process did them all, at the first attempt');
is($target->safe_psql('one', "SELECT percent, tables_done = tables_total, indexes_done = indexes_total, errors FROM pgcopy_jobs WHERE job = $job"), '100|t|t|0', 'they are counted');
is($target->safe_psql('one', "SELECT rows_done FROM pgcopy_jobs WHERE job = $job"), 4000 + 200 + 200 + 3000 + 50, 'and so are rows');
assert_same($source, $target, source_db => 'app', db => 'one', name => 'source and target are equal');
assert_frozen($target, db => 'one');

# Cancelled in the midst of its own work.
new_database($target, 'cancelled');
$hold = hold($target, 'cancelled', 1);
$job = clone($target, $app, db => 'cancelled');
wait_held($target, 'cancelled', 1, $job);
$target->safe_psql('cancelled', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'cancelled', limit => 10), 'cancelled', 'the leader can be cancelled at its own work');
release($hold);
$target->safe_psql('cancelled', "SELECT pgcopy_resume($job, consistent => true)");
ok(wait_for_state($target, $job, 'done', db => 'cancelled'), 'and resumed');
assert_same($source, $target, source_db => 'app', db => 'cancelled', name => 'resumed: both sides are equal');

# A job that has ended has its slot still for a moment: who wants the next one waits, but
# not for ever.
new_database($target, 'first', 'second');
$hold = hold($target, 'first', 1);
$job = clone($target, $app, db => 'first');
wait_held($target, 'first', 1, $job);
$target->safe_psql('second', 'CREATE EXTENSION pgcopydb_ext');
my ($rc, $out, $err) = $target->psql('second', '\set VERBOSITY verbose' . "\nSELECT pgcopy_clone(" . quote_literal($app) . ')');
like($err, qr/ERROR:  53400: cannot start the leader of the job: no background worker slot is free.*HINT:  Raise max_worker_processes \(now 1\)/s, 'no slot is free: an error says so');
is($target->safe_psql('second', 'SELECT count(*) FROM pgcopy_jobs'), 0, 'and no job is left of it');
my $caller = $target->background_psql('second');
my $caller_pid = $caller->query_safe('SELECT pg_backend_pid()');
$caller->query_until(qr/begun/, "\\echo begun\nSELECT pgcopy_clone(" . quote_literal($app) . ");\n");
wait_until($target, "SELECT wait_event = 'Extension' FROM pg_stat_activity WHERE pid = $caller_pid", what => 'the caller to wait for a slot');
$target->safe_psql('first', "SELECT pgcopy_cancel($job)");
$caller->quit;
release($hold);
ok(wait_for_state($target, $job, 'cancelled', db => 'first'), 'the job that had the slot is cancelled');
is($target->safe_psql('second', 'SELECT count(*) FROM pgcopy_jobs'), 1, 'the other one has got it');
ok(wait_for_state($target, $target->safe_psql('second', 'SELECT max(job) FROM pgcopy_jobs'), 'done', db => 'second'), 'and ends done');

# The source takes its time to roll back to a savepoint, between two transactions
# of the leader, which asks who is in the way.  No catalog can be read there, and
# the credentials of a foreign server are in the catalogs.
my $slow = PgCopyMiddle->start($source, sub {
	PgCopyMiddle::serve_each(@_, sub {
		my ($client) = @_;
		my $server = PgCopyMiddle::connect_to($source) or die $!;
		my $ends = IO::Select->new($client, $server);
		while (1)
		{
			foreach my $from ($ends->can_read)
			{
				sysread($from, my $data, 65536) or die 'closed';
				sleep 2.5 if $from == $client && $data =~ /ROLLBACK TO SAVEPOINT/;
				PgCopyMiddle::write_all($from == $client ? $server : $client, $data);
			}
		}
	});
});
new_database($target, 'slow');
new_database($source, 'few');
$source->safe_psql('few', 'CREATE TABLE a AS SELECT generate_series(1, 10)');
$target->safe_psql('slow', 'CREATE EXTENSION pgcopydb_ext; CREATE SERVER slow FOREIGN DATA WRAPPER pgcopydb_fdw'
	. " OPTIONS (host '127.0.0.1', port '$slow->{port}', dbname 'few'); CREATE USER MAPPING FOR postgres SERVER slow OPTIONS (user 'postgres', password 'x')");
$job = $target->safe_psql('slow', "SELECT pgcopy_clone('slow')");
ok(wait_for_state($target, $job, 'done', db => 'slow'), 'a slow rollback of the source: the job ends done');
is(scalar(() = slurp_file($target->logfile) =~ /was terminated by signal/g), 0, 'and no process crashes');
$slow->stop;

# What fails is given up as with a worker, and the leader's session lives on.
$source->safe_psql('sick', <<'EOQ');
CREATE FUNCTION is_fine(a int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF a = 20000 AND current_setting('test.is_target', true) = 'yes' THEN RAISE EXCEPTION 'number % is not fine', a USING ERRCODE = 'DA000'; END IF;
	RETURN true;
END $$;
CREATE TABLE bad (a int CHECK (is_fine(a)), b text);
INSERT INTO bad SELECT g, repeat('x', 200) FROM generate_series(1, 60000) g;
CREATE INDEX bad_a ON bad (a);
CREATE TABLE good (a int PRIMARY KEY);
INSERT INTO good SELECT generate_series(1, 1000);
CREATE TABLE index_bad (a int);
INSERT INTO index_bad SELECT 20000;
CREATE INDEX index_bad_a ON index_bad (is_fine(a));
CREATE SEQUENCE s;
SELECT setval('s', 4711);
EOQ
sub is_given_up
{
	my ($db, $job, $name, $state) = @_;
	ok(wait_for_state($target, $job, 'done', db => $db), "$name: the job ends done");
	is($target->safe_psql($db, "SELECT table_name, state FROM pgcopy_tables WHERE job = $job ORDER BY 1"), $state, "$name: the others are copied");
	is($target->safe_psql($db, "SELECT count(*) FILTER (WHERE is_final), bool_and(sqlstate = 'DA000'), bool_and(message ~ 'is not fine') FROM pgcopy_errors WHERE job = $job AND kind = 'table'"),
		'1|t|t', "$name: the error is final once");
	is($target->safe_psql($db, 'SELECT count(*) FROM good'), 1000, "$name: rows are there");
	is($target->safe_psql($db, 'SELECT count(*), pg_relation_size(' . "'bad'" . ') FROM bad'), '0|0', "$name: nothing is left of what failed");
	is($target->safe_psql($db, 'SELECT last_value FROM s'), 4711, "$name: sequences are set");
	return;
}
new_database($target, 'sick');
$target->safe_psql('postgres', "ALTER DATABASE sick SET test.is_target = 'yes'");
$job = clone($target, conninfo($source, db => 'sick'), db => 'sick', on_error => 'continue');
is_given_up('sick', $job, 'alone', "bad|failed\ngood|copied\nindex_bad|copied");
is($target->safe_psql('sick', "SELECT object_name, state FROM pgcopy.item WHERE job = $job AND kind = 'index' AND state <> 'done' ORDER BY 1"), "bad_a|skipped\nindex_bad_a|failed",
	'alone: an index that fails, and one that cannot be built');

# The same for a table that the leader reads because workers cannot lock it.
$target->append_conf('postgresql.conf', "max_worker_processes = 8\n");
$target->restart;
new_database($target, 'locked');
$target->safe_psql('postgres', "ALTER DATABASE locked SET test.is_target = 'yes'");
create_holds($source, 'sick');
create_held_table($source, 'sick');
$source->safe_psql('sick', 'DROP INDEX index_bad_a');
$hold = hold($target, 'locked', 1);
$job = clone($target, conninfo($source, db => 'sick'), db => 'locked', on_error => 'continue', table_jobs => 1);
wait_held($target, 'locked', 1, $job);
my $alter = $source->background_psql('sick');
$alter->query_until(qr/begun/, "\\echo begun\nALTER TABLE bad ADD c int;\n");
wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'bad'::regclass AND NOT granted", db => 'sick', what => 'ALTER TABLE to wait');
release($hold);
is_given_up('locked', $job, 'locked', "bad|failed\ngood|copied\nheld|copied\nindex_bad|copied");
$alter->quit;
ok(is_quiet($source, $target, 10), 'nothing is left');

#
# A source that has room for few sessions
#
$source->safe_psql('postgres', "CREATE ROLE narrow LOGIN PASSWORD 'narrow'");
$source->safe_psql('app', 'GRANT pg_read_all_data TO narrow; GRANT SELECT ON ALL TABLES IN SCHEMA public TO narrow; GRANT USAGE ON SCHEMA hold TO narrow; GRANT SELECT ON SEQUENCE s TO narrow');
$source->safe_psql('app', 'GRANT SELECT ON LARGE OBJECT ' . (880000 + $_) . ' TO narrow') for 1 .. 50;
$target->safe_psql('postgres', 'CREATE ROLE narrow');
foreach my $limit (2, 3)
{
	my $db = "limit_$limit";
	$source->safe_psql('postgres', "ALTER ROLE narrow CONNECTION LIMIT $limit");
	new_database($target, $db);
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => 'app', user => 'narrow'), db => $db, split_tables_larger_than => '100kB', table_jobs => 4);
	wait_held($target, $db, 1, $job);
	ok( wait_until($target, "SELECT message ~ 'the source has room for " . ($limit - 1) . " of 4 copiers' FROM pgcopy_progress WHERE job = $job",
			db => $db, job => $job, limit => 20),
		"CONNECTION LIMIT $limit: the progress says how many copiers there is room for");
	release($hold);
	ok(wait_for_state($target, $job, 'done', db => $db), "CONNECTION LIMIT $limit: the job ends done");
	is($target->safe_psql($db, "SELECT max(attempts), (SELECT count(*) FROM pgcopy_errors) FROM pgcopy.item WHERE job = $job AND stage IN (1, 3)"), '1|0',
		"CONNECTION LIMIT $limit: no attempt is spent, no error is there");
	assert_same($source, $target, source_db => 'app', db => $db, name => "CONNECTION LIMIT $limit: both sides are equal");
	ok(is_quiet($source, $target, 10), "CONNECTION LIMIT $limit: nothing is left");
}

# Somebody else takes the place of the only copier: the leader reads itself.
$source->safe_psql('postgres', 'ALTER ROLE narrow CONNECTION LIMIT 3');
new_database($target, 'taken');
$target->safe_psql('taken', 'CREATE EXTENSION pgcopydb_ext');
$target->safe_psql('postgres', "ALTER DATABASE taken SET pgcopy.test_point = 'planning stored'; ALTER DATABASE taken SET pgcopy.test_action = 'stop'");
$hold = hold($target, 'taken', 100);
$job = clone($target, conninfo($source, db => 'app', user => 'narrow'), db => 'taken', table_jobs => 4);
wait_held($target, 'taken', 100, $job);
my @others = map { $source->background_psql('postgres', extra_params => [ '-U', 'narrow' ]) } 1 .. 2;
$_->query_safe('SELECT 1') for @others;
release($hold);
ok(wait_for_state($target, $job, 'done', db => 'taken'), 'no room for any copier: the job ends done');
is($target->safe_psql('taken', "SELECT count(DISTINCT pid), max(attempts) FROM pgcopy.item WHERE job = $job AND kind IN ('table', 'large objects')"), '1|1', 'the leader has read everything');
$_->quit for @others;
assert_same($source, $target, source_db => 'app', db => 'taken', name => 'no room for any copier: both sides are equal');

# Less than what pg_dump needs beside the leader.
$source->safe_psql('postgres', 'ALTER ROLE narrow CONNECTION LIMIT 1');
new_database($target, 'less');
$job = clone($target, conninfo($source, db => 'app', user => 'narrow'), db => 'less');
is(wait_for_end($target, $job, db => 'less', limit => 30), 'failed', 'CONNECTION LIMIT 1 is too few');
is($target->safe_psql('less', "SELECT sqlstate FROM pgcopy_errors WHERE job = $job AND is_final"), '53400', 'that is an error of its own');
like($target->safe_psql('less', "SELECT message || ' ' || detail || ' ' || hint FROM pgcopy_errors WHERE job = $job AND is_final"),
	qr/no room for pg_dump.*CONNECTION LIMIT.*at least 2.*5 for all/s, 'which says how many are needed');
ok(is_quiet($source, $target, 10), 'nothing is left');

$source->stop;
$target->stop;
done_testing();
