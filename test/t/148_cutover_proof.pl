# What a cutover rests on is looked at again before the target opens: the locks, the
# fence, and that nobody of before is left who could write.  A statement that fails in
# the last transaction leaves the stream where it was: no row comes twice.  A fence that
# could not be lifted at once is lifted, whoever comes next, and puts back what was there
# before the first one.  Who asks again once the target is open is told so.  All that with
# a connection string that asks for a server that takes writes, which the fenced source is
# not to libpq.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run ();
use PgCopy;
use PgCopyFaults;
use PgCopyProxy;
use PgCopyScene;
use PgCopyTraffic;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# Applied transactions are not flushed, and so not confirmed to the slot, for a while.
my ($source, $target) = new_pair('proof', source_conf => $TRAFFIC_CONF,
	target_conf => "shared_preload_libraries = 'pgcopydb_ext'\npgcopy.auto_resume = off\nwal_writer_delay = '10s'\n");

$source->safe_psql('postgres', "CREATE ROLE mig LOGIN SUPERUSER PASSWORD 'mig'");
my $proxy = PgCopyProxy->new($source);

# A database with a table whose rows can come twice, and a trigger that is held back.
sub follow
{
	my ($db) = @_;
	new_database($_, $db) foreach $source, $target;
	$source->safe_psql($db, <<'EOQ');
CREATE TABLE entry (a text);
ALTER TABLE entry REPLICA IDENTITY FULL;
INSERT INTO entry VALUES ('first');
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER see AFTER INSERT ON entry FOR EACH ROW EXECUTE FUNCTION see();
ALTER TABLE entry ENABLE ALWAYS TRIGGER see;
EOQ
	my $job = clone($target, $proxy->conninfo(db => $db, user => 'mig', password => 'mig',
		target_session_attrs => 'read-write'), db => $db, follow => 'true');
	wait_for_state($target, $job, 'following', db => $db) or BAIL_OUT('the job does not follow');
	return $job;
}

# Stop the leader at a point from now on; '' for none.
sub set_point
{
	my ($point) = @_;
	$target->safe_psql('postgres', $_)
	  foreach "ALTER SYSTEM SET pgcopy.test_point = '" . ($point ? "cutover $point" : '') . "'",
	  'ALTER SYSTEM SET pgcopy.test_hit = 0', 'SELECT pg_reload_conf()';
	return;
}

# Call pgcopy_cutover() in the background.
sub call
{
	my ($db, $job) = @_;
	my $out = '';
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', conninfo($target, db => $db), '-c',
		"SET application_name = 'caller'; SELECT state FROM pgcopy_cutover($job)" ], \'', \$out, '2>&1');
	return { run => $run, out => \$out };
}

sub answer
{
	my ($call) = @_;
	$call->{run}->finish;
	return ${ $call->{out} };
}

# Call it and wait until the leader stands at a point.  Returns call and hold.
sub call_up_to
{
	my ($db, $job, $point) = @_;
	set_point($point);
	my $hold = hold_points($target, $db);
	my $call = call($db, $job);
	wait_at_point($target, $db, $job);
	set_point('');
	return ($call, $hold);
}

# Write on the source in spite of the fence.
sub write_over
{
	my ($db, $value) = @_;
	return $source->safe_psql($db, "SET default_transaction_read_only = off; INSERT INTO entry VALUES ('$value')");
}

sub entries { return $_[0]->safe_psql($_[1], 'SELECT a, count(*) FROM entry GROUP BY a ORDER BY a'); }

sub setting_of_source
{
	my ($db) = @_;
	return $source->safe_psql('postgres', <<EOQ);
SELECT c FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase, unnest(setconfig) c WHERE datname = '$db' AND c ~ 'read_only'
EOQ
}

sub is_followed
{
	my ($db, $what) = @_;
	catch_up($source, $target, $db);
	is(entries($target, $db), entries($source, $db), "$what: the rows are equal");
	return;
}

#
# The last transaction fails
#
my $job = follow('app');
$target->safe_psql('app', 'SET default_transaction_read_only = off; DROP TRIGGER see ON entry');
my ($call, $hold) = call_up_to('app', $job, 'fenced');
write_over('app', 'in the fence');
catch_up($source, $target, 'app');
$hold->quit;
like(answer($call), qr/42704/, 'a statement that was held back fails');
is(setting_of_source('app'), '', 'the fence is lifted');
write_over('app', 'after');
is_followed('app', 'after it has failed');

#
# The locks are lost while the target waits for the rest
#
($call, $hold) = call_up_to('app', $job, 'again');
$source->safe_psql('app', "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'pgcopy job $job locks'");
write_over('app', 'without locks');
$target->safe_psql('app', "SET default_transaction_read_only = off; CREATE TRIGGER see AFTER INSERT ON entry FOR EACH ROW EXECUTE FUNCTION see()");
$hold->quit;
like(answer($call), qr/ERROR/, 'without its locks the cutover does not open the target');
is_followed('app', 'the locks were lost');

# and so is the fence
($call, $hold) = call_up_to('app', $job, 'again');
$source->safe_psql('app', 'SET default_transaction_read_only = off; ALTER DATABASE app RESET default_transaction_read_only');
$hold->quit;
like(answer($call), qr/ERROR/, 'nor without its fence');
is_followed('app', 'the fence was lost');

#
# A fence that cannot be lifted at once
#
($call, $hold) = call_up_to('app', $job, 'fenced');
$proxy->refuse;
$target->safe_psql('app', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'");
answer($call);
$hold->quit;
like(setting_of_source('app'), qr/=on/, 'the fence stays while the source is away');
set_point('locked');
$hold = hold_points($target, 'app');
wait_until($target, "SELECT state = 'following' FROM pgcopy_progress WHERE job = $job", db => 'app');
$proxy->pass;
$call = call('app', $job);
wait_at_point($target, 'app', $job);
$target->safe_psql('app', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'");
answer($call);
$hold->quit;
set_point('');
ok(wait_until($target, "SELECT fence = 'none' FROM pgcopy.follow WHERE job = $job", db => 'app'), 'the second one has forgotten it');
is(setting_of_source('app'), '', 'and put back what was there before the first');

#
# A session that began before the fence and shows up behind it
#
my ($late_out, $begun) = ('', time());
{
	local $ENV{PGOPTIONS} = '-c post_auth_delay=4';
	my $late = IPC::Run::start([ 'psql', '-XAtq', '-d', conninfo($source, db => 'app'), '-c', "INSERT INTO entry VALUES ('late')" ],
		\'', \$late_out, '2>&1');
	sleep(0.5);
	delete $ENV{PGOPTIONS};
	($call, $hold) = call_up_to('app', $job, 'opened');
	$hold->quit;
	like(answer($call), qr/cutover|done/, 'the target is open');
	note(sprintf 'after %.1f s', time() - $begun);
	$late->finish;
}
note($late_out);
ok($source->safe_psql('app', "SELECT count(*) FROM entry WHERE a = 'late'") eq $target->safe_psql('app', "SELECT count(*) FROM entry WHERE a = 'late'"),
	'no row of a late session is on the source alone');
ok(wait_for_state($target, $job, 'done', db => 'app'), 'the job is done');
is(entries($target, 'app'), entries($source, 'app'), 'the rows are equal');
is(join("\n", left_of_following($source, $target, 'app')), '', 'nothing is left but the fence');

#
# The target dies in the fence, and the slot is lost
#
$job = follow('lost');
($call, $hold) = call_up_to('lost', $job, 'fenced');
$target->stop('immediate');
answer($call);
eval { $hold->quit };
$source->safe_psql('postgres', "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE active_pid IS NOT NULL");
$source->safe_psql('postgres', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
$target->start;
like(setting_of_source('lost'), qr/=on/, 'the target dies in the fence');
$target->safe_psql('lost', "SELECT pgcopy_resume($job)");
is(wait_for_end($target, $job, db => 'lost'), 'failed', 'without its slot the job cannot go on');
is(setting_of_source('lost'), '', 'but the fence is lifted');

#
# Dropped, but the source is away: then resumed
#
$job = follow('drop');
$source->safe_psql('drop', "INSERT INTO entry VALUES ('before')");
catch_up($source, $target, 'drop');
$target->safe_psql('drop', "SELECT pgcopy_cancel($job)");
wait_for_end($target, $job, db => 'drop');
$proxy->refuse;
my @error = call_error($target, 'drop', "SELECT pgcopy_drop($job)");
like($error[0], qr/^08/, 'a job cannot be dropped while its source is away') or diag("@error");
$proxy->pass;
$target->safe_psql('drop', "SELECT pgcopy_resume($job)");
wait_for_state($target, $job, 'following', db => 'drop');
is_followed('drop', 'resumed after that');

#
# Who asks again once the target is open
#
($call, $hold) = call_up_to('drop', $job, 'opened');
$proxy->refuse;
$hold->quit;
wait_until($target, "SELECT message ~ 'the target is open' FROM pgcopy_progress WHERE job = $job", db => 'drop');
@error = call_error($target, 'drop', "SET statement_timeout = '5s'; SELECT pgcopy_cutover($job)");
is($error[0], '55000', 'a second call is refused') or diag("@error");
like($error[1], qr/is open/, 'and told that the target is open');
is($target->safe_psql('drop', 'SELECT count(*) FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())'), 0, 'the subscription is gone, while the source is away');
$proxy->pass;
like(answer($call), qr/cutover|done/, 'the first has succeeded');
ok(wait_for_state($target, $job, 'done', db => 'drop'), 'the job is done');
is(entries($target, 'drop'), entries($source, 'drop'), 'the rows are equal');

done_testing();
