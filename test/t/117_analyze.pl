# A table on which ANALYZE fails, here as on the source, is cloned: an expression of
# its statistics raises an error for a row, or a function of its index runs ANALYZE.  The job ends done, pgcopy_notices names
# the table and the error, and no other table goes without statistics.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('analyze');

$source->safe_psql('postgres', <<'EOQ');
CREATE FUNCTION picky(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF $1 = 500 THEN RAISE 'not 500'; END IF;
	RETURN $1;
END $$;
CREATE TABLE casts (id int PRIMARY KEY, a text);
CREATE STATISTICS casts_numbers ON (a::int % 10) FROM casts;
INSERT INTO casts SELECT g, CASE WHEN g = 500 THEN 'x' ELSE g::text END FROM generate_series(1, 1000) g;
CREATE TABLE raises (id int PRIMARY KEY);
CREATE STATISTICS raises_numbers ON (picky(id)) FROM raises;
INSERT INTO raises SELECT generate_series(1, 1000);
CREATE FUNCTION analyze_another() RETURNS void LANGUAGE sql AS 'ANALYZE pg_catalog.pg_am';
CREATE FUNCTION analyzing(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.analyze_another(); RETURN i; END $$;
CREATE TABLE nested (id int PRIMARY KEY);
CREATE INDEX ON nested (analyzing(id));
INSERT INTO nested VALUES (1), (2);
CREATE TABLE parent (id int, a text) PARTITION BY HASH (id);
CREATE TABLE child PARTITION OF parent FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE STATISTICS parent_numbers ON (a::int % 10) FROM parent;
INSERT INTO parent SELECT id, a FROM casts;
CREATE TABLE refers (id int REFERENCES casts, a int UNIQUE);
INSERT INTO refers SELECT g, g FROM generate_series(1, 1000) g;
CREATE MATERIALIZED VIEW seen AS SELECT a FROM casts;
CREATE STATISTICS seen_numbers ON (a::int % 10) FROM seen;
EOQ
isnt($source->psql('postgres', "ANALYZE $_"), 0, "ANALYZE $_ fails on the source") for qw(casts nested raises parent seen);

my $job = clone_ok($target, conninfo($source), name => 'tables that cannot be analyzed stop no job');
assert_same($source, $target);
assert_frozen($target);
is( $target->safe_psql('postgres', "SELECT object, message FROM pgcopy_notices WHERE job = $job AND object IS NOT NULL ORDER BY 1"),
	join("\n",
		'public.casts|ANALYZE failed, the table has no new statistics: invalid input syntax for type integer: "x"',
		'public.nested|ANALYZE failed, the table has no new statistics: ANALYZE cannot be executed from VACUUM or ANALYZE',
		'public.parent|ANALYZE failed, the table has no new statistics: invalid input syntax for type integer: "x"',
		'public.raises|ANALYZE failed, the table has no new statistics: not 500',
		'public.seen|ANALYZE failed, the table has no new statistics: invalid input syntax for type integer: "x"'),
	'... and are named in the notices');
is($target->safe_psql('postgres', "SELECT count(*) FROM pgcopy_errors WHERE job = $job"), '0', '... without an error');
is($target->safe_psql('postgres', "SELECT string_agg(DISTINCT tablename, ' ' ORDER BY tablename) FROM pg_stats WHERE schemaname = 'public'"),
	'child refers', '... and no other table goes without statistics');

done_testing();
