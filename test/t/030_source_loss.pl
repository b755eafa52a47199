# A lost session or process costs a second attempt, not the job.  A worker or
# its session that is lost is replaced; the snapshot is taken over by another
# session as long as one of the job has it.  When all are gone the job fails and
# says what to type.  A terminated leader takes its workers along and leaves an
# interrupted job, which can be cancelled, resumed or dropped.  Each row is
# there once, and nothing is left behind or hangs.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('loss', target_conf => "pgcopy.source_retry_timeout = '2s'\n");
new_database($source, 'app');
create_holds($source, 'app');
create_held_table($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE other (a int PRIMARY KEY, b text);
INSERT INTO other SELECT g, repeat('y', 100) FROM generate_series(1, 5000) g;
CREATE TABLE later (a int REFERENCES other);
INSERT INTO later SELECT a FROM other;
CREATE INDEX held_a ON held (a);
EOQ
my $app = conninfo($source, db => 'app');

# Start a clone that stands in COPY of the table "held".
sub start_held
{
	my ($db, %opt) = @_;
	new_database($target, $db);
	my $hold = hold($target, $db, 1);
	my $job = clone($target, $app, db => $db, %opt);
	wait_held($target, $db, 1, $job);
	return ($job, $hold);
}

sub ends_complete
{
	my ($what, $db, $job) = @_;
	is(wait_for_end($target, $job, db => $db, limit => 90), 'done', "$what: the job ends done")
	  or show_job($target, $job, db => $db);
	is( $target->safe_psql($db, 'SELECT (SELECT count(*) FROM held), (SELECT count(DISTINCT a) FROM held), (SELECT count(*) FROM other), (SELECT count(*) FROM later)'),
		'15000|15000|5000|5000', "$what: every row is there once");
	is($target->safe_psql($db, "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND is_final"),
		'0', "$what: no error is final");
	assert_frozen($target, db => $db, name => "$what: tables are frozen, indexes are sound");
	ok(is_quiet($source, $target, 10), "$what: nothing is left");
	return;
}

my $copy_sessions = "FROM pg_stat_activity WHERE application_name LIKE 'pgcopy job % worker %' AND query LIKE '%COPY%held%' AND state = 'active'";

# a worker's session on the source
my ($job, $hold) = start_held('session');
is($source->safe_psql('app', "SELECT count(pg_terminate_backend(pid)) $copy_sessions"), '1', 'the session that sends rows is terminated');
release($hold);
ends_complete('session', 'session', $job);
cmp_ok($target->safe_psql('session', "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND NOT is_final AND sqlstate ~ '^(57P01|08)'"),
	'>=', 1, 'session: the loss is recorded');
is($target->safe_psql('session', "SELECT attempts > 1 FROM pgcopy_tables WHERE job = $job AND table_name = 'held'"),
	't', 'session: the table was tried again');

# the sessions of chunks
($job, $hold) = start_held('chunks', split_tables_larger_than => '5MB', table_jobs => 3);
wait_held($target, 'chunks', 1, $job, 2);
cmp_ok($source->safe_psql('app', "SELECT count(pg_terminate_backend(pid)) $copy_sessions"), '>=', 2, 'the sessions that send chunks are terminated');
release($hold);
ends_complete('chunks', 'chunks', $job);

# the leader's session, which has the snapshot and the locks: a worker's still
# lives, and when that one goes, the leader's new one does
($job, $hold) = start_held('leader');
my $leaders = "FROM pg_stat_activity WHERE application_name LIKE 'pgcopy job % leader'";
my $pid = $source->safe_psql('app', "SELECT pid $leaders");
$source->safe_psql('app', "SELECT pg_terminate_backend($pid)");
ok(wait_until($source, "SELECT count(*) = 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.relation = 'later'::regclass AND a.application_name LIKE 'pgcopy job % leader' AND pid <> $pid",
		db => 'app', limit => 10),
	'when the session with the snapshot is lost a new one takes it over, with the locks');
$source->safe_psql('app', "INSERT INTO held VALUES (0, 'too late')");
is($source->safe_psql('app', "SELECT count(pg_terminate_backend(pid)) $copy_sessions"), '1', "then the worker's session is terminated");
release($hold);
ends_complete('leader', 'leader', $job);
$source->safe_psql('app', 'DELETE FROM held WHERE a = 0');
cmp_ok($target->safe_psql('leader', "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND item IS NULL AND NOT is_final"),
	'>=', 1, 'leader: the loss is recorded');

# with nobody left who has it
($job, $hold) = start_held('nobody');
$source->safe_psql('app', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgcopy job %'");
release($hold);
is(wait_for_end($target, $job, db => 'nobody', limit => 90), 'failed', 'when all sessions with the snapshot are lost the job fails');
like($target->safe_psql('nobody', "SELECT message FROM pgcopy_progress WHERE job = $job"), qr/SELECT pgcopy_resume/, 'and says what to type');
$target->safe_psql('nobody', "SELECT pgcopy_resume($job, consistent => true)");
ends_complete('nobody', 'nobody', $job);

# a worker of the target
($job, $hold) = start_held('worker');
is( $target->safe_psql('worker', "SELECT count(pg_terminate_backend(pid)) FROM pgcopy_workers WHERE object_name = 'held' AND doing = 'table'"),
	'1', 'a worker is terminated');
release($hold);
ends_complete('worker', 'worker', $job);

# the leader itself: its workers must not stay
($job, $hold) = start_held('orphans');
$target->safe_psql('orphans', "SELECT pg_terminate_backend(leader_pid) FROM pgcopy_jobs WHERE job = $job");
ok(is_quiet($source, $target, 10), 'when the leader is terminated its workers and sessions go too');
like(job_state($target, $job, db => 'orphans'), qr/^(failed|interrupted|cancelled)$/, 'the job does not look as if it ran');
release($hold);
$target->safe_psql('orphans', "SELECT pgcopy_cancel($job)");
is(job_state($target, $job, db => 'orphans'), 'cancelled', 'an interrupted job can be cancelled')
  if job_state($target, $job, db => 'orphans') !~ /failed/;
is($target->safe_psql('orphans', "SELECT pgcopy_drop($job)"), 't', 'and dropped');

# the source goes down and does not come back in time
($job, $hold) = start_held('restart');
$source->stop('immediate');
release($hold);
my $end = wait_for_end($target, $job, db => 'restart', limit => 150);
is($end, 'failed', 'when the source is gone the job fails');
isnt($target->safe_psql('restart', "SELECT message FROM pgcopy_progress WHERE job = $job"), '', 'and says why');
is($target->safe_psql('restart', 'SELECT count(*) FROM held'), '0', 'no row of an unfinished table is seen');
$source->start;
ok(is_quiet($source, $target, 10), 'and nothing is left');

# the target goes down while a job runs: it must not hang
($job, $hold) = start_held('shutdown');
$target->stop('fast');
pass('a fast shutdown ends a running job');
eval { $hold->quit };
$target->start;
is(job_state($target, $job, db => 'shutdown'), 'interrupted', 'afterwards the job is interrupted');
ok(is_quiet($source, $target, 10), 'and has left nothing');
is($target->safe_psql('shutdown', "SELECT pgcopy_cancel($job)"), 't', 'it can be cancelled');
is(job_state($target, $job, db => 'shutdown'), 'cancelled', 'and is cancelled then');

# the database of a running job is dropped, the extension too
($job, $hold) = start_held('dropped');
my ($rc, undef, $err) = $target->psql('dropped', "SET lock_timeout = '2s'; DROP EXTENSION pgcopydb_ext", on_error_stop => 1);
release($hold);
if ($rc == 0)
{
	ok(is_quiet($source, $target, 20), 'DROP EXTENSION ends a running job');
}
else
{
	like($err, qr/lock timeout|being used|job/, 'DROP EXTENSION does not go through while a job runs');
	is(wait_for_end($target, $job, db => 'dropped'), 'done', 'and the job ends done');
}
($job, $hold) = start_held('forced');
eval { $hold->{run}->kill_kill };
$target->safe_psql('postgres', 'DROP DATABASE forced WITH (FORCE)');
ok(is_quiet($source, $target, 10), 'DROP DATABASE ... WITH (FORCE) ends a running job');

$source->stop;
$target->stop;
done_testing();
