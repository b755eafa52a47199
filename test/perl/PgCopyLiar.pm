#-------------------------------------------------------------------------
#
# PgCopyLiar.pm
#	  A proxy in front of a server that knows the protocol, counts the queries
#	  and lies in the answer to one of them.
#
#	  my $liar = PgCopyLiar->new($source);
#	  $liar->plan({ session => 'worker', shape => ..., nth => 1, lie => 'silence' });
#	  my $job = clone($target, $liar->conninfo(db => 'app'));
#	  my @told = $liar->told;
#
# Whose session it is says application_name, its numbers aside: "pgcopy_clone",
# "leader", "worker", "look", "pgcopy_resume", "pg_dump", and whatever else comes.
#
# A query is known by its shape, which is its text without names, numbers and
# constants, and by how many of that shape the sessions of that name have sent
# before: so it is found again whichever worker sends it.  The start-up of a
# session counts as a query of shape "start-up", and each statement of a message with
# several as a query.
#
#-------------------------------------------------------------------------
package PgCopyLiar;

use strict;
use warnings;

use parent 'PgCopyMiddle';
use IO::Select;
use JSON::PP ();
use PgCopyLies qw(kind_named);
use PgCopyWire qw(message take_message);
use Socket;
use Time::HiRes qw(time);

my $PIECE = 65536;    # read at a time
my $ENOUGH = 4 * $PIECE;    # held back for a slow reader
my $JSON = JSON::PP->new->latin1;

# Of a message with several statements; all of ours begin with one of these words.
my $BETWEEN_STATEMENTS = qr/;\s+(?=(?:BEGIN|COPY|LOCK|RELEASE|ROLLBACK|SAVEPOINT|SELECT|SET|WITH)\b)/;

my ($SSL, $GSS, $CANCEL) = (80877103, 80877104, 80877102);

sub new
{
	my ($class, $node) = @_;
	return $class->start($node, sub { _serve(@_, $node); });
}

sub conninfo
{
	my ($self, %opt) = @_;
	return $self->SUPER::conninfo(sslmode => 'disable', gssencmode => 'disable', %opt);
}

# Begin anew: sessions of before are closed, queries counted from one, and these
# lies told (hashes: session, shape, nth, lie, column; without them it is honest).
# First an options hash may come: keep => 1 keeps the source's end of a leader's
# session, and so its snapshot, when the leader goes; password => 1 asks for one.
sub plan
{
	my ($self, @lie) = @_;
	my $opt = @lie && !$lie[0]{lie} ? shift @lie : {};
	return $self->_command({ do => 'plan', lies => \@lie, %$opt });
}

# The queries since, in their order: session, shape, nth, text, and what the answer
# was like: columns, rows, format of a COPY.
sub seen { return @{ $_[0]->_command({ do => 'seen' }) }; }

# The times at which lies were told, but for those planned with is_uncounted.
sub told { return @{ $_[0]->_command({ do => 'told' }) }; }

sub _command
{
	my ($self, $command) = @_;
	my $answer = '';

	syswrite $self->{control}, $JSON->encode($command) . "\n" or die "the liar is gone: $!";
	until ($answer =~ /\n\z/)
	{
		sysread $self->{control}, $answer, $PIECE, length $answer or die 'the liar is gone';
	}
	return $JSON->decode($answer);
}

#-------------------------------------------------------------------------
# The process
#
# A connection is a hash of two ends, client and server: socket, in (bytes that
# are no whole message yet), out (what is to be written); and of session, query
# (what is being answered), lie (the state of PgCopyLies, while one is told).
#-------------------------------------------------------------------------

sub _serve
{
	my ($control, $listener, $node) = @_;
	my $liar = { node => $node, connection => {}, kept => [], seen => [], told => [], lies => [] };

	$SIG{PIPE} = 'IGNORE';
	while (1)
	{
		my %reader;
		$liar->{is_slow} = 0;
		my $reads = IO::Select->new($control, $listener);
		my $writes = IO::Select->new;
		foreach my $connection (values %{ $liar->{connection} })
		{
			_fill($liar, $connection);
			foreach my $end (grep { $_->{socket} } @$connection{qw(client server)})
			{
				my $peer = $end == $connection->{client} ? $connection->{server} : $connection->{client};
				$reader{ $end->{socket} } = [ $connection, $end ];
				$reads->add($end->{socket}) if length $peer->{out} < $ENOUGH;
				$writes->add($end->{socket}) if length $end->{out};
			}
		}
		my ($readable, $writeable) = IO::Select->select($reads, $writes, undef, $liar->{is_slow} ? 0.1 : undef);
		_write(@{ $reader{$_} }, $liar) for @$writeable;
		foreach my $socket (@$readable)
		{
			if ($socket == $control) { _obey($liar, $control) or return; }
			elsif ($socket == $listener) { _accept($liar, $listener); }
			elsif (defined fileno $socket) { _read($liar, @{ $reader{$socket} }); }
		}
	}
}

sub _obey
{
	my ($liar, $control) = @_;
	my $line = '';

	until ($line =~ /\n\z/) { sysread $control, $line, $PIECE, length $line or return 0; }
	my $command = $JSON->decode($line);
	my $answer = $liar->{ $command->{do} } // [];
	if ($command->{do} eq 'plan')
	{
		_close($liar, $_) for values %{ $liar->{connection} };
		@$liar{qw(seen told count lies keep password)} = ([], [], {}, @$command{qw(lies keep password)});
	}
	$answer = $JSON->encode($answer) . "\n";
	$control->blocking(1);
	while (length $answer)
	{
		my $n = syswrite $control, $answer or return 0;
		substr $answer, 0, $n, '';
	}
	return 1;
}

sub _accept
{
	my ($liar, $listener) = @_;
	my $client = $listener->accept or return;

	$client->blocking(0);
	setsockopt $client, Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1;
	$liar->{connection}{$client} = {
		key => "$client",
		client => { socket => $client, in => '', out => '' },
		server => { in => '', out => '' }
	};
	return;
}

sub _connect_to_server
{
	my ($liar, $connection) = @_;
	my $server = PgCopyMiddle::connect_to($liar->{node});

	return _close($liar, $connection) if !$server;
	$server->blocking(0);
	$connection->{server}{socket} = $server;
	return;
}

sub _close
{
	my ($liar, $connection) = @_;
	my $server = $connection->{server}{socket};

	delete $liar->{connection}{ $connection->{key} } or return;
	close $connection->{client}{socket};
	if ($liar->{keep} && ($connection->{session} // '') eq 'leader') { push @{ $liar->{kept} }, $server; }
	elsif ($server) { close $server; }
	return;
}

sub _read
{
	my ($liar, $connection, $end) = @_;

	# It may have been closed a moment ago.
	return if !$liar->{connection}{ $connection->{key} };
	my $n = sysread $end->{socket}, $end->{in}, $PIECE, length $end->{in};
	return if !defined $n && $!{EAGAIN};
	if (!$n)
	{
		# What is on its way still arrives; a liar who is silent stays so.
		return if $end == $connection->{server} && _is_off($connection) && do { close delete $end->{socket}; 1 };
		$connection->{is_ending} = 1 if $end == $connection->{server};
		return if $connection->{is_ending} && length $connection->{client}{out};
		return _close($liar, $connection);
	}
	return $end == $connection->{client} ? _hear_client($liar, $connection) : _hear_server($liar, $connection);
}

sub _write
{
	my ($connection, $end, $liar) = @_;

	return if !$liar->{connection}{ $connection->{key} } || !$end->{socket};
	my $n = syswrite $end->{socket}, $end->{out};
	if (defined $n) { substr $end->{out}, 0, $n, ''; }
	elsif (!$!{EAGAIN}) { return _close($liar, $connection); }
	my $lie = $connection->{lie};
	_close($liar, $connection)
	  if !length $end->{out} && $end == $connection->{client} && ($connection->{is_ending} || $lie && $lie->{state}{cut});
	return;
}

# Whether the connection has left the ways of truth for good.
sub _is_off
{
	my ($connection) = @_;
	my $lie = $connection->{lie} or return 0;
	return $lie->{state}{silent} || $lie->{state}{endless} || $lie->{state}{cut};
}

# Make more of what has no end, or a far one.
sub _fill
{
	my ($liar, $connection) = @_;
	my $state = $connection->{lie} ? $connection->{lie}{state} : return;
	my $make = $state->{endless} // $state->{more} // return;

	while (length $connection->{client}{out} < $ENOUGH)
	{
		my $more = $make->();
		if (!defined $more)
		{
			delete $state->{more};
			_next_query($liar, $connection) if delete $connection->{is_behind};
			return _hear_server($liar, $connection);
		}
		return $liar->{is_slow} = 1 if $more eq '';
		$connection->{client}{out} .= $more;
	}
	return;
}

#-------------------------------------------------------------------------
# What is said
#-------------------------------------------------------------------------

sub _hear_client
{
	my ($liar, $connection) = @_;
	my ($client, $server) = @$connection{qw(client server)};

	_hear_startup($liar, $connection) || return while !$connection->{is_started};
	while (my ($type, $body) = take_message(\$client->{in}))
	{
		if ($type eq 'p' && $connection->{startup})
		{
			$server->{out} .= delete $connection->{startup};
			next;
		}
		_begin_queries($liar, $connection, split /$BETWEEN_STATEMENTS/, $body =~ s/\0\z//r) if $type eq 'Q';
		_begin_queries($liar, $connection, (split /\0/, $body)[1]) if $type eq 'P';
		next if $type eq 'X' && $liar->{keep};
		$server->{out} .= message($type, $body);
	}
	return;
}

# The packets that have no type.  Returns whether one was whole.
sub _hear_startup
{
	my ($liar, $connection) = @_;
	my ($client, $server) = @$connection{qw(client server)};

	return 0 if length $client->{in} < 8;
	my ($length, $code) = unpack 'NN', $client->{in};
	return 0 if length $client->{in} < $length;
	my $packet = substr $client->{in}, 0, $length, '';
	if ($code == $SSL || $code == $GSS)
	{
		$client->{out} .= 'N';
		return 1;
	}
	_connect_to_server($liar, $connection);
	$connection->{is_started} = 1;
	if ($code == $CANCEL)
	{
		$server->{out} .= $packet;
		return 1;
	}
	my %parameter = split /\0/, substr $packet, 8;
	my $name = $parameter{application_name} // $parameter{fallback_application_name} // '';
	$connection->{session} = $name =~ s/^pgcopy job \d+ //r =~ s/ *\d+//gr;
	if ($liar->{password})
	{
		$connection->{startup} = $packet;
		$client->{out} .= message('R', pack 'N', 3);
	}
	else { $server->{out} .= $packet; }
	_begin_queries($liar, $connection, 'start-up');
	return 1;
}

# A query without its names, numbers and constants.
sub _shape
{
	my ($text) = @_;
	$text =~ s/'(?:[^']|'')*'/'?'/g;
	$text =~ s/"(?:[^"]|"")*"/i/g;
	$text =~ s/\d+/0/g;
	$text =~ s/\s+/ /g;
	$text =~ s/\bi\.i\b/i/g;
	$text =~ s/\b(i|0|'\?')(?:, ?\1)+/$1/g;
	return substr $text, 0, 600;
}

sub _begin_queries
{
	my ($liar, $connection, @text) = @_;
	my $session = $connection->{session} // '';

	@text = ('') if !@text;
	$connection->{queries} = [];
	foreach my $text (map { $_ // '' } @text)
	{
		my $shape = _shape($text);
		my $nth = ++$liar->{count}{$session}{$shape};
		my $query = { session => $session, shape => $shape, nth => $nth, text => substr($text, 0, 2000), rows => 0 };

		push @{ $liar->{seen} }, $query;
		push @{ $connection->{queries} }, $query;
	}
	$connection->{queries}[-1]{is_last} = 1;
	_next_query($liar, $connection);
	return;
}

# What the server says from now on answers the next one.
sub _next_query
{
	my ($liar, $connection) = @_;
	my $query = shift @{ $connection->{queries} };

	$connection->{query} = $query;
	return if _is_off($connection);
	delete $connection->{lie};
	foreach my $lie (@{ $liar->{lies} })
	{
		next if $lie->{session} ne $query->{session} || $lie->{shape} ne $query->{shape} || $lie->{nth} != $query->{nth};
		$connection->{lie} = { %$lie, state => { column => $lie->{column} } };
	}
	return;
}

sub _hear_server
{
	my ($liar, $connection) = @_;
	my ($client, $server) = @$connection{qw(client server)};

	while (!($connection->{lie} && $connection->{lie}{state}{more}) && (my ($type, $body) = take_message(\$server->{in})))
	{
		my ($lie, $query) = @$connection{qw(lie query)};
		next if _is_off($connection);
		_note($query, $type, $body) if $query;
		my $raw = message($type, $body);
		my $is_over = $type eq 'C' && @{ $connection->{queries} // [] };
		if (!$lie)
		{
			$client->{out} .= $raw;
			_next_query($liar, $connection) if $is_over;
			next;
		}
		my $said = join '', kind_named($lie->{lie})->{tell}->($lie->{state}, $type, $body, $raw);
		$client->{out} .= $said;
		if (!$lie->{is_counted} && ($said ne $raw || _is_off($connection)))
		{
			$lie->{is_counted} = 1;
			push @{ $liar->{told} }, time if !$lie->{is_uncounted};
		}
		return _close($liar, $connection) if $lie->{state}{cut} && !length $client->{out};
		$connection->{is_behind} = $is_over && $lie->{state}{more};
		_next_query($liar, $connection) if $is_over && !$connection->{is_behind};
	}
	return;
}

sub _note
{
	my ($query, $type, $body) = @_;

	$query->{columns} = unpack 'n', $body if $type eq 'T';
	$query->{format} = ord $body ? 'binary' : 'text' if $type eq 'H';
	$query->{rows}++ if $type eq 'D' || $type eq 'd' && $body !~ /^(?:PGCOPY.{13})?(?:\xff\xff)?\z/s;
	return;
}

1;
