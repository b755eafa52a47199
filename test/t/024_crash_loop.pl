# A job cannot crash its server for ever.  With the library preloaded a job goes
# on by itself after a crash as long as each attempt gets something done; one
# that crashes the server again with nothing done stays interrupted, says so in
# the log and in pgcopy_progress, and goes on when somebody resumes it.  A
# restart does not count as a crash.  Where there is no free slot for a leader,
# its job waits for one.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

# One worker at a time, beside launcher and leader.
my ($source, $target) = new_pair('loop',
	target_conf => "shared_preload_libraries = 'pgcopydb_ext'\nrestart_after_crash = on\nautovacuum = off\n"
	  . "max_worker_processes = 3\nmax_logical_replication_workers = 0\nmax_parallel_workers = 0\nwal_writer_delay = 1ms\n");
new_database($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE one (a int PRIMARY KEY, b text);
INSERT INTO one SELECT g, md5(g::text) FROM generate_series(1, 1000) g;
CREATE INDEX one_1 ON one (b);
CREATE INDEX one_2 ON one (b, a);
CREATE INDEX one_3 ON one (a, b);
EOQ
my $app = conninfo($source, db => 'app');

sub crash_at
{
	my ($db, $point, $hit) = @_;
	$target->safe_psql('postgres', "ALTER DATABASE $db SET pgcopy.test_point = '$point'; ALTER DATABASE $db SET pgcopy.test_action = 'kill'; ALTER DATABASE $db SET pgcopy.test_hit = $hit");
	return;
}

# How often the log says something from OFFSET on.
sub count_in_log
{
	my ($pattern, $offset) = @_;
	return scalar(() = substr(slurp_file($target->logfile), $offset) =~ /$pattern/g);
}

my $STAYS = qr/stays interrupted: its last attempt crashed the server before it finished an item/;

foreach my $point ('planning locked', 'pre-data begun', 'table done')
{
	my $db = $point =~ tr/ -/__/r;
	my $offset = -s $target->logfile;
	new_database($target, $db);
	$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext');
	crash_at($db, $point, 1);
	my $job = clone($target, $app, db => $db);
	ok($target->wait_for_log($STAYS, $offset), "$point: the log says that the job stays interrupted, and why");
	ok(wait_until($target, "SELECT state = 'interrupted' FROM pgcopy_progress WHERE job = $job", db => $db, limit => 60), "$point: it is");
	cmp_ok(count_in_log(qr/was terminated by signal 9/, $offset), '<=', $point =~ /table/ ? 3 : 2, "$point: the server has crashed no more than that");
	is($target->safe_psql($db, "SELECT message FROM pgcopy_progress WHERE job = $job"),
		"not resumed automatically: its last attempt crashed the server before it finished an item; SELECT pgcopy_resume($job)", "$point: so does the progress, with what to type");

	$target->safe_psql('postgres', "ALTER DATABASE $db RESET ALL");
	$target->safe_psql($db, "SELECT pgcopy_resume($job)");
	ok(wait_for_state($target, $job, 'done', db => $db), "$point: resumed, it ends done");
	is($target->safe_psql($db, "SELECT message FROM pgcopy_progress WHERE job = $job") =~ /^took/, 1, "$point: and the message is gone");
	assert_same($source, $target, source_db => 'app', db => $db, name => "$point: both sides are equal");
}

# Each attempt builds one index, though the server crashes at the second one.  "forgets":
# one process does everything, so that several items would share a transaction, and that
# they were begun before is lost, as it can be in a crash.
foreach my $db ('grows', 'forgets')
{
	my $offset = -s $target->logfile;
	new_database($target, $db);
	$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext');
	$target->safe_psql($db, <<'EOQ') if $db eq 'forgets';
CREATE SCHEMA test;
CREATE FUNCTION test.forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.attempts := 0; RETURN NEW; END';
CREATE TRIGGER forget BEFORE UPDATE ON pgcopy.item FOR EACH ROW EXECUTE FUNCTION test.forget();
EOQ
	crash_at($db, 'index begun', 2);
	my $job = clone($target, $app, db => $db, $db eq 'forgets' ? (table_jobs => 1, index_jobs => 1) : ());
	ok(wait_until($target, "SELECT pgcopy_wait($job, '1 s') = 'done'", db => $db, job => $job, limit => 120), "$db: a job that gets something done at each attempt goes on by itself, to its end");
	cmp_ok(count_in_log(qr/was terminated by signal 9/, $offset), '>=', 2, "$db: though the server crashed again and again");
	is(count_in_log($STAYS, $offset), 0, "$db: and it was never left");
	$target->safe_psql($db, 'DROP SCHEMA test CASCADE') if $db eq 'forgets';
	assert_same($source, $target, source_db => 'app', db => $db, name => "$db: both sides are equal");
}

# A restart is no crash.
my $offset = -s $target->logfile;
new_database($target, 'restarted');
my $blocker = $source->background_psql('app');
$blocker->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_init_privs IN ACCESS EXCLUSIVE MODE');
my $job = clone($target, $app, db => 'restarted');
foreach my $stop ('fast', 'fast', 'fast', 'immediate', 'fast')
{
	wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'pg_init_privs'::regclass", db => 'app', what => 'pg_dump to wait for a lock');
	$target->stop($stop);
	wait_until($source, "SELECT count(*) = 0 FROM pg_locks WHERE NOT granted AND relation = 'pg_init_privs'::regclass", db => 'app', what => 'pg_dump to be gone');
	$target->start;
	last if $stop eq 'immediate';
}
ok($target->wait_for_log($STAYS, $offset), 'a crash after three restarts, with nothing done, is the last');
is(count_in_log(qr/was interrupted and is resumed/, $offset), 3, 'but each restart before went on');
$target->restart;
is(job_state($target, $job, db => 'restarted'), 'interrupted', 'it stays so after one more restart');
$blocker->quit;
$target->safe_psql('restarted', "SELECT pgcopy_resume($job)");
ok(wait_for_state($target, $job, 'done', db => 'restarted'), 'resumed, it ends done');

# Two jobs, and no slot for the leader of the second until the first is done.
my %two;
new_database($target, 'first', 'second');
$target->safe_psql($_, 'CREATE EXTENSION pgcopydb_ext') for 'first', 'second';
$blocker = $source->background_psql('app');
$blocker->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_init_privs IN ACCESS EXCLUSIVE MODE');
my $dumps = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'pg_init_privs'::regclass";
$two{$_} = clone($target, $app, db => $_) for 'first', 'second';
wait_until($source, $dumps, db => 'app', expected => 2, what => 'both to wait for a lock');
$target->stop('immediate');
wait_until($source, $dumps, db => 'app', expected => 0, what => 'pg_dump to be gone');
$target->start;
wait_until($source, $dumps, db => 'app', expected => 1, what => 'one of them to go on');
ok( wait_until($target, "SELECT state || ': ' || message FROM pgcopy_progress",
		db => 'second', expected => 'interrupted: waiting for a free background worker to resume: raise max_worker_processes', limit => 60),
	'a job for whose leader there is no slot says so');
$blocker->quit;
foreach my $db ('first', 'second')
{
	ok(wait_until($target, 'SELECT state FROM pgcopy_progress', db => $db, expected => 'done', job => $two{$db}, limit => 60), "two jobs: the $db one goes on by itself and ends done");
}
assert_same($source, $target, source_db => 'app', db => 'second', name => 'two jobs: both sides are equal');

$source->stop;
$target->stop;
done_testing();
