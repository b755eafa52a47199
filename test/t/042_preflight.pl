# What is wrong with source and target is found out before anything is changed,
# and all of it is told at once: each finding is a row of pgcopy_errors with its
# own SQLSTATE and hint.  When all is put right, the job goes on.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('preflight');
my $conninfo = conninfo($source, db => 'app');

# Run SQL that may change system catalogs.
sub forge
{
	my ($sql) = @_;
	return $source->safe_psql('app', "SET allow_system_table_mods = on; $sql");
}

# Errors of a job that count, one a line.
sub errors
{
	my ($job) = @_;
	return $target->safe_psql('app',
		"SELECT sqlstate, message, detail, hint IS NOT NULL FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY no");
}

new_database($source, 'app');
new_database($target, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE ROLE baker;
CREATE ROLE miller;
CREATE TABLE bread (a int PRIMARY KEY);
CREATE TABLE flour (a int);
INSERT INTO flour VALUES (1), (2), (3);
ALTER TABLE bread OWNER TO baker;
GRANT SELECT ON flour TO miller;
EOQ
forge("UPDATE pg_extension SET extname = 'no_such_extension' WHERE extname = 'plpgsql'");

# a type that the source's version had
forge('CREATE DOMAIN pg_catalog.reltime AS int; CREATE TABLE ages (a reltime[])');
$target->safe_psql('app', 'CREATE TABLE flour (b text)');

my $job = clone($target, $conninfo, db => 'app');
is(wait_for_end($target, $job, db => 'app'), 'failed', 'a job with four things wrong fails');
is(errors($job), <<'EOT' =~ s/\n\z//r, 'all four are told at once, each with its own SQLSTATE and hint');
42704|1 extension of the source is not available here|Missing: no_such_extension.|t
42P07|1 object of the source already exists here|Existing: relation public.flour.|t
42704|1 type of the source's columns has been removed from PostgreSQL|Removed: reltime.|t
42704|2 roles that the source uses do not exist here|Missing: baker, miller.|t
EOT
is( $target->safe_psql('app', "SELECT message FROM pgcopy_progress WHERE job = $job"),
	"1 extension of the source is not available here, and 3 more: SELECT * FROM pgcopy_errors; then SELECT pgcopy_resume($job)",
	'pgcopy_progress says that there is more than one');
is($target->safe_psql('app', "SELECT to_regclass('bread') IS NULL"), 't', 'nothing was changed');

forge('DROP TABLE ages; DROP DOMAIN pg_catalog.reltime');

# One that is left is told as if it had been alone.
forge("UPDATE pg_extension SET extname = 'plpgsql' WHERE extname = 'no_such_extension'");
$target->safe_psql('app', 'DROP TABLE flour');
$target->safe_psql('app', "SELECT pgcopy_resume($job)");
is(wait_for_end($target, $job, db => 'app'), 'failed', 'it fails again with one left');
is( errors($job),
	"42704|2 roles that the source uses do not exist here|Missing: baker, miller.|t",
	'that is the only error now');
is( $target->safe_psql('app', "SELECT message FROM pgcopy_progress WHERE job = $job"),
	"2 roles that the source uses do not exist here; then SELECT pgcopy_resume($job)",
	'and what pgcopy_progress says');

$target->safe_psql('app', 'CREATE ROLE baker; CREATE ROLE miller');
$target->safe_psql('app', "SELECT pgcopy_resume($job)");
is(wait_for_end($target, $job, db => 'app'), 'done', 'with all put right the job goes on');
assert_same($source, $target, source_db => 'app', db => 'app', name => 'and clones all');

# The source is the target: nothing else is worth a look.
my ($ret, $out, $err) = $target->psql('app', 'SELECT pgcopy_clone(' . PgCopy::quote_literal(conninfo($target, db => 'app')) . ')');
like($err, qr/ERROR:  the source is this same database\nHINT:  Connect to the database to clone into/, 'this very database is refused at once');

done_testing();
