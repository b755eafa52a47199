# A database in use is copied, followed and cut over: nobody who writes has to stop
# before the fence, no commit is lost or there twice, the target never shows a state
# that the source did not have, and afterwards nothing is left on either side but the
# fence.  In rounds, by turns: clients stop at the fence, and the databases are equal;
# or clients use both hosts, and go on writing on the target.
#
# PGCOPY_TEST_ROUNDS is how many, two unless said; PGCOPY_TEST_LONG=1 makes twenty, at
# the full rate of pgbench, where a machine that is busy otherwise may not keep up.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyTraffic;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $rounds = $ENV{PGCOPY_TEST_ROUNDS} || ($ENV{PGCOPY_TEST_LONG} ? 20 : 2);
my @rate = $ENV{PGCOPY_TEST_LONG} ? () : (rate => 200);
my ($source, $target) = new_pair('follow', source_conf => $TRAFFIC_CONF);
my (@pause, @seen);

sub identities
{
	return $source->safe_psql($_[0], "SELECT oid::regclass, relreplident FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384 ORDER BY 1");
}

# Wait until the traffic has made so many more transactions here.
sub await_transactions
{
	my ($node, $db, $count) = @_;
	my $before = $node->safe_psql($db, 'SELECT count(*) FROM bank.journal');
	return wait_until($node, "SELECT count(*) >= $before + $count FROM bank.journal", db => $db, what => "$count transactions");
}

sub run_round
{
	my ($no) = @_;
	my $switch = $no % 2 ? 0 : 1;
	my $db = "app$no";
	my $name = "round $no" . ($switch ? ', clients switch' : '');
	my $begin = time();

	new_bank($source, $db);
	$target->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
	my $before = identities($db);
	my $traffic = PgCopyTraffic->new($source, $target, $db, switch => $switch, @rate);
	# pgbench's own table of history has no key: it is copied again in the fence
	$traffic->start(qw(money odd prepared));
	await_transactions($source, $db, 50) or return;
	my $job = clone($target, conninfo($source, db => $db), db => $db, follow => 'true');
	$traffic->start('witness');
	ok(wait_for_state($target, $job, 'following', db => $db), "$name: it follows") or return;
	$traffic->start('look');
	await_transactions($target, $db, 300) or return;

	# one that is prepared when its session ends would rightly stop the cutover
	$traffic->stop('prepared');
	my %cutover = cutover($target, $job, db => $db);
	is($cutover{sqlstate}, undef, "$name: the cutover succeeds")
	  or do { diag(explain(\%cutover)); show_job($target, $job, db => $db); return };
	is($cutover{state}, 'done', "$name: the job is done");
	cmp_ok($cutover{pause}, '<', 2, "$name: the pause is shorter than 2 s");
	push @pause, $cutover{pause};
	if ($switch)
	{
		await_transactions($target, $db, 100) or diag("clients did not get here: " . log_tail($target));
		$traffic->stop;
		push @seen, $traffic->pause // 'none';
	}
	else
	{
		$traffic->stop;
		is(contents_differ($source, $target, $db), '', "$name: all rows are equal");
		assert_same($source, $target, source_db => $db, db => $db, data => 0, sequences => 0, name => "$name: so are definitions");
	}
	my ($looks) = $traffic->looks;
	my ($there, $here) = $traffic->transactions;
	cmp_ok($looks, '>', 5, "$name: somebody looked");
	is($here > 0 ? 1 : 0, $switch, "$name: clients " . ($switch ? 'went on here' : 'stopped'));
	is(join("\n", $traffic->wrong), '', "$name: every look saw the same sum, and no commit is missing");
	# clients that went on here have restarted this one with its table, or not
	my @behind = grep { !$switch || !/^bank\.log_id_seq / } sequences_behind($source, $target, $db);
	is(join("\n", @behind), '', "$name: no sequence hands out a value again");
	is(join("\n", left_of_following($source, $target, $db)), '', "$name: nothing is left but the fence");
	is(identities($db), $before, "$name: replica identities are as they were");
	is($target->safe_psql($db, "SELECT conninfo IS NULL FROM pgcopy.job WHERE id = $job"), 't', "$name: the connection string is forgotten");
	diag(sprintf '%s: pause %.3f s%s, the call %.3f s; %d transactions there, %d here, %d looks (%.1f s)', $name, $cutover{pause},
		$switch ? " ($seen[-1] s as a client saw it)" : '', $cutover{took}, $there, $here, $looks, time() - $begin);
	diag($cutover{report}) if $no == 1;
	$_->safe_psql('postgres', "DROP DATABASE $db WITH (FORCE)") for $source, $target;
	return;
}

run_round($_) for 1 .. $rounds;

@pause = sort { $a <=> $b } @pause;
diag(sprintf 'pauses of %d cutovers: median %.3f s, worst %.3f s', scalar @pause, $pause[ @pause / 2 ], $pause[-1]) if @pause;
is(scalar @pause, $rounds, 'all rounds ended with a cutover');

done_testing();
