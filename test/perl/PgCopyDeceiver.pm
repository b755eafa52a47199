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
# It tells the client the process of the first session.
#
#-------------------------------------------------------------------------
package PgCopyDeceiver;

use strict;
use warnings;

use parent 'PgCopyMiddle';
use IO::Select;

# What may come before a start-up packet, as in libpq/pqcomm.h.
my $CANCEL = 80877102;
my %IS_ENCRYPTION = (80877103 => 1, 80877104 => 1);

sub new
{
	my ($class, $node) = @_;
	return $class->start($node,
		sub { PgCopyMiddle::serve_each(@_, sub { _serve($_[0], $node); }); });
}

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

sub _serve
{
	my ($client, $node) = @_;
	my @server = map { PgCopyMiddle::connect_to($node) or die $! } 0 .. 1;
	my $start;

	while (1)
	{
		$start = _read_message($client, 1);
		last unless $IS_ENCRYPTION{ unpack('x4 N', $start) };
		PgCopyMiddle::write_all($client, 'N');
	}
	PgCopyMiddle::write_all($server[0], $start);
	return if unpack('x4 N', $start) == $CANCEL;
	PgCopyMiddle::write_all($server[1], $start);
	foreach my $server (@server)
	{
		my $message;
		do
		{
			$message = _read_message($server);
			PgCopyMiddle::write_all($client, $message) if $server == $server[0];
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
				PgCopyMiddle::write_all($current, $message);
				next;
			}
			$is_open = $message !~ /^Z....I/s if $message =~ /^Z/;
			PgCopyMiddle::write_all($client, $message);
		}
	}
}

1;
