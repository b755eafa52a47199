# Work is done side by side: two tables, two chunks of one table, two indexes of
# one table, indexes of one table while another is copied, and jobs of several
# databases.  All sessions read under one snapshot, so rows that come and go
# meanwhile are never seen.  The source is free of the snapshot when the last
# row has arrived, not when the last index is built.  PostgreSQL's own progress
# views show all of it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('concurrency');
new_database($source, 'copies', 'indexes', 'chunks', 'overlap');
new_database($target, 'copies', 'indexes', 'chunks', 'overlap');
create_holds($source, $_) for qw(copies indexes chunks overlap);

# two COPYs
$source->safe_psql('copies', <<'EOQ');
CREATE TABLE one (a int CHECK (hold.here(1)));
CREATE TABLE two (a int CHECK (hold.here(1)));
INSERT INTO one SELECT generate_series(1, 1000);
INSERT INTO two SELECT generate_series(1, 1000);
EOQ
my $hold = hold($target, 'copies', 1);
my $job = clone($target, conninfo($source, db => 'copies'), db => 'copies', table_jobs => 2);
ok(wait_held($target, 'copies', 1, $job, 2), 'two workers copy at the same moment');
is( $target->safe_psql('copies', "SELECT count(*) FROM pg_stat_progress_copy WHERE datname = 'copies'"),
	'2', 'both are in pg_stat_progress_copy');
is( $target->safe_psql('copies', "SELECT string_agg(object_name, ' ' ORDER BY object_name) FROM pgcopy_workers WHERE doing = 'table'"),
	'one two', 'each has a table of its own');
release($hold);
is(wait_for_end($target, $job, db => 'copies'), 'done', 'both copies end');
assert_same($source, $target, source_db => 'copies', db => 'copies');

# Two CREATE INDEXes, on one table and while another table is still copied.  One
# whose expression calls a function of the database would wait for all rows, so
# these wait in their operator class.
$source->safe_psql('indexes', <<'EOQ');
CREATE FUNCTION hold.compare(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT btint4cmp($1, $2) * hold.here(2)::int';
CREATE OPERATOR CLASS hold.int_ops FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 hold.compare(int, int);
CREATE TABLE one (a int);
INSERT INTO one SELECT generate_series(1, 1000);
CREATE INDEX i1 ON one (a hold.int_ops);
CREATE INDEX i2 ON one (a hold.int_ops);
CREATE TABLE later (a int CHECK (hold.here(1)));
INSERT INTO later SELECT generate_series(1, 1000);
EOQ
my $hold_copy = hold($target, 'indexes', 1);
$hold = hold($target, 'indexes', 2);
$job = clone($target, conninfo($source, db => 'indexes'), db => 'indexes', table_jobs => 2, index_jobs => 2);
ok(wait_held($target, 'indexes', 2, $job, 2), 'two indexes of one table are built at the same moment');
ok(wait_held($target, 'indexes', 1, $job, 1), 'while another table is still being copied');
is( $target->safe_psql('indexes', "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = 'indexes'"),
	'2', 'both are in pg_stat_progress_create_index');
release($hold);
ok( wait_until($target, "SELECT bool_and(state = 'done') FROM pgcopy_indexes WHERE job = $job AND kind = 'index'", db => 'indexes', job => $job),
	'indexes are ready before the last table is copied');
release($hold_copy);
is(wait_for_end($target, $job, db => 'indexes'), 'done', 'then the job ends');

# two sessions on the source that read one table under one snapshot
$source->safe_psql('chunks', <<'EOQ');
CREATE TABLE wide (a int CHECK (hold.here(1)), b text);
ALTER TABLE wide ALTER b SET STORAGE PLAIN;
INSERT INTO wide SELECT g, repeat('x', 1900) FROM generate_series(1, 20000) g;
EOQ
$hold = hold($target, 'chunks', 1);
$job = clone($target, conninfo($source, db => 'chunks'), db => 'chunks', table_jobs => 3, split_tables_larger_than => '8MB');
ok(wait_held($target, 'chunks', 1, $job, 2), 'workers copy chunks of one table at the same moment');

# rows that come and go now are not seen by any of them
$source->safe_psql('chunks', 'INSERT INTO wide VALUES (-1, NULL); DELETE FROM wide WHERE a % 100 = 7');
my $readers = <<'EOQ';
SELECT count(*) >= 2 AND count(DISTINCT backend_xmin::text) = 1 FROM pg_stat_activity
WHERE application_name LIKE 'pgcopy%' AND state = 'active' AND query ~ 'COPY.*wide.*ctid'
EOQ
ok(wait_until($source, $readers, db => 'chunks', limit => 30), 'two sessions on the source read one table under one snapshot');
release($hold);
is(wait_for_end($target, $job, db => 'chunks'), 'done', 'the chunks are copied');
is($target->safe_psql('chunks', 'SELECT count(*), count(DISTINCT a), min(a), max(a) FROM wide'),
	'20000|20000|1|20000', 'every row is there once, as of the snapshot');
assert_frozen($target, db => 'chunks');

# the snapshot is let go when the last row is in, not when the indexes are
$source->safe_psql('overlap', <<'EOQ');
CREATE TABLE t (a int);
INSERT INTO t SELECT generate_series(1, 1000);
CREATE INDEX i ON t ((a + hold.here(2)::int));
EOQ
$hold = hold($target, 'overlap', 2);
$job = clone($target, conninfo($source, db => 'overlap'), db => 'overlap');
wait_held($target, 'overlap', 2, $job);
ok( wait_until(
		$source,
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'pgcopy%' AND backend_xmin IS NOT NULL",
		db => 'overlap',
		limit => 20),
	'the snapshot on the source is let go before the indexes are built');
release($hold);
is(wait_for_end($target, $job, db => 'overlap'), 'done', 'that job ends too');

# several jobs at a time, each in its database
new_database($target, 'many1', 'many2');
$hold = hold($target, 'many1', 1);
my $hold2 = hold($target, 'many2', 1);
my $first = clone($target, conninfo($source, db => 'copies'), db => 'many1', table_jobs => 1, index_jobs => 1);
my $second = clone($target, conninfo($source, db => 'copies'), db => 'many2', table_jobs => 1, index_jobs => 1);
ok(wait_held($target, 'many1', 1, $first) && wait_held($target, 'many2', 1, $second), 'two jobs run at the same moment');
release($hold);
release($hold2);
is(wait_for_end($target, $first, db => 'many1') . wait_for_end($target, $second, db => 'many2'), 'donedone', 'and both end');

ok(is_quiet($source, $target, 10), 'nothing is left');
$source->stop;
$target->stop;
done_testing();
