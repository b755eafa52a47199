# Whoever stops a job that follows: in a cutover, with or without cleaning up; in a
# session that our own guard has made read-only; as another role; in a transaction that
# rolls back; after others have meddled with the subscription.  What is left is told, and
# removed when asked for.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run ();
use PgCopy;
use PgCopyFaults;
use PgCopyScene;
use PgCopyTraffic;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('stops', source_conf => $TRAFFIC_CONF,
	target_conf => "shared_preload_libraries = 'pgcopydb_ext'\npgcopy.auto_resume = off\n");
new_database($source, 'app');
$source->safe_psql('app', 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)');
$target->safe_psql('postgres', 'CREATE ROLE member LOGIN IN ROLE ' . $target->safe_psql('postgres', 'SELECT quote_ident(current_user)')
	. '; CREATE ROLE other LOGIN SUPERUSER; CREATE ROLE nobody LOGIN; CREATE ROLE landlord LOGIN');

# A job that follows, in a database of its own.
sub follow
{
	my ($db) = @_;
	new_database($target, $db);
	$target->safe_psql($db, "CREATE EXTENSION pgcopydb_ext; ALTER DATABASE $db OWNER TO landlord");
	my $job = clone($target, conninfo($source, db => 'app'), db => $db, follow => 'true');
	wait_for_state($target, $job, 'following', db => $db) or BAIL_OUT('the job does not follow');
	return $job;
}

# What is said, with NOTICEs and errors.
sub say_sql
{
	my ($db, $sql, $user) = @_;
	my ($out, $err);
	$target->psql($db, $sql, stdout => \$out, stderr => \$err, $user ? (extra_params => [ '-U', $user ]) : ());
	return "$out\n$err";
}

# What is left of a database's job, here and there.
sub left
{
	my ($db) = @_;
	return join ' ', $source->safe_psql('app', "SELECT count(*) FROM pg_replication_slots UNION ALL SELECT count(*) FROM pg_publication"),
	  $target->safe_psql($db, "SELECT count(*) FROM pg_subscription UNION ALL SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = '$db'");
}

# Leaders of jobs stop at a point from now on; '' for none.
sub set_point
{
	my ($point) = @_;
	$target->safe_psql('postgres', "ALTER SYSTEM SET pgcopy.test_point = '$point'");
	$target->safe_psql('postgres', 'ALTER SYSTEM SET pgcopy.test_hit = 0');
	$target->safe_psql('postgres', 'SELECT pg_reload_conf()');
	return;
}

# Hold a cutover at a point, and call it in the background.
sub begin_cutover
{
	my ($db, $job, $point) = @_;
	set_point("cutover $point");
	my $hold = hold_points($target, $db);
	my ($in, $out, $err) = ('', '', '');
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', conninfo($target, db => $db),
		'-c', "SELECT state FROM pgcopy_cutover($job)" ], \$in, \$out, \$err);
	wait_at_point($target, $db, $job);
	return { run => $run, err => \$err, hold => $hold };
}

sub end_cutover
{
	my ($call) = @_;
	$call->{run}->finish;
	$call->{hold}->quit;
	set_point('');
	return ${ $call->{err} };
}

# in a cutover
my $job = follow('one');
my $call = begin_cutover('one', $job, 'locked');
my $text = say_sql('one', "SELECT pgcopy_cancel($job)");
like($text, qr/^t$/m, 'pgcopy_cancel() in a cutover');
like($text, qr/NOTICE:  the cutover of job $job is cancelled; the target follows on/, 'says that it ends the cutover only');
unlike($text, qr/WARNING/, 'and does not say that the job is stopped');
like(end_cutover($call), qr/57014.*the cutover was cancelled/, 'whoever called it is told');
ok(wait_for_state($target, $job, 'following', db => 'one'), 'the job follows on');
is($source->safe_psql('app', 'SELECT count(*) FROM pg_db_role_setting'), 0, 'the source takes writes');
$source->safe_psql('app', 'INSERT INTO t VALUES (0)');
ok(wait_until($target, 'SELECT count(*) = 101 FROM t', db => 'one'), 'changes arrive');
$call = begin_cutover('one', $job, 'fenced');
$text = say_sql('one', "SELECT pgcopy_cancel($job, cleanup => true)");
like($text, qr/^t$/m, 'with cleanup');
like(end_cutover($call), qr/57014.*the cutover was cancelled/, 'the cutover ends as well');
is(job_state($target, $job, db => 'one'), 'cancelled', 'and so does the job');
is(left('one'), "0\n0 0\n0", 'nothing is left on either side');
is($source->safe_psql('app', 'SELECT count(*) FROM pg_db_role_setting'), 0, 'not even the fence');
like(say_sql('one', "SELECT pgcopy_drop($job)"), qr/^t$/m, 'the job is dropped');

# sessions that the guard has made read-only, and other roles
$job = follow('two');
is($target->safe_psql('two', 'SHOW transaction_read_only'), 'on', 'sessions are read-only here');
like(say_sql('two', "SELECT pgcopy_cancel($job, cleanup => true)", 'nobody'), qr/ERROR/, 'nobody may not');
like(say_sql('two', "PREPARE c AS SELECT pgcopy_cancel($job, cleanup => true); EXECUTE c", 'member'), qr/^t$/m, "a member of the owner's role may, by a prepared statement");
is(left('two'), "0\n0 0\n0", 'and nothing is left');
is($target->safe_psql('two', 'SHOW transaction_read_only'), 'off', 'the guard is lifted');
$target->safe_psql('two', 'ALTER DATABASE two SET default_transaction_read_only = on');
like(say_sql('two', "SELECT pgcopy_drop($job)"), qr/ERROR:  cannot drop a job in a read-only transaction/, "somebody else's setting binds us");
$target->safe_psql('two', 'SET default_transaction_read_only = off; ALTER DATABASE two RESET default_transaction_read_only');

$job = follow('three');
my $leader = $target->safe_psql('three', "SELECT leader_pid FROM pgcopy_jobs WHERE job = $job");
ok(wait_until($target, "SELECT pgcopy_wait($job) = 'following'", db => 'three'), 'it has caught up');
kill 'STOP', $leader;
like(say_sql('three', "BEGIN; SELECT count(*) FROM t; SELECT pgcopy_cancel($job); COMMIT", 'other'), qr/^t$/m, 'another superuser in a transaction block cancels');
my ($in, $out) = ('', '');
my $wait = IPC::Run::start([ 'psql', '-XAtq', '-d', conninfo($target, db => 'three'), '-c', "SELECT pgcopy_wait($job)" ], \$in, \$out);
ok(wait_until($target, "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pgcopy\\_wait%'", db => 'three'), 'somebody waits for the job');
sleep 1;
kill 'CONT', $leader;
$wait->finish;
is($out, "cancelled\n", 'a job that was told to stop is waited for until it has, though it had caught up');
like(say_sql('three', "BEGIN READ ONLY; SELECT pgcopy_drop($job)", 'other'), qr/ERROR:  cannot drop a job in a read-only transaction/, 'whoever says READ ONLY has it');
$text = say_sql('three', "PREPARE d AS SELECT pgcopy_drop($job); BEGIN; EXECUTE d; ROLLBACK; BEGIN; SAVEPOINT s; EXECUTE d; ROLLBACK TO s; COMMIT; SELECT count(*) FROM pg_subscription; EXECUTE d", 'other');
like($text, qr/^t\nt\n1\nt$/m, 'a drop is rolled back, to a savepoint too, and done');
like(say_sql('three', "SELECT pgcopy_drop($job)", 'other'), qr/ERROR:  job $job does not exist/, 'once');
is(left('three'), "0\n0 0\n0", 'and nothing is left');

# without the guard, and by who is no superuser
$job = follow('four');
$target->safe_psql('four', "SET default_transaction_read_only = off; ALTER DATABASE four RESET default_transaction_read_only");
like(say_sql('four', "SELECT pgcopy_cancel($job)"), qr/^t$/m, 'without the guard: cancel');
is(wait_for_end($target, $job, db => 'four'), 'cancelled', 'it ends');
like(say_sql('four', "SELECT pgcopy_drop($job)", 'member'), qr/^t$/m, 'and drop');

# what is left of the guard in a session
$job = follow('six');
like(say_sql('six', "SELECT pgcopy_cancel($job, cleanup => true); SELECT pgcopy_drop($job)"), qr/^t\nt$/m, 'in one session: cleanup lifts the guard, and drop works');
is(left('four'), "0\n0 0\n0", 'and nothing is left');

# others meddle with the subscription
$job = follow('five');
my $name = $target->safe_psql('five', 'SELECT name FROM pgcopy.follow');
my $write = 'SET default_transaction_read_only = off;';
$target->safe_psql('five', "$write ALTER SUBSCRIPTION $name DISABLE");
ok(wait_until($target, "SELECT worker_pid IS NULL FROM pgcopy_follow WHERE job = $job", db => 'five'), 'somebody has disabled it: shown');
note($target->safe_psql('five', "SELECT message FROM pgcopy_progress WHERE job = $job"));
$target->safe_psql('five', "$write ALTER SUBSCRIPTION $name ENABLE");
$source->safe_psql('app', 'INSERT INTO t VALUES (-1)');
ok(wait_until($target, 'SELECT count(*) = 102 FROM t', db => 'five'), 'and enabled again: it goes on');
$target->safe_psql('five', "$write ALTER SUBSCRIPTION $name DISABLE; ALTER SUBSCRIPTION $name SET (slot_name = NONE); DROP SUBSCRIPTION $name");
is(wait_for_end($target, $job, db => 'five'), 'failed', 'somebody has dropped it: the job fails');
$text = $target->safe_psql('five', "SELECT message FROM pgcopy_progress WHERE job = $job");
like($text, qr/subscription is gone; then SELECT pgcopy_resume\($job, consistent => true\) or pgcopy_drop\($job\)/, 'its line says why, and what to do');
like(say_sql('five', "SELECT pgcopy_drop($job)", 'member'), qr/^t$/m, 'it can be dropped');
is(left('five'), "0\n0 0\n0", 'and nothing is left');

is(crashes_in_log($target), '', 'no process has crashed');
$source->stop;
$target->stop;
done_testing();
