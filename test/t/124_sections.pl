# sections says what of a clone a job does.  Definitions, rows and what follows them
# in three jobs make the same database as one clone.  Rows go into tables that
# exist: by name, whatever the order of their columns, through triggers, indexes,
# foreign keys and partitions that are there; what does not fit is told before
# anything is changed.  What of post-data is there already, by definition, stays.
# Whatever interrupts such a job, no row is lost or there twice.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFaults;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('sections', source_conf => $EVERYTHING_CONF,
	target_conf => $EVERYTHING_CONF . "max_worker_processes = 32\nrestart_after_crash = on\n");

# Order a job that fails, and return its errors as one text.
sub errors_of
{
	my ($db, $conninfo, %opt) = @_;
	my $job = clone($target, $conninfo, db => $db, %opt);
	my $state = wait_for_end($target, $job, db => $db);
	my $errors = $target->safe_psql($db,
		"SELECT sqlstate, message, detail, hint FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY no");
	$target->safe_psql($db, "SELECT pgcopy_drop($job)");
	return $state eq 'failed' ? $errors : "the job ended $state: $errors";
}

# What pgcopy_clone itself says.
sub refusal
{
	my ($arguments) = @_;
	my (undef, undef, $err) = $target->psql('postgres',
		"\\set VERBOSITY verbose\nSELECT pgcopy_clone(" . quote_literal(conninfo($source)) . ", $arguments)");
	return $err =~ s/\n(LOCATION|LINE).*//sr;
}

# Arguments
like(refusal(q(sections => '{}')), qr/ERROR:  22023: sections must not be empty\nHINT:/, 'sections must not be empty');
like(refusal(q(sections => '{data,posts}')), qr/ERROR:  22023: .*sections.*posts/s, 'a section that there is not is an error');
like(refusal(q(sections => '{data}', truncate => true, append => true)), qr/22023: truncate contradicts append/, 'truncate contradicts append');
like(refusal('truncate => true'), qr/22023: truncate contradicts sections/, 'truncate contradicts pre-data');
like(refusal(q(sections => '{post-data}', append => true)), qr/22023: append contradicts sections\nDETAIL:  Without section data/, 'append contradicts the lack of data');

# Rows never go into this extension's own tables, or the system's, whatever the source's are called
new_database($_, 'guarded') for $source, $target;
$source->safe_psql('guarded', 'CREATE SCHEMA pgcopy; CREATE TABLE pgcopy.item (a int); INSERT INTO pgcopy.item VALUES (1); CREATE TABLE fine (a int)');
$target->safe_psql('guarded', 'CREATE TABLE fine (a int)');
like(errors_of('guarded', conninfo($source, db => 'guarded'), sections => ['data'], append => 'true'),
	qr/^42P01\|1 table of the source does not exist here\|Missing: pgcopy\.item/m, 'a table called like one of this extension\'s has none here');

# Three steps, with all there is
load_roles($source, $target);
new_database($source, 'everything');
load_everything($source, 'everything', big_size => 3_000_000);
new_database($target, 'everything', 'twice', 'schema');
my $everything = conninfo($source, db => 'everything');

clone_ok($target, $everything, db => 'everything', sections => ['pre-data'], name => 'the job of pre-data ends done');
is($target->safe_psql('everything', "SELECT count(*) FROM pg_indexes WHERE schemaname = 'ev'"), '0', 'it builds no index');
is($target->safe_psql('everything', "SELECT count(*) FROM ev.texts"), '0', 'and copies no row');
is($target->safe_psql('everything', 'SELECT count(*) FROM pg_largeobject_metadata'), '0', 'and no large object');
clone_ok($target, $everything, db => 'everything', sections => ['data'], name => 'the job of data ends done');
is($target->safe_psql('everything', "SELECT count(*) FROM pg_indexes WHERE schemaname = 'ev'"), '0', 'it builds no index either');
clone_ok($target, $everything, db => 'everything', sections => ['post-data'], name => 'the job of post-data ends done');
is($target->safe_psql('everything', "SELECT count(*) FROM pgcopy_errors"), '0', 'no error was recorded');
assert_same($source, $target, source_db => 'everything', db => 'everything',
	ignore => $EVERYTHING_IGNORE, filter => \&everything_filter, name => 'three jobs make what one makes');


# Post-data once more finds everything there.
$target->safe_psql('everything', 'DROP EVENT TRIGGER ev_forbid; DROP EVENT TRIGGER ev_end');
my $objects = <<'EOQ';
SELECT 'class', md5(string_agg(oid::text, ' ' ORDER BY oid)) FROM pg_class WHERE relkind IN ('i', 'I', 'r', 'p', 'v', 'm') AND relnamespace <> 'pg_toast'::regnamespace
UNION ALL SELECT 'constraint', md5(string_agg(oid::text, ' ' ORDER BY oid)) FROM pg_constraint
UNION ALL SELECT 'trigger', md5(string_agg(oid::text, ' ' ORDER BY oid)) FROM pg_trigger
UNION ALL SELECT 'policy', md5(string_agg(oid::text, ' ' ORDER BY oid)) FROM pg_policy
UNION ALL SELECT 'rule', md5(string_agg(oid::text, ' ' ORDER BY oid)) FROM pg_rewrite WHERE rulename <> '_RETURN'
UNION ALL SELECT 'statistics', md5(string_agg(oid::text, ' ' ORDER BY oid)) FROM pg_statistic_ext
UNION ALL SELECT 'publication', md5(string_agg(oid::text, ' ' ORDER BY oid)) FROM pg_publication
EOQ
my $before = $target->safe_psql('everything', $objects);
clone_ok($target, $everything, db => 'everything', sections => ['post-data'], name => 'post-data again ends done');
is($target->safe_psql('everything', $objects), $before, 'and builds nothing again');
assert_same($source, $target, source_db => 'everything', db => 'everything',
	ignore => $EVERYTHING_IGNORE, filter => \&everything_filter, name => 'and changes nothing');

# Rows into tables of another shape
new_database($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE SCHEMA "S 1";
CREATE TABLE "S 1"."Parent ""x""" (id int PRIMARY KEY, name text NOT NULL, v numeric(10,2), d timestamptz DEFAULT now(), mood text);
CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES "S 1"."Parent ""x""", note varchar(20));
CREATE TABLE grandchild (id int PRIMARY KEY, child int REFERENCES child);
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree, filler text);
CREATE TABLE flat (id int, place text, n int);
CREATE TABLE parts (id int, place text) PARTITION BY LIST (place);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b') PARTITION BY RANGE (id);
CREATE TABLE parts_b_1 PARTITION OF parts_b FOR VALUES FROM (0) TO (500);
CREATE TABLE parts_b_2 PARTITION OF parts_b FOR VALUES FROM (500) TO (2000);
CREATE TABLE same_parts (LIKE parts) PARTITION BY HASH (id);
CREATE TABLE same_parts_1 PARTITION OF same_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE same_parts_2 PARTITION OF same_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE ident (id int GENERATED ALWAYS AS IDENTITY, a int, twice int);
CREATE TABLE nothing ();
CREATE SEQUENCE alone;
SELECT setval('alone', 77);
INSERT INTO "S 1"."Parent ""x""" SELECT g, 'n' || g, g / 3.0, timestamptz '2020-01-01' + g * interval '1 hour', 'ok' FROM generate_series(1, 2000) g;
INSERT INTO child (parent, note) SELECT g % 2000 + 1, 'note ' || g FROM generate_series(1, 5000) g;
INSERT INTO grandchild SELECT g, g % 5000 + 1 FROM generate_series(1, 3000) g;
INSERT INTO tree SELECT g, CASE WHEN g < 6000 THEN g + 1 END, repeat('x', 200) FROM generate_series(1, 6000) g;
INSERT INTO flat SELECT g, chr(97 + g % 3), g FROM generate_series(1, 3000) g;
INSERT INTO parts SELECT g, chr(97 + g % 2) FROM generate_series(1, 1500) g;
INSERT INTO same_parts SELECT g, 'x' FROM generate_series(1, 1000) g;
INSERT INTO ident (a, twice) SELECT g, 2 * g FROM generate_series(1, 100) g;
INSERT INTO nothing SELECT FROM generate_series(1, 7);
SELECT lo_from_bytea(5001, 'large');
EOQ
my $app = conninfo($source, db => 'app');

# Other order, other types, more columns, indexes, triggers, partitions.
my $other_shape = <<'EOQ';
CREATE SCHEMA "S 1";
CREATE DOMAIN short AS text CHECK (length(VALUE) < 21);
CREATE TYPE mood AS ENUM ('ok', 'not ok');
CREATE TABLE "S 1"."Parent ""x""" (extra text DEFAULT 'extra', mood mood, d timestamptz, v numeric(12,1) CHECK (v >= 0),
	id bigint PRIMARY KEY, name varchar(50) NOT NULL, lost int, loaded int GENERATED ALWAYS AS IDENTITY);
ALTER TABLE "S 1"."Parent ""x""" DROP COLUMN lost;
CREATE TABLE child (note short, id serial PRIMARY KEY, parent bigint REFERENCES "S 1"."Parent ""x""");
CREATE INDEX child_upper ON child (upper(note));
CREATE TABLE grandchild (id int PRIMARY KEY, child int REFERENCES child ON DELETE CASCADE);
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree, filler text);
CREATE TABLE flat (n int, place text, id int, PRIMARY KEY (id, place)) PARTITION BY LIST (place);
CREATE TABLE flat_a PARTITION OF flat FOR VALUES IN ('a');
CREATE TABLE flat_rest (id int, place text, n int, PRIMARY KEY (id, place));
ALTER TABLE flat ATTACH PARTITION flat_rest DEFAULT;
CREATE TABLE parts (place text, id int UNIQUE);
CREATE TABLE same_parts (place text, id int) PARTITION BY HASH (id);
CREATE TABLE same_parts_1 PARTITION OF same_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE same_parts_2 PARTITION OF same_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE ident (a int, id int GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE nothing (v int DEFAULT 4);
CREATE SEQUENCE alone;
CREATE TABLE fired (what text, n bigint);
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_LEVEL = 'ROW' AND NEW.id = 13 THEN RETURN NULL; END IF;
	IF TG_LEVEL = 'ROW' THEN NEW.note := 'fired ' || NEW.id; RETURN NEW; END IF;
	INSERT INTO public.fired SELECT TG_WHEN, count(*) FROM added;
	RETURN NULL;
END $$;
EOQ
new_database($target, qw(shape pgshape text));
$target->safe_psql($_, $other_shape) foreach qw(shape pgshape text);
my @equal = (
	q(SELECT id, name, round(v, 1), d, mood::text FROM "S 1"."Parent ""x""" ORDER BY id),
	'SELECT id, parent, note FROM child ORDER BY id', 'SELECT id, child FROM grandchild ORDER BY id',
	'SELECT id, up, filler FROM tree ORDER BY id', 'SELECT id, place, n FROM flat ORDER BY id',
	'SELECT id, place FROM parts ORDER BY id', 'SELECT id, place FROM same_parts ORDER BY id',
	'SELECT id, a, twice FROM ident ORDER BY id', 'SELECT count(*) FROM nothing',
	'SELECT last_value, is_called FROM alone', 'SELECT last_value, is_called FROM child_id_seq',
	"SELECT convert_from(lo_get(5001), 'UTF8')");

# Test that the rows of the source are here, each once.
sub is_all_here
{
	my ($db, $name) = @_;
	my @sums = map { "SELECT count(*), md5(string_agg(q::text, ' ')) FROM ($_) AS q" } @equal;
	is(join("\n", map { $target->safe_psql($db, $_) } @sums),
		join("\n", map { $source->safe_psql('app', $_) } @sums), $name);
	is($target->safe_psql($db, 'SELECT count(*) FROM pg_constraint WHERE NOT convalidated'), '0', "$db: constraints are valid");
	return;
}

my $job = clone_ok($target, $app, db => 'shape', sections => ['data'], split_tables_larger_than => '100kB', name => 'tables of another shape: done');
is_all_here('shape', 'and every row is there, by name of its columns');
is($target->safe_psql('shape', q(SELECT DISTINCT extra FROM "S 1"."Parent ""x""")), 'extra', 'more columns have their default');
is($target->safe_psql('shape', q(SELECT count(DISTINCT loaded) FROM "S 1"."Parent ""x""")), '2000', 'also if they are identities');
is($target->safe_psql('shape', 'SELECT count(*) FROM flat_a'), '1000', 'rows of a flat table are in the partitions');
is($target->safe_psql('shape', "SELECT chunks_total > 1 FROM pgcopy_tables WHERE table_name = 'flat'"), 't', 'in chunks');
is($target->safe_psql('shape', "SELECT chunks_total FROM pgcopy_tables WHERE table_name = 'tree'"), '1', 'a table that references itself comes in one piece');
is($target->safe_psql('shape', q(SELECT count(*) FROM pg_class WHERE reltuples < 0 AND relkind = 'r' AND relnamespace IN ('public'::regnamespace, '"S 1"'::regnamespace) AND relname NOT LIKE 'pgcopy%' AND relname <> 'fired')), '0', 'tables are analyzed');
clone_ok($target, $app, db => 'text', sections => ['data'], format => 'text', name => 'the same as text: done');
is_all_here('text', 'and every row is there');

# Another value instead of a column, behind one that is generated here
new_database($source, 'people');
$source->safe_psql('people', "CREATE TABLE people (id int, twice int, email text); INSERT INTO people SELECT g, g * 2, 'user' || g FROM generate_series(1, 50) g");
new_database($target, 'people');
$target->safe_psql('people', 'CREATE TABLE people (id int, twice int GENERATED ALWAYS AS (id * 2) STORED, email text)');
clone_ok($target, conninfo($source, db => 'people'), db => 'people', sections => ['data'],
	column_values => q({"people": {"email": "'masked ' || id"}}), name => 'other values, one column is generated here: done');
is($target->safe_psql('people', q(SELECT count(*) FROM people WHERE email = 'masked ' || id AND twice = id * 2)), '50', 'the values go into their column');

# Rows that are here
like(errors_of('shape', $app, sections => ['data']), qr/^55000\|9 tables here are not empty\|Tables: .*child.*\|Use truncate => true/ms, 'tables that are not empty are an error');
is_all_here('shape', 'that changes nothing');
$target->safe_psql('shape', 'SELECT lo_unlink(5001)');
$target->safe_psql('shape', q(DELETE FROM grandchild WHERE id > 100; INSERT INTO tree VALUES (0, NULL, 'old'); CREATE TABLE kept (a int); INSERT INTO kept VALUES (1)));
clone_ok($target, $app, db => 'shape', sections => ['data'], truncate => 'true', name => 'truncate: done');
is_all_here('shape', 'and exactly the rows of the source are there');
is($target->safe_psql('shape', 'SELECT * FROM kept'), '1', 'no other table is emptied');
is($target->safe_psql('shape', "SELECT count(*) FROM pgcopy.item WHERE kind = 'truncate' AND state = 'done'"), '7', 'by a statement for each tree of foreign keys');

# A table that is not loaded references one of them.
$target->safe_psql('shape', 'SELECT lo_unlink(5001); CREATE TABLE outsider (c int REFERENCES child); INSERT INTO outsider VALUES (1)');
like(errors_of('shape', $app, sections => ['data'], truncate => 'true'),
	qr/^55000\|cannot empty tables that are referenced by 1 foreign key of a table that is not loaded\|Foreign keys: public.outsider references public.child \(outsider_c_fkey\)/,
	'a foreign key of another table is in the way of truncate');
is($target->safe_psql('shape', 'SELECT count(*) FROM outsider, child WHERE c = child.id'), '1', 'and nothing is emptied');
$target->safe_psql('shape', 'DROP TABLE outsider');

# append
$target->safe_psql('shape', q(TRUNCATE "S 1"."Parent ""x""", child, grandchild, tree, flat, parts, same_parts, ident, nothing;
	INSERT INTO tree VALUES (0, NULL, 'old'); SELECT setval('alone', 1000); SELECT setval('child_id_seq', 1)));
clone_ok($target, $app, db => 'shape', sections => ['data'], append => 'true', name => 'append: done');
is($target->safe_psql('shape', 'SELECT filler FROM tree WHERE id = 0'), 'old', 'rows that are here stay');
is($target->safe_psql('shape', 'SELECT last_value FROM alone'), '1000', 'sequences do not go back');
is($target->safe_psql('shape', 'SELECT last_value FROM child_id_seq'), '5000', 'but forward');
$target->safe_psql('shape', q(DELETE FROM tree WHERE id = 0; SELECT setval('alone', 77)));
is_all_here('shape', 'and those of the source are there');

# Triggers fire as for COPY.
$target->safe_psql('shape', <<'EOQ');
TRUNCATE "S 1"."Parent ""x""", child, grandchild, tree, flat, parts, same_parts, ident, nothing;
SELECT lo_unlink(5001);
ALTER TABLE grandchild DROP CONSTRAINT grandchild_child_fkey;
CREATE TRIGGER a BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION fire();
CREATE TRIGGER b AFTER INSERT ON child REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION fire();
CREATE FUNCTION fire_part() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := -NEW.n; RETURN NEW; END $$;
CREATE TRIGGER c BEFORE INSERT ON flat FOR EACH ROW EXECUTE FUNCTION fire_part();
CREATE TRIGGER b AFTER INSERT ON flat REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION fire();
EOQ
clone_ok($target, $app, db => 'shape', sections => ['data'], name => 'tables with triggers: done');
is($target->safe_psql('shape', "SELECT count(*), count(*) FILTER (WHERE note = 'fired ' || id) FROM child"), '4999|4999', 'a trigger before rows changes them, and takes one away');
is($target->safe_psql('shape', 'SELECT sum(n) FROM flat'), '-4501500', 'also in partitions');
is($target->safe_psql('shape', 'SELECT * FROM fired ORDER BY n'), "AFTER|3000\nAFTER|4999", 'a trigger after the statement sees all rows');

# What does not fit
$target->safe_psql('pgshape', 'ALTER TABLE child DROP COLUMN note; ALTER TABLE grandchild ADD need int NOT NULL; DROP TABLE parts; ALTER TABLE flat RENAME TO flats; DROP TABLE nothing; CREATE VIEW nothing AS SELECT 1 AS a; DROP SEQUENCE alone');
my $errors = errors_of('pgshape', $app, sections => ['data']);
like($errors, qr/^42P01\|4 tables of the source do not exist here\|Missing: (?=.*public.flat \(here is public.flats\))(?=.*public.parts_a)/m, 'tables that are missing are listed, with the nearest names');
like($errors, qr/^42809\|1 relation here has the name of a table of the source, but is no table\|Relations: public.nothing/m, 'and what is no table');
like($errors, qr/^42703\|1 column of the source's tables does not exist here\|Missing: public.child.note/m, 'and columns that are missing');
like($errors, qr/^23502\|1 column here is NOT NULL without a default, and the source has none of its name\|Columns: public.grandchild.need/m, 'and columns that would have no value');
is($target->safe_psql('pgshape', 'SELECT count(*) FROM child'), '0', 'and nothing is copied');

new_database($target, qw(types cycle));
$target->safe_psql($_, $other_shape) foreach qw(types cycle);
$target->safe_psql('types', 'ALTER TABLE child ALTER note TYPE int USING NULL; DROP TYPE mood CASCADE; ALTER TABLE "S 1"."Parent ""x""" ADD mood text');
$errors = errors_of('types', $app, sections => ['data']);
like($errors, qr/^22P02\|invalid input syntax for type integer: "note 1"/m, 'a text that does not convert is an error');
is($target->safe_psql('types', 'SELECT count(*) FROM child'), '0', 'that leaves no row');
$target->safe_psql('cycle', 'ALTER TABLE "S 1"."Parent ""x""" ADD FOREIGN KEY (id) REFERENCES grandchild (id)');
like(errors_of('cycle', $app, sections => ['data']),
	qr/^55000\|1 cycle of foreign keys leaves no order to load tables in\|Cycles: .*references public.grandchild references public.child references.*\|Drop one of the foreign keys here first/, 'a cycle of foreign keys is an error that names it');

# Post-data alone
new_database($target, qw(post differ));
clone_ok($target, $app, db => $_, sections => [qw(pre-data data)], name => "$_: pre-data and data end done") foreach qw(post differ);
is($target->safe_psql('post', "SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f')"), '0', 'they make no key');
$target->safe_psql('post', 'ALTER TABLE child ADD CONSTRAINT my_key PRIMARY KEY (id); ALTER TABLE tree ADD PRIMARY KEY (id); ALTER TABLE tree ADD FOREIGN KEY (up) REFERENCES tree NOT VALID');
my $alone = clone_ok($target, $app, db => 'post', sections => ['post-data'], name => 'post-data alone: done');
is($target->safe_psql('post', "SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint WHERE contype <> 'n' AND conrelid IN ('child'::regclass, 'tree'::regclass)"),
	'child_parent_fkey my_key tree_pkey tree_up_fkey', 'what is there by definition is not made again');
is($target->safe_psql('post', 'SELECT count(*) FROM pg_constraint WHERE NOT convalidated'), '0', 'and a foreign key is validated');
like($target->safe_psql('post', "SELECT object, message FROM pgcopy_notices WHERE job = $alone"), qr/constraint child_pkey on public.child \(here my_key\)\|these objects are here under another name/, 'a notice says what has another name');
$target->safe_psql('differ', 'CREATE INDEX child_pkey ON child (note); ALTER TABLE tree ADD CONSTRAINT tree_up_fkey CHECK (id > 0)');
like(errors_of('differ', $app, sections => ['post-data']),
	qr/^42710\|2 objects of the source exist here with another definition\|Different: (?=.*constraint child_pkey on public.child)(?=.*constraint tree_up_fkey on public.tree)/, 'names with another definition are an error that lists them');
is($target->safe_psql('differ', "SELECT count(*) FROM pg_constraint WHERE contype <> 'n' AND conrelid = 'grandchild'::regclass"), '0', 'and nothing is made');

# Definitions alone
clone_ok($target, $app, db => 'schema', sections => [qw(pre-data post-data)], name => 'pre-data and post-data: done');
assert_same($source, $target, source_db => 'app', db => 'schema', data => 0, large_objects => 0, sequences => 0, name => 'all definitions are there');
is($target->safe_psql('schema', 'SELECT count(*) FROM child'), '0', 'and no row');

# An ordinary role
$_->safe_psql('postgres', "CREATE ROLE plain LOGIN PASSWORD 'secret'") foreach $source, $target;
$source->safe_psql('app', 'GRANT USAGE ON SCHEMA "S 1" TO plain; GRANT SELECT ON ALL TABLES IN SCHEMA public, "S 1" TO plain; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO plain; GRANT SELECT ON LARGE OBJECT 5001 TO plain');
new_database($target, 'ordinary');
$target->safe_psql('ordinary', $other_shape . <<'EOQ');
CREATE EXTENSION pgcopydb_ext;
GRANT CREATE ON DATABASE ordinary TO plain;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO plain;
GRANT USAGE ON SCHEMA "S 1" TO plain;
GRANT INSERT ON ALL TABLES IN SCHEMA public, "S 1" TO plain;
GRANT UPDATE, USAGE ON ALL SEQUENCES IN SCHEMA public TO plain;
REVOKE INSERT ON grandchild FROM plain;
ALTER TABLE child ENABLE ROW LEVEL SECURITY;
EOQ
my %plain = (db => 'ordinary', user => 'plain', sections => ['data'], no_owner => 'true', no_privileges => 'true', large_objects => 'false');
my $tcp = conninfo($source, db => 'app', tcp => 1, user => 'plain', password => 'secret');
$errors = errors_of('ordinary', $tcp, %plain);
like($errors, qr/^42501\|the job's role may not fill or empty 1 table\|Tables: public.grandchild/m, 'a right that is missing is told before');
like($errors, qr/^0A000\|cannot load 1 table with row-level security\|Tables: public.child/m, 'and row security');
$target->safe_psql('ordinary', 'GRANT INSERT ON grandchild TO plain; ALTER TABLE child DISABLE ROW LEVEL SECURITY');
clone_ok($target, $tcp, %plain, name => 'an ordinary role copies rows: done');
is($target->safe_psql('ordinary', 'SELECT count(*) FROM child'), '5000', 'and they are there');
like(errors_of('ordinary', $tcp, %plain, truncate => 'true'), qr/^42501\|the job's role may not fill or empty 9 tables/m, 'TRUNCATE is a right of its own');

# Interrupted: the server crashes, somebody cancels, and nothing is there twice.
my %crash = (
	emptied => [ 'truncate done', 1, 'false', truncate => 'true' ],
	truncated => [ 'table begun', 3, 'false', truncate => 'true' ],
	copied => [ 'table committed', 2, 'false' ],
	chunks => [ 'chunk committed', 2, 'false' ],
	appended => [ 'table done', 4, 'true', append => 'true' ],
	again => [ 'chunk done', 3, 'true' ]);
foreach my $db (sort keys %crash)
{
	my ($point, $hit, $choice, @options) = @{ $crash{$db} };
	new_database($target, $db);
	$target->safe_psql($db, $other_shape . "INSERT INTO tree SELECT 10000 + g FROM generate_series(1, 10) g; INSERT INTO flat VALUES (1, 'a', 10000)") if @options;
	$target->safe_psql($db, $other_shape) if !@options;
	set_test_point($target, $db, $point, action => 'kill', hit => $hit);
	my $offset = -s $target->logfile;
	my $broken = clone($target, $app, db => $db, sections => ['data'], split_tables_larger_than => '100kB', table_jobs => 1, index_jobs => 1, @options);
	wait_for_restart($target, $offset);
	$target->safe_psql('postgres', "ALTER DATABASE $db RESET pgcopy.test_point");
	my ($how, $why) = see_through($target, $db, $broken, $choice);
	ok(defined $how, "$db: a crash at \"$point\" is seen through") or diag($why);
	is($target->safe_psql($db, 'SELECT (SELECT count(*) FROM tree WHERE id > 10000), (SELECT count(*) FROM flat WHERE id = 10000)'),
		$db eq 'appended' ? '10|1' : '0|0', "$db: rows from before are there only if they are to stay");
	$target->safe_psql($db, 'DELETE FROM tree WHERE id > 10000; DELETE FROM flat WHERE id = 10000');
	is_all_here($db, "$db: all rows of the source are there, each once");
}

# A worker is terminated in the middle, and the job cancelled and resumed.
new_database($target, 'stopped');
$target->safe_psql('stopped', $other_shape);
set_test_point($target, 'stopped', 'chunk done', hit => 2);
my $hold = hold_points($target, 'stopped');
$job = clone($target, $app, db => 'stopped', sections => ['data'], split_tables_larger_than => '100kB');
wait_at_point($target, 'stopped', $job);
$target->safe_psql('postgres', 'ALTER DATABASE stopped RESET pgcopy.test_point');
$target->safe_psql('stopped', "SELECT pg_terminate_backend(pid) FROM pgcopy_workers WHERE doing = 'table'");
is($target->safe_psql('stopped', "SELECT pgcopy_cancel($job)"), 't', 'a job is cancelled');
is(wait_for_end($target, $job, db => 'stopped'), 'cancelled', 'and ends');
release($hold);
my ($how, $why) = see_through($target, 'stopped', $job, 'false');
ok(defined $how, 'it is resumed') or diag($why);
is_all_here('stopped', 'and all rows are there, each once');

# The same in the middle of post-data
new_database($target, 'post_crash');
clone_ok($target, $app, db => 'post_crash', sections => [qw(pre-data data)], name => 'rows for a crash in post-data');
my $broken;
foreach my $point ('index done', 'constraint committed', 'foreign key done')
{
	set_test_point($target, 'post_crash', $point, action => 'kill', hit => 1);
	my $offset = -s $target->logfile;
	if (!defined $broken) { $broken = clone($target, $app, db => 'post_crash', sections => ['post-data'], index_jobs => 1); }
	else { $target->safe_psql('post_crash', "SELECT pgcopy_resume($broken)"); }
	wait_for_restart($target, $offset);
}
$target->safe_psql('postgres', 'ALTER DATABASE post_crash RESET pgcopy.test_point');
($how, $why) = see_through($target, 'post_crash', $broken, 'false');
ok(defined $how, 'post-data is resumed after each of three crashes') or diag($why);
assert_same($source, $target, source_db => 'app', db => 'post_crash', name => 'post-data after crashes makes what one clone makes');

done_testing();
