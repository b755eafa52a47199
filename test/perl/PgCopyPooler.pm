#-------------------------------------------------------------------------
#
# PgCopyPooler.pm
#	  PgBouncer in front of a server.
#
#	  use PgCopyPooler;
#	  plan skip_all => ... unless PgCopyPooler::is_there();
#	  my $pooler = PgCopyPooler->new($source, pool_mode => 'transaction');
#	  my $job = clone($target, $pooler->conninfo(db => 'app'));
#
# It listens on a free port of 127.0.0.1, asks for passwords as the server does
# (the file of its users holds what pg_authid does, so all roles with a password
# can come), and goes on by TCP.  It ends with the object, and also when the
# test dies.
#
#-------------------------------------------------------------------------
package PgCopyPooler;

use strict;
use warnings;

use parent 'PgCopyMiddle';
use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

# The program, or undef.  PGCOPY_PGBOUNCER may say where it is.
sub is_there
{
	foreach my $path ($ENV{PGCOPY_PGBOUNCER} // (), map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin')
	{
		return $path if -f $path && -x $path;
	}
	return undef;
}

# Options are settings of pgbouncer.ini; one that is undef is left out.
sub new
{
	my ($class, $node, %setting) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $self = bless {
		node => $node,
		dir => $dir,
		port => $setting{listen_port} // PostgreSQL::Test::Cluster::get_free_port(),
		owner => $$
	}, $class;

	%setting = (
		listen_addr => '127.0.0.1',
		listen_port => $self->{port},
		unix_socket_dir => '',
		auth_type => 'scram-sha-256',
		auth_file => "$dir/users.txt",
		logfile => "$dir/pgbouncer.log",
		ignore_startup_parameters => undef,
		%setting);
	_write("$dir/users.txt", $node->safe_psql('postgres', <<'EOQ') . "\n");
SELECT format('"%s" "%s"', rolname, rolpassword) FROM pg_authid WHERE rolpassword IS NOT NULL
EOQ
	_write("$dir/pgbouncer.ini", join "\n", '[databases]',
		'* = host=127.0.0.1 port=' . $node->port, '[pgbouncer]',
		(map { "$_ = $setting{$_}" } grep { defined $setting{$_} } sort keys %setting), '');

	$self->{pid} = fork() // die "could not fork: $!";
	if ($self->{pid} == 0)
	{
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/out";
		open STDERR, '>&', \*STDOUT;
		{ no warnings 'exec'; exec is_there(), '-q', "$dir/pgbouncer.ini"; }
		POSIX::_exit(127);
	}
	$self->_wait_until_it_listens;
	return $self;
}

sub _wait_until_it_listens
{
	my ($self) = @_;
	my $end = time() + 30;

	until (IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}))
	{
		die "pgbouncer does not start:\n" . slurp_file("$self->{dir}/out")
		  if time() > $end || waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
		sleep(0.05);
	}
	return;
}

sub log { return slurp_file("$_[0]{dir}/pgbouncer.log"); }

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid};
	return if !defined $pid || $self->{owner} != $$;

	local $?;
	kill 'TERM', $pid;
	waitpid($pid, 0);
	return;
}

sub _write
{
	my ($path, $text) = @_;
	open my $fh, '>', $path or die "could not write $path: $!";
	print $fh $text;
	close $fh or die "could not write $path: $!";
	return;
}

1;
