# A name or a definition of the source that this database's encoding cannot
# express ends the job with one error that names the objects, whatever kind they
# are of, several at once: characters that do not convert, bytes that are not
# valid.  What does not arrive of a name is shown as \xNN, a secret never.  Nothing
# is created.  What the encoding has is cloned.  Members of extensions are not
# dumped, so not named.
use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('encodings');

sub create_database
{
	my ($node, $encoding, $name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	return;
}

# Clone a database into a new one of that encoding.  Returns its error.
my $clones = 0;

sub error_of
{
	my ($db, $encoding) = @_;
	my $here = 'clone_' . ++$clones;
	create_database($target, $encoding, $here);
	my $job = clone($target, conninfo($source, db => $db), db => $here);
	is(wait_for_end($target, $job, db => $here), 'failed', "$db cannot be cloned into $encoding");
	my $error = $target->safe_psql($here, 'SELECT sqlstate, message, object, hint, detail FROM pgcopy_errors');
	note($error);
	is($target->safe_psql($here, 'SELECT count(*) FROM pgcopy_errors WHERE is_final'), '1', '... for one reason');
	is($target->safe_psql($here, "SELECT count(*) FROM pg_class WHERE relname ~ '^t'  AND relnamespace = 'public'::regnamespace"), '0', '... and nothing of it is here');
	return $error;
}

# Of each kind one object that LATIN1 cannot express, and how it is named.
my @kinds = (
	[
		[ q{CREATE SCHEMA "s€"}, q{schema s\xe2\x82\xac} ],
		[ q{CREATE TABLE "t€" (a int)}, q{table public."t\xe2\x82\xac"} ],
		[ q{CREATE TABLE t2 (a int, "c€ç" int)}, qq{column c\\xe2\\x82\\xac\x{e7} of table public.t2} ],
		[ q{CREATE SEQUENCE "q€"}, q{sequence public."q\xe2\x82\xac"} ],
		[ q{CREATE TYPE k AS ("a€" int)}, q{column a\xe2\x82\xac of composite type public.k} ],
		[ q{CREATE TYPE color AS ENUM ('red', '€')}, 'a label of type public.color' ],
		[ q{CREATE DOMAIN d AS text DEFAULT '€'}, 'type public.d' ],
	],
	[
		[ q{CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$SELECT '€'$$}, 'function public.f()' ],
		[ q{CREATE FUNCTION f(a int, "b€" int) RETURNS int LANGUAGE sql AS 'SELECT 1'}, 'function public.f(integer,integer)' ],
		[ q{CREATE FUNCTION f(a text DEFAULT '€') RETURNS int LANGUAGE sql AS 'SELECT 1'}, 'function public.f(text)' ],
		[ q{CREATE FUNCTION g() RETURNS text LANGUAGE sql RETURN '€'}, 'the body of function public.g()' ],
		[ q{CREATE FUNCTION h() RETURNS int LANGUAGE sql SET app.x = '€' AS 'SELECT 1'}, 'function public.h()' ],
		[ q{CREATE OPERATOR FAMILY "o€" USING btree}, q{operator family public."o\xe2\x82\xac" for access method btree} ],
		[ q{CREATE TEXT SEARCH DICTIONARY "x€" (TEMPLATE = simple)}, q{text search dictionary public."x\xe2\x82\xac"} ],
		[ q{CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (x 'my€')}, 'server s' ],
		[ q{CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'my€')}, 'user mapping for public on server s' ],
		[ q{CREATE FOREIGN TABLE ft (a int OPTIONS (y 'my€')) SERVER s}, 'column a of foreign table public.ft' ],
	],
	[
		[ q{CREATE VIEW v AS SELECT '€'::text AS a}, 'the definition of view public.v' ],
		[ q{CREATE MATERIALIZED VIEW m AS SELECT '€'::text AS a}, 'the definition of materialized view public.m' ],
		[ q{CREATE TABLE t (a text DEFAULT '€', b text GENERATED ALWAYS AS (a || '€') STORED)}, 'default value for column a of table public.t' ],
		[ '', 'default value for column b of table public.t' ],
		[ q{CREATE TABLE p (a text) PARTITION BY LIST ((a || '€'))}, 'the partition key of table public.p' ],
		[ q{CREATE TABLE p2 (a text) PARTITION BY LIST (a); CREATE TABLE p2_1 PARTITION OF p2 FOR VALUES IN ('€')}, 'the partition bound of table public.p2_1' ],
		[ q{ALTER TABLE t ADD CONSTRAINT k CHECK (a <> '€')}, 'constraint k on table public.t' ],
		[ q{ALTER TABLE t ADD CONSTRAINT "k€" UNIQUE (a)}, q{constraint k\xe2\x82\xac on table public.t} ],
		[ q{CREATE INDEX i ON t ((a || '€'))}, 'index public.i' ],
	],
	[
		[ q{CREATE TABLE t (a text, b int); CREATE INDEX "i€" ON t (a)}, q{index public."i\xe2\x82\xac"} ],
		[ q{CREATE STATISTICS "x€" ON a, b FROM t}, q{statistics object public."x\xe2\x82\xac"} ],
		[ q{CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger('€')}, 'trigger g on table public.t' ],
		[ q{CREATE RULE r AS ON UPDATE TO t DO ALSO NOTIFY "n€"}, 'rule r on table public.t' ],
		[ q{CREATE POLICY p ON t USING (a = '€')}, 'policy p on table public.t' ],
		[ q{CREATE PUBLICATION p FOR TABLE t WHERE (a = '€')}, 'publication of table public.t in publication p' ],
		[ q{COMMENT ON COLUMN t.a IS '5 €'}, 'the comment on column a of table public.t' ],
		[ q{ALTER DATABASE kinds_4 SET app.x = '€'}, 'a setting of database kinds_4' ],
	]);

my $no = 0;
foreach my $group (@kinds)
{
	my $db = 'kinds_' . ++$no;
	my @names = map { $_->[1] } @$group;
	create_database($source, 'UTF8', $db);
	foreach my $sql (map { $_->[0] } @$group)
	{
		# parsed bodies and WHERE of publications are younger than sources can be
		$source->safe_psql($db, $sql) if $sql ne '';
	}
	my $error = error_of($db, 'LATIN1');
	utf8::decode($error) unless utf8::is_utf8($error);
	like($error, qr/^22P05\|${\scalar @names} names or definitions of the source do not fit into encoding "LATIN1" of this database\|/, 'the error counts them');
	foreach my $name (@names)
	{
		like($error, qr/\Q$name\E/, "named: $name");
	}
	unlike($error, qr/my/, 'no option is shown');
	like($error, qr/\|Rename or change them on the source, or clone into a database in its encoding: CREATE DATABASE \.\.\. TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'\.\|/, 'the hint says what to do');
}

# More than ten; also those of a name whose text repeats it.
create_database($source, 'UTF8', 'many');
$source->safe_psql('many', join ';', map { "CREATE TABLE \"t$_ Ω\" (a int)" } 11 .. 25);
like(error_of('many', 'LATIN1'), qr/^22P05\|15 names .*\|table public\."t11 \\xce\\xa9", .*, table public\."t20 \\xce\\xa9" and 5 more\|/, 'the first ten are named');

# Bytes that are not valid here: SQL_ASCII takes all, and what says it is UTF8
# may have damaged ones.
foreach my $db ('bytes', 'damaged')
{
	create_database($source, 'SQL_ASCII', $db);
	my $odd = $target->data_dir . "/$db.sql";
	open my $file, '>:raw', $odd or die $!;
	print $file "CREATE TABLE t (a text DEFAULT 'x\xe2'); COMMENT ON TABLE t IS 'a\xffb'; CREATE TABLE \"t\xe9\xc3\xa9\" (a int);\n";
	close $file;
	PgCopyScene::load_file($source, $db, $odd);
}
$source->safe_psql('postgres', "UPDATE pg_database SET encoding = pg_char_to_encoding('UTF8') WHERE datname = 'damaged'");
my $error = error_of('bytes', 'UTF8');
utf8::decode($error) unless utf8::is_utf8($error);
like($error, qr/^22021\|3 names or definitions .* "UTF8" of this database\|table public\."t\\xe9é", default value for column a of table public\.t, the comment on table public\.t\|.*ENCODING 'SQL_ASCII'.*\|The source's encoding is SQL_ASCII\./, 'bytes that are not UTF8 are told by object');
like(error_of('damaged', 'UTF8'), qr/^22021\|3 names .*\|Rename or change them on the source\.\|The source's encoding is UTF8\./, '... damaged ones too');
create_database($target, 'SQL_ASCII', 'takes_all');
clone_ok($target, conninfo($source, db => 'bytes'), db => 'takes_all', name => 'SQL_ASCII takes all');

# What is fixed is cloned by a resume.
create_database($source, 'UTF8', 'fixed');
$source->safe_psql('fixed', q{CREATE TABLE "tü" (a text DEFAULT 'ß'); INSERT INTO "tü" VALUES ('é');
	COMMENT ON TABLE "tü" IS 'Ł';
	CREATE FUNCTION of_extension() RETURNS text LANGUAGE sql AS $$SELECT '€'$$;
	ALTER EXTENSION plpgsql ADD FUNCTION of_extension()});
like(error_of('fixed', 'LATIN1'), qr/^22P05\|1 name or definition of the source does not fit [^|]*\|the comment on table public."t(ü|\xc3\xbc)"\|/, 'a member of an extension is not named');
$source->safe_psql('fixed', q{COMMENT ON TABLE "tü" IS 'æ'});
my $here = "clone_$clones";
$target->safe_psql($here, 'SELECT pgcopy_resume(1)');
is(wait_for_end($target, 1, db => $here), 'done', 'changed on the source, it is cloned by a resume');
is($target->safe_psql($here, q{SET client_encoding = UTF8; SELECT encode(a::bytea, 'hex'), length(obj_description('"tü"'::regclass)) FROM "tü"}), 'e9|1', '... with converted values');

# Two encodings of one byte, neither of which has all of the other.
create_database($source, 'WIN1251', 'windows');
$source->safe_psql('windows', q{SET client_encoding = UTF8; CREATE VIEW v AS SELECT '„Да”'::text AS a; CREATE VIEW w AS SELECT 'Да'::text AS "да"});
like(error_of('windows', 'KOI8R'), qr/^22P05\|1 name or definition [^|]*\|the definition of view public\.v\|.*ENCODING 'WIN1251'/, 'between two others it is named too');

# Where pgcopy_clone() itself reads names, for filters, it names them all.
{
	my $unfit = quote_literal(conninfo($source, db => 'unfit'));
	create_database($source, 'UTF8', 'unfit');
	$source->safe_psql('unfit', 'CREATE TABLE "Ж" (a int); CREATE TABLE fits (a int)');
	create_database($target, 'LATIN1', 'filtered');
	$target->safe_psql('filtered', 'CREATE EXTENSION pgcopydb_ext');
	my ($rc, $out, $err) = $target->psql('filtered', "SELECT pgcopy_clone($unfit, include_tables => '{fits}')");
	like($err, qr/1 name or definition of the source does not fit into encoding "LATIN1".*table public\."\\xd0\\x96"/s, 'with filters the call names them');
}

# pg_dump reads all roles.
$source->safe_psql('postgres', 'CREATE ROLE "r€"');
like(error_of('fixed', 'LATIN1'), qr/^22P05\|1 name [^|]*\|role r\\xe2\\x82\\xac\|/, 'a role is named');

done_testing();
