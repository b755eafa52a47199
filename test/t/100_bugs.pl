# Bugs that users could meet once stay fixed.  Each case begins with what the
# bug was.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('bugs');

#-------------------------------------------------------------------------
# Jobs that are held
#-------------------------------------------------------------------------

new_database($source, 'held');
create_holds($source, 'held');
$source->safe_psql('held', <<'EOQ');
CREATE TABLE copied (a int CHECK (hold.here(1)));
INSERT INTO copied SELECT generate_series(1, 100);
CREATE TABLE indexed (a int, b int);
INSERT INTO indexed SELECT g, g FROM generate_series(1, 100) g;
CREATE INDEX ON indexed ((a + hold.here(2)::int));
EOQ
my $held = conninfo($source, db => 'held');

# A second pgcopy_cancel() stopped the leader while it was ending the job.
{
	new_database($target, 'twice');
	$target->safe_psql('twice', 'CREATE EXTENSION pgcopydb_ext');
	my $hold = hold($target, 'twice', 1);
	my $job = clone($target, $held, db => 'twice');
	ok(wait_held($target, 'twice', 1), 'cancelled twice: the copy is held');
	$target->safe_psql('twice', join(';', ("SELECT pgcopy_cancel($job)") x 20));
	is(wait_for_end($target, $job, db => 'twice', limit => 20), 'cancelled', 'a job that is cancelled twice is cancelled');
	release($hold);
}

# An item waited for its next attempt, and with no worker left nobody looked.
{
	new_database($target, 'alone');
	$target->safe_psql('alone', 'CREATE EXTENSION pgcopydb_ext');
	my $hold = hold($target, 'alone', 2);
	my $job = clone($target, $held, db => 'alone', table_jobs => 1, index_jobs => 1);
	ok(wait_held($target, 'alone', 2), 'no worker left: the index is held');
	$target->safe_psql('alone', "SELECT pg_terminate_backend(pid, 10000) FROM pgcopy_workers WHERE process <> 'leader'");
	release($hold);
	is(wait_for_end($target, $job, db => 'alone', limit => 60), 'done', 'a job whose last worker was terminated goes on with another one');
	is($target->safe_psql('alone', 'SELECT count(*) FROM indexed'), '100', '... and has each row once');
}

# pgcopy_wait() with a timeout of zero knew no interrupted jobs.
{
	new_database($target, 'lost');
	$target->safe_psql('lost', 'CREATE EXTENSION pgcopydb_ext');
	my $hold = hold($target, 'lost', 1);
	my $job = clone($target, $held, db => 'lost');
	ok(wait_held($target, 'lost', 1), 'without leader: the copy is held');
	$target->safe_psql('lost', 'SELECT pg_terminate_backend(leader_pid, 10000) FROM pgcopy_jobs');
	ok(is_quiet($source, $target, 10), 'a terminated leader takes all its processes and sessions along');
	is($target->safe_psql('lost', "SELECT pgcopy_wait($job, '0')"), 'interrupted', 'pgcopy_wait returns interrupted at once');
	is(job_state($target, $job, db => 'lost'), 'interrupted', 'the view shows the same');
	is($target->safe_psql('lost', "SELECT pgcopy_cancel($job)"), 't', 'an interrupted job can be cancelled');
	is(job_state($target, $job, db => 'lost'), 'cancelled', '... and is cancelled then');
	is($target->safe_psql('lost', 'SELECT count(*) FROM pgcopy.job WHERE conninfo IS NOT NULL'), '1', '... and keeps its connection string: it can be resumed');
	is($target->safe_psql('lost', "SELECT pgcopy_drop($job)"), 't', '... until it is dropped');
	release($hold);
}

#-------------------------------------------------------------------------
# on_error => 'continue'
#-------------------------------------------------------------------------

new_database($source, 'faulty');
$source->safe_psql('faulty', <<'EOQ');
CREATE FUNCTION only_here(int, int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF $1 >= $2 AND current_database() <> 'faulty' THEN
		RAISE 'not in this database';
	END IF;
	RETURN true;
END $$;
CREATE TABLE half (a int PRIMARY KEY, b text, CHECK (only_here(a, 19000)));
INSERT INTO half SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g;
CREATE TABLE indexed (a int PRIMARY KEY, b int);
INSERT INTO indexed SELECT g, g FROM generate_series(1, 1000) g;
CREATE INDEX indexed_bad ON indexed (only_here(a, 500));
CREATE TABLE refers (a int REFERENCES indexed);
INSERT INTO refers VALUES (1);
EOQ
new_database($target, 'continued', 'chunked');
for my $db ('continued', 'chunked')
{
	$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext');
	my $job = clone($target, conninfo($source, db => 'faulty'), db => $db,
		on_error => 'continue', split_tables_larger_than => $db eq 'chunked' ? '500kB' : '0');
	is(wait_for_end($target, $job, db => $db), 'done', "$db: the job ends done");

	# frozen rows do not vanish on abort
	is($target->safe_psql($db, 'SELECT count(*) FROM half'),
		$target->safe_psql($db, "SELECT COALESCE(sum(rows_done), 0) FROM pgcopy.item WHERE kind = 'table' AND object_name = 'half' AND state = 'done'"),
		"$db: no row of what failed stays");
	is($target->safe_psql($db, "SELECT state FROM pgcopy_tables WHERE table_name = 'half'"), 'failed', "$db: the table is shown as failed");

	# one index that cannot be built took along the primary key and all behind
	is($target->safe_psql($db, "SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint WHERE contype <> 'n' AND conrelid::regclass::text IN ('indexed', 'refers')"),
		'indexed_pkey refers_a_fkey', "$db: a failed index leaves the constraints of its table alone");
	is($target->safe_psql($db, "SELECT reltuples FROM pg_class WHERE relname = 'indexed'"), '1000', "$db: ... and ANALYZE");
}

#-------------------------------------------------------------------------
# What users add to the tables of jobs
#-------------------------------------------------------------------------

# A foreign key that refers to them, or an AFTER trigger, killed the leader.
{
	new_database($target, 'referred');
	$target->safe_psql('referred', <<'EOQ');
CREATE EXTENSION pgcopydb_ext;
CREATE TABLE note (job bigint REFERENCES pgcopy.job ON DELETE CASCADE ON UPDATE CASCADE, words text);
CREATE TABLE kept (job bigint REFERENCES pgcopy.job);
CREATE TABLE of_item (job bigint, item int, FOREIGN KEY (job, item) REFERENCES pgcopy.item ON DELETE SET NULL);
CREATE TABLE seen (state text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SET search_path = public
AS 'BEGIN INSERT INTO seen VALUES (NEW.state); RETURN NULL; END';
CREATE TRIGGER see AFTER UPDATE OF state ON pgcopy.job FOR EACH ROW EXECUTE FUNCTION see();
EOQ
	$source->safe_psql('postgres', 'CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)');
	my $job = clone($target, conninfo($source, db => 'postgres'), db => 'referred');
	is(wait_for_end($target, $job, db => 'referred', limit => 60), 'done', 'a foreign key to pgcopy.job and a trigger stop no job');
	is($target->safe_psql('referred', "SELECT string_agg(state, ' ') FROM seen"), 'planning pre-data copying post-data done', '... and the trigger fires');
	$target->safe_psql('referred', "INSERT INTO note VALUES ($job, 'mine'); INSERT INTO kept VALUES ($job); INSERT INTO of_item VALUES ($job, 1)");
	my (undef, undef, $err) = $target->psql('referred', "SELECT pgcopy_drop($job)");
	like($err, qr/violates foreign key constraint "kept_job_fkey"/, 'a job that is referred to is not dropped');
	is($target->safe_psql('referred', "DELETE FROM kept; SELECT pgcopy_drop($job); SELECT (SELECT count(*) FROM note), (SELECT count(item) FROM of_item)"), "t\n0|0", '... unless the key says what to do');
	$source->safe_psql('postgres', 'DROP TABLE t');
}

#-------------------------------------------------------------------------
# What one role can do to another
#-------------------------------------------------------------------------

# The leader's lock was one that any role can take.
{
	new_database($target, 'squatter');
	$target->safe_psql('squatter', 'CREATE EXTENSION pgcopydb_ext');
	my $squatter = $target->background_psql('squatter');
	$squatter->query_safe('SELECT pg_advisory_lock(1346847600, 1)');
	my $job = clone($target, conninfo($source, db => 'postgres'), db => 'squatter');
	is(wait_for_end($target, $job, db => 'squatter', limit => 60), 'done', 'an advisory lock of somebody else stops no job');
	$squatter->quit;
}

#-------------------------------------------------------------------------
# Views
#-------------------------------------------------------------------------

# pgcopy_progress was an error where the client's encoding has no blocks.
like($target->safe_psql('squatter', 'SET client_encoding = latin1; SELECT progress FROM pgcopy_progress'),
	qr/^#{20}$/, 'the bar is drawn with signs that the client can show');

done_testing();
