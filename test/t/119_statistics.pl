# statistics => 'copy': the planner's statistics are the source's, row by row of pg_stats,
# for every type whose statistics that view tells in full.  They commit with the rows,
# and neither pages nor rows are told otherwise than ANALYZE would.  A table whose
# statistics cannot come is analyzed here: one that the source has not analyzed or that
# has changed much since, with CREATE STATISTICS, with an index on an expression, with
# a type that keeps statistics of its own, with ranges (before 17), with a filter or values
# of a user.  Those values appear nowhere.  'none' makes no statistics, and tells
# autovacuum of the rows; 'analyze' makes them here.  A source whose statistics lie, or that
# does not show them, has its tables analyzed, too.
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

#-------------------------------------------------------------------------
# A source whose statistics lie
#-------------------------------------------------------------------------

# A column's type, the figure that is not true, and what it says; undef: nothing.
my @lies = (
	(map { [ int => null_frac => $_ ] } undef, '2', '-0.1', 'NaN', 'x', ''),
	(map { [ int => avg_width => $_ ] } undef, '-1', '99999999999', '1.5'),
	(map { [ int => n_distinct => $_ ] } undef, '-1.1', 'Infinity', '1e30'),
	(map { [ int => most_common_vals => $_ ] } undef, '', 'x', '{1,2,3', '{a,b,c}', '{1,NULL,3}', '{{1},{2},{3}}', '[5:7]={1,2,3}', '{1,2}', '{}', '{1,2,99999999999}'),
	(map { [ int => most_common_freqs => $_ ] } undef, '{0.9,0.9,0.9}', '{0.1,NULL,0.1}', '{0.1,-0.1,0.1}', '{0.1,NaN,0.1}', '{0.1}', '{0.1,0.1,2}', '{}', 'x'),
	(map { [ int => histogram_bounds => $_ ] } '{1}', '{}', '{3,2,1}', '{1,NULL,3}', '{1,2,x}', '{{1,2},{3,4}}', '{' . join(',', 1 .. 20_000) . '}', '{' . 'x' x 1_000_000 . '}'),
	(map { [ int => correlation => $_ ] } '1.1', '-2', 'NaN', 'x', '{1}'),
	[ int => most_common_elems => '{1}' ], [ int => elem_count_histogram => '{1,2,3}' ], [ int => attname => 'nosuch' ], [ int => attname => 'ctid' ],
	[ int => attname => undef ], [ int => attname => "\x01" ],
	(map { [ 'int[]' => most_common_elems => $_ ] } undef, '{3,2,1}', '{1,NULL}', '{{1,2}}', '{}'),
	(map { [ 'int[]' => most_common_elem_freqs => $_ ] } undef, '{0.1}', '{}', '{NULL}', 'x'),
	(map { [ 'int[]' => elem_count_histogram => $_ ] } '{1}', '{NaN,1,1}', '{-1,1,1}', '{}', 'x'),
	(map { [ tsvector => most_common_elem_freqs => $_ ] } '{0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1}', '{7}'),
	[ tsvector => elem_count_histogram => '{1,2,3}' ],
	[ json => histogram_bounds => '{1,2}' ], [ json => most_common_vals => '{1}' ], [ json => correlation => '1' ],
	$tells_ranges ? (
		(map { [ int4range => range_bounds_histogram => $_ ] } '{empty,empty}', '{"[1,2)"}', '{}', 'x', '{"[1,2)",NULL}'),
		(map { [ int4range => range_length_histogram => $_ ] } undef, '{2,1}', '{NaN,NaN}', '{-1,1}', 'x'),
		(map { [ int4range => range_empty_frac => $_ ] } undef, '2', 'NaN'), [ int => range_empty_frac => '0.5' ]) : ());
my %value = (
	int => 'CASE WHEN g % 10 = 0 THEN 1 + g % 3 ELSE g END', 'int[]' => 'ARRAY[g % 10, g]', tsvector => "to_tsvector('simple', 'w' || g % 5 || ' v' || g)",
	json => "'{}'", int4range => 'int4range(g, g + g % 9 + 1)');

new_database($source, qw(liar raising));
new_database($target, qw(lied raised hidden));
my $make = join '', map { "CREATE TABLE lie_$_ AS SELECT ($value{$lies[$_][0]})::$lies[$_][0] AS a FROM generate_series(1, 1000) g;" } 0 .. $#lies;
$make .= "CREATE TABLE $_ AS SELECT g AS a FROM generate_series(1, 1000) g;" for qw(twice honest);
$source->safe_psql('liar', $make);
$source->safe_psql('liar', $analyze);    # not in one transaction: rows would count as changed since
$source->safe_psql('liar', 'CREATE SCHEMA fig; CREATE TABLE fig.figures AS SELECT '
	  . $source->safe_psql('postgres', q{SELECT string_agg(CASE WHEN attname IN ('schemaname', 'tablename', 'inherited') THEN attname ELSE attname || '::text' END, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'pg_stats'::regclass})
	  . " FROM pg_stats WHERE schemaname = 'public'");
$source->safe_psql('liar', join '', map { "UPDATE fig.figures SET $lies[$_][1] = " . quote_literal($lies[$_][2]) . " WHERE tablename = 'lie_$_';" } 0 .. $#lies);
# one row twice, and a table about which nothing is untrue
$source->safe_psql('liar', "INSERT INTO fig.figures SELECT * FROM fig.figures WHERE tablename = 'twice'");
# a table: sessions to the source read no views of users
$source->safe_psql('liar', 'SET allow_system_table_mods = on; ALTER VIEW pg_catalog.pg_stats RENAME TO pg_stats_as_they_are; CREATE TABLE pg_catalog.pg_stats AS SELECT * FROM fig.figures');
clone_ok($target, conninfo($source, db => 'liar'), db => 'lied', statistics => 'copy', exclude_schemas => '{fig}', name => 'a source whose statistics lie');
assert_same($source, $target, source_db => 'liar', db => 'lied', schema => 0, ignore => 'fig');
ok(copied('lied', 'honest', 'liar'), 'what can be true is taken');
is(values_of($target, 'lied', 'twice'), 9, 'what is said twice is taken once');
my %made = map { $_ => 1 } split /\n/, $target->safe_psql('lied', 'SELECT relname FROM pg_class WHERE oid IN (SELECT starelid FROM pg_statistic)');
my $bounds_of_ranges = $tells_ranges ? 'array_length(range_bounds_histogram, 1),' : '';
my %bounds = map { split /\|/ } split /\n/, $target->safe_psql('lied', "SELECT tablename, COALESCE(array_length(histogram_bounds, 1), array_length(most_common_elems, 1), $bounds_of_ranges 0) FROM pg_stats");
foreach my $i (0 .. $#lies)
{
	my ($type, $figure, $lie) = @{ $lies[$i] };
	my $what = "$type $figure " . substr($lie // 'NULL', 0, 30);
	ok($made{"lie_$i"} && ($type eq 'json' ? $bounds{"lie_$i"} == 0 : $bounds{"lie_$i"} > 20), "analyzed here: $what")
	  or diag($bounds{"lie_$i"});
}

$source->safe_psql('raising', "CREATE TABLE a AS SELECT generate_series(1, 1000) AS a; CREATE TABLE b AS TABLE a; CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader");
$source->safe_psql('raising', $analyze);
$source->safe_psql('raising', "SET allow_system_table_mods = on; "
	  . 'ALTER VIEW pg_catalog.pg_stats RENAME TO pg_stats_as_they_are; CREATE VIEW pg_catalog.pg_stats AS SELECT * FROM pg_stats_as_they_are; GRANT SELECT ON pg_catalog.pg_stats TO PUBLIC');
clone_ok($target, conninfo($source, db => 'raising'), db => 'raised', statistics => 'copy', name => 'a source that does not answer that query');    # a view of users
is($target->safe_psql('raised', "SELECT string_agg(array_length(histogram_bounds, 1)::text, ' ') FROM pg_stats WHERE schemaname = 'public'"), '101 101', '... has its tables analyzed here');
$source->safe_psql('raising', 'SET allow_system_table_mods = on; REVOKE ALL ON pg_catalog.pg_stats FROM PUBLIC');
clone_ok($target, conninfo($source, db => 'raising', user => 'reader'), db => 'hidden', statistics => 'copy', no_owner => 'true', name => 'a role that may not read statistics');
is($target->safe_psql('hidden', "SELECT string_agg(array_length(histogram_bounds, 1)::text, ' ') FROM pg_stats WHERE schemaname = 'public'"), '101 101', '... has its tables analyzed here');

done_testing();
