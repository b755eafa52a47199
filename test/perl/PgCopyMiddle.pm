#-------------------------------------------------------------------------
#
# PgCopyMiddle.pm
#	  What stands between a target and its source: the process that all proxies
#	  of the tests have.
#
#	  use parent 'PgCopyMiddle';
#	  return $class->start($node, sub { my ($control, $listener) = @_; ... });
#
# It listens on a port of 127.0.0.1 and goes on to the server's unix socket, where
# no password is asked for.  The process ends with the object, and also when the
# test dies: whoever serves returns when the control socket is closed.
#
#-------------------------------------------------------------------------
package PgCopyMiddle;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use PgCopy ();
use Socket;

# Start the process, which calls SERVE.  Option port: the one to listen on, any
# unless said.
sub start
{
	my ($class, $node, $serve, %opt) = @_;
	my $listener = listen_on($opt{port} // 0);
	my $self = bless { node => $node, port => $listener->sockport, owner => $$ }, $class;

	socketpair(my $ours, my $its, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "could not make a socket pair: $!";
	$self->{pid} = fork() // die "could not fork: $!";
	if ($self->{pid} == 0)
	{
		close $ours;
		$SIG{$_} = 'DEFAULT' for qw(TERM INT);
		eval { $serve->($its, $listener); 1 } or print STDERR "$class: $@";
		# Not a word of the test's own clean-up runs in here.
		POSIX::_exit(0);
	}
	close $its;
	close $listener;
	$self->{control} = $ours;
	return $self;
}

sub port { return $_[0]{port}; }

# A connection string that leads through it; options are those of
# PgCopy::conninfo.
sub conninfo
{
	my ($self, %opt) = @_;
	return PgCopy::conninfo($self->{node}, host => '127.0.0.1', port => $self->{port}, %opt);
}

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid};
	return if !defined $pid || $self->{owner} != $$;

	local $?;
	# not only closed: processes that were started since have it too
	shutdown $self->{control}, 2;
	waitpid $pid, 0;
	return;
}

sub DESTROY { $_[0]->stop; return; }

#-------------------------------------------------------------------------
# For the process
#-------------------------------------------------------------------------

sub listen_on
{
	my ($port) = @_;
	return IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		LocalPort => $port,
		Proto => 'tcp',
		Listen => 100,
		ReuseAddr => 1) || die "could not listen on port $port: $!";
}

# A connection to the server, or undef.
sub connect_to
{
	my ($node) = @_;
	return IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $node->host . '/.s.PGSQL.' . $node->port);
}

# Give each client a process of its own, which runs CODE with the socket and dies
# of "closed" when that is.
sub serve_each
{
	my ($control, $listener, $code) = @_;
	my $select = IO::Select->new($control, $listener);

	setpgrp;
	$SIG{CHLD} = 'IGNORE';
	until (grep { $_ == $control } $select->can_read)
	{
		my $client = $listener->accept or next;
		next if fork();
		eval { $code->($client); 1 } or $@ =~ /^closed/ or print STDERR "a proxy: $@";
		POSIX::_exit(0);
	}
	$SIG{TERM} = 'IGNORE';
	kill 'TERM', -$$;
	return;
}

sub write_all
{
	my ($socket, $data) = @_;
	while (length $data)
	{
		my $n = syswrite $socket, $data or die 'closed';
		substr $data, 0, $n, '';
	}
	return;
}

1;
