# Every row arrives in the leaf that it belongs to in the target, whatever the
# key of a partitioned table is made of: where the target may divide rows in
# another way, they are routed.  Where it cannot, leaves are loaded directly.
# Nothing fails, no row is lost, and all pages are frozen.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('keys');

# OIDs of enum values and tables must not be the same by chance.
$target->safe_psql('postgres', 'SELECT count(lo_unlink(lo_create(0))) FROM generate_series(1, 1237)');

# Leaves whose rows are routed, or not, by the first word of their name.
sub planned
{
	my ($db, $through_root) = @_;
	return $target->safe_psql($db, <<EOQ);
SELECT string_agg(table_name, ' ' ORDER BY table_name COLLATE "C") FROM pgcopy.relation
WHERE relkind = 'r' AND through_root = $through_root
EOQ
}

sub rows_of
{
	my ($node, $db) = @_;
	my $queries = $node->safe_psql($db, <<'EOQ');
SELECT string_agg(format('SELECT %L, count(*), md5(string_agg(t::text, '' '' ORDER BY t::text COLLATE "C")) FROM %s t', relname, c.oid::regclass), ' UNION ALL ' ORDER BY relname)
FROM pg_class c WHERE relkind = 'p' AND NOT relispartition
EOQ
	return $node->safe_psql($db, "SELECT * FROM ($queries) AS q(name, n, hash) ORDER BY name COLLATE \"C\"");
}

# Clone a database and check all that holds for every one of them.
sub check
{
	my ($db, %opt) = @_;
	subtest $db => sub {
		my $job = clone_ok($target, conninfo($source, db => $db), db => $db, table_jobs => 2,
			%{ $opt{options} || {} });
		is(misplaced($target, $db), '', 'each row is in the leaf it belongs to');
		is(rows_of($target, $db), rows_of($source, $db), 'all rows are there, each once');
		unlike(planned($db, 'false'), qr/\brouted_/, 'what is not certain is routed');
		unlike(planned($db, 'true'), qr/\bdirect_/, 'what is certain is not');
		is( $target->safe_psql($db, "SELECT count(*) FROM pgcopy_errors WHERE job = $job"),
			'0', 'no item had an error');
		is( $target->safe_psql($db, "SELECT count(*) FROM pgcopy_notices WHERE job = $job AND message ~ 'other partitions'"),
			'0', 'and none was started over');
		assert_frozen($target, db => $db);
	};
	return;
}

# Make a table of 300 rows that is divided by "key", in three leaves by hash,
# else in leaves with the bounds.  columns: beside id; values: for row g.
sub make_table
{
	my ($db, $name, $columns, $key, $values, @bounds) = @_;
	my @leaves = @bounds ? @bounds : map { "WITH (MODULUS 3, REMAINDER $_)" } 0 .. 2;
	my $sql = "CREATE TABLE $name (id int, $columns, note text) PARTITION BY $key;\n";
	for my $i (0 .. $#leaves)
	{
		my $what = $leaves[$i] eq 'DEFAULT' ? 'DEFAULT' : "FOR VALUES $leaves[$i]";
		$sql .= "CREATE TABLE ${name}_$i PARTITION OF $name $what;\n";
	}
	$sql .= "CREATE INDEX ON $name (id);\n";
	$source->safe_psql($db, "$sql INSERT INTO $name SELECT g, $values, repeat('x', g) FROM generate_series(1, 300) g");
	return;
}

#
# Values that contain OIDs, functions of users, and all that is certain
#
new_database($_, 'types') for $source, $target;
$source->safe_psql('types', <<'EOQ');
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'wild', 'calm');
CREATE DOMAIN mood_domain AS mood;
CREATE TYPE pair AS (m mood, n int);
CREATE TYPE numbers AS (a int, b text, c numeric[]);
CREATE DOMAIN deep AS pair[];
CREATE TYPE moods AS RANGE (SUBTYPE = mood);
CREATE TYPE at AS (r regclass, n int);
CREATE DOMAIN plain AS text CHECK (length(VALUE) < 100);
CREATE DOMAIN plain_array AS plain[];
CREATE TABLE t1 (); CREATE TABLE t2 (); CREATE TABLE t3 (); CREATE TABLE t4 ();
CREATE FUNCTION mood(g int) RETURNS mood LANGUAGE sql IMMUTABLE AS 'SELECT (enum_range(NULL::public.mood))[1 + g % 5]';
CREATE FUNCTION t(g int) RETURNS regclass LANGUAGE sql STABLE AS $$SELECT ('public.t' || 1 + g % 4)::regclass$$;
CREATE FUNCTION half(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 2';
CREATE FUNCTION hash_of(int, int8) RETURNS int8 LANGUAGE sql IMMUTABLE AS 'SELECT ($1 / 7)::int8 + $2';
CREATE OPERATOR CLASS by_seven FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 2 hash_of(int, int8);
EOQ

make_table('types', 'routed_enum', 'k mood', 'HASH (k)', 'mood(g)');
make_table('types', 'routed_domain', 'k mood_domain', 'HASH (k)', 'mood(g)');
make_table('types', 'routed_array', 'k mood[]', 'HASH (k)', 'ARRAY[mood(g), mood(g / 5)]');
make_table('types', 'routed_pair', 'k pair', 'HASH (k)', 'ROW(mood(g), g % 7)::pair');
make_table('types', 'routed_deep', 'k deep', 'HASH (k)', 'ARRAY[ROW(mood(g), 1), ROW(mood(g / 3), g % 9)]::pair[]');
make_table('types', 'routed_range', 'k moods', 'HASH (k)', 'moods(mood(g), NULL)');
make_table('types', 'routed_ranges', 'k moods[]', 'HASH (k)', 'ARRAY[moods(NULL, mood(g))]');
make_table('types', 'routed_regclass', 'k regclass', 'HASH (k)', 't(g)');
make_table('types', 'routed_at', 'k at', 'HASH (k)', 'ROW(t(g), g % 3)::at');
make_table('types', 'routed_some', 'a int, k mood, b text', 'HASH (a, k, b)', 'g % 5, mood(g), (g % 3)::text');
make_table('types', 'routed_half', 'k int', 'HASH (half(k))', 'g');
make_table('types', 'routed_sum', 'k int', 'RANGE ((k + 1))', 'g', 'FROM (MINVALUE) TO (100)', 'FROM (100) TO (MAXVALUE)');
make_table('types', 'routed_class', 'k int', 'HASH (k by_seven)', 'g');
make_table('types', 'routed_list_of_tables', 'k regclass', 'LIST (k)', 't(g)', q{IN ('t1', 't3')}, 'DEFAULT');
make_table('types', 'routed_range_of_tables', 'k regclass', 'RANGE (k)', 't(g)', q{FROM ('t1') TO (MAXVALUE)}, 'DEFAULT');
make_table('types', 'routed_money_range', 'k money', 'RANGE (k)', 'g::money', q{FROM (MINVALUE) TO ('10')}, q{FROM ('10') TO (MAXVALUE)});

make_table('types', 'direct_int', 'k int', 'HASH (k)', 'g');
make_table('types', 'direct_numbers', 'k numbers', 'HASH (k)', q{ROW(g, g::text, ARRAY[1.50, g])::numbers});
make_table('types', 'direct_oid', 'k oid', 'HASH (k)', 'g::oid');
make_table('types', 'direct_some', 'a float8, b text, c timestamptz, d uuid', 'HASH (a, b, c, d)',
	q{g / 3.0, 'é' || g, '2020-02-02 UTC'::timestamptz + g * interval '1 day', md5(g::text)::uuid});
make_table('types', 'direct_texts', 'a plain, b varchar(20), c char(7), d name', 'HASH (a, b, c, d)', 'g::text, g::text, g::text, g::text::name');
make_table('types', 'direct_plain', 'k plain_array', 'HASH (k)', 'ARRAY[g::text]');
make_table('types', 'direct_ranges', 'a int4range, b int8multirange', 'HASH (a, b)', 'int4range(g, g + 9), int8multirange(int8range(g, g + 1))')
  if $source->safe_psql('types', 'SHOW server_version_num') >= 140000;
make_table('types', 'direct_enum_list', 'k mood', 'LIST (k)', 'mood(g)', q{IN ('ok', 'wild')}, 'DEFAULT');
make_table('types', 'direct_enum_range', 'k mood', 'RANGE (k)', 'mood(g)', q{FROM (MINVALUE) TO ('happy')}, q{FROM ('happy') TO (MAXVALUE)});
make_table('types', 'direct_pair_list', 'k pair', 'LIST (k)', 'ROW(mood(g), 1)::pair', q{IN ('(ok,1)')}, 'DEFAULT');
make_table('types', 'direct_range', 'a timestamptz, b numeric', 'RANGE (a, b)', q{'2020-01-01 UTC'::timestamptz + g * interval '1 day', g},
	q{FROM (MINVALUE, MINVALUE) TO ('2020-05-01 UTC', 3)}, q{FROM ('2020-05-01 UTC', 3) TO (MAXVALUE, MAXVALUE)});
make_table('types', 'direct_text_range', 'k text', 'RANGE (k)', q{chr(65 + g % 60)}, q{FROM (MINVALUE) TO ('Z')}, q{FROM ('Z') TO (MAXVALUE)});
make_table('types', 'direct_list', 'k text', 'LIST (k)', q{chr(97 + g % 4)}, q{IN ('a', 'd')}, 'DEFAULT');

# A user's operator class for the type of an element decides, not ours.
$source->safe_psql('types', <<'EOQ');
CREATE TYPE two AS (a int, b int);
CREATE FUNCTION equal(two, two) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a = ($2).a';
CREATE OPERATOR = (LEFTARG = two, RIGHTARG = two, FUNCTION = equal, HASHES);
CREATE FUNCTION hash_of(two, int8) RETURNS int8 LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a + $2';
CREATE FUNCTION hash_of(two) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a';
CREATE OPERATOR CLASS two_ops DEFAULT FOR TYPE two USING hash AS OPERATOR 1 =, FUNCTION 1 hash_of(two), FUNCTION 2 hash_of(two, int8);
EOQ
make_table('types', 'routed_twos', 'k two[]', 'HASH (k)', 'ARRAY[ROW(g % 9, g)::two]');

# Several levels: what is certain above or below, other orders of columns,
# dropped columns, generated ones, TOAST, an unlogged leaf.
$source->safe_psql('types', <<'EOQ');
CREATE TABLE tree (zone int, id int, m mood, n int, twice int GENERATED ALWAYS AS (id * 2) STORED, note text) PARTITION BY LIST (zone);
CREATE TABLE direct_zone PARTITION OF tree FOR VALUES IN (0);
CREATE TABLE zone_1 PARTITION OF tree FOR VALUES IN (1) PARTITION BY HASH (m);
CREATE TABLE routed_zone_1_0 (note text, gone int, m mood, n int, zone int, twice int GENERATED ALWAYS AS (id * 2) STORED, id int);
ALTER TABLE routed_zone_1_0 DROP gone;
ALTER TABLE zone_1 ATTACH PARTITION routed_zone_1_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE zone_1_1 PARTITION OF zone_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY RANGE (id);
CREATE UNLOGGED TABLE routed_zone_1_1_low PARTITION OF zone_1_1 FOR VALUES FROM (MINVALUE) TO (900);
CREATE TABLE routed_zone_1_1_high PARTITION OF zone_1_1 DEFAULT;
CREATE TABLE zone_2 PARTITION OF tree FOR VALUES IN (2) PARTITION BY HASH (n);
CREATE TABLE direct_zone_2_0 PARTITION OF zone_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE zone_2_1 PARTITION OF zone_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY HASH (m, n);
CREATE TABLE routed_zone_2_1_0 PARTITION OF zone_2_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE routed_zone_2_1_1 PARTITION OF zone_2_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO tree (zone, id, m, n, note) SELECT g % 3, g, mood(g), g % 100,
	CASE WHEN g % 10 = 0 THEN (SELECT string_agg(md5(g || ' ' || i), '') FROM generate_series(1, 300) i) ELSE repeat('n', g % 50) END
FROM generate_series(1, 6000) g;
ALTER TABLE tree ADD PRIMARY KEY (zone, id, m, n);
CREATE INDEX ON tree (note) WHERE length(note) < 1000;
CREATE TABLE level (id int, m mood) PARTITION BY HASH (m);
CREATE TABLE level_0 PARTITION OF level FOR VALUES WITH (MODULUS 2, REMAINDER 0) PARTITION BY RANGE (id);
CREATE TABLE routed_level_0_0 PARTITION OF level_0 FOR VALUES FROM (0) TO (200);
CREATE TABLE routed_level_0_1 PARTITION OF level_0 FOR VALUES FROM (200) TO (400);
CREATE TABLE level_1 PARTITION OF level FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY LIST (m);
CREATE TABLE routed_level_1_0 PARTITION OF level_1 DEFAULT;
INSERT INTO level SELECT g, mood(g) FROM generate_series(1, 300) g;
EOQ
# The parts of a split table are routed as well.
check('types', options => { split_tables_larger_than => '64 kB' });

#
# Text: order and equality are those of a provider, a version and a locale
#
sub make_texts
{
	my ($db, $range, $other) = @_;
	my @middle = (q{FROM (MINVALUE) TO ('m')}, q{FROM ('m') TO (MAXVALUE)});
	my $word = q{(ARRAY['anna', 'Zoe', 'MARA', 'mike', 'Mike', 'm', 'alva', '_x', '-y', 'Ana'])[1 + g % 10] || g % 7};

	$source->safe_psql($db, "CREATE TYPE words AS (w text, n int); CREATE TYPE word_range AS RANGE (SUBTYPE = text, COLLATION = \"C\")");
	make_table($db, "${range}_range", 'k text', 'RANGE (k)', $word, @middle);
	make_table($db, "${range}_varchar", 'n int, k varchar(30)', 'RANGE (k, n)', "1, $word", q{FROM (MINVALUE, MINVALUE) TO ('m', 1)}, q{FROM ('m', 1) TO (MAXVALUE, MAXVALUE)});
	make_table($db, "${range}_char", 'k char(9)', 'RANGE (k)', $word, @middle);
	make_table($db, "${range}_words", 'k words', 'RANGE (k)', "ROW($word, 1)::words", q{FROM (MINVALUE) TO ('(m,1)')}, q{FROM ('(m,1)') TO (MAXVALUE)});
	make_table($db, "${other}_bytes", 'k text COLLATE "C"', 'RANGE (k)', $word, @middle);
	make_table($db, "${other}_posix", 'k text COLLATE "POSIX"', 'RANGE (k)', $word, @middle);
	make_table($db, "${other}_name", 'k name', 'RANGE (k)', "($word)::name", @middle)
	  if $source->safe_psql($db, 'SHOW server_version_num') >= 120000;
	make_table($db, "${other}_hash", 'k text, l words', 'HASH (k, l)', "$word, ROW($word, 2)::words");
	make_table($db, "${other}_word_range", 'k word_range', 'HASH (k)', "word_range($word, NULL)");
	make_table($db, 'direct_list', 'k text', 'LIST (k)', $word, q{IN ('anna1', 'Zoe1', 'zoe1')}, 'DEFAULT');
	return;
}

# Collations of a user: a locale that orders in another way than bytes, and some
# for which "a" equals "A".  same: what tables are called that depend on them.
sub make_collated
{
	my ($db, $same, $deterministic) = @_;
	my $word = q{(ARRAY['anna', 'Zoe', 'ANNA', 'zoe', 'Mike', 'mike', 'ab', 'AB'])[1 + g % 8]};

	$source->safe_psql($db, <<'EOQ');
CREATE COLLATION german (PROVIDER = icu, LOCALE = 'de');
CREATE COLLATION nocase (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE DOMAIN nocase_text AS text COLLATE nocase;
CREATE TYPE nocase_pair AS (n int, w text COLLATE nocase);
CREATE TYPE nocase_range AS RANGE (SUBTYPE = text, COLLATION = nocase);
EOQ
	make_table($db, "${same}_german", 'k text COLLATE german', 'RANGE (k)', $word, q{FROM (MINVALUE) TO ('m')}, q{FROM ('m') TO (MAXVALUE)});
	make_table($db, "${same}_unicode", 'k text', 'RANGE (k COLLATE "en-x-icu")', $word, q{FROM (MINVALUE) TO ('m')}, q{FROM ('m') TO (MAXVALUE)});
	make_table($db, "${same}_nocase", 'k text COLLATE nocase', 'LIST (k)', $word, q{IN ('ANNA', 'mike')}, 'DEFAULT');
	make_table($db, "${same}_nocase_hash", 'n int, k nocase_text', 'HASH (n, k)', "g % 2, $word");
	make_table($db, "${same}_nocase_array", 'k text[] COLLATE nocase', 'HASH (k)', "ARRAY[$word, 'x']");
	make_table($db, "${same}_nocase_pairs", 'k nocase_pair[]', 'HASH (k)', "ARRAY[ROW(1, $word)::nocase_pair]");
	make_table($db, "${same}_nocase_range", 'k nocase_range', 'HASH (k)', "nocase_range($word, NULL)");
	make_table($db, "${deterministic}_german_hash", 'k text COLLATE german', 'HASH (k)', $word);
	make_table($db, "${deterministic}_german_list", 'k text COLLATE german', 'LIST (k)', $word, q{IN ('anna', 'zoe')}, 'DEFAULT');
	return;
}

# Both databases sort bytes, the types database says the rest.
new_database($_, 'bytes') for $source, $target;
make_texts('bytes', 'direct', 'direct');
check('bytes');

# The same text in another encoding has other bytes.
$source->safe_psql('postgres', "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
new_database($target, 'latin');
make_texts('latin', 'routed', 'routed');
make_table('latin', 'direct_int', 'k int', 'HASH (k)', 'g');
check('latin');

my $major = $source->safe_psql('postgres', "SELECT current_setting('server_version_num')::int / 10000");
my $has_icu = $source->safe_psql('postgres', "SELECT count(*) FROM pg_collation WHERE collprovider = 'i'");
my $libc = $source->safe_psql('postgres', <<'EOQ');
SELECT collcollate FROM pg_collation WHERE collprovider = 'c' AND collname !~ '^(C|POSIX|ucs)' AND collencoding = 6
AND pg_collation_actual_version(oid) IS NOT NULL AND collcollate ~ '^(de|en)_' ORDER BY 1 LIMIT 1
EOQ

SKIP:
{
	skip 'no ICU', 1 unless $has_icu;
	new_database($_, 'collations', 'library') for $source, $target;
	make_collated('collations', 'direct', 'direct');
	check('collations');

	# The source's library is of another version: its functions say so.
	$source->safe_psql('library', <<'EOQ');
CREATE OR REPLACE FUNCTION pg_catalog.pg_collation_actual_version(oid) RETURNS text LANGUAGE sql AS $$SELECT 'other ' || $1$$;
EOQ
	make_collated('library', 'routed', 'direct');
	check('library');
}

SKIP:
{
	skip 'no databases of ICU', 1 unless $has_icu && $major >= 15;
	my $icu = "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en'";

	$source->safe_psql('postgres', "CREATE DATABASE \"icu to c\" $icu");
	new_database($target, 'icu to c');
	make_texts('icu to c', 'routed', 'direct');
	check('icu to c');

	$target->safe_psql('postgres', "CREATE DATABASE \"c to icu\" $icu");
	new_database($source, 'c to icu');
	make_texts('c to icu', 'routed', 'direct');
	check('c to icu');

	$_->safe_psql('postgres', "CREATE DATABASE icu $icu") for $source, $target;
	make_texts('icu', 'direct', 'direct');
	check('icu');

	$_->safe_psql('postgres', "CREATE DATABASE \"other icu\" $icu") for $source, $target;
	$source->safe_psql('other icu', <<'EOQ');
CREATE OR REPLACE FUNCTION pg_catalog.pg_database_collation_actual_version(oid) RETURNS text LANGUAGE sql AS $$SELECT 'other ' || $1$$;
EOQ
	make_texts('other icu', 'routed', 'direct');
	check('other icu');
}

SKIP:
{
	skip 'no locale of libc but C', 1 unless $libc;
	my $create = "TEMPLATE template0 ENCODING 'UTF8' LC_CTYPE '$libc' LC_COLLATE";

	$source->safe_psql('postgres', "CREATE DATABASE \"libc to c\" $create '$libc'");
	new_database($target, 'libc to c');
	make_texts('libc to c', 'routed', 'direct');
	check('libc to c');

	(my $spelled = $libc) =~ s/utf8/UTF-8/;
	$source->safe_psql('postgres', "CREATE DATABASE libc $create '$libc'");
	$target->safe_psql('postgres', "CREATE DATABASE libc $create '$spelled'");
	make_texts('libc', 'direct', 'direct');
	check('libc');
}

$source->stop;
$target->stop;
done_testing();
