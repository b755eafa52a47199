#-------------------------------------------------------------------------
#
# PgCopyFaults.pm
#	  Faults, phases, and what has to be true after every one of them.
#
#	  use PgCopyFaults;
#	  run_matrix(faults => [ 'worker killed', 'leader killed' ]);
#	  done_testing();
#
# A case is a fault at a phase, and what is done about it then: the job is
# resumed, or it is given up.  The job stands at a test point of that phase
# (src/base/testpoint.c) when the fault strikes, so nothing depends on who is
# faster.  Afterwards the clone must be the picture of the source, every item
# must be done, once, and nothing may be left on either side.
#
# This needs a library built with TESTPOINTS=1.
#
#-------------------------------------------------------------------------
package PgCopyFaults;

use strict;
use warnings;

use Exporter 'import';
use PgCopy;
use PgCopyProxy;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  run_matrix new_fault_pair fill_app new_target_database
  set_test_point hold_points wait_at_point held_at_point let_one_by let_go
  see_through leftovers unfinished crashes_in_log was_killed wait_for_restart
  fault picture_with_toast print_table wait_for_standstill kill_process
);

# The key of the hold that a test point waits for; see testpoint.c.
my $KEY = 100;

# Where a job stands when a fault strikes: the point, and who stands there.
# is_late: things stand on indexes, so tables cannot start over.
my @PHASES = (
	{ name => 'planning', point => 'planning locked', by => 'leader' },
	{ name => 'pre-data', point => 'pre-data done', hit => 5, by => 'leader' },
	{ name => 'table', point => 'table done', hit => 2, by => 'worker' },
	{ name => 'chunk', point => 'chunk done', hit => 3, by => 'worker' },
	{ name => 'large objects', point => 'large objects done', by => 'worker' },
	{ name => 'index', point => 'index done', hit => 2, by => 'worker' },
	{ name => 'constraint', point => 'constraint done', by => 'worker' },
	{ name => 'foreign key', point => 'foreign key done', by => 'worker' },
	{ name => 'post-data', point => 'post-data done', hit => 2, by => 'leader', is_late => 1 },
	{ name => 'sequences', point => 'sequences done', by => 'worker', is_late => 1 });

my $SESSIONS = "FROM pg_stat_activity WHERE application_name LIKE 'pgcopy job %";

# What strikes.  strike gets the case; heal, when there is one, comes when the
# job has been let go, and makes good what the job cannot.  by: only where such a
# process stands at the point.  moment: at another one than "done".  goes_on: the
# job must end done by itself.  no_repeat: nothing may be done again.  no_error:
# nobody may even have noticed.  prepare gets both servers, before the first case.
# heal_first: before that nobody can say that he gives up.
my %FAULTS = (
	'worker killed' => { by => 'worker', strike => sub { kill_process($_[0], $_[0]{pid}) } },
	'worker terminated' => { by => 'worker', goes_on => 1, strike => \&terminate_worker },
	'worker terminated after commit' =>
	  { by => 'worker', moment => 'committed', goes_on => 1, no_repeat => 1, strike => \&terminate_worker },
	'leader killed' => { strike => sub { kill_process($_[0], leader_pid($_[0])) } },
	'leader terminated' => {
		strike => sub {
			my ($case) = @_;
			$case->{target}->safe_psql('postgres', 'SELECT pg_terminate_backend(' . leader_pid($case) . ', 10000)');
		}
	},
	'target stopped at once' => {
		strike => sub {
			my ($case) = @_;
			$case->{target}->stop('immediate');
			$case->{target}->start;
		}
	},
	'source restarted' => {
		# its unlogged tables are empty then
		prepare => sub { $_[0]->safe_psql('app', 'ALTER TABLE fourth SET LOGGED') },
		strike => sub {
			my ($case) = @_;
			$case->{source}->stop('immediate');
			$case->{source}->start;
			# the next value of a sequence is not that of before
			$case->{picture} = picture_with_toast($case->{source}, 'app');
		}
	},
	"leader's session terminated" => { strike => sub { terminate_sessions($_[0], "leader'") } },
	"workers' sessions terminated" => { strike => sub { terminate_sessions($_[0], "worker %'") } },
	'network cut' => { through_proxy => 1, strike => sub { $_[0]{proxy}->cut } },
	'network silent' => {
		through_proxy => 1,
		strike => sub { $_[0]{proxy}->black_hole },
		heal => sub { wait_for_standstill($_[0]); $_[0]{proxy}->cut }
	},
	'target disk full' => {
		moment => 'begun',
		prepare => \&make_small_tablespace,
		tablespace => 'TABLESPACE small',
		strike => \&fill_disk,
		heal => sub { wait_for_standstill($_[0]); unlink disk_filler() }
	},
	'no free worker slot' => { strike => \&take_worker_slots, heal => \&free_worker_slots },
	"target's lock table full" => { heal_first => 1, strike => sub { take_locks($_[0], 'target') }, heal => \&free_locks },
	"source's lock table full" => { strike => sub { take_locks($_[0], 'source') }, heal => \&free_locks },
	"timeouts of the source's role" => {
		goes_on => 1,
		prepare => sub { set_timeouts($_[0]) },
		strike => \&outlast_timeouts,
		no_error => 1
	},
	"timeouts of the target's role" => {
		goes_on => 1,
		prepare => sub { set_timeouts($_[1]) },
		strike => \&outlast_timeouts,
		no_error => 1
	});

# What is known of a fault.
sub fault { return $FAULTS{ $_[0] } // die "no fault \"$_[0]\""; }

#-------------------------------------------------------------------------
# The scene
#-------------------------------------------------------------------------

# As new_pair, with a target that starts again after a crash, and databases
# "app" on the source and "blank", what every case begins with, on the target.
sub new_fault_pair
{
	my ($name, %opt) = @_;
	my ($source, $target) = new_pair(
		$name, %opt,
		target_conf => "restart_after_crash = on\nautovacuum = off\n" . ($opt{target_conf} // ''));

	new_database($source, 'app');
	fill_app($source, 'app');
	new_database($target, 'blank');
	$target->safe_psql('blank', 'CREATE EXTENSION pgcopydb_ext');
	die 'the library was not built with TESTPOINTS=1'
	  unless $target->safe_psql('blank', "SELECT count(*) FROM pgcopy_jobs; LOAD 'pgcopydb_ext'; SELECT current_setting('pgcopy.test_action', true)") =~ /stop/;
	return ($source, $target);
}

# Some of everything that has a phase; "big" has a TOAST relation with rows and
# comes in ten chunks.
sub fill_app
{
	my ($source, $db) = @_;
	$source->safe_psql($db, <<'EOQ');
CREATE TABLE big (a int PRIMARY KEY, b text, c text);
ALTER TABLE big ALTER c SET STORAGE EXTERNAL;
INSERT INTO big SELECT g, repeat(md5(g::text), 10), CASE WHEN g % 40 = 0 THEN repeat(md5(g::text), 100) END
	FROM generate_series(1, 4000) g;
CREATE INDEX big_b ON big (b);
CREATE TABLE first (a int PRIMARY KEY, b text UNIQUE);
INSERT INTO first SELECT g, 'first ' || g FROM generate_series(1, 300) g;
CREATE TABLE second (id int GENERATED ALWAYS AS IDENTITY, a int REFERENCES first, b text CHECK (b <> ''));
INSERT INTO second (a, b) SELECT g, 'second ' || g FROM generate_series(1, 300) g;
CREATE INDEX ON second (b);
CREATE TABLE third (a int, b text);
INSERT INTO third SELECT g, repeat(md5(g::text), 200) FROM generate_series(1, 100) g;
CREATE UNLOGGED TABLE fourth AS SELECT * FROM first;
CREATE TABLE fifth (a int REFERENCES first, at timestamptz DEFAULT now()) PARTITION BY RANGE (a);
CREATE TABLE fifth_low PARTITION OF fifth FOR VALUES FROM (0) TO (100);
CREATE TABLE fifth_high PARTITION OF fifth FOR VALUES FROM (100) TO (1000);
CREATE INDEX ON fifth (at);
INSERT INTO fifth SELECT g FROM generate_series(1, 200) g;
CREATE SEQUENCE s;
SELECT setval('s', 4711);
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER t AFTER INSERT ON third FOR EACH ROW EXECUTE FUNCTION on_change();
CREATE TRIGGER t AFTER INSERT ON second FOR EACH ROW EXECUTE FUNCTION on_change();
CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM big;
CREATE VIEW v AS SELECT a, second.b FROM first JOIN second USING (a);
SELECT lo_from_bytea(880000 + g, decode(repeat(md5(g::text), g), 'hex')) FROM generate_series(1, 120) g;
EOQ
	return;
}

# A database for one clone.
sub new_target_database
{
	my ($target, $db, $more) = @_;
	$target->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE blank " . ($more // ''));
	return;
}

# From their start on, processes of jobs in DB do ACTION at POINT.
sub set_test_point
{
	my ($target, $db, $point, %opt) = @_;
	my %setting = (test_point => $point, test_action => $opt{action} // 'stop',
		test_hit => $opt{hit} // 1, test_sqlstate => $opt{sqlstate} // 'XX000');
	$target->safe_psql('postgres',
		join '', map { "ALTER DATABASE $db SET pgcopy.$_ = " . quote_literal($setting{$_}) . ";\n" } sort keys %setting);
	return;
}

# Processes that come to a test point stop while the session returned here lives.
sub hold_points
{
	my ($target, $db) = @_;
	return hold($target, $db, $KEY);
}

sub wait_at_point
{
	my ($target, $db, $job) = @_;
	return wait_held($target, $db, $KEY, $job);
}

# The condition that a process stands at a point.
sub held_at_point { return held_sql($KEY); }

# Let those go that stand at a point, and hold whoever comes next.
sub let_one_by
{
	my ($hold) = @_;
	release_and_hold($hold, $KEY);
	return;
}

# End a hold, also one that died with its server.
sub let_go
{
	my ($hold) = @_;
	eval { $hold->quit };
	return;
}

#-------------------------------------------------------------------------
# Faults
#-------------------------------------------------------------------------

sub leader_pid
{
	my ($case) = @_;
	return $case->{target}->safe_psql($case->{db}, "SELECT leader_pid FROM pgcopy_jobs WHERE job = $case->{job}");
}

# The server takes all its processes down when one of them is killed.
sub kill_process
{
	my ($case, $pid) = @_;
	my $offset = -s $case->{target}->logfile;

	kill 'KILL', $pid or die "no process $pid";
	wait_for_restart($case->{target}, $offset);
	return;
}

# Whether the server saw its process PID die of a signal that was sent: it may have
# been about to leave by itself.  Its log says so, after OFFSET, at once.
sub was_killed
{
	my ($node, $offset, $pid) = @_;
	my $end = time() + 10;

	until (substr(slurp_file($node->logfile), $offset) =~ /\(PID $pid\) was terminated by signal 9/)
	{
		return 0 if time() > $end;
		sleep(0.05);
	}
	return 1;
}

# Wait until the server's log says, after OFFSET, that it is there again.
sub wait_for_restart
{
	my ($node, $offset) = @_;
	my $end = time() + $PgCopy::LIMIT;

	until (substr(slurp_file($node->logfile), $offset) =~ /database system is ready to accept connections/)
	{
		die 'the server does not start again' if time() > $end;
		sleep(0.05);
	}
	return;
}

sub terminate_worker
{
	my ($case) = @_;
	$case->{target}->safe_psql('postgres', "SELECT pg_terminate_backend($case->{pid}, 10000)");
	return;
}

sub terminate_sessions
{
	my ($case, $whose) = @_;
	$case->{source}->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $SESSIONS $whose");
	return;
}

# Wait until a job has ended, or until nothing of it has changed for a second: it
# waits for what the fault has taken away.
sub wait_for_standstill
{
	my ($case) = @_;
	my ($last, $since) = ('', time());

	while (time() - $since < 1)
	{
		my (undef, $now) = $case->{target}->psql($case->{db}, <<EOQ);
SELECT state, (SELECT count(*) FROM pgcopy.error), (SELECT count(*) FROM pgcopy.item WHERE state = 'done')
FROM pgcopy.job WHERE id = $case->{job}
EOQ
		return if ($now // '') =~ /^(done|failed|cancelled)/;
		($last, $since) = ($now, time()) if defined $now && $now ne $last;
		sleep(0.05);
	}
	return;
}

# Put the databases of cases on a disk that is easily filled.  Only root can
# make one: test/run does.
sub make_small_tablespace
{
	my ($source, $target) = @_;

	mkdir "$ENV{PGCOPY_SMALL_DISK}/space" or die "no small disk: $!";
	$target->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$ENV{PGCOPY_SMALL_DISK}/space'");
	return;
}

sub disk_filler { return "$ENV{PGCOPY_SMALL_DISK}/filler"; }

sub fill_disk
{
	open my $fh, '>', disk_filler() or die "could not fill the disk: $!";
	1 while syswrite($fh, 'x' x 8192);
	close $fh;
	return;
}

# Other jobs stand in planning until no slot is left; then the process that
# stands at the point is terminated, if it is a worker.
sub take_worker_slots
{
	my ($case) = @_;
	my $target = $case->{target};

	for (my $i = 1; ; $i++)
	{
		my $db = "taker$i";
		if (!$target->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = '$db'"))
		{
			new_target_database($target, $db);
			set_test_point($target, $db, 'planning locked');
		}
		my $hold = hold_points($target, $db);
		my ($job, $sqlstate) = start_job($target, $db, quote_literal(conninfo($case->{source}, db => 'app')));
		push @{ $case->{takers} }, [ $db, $hold, $job ];
		next if defined $job && wait_at_point($target, $db, $job);
		die "not the error that was expected: $sqlstate" if $sqlstate ne '53400';
		last;
	}
	terminate_worker($case) if $case->{phase}{by} eq 'worker';
	return;
}

sub free_worker_slots
{
	my ($case) = @_;
	my $target = $case->{target};

	wait_until($target, "SELECT state ~ 'done|failed|cancelled' OR message ~ 'max_worker_processes' FROM pgcopy_progress WHERE job = $case->{job}",
		db => $case->{db}, job => $case->{job}, what => 'the job to end or to say what it waits for');
	foreach my $taker (@{ delete $case->{takers} })
	{
		my ($db, $hold, $job) = @$taker;
		$target->safe_psql($db, "SELECT pgcopy_cancel($job); SELECT pgcopy_wait($job, '20 s'); SELECT pgcopy_drop($job)") if defined $job;
		let_go($hold);
	}
	return;
}

# Take advisory locks in a server until its lock table is full.
sub take_locks
{
	my ($case, $where) = @_;

	$case->{hog} = $case->{$where}->background_psql('postgres');
	$case->{hog}->query_safe(<<'EOQ');
DO $$ BEGIN
	FOR i IN 1 .. 1000000 LOOP PERFORM pg_advisory_lock(i); END LOOP;
EXCEPTION WHEN out_of_memory THEN
	NULL;
END $$;
EOQ
	return;
}

sub free_locks
{
	my ($case) = @_;

	wait_for_standstill($case);
	let_go(delete $case->{hog});
	return;
}

# A role of both servers, with all timeouts in one of them that its version knows.
sub set_timeouts
{
	my ($node) = @_;
	my @names = split /\n/, $node->safe_psql('postgres', "SELECT name FROM pg_settings WHERE name ~ '^[^.]*_timeout\$' AND context IN ('user', 'superuser')");

	$node->safe_psql('postgres', join ';', map { "ALTER ROLE cloner SET $_ = '100ms'" } @names);
	return;
}

# The process at the point waits for longer than these: on the target for a lock,
# on the source idle in a transaction.
sub outlast_timeouts
{
	my ($case) = @_;

	wait_until($case->{target}, "SELECT bool_and(clock_timestamp() - waitstart > '300 ms') FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
		db => $case->{db}, what => 'all timeouts to be over');
	return;
}

#-------------------------------------------------------------------------
# What has to be true
#-------------------------------------------------------------------------

# Lead a job to its end, by pgcopy_resume() where it takes that, and by choosing
# CHOICE where it asks.  Returns how it came to be done ("goes on", "resume",
# "choose") or undef, and what went wrong.
sub see_through
{
	my ($target, $db, $job, $choice) = @_;
	my $how = 'goes on';

	foreach my $round (1 .. 5)
	{
		my $state = wait_for_end($target, $job, db => $db);
		return ($how) if $state eq 'done';
		return (undef, "it is $state") if $state !~ /^(failed|cancelled|interrupted)$/;
		my $message = $target->safe_psql($db, "SELECT message FROM pgcopy_progress WHERE job = $job");
		return (undef, "it does not say what to type: $message") unless $message =~ /SELECT pgcopy_resume\($job\)/;

		my @error = call_error($target, $db, "SELECT pgcopy_resume($job)");
		if ($error[0] eq '') { $how = 'resume' if $how eq 'goes on'; next; }
		return (undef, "resume: @error")
		  unless $error[0] eq '55000' && $error[1] =~ /under a snapshot that is gone/;
		@error = call_error($target, $db, "SELECT pgcopy_resume($job, consistent => $choice)");
		return (undef, "resume, consistent => $choice: @error") if $error[0] ne '';
		$how = 'choose';
	}
	return (undef, 'it was resumed five times and is not done');
}

# What is wrong with the items of a job that is done.
sub unfinished
{
	my ($target, $db, $job) = @_;
	my @wrong = split /\n/, $target->safe_psql($db, <<EOQ);
SELECT 'item ' || i.no || ' (' || i.kind || ') is ' || i.state FROM pgcopy.item i WHERE i.job = $job AND i.state <> 'done';
SELECT 'the job says ' || j FROM (SELECT percent, tables_done, tables_total, indexes_done, indexes_total, errors
	FROM pgcopy_jobs WHERE job = $job) j
WHERE percent <> 100 OR tables_done <> tables_total OR indexes_done <> indexes_total OR errors <> 0;
SELECT 'the connection string is kept' FROM pgcopy.job WHERE id = $job AND conninfo IS NOT NULL;
EOQ
	return @wrong;
}

# What a job that has ended has left behind.  One that was given up may have left
# an index of a partitioned table that still waits for those of its partitions.
sub leftovers
{
	my ($source, $target, $db, $limit) = @_;
	my @wrong;

	push @wrong, 'processes or sessions are left' unless is_quiet($source, $target, $limit // 20);
	push @wrong, split /\n/, $target->safe_psql($db, <<'EOQ');
SELECT 'temporary file ' || name FROM pg_ls_tmpdir();
SELECT 'invalid index ' || i.indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND NOT (c.relkind = 'I' AND EXISTS (SELECT FROM pgcopy.item WHERE state <> 'done'));
SELECT 'prepared transaction ' || gid FROM pg_prepared_xacts;
EOQ
	return @wrong;
}

# Lines of a log that no fault of ours explains: killing is signal 9.
sub crashes_in_log
{
	return join "\n", map {
		grep { /PANIC:|TRAP:|terminated by signal (?!9\b)/ } split /\n/, slurp_file($_->logfile)
	} @_;
}

# The picture of a database, and how many pieces its TOAST relations have: what
# an aborted load has left there is seen nowhere else.
sub picture_with_toast
{
	my ($node, $db) = @_;
	return picture($node, $db) . join "\n", sort split /\n/, $node->safe_psql($db, <<'EOQ');
SELECT format('SELECT %L, count(*) FROM %s', c.oid::regclass || ': TOAST', c.reltoastrelid::regclass)
FROM pg_class c WHERE c.relkind = 'r' AND c.reltoastrelid <> 0 AND c.relnamespace = 'public'::regnamespace
\gexec
EOQ
}

#-------------------------------------------------------------------------
# Cases
#-------------------------------------------------------------------------

# Start a job in a new database and wait until it stands at the phase's point.
sub begin_case
{
	my ($case) = @_;
	my ($target, $db, $phase) = @$case{qw(target db phase)};
	my $moment = $case->{fault}{moment};
	my $point = $phase->{point};

	$point =~ s/done$/$moment/ if defined $moment;
	new_target_database($target, $db, $case->{fault}{tablespace});
	set_test_point($target, $db, $point, hit => $moment ? 1 : $phase->{hit});
	$case->{hold} = hold_points($target, $db);
	$case->{job} = clone($target, $case->{conninfo}, db => $db, user => 'cloner',
		table_jobs => 2, index_jobs => 2, split_tables_larger_than => '200kB');
	return 0 unless wait_at_point($target, $db, $case->{job});
	($case->{pid}) = split /\n/, $target->safe_psql($db,
		"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = $KEY AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
	return 1;
}

# The fault has struck: resume.  Returns what happened, and all that is wrong.
sub resume_case
{
	my ($case) = @_;
	my ($source, $target, $db, $job) = @$case{qw(source target db job)};

	let_go($case->{hold});
	$case->{fault}{heal}->($case) if $case->{fault}{heal};
	my ($how, @wrong) = see_through($target, $db, $job, $case->{choice});
	if (!defined $how)
	{
		show_job($target, $job, db => $db);
		return ('FAILED', @wrong);
	}
	push @wrong, 'it does not go on by itself' if $case->{fault}{goes_on} && $how ne 'goes on';
	push @wrong, split /\n/, $target->safe_psql($db, "SELECT 'item ' || no || ' was done again' FROM pgcopy.item WHERE attempts > 1")
	  if $case->{fault}{no_repeat};
	push @wrong, split /\n/, $target->safe_psql($db, "SELECT 'error: ' || message FROM pgcopy_errors") if $case->{fault}{no_error};
	push @wrong, unfinished($target, $db, $job), leftovers($source, $target, $db);
	push @wrong, split /\n/, difference($case->{picture}, picture_with_toast($target, $db));
	return ($how, @wrong);
}

# ... or give up.
sub give_up_case
{
	my ($case) = @_;
	my ($source, $target, $db, $job) = @$case{qw(source target db job)};
	my $heal = sub { let_go($case->{hold}); $case->{fault}{heal}->($case) if $case->{fault}{heal} };
	my @wrong;

	$heal->() if $case->{fault}{heal_first};
	$target->safe_psql($db, "SELECT pgcopy_cancel($job)");
	my $state = wait_for_end($target, $job, db => $db, limit => 20);
	$heal->() unless $case->{fault}{heal_first};
	push @wrong, "it is $state" unless $state =~ /^(cancelled|failed|done)$/;
	push @wrong, leftovers($source, $target, $db);
	$target->safe_psql($db, "SELECT pgcopy_drop($job)") unless @wrong;
	push @wrong, split /\n/, $target->safe_psql($db, <<'EOQ') unless @wrong;
SELECT 'rows in pgcopy.job' FROM pgcopy.job UNION SELECT 'in pgcopy.item' FROM pgcopy.item
UNION SELECT 'in pgcopy.error' FROM pgcopy.error UNION SELECT 'in pgcopy.snapshot' FROM pgcopy.snapshot
UNION SELECT 'in pgcopy.relation' FROM pgcopy.relation UNION SELECT 'in pgcopy.statement' FROM pgcopy.statement
UNION SELECT 'in pgcopy.large_object' FROM pgcopy.large_object
EOQ
	show_job($target, $job, db => $db) if @wrong;
	return (@wrong ? 'FAILED' : 'given up', @wrong);
}

sub run_case
{
	my ($case) = @_;
	my $begin = time();
	my ($outcome, @wrong) = ('FAILED', 'it never came to the point');
	my $name = "$case->{fault}{name} at $case->{phase}{name}, $case->{ending}";

	if (begin_case($case))
	{
		$case->{fault}{strike}->($case);
		($outcome, @wrong) = $case->{ending} eq 'resume' ? resume_case($case) : give_up_case($case);
	}
	is(join("\n", @wrong), '', sprintf('%s: %s (%.1f s)', $name, $outcome, time() - $begin));
	return 'FAILED' if @wrong;
	$case->{target}->safe_psql('postgres', "DROP DATABASE $case->{db} WITH (FORCE)");
	return $outcome;
}

# The table of outcomes, as it stands in test/README.md.
sub print_table
{
	my ($head, @row) = @_;
	my %short = (
		planning => 'plan', 'pre-data' => 'pre', 'large objects' => 'LO', constraint => 'con', 'foreign key' => 'FK',
		'post-data' => 'post', sequences => 'seq', publication => 'pub', following => 'follow',
		'goes on' => 'g', resume => 'r', choose => 'c', 'n/a' => '-');
	diag('| ' . join(' | ', map { $short{$_} // $_ } @$_) . ' |') for $head, [ map { '---' } @$head ], @row;
	return;
}

# Run all cases and print the table of outcomes.
#
# faults: their names.  phases: names, all unless said.  endings: 'resume' and
# 'give up' unless said.  All others go to new_fault_pair.
sub run_matrix
{
	my (%opt) = @_;
	my %wanted = map { $_ => 1 } @{ delete $opt{phases} || [ map { $_->{name} } @PHASES ] };
	my @phase = grep { $wanted{ $_->{name} } } @PHASES;
	my @ending = @{ delete $opt{endings} || [ 'resume', 'give up' ] };
	my @fault = @{ delete $opt{faults} };
	my ($source, $target) = new_fault_pair(delete $opt{name} // 'faults', %opt);
	$_->safe_psql('postgres', 'CREATE ROLE cloner SUPERUSER LOGIN') for $source, $target;
	my $proxy = PgCopyProxy->new($source);
	my $number = 0;
	my @row;

	foreach my $title (@fault)
	{
		my $fault = fault($title);
		my (@cell, %given_up);
		$fault->{name} = $title;
		$fault->{prepare}->($source, $target) if $fault->{prepare};
		my $picture = picture_with_toast($source, 'app');
		foreach my $phase (@phase)
		{
			my $is_possible = !$fault->{by} || $fault->{by} eq $phase->{by};
			push @cell, 'n/a';
			foreach my $ending ($is_possible ? @ending : ())
			{
				my $choice = !$phase->{is_late} && $number % 4 > 1 ? 'true' : 'false';
				my $outcome = run_case({
					source => $source, target => $target, proxy => $proxy, fault => $fault,
					phase => $phase, ending => $ending, db => 'case' . ++$number,
					choice => $choice, picture => $picture,
					conninfo => $fault->{through_proxy} ? $proxy->conninfo(db => 'app', user => 'cloner')
					  : conninfo($source, db => 'app', user => 'cloner') });
				if ($ending eq 'resume') { $cell[-1] = $outcome; }
				else { $given_up{$outcome}++; }
			}
		}
		push @row, [ $title, @cell, join ', ', map { $_ eq 'given up' ? $given_up{$_} : "$given_up{$_} $_" } sort keys %given_up ];
	}
	is(crashes_in_log($source, $target), '', 'no process crashed but those that were killed');
	print_table([ 'fault', (map { $_->{name} } @phase), 'given up' ], @row);
	$proxy->stop;
	$source->stop;
	$target->stop;
	return;
}

1;
