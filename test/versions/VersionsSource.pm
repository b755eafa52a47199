# VersionsSource.pm
#	  The servers that test/versions/run has started, as nodes for PgCopy.pm, and what
#	  matrix.pl and follow.pl share.

package VersionsSource;

use strict;
use warnings;

use Exporter 'import';
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(sources new_target roles_of wait_for_standby write_cell);
our @ISA = ('PostgreSQL::Test::Cluster');

sub host		{ return $_[0]{host}; }
sub port		{ return $_[0]{port}; }
sub name		{ return $_[0]{name}; }
sub connstr		{ return conninfo($_[0], db => $_[1] // 'postgres'); }
sub logfile		{ return "$_[0]{host}/server.log"; }
sub data_dir	{ return "$_[0]{host}/server"; }
sub _get_env	{ return %ENV; }
sub DESTROY		{ return; }

# The sources that stage WHAT (MATRIX or FOLLOW) asks for, those not newer than the
# server under test.
sub sources
{
	my ($what) = @_;
	my %asked = map { $_ => 1 } split ' ', $ENV{"PGCOPY_VERSIONS_$what"} // '';
	my @sources;

	foreach (split ' ', $ENV{PGCOPY_VERSIONS_SOURCES} // '')
	{
		my ($name, $major, $host, $port) = split /:/;
		next if !$asked{$name} || $major > $ENV{PGCOPY_TEST_MAJOR};
		push @sources, bless { name => $name, major => $major, host => $host, port => $port }, __PACKAGE__;
	}
	return @sources;
}

# A server with the extension, which can take all that sources have.
sub new_target
{
	my ($name) = @_;
	my $target = PostgreSQL::Test::Cluster->new("${name}_target");

	$target->init;
	$target->append_conf('postgresql.conf', $EVERYTHING_CONF . <<'EOC');
max_worker_processes = 24
max_prepared_transactions = 10
max_connections = 60
fsync = off
EOC
	$target->start;
	$target->safe_psql('postgres', 'CREATE EXTENSION pgcopydb_ext');
	$target->{major} = $ENV{PGCOPY_TEST_MAJOR};
	return $target;
}

# Make the roles of a source in the target, as far as it does not have them.
sub roles_of
{
	my ($source, $target) = @_;
	my ($sql) = run_command([ 'pg_dumpall', '--roles-only', '--dbname', conninfo($source) ]);

	$target->psql('postgres', $sql, on_error_stop => 0);
	return;
}

# Wait until a standby has what its primary has.
sub wait_for_standby
{
	my ($standby) = @_;
	my ($primary) = grep { "$_->{name}s" eq $standby->{name} } map { $_ } all_sources();

	my $lsn = $primary->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');
	wait_until($standby, "SELECT pg_last_wal_replay_lsn() >= '$lsn'", what => 'the standby to have it all') or die;
	return;
}

sub all_sources
{
	local $ENV{PGCOPY_VERSIONS_ALL} = join ' ', map { /^(.*?):/ } split ' ', $ENV{PGCOPY_VERSIONS_SOURCES};
	return sources('ALL');
}

# Note how a cell of the matrix came out.
sub write_cell
{
	my ($source, $target, $ok) = @_;

	open my $out, '>', "$ENV{PGCOPY_VERSIONS_CELLS}/$source:$target" or die "could not write a cell: $!";
	print $out $ok ? "ok\n" : "not ok\n";
	close $out;
	return;
}

1;
