# A connection pooler between us and the source is recognized.  Where it gives
# us no session of our own it is refused before anything is set, so the
# application's sessions in the same pool stay as they were; one that hides it
# is noticed before anything is copied.  Where it does give us sessions, a clone
# is as good as without, and locks and cancels work.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run ();
use PgCopy;
use PgCopyDeceiver;
use PgCopyPooler;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($source, $target) = new_pair('pooler');
my @login = (user => 'owner', password => 'of the house');
$source->safe_psql('postgres', <<'EOQ');
CREATE ROLE owner SUPERUSER LOGIN PASSWORD 'of the house';
CREATE ROLE limited LOGIN PASSWORD 'sees half';
EOQ
copy_roles($source, $target);
new_database($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE ledger (id int PRIMARY KEY, at timestamptz DEFAULT now(), amount float8, note bytea, owner text);
INSERT INTO ledger SELECT g, '2001-02-03 04:05:06.789+00', g / 3.0, decode(md5(g::text), 'hex'), CASE WHEN g % 2 = 0 THEN 'limited' ELSE 'owner' END
	FROM generate_series(1, 20000) g;
CREATE INDEX ON ledger (at);
CREATE TABLE small (a interval, b xml, c date);
INSERT INTO small VALUES ('1 year 2 days', '<a/>', '2003-04-05');
CREATE SEQUENCE "Order" START 42;
SELECT nextval('"Order"');
SELECT lo_from_bytea(4711, 'large'::bytea);
ALTER TABLE ledger ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ledger FOR SELECT USING (owner = current_user);
GRANT SELECT ON ledger, small, "Order" TO limited;
EOQ

# Run psql through the pooler once, or some at a time; returns what they say.
sub through
{
	my ($pooler, $times, @sql) = @_;
	my (@out, @run);
	foreach my $i (0 .. $times - 1)
	{
		$out[$i] = '';
		push @run, IPC::Run::start(
			[ 'psql', '-XqAt', '-d', $pooler->conninfo(db => 'app', @login), map { ('-c', $_) } @sql ],
			'<', \undef, '>', \$out[$i], '2>&1');
	}
	$_->finish foreach @run;
	return @out;
}

# What is set in the server's processes of the pool, their number times; the
# pooler itself sees to the first three for each client.
sub leftovers
{
	my ($pooler, $times) = @_;
	my %seen = map { $_ => 1 } through($pooler, $times, <<'EOQ');
SELECT coalesce(string_agg(name || ' = ' || setting, ', '), 'nothing') FROM pg_settings, pg_sleep(0.3)
WHERE source = 'session' AND name NOT IN ('application_name', 'client_encoding', 'TimeZone')
EOQ
	my $all = join ' | ', sort keys %seen;
	$all =~ s/\n//g;
	return $all;
}

sub order_clone
{
	my ($pooler) = @_;
	my (undef, undef, $err) = $target->psql('postgres',
		'SELECT pgcopy_clone(' . PgCopy::quote_literal($pooler->conninfo(db => 'app', @login)) . ')',
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $err;
}

# Clients that come and go all the time.
sub start_traffic
{
	my ($pooler) = @_;
	my $script = "$pooler->{dir}/traffic.sql";
	PgCopy::_write_file($script, "\\sleep 3 ms\nSELECT count(*) FROM small, generate_series(1, 2000);\n");
	my $run = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 4, '-T', 300, '-f', $script, $pooler->conninfo(db => 'app', @login) ],
		'<', \undef, '>', \my $out, '2>&1');
	wait_until($source, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%FROM small, generate_series%' AND pid <> pg_backend_pid()},
		what => 'the traffic to begin')
	  or diag($out);
	return $run;
}

#
# One that cannot be recognized: what we set is not there where we read.
#
{
	my $deceiver = PgCopyDeceiver->new($source);
	new_database($target, 'deceived');
	my $job = clone($target, $deceiver->conninfo(db => 'app', user => 'limited'), db => 'deceived', large_objects => 'false');
	is(wait_for_end($target, $job, db => 'deceived'), 'failed', 'a pooler that is noticed late fails the job');
	is($target->safe_psql('deceived', "SELECT DISTINCT sqlstate || ': ' || message FROM pgcopy_errors WHERE job = $job"),
		"0A000: the connection to the source goes through a pooler that shares server sessions", 'and is called by its name');
	is($target->safe_psql('deceived', "SELECT to_regclass('ledger') IS NULL"), 't', 'before anything is copied');
}

if (!PgCopyPooler::is_there())
{
  SKIP: { skip 'pgbouncer is not installed', 1; }
	done_testing();
	exit;
}

foreach my $mode ('transaction', 'statement')
{
	foreach my $case ([ 1, 0 ], [ 3, 0 ], [ 3, 1 ])
	{
		my ($size, $is_busy) = @$case;
		my $name = "pool_mode $mode, pool size $size" . ($is_busy ? ', in use' : '');
		my $pooler = PgCopyPooler->new($source, pool_mode => $mode, default_pool_size => $size);
		my $traffic = $is_busy ? start_traffic($pooler) : undef;
		is(leftovers($pooler, $size), 'nothing', "$name: the application's sessions begin with nothing set");

		my $begun = time();
		like(order_clone($pooler), qr/ERROR:  0A000: the connection to the source goes through a pooler that shares server sessions\n.*HINT:  Connect to the server itself/s,
			"$name: pgcopy_clone refuses")
		  foreach 1 .. 3;
		cmp_ok(time() - $begun, '<', 30, "$name: and at once");
		is(leftovers($pooler, $size), 'nothing', "$name: the application's sessions still have nothing set");
		$traffic->kill_kill if $traffic;
		$pooler->stop;
	}
}
is($target->safe_psql('postgres', 'SELECT count(*) FROM pgcopy_jobs'), '0', 'no job was made for any of them');

#
# A process for each client.  Some poolers refuse the start-up packet's options.
#
foreach my $ignored (undef, 'options')
{
	my $db = $ignored ? 'ignoring' : 'refusing';
	my $name = 'pool_mode session, options ' . ($ignored ? 'ignored' : 'refused');
	my $pooler = PgCopyPooler->new($source, pool_mode => 'session', ignore_startup_parameters => $ignored);

	new_database($target, $db);
	clone_ok($target, $pooler->conninfo(db => 'app', @login), db => $db, table_jobs => 3,
		split_tables_larger_than => '100kB', name => "$name: the clone ends done");
	assert_same($source, $target, source_db => 'app', db => $db, name => "$name: source and target are equal");
}

{
	my $name = 'what others have left behind in a pool without server_reset_query';
	my $pooler = PgCopyPooler->new($source, pool_mode => 'session', server_reset_query => '', ignore_startup_parameters => 'options');
	my $set = q{SET search_path = nowhere; SET DateStyle = 'German'; SET IntervalStyle = 'sql_standard'; SET extra_float_digits = -5;
		SET bytea_output = 'escape'; SET statement_timeout = '5s'; SET quote_all_identifiers = on};
	through($pooler, 6, $set, 'SELECT pg_sleep(0.5)');
	# not search_path, which 18 reports and newer poolers set for each client
	like(leftovers($pooler, 2), qr/extra_float_digits = -5.*quote_all_identifiers = on/, "$name: it is there");
	new_database($target, 'leftovers');
	clone_ok($target, $pooler->conninfo(db => 'app', @login), db => 'leftovers', table_jobs => 2, name => "$name: the clone ends done");
	assert_same($source, $target, source_db => 'app', db => 'leftovers', name => "$name: source and target are equal");
}

my $pooler = PgCopyPooler->new($source, pool_mode => 'session', ignore_startup_parameters => 'options');

new_database($target, 'half');
my $job = clone($target, $pooler->conninfo(db => 'app', user => 'limited', password => 'sees half'),
	db => 'half', large_objects => 'false');
is(wait_for_end($target, $job, db => 'half'), 'failed', 'a role that sees half of a table clones nothing of it');
like($target->safe_psql('half', "SELECT message FROM pgcopy_errors WHERE job = $job"),
	qr/row-level security/, 'and is told why');

#
# The leader waits for a lock: who has it is known, and the wait can be ended.
#
new_database($target, 'locked');
my $blocker = $source->background_psql('app');
$blocker->query_safe('BEGIN; LOCK TABLE small IN ACCESS EXCLUSIVE MODE');
$job = clone($target, $pooler->conninfo(db => 'app', @login), db => 'locked');
ok( wait_until($target, "SELECT message LIKE 'waiting for a lock on the source: blocked by %' FROM pgcopy_progress WHERE job = $job",
		db => 'locked', job => $job, what => 'the leader to say who has the lock'),
	'pgcopy_progress says who has a lock, through a pooler');
is($target->safe_psql('locked', "SELECT pgcopy_cancel($job)"), 't', 'the job can be cancelled');
is(wait_for_end($target, $job, db => 'locked'), 'cancelled', 'and is');
ok( wait_until($source, q{SELECT count(*) = 0 FROM pg_locks WHERE NOT granted AND relation = 'small'::regclass},
		db => 'app', limit => 20, what => 'nobody to wait for the lock'),
	'its session in the pool does not wait for the lock after that');
$blocker->query_safe('ROLLBACK');
$blocker->quit;

done_testing();
