#-------------------------------------------------------------------------
#
# PgCopySweep.pm
#	  Many clones from a source that lies, several at a time, and what became of
#	  each.
#
# A lane is a process with a liar and a target server of its own, so that a
# crash has exactly one cause.  It takes one case after the other: a database
# out of a template, a clone with one lie in it, a verdict.  A case is a hash:
#
#	id			number; decides how a case that waits is ended
#	scenario	the name of one of the scenarios, see lies.pl
#	lies		array of hashes as PgCopyLiar->plan takes them; none: it is honest
#	picture		what is to come of it, if it is a part of the source
#	is_free		the lie is one that makes another source, not a false one
#
# and what comes back has
#
#	end			"refused" (by the call), the state of the job, "crash"
#	bad			sentences on what must not be; an empty array is a pass
#	odd			sentences on what could be better
#	error		the first error: its SQLSTATE and texts
#	picture		what an honest clone of a part has made
#	told		how many lies were told; 0: the query did not come
#	seen		the queries, when there were no lies
#
#-------------------------------------------------------------------------
package PgCopySweep;

use strict;
use warnings;

use IO::Select;
use JSON::PP ();
use POSIX ();
use PgCopy;
use PgCopyLiar;
use PgCopyLies qw(kind_named);
use PgCopyWire;
use PostgreSQL::Test::Utils;
use Socket;
use Time::HiRes qw(sleep time);

# Seconds.
our $PATIENCE = 0.7;    # with who may wait, from the lie on
our $HANG = 20;    # with who may not wait
our $CANCEL = 8;    # for what has been cancelled to end
our $GONE = 1;    # for what has been terminated to be gone
our $SLACK = 1.5;    # ... and how much a loaded machine adds
our $QUIET = 10;    # for processes of a job that has ended

my $JSON = JSON::PP->new->latin1->canonical;

# What a server's log has when something is really wrong.
my $CRASH = qr/\(PID \d+\) was terminated by signal|PANIC:  |TRAP: /;

# Start a lane for a target server.  SCENE: source, source_db, scenarios,
# picture (the source's), ignore (a pattern of its lines).
sub new
{
	my ($class, $target, $scene) = @_;
	my $self = bless { target => $target, owner => $$ }, $class;

	socketpair(my $ours, my $its, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "could not make a socket pair: $!";
	$self->{pid} = fork() // die "could not fork: $!";
	if ($self->{pid} == 0)
	{
		close $ours;
		$SIG{$_} = 'DEFAULT' for qw(TERM INT ALRM);
		$SIG{PIPE} = 'IGNORE';
		eval { _work($its, { %$scene, target => $target }); 1 } or print STDERR "lane: $@";
		POSIX::_exit(0);
	}
	close $its;
	$self->{socket} = $ours;
	return $self;
}

sub DESTROY
{
	my ($self) = @_;
	return if $self->{owner} != $$;

	local $?;
	close $self->{socket};
	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;
	return;
}

# Run cases on lanes until there is none or the time is over.  The function NEXT
# gives a case or undef, RESULT gets each with what came of it.
sub run
{
	my ($lanes, $next, $result) = @_;
	my (%busy, $is_over);

	while (1)
	{
		foreach my $lane (grep { !$busy{ $_->{socket} } } @$lanes)
		{
			my $case = $is_over ? undef : $next->();
			$is_over = 1 if !$case;
			last if !$case;
			$busy{ $lane->{socket} } = [ $lane, $case ];
			syswrite $lane->{socket}, $JSON->encode($case) . "\n";
		}
		last if !%busy;
		foreach my $socket (IO::Select->new(map { $_->[0]{socket} } values %busy)->can_read)
		{
			my ($lane, $case) = @{ delete $busy{$socket} };
			my $line = _read_line($socket) // die "a lane is gone, with case " . $JSON->encode($case);
			$result->($case, $JSON->decode($line), $lane);
		}
	}
	return;
}

sub _read_line
{
	my ($socket) = @_;
	my $line = '';
	until ($line =~ /\n\z/) { sysread $socket, $line, 1e6, length $line or return; }
	return $line;
}

#-------------------------------------------------------------------------
# The lane
#-------------------------------------------------------------------------

sub _work
{
	my ($control, $lane) = @_;

	$lane->{liar} = PgCopyLiar->new($lane->{source});
	$lane->{log} = $lane->{target}->logfile;
	_connect($lane);
	$lane->{admin}->ask('CREATE DATABASE plain', 60);
	PgCopyWire->connect($lane->{target}, 'plain')->ask('CREATE EXTENSION pgcopydb_ext', 60);
	while (defined(my $line = _read_line($control)))
	{
		my $case = $JSON->decode($line);
		my $answer = $JSON->encode(_run_case($lane, $case)) . "\n";
		while (length $answer) { substr $answer, 0, syswrite($control, $answer) // return, ''; }
	}
	return;
}

# Connect to the server, which may just restart.
sub _connect
{
	my ($lane) = @_;
	my $end = time() + 60;

	until ($lane->{admin} = PgCopyWire->connect($lane->{target}, 'postgres'))
	{
		die 'the target does not come back' if time() > $end;
		sleep 0.1;
	}
	return;
}

# Ask the server as its administrator; rows, or undef when it crashed meanwhile.
sub _admin
{
	my ($lane, $sql) = @_;
	my $answer = $lane->{admin}->ask($sql, 60);

	if (!$answer || $answer->{is_lost})
	{
		_connect($lane);
		return;
	}
	$lane->{trouble} = $answer->{error}{M} if $answer->{error};
	return $answer->{rows};
}

sub _run_case
{
	my ($lane, $case) = @_;
	my $scenario = $lane->{scenarios}{ $case->{scenario} };
	my $begun = time;
	my $run = { bad => [], odd => [], case => $case, waits => scalar grep { kind_named($_->{lie})->{waits} } @{ $case->{lies} } };

	$run->{db} = _database($lane, $run, $scenario);
	$run->{log_from} = -s $lane->{log};
	my @always = map { { %$_, is_uncounted => 1 } } @{ $scenario->{lies} || [] };
	$lane->{liar}->plan({ password => $scenario->{password} }, @always, @{ $case->{lies} });
	_order_job($lane, $run, $scenario);
	_follow_job($lane, $run) if $run->{job};
	_wait_until_quiet($lane, $run);
	_look_into_log($lane, $run);
	_judge($lane, $run, $scenario) if $run->{end} eq 'done';
	my $told = $lane->{liar}->told;
	my @seen = @{ $case->{lies} } ? () : $lane->{liar}->seen;
	_give_back($lane, $run, $scenario);

	return {
		(map { $_ => $run->{$_} } qw(end bad odd error picture)),
		told => $told,
		seconds => time() - $begun,
		@seen ? (seen => \@seen) : ()
	};
}

#-------------------------------------------------------------------------
# A database for each
#-------------------------------------------------------------------------

# One that a clone has left as it was is used again.
sub _database
{
	my ($lane, $run, $scenario) = @_;
	my $kept = delete $lane->{kept};
	my $settings = $scenario->{settings} || {};

	my $template = $scenario->{half_done} // $scenario->{extension} // ($scenario->{made} ? "made_$run->{case}{scenario}" : 'plain');
	if ($template ne 'plain' && !$lane->{has}{$template}++)
	{
		if ($scenario->{half_done}) { _make_half_done($lane, $template); }
		elsif ($scenario->{made}) { _make_definitions($lane, $template, $scenario); }
		else { _make_with_extension($lane, $template); }
	}
	if ($kept && $kept->{scenario} == $scenario) { return $kept->{db}; }
	_drop($lane, $kept->{db}) if $kept;
	my $db = 'lie' . ++$lane->{number};
	_admin($lane, "CREATE DATABASE $db TEMPLATE $template STRATEGY wal_log");
	_admin($lane, "ALTER DATABASE $db SET $_ = '$settings->{$_}'") for sort keys %$settings;
	return $db;
}

sub _drop
{
	my ($lane, $db) = @_;
	_admin($lane, "DROP DATABASE IF EXISTS $db WITH (FORCE)") for 1 .. 2;
	return;
}

# A template with a job that failed amid its tables; its snapshot lives on when the
# template is called "half_held".
sub _make_half_done
{
	my ($lane, $template) = @_;
	my $liar = $lane->{liar};

	_admin($lane, "CREATE DATABASE $template TEMPLATE plain");
	_admin($lane, "ALTER DATABASE $template SET pgcopy.$_") for "test_point = 'table done'", "test_action = 'error'", "test_sqlstate = '22000'", 'test_hit = 0';
	$liar->plan({ keep => $template eq 'half_held' });
	my $client = PgCopyWire->connect($lane->{target}, $template);
	my $job = $client->ask(_call_of($lane, {}), 60)->{rows}[0][0];
	my $state = $client->ask("SELECT pgcopy_wait($job, '60 s')", 90)->{rows}[0][0];
	die "the half done job is $state (" . ($lane->{trouble} // '') . ')' if $state ne 'failed';
	undef $client;
	_admin($lane, "ALTER DATABASE $template RESET ALL");
	_wait_for_none($lane, $template, 'true', 10);
	return;
}

# A template that has definitions of the source already, and no job.
sub _make_definitions
{
	my ($lane, $template, $scenario) = @_;

	_admin($lane, "CREATE DATABASE $template TEMPLATE plain");
	$lane->{liar}->plan;
	my $client = PgCopyWire->connect($lane->{target}, $template);
	my $job = $client->ask(_call_of($lane, { arguments => $scenario->{made} }), 60)->{rows}[0][0];
	my $state = $client->ask("SELECT pgcopy_wait($job, '60 s')", 90)->{rows}[0][0];
	die "the job that makes definitions is $state" if $state ne 'done';
	$client->ask("SELECT pgcopy_drop($job)", 10);
	undef $client;
	_wait_for_none($lane, $template, 'true', 10);
	return;
}

# A template that has an extension of the source already.
sub _make_with_extension
{
	my ($lane, $extension) = @_;
	_admin($lane, "CREATE DATABASE $extension TEMPLATE plain");
	PgCopyWire->connect($lane->{target}, $extension)->ask("CREATE EXTENSION $extension", 60);
	_wait_for_none($lane, $extension, 'true', 10);
	return;
}

# What a database looks like that nothing has been done to.
sub _is_untouched
{
	my ($client) = @_;
	my $answer = $client->ask(<<'EOQ', 10) or return 0;
SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE oid > 16383 AND relnamespace NOT IN
	(SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname IN ('pgcopy', 'pg_toast', 'public')) OR relkind = 'r' AND relnamespace = 2200
EOQ
	return ($answer->{rows}[0][0] // 1) eq '0';
}

# Keep a clean database for the next case, drop any other.
sub _give_back
{
	my ($lane, $run, $scenario) = @_;
	my $is_clean = $run->{end} eq 'refused' && !@{ $run->{bad} };

	if ($run->{end} =~ /^(failed|cancelled)$/ && !$scenario->{half_done} && !@{ $run->{bad} }
		&& (my $client = PgCopyWire->connect($lane->{target}, $run->{db})))
	{
		$client->ask("SELECT pgcopy_drop($run->{job})", 10);
		$is_clean = _is_untouched($client);
	}
	if ($is_clean) { $lane->{kept} = { db => $run->{db}, scenario => $scenario }; }
	else { _drop($lane, $run->{db}); }
	return;
}

#-------------------------------------------------------------------------
# A clone
#-------------------------------------------------------------------------

sub _call_of
{
	my ($lane, $scenario) = @_;

	return $scenario->{call} if $scenario->{call};
	my $conninfo = $lane->{liar}->conninfo(db => $lane->{source_db}, connect_timeout => 5, %{ $scenario->{conninfo} || {} });
	my %argument = (table_jobs => 1, index_jobs => 1, split_tables_larger_than => '64kB', %{ $scenario->{arguments} || {} });
	my $function = $scenario->{function} // 'pgcopy_clone';
	return "SELECT * FROM $function(" . join(', ', quote_literal($conninfo), map { "$_ => '$argument{$_}'" } sort keys %argument) . ')';
}

# Whether it is time to end what waits for a liar.
sub _is_late
{
	my ($lane, $run, $since) = @_;
	return 1 if time() - $since > $HANG;
	return 0 if !$run->{waits};
	my @told = $lane->{liar}->told;
	return @told && time() - $told[-1] > $PATIENCE;
}

# Call for a job, as its user would.
sub _order_job
{
	my ($lane, $run, $scenario) = @_;
	my $client = PgCopyWire->connect($lane->{target}, $run->{db}) // die "could not connect to $run->{db}";
	my $since = time;
	my $answer;

	my $id = $run->{case}{id} // 0;
	if ($run->{waits} && $run->{case}{lies}[0]{session} =~ /^pgcopy_/ && $id % 3 == 2)
	{
		$client->ask('SET statement_timeout = 1000', 10);
		$run->{has_timeout} = 1;
	}
	$client->send(_call_of($lane, $scenario));
	until ($answer = $client->answer(0.1))
	{
		next if !_is_late($lane, $run, $since);
		push @{ $run->{bad} }, sprintf 'the call had not ended after %d s', $HANG if !$run->{waits};
		$answer = _end_call($lane, $run, $client, $id % 3);
		last;
	}
	$run->{error} = $answer->{error};
	$run->{job} = $answer->{rows}[0][0];
	$run->{end} = $answer->{is_lost} ? 'gone' : 'refused' if !$run->{job};
	return;
}

# Have a call end that waits: by a timeout, by cancelling, by terminating it.
sub _end_call
{
	my ($lane, $run, $client, $how) = @_;
	my $answer;

	return $answer if $run->{has_timeout} && ($answer = $client->answer(3));
	push @{ $run->{bad} }, 'the call does not hear statement_timeout' if $run->{has_timeout};
	if ($how != 1)
	{
		_admin($lane, "SELECT pg_cancel_backend($client->{pid})");
		return $answer if $answer = $client->answer(3);
		push @{ $run->{bad} }, 'the call does not hear pg_cancel_backend';
	}
	_terminate($lane, $run, "pid = $client->{pid}", 'the call');
	return $client->answer(5) // { is_lost => 1, rows => [] };
}

# Terminate backends, which must be gone within a second; those that are not get
# SIGKILL.
sub _terminate
{
	my ($lane, $run, $condition, $who) = @_;

	_admin($lane, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $condition");
	return if _wait_for_none($lane, undef, $condition, $GONE + $SLACK);
	push @{ $run->{bad} }, "$who outlives pg_terminate_backend";
	my $left = _admin($lane, "SELECT pid FROM pg_stat_activity WHERE $condition") // [];
	$run->{log_to} = -s $lane->{log};
	kill 'KILL', map { $_->[0] } @$left;
	sleep 0.3;
	_admin($lane, 'SELECT 1');
	return;
}

# Wait until no such backend is left, of a database if one is given.
sub _wait_for_none
{
	my ($lane, $db, $condition, $limit) = @_;
	my $end = time() + $limit;

	$condition .= " AND datname = '$db'" if $db;
	while (1)
	{
		my $rows = _admin($lane, "SELECT count(*) FROM pg_stat_activity WHERE $condition");
		return 1 if !$rows || $rows->[0][0] eq '0';
		return 0 if time() > $end;
		sleep 0.02;
	}
}

my $WORKERS = "backend_type <> 'client backend'";

# Wait for the job to end; cancel or terminate it when it waits for a liar.
sub _follow_job
{
	my ($lane, $run) = @_;
	my $since = time;
	my $client;

	while (1)
	{
		$client //= PgCopyWire->connect($lane->{target}, $run->{db});
		my $answer = $client && $client->ask("SELECT state FROM pgcopy_progress WHERE job = $run->{job}", 20);
		if (!$answer || $answer->{is_lost})
		{
			undef $client;
			_connect($lane);
			last if _log_has($lane, $run, $CRASH);
			last if time() - $since > $HANG;
			next;
		}
		$run->{end} = $answer->{rows}[0][0] // 'unknown';
		# A leader that is late looks like one that is gone.
		last if $run->{end} =~ /^(done|failed|cancelled)$/;
		if (_is_late($lane, $run, $since))
		{
			push @{ $run->{bad} }, sprintf 'the job is %s after %d s', $run->{end}, $HANG if !$run->{waits} || $run->{end} eq 'interrupted';
			_end_job($lane, $run, $client);
			last;
		}
		sleep 0.05;
	}
	$run->{end} = 'crash' if $run->{end} && $run->{end} !~ /^(done|failed|cancelled|interrupted)$/;
	$run->{end} //= 'crash';
	_note_error($run, $client) if $client;
	return;
}

sub _end_job
{
	my ($lane, $run, $client) = @_;

	if (($run->{case}{id} // 0) % 2 == 0)
	{
		my $answer = $client->ask("SELECT pgcopy_cancel($run->{job}), pgcopy_wait($run->{job}, '$CANCEL s')", $CANCEL + 5);
		$run->{end} = $answer && $answer->{rows}[0] ? $answer->{rows}[0][1] : 'unknown';
		return if $run->{end} =~ /^(done|failed|cancelled)$/;
		push @{ $run->{bad} }, "the job does not hear pgcopy_cancel and is $run->{end} after $CANCEL s";
	}
	_terminate($lane, $run, "datname = '$run->{db}' AND $WORKERS", 'a process of the job');
	$run->{end} = 'interrupted';
	return;
}

sub _note_error
{
	my ($run, $client) = @_;
	my $answer = $client->ask("SELECT sqlstate, message, detail, object FROM pgcopy_errors WHERE job = $run->{job} ORDER BY is_final DESC, no LIMIT 1", 10);

	my $row = $answer && $answer->{rows}[0] or return;
	$run->{error} = { C => $row->[0], M => $row->[1], D => $row->[2], object => $row->[3] };
	return;
}

#-------------------------------------------------------------------------
# The verdict
#-------------------------------------------------------------------------

sub _wait_until_quiet
{
	my ($lane, $run) = @_;
	my $condition = "datname = '$run->{db}' AND $WORKERS";

	return if _wait_for_none($lane, undef, $condition, $QUIET);
	push @{ $run->{bad} }, "a process of the job is there $QUIET s after it is $run->{end}";
	_terminate($lane, $run, $condition, 'a process of the job');
	return;
}

sub _log_of
{
	my ($lane, $run) = @_;

	open my $fh, '<', $lane->{log} or die "could not read $lane->{log}: $!";
	seek $fh, $run->{log_from}, 0;
	read $fh, my $text, ($run->{log_to} // -s $fh) - $run->{log_from};
	return $text // '';
}

sub _log_has { my ($lane, $run, $pattern) = @_; return _log_of($lane, $run) =~ $pattern; }

sub _look_into_log
{
	my ($lane, $run) = @_;
	my $log = _log_of($lane, $run);
	my %seen;

	if (my @line = grep { /$CRASH/ } split /\n/, $log)
	{
		push @{ $run->{bad} }, 'crash: ' . join ' / ', map { s/^.*?(LOG|PANIC): +//r } @line[ 0 .. ($#line < 1 ? $#line : 1) ];
		$run->{end} = 'crash';
	}
	push @{ $run->{odd} }, map { s/^.*?(WARNING|ERROR): +/$1: /r } grep { /leak|not closed|still referenced/ && !$seen{$_}++ } split /\n/, $log;
	my $error = $run->{error};
	push @{ $run->{odd} }, 'an error without a code of its own: ' . ($error->{M} // '')
	  if $error && ($error->{C} // 'XX000') =~ /^(XX000|00000)$/;
	return;
}

# A job that is done has what the source has, or what an honest clone of a part has.
sub _judge
{
	my ($lane, $run, $scenario) = @_;
	my $picture = picture($lane->{target}, $run->{db});

	if ($scenario->{is_part} && !@{ $run->{case}{lies} })
	{
		$run->{picture} = $picture;
		return;
	}
	my $difference = difference(map { s/^(?:$lane->{ignore}).*\n//mgr } $run->{case}{picture} // $lane->{picture}, $picture);
	return if $difference eq '';
	$run->{end} = 'done, but other than the source';
	return if $run->{case}{is_free};
	push @{ $run->{bad} }, "it is done and other than the source:\n" . join "\n",
	  grep { defined } (grep { /^[+-]/ && !/^(\+\+\+|---) / } split /\n/, $difference)[ 0 .. 7 ];
	return;
}

1;
