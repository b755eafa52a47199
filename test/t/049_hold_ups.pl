# Who holds a job up is named, on both servers: kind, pid or gid, role, age, and
# the query where the looker may see it.  A prepared transaction, which has no
# process; a session of another role; a process of the server.  pgcopy_progress says so,
# pgcopy_workers has a line for each process, and who waits for the job hears it.
# In each such wait the job can be cancelled.  No commit of a job waits for a
# standby.  Whoever waits with verbose => true is told how far the job is, and
# in the end why it failed and what to type.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('hold_ups',
	source_conf => "max_prepared_transactions = 5\n", target_conf => "max_prepared_transactions = 5\n",
	target_init => [ allows_streaming => 1 ]);
new_database($source, 'app', 'broken');
$source->safe_psql('postgres', "CREATE ROLE reader LOGIN; CREATE ROLE \"Other one\" LOGIN");
$source->safe_psql('app', 'CREATE TABLE t (a int); INSERT INTO t VALUES (1); GRANT SELECT ON t TO reader; GRANT ALL ON t TO "Other one"');
create_holds($source, 'app');
$source->safe_psql('app', 'CREATE TABLE held (a int CHECK (hold.here(1))); INSERT INTO held VALUES (1);
	GRANT USAGE ON SCHEMA hold TO reader; GRANT SELECT ON held TO reader');
$target->safe_psql('postgres', 'CREATE ROLE reader; CREATE ROLE "Other one" LOGIN; CREATE ROLE looker LOGIN');

my $AGE = qr/\d\d:\d\d:\d\d/;

sub says
{
	my ($db, $job, $like, $name) = @_;
	ok( wait_until($target, "SELECT message ~ " . quote_literal($like) . " FROM pgcopy_progress WHERE job = $job",
			db => $db, job => $job, what => "the message $like"), $name);
	note($target->safe_psql($db, "SELECT message FROM pgcopy_progress WHERE job = $job"));
	return;
}

sub cancel_ok
{
	my ($db, $job) = @_;
	is($target->safe_psql($db, "SELECT pgcopy_cancel($job)"), 't', "$db: it can be cancelled");
	is(wait_for_end($target, $job, db => $db), 'cancelled', "$db: and is");
	return;
}

#
# On the source
#
new_database($target, 'prepared', 'hidden', 'shown');
$source->safe_psql('app', q{BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION 'it''s "this"'});
my $job = clone($target, conninfo($source, db => 'app', user => 'reader'), db => 'prepared');
says('prepared', $job, q{^waiting for a lock on the source: blocked by prepared transaction 'it''s "this"' \(role \w+, for \d\d:\d\d:\d\d\)$},
	'a prepared transaction on the source is named with gid, role and age');
cancel_ok('prepared', $job);
$source->safe_psql('app', q{ROLLBACK PREPARED 'it''s "this"'});

my $blocker = $source->background_psql('app', extra_params => [ '-U', 'Other one' ]);
my $pid = $blocker->query_safe('SELECT pg_backend_pid()');
$blocker->query_safe('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
$job = clone($target, conninfo($source, db => 'app', user => 'reader'), db => 'hidden');
says('hidden', $job, qq{^waiting for a lock on the source: blocked by session $pid \\(role "Other one"(, [^,]*)?\\)\$},
	'a session of another role on the source is named, without its query');
cancel_ok('hidden', $job);
$job = clone($target, conninfo($source, db => 'app'), db => 'shown');
says('shown', $job, qq{^waiting for a lock on the source: blocked by session $pid \\(role "Other one".*, for \\d\\d:\\d\\d:\\d\\d, idle after .*LOCK TABLE t},
	'... and with age and query to who may see them');
$blocker->query_safe('ROLLBACK');
is(wait_for_end($target, $job, db => 'shown'), 'done', '... and the job goes on after that');
$blocker->quit;

#
# On the target
#
new_database($target, 'ours');
my $from = conninfo($source, db => 'app');
$target->safe_psql('ours', q{BEGIN; SELECT pg_advisory_xact_lock(471100, 1); PREPARE TRANSACTION 'gid 2'});
$job = clone($target, $from, db => 'ours');
says('ours', $job, q{^worker \d+ waits for a lock: blocked by prepared transaction 'gid 2' \(role \w+, for },
	'a prepared transaction here is named');
like($target->safe_psql('ours', "SELECT doing, object_name, blocked_by, waits_for FROM pgcopy_workers WHERE waits_for IS NOT NULL"),
	qr/^table\|held\|\{0\}\|a lock: blocked by prepared transaction 'gid 2' \(role \w+, for $AGE\)$/, 'pgcopy_workers names it too');
cancel_ok('ours', $job);
$target->safe_psql('ours', q{ROLLBACK PREPARED 'gid 2'});

$blocker = $target->background_psql('ours', extra_params => [ '-U', 'Other one' ]);
$pid = $blocker->query_safe('SELECT pg_backend_pid()');
$blocker->query_safe('BEGIN; SELECT pg_advisory_xact_lock(471100, 1)');
$target->safe_psql('ours', "SELECT pgcopy_resume($job, consistent => true)");
says('ours', $job, qq{^worker \\d+ waits for a lock: blocked by session $pid \\(role "Other one".*, for \\d\\d:\\d\\d:\\d\\d, idle after SELECT pg_advisory},
	'a session here is named');
my $waiting = $target->safe_psql('ours', "SELECT pid FROM pgcopy_workers WHERE waits_for IS NOT NULL");
like($target->safe_psql('ours', "SELECT pgcopy.blocker($waiting)", extra_params => [ '-U', 'looker' ]),
	qr/^session $pid \(role "Other one"(, [^,]*)?\)$/, '... without its query to who may not see that');
my (undef, undef, $told) = $target->psql('ours', "SELECT pgcopy_wait($job, '100 ms', verbose => true)");
like($told, qr/NOTICE:  job $job copying: \d+ %, \d\/2 tables, .*; worker \d+ waits for a lock: blocked by session $pid/, 'who waits for the job hears of it');
$blocker->query_safe('ROLLBACK');
$blocker->quit;
is(wait_for_end($target, $job, db => 'ours'), 'done', 'and the job goes on after that');

# A process of the server has no role: autovacuum that prevents wraparound does
# not give way to anybody.
new_database($target, 'vacuum');
$target->append_conf('postgresql.conf', "autovacuum_naptime = 1\n");
$target->reload;
$target->safe_psql('vacuum', <<'EOQ');
CREATE TABLE old (a int) WITH (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,
	autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0);
INSERT INTO old SELECT generate_series(1, 200000);
DELETE FROM old;
EOQ
ok(wait_until($target, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query ~ '^autovacuum: VACUUM.*public.old'}, db => 'vacuum', limit => 60), 'autovacuum works');
my $stuck = $target->background_psql('vacuum', on_error_stop => 0);
$stuck->query_safe("SET deadlock_timeout = '1h'; SET lock_timeout = '20s'");
$stuck->query_until(qr/asked/, "\\echo asked\nBEGIN;\nLOCK TABLE old IN ACCESS EXCLUSIVE MODE;\n");
ok( wait_until($target, q{SELECT pgcopy.blocker(pid) ~ '^autovacuum process \d+ \(for \d\d:\d\d:\d\d, running autovacuum: VACUUM (ANALYZE )?public.old' FROM pg_locks WHERE NOT granted},
		db => 'ours', limit => 15),
	'autovacuum is named');
$target->safe_psql('vacuum', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'vacuum' AND query ~ '^LOCK'});
$target->append_conf('postgresql.conf', "autovacuum = off\n");
$target->reload;

#
# A standby that is missing
#
new_database($target, 'standby');
$target->append_conf('postgresql.conf', "synchronous_standby_names = 'missing'\n");
$target->reload;
wait_until($target, "SELECT current_setting('synchronous_standby_names') = 'missing'");
$job = $target->safe_psql('standby', "SET synchronous_commit = local; CREATE EXTENSION pgcopydb_ext; SELECT pgcopy_clone(" . quote_literal($from) . ')');
is(wait_for_end($target, $job, db => 'standby'), 'done', 'no commit of a job waits for a synchronous standby');
is($target->safe_psql('standby', "SELECT pgcopy.waits_for(1, 'IPC', 'SyncRep')"), "a standby of synchronous_standby_names = 'missing'", 'a process that does says so');

# The commit of who orders a clone may: nothing starts before, and that can be
# cancelled, after which it is committed here and begins.
my $order = $target->background_psql('standby', on_error_stop => 0);
$target->safe_psql('standby', 'SET synchronous_commit = local; DROP TABLE t; DROP TABLE held; DROP SCHEMA hold CASCADE');
$order->query_until(qr/asked/, "\\echo asked\nSELECT pgcopy_clone(" . quote_literal($from) . ");\n");
ok(wait_until($target, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query ~ 'pgcopy_clone'"), 'who orders a clone waits for the standby, as with any commit');
$target->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
$order->query('SELECT 1');
is(wait_for_end($target, $job + 1, db => 'standby'), 'done', 'after a cancel of that wait the job runs');
$order->quit;
$target->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$target->reload;

#
# verbose
#
$source->safe_psql('broken', "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000);
	CREATE FUNCTION f(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
	CREATE TABLE b (a int CHECK (f(a))); INSERT INTO b VALUES (1);
	CREATE OR REPLACE FUNCTION f(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE ''no such luck, " . ('ü' x 300) . "''; END'");
new_database($target, 'broken', 'whole');
$job = clone($target, conninfo($source, db => 'broken'), db => 'broken');
(undef, undef, $told) = $target->psql('broken', "SELECT pgcopy_wait($job, verbose => true)");
like($told, qr/NOTICE:  job $job failed: no such luck, .*\nHINT:  .*Then SELECT pgcopy_resume\($job\)\.$/m, 'who waits is told why a job failed, and what to type');
like($target->safe_psql('broken', "SELECT length(message) || message FROM pgcopy_progress WHERE job = $job"),
	qr/^1[78]\dno such luck, .*\.\.\..*; then SELECT pgcopy_resume\($job\)$/, 'pgcopy_progress shortens a long message in its middle');
$source->safe_psql('broken', "CREATE OR REPLACE FUNCTION f(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'");
$job = clone($target, conninfo($source, db => 'broken'), db => 'whole');
(my $rc, my $state, $told) = $target->psql('whole', "SELECT pgcopy_wait($job, verbose => true)");
is($state, 'done', 'who waits verbosely gets the state as ever');
like($told, qr/NOTICE:  job $job done: 100 %, 2\/2 tables, .*took \d+s/, '... and is told the sum');
is(($target->psql('whole', "SET client_min_messages = warning; SELECT pgcopy_wait($job, verbose => true)"))[2], '', '... unless NOTICEs are hidden');
is(($target->psql('whole', "SELECT pgcopy_wait($job)"))[2], '', 'who does not ask for it is told nothing');

ok(is_quiet($source, $target, 20), 'nothing is left');
$source->stop;
$target->stop;
done_testing();
