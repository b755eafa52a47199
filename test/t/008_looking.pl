# Looking at jobs is harmless and never misleads.  The functions may stand in
# parallel plans only where that is safe.  On a standby jobs are seen as they
# are written down and none is called interrupted; what would write is refused
# there, with a hint.  Waiting costs next to nothing, however many wait.  A job
# is not seen before its leader is there, so nobody is told "interrupted"
# because a leader is late; one that never comes is an error of whoever has
# called.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my ($source, $target) = new_pair('looking', extension => 0, target_init => [ allows_streaming => 1 ]);
new_database($source, 'app');
new_database($target, 'app', 'many', 'late');
create_holds($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE slow (a int CHECK (hold.here(1)));
INSERT INTO slow SELECT generate_series(1, 1000);
CREATE INDEX ON slow (a);
EOQ
$target->safe_psql($_, 'CREATE EXTENSION pgcopydb_ext') foreach qw(app many late);
$target->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('looking_standby');
$standby->init_from_backup($target, 'backup', has_streaming => 1);
$standby->start;

my $from = conninfo($source, db => 'app');
my @views = qw(pgcopy_jobs pgcopy_progress pgcopy_tables pgcopy_indexes pgcopy_workers pgcopy_errors pgcopy_notices pgcopy.step pgcopy.cutover_step);
my $hold = hold($target, 'app', 1);
my $job = clone($target, $from, db => 'app');
wait_held($target, 'app', 1, $job);

#
# Parallel plans
#
my $name = $target->safe_psql('app', "SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') ORDER BY 1 LIMIT 1");
my $parallel = "SET $name = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;";
$target->safe_psql('app', 'CREATE TABLE big AS SELECT g AS a FROM generate_series(1, 10000) g');
like($target->safe_psql('app', "$parallel EXPLAIN SELECT count(*) FROM big"), qr/Gather/, 'plans here are parallel');
foreach my $what ((map { "SELECT v.*, (SELECT count(*) FROM big) FROM $_ AS v" } @views),
	(map { "SELECT count(*) FROM big, $_ AS v WHERE v.job = big.a" } @views),
	"SELECT * FROM pgcopy_summary($job), (SELECT count(*) FROM big) AS b",
	"SELECT pgcopy.is_interrupted(a), pgcopy.bar(a) FROM big WHERE a = $job",
	"SELECT (SELECT count(*) FROM pgcopy.live_workers(a)), (SELECT count(*) FROM pgcopy.live(a)) FROM big WHERE a = $job",
	"SELECT pgcopy_wait(a, '0') FROM big WHERE a = $job")
{
	my ($rc, undef, $err) = $target->psql('app', "$parallel $what");
	is($err, '', "beside a parallel plan: $what");
}
is($target->safe_psql('app', "SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' JOIN pg_extension AS e ON e.oid = d.refobjid WHERE e.extname = 'pgcopydb_ext' AND p.proparallel <> 'u' ORDER BY p.oid::regprocedure::text COLLATE \"C\""),
	"pgcopy.bar(integer)\npgcopy.check_job(bigint,boolean)\npgcopy.duration(interval)\npgcopy.options()\npgcopy.shorten(text,text)\npgcopy.size(numeric)\npgcopy.size_of(numeric,numeric)\npgcopy_options_from_ini(text)\npgcopy_summary(bigint)",
	'only what looks at nothing but its arguments or tables may run beside one');

#
# A standby of the target
#
$target->wait_for_catchup($standby);
is($standby->safe_psql('app', "SELECT state FROM pgcopy_jobs WHERE job = $job"), 'copying', 'on a standby a job is in the state its row has, not interrupted');
is($standby->safe_psql('app', "SELECT state FROM pgcopy_progress WHERE job = $job"), 'copying', 'also for people');
is($standby->safe_psql('app', "SELECT pgcopy.is_interrupted($job)"), 'f', 'nor does the function say so');
foreach my $view (@views)
{
	my (undef, undef, $err) = $standby->psql('app', "TABLE $view");
	is($err, '', "on a standby $view can be read");
}
is($standby->safe_psql('app', 'SELECT count(*) FROM pgcopy_workers'), '0', 'whose processes are elsewhere');
is($standby->safe_psql('app', "SELECT pgcopy_wait($job, '10 ms')"), 'copying', 'on a standby a job can be waited for');
foreach my $call ("pgcopy_clone('$from')", "pgcopy_cancel($job)", "pgcopy_resume($job)", "pgcopy_drop($job)", "pgcopy_follow_add($job, 't')")
{
	(my $quoted = $call) =~ s/'(.*)'/quote_literal($1)/e;
	my @error = call_error($standby, 'app', "SELECT $quoted");
	is($error[0], '25006', "on a standby $call is refused");
	like($error[3], qr/primary/, 'and the hint says where to go');
}
foreach my $call ("pgcopy_resume($job)", "pgcopy_drop($job)")
{
	my @error = call_error($target, 'app', "BEGIN READ ONLY; SELECT $call");
	is($error[0], '25006', "in a read-only transaction $call is refused");
	like($error[3], qr/READ WRITE/, 'and the hint says how it is not');
}

#
# Who waits does not read all locks of the server
#
my $position = -s $target->logfile;
$target->safe_psql('app', "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on; SELECT pgcopy_wait($job, '1 s')");
my $log = substr slurp_file($target->logfile), $position;
like($log, qr/FROM pgcopy\.job/, 'what pgcopy_wait asks is in the log');
unlike($log, qr/pg_locks/, 'and it does not ask pg_locks');
my $waiter = $target->background_psql('app');
my $transaction = "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'virtualxid' AND pid = (SELECT pid FROM pg_stat_activity WHERE query ~ '^DO.*pgcopy_wait')";
$waiter->query_until(qr/waits/, "\\echo waits\nDO \$\$ BEGIN WHILE pgcopy_wait($job, '50 ms') NOT IN ('done', 'failed', 'cancelled', 'interrupted') LOOP COMMIT; END LOOP; END \$\$;\n");
wait_until($target, "SELECT count(*) = 1 FROM ($transaction) AS t", db => 'app');
my $old = $target->safe_psql('app', $transaction);
ok(wait_until($target, "SELECT bool_and(virtualtransaction <> '$old') FROM ($transaction) AS t", db => 'app', limit => 20), 'who waits in pieces keeps no snapshot for long');
release($hold);
is($target->safe_psql('app', "SELECT pgcopy_wait($job)"), 'done', 'the job ends done');
$waiter->query_safe('SELECT 1');
$waiter->quit;
$target->wait_for_catchup($standby);
is($standby->safe_psql('app', "SELECT pgcopy_wait($job)"), 'done', 'and who waits on the standby hears of it');
$standby->stop;

#
# Many who look at a job with as many slots as there can be
#
my $many = clone($target, $from, db => 'many', table_jobs => 64, index_jobs => 64);
my $script = $target->basedir . '/look.sql';
open my $fh, '>', $script or die "could not write $script: $!";
print $fh "TABLE pgcopy_workers;\nTABLE pgcopy_progress;\nTABLE pgcopy_tables;\n";
close $fh;
$target->command_ok([ 'pgbench', '-n', '-c', '4', '-t', '50', '-f', $script, '-p', $target->port, '-h', $target->host, 'many' ], 'many look at once');
is($target->safe_psql('many', "SELECT pgcopy_wait($many)"), 'done', 'and the job ends done');

#
# A leader that is late: new sessions of the target wait for a lock
#
my $blocker = $target->background_psql('late');
my $caller = $target->background_psql('late', on_error_stop => 0);
my $clone = 'SELECT pgcopy_clone(' . quote_literal($from) . ')';
my $block = 'BEGIN; LOCK TABLE pg_catalog.pg_db_role_setting IN ACCESS EXCLUSIVE MODE';
my $waits = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'pg_db_role_setting'::regclass";

# By the session that is there already: a new one would wait, too.
sub wait_in
{
	my ($session, $query) = @_;
	my $end = time() + 60;
	while (time() < $end)
	{
		my $got = $session->query_safe($query);
		return $got if $got ne '';
		sleep(0.05);
	}
	return '';
}

$blocker->query_safe($waits);
$blocker->query_safe('SELECT count(*) FROM pgcopy_jobs');
$blocker->query_safe($block);
$caller->query_until(qr/asked/, "\\echo asked\n$clone;\n");
isnt(wait_in($blocker, $waits), '', 'the leader is late');
$blocker->query_safe("UPDATE pgcopy.job SET queued = queued - interval '1 hour'");
is($blocker->query_safe("SELECT state FROM pgcopy_jobs WHERE state = 'interrupted'"), '', 'nobody sees an interrupted job');
is($blocker->query_safe('SELECT count(*) FROM pgcopy_jobs'), '0', 'nor any job before its leader is there');
$blocker->query_safe('ROLLBACK');
$caller->query_safe('SELECT 1');
is($target->safe_psql('late', 'SELECT pgcopy_wait(max(job)) FROM pgcopy_jobs'), 'done', 'it comes and does the job');

$blocker->query_safe($block);
$caller->query_until(qr/asked/, "\\echo asked\n$clone;\n\\echo :SQLSTATE\n");
my $pid = wait_in($blocker, $waits);
$blocker->query_safe("SELECT pg_terminate_backend($pid)");
like($caller->query('SELECT 1'), qr/^53000$/m, 'one that dies before it has begun is an error of who has called');
$caller->query_until(qr/asked/, "\\echo asked\n$clone;\n\\echo :SQLSTATE\n");
wait_in($blocker, $waits);
$blocker->query_safe("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ 'pgcopy_clone' AND state = 'active' AND pid <> pg_backend_pid()");
like($caller->query('SELECT 1'), qr/^57014$/m, 'and who has called can give up');
$blocker->query_safe('ROLLBACK');
is($target->safe_psql('late', 'SELECT count(*) FROM pgcopy_jobs'), '1', 'no job is left of that');
ok(is_quiet($source, $target, 20), 'and no process');

$caller->quit;
$blocker->quit;
$source->stop;
$target->stop;
done_testing();
