# A database in use moves from one major to the next: it is copied, followed and cut
# over while clients write, and afterwards the target has every commit.
#
# test/versions/run sets in the environment what this needs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl", $FindBin::Bin;
use PgCopy;
use PgCopyTraffic;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VersionsSource;

my @sources = sources('FOLLOW');
plan skip_all => 'no sources' if !@sources;

my $target = new_target('follow');
my $ours = $target->{major};

sub await_transactions
{
	my ($node, $db, $count) = @_;
	my $before = $node->safe_psql($db, 'SELECT count(*) FROM bank.journal');
	return wait_until($node, "SELECT count(*) >= $before + $count FROM bank.journal", db => $db, what => "$count transactions");
}

sub move
{
	my ($source, $db) = @_;

	new_bank($source, $db);
	$target->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
	my $traffic = PgCopyTraffic->new($source, $target, $db, rate => 200);
	$traffic->start(qw(money odd prepared));
	ok(await_transactions($source, $db, 50), 'clients write') or return;
	my $job = clone($target, conninfo($source, db => $db), db => $db, follow => 'true');
	$traffic->start('witness');
	ok(wait_for_state($target, $job, 'following', db => $db), 'the job follows') or return;
	$traffic->start('look');
	ok(await_transactions($target, $db, 300), 'transactions arrive') or return;

	# one that is prepared when its session ends would rightly stop the cutover
	$traffic->stop('prepared');
	my %cutover = cutover($target, $job, db => $db);
	is($cutover{sqlstate}, undef, 'the cutover succeeds')
	  or do { diag(explain(\%cutover)); show_job($target, $job, db => $db); return };
	is($cutover{state}, 'done', 'the job is done');
	$traffic->stop;
	is(contents_differ($source, $target, $db), '', 'all rows are equal');
	is(join("\n", $traffic->wrong), '', 'every commit is there once, and no look saw a state that never was');
	note("the pause was $cutover{pause} s");
	return;
}

foreach my $source (@sources)
{
	my $ok = subtest "$source->{name} -> $ours" => sub {
		eval { move($source, "move_$source->{name}"); 1 } or fail("it died: $@");
	};
	write_cell("f$source->{name}", $ours, $ok);
}
$target->stop;
done_testing();
