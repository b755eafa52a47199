# What cannot be defined before a primary key is there arrives as all else does: a
# view, materialized view, function or rule whose query groups by the key alone, and
# what is built on it.
#
# pg_dump writes these after the rows.  Their clone is ready to use: materialized
# views have their rows, indexes and statistics, also after a resume.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('late');

$source->safe_psql('postgres', <<'EOQ');
CREATE TABLE shop (id int PRIMARY KEY, name text, city text);
INSERT INTO shop SELECT g, 'shop ' || g, 'city ' || g % 7 FROM generate_series(1, 1000) g;
CREATE TABLE sale (shop int REFERENCES shop, amount numeric);
INSERT INTO sale SELECT g % 1000 + 1, g FROM generate_series(1, 5000) g;
CREATE VIEW totals AS SELECT s.*, sum(amount) AS total FROM shop s JOIN sale ON shop = s.id GROUP BY s.id;
CREATE MATERIALIZED VIEW kept AS SELECT s.*, sum(amount) AS total FROM shop s JOIN sale ON shop = s.id GROUP BY s.id;
CREATE UNIQUE INDEX kept_id ON kept (id);
CREATE INDEX kept_half ON kept ((total / 2)) WHERE total > 100;
ALTER TABLE kept ALTER city SET STATISTICS 500, CLUSTER ON kept_id;
CREATE STATISTICS kept_both ON name, city FROM kept;
CREATE MATERIALIZED VIEW cities AS SELECT city, sum(total) FROM kept GROUP BY city;
CREATE MATERIALIZED VIEW empty AS SELECT s.* FROM shop s GROUP BY s.id WITH NO DATA;
CREATE FUNCTION best() RETURNS SETOF totals BEGIN ATOMIC SELECT * FROM totals ORDER BY total DESC LIMIT 3; END;
CREATE FUNCTION named() RETURNS TABLE (name text) BEGIN ATOMIC SELECT s.name FROM shop s GROUP BY s.id; END;
COMMENT ON MATERIALIZED VIEW kept IS 'made late';
CREATE FUNCTION kept_count() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM kept; END;
COMMENT ON FUNCTION kept_count() IS 'built on it';
CREATE MATERIALIZED VIEW counted AS SELECT kept_count() AS n, 1 AS a;
CREATE UNIQUE INDEX ON counted (n);
CREATE VIEW over AS SELECT n, kept_count() FROM counted;
CREATE ROLE reader;
GRANT SELECT ON kept, totals TO reader;
GRANT SELECT (city) ON cities TO reader;
EOQ
copy_roles($source, $target);

clone_ok($target, conninfo($source), name => 'a database with late definitions is cloned');
assert_same($source, $target);
is( $target->safe_psql('postgres', <<'EOQ'), 'cities|kept', 'materialized views that are made late have statistics');
SELECT string_agg(DISTINCT tablename, '|' ORDER BY tablename) FROM pg_stats WHERE tablename IN ('kept', 'cities', 'empty')
EOQ

# A failed refresh is repaired and the job resumed: another process analyzes.
$source->safe_psql('postgres', <<'EOQ');
CREATE FUNCTION half(int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF current_database() = 'again' AND to_regclass('public.repaired') IS NULL THEN
		RAISE 'not yet';
	END IF;
	RETURN $1 / 2;
END $$;
CREATE MATERIALIZED VIEW halves AS SELECT s.*, half(s.id) FROM shop s GROUP BY s.id;
EOQ
$target->safe_psql('postgres', 'CREATE DATABASE again TEMPLATE template0');
my $job = clone($target, conninfo($source), db => 'again');
is(wait_for_end($target, $job, db => 'again'), 'failed', 'a refresh fails');
$target->safe_psql('again', "CREATE TABLE repaired (); SELECT pgcopy_resume($job)");
is(wait_for_end($target, $job, db => 'again'), 'done', '... and the resumed job ends done');
$target->safe_psql('again', 'DROP TABLE repaired');
assert_same($source, $target, db => 'again', name => '... with a copy that is equal');
is($target->safe_psql('again', "SELECT count(*) FROM pg_stats WHERE tablename = 'halves'"), '4', '... and statistics');

done_testing();
