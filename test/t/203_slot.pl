# The slot of a job that follows, beyond what the tests of hand-over and following show:
# a slot that the source's limit of WAL takes away while rows are copied, and one that
# somebody drops then or later, end the job within seconds and with the way out; that way
# gives the source's rows and nothing else.  Whoever holds up the slot is named within a
# second, a cancel then takes effect within a second, and nothing is left.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PgCopyTraffic;
use Test::More;
use Time::HiRes qw(sleep time);

my ($source, $target) = new_pair('slot', source_conf => $TRAFFIC_CONF . "max_wal_size = 64MB\nmin_wal_size = 32MB\nmax_prepared_transactions = 5\n", target_conf => "wal_retrieve_retry_interval = '200ms'\n");

# A second; the machine of the test may be busy.
my $SECOND = 1 + ($ENV{PGCOPY_TEST_SLACK} // 2);

sub slot_of
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT name FROM pgcopy.follow WHERE job = $job");
}

sub left_on_source
{
	return $source->safe_psql('postgres', "SELECT count(*) FROM pg_replication_slots")
	  . $source->safe_psql($_[0], "SELECT ' ' || count(*) || ' ' || (SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^pgcopy') FROM pg_publication");
}

sub last_error
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT message || ' ' || hint FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY at DESC LIMIT 1");
}

# A table that stops the copy while the target has the hold 1.
sub new_held
{
	my ($db) = @_;
	new_database($_, $db) for $source, $target;
	create_holds($source, $db);
	$source->safe_psql($db, 'CREATE TABLE held (a int PRIMARY KEY CHECK (hold.here(1)), b text); INSERT INTO held SELECT g FROM generate_series(1, 100) g; CREATE TABLE other (a int PRIMARY KEY, b text); INSERT INTO other SELECT g FROM generate_series(1, 1000) g');
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => $db), db => $db, follow => 'true');
	wait_held($target, $db, 1, $job);
	return ($job, $hold);
}

# What changes while there is no slot must come all the same.
sub resume_is_exact
{
	my ($db, $job, $name) = @_;
	$source->safe_psql($db, "UPDATE other SET b = 'changed' WHERE a % 2 = 0; DELETE FROM other WHERE a < 10; INSERT INTO held VALUES (1000)");
	my ($rc, $out, $err) = $target->psql($db, "SELECT pgcopy_resume($job, consistent => false)");
	isnt(($rc ? 'failed' : wait_for_end($target, $job, db => $db)), 'following', "$name: to go on as if nothing were lost is refused");
	$target->safe_psql($db, "SELECT pgcopy_resume($job, consistent => true)");
	ok(wait_for_state($target, $job, 'following', db => $db), "$name: resumed, it follows") or return;
	$source->safe_psql($db, "UPDATE other SET b = 'again' WHERE a % 3 = 0; DELETE FROM held WHERE a < 10");
	my %cutover = cutover($target, $job, db => $db);
	is($cutover{sqlstate}, undef, "$name: the cutover succeeds") or diag(explain(\%cutover));
	is(contents_differ($source, $target, $db), '', "$name: all rows are equal");
	is(left_on_source($db), '0 0 0', "$name: nothing is left");
	return;
}

#
# Who holds up the slot: a transaction that was prepared
#
new_database($_, 'waits') for $source, $target;
$source->safe_psql('waits', 'CREATE TABLE t (a int PRIMARY KEY)');
$target->safe_psql('waits', 'CREATE EXTENSION pgcopydb_ext');
$source->safe_psql('waits', "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'forgotten'");
my $job = clone($target, conninfo($source, db => 'waits'), db => 'waits', follow => 'true');
wait_until($source, "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'walsender' AND state = 'active'", what => 'the slot to wait', limit => 30);
my $begin = time();
ok(wait_until($target, "SELECT message ~ 'slot waits until.*prepared transaction ''forgotten''' FROM pgcopy_progress WHERE job = $job", db => 'waits', what => 'the message', limit => 10), 'a prepared transaction is named');
cmp_ok(my $told = time() - $begin, '<', 1 + $SECOND, 'within a second or two');
$begin = time();
$target->safe_psql('waits', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'waits'), 'cancelled', 'it is cancelled');
cmp_ok(my $ended = time() - $begin, '<', $SECOND, 'at once');
note(sprintf 'told after %.2f s, cancelled after %.2f s', $told, $ended);
is(left_on_source('waits'), '0 0 0', 'nothing is left on the source');
$source->safe_psql('waits', "ROLLBACK PREPARED 'forgotten'");

#
# While rows are copied: the limit of WAL
#
$source->append_conf('postgresql.conf', "max_slot_wal_keep_size = 48MB\nmax_wal_size = 1GB\n");
$source->reload;
($job, my $hold) = new_held('limit');
like($target->safe_psql('limit', "SELECT string_agg(message, ' ') FROM pgcopy_notices WHERE job = $job"), qr/max_slot_wal_keep_size/, 'limit: told before');
my $slot = slot_of('limit', $job);
my $writer = $source->background_psql('postgres');
$writer->query_safe('CREATE TABLE big (a text)');
for (1 .. 60)
{
	last if $source->safe_psql('postgres', "SELECT wal_status = 'unreserved' FROM pg_replication_slots WHERE slot_name = '$slot'") eq 't';
	$writer->query_safe("INSERT INTO big SELECT repeat('w', 1000) FROM generate_series(1, 2000)");
}
ok(wait_until($target, "SELECT message ~ 'next checkpoint may remove WAL that the target needs: raise max_slot_wal_keep_size' FROM pgcopy_progress WHERE job = $job", db => 'limit', what => 'the message', limit => 25), 'limit: a slot that is about to be lost is told');
$writer->query_safe("INSERT INTO big SELECT repeat('w', 1000) FROM generate_series(1, 60000)");
$writer->quit;
$source->safe_psql('postgres', 'DROP TABLE big; SELECT pg_switch_wal(); CHECKPOINT');
ok(wait_for_state($target, $job, 'failed', db => 'limit'), 'limit: lost, it ends the job in the middle of the copy');
release($hold);
like(last_error('limit', $job), qr/cannot follow the source any more.*pgcopy_resume\($job, consistent => true\)/, 'limit: with what to do');
$source->append_conf('postgresql.conf', "max_slot_wal_keep_size = -1\n");
$source->reload;
resume_is_exact('limit', $job, 'limit');

#
# While rows are copied, and then while following: somebody drops it
#
($job, $hold) = new_held('dropped');
$slot = slot_of('dropped', $job);
$source->safe_psql('dropped', "SELECT pg_drop_replication_slot('$slot')");
ok(wait_for_state($target, $job, 'failed', db => 'dropped'), 'dropped: that ends the job in the middle of the copy');
release($hold);
like(last_error('dropped', $job), qr/the replication slot is gone.*pgcopy_resume\($job, consistent => true\)/, 'dropped: with what to do');
$target->safe_psql('dropped', "SELECT pgcopy_resume($job, consistent => true)");
ok(wait_for_state($target, $job, 'following', db => 'dropped'), 'dropped: resumed, it follows');
$slot = slot_of('dropped', $job);
for (1 .. 200)
{
	last if ($source->psql('postgres', "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '$slot'; SELECT pg_drop_replication_slot('$slot')"))[0] == 0;
}
ok(wait_for_state($target, $job, 'failed', db => 'dropped'), 'dropped: again, while it follows');
resume_is_exact('dropped', $job, 'dropped');

$source->stop;
$target->stop;
done_testing();
