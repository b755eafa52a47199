# Two targets follow one database.  A fence has an owner: while one job is in its cutover
# or has not lifted its fence yet, the other is refused, and leaves the fence alone.
# Afterwards both can cut over, one after the other.
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

my ($source, $target) = new_pair('owners', source_conf => $TRAFFIC_CONF,
	target_conf => "shared_preload_libraries = 'pgcopydb_ext'\npgcopy.auto_resume = off\nmax_logical_replication_workers = 8\n");

new_database($source, 'app');
new_database($target, 'one', 'two');
$source->safe_psql('app', 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)');
my %job;
foreach my $db (qw(one two))
{
	$job{$db} = clone($target, conninfo($source, db => 'app'), db => $db, follow => 'true');
	wait_for_state($target, $job{$db}, 'following', db => $db) or BAIL_OUT('the job does not follow');
}
my $name = $target->safe_psql('one', 'SELECT name FROM pgcopy.follow');

sub setting
{
	return $source->safe_psql('postgres', <<'EOQ');
SELECT c FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase, unnest(setconfig) c WHERE datname = 'app' AND c ~ 'read_only'
EOQ
}

sub owners { return $source->safe_psql('app', "SELECT count(*) FROM pg_publication WHERE pubname ~ '_f\$'"); }

# Let the leader of a job stop in the fence.  Returns the call and what holds it.
sub stop_in_fence
{
	my ($db) = @_;
	my $hold = hold_points($target, $db);
	my $out = '';
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', conninfo($target, db => $db), '-c',
		"SET application_name = 'caller'; SELECT state FROM pgcopy_cutover($job{$db}, max_pause => '100 s')" ], \'', \$out, '2>&1');
	wait_at_point($target, $db, $job{$db});
	return ($run, $hold);
}

sub refused
{
	my ($what, %opt) = @_;
	my %refused = cutover($target, $job{two}, db => 'two', %opt);

	is($refused{sqlstate}, '55006', "$what: the other is refused") or diag(explain(\%refused));
	like($refused{message} // '', qr/another job, "$name", has fenced/, "$what: it says by whom");
	is(setting(), 'default_transaction_read_only=on', "$what: the fence stays");
	return;
}

# Only in its database one is held there.
$target->safe_psql('postgres', $_)
  foreach "ALTER SYSTEM SET pgcopy.test_point = 'cutover fenced'", 'ALTER SYSTEM SET pgcopy.test_hit = 0', 'SELECT pg_reload_conf()';
my ($run, $hold) = stop_in_fence('one');
refused('in the cutover of one');
refused('a rehearsal in it', rehearse => 'true');

# the one crashes in the fence
$target->stop('immediate');
eval { $run->finish };
eval { $hold->quit };
$target->start;
$target->safe_psql('two', "SELECT pgcopy_resume($job{two})");
wait_for_state($target, $job{two}, 'following', db => 'two');
is(owners(), 1, 'a crash leaves the fence with its owner');
refused('while one has not lifted its fence');

$target->safe_psql('one', "SELECT pgcopy_resume($job{one})");
wait_for_state($target, $job{one}, 'following', db => 'one');
wait_until($target, "SELECT fence = 'none' FROM pgcopy.follow", db => 'one', what => 'the end of the fence');
is(setting() . owners(), '0', 'resumed, its owner lifts it');

# one after the other; the second finds a fence that is nobody's
foreach my $db (qw(one two))
{
	my %cutover = cutover($target, $job{$db}, db => $db);
	is($cutover{state}, 'done', "$db is cut over") or diag(explain(\%cutover));
	is($target->safe_psql($db, 'SELECT count(*) FROM t'), 100, "$db has all rows");
	is(setting() . owners(), 'default_transaction_read_only=on0', 'the fence stays, and is nobody\'s');
}
is(join("\n", left_of_following($source, $target, 'one', source_db => 'app')), '', 'nothing else is left');

done_testing();
