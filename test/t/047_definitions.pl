# Definitions may be large.  They arrive as they are, and the leader does not
# hold more of them than it must.  What would fill the memory is refused before:
# all of them by pgcopy.max_definitions_size, one of them by what a parser can
# take, with an error that names the setting or the object, and the job can be
# resumed with a larger limit.  Each warning of pg_restore is a notice, however
# much else it says.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('definitions', target_conf => "shared_buffers = 16MB\n");
new_database($source, 'large');
new_database($target, 'large', 'limited');
create_holds($source, 'large');

# 12 functions of 10 MB each, which take no room on the source.
$source->safe_psql('large', <<'EOQ');
CREATE TABLE t (a int CHECK (hold.here(1)));
INSERT INTO t VALUES (1);
SET check_function_bodies = off;
DO $$ BEGIN
	FOR i IN 1 .. 12 LOOP
		EXECUTE format('CREATE FUNCTION f%s() RETURNS int LANGUAGE plpgsql AS %L', i, repeat('it''s; $', 1500000));
	END LOOP;
	EXECUTE format('COMMENT ON TABLE t IS %L', repeat('\it''s', 200000));
END $$;
EOQ

# The most memory that the leader has had by the time rows are copied, MB.
sub peak_of_leader
{
	my ($db) = @_;
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => 'large'), db => $db);
	wait_held($target, $db, 1, $job);
	my $pid = $target->safe_psql($db, 'SELECT leader_pid FROM pgcopy_jobs');
	my ($peak) = slurp_proc($pid, 'status') =~ /VmHWM:\s+(\d+)/;
	release($hold);
	is(wait_for_end($target, $job, db => $db), 'done', 'definitions of 120 MB are cloned');
	return int($peak / 1024);
}

my $peak = peak_of_leader('large');
cmp_ok($peak, '<', 230, "the leader does not hold them all, and more than once (peak: $peak MB)");
my $sums = "SELECT count(*), sum(hashtext(prosrc)::bigint), (SELECT hashtext(obj_description('t'::regclass))) FROM pg_proc WHERE proname ~ '^f[0-9]'";
is($target->safe_psql('large', $sums), $source->safe_psql('large', $sums), 'they arrive as they are');

$target->safe_psql('limited', "ALTER DATABASE limited SET pgcopy.max_definitions_size = '100MB'");
my $job = clone($target, conninfo($source, db => 'large'), db => 'limited');
is(wait_for_end($target, $job, db => 'limited'), 'failed', 'with a limit below that they are not');
is($target->safe_psql('limited', 'SELECT sqlstate, message FROM pgcopy_errors'), '54000|the definitions of the source are larger than 100 MB',
	'... and the error says so');
my ($statement) = $target->safe_psql('limited', 'SELECT hint FROM pgcopy_errors') =~ /(ALTER DATABASE limited SET pgcopy\.max_definitions_size = '200MB')/;
is($target->psql('postgres', $statement // 'no hint'), 0, '... and names the setting, by a statement that works in a new session');
$target->safe_psql('limited', "SELECT pgcopy_resume($job)");
is(wait_for_end($target, $job, db => 'limited'), 'done', 'with a larger one the job is resumed');

#
# Tools that say much, and a statement that no parser takes
#
my ($bindir) = run_command([ 'pg_config', '--bindir' ]);
my $tools = PostgreSQL::Test::Utils::tempdir;
symlink "$bindir/pg_dump", "$tools/pg_dump" or die "symlink: $!";

# A pg_restore that does SHELL before and BEHIND after the text of pre-data.
sub make_pg_restore
{
	my ($shell, $behind) = @_;
	open my $file, '>', "$tools/pg_restore" or die "$tools: $!";
	print $file <<"EOC";
#!/bin/sh
case "\$*" in
*section=pre-data*) $shell; "$bindir/pg_restore" "\$@"; $behind;;
*) exec "$bindir/pg_restore" "\$@";;
esac
EOC
	close $file;
	chmod 0755, "$tools/pg_restore";
	return;
}

new_database($source, 'small');
new_database($target, 'loud', 'huge');
$source->safe_psql('small', 'CREATE TABLE t (a int)');
$target->safe_psql($_, "ALTER DATABASE $_ SET pgcopy.pg_dump = '$tools/pg_dump'") foreach ('loud', 'huge');
make_pg_restore("(echo 'pg_restore: warning: one'; echo 'pg_restore: detail: of it'; echo 'pg_restore: hint: do'; "
	  . "yes 'pg_restore: creating TABLE \"public.t\"' | head -n 20000; echo 'pg_restore: warning: two') >&2", ':');
clone_ok($target, conninfo($source, db => 'small'), db => 'loud', name => 'pg_restore warns, and tells its progress at length');
is($target->safe_psql('loud', "SELECT message, hint FROM pgcopy_notices WHERE setting IS NULL ORDER BY at"),
	"pg_restore: one\nof it|do\npg_restore: two|", 'each warning is a notice, and nothing else is');

SKIP:
{
	my ($available) = slurp_file('/proc/meminfo') =~ /MemAvailable:\s+(\d+)/;
	skip 'less than 3 GB of memory', 3 if $available < 3 * 1024 * 1024;
	make_pg_restore(':', "(printf \"CREATE FUNCTION public.huge() RETURNS text LANGUAGE sql AS '\"; "
		  . "head -c 536870912 /dev/zero | tr '\\0' x; printf \"';\\n\")");
	$job = clone($target, conninfo($source, db => 'small'), db => 'huge');
	is(wait_for_end($target, $job, db => 'huge'), 'failed', 'a string of 512 MB fails');
	is($target->safe_psql('huge', 'SELECT sqlstate, message FROM pgcopy_errors'),
		'54000|a definition of the source is too large: CREATE FUNCTION public.huge', '... with the name of what is too large');
	isnt($target->safe_psql('huge', 'SELECT hint FROM pgcopy_errors'), '', '... and a hint');
}

$source->stop;
$target->stop;
done_testing();
