# A clone is the source at one moment, whatever others do there.  DDL that slips
# in before the locks, or while nobody holds them, is noticed, so that rows and
# definitions fit; an ALTER TABLE that waits behind the locks of the clone
# neither blocks it for ever nor changes what it reads; and while money moves
# between accounts, the sum is exact in every clone.  Nothing hangs, and the DDL
# goes through afterwards.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run ();
use POSIX ();
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my ($source, $target) = new_pair('consistency');

#
# DDL before the locks: the leader knows the tables and waits for the lock of
# one; meanwhile others are changed behind its back.  The clone has them as they
# are when all are locked, and its definitions and rows fit.
#
my %slipped = (
	'TRUNCATE' => 'TRUNCATE t1',
	'TRUNCATE and new rows' => 'TRUNCATE t1; INSERT INTO t1 SELECT g, g FROM generate_series(1, 7) g',
	'ALTER COLUMN TYPE' => 'ALTER TABLE t1 ALTER b TYPE text USING b || \'x\'',
	'ALTER COLUMN TYPE without a rewrite' => 'ALTER TABLE t1 ALTER c TYPE text; INSERT INTO t1 VALUES (0, 0, \'longer than before\')',
	'DROP TABLE' => 'DROP TABLE t1',
	'DROP TABLE and CREATE VIEW of that name' => 'DROP TABLE t1; CREATE VIEW t1 AS SELECT 1 AS a, 2 AS b',
	'DROP TABLE and CREATE TABLE of that name' => 'DROP TABLE t1; CREATE TABLE t1 (a int, b int); INSERT INTO t1 VALUES (4711, 1)',
	'DROP VIEW and CREATE VIEW of that name' => 'DROP VIEW v; CREATE VIEW v AS SELECT b FROM t2',
	'RENAME' => 'ALTER TABLE t1 RENAME TO t1_renamed',
	'RENAME to the name of another' => 'ALTER TABLE t1 RENAME TO t; ALTER TABLE t2 RENAME TO t1; ALTER TABLE t RENAME TO t2',
	'RENAME COLUMN' => 'ALTER TABLE t1 RENAME a TO renamed',
	'RENAME COLUMN to the name of another' => 'ALTER TABLE t1 RENAME a TO x; ALTER TABLE t1 RENAME b TO a; ALTER TABLE t1 RENAME x TO b; INSERT INTO t1 VALUES (-1, -2)',
	'RENAME COLUMN of a partition' => 'ALTER TABLE p RENAME key TO renamed',
	'RENAME of a constraint and an index' => 'ALTER TABLE t2 RENAME CONSTRAINT t2_pkey TO other; CREATE INDEX t2_a ON t2 (a); ALTER INDEX t2_a RENAME TO t2_b',
	'DROP and ADD of columns' => 'ALTER TABLE t1 DROP a, ADD a text DEFAULT \'x\'',
	'ADD COLUMN' => 'ALTER TABLE t1 ADD d int DEFAULT 5; INSERT INTO t1 VALUES (0, 0, NULL, 0)',
	'ADD COLUMN generated and as identity' => 'ALTER TABLE t1 ADD d int GENERATED ALWAYS AS (a + 1) STORED, ADD e int GENERATED ALWAYS AS IDENTITY',
	'NOT NULL, defaults and constraints' => 'ALTER TABLE t1 ALTER a SET NOT NULL, ALTER b SET DEFAULT 7, ADD CHECK (a > -5); ALTER TABLE t2 DROP CONSTRAINT t2_pkey',
	'ATTACH PARTITION' => 'CREATE TABLE p3 (LIKE p1); INSERT INTO p3 VALUES (301); ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (300) TO (400)',
	'DETACH PARTITION' => 'ALTER TABLE p DETACH PARTITION p1',
	'INHERIT' => 'CREATE TABLE child () INHERITS (t1); INSERT INTO child VALUES (5, 5)',
	'row security' => 'ALTER TABLE t1 ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t1 USING (a > 50)',
	'rules and triggers' => 'CREATE RULE r AS ON UPDATE TO t1 DO INSTEAD NOTHING; DROP TRIGGER tr ON t2',
	'values of an enum' => 'ALTER TYPE colour RENAME VALUE \'red\' TO \'blue\'; ALTER TABLE t3 RENAME c TO d',
	'CREATE TABLE' => 'CREATE TABLE t9 AS SELECT 9 AS a',
	'SET SCHEMA' => 'CREATE SCHEMA s2; ALTER TABLE t1 SET SCHEMA s2');

my $number = 0;
foreach my $what (sort keys %slipped)
{
	my $db = 'slip' . ++$number;
	new_database($_, $db) for $source, $target;
	$source->safe_psql($db, <<'EOQ');
CREATE TABLE a_blocker (a int);
CREATE TABLE t1 (a int, b int, c varchar(5));
CREATE TABLE t2 (a int, b int PRIMARY KEY);
INSERT INTO t1 SELECT g, -g, g FROM generate_series(1, 100) g;
INSERT INTO t2 SELECT g, g FROM generate_series(1, 100) g;
CREATE TABLE p (key int) PARTITION BY RANGE (key);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (100) TO (200);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (200) TO (300);
INSERT INTO p SELECT g FROM generate_series(100, 299) g;
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE t3 (c colour);
INSERT INTO t3 VALUES ('red'), ('green');
CREATE TRIGGER tr BEFORE UPDATE ON t2 FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE VIEW v AS SELECT a FROM t2;
EOQ
	my $blocker = $source->background_psql($db);
	$blocker->query_safe('BEGIN; LOCK TABLE a_blocker IN ACCESS EXCLUSIVE MODE');
	my $job = clone($target, conninfo($source, db => $db), db => $db);
	ok( wait_until(
			$source,
			"SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND l.relation = 'a_blocker'::regclass AND a.application_name LIKE 'pgcopy%'",
			db => $db,
			what => 'the leader to wait for a lock'),
		"$what: the leader waits for its locks");
	my ($rc, undef, $err) = $source->psql($db, "SET lock_timeout = '20s'; BEGIN; $slipped{$what}; COMMIT", on_error_stop => 1);
	is($err, '', "$what slips in before the locks");
	$blocker->query_safe('ROLLBACK');
	$blocker->quit;
	my $state = wait_for_end($target, $job, db => $db, limit => 60);
	is($state, 'done', "$what: the clone ends");
	assert_same(
		$source, $target,
		source_db => $db,
		db => $db,
		name => "$what: source and target are equal")
	  if $state eq 'done';
	ok(is_quiet($source, $target, 10), "$what: nothing is left");
}

#
# ALTER TABLE queued behind our locks while tables are still to be read.
#
foreach my $split ('0', '100kB')
{
	my $db = "queued_$split";
	new_database($_, $db) for $source, $target;
	create_holds($source, $db);
	$source->safe_psql($db, <<'EOQ');
CREATE TABLE first_one (a int CHECK (hold.here(1)), b text);
INSERT INTO first_one SELECT g, repeat('x', 500) FROM generate_series(1, 3000) g;
CREATE TABLE second_one (a int PRIMARY KEY, b text);
INSERT INTO second_one SELECT g, repeat('y', 300) FROM generate_series(1, 2000) g;
EOQ
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => $db), db => $db, table_jobs => 1, split_tables_larger_than => $split);
	wait_held($target, $db, 1, $job);
	my ($in, $out, $err) = ('', '', '');
	my $alter = IPC::Run::start(
		[ 'psql', '-XqAt', '-d', conninfo($source, db => $db), '-c', 'ALTER TABLE second_one ADD c int DEFAULT 1; INSERT INTO second_one VALUES (0, NULL, 2)' ],
		\$in, \$out, \$err);
	wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'second_one'::regclass AND mode = 'AccessExclusiveLock'",
		db => $db, what => 'the ALTER TABLE to be queued');
	release($hold);
	my $state = wait_for_end($target, $job, db => $db, limit => 60);
	is($state, 'done', "with an ALTER TABLE queued behind our locks the clone ends (split at $split)");
	is( $target->safe_psql($db, 'SELECT (SELECT count(*) FROM first_one), (SELECT count(*) FROM second_one), (SELECT count(*) FROM pg_attribute WHERE attrelid = \'second_one\'::regclass AND attnum > 0)'),
		'3000|2000|2', "and has what was there at the beginning (split at $split)")
	  if $state eq 'done';
	show_job($target, $job, db => $db) if $state ne 'done';
	$alter->finish;
	is($err, '', "the ALTER TABLE goes through afterwards (split at $split)");
	ok(is_quiet($source, $target, 10), "nothing is left (split at $split)");
}

#
# Sessions that move money between tables while 20 clones are made of them.
#
new_database($_, 'money') for $source, $target;
$source->safe_psql('money', <<'EOQ');
CREATE SCHEMA money;
CREATE TABLE money.cash (id int PRIMARY KEY, amount bigint, filler text);
CREATE TABLE money.bank (id int PRIMARY KEY, amount bigint, filler text);
CREATE TABLE money.stock (id int, amount bigint, filler text) PARTITION BY HASH (id);
CREATE TABLE money.stock_0 PARTITION OF money.stock FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE money.stock_1 PARTITION OF money.stock FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON money.stock (id);
CREATE SEQUENCE money.transfers;
INSERT INTO money.cash SELECT g, 1000, repeat('c', 100) FROM generate_series(1, 10000) g;
INSERT INTO money.bank SELECT g, 1000, repeat('b', 100) FROM generate_series(1, 10000) g;
INSERT INTO money.stock SELECT g, 1000, repeat('s', 100) FROM generate_series(1, 10000) g;
EOQ
my $script = PostgreSQL::Test::Utils::tempdir() . '/transfer.sql';
open my $fh, '>', $script or die $!;
print $fh <<'EOS';
\set a random(1, 10000)
\set b random(1, 10000)
\set c random(1, 10000)
\set m random(1, 500)
BEGIN;
UPDATE money.cash SET amount = amount - :m - 5 WHERE id = :a;
UPDATE money.bank SET amount = amount + 2 * :m WHERE id = :b;
UPDATE money.stock SET amount = amount - :m WHERE id = :c;
INSERT INTO money.bank VALUES (10000 + nextval('money.transfers'), 5, 'new');
COMMIT;
EOS
close $fh;

my $sum = 'SELECT (SELECT sum(amount) FROM money.cash) + (SELECT sum(amount) FROM money.bank) + (SELECT sum(amount) FROM money.stock)';
my $expected = $source->safe_psql('money', $sum);
my $bench = fork() // die "could not fork: $!";
if ($bench == 0)
{
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', "$script.log";
	open STDERR, '>&', \*STDOUT;
	exec 'pgbench', '-n', '-c', '3', '-T', '600', '-f', $script, '-d', conninfo($source, db => 'money');
	POSIX::_exit(1);
}
wait_until($source, 'SELECT last_value > 50 FROM money.transfers', db => 'money', what => 'money to move');

my @wrong;
my @moved;
foreach my $run (1 .. 20)
{
	my $job = clone(
		$target, conninfo($source, db => 'money'),
		db => 'money',
		table_jobs => 1 + $run % 4,
		index_jobs => 1 + $run % 2,
		split_tables_larger_than => (qw(0 64kB 200kB 1MB))[ ($run >> 1) % 4 ],
		format => (qw(auto text))[ $run % 3 == 0 ]);
	my $state = wait_for_end($target, $job, db => 'money', limit => 60);
	my $got = $state eq 'done' ? $target->safe_psql('money', $sum) : $state;
	push @wrong, "run $run: $got" if $got ne $expected;
	show_job($target, $job, db => 'money') if $state ne 'done';
	push @moved, $source->safe_psql('money', 'SELECT last_value FROM money.transfers');
	$target->safe_psql('money', 'SET client_min_messages = warning; DROP SCHEMA money CASCADE');
	sleep(rand(0.1));
}
is(join("\n", @wrong), '', 'the sum is exact in all of 20 clones made while money moves');
cmp_ok($moved[-1] - $moved[0], '>', 100, 'money did move all the time') or diag("@moved");
kill 'INT', $bench;
waitpid $bench, 0;
unlike(slurp_file("$script.log"), qr/abort/, 'no transfer was given up');
is($source->safe_psql('money', $sum), $expected, 'and the sum of the source has not changed');

$source->stop;
$target->stop;
done_testing();
