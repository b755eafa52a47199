# statistics => 'copy': the planner's statistics are the source's, row by row of pg_stats,
# for every type whose statistics that view tells in full.  They commit with the rows,
# and neither pages nor rows are told otherwise than ANALYZE would.  A table whose
# statistics cannot come is analyzed here: one that the source has not analyzed or that
# has changed much since, with CREATE STATISTICS, with an index on an expression, with
# a type that keeps statistics of its own, with ranges (before 17), with a filter or values
# of a user.  Those values appear nowhere.  'none' makes no statistics, and tells
# autovacuum of the rows; 'analyze' makes them here.
use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('statistics', target_conf => "autovacuum = off\n", source_conf => "autovacuum = off\n");
my @databases = qw(copied analyzed none split masked parted whole one);
new_database($source, 'app', 'part');
new_database($target, @databases);

# ANALYZE here makes ten times as many values: so statistics tell who has made them.
my $analyze = 'SET default_statistics_target = 8; ANALYZE';

$source->safe_psql('app', <<'EOQ');
CREATE SCHEMA "odd Schema";
CREATE TYPE "odd Schema".mood AS ENUM ('sad', 'ok', 'two words', '"', '{}');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN short AS varchar(5);
CREATE COLLATION backwards (provider = icu, locale = 'und-u-kf-upper');
CREATE TABLE "odd Schema"."types ""of"" everything" (
	i int, b bigint, s smallint, n numeric, nn numeric(12, 3), f real, d double precision, t text,
	c text COLLATE "C", o text COLLATE backwards, v varchar(20), ch char(7), na name, q "char", bo boolean, by bytea,
	da date, ti time, tz timestamptz, ts timestamp, iv interval, u uuid, ip inet, cidr cidr, mac macaddr, m money,
	bi bit(5), vb varbit, mood "odd Schema".mood, p pair, po positive, sh short, ia int[], ta text[], ma "odd Schema".mood[],
	pa pair[], doc tsvector, j json, jb jsonb, pt point, bx box, oi oid, re regclass, x xid, l pg_lsn, "Quoted "" Name" text,
	always_null int, dropped int, one_value int, gen int GENERATED ALWAYS AS (i * 2) STORED, no_target int);
ALTER TABLE "odd Schema"."types ""of"" everything" DROP COLUMN dropped, ALTER no_target SET STATISTICS 0;
INSERT INTO "odd Schema"."types ""of"" everything"
SELECT g, g * 10000000000, g % 7, g / 3.0, g, g / 7.0, sqrt(g), repeat(chr(97 + g % 26), 1 + g % 30) || E' \\ " , { é',
	CASE WHEN g % 2 = 0 THEN 'B' ELSE 'a' END || g % 40, CASE WHEN g % 2 = 0 THEN 'B' ELSE 'b' END || g % 40, 'v' || g % 500, 'ch' || g % 90, 'n' || g % 90,
	chr(97 + g % 20)::"char", g % 3 = 0, decode(lpad(to_hex(g % 255), 4, '0'), 'hex'), date '2020-01-01' + g, time '00:00' + g * interval '7 s',
	timestamptz '2020-01-01 12:00+07' + g * interval '1 h', timestamp '2020-01-01 BC' + g * interval '1 h', g * interval '-1 month 2 days',
	md5(g::text)::uuid, ('10.0.' || g % 200 || '.' || g % 250)::inet, ('10.' || g % 200 || '.0.0/16')::cidr, ('00:00:00:00:00:' || lpad(to_hex(g % 200), 2, '0'))::macaddr, (g % 300)::money,
	(g % 32)::bit(5), (g % 8)::bit(3)::varbit, (ARRAY['sad', 'ok', 'two words', '"', '{}'])[1 + g % 5]::"odd Schema".mood, (g % 30, 'x,"' || g)::pair, 1 + g % 400, 's' || g % 50,
	ARRAY[g % 10, g % 20, NULL], ARRAY['t' || g % 30, '"', 'a b', '{,}'], ARRAY['ok', '"']::"odd Schema".mood[], ARRAY[(g % 3, 'a')::pair],
	to_tsvector('simple', 'w' || g % 10 || ' v' || g % 100 || ' ''quote'), '{"a": 1}', jsonb_build_object('a', g % 60), point(g, g), box(point(0, 0), point(g, g)),
	g % 90, (ARRAY['pg_class', 'pg_type'])[1 + g % 2]::regclass, '7', ('0/' || to_hex(g))::pg_lsn, 'q' || g, NULL, 1
  FROM generate_series(1, 2000) g;
UPDATE "odd Schema"."types ""of"" everything" SET t = NULL, n = 'NaN', d = 'infinity', f = '-infinity', jb = NULL WHERE i % 5 = 0;
CREATE TABLE empty (a int PRIMARY KEY, b text);
CREATE TABLE without_index AS SELECT g AS a, 'x' || g AS b FROM generate_series(1, 3000) g;
CREATE TABLE keyed (id int PRIMARY KEY, b text);
INSERT INTO keyed SELECT g, g % 100 FROM generate_series(1, 3000) g;
CREATE VIEW what AS SELECT a FROM without_index;

-- statistics of these cannot come
CREATE TABLE extended AS SELECT g AS a, g % 100 AS b FROM generate_series(1, 3000) g;
CREATE STATISTICS ab ON a, b FROM extended;
CREATE TABLE expression AS SELECT g AS a FROM generate_series(1, 3000) g;
CREATE INDEX ON expression ((a % 100));
CREATE TABLE never_analyzed AS SELECT g AS a FROM generate_series(1, 3000) g;
CREATE TABLE changed AS SELECT g AS a FROM generate_series(1, 3000) g;
CREATE TABLE changed_a_bit AS SELECT g AS a FROM generate_series(1, 3000) g;
CREATE TABLE new_column AS SELECT g AS a FROM generate_series(1, 3000) g;
CREATE TABLE ranges AS SELECT g AS a, int4range(g, g + g % 30) AS r, int4multirange(int4range(g, g + 5)) AS m FROM generate_series(1, 3000) g;
CREATE TABLE inherited (a int);
CREATE TABLE heir () INHERITS (inherited);
INSERT INTO inherited SELECT generate_series(1, 3000);
INSERT INTO heir SELECT generate_series(3000, 6000);
CREATE MATERIALIZED VIEW matview AS SELECT a FROM without_index;
EOQ
$source->safe_psql('app', <<"EOQ");
$analyze "odd Schema"."types ""of"" everything", empty, without_index, keyed, extended, expression, changed, changed_a_bit, new_column, ranges, inherited, heir, matview;
UPDATE changed SET a = a WHERE a <= 1000;
UPDATE changed_a_bit SET a = a WHERE a <= 200;
ALTER TABLE new_column ADD b int DEFAULT 3;
EOQ

# Without the OIDs: what they are of, and what they say.
my $STATS = 'SELECT * FROM pg_stats WHERE schemaname NOT LIKE $$pg\_%$$ AND schemaname <> $$information_schema$$';

sub stats
{
	my ($node, $db, $where) = @_;
	return $node->safe_psql($db, "SET extra_float_digits = 3; $STATS AND $where ORDER BY schemaname, tablename, attname, inherited");
}

sub values_of
{
	my ($node, $db, $table) = @_;
	return $node->safe_psql($db, "SELECT max(COALESCE(array_length(histogram_bounds, 1), 0)) FROM pg_stats WHERE tablename = '$table' AND NOT inherited");
}

sub copied
{
	my ($db, $table, $source_db) = @_;
	my $where = "tablename = " . quote_literal($table) . ' AND NOT inherited';
	my $expected = stats($source, $source_db // 'app', $where);
	return $expected ne '' && stats($target, $db, $where) eq $expected;
}

# What the planner knows of pages and rows is the truth.
my $COUNTS = <<'EOQ';
SELECT c.oid::regclass, c.relpages, c.reltuples, c.relallvisible,
       pg_relation_size(c.oid) / 8192, (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ONLY ' || c.oid::regclass, false, true, '')))[1]
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND (n.nspname = 'public' OR n.nspname LIKE 'odd%')
EOQ
sub miscounted
{
	my ($db) = @_;
	return $target->safe_psql($db, "SELECT * FROM ($COUNTS) AS c(name, pages, rows, visible, real_pages, real_rows) WHERE pages <> real_pages OR visible <> pages OR rows::text <> real_rows::text");
}

#-------------------------------------------------------------------------
# Copied
#-------------------------------------------------------------------------

clone_ok($target, conninfo($source, db => 'app'), db => 'copied', statistics => 'copy', name => 'statistics of all types are copied');
assert_same($source, $target, source_db => 'app', db => 'copied');
ok(copied('copied', $_), "those of $_ are the source's, row by row")
  for 'types "of" everything', 'keyed', 'without_index', 'changed_a_bit', 'heir';
is(values_of($target, 'copied', 'keyed'), 9, '... which are not those that ANALYZE makes here');
is(values_of($target, 'copied', $_), 101, "$_ is analyzed here")
  for qw(extended expression never_analyzed changed new_column inherited matview);
my $tells_ranges = $source->safe_psql('postgres', 'SHOW server_version_num') >= 170000;
is(values_of($target, 'copied', 'ranges'), $tells_ranges ? 9 : 101, 'and so is one with ranges, before 17');
ok(copied('copied', 'ranges') || !$tells_ranges, '... else their statistics are copied');
is($target->safe_psql('copied', "SELECT count(*) FROM pg_statistic_ext_data"), '1', '... CREATE STATISTICS has its statistics');
is($target->safe_psql('copied', "SELECT count(*) FROM pg_stats WHERE tablename = 'expression_expr_idx'"), '1', '... and the index on an expression');
is(miscounted('copied'), '', 'pages, rows and visible pages are counted as they are');
is($target->safe_psql('copied', <<'EOQ'), '', 'autovacuum has nothing to do for these tables');
SELECT relname, n_live_tup, n_mod_since_analyze, n_ins_since_vacuum FROM pg_stat_user_tables
 WHERE schemaname <> 'pgcopy' AND (n_live_tup = 0 AND relname NOT IN ('empty', 'never_cloned') OR n_mod_since_analyze > 0 OR n_ins_since_vacuum > 0 AND relname <> 'matview')
EOQ

#-------------------------------------------------------------------------
# Not copied
#-------------------------------------------------------------------------

clone_ok($target, conninfo($source, db => 'app'), db => 'analyzed', statistics => 'analyze', name => 'ANALYZE makes them here');
is(values_of($target, 'analyzed', $_), 101, "... of $_") for qw(keyed without_index ranges);
is(miscounted('analyzed'), '', '... and counts what there is');

clone_ok($target, conninfo($source, db => 'app'), db => 'none', statistics => 'none', name => 'none are made');
is($target->safe_psql('none', "SELECT count(*) FROM pg_stats WHERE schemaname IN ('public', 'odd Schema')"), '0', '... none are there');
is($target->safe_psql('none', "SELECT relname, n_mod_since_analyze FROM pg_stat_user_tables WHERE relname IN ('without_index', 'keyed', 'empty') ORDER BY 1"),
	"empty|0\nkeyed|3000\nwithout_index|3000", '... and autovacuum will make them');

#-------------------------------------------------------------------------
# In chunks
#-------------------------------------------------------------------------

clone_ok($target, conninfo($source, db => 'app'), db => 'split', statistics => 'copy', split_tables_larger_than => '64kB', name => 'tables in chunks');
ok(copied('split', $_), "... statistics of $_ come with one of them") for 'types "of" everything', 'keyed', 'without_index';
is(miscounted('split'), '', '... and all rows are counted');

clone_ok($target, conninfo($source, db => 'app'), db => 'one', statistics => 'copy', table_jobs => 1, index_jobs => 1, name => 'one table after the other');
ok(copied('one', $_), "... statistics of $_ come too") for 'types "of" everything', 'keyed', 'without_index';

#-------------------------------------------------------------------------
# Masked and filtered
#-------------------------------------------------------------------------

clone_ok($target, conninfo($source, db => 'app'), db => 'masked',
	statistics => 'copy', column_values => q[{"public.keyed": {"b": "'masked'"}}], row_filters => '{"public.without_index": "a < 1000"}',
	name => 'tables of which not all is copied');
is($target->safe_psql('masked', "SELECT most_common_vals FROM pg_stats WHERE tablename = 'keyed' AND attname = 'b'"), '{masked}',
	'... statistics of a masked column are of the masked values');
is($target->safe_psql('masked', "SELECT count(*) FROM pg_statistic s, LATERAL (VALUES (stavalues1::text), (stavalues2::text), (stavalues3::text)) v(t) WHERE starelid = 'keyed'::regclass AND staattnum = 2 AND v.t <> '{masked}'"), '0',
	'... and of no others');
is(values_of($target, 'masked', $_), 101, "... $_ is analyzed here") for qw(keyed without_index);
ok(copied('masked', 'changed_a_bit'), '... others are copied');

#-------------------------------------------------------------------------
# Partitions
#-------------------------------------------------------------------------

$source->safe_psql('part', <<'EOQ');
CREATE TABLE tree (a int, b text) PARTITION BY RANGE (a);
CREATE TABLE leaf_1 PARTITION OF tree FOR VALUES FROM (0) TO (1000);
CREATE TABLE twig PARTITION OF tree FOR VALUES FROM (1000) TO (5000) PARTITION BY LIST (b);
CREATE TABLE leaf_2 PARTITION OF twig DEFAULT;
CREATE TABLE leaf_3 (b text, a int);
ALTER TABLE twig ATTACH PARTITION leaf_3 FOR VALUES IN ('x');
INSERT INTO tree SELECT g, CASE WHEN g % 2 = 0 THEN 'x' ELSE 'y' || g END FROM generate_series(1, 4000) g;
EOQ
$source->safe_psql('part', $analyze);
clone_ok($target, conninfo($source, db => 'part'), db => 'parted', statistics => 'copy', name => 'a partitioned table');
is(stats($target, 'parted', "schemaname = 'public'"), stats($source, 'part', "schemaname = 'public'"),
	'... statistics of its trees and of its leaves are the source\'s');
is($target->safe_psql('parted', "SELECT relname, reltuples FROM pg_class WHERE relkind = 'p' ORDER BY 1"), "tree|4000\ntwig|3001", '... and rows are counted');
clone_ok($target, conninfo($source, db => 'part'), db => 'whole', statistics => 'copy', exclude_table_data => '{public.leaf_3}', name => 'a part of it');
is($target->safe_psql('whole', "SELECT DISTINCT array_length(histogram_bounds, 1) FROM pg_stats WHERE tablename = 'tree'"), '101', '... is analyzed here');

done_testing();
