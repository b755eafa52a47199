#-------------------------------------------------------------------------
#
# PgCopyScene.pm
#	  What tests of pgcopydb_ext clone, and points where a clone can be held.
#
# A hold is an advisory lock in the target: functions of the source's schema
# (see create_holds) ask for it when the clone runs them, so a test that has
# the lock stops a job exactly in COPY, in CREATE INDEX or in pre-data, looks
# around, and lets it go on.  Nobody has to be quick, and nobody sleeps.
#
#-------------------------------------------------------------------------
package PgCopyScene;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use File::Find qw(find);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PgCopy;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  new_database load_everything load_roles everything_filter
  $EVERYTHING_CONF $EVERYTHING_IGNORE $EVERYTHING_APPENDED
  create_holds create_held_table hold release release_and_hold wait_held held_sql
  our_backends our_children is_quiet slurp_proc start_job call_error files_with
);

my $EVERYTHING = dirname(__FILE__) . '/../everything';

# A setting both servers need: definitions have security labels.
our $EVERYTHING_CONF = "shared_preload_libraries = 'pgcopy_everything'\n";

# Tables that are not equal afterwards: by_colour is routed by the OIDs of enum
# values, and pg_dump does not keep what is no configuration of an extension.
our $EVERYTHING_IGNORE = qr/^ev\.by_colour_|^ext\.member_cache/;

# Tables that the clone does not create; a pattern of SQL.
our $EVERYTHING_APPENDED = '^ext\.(config|Config|member)';

# The class of the advisory locks that are holds.
my $CLASS = 471100;

# Make databases that do not depend on the locale the tests run under.
sub new_database
{
	my ($node, @names) = @_;
	$node->safe_psql('postgres',
		"CREATE DATABASE \"$_\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
	) for @names;
	return;
}

sub load_file
{
	my ($node, $db, $file, %vars) = @_;
	run_log(
		[
			'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1',
			(map { ('-v', "$_=$vars{$_}") } sort keys %vars),
			'-o', '/dev/null',
			'-d', conninfo($node, db => $db),
			'-f', $file
		]) or die "could not load $file";
	return;
}

# The roles of the everything database, wanted on both sides.
sub load_roles
{
	load_file($_, 'postgres', "$EVERYTHING/00_roles.sql") for @_;
	return;
}

# Fill database DB of NODE with everything.  Option big_size: bytes of its
# largest values.
sub load_everything
{
	my ($node, $db, %vars) = @_;
	foreach my $file (sort glob "$EVERYTHING/*.sql")
	{
		next if $file =~ /00_roles/;
		load_file($node, $db, $file, %vars);
	}
	return;
}

# A filter for assert_same: the one thing of the everything database that
# pg_dump does not keep is the order of columns a table had before it inherited.
sub everything_filter
{
	return map {
		/\ACREATE TABLE ev\.late_child/m || /^-- Name: late_child; Type: TABLE;/m
		  ? join("\n", sort map { s/,\s*$//r } split /\n/)
		  : $_
	} @_;
}

#-------------------------------------------------------------------------
# Holds
#-------------------------------------------------------------------------

# Create hold.here(key) in a source: in the target it waits while somebody has
# the hold of that key.  A constraint CHECK (hold.here(1)) stops COPY, an index
# on (hold.here(2)) its build, and the function hold.in_pre_data (made here when
# pre_data => 1) pre-data, under key 3.
sub create_holds
{
	my ($node, $db, %opt) = @_;
	$node->safe_psql($db, <<EOQ);
CREATE SCHEMA hold;
CREATE FUNCTION hold.here(key int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS \$\$
BEGIN
	PERFORM pg_catalog.pg_advisory_lock_shared($CLASS, key);
	RETURN pg_catalog.pg_advisory_unlock_shared($CLASS, key);
END \$\$;
EOQ
	$node->safe_psql($db, <<EOQ) if $opt{pre_data};
CREATE FUNCTION hold.a_validator(oid) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM pg_catalog.pg_advisory_lock_shared($CLASS, 3);
	PERFORM pg_catalog.pg_advisory_unlock_shared($CLASS, 3);
END \$\$;
CREATE FUNCTION hold.a_handler() RETURNS language_handler LANGUAGE c AS '\$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE hold_lang HANDLER hold.a_handler VALIDATOR hold.a_validator;
CREATE FUNCTION hold.in_pre_data() RETURNS int LANGUAGE hold_lang AS 'BEGIN RETURN 1; END';
EOQ
	return;
}

# A table of 30 MB whose rows wait for the hold 1, in a source that has holds.
sub create_held_table
{
	my ($node, $db) = @_;
	$node->safe_psql($db, <<'EOQ');
CREATE TABLE held (a int CHECK (hold.here(1)), b text);
ALTER TABLE held ALTER b SET STORAGE PLAIN;
INSERT INTO held SELECT g, repeat('x', 1900) FROM generate_series(1, 15000) g;
EOQ
	return;
}

# Take the hold KEY in the target; returns a session to give to release().
sub hold
{
	my ($target, $db, $key) = @_;
	my $session = $target->background_psql($db);
	$session->query_safe("SELECT pg_advisory_lock($CLASS, $key)");
	return $session;
}

sub release
{
	my ($session) = @_;
	$session->quit;
	return;
}

# Let go who waits for the hold KEY of a session, and take it again.
sub release_and_hold
{
	my ($session, $key) = @_;
	$session->query_safe("SELECT pg_advisory_unlock($CLASS, $key), pg_advisory_lock($CLASS, $key)");
	return;
}

# The condition that COUNT processes stand at hold KEY.
sub held_sql
{
	my ($key, $count) = @_;
	$count //= 1;
	return <<EOQ;
SELECT count(*) >= $count FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE d.datname = current_database() AND l.locktype = 'advisory'
AND l.classid = $CLASS AND l.objid = $key AND NOT l.granted
EOQ
}

sub wait_held
{
	my ($target, $db, $key, $job, $count) = @_;
	return wait_until(
		$target, held_sql($key, $count),
		db => $db,
		job => $job,
		what => ($count // 1) . " process(es) at hold $key");
}

#-------------------------------------------------------------------------
# Processes
#-------------------------------------------------------------------------

# The background workers of ours on a target but for the launcher, as "pid type".
sub our_backends
{
	my ($target) = @_;
	return split /\n/, $target->safe_psql('postgres', <<'EOQ');
SELECT pid || ' ' || backend_type FROM pg_stat_activity WHERE backend_type ILIKE '%pgcopy%' AND backend_type NOT LIKE '%launcher' ORDER BY pid
EOQ
}

# The contents of /proc/PID/NAME, or '' when that process is gone.
sub slurp_proc
{
	my ($pid, $name) = @_;
	open my $fh, '<', "/proc/$pid/$name" or return '';
	local $/ = undef;
	my $text = <$fh>;
	close $fh;
	return $text // '';
}

# Processes below a target's postmaster that are not its own kind (pg_dump,
# pg_restore), as "pid command".
sub our_children
{
	my ($node) = @_;
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my (%parent, %name, @found);

	foreach my $dir (glob '/proc/[0-9]*')
	{
		my ($pid) = $dir =~ /(\d+)$/;
		slurp_proc($pid, 'stat') =~ /^\d+ \((.*)\) \S (\d+)/s or next;
		($name{$pid}, $parent{$pid}) = ($1, $2);
	}
	foreach my $pid (sort keys %parent)
	{
		my $up = $parent{$pid};
		$up = $parent{$up} while $up && $up != $postmaster;
		push @found, "$pid $name{$pid}"
		  if $up && $up == $postmaster && $name{$pid} !~ /^postgres/;
	}
	return @found;
}

# True as soon as nothing of ours runs on TARGET and no session of ours is left
# on SOURCE; false, after saying what is left, when LIMIT seconds are over.
sub is_quiet
{
	my ($source, $target, $limit) = @_;
	my $end = time() + $limit;
	my @left;

	while (1)
	{
		my $sessions = source_sessions($source);
		@left = (our_backends($target), our_children($target));
		push @left, "$sessions sessions on the source" if $sessions;
		return 1 unless @left;
		last if time() > $end;
		sleep(0.05);
	}
	diag("after $limit s there are still: " . join(', ', @left));
	return 0;
}

# The files that have the marker: those given, and those below directories given.
sub files_with
{
	my ($marker, @places) = @_;
	my @found;
	find(
		{
			no_chdir => 1,
			wanted => sub {
				return unless -f $_;
				open my $in, '<:raw', $_ or return;
				local $/;
				push @found, $_ if index(<$in> // '', $marker) >= 0;
			}
		}, @places);
	return @found;
}

#-------------------------------------------------------------------------
# Calls that fail
#-------------------------------------------------------------------------

# Run SQL that should fail; returns SQLSTATE, message, detail, hint of its
# error.  SQLSTATE is '' when it did not fail.
sub call_error
{
	my ($node, $db, $sql, %opt) = @_;
	my ($rc, $out, $err) = $node->psql(
		$db,
		"\\set VERBOSITY verbose\n$sql",
		on_error_stop => 1,
		extra_params => $opt{user} ? [ '-U', $opt{user} ] : []);
	return ('', $out, '', '') unless $err =~ /(?:ERROR|FATAL):  (\w{5}): (.*)/;
	my ($state, $message) = ($1, $2);
	my ($detail) = $err =~ /^DETAIL:  (.*)/m;
	my ($hint) = $err =~ /^HINT:  (.*)/m;
	return ($state, $message, $detail // '', $hint // '');
}

# As clone(), for sources that may be refused: returns the job, or undef and the
# error's SQLSTATE, message, detail, hint.
sub start_job
{
	my ($target, $db, $args, %opt) = @_;
	my @error = call_error($target, $db, "SELECT pgcopy_clone($args)", %opt);
	return $error[0] eq '' ? ($error[1]) : (undef, @error);
}

1;
