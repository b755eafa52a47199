# What the target of a job that follows tells, and what it takes: the lag is right when
# the source is idle, under load, and while apply stands still; a source that is away
# ends nothing, one that has lost the slot ends the job, and that is told before; errors
# of apply are shown.  Others may not write here, and whoever is read-only for that can
# still see to the job.  After a crash the job goes on by itself.  The leader costs next
# to nothing.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $TABLES = $ENV{PGCOPY_TEST_LONG} ? 5000 : 100;

my ($source, $target) = new_pair(
	'following',
	source_conf => <<'EOC',
wal_level = logical
max_wal_senders = 5
max_replication_slots = 5
max_wal_size = 10GB
max_connections = 30
EOC
	target_conf => <<'EOC');
shared_preload_libraries = 'pgcopydb_ext'
wal_retrieve_retry_interval = '200ms'
restart_after_crash = on
EOC

$source->safe_psql('postgres', <<EOQ);
CREATE TABLE t (a int PRIMARY KEY, b text);
INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 1000) g;
CREATE UNLOGGED TABLE fleeting (a int PRIMARY KEY);
INSERT INTO fleeting SELECT generate_series(1, 1000);
DO \$\$ BEGIN FOR i IN 1 .. $TABLES LOOP EXECUTE format('CREATE TABLE m%s (a int PRIMARY KEY)', i); END LOOP; END \$\$;
EOQ
$target->safe_psql('postgres', 'CREATE ROLE app LOGIN; GRANT USAGE, CREATE ON SCHEMA public TO app');

# A column of pgcopy_follow.
sub follow
{
	my ($what, $job) = @_;
	return $target->safe_psql('postgres', "SELECT $what FROM pgcopy_follow WHERE job = $job");
}

sub await_follow
{
	my ($job, $condition, $what, %more) = @_;
	return ok(wait_until($target, "SELECT $condition FROM pgcopy_follow WHERE job = $job", job => $job, what => $what, limit => 30, %more), $what);
}

sub message { return $target->safe_psql('postgres', "SELECT message FROM pgcopy_progress WHERE job = $_[0]"); }

# Run SQL that may write here all the same.
sub overriding { return "SET default_transaction_read_only = off;\n$_[0]"; }

# A session of an application that was here before.
my $early = $target->background_psql('postgres', extra_params => [ '-U', 'app' ], on_error_stop => 0);
my $early_pid = $early->query_safe('SELECT pg_backend_pid()');

my $job = clone($target, conninfo($source), follow => 'true');
is($target->safe_psql('postgres', "SELECT pgcopy_wait($job, '60 s')"), 'following', 'pgcopy_wait() returns once it follows')
  or BAIL_OUT('it does not follow');

#
# Idle
#
await_follow($job, "lag < '0.1 s' AND lag_bytes = 0", 'an idle source: no lag');
is(follow("tables || ' ' || tables_waiting || ' ' || wal_status || ' ' || errors || ' ' || (worker_pid IS NOT NULL) || ' ' || is_target_read_only", $job),
	$TABLES + 1 . ' 0 reserved 0 true true', 'pgcopy_follow shows tables, slot and worker');
like(message($job), qr/^0\.\d s behind, source keeps \d+ \w+ of WAL, ready: SELECT pgcopy_cutover\($job\)$/, 'pgcopy_progress: one line');
is($target->safe_psql('postgres', "SELECT percent || ' ' || state || ' ' || lag_bytes FROM pgcopy_jobs WHERE job = $job"), '100 following 0', 'pgcopy_jobs has it too');
my ($rc, $out, $err) = $target->psql('postgres', "SELECT pgcopy_wait($job, '10 s', verbose => true)");
like($err, qr/NOTICE:  job $job following: 100 %.*ready: SELECT pgcopy_cutover/, 'pgcopy_wait(verbose => true) tells it');
is($target->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pgcopydb_ext' AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL)"),
	0, 'the leader holds no transaction here');
is($source->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgcopy job%' AND xact_start IS NOT NULL"),
	0, 'nor on the source');

#
# The guard
#
($rc, $out, $err) = $target->psql('postgres', 'INSERT INTO t VALUES (-1)', extra_params => [ '-U', 'app' ]);
like($err, qr/cannot execute INSERT in a read-only transaction/, 'others cannot write');
is($target->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $early_pid"), 0, 'an older idle session of an application was ended');
$early->{run}->kill_kill;

#
# Under load, and standing still
#
$source->safe_psql('postgres', "UPDATE t SET b = b || 'x'");
await_follow($job, "lag < '1 s' AND applied_lsn >= '" . $source->safe_psql('postgres', 'SELECT pg_current_wal_lsn()') . "'", 'changes have arrived');
is($target->safe_psql('postgres', "SELECT count(*) FROM t WHERE b LIKE '%x'"), 1000, 'they are here');

my $blocker = $target->background_psql('postgres');
$blocker->query_safe(overriding('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE;'));
my $begun = time();
# Far more WAL than is asked for below: some of it is passed before the first row is sent.
$source->safe_psql('postgres', "UPDATE t SET b = repeat('y', 1500)");
await_follow($job, "lag > '3 s'", 'apply stands still: the lag grows');
my $lag = follow('extract(epoch FROM lag)', $job);
my $true = time() - $begun;
cmp_ok(abs($lag - $true), '<', 2.5, "as the time goes by ($lag s, in truth $true s)");
await_follow($job, 'lag_bytes > 500000', 'in bytes too');
$blocker->query_safe('ROLLBACK');
$blocker->quit;
await_follow($job, "lag < '1 s'", 'and goes when it moves on');

#
# An error of apply
#
$target->safe_psql('postgres', overriding('INSERT INTO t VALUES (5000, NULL)'));
$source->safe_psql('postgres', "INSERT INTO t VALUES (5000, 'conflict')");
await_follow($job, 'errors > 0 AND last_error IS NOT NULL', 'an error of apply is counted');
like(follow('last_error', $job), qr/^(?=.*public\.t\b).*"t_pkey".*Key \(a\)=\(5000\)/, 'with its text, in one line');
ok(wait_until($target, "SELECT message ~ '^apply fails, \\d+ times? so far: .*\"(t_pkey|public\.t)\"' FROM pgcopy_progress WHERE job = $job", job => $job, limit => 20), 'pgcopy_progress says so first');
unlike(message($job), qr/, ready/, 'and not that it is ready');
is($target->safe_psql('postgres', "SELECT count(*) FROM pgcopy_follow", extra_params => [ '-U', 'app' ]), 0, 'others do not see it');
$target->safe_psql('postgres', overriding('DELETE FROM t WHERE a = 5000'));
ok(wait_until($target, "SELECT message ~ ', ready' FROM pgcopy_progress WHERE job = $job", job => $job, limit => 30), 'it passes');

# One of a large transaction, which a helper of the worker applies where there are any.
$source->append_conf('postgresql.conf', 'logical_decoding_work_mem = 64kB');
$source->reload;
$target->safe_psql('postgres', overriding('INSERT INTO t VALUES (10000, NULL)'));
$source->safe_psql('postgres', "INSERT INTO t SELECT g, repeat('l', 500) FROM generate_series(8001, 10000) AS g");
await_follow($job, q(last_error ~ '"t_pkey".*\(10000\)'), 'an error in a large transaction is told with its reason');
$target->safe_psql('postgres', overriding('DELETE FROM t WHERE a = 10000'));
ok(wait_until($target, "SELECT message ~ ', ready' FROM pgcopy_progress WHERE job = $job", job => $job, limit => 30), 'it passes too');
is($target->safe_psql('postgres', 'SELECT count(*) FROM t WHERE a > 8000'), 2000, 'as a whole');

#
# A subscription that somebody has stopped
#
my $subscription = follow('subscription', $job);
$target->safe_psql('postgres', overriding("ALTER SUBSCRIPTION $subscription DISABLE"));
ok(wait_until($target, "SELECT message ~ 'the subscription is disabled: ALTER SUBSCRIPTION $subscription ENABLE' FROM pgcopy_progress WHERE job = $job", job => $job, limit => 20), 'a disabled subscription is told, with what to do');
$target->safe_psql('postgres', overriding("ALTER SUBSCRIPTION $subscription ENABLE"));
await_follow($job, 'worker_pid IS NOT NULL', 'it runs again');

#
# A source that is away
#
$source->stop('fast');
ok(wait_until($target, "SELECT message ~ 'the source has been away since \\d' FROM pgcopy_progress WHERE job = $job", job => $job, limit => 30), 'the source is away: that is said, and since when');
is(job_state($target, $job), 'following', 'the job goes on');
cmp_ok(follow('extract(epoch FROM lag)', $job), '>', 0, 'the lag is the time since it was seen last');
$source->start;
$source->safe_psql('postgres', "INSERT INTO t VALUES (6000, 'after')");
ok(wait_until($target, "SELECT message ~ ', ready' FROM pgcopy_progress WHERE job = $job", job => $job, limit => 30), 'it goes on by itself');
is($target->safe_psql('postgres', 'SELECT b FROM t WHERE a = 6000'), 'after', 'with what came meanwhile');

#
# What may be done in a session that is read-only for us
#
is($target->safe_psql('postgres', 'SHOW transaction_read_only'), 'on', 'sessions begin read-only');
is($target->safe_psql('postgres', "SELECT pgcopy_cancel($job)"), 't', 'pgcopy_cancel() works in them');
ok(wait_for_state($target, $job, 'cancelled'), 'the job is cancelled');
($rc, $out, $err) = $target->psql('postgres', "BEGIN READ ONLY; SELECT pgcopy_resume($job)");
like($err, qr/cannot resume a job in a read-only transaction/, 'but not if the transaction itself was begun so');
($rc, $out, $err) = $target->psql('postgres', "SELECT pgcopy_resume($job)");
is($err, '', 'pgcopy_resume() works in them');
ok(wait_for_state($target, $job, 'following'), 'it follows again');
is(follow('errors >= 0 AND tables_waiting = 0', $job), 't', 'with all tables');

#
# A crash
#
my $leader = $target->safe_psql('postgres', "SELECT leader_pid FROM pgcopy_jobs WHERE job = $job");
kill 'KILL', $leader;
ok(wait_until($target, "SELECT leader_pid <> $leader AND state = 'following' FROM pgcopy_jobs WHERE job = $job", job => $job, limit => 60, what => 'the launcher to resume'), 'the leader was killed: the launcher resumes the job');
await_follow($job, "tables_waiting = 0 AND lag < '1 s'", 'which follows');
is($target->safe_psql('postgres', 'SELECT count(*) FROM fleeting'), 0, 'what a crash has emptied waits for the cutover');

#
# What it costs
#
my $pid = $target->safe_psql('postgres', "SELECT leader_pid FROM pgcopy_jobs WHERE job = $job");
sub ticks { my @stat = split / /, slurp_file("/proc/$pid/stat"); return $stat[13] + $stat[14]; }
my ($before, $at) = (ticks(), time());
my $memory = sub { return slurp_file("/proc/$pid/status") =~ /RssAnon:\s+(\d+)/ ? $1 : 0; };
my $kb = $memory->();
$source->safe_psql('postgres', "UPDATE t SET b = b || 'z' WHERE a % 10 = $_") for 1 .. 5;
PostgreSQL::Test::Utils::system_or_bail('sleep', $ENV{PGCOPY_TEST_LONG} ? 180 : 4);
my $share = (ticks() - $before) / 100 / (time() - $at);
cmp_ok($share, '<', 0.03, sprintf 'the leader uses %.2f %% of a core with %d tables', $share * 100, $TABLES + 1);
note('its memory grew by ', $memory->() - $kb, ' kB');

#
# A slot that is lost
#
my $apply = follow('worker_pid', $job);
kill 'STOP', $apply;
$source->append_conf('postgresql.conf', "max_slot_wal_keep_size = 48MB\nwal_sender_timeout = 1s\nmax_wal_size = 64MB\nmin_wal_size = 32MB");
$source->reload;
my $writer = $source->background_psql('postgres');
$writer->query_safe('CREATE TABLE big (a text)');
for (1 .. 40)
{
	$writer->query_safe("INSERT INTO big SELECT repeat('w', 1000) FROM generate_series(1, 1500)");
	last if follow("wal_status = 'unreserved' OR lost_in IS NOT NULL", $job) eq 't';
	select(undef, undef, undef, 0.3);
}
like(message($job), qr/the slot is lost in|next checkpoint may remove WAL/, 'a slot that is about to be lost is told');
$writer->query_safe("INSERT INTO big SELECT repeat('w', 1000) FROM generate_series(1, 80000)");
$source->safe_psql('postgres', 'SELECT pg_switch_wal(); CHECKPOINT');
ok(wait_for_state($target, $job, 'failed'), 'a slot that is lost ends the job');
kill 'CONT', $apply;
like($target->safe_psql('postgres', "SELECT message || hint FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY at DESC LIMIT 1"),
	qr/cannot follow the source any more.*pgcopy_resume\($job, consistent => true\)/, 'and says what to do');
is(follow("wal_status || ' ' || (worker_pid IS NULL)", $job) =~ /^lost/, 1, 'pgcopy_follow says so');
is($target->safe_psql('postgres', 'SELECT count(*) FROM pg_subscription WHERE subenabled'), 0, 'the subscription has stopped');

#
# One that somebody drops
#
$writer->query_safe('DROP TABLE big');
$writer->quit;
($rc, $out, $err) = $target->psql('postgres', "SELECT pgcopy_resume($job, consistent => true)");
is($err, '', 'resume reads all again');
ok(wait_for_state($target, $job, 'following'), 'and follows');
my $slot = follow('slot', $job);
$source->poll_query_until('postgres', "SELECT pg_terminate_backend(active_pid) IS NULL FROM pg_replication_slots WHERE slot_name = '$slot'");
for (1 .. 200)
{
	last if ($source->psql('postgres', "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '$slot'; SELECT pg_drop_replication_slot('$slot')"))[0] == 0;
}
ok(wait_for_state($target, $job, 'failed'), 'a slot that is gone ends the job too');
is($target->safe_psql('postgres', "SELECT pgcopy_drop($job)"), 't', 'pgcopy_drop() works in a session that is read-only');
is($target->safe_psql('postgres', 'SHOW transaction_read_only'), 'off', 'and sessions may write again');
is($target->safe_psql('postgres', 'SELECT count(*) FROM pg_subscription'), 0, 'no subscription is left');

done_testing();
