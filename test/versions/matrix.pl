# A clone from any older major, or from a standby of it, into the server under test is
# what pg_dump and pg_restore make of the same source, with the source's rows.
#
# The sources run already, and the databases in them are filled: everything, bench
# (pgbench's tables, which are copied in parts) and features (what some major brought).
# Definitions are compared with those that pg_dump of the target's major leaves when its
# output is run in another database of the target: what it prints of an older server may
# be written another way, that of one server may not.  Where both are of one major,
# they are compared with those of the source, too.
#
# test/versions/run sets in the environment what this needs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl", $FindBin::Bin;
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use VersionsSource;

my @sources = sources('MATRIX');
plan skip_all => 'no sources' if !@sources;

my $target = new_target('matrix');
my $ours = $target->{major};

sub definitions
{
	return PgCopy::_schema_of(@_, \&everything_filter);
}

# What the source's definitions make in a new database.  Internal options of columns, which
# one minor version has and another refuses, are not to come with others in one statement.
sub restored
{
	my ($source, $db, $made) = @_;
	my ($sql, $err) = run_command([ 'pg_dump', '--schema-only', '--dbname', conninfo($source, db => $db) ]);
	die "pg_dump of $db failed: $err" if $err =~ /error/;

	new_database($target, $made);
	$sql =~ s/, pg_attver='?\d+'?(?=[,)])|(?<=\()pg_attver='?\d+'?, //g;
	(undef, undef, $err) = $target->psql($made, $sql, on_error_stop => 0);
	$err = join "\n", grep { /ERROR/ && !/"pg_attver"/ } split /\n/, $err;
	note("$made: $err") if $err;
	return definitions($target, $made);
}

sub check_database
{
	my ($source, $db, %opt) = @_;
	my $here = "${db}_$source->{name}";
	my $ignore = $opt{ignore};
	my $begin = time();

	local $PgCopy::OLDER = $source->{major};
	new_database($target, $here);
	my $job = clone_ok($target, conninfo($source, db => $db), db => $here, name => "$here: the clone ends done",
		%{ $opt{arguments} // {} });
	return if job_state($target, $job, db => $here) ne 'done';
	assert_same($source, $target, source_db => $db, db => $here, schema => 0, ignore => $ignore, name => "$here: rows are equal");
	my $made = definitions($target, $here);
	is(difference(restored($source, $db, "${here}_restored"), $made), '', "$here: definitions are what a restore makes of them");
	is(difference(definitions($source, $db), $made), '', "$here: definitions are those of the source") if $source->{major} == $ours;
	note(sprintf '%s: %.1f s', $here, time() - $begin);
	return;
}

foreach my $source (@sources)
{
	my $is_standby = $source->{name} =~ /s$/;
	# a standby cannot read unlogged relations
	my $unlogged = $is_standby ? qr/^ev\.(unlogged|seq_unlogged)/ : qr/^$/;
	my %databases = (
		everything => { ignore => qr/$EVERYTHING_IGNORE|$unlogged/ },
		bench => { arguments => { split_tables_larger_than => '1MB' } },
		features => {});

	my $ok = subtest "$source->{name} -> $ours" => sub {
		wait_for_standby($source) if $is_standby;
		roles_of($source, $target);
		foreach my $db (sort keys %databases)
		{
			eval { check_database($source, $db, %{ $databases{$db} }); 1 } or fail("$db: $@");
		}
	};
	write_cell($source->{name}, $ours, $ok);
}
$target->stop;
done_testing();
