# roles => true: the roles that the clone names are made, with what they are members
# of, as they are on the source: attributes, memberships with their grantors, settings,
# comments, labels and passwords, which work and which nobody sees on the way.  What
# is here already stays and its differences are told.  What the job's role may not
# give, and what this server does not know, is left out and told.  'all': all roles.
# Without the option missing roles are one error.  Jobs in several databases may make
# the same roles at a time, and a resumed job goes on.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFaults;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('roles',
	source_conf => "shared_preload_libraries = 'pgcopy_everything'\n",
	target_conf => <<'EOC');
listen_addresses = '127.0.0.1'
shared_preload_libraries = 'pg_stat_statements, auto_explain'
restart_after_crash = on
log_statement = all
log_min_duration_statement = 0
log_min_messages = debug5
log_min_error_statement = debug5
debug_print_parse = on
debug_print_plan = on
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
pg_stat_statements.track = all
EOC
{
	open my $hba, '>', $target->data_dir . '/pg_hba.conf' or die;
	print $hba "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
	close $hba;
	$target->reload;
}
my $me = $source->safe_psql('postgres', 'SELECT current_user');

# The notices of a job as "object|message" lines.
sub notices
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT object, message FROM pgcopy_notices WHERE job = $job AND setting IS NULL ORDER BY object, message");
}

sub errors
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT sqlstate, message, detail, hint FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY no");
}

# All that there is to know of the roles that match, one line each.
sub picture_of
{
	my ($node, $pattern) = @_;
	return $node->safe_psql('postgres', <<EOQ);
SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls,
	r.rolconnlimit, r.rolvaliduntil AT TIME ZONE 'UTC', a.rolpassword, (SELECT array_agg(c ORDER BY c) FROM unnest(r.rolconfig) c), shobj_description(r.oid, 'pg_authid'),
	(SELECT string_agg(m.roleid::regrole || ' ' || m.admin_option || ' ' || m.grantor::regrole, ', ' ORDER BY m.roleid::regrole::text)
		FROM pg_auth_members m WHERE m.member = r.oid)
FROM pg_roles r JOIN pg_authid a USING (oid) WHERE r.rolname ~ '$pattern' ORDER BY r.rolname COLLATE "C"
EOQ
}

sub names_of
{
	my ($node) = @_;
	return $node->safe_psql('postgres', "SELECT string_agg(rolname, ' ' ORDER BY rolname COLLATE \"C\") FROM pg_roles WHERE rolname !~ '^pg_' AND oid >= 16384") // '';
}

# Drop all roles that the target has by now, at once, as one may be the grantor of another;
# its databases but postgres go first.
sub clear_target
{
	$target->safe_psql('postgres', <<'EOQ');
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1') \gexec
SELECT 'DROP ROLE ' || string_agg(quote_ident(rolname), ', ') FROM pg_roles WHERE rolname !~ '^pg_' AND oid >= 16384 \gexec
EOQ
	return;
}

#-------------------------------------------------------------------------
# The roles of the source
#-------------------------------------------------------------------------
my $long = ('x' x 60) . '"y';
my $sqllong = $long =~ s/"/""/gr;
$source->safe_psql('postgres', <<EOQ);
SET client_min_messages = error;
CREATE ROLE company;
CREATE ROLE staff NOINHERIT ROLE company;
COMMENT ON ROLE staff IS 'it''s the staff; all';
CREATE ROLE boss SUPERUSER CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS CONNECTION LIMIT 7 VALID UNTIL '2040-02-03 04:05:06.5+07' PASSWORD 'b0ss-s3cret';
CREATE ROLE app LOGIN PASSWORD 'app-s3cret' VALID UNTIL 'infinity';
SET password_encryption = md5;
CREATE ROLE old_app LOGIN PASSWORD 'old-s3cret';
CREATE ROLE "Öl role; --" CONNECTION LIMIT 0;
CREATE ROLE "$sqllong" LOGIN;
CREATE ROLE "user";
CREATE ROLE policied;
CREATE ROLE mapped LOGIN;
CREATE ROLE by_default;
CREATE ROLE default_of;
CREATE ROLE lo_owner;
CREATE ROLE lo_reader;
CREATE ROLE stray LOGIN;
CREATE ROLE grantor_of;
GRANT staff TO boss WITH ADMIN OPTION;
GRANT company TO app WITH ADMIN OPTION;
GRANT policied TO grantor_of WITH ADMIN OPTION;
GRANT staff TO app WITH ADMIN OPTION GRANTED BY boss;
GRANT pg_read_all_data, pg_monitor TO company;
GRANT company TO "Öl role; --" GRANTED BY app;
GRANT by_default TO stray;
GRANT policied TO mapped GRANTED BY grantor_of;
ALTER ROLE app SET search_path = app, "Odd, one", public;
ALTER ROLE app SET work_mem = '7MB';
ALTER ROLE app SET "app.tenant" = 'it''s \\7';
ALTER ROLE boss SET log_min_messages = 'panic';
SECURITY LABEL FOR pgcopy_dummy ON ROLE staff IS 'secret staff';
EOQ
new_database($source, 'app', 'plain');
$source->safe_psql('app', <<EOQ);
SET client_min_messages = error;
CREATE SCHEMA s AUTHORIZATION boss;
CREATE TABLE s.t (a int PRIMARY KEY);
INSERT INTO s.t SELECT generate_series(1, 100);
ALTER TABLE s.t OWNER TO app;
GRANT USAGE ON SCHEMA s TO "$sqllong";
GRANT SELECT ON s.t TO "Öl role; --", "$sqllong" WITH GRANT OPTION;
SET SESSION AUTHORIZATION "$sqllong";
GRANT SELECT ON s.t TO "user";
RESET SESSION AUTHORIZATION;
CREATE POLICY p ON s.t TO policied USING (true);
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER srv FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR mapped SERVER srv;
ALTER DEFAULT PRIVILEGES FOR ROLE default_of GRANT SELECT ON TABLES TO by_default;
CREATE FUNCTION s.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION s.f();
ALTER EVENT TRIGGER e OWNER TO boss;
SELECT lo_create(4711);
ALTER LARGE OBJECT 4711 OWNER TO lo_owner;
GRANT SELECT ON LARGE OBJECT 4711 TO lo_reader;
EOQ
$source->safe_psql('plain', 'CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO app; GRANT SELECT ON t TO policied');

#-------------------------------------------------------------------------
# Without the option
#-------------------------------------------------------------------------
new_database($target, 'app');
my $app = conninfo($source, db => 'app');
my $job = clone($target, $app, db => 'app');
is(wait_for_end($target, $job, db => 'app'), 'failed', 'without the option missing roles are an error');
like(errors('app', $job), qr/\A42704\|11 roles that the source uses do not exist here\|Missing: app, boss, by_default, .*\.\|Create them, by hand or with roles => true, /,
	'one, with all of them, that names the option');
is(names_of($target), '', 'no role is made');

#-------------------------------------------------------------------------
# With it
#-------------------------------------------------------------------------
my $offset = -s $target->logfile;
$target->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements');
$job = clone_ok($target, $app, db => 'app', roles => 'true', name => 'with roles => true the clone ends done');
is(names_of($target), join(' ', sort('app', 'boss', 'by_default', 'company', 'default_of', 'lo_owner', 'lo_reader', 'mapped', 'old_app', 'policied', 'staff', 'user', $long, "Öl role; --")) =~ s/old_app //r,
	'the roles that are named, and those that they are members of, are made, and no others');
my $made = '^(app|boss|by_default|company|default_of|lo_|mapped|policied|staff|user|x|Öl)';
is(picture_of($target, $made) =~ s/policied false grantor_of/X/r =~ s/policied false $me/X/r,
	picture_of($source, $made) =~ s/policied false grantor_of/X/r, 'they are those of the source, passwords included')
  or note(picture_of($target, $made));
is(notices('app', $job), <<"EOT" =~ s/\n\z//r, 'what is not as on the source is told');
mapped in policied (by grantor_of)|the grantor of memberships is the job's role, not that of the source
staff|the security label of provider pgcopy_dummy is left out: security label provider "pgcopy_dummy" is not loaded
EOT
assert_same($source, $target, source_db => 'app', db => 'app', name => 'the databases are equal, owners and grants too');
is($target->safe_psql('app', "SELECT step, items, concurrency FROM pgcopy_summary($job) LIMIT 1"), 'Create roles|21|1', 'the summary has the roles first');

# Passwords
my ($rc, $out, $err) = $target->psql('app', 'SELECT current_user', connstr => conninfo($target, db => 'app', tcp => 1, user => 'app', password => 'app-s3cret'));
is($out, 'app', 'the copied password lets its owner in');
($rc, $out, $err) = $target->psql('app', 'SELECT current_user', connstr => conninfo($target, db => 'app', tcp => 1, user => 'app', password => 'wrong'));
like($err, qr/password authentication failed/, 'another does not');
my @verifiers = split /\n/, $source->safe_psql('postgres', 'SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL');
is(scalar(@verifiers), 3, 'the source has three passwords');
my $log = slurp_file($target->logfile, $offset);
like($log, qr/INSERT INTO pgcopy\.item/, 'the log has what the job does');
unlike($log, qr/SCRAM-SHA-256\$|md5[0-9a-f]{32}|s3cret/, 'but no password');
foreach my $verifier (@verifiers)
{
	my $bytes = join ' ', map { ord } split //, $verifier;
	ok(index($log, $bytes) < 0, 'nor its bytes in a plan');
}
is($target->safe_psql('postgres', "SELECT count(*) FROM pg_stat_statements WHERE query ~ 'SCRAM|md5[0-9a-f]{32}'"), '0', 'nor has pg_stat_statements');
is($target->safe_psql('app', "SELECT count(*) FILTER (WHERE s.sql <> ''), count(*) > 10 FROM pgcopy.statement s JOIN pgcopy.item i USING (job, no) WHERE i.kind = 'role' AND job = $job"), '0|t',
	'the statements are wiped when the job is done');

#-------------------------------------------------------------------------
# Roles that are here already; all roles
#-------------------------------------------------------------------------
clear_target();
new_database($target, 'again', 'everyone');
$target->safe_psql('postgres', <<'EOQ');
CREATE ROLE app NOLOGIN CONNECTION LIMIT 3 PASSWORD NULL;
ALTER ROLE app SET statement_timeout = '1s';
ALTER ROLE app SET work_mem = '8MB';
CREATE ROLE company INHERIT;
CREATE ROLE own;
GRANT own TO app;
EOQ
my $before = picture_of($target, '^(app|own)');
$job = clone_ok($target, $app, db => 'again', roles => 'true', name => 'roles that are here already are no error');
is(picture_of($target, '^(app|own)') =~ s/, staff true boss//r, $before, 'they stay as they are, but for memberships of roles that are made');
my %told = map { split /\|/, $_, 2 } split /\n/, notices('again', $job);
is($told{app}, 'role app is here already and stays as it is, but differs from that of the source: CONNECTION LIMIT -1 there and CONNECTION LIMIT 3 here, LOGIN there and NOLOGIN here, VALID UNTIL \'infinity\' only there, member of company with admin option only there, setting app.tenant only there, setting search_path only there, another setting work_mem, member of own only here, setting statement_timeout only here',
	'and the differences are told') or diag explain \%told;
my $hint = $target->safe_psql('again', "SELECT hint FROM pgcopy_notices WHERE job = $job AND object = 'app'");
like($hint, qr/\AALTER ROLE app CONNECTION LIMIT -1; ALTER ROLE app LOGIN; .*ALTER ROLE app SET search_path TO 'app', 'Odd, one', 'public';/, 'with statements');
$target->safe_psql('postgres', $hint);
$target->safe_psql('again', "SELECT pgcopy_drop($job)");
is($target->safe_psql('postgres', "SELECT rolcanlogin, rolconnlimit, rolconfig \@> '{work_mem=7MB}' FROM pg_roles WHERE rolname = 'app'"), 't|-1|t', '... that are right');

$job = clone_ok($target, conninfo($source, db => 'plain'), db => 'everyone', roles => 'all', name => "roles => 'all' is a clone too");
is(names_of($target), names_of($source) =~ s/ old_app/ old_app own/r, 'all roles of the source are here');
is(picture_of($target, '^(grantor_of|stray|old_app)'), picture_of($source, '^(grantor_of|stray|old_app)'), 'those made now are as they are there');

#-------------------------------------------------------------------------
# A role that is no superuser, on either side
#-------------------------------------------------------------------------
clear_target();
$source->safe_psql('postgres', 'CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader; GRANT SELECT ON pg_largeobject TO reader');
# From 16 on CREATEROLE passes CREATEDB on only if it has that itself.
$target->safe_psql('postgres', 'CREATE ROLE maker LOGIN CREATEROLE CREATEDB; CREATE ROLE nobody LOGIN');
foreach my $owner ('maker', 'nobody')
{
	new_database($target, $owner);
	$target->safe_psql($owner, "ALTER DATABASE $owner OWNER TO $owner; CREATE EXTENSION pgcopydb_ext; GRANT CREATE ON SCHEMA public TO PUBLIC; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO $owner");
}
new_database($source, 'theirs');
$source->safe_psql('theirs', <<'EOQ');
CREATE SCHEMA s AUTHORIZATION boss;
CREATE TABLE s.t (a int);
INSERT INTO s.t VALUES (1);
ALTER TABLE s.t OWNER TO boss;
GRANT SELECT ON s.t TO app, reader;
GRANT USAGE ON SCHEMA s TO app;
EOQ
$source->safe_psql('postgres', "ALTER ROLE reader PASSWORD 'reader-s3cret'");
my $theirs = conninfo($source, db => 'theirs', tcp => 1, user => 'reader', password => 'reader-s3cret');
$target->safe_psql('postgres', 'GRANT CREATE ON DATABASE maker TO PUBLIC');
$job = clone($target, $theirs, db => 'nobody', user => 'nobody', roles => 'true');
is(wait_for_end($target, $job, db => 'nobody'), 'failed', 'without CREATEROLE missing roles are an error');
is(errors('nobody', $job), "42501|the job's role may not create 5 roles that are missing here|Missing: app, boss, company, reader, staff.|Let a superuser create them, or run ALTER ROLE nobody CREATEROLE.",
	'with their names');
is(names_of($target), 'maker nobody', 'and nothing is made');
$job = clone($target, $theirs, db => 'maker', user => 'maker', roles => 'true');
is(wait_for_end($target, $job, db => 'maker'), 'done', 'a role with CREATEROLE makes them') or show_job($target, $job, db => 'maker');
is($target->safe_psql('postgres', "SELECT rolsuper, rolreplication, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin, rolconnlimit FROM pg_roles WHERE rolname = 'boss'"),
	'f|f|f|t|t|t|7', 'without what it may not give');
is(notices('maker', $job), <<'EOT' =~ s/\n\z//r, 'which is told');
BYPASSRLS of boss, REPLICATION of boss, SUPERUSER of boss|attributes of roles are left out: the job's role may not give them
app|setting "app.tenant" of role app is left out: permission denied to set parameter "app.tenant"
app in staff (by boss)|the grantor of memberships is the job's role, not that of the source
boss|setting log_min_messages of role boss is left out: permission denied to set parameter "log_min_messages"
boss|the job's role becomes a member of roles that it creates, to give objects to them
company in pg_monitor, company in pg_read_all_data, reader in pg_read_all_data|memberships are left out: the job's role may not grant them
staff|the security label of provider pgcopy_dummy is left out: security label provider "pgcopy_dummy" is not loaded
|PUBLIC may do more with this database than with the source database: CREATE
|the owner of the source database is not that of this one: postgres
EOT
is($target->safe_psql('postgres', "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname = 'pg_read_all_data'"), '0',
	'CREATEROLE alone puts nobody into a role that is here, on no version');
assert_same($source, $target, source_db => 'theirs', db => 'maker', filter => sub { grep { !/pgcopy|Name: SCHEMA public/ } @_ }, name => 'objects belong to the roles that were made');
is($target->safe_psql('postgres', "SELECT count(*) FROM pg_authid WHERE rolname IN ('app', 'boss', 'reader') AND rolpassword LIKE 'SCRAM%'"), '3', 'with their passwords, as pg_read_all_data may read them');

# A role that may not read the passwords.
clear_target();
$source->safe_psql('theirs', "CREATE ROLE poor LOGIN PASSWORD 'poor-s3cret'; GRANT USAGE ON SCHEMA s TO poor; GRANT SELECT ON s.t TO poor");
new_database($target, 'poor');
$job = clone_ok($target, conninfo($source, db => 'theirs', tcp => 1, user => 'poor', password => 'poor-s3cret'), db => 'poor', roles => 'true', name => 'a role that may not read passwords clones');
like(notices('poor', $job), qr/^app, boss, poor, reader\|4 roles with LOGIN arrive without a password: the source hides it from the role of the connection$/m, 'it is told whose are missing');
is($target->safe_psql('postgres', "SELECT count(*) FROM pg_authid WHERE rolname IN ('app', 'boss', 'reader', 'poor') AND rolpassword IS NULL"), '4', 'they have none');

#-------------------------------------------------------------------------
# The server dies while roles are made; the job goes on
#-------------------------------------------------------------------------
clear_target();
foreach my $point ('role begun', 'role done')
{
	foreach my $hit (1, 4)
	{
		my $db = "crash_$hit" . ($point =~ /done/ ? '_done' : '');

		new_database($target, $db);
		$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext');
		set_test_point($target, $db, $point, hit => $hit);
		my $hold = hold_points($target, $db);
		$job = clone($target, $app, db => $db, roles => 'true');
		wait_at_point($target, $db, $job);
		is($target->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'SCRAM|PASSWORD' AND pid <> pg_backend_pid()"), '0', "$db: pg_stat_activity has no password")
		  if $point =~ /done/;
		my $leader = $target->safe_psql($db, "SELECT leader_pid FROM pgcopy_jobs WHERE job = $job");
		my $end = -s $target->logfile;
		kill 'KILL', $leader or die;
		wait_for_restart($target, $end);
		let_go($hold);
		$target->safe_psql('postgres', "ALTER DATABASE $db RESET pgcopy.test_point");
		is(names_of($target), '', "$db: no role is half made");
		$target->safe_psql($db, "SELECT pgcopy_resume($job)");
		is(wait_for_end($target, $job, db => $db), 'done', "$db: the resumed job ends done") or show_job($target, $job, db => $db);
		is(picture_of($target, $made) =~ s/policied false (grantor_of|$me)/X/r,
			picture_of($source, $made) =~ s/policied false grantor_of/X/r, "$db: with the roles of the source");
		clear_target();
	}
}

#-------------------------------------------------------------------------
# Jobs in two databases at a time
#-------------------------------------------------------------------------
my (@bad, @differ);
my $expected = picture_of($source, $made) =~ s/policied false grantor_of/X/r;
foreach my $round (1 .. 20)
{
	my %job;

	new_database($target, 'one', 'two');
	$target->safe_psql($_, 'CREATE EXTENSION pgcopydb_ext') for 'one', 'two';
	$job{$_} = clone($target, $app, db => $_, roles => 'true') for 'one', 'two';
	foreach my $db ('one', 'two')
	{
		my $state = wait_for_end($target, $job{$db}, db => $db);
		push @bad, "$round $db $state " . errors($db, $job{$db}) if $state ne 'done';
	}
	push @differ, $round if picture_of($target, $made) =~ s/policied false (grantor_of|$me)/X/r ne $expected;
	clear_target();
}
is("@bad", '', 'two jobs that make the same roles at a time both end done, 20 times');
is("@differ", '', 'and the roles are those of the source');

# The second waits while the first has them in hand.
new_database($target, 'one', 'two');
$target->safe_psql('one', 'CREATE EXTENSION pgcopydb_ext');
set_test_point($target, 'one', 'role done', hit => 3);
my $hold = hold_points($target, 'one');
my $first = clone($target, $app, db => 'one', roles => 'true');
wait_at_point($target, 'one', $first);
my $second = clone($target, $app, db => 'two', roles => 'true');
ok(wait_until($target, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_authid'::regclass AND objsubid = 1 AND NOT granted"),
	'a second job waits for the first to have made its roles');
let_go($hold);
is(wait_for_end($target, $first, db => 'one'), 'done', 'the first ends done');
is(wait_for_end($target, $second, db => 'two'), 'done', 'so does the second');

#-------------------------------------------------------------------------
# The argument
#-------------------------------------------------------------------------
clear_target();
new_database($target, 'args');
$target->safe_psql('args', 'CREATE EXTENSION pgcopydb_ext');
my $text = quote_literal(conninfo($source, db => 'plain'));
my $stored = sub { return $target->safe_psql('args', "SELECT options ->> 'roles' FROM pgcopy.job WHERE id = (SELECT max(id) FROM pgcopy.job)") };
foreach my $call (
	[ "SELECT pgcopy_clone($text, roles => true)", 'true' ],
	[ "SELECT pgcopy_clone($text, roles => 'all')", 'all' ],
	[ "SELECT pgcopy_clone($text, roles => 'true')", 'true' ],
	[ "SELECT pgcopy_clone($text, roles => false)", 'false' ],
	[ "DO \$\$ DECLARE b boolean := true; BEGIN PERFORM pgcopy_clone($text, roles => b); END \$\$", 'true' ],
	[ "DO \$\$ DECLARE t text := 'all'; BEGIN PERFORM pgcopy_clone($text, roles => t); END \$\$", 'all' ],
	[ "DO \$\$ BEGIN EXECUTE 'SELECT pgcopy_clone(\$1, roles => \$2)' USING $text, 'all'::varchar; END \$\$", 'all' ],
	[ "PREPARE p(text) AS SELECT pgcopy_clone($text, roles => \$1); EXECUTE p('all')", 'all' ],
	[ "PREPARE p(boolean) AS SELECT pgcopy_clone($text, roles => \$1); EXECUTE p(true)", 'true' ])
{
	my ($sql, $value) = @$call;
	my ($result, undef, $error) = $target->psql('args', "BEGIN; $sql; SELECT options ->> 'roles' FROM pgcopy.job ORDER BY id DESC LIMIT 1; ROLLBACK");
	my $shown = $target->safe_psql('args', "BEGIN; $sql; SELECT 'stored ' || (options ->> 'roles') FROM pgcopy.job ORDER BY id DESC LIMIT 1; ROLLBACK");
	like($shown, qr/stored $value\z/, substr($sql =~ s/\Q$text\E/source/r, 0, 100));
}
my @refused = call_error($target, 'args', "SELECT pgcopy_clone($text, roles => NULL)");
is("@refused[0, 1]", '22004 roles must not be null', 'NULL is refused');
@refused = call_error($target, 'args', "SELECT pgcopy_clone($text, roles => 'al')");
is($refused[0], '22023', 'and another word');
like("@refused", qr/roles.*al\b/, '... with the argument and the word');

done_testing();
