# A source that is away for a while is waited for, in each phase and for as long
# as pgcopy.source_retry_timeout says; pgcopy_progress says so, and the job can
# be cancelled meanwhile.  When it is back its snapshot is gone: the job goes on
# by itself where that does no harm, before any table was read or after all of
# them, and else fails with both ways out.  A worker that still has its session
# reads on.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyProxy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($source, $target) = new_pair('away');
new_database($source, 'app', 'small');
create_holds($source, 'app', pre_data => 1);
# Ten megabytes: what the socket holds would be read to its end without the source.
$source->safe_psql('app', <<'EOQ');
CREATE TABLE held (a int CHECK (hold.here(1)), b text);
INSERT INTO held SELECT g, repeat(md5(g::text), 100) FROM generate_series(1, 3000) g;
CREATE INDEX held_a ON held ((a + hold.here(2)::int));
CREATE SEQUENCE numbers;
SELECT setval('numbers', 4711);
SELECT lo_from_bytea(815, 'a large object');
EOQ
my $app = conninfo($source, db => 'app');

sub waits_for_source
{
	my ($what, $db, $job, $state) = @_;
	ok( wait_until($target, "SELECT state || ': ' || (message ~ '^waiting up to 300 s for the source: .+') FROM pgcopy_progress WHERE job = $job",
			db => $db, job => $job, limit => 20, expected => "$state: true"),
		"$what: the job waits for the source, and says so");
	return;
}

sub ends_complete
{
	my ($what, $db, $job) = @_;
	is(wait_for_end($target, $job, db => $db, limit => 25), 'done', "$what: the job ends done")
	  or show_job($target, $job, db => $db);
	assert_same($source, $target, source_db => 'app', db => $db, name => "$what: all is there");
	cmp_ok($target->safe_psql($db, "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND NOT is_final AND sqlstate ~ '^(57P|08)'"),
		'>=', 1, "$what: the loss is recorded");
	is($target->safe_psql($db, "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND is_final"), '0', "$what: no error is final");
	ok(is_quiet($source, $target, 10), "$what: nothing is left");
	return;
}

# planning: the leader waits for a lock when the source goes down, or pg_dump
new_database($target, qw(planning dumping pre_data first all some cancelled late never short));
my $job;
foreach my $case ([ 'planning', 'planning', 'held', 'fast' ], [ 'pg_dump', 'dumping', 'pg_catalog.pg_init_privs', 'immediate' ])
{
	my ($what, $db, $table, $mode) = @$case;
	my $blocker = $source->background_psql('app', on_error_die => 0);
	$blocker->query_safe("BEGIN; LOCK TABLE $table IN ACCESS EXCLUSIVE MODE");
	$job = clone($target, $app, db => $db);
	wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = '$table'::regclass", db => 'app');
	$source->stop($mode);
	eval { $blocker->quit };
	waits_for_source($what, $db, $job, 'planning');
	$source->start;
	ends_complete($what, $db, $job);
}

# pre-data: no table has been read
my $hold = hold($target, 'pre_data', 3);
$job = clone($target, $app, db => 'pre_data');
wait_held($target, 'pre_data', 3, $job);
$source->stop('fast');
release($hold);
waits_for_source('pre-data', 'pre_data', $job, 'copying');
$source->start;
ends_complete('pre-data', 'pre_data', $job);

# copying: the first table is on its way, large objects are left out of account
$hold = hold($target, 'first', 1);
$job = clone($target, conninfo($source, db => 'app'), db => 'first', large_objects => 'false');
wait_held($target, 'first', 1, $job);
$source->stop('immediate');
release($hold);
waits_for_source('copying', 'first', $job, 'copying');
$source->start;
is(wait_for_end($target, $job, db => 'first', limit => 25), 'done', 'copying: the job ends done');
is($target->safe_psql('first', 'SELECT count(*), count(DISTINCT a) FROM held'), '3000|3000', 'copying: every row is there once');
ok(is_quiet($source, $target, 10), 'copying: nothing is left');

# all tables have been read: what is left to read are sequences
$hold = hold($target, 'all', 2);
$job = clone($target, $app, db => 'all');
wait_held($target, 'all', 2, $job);
wait_until($source, "SELECT count(*) = 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.relation = 'held'::regclass AND a.application_name LIKE 'pgcopy%'",
	db => 'app', what => 'the snapshot to be let go');
$source->stop('fast');
release($hold);
waits_for_source('all read', 'all', $job, 'post-data');
$source->start;
ends_complete('all read', 'all', $job);

# some tables have been read: the user has to choose
$source->safe_psql('app', 'CREATE TABLE other AS SELECT g AS a FROM generate_series(1, 100) g');
$hold = hold($target, 'some', 1);
$job = clone($target, $app, db => 'some');
wait_held($target, 'some', 1, $job);
wait_until($target, "SELECT state = 'copied' FROM pgcopy_tables WHERE job = $job AND table_name = 'other'", db => 'some', job => $job);
$source->stop('fast');
release($hold);
waits_for_source('some read', 'some', $job, 'copying');
$source->start;
is(wait_for_end($target, $job, db => 'some', limit => 25), 'failed', 'some read: the job fails when the source is back');
like($target->safe_psql('some', "SELECT message FROM pgcopy_errors WHERE job = $job AND is_final"),
	qr/^job $job: 1 of 2 tables were read under a snapshot that is gone$/, 'some read: with the count');
like($target->safe_psql('some', "SELECT hint FROM pgcopy_errors WHERE job = $job AND is_final"),
	qr/pgcopy_resume\($job, consistent => false\).*pgcopy_resume\($job, consistent => true\)/, 'some read: and two ways out');
$target->safe_psql('some', "SELECT pgcopy_resume($job, consistent => true)");
ends_complete('some read', 'some', $job);

# a new connection is refused while a worker still reads: nothing is lost
my $proxy = PgCopyProxy->new($source);
$hold = hold($target, 'cancelled', 1);
$job = clone($target, $proxy->conninfo(db => 'app'), db => 'cancelled');
wait_held($target, 'cancelled', 1, $job);
$proxy->refuse;
release($hold);
waits_for_source('cancel', 'cancelled', $job, 'copying');
my $start = time();
$target->safe_psql('cancelled', "SELECT pgcopy_cancel($job)");
ok(is_quiet($source, $target, 3 - (time() - $start)), 'a job that waits for its source can be cancelled');
is(job_state($target, $job, db => 'cancelled'), 'cancelled', 'and is cancelled then');
$target->safe_psql('cancelled', "SELECT pgcopy_resume($job, consistent => true)");
waits_for_source('resume', 'cancelled', $job, 'planning');
$proxy->pass;
ends_complete('resume', 'cancelled', $job);

# it does not come back in time
$target->safe_psql('postgres', "ALTER DATABASE short SET pgcopy.source_retry_timeout = '2s'; ALTER DATABASE never SET pgcopy.source_retry_timeout = 0");
foreach my $db (qw(short never))
{
	$hold = hold($target, $db, 3);
	$job = clone($target, $proxy->conninfo(db => 'app'), db => $db);
	wait_held($target, $db, 3, $job);
	$proxy->refuse;
	$start = time();
	release($hold);
	is(wait_for_end($target, $job, db => $db, limit => 30), 'failed', "$db: the job fails");
	my $took = time() - $start;
	ok($db eq 'short' ? $took > 2 : $took < 10, "$db: when the time is over") or diag("after $took s");
	like($target->safe_psql($db, "SELECT sqlstate || ' ' || message FROM pgcopy_errors WHERE job = $job AND is_final"),
		qr/^08001 could not connect to the source: .*refused/, "$db: and says why");
	$proxy->pass;
	ok(is_quiet($source, $target, 10), "$db: nothing is left");
}
is($target->safe_psql('postgres', "LOAD 'pgcopydb_ext'; SHOW pgcopy.source_retry_timeout"), '5min', 'the default is five minutes');

$source->stop;
$target->stop;
done_testing();
