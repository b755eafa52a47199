#-------------------------------------------------------------------------
#
# PgCopyWire.pm
#	  PostgreSQL's protocol, version 3, as far as tests speak it themselves:
#	  messages to build and to take apart, and a client that never waits longer
#	  than it is told.
#
#	  my $client = PgCopyWire->connect($target, 'app');
#	  my $answer = $client->ask('SELECT 1', 5);		# undef: not within 5 s
#	  $answer->{rows}[0][0], $answer->{error}{C}
#
# A psql for each question would cost more than the question.
#
#-------------------------------------------------------------------------
package PgCopyWire;

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(time);

our @EXPORT_OK = qw(message take_message row_description data_row data_row_values error_fields error_body);

#-------------------------------------------------------------------------
# Messages
#-------------------------------------------------------------------------

sub message
{
	my ($type, $body) = @_;
	return $type . pack('N', 4 + length $body) . $body;
}

# Take a whole message off the front of a buffer: (type, body), or nothing while
# it is not whole.
sub take_message
{
	my ($buffer) = @_;

	return if length $$buffer < 5;
	my $length = unpack 'N', substr $$buffer, 1, 4;
	return if length $$buffer < 1 + $length;
	my $whole = substr $$buffer, 0, 1 + $length, '';
	return (substr($whole, 0, 1), substr($whole, 5));
}

# Columns of type text with these names.
sub row_description
{
	return pack('n', scalar @_) . join '', map { "$_\0" . pack('NnNnNn', 0, 0, 25, 0xffff, 0xffffffff, 0) } @_;
}

sub data_row
{
	return pack('n', scalar @_) . join '', map { defined ? pack('N', length) . $_ : pack('N', 0xffffffff) } @_;
}

sub data_row_values
{
	my ($body) = @_;
	my ($count, $at, @value) = (unpack('n', $body), 2);

	for (1 .. $count)
	{
		my $length = unpack 'l>', substr $body, $at, 4;
		push @value, $length < 0 ? undef : substr $body, $at + 4, $length;
		$at += 4 + ($length < 0 ? 0 : $length);
	}
	return @value;
}

sub error_body { my %field = @_; return join('', map { "$_$field{$_}\0" } sort keys %field) . "\0"; }

sub error_fields
{
	my ($body) = @_;
	return map { length > 1 ? (substr($_, 0, 1) => substr $_, 1) : () } split /\0/, $body;
}

#-------------------------------------------------------------------------
# The client
#-------------------------------------------------------------------------

# Connect to a database of NODE by its socket; undef when that fails.
sub connect
{
	my ($class, $node, $db) = @_;
	my $socket = IO::Socket::UNIX->new(
		Type => SOCK_STREAM,
		Peer => $node->host . '/.s.PGSQL.' . $node->port) or return;
	my $self = bless { socket => $socket, in => '' }, $class;
	my $user = $ENV{PGUSER} // getpwuid $<;
	my $startup = pack('N', 196608) . "user\0$user\0database\0$db\0application_name\0test\0client_encoding\0UTF8\0\0";

	local $SIG{PIPE} = 'IGNORE';
	syswrite $socket, pack('N', 4 + length $startup) . $startup;
	my $answer = $self->answer(30);
	return if !$answer || $answer->{is_lost} || $answer->{error};
	return $self;
}

sub send
{
	my ($self, $sql) = @_;

	local $SIG{PIPE} = 'IGNORE';
	syswrite $self->{socket}, message('Q', "$sql\0");
	return;
}

# What comes up to ReadyForQuery, or undef when the time is over; ask again for
# the rest.  A hash: rows, error (its fields), is_lost.
sub answer
{
	my ($self, $limit) = @_;
	my $end = time() + $limit;
	my $answer = $self->{answer} //= { rows => [] };

	while (1)
	{
		while (my ($type, $body) = take_message(\$self->{in}))
		{
			$self->{pid} = unpack 'N', $body if $type eq 'K';
			push @{ $answer->{rows} }, [ data_row_values($body) ] if $type eq 'D';
			$answer->{error} //= { error_fields($body) } if $type eq 'E';
			return delete $self->{answer} if $type eq 'Z';
		}
		my $left = $end - time();
		return unless IO::Select->new($self->{socket})->can_read($left < 0 ? 0 : $left);
		next if sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
		$answer->{is_lost} = 1;
		return delete $self->{answer};
	}
}

# It goes as psql does, so that the server's log has no complaint.
sub DESTROY
{
	my ($self) = @_;

	local $SIG{PIPE} = 'IGNORE';
	syswrite $self->{socket}, message('X', '') if $self->{socket} && $self->{socket}->connected;
	return;
}

sub ask
{
	my ($self, $sql, $limit) = @_;
	$self->send($sql);
	return $self->answer($limit);
}

1;
