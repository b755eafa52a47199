# Rows of leaves below a hash partition by an enum go to the leaf that the
# target's own hash says, frozen, from several sessions into the same leaves at
# a time.  When a worker dies amid that, its second attempt removes the visible
# rows that the first has left, and those of nobody else.  A leaf that cannot be
# loaded leaves nothing and takes nothing with it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('routed');
new_database($_, 'app') for $source, $target;
create_holds($source, 'app');

# The hold takes its key from the row: a constant would be evaluated by ATTACH.
# Leaves with other orders of columns, with dropped ones, on two levels, and
# some that are not routed.  In the target, enum values have other OIDs.
$source->safe_psql('app', <<'EOQ');
CREATE TYPE colour AS ENUM ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l');
CREATE TABLE paint (zone int, id int CONSTRAINT held CHECK (id < 900000 OR hold.here(id - 899999)), c colour,
	twice int GENERATED ALWAYS AS (id * 2) STORED, note text) PARTITION BY LIST (zone);
CREATE TABLE paint_plain PARTITION OF paint FOR VALUES IN (1);
CREATE TABLE paint_hash PARTITION OF paint FOR VALUES IN (2) PARTITION BY HASH (c);
CREATE TABLE paint_0 PARTITION OF paint_hash FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE paint_1 (note text, gone int, c colour, zone int, twice int GENERATED ALWAYS AS (id * 2) STORED,
	id int CONSTRAINT held CHECK (id < 900000 OR hold.here(id - 899999)));
ALTER TABLE paint_1 DROP gone;
ALTER TABLE paint_1 ADD CHECK (twice = id * 2);
ALTER TABLE paint_hash ATTACH PARTITION paint_1 FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE paint_2 PARTITION OF paint_hash FOR VALUES WITH (MODULUS 4, REMAINDER 2) PARTITION BY RANGE (id);
CREATE TABLE paint_2_low PARTITION OF paint_2 FOR VALUES FROM (MINVALUE) TO (12000);
CREATE TABLE paint_2_high PARTITION OF paint_2 DEFAULT;
CREATE UNLOGGED TABLE paint_3 PARTITION OF paint_hash FOR VALUES WITH (MODULUS 4, REMAINDER 3);
INSERT INTO paint (zone, id, c, note)
SELECT 2, g, (enum_range(NULL::colour))[g % 12 + 1],
	CASE WHEN g % 100 = 0 THEN (SELECT string_agg(md5(g || ' ' || i), '') FROM generate_series(1, 150) i)
		ELSE repeat(md5(g::text), 4) END
FROM generate_series(1, 80000) g;
INSERT INTO paint (zone, id, c, note) VALUES (2, 1, NULL, 'no colour');
INSERT INTO paint (zone, id, c, note) SELECT 1, g, 'c', 'not routed' FROM generate_series(1, 100) g;
INSERT INTO paint (zone, id, c, note) SELECT DISTINCT ON (tableoid) 2, 900000, c, 'last of its leaf' FROM paint WHERE id > 12000;
CREATE INDEX ON paint (id);
CREATE INDEX ON paint_0 (left(note, 10));
EOQ

my $rows = 'SELECT count(*), sum(hashtextextended(format(\'%s %s %s %s %s\', zone, id, c, twice, note), 0)) FROM paint';
my $hold = hold($target, 'app', 1);
my $job = clone($target, conninfo($source, db => 'app'), db => 'app', table_jobs => 4);

wait_held($target, 'app', 1, $job, 2);
my $held = <<'EOQ';
SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
WHERE l.locktype = 'advisory' AND NOT l.granted AND a.backend_type ILIKE '%pgcopy%' ORDER BY a.pid
EOQ
my @pids = split /\n/, $target->safe_psql('app', $held);
my $before = $target->safe_psql('app', 'SELECT count(*) FROM paint');
cmp_ok($before, '>', 1000, 'rows of loads that have not committed are there');

is($target->safe_psql('app', "SELECT pg_terminate_backend($pids[0])"), 't', 'a worker is terminated in the middle');
wait_until($target, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pids[0]",
	db => 'app', expected => '0', what => 'the end of the worker');
wait_until($target, "SELECT max(attempts) > 1 FROM pgcopy.item WHERE job = $job AND state = 'running'",
	db => 'app', job => $job, what => 'the second attempt');
wait_held($target, 'app', 1, $job, scalar @pids);
is($target->safe_psql('app', "SELECT pg_terminate_backend($pids[1])"), 't', 'another one too');
release($hold);

is(wait_for_end($target, $job, db => 'app'), 'done', 'the clone ends done');
is( $target->safe_psql('app', "SELECT count(*) >= 2 FROM pgcopy.item WHERE job = $job AND attempts > 1"),
	't', 'items were tried a second time');
is( $target->safe_psql('app', "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off; $rows"),
	$source->safe_psql('app', $rows),
	'the target has the rows of the source, each once');
is( $target->safe_psql('app', <<'EOQ'), '0', 'each row is in the leaf it belongs to');
SELECT count(*) FROM paint WHERE tableoid NOT IN ('paint_plain'::regclass)
AND NOT satisfies_hash_partition('paint_hash'::regclass, 4,
	CASE WHEN tableoid::regclass::text LIKE 'paint\_2%' THEN 2 ELSE right(tableoid::regclass::text, 1)::int END, c)
EOQ
assert_frozen($target, db => 'app');

# A leaf of the source that cannot be loaded leaves nothing, and takes nothing.
$source->safe_psql('app', <<'EOQ');
INSERT INTO paint (zone, id, c, note) VALUES (2, 900001, 'e', 'refused');
CREATE OR REPLACE FUNCTION hold.here(key int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT key <> 2';
EOQ
new_database($target, 'partly');
$job = clone($target, conninfo($source, db => 'app'), db => 'partly', table_jobs => 4, on_error => 'continue');
is(wait_for_end($target, $job, db => 'partly'), 'done', 'a clone goes on after an error');
is( $target->safe_psql('partly', "SELECT sqlstate FROM pgcopy_errors WHERE job = $job AND is_final"),
	'23514', 'one leaf has failed');
is( $target->safe_psql('partly', "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off; $rows"),
	$source->safe_psql('app', "$rows WHERE tableoid <> (SELECT tableoid FROM paint WHERE id = 900001)"),
	'the target has the rows of all other leaves, and none of that');
assert_frozen($target, db => 'partly', name => 'VACUUM has taken away what the failed leaf had left');

$source->stop;
$target->stop;
done_testing();
