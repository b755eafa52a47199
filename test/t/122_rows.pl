# row_filters and column_values: only these rows come, and other values in the
# place of columns, as the same SQL says on the source.  That holds for all kinds of
# tables, types and names, for chunks, for both formats and after a resume.  What
# cannot be right is refused with all reasons before anything is changed.  What is
# masked is nowhere on the target, not in its log, and not on the wire.
use strict;
use warnings;

use FindBin;
use IO::Select;
use IO::Socket::INET;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('rows', source_init => [ extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ] ],
	target_init => [ extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ] ],
	source_conf => "max_connections = 200\n", target_conf => "log_min_messages = debug1\n");
my $log_at = -s $target->logfile;

# JSON of a hash of strings, hashes and undef.
sub json
{
	my ($value) = @_;
	return 'null' unless defined $value;
	return '{' . join(', ', map { json("$_") . ': ' . json($value->{$_}) } sort keys %$value) . '}' if ref $value;
	$value =~ s/(["\\])/\\$1/g;
	$value =~ s/\n/\\n/g;
	return qq("$value");
}

# Clone DB of the source into a new database NAME.
sub subset
{
	my ($db, $name, %opt) = @_;
	$opt{$_} = json($opt{$_}) for grep { ref $opt{$_} eq 'HASH' } qw(row_filters column_values);
	new_database($target, $name);
	return clone_ok($target, delete $opt{conninfo} // conninfo($source, db => $db), db => $name, %opt);
}

# Compare a query's result there with another one's here.
sub same_rows
{
	my ($db, $name, $here, $there, $what) = @_;
	my $rows = sub { "SELECT count(*), md5(string_agg(r::text, E'\\n' ORDER BY r::text COLLATE \"C\")) FROM ($_[0]) AS r" };
	my $wanted = $source->safe_psql($db, $rows->($there));
	is($target->safe_psql($name, $rows->($here)), $wanted, $what);
	return $wanted;
}

#-------------------------------------------------------------------------
# All kinds
#-------------------------------------------------------------------------

new_database($source, 'kinds');
$source->safe_psql('kinds', <<'EOQ');
CREATE SCHEMA "Änd ""ere""";
CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> 'never');
CREATE DOMAIN shorter AS short;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE plain (id int PRIMARY KEY, email text, phone text, born date, amount numeric(8,2), at timestamptz(3));
INSERT INTO plain SELECT g, 'user' || g || '@secret', '+49' || g, date '2000-01-01' + g, g * 1.5, timestamptz '2020-01-01 UTC' + g * interval '1 h' FROM generate_series(1, 1000) g;
CREATE TABLE "Änd ""ere"""."O'Brien ""x"" %s" ("Spalte ä" int, "sel ect""'" text, "%d" text);
INSERT INTO "Änd ""ere"""."O'Brien ""x"" %s" SELECT g, 'ü' || g, 'weiß' FROM generate_series(1, 50) g;
CREATE TABLE types (id int, d shorter, e mood, a int[], va varchar(3)[], j jsonb, x xml, c pair, r int4range, b bytea, rc regclass, ch char(4), iv interval(0), "bit" bit(3));
INSERT INTO types SELECT g, 'abc', 'sad', ARRAY[g], '{a}', '{"secret": 1}', '<a/>', ROW(g, 'x')::pair, int4range(g, g + 2), '\x00', 'pg_class', 'ab', '1 s', B'101' FROM generate_series(1, 30) g;
CREATE TABLE computed (id int GENERATED ALWAYS AS IDENTITY, name text, up text GENERATED ALWAYS AS (upper(name)) STORED, serial serial);
INSERT INTO computed (name) SELECT 'name' || g FROM generate_series(1, 20) g;
CREATE TABLE part (id int, region text, note text) PARTITION BY LIST (region);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b') PARTITION BY RANGE (id);
CREATE TABLE part_b1 PARTITION OF part_b FOR VALUES FROM (0) TO (50);
CREATE TABLE part_b2 PARTITION OF part_b DEFAULT;
CREATE TABLE part_rest (note text, region text, id int);
ALTER TABLE part ATTACH PARTITION part_rest DEFAULT;
INSERT INTO part SELECT g, substr('abc', 1 + g % 3, 1), 'note' || g FROM generate_series(1, 300) g;
CREATE TABLE parent (id int, t text);
CREATE TABLE child (extra text) INHERITS (parent);
INSERT INTO parent SELECT g, 'parent' FROM generate_series(1, 20) g;
INSERT INTO child SELECT g, 'child', 'x' FROM generate_series(1, 20) g;
CREATE TABLE wide (id int, doc text);
ALTER TABLE wide ALTER doc SET STORAGE EXTERNAL;
INSERT INTO wide SELECT g, repeat(md5(g::text), 500) FROM generate_series(1, 40) g;
CREATE TABLE whole (id int, email text);
INSERT INTO whole VALUES (1, 'kept@there');
CREATE FUNCTION public.mask(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT pg_catalog.md5($1)$$;
CREATE FUNCTION public.is_even(int) RETURNS bool LANGUAGE sql IMMUTABLE AS $$SELECT $1 % 2 = 0$$;
CREATE TABLE dropped (gone int, id int, t text);
INSERT INTO dropped SELECT 1, g, 'x' FROM generate_series(1, 10) g;
ALTER TABLE dropped DROP gone;
CREATE TABLE none ();
INSERT INTO none DEFAULT VALUES;
CREATE VIEW a_view AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW a_matview AS SELECT count(*) FROM plain;
CREATE SEQUENCE a_sequence;
SELECT setval('a_sequence', 4711);
EOQ

my %kinds = (
	row_filters => {
		'public.plain' => "id <= 500 AND email LIKE '%1%' -- a comment; ) \n AND public.plain.born < now()",
		'"Änd ""ere"""."O\'Brien ""x"" %s"' => q{"Spalte ä" % 5 = 0 AND "%d" <> 'strasse;)'},
		'public.types' => q{e = 'sad'::public.mood AND id <> 3 AND (1, 'a)') = (1, E'a\)')},
		part => 'id > 30 AND is_even(part_of.id)' =~ s/part_of\.//r,
		'parent' => 'id > 5 OR false',
		'wide' => 'id <= 20',
		'dropped' => 'id > 3 AND age(xmin) > 0',
		'none' => 'true',
	},
	column_values => {
		'public.plain' => { email => q{'user' || id || '@example.com'}, phone => undef, amount => 'id / 3.0', at => 'born', born => 'CURRENT_DATE' },
		'"Änd ""ere"""."O\'Brien ""x"" %s"' => { 'sel ect"\'' => q{'"; DROP TABLE x; --' || upper("sel ect""'")} },
		'public.types' => { d => q{'abcde'}, e => q{(CASE WHEN id > 10 THEN 'happy' ELSE 'ok' END)::public.mood}, a => 'ARRAY[id, NULL, 7]', va => q{ARRAY['abc', id::text]},
			j => q{'{"a": [1, null]}'}, x => q{'<b>ä</b>'}, c => q{ROW(id, 'row')}, b => q{'\xdeadbeef'}, rc => 'NULL', ch => q{'a'}, iv => q{interval '90.6 s'}, bit => q{B'010'} },
		computed => { name => 'mask(name)' },
		'public.p*' => { t => 'upper(t)' },
		child => { extra => 'NULL' },
		wide => { doc => 'repeat(mask(doc), 500)' },
	});

for my $format ('auto', 'text')
{
	my $name = "kinds_$format";
	subset('kinds', $name, %kinds, format => $format, name => "$format: all kinds of tables are copied");
	my $is = sub { same_rows('kinds', $name, $_[0], $_[1], "$format: $_[2]"); };
	like($is->('SELECT * FROM plain', q{SELECT id, 'user' || id || '@example.com', NULL::text, CURRENT_DATE, (id / 3.0)::numeric(8,2), born::timestamptz(3) FROM plain WHERE id <= 500 AND email LIKE '%1%'}, 'rows and values of a table'),
		qr/^(?!0\b)\d+/, "$format: ... which are some");
	$is->('SELECT * FROM "Änd ""ere"""."O\'Brien ""x"" %s"', q{SELECT "Spalte ä", '"; DROP TABLE x; --' || upper("sel ect""'"), "%d" FROM "Änd ""ere"""."O'Brien ""x"" %s" WHERE "Spalte ä" % 5 = 0}, 'odd names');
	$is->('SELECT * FROM types', q{SELECT id, 'abcde'::shorter, (CASE WHEN id > 10 THEN 'happy' ELSE 'ok' END)::mood, ARRAY[id, NULL, 7], ARRAY['abc', id::text]::varchar(3)[], '{"a": [1, null]}'::jsonb, '<b>ä</b>'::xml, ROW(id, 'row')::pair, r, '\xdeadbeef'::bytea, NULL::regclass, 'a'::char(4), '91 s'::interval, B'010' FROM types WHERE id <> 3}, 'values of many types');
	$is->('SELECT * FROM computed', 'SELECT id, md5(name), upper(md5(name)), serial FROM computed', 'generated columns follow the new values');
	$is->('SELECT tableoid::regclass::text, id, region, note FROM part', 'SELECT tableoid::regclass::text, id, region, note FROM part WHERE id > 30 AND id % 2 = 0', 'a partitioned table is all its leaves');
	$is->('SELECT * FROM ONLY parent', 'SELECT id, upper(t) FROM ONLY parent WHERE id > 5', 'a parent by inheritance is itself only');
	$is->('SELECT * FROM child', 'SELECT id, t, NULL::text FROM child', '... and its child has its own');
	$is->('SELECT * FROM wide', 'SELECT id, repeat(md5(doc), 500) FROM wide WHERE id <= 20', 'long values');
	$is->('SELECT * FROM whole', 'SELECT * FROM whole', 'a table of no key comes whole');
	$is->('SELECT * FROM dropped', 'SELECT * FROM dropped WHERE id > 3', 'a table that has lost a column');
	$is->('SELECT count(*) FROM none', 'SELECT 1::bigint', 'a table without columns');
	$is->('SELECT last_value FROM a_sequence', 'SELECT last_value FROM a_sequence', 'a sequence keeps its value');
	is($target->safe_psql($name, 'SELECT percent, rows FROM pgcopy_progress JOIN (SELECT sum(rows_done) AS rows FROM pgcopy_tables) t ON true'),
		'100|' . $target->safe_psql($name, 'SELECT ' . join(' + ', map { "(SELECT count(*) FROM ONLY $_)" } '"Änd ""ere"""."O\'Brien ""x"" %s"', qw(plain types computed part_a part_b1 part_b2 part_rest parent child wide whole dropped none))),
		"$format: the figures are those of the rows that came");
}
is($target->safe_psql('kinds_auto', q{SELECT object, message LIKE 'the time in it is%' FROM pgcopy_notices WHERE message LIKE '%time%' ORDER BY 1}),
	"column_values of public.plain, column born|t\nrow_filters of public.plain|t", 'it is told that the time stands still');

# Configuration of an extension has a condition of its own.
new_database($source, 'config');
$source->safe_psql('config', q{CREATE EXTENSION pgcopy_everything; INSERT INTO config_later SELECT generate_series(11, 30); INSERT INTO config_own (id, body, is_builtin) SELECT g, '"secret"', g % 2 = 0 FROM generate_series(101, 130) g});
subset('config', 'config', row_filters => { config_later => 'id < 20', config_own => 'id > 110 OR id < 101' }, column_values => { config_own => { body => 'to_jsonb(id)' } }, name => "an extension's configuration: the job ends done");
is($target->safe_psql('config', 'SELECT count(*), max(id) FROM config_later'), '9|19', 'only the rows of the filter come');
is($target->safe_psql('config', q{SELECT count(*), count(*) FILTER (WHERE body = to_jsonb(id)) FROM config_own WHERE id > 100}), '10|10', 'and of both conditions, masked');

# A column that is generated here is not asked for: the others keep what is theirs.
new_database($target, 'existing');
$target->safe_psql('existing', q{CREATE TABLE plain (at timestamptz, born date, phone text GENERATED ALWAYS AS ('here') STORED, email varchar(40), id bigint, amount text)});
clone_ok($target, conninfo($source, db => 'kinds'), db => 'existing', sections => '{data}', include_tables => '{public.plain}', name => 'a table that exists: the job ends done',
	column_values => json({ plain => { phone => q{'there'}, born => 'NULL', at => q{timestamptz '2000-01-01 UTC'} } }));
same_rows('kinds', 'existing', 'SELECT id, email, phone, born, amount, at FROM plain', q{SELECT id, email, 'here', NULL::date, amount, timestamptz '2000-01-01 UTC' FROM plain}, 'each column has its own value');

#-------------------------------------------------------------------------
# Moving rows, chunks, key ranges, one time for all
#-------------------------------------------------------------------------

subset('kinds', 'moved', name => 'a mask of a partition key: the job ends done',
	column_values => { part => { region => q{CASE WHEN id <= 100 THEN 'a' ELSE 'b' END} } });
same_rows('kinds', 'moved', 'SELECT tableoid::regclass::text, id, region, note FROM part',
	q{SELECT CASE WHEN id <= 100 THEN 'part_a' ELSE 'part_b2' END, id, CASE WHEN id <= 100 THEN 'a' ELSE 'b' END, note FROM part}, 'its rows are in the leaves where they belong');
subset('kinds', 'leaf', row_filters => { 'public.part_b1' => 'id < 20' }, column_values => { 'part_b1' => { id => '100 + id' } }, name => 'the key of a leaf: the job ends done');
same_rows('kinds', 'leaf', 'SELECT tableoid::regclass::text, id, region, note FROM part',
	q{SELECT CASE WHEN tableoid = 'part_b1'::regclass THEN 'part_b2' ELSE tableoid::regclass::text END, CASE WHEN tableoid = 'part_b1'::regclass THEN 100 + id ELSE id END, region, note FROM part WHERE tableoid <> 'part_b1'::regclass OR id < 20},
	'it is for that leaf only');

new_database($source, 'chunks');
$source->safe_psql('chunks', <<'EOQ');
CREATE TABLE big (id int PRIMARY KEY, secret text, at timestamptz DEFAULT clock_timestamp());
INSERT INTO big SELECT g, repeat(md5(g::text), 4) FROM generate_series(1, 20000) g;
CREATE TABLE twins (id int PRIMARY KEY, secret text, at timestamptz);
INSERT INTO twins SELECT g, repeat(md5(g::text), 4), now() FROM generate_series(1, 20000) g;
EOQ
my %chunks = (
	row_filters => { '*' => 'id % 7 = 0 OR id > 19000' },
	column_values => { 'big' => { at => 'now()', secret => 'left(secret, 3) || clock_timestamp()' }, 'public.twins' => { at => 'pg_catalog.transaction_timestamp()' } },
	split_tables_larger_than => '100kB', table_jobs => 3);
for my $by ('blocks', 'keys')
{
	$target->append_conf('postgresql.conf', 'pgcopy.split_by_ctid = ' . ($by eq 'blocks' ? 'on' : 'off'));
	$target->reload;
	subset('chunks', $by, %chunks, name => "chunks by $by: the job ends done");
	is($target->safe_psql($by, 'SELECT bool_and(chunks_total > 4) FROM pgcopy_tables'), 't', "chunks by $by: tables are split");
	same_rows('chunks', $by, 'SELECT id, left(secret, 3) FROM big', 'SELECT id, left(secret, 3) FROM big WHERE id % 7 = 0 OR id > 19000', "chunks by $by: each row is there once");
	is($target->safe_psql($by, 'SELECT count(DISTINCT at) FROM (SELECT at FROM big UNION ALL SELECT at FROM twins) s'), 1, "chunks by $by: now() is one moment");
	is($target->safe_psql($by, 'SELECT count(DISTINCT secret) > 100 FROM big'), 't', "chunks by $by: what is volatile is evaluated for each row");
	is($target->safe_psql($by, q{SELECT object, message FROM pgcopy_notices WHERE message LIKE '%volatile%'}),
		'column_values of big, column secret|function pg_catalog.clock_timestamp is volatile: what is read again, after an error or a cancel, may come out otherwise', "chunks by $by: and that is told");
}
subset('chunks', 'masked_key', column_values => { big => { id => '20001 - id' } }, split_tables_larger_than => '100kB', name => 'a masked key: the job ends done');
is($target->safe_psql('masked_key', q{SELECT table_name, chunks_total > 1 FROM pgcopy_tables ORDER BY 1}), "big|f\ntwins|t", 'a table is not split by a key that is masked: its bounds would be told');
$target->append_conf('postgresql.conf', 'pgcopy.split_by_ctid = on');
$target->reload;

#-------------------------------------------------------------------------
# Bad input
#-------------------------------------------------------------------------

# What pgcopy_clone() throws: SQLSTATE, message, detail, hint in lines.
sub refusal
{
	my (%opt) = @_;
	my $db = delete $opt{db} // 'kinds';
	$opt{$_} = json($opt{$_}) for grep { ref $opt{$_} } keys %opt;
	my $args = join ', ', "'" . conninfo($source, db => $db) =~ s/'/''/gr . "'", map { my $v = $opt{$_} =~ s/'/''/gr; "$_ => '$v'" } sort keys %opt;
	my $sql = <<EOQ;
DO \$do\$
DECLARE s text; m text; d text; h text;
BEGIN
 PERFORM pgcopy_clone($args);
 RAISE EXCEPTION 'not refused';
EXCEPTION WHEN OTHERS THEN
 GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
 RAISE NOTICE '<<%>>', concat_ws(E'\\n', s, m, NULLIF(d, ''), NULLIF(h, ''));
END \$do\$;
EOQ
	my (undef, $out, $err) = $target->psql('bad', $sql);
	return $err =~ /<<(.*)>>/s ? $1 : $err;
}

sub refused
{
	my ($wanted, $what, %opt) = @_;
	is(refusal(%opt), $wanted, "refused: $what");
	return;
}

new_database($target, 'bad');
$target->safe_psql('bad', 'CREATE EXTENSION pgcopydb_ext');
my $f = 'row_filters of public.plain';
my $c = 'column_values of public.plain, column email';
my $filter = sub { return (row_filters => { 'public.plain' => $_[0] }); };
my $value = sub { return (column_values => { 'public.plain' => { $_[1] // 'email' => $_[0] } }); };

refused("42704\nrow_filters of public.plian: it matches no table\nDid you mean public.plain?", 'a table that is not there', row_filters => { 'public.plian' => 'true' });
refused("42704\nrow_filters of plan: it matches no table\nrow_filters of plan: it matches no table. Did you mean plain?\nrow_filters of nowhere.x: it matches no table.\ncolumn_values of *_nothing: it matches no table.", 'all that match nothing', row_filters => { 'nowhere.x' => 'true', plan => 'true' }, column_values => { '*_nothing' => { x => undef } });
refused("42703\ncolumn_values of public.plain, column emial: no table of this key has the column\nDid you mean email?", 'a column that is not there', $value->("''", 'emial'));
refused("42703\ncolumn_values of none, column email: no table of this key has the column", 'a table without columns', column_values => { none => { email => undef } });
refused("42809\nrow_filters of public.a_view: public.a_view is a view, not a table\nGive the tables that have the rows.", 'a view', row_filters => { 'public.a_view' => 'true' });
refused("42809\nrow_filters of a_matview: public.a_matview is a materialized view, not a table\nGive the tables that have the rows.", 'a materialized view', row_filters => { 'a_matview' => 'true' });
refused("42809\ncolumn_values of a_sequence: public.a_sequence is a sequence, not a table\nGive the tables that have the rows.", 'a sequence', column_values => { 'a_sequence' => { last_value => '1' } });
refused("22023\nrow_filters of public.plain: table public.plain has a condition by key pl* already\nGive one condition to a table: join both with AND or OR.", 'two conditions', row_filters => { 'pl*' => 'id > 1', 'public.plain' => 'true' });
refused("22023\ncolumn_values of public.plain, column email: column email of table public.plain has a value by key plain already\nGive one value to a column.", 'two values', column_values => { 'plain' => { email => undef }, 'public.plain' => { email => undef } });
refused("22023\ncolumn_values of computed, column up: column up of table public.computed is a generated column\nIt is computed here from the other columns.", 'a generated column', column_values => { computed => { up => undef } });
refused("23502\ncolumn_values of plain, column id: column id of table public.plain is NOT NULL\nGive an expression that is not null.", 'NULL for a key', column_values => { plain => { id => undef } });
refused("22023\nrow_filters of public.plain: the rows of table public.plain are not cloned\nLeave this key out, or clone them.", "$_ and a filter", $_ => '{public.plain}', $filter->('true')) for 'exclude_tables', 'exclude_table_data';
refused("22023\ncolumn_values of plain: it names no column", 'no column', column_values => { plain => {} });
refused("42601\n$f: it is empty\nGive one SQL expression of the row's own columns.", 'nothing', $filter->(" \n"));
refused("42601\n$f: it closes a parenthesis that it has not opened\nGive one SQL expression of the row's own columns.", 'a way out of the parentheses', $filter->('true) OR (true'));
refused("42601\n$f: it does not close a parenthesis\nGive one SQL expression of the row's own columns.", 'a parenthesis left open', $filter->('(true'));
refused("42601\n$f: it is more than one expression\nGive one SQL expression of the row's own columns.", 'a semicolon', $filter->('true; DROP TABLE plain'));
refused("42601\n$f: it is more than one expression\nGive one SQL expression of the row's own columns.", 'a comma', $filter->('true, false'));
refused("42601\n$f: it has a parameter\nGive one SQL expression of the row's own columns.", 'a parameter', $filter->('id = $1'));
refused("42601\n$f: unterminated /* comment at or near \"/* \"\nGive one SQL expression of the row's own columns.", 'an open comment', $filter->('true /* '));
refused("42601\n$f: unterminated quoted string at or near \"'x\"\nGive one SQL expression of the row's own columns.", 'an open string', $filter->("email = 'x"));
refused("42601\n$f: syntax error at or near \"FROM\"\nGive one SQL expression of the row's own columns.", 'more than an expression', $filter->('true FROM whole'));
refused("42601\n$f: syntax error at or near \"UNION\"\nGive one SQL expression of the row's own columns.", 'a union', $filter->('true UNION SELECT false'));
refused("0A000\n$f: it has a subselect\nGive one SQL expression of the row's own columns.", 'a subselect', $filter->('id IN (SELECT 1)'));
refused("0A000\n$f: it has a subselect\nGive one SQL expression of the row's own columns.", 'EXISTS', $filter->('EXISTS (TABLE whole)'));
refused("0A000\n$c: it has a subselect\nGive one SQL expression of the row's own columns.", 'a subselect as a value', $value->('(VALUES (email))'));
refused("0A000\n$c: it has a subselect\nGive one SQL expression of the row's own columns.", 'a subselect that is all', $value->('SELECT email'));
refused("0A000\n$c: it has a subselect\nGive one SQL expression of the row's own columns.", 'an array of a subselect', $value->('array(select 1)::text'));
refused("42803\n$f: aggregate functions are not allowed in WHERE", 'an aggregate', $filter->('count(*) > 1'));
refused("42803\n$c: aggregate functions are not allowed in WHERE", 'an aggregate as a value', $value->('max(email)'));
refused("42P20\n$c: window functions are not allowed in WHERE", 'a window function', $value->('row_number() OVER ()'));
refused("0A000\n$c: set-returning functions are not allowed in WHERE\nGive one SQL expression of the row's own columns.", 'a set', $value->('generate_series(1, 2)'));
refused("42804\n$f: argument of WHERE must be type boolean, not type integer", 'a condition of another type', $filter->('id'));
refused("42703\n$f: column \"emial\" does not exist\nPerhaps you meant to reference the column \"plain.email\".", 'a name that the source does not know', $filter->("emial = 'x'"));
refused("42883\n$f: function nothing(integer) does not exist\nNo function matches the given name and argument types. You might need to add explicit type casts.", 'a function that it does not know', $filter->('nothing(id)'));
refused("42804\ncolumn_values of public.plain, column id: column id is of type integer, the expression of type text\nCast the expression to the column's type.", 'a type that is not assigned', $value->('email', 'id'));
refused("42804\ncolumn_values of public.plain, column born: column born is of type date, the expression of type integer\nCast the expression to the column's type.", 'another one', $value->('id', 'born'));
refused("42804\ncolumn_values of types, column a: column a is of type integer[], the expression of type text[]\nCast the expression to the column's type.", 'elements that are not assigned', column_values => { types => { a => q{ARRAY['1', '2']::text[]} } });
refused("22P02\ncolumn_values of public.plain, column id: invalid input syntax for type integer: \"x\"", 'a string that is no number', $value->("'x'", 'id'));
refused("42601\n$f: syntax error at or near \")\"\nGive one SQL expression of the row's own columns.", 'half an expression', $filter->('id = '));
like(refusal(row_filters => { 'a.b.c.d' => 'true' }), qr/^22023\ninvalid pattern in row_filters: a\.b\.c\.d/, 'refused: a key that is no pattern');
is($target->safe_psql('bad', 'SELECT count(*) FROM pgcopy_jobs'), '0', 'no job was made of these');
is($source->safe_psql('kinds', 'SELECT count(*) FROM plain'), '1000', 'and the source is as it was');

# What only the rows can tell.
new_database($target, 'late');
my $job = clone($target, conninfo($source, db => 'kinds'), db => 'late', column_values => json({ plain => { email => q{(CASE WHEN id = 700 THEN email END)::int::text} }, types => { d => q{CASE id WHEN 7 THEN 'too long' ELSE 'x' END} } }), on_error => 'continue');
wait_for_state($target, $job, 'done', db => 'late');
is($target->safe_psql('late', q{SELECT sqlstate, message, detail, split_part(context, E'\n', 1) FROM pgcopy_errors WHERE is_final AND object ~ 'plain$'}),
	'22P02|the source could not evaluate the value for column "email" of table "public"."plain"|The SQLSTATE is 22P02. Its message may have a value that is not to be copied, so it is left out here.|COPY public.plain, row 700', 'a value that cannot be made has row and column, but not its text');
is($target->safe_psql('late', q{SELECT sqlstate, message, split_part(context, E'\n', 1) FROM pgcopy_errors WHERE is_final AND object ~ 'types$'}),
	'22001|value too long for type character varying(5)|COPY public.types, row 7, column d', 'a value that is too long is not cut off');

# Long after the check: the leader sees the same.
{
	new_database($target, 'changed');
	$target->safe_psql('changed', 'CREATE EXTENSION pgcopydb_ext');
	my $session = $target->background_psql('changed');
	my $args = "'" . conninfo($source, db => 'kinds') =~ s/'/''/gr . "', row_filters => '" . json({ whole => "email <> 'x'" }) =~ s/'/''/gr . "'";
	$session->query_safe("BEGIN; SELECT pgcopy_clone($args)");
	$source->safe_psql('kinds', 'ALTER TABLE whole RENAME email TO mail');
	$session->query_safe('COMMIT');
	wait_for_state($target, 1, 'failed', db => 'changed');
	$session->quit;
	is($target->safe_psql('changed', 'SELECT sqlstate, message FROM pgcopy_errors WHERE is_final'),
		'42703|row_filters of whole: column "email" does not exist', 'what has changed since the check is found before anything is made');
	is($target->safe_psql('changed', q{SELECT count(*) FROM pg_class WHERE relname = 'plain'}), '0', '... which is so');
	$source->safe_psql('kinds', 'ALTER TABLE whole RENAME mail TO email');
}

# An ordinary lock, and a table that is not cloned.
{
	my $locked = $source->background_psql('kinds');
	$locked->query_safe('BEGIN; LOCK TABLE plain IN ROW EXCLUSIVE MODE');
	subset('kinds', 'locked', $filter->('id = 1'), name => 'writers of a table hold nothing up');
	$locked->quit;
}

#-------------------------------------------------------------------------
# Resume
#-------------------------------------------------------------------------

for my $how ('cancel', 'kill')
{
	my $db = "again_$how";
	new_database($target, $db);
	$target->safe_psql('postgres', "ALTER DATABASE $db SET pgcopy.test_point = 'chunk begun'; ALTER DATABASE $db SET pgcopy.test_action = 'stop'; ALTER DATABASE $db SET pgcopy.test_hit = 4");
	my $hold = hold($target, $db, 100);
	$job = clone($target, conninfo($source, db => 'chunks'), db => $db, map { $_ => ref $chunks{$_} ? json($chunks{$_}) : $chunks{$_} } keys %chunks);
	wait_held($target, $db, 100, $job);
	ok(wait_until($target, q{SELECT count(*) > 2 FROM pgcopy.item WHERE kind = 'table' AND state = 'done'}, db => $db, job => $job), "$how: some chunks are there");
	my $moment = $target->safe_psql($db, q{SELECT column_expressions FROM pgcopy.relation WHERE table_name = 'big'});
	if ($how eq 'cancel')
	{
		$target->safe_psql($db, "SELECT pgcopy_cancel($job)");
		wait_for_end($target, $job, db => $db);
		$hold->quit;
	}
	else
	{
		$target->stop('immediate');
		eval { $hold->quit };
		$target->start;
	}
	$target->safe_psql('postgres', "ALTER DATABASE $db RESET ALL");
	$target->safe_psql($db, "SELECT pgcopy_resume($job, consistent => true)");
	ok(wait_for_state($target, $job, 'done', db => $db), "$how: the job goes on to its end");
	is($target->safe_psql($db, q{SELECT column_expressions FROM pgcopy.relation WHERE table_name = 'big'}), $moment, "$how: with the same expressions");
	same_rows('chunks', $db, 'SELECT id, left(secret, 3) FROM big', 'SELECT id, left(secret, 3) FROM big WHERE id % 7 = 0 OR id > 19000', "$how: each row is there once");
	is($target->safe_psql($db, 'SELECT count(DISTINCT at) FROM (SELECT at FROM big UNION ALL SELECT at FROM twins) s'), 1, "$how: of one moment");
}

#-------------------------------------------------------------------------
# Nothing of what is masked leaves the source
#-------------------------------------------------------------------------

# Forward connections to the source, and write down what it sends.
sub start_recorder
{
	my ($file) = @_;
	my $listener = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1') or die "no port: $!";
	my $pid = fork // die "no process: $!";

	if ($pid == 0)
	{
		# end alone: on a signal the framework, of some versions, stops the servers
		$SIG{$_} = 'DEFAULT' for qw(TERM INT);
		$SIG{CHLD} = 'IGNORE';
		while (my $client = $listener->accept)
		{
			next if fork;
			my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $source->port) or exec 'false';
			my $select = IO::Select->new($client, $server);
			open my $out, '>>', $file or exec 'false';
			my ($from, $buffer);
			while (my @ready = $select->can_read)
			{
				for $from (@ready)
				{
					exec 'true' unless sysread $from, $buffer, 65536;
					syswrite $out, $buffer if $from == $server;
					my $to = $from == $server ? $client : $server;
					my $at = 0;
					$at += syswrite($to, $buffer, length($buffer) - $at, $at) while $at < length $buffer;
				}
			}
		}
	}
	return ($listener->sockport, $pid);
}

my $marker = 'qzxmarkerqzx';
new_database($source, 'secrets');
$source->safe_psql('secrets', <<EOQ);
CREATE ROLE reader LOGIN PASSWORD 'reader' SUPERUSER;
CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE, diary text, code varchar(40), parts text[], kept text);
ALTER TABLE people ALTER diary SET STORAGE EXTERNAL;
INSERT INTO people SELECT g, '$marker' || g, repeat('$marker', 3000) || g, '$marker' || (g % 3), ARRAY['$marker', 'x'], 'keptkeptkept' FROM generate_series(1, 300) g;
CREATE INDEX ON people (upper(code), lower(email));
CREATE FUNCTION told(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS \$\$BEGIN RAISE NOTICE 'masking %', \$1; RETURN md5(\$1); END\$\$;
CREATE STATISTICS people_s ON lower(email), (upper(code)) FROM people;
CREATE TABLE left_out (id int, t text);
INSERT INTO left_out SELECT g, CASE WHEN g % 2 = 0 THEN '$marker' ELSE 'open' END FROM generate_series(1, 100) g;
CREATE MATERIALIZED VIEW all_people AS SELECT email, code FROM people;
ANALYZE;
EOQ
my $wire = "$PostgreSQL::Test::Utils::tmp_check/wire_122";
my ($port, $recorder) = start_recorder($wire);
subset('secrets', 'secrets', conninfo => "host=127.0.0.1 port=$port dbname=secrets user=reader password=reader sslmode=disable",
	row_filters => { left_out => 'id % 2 = 1' },
	column_values => { people => { email => q{'user' || id || '@example.com'}, diary => q{repeat('dear', 3000)}, code => 'told(code)', parts => q{'{}'} } },
	name => 'a masked clone ends done');
kill 'TERM', $recorder;
is($target->safe_psql('secrets', q{SELECT count(*), count(DISTINCT email), min(length(diary)) FROM people}), '300|300|12000', 'it has all rows');
is($target->safe_psql('secrets', 'SELECT count(*) FROM left_out'), '50', 'and half of those of a table');
$target->safe_psql('secrets', 'ANALYZE; CHECKPOINT');
is_deeply([ files_with('keptkeptkept', $target->data_dir . '/pg_wal') ] ? 'found' : 'not found', 'found', 'what is kept is found by this search');
is_deeply([ files_with($marker, $target->data_dir) ], [], 'no masked value is in a file of the target');
is_deeply([ files_with($marker, $target->logfile) ], [], 'none is in its log');
ok(scalar(files_with('keptkeptkept', $wire)), 'the wire was watched');
is_deeply([ files_with($marker, $wire) ], [], 'none was on the wire');

#-------------------------------------------------------------------------
# Sessions to the source
#-------------------------------------------------------------------------

# What we ask the catalogs is long and asked once: to compile it takes longer than to run it.
new_database($source, 'settings');
$source->safe_psql('settings', 'CREATE TABLE seen AS SELECT g FROM generate_series(1, 10) AS g; ALTER DATABASE settings SET jit = on');
subset('settings', 'settings', row_filters => { seen => q{current_setting('jit', true) = 'off' AND current_setting('max_parallel_workers_per_gather') = '0'} },
	name => 'a clone that looks at settings ends done');
is($target->safe_psql('settings', 'SELECT count(*) FROM seen'), '10', 'its sessions neither compile queries nor run them in parallel');

done_testing();
