# A source may have this extension itself, in whatever schema: the extension,
# its jobs, servers, grants and comment stay there, and so does what depends on
# it, as if it had been dropped there with CASCADE before; a notice names that.
# The schema that the extension has here may be one of the source's too.  Objects
# of a source without the extension that bear its names are cloned where the
# extension is in another schema; otherwise they are refused beforehand, with
# what to do.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('own', map { ("${_}_conf" => "wal_level = logical\n") } qw(source target));
new_database($source, qw(has plain empty));
$_->safe_psql('postgres', 'CREATE ROLE bob; CREATE ROLE "Odd ""role"""') for $source, $target;
$source->safe_psql('postgres', 'CREATE ROLE only_there LOGIN');
$source->safe_psql('has', <<'EOQ');
CREATE SCHEMA tools AUTHORIZATION bob;
COMMENT ON SCHEMA tools IS 'of the source';
GRANT USAGE ON SCHEMA tools TO "Odd ""role""";
CREATE EXTENSION pgcopydb_ext SCHEMA tools;
EOQ
$source->safe_psql('has', 'SELECT tools.pgcopy_clone(' . quote_literal(conninfo($source, db => 'empty')) . ')');
ok(wait_until($source, "SELECT state FROM tools.pgcopy_jobs", db => 'has', expected => 'done', what => 'the job of the source'), 'the source has a job');
$source->safe_psql('has', <<'EOQ');
COMMENT ON EXTENSION pgcopydb_ext IS 'theirs';
CREATE TABLE t (a int PRIMARY KEY);
INSERT INTO t SELECT generate_series(1, 100);
CREATE TABLE tools.own_table (a int REFERENCES t);
INSERT INTO tools.own_table VALUES (1);

-- what is of the user and needs it
CREATE VIEW my_jobs AS SELECT job, state FROM tools.pgcopy_progress;
CREATE VIEW over_it AS SELECT count(*) AS n FROM my_jobs;
CREATE MATERIALIZED VIEW kept_of_it AS SELECT * FROM over_it;
CREATE INDEX ON kept_of_it (n);
COMMENT ON VIEW my_jobs IS 'jobs';
COMMENT ON COLUMN my_jobs.job IS 'its number';
GRANT SELECT ON my_jobs TO only_there;
CREATE TABLE notes (job bigint REFERENCES pgcopy.job, text text);
INSERT INTO notes VALUES (NULL, 'a note');
CREATE TABLE pgcopy.of_user (a int PRIMARY KEY, b serial);
INSERT INTO pgcopy.of_user VALUES (1);
CREATE FUNCTION waits() RETURNS text BEGIN ATOMIC SELECT tools.pgcopy_wait(1); END;
CREATE TABLE of_row_type (j pgcopy.job);
CREATE VIEW calls AS SELECT waits();
CREATE RULE remember AS ON DELETE TO notes DO ALSO DELETE FROM pgcopy.of_user;

-- what only mentions it
CREATE FUNCTION mentions() RETURNS text LANGUAGE sql AS 'SELECT tools.pgcopy_wait(1)';
CREATE FUNCTION tools.pgcopy_clone(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a';
GRANT EXECUTE ON FUNCTION tools.pgcopy_clone(int, int) TO bob;
COMMENT ON FUNCTION tools.pgcopy_clone(int, int) IS 'of the user';

-- grants and servers
GRANT EXECUTE ON FUNCTION tools.pgcopy_wait, tools.pgcopy_resume TO bob, only_there;
GRANT SELECT ON tools.pgcopy_jobs TO "Odd ""role""", only_there;
GRANT SELECT (state) ON tools.pgcopy_progress TO bob;
REVOKE SELECT ON tools.pgcopy_options FROM PUBLIC;
GRANT USAGE ON SCHEMA pgcopy TO bob, only_there;
GRANT SELECT ON pgcopy.job TO only_there;
GRANT USAGE ON FOREIGN DATA WRAPPER pgcopydb_fdw TO bob;
CREATE SERVER old FOREIGN DATA WRAPPER pgcopydb_fdw OPTIONS (host 'nowhere');
ALTER SERVER old OWNER TO only_there;
COMMENT ON SERVER old IS 'to clone';
GRANT USAGE ON FOREIGN SERVER old TO bob;
CREATE USER MAPPING FOR bob SERVER old OPTIONS (user 'u', password 'hidden_there');
CREATE USER MAPPING FOR only_there SERVER old;
ALTER DEFAULT PRIVILEGES IN SCHEMA pgcopy GRANT SELECT ON TABLES TO only_there;
ALTER DEFAULT PRIVILEGES IN SCHEMA tools GRANT SELECT ON TABLES TO bob;

CREATE PUBLICATION of_all FOR ALL TABLES;
CREATE PUBLICATION of_schemas FOR TABLES IN SCHEMA pgcopy, public;
CREATE PUBLICATION of_tables FOR TABLE pgcopy.item, t;
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER of_user ON ddl_command_end EXECUTE FUNCTION on_ddl();
EOQ

# The measure: the extension dropped with all that needs it.  A table that has a
# column of such a type stays as a whole.
wait_until($source, "SELECT count(*) FROM pg_stat_activity WHERE datname = 'has' AND pid <> pg_backend_pid()", expected => '0', what => 'its processes to end');
$source->safe_psql('postgres', 'CREATE DATABASE bare TEMPLATE has');
$source->safe_psql('bare', 'SET client_min_messages = warning; DROP EXTENSION pgcopydb_ext CASCADE; DROP TABLE of_row_type');

sub notice
{
	my ($db) = @_;
	return $target->safe_psql($db, "SELECT object, message FROM pgcopy_notices WHERE message ~ 'pgcopydb_ext'");
}

sub error
{
	my ($db) = @_;
	return $target->safe_psql($db, 'SELECT sqlstate, message, detail, hint FROM pgcopy_errors WHERE is_final');
}

# Here the extension is in public, then in the schema it has there; the last one
# also has a server and a view of the names that the source has.
foreach my $db (qw(public tools twice))
{
	new_database($target, $db);
	$target->safe_psql('postgres', "ALTER DATABASE $db SET search_path = public, tools");
	$target->safe_psql($db, $db eq 'public' ? 'CREATE EXTENSION pgcopydb_ext' : 'CREATE SCHEMA tools; CREATE EXTENSION pgcopydb_ext SCHEMA tools');
	$target->safe_psql($db, 'CREATE SERVER old FOREIGN DATA WRAPPER pgcopydb_fdw; CREATE VIEW my_jobs AS SELECT job FROM pgcopy_progress') if $db eq 'twice';
	my $job = clone_ok($target, conninfo($source, db => 'has'), db => $db, name => "$db: the clone ends done");
	is(error($db), '', "$db: without an error");
	my $notice = notice($db);
	like($notice, qr/^constraint notes_job_fkey on table public.notes, (?=.*view public.my_jobs)(?=.*server old)(?=.*table public.of_row_type)[^|]*\|\d+ objects are not cloned: they need the extension pgcopydb_ext/, "$db: what stays is named") or diag($notice);
	is($target->safe_psql($db, 'SELECT count(*) FROM pgcopy.job'), '1', "$db: nor a job");
	is($target->safe_psql($db, "SELECT obj_description(oid, 'pg_extension') <> 'theirs' FROM pg_extension WHERE extname = 'pgcopydb_ext'"), 't', "$db: the extension has its own comment");
	is($target->safe_psql($db, "SELECT has_function_privilege('bob', oid, 'EXECUTE') FROM pg_proc WHERE proname = 'pgcopy_resume'"), 'f', "$db: and its own privileges");
	$target->safe_psql($db, 'DROP SERVER old; DROP VIEW my_jobs') if $db eq 'twice';
	assert_same($source, $target, source_db => 'bare', db => $db, name => "$db: all else is equal");
}

# What is only dropped with it needs nothing of it.
$source->safe_psql('has', 'ALTER FUNCTION mentions() DEPENDS ON EXTENSION pgcopydb_ext');
new_database($target, 'depends');
clone_ok($target, conninfo($source, db => 'has'), db => 'depends', name => 'depends: the clone ends done');
is($target->safe_psql('depends', "SELECT count(*) FROM pg_depend WHERE objid = 'mentions'::regproc AND deptype = 'x'"), '1', 'depends: the function does so here');

# Names of ours on a source without the extension
$source->safe_psql('plain', <<'EOQ');
CREATE TABLE pgcopy_progress (a int);
INSERT INTO pgcopy_progress VALUES (42);
CREATE TYPE pgcopy_jobs AS ENUM ('x');
CREATE FUNCTION pgcopy_cancel(bigint, boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$;
CREATE FUNCTION pgcopy_cancel(text) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$;
CREATE TABLE pgcopy_other (a int);
EOQ
new_database($target, 'clash', 'no_clash');
my $job = clone($target, conninfo($source, db => 'plain'), db => 'clash');
is(wait_for_end($target, $job, db => 'clash'), 'failed', 'names of ours are refused');
my $error = error('clash');
like($error, qr/^42710\|3 objects of the source have the names of objects of this extension\|In the way: function public.pgcopy_cancel\(bigint, boolean\), relation public.pgcopy_jobs, relation public.pgcopy_progress\.\|.*CREATE EXTENSION pgcopydb_ext SCHEMA/, 'with all of them, and what to do') or diag($error);
is($target->safe_psql('clash', 'SELECT count(*) FROM pgcopy.item'), '0', 'before anything is planned');
$target->safe_psql('no_clash', 'CREATE SCHEMA elsewhere; CREATE EXTENSION pgcopydb_ext SCHEMA elsewhere');
$target->safe_psql('postgres', 'ALTER DATABASE no_clash SET search_path = elsewhere, public');
clone_ok($target, conninfo($source, db => 'plain'), db => 'no_clash', name => 'with the extension elsewhere they are cloned');
assert_same($source, $target, source_db => 'plain', db => 'no_clash', filter => sub { grep { !/SCHEMA elsewhere|Name: elsewhere/ } @_ }, name => 'and equal');

# The schema pgcopy of somebody else
$source->safe_psql('plain', 'DROP TABLE pgcopy_progress; DROP TYPE pgcopy_jobs; DROP FUNCTION pgcopy_cancel(bigint, boolean); CREATE SCHEMA pgcopy; CREATE TABLE pgcopy.t AS SELECT 1 AS a');
new_database($target, 'schema');
$job = clone($target, conninfo($source, db => 'plain'), db => 'schema');
is(wait_for_end($target, $job, db => 'schema'), 'failed', 'a schema pgcopy is refused');
like(error('schema'), qr/^42710\|1 object of the source has the name of one of this extension\|In the way: schema pgcopy\.\|.*rename/, 'and it is said what to do');
$source->safe_psql('plain', 'ALTER SCHEMA pgcopy RENAME TO pgcopy_of_user');
clone_ok($target, conninfo($source, db => 'plain'), db => 'schema', name => 'renamed, it is cloned');
is($target->safe_psql('schema', 'SELECT a FROM pgcopy_of_user.t'), '1', 'with its rows');
ok(is_quiet($source, $target, 10), 'nothing is left');

$source->stop;
$target->stop;
done_testing();
