# database_properties => true: what belongs to the database but is in no dump of it is
# cloned at the end: settings, those of roles in it, comment, security labels,
# connection limit, privileges, owner; no_owner, no_privileges, no_comments hold.  What
# this server does not know, or the job's role may not do, is told.  What this database
# has in excess stays and is told.  Locales are told before.  Whether it is a template,
# takes connections, and its tablespace stay as they are.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFaults;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('database',
	source_conf => "shared_preload_libraries = 'pgcopy_everything, auto_explain'\n",
	target_conf => "restart_after_crash = on\nshared_preload_libraries = 'pgcopy_everything'\n");
my $me = $source->safe_psql('postgres', 'SELECT current_user');
my $shop = 'The "shop"';
my $quoted = '"The ""shop"""';

sub notices
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT object, message FROM pgcopy_notices WHERE job = $job AND setting IS NULL ORDER BY object, message");
}

# All that a database is besides its contents.
sub picture_of
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, <<'EOQ');
SELECT d.datdba::regrole, d.datconnlimit, d.datistemplate, d.datallowconn, shobj_description(d.oid, 'pg_database'),
	(SELECT string_agg(l.provider || ' ' || l.label, ', ' ORDER BY l.provider) FROM pg_shseclabel l WHERE l.objoid = d.oid)
FROM pg_database d WHERE datname = current_database();
SELECT a.grantor::regrole, a.grantee::regrole, a.privilege_type, a.is_grantable
FROM pg_database d, aclexplode(COALESCE(datacl, acldefault('d', datdba))) a WHERE datname = current_database() ORDER BY 1, 2, 3;
SELECT s.setrole::regrole, c FROM pg_database d JOIN pg_db_role_setting s ON s.setdatabase = d.oid, unnest(s.setconfig) c
WHERE datname = current_database() AND c !~ '^pgcopy' ORDER BY 1, 2;
EOQ
}

new_database($source, 'shop', 'plain');
$source->safe_psql('postgres', <<'EOQ');
CREATE ROLE "App rw" LOGIN;
CREATE ROLE keeper;
CREATE ROLE visitor;
ALTER DATABASE shop SET search_path = sales, "Odd, name", public;
ALTER DATABASE shop SET timezone = 'Asia/Tokyo';
ALTER DATABASE shop SET "app.tenant" = E'it''s \\7';
ALTER DATABASE shop SET default_transaction_read_only = on;
ALTER ROLE "App rw" IN DATABASE shop SET statement_timeout = '5s';
ALTER ROLE visitor IN DATABASE shop SET work_mem = '7MB';
COMMENT ON DATABASE shop IS 'the shop''s';
SECURITY LABEL FOR pgcopy_dummy ON DATABASE shop IS 'of the shop';
SECURITY LABEL FOR "pgcopy ""odd""" ON DATABASE shop IS '';
GRANT CREATE ON DATABASE shop TO "App rw" WITH GRANT OPTION;
GRANT CONNECT ON DATABASE shop TO visitor;
REVOKE ALL ON DATABASE shop FROM PUBLIC;
ALTER DATABASE shop CONNECTION LIMIT 1;
ALTER DATABASE shop OWNER TO keeper;
EOQ
$source->safe_psql('shop', 'SET default_transaction_read_only = off; CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 100) g; CREATE INDEX ON t (a)');
my $from = conninfo($source, db => 'shop');

# Without the option it is told, with its name; missing roles of it are no error.
new_database($target, 'untold');
my $job = clone_ok($target, $from, db => 'untold', no_owner => 'true', no_privileges => 'true', name => 'without the option the database is cloned');
is($target->safe_psql('untold', "SELECT count(*), bool_and(hint LIKE '%; -- or clone with database_properties => true') FROM pgcopy_notices WHERE job = $job AND setting IS NULL"), '4|t',
	'what differs is told, with the option');

# With it.
new_database($target, $shop =~ s/"/""/gr);
$job = clone_ok($target, $from, db => $shop, database_properties => 'true', roles => 'true', name => 'with the option, and roles, it is cloned');
is(picture_of($target, $shop), picture_of($source, 'shop'), 'the database is as on the source');
is(notices($shop, $job), '', 'there is nothing to tell');
is($target->safe_psql($shop, 'SELECT count(*), current_setting(\'default_transaction_read_only\') FROM t'), '100|on', 'its rows are here');
is($target->safe_psql($shop, "SELECT step, items, concurrency FROM pgcopy_summary($job) WHERE step ~ 'propert'"), 'Database properties|15|1', 'the summary has the step');
is($target->safe_psql($shop, "SELECT count(*) FROM pgcopy.item WHERE kind = 'database' AND (stage <> 4 OR no < (SELECT max(no) FROM pgcopy.item WHERE kind <> 'database'))"), '0', 'it is the last');
$target->safe_psql($shop, "SET default_transaction_read_only = off; SELECT pgcopy_drop($job); DROP TABLE t");
$job = $target->safe_psql($shop, "SET default_transaction_read_only = off; SELECT pgcopy_clone(" . quote_literal($from) . ", database_properties => true)");
ok(wait_for_state($target, $job, 'done', db => $shop), 'cloned again into the same database');
is($target->safe_psql($shop, "SELECT count(*) FROM pgcopy.item WHERE kind = 'database'"), '0', 'nothing is left to do');

# What the other options leave out, and what is here in excess.
new_database($target, 'partly');
$target->safe_psql('postgres', <<'EOQ');
ALTER DATABASE partly SET enable_seqscan = off;
ALTER DATABASE partly SET timezone = 'UTC';
GRANT CREATE ON DATABASE partly TO visitor;
COMMENT ON DATABASE partly IS 'partly';
EOQ
$job = clone_ok($target, $from, db => 'partly', database_properties => 'true', no_owner => 'true', no_privileges => 'true', no_comments => 'true',
	exclude => ['security labels'], name => 'without owner, privileges, comments and labels');
is(picture_of($target, 'partly'), <<"EOT" =~ s/\n\z//r, 'they stay as they are');
$me|1|f|t|partly|
$me|-|CONNECT|f
$me|-|TEMPORARY|f
$me|$me|CONNECT|f
$me|$me|CREATE|f
$me|$me|TEMPORARY|f
$me|visitor|CREATE|f
-|TimeZone=Asia/Tokyo
-|app.tenant=it's \\7
-|default_transaction_read_only=on
-|enable_seqscan=off
-|search_path=sales, "Odd, name", public
"App rw"|statement_timeout=5s
visitor|work_mem=7MB
EOT
is(notices('partly', $job), 'setting enable_seqscan|this database has what the source database has not, and keeps it', 'what it has in excess is told');
new_database($target, 'more');
$target->safe_psql('postgres', 'GRANT TEMPORARY ON DATABASE more TO visitor');
$job = clone_ok($target, conninfo($source, db => 'plain'), db => 'more', database_properties => 'true', name => 'a plain database with the option');
is(notices('more', $job), 'privilege TEMPORARY of role visitor|this database has what the source database has not, and keeps it', 'privileges in excess too');

# What this server does not know.
new_database($source, 'strange');
new_database($target, 'strange', 'lacking');
$source->safe_psql('postgres', <<'EOQ');
CREATE ROLE stranger;
ALTER DATABASE strange SET auto_explain.log_min_duration = 10;
ALTER DATABASE strange SET work_mem = '9MB';
ALTER ROLE stranger IN DATABASE strange SET work_mem = '8MB';
EOQ
$source->safe_psql('strange', <<'EOQ');
SET allow_system_table_mods = on;
UPDATE pg_db_role_setting s SET setconfig = setconfig || 'no_such_setting=1'::text FROM pg_database d
WHERE d.oid = s.setdatabase AND datname = 'strange' AND setrole = 0;
EOQ
$job = clone_ok($target, conninfo($source, db => 'strange'), db => 'strange', database_properties => 'true', name => 'settings that are not known here are no error');
is(notices('strange', $job) =~ s/^\|pg_dump: .*\n//mr, <<'EOT' =~ s/\n\z//r, 'they are told, also those of roles that are not here');
|setting no_such_setting of the database is left out: unrecognized configuration parameter "no_such_setting"
|setting work_mem of role stranger in this database is left out: role "stranger" does not exist
EOT
like(picture_of($target, 'strange'), qr/^-\|work_mem=9MB$/m, 'the others are made');
$source->safe_psql('postgres', 'ALTER DATABASE strange OWNER TO stranger');
$job = clone($target, conninfo($source, db => 'strange'), db => 'lacking', database_properties => 'true');
is(wait_for_end($target, $job, db => 'lacking'), 'failed', 'an owner that is not here is an error');
like($target->safe_psql('lacking', "SELECT message, detail, hint FROM pgcopy_errors WHERE job = $job"), qr/\A1 role that the source uses does not exist here\|Missing: stranger\.\|.*roles => true/, '... that names the option');

# A role that is no superuser.
new_database($source, 'small');
$source->safe_psql('postgres', <<'EOQ');
ALTER DATABASE small SET log_min_messages = 'error';
ALTER DATABASE small SET work_mem = '9MB';
ALTER DATABASE small OWNER TO keeper;
GRANT CREATE ON DATABASE small TO visitor;
EOQ
$source->safe_psql('small', 'CREATE TABLE t (a int)');
$target->safe_psql('postgres', 'CREATE ROLE ordinary LOGIN');
new_database($target, 'small');
$target->safe_psql('small', 'CREATE EXTENSION pgcopydb_ext; GRANT CREATE ON SCHEMA public TO ordinary; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO ordinary; ALTER DATABASE small OWNER TO ordinary');
$source->safe_psql('postgres', "CREATE ROLE reader LOGIN PASSWORD 'r'; GRANT pg_read_all_data TO reader");
$source->safe_psql('small', 'ALTER TABLE t OWNER TO reader');
$job = clone($target, conninfo($source, db => 'small', tcp => 1, user => 'reader', password => 'r'), db => 'small', user => 'ordinary', database_properties => 'true', no_privileges => 'true', no_owner => 'true');
is(wait_for_end($target, $job, db => 'small'), 'done', 'an ordinary role clones the properties') or show_job($target, $job, db => 'small');
is(notices('small', $job), '|setting log_min_messages of the database is left out: permission denied to set parameter "log_min_messages"', 'what needs a superuser is told');
like(picture_of($target, 'small'), qr/^-\|work_mem=9MB$/m, 'the others are made');

# The server dies in the midst.
foreach my $hit (1, 5)
{
	foreach my $moment ('begun', 'done')
	{
		my $db = "crash_${hit}_$moment";

		new_database($target, $db);
		$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext');
		set_test_point($target, $db, "database $moment", hit => $hit);
		my $hold = hold_points($target, $db);
		$job = clone($target, $from, db => $db, database_properties => 'true', roles => 'true');
		wait_at_point($target, $db, $job);
		my $leader = $target->safe_psql($db, "SELECT leader_pid FROM pgcopy_jobs WHERE job = $job");
		my $end = -s $target->logfile;
		kill 'KILL', $leader or die;
		wait_for_restart($target, $end);
		let_go($hold);
		$target->safe_psql('postgres', "ALTER DATABASE $db RESET pgcopy.test_point");
		$target->safe_psql($db, "SELECT pgcopy_resume($job)");
		is(wait_for_end($target, $job, db => $db), 'done', "$db: resumed, the job ends done") or show_job($target, $job, db => $db);
		is(picture_of($target, $db), picture_of($source, 'shop'), "$db: with the properties of the source");
	}
}

# Locales
$source->safe_psql('postgres', "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
my $has_icu = $target->safe_psql('postgres', "SELECT count(*) > 0 FROM pg_collation WHERE collprovider = 'i'");
$source->safe_psql('postgres', "CREATE DATABASE icu TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de-AT'") if $has_icu eq 't';
new_database($target, 'latin', 'icu');
foreach my $option ('true', 'false')
{
	my $name = "database_properties => $option";
	$job = clone_ok($target, conninfo($source, db => 'latin'), db => 'latin', database_properties => $option, name => "$name: a database in another encoding");
	is(notices('latin', $job), '|the databases differ in encoding LATIN1 there and UTF8 here: text may sort and compare differently', "$name: that is told");
	SKIP:
	{
		skip 'no ICU', 2 if $has_icu ne 't';
		$job = clone_ok($target, conninfo($source, db => 'icu'), db => 'icu', database_properties => $option, name => "$name: a database of another provider");
		like(notices('icu', $job), qr/^\|the databases differ in locale de-AT there and none here, locale provider icu there and libc here.*: text may sort/, "$name: that is told");
	}
}

done_testing();
