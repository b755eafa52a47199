# While rows are copied, the message says how much WAL the source keeps for it; a slot
# that is lost then ends the job at once, not when all is copied; that is in danger is
# told before.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair(
	'watched',
	source_conf => "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\nmax_wal_size = 1GB\n",
	target_conf => "max_replication_slots = 10\n");

new_database($source, 'app');
create_holds($source, 'app');
$source->safe_psql('app', 'CREATE TABLE held (a int PRIMARY KEY CHECK (hold.here(1)))');
$source->safe_psql('app', 'INSERT INTO held VALUES (1)');

# A job that is stopped in the middle of COPY.
sub start_held
{
	my ($db) = @_;
	new_database($target, $db);
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => 'app'), db => $db, follow => 'true');
	wait_held($target, $db, 1);
	return ($job, $hold);
}

sub await_message
{
	my ($db, $job, $pattern, $name) = @_;
	return ok(wait_until($target, "SELECT message ~ '$pattern' FROM pgcopy_progress WHERE job = $job", db => $db, job => $job, limit => 40, what => $name), $name);
}

my ($job, $hold) = start_held('gone');
await_message('gone', $job, 'the source keeps \d+ \w+ of WAL until the target has it', 'the message tells what the source keeps');
$source->safe_psql('app', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
is(wait_for_end($target, $job, db => 'gone', limit => 40), 'failed', 'the job ends when its slot is gone, while it copies');
is($target->safe_psql('gone', "SELECT string_agg(sqlstate || ' ' || message, ',') FROM pgcopy.error WHERE job = $job AND is_final"),
	"55000 job $job cannot follow the source any more: the replication slot is gone", 'and says why');
is($target->safe_psql('gone', "SELECT lost FROM pgcopy.follow WHERE job = $job"), 'the replication slot is gone', 'which is noted');
release($hold);
$target->safe_psql('gone', "SELECT pgcopy_drop($job)");

# It may keep no more than one or two segments.
($job, $hold) = start_held('danger');
$source->append_conf('postgresql.conf', 'max_slot_wal_keep_size = 48MB');
$source->reload;
$source->safe_psql('app', 'SELECT pg_switch_wal() FROM (SELECT pg_logical_emit_message(false, \'\', \'x\')) AS x') for 1 .. 6;
await_message('danger', $job, 'next checkpoint may remove WAL that the target needs: raise max_slot_wal_keep_size', 'a slot in danger is told');
$source->safe_psql('app', 'CHECKPOINT');
is(wait_for_end($target, $job, db => 'danger', limit => 40), 'failed', 'the job ends when the source has removed the WAL');
like($target->safe_psql('danger', "SELECT message FROM pgcopy.error WHERE job = $job AND is_final"), qr/the source has removed WAL that the replication slot needed/, 'and says why');
release($hold);

# It may give up a slot that nobody reads, from 18 on.
SKIP:
{
	skip 'the source keeps idle slots', 4
	  unless $source->safe_psql('app', q(SELECT count(*) FROM pg_settings WHERE name = 'idle_replication_slot_timeout'));
	$target->safe_psql('danger', "SELECT pgcopy_drop($job)");
	$source->append_conf('postgresql.conf', "max_slot_wal_keep_size = -1\nidle_replication_slot_timeout = 2s\n");
	$source->reload;
	($job, $hold) = start_held('idle');
	like($target->safe_psql('idle', "SELECT message FROM pgcopy_notices WHERE job = $job AND message ~ 'idle_replication_slot_timeout'"),
		qr/gives up a slot that nobody reads for 2s/, 'that limit is told before');
	$source->poll_query_until('app', 'SELECT inactive_since < now() - interval $$3 s$$ FROM pg_replication_slots');
	$source->safe_psql('app', 'CHECKPOINT');
	is(wait_for_end($target, $job, db => 'idle', limit => 40), 'failed', 'the job ends when the source has given it up');
	like($target->safe_psql('idle', "SELECT message FROM pgcopy.error WHERE job = $job AND is_final"), qr/cannot follow the source any more: nobody read the replication slot for longer than idle_replication_slot_timeout/, 'and says why');
	release($hold);
	$source->append_conf('postgresql.conf', "idle_replication_slot_timeout = 0\n");
	$source->reload;
	$target->safe_psql('idle', "SELECT pgcopy_resume($job, consistent => true)");
	ok(wait_for_state($target, $job, 'following', db => 'idle'), 'resumed, it follows');
}

done_testing();
