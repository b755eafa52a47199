#-------------------------------------------------------------------------
#
# PgCopyProxy.pm
#	  A TCP proxy in front of a server, that can become a bad network.
#
#	  use PgCopyProxy;
#	  my $proxy = PgCopyProxy->new($source);
#	  my $job = clone($target, $proxy->conninfo(db => 'app'));
#	  $proxy->black_hole;
#
# Commands, each in force when it returns:
#
#	pass			forward everything; what a black hole has held back goes on
#	black_hole		forward nothing and close nothing, neither connections that
#					are there nor new ones, which stand and never hear a word
#	forget			connections that are there fall into a black hole for good,
#					as when a firewall forgets them; new ones pass
#	cut				reset (RST) all connections; new ones pass
#	refuse			reset all connections and refuse new ones
#
# The kernel acknowledges what is sent into a black hole, so keepalives and
# tcp_user_timeout see a healthy peer: it is a source that has stopped, or a
# balancer that has lost it, not a broken wire.  What closes one end during a
# black hole is seen by the other when it passes again or is cut.
#
#-------------------------------------------------------------------------
package PgCopyProxy;

use strict;
use warnings;

use parent 'PgCopyMiddle';
use IO::Select;
use PostgreSQL::Test::Cluster;
use Socket;

my $PIECE = 65536;    # read at a time
my $ENOUGH = 4 * $PIECE;    # held back for a slow reader

sub new
{
	my ($class, $node) = @_;
	# a port that nobody takes while connections are refused
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	return $class->start($node, sub { _serve(@_, $port, $node); }, port => $port);
}

# Each returns how many connections there were.
sub pass { return _command($_[0], 'pass'); }
sub black_hole { return _command($_[0], 'black_hole'); }
sub forget { return _command($_[0], 'forget'); }
sub cut { return _command($_[0], 'cut'); }
sub refuse { return _command($_[0], 'refuse'); }

sub _command
{
	my ($self, $word) = @_;
	my $answer;

	syswrite($self->{control}, "$word\n") or die "the proxy is gone: $!";
	sysread($self->{control}, $answer, 20) or die "the proxy is gone";
	return int($answer);
}

#-------------------------------------------------------------------------
# The process
#
# A connection is a pair of ends; an end is a hash: socket, peer (the other
# end), out (what is to be written to it), is_silent.
#-------------------------------------------------------------------------

sub _serve
{
	my ($control, $listener, $port, $node) = @_;
	my $state = { mode => 'pass', end => {}, listener => $listener, port => $port };

	$SIG{PIPE} = 'IGNORE';
	while (1)
	{
		my @end = $state->{mode} eq 'black_hole' ? () : grep { !$_->{is_silent} } values %{ $state->{end} };
		my $reads = IO::Select->new($control);
		$reads->add($state->{listener}) if $state->{mode} eq 'pass';
		$reads->add(map { $_->{socket} } grep { length $_->{peer}{out} < $ENOUGH } @end);
		my $writes = IO::Select->new(map { $_->{socket} } grep { length $_->{out} } @end);
		my ($readable, $writeable) = IO::Select->select($reads, $writes, undef);

		if (grep { $_ == $control } @$readable)
		{
			# A new mode, and then a new look at who may do what.
			return unless sysread($control, my $word, 100);
			my $count = keys(%{ $state->{end} }) / 2;
			chomp $word;
			_change($state, $word);
			syswrite($control, "$count\n");
			next;
		}
		_write($state, $state->{end}{$_}) for map { fileno $_ } @$writeable;
		foreach my $socket (@$readable)
		{
			# Its connection may have ended a moment ago.
			if ($socket == ($state->{listener} // 0)) { _accept($state, $node); }
			elsif (defined fileno $socket && $state->{end}{ fileno $socket })
			{
				_read($state, $state->{end}{ fileno $socket });
			}
		}
	}
}

sub _change
{
	my ($state, $word) = @_;

	if ($word eq 'cut' || $word eq 'refuse')
	{
		my @end = values %{ $state->{end} };
		_close($state, $_, 1) for @end;
	}
	if ($word eq 'forget')
	{
		$_->{is_silent} = 1 for values %{ $state->{end} };
	}
	if ($word eq 'refuse')
	{
		close $state->{listener};
		delete $state->{listener};
	}
	$state->{mode} = $word =~ /^(black_hole|refuse)$/ ? $word : 'pass';
	$state->{listener} //= PgCopyMiddle::listen_on($state->{port}) if $state->{mode} ne 'refuse';
	return;
}

sub _accept
{
	my ($state, $node) = @_;
	my $client = $state->{listener}->accept or return;
	my $server = PgCopyMiddle::connect_to($node);

	# The server is down: say no, as it would.
	if (!$server)
	{
		setsockopt($client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
		close $client;
		return;
	}
	setsockopt($client, Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1);
	my @end = map { { socket => $_, out => '' } } $client, $server;
	($end[0]{peer}, $end[1]{peer}) = ($end[1], $end[0]);
	foreach my $end (@end)
	{
		$end->{socket}->blocking(0);
		$end->{socket}->autoflush(1);
		$state->{end}{ fileno $end->{socket} } = $end;
	}
	return;
}

sub _read
{
	my ($state, $end) = @_;
	my $peer = $end->{peer};
	my $n = sysread($end->{socket}, $peer->{out}, $PIECE, length $peer->{out});

	return if !defined $n && $!{EAGAIN};
	return _write($state, $peer) if $n;

	# The end: what is on its way still arrives, as far as it can at once.
	_write($state, $peer) if length $peer->{out};
	_close($state, $end, !defined $n);
	return;
}

sub _write
{
	my ($state, $end) = @_;
	return unless $end && $end->{peer};
	my $n = syswrite($end->{socket}, $end->{out});

	if (defined $n) { substr($end->{out}, 0, $n, ''); }
	elsif (!$!{EAGAIN}) { _close($state, $end, 1); }
	return;
}

# Close both ends; with a reset when $is_cut.
sub _close
{
	my ($state, $end, $is_cut) = @_;
	my $peer = delete $end->{peer} or return;

	delete $peer->{peer};
	foreach my $one ($end, $peer)
	{
		delete $state->{end}{ fileno $one->{socket} };
		setsockopt($one->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $is_cut;
		close $one->{socket};
	}
	return;
}

1;
