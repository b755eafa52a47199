# Tables of sources that cannot scan ranges of blocks (before 14) are split by
# ranges of an integer key, where one is unique, not null, and in about the
# order of the rows; no others are.  Chunks are about equally large, rows beyond
# the sample come along, and the clone is equal to its source.
#
# On a source of this version that is asked for by a setting.  PGCOPY_OTHER_BIN
# may be the bin directory of an older major version: then on that one, too.
use strict;
use warnings;

use File::Basename;
use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

# Each larger than 100 kB: what is above splits, what is below must not.
my $split = <<'EOQ';
CREATE TABLE int8_extremes (id int8 PRIMARY KEY, b text);
INSERT INTO int8_extremes SELECT g * 2305843009213693, repeat('x', 200) FROM generate_series(-4000, 3999) g;
INSERT INTO int8_extremes VALUES (9223372036854775807, 'last');
UPDATE int8_extremes SET id = -9223372036854775808 WHERE id = (SELECT min(id) FROM int8_extremes);
CREATE TABLE int4_extremes (a int4, b text, UNIQUE (a));
INSERT INTO int4_extremes SELECT -2147483648 + g::int8 * 536870, repeat('x', 200) FROM generate_series(0, 7999) g;
INSERT INTO int4_extremes VALUES (2147483647, 'last');
ALTER TABLE int4_extremes ALTER a SET NOT NULL;
CREATE TABLE int2_falling (a int2 PRIMARY KEY, b text);
INSERT INTO int2_falling SELECT g, repeat('x', 200) FROM generate_series(4000, -4000, -1) g;
CREATE TABLE outliers (a int8 PRIMARY KEY, b text);
INSERT INTO outliers SELECT g, repeat('x', 200) FROM generate_series(1, 5000) g;
INSERT INTO outliers SELECT 9000000000000000000 + g, repeat('x', 200) FROM generate_series(1, 10) g;
CREATE TABLE "Odd ""name" ("Odd ""key" int, "order" int, b text, PRIMARY KEY ("Odd ""key", "order"));
INSERT INTO "Odd ""name" SELECT g / 100, g, repeat('x', 200) FROM generate_series(1, 5000) g;
CREATE TABLE dropped (gone int, a int PRIMARY KEY, b text);
INSERT INTO dropped SELECT 0, g, repeat('x', 200) FROM generate_series(1, 5000) g;
ALTER TABLE dropped DROP gone;
CREATE TABLE parent (a int PRIMARY KEY, b text);
CREATE TABLE child (PRIMARY KEY (a)) INHERITS (parent);
INSERT INTO parent SELECT g, repeat('x', 200) FROM generate_series(1, 5000) g;
INSERT INTO child SELECT g, repeat('x', 200) FROM generate_series(1, 5000) g;
EOQ
my $whole = <<'EOQ';
CREATE TABLE w_random (a int PRIMARY KEY, b text);
INSERT INTO w_random SELECT g * 7919::int8 % 8009, repeat('x', 200) FROM generate_series(1, 8000) g;
CREATE TABLE w_no_key (a int, b text);
INSERT INTO w_no_key SELECT g, repeat('x', 200) FROM generate_series(1, 5000) g;
CREATE TABLE w_may_be_null (a int UNIQUE, b text);
INSERT INTO w_may_be_null SELECT NULLIF(g, 100), repeat('x', 200) FROM generate_series(1, 5000) g;
CREATE TABLE w_partial (a int NOT NULL, b text);
CREATE UNIQUE INDEX ON w_partial (a) WHERE a > 10;
INSERT INTO w_partial SELECT g, repeat('x', 200) FROM generate_series(1, 5000) g;
CREATE TABLE w_text_key (a text PRIMARY KEY, b text);
INSERT INTO w_text_key SELECT lpad(g::text, 8, '0'), repeat('x', 200) FROM generate_series(1, 5000) g;
CREATE TABLE w_one_value (a int, b int, c text, PRIMARY KEY (a, b));
INSERT INTO w_one_value SELECT 1, g, repeat('x', 200) FROM generate_series(1, 5000) g;
CREATE TABLE w_small (a int PRIMARY KEY);
INSERT INTO w_small SELECT g FROM generate_series(1, 100) g;
EOQ

# Tables that are wrongly split, or wrongly not, with their chunks.
my $surprises = <<'EOQ';
SELECT table_name, chunks_total, attempts FROM pgcopy_tables
WHERE (chunks_total >= 8) = (table_name LIKE 'w\_%') OR attempts <> 1 ORDER BY 1
EOQ

# Whether chunks of a table are about equally large, outliers or not.
my $uneven = <<'EOQ';
SELECT r.table_name, max(i.rows_done), avg(i.rows_done) FROM pgcopy.item i JOIN pgcopy.relation r ON r.job = i.job AND r.no = i.relation
WHERE i.kind = 'table' AND r.split_key IS NOT NULL GROUP BY 1 HAVING max(i.rows_done) > 2 * avg(i.rows_done)
EOQ

sub check_source
{
	my ($source, $target, $db, $name, %same) = @_;

	$source->safe_psql($db, $split . $whole);
	new_database($target, $db);
	clone_ok($target, conninfo($source, db => $db), db => $db, table_jobs => 4,
		split_tables_larger_than => '100kB', name => "$name: the job ends done");
	is($target->safe_psql($db, $surprises), '', "$name: tables with an ordered key are split, no others");
	is($target->safe_psql($db, $uneven), '', "$name: chunks are about equally large");
	assert_same($source, $target, source_db => $db, db => $db, name => "$name: all rows are there, once", %same);
	assert_frozen($target, db => $db, name => "$name: they are frozen");
	return;
}

my ($source, $target) = new_pair('keys', target_conf => "pgcopy.split_by_ctid = off\n");
new_database($source, 'keys', 'blocks');
check_source($source, $target, 'keys', 'by setting');

# The sample has seen only what it was taken from: rows beyond it come along.
is($target->safe_psql('keys', <<'EOQ'), 't', 'the outermost chunks have no bounds');
SELECT bool_and(split_bounds[1] > -2147483648 AND split_bounds[cardinality(split_bounds)] < 2147483647)
FROM pgcopy.relation WHERE table_name = 'int4_extremes'
EOQ

# By blocks, where nobody asks for anything else.
$target->append_conf('postgresql.conf', "pgcopy.split_by_ctid = on\n");
$target->reload;
$source->safe_psql('blocks', $whole);
new_database($target, 'blocks');
clone_ok($target, conninfo($source, db => 'blocks'), db => 'blocks', split_tables_larger_than => '100kB');
is($target->safe_psql('blocks', "SELECT count(*) FROM pgcopy.relation WHERE split_key IS NOT NULL"), 0,
	'a source of this version is split by blocks');

SKIP:
{
	my $bin = $ENV{PGCOPY_OTHER_BIN};

	skip 'PGCOPY_OTHER_BIN is not set', 1 unless defined $bin;

	my $old = PostgreSQL::Test::Cluster->new('keys_old', install_path => dirname($bin));
	$old->init;
	$old->start;
	new_database($old, 'old');
	my $version = $old->safe_psql('postgres', 'SHOW server_version');
	check_source($old, $target, 'old', "source $version", schema => 0);
	$old->stop;
}

done_testing();
