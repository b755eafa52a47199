#-------------------------------------------------------------------------
#
# PgCopyDelay.pm
#	  The loop of a proxy that makes a server far away: what either side sends
#	  arrives a time later, as much of it as is sent.  PgCopyFar.pm is the proxy
#	  for tests; the benchmark runs this alone:
#
#	  perl -Itest/perl -MPgCopyDelay -e 'PgCopyDelay::run(@ARGV)' PORT HOST:PORT MS
#
# It counts, per connection, how often the client has spoken after the server has:
# one round trip each.  Up to the first ReadyForQuery they are its set-up; the
# farewell of a client is none.
#
#-------------------------------------------------------------------------
package PgCopyDelay;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use PgCopyWire qw(take_message);
use Socket;
use Time::HiRes qw(time);

my $PIECE = 262144;    # read at a time
my $ENOUGH = 64 * $PIECE;    # on its way to a slow reader
my $SHOWN = 200;    # of a query

# What a client asks before it connects, and to cancel another connection.
my %REQUEST = (80877102 => 'cancel', 80877103 => 'ssl', 80877104 => 'gss');

# Serve LISTENER with connections that CONNECT makes, MS apart in each direction.
# CONTROL, or undef, takes the commands of PgCopyFar.pm; its end ends this.
sub serve
{
	my ($listener, $connect, $ms, $control) = @_;
	my $state = { delay => $ms / 1000, end => {}, seen => [], events => 0, connect => $connect };

	$SIG{PIPE} = 'IGNORE';
	while (1)
	{
		_deliver($_) for values %{ $state->{end} };
		my @end = values %{ $state->{end} };
		my $reads = IO::Select->new($listener, $control // ());
		$reads->add(map { $_->{socket} } grep { !$_->{has_ended} && $_->{peer}{held} < $ENOUGH } @end);
		my $writes = IO::Select->new(map { $_->{socket} } grep { length $_->{out} } @end);
		my ($readable, $writeable) = IO::Select->select($reads, $writes, undef, _patience(@end));

		_write($state, $state->{end}{ fileno $_ }) for grep { defined fileno $_ } @{ $writeable // [] };
		foreach my $socket (@{ $readable // [] })
		{
			if ($socket == $listener) { _accept($state, $listener); }
			elsif (defined $control && $socket == $control) { _obey($state, $control) or return; }
			elsif (defined fileno $socket && $state->{end}{ fileno $socket })
			{
				_read($state, $state->{end}{ fileno $socket });
			}
		}
		_close($state, $_) for grep { $_->{is_over} && !length $_->{out} } values %{ $state->{end} };
	}
}

# By itself: on a port of 127.0.0.1, until the process is ended.
sub run
{
	my ($port, $server, $ms) = @_;
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', LocalPort => $port, Proto => 'tcp', Listen => 100, ReuseAddr => 1)
	  || die "could not listen on port $port: $!";

	serve($listener, sub { IO::Socket::INET->new(PeerAddr => $server, Proto => 'tcp') }, $ms);
	return;
}

# How long nothing is due, in seconds; undef: nothing is on its way.
sub _patience
{
	my @due = sort { $a <=> $b } map { $_->{line}[0][0] } grep { @{ $_->{line} } } @_;
	my $left = @due ? $due[0] - time() : undef;

	return defined $left && $left < 0 ? 0 : $left;
}

# One line for each command; returns false at the end.
sub _obey
{
	my ($state, $control) = @_;

	return 0 unless sysread $control, my $line, 100;
	if ($line =~ /^delay ([\d.]+)/) { $state->{delay} = $1 / 1000; }
	$state->{seen} = [] if $line =~ /^forget/;
	my $answer = JSON::PP->new->canonical->latin1->encode($state->{seen}) . "\n";
	$control->blocking(1);
	while (length $answer)
	{
		my $n = syswrite $control, $answer or return 0;
		substr $answer, 0, $n, '';
	}
	return 1;
}

# An end is a hash: socket, peer (the other end), line (what is on its way to it:
# pairs of a time and of text, undef for the end), held (bytes in it), out (what has
# arrived), has_ended (nothing more comes from it), is_over (close it).
sub _accept
{
	my ($state, $listener) = @_;
	my $client = $listener->accept or return;
	my $server = $state->{connect}->() or return close $client;
	my $seen = { no => 1 + @{ $state->{seen} }, setup => 0, turns => 0, name => '', queries => [], begun => time() };

	push @{ $state->{seen} }, $seen;
	setsockopt($client, Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1);
	setsockopt($server, Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1) if $server->isa('IO::Socket::INET');
	my @end = map { { socket => $_, line => [], held => 0, out => '', seen => $seen, in => '' } } $client, $server;
	($end[0]{peer}, $end[1]{peer}) = ($end[1], $end[0]);
	$end[0]{is_client} = 1;
	$seen->{server_spoke} = 1;
	foreach my $end (@end)
	{
		$end->{socket}->blocking(0);
		$state->{end}{ fileno $end->{socket} } = $end;
	}
	return;
}

sub _read
{
	my ($state, $end) = @_;
	my $n = sysread($end->{socket}, my $data, $PIECE);

	return if !defined $n && $!{EAGAIN};
	$end->{has_ended} = 1 if !$n;
	_hear_client($state, $end, $data) if $n && $end->{is_client};
	push @{ $end->{peer}{line} }, [ time() + $state->{delay}, $n ? $data : undef ];
	$end->{peer}{held} += $n // 0;
	return;
}

# What is due has arrived.
sub _deliver
{
	my ($end) = @_;
	my $now = time();

	while (@{ $end->{line} } && $end->{line}[0][0] <= $now)
	{
		my $data = (shift @{ $end->{line} })->[1];
		if (defined $data) { $end->{out} .= $data; }
		else { $end->{is_over} = 1; }
		_hear_server($end, $data) if defined $data && $end->{is_client};
	}
	return;
}

sub _write
{
	my ($state, $end) = @_;
	my $n = defined $end ? syswrite $end->{socket}, $end->{out} : 0;

	if ($n)
	{
		substr $end->{out}, 0, $n, '';
		$end->{held} -= $n;
	}
	elsif ($end && !$!{EAGAIN})
	{
		@$end{qw(out is_over)} = ('', 1);
	}
	return;
}

sub _close
{
	my ($state, $end) = @_;
	my $peer = delete $end->{peer} or return;

	delete $peer->{peer};
	$end->{seen}{ended} //= time();
	foreach my $one ($end, $peer)
	{
		delete $state->{end}{ fileno $one->{socket} };
		close $one->{socket};
	}
	return;
}

#-------------------------------------------------------------------------
# What is said
#-------------------------------------------------------------------------

sub _hear_server
{
	my ($end, $data) = @_;
	my $seen = $end->{seen};

	$seen->{server_spoke} = 1;
	return if $seen->{is_ready};
	# the answer to a request for encryption is one letter
	if (delete $end->{is_asking}) { substr $data, 0, 1, ''; }
	$end->{told} .= $data;
	while (my ($type) = take_message(\$end->{told}))
	{
		$seen->{is_ready} = 1 if $type eq 'Z';
	}
	return;
}

sub _hear_client
{
	my ($state, $end, $data) = @_;
	my $seen = $end->{seen};
	my $is_turn = delete $seen->{server_spoke};

	$end->{in} .= $data;
	_hear_startup($state, $end) unless $end->{has_begun};
	return $seen->{setup} += !!$is_turn if !$seen->{is_ready};
	my $is_counted = 0;
	while (my ($type, $body) = take_message(\$end->{in}))
	{
		next if $type eq 'X';
		$seen->{turns} += !!$is_turn if !$is_counted++;
		next unless $type eq 'Q' || $type eq 'P';
		my $text = $type eq 'Q' ? $body : $body =~ s/^[^\0]*\0//sr;
		push @{ $seen->{queries} },
		  { at => ++$state->{events}, time => time(), turn => $seen->{turns},
			text => substr($text =~ s/\0.*//sr =~ s/\s+/ /gr, 0, $SHOWN) };
	}
	$seen->{server_spoke} = 1 if $is_turn && !$is_counted && !length $end->{in};
	return;
}

sub _hear_startup
{
	my ($state, $end) = @_;
	my $length = length $end->{in} >= 8 ? unpack 'N', $end->{in} : return;
	return if length $end->{in} < $length;
	my $packet = substr $end->{in}, 0, $length, '';
	my $what = $REQUEST{ unpack 'N', substr $packet, 4 };

	if (defined $what && $what ne 'cancel')
	{
		$end->{is_asking} = 1;
		return;
	}
	my %option = (split(/\0/, substr $packet, 8), '') if !defined $what;
	$end->{has_begun} = 1;
	$end->{seen}{at} = ++$state->{events};
	$end->{seen}{name} = $what // $option{application_name} // '';
	$end->{seen}{options} = $option{options};
	return;
}

1;
