# Rows that are copied and refer to rows that are left out are left out too with
# referential => 'follow', whatever the foreign keys look like, and no others: the
# clone equals a copy of the source in which the same rows were deleted, key by key,
# until no key was broken.  With 'check' such rows are one error with their number,
# per key, and nothing is changed; with 'not valid' the keys that they break, and only
# these, are NOT VALID.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('refs');
my $seed = $ENV{PGCOPY_TEST_SEED} // time;
srand($seed);

# A JSON object of row_filters.
sub json
{
	my (%filter) = @_;
	my @pair;
	for my $table (sort keys %filter)
	{
		(my $condition = $filter{$table}) =~ s/(["\\])/\\$1/g;
		(my $key = $table) =~ s/(["\\])/\\$1/g;
		push @pair, "\"$key\": \"$condition\"";
	}
	return '{' . join(', ', @pair) . '}';
}

# Delete in a database of the source what 'follow' must leave out.  A row goes when
# its parent was deleted here; one that never had a parent stays.
my $REFERENCE = <<'EOQ';
SET session_replication_role = replica;
CREATE SCHEMA reference;
DO $do$
DECLARE
	k record;
	n bigint;
	gone bigint;
BEGIN
	FOR k IN SELECT DISTINCT c.oid, c.relname FROM pg_constraint f JOIN pg_class c ON c.oid = f.confrelid
		WHERE f.contype = 'f' AND f.conparentid = 0
	LOOP
		EXECUTE format('CREATE TABLE reference.t%s AS TABLE %s', k.oid, k.oid::regclass);
	END LOOP;
	DELETES
	LOOP
		gone := 0;
		FOR k IN SELECT f.conrelid::regclass AS child, f.confrelid::regclass AS parent, f.confrelid AS parent_oid,
			(SELECT string_agg(format('p.%I %s OPERATOR(%I.%s) c.%I', pa.attname, CASE WHEN pa.attcollation <> fa.attcollation THEN 'COLLATE ' || pa.attcollation::regcollation END, n.nspname, o.oprname, fa.attname), ' AND ')
				FROM unnest(f.conkey, f.confkey, f.conpfeqop) AS u(fk, pk, op)
				JOIN pg_attribute fa ON fa.attrelid = f.conrelid AND fa.attnum = fk
				JOIN pg_attribute pa ON pa.attrelid = f.confrelid AND pa.attnum = pk
				JOIN pg_operator o ON o.oid = op JOIN pg_namespace n ON n.oid = o.oprnamespace) AS equal
			FROM pg_constraint f WHERE f.contype = 'f' AND f.conparentid = 0
		LOOP
			EXECUTE format('DELETE FROM %s c WHERE EXISTS (SELECT FROM reference.t%s p WHERE %s)'
				' AND NOT EXISTS (SELECT FROM %s p WHERE %s)', k.child, k.parent_oid, k.equal, k.parent, k.equal);
			GET DIAGNOSTICS n = ROW_COUNT;
			gone := gone + n;
		END LOOP;
		EXIT WHEN gone = 0;
	END LOOP;
END
$do$;
DROP SCHEMA reference CASCADE;
EOQ

sub make_reference
{
	my ($db, %filter) = @_;
	my $deletes = join ' ', map { "DELETE FROM $_ WHERE (\n$filter{$_}\n) IS NOT TRUE;" } sort keys %filter;

	$source->safe_psql('postgres', $_) for "DROP DATABASE IF EXISTS ${db}_ref", "CREATE DATABASE ${db}_ref TEMPLATE $db";
	$source->safe_psql("${db}_ref", 'SET client_min_messages = warning;' . ($REFERENCE =~ s/DELETES/$deletes/r));
	return;
}

# Which foreign keys are NOT VALID, as "table.name".
sub not_valid
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, <<'EOQ');
SELECT string_agg(conrelid::regclass || '.' || quote_ident(conname), ' ' ORDER BY conrelid::regclass || '.' || quote_ident(conname)) FROM pg_constraint
WHERE contype = 'f' AND NOT convalidated
EOQ
}

sub notices
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT message FROM pgcopy_notices WHERE job = $job ORDER BY message COLLATE \"C\"");
}

sub new_source
{
	my ($db, $sql) = @_;
	new_database($source, $db);
	$source->safe_psql($db, $sql);
	return;
}

# Clone with 'follow' and compare with the reference.  Returns the job.
sub follow_ok
{
	my ($db, $filter, %opt) = @_;
	my $job;
	my $name = $opt{name} // $db;

	subtest $name => sub {
		make_reference($db, %$filter);
		new_database($target, $db);
		$job = clone_ok($target, conninfo($source, db => $db), db => $db, row_filters => json(%$filter),
			referential => 'follow', %{ $opt{options} || {} });
		assert_same($source, $target, source_db => "${db}_ref", db => $db,
			name => 'the clone has the rows that no deletion reaches, and all keys');
		is( $target->safe_psql($db, "SELECT count(*) FROM pgcopy_errors WHERE job = $job"),
			'0', 'no item had an error');
		assert_frozen($target, db => $db);
	};
	return $job;
}

#
# Shapes of keys
#
new_source('chain', <<'EOQ');
CREATE TABLE a (id int PRIMARY KEY, region text);
CREATE TABLE b (id int PRIMARY KEY, a int NOT NULL REFERENCES a);
CREATE TABLE c (id int PRIMARY KEY, b int REFERENCES b);
CREATE TABLE d (id int PRIMARY KEY, c int REFERENCES c, other int);
CREATE TABLE apart (id int PRIMARY KEY);
INSERT INTO a SELECT g, (ARRAY['north', 'south', NULL])[g % 3 + 1] FROM generate_series(1, 30) g;
INSERT INTO b SELECT g, g % 30 + 1 FROM generate_series(1, 300) g;
INSERT INTO c SELECT g, CASE WHEN g % 7 > 0 THEN g % 300 + 1 END FROM generate_series(1, 2000) g;
INSERT INTO d SELECT g, CASE WHEN g % 5 > 0 THEN g % 2000 + 1 END, g FROM generate_series(1, 5000) g;
INSERT INTO apart SELECT generate_series(1, 10);
EOQ
my $job = follow_ok('chain', { 'public.a' => "region = 'north' -- with a comment" });
is(not_valid($target, 'chain'), '', 'all keys of the chain are valid');
is( notices('chain', $job) =~ s/^(?!rows of).*\n?//mgr, <<'EOQ' =~ s/\n\z//r, 'each table that loses rows by its keys is told');
rows of public.b that refer to rows left out are left out too (b_a_fkey)
rows of public.c that refer to rows left out are left out too (c_b_fkey)
rows of public.d that refer to rows left out are left out too (d_c_fkey)
EOQ

new_source('diamond', <<'EOQ');
CREATE TABLE top (id int PRIMARY KEY);
CREATE TABLE left_side (id int PRIMARY KEY, top int REFERENCES top);
CREATE TABLE right_side (id int PRIMARY KEY, top int REFERENCES top, keep bool);
CREATE TABLE bottom (l int REFERENCES left_side, r int REFERENCES right_side, r2 int REFERENCES right_side, t int REFERENCES top, id int);
INSERT INTO top SELECT generate_series(1, 50);
INSERT INTO left_side SELECT g, NULLIF(g % 51, 0) FROM generate_series(1, 200) g;
INSERT INTO right_side SELECT g, NULLIF(g % 51, 0), NULLIF(g % 4, 0) <> 1 FROM generate_series(1, 200) g;
INSERT INTO bottom SELECT NULLIF(g * 3 % 201, 0), NULLIF(g * 5 % 201, 0), NULLIF(g * 11 % 201, 0), NULLIF(g * 7 % 51, 0), g FROM generate_series(1, 3000) g;
EOQ
follow_ok('diamond', { 'public.top' => 'id % 5 <> 0', 'public.right_side' => 'right_side.keep', 'public.bottom' => 'public.bottom.id % 2 = 0' });

new_source('tree', <<'EOQ');
CREATE TABLE employee (id int PRIMARY KEY, boss int REFERENCES employee, name text, pgcopy_1 int);
CREATE TABLE laptop (id int PRIMARY KEY, owner int REFERENCES employee, pgcopy_k1 text);
INSERT INTO employee VALUES (1, 1, 'president, her own boss', 1), (2, NULL, 'nobody''s', 2);
INSERT INTO employee SELECT g, g / 3 + 1, 'employee ' || g, g FROM generate_series(3, 3000) g;
INSERT INTO employee VALUES (4001, 4002, 'cycle'), (4002, 4003, 'cycle'), (4003, 4001, 'cycle'),
	(5001, 5002, 'cut cycle'), (5002, 5001, 'cut cycle'), (5003, 5001, 'below');
INSERT INTO laptop SELECT g, NULLIF(g % 3000, 0), g FROM generate_series(1, 9000) g;
INSERT INTO laptop VALUES (10001, 4001), (10002, 5001), (10003, 5003);
EOQ
follow_ok('tree', { 'public.employee' => 'id NOT IN (7, 20, 5002)' });
is( $target->safe_psql('tree', 'SELECT array_agg(id ORDER BY id) FROM employee WHERE id IN (1, 2, 7, 18, 20) OR id > 4000'),
	'{1,2,4001,4002,4003}', 'rows that refer to each other stay unless one of them goes');
is($target->safe_psql('tree', 'SELECT count(*) FROM employee WHERE id BETWEEN 57 AND 59'), '0', 'and so do all below one that goes');

new_source('cycle', <<'EOQ');
CREATE TABLE team (id int PRIMARY KEY, lead int, kept bool);
CREATE TABLE person (id int PRIMARY KEY, team int REFERENCES team, mentor int REFERENCES person);
ALTER TABLE team ADD FOREIGN KEY (lead) REFERENCES person DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE badge (person int REFERENCES person, team int REFERENCES team);
INSERT INTO team SELECT g, NULL, g % 6 <> 0 FROM generate_series(1, 100) g;
INSERT INTO person SELECT g, NULLIF(g % 101, 0), NULLIF(g / 4, 0) FROM generate_series(1, 500) g;
UPDATE team SET lead = id * 4 WHERE id % 3 > 0;
INSERT INTO badge SELECT NULLIF(g % 501, 0), NULLIF(g * 7 % 101, 0) FROM generate_series(1, 2000) g;
EOQ
follow_ok('cycle', { 'public.team' => 'kept' });

# 20,000 rows, each of which refers to the one before: as many steps.
new_source('line', <<'EOQ');
CREATE TABLE line (id int PRIMARY KEY, before int REFERENCES line);
INSERT INTO line SELECT g, NULLIF(g - 1, 0) FROM generate_series(1, 20000) g;
EOQ
new_database($target, 'line');
clone_ok($target, conninfo($source, db => 'line'), db => 'line', row_filters => json('public.line' => 'id <> 100'),
	referential => 'follow', limit => 30);
is($target->safe_psql('line', 'SELECT count(*) FROM line'), '99', 'a line of 20,000 rows is followed to its end');

new_source('composite', <<'EOQ');
CREATE TYPE pair AS (x int, y int);
CREATE DOMAIN code AS text;
CREATE TABLE p (a int, b text, c code UNIQUE, d pair UNIQUE, e int[] UNIQUE, keep bool, PRIMARY KEY (a, b));
CREATE TABLE simple (id int, a int, b varchar(20), FOREIGN KEY (b, a) REFERENCES p (b, a));
CREATE TABLE "full" (id int, a bigint, b text, FOREIGN KEY (a, b) REFERENCES p MATCH FULL);
CREATE TABLE "by" (id int, c varchar REFERENCES p (c), d pair REFERENCES p (d), e int[] REFERENCES p (e));
INSERT INTO p SELECT g, 'b' || g % 7, CASE WHEN g % 3 > 0 THEN 'c' || g END,
	CASE WHEN g % 10 = 0 THEN ROW(NULL, NULL)::pair WHEN g % 3 > 0 THEN ROW(g, NULL)::pair END,
	CASE WHEN g % 3 > 0 THEN ARRAY[g, NULL] END, g % 4 > 0 FROM generate_series(1, 20) g WHERE g <> 20;
INSERT INTO simple SELECT g, NULLIF(g % 20, 0), CASE WHEN g % 3 > 0 THEN 'b' || g % 20 % 7 END FROM generate_series(1, 500) g;
INSERT INTO "full" SELECT g, CASE WHEN g % 3 > 0 THEN NULLIF(g % 20, 0) END, CASE WHEN g % 3 > 0 AND g % 20 > 0 THEN 'b' || g % 20 % 7 END FROM generate_series(1, 500) g;
INSERT INTO "by" SELECT row_number() OVER (), p.c, q.d, r.e FROM p, p q, p r WHERE (p.a + q.a + r.a) % 5 = 0;
EOQ
follow_ok('composite', { 'public.p' => 'keep' });

new_source('classes', <<'EOQ');
CREATE EXTENSION citext;
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE p (id citext PRIMARY KEY, name text COLLATE ci UNIQUE, n numeric UNIQUE, padded char(8) UNIQUE, keep bool);
CREATE TABLE c (id int, p citext REFERENCES p, name text COLLATE "C", n int REFERENCES p (n), padded char(8) REFERENCES p (padded));
DO $$ BEGIN
	ALTER TABLE c ADD FOREIGN KEY (name) REFERENCES p (name);
EXCEPTION WHEN others THEN -- from 18 on both must have that collation
	ALTER TABLE c ALTER name TYPE text COLLATE ci, ADD FOREIGN KEY (name) REFERENCES p (name);
END $$;
INSERT INTO p SELECT 'Id' || g, 'Name' || g, g + 0.00, 'x' || g, g % 3 > 0 FROM generate_series(1, 30) g;
INSERT INTO c SELECT g, 'iD' || g % 30 + 1, CASE WHEN g % 2 = 0 THEN 'nAME' || g / 2 % 30 + 1 END, CASE WHEN g % 5 = 0 THEN g / 5 % 30 + 1 END,
	CASE WHEN g % 7 = 0 THEN 'x' || g % 30 + 1 END FROM generate_series(1, 1000) g;
EOQ
follow_ok('classes', { 'public.p' => 'keep' });

new_source('partitions', <<'EOQ');
CREATE SCHEMA "Odd ""schema";
CREATE TABLE p (id int, part int, keep bool, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1, 2);
CREATE TABLE "Odd ""schema"."p%d" PARTITION OF p FOR VALUES IN (3, 4) PARTITION BY RANGE (id);
CREATE TABLE p2a PARTITION OF "Odd ""schema"."p%d" FOR VALUES FROM (1) TO (500);
CREATE TABLE p2b (keep bool, part int NOT NULL, gone int, id int NOT NULL);
ALTER TABLE p2b DROP gone;
ALTER TABLE "Odd ""schema"."p%d" ATTACH PARTITION p2b FOR VALUES FROM (500) TO (1000000);
ALTER TABLE p1 ADD UNIQUE (id);
CREATE TABLE c (n int, p int, part int, FOREIGN KEY (p, part) REFERENCES p) PARTITION BY HASH (n);
CREATE TABLE c0 PARTITION OF c FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE c1 PARTITION OF c FOR VALUES WITH (MODULUS 2, REMAINDER 1);
ALTER TABLE c1 ADD CHECK (n > 0);
CREATE TABLE only_one (id int, p int REFERENCES p1 (id));
CREATE TABLE self (id int PRIMARY KEY, up int) PARTITION BY RANGE (id);
CREATE TABLE self1 PARTITION OF self FOR VALUES FROM (1) TO (300);
CREATE TABLE self2 PARTITION OF self FOR VALUES FROM (300) TO (10000);
ALTER TABLE self ADD FOREIGN KEY (up) REFERENCES self;
CREATE TABLE of_leaf (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE of_leaf1 PARTITION OF of_leaf FOR VALUES FROM (1) TO (100);
CREATE TABLE of_leaf2 PARTITION OF of_leaf FOR VALUES FROM (100) TO (200);
INSERT INTO p SELECT g, g % 4 + 1, g % 6 > 0 FROM generate_series(1, 1000) g;
INSERT INTO c SELECT g, CASE WHEN g % 9 > 0 THEN g % 1000 + 1 END, (g % 1000 + 1) % 4 + 1 FROM generate_series(1, 4000) g;
INSERT INTO only_one SELECT g, id FROM p1, generate_series(1, 3) g;
INSERT INTO self SELECT g, NULLIF(g * 2 / 3, 0) FROM generate_series(1, 900) g;
INSERT INTO self VALUES (9001, 9002), (9002, 9001);
INSERT INTO of_leaf SELECT generate_series(1, 199);
CREATE TABLE circle (id int PRIMARY KEY, leaf int REFERENCES of_leaf);
INSERT INTO circle SELECT g, g FROM generate_series(1, 199) g;
ALTER TABLE of_leaf ADD COLUMN circle int;
UPDATE of_leaf SET circle = id + 1 WHERE id < 100;
ALTER TABLE of_leaf1 ADD FOREIGN KEY (circle) REFERENCES circle;
EOQ
follow_ok('partitions', { 'public.p' => 'keep', 'public.self2' => 'id NOT IN (400, 401, 402)', 'public.circle' => 'id NOT IN (50, 150)' });

my $deep = join '', map { "CREATE TABLE t$_ (id int PRIMARY KEY"
	  . ($_ > 1 ? ', u int REFERENCES t' . ($_ - 1) . ', v int REFERENCES t' . ($_ - 1) : '')
	  . ($_ > 2 ? ', w int REFERENCES t' . ($_ - 2) : '') . ");\n" } 1 .. 12;
$deep .= "INSERT INTO t$_ SELECT g" . ($_ > 1 ? ', NULLIF(g % 60, 0), NULLIF(g * 7 % 50, 0)' : '') . ($_ > 2 ? ', NULLIF(g % 61, 0)' : '')
  . " FROM generate_series(1, 400) g;\n" for 1 .. 12;
new_source('deep', $deep);
follow_ok('deep', { 'public.t1' => 'id <> 3', 'public.t5' => 'id <> 7' });
cmp_ok($target->safe_psql('deep', 'SELECT max(length(row_with)) FROM pgcopy.relation'),
	'<', 12000, 'the text for a chain of 12 diamonds grows with its length only');

#
# Keys that rows of the source break already
#
new_source('orphans', <<'EOQ');
CREATE TABLE p (id int PRIMARY KEY, keep bool);
CREATE TABLE c (id int, p int);
CREATE TABLE tree (id int PRIMARY KEY, up int);
INSERT INTO p SELECT g, g % 2 = 0 FROM generate_series(1, 100) g;
INSERT INTO c SELECT g, g FROM generate_series(1, 150) g;
INSERT INTO tree SELECT g, g / 2 FROM generate_series(1, 100) g;
INSERT INTO tree VALUES (200, 900), (201, 200);
ALTER TABLE c ADD FOREIGN KEY (p) REFERENCES p NOT VALID;
ALTER TABLE tree ADD FOREIGN KEY (up) REFERENCES tree NOT VALID;
EOQ
follow_ok('orphans', { 'public.p' => 'keep', 'public.tree' => 'id <> 10' });
is($target->safe_psql('orphans', 'SELECT count(*), count(*) FILTER (WHERE p > 100) FROM c'), '100|50',
	'rows without a parent on the source stay, as their keys stay NOT VALID');
is($target->safe_psql('orphans', 'SELECT array_agg(id ORDER BY id) FROM tree WHERE id IN (1, 5, 10, 20, 200, 201)'),
	'{1,5,200,201}', 'also those of a tree');

#
# 'check' and 'not valid'
#
new_source('counts', <<'EOQ');
CREATE TABLE p (id int PRIMARY KEY, keep bool);
CREATE TABLE c (id int, p int CONSTRAINT first REFERENCES p, q int CONSTRAINT "Second ""key" REFERENCES p);
CREATE TABLE d (id int, p int REFERENCES p);
CREATE TABLE whole (id int, p int CONSTRAINT whole REFERENCES p);
CREATE TABLE parts (id int, p int CONSTRAINT parts REFERENCES p) PARTITION BY RANGE (id);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (1) TO (500);
CREATE TABLE parts2 PARTITION OF parts FOR VALUES FROM (500) TO (2000);
COMMENT ON CONSTRAINT parts ON parts IS 'a comment';
COMMENT ON CONSTRAINT whole ON whole IS 'another';
CREATE TABLE e (id int, p int, CONSTRAINT old FOREIGN KEY (p) REFERENCES p);
INSERT INTO p SELECT g, g % 10 > 0 FROM generate_series(1, 100) g;
INSERT INTO c SELECT g, NULLIF(g % 101, 0), CASE WHEN g % 3 = 0 THEN g % 100 + 1 END FROM generate_series(1, 1000) g;
INSERT INTO d SELECT g, 10 FROM generate_series(1, 7) g;
INSERT INTO whole SELECT g, 1 FROM generate_series(1, 7) g;
INSERT INTO parts SELECT g, g % 100 + 1 FROM generate_series(1, 999) g;
EOQ
my %counts = ('public.p' => 'keep', 'public.c' => 'id <= 500');
my $expected = $source->safe_psql('counts', <<'EOQ');
SELECT string_agg(count || ' row' || CASE WHEN count > 1 THEN 's' ELSE '' END, ', ') FROM (
SELECT count(*) FROM c JOIN p ON p.id = c.p WHERE c.id <= 500 AND NOT keep UNION ALL
SELECT count(*) FROM c JOIN p ON p.id = c.q WHERE c.id <= 500 AND NOT keep UNION ALL
SELECT count(*) FROM d JOIN p ON p.id = d.p WHERE NOT keep UNION ALL
SELECT count(*) FROM parts JOIN p ON p.id = parts.p WHERE NOT keep) x
EOQ
my @expected = split /, /, $expected;

new_database($target, 'counts');
my $job2 = clone($target, conninfo($source, db => 'counts'), db => 'counts', row_filters => json(%counts));
is(wait_for_end($target, $job2, db => 'counts'), 'failed', 'check ends the job');
is( $target->safe_psql('counts', "SELECT sqlstate, message, object, hint FROM pgcopy_errors WHERE job = $job2"),
	"23503|row_filters break 4 foreign keys: rows that are copied refer to rows that are left out|public.c|Use referential => 'follow' to leave out these rows too, or referential => 'not valid' to copy them and leave the keys NOT VALID.",
	'with one error of all keys');
is( $target->safe_psql('counts', "SELECT detail FROM pgcopy_errors WHERE job = $job2"), <<EOQ =~ s/\n\z//r, 'with the number of rows of each');
first of public.c: $expected[0], to public.p.
"Second ""key" of public.c: $expected[1], to public.p.
d_p_fkey of public.d: $expected[2], to public.p.
parts of public.parts: $expected[3], to public.p.
EOQ
is($target->safe_psql('counts', "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"), '0', 'before anything is created');
$target->safe_psql('counts', "SELECT pgcopy_drop($job2)");

my $job3 = clone_ok($target, conninfo($source, db => 'counts'), db => 'counts', row_filters => json(%counts), referential => 'not valid');
is(not_valid($target, 'counts'), 'c."Second ""key" c.first d.d_p_fkey', 'with not valid, these keys are NOT VALID');
is($target->safe_psql('counts', "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND conname IN ('whole', 'old')"), '2', 'and those that no row breaks are valid');
is($target->safe_psql('counts', "SELECT count(*) FROM pg_constraint WHERE conname = 'parts'"), '0', 'one of a partitioned table is left out');
is( notices('counts', $job3) =~ s/^(?!foreign).*\n?//mgr, <<EOQ =~ s/\n\z//r, 'and told, each with its number of rows');
foreign key "Second ""key" of public.c stays NOT VALID: $expected[1] that are copied refer to rows of public.p that are left out
foreign key d_p_fkey of public.d stays NOT VALID: $expected[2] that are copied refer to rows of public.p that are left out
foreign key first of public.c stays NOT VALID: $expected[0] that are copied refer to rows of public.p that are left out
foreign key parts of public.parts is left out, as a partitioned table cannot have it NOT VALID: $expected[3] that are copied refer to rows of public.p that are left out
EOQ
is($target->safe_psql('counts', 'SELECT count(*) FROM c'), '500', 'no row is left out for its keys');

# A filter that breaks nothing passes the check.
new_database($target, 'counts2');
clone_ok($target, conninfo($source, db => 'counts'), db => 'counts2', row_filters => json('public.c' => 'id < 10', 'public.p' => 'id > 0'),
	name => 'a filter that breaks no key passes the check');
is(not_valid($target, 'counts2'), '', 'and all keys are valid');

# Without the rows of a table, those that refer to it go, and its keys are valid.
new_database($target, 'counts3');
my $job4 = clone_ok($target, conninfo($source, db => 'counts'), db => 'counts3', exclude_table_data => '{public.p}', referential => 'follow',
	name => 'a table without its rows is followed');
is($target->safe_psql('counts3', 'SELECT count(*), count(p), count(q) FROM c') . '|' . $source->safe_psql('counts', 'SELECT count(*) FROM c WHERE p IS NULL AND q IS NULL'),
	'6|0|0|6', 'only rows that refer to none are there');
is(not_valid($target, 'counts3'), '', 'with all keys valid');
is(notices('counts3', $job4) =~ s/^(?!.*NOT VALID).*\n?//mgr, '', 'and nothing else is told of them');

# A key of tables that exist refuses such rows: that is told before these are emptied.
new_database($target, 'counts4');
$target->safe_psql('counts4', 'CREATE TABLE p (id int PRIMARY KEY, keep bool); CREATE TABLE d (id int, p int CONSTRAINT mine REFERENCES p); INSERT INTO p VALUES (1); INSERT INTO d VALUES (1, 1)');
my %onto = (db => 'counts4', include_tables => '{public.p,public.d}', sections => '{data}', truncate => 'true', referential => 'not valid', row_filters => json('public.p' => 'keep'));
my $job6 = clone($target, conninfo($source, db => 'counts'), %onto);
is(wait_for_end($target, $job6, db => 'counts4'), 'failed', 'a key that is here refuses rows without a parent');
is($target->safe_psql('counts4', "SELECT sqlstate, message FROM pgcopy_errors WHERE job = $job6"),
	"23503|foreign key mine of public.d exists here and cannot stay NOT VALID: $expected[2] would refer to rows of public.p that are left out", 'which is said');
is($target->safe_psql('counts4', 'SELECT (SELECT count(*) FROM p), (SELECT count(*) FROM d)'), '1|1', 'before anything is lost');
$target->safe_psql('counts4', "SELECT pgcopy_drop($job6); ALTER TABLE d DROP CONSTRAINT mine");
clone_ok($target, conninfo($source, db => 'counts'), %onto, name => 'without it they come');

# Values of one side of a key only: that is said, not that the source has such rows.
new_database($target, 'one_side');
my $job7 = clone($target, conninfo($source, db => 'counts'), db => 'one_side', include_tables => '{public.p,public.d}', column_values => '{"public.p": {"id": "id + 1000"}}');
is(wait_for_end($target, $job7, db => 'one_side'), 'failed', 'a mask of one side of a key breaks it');
like($target->safe_psql('one_side', "SELECT hint FROM pgcopy_errors WHERE job = $job7 AND sqlstate = '23503' LIMIT 1"),
	qr/^The source has these rows too, or column_values has other values for one side of the key\. /, 'the hint names the reason');

#
# Bad input, errors
#
new_database($target, 'bad');
my $arguments = sprintf 'SELECT pgcopy_clone(%s, row_filters => %s, referential => \'follow\')',
  quote_literal(conninfo($source, db => 'counts')), quote_literal(json('public.p' => 'random() < 0.5'));
$target->safe_psql('bad', 'CREATE EXTENSION pgcopydb_ext');
my @refused = call_error($target, 'bad', $arguments);
is(join('|', @refused[ 0, 1 ]), '0A000|row_filters of public.p: function pg_catalog.random is volatile',
	'volatile conditions are refused with follow');

my $job5 = clone($target, conninfo($source, db => 'counts'), db => 'bad', row_filters => json('public.p' => '4711 / (id - 50) > 0'));
is(wait_for_end($target, $job5, db => 'bad'), 'failed', 'a condition that fails on a row ends the job');
like( $target->safe_psql('bad', "SELECT sqlstate, message FROM pgcopy_errors WHERE job = $job5"),
	qr/^22012\|the source could not count the rows that break foreign key first of public\.c$/, 'with the key whose rows were counted');
unlike(slurp_file($target->logfile), qr/WHERE.*4711/, 'but without the statement');

#
# Chunks, resume
#
new_source('bank', <<'EOQ');
CREATE TABLE branches (bid int PRIMARY KEY, secret text);
CREATE TABLE tellers (tid int PRIMARY KEY, bid int REFERENCES branches, filler text);
CREATE TABLE accounts (aid int PRIMARY KEY, bid int REFERENCES branches, owner text, filler text);
CREATE TABLE history (tid int REFERENCES tellers, bid int REFERENCES branches, aid int REFERENCES accounts, delta int, filler text);
INSERT INTO branches SELECT g, 'unmasked' || g FROM generate_series(1, 100) g;
INSERT INTO tellers SELECT g, g % 100 + 1, repeat('x', 60) FROM generate_series(1, 1000) g;
INSERT INTO accounts SELECT g, g % 100 + 1, 'unmasked' || g, repeat('x', 60) FROM generate_series(1, 20000) g;
INSERT INTO history SELECT h.g % 1000 + 1, (h.g + 1) % 100 + 1, NULLIF(h.g % 20000, 0) + 1, h.g, repeat('x', 100) FROM generate_series(1, 100000) h(g);
EOQ
my $mask = '{"public.accounts": {"owner": "\'user\' || aid"}, "public.branches": {"secret": null}}';
new_database($target, 'bank');
make_reference('bank', 'public.branches' => 'bid % 20 = 3', 'public.accounts' => 'aid > 100');
$source->safe_psql('bank_ref', "UPDATE accounts SET owner = 'user' || aid; UPDATE branches SET secret = NULL");
clone_ok($target, conninfo($source, db => 'bank'), db => 'bank', referential => 'follow', column_values => $mask,
	row_filters => json('public.branches' => 'bid % 20 = 3', 'public.accounts' => 'aid > 100'),
	split_tables_larger_than => '1MB', table_jobs => 3);
assert_same($source, $target, source_db => 'bank_ref', db => 'bank', name => 'a masked subset of a bank, in chunks');
is(not_valid($target, 'bank'), '', 'all keys of the bank are valid');
cmp_ok($target->safe_psql('bank', "SELECT count(*) FROM pgcopy.item WHERE kind = 'table' AND object_name = 'history'"), '>', 1, 'history came in chunks');
$target->safe_psql('bank', 'ANALYZE; CHECKPOINT');
cmp_ok(scalar(files_with("user101", $target->data_dir)), '>', 0, 'masked values are found in files of the target');
is_deeply([ files_with('unmasked', $target->data_dir, $target->logfile) ], [], 'and not one unmasked value: not in heap, TOAST, statistics, WAL or log');

# Stopped in the middle of the rows, resumed under the same snapshot or another one.
create_holds($source, 'bank');
$source->safe_psql('bank', 'ALTER TABLE tellers ADD CHECK (hold.here(1))');
make_reference('bank', 'public.branches' => 'bid % 20 = 4');
for my $consistent ('false', 'true')
{
	my $db = "resumed_$consistent";
	new_database($target, $db);
	$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext');
	my $hold = hold($target, $db, 1);
	my $stopped = clone($target, conninfo($source, db => 'bank'), db => $db, referential => 'follow',
		row_filters => json('public.branches' => 'bid % 20 = 4'), split_tables_larger_than => '1MB');
	ok(wait_held($target, $db, 1), 'the job stands at the rows of tellers');
	ok(wait_until($target, "SELECT bool_and(state = 'done') FROM pgcopy.item WHERE kind = 'table' AND object_name IN ('history', 'accounts')", db => $db),
		'history and accounts are read');
	$target->safe_psql($db, "SELECT pgcopy_cancel($stopped)");
	is(wait_for_end($target, $stopped, db => $db), 'cancelled', 'it is cancelled');
	release($hold);
	$target->safe_psql($db, "SELECT pgcopy_resume($stopped, consistent => $consistent)");
	ok(wait_for_state($target, $stopped, 'done', db => $db), "resumed with consistent => $consistent it ends done");
	assert_same($source, $target, source_db => 'bank_ref', db => $db, name => 'with the same rows');
}

#
# Random keys, rows and conditions
#
sub random_schema
{
	my @sql;
	my @filter;
	my $tables = 6;

	push @sql, "CREATE TABLE r$_ (id int PRIMARY KEY, u int UNIQUE, v int, w int, x int, y bigint);" for 1 .. $tables;
	for my $t (1 .. $tables)
	{
		my $rows = 20 + int(rand(200));
		my $nulls = 1 + int(rand(10));
		push @sql, "INSERT INTO r$t SELECT g, CASE WHEN g % 7 > 0 THEN 1000 - g END, "
		  . join(', ', map { my $p = 3 + int(rand(97)); "CASE WHEN g % $nulls > 0 OR $nulls = 1 THEN 1 + g * $p % 20 END" } 1 .. 4)
		  . " FROM generate_series(1, $rows) g;";
		push @filter, "public.r$t", (map { "id % $_ > 0" } 3 + int(rand(20)))[0] if rand() < 0.4;
	}
	push @filter, 'public.r1', 'id <> 5' unless @filter;
	for my $t (1 .. $tables)
	{
		for my $column (qw(v w x y))
		{
			next if rand() < 0.4;
			my $to = 1 + int(rand($tables));
			my $old = rand() < 0.2;
			push @sql, "ALTER TABLE r$t ADD FOREIGN KEY ($column) REFERENCES r$to" . ($old ? ' NOT VALID' : '') . ';';
			push @sql, "ALTER TABLE r$t DISABLE TRIGGER ALL; UPDATE r$t SET $column = $column + 5000 WHERE id % 9 = 1; ALTER TABLE r$t ENABLE TRIGGER ALL;"
			  if $old;
		}
	}
	return (join("\n", @sql), {@filter});
}

my $rounds = $ENV{PGCOPY_TEST_ROUNDS} // 4;
for my $round (1 .. $rounds)
{
	my ($sql, $filter) = random_schema();
	new_source("random$round", $sql);
	follow_ok("random$round", $filter, name => "random keys, round $round (PGCOPY_TEST_SEED=$seed)", options => { foreign_keys => 'validate' })
	  or diag($sql, explain $filter);
}

done_testing();
