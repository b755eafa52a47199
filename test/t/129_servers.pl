# A whole server is cloned by one call: databases that are missing are created
# with the encoding, locale and properties they have on the source, the roles are
# created once, and there is a job in each database, the one where it was ordered
# included.  Jobs share the process slots of the server and never wait for each
# other.  Databases are chosen by patterns.  What is wrong is told before anything
# is changed.  After kill -9 of whatever, pgcopy_resume_server() goes on, and
# nothing is done twice.  PGCOPY_TEST_DATABASES=30 is the number of databases that
# meet in few slots (6), PGCOPY_TEST_TABLES=1000 that of tables in faults (100).
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = 'gaheim_pw';
my $small = $ENV{PGCOPY_TEST_DATABASES} // 6;
my $tables = $ENV{PGCOPY_TEST_TABLES} // 100;
my ($source, $target) = new_pair('servers',
	target_conf => "max_worker_processes = 8\nrestart_after_crash = on\nlog_statement = none\nlog_min_error_statement = panic\n");
my @odd = ('weird db', 'it\'s "quoted" \\ 100%', 'Ümläut');

sub ident { my ($name) = @_; $name =~ s/"/""/g; return qq("$name") }

# psql to a database of any name.
sub ask
{
	my ($node, $db, $sql) = @_;
	return $node->safe_psql('postgres', $sql, connstr => conninfo($node, db => $db));
}

sub exists_here
{
	my ($name) = @_;
	return $target->safe_psql('postgres', 'SELECT count(*) FROM pg_database WHERE datname = ' . quote_literal($name));
}

#
# A server of databases of many kinds
#
$source->safe_psql('postgres', <<"EOQ");
CREATE ROLE cloner SUPERUSER LOGIN PASSWORD '$secret';
CREATE ROLE alice LOGIN PASSWORD 'alice_pw';
CREATE ROLE readers;
GRANT readers TO alice;
CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' OWNER alice;
CREATE DATABASE icu TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de-AT' CONNECTION LIMIT 7;
CREATE DATABASE lobs TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
CREATE DATABASE thousand TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
CREATE DATABASE locked TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
ALTER DATABASE locked ALLOW_CONNECTIONS false;
CREATE DATABASE stencil TEMPLATE template0 IS_TEMPLATE true;
ALTER DATABASE icu SET work_mem = '7MB';
CREATE TABLE in_postgres AS SELECT 1 AS a;
EOQ
$source->safe_psql('postgres', 'CREATE DATABASE ' . ident($_) . q( TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C')) for @odd;
ask($source, 'latin', q(SET client_encoding = 'UTF8'; CREATE TABLE t AS SELECT g AS a, 'é' || g AS b FROM generate_series(1, 20000) g; ALTER TABLE t OWNER TO alice; GRANT SELECT ON t TO readers; CREATE INDEX ON t (b)));
ask($source, 'icu', q(CREATE TABLE t (a text PRIMARY KEY); INSERT INTO t SELECT 'ä' || g FROM generate_series(1, 5000) g));
ask($source, 'lobs', q(SELECT count(lo_from_bytea(0, convert_to(repeat('x', g), 'UTF8'))) FROM generate_series(1, 500) g; CREATE TABLE t AS SELECT oid FROM pg_largeobject_metadata));
ask($source, 'thousand', q(SELECT format('CREATE TABLE t%s (a int PRIMARY KEY, b text); INSERT INTO t%1$s SELECT g, md5(g::text) FROM generate_series(1, 10) g', n) FROM generate_series(1, 1000) n \gexec));
ask($source, $_, q(CREATE TABLE "odd table" AS SELECT g AS "a b" FROM generate_series(1, 100) g)) for @odd;

my $by_tcp = conninfo($source, tcp => 1, user => 'cloner', password => $secret, db => 'postgres');
my $quoted = quote_literal($by_tcp);
my @databases = ('latin', 'icu', 'lobs', 'thousand', 'postgres', @odd);
my @few = ('latin', 'lobs', 'thousand', $odd[1]);
my $few = 'ARRAY[' . join(', ', map { quote_literal(ident($_)) } @few) . ']';

#
# Wrong arguments change nothing
#
sub refused
{
	my ($call, $sqlstate, $message, $hint, $name) = @_;
	my @error = call_error($target, 'postgres', $call);
	is($error[0], $sqlstate, $name);
	my (undef, undef, $err) = $target->psql('postgres', $call);
	like($err, $message, '  its message');
	like($error[3], $hint, '  its hint');
	is($target->safe_psql('postgres', 'SELECT count(*) FROM pg_database'), '3', '  no database was created');
	is($target->safe_psql('postgres', 'SELECT count(*) FROM pgcopy.server_clone'), '0', '  and no order stored');
	return;
}
refused('SELECT * FROM pgcopy_clone_server(NULL)', '22004', qr/source/, qr/./, 'no source');
refused("SELECT * FROM pgcopy_clone_server($quoted, '{}')", '22023', qr/databases/, qr/./, 'no patterns');
refused("SELECT * FROM pgcopy_clone_server($quoted, '{NULL}')", '22004', qr/databases/, qr/./, 'a pattern that is null');
refused("SELECT * FROM pgcopy_clone_server($quoted, '{latn,icu,nothing*}')", '42704', qr/latn.*nothing\*/s, qr/^$/, 'patterns that match nothing are all named');
like((call_error($target, 'postgres', "SELECT * FROM pgcopy_clone_server($quoted, '{latn}')"))[3], qr/Did you mean latin\?/, 'with the nearest name');
refused("SELECT * FROM pgcopy_clone_server($quoted, '{locked,template1}')", '55000', qr/none to clone/, qr/ALLOW_CONNECTIONS/, 'only databases that cannot be cloned');
refused("SELECT * FROM pgcopy_clone_server($quoted, table_jobs => 0)", '22023', qr/table_jobs/, qr/^/, 'a wrong option');
refused("SELECT * FROM pgcopy_clone_server($quoted, truncate => true)", '22023', qr/truncate contradicts sections/, qr/sections/, 'options that contradict each other');
refused("SELECT * FROM pgcopy_clone_server($quoted, drop_if_exists => true, sections => '{data}')", '22023', qr/drop_if_exists contradicts sections/, qr/pre-data/, 'others');
refused("SELECT * FROM pgcopy_clone_server($quoted, tablespace_map => '{\"fast\": \"slow\"}', no_tablespaces => true)", '22023', qr/tablespace_map contradicts no_tablespaces/, qr/default tablespace/, 'places that contradict each other');
refused('SELECT * FROM pgcopy_clone_server(' . quote_literal(conninfo($target)) . ')', '55000', qr/same server/, qr/pgcopy_clone/, 'this server itself');
refused('SELECT * FROM pgcopy_clone_server(' . quote_literal(conninfo($target, db => 'template1')) . ')', '55000', qr/same server/, qr/pgcopy_clone/, 'also by another database');
refused('SELECT * FROM pgcopy_resume_server()', '42704', qr/no server clone/, qr/./, 'nothing to resume');
refused('SELECT pgcopy_cancel_server(1)', '42704', qr/server clone 1/, qr/./, 'nothing to cancel');
refused('SELECT pgcopy_wait_server(1)', '42704', qr/server clone 1/, qr/./, 'nothing to wait for');
refused('SELECT pgcopy_drop_server(1)', '42704', qr/server clone 1/, qr/./, 'nothing to drop');
$source->safe_psql('postgres', "CREATE DATABASE strange TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'; SET allow_system_table_mods = on; UPDATE pg_database SET datcollate = 'xx_XX.utf8' WHERE datname = 'strange'; UPDATE pg_database SET datctype = 'yy_YY' WHERE datname = 'strange'");
refused("SELECT * FROM pgcopy_clone_server($quoted)", '42704', qr/"strange".*xx_XX.*yy_YY/s, qr/^$/, 'locales that are not here are all named');
$source->safe_psql('postgres', 'DROP DATABASE strange');
$target->safe_psql('postgres', 'CREATE ROLE plain LOGIN CREATEDB; GRANT CREATE ON DATABASE postgres TO plain; GRANT EXECUTE ON FUNCTION pgcopy_clone_server, pgcopy_resume_server, pgcopy_wait_server TO plain');
is((call_error($target, 'postgres', "SET ROLE plain; SELECT * FROM pgcopy_clone_server($quoted)"))[0], '42501', 'an ordinary role is refused');
is($target->safe_psql('postgres', 'SELECT count(*) FROM pg_database'), '3', 'and nothing was created');

#
# All of it
#
$target->safe_psql('postgres', 'DROP OWNED BY plain; DROP ROLE plain');
$target->safe_psql('postgres', "CREATE DATABASE lobs TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
my ($rc, $out, $err) = $target->psql('postgres', "SELECT database, job FROM pgcopy_clone_server($quoted, table_jobs => 2) ORDER BY database COLLATE \"C\"");
is($rc, 0, 'the call succeeds') or diag($err);
like($err, qr/left out.*locked/, 'it tells what is left out');
is($out, join("\n", map { "$_|1" } sort @databases), 'it returns each database with its job') or diag($out);
is($target->safe_psql('postgres', q(SELECT pgcopy_wait_server(timeout => '3min'))), 'done', 'the server clone ends done') or
	diag($target->safe_psql('postgres', 'TABLE pgcopy_server_progress'));
is($target->safe_psql('postgres', "SELECT database || state || percent FROM pgcopy_server_progress WHERE state NOT IN ('done', 'left out') OR (state = 'done' AND percent <> 100)"), '', 'each of its databases too');
is($target->safe_psql('postgres', "SELECT string_agg(database, ',' ORDER BY database) FROM pgcopy_server_progress WHERE state = 'left out'"), 'locked,stencil', 'what is left out is shown');
assert_same($source, $target, db => $_, source_db => $_) for 'latin', 'icu', 'lobs', 'thousand', 'postgres', @odd;
# PostgreSQL 17 calls the locale otherwise.
my $facts = q(SELECT datname, pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype, COALESCE(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') FROM pg_database AS d WHERE datname NOT IN ('locked', 'stencil', 'strange') ORDER BY datname COLLATE "C");
is($target->safe_psql('postgres', $facts), $source->safe_psql('postgres', $facts), 'encodings and locales are those of the source');
is(exists_here('locked'), '0', 'what allows no connections is left out');
is($target->safe_psql('postgres', 'SELECT conninfo IS NULL FROM pgcopy.server_clone'), 't', 'the connection string is wiped');
is(ask($target, $_, 'SELECT count(*) FROM pgcopy.job WHERE conninfo IS NULL'), '1', "there is one job in $_, and its connection string is wiped") for @databases;
unlike(slurp_file($target->logfile), qr/\Q$secret\E/, 'the password is not in the log');
unlike($target->safe_psql('postgres', 'TABLE pgcopy_server_progress'), qr/\Q$secret\E/, 'nor in the view');
my @error = call_error($target, 'postgres', 'SELECT * FROM pgcopy_resume_server()');
is($error[0], '55000', 'what is done cannot be resumed');
is($target->safe_psql('postgres', 'SELECT pgcopy_cancel_server()'), 'f', 'nor cancelled');
is($target->safe_psql('postgres', 'SELECT pgcopy_drop_server()'), 't', 'but forgotten');
ok(is_quiet($source, $target, 20), 'nothing is left of it');

#
# Roles and properties
#
is($target->safe_psql('postgres', q(SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolname IN ('alice', 'readers', 'cloner'))), 'alice,cloner,readers', 'the roles are here');
my $verifier = q(SELECT rolpassword FROM pg_authid WHERE rolname = 'alice');
is($target->safe_psql('postgres', $verifier), $source->safe_psql('postgres', $verifier), 'with their passwords');
my $properties = q(SELECT datname, pg_get_userbyid(datdba), datconnlimit, (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database AS d WHERE datname IN ('latin', 'icu', 'thousand') ORDER BY 1);
is($target->safe_psql('postgres', $properties), $source->safe_psql('postgres', $properties), 'new databases have owner, limit and settings of the source');

sub start_over
{
	$target->safe_psql('postgres', 'DROP DATABASE ' . ident($_)) foreach split /\n/, $target->safe_psql('postgres', "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')");
	$target->safe_psql('postgres', 'DROP TABLE IF EXISTS in_postgres');
	return;
}

# Wait until a server clone has ended; says how it is if it has not.
sub wait_server
{
	my ($limit) = @_;
	my $state = $target->safe_psql('postgres', "SELECT pgcopy_wait_server(timeout => '$limit')");
	diag($target->safe_psql('postgres', 'TABLE pgcopy_server_progress')) if $state !~ /^(done|cancelled)$/;
	return $state;
}

sub compare_all
{
	my ($when) = @_;
	note($when);
	assert_same($source, $target, db => $_, source_db => $_) for 'latin', 'lobs', $odd[1];
	is(ask($target, 'thousand', "SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]+(_pkey)?\$'"), $tables * 2, "$when: thousand has its tables and keys");
	is(ask($target, $_, 'SELECT count(*) FROM pgcopy.job'), '1', "$when: one job in $_") for @few;
	return;
}

sub kill_9
{
	my ($pid) = @_;
	my $started = $target->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
	my $log = -s $target->logfile;
	kill 'KILL', $pid;
	ok(wait_until($target, 'SELECT NOT pg_is_in_recovery()', limit => 60), 'the server is up again') if $target->wait_for_log(qr/all server processes terminated; reinitializing/, $log);
	return;
}

$source->safe_psql('thousand', "SELECT format('DROP TABLE t%s', n) FROM generate_series($tables + 1, 1000) n \\gexec");

#
# A call that is interrupted leaves nothing that runs
#
start_over();
{
	my $locker = $target->background_psql('postgres');
	$locker->query_safe('BEGIN; LOCK TABLE pg_database IN SHARE MODE');
	is((call_error($target, 'postgres', "SET statement_timeout = '2s'; SELECT FROM pgcopy_clone_server($quoted, $few)"))[0], '57014', 'a call that waits can be interrupted');
	is(wait_server('1min'), 'cancelled', 'its server clone is cancelled');
	ok(is_quiet($source, $target, 20), 'no process of it is left');
	$locker->query_safe('COMMIT');
	$locker->quit;
	is($target->safe_psql('postgres', 'SELECT count(*) FROM pg_database'), '3', 'it has made no database');
	$target->safe_psql('postgres', 'SELECT FROM pgcopy_resume_server()');
	is(wait_server('3min'), 'done', 'resumed, it ends done');
	compare_all('after an interrupted call');
	$target->safe_psql('postgres', 'SELECT pgcopy_drop_server()');
}

#
# Cancel and go on
#
start_over();
$target->safe_psql('postgres', "CREATE DATABASE lobs TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
create_holds($source, 'lobs');
$source->safe_psql('lobs', 'CREATE TABLE held (a int CHECK (hold.here(1))); INSERT INTO held SELECT generate_series(1, 100)');
my $hold = hold($target, 'lobs', 1);
$target->safe_psql('postgres', "SELECT FROM pgcopy_clone_server($quoted, $few)");
ok(wait_held($target, 'lobs', 1), 'a job is held');
ok(wait_until($target, "SELECT state = 'copying' AND job = 1 AND tables ~ '^[0-9]+/2\$' AND copied <> '' FROM pgcopy_server_progress WHERE database = 'lobs'"), 'the view shows how far it is') or diag($target->safe_psql('postgres', 'TABLE pgcopy_server_progress'));
is($target->safe_psql('postgres', q(SELECT pgcopy_wait_server(timeout => '0.1 s'))), 'running', 'the server clone runs');
is((call_error($target, 'postgres', 'SELECT * FROM pgcopy_resume_server()'))[0], '55006', 'what runs cannot be resumed');
is((call_error($target, 'postgres', 'SELECT pgcopy_drop_server()'))[0], '55006', 'nor dropped');
is((call_error($target, 'postgres', 'DROP EXTENSION pgcopydb_ext'))[0], '55006', 'nor the extension');
is($target->safe_psql('postgres', 'SELECT pgcopy_cancel_server()'), 't', 'it is cancelled');
is(wait_server('1min'), 'cancelled', 'and ends');
is($target->safe_psql('postgres', "SELECT count(*) FROM pgcopy_server_progress WHERE state NOT IN ('done', 'cancelled', 'left out')"), '0', 'no database is left in between');
is(ask($target, 'lobs', 'SELECT state FROM pgcopy_jobs'), 'cancelled', 'its job is cancelled');
release($hold);
ok(is_quiet($source, $target, 20), 'nothing runs any more');
$target->safe_psql('postgres', 'SELECT FROM pgcopy_resume_server(consistent => true)');
is(wait_server('3min'), 'done', 'resumed, it ends done');
compare_all('after cancel');

#
# kill -9 while jobs run, and while databases are created
#
start_over();
$target->safe_psql('postgres', 'SELECT pgcopy_drop_server()');
$target->safe_psql('postgres', "CREATE DATABASE lobs TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
$hold = hold($target, 'lobs', 1);
$target->safe_psql('postgres', "SELECT FROM pgcopy_clone_server($quoted, $few)");
ok(wait_held($target, 'lobs', 1), 'a job is held again');
my $pid = $target->safe_psql('lobs', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pgcopydb_ext' AND datname = 'lobs' ORDER BY random() LIMIT 1");
kill_9($pid);
is($target->safe_psql('postgres', 'SELECT pgcopy_wait_server()'), 'interrupted', 'after kill -9 of a process of a job the server clone is interrupted');
is($target->safe_psql('postgres', "SELECT state FROM pgcopy_server_progress WHERE database = 'lobs'"), 'interrupted', 'and its database too');
$target->safe_psql('postgres', 'SELECT FROM pgcopy_resume_server(consistent => true)');
is(wait_server('3min'), 'done', 'resumed, it ends done');
compare_all('after kill -9 of a job');

start_over();
$target->safe_psql('postgres', 'SELECT pgcopy_drop_server()');
my $call = $target->background_psql('postgres', on_error_stop => 0);
$call->{stdin} .= "SELECT FROM pgcopy_clone_server($quoted, $few);\n";
$call->{run}->pump_nb;
ok(wait_until($target, "SELECT count(*) >= 5 FROM pg_database"), 'databases are being created');
$pid = $target->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgcopy coordinator'");
like($pid, qr/^\d+$/, 'there is a coordinator');
kill_9($pid);
eval { $call->{run}->kill_kill };
is($target->safe_psql('postgres', 'SELECT pgcopy_wait_server()'), 'interrupted', 'after kill -9 of the coordinator it is interrupted');
$target->safe_psql('postgres', 'SELECT FROM pgcopy_resume_server(consistent => true)');
is(wait_server('3min'), 'done', 'resumed, it ends done');
compare_all('after kill -9 of the coordinator');

#
# A coordinator that is terminated: jobs go on, the next one takes over
#
start_over();
$target->safe_psql('postgres', 'SELECT pgcopy_drop_server()');
$target->safe_psql('postgres', "CREATE DATABASE lobs TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
$hold = hold($target, 'lobs', 1);
$target->safe_psql('postgres', "SELECT FROM pgcopy_clone_server($quoted, $few)");
ok(wait_held($target, 'lobs', 1), 'a job is held again');
$target->safe_psql('postgres', "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'pgcopy coordinator'");
is($target->safe_psql('postgres', 'SELECT pgcopy_wait_server()'), 'interrupted', 'without its coordinator it is interrupted');
is(ask($target, 'lobs', 'SELECT state FROM pgcopy_jobs'), 'copying', 'but the job goes on');
$target->safe_psql('postgres', 'SELECT FROM pgcopy_resume_server(consistent => true)');
is($target->safe_psql('postgres', q(SELECT pgcopy_wait_server(timeout => '1 s'))), 'running', 'another one waits for the job');
release($hold);
is(wait_server('3min'), 'done', 'and then it ends done');
compare_all('with a second coordinator');

#
# Many databases, few slots
#
start_over();
$target->safe_psql('postgres', 'SELECT pgcopy_drop_server()');
foreach my $no (1 .. $small)
{
	$source->safe_psql('postgres', "CREATE DATABASE small_$no TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
	$source->safe_psql("small_$no", "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, $no); CREATE TABLE u (a int REFERENCES t)");
}
$target->safe_psql('postgres', 'CREATE SERVER old FOREIGN DATA WRAPPER pgcopydb_fdw OPTIONS (host \'127.0.0.1\', port \'' . $source->port . "'); CREATE USER MAPPING FOR CURRENT_USER SERVER old OPTIONS (user 'cloner', password '$secret')");
is($target->safe_psql('postgres', "SELECT count(*), count(job) FROM pgcopy_clone_server('old', '{small_*,\"Ümläut\"}')"), ($small + 1) . '|' . ($small + 1), "$small small databases and one by its exact name, from a foreign server that names no database");
is(wait_server('4min'), 'done', 'all end done');
is($target->safe_psql("small_$_", 'SELECT count(*) FROM t'), $_, "small_$_ is here") for 1, $small;
is(exists_here('latin'), '0', 'what no pattern names is not');

#
# A database that fails does not hold up the others, and can be repaired
#
sub drop_small
{
	my (@no) = @_;
	$target->safe_psql('postgres', "DROP DATABASE small_$_") for @no;
	$target->safe_psql('postgres', 'SELECT pgcopy_drop_server()');
	return;
}
drop_small(1, 2, 3);
$source->safe_psql('small_3', q(CREATE TABLE picky (a int CHECK (current_setting('test.refuse', true) IS DISTINCT FROM 'yes')); INSERT INTO picky VALUES (1)));
$target->safe_psql('postgres', "CREATE DATABASE small_$_ TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'") for 1, 3;
$target->safe_psql('postgres', "ALTER DATABASE small_3 SET test.refuse = 'yes'");
$target->safe_psql('small_1', 'CREATE TABLE t (mine int)');
$target->safe_psql('postgres', "SELECT FROM pgcopy_clone_server($quoted, '{small_1,small_2,small_3}')");
is($target->safe_psql('postgres', 'SELECT pgcopy_wait_server()'), 'failed', 'two of three jobs fail');
is($target->safe_psql('postgres', "SELECT string_agg(database || ' ' || state, ',' ORDER BY database) FROM pgcopy_server_progress"), 'small_1 failed,small_2 done,small_3 failed', 'the other one is done');
my $message = "SELECT message FROM pgcopy_server_progress WHERE database";
like($target->safe_psql('postgres', "$message = 'small_1'"), qr/exist.* here; then SELECT \* FROM pgcopy_resume_server\(\d+\)/, 'the view says why, and what to do');
like($target->safe_psql('postgres', "$message = 'small_3'"), qr/picky.* violates check constraint/, 'also when it was an item that failed');
$target->safe_psql('small_1', 'DROP TABLE t');
$target->safe_psql('postgres', 'ALTER DATABASE small_3 RESET test.refuse');
$target->safe_psql('postgres', 'SELECT FROM pgcopy_resume_server(consistent => true)');
is(wait_server('1min'), 'done', 'repaired and resumed, it ends done');

#
# Two calls at a time for the same databases: each database is cloned once
#
drop_small(1, 2, 3);
{
	my @calls = map { $target->background_psql('postgres', on_error_stop => 0) } 1, 2;
	my $order = "SELECT count(job) FROM pgcopy_clone_server($quoted, '{small_1,small_2}');\n";
	foreach my $session (@calls)
	{
		$session->{stdin} .= $order;
		$session->{run}->pump_nb;
	}
	ok(wait_until($target, "SELECT count(*) = 2 FROM pgcopy.server_clone WHERE state <> 'running'", limit => 60), 'two calls at a time for the same databases both end');
	$_->quit for @calls;
	is($target->safe_psql('postgres', "SELECT database, count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'failed' AND message ~ 'exist|duplicate') FROM pgcopy_server_progress GROUP BY 1 ORDER BY 1"),
		"small_1|1|1\nsmall_2|1|1", 'in each database one job is done, and the other fails because of what is there')
	  or diag($target->safe_psql('postgres', 'TABLE pgcopy_server_progress'));
	$target->safe_psql('postgres', 'SELECT pgcopy_drop_server(id) FROM pgcopy.server_clone ORDER BY id LIMIT 1');
}

#
# Hardly any slots: the logical replication launcher and the coordinator take two
#
foreach my $slots (3, 2)
{
	drop_small(1, 2);
	$target->append_conf('postgresql.conf', "max_worker_processes = $slots");
	$target->restart;
	(undef, undef, $err) = $target->psql('postgres', "SELECT FROM pgcopy_clone_server($quoted, '{small_1,small_2}')");
	is($target->safe_psql('postgres', 'SELECT pgcopy_wait_server()'), $slots == 3 ? 'done' : 'failed', "with $slots slots it ends") or diag($target->safe_psql('postgres', 'TABLE pgcopy_server_progress'));
}
like($err, qr/no job was ordered in database "small_1"/, 'a warning says that there is no job');
like($target->safe_psql('postgres', "SELECT message FROM pgcopy_server_progress WHERE database = 'small_1'"), qr/max_worker_processes/, 'and the view why');
$target->append_conf('postgresql.conf', 'max_worker_processes = 8');
$target->restart;
$target->safe_psql('postgres', 'SELECT FROM pgcopy_resume_server()');
is(wait_server('1min'), 'done', 'with more slots it can be resumed');

my @log = grep { /PANIC:|TRAP:/ } split /\n/, slurp_file($target->logfile);
is("@log", '', 'nothing crashed');
unlike(slurp_file($target->logfile), qr/\Q$secret\E/, 'the password is not in the log');
$source->stop;
$target->stop;
done_testing();
