# A network that loses every packet without a word is noticed in a bounded time
# by all sessions that were there.  When it is back the job goes on, every row
# is there once, and no session is left, on the source either.  The network is a
# real one, in a network namespace, since a proxy cannot lose packets; without
# the rights to make one the test is skipped.
use strict;
use warnings;

# Before anything else: the modules of PostgreSQL take over the output.
BEGIN
{
	$ENV{PATH} .= ':/usr/sbin:/sbin';
	if (!$ENV{PGCOPY_TEST_OWN_NETWORK})
	{
		my @unshare = qw(unshare --user --net --map-current-user --keep-caps);
		my $try = 'ip link set lo up && tc qdisc add dev lo root bfifo limit 1';
		if (system("@unshare sh -c '$try' 2> /dev/null") != 0)
		{
			print "1..0 # SKIP a network of its own needs user namespaces, ip and tc\n";
			exit 0;
		}
		$ENV{PGCOPY_TEST_OWN_NETWORK} = 1;
		exec @unshare, $^X, $0;
	}
}

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

system('ip link set lo up') == 0 or die 'no network';

# A queue that has no room for a packet loses all.
sub lose_all { system('tc qdisc add dev lo root bfifo limit 1') == 0 or die 'tc failed'; return; }
sub lose_none { system('tc qdisc del dev lo root') == 0 or die 'tc failed'; return; }

my ($source, $target) = new_pair('hole');
new_database($source, 'app');
create_holds($source, 'app');
create_held_table($source, 'app');
$source->safe_psql('app', "CREATE ROLE cloner SUPERUSER LOGIN PASSWORD 'secret'");
$target->safe_psql('postgres', 'CREATE ROLE cloner SUPERUSER');
new_database($target, 'app');

# The same that 032_silence.pl finds in the defaults, but faster.
my $hold = hold($target, 'app', 1);
my $job = clone($target, conninfo($source, tcp => 1, db => 'app', user => 'cloner', password => 'secret',
		connect_timeout => 2, keepalives_idle => 1, keepalives_interval => 1, keepalives_count => 2, tcp_user_timeout => 3000),
	db => 'app');
wait_held($target, 'app', 1, $job);
lose_all();
release($hold);
my $start = time();
ok( wait_until($target, "SELECT message ~ '^waiting up to 300 s for the source: could not connect' FROM pgcopy_progress WHERE job = $job",
		db => 'app', job => $job, limit => 25),
	'a network that loses everything is noticed');
cmp_ok($target->safe_psql('app', "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND sqlstate = '08006' AND NOT is_final"),
	'>=', 1, 'by the sessions that were there');
note(sprintf 'noticed after %.1f s', time() - $start);
lose_none();
is(wait_for_end($target, $job, db => 'app', limit => 60), 'done', 'and when it is back the job goes on');
is($target->safe_psql('app', 'SELECT count(*), count(DISTINCT a) FROM held'), '15000|15000', 'with every row there once');
ok(is_quiet($source, $target, 20), 'and no session is left, also on the source');

$source->stop;
$target->stop;
done_testing();
