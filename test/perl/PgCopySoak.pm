#-------------------------------------------------------------------------
#
# PgCopySoak.pm
#	  Jobs that something strikes at a random moment, while others write.
#
#	  use PgCopySoak;
#	  run_soak(seed => 1, rounds => 100);
#	  done_testing();
#
# A round is one job: strikes come at random moments, it is resumed until it is
# done, and then each table must hold exactly what the snapshot saw that its item
# says it was read under.  For that every leader stops when it has a snapshot
# (the test point "planning stored") until the same snapshot was looked at from
# here.  The seed settles what strikes and when, not how far a job is by then.
#
#-------------------------------------------------------------------------
package PgCopySoak;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use PgCopy;
use PgCopyFaults;
use PgCopyProxy;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(run_soak $SOAK_LOAD @SOAK_STRIKES);

my $SESSIONS = "FROM pg_stat_activity WHERE application_name LIKE 'pgcopy job %";

# What strikes; each gets the round and returns whether it struck anything.
our @SOAK_STRIKES = (
	[ 'a worker is killed', sub { kill_one($_[0], "process <> 'leader'") } ],
	[ 'the leader is killed', sub { kill_one($_[0], "process = 'leader'") } ],
	[ 'a worker is terminated', sub { terminate_one($_[0], "process <> 'leader'") } ],
	[ 'the leader is terminated', sub { terminate_one($_[0], "process = 'leader'") } ],
	[ "the leader's session is lost", sub { lose_sessions($_[0], "leader'") } ],
	[ "the workers' sessions are lost", sub { lose_sessions($_[0], "worker %'") } ],
	[ 'all sessions are lost', sub { lose_sessions($_[0], "%'") } ],
	[ 'the network is cut', sub { $_[0]{proxy}->cut } ],
	[ 'the job is cancelled', sub { $_[0]{target}->safe_psql($_[0]{db}, "SELECT pgcopy_cancel($_[0]{job})") eq 't' } ],
	[ 'the target stops at once', sub { restart_at_once($_[0]{target}) } ],
	[ 'the source stops at once', sub { restart_at_once($_[0]{source}) } ]);

# Transactions that change all tables, large objects and a sequence.
our $SOAK_LOAD = <<'EOS';
\set a random(1, 4000)
\set k random(1, 300)
\set o random(880001, 880120)
BEGIN;
UPDATE big SET b = repeat(md5(random()::text), 10) WHERE a = :a;
UPDATE big SET c = repeat(md5(random()::text), 100) WHERE a = :k * 10;
UPDATE first SET b = 'changed ' || nextval('s') WHERE a = :k;
INSERT INTO second (a, b) VALUES (:k, 'new');
DELETE FROM second WHERE id = (SELECT min(id) FROM second);
UPDATE third SET b = repeat(md5(random()::text), 200) WHERE a = :k % 100;
UPDATE fifth SET at = clock_timestamp() WHERE a = :k;
SELECT lo_put(:o, 0, decode(md5(random()::text), 'hex'));
COMMIT;
EOS

sub pick { my $list = shift; return $list->[ int rand @$list ]; }

#-------------------------------------------------------------------------
# Strikes
#-------------------------------------------------------------------------

sub one_pid
{
	my ($round, $which) = @_;
	my (undef, $pids) = $round->{target}->psql($round->{db}, "SELECT pid FROM pgcopy_workers WHERE job = $round->{job} AND $which");
	return pick([ split /\n/, $pids // '' ]);
}

sub kill_one
{
	my ($round, $which) = @_;
	my $offset = -s $round->{target}->logfile;
	my $pid = one_pid($round, $which);

	return 0 unless defined $pid && kill('KILL', $pid) && was_killed($round->{target}, $offset, $pid);
	wait_for_restart($round->{target}, $offset);
	return 1;
}

sub terminate_one
{
	my ($round, $which) = @_;
	my $pid = one_pid($round, $which);

	return defined $pid && $round->{target}->safe_psql('postgres', "SELECT pg_terminate_backend($pid)") eq 't';
}

sub lose_sessions
{
	my ($round, $whose) = @_;
	return $round->{source}->safe_psql('postgres', "SELECT count(pg_terminate_backend(pid)) $SESSIONS $whose") > 0;
}

sub restart_at_once
{
	my ($node) = @_;
	$node->stop('immediate');
	$node->start;
	return 1;
}

#-------------------------------------------------------------------------
# Load
#-------------------------------------------------------------------------

# Have pgbench running; it ends when the source does.
sub keep_writing
{
	my ($soak) = @_;
	return if $soak->{bench} && waitpid($soak->{bench}, POSIX::WNOHANG()) == 0;

	my $script = PostgreSQL::Test::Utils::tempdir() . '/load.sql';
	open my $fh, '>', $script or die $!;
	print $fh $SOAK_LOAD;
	close $fh;
	$soak->{bench} = fork() // die "could not fork: $!";
	return if $soak->{bench};
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', "$script.log";
	open STDERR, '>&', \*STDOUT;
	{ exec 'pgbench', '-n', '-c', '2', '-R', '60', '-T', '3600', '-f', $script, '-d', conninfo($soak->{source}, db => 'app') }
	POSIX::_exit(1);
}

sub stop_writing
{
	my ($soak) = @_;
	kill 'INT', $soak->{bench};
	waitpid $soak->{bench}, 0;
	return;
}

#-------------------------------------------------------------------------
# What a snapshot sees
#-------------------------------------------------------------------------

# A hash: name of a table, "large objects" and the like, to what is in it; pieces
# of TOAST are counted.  Under a snapshot of the source, or as it is.
sub contents
{
	my ($node, $db, $snapshot) = @_;
	my $begin = defined $snapshot ? "BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot';" : '';

	return map { /^([^|]*)\|(.*)/ ? ($1 => $2) : () } split /\n/, $node->safe_psql($db, <<EOQ);
$begin
SELECT format('SELECT %L, count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0), (SELECT count(*) FROM %s) FROM ONLY %I t',
	c.relname, c.reltoastrelid::regclass, c.relname)
FROM pg_class c WHERE c.relkind = 'r' AND c.reltoastrelid <> 0 AND c.relnamespace = 'public'::regnamespace
\\gexec
SELECT format('SELECT %L, count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM ONLY %I t', c.relname, c.relname)
FROM pg_class c WHERE c.relkind = 'r' AND c.reltoastrelid = 0 AND c.relnamespace = 'public'::regnamespace
\\gexec
SELECT 'large objects', count(*), sum(hashtextextended(lo_get(oid)::text, 0)::numeric) FROM pg_largeobject_metadata;
SELECT 'constraints', count(*), sum(hashtextextended(conname || pg_get_constraintdef(oid) || convalidated, 0)::numeric)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace;
SELECT 'indexes', count(*), sum(hashtextextended(pg_get_indexdef(indexrelid) || indisvalid, 0)::numeric)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'public'::regnamespace;
SELECT 'triggers', count(*), sum(hashtextextended(pg_get_triggerdef(oid), 0)::numeric) FROM pg_trigger WHERE NOT tgisinternal;
EOQ
}

# A leader stands at its point: see what its snapshot sees, if it has a new one,
# and let it go on.
sub look_at_snapshot
{
	my ($round) = @_;
	my ($name, $content) = split /\|/, $round->{target}->safe_psql($round->{db},
		"SELECT name, content FROM pgcopy.snapshot WHERE job = $round->{job} AND released IS NULL ORDER BY no DESC LIMIT 1");

	# Its number and its name may come again after a crash of either server.  When
	# nothing is left to be read the last one is not there any more.
	$round->{seen}{$content} = { eval { contents($round->{source}, 'app', $name) } }
	  if defined $content && !$round->{seen}{$content};
	let_one_by($round->{hold});
	return;
}

# The tables and large objects of a job that is done, against the snapshots its
# items say; all else against the source.
sub compare_with_snapshots
{
	my ($round) = @_;
	my ($target, $db, $job) = @$round{qw(target db job)};
	my %got = contents($target, $db);
	my %expected = contents($round->{source}, 'app');
	my @wrong;

	foreach my $line (split /\n/, $target->safe_psql($db, <<EOQ))
SELECT CASE kind WHEN 'table' THEN object_name ELSE kind END, string_agg(DISTINCT s.content, ' and ')
FROM pgcopy.item i LEFT JOIN pgcopy.snapshot s ON s.job = i.job AND s.no = i.snapshot
WHERE i.job = $job AND kind IN ('table', 'large objects') GROUP BY 1
EOQ
	{
		my ($name, $content) = split /\|/, $line;
		$expected{$name} = ($round->{seen}{$content} // {})->{$name} // "unknown, of snapshot $content";
	}
	foreach my $name (sort keys %expected)
	{
		my $is = delete $got{$name} // 'not there';
		push @wrong, "$name: $is, not $expected{$name}" if $is ne $expected{$name};
	}
	@wrong = grep { !/^fourth: 0\|/ } @wrong if $round->{may_lack_unlogged};
	push @wrong, map { "$_ is not in the source" } sort keys %got;
	push @wrong, split /\n/, $target->safe_psql($db, <<'EOQ');
SELECT 'sequence s is behind' FROM s WHERE last_value < (SELECT max(substring(b FROM 'changed (.*)')::bigint) FROM first);
SELECT 'the identity of second is behind' FROM second_id_seq WHERE last_value < (SELECT max(id) FROM second);
EOQ
	return @wrong;
}

#-------------------------------------------------------------------------
# Rounds
#-------------------------------------------------------------------------

# Begin or resume; the leader will stop at its point.
sub set_off
{
	my ($round) = @_;
	my ($target, $db) = @$round{qw(target db)};

	let_go($round->{hold}) if $round->{hold};
	$round->{hold} = hold_points($target, $db);
	if (!defined $round->{job})
	{
		$round->{job} = clone($target, $round->{proxy}->conninfo(db => 'app'), db => $db,
			table_jobs => 1 + int rand 4, index_jobs => 1 + int rand 2, split_tables_larger_than => '200kB');
		return;
	}
	my @error = call_error($target, $db, "SELECT pgcopy_resume($round->{job})");
	return if $error[0] eq '';
	die "resume: @error" unless $error[0] eq '55000' && $error[1] =~ /under a snapshot that is gone/;
	my $choice = $round->{choice} //= pick([ 'true', 'false' ]);
	@error = call_error($target, $db, "SELECT pgcopy_resume($round->{job}, consistent => $choice)");
	die "resume, consistent => $choice: @error" if $error[0] ne '';
	return;
}

# Attend to a running job until it has ended, or until it is time to strike:
# DELAY seconds after it was first let go, or from now on.  Returns its state.
sub attend
{
	my ($round, $delay, $is_from_now) = @_;
	my $strike_at = defined $delay && $is_from_now ? time() + $delay : undef;
	my $end = time() + $PgCopy::LIMIT;

	while (time() < $end)
	{
		return 'to be struck' if defined $strike_at && time() >= $strike_at;
		my ($state, $stands) = split /\|/, $round->{target}->safe_psql($round->{db},
			"SELECT state, (" . held_at_point() . ") FROM pgcopy_progress WHERE job = $round->{job}");
		return $state if $state =~ /^(done|failed|cancelled|interrupted)$/;
		if ($stands eq 't')
		{
			look_at_snapshot($round);
			$strike_at //= time() + $delay if defined $delay;
		}
		else { sleep(0.005); }
	}
	die 'the job hangs';
}

# One job, to its end.  Returns what struck, or nothing when it was too quick.
sub run_round
{
	my ($round) = @_;
	my @struck;

	for (my $state = ''; $state ne 'done';)
	{
		my $will_strike = @struck == 0 || (@struck == 1 && rand() < 0.33);
		die 'it was resumed too often' if @struck + ++$round->{turns} > 10;
		set_off($round);
		$state = attend($round, $will_strike ? rand($round->{length}) : undef, rand() < 0.15);
		next if $state ne 'to be struck';
		my $strike = pick(\@SOAK_STRIKES);
		push @struck, $strike->[0] if $strike->[1]->($round);
		$state = attend($round);
		# it was done already: a crash empties its unlogged table
		$round->{may_lack_unlogged} = 1 if $state eq 'done' && $strike->[0] =~ /target|killed/;
	}
	let_go($round->{hold}) if $round->{hold};
	return @struck;
}

# Run it, look at what is there, and leave nothing.  Returns what struck, and
# what is wrong.
sub try_round
{
	my ($round) = @_;
	my ($source, $target, $db) = @$round{qw(source target db)};
	my (@struck, @wrong);

	new_target_database($target, $db);
	set_test_point($target, $db, 'planning stored', hit => 0);
	eval { @struck = run_round($round); 1 } or @wrong = ($@);
	push @wrong, unfinished($target, $db, $round->{job}), leftovers($source, $target, $db), compare_with_snapshots($round)
	  unless @wrong;
	if (@wrong)
	{
		show_job($target, $round->{job}, db => $db) if defined $round->{job};
	}
	else { $target->safe_psql('postgres', "DROP DATABASE $db WITH (FORCE)"); }
	return (join(', then ', @struck), @wrong);
}

# As many rounds as are asked for in which something did strike.
sub run_soak
{
	my (%opt) = @_;
	my ($source, $target) = new_fault_pair('soak');
	my $soak = { source => $source };
	my $proxy = PgCopyProxy->new($source);
	my $length = 0.25;    # seconds in which a strike comes
	my $struck = 0;

	diag("SOAK_SEED=$opt{seed} SOAK_ROUNDS=$opt{rounds}");
	srand($opt{seed});
	for (my $i = 1; $struck < $opt{rounds} && $i <= 2 * $opt{rounds} + 5; $i++)
	{
		my $begin = time();
		keep_writing($soak);
		$source->safe_psql('app', 'INSERT INTO fourth SELECT * FROM first WHERE NOT EXISTS (SELECT FROM fourth)');
		my ($what, @wrong) = try_round({ source => $source, target => $target, proxy => $proxy, db => "soak$i", length => $length });
		my $did_strike = $what ne '' || @wrong;
		$struck++ if $did_strike;
		$length *= $did_strike ? 1.05 : 0.8;
		is(join("\n", @wrong), '', sprintf('round %d: %s (%.1f s)', $i, $what || 'nothing, it was too late', time() - $begin));
	}
	is($struck, $opt{rounds}, 'something did strike in as many rounds as were asked for');
	stop_writing($soak);
	is(crashes_in_log($source, $target), '', 'no process crashed but those that were killed');
	$proxy->stop;
	$source->stop;
	$target->stop;
	return;
}

1;
