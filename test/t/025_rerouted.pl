# A leaf that refuses a row of the source's leaf, though the plan was certain of
# it, starts its whole tree over, and rows go through the root.  What other
# workers do at that moment, what is built on leaves already, and a crash in the
# middle change nothing about the result.  Rows that no leaf takes are an error
# of their item alone.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('rerouted', target_conf => "restart_after_crash = on\n");

# Put rows into a leaf as if its partition constraint had been another one.
sub smuggle
{
	my ($db, $leaf, $rows) = @_;
	$source->safe_psql($db, "UPDATE pg_class SET relispartition = false WHERE oid = '$leaf'::regclass");
	$source->safe_psql($db, "INSERT INTO $leaf $rows");
	$source->safe_psql($db, "UPDATE pg_class SET relispartition = true WHERE oid = '$leaf'::regclass");
	return;
}

# Rows without indexes, so that nothing is missed or found twice.
sub rows_of
{
	my ($node, $db, $from) = @_;
	return $node->safe_psql($db, <<EOQ);
SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;
SELECT count(*), sum(hashtextextended(t::text COLLATE "C", 0)) FROM $from t
EOQ
}

sub notices
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT object FROM pgcopy_notices WHERE job = $job AND message ~ 'other partitions' ORDER BY 1");
}

sub indexes
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, <<'EOQ');
SELECT indexrelid::regclass, indrelid::regclass, indisvalid, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
ORDER BY indexrelid::regclass::text COLLATE "C"
EOQ
}

# A tree of two levels; indexes, a foreign key to a leaf and one of a leaf, and
# a constraint that a test can stop loads in.
sub make_ledger
{
	my ($db) = @_;
	new_database($_, $db) for $source, $target;
	create_holds($source, $db);
	$source->safe_psql($db, <<'EOQ');
CREATE TABLE kind (k int PRIMARY KEY);
INSERT INTO kind SELECT generate_series(0, 9);
CREATE TABLE ledger (id int CONSTRAINT held CHECK (id < 900000 OR hold.here(id - 899999)), k int, note text) PARTITION BY RANGE (id);
CREATE TABLE ledger_0 PARTITION OF ledger FOR VALUES FROM (MINVALUE) TO (1000);
CREATE TABLE ledger_1 (note text, id int CONSTRAINT held CHECK (id < 900000 OR hold.here(id - 899999)), k int);
ALTER TABLE ledger ATTACH PARTITION ledger_1 FOR VALUES FROM (1000) TO (20000);
CREATE TABLE ledger_2 PARTITION OF ledger FOR VALUES FROM (20000) TO (1000000) PARTITION BY LIST (k);
CREATE TABLE ledger_2_odd PARTITION OF ledger_2 FOR VALUES IN (1, 3, 5, 7, 9);
CREATE TABLE ledger_2_even PARTITION OF ledger_2 FOR VALUES IN (0, 2, 4, 6, 8);
INSERT INTO ledger SELECT g, g % 10, repeat(md5(g::text), 3) FROM generate_series(1, 40000) g;
ALTER TABLE ledger ADD PRIMARY KEY (id, k);
CREATE INDEX ON ledger (note);
ALTER TABLE ledger_0 ADD UNIQUE (id);
ALTER TABLE ledger_0 ADD FOREIGN KEY (k) REFERENCES kind;
CREATE TABLE mention (id int REFERENCES ledger_0 (id));
INSERT INTO mention SELECT generate_series(1, 500);
CREATE TABLE plain (id int PRIMARY KEY, note text);
INSERT INTO plain SELECT g, 'plain' FROM generate_series(1, 1000) g;
EOQ
	return;
}

sub check_ledger
{
	my ($db, $job) = @_;
	is(rows_of($target, $db, $_), rows_of($source, $db, $_), "all rows of $_ are there, each once") for qw(ledger plain mention);
	is(misplaced($target, $db), '', 'each row is in the leaf it belongs to');
	is(indexes($target, $db), indexes($source, $db), 'all indexes are there');
	is( $target->safe_psql($db, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"),
		$source->safe_psql($db, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"),
		'and all foreign keys');
	is( $target->safe_psql($db, "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND is_final"), '0', 'no error is final');
	is( $target->safe_psql($db, "SELECT count(*) FROM pgcopy.item WHERE job = $job AND state <> 'done'"), '0', 'every item is done');
	assert_frozen($target, db => $db);
	return;
}

#
# Other leaves are done with their indexes, and one is being loaded
#
make_ledger('busy');
$source->safe_psql('busy', 'INSERT INTO ledger VALUES (900001, 1, $$waits$$)');
smuggle('busy', 'ledger_1', "VALUES ('waits', 900000, 2), ('elsewhere', 500001, 3), ('elsewhere', 500002, 4), ('elsewhere', -7, 5)");
my $hold = hold($target, 'busy', 1);
my $hold_too = hold($target, 'busy', 2);
my $job = clone($target, conninfo($source, db => 'busy'), db => 'busy', table_jobs => 4);
wait_held($target, 'busy', 1, $job);
wait_held($target, 'busy', 2, $job);
wait_until($target, "SELECT count(*) > 3 FROM pgcopy.item WHERE job = $job AND state = 'done' AND kind IN ('index', 'constraint', 'foreign key')"
	  . " AND object_name ~ '^(ledger_0|mention)'", db => 'busy', job => $job,
	what => 'a leaf with its indexes and foreign keys');
release($hold);
wait_until($target, "SELECT count(*) FROM pgcopy.relation WHERE job = $job AND through_root",
	db => 'busy', expected => 4, job => $job, what => 'the tree to be routed');
release($hold_too);
is(wait_for_end($target, $job, db => 'busy'), 'done', 'the clone ends done');
is(notices('busy', $job), 'public.ledger', 'a notice names the table');
check_ledger('busy', $job);
is( $target->safe_psql('busy', "SELECT count(DISTINCT referenced) FROM pgcopy.item WHERE job = $job AND kind = 'table' AND object_name ~ '^ledger'"),
	'1', 'all leaves went through the root');
is( $target->safe_psql('busy', "SELECT string_agg(object_name, ' ') FROM pgcopy.item WHERE job = $job AND kind = 'table' AND object_name ~ '^(kind|mention)' AND attempts > 1"),
	'', 'tables that were done stayed so');
is( $target->safe_psql('busy', "SELECT rows_done FROM pgcopy_tables WHERE job = $job AND table_name = 'ledger_1'"),
	$source->safe_psql('busy', 'SELECT count(*) FROM ledger_1'), 'views show the rows that were read from a leaf');

#
# In chunks, in small groups, by a leader alone
#
make_ledger('chunks');
smuggle('chunks', 'ledger_1', "VALUES ('elsewhere', 500001, 3)");
$job = clone($target, conninfo($source, db => 'chunks'), db => 'chunks', split_tables_larger_than => '64 kB', on_error => 'continue');
is(wait_for_end($target, $job, db => 'chunks'), 'done', 'the clone of a split table ends done');
cmp_ok($target->safe_psql('chunks', "SELECT count(*) FROM pgcopy.item WHERE job = $job AND kind = 'table' AND object_name = 'ledger_1'"),
	'>', 4, 'in chunks');
check_ledger('chunks', $job);

#
# The leader is killed right after it has started the tree over, and before
#
foreach my $action ('kill', 'fatal')
{
	make_ledger($action);
	smuggle($action, 'ledger_1', "VALUES ('elsewhere', 500001, 3)");
	$target->safe_psql('postgres', "ALTER DATABASE \"$action\" SET pgcopy.test_point = 'tree rerouted'; ALTER DATABASE \"$action\" SET pgcopy.test_action = '$action'; ALTER DATABASE \"$action\" SET pgcopy.test_hit = 1");
	my $offset = -s $target->logfile;
	$job = clone($target, conninfo($source, db => $action), db => $action);
	$target->wait_for_log(qr/was terminated by signal 9/, $offset) if $action eq 'kill';
	wait_until($target, 'SELECT true');
	isnt(wait_for_end($target, $job, db => $action), 'done', 'the leader has ended');
	$target->safe_psql('postgres', "ALTER DATABASE \"$action\" RESET ALL");
	$target->safe_psql($action, "SELECT pgcopy_resume($job, consistent => false)");
	is(wait_for_end($target, $job, db => $action), 'done', "a job whose leader ended ($action) in the middle can be resumed");
	check_ledger($action, $job);
}

#
# A routed part of a tree whose upper level is not as it was planned
#
new_database($_, 'upper') for $source, $target;
$source->safe_psql('upper', <<'EOQ');
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE tree (zone int, m mood, id int) PARTITION BY LIST (zone);
CREATE TABLE tree_0 PARTITION OF tree FOR VALUES IN (0);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1) PARTITION BY HASH (m);
CREATE TABLE tree_1_0 PARTITION OF tree_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE tree_1_1 PARTITION OF tree_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO tree SELECT g % 2, (enum_range(NULL::mood))[1 + g % 3], g FROM generate_series(1, 1000) g;
CREATE INDEX ON tree (id);
EOQ
smuggle('upper', 'tree_1_0', "VALUES (0, 'ok', 5000)");
$job = clone_ok($target, conninfo($source, db => 'upper'), db => 'upper');
is(notices('upper', $job), 'public.tree', 'the whole tree is started over');
is(misplaced($target, 'upper'), '', 'each row is in the leaf it belongs to');
is(rows_of($target, 'upper', 'tree'), rows_of($source, 'upper', 'tree'), 'all rows are there, each once');
assert_frozen($target, db => 'upper');

#
# Rows that no leaf takes; a leaf that fails for another reason
#
new_database($_, 'nowhere') for $source, $target;
$source->safe_psql('nowhere', <<'EOQ');
CREATE FUNCTION fits(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE TABLE tree (id int CHECK (fits(id)), note text) PARTITION BY RANGE (id);
CREATE TABLE tree_0 PARTITION OF tree FOR VALUES FROM (0) TO (100);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES FROM (100) TO (200);
CREATE TABLE tree_2 PARTITION OF tree FOR VALUES FROM (200) TO (300);
INSERT INTO tree SELECT g FROM generate_series(0, 299) g;
CREATE INDEX ON tree (id);
CREATE TABLE other (id int);
INSERT INTO other VALUES (1);
EOQ
smuggle('nowhere', 'tree_0', 'VALUES (1000)');
$source->safe_psql('nowhere', q{CREATE OR REPLACE FUNCTION fits(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 <> 150'});
$job = clone($target, conninfo($source, db => 'nowhere'), db => 'nowhere', on_error => 'continue');
is(wait_for_end($target, $job, db => 'nowhere'), 'done', 'a clone with rows that no leaf takes goes on after the error');
my $errors = $target->safe_psql('nowhere', "SELECT object || ': ' || message || ' - ' || context FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY 1");
like($errors, qr/table public\.tree_0: no partition of relation "tree" found for row - COPY public\.tree, row 101/, 'which names table and row');
like($errors, qr/table public\.tree_1: new row for relation "tree_1" violates check constraint/, 'another error is what it is');
is(rows_of($target, 'nowhere', 'tree'), rows_of($source, 'nowhere', 'tree_2'), 'the rows of the other leaf are there');
is(rows_of($target, 'nowhere', 'other'), rows_of($source, 'nowhere', 'other'), 'and those of other tables');

# A CHECK alone routes nothing.
$source->safe_psql('nowhere', 'DELETE FROM tree_0 WHERE id = 1000');
new_database($target, 'check');
$job = clone($target, conninfo($source, db => 'nowhere'), db => 'check');
is(wait_for_end($target, $job, db => 'check'), 'failed', 'a row that violates a CHECK makes the job fail');
is(notices('check', $job), '', 'and routes nothing');

$source->stop;
$target->stop;
done_testing();
