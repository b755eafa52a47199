# A source that falls silent is not waited for without a word.  Who waits for
# what, and for whose lock, is in the views; a session that hangs is reported
# after seconds and given up after pgcopy.source_retry_timeout; one that answers
# again goes on as if nothing had been.  Nothing that ends a job waits for the
# source: cancel and shutdown take no more than seconds.  TCP is told to notice
# a dead wire within a minute, also by pg_dump.
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

my ($source, $target) = new_pair('silence');
my $proxy = PgCopyProxy->new($source);
new_database($source, 'app');
create_holds($source, 'app');
create_held_table($source, 'app');
my $app = $proxy->conninfo(db => 'app', connect_timeout => 2);
new_database($target, qw(defaults planning dumping copying shutdown worker leader lost));

my $waits_for_lock = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = ";

sub state_and_message
{
	my ($db, $job, $like, $limit) = @_;
	return wait_until($target, "SELECT message ~ " . quote_literal($like) . " FROM pgcopy_progress WHERE job = $job",
		db => $db, job => $job, limit => $limit, what => "the message /$like/");
}

# what TCP is told: pg_dump shows it
my $blocker = $source->background_psql('app');
$blocker->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_init_privs IN ACCESS EXCLUSIVE MODE');
my $job = clone($target, conninfo($source, db => 'app'), db => 'defaults');
wait_until($source, "$waits_for_lock 'pg_init_privs'::regclass", db => 'app', what => 'pg_dump to wait for a lock');
my ($pid) = map { /^(\d+) pg_dump/ } our_children($target);
my %tcp = slurp_proc($pid, 'cmdline') =~ /\b(connect_timeout|keepalives\w*|tcp_user_timeout) ?= ?'?(\d+)/g;
cmp_ok($tcp{keepalives_idle} + $tcp{keepalives_interval} * $tcp{keepalives_count}, '<=', 60,
	'keepalives notice within a minute that an idle connection is dead');
is($tcp{keepalives}, 1, 'and they are on');
cmp_ok($tcp{tcp_user_timeout}, '<=', 60000, 'so does tcp_user_timeout for one that is not idle');
cmp_ok($tcp{tcp_user_timeout}, '>', 0, 'and it is on');
cmp_ok($tcp{connect_timeout}, '<=', 60, 'so does connect_timeout for one that is not there yet');
$target->safe_psql('defaults', "SELECT pgcopy_cancel($job)");
is_quiet($source, $target, 10);

# cancel: nothing of ours waits for a source that is silent
sub cancel_in_silence
{
	my ($what, $db) = @_;
	my $start = time();
	cmp_ok($proxy->black_hole, '>=', 1, "$what: the source falls silent");
	$target->safe_psql($db, "SELECT pgcopy_cancel($job)");
	ok( wait_until($target, "SELECT state = 'cancelled' FROM pgcopy_progress WHERE job = $job", db => $db, limit => 3, job => $job)
		  && time() - $start < 3.5, "$what: the job can be cancelled within 3 seconds")
	  or diag('after ' . (time() - $start) . ' s');
	is_deeply([ our_backends($target), our_children($target) ], [], "$what: no process is left");
	$proxy->cut;
	ok(is_quiet($source, $target, 10), "$what: no session is left when the network is back");
	return;
}
$job = clone($target, $app, db => 'dumping');
wait_until($source, "$waits_for_lock 'pg_init_privs'::regclass", db => 'app', what => 'pg_dump to wait for a lock');
cancel_in_silence('pg_dump', 'dumping');
$blocker->query_safe('ROLLBACK; BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE');

# planning: the leader waits for a lock, and says on whom
$job = clone($target, $app, db => 'planning');
my $blocker_pid = $blocker->query_safe('SELECT pg_backend_pid()');
ok(state_and_message('planning', $job, "^waiting for a lock on the source: blocked by session $blocker_pid \\(.*\\)\$", 10),
	'a leader that waits for a lock on the source says on whom');
cancel_in_silence('planning', 'planning');
$blocker->query_safe('ROLLBACK');
$blocker->quit;

sub start_held
{
	my ($db) = @_;
	my $hold = hold($target, $db, 1);
	$job = clone($target, $app, db => $db);
	wait_held($target, $db, 1, $job);
	return $hold;
}

# on the target pgcopy_workers says on whom
my $hold = start_held('copying');
my $holder = $target->safe_psql('copying', "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 471100 AND granted");
is( $target->safe_psql('copying', "SELECT object_name, wait_event_type, blocked_by FROM pgcopy_workers WHERE doing = 'table'"),
	"held|Lock|{$holder}", 'a worker that waits for a lock says on whom');
$proxy->black_hole;
release($hold);
cancel_in_silence('copying', 'copying');

# shutdown
$hold = start_held('shutdown');
$proxy->black_hole;
release($hold);
my $start = time();
$target->stop('fast');
cmp_ok(time() - $start, '<', 3.5, 'a fast shutdown does not wait for a source that is silent');
$proxy->cut;
$target->start;

# one session hangs: the others do not
$hold = start_held('worker');
my $session = $source->safe_psql('app', "SELECT pid FROM pg_stat_activity WHERE query LIKE '%COPY%held%' AND application_name LIKE 'pgcopy job % worker %'");
kill 'STOP', $session;
release($hold);
ok(state_and_message('worker', $job, '^worker \d has received nothing from the source for \d+ s: see pg_stat_activity there$', 40),
	'a worker whose session hangs says so');
kill 'CONT', $session;
is(wait_for_end($target, $job, db => 'worker', limit => 30), 'done', 'and goes on when it does not hang any more');

# all sessions hang: the leader notices, and goes on when they go on
$hold = start_held('leader');
$proxy->black_hole;
ok(state_and_message('leader', $job, '^the source has not answered for \d+ s: check whether it hangs$', 40),
	'a leader whose session hangs says so');
is($target->safe_psql('leader', "SELECT count(*) FROM pgcopy_errors WHERE job = $job"), '0', 'which is no error yet');
$proxy->pass;
release($hold);
is(wait_for_end($target, $job, db => 'leader', limit => 30), 'done', 'and goes on when it does not hang any more');

# not for ever
$target->safe_psql('postgres', "ALTER DATABASE lost SET pgcopy.source_retry_timeout = '11s'");
$hold = start_held('lost');
$proxy->black_hole;
ok(state_and_message('lost', $job, '^waiting up to 11 s for the source: could not connect', 60),
	'a session that is silent too long is given up');
$proxy->cut;
release($hold);
is(wait_for_end($target, $job, db => 'lost', limit => 30), 'done', 'and replaced when the source is back');
is($target->safe_psql('lost', 'SELECT count(*), count(DISTINCT a) FROM held'), '15000|15000', 'with every row there once');
ok(is_quiet($source, $target, 10), 'nothing is left');

$source->stop;
$target->stop;
done_testing();
