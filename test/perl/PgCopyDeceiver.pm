#-------------------------------------------------------------------------
#
# PgCopyDeceiver.pm
#	  A pooler that cannot be told from a server: each connection has two
#	  sessions, and transactions run in the other one than what precedes them.
#
#	  use PgCopyDeceiver;
#	  my $deceiver = PgCopyDeceiver->new($source);
#	  my $job = clone($target, $deceiver->conninfo(db => 'app'));
#
# It tells the client the process of the first session.  It listens on a free port of
# 127.0.0.1 and goes on to the server's unix socket, where no password is asked
# for.  It is a process of its own, with a child for each connection, and ends with
# the object.
#
#-------------------------------------------------------------------------
package PgCopyDeceiver;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use PgCopy ();
use POSIX ();
use PostgreSQL::Test::Cluster;

# What may come before a start-up packet, as in libpq/pqcomm.h.
my $CANCEL = 80877102;
my %IS_ENCRYPTION = (80877103 => 1, 80877104 => 1);

sub new
{
	my ($class, $node) = @_;
	my $self = bless {
		node => $node,
		port => PostgreSQL::Test::Cluster::get_free_port(),
		owner => $$
	}, $class;
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', LocalPort => $self->{port},
		Listen => 20, ReuseAddr => 1)
	  or die "could not listen: $!";

	$self->{pid} = fork() // die "could not fork: $!";
	if ($self->{pid} == 0)
	{
		setpgrp;
		$SIG{CHLD} = 'IGNORE';
		while (my $client = $listener->accept)
		{
			my $pid = fork();
			next if $pid;
			eval { _serve($client, $node->host . '/.s.PGSQL.' . $node->port); };
			POSIX::_exit(0);
		}
		POSIX::_exit(0);
	}
	return $self;
}

# A connection string that leads through it; options are those of
# PgCopy::conninfo.
sub conninfo
{
	my ($self, %opt) = @_;
	return PgCopy::conninfo($self->{node},
		host => '127.0.0.1', port => $self->{port}, %opt);
}

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid};
	return if !defined $pid || $self->{owner} != $$;

	local $?;
	kill 'KILL', -$pid, $pid;
	waitpid($pid, 0);
	return;
}

sub DESTROY { $_[0]->stop; return; }

#-------------------------------------------------------------------------
# One connection
#-------------------------------------------------------------------------

sub _read
{
	my ($socket, $length) = @_;
	my $data = '';
	while (length $data < $length)
	{
		sysread($socket, $data, $length - length $data, length $data) or die 'closed';
	}
	return $data;
}

# One message, whole; the first of a client has no type.
sub _read_message
{
	my ($socket, $is_first) = @_;
	my $head = _read($socket, $is_first ? 4 : 5);
	return $head . _read($socket, unpack('N', substr($head, -4)) - 4);
}

sub _write
{
	my ($socket, $data) = @_;
	while (length $data)
	{
		my $written = syswrite($socket, $data) or die 'closed';
		substr($data, 0, $written) = '';
	}
	return;
}

sub _serve
{
	my ($client, $path) = @_;
	my @server = map { IO::Socket::UNIX->new(Peer => $path) or die $! } 0 .. 1;
	my $start;

	while (1)
	{
		$start = _read_message($client, 1);
		last unless $IS_ENCRYPTION{ unpack('x4 N', $start) };
		_write($client, 'N');
	}
	_write($server[0], $start);
	return if unpack('x4 N', $start) == $CANCEL;
	_write($server[1], $start);
	foreach my $server (@server)
	{
		my $message;
		do
		{
			$message = _read_message($server);
			_write($client, $message) if $server == $server[0];
		} until $message =~ /^[ZE]/;
	}
	_relay($client, @server);
	return;
}

# "Z" says whether a transaction is open.
sub _relay
{
	my ($client, @server) = @_;
	my $current = $server[0];
	my $is_open = 0;

	while (1)
	{
		foreach my $from (IO::Select->new($client, $current)->can_read)
		{
			my $message = _read_message($from);
			if ($from == $client)
			{
				$current = $server[ $message =~ /^Q....BEGIN/s ] unless $is_open;
				_write($current, $message);
				next;
			}
			$is_open = $message !~ /^Z....I/s if $message =~ /^Z/;
			_write($client, $message);
		}
	}
}

1;
