# A cutover makes the target the primary, exactly and within a short pause, while
# applications go on: clients with both hosts switch by themselves.  Whatever comes
# between - a cancel, the end of the leader, a pause that gets too long, a writer who
# does not end - before the target is open, leaves both sides as they were, and the
# next cutover is exact.  A rehearsal changes nothing.  What would be lost or is not
# wanted is refused before anything is done.
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
use Time::HiRes qw(sleep time);

my ($source, $target) = new_pair('cutover', source_conf => $TRAFFIC_CONF,
	target_conf => "shared_preload_libraries = 'pgcopydb_ext'\npgcopy.auto_resume = off\n");
my @POINTS = qw(checked fenced locked marked applied again);

# Databases of this name on both sides, with rows, a sequence, a view of rows, two
# tables that the stream does not carry, and triggers of each kind.
sub new_app
{
	my ($db) = @_;
	new_database($_, $db) foreach $source, $target;
	$source->safe_psql($db, <<'EOQ');
CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
INSERT INTO account SELECT g, 100 FROM generate_series(1, 200) g;
CREATE TABLE entry (id bigserial PRIMARY KEY, account int NOT NULL REFERENCES account, amount bigint);
CREATE UNLOGGED TABLE cache (a int, b text);
INSERT INTO cache SELECT g, 'x' FROM generate_series(1, 1000) g;
CREATE TABLE keyless (a int);
INSERT INTO keyless SELECT generate_series(1, 1000);
CREATE MATERIALIZED VIEW total AS SELECT sum(balance) AS total, count(*) AS accounts FROM account;
CREATE TABLE seen (id int PRIMARY KEY);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (NEW.id); RETURN NEW; END';
CREATE TRIGGER see AFTER INSERT ON entry FOR EACH ROW WHEN (NEW.id < 0) EXECUTE FUNCTION see();
ALTER TABLE entry ENABLE ALWAYS TRIGGER see;
EOQ
	$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext');
	return;
}

sub follow
{
	my ($db, %opt) = @_;
	my $job = clone($target, conninfo($source, db => $db), db => $db, follow => 'true', %opt);

	wait_for_state($target, $job, 'following', db => $db) or BAIL_OUT('the job does not follow');
	return $job;
}

# Stop the leader at a point from now on; '' for none.
sub set_point
{
	my ($point, %opt) = @_;
	$target->safe_psql('postgres', "ALTER SYSTEM SET pgcopy.test_point = '" . ($point ? "cutover $point" : '') . "'");
	$target->safe_psql('postgres', 'ALTER SYSTEM SET pgcopy.test_hit = 0');
	$target->safe_psql('postgres', 'SELECT pg_reload_conf()');
	return;
}

# What an abort must leave as it was, on the source and here.
sub sides
{
	my ($db) = @_;
	return join "\n",
	  $source->safe_psql($db, <<'EOQ'),
SELECT count(*) FROM pg_db_role_setting s, unnest(setconfig) c WHERE c ~ 'read_only'
UNION ALL SELECT count(*) FROM pg_replication_slots WHERE database = current_database()
UNION ALL SELECT count(*) FROM pg_publication
UNION ALL SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND locktype = 'relation'
EOQ
	  $target->safe_psql($db, <<'EOQ');
SELECT count(*) FROM pg_subscription WHERE subenabled AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase, unnest(setconfig) c WHERE c ~ 'read_only' AND datname = current_database()
UNION ALL SELECT count(*) FROM pgcopy.follow WHERE fence = 'none' AND opened IS NULL
EOQ
}

# A session that calls pgcopy_cutover() in the background.
sub call
{
	my ($db, $job, $arguments) = @_;
	my ($in, $out, $err) = ('', '', '');
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', conninfo($target, db => $db),
		'-c', "SET application_name = 'caller'; SELECT state FROM pgcopy_cutover($job" . ($arguments // '') . ')' ],
		\$in, \$out, \$err);
	return { run => $run, out => \$out, err => \$err };
}

sub answer
{
	my ($call) = @_;
	$call->{run}->finish;
	return ${ $call->{out} } . ${ $call->{err} };
}

sub sums
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, 'SELECT (SELECT sum(balance) FROM account), (SELECT count(*) FROM entry), (SELECT sum(amount) FROM entry), (SELECT sum(a) FROM cache), (SELECT sum(a) FROM keyless)');
}

my $load = <<'EOS';
\set a random(1, 200)
\set d random(-5, 5)
BEGIN;
UPDATE account SET balance = balance + :d WHERE id = :a;
INSERT INTO entry (account, amount) VALUES (:a, :d);
UPDATE keyless SET a = a + :d WHERE a = :a;
END;
EOS

#
# Aborted at every step, by whoever; then exact
#
new_app('app');
my $job = follow('app');
my $traffic = PgCopyTraffic->new($source, $target, 'app', script => $load);
$traffic->start('script');
my $before = sides('app');

my %rehearsal = cutover($target, $job, db => 'app', rehearse => 'true');
is($rehearsal{state}, 'following', 'a rehearsal follows on') or diag(explain(\%rehearsal));
like($rehearsal{report}, qr/to be ended: \d+ .*copied again.*the pause would be about [\d.]+ s/s, 'and says what it would meet');
note($rehearsal{report});
is(sides('app'), $before, 'and changes nothing');

foreach my $point (@POINTS)
{
	set_point($point);
	my $hold = hold_points($target, 'app');
	my $call = call('app', $job);
	wait_at_point($target, 'app', $job);
	my $begin = time();
	$target->safe_psql('app', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'");
	like(answer($call), qr/57014/, "cancelled, $point");
	ok(wait_for_state($target, $job, 'following', db => 'app'), "cancelled, $point: it follows again");
	is(sides('app'), $before, "cancelled, $point: both sides are as before");
	note(sprintf 'after %.2f s', time() - $begin);
	$hold->quit;
}

foreach my $point (qw(fenced locked again))
{
	set_point($point);
	my $hold = hold_points($target, 'app');
	my %cutover = cutover($target, $job, db => 'app', max_pause => '0.7 s');
	is($cutover{sqlstate}, '57014', "too long, $point");
	like($cutover{message}, qr/max_pause/, "too long, $point: the error says so");
	is(sides('app'), $before, "too long, $point: both sides are as before");
	$hold->quit;
}

foreach my $point (qw(checked fenced locked applied again))
{
	set_point($point);
	my $hold = hold_points($target, 'app');
	my $call = call('app', $job);
	wait_at_point($target, 'app', $job);
	$target->safe_psql('app', "SELECT pg_terminate_backend(leader_pid) FROM pgcopy_jobs WHERE job = $job");
	like(answer($call), qr/55000.*interrupted/s, "leader terminated, $point: the caller is told");
	is($source->safe_psql('app', "SELECT count(*) FROM pg_db_role_setting s, unnest(setconfig) c WHERE c ~ 'read_only'"), 0,
		"leader terminated, $point: it has lifted the fence");
	$hold->quit;
	set_point('');
	$target->safe_psql('app', "SELECT pgcopy_resume($job)");
	ok(wait_for_state($target, $job, 'following', db => 'app'), "leader terminated, $point: resumed");
	ok(wait_until($target, "SELECT fence = 'none' FROM pgcopy.follow WHERE job = $job", db => 'app'), 'the fence is forgotten');
	is(sides('app'), $before, "leader terminated, $point: both sides are as before");
}
set_point('');

# somebody else's transaction
my $writer = $source->background_psql('app');
$writer->query_safe('BEGIN; UPDATE account SET balance = balance + 1 WHERE id = 1; UPDATE account SET balance = balance - 1 WHERE id = 2');
my %cutover = cutover($target, $job, db => 'app', terminate => 'false', grace => '0.3 s');
is($cutover{sqlstate}, '55006', 'a writer is not ended if he is not to be') or diag(explain(\%cutover));
%cutover = cutover($target, $job, db => 'app', grace => '5 s', max_pause => '0.5 s');
is($cutover{sqlstate}, '57014', 'nor before his grace is over');
like($cutover{detail}, qr/pid \d+ .*in a transaction/, 'he is named');
%cutover = cutover($target, $job, db => 'app', fence => 'lock', max_pause => '0.5 s');
is($cutover{sqlstate}, '57014', 'nor does a cutover without a fence get its locks');
like($cutover{detail}, qr/locks on \d+ tables; in the way: client backend \(pid \d+/, 'who is in the way is named');
%rehearsal = cutover($target, $job, db => 'app', rehearse => 'true');
like($rehearsal{report}, qr/not to be had beside these sessions: locks on \d+ tables; in the way: client backend \(pid \d+/, 'a rehearsal names him too') or diag(explain(\%rehearsal));
$writer->query_safe('COMMIT');
$writer->quit;
is(sides('app'), $before, 'both sides are as before');

$source->safe_psql('app', "BEGIN; INSERT INTO entry (account, amount) VALUES (1, 0); PREPARE TRANSACTION 'mine'");
%cutover = cutover($target, $job, db => 'app');
is($cutover{sqlstate}, '55000', 'a prepared transaction refuses');
like("$cutover{message} $cutover{hint}", qr/"mine".*PREPARED 'mine'/, 'and is named');
is(sides('app'), $before, 'before anything is done');
$source->safe_psql('app', "COMMIT PREPARED 'mine'");

# two at a time
set_point('checked');
my $hold = hold_points($target, 'app');
my $call = call('app', $job);
wait_at_point($target, 'app', $job);
%cutover = cutover($target, $job, db => 'app');
is($cutover{sqlstate}, '55006', 'another one is running');
$target->safe_psql('app', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'");
answer($call);
$hold->quit;
set_point('');
ok(wait_for_state($target, $job, 'following', db => 'app'), 'a caller that is gone takes its request with it');
is(sides('app'), $before, 'both sides are as before');

%cutover = cutover($target, $job, db => 'app');
is($cutover{state}, 'done', 'the cutover is through') or diag(explain(\%cutover));
note("pause $cutover{pause} s\n$cutover{report}");
cmp_ok($cutover{pause}, '<', 2, 'the pause is short');
is($target->safe_psql('app', "SELECT string_agg(substr(step, 10), ', ' ORDER BY n) FROM pgcopy_summary($job) WITH ORDINALITY AS s(step, connection, items, wall_clock, cumulative, bytes, rate, concurrency, n) WHERE step LIKE 'Cutover: %' AND wall_clock >= '0'"),
	'check, prepare, fence, lock, mark and await, copy again, open', 'pgcopy_summary() has its steps');
$traffic->stop;
cmp_ok($target->safe_psql('app', 'SELECT count(*) FROM entry'), '>', 100, 'there was traffic');
is(sums($target, 'app'), sums($source, 'app'), 'the sums are equal');
is(join("\n", left_of_following($source, $target, 'app')), '', 'nothing is left but the fence');
is(join("\n", sequences_behind($source, $target, 'app')), '', 'no sequence is behind');
is($target->safe_psql('app', "SELECT tgenabled FROM pg_trigger WHERE tgname = 'see'"), 'A', 'the trigger that was held back fires always');
is($target->safe_psql('app', 'SELECT accounts FROM total'), 200, 'the materialized view is there');
my ($rc, undef, $err) = $source->psql('app', 'INSERT INTO cache VALUES (1)');
like($err, qr/read-only/, 'the source takes no more writes');
%cutover = cutover($target, $job, db => 'app');
is($cutover{sqlstate}, '55000', 'there is no second cutover');

#
# Clients with both hosts
#
new_app('both');
$job = follow('both');
my $hosts = join(',', $source->host, $target->host);
my $ports = join(',', $source->port, $target->port);
my $both = "host=$hosts port=$ports dbname=both target_session_attrs=read-write connect_timeout=5";
my $written = 0;
my $client = sub {
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ 'psql', '-XAtq', '-d', $both, '-c', "INSERT INTO entry (account, amount) VALUES (1, 1)", '-c', 'SHOW port' ], \'', \$out, \$err);
	$written++ if $ok;
	return $ok ? $out =~ s/\s//gr : '';
};
is($client->(), $source->port, 'a client with both hosts is on the source');
$call = call('both', $job);
my ($answered, $end) = ('', time() + 30);
$answered = $client->() while $answered ne $target->port && time() < $end;
is($answered, $target->port, 'and soon on the target');
like(answer($call), qr/done/, 'the cutover is through');
is($target->safe_psql('both', 'SELECT sum(amount) FROM entry'), $written, 'and all that it wrote is there');

#
# By locks only, for applications that have stopped
#
new_app('quiet');
$job = follow('quiet');
my $reader = $source->background_psql('quiet');
$reader->query_safe('BEGIN; SELECT count(*) FROM account');
%cutover = cutover($target, $job, db => 'quiet', fence => 'lock', refresh => 'after');
is($cutover{state}, 'done', 'with locks only it is through') or diag(explain(\%cutover));
note("pause $cutover{pause} s\n$cutover{report}");
is($reader->query_safe('SELECT count(*) FROM account'), 200, 'a reader on the source is not disturbed');
$reader->quit;
is(sums($target, 'quiet'), sums($source, 'quiet'), 'the sums are equal');
is(join("\n", left_of_following($source, $target, 'quiet', fence => 0)), '', 'nothing is left');

done_testing();
