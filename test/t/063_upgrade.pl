# An extension that ALTER EXTENSION ... UPDATE has brought up is equal to a new one in
# every object.  The update is refused while a job runs, also one that follows its source
# or whose order is not committed yet.  Jobs that have stopped are not resumed by another
# version, neither by a user nor by the server itself, and nothing of them is changed: the
# error, the log and pgcopy_progress say what to do, and that works.  They can be looked
# at, waited for, cancelled and dropped.  Where the update was forgotten, or the library
# that is loaded is older than the objects, nothing crashes: what begins work says what to
# do, in every database of a server clone too, and a job that runs is finished.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my $version = '0.2';
my ($source, $target) = new_pair(
	'upgrade',
	map { ("${_}_conf" => "wal_level = logical\nmax_wal_senders = 5\nmax_replication_slots = 5\nmax_worker_processes = 16\n"
			. ($_ eq 'target' ? "shared_preload_libraries = 'pgcopydb_ext'\n" : '')) } qw(source target));
new_database($source, 'app', 'small');
$source->safe_psql('small', 'CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)');
create_holds($source, 'app');
create_held_table($source, 'app');
my $app = conninfo($source, db => 'app');
my $small = conninfo($source, db => 'small');
my ($quoted_app, $quoted_small, $quoted_server) = map { quote_literal($_) } $app, $small, conninfo($source);

sub ask { my ($db, $sql) = @_; return $target->safe_psql($db, "SET client_min_messages = error; SET default_transaction_read_only = off; $sql"); }

# Have the catalog say that the objects are of another version.
sub pretend { my ($db, $as) = @_; return ask($db, "SET allow_system_table_mods = on; UPDATE pg_extension SET extversion = '$as' WHERE extname = 'pgcopydb_ext'"); }

sub refused
{
	my ($db, $sql, $message, $hint, $name) = @_;
	my @error = call_error($target, $db, "SET default_transaction_read_only = off; $sql");
	is($error[0], '55000', $name);
	like($error[1], $message, '  its message');
	like($error[3], $hint, '  its hint');
	return;
}

#
# Equal in every object
#
my $PICTURE = <<'EOQ';
CREATE TEMP TABLE objects AS
WITH RECURSIVE o(classid, objid) AS (
	SELECT classid, objid FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgcopydb_ext') AND deptype = 'e'
	UNION
	SELECT d.classid, d.objid FROM pg_depend AS d JOIN o ON d.refclassid = o.classid AND d.refobjid = o.objid WHERE d.deptype IN ('i', 'a', 'I'))
SELECT classid, objid FROM o UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension WHERE extname = 'pgcopydb_ext';
CREATE TEMP TABLE picture (line text);
INSERT INTO picture
SELECT format('depends: %s %s on %s', pg_describe_object(d.classid, d.objid, d.objsubid), d.deptype, pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid))
FROM pg_depend AS d JOIN objects USING (classid, objid)
UNION ALL SELECT format('shared: %s %s on %s', pg_describe_object(d.classid, d.objid, d.objsubid), d.deptype, pg_describe_object(d.refclassid, d.refobjid, 0))
FROM pg_shdepend AS d JOIN objects USING (classid, objid) WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT format('comment: %s: %s', pg_describe_object(classoid, objoid, objsubid), description)
FROM pg_description JOIN objects ON classid = classoid AND objid = objoid
UNION ALL SELECT format('initial privileges: %s: %s %s', pg_describe_object(classoid, objoid, objsubid), privtype, initprivs)
FROM pg_init_privs JOIN objects ON classid = classoid AND objid = objoid
UNION ALL SELECT format('function: %s %s %s %s %s', pg_get_functiondef(oid), prosrc, probin, proacl, proowner::regrole)
FROM pg_proc JOIN objects ON classid = 'pg_proc'::regclass AND objid = oid
UNION ALL SELECT format('class: %s %s %s %s %s %s', oid::regclass, relkind, relpersistence, reloptions, relacl, relowner::regrole)
FROM pg_class JOIN objects ON classid = 'pg_class'::regclass AND objid = oid
UNION ALL SELECT format('column: %s %s %s %s %s %s %s %s %s', attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attcollation::regcollation, attacl, pg_get_expr(adbin, adrelid))
FROM pg_attribute JOIN objects ON classid = 'pg_class'::regclass AND objid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL SELECT format('constraint: %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint JOIN objects ON classid = 'pg_constraint'::regclass AND objid = oid
UNION ALL SELECT format('index: %s', pg_get_indexdef(indexrelid))
FROM pg_index JOIN objects ON classid = 'pg_class'::regclass AND objid = indexrelid
UNION ALL SELECT format('view: %s %s', oid::regclass, pg_get_viewdef(oid))
FROM pg_class JOIN objects ON classid = 'pg_class'::regclass AND objid = oid WHERE relkind = 'v'
UNION ALL SELECT format('event trigger: %s', ROW(evtname, evtevent, evtowner::regrole, evtfoid::regprocedure, evtenabled, evttags))
FROM pg_event_trigger JOIN objects ON classid = 'pg_event_trigger'::regclass AND objid = oid
UNION ALL SELECT format('wrapper: %s', ROW(fdwname, fdwowner::regrole, fdwhandler, fdwvalidator::regprocedure, fdwacl, fdwoptions))
FROM pg_foreign_data_wrapper JOIN objects ON classid = 'pg_foreign_data_wrapper'::regclass AND objid = oid
UNION ALL SELECT format('schema: %s', ROW(nspname, nspowner::regrole, nspacl))
FROM pg_namespace JOIN objects ON classid = 'pg_namespace'::regclass AND objid = oid
UNION ALL SELECT format('extension: %s', ROW(extversion, extowner::regrole, extnamespace::regnamespace, extrelocatable, extconfig, extcondition))
FROM pg_extension WHERE extname = 'pgcopydb_ext';
SELECT regexp_replace(line, 'pg_toast_[0-9]+', 'pg_toast_N', 'g') AS line FROM picture ORDER BY line COLLATE "C";
EOQ
new_database($target, 'fresh', 'updated');
ask('fresh', 'CREATE EXTENSION pgcopydb_ext');
ask('updated', q(CREATE EXTENSION pgcopydb_ext VERSION '0.1'));
ask('updated', 'ALTER EXTENSION pgcopydb_ext UPDATE');
is(ask('updated', q(SELECT extversion FROM pg_extension WHERE extname = 'pgcopydb_ext')), $version, "an extension of version 0.1 is updated to $version");
my %picture = map { ($_ => [ split /^(?=[a-z ]+: )/m, ask($_, $PICTURE) ]) } 'fresh', 'updated';
cmp_ok(scalar @{ $picture{fresh} }, '>', 500, 'the picture of the extension has all its parts');
foreach my $pair ([ 'fresh', 'updated' ], [ 'updated', 'fresh' ])
{
	my ($one, $other) = @$pair;
	my %there = map { ($_ => 1) } @{ $picture{$other} };
	my @only = grep { !$there{$_} } @{ $picture{$one} };
	is(scalar @only, 0, "the $one one has nothing that the $other one has not") or diag(@only);
}
is(ask('updated', 'SELECT count(*) FROM pgcopy_jobs, pgcopy_progress'), '0', 'its views work');
clone_ok($target, $small, db => 'updated', name => 'it clones');
is(ask('updated', 'SELECT version FROM pgcopy_jobs'), $version, 'and notes the version');

#
# The update was forgotten
#
new_database($target, 'forgotten');
ask('forgotten', q(CREATE EXTENSION pgcopydb_ext VERSION '0.1'; CREATE ROLE reader LOGIN; GRANT EXECUTE ON FUNCTION pgcopy_cancel(bigint, boolean) TO reader; GRANT SELECT ON pgcopy.job TO reader));
ask('forgotten', qq(INSERT INTO pgcopy.job (state, owner, source, conninfo, options, started, ended)
	SELECT s, 10, 'a source', $quoted_small, '{"table_jobs": 99}', now(), CASE WHEN s = 'failed' THEN now() END FROM unnest('{failed,queued,copying}'::text[]) AS s));
ask('forgotten', q(INSERT INTO pgcopy.error (job, attempt, is_final, sqlstate, message) VALUES (1, 1, true, 'XX000', 'it went wrong')));
my @old = (qr/^extension pgcopydb_ext is of version 0\.1 in database "forgotten", its library is of version \Q$version\E$/, qr/^Run ALTER EXTENSION pgcopydb_ext UPDATE in this database\.$/);
refused('forgotten', "SELECT pgcopy_clone($quoted_small)", @old, 'pgcopy_clone() says that the update was forgotten');
refused('forgotten', "SELECT FROM pgcopy_clone_server($quoted_small)", @old, 'so does pgcopy_clone_server()');
refused('forgotten', "SELECT FROM pgcopy_resume_server()", @old, 'and pgcopy_resume_server()');
refused('forgotten', "SELECT pgcopy_resume($_)", @old, "and pgcopy_resume($_)") for 1 .. 3;
is(ask('forgotten', q(SELECT string_agg(job || state || percent, ',' ORDER BY job) FROM pgcopy_progress)), '1failed0,2interrupted0,3interrupted0', 'its views work');
is(ask('forgotten', "SELECT count(*) FROM $_") =~ /^\d+$/, 1, "$_ does") for qw(pgcopy_jobs pgcopy_tables pgcopy_indexes pgcopy_workers pgcopy_errors pgcopy_notices pgcopy_follow pgcopy_server_progress pgcopy_options pgcopy_summary(1));
is(ask('forgotten', 'SELECT pgcopy_wait(1); SELECT pgcopy_cancel(3); SELECT pgcopy_wait(3); SELECT pgcopy_drop(3)'), "failed\nt\ncancelled\nt", 'jobs can be waited for, cancelled and dropped');

my $restarted = -s $target->logfile;
$target->restart;
ok($target->wait_for_log(qr/job 2 stays interrupted: extension pgcopydb_ext is of version 0\.1 in database "forgotten"/, $restarted), 'the server leaves such a job alone, and the log says why');

#
# Jobs that have stopped
#
my (undef, undef, $warning) = $target->psql('forgotten', 'ALTER EXTENSION pgcopydb_ext UPDATE');
like($warning, qr/^psql:.*WARNING:  2 jobs have stopped, and cannot be resumed after the update\n.*HINT:  The view pgcopy_progress says/s, 'an update tells of jobs that have stopped, once') && unlike($warning, qr/WARNING.*WARNING/s, '  and once only');
is(ask('forgotten', 'SELECT message FROM pgcopy_progress ORDER BY job'), <<'EOM' =~ s/\n\z//r, 'pgcopy_progress says what to do with each');
it went wrong; of version 0.1, cannot be resumed: SELECT pgcopy_drop(1), then clone again
of version 0.1, cannot be resumed: SELECT pgcopy_cancel(2), pgcopy_drop(2), then clone again
EOM
is(ask('forgotten', q(SELECT has_function_privilege('reader', 'pgcopy_cancel(bigint, boolean)', 'EXECUTE') AND has_table_privilege('reader', 'pgcopy.job', 'SELECT'))), 't', 'grants are kept');

# Stop a job in COPY, by SQL over pgcopy_jobs; its rows are as version 0.1 has left them.
sub stop_old_job
{
	my ($db, $stop) = @_;
	new_database($target, $db);
	my $job = clone($target, $app, db => $db);
	my $hold = hold($target, $db, 1);
	wait_held($target, $db, 1, $job);
	ask($db, "SELECT $stop FROM pgcopy_jobs WHERE job = $job");
	ok(wait_until($target, "SELECT pgcopy_wait($job) IN ('cancelled', 'interrupted')", db => $db, job => $job), "$db: the job has stopped");
	release($hold);
	ask($db, "UPDATE pgcopy.job SET version = NULL, options = options || '{\"table_jobs\": 99}' WHERE id = $job");
	return $job;
}

my %stopped = (cancelled => stop_old_job('cancelled', 'pgcopy_cancel(job)'), interrupted => stop_old_job('interrupted', 'pg_terminate_backend(leader_pid)'));
ok(is_quiet($source, $target, 20), 'no process of them is left');
my $all = q(SELECT (SELECT string_agg(ROW(j, j.ctid)::text, ',') FROM pgcopy.job AS j) || (SELECT string_agg(ROW(i, i.ctid)::text, ',' ORDER BY no) FROM pgcopy.item AS i));
foreach my $state (sort keys %stopped)
{
	my $job = $stopped{$state};
	my $before = ask($state, $all);
	my $cancel = $state eq 'interrupted' ? "pgcopy_cancel\\($job\\) and SELECT " : '';
	refused($state, "SELECT pgcopy_resume($job)", qr/^job $job was ordered with version 0\.1 of pgcopydb_ext, which version \Q$version\E does not continue$/,
		qr/^Run SELECT ${cancel}pgcopy_drop\($job\), then clone again, with drop_if_exists => true/, "$state: it is not resumed");
	refused($state, "SELECT pgcopy_resume($job, consistent => true)", qr/does not continue/, qr/drop_if_exists/, "$state: whatever the user chooses");
	is(ask($state, $all), $before, "$state: nothing was changed");
	is(ask($state, "SELECT pgcopy_wait($job), state, version FROM pgcopy_jobs"), "$state|$state|0.1", "$state: it can be waited for and looked at");
	cmp_ok(ask($state, "SELECT count(*) FROM pgcopy_summary($job)"), '>', 1, "$state: it has a summary");
}

$restarted = -s $target->logfile;
$target->restart;
my $left = qr/job $stopped{interrupted} stays interrupted: job $stopped{interrupted} was ordered with version 0\.1 of pgcopydb_ext/;
ok($target->wait_for_log($left, $restarted), 'the server leaves it alone, and the log says why');
ok(is_quiet($source, $target, 20), 'no process of the server looks again');
is(scalar(() = substr(slurp_file($target->logfile), $restarted) =~ /$left/g), 1, 'the log says it once');

foreach my $state (sort keys %stopped)
{
	ask($state, "SELECT pgcopy_cancel($stopped{$state})") if $state eq 'interrupted';
	is(ask($state, "SELECT pgcopy_drop($stopped{$state})"), 't', "$state: as told, it is dropped");
	clone_ok($target, $app, db => $state, drop_if_exists => 'true', name => "$state: and the clone that follows ends done");
	assert_same($source, $target, source_db => 'app', db => $state, name => "$state: both sides are equal");
}

#
# No update while a job runs
#
sub update_refused
{
	my ($db, $name) = @_;
	my @error = call_error($target, $db, 'SET default_transaction_read_only = off; ALTER EXTENSION pgcopydb_ext UPDATE');
	is($error[0], '55006', $name);
	like($error[1], qr/^(job|server clone) 1 is running$/, '  its message');
	like($error[3], qr/^Wait until it has ended/, '  its hint');
	return;
}

# Undo what the update script does before it asks.
sub pretend_first { pretend($_[0], '0.1'); return ask($_[0], 'ALTER EXTENSION pgcopydb_ext DROP FUNCTION pgcopy.begin_update(); DROP FUNCTION pgcopy.begin_update()'); }

new_database($target, 'follows');
my $job = clone($target, $small, db => 'follows', follow => 'true');
is(ask('follows', "SELECT pgcopy_wait($job)"), 'following', 'a job follows its source');
pretend_first('follows');
update_refused('follows', 'no update while it does');
$source->safe_psql('small', 'INSERT INTO t VALUES (0)');
is(ask('follows', "SELECT state FROM pgcopy_cutover($job)"), 'done', 'where the update was forgotten it can be finished');
is(ask('follows', 'SELECT count(*) FROM t'), '101', 'with all that was written on the source');
$source->safe_psql('postgres', 'ALTER DATABASE small RESET default_transaction_read_only');

new_database($target, 'race');
ask('race', 'CREATE EXTENSION pgcopydb_ext');
my $hold = hold($target, 'race', 1);
my $orders = $target->background_psql('race');
$orders->query_safe("BEGIN; SELECT pgcopy_clone($quoted_app)");
my $updates = $target->background_psql('race', on_error_stop => 0);
$updates->query_until(qr/begins/, "\\echo begins\nSELECT pgcopy.begin_update();\n");
ok(wait_until($target, q(SELECT count(*) = 1 FROM pg_locks WHERE relation = 'pgcopy.job'::regclass AND NOT granted), db => 'race'), 'an update waits for an order that is not committed');
$orders->query_safe('COMMIT');
$updates->query('SELECT 1');
like($updates->{stderr}, qr/ERROR:  job 1 is running/, 'and is refused when it is');
$_->quit for $orders, $updates;
pretend_first('race');
wait_held($target, 'race', 1, 1);
update_refused('race', 'no update while a job copies');
release($hold);
is(ask('race', 'SELECT pgcopy_wait(1)'), 'done', 'which ends as it would have without');

#
# The library that is loaded is older than the objects
#
pretend('updated', '0.10');
my @newer = (qr/^extension pgcopydb_ext is of version 0\.10 in database "updated", its library is of version \Q$version\E$/, qr/^Connect again; if the library is preloaded, restart the server\.$/);
refused('updated', "SELECT pgcopy_clone($quoted_small)", @newer, 'a library that is older than the objects orders nothing');
ask('updated', q(CREATE FUNCTION more(job bigint, OUT a int, OUT b int, OUT c int, OUT d int, OUT e bigint, OUT f bigint, OUT g bigint, OUT h interval, OUT i text, OUT j text, OUT k text) RETURNS SETOF record AS '$libdir/pgcopydb_ext', 'pgcopy_live' LANGUAGE C));
refused('updated', 'SELECT * FROM more(1)', @newer, 'a function that has got more columns since says the same');
pretend('updated', $version);
is((call_error($target, 'updated', 'SELECT * FROM more(1)'))[0], 'XX000', 'and fails in any case');

#
# Whole servers
#
$source->safe_psql('postgres', 'CREATE DATABASE one TEMPLATE small');
new_database($target, 'one');
ask('one', q(CREATE EXTENSION pgcopydb_ext VERSION '0.1'));
my (undef, undef, $told) = $target->psql('postgres', "SELECT * FROM pgcopy_clone_server($quoted_server, '{one}', roles => false)");
like($told, qr/WARNING:  no job was ordered in database "one"/, 'a server clone tells of a database where the update was forgotten');
ask('postgres', q(SELECT pgcopy_wait_server()));
like(ask('postgres', q(SELECT message FROM pgcopy_server_progress WHERE database = 'one')), qr/^extension pgcopydb_ext is of version 0\.1 in database "one", its library is of version \Q$version\E; then SELECT/, 'and its progress says why');
is(ask('one', 'SELECT count(*) FROM pgcopy.job'), '0', 'there is no job');
ask('one', 'ALTER EXTENSION pgcopydb_ext UPDATE');
ask('postgres', 'SELECT FROM pgcopy_resume_server()');
is(ask('postgres', 'SELECT pgcopy_wait_server()'), 'done', 'updated and resumed, it ends done');
is(ask('one', 'SELECT version FROM pgcopy_jobs'), $version, 'with a job of this version');

$source->stop;
$target->stop;
done_testing();
