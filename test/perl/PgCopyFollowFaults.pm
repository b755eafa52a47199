#-------------------------------------------------------------------------
#
# PgCopyFollowFaults.pm
#	  Faults while a job begins to follow, follows, and cuts over.
#
#	  use PgCopyFollowFaults;
#	  run_follow_matrix(faults => [ 'leader killed', 'apply worker killed' ]);
#	  run_follow_soak(seed => 4711, rounds => 100);
#	  done_testing();
#
# As in PgCopyFaults.pm, a case is a fault at a phase and what is done about it; here
# others write to the source all the time, until the fence keeps them off.  A job that
# goes on is cut over, and then the target must be the picture of the source, which
# is fenced; nothing of the job may be left there but the fence, and no choice may have
# been asked for: snapshots of a job that follows can be mixed.  One that is given up
# leaves nothing at all.  A cutover that was interrupted has either happened or not:
# no cutover that said no may have left a fence, and none that said yes may be undone.
#
#-------------------------------------------------------------------------
package PgCopyFollowFaults;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use PgCopy;
use PgCopyFaults;
use PgCopyProxy;
use PgCopyScene;
use PgCopySoak;
use PgCopyTraffic;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(run_follow_matrix run_follow_soak);

# Where a job stands when a fault strikes.  in_cutover: after one was asked for.
my @PHASES = (
	{ name => 'publication', point => 'handover published', by => 'leader' },
	{ name => 'slot', point => 'handover slot', by => 'leader' },
	{ name => 'table', point => 'table done', hit => 2, by => 'worker' },
	{ name => 'index', point => 'index done', hit => 2, by => 'worker' },
	{ name => 'subscribed', point => 'handover subscribed', by => 'leader' },
	{ name => 'following', point => 'following looked', hit => 2, by => 'leader' },
	{ name => 'checked', point => 'cutover checked', by => 'leader', in_cutover => 1 },
	{ name => 'fenced', point => 'cutover fenced', by => 'leader', in_cutover => 1 },
	{ name => 'locked', point => 'cutover locked', by => 'leader', in_cutover => 1 },
	{ name => 'applied', point => 'cutover applied', by => 'leader', in_cutover => 1 },
	{ name => 'again', point => 'cutover again', by => 'leader', in_cutover => 1 },
	{ name => 'opened', point => 'cutover opened', by => 'leader', in_cutover => 1 });

# Faults of following alone; the others are those of PgCopyFaults.pm.
my %FAULTS = (
	'apply worker killed' => { from => 'subscribed', goes_on => 0, strike => sub { kill_apply($_[0]) } },
	'apply worker terminated' => {
		from => 'subscribed', goes_on => 1,
		strike => sub { $_[0]{target}->safe_psql('postgres', 'SELECT pg_terminate_backend(pid, 10000) ' . from_apply($_[0])) }
	},
	'walsender terminated' => {
		from => 'subscribed', goes_on => 1,
		strike => sub { $_[0]{source}->safe_psql('postgres', 'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active') }
	});

my $NOISE = { clients => 2, rate => 40 };

sub from_apply
{
	my ($case) = @_;
	return "FROM pg_stat_subscription WHERE pid IS NOT NULL AND subid IN (SELECT oid FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = '$case->{db}'))";
}

# Kill it when there is one; the server takes all its processes down then.
sub kill_apply
{
	my ($case) = @_;
	my ($pid) = split /\n/, $case->{target}->safe_psql('postgres', 'SELECT pid ' . from_apply($case));

	return 0 unless defined $pid;
	kill_process($case, $pid);
	return 1;
}

#-------------------------------------------------------------------------
# A cutover
#-------------------------------------------------------------------------

# Ask for one in the background.
sub ask_for_cutover
{
	my ($case) = @_;
	my ($in, $out, $err) = ('', '', '');
	my $asked = { out => \$out, err => \$err };

	$asked->{run} = IPC::Run::start(
		[ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', conninfo($case->{target}, db => $case->{db}),
			'-c', "SELECT state FROM pgcopy_cutover($case->{job}, max_pause => '20 s')" ], \$in, \$out, \$err);
	return $asked;
}

# Returns "done", or the error.
sub answer_of
{
	my ($asked) = @_;

	eval { $asked->{run}->finish };
	return ${ $asked->{err} } =~ /(?:ERROR|FATAL):  (.*)/ ? $1 : ${ $asked->{out} } =~ s/\s+\z//r || ${ $asked->{err} };
}

sub is_open
{
	my ($case) = @_;
	return $case->{target}->safe_psql($case->{db}, "SELECT opened IS NOT NULL FROM pgcopy.follow WHERE job = $case->{job}") eq 't';
}

sub is_fenced
{
	my ($case) = @_;
	return $case->{source}->safe_psql('postgres', <<'EOQ') eq 't';
SELECT count(*) > 0 FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase, unnest(setconfig) c
WHERE datname = 'app' AND c = 'default_transaction_read_only=on'
EOQ
}

# Lead a job to its end: resume it when it says so, and cut over when it follows.
# Returns how it came to that ("goes on", "resume") or undef, and what went wrong.
sub see_to_the_end
{
	my ($case) = @_;
	my ($target, $db, $job) = @$case{qw(target db job)};
	my $how = 'goes on';

	foreach my $turn (1 .. 12)
	{
		my $ended = wait_for_state($target, $job, [ qw(done failed cancelled interrupted following) ], db => $db);
		my $state = job_state($target, $job, db => $db);
		return ($how) if $state eq 'done';
		if ($state eq 'following')
		{
			my $said = answer_of(ask_for_cutover($case));
			return (undef, "a cutover that was refused ($said) has left a fence")
			  if $said ne 'done' && job_state($target, $job, db => $db) eq 'following' && is_fenced($case);
			push @{ $case->{refusals} }, $said if $said ne 'done';
			next;
		}
		return (undef, "it is $state") unless $ended && $state =~ /^(failed|cancelled|interrupted)$/;
		my $message = $target->safe_psql($db, "SELECT message FROM pgcopy_progress WHERE job = $job");
		return (undef, "it does not say what to type: $message") unless $message =~ /SELECT pgcopy_resume\($job\)/;
		my @error = call_error($target, $db, "SELECT pgcopy_resume($job)");
		return (undef, "resume: @error") if $error[0] ne '';
		$how = 'resume';
	}
	return (undef, 'it is not done after twelve turns: ' . join('; ', @{ $case->{refusals} || [] }));
}

# All that is wrong with a job that is done.
sub wrong_at_the_end
{
	my ($case) = @_;
	my ($source, $target, $db, $job) = @$case{qw(source target db job)};
	my @wrong;

	$case->{traffic}->stop;
	push @wrong, unfinished($target, $db, $job), leftovers($source, $target, $db), left_of_following($source, $target, $db, source_db => 'app');
	my @picture = map { picture_with_toast(@$_) } [ $source, 'app' ], [ $target, $db ];
	# a source that crashes behind the cutover jumps to the values that it had logged ahead
	if ($case->{fault}{name} eq 'source restarted' && $case->{phase}{name} eq 'opened')
	{
		s/^[^|\n]*\|-?\d+\|[tf]\n//mg for @picture;
	}
	# and unlogged tables are empty after a crash of the target behind its opening, as always
	if ($target->safe_psql($db, "SELECT pg_postmaster_start_time() > opened FROM pgcopy.follow WHERE job = $job") eq 't')
	{
		s/^public\.fourth\|.*\n//mg for @picture;
	}
	push @wrong, split /\n/, difference(@picture);
	return @wrong;
}

# Take the source's fence away, as whoever goes back to it would.
sub unfence
{
	my ($case) = @_;
	$case->{source}->safe_psql('postgres', 'ALTER DATABASE app RESET default_transaction_read_only');
	return;
}

#-------------------------------------------------------------------------
# Cases
#-------------------------------------------------------------------------

sub begin_case
{
	my ($case) = @_;
	my ($source, $target, $db, $phase) = @$case{qw(source target db phase)};

	new_target_database($target, $db);
	set_test_point($target, $db, $phase->{point}, hit => $phase->{hit} // 1);
	$case->{hold} = hold_points($target, $db);
	$case->{traffic} = PgCopyTraffic->new($source, $target, 'app', script => $SOAK_LOAD, %$NOISE);
	$case->{traffic}->start('script');
	$case->{job} = clone($target, $case->{conninfo}, db => $db, user => 'cloner', follow => 'true',
		table_jobs => 2, index_jobs => 2, split_tables_larger_than => '200kB');
	if ($phase->{in_cutover})
	{
		return 0 unless wait_for_state($target, $case->{job}, 'following', db => $db);
		$case->{asked} = ask_for_cutover($case);
	}
	return 0 unless wait_at_point($target, $db, $case->{job});
	($case->{pid}) = split /\n/, $target->safe_psql($db, <<'EOQ');
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 471100 AND NOT granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
EOQ
	return 1;
}

sub heal
{
	my ($case) = @_;
	let_go($case->{hold});
	$case->{fault}{heal}->($case) if $case->{fault}{heal};
	return;
}

# Go on to the end.  Returns how, and all that is wrong.
sub finish_case
{
	my ($case) = @_;

	heal($case);
	$case->{answer} = answer_of($case->{asked}) if $case->{asked};
	my ($how, @wrong) = see_to_the_end($case);
	if (defined $how)
	{
		push @wrong, 'it does not go on by itself' if $case->{fault}{goes_on} && $how ne 'goes on';
		push @wrong, wrong_at_the_end($case);
	}
	show_job($case->{target}, $case->{job}, db => $case->{db}) if @wrong;
	return ($how // 'FAILED', @wrong);
}

# ... or give up: everything is as it was before.
sub give_up_case
{
	my ($case) = @_;
	my ($source, $target, $db, $job) = @$case{qw(source target db job)};
	my @wrong;

	heal($case);
	answer_of($case->{asked}) if $case->{asked};
	my $is_open = is_open($case);
	my @error = call_error($target, $db, "SELECT pgcopy_cancel($job, cleanup => true)");
	my $state = wait_for_end($target, $job, db => $db, limit => 30);
	$case->{traffic}->stop;
	if ($state eq 'done') { $is_open = 1; }
	elsif ($is_open)
	{
		# too late: what is left for after the opening can still be done
		my @resume_error = call_error($target, $db, "SELECT pgcopy_resume($job)");
		$state = wait_for_end($target, $job, db => $db, limit => 30);
		push @wrong, "the target is open, and the job is $state (cancel: @error, resume: @resume_error)" if $state ne 'done';
	}
	else
	{
		push @wrong, "it is $state (cancel: @error)" unless $state =~ /^(cancelled|failed|interrupted)$/;
		@error = call_error($target, $db, "SELECT pgcopy_drop($job)");
		push @wrong, "drop: @error" if $error[0] ne '';
		push @wrong, split /\n/, $target->safe_psql($db, <<'EOQ');
SELECT 'rows in pgcopy.job' FROM pgcopy.job UNION SELECT 'in pgcopy.item' FROM pgcopy.item UNION SELECT 'in pgcopy.follow' FROM pgcopy.follow
EOQ
	}
	push @wrong, leftovers($source, $target, $db), left_of_following($source, $target, $db, source_db => 'app', fence => $is_open ? 1 : 0);
	show_job($target, $job, db => $db) if @wrong;
	return (@wrong ? 'FAILED' : $is_open ? 'too late' : 'given up', @wrong);
}

sub name_of
{
	my ($case) = @_;
	return "$case->{fault}{name} at $case->{phase}{name}, $case->{ending}";
}

# PGCOPY_TEST_ONLY='^(network cut|network silent) at .*, give up' runs only such cases.
sub is_wanted
{
	my ($case) = @_;
	return name_of($case) =~ ($ENV{PGCOPY_TEST_ONLY} // '.');
}

sub run_case
{
	my ($case) = @_;
	my $begin = time();
	my ($outcome, @wrong) = ('FAILED', 'it never came to the point');
	my $name = name_of($case);

	eval {
		if (begin_case($case))
		{
			$case->{fault}{strike}->($case);
			($outcome, @wrong) = $case->{ending} eq 'resume' ? finish_case($case) : give_up_case($case);
		}
		1;
	} or ($outcome, @wrong) = ('FAILED', "it died: $@");
	is(join("\n", @wrong), '', sprintf('%s: %s (%.1f s)%s', $name, $outcome, time() - $begin,
		$case->{refusals} ? '; refused: ' . join('; ', @{ $case->{refusals} }) : ''));
	clean_up($case, @wrong > 0);
	return $outcome;
}

# Make room for the next case, whatever this one has left.
sub clean_up
{
	my ($case, $is_wrong) = @_;
	my ($source, $target, $db, $job) = @$case{qw(source target db job)};

	$case->{traffic}->stop if $case->{traffic};
	let_go($case->{hold}) if $case->{hold};
	unfence($case);
	if (!$is_wrong)
	{
		$target->safe_psql('postgres', "DROP DATABASE $db WITH (FORCE)");
		return;
	}
	$target->psql($db, "SELECT pgcopy_cancel($job)") if defined $job;
	wait_for_end($target, $job, db => $db, limit => 10) if defined $job;
	$target->psql('postgres', "ALTER DATABASE $db RESET ALL");
	$target->psql($db, 'ALTER SUBSCRIPTION ' . $_ . ' DISABLE')
	  foreach split /\n/, $target->safe_psql('postgres', "SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = '$db')");
	$source->psql('postgres', 'SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE active');
	$source->psql('postgres', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
	$source->psql('app', "SELECT format('DROP PUBLICATION %I', pubname) FROM pg_publication \\gexec");
	return;
}

sub new_follow_pair
{
	my ($name, %opt) = @_;
	my ($source, $target) = new_fault_pair($name, %opt,
		source_conf => "$TRAFFIC_CONF\nwal_sender_timeout = '10s'\n",
		target_conf => "wal_receiver_timeout = '5s'\nwal_retrieve_retry_interval = '500ms'\n");

	$_->safe_psql('postgres', 'CREATE ROLE cloner SUPERUSER LOGIN') for $source, $target;
	return ($source, $target);
}

# Run all cases and print the table of outcomes.  faults, phases, endings as for
# run_matrix().
sub run_follow_matrix
{
	my (%opt) = @_;
	my %wanted = map { $_ => 1 } @{ $opt{phases} || [ map { $_->{name} } @PHASES ] };
	my @phase = grep { $wanted{ $_->{name} } } @PHASES;
	my @ending = @{ $opt{endings} || [ 'resume', 'give up' ] };
	my ($source, $target) = new_follow_pair($opt{name} // 'follow');
	my $proxy = PgCopyProxy->new($source);
	my $number = 0;
	my @row;

	# a crash empties it; the cutover copies it again
	$source->safe_psql('app', 'ALTER TABLE fourth SET LOGGED');
	foreach my $title (@{ $opt{faults} })
	{
		my $fault = $FAULTS{$title} // fault($title);
		my (@cell, %given_up);
		my $from = $fault->{from};
		my %is_possible = map { $_->{name} => 1 } @PHASES;
		if (defined $from)
		{
			for my $early (@PHASES) { last if $early->{name} eq $from; delete $is_possible{ $early->{name} }; }
		}
		$fault = { %$fault, name => $title };
		foreach my $phase (@phase)
		{
			push @cell, 'n/a';
			foreach my $ending ($is_possible{ $phase->{name} } && (!$fault->{by} || $fault->{by} eq $phase->{by}) ? @ending : ())
			{
				my $case = {
					source => $source, target => $target, proxy => $proxy, fault => $fault, phase => $phase,
					ending => $ending, db => 'case' . ++$number,
					conninfo => $fault->{through_proxy} ? $proxy->conninfo(db => 'app', user => 'cloner')
					  : conninfo($source, db => 'app', user => 'cloner') };
				next unless is_wanted($case);
				my $outcome = run_case($case);
				if ($ending eq 'resume') { $cell[-1] = $outcome; }
				else { $given_up{$outcome}++; }
			}
		}
		push @row, [ $title, @cell, join ', ', map { "$given_up{$_} $_" } sort keys %given_up ];
	}
	is(crashes_in_log($source, $target), '', 'no process crashed but those that were killed');
	print_table([ 'fault', (map { $_->{name} } @phase), 'given up' ], @row);
	$proxy->stop;
	$source->stop;
	$target->stop;
	return;
}

#-------------------------------------------------------------------------
# Soak
#-------------------------------------------------------------------------

my @STRIKES = (
	(grep { $_->[0] !~ /cancelled/ } @SOAK_STRIKES),
	[ 'the apply worker is killed', sub { kill_apply($_[0]) } ],
	[ 'the apply worker is terminated', sub { $_[0]{target}->safe_psql('postgres', 'SELECT count(pg_terminate_backend(pid)) ' . from_apply($_[0])) > 0 } ],
	[ 'the walsender is terminated', sub { $_[0]{source}->safe_psql('postgres', 'SELECT count(pg_terminate_backend(active_pid)) FROM pg_replication_slots WHERE active') > 0 } ],
	[ 'the network is silent', sub { $_[0]{proxy}->black_hole; sleep(rand 2); $_[0]{proxy}->cut; 1 } ]);

# Strike while a job runs, and while it cuts over, and lead it to its end.
sub run_soak_round
{
	my ($round) = @_;
	my ($target, $db) = @$round{qw(target db)};
	my @struck;

	$round->{job} = clone($target, $round->{conninfo}, db => $db, follow => 'true', user => 'cloner',
		table_jobs => 1 + int rand 4, index_jobs => 1 + int rand 2, split_tables_larger_than => '200kB');
	foreach my $turn (1 .. 1 + int rand 3)
	{
		sleep(rand($turn == 1 ? 3 : 1));
		my $state = job_state($target, $round->{job}, db => $db);
		last if $state eq 'done';
		$round->{asked} //= ask_for_cutover($round) if $state eq 'following' && rand() < 0.5;
		sleep(rand 0.5) if $round->{asked};
		my $strike = $STRIKES[ rand @STRIKES ];
		push @struck, "$strike->[0] ($state" . ($round->{asked} ? ', cutover asked' : '') . ')' if eval { $strike->[1]->($round) };
		if ($round->{asked})
		{
			push @struck, 'said ' . answer_of(delete $round->{asked});
			next;
		}
		$state = job_state($target, $round->{job}, db => $db);
		next unless $state =~ /^(failed|interrupted)$/;
		my @error = call_error($target, $db, "SELECT pgcopy_resume($round->{job})");
		die "resume: @error" if $error[0] ne '';
	}
	my ($how, @wrong) = see_to_the_end($round);
	return (join(', then ', @struck), @wrong ? @wrong : wrong_at_the_end($round));
}

# As many rounds as are asked for; the seed settles what strikes and when, not how far
# a job is by then.
sub run_follow_soak
{
	my (%opt) = @_;
	my ($source, $target) = new_follow_pair('follow_soak');
	my $proxy = PgCopyProxy->new($source);

	diag("SOAK_SEED=$opt{seed} SOAK_ROUNDS=$opt{rounds}");
	srand($opt{seed});
	foreach my $i (1 .. $opt{rounds})
	{
		my $begin = time();
		my $round = { source => $source, target => $target, proxy => $proxy, db => "soak$i",
			conninfo => $proxy->conninfo(db => 'app', user => 'cloner'),
			traffic => PgCopyTraffic->new($source, $target, 'app', script => $SOAK_LOAD, %$NOISE) };
		my ($what, @wrong) = ('');

		new_target_database($target, $round->{db});
		$round->{traffic}->start('script');
		$source->safe_psql('app', 'INSERT INTO fourth SELECT * FROM first WHERE NOT EXISTS (SELECT FROM fourth)');
		eval { ($what, @wrong) = run_soak_round($round); 1 } or @wrong = ("it died: $@");
		is(join("\n", @wrong), '', sprintf('round %d: %s (%.1f s)', $i, $what || 'nothing struck', time() - $begin));
		show_job($target, $round->{job}, db => $round->{db}) if @wrong && defined $round->{job};
		clean_up($round, @wrong > 0);
	}
	is(crashes_in_log($source, $target), '', 'no process crashed but those that were killed');
	$proxy->stop;
	$source->stop;
	$target->stop;
	return;
}

1;
