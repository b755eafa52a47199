# The format is chosen column by column: rows come in binary, and a column whose
# binary form is not the same in every database comes as what its output function
# says, whatever casts a user has made.  What is stored is what an INSERT of the
# same value stores, byte by byte: for each type that there is in each of the two
# ways, also inside arrays, composites, ranges and domains, whose OIDs differ
# here.  It makes no difference whether a table is read as a whole, in chunks or
# through its root.  Amounts of money do not depend on the source's lc_monetary.
use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('formats');
my $has = $source->safe_psql('postgres', "SELECT count(*) = 6 FROM pg_available_extensions WHERE name IN ('hstore', 'ltree', 'citext', 'cube', 'isn', 'pageinspect')") eq 't';
my $has_gis = $source->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'") eq '1';
new_database($source, qw(app money gis versions));
new_database($target, qw(app split text binary money gis versions));

# Types of the source get other OIDs than those here.
$source->safe_psql('app', <<'EOQ');
CREATE TABLE burnt_1 (); CREATE TABLE burnt_2 (); CREATE TYPE burnt_3 AS ENUM (); DROP TABLE burnt_1, burnt_2; DROP TYPE burnt_3;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'two words');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE deep AS (m mood, ms mood[], gone int, p pair, ps pair[], n numeric(10, 2));
ALTER TYPE deep DROP ATTRIBUTE gone;
CREATE TYPE moods AS RANGE (subtype = mood);
CREATE TYPE pairs AS RANGE (subtype = pair);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN some_moods AS mood[] CHECK (VALUE <> '{}');
CREATE DOMAIN checked AS deep CHECK ((VALUE).m IS DISTINCT FROM 'ok');
CREATE TYPE with_domain AS (p positive, s some_moods, c checked, r moods, rs moods[], x pairs);
CREATE TYPE odd AS (r regtype, t text);
CREATE DOMAIN words AS tsvector;
CREATE TYPE odds AS RANGE (subtype = odd);
CREATE DOMAIN odd_domain AS odd CHECK ((VALUE).t IS DISTINCT FROM 'no');
CREATE DOMAIN odd_domains AS odd_domain[];
CREATE DOMAIN some_type AS regtype NOT NULL;
CREATE FUNCTION lie(odd) RETURNS text LANGUAGE sql AS $$SELECT 'lie'$$;
CREATE CAST (odd AS text) WITH FUNCTION lie(odd) AS IMPLICIT;
EOQ

# A type, the format its column comes in, and values.
my @types = (
	[ 'tsvector', 'binary', q{a:1A b:2,3B 'x y':9}, q{}, q{'\\\\' ' ' ''''}, q{b a} ],
	[ 'tsquery', 'mixed', q{a & !b | c <-> d:AB <3> 'e f':*}, q{} ],
	[ 'tsvector[]', 'mixed', q[{"'a' 'b'",NULL}] ],
	[ 'words', 'mixed', 'a:1' ],
	[ 'money', 'binary', '1234.56', '-0.99', '92233720368547758.07' ],
	[ 'money[]', 'binary', '{1,NULL,-2.5}' ],
	[ 'pg_lsn', 'binary', '16/B374D848' ],
	[ 'xid', 'binary', '4294967295' ],
	[ 'tid', 'binary', '(4294967295,65535)' ],
	[ 'int4multirange', 'binary', '{}', '{[1,3),[5,)}', '{(,)}' ],
	[ 'tstzmultirange[]', 'binary', q{{"{[2024-01-01 00:00+00,2024-01-02 00:00+00)}",NULL}} ],
	[ 'mood', 'binary', 'sad' ],
	[ 'mood[]', 'binary', '{sad,NULL,"two words"}', '{}', '[2:3][0:0]={{ok},{sad}}' ],
	[ 'pair', 'binary', '(1,x)', '(,)', '(,"")' ],
	[ 'pair[]', 'binary', '{"(1,x)",NULL,"(,)"}', '{}' ],
	[ 'deep', 'binary', '(sad,"{ok,NULL}","(1,b)","{""(2,c)"",NULL}",1.5)', '(,,,,)', '(,{},"(,)",{},)' ],
	[ 'deep[]', 'binary', '{"(sad,{ok},,,)"}' ],
	[ 'moods', 'binary', '[sad,ok)', 'empty', '(,)', '[ok,]' ],
	[ 'moods[]', 'binary', '{"[sad,ok)",NULL}' ],
	[ 'moods_multirange' => 'binary', '{[sad,ok)}', '{}', '{(,sad),[ok,ok]}' ],
	[ 'pairs', 'binary', '["(1,a)","(2,)")', 'empty' ],
	[ 'pairs_multirange', 'binary', '{["(1,a)","(2,)"),["(3,)",)}' ],
	[ 'positive[]', 'binary', '{1,NULL,2}' ],
	[ 'some_moods', 'binary', '{sad}' ],
	[ 'checked', 'binary', '(sad,{ok},"(1,b)",{},2)', '(,,,,)' ],
	[ 'checked[]', 'binary', '{"(sad,{ok},,{},2)",NULL}' ],
	[ 'with_domain', 'binary', '(1,{sad},"(sad,,,,)","[sad,ok)",{},"[""(1,)"",]")', '(,,,,,)' ],
	[ 'information_schema.sql_identifier[]', 'binary', '{a,NULL}' ],
	[ 'int2vector', 'mixed', '1 2 3', '' ],
	[ 'oidvector', 'mixed', '1 2 3', '' ],
	[ 'regclass', 'mixed', 'pg_class', 'app' ],
	[ 'regtype[]', 'mixed', '{integer,NULL}', '{}' ],
	[ 'some_type', 'mixed', 'text' ],
	[ 'xml', 'mixed', '<a/>', 'content', '<?xml version="1.1"?><b/>' ],
	[ 'jsonpath', 'mixed', '$.a[*] ? (@ > 1)' ],
	[ 'odd', 'mixed', '(integer,x)', '(,)', '(,"")', q[(,"a\\\\b"" c")] ],
	[ 'odd[]', 'mixed', '{"(integer,x)",NULL}', '{}' ],
	[ 'odds', 'mixed', 'empty', '(,)' ],
	[ 'odd_domain', 'mixed', '(text,yes)', '(,)' ],
	[ 'odd_domains', 'mixed', '{"(text,yes)",NULL}' ],
	[ 'pg_snapshot', 'mixed', '10:20:10,14,15' ]);
my @contrib = (
	[ 'hstore', 'binary', '', 'a=>1, b=>NULL, "c d"=>"\\"x\\""' ],
	[ 'hstore[]', 'binary', '{"\"a\"=>\"1\"",NULL}' ],
	[ 'ltree', 'binary', 'Top.Science', '' ],
	[ 'lquery', 'binary', '*.a*@.!b|c{1,2}' ],
	[ 'ltxtquery', 'binary', 'a & !b*@' ],
	[ 'citext', 'binary', 'Abc', '' ],
	[ 'citext[]', 'binary', '{Abc,NULL}' ],
	[ 'cube', 'binary', '(1,2,3),(4,5,6)', '(0)', '(1.5,2)' ],
	[ 'with_citext', 'mixed', '(Abc)' ],
	[ 'citext_domain', 'mixed', 'Abc' ],
	[ 'isbn', 'mixed', '0-11-000533-3' ]);

if ($has)
{
	foreach my $node ($source, $target)
	{
		$node->safe_psql('app', "CREATE EXTENSION $_") foreach qw(hstore ltree citext cube isn);
	}
	$source->safe_psql('app', 'CREATE TYPE with_citext AS (c citext); CREATE DOMAIN citext_domain AS citext');
	push @types, @contrib;
}

# A table for each: the values, NULL if the type allows it, and plain columns beside.
my $sql = '';
foreach my $i (0 .. $#types)
{
	my ($type, undef, @values) = @{ $types[$i] };
	$sql .= "CREATE TABLE t_$i (id int, v $type, z text);\n";
	my $n = 0;
	$sql .= "INSERT INTO t_$i VALUES (" . ++$n . ', ' . quote_literal($_) . ", 'z');\n" foreach @values;
	$sql .= "INSERT INTO t_$i VALUES (0, NULL, NULL);\n" if $type ne 'some_type';
}
$source->safe_psql('app', 'CREATE TABLE app (); ' . $sql);
$source->safe_psql('app', <<'EOQ');
CREATE TABLE large (id int, "o ""dd" odd, tail text);
INSERT INTO large SELECT g, CASE g % 3 WHEN 0 THEN ROW('int4', g)::odd WHEN 1 THEN ROW(NULL, NULL)::odd END, repeat('x', 100) FROM generate_series(1, 20000) AS g;
CREATE TABLE root (k mood, o odd, i int) PARTITION BY HASH (k);
CREATE TABLE leaf_0 PARTITION OF root FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE leaf_1 (i int, o odd, k mood);
ALTER TABLE root ATTACH PARTITION leaf_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO root SELECT (enum_range(NULL::mood))[1 + g % 3], ROW('int4', g)::odd, g FROM generate_series(1, 3000) AS g;
CREATE MATERIALIZED VIEW seen AS SELECT * FROM large;
EOQ

# Enums are hashed by OID: rows are in other leaves here.
my $leaf = qr/\bleaf_/;
my $rows = 'SELECT count(*), sum(hashtext(root::text)) FROM root';

my $app = conninfo($source, db => 'app');
my $job = clone_ok($target, $app, db => 'app');
assert_same($source, $target, source_db => 'app', db => 'app', ignore => $leaf, name => 'the copy is equal');

my %format = map { split /\|/ } split /\n/, $target->safe_psql('app', "SELECT table_name, format FROM pgcopy_tables WHERE job = $job");
is_deeply(
	{ map { $types[$_][0] => $format{"t_$_"} } 0 .. $#types },
	{ map { $_->[0] => $_->[1] } @types },
	'each column comes in the format of its type');
is($format{large}, 'mixed', 'a large table with an odd column is mixed');

SKIP:
{
	skip 'pageinspect is not there' unless $has;
	$target->safe_psql('app', 'CREATE EXTENSION pageinspect; CREATE SCHEMA again');
	my $tuples = q{SELECT string_agg(t_data::text || ' ' || coalesce(t_bits, ''), E'\n' ORDER BY lp) FROM heap_page_items(get_raw_page('%s', 0))};
	my @differing;
	foreach my $i (0 .. $#types)
	{
		my ($type, undef, @values) = @{ $types[$i] };
		my $n = 0;
		my $insert = join '', map { "INSERT INTO again.t_$i VALUES (" . ++$n . ', ' . quote_literal($_) . ", 'z');" } @values;
		$insert .= "INSERT INTO again.t_$i VALUES (0, NULL, NULL)" if $type ne 'some_type';
		$target->safe_psql('app', "CREATE TABLE again.t_$i (LIKE t_$i); $insert");
		push @differing, $type
		  if $target->safe_psql('app', sprintf $tuples, "t_$i") ne $target->safe_psql('app', sprintf $tuples, "again.t_$i");
	}
	is("@differing", '', 'tuples are those that INSERT writes');
}

$job = clone_ok($target, $app, db => 'split', split_tables_larger_than => '200kB', name => 'the clone in chunks ends done');
assert_same($source, $target, source_db => 'app', db => 'split', ignore => $leaf, name => 'the copy in chunks is equal');
cmp_ok($target->safe_psql('split', "SELECT chunks_done FROM pgcopy_tables WHERE job = $job AND table_name = 'large'"), '>', 2, 'the large table came in chunks');
clone_ok($target, $app, db => 'text', format => 'text', name => 'the clone as text ends done');
assert_same($source, $target, source_db => 'app', db => 'text', ignore => $leaf, name => 'the copy as text is equal');

is($target->safe_psql($_, $rows), $source->safe_psql('app', $rows), "$_: so are rows that went through their root") foreach qw(app split text);

$job = clone($target, $app, db => 'binary', format => 'binary', on_error => 'continue');
wait_for_end($target, $job, db => 'binary');
my @refused = split /\n/, $target->safe_psql('binary', "SELECT item FROM pgcopy_errors WHERE job = $job AND message ~ 'cannot be copied in binary'");
cmp_ok(scalar @refused, '>=', 2 + grep({ $_->[1] eq 'mixed' } @types), 'format => binary refuses all that have an odd column');
like($target->safe_psql('binary', "SELECT string_agg(detail, ' ') FROM pgcopy_errors WHERE job = $job"),
	qr/Column "o "?"dd" is of type public\.odd,/, '... and names it');

# The source says amounts of money in another way than we do.
SKIP:
{
	my ($rc) = $source->psql('postgres', q{ALTER DATABASE money SET lc_monetary = 'de_DE.utf8'});
	skip 'the locale de_DE.utf8 is not there' if $rc;
	$source->safe_psql('money', <<'EOQ');
CREATE TYPE priced AS (p money, r regtype);
CREATE DOMAIN fee AS money DEFAULT '1.234,56 €';
CREATE TABLE price (id int PRIMARY KEY, p money DEFAULT '1.234,56 €' CHECK (p > '-7.000,50 €'::money), f fee, o priced, ps money[] DEFAULT '{"1,50 €"}');
INSERT INTO price (id, o) VALUES (1, ROW('-0,99 €', 'int4'));
INSERT INTO price VALUES (2, '-0,99 €', '12,00 €', NULL, '{"1,00 €",NULL}');
CREATE FUNCTION dear(p money DEFAULT '99,99 €') RETURNS numeric LANGUAGE sql AS 'SELECT p::numeric';
CREATE VIEW dearest AS SELECT '1.000,01 €'::money::numeric AS n;
CREATE INDEX ON price (id) WHERE p > '1.234,56 €'::money;
EOQ
	clone_ok($target, conninfo($source, db => 'money'), db => 'money', name => 'the clone of amounts ends done');
	my $amounts = q{SET lc_monetary = 'C'; SELECT * FROM price ORDER BY id; INSERT INTO price (id) VALUES (3) RETURNING p, f, ps; SELECT dear(), n FROM dearest; SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indpred IS NOT NULL;};
	is($target->safe_psql('money', $amounts), $source->safe_psql('money', $amounts), 'amounts are equal, also in definitions');
}

# PostGIS, where it is.
SKIP:
{
	skip 'PostGIS is not there' unless $has_gis;
	$source->safe_psql('gis', <<'EOQ');
CREATE EXTENSION postgis;
CREATE TABLE shape (id int, g geometry, p geometry(PointZ, 4326), e geography, gs geometry[]);
INSERT INTO shape VALUES (1, 'POINT EMPTY', 'SRID=4326;POINT Z (1 2 3)', 'POINT(1 2)', ARRAY['POINT(1 2)', NULL]::geometry[]),
	(2, 'SRID=3857;GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1,2 0.1),POLYGON((0 0,0 1,1 1,0 0)))', NULL, 'LINESTRING(0 0,1 1)', '{}'),
	(3, 'CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0))', NULL, 'POLYGON((0 0,0 1,1 1,0 0))', NULL), (4, 'TIN(((0 0 0,0 0 1,0 1 0,0 0 0)))', NULL, NULL, NULL);
INSERT INTO shape SELECT 5, ST_Buffer('POINT(0 0)', 10, 100);
INSERT INTO shape SELECT 6, l, NULL, l::geography, ARRAY[l, ST_MakePoint('NaN', 1)] FROM (SELECT ST_MakeLine(ARRAY['POINT(0 0)'::geometry])) AS one_point(l);
INSERT INTO shape VALUES (7, '0103000000010000000300000000000000000000000000000000000000000000000000F03F000000000000F03F00000000000000400000000000000040', NULL, NULL, NULL);
EOQ
	my $job = clone_ok($target, conninfo($source, db => 'gis'), db => 'gis', name => 'the clone of geometries ends done');
	is($target->safe_psql('gis', "SELECT format FROM pgcopy_tables WHERE job = $job AND table_name = 'shape'"), 'mixed', 'geometries come as text: the receive function refuses some');
	my $shapes = 'SELECT id, g::text, p::text, e::text, gs::text, pg_column_size(g), pg_column_size(gs) FROM shape ORDER BY id';
	is($target->safe_psql('gis', $shapes), $source->safe_psql('gis', $shapes), 'geometries are equal');
	$target->safe_psql('gis', 'CREATE EXTENSION pageinspect');
	my $tuples = q{SELECT string_agg(t_data::text || coalesce(t_bits, ''), E'\n' ORDER BY lp) FROM heap_page_items(get_raw_page('%s', 0))};
	$target->safe_psql('gis', 'CREATE TABLE again (LIKE shape); INSERT INTO again SELECT id, g::text::geometry, p::text::geometry, e::text::geography, gs::text::geometry[] FROM shape');
	is($target->safe_psql('gis', sprintf $tuples, 'shape'), $target->safe_psql('gis', sprintf $tuples, 'again'), 'tuples with geometries are those that INSERT writes');
}

# Types of extensions between encodings: hstore does not send the lengths that its
# strings have after they were converted.
SKIP:
{
	skip 'hstore is not there' unless $has;
	$source->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'");
	$target->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C'");
	$source->safe_psql('latin', <<'EOQ');
SET client_encoding = 'UTF8';
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
CREATE TYPE mood AS ENUM ('é', 'ü');
CREATE TYPE moody AS (m mood, t text[], v tsvector);
CREATE TABLE t (m mood[], o moody, h hstore, hs hstore[], c citext, j json, r regtype);
INSERT INTO t VALUES ('{é,NULL}', '(ü,"{é,e}","''é'' ''z'':3")', 'é=>ü, b=>"é"', '{"é=>1"}', 'É', '"é"', 'int4');
EOQ
	clone_ok($target, conninfo($source, db => 'latin'), db => 'latin', name => 'the clone into another encoding ends done');
	my $t = q{SET client_encoding = 'UTF8'; SELECT * FROM t};
	is($target->safe_psql('latin', $t), $source->safe_psql('latin', $t), '... and is equal');
}

# An extension of another version on the source: nothing is assumed of its types.
SKIP:
{
	skip 'hstore is not there' unless $has;
	$source->safe_psql('versions', q{CREATE EXTENSION hstore VERSION '1.4'; CREATE TABLE t (h hstore); INSERT INTO t VALUES ('a=>1')});
	$target->safe_psql('versions', 'CREATE EXTENSION hstore');
	my $job = clone_ok($target, conninfo($source, db => 'versions'), db => 'versions', name => 'the clone with another version ends done');
	is($target->safe_psql('versions', "SELECT format FROM pgcopy_tables WHERE job = $job AND table_name = 't'"), 'mixed', 'a type of another version comes as text');
	is($target->safe_psql('versions', 'SELECT h FROM t'), '"a"=>"1"', '... and is equal');
}

done_testing();
