# A job can be cancelled in each of its phases.  Within three seconds its
# processes, their children and its sessions on the source are gone, and nothing
# half-built is left: no row of an unfinished table, no invalid index, no file.
# The job is "cancelled", and can be dropped.  Whoever waits with pgcopy_wait
# can be interrupted without harm to the job.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($source, $target) = new_pair('cancel');
my $source_db = 'app';
new_database($source, $source_db);
create_holds($source, $source_db, pre_data => 1);
$source->safe_psql($source_db, <<'EOQ');
CREATE TABLE plain (a int PRIMARY KEY, b text);
INSERT INTO plain SELECT g, repeat('x', 100) FROM generate_series(1, 2000) g;
CREATE TABLE copied (a int CHECK (hold.here(1)), b text);
INSERT INTO copied SELECT g, repeat('y', 3000) FROM generate_series(1, 3000) g;
CREATE TABLE indexed (a int, b text);
INSERT INTO indexed SELECT g, md5(g::text) FROM generate_series(1, 5000) g;
CREATE INDEX indexed_held ON indexed ((a + hold.here(2)::int));
CREATE INDEX indexed_b ON indexed (b);
CREATE TABLE refers (a int REFERENCES plain CHECK (hold.here(4)));
INSERT INTO refers SELECT a FROM plain;
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TABLE triggered (a int CHECK (hold.here(5)));
INSERT INTO triggered VALUES (1);
CREATE TRIGGER t AFTER INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION on_change();
CREATE MATERIALIZED VIEW refreshed AS SELECT count(*) FROM plain;
EOQ
my $app = conninfo($source, db => $source_db);

# Cancel JOB and see what is left.
sub cancel_and_look
{
	my ($phase, $db, $job) = @_;
	my $start = time();
	is($target->safe_psql($db, "SELECT pgcopy_cancel($job)"), 't', "$phase: pgcopy_cancel finds it running");
	ok(is_quiet($source, $target, 3 - (time() - $start)),
		"$phase: all processes, children and sessions are gone within 3 seconds");
	is(wait_for_end($target, $job, db => $db, limit => 5), 'cancelled', "$phase: the job is cancelled");
	is($target->safe_psql($db, 'SELECT count(*) FROM pgcopy_workers'), '0', "$phase: pgcopy_workers is empty");
	is($target->safe_psql($db, 'SELECT count(*) FROM pg_index WHERE NOT indisvalid'), '0', "$phase: no half-built index is left");
	is($target->safe_psql($db, 'SELECT count(*) FROM pg_ls_tmpdir()'), '0', "$phase: no temporary file is left");
	is( $target->safe_psql($db, <<'EOQ'), '0', "$phase: no file without a relation is left");
SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = current_database())) f,
	LATERAL pg_stat_file('base/' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || f) s
WHERE f ~ '^\d+$' AND s.size > 0 AND NOT EXISTS (SELECT FROM pg_class WHERE pg_relation_filenode(oid)::text = f)
EOQ
	is($target->safe_psql($db, "SELECT pgcopy_cancel($job)"), 'f', "$phase: it cannot be cancelled twice");
	is($target->safe_psql($db, "SELECT pgcopy_drop($job)"), 't', "$phase: it can be dropped");
	return;
}

# planning: the leader waits for the lock of a table
new_database($target, qw(planning dumping pre_data copying indexing constraints post_data refresh queued));
my $blocker = $source->background_psql($source_db);
$blocker->query_safe('BEGIN; LOCK TABLE plain IN ACCESS EXCLUSIVE MODE');
my $job = clone($target, $app, db => 'planning');
wait_until($source, "SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.application_name LIKE 'pgcopy%'",
	db => $source_db, what => 'the leader to wait for a lock');
is(job_state($target, $job, db => 'planning'), 'planning', 'the job is planning');
cancel_and_look('planning', 'planning', $job);
$blocker->query_safe('ROLLBACK');

# planning: pg_dump waits for a lock
$blocker->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_init_privs IN ACCESS EXCLUSIVE MODE');
$job = clone($target, $app, db => 'dumping');
wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'pg_init_privs'::regclass",
	db => $source_db, what => 'pg_dump to wait for a lock');
cancel_and_look('pg_dump', 'dumping', $job);
ok( wait_until($source, "SELECT count(*) = 0 FROM pg_locks WHERE NOT granted AND relation = 'pg_init_privs'::regclass", db => $source_db, limit => 3),
	"pg_dump: its session on the source is gone");
$blocker->query_safe('ROLLBACK');
$blocker->quit;

# pre-data: a statement of it waits
my $hold = hold($target, 'pre_data', 3);
$job = clone($target, $app, db => 'pre_data');
wait_held($target, 'pre_data', 3, $job);
is(job_state($target, $job, db => 'pre_data'), 'pre-data', 'the job is in pre-data');
cancel_and_look('pre-data', 'pre_data', $job);
release($hold);

# copying: rows are on their way
$hold = hold($target, 'copying', 1);
$job = clone($target, $app, db => 'copying', split_tables_larger_than => '1MB');
wait_held($target, 'copying', 1, $job);
is(job_state($target, $job, db => 'copying'), 'copying', 'the job is copying');
cancel_and_look('copying', 'copying', $job);
is($target->safe_psql('copying', 'SELECT count(*) FROM copied'), '0', 'copying: no row of an unfinished table is seen');
release($hold);

# indexing: an index is being built
$hold = hold($target, 'indexing', 2);
$job = clone($target, $app, db => 'indexing');
wait_held($target, 'indexing', 2, $job);
cancel_and_look('indexing', 'indexing', $job);
is($target->safe_psql('indexing', "SELECT count(*) FROM pg_class WHERE relname = 'indexed_held'"),
	'0', 'indexing: the index that was being built is not there');
release($hold);

# constraints: a foreign key waits for a writer of its table
$hold = hold($target, 'constraints', 4);
$job = clone($target, $app, db => 'constraints', table_jobs => 4);
wait_held($target, 'constraints', 4, $job);
my $writer = $target->background_psql('constraints');
$writer->query_safe('BEGIN; LOCK TABLE refers IN ROW EXCLUSIVE MODE');
release($hold);
wait_until($target, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'refers'::regclass AND locktype = 'relation'",
	db => 'constraints', job => $job, what => 'a foreign key to wait for a writer');
cancel_and_look('constraints', 'constraints', $job);
$writer->query_safe('ROLLBACK');
$writer->quit;

# post-data: a trigger waits for a writer of its table
$hold = hold($target, 'post_data', 5);
$job = clone($target, $app, db => 'post_data', table_jobs => 4);
wait_held($target, 'post_data', 5, $job);
$writer = $target->background_psql('post_data');
$writer->query_safe('BEGIN; LOCK TABLE triggered IN ROW EXCLUSIVE MODE');
release($hold);
wait_until($target, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'triggered'::regclass AND locktype = 'relation'",
	db => 'post_data', job => $job, what => 'a trigger to wait for a writer');
is(job_state($target, $job, db => 'post_data'), 'post-data', 'the job is in post-data');
cancel_and_look('post-data', 'post_data', $job);
$writer->query_safe('ROLLBACK');
$writer->quit;

# nobody cancels: the same ends done
$job = clone_ok($target, $app, db => 'refresh', name => 'a job that nobody cancels ends done');
is($target->safe_psql('refresh', 'SELECT count FROM refreshed'), '2000', 'and its materialized view is filled');
ok(is_quiet($source, $target, 10), 'and its processes are gone');

# somebody waits for it
$hold = hold($target, 'queued', 1);
$job = clone($target, $app, db => 'queued');
wait_held($target, 'queued', 1, $job);
my $waiter = $target->background_psql('queued', on_error_stop => 0);
$waiter->query_until(qr/waiting/, "\\echo waiting\nSELECT pgcopy_wait($job);\n");
my $waiting = "FROM pg_stat_activity WHERE query LIKE 'SELECT pgcopy_wait(%' AND state = 'active'";
wait_until($target, "SELECT count(*) = 1 $waiting", db => 'queued', what => 'pgcopy_wait to wait');
$target->safe_psql('queued', "SELECT pg_cancel_backend(pid) $waiting");
ok(wait_until($target, "SELECT count(*) = 0 $waiting", db => 'queued', limit => 10),
	'pgcopy_wait can be interrupted');
cancel_and_look('while somebody waited', 'queued', $job);
release($hold);

$source->stop;
$target->stop;
done_testing();
