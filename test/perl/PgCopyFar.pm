#-------------------------------------------------------------------------
#
# PgCopyFar.pm
#	  A server that is far away: a proxy that delays all, and counts round trips.
#
#	  use PgCopyFar;
#	  my $far = PgCopyFar->new($source, 20);		# ms in each direction
#	  my $job = clone($target, $far->conninfo(db => 'app'));
#	  my @connection = $far->seen;
#	  my ($own, $setup) = $far->turns_before('pg_dump');
#
# A connection is a hash: name (application_name, or "cancel"), setup (round trips
# until it was ready), turns (from then on), at (its place among all that was said
# on all connections), begun and ended (times), queries: hashes of text (its
# beginning), at, time, and turn, the round trip it was sent in.
#
#-------------------------------------------------------------------------
package PgCopyFar;

use strict;
use warnings;

use parent 'PgCopyMiddle';
use JSON::PP ();
use PgCopyDelay;

sub new
{
	my ($class, $node, $ms) = @_;
	return $class->start(
		$node,
		sub {
			my ($control, $listener) = @_;
			PgCopyDelay::serve($listener, sub { PgCopyMiddle::connect_to($node) }, $ms, $control);
		});
}

# From now on, so many ms in each direction.
sub delay { my ($self, $ms) = @_; $self->_command("delay $ms"); return; }

# All connections so far.
sub seen { return @{ $_[0]->_command('look') }; }

# Begin to count anew, with connections that are made from now on.
sub forget { $_[0]->_command('forget'); return; }

# The round trips of all before the first connection with this name, or undef
# without one: those of their own, of their set-up, and the connections.
sub turns_before
{
	my ($self, $name) = @_;
	my @connection = $self->seen;
	my ($first) = grep { $_->{name} eq $name } @connection or return;
	my ($own, $setup, $count) = (0, 0, 0);

	foreach my $one (grep { defined $_->{at} && $_->{at} < $first->{at} } @connection)
	{
		my ($last) = grep { $_->{at} < $first->{at} } reverse @{ $one->{queries} };
		$own += $last ? $last->{turn} : 0;
		$setup += $one->{setup};
		$count++;
	}
	return ($own, $setup, $count);
}

# For people: what was asked, one round trip a line.
sub report
{
	my ($self) = @_;
	my $text = '';

	foreach my $one ($self->seen)
	{
		$text .= sprintf "%s: %d for set-up, %d round trips\n", $one->{name}, $one->{setup}, $one->{turns};
		$text .= sprintf "  %4d %7.3f %s\n", $_->{turn}, $_->{time} - $one->{begun}, $_->{text}
		  foreach @{ $one->{queries} };
	}
	return $text;
}

sub _command
{
	my ($self, $word) = @_;
	my $answer = '';

	syswrite($self->{control}, "$word\n") or die "the proxy is gone: $!";
	until ($answer =~ /\n\z/)
	{
		sysread($self->{control}, $answer, 1048576, length $answer) or die 'the proxy is gone';
	}
	return JSON::PP->new->latin1->decode($answer);
}

1;
