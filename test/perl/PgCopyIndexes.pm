#-------------------------------------------------------------------------
#
# PgCopyIndexes.pm
#	  Pairs of indexes, one built by CREATE INDEX and one as a job builds it, which
#	  must be equal in every byte; and tables and definitions for them, at random.
#
#	  prepare_pairs($node, $db);
#	  my ($pair) = build_pairs($node, $db, $sql, 'CREATE INDEX NAME ON public.t (a)');
#
# A pair is a hash: built_by and reason of ours, pages, difference (undef if there
# is none), server_error and our_error (undef if it was built).
#
#-------------------------------------------------------------------------
package PgCopyIndexes;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use PgCopy;
use PostgreSQL::Test::Utils ();

our @EXPORT = qw(have_rules prepare_pairs build_pairs error_of random_table table_of_types table_of_texts collations);

# Build an index twice and compare.  NAME stands for its name: it must be the same,
# since errors name it.  The table's figures are as before its first index.
my $PAIR = <<'EOQ';
CREATE FUNCTION public.figures(tab regclass) RETURNS text LANGUAGE sql
RETURN (SELECT concat_ws('/', relpages, reltuples, relallvisible, relhasindex) FROM pg_class WHERE oid = tab);

-- What pg_class and pg_index say of an index, but for its names and numbers.
CREATE FUNCTION public.entry(index regclass) RETURNS text LANGUAGE sql
RETURN (SELECT concat_ws(' / ', replace(pg_get_indexdef(index), quote_ident(c.relname), 'NAME'), c.relpersistence, c.reloptions::text,
	c.reltablespace, c.relhasindex, c.relfrozenxid, c.relminmxid, i.indrelid, i.indnatts, i.indnkeyatts, i.indisunique, i.indnullsnotdistinct,
	i.indisprimary, i.indimmediate, i.indisclustered, i.indisvalid, i.indcheckxmin, i.indisready, i.indislive, i.indisreplident,
	i.indkey, i.indcollation, i.indclass, i.indoption, i.indexprs, i.indpred,
	(SELECT string_agg(d.refclassid || '.' || d.refobjid || '.' || d.refobjsubid || d.deptype::text, ' ' ORDER BY d.refclassid, d.refobjid, d.refobjsubid)
		FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = index))
	FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.oid = index);

CREATE FUNCTION public.pair(tab regclass, def text, OUT built_by text, OUT reason text,
	OUT server_error text, OUT our_error text, OUT difference text, OUT pages int)
LANGUAGE plpgsql AS $do$
DECLARE
	figures text[] := '{}';
	said text;
	state text; message text; detail text; hint text; tab_name text; con_name text; col_name text;
	sql text := replace(def, 'NAME', 'built');
BEGIN
	FOR who IN 1..2 LOOP
		UPDATE pg_class SET relpages = 0, reltuples = -1, relallvisible = 0, relhasindex = false WHERE oid = tab;
		said := NULL;
		BEGIN
			IF who = 1 THEN
				EXECUTE sql;
				ALTER INDEX public.built RENAME TO by_server;
			ELSE
				SELECT c.built_by, c.reason INTO STRICT built_by, reason FROM public.pgcopy_index_create(sql) c;
				ALTER INDEX public.built RENAME TO by_us;
			END IF;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
				hint = PG_EXCEPTION_HINT, tab_name = TABLE_NAME, con_name = CONSTRAINT_NAME, col_name = COLUMN_NAME;
			said := concat_ws('; ', state, message, detail, hint, tab_name, con_name, col_name);
		END;
		figures[who] := public.figures(tab);
		IF who = 1 THEN server_error := said; ELSE our_error := said; END IF;
	END LOOP;
	IF figures[1] <> figures[2] THEN difference := format('figures of the table %s, %s', figures[1], figures[2]); END IF;
	IF server_error IS NULL AND our_error IS NULL THEN
		difference := concat_ws('; ', difference, public.pgcopy_index_differ('public.by_server', 'public.by_us'));
		IF public.entry('public.by_server') <> public.entry('public.by_us') THEN
			difference := concat_ws('; ', difference, public.entry('public.by_server'), public.entry('public.by_us'));
		END IF;
		BEGIN
			IF (SELECT relam FROM pg_class WHERE oid = 'public.by_us'::regclass) = 403 THEN
				PERFORM public.bt_index_parent_check('public.by_us', true, true);
			END IF;
		EXCEPTION WHEN OTHERS THEN
			difference := concat_ws('; ', difference, SQLERRM);
		END;
		pages := pg_relation_size('public.by_us') / 8192;
	END IF;
	difference := nullif(difference, '');
	DROP INDEX IF EXISTS public.by_server, public.by_us;
END
$do$;
EOQ

# Make locales with rules, if the system has none, where servers that are started later
# find them.  Returns false if it cannot.
sub have_rules
{
	return 1 if grep { /^en_US\.utf-?8$/i } split /\n/, qx(locale -a);
	my $dir = PostgreSQL::Test::Utils::tempdir();
	foreach my $locale (qw(en_US de_DE))
	{
		return 0 if system("localedef -i $locale -f UTF-8 $dir/$locale.utf8 >$dir/log 2>&1") != 0;
	}
	$ENV{LOCPATH} = $dir;
	return 1;
}

# Make in a database what pairs and random tables need.
sub prepare_pairs
{
	my ($node, $db) = @_;

	$node->safe_psql($db, <<"EOQ");
CREATE EXTENSION pgcopy_index;
CREATE EXTENSION amcheck;
$PAIR
CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy', 'glad');
ALTER TYPE public.mood ADD VALUE 'bored' BEFORE 'ok';
CREATE TYPE public.colour AS ENUM ('red', 'yellow', 'green', 'blue', 'black');
CREATE DOMAIN public.small AS int4 CHECK (VALUE IS NULL OR VALUE < 2000000000);
CREATE DOMAIN public.words AS text COLLATE "C";
CREATE TYPE public.two AS (a int4, b text);
DO \$\$ BEGIN
	IF current_setting('server_encoding') <> 'SQL_ASCII' THEN
		CREATE COLLATION public.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	END IF;
END \$\$;
-- of have_rules()
DO \$\$ DECLARE name text; BEGIN
	FOREACH name IN ARRAY ARRAY['en_US', 'de_DE'] LOOP
		CONTINUE WHEN current_setting('server_encoding') <> 'UTF8' OR EXISTS (SELECT FROM pg_collation WHERE collname = name);
		EXECUTE format('CREATE COLLATION pg_catalog.%I (provider = libc, locale = %L)', name, name || '.utf8');
	END LOOP;
EXCEPTION WHEN invalid_parameter_value OR undefined_file OR undefined_object OR invalid_object_definition THEN
	NULL;
END \$\$;
EOQ
	return;
}

# Run SQL that makes public.t, then build a pair for each definition.  Dies with the
# message if that SQL fails.
sub build_pairs
{
	my ($node, $db, $sql, @definition) = @_;
	my $out = $node->safe_psql($db, join "\n",
		'SET client_min_messages = error; SET max_parallel_maintenance_workers = 0;', $sql,
		map { "SELECT row_to_json(p) FROM public.pair('public.t', " . quote_literal($_) . ') p;' } @definition);
	my @pair = map { JSON::PP->new->decode($_) } grep { /^\{"built_by"/ } split /\n/, $out;

	die 'only ' . @pair . ' of ' . @definition . " pairs: $out" if @pair != @definition;
	$pair[$_]{definition} = $definition[$_] for 0 .. $#pair;
	return @pair;
}

# What is wrong with a pair; '' if nothing is.  Of several duplicates each may be
# told that breaks the uniqueness: which one is a matter of how they are sorted.
sub error_of
{
	my ($pair) = @_;
	my ($server, $ours) = map { $_ // 'no error' } @$pair{qw(server_error our_error)};

	if ($server =~ /^23505/ && !$pair->{one_duplicate})
	{
		s/\)=\(.*\) is duplicated\.; /)=(...) is duplicated.; /s for $server, $ours;
	}
	return "the server: $server; we: $ours" if $server ne $ours;
	return $pair->{difference} // '';
}

#-------------------------------------------------------------------------
# Values, by type: an expression over k, an integer from 0 on, and what else the
# type has, as text.
#-------------------------------------------------------------------------

my @WORDS = ('Äpfel', 'apple', 'Apple', 'zebra', 'Zürich', 'straße', 'strasse', 'co-op', 'coop', "o''neil", ' ', '',
	'naïve', 'a b', 'a-b', 'ab', 'Ab', 'ß', 'ss', 'ﬁ', 'éa', 'eb', 'e', 'E', '0', '00', '_', '~');

my %TEXT = (
	short => 'substr(md5(k::text), 1, 1 + (k % 9)::int)',
	prefix => q('customer-' || lpad(k::text, 12, '0')),
	md5 => 'md5(k::text)',
	letters => 'chr(97 + (k % 2)::int)',
	numbers => 'k::text',
	words => '(ARRAY[' . join(', ', map { "'$_'" } @WORDS) . "])[1 + k % ${\ scalar @WORDS}] || CASE WHEN k % 3 = 0 THEN (k / 50)::text ELSE '' END",
	unicode => '(SELECT string_agg(chr(CASE WHEN c BETWEEN 55296 AND 57343 THEN 65 ELSE c::int END), \'\') FROM (SELECT 1 + abs(hashint8(k * 31 + i)::int8) % CASE WHEN k % 2 = 0 THEN 1114110 ELSE 1000 END AS c FROM generate_series(1, 1 + k % 5) i) s(c))',
	long => '(SELECT string_agg(md5((k * 1000 + i)::text), \'\') FROM generate_series(1, 1 + k % LENGTH) i)',
	compressed => q(k || repeat(chr(97 + (k % 26)::int), (k % 150)::int * 40)),
	borders => q(rpad(k::text, (ARRAY[1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 125, 126, 127, 128, 129])[1 + k % 16], 'x')));

my %VALUE = (
	int2 => [ '(k % 65536 - 32768)::int2', qw(-32768 32767 0) ],
	int4 => [ '((k * 7919) % 4294967296 - 2147483648)::int4', qw(-2147483648 2147483647 0 -1) ],
	int8 => [ '(k - 5000) * 1000000007', qw(-9223372036854775808 9223372036854775807 0 -1) ],
	oid => [ '((k * 4000037) % 4294967296)::oid', qw(0 4294967295 2147483648) ],
	bool => [ 'k % 2 = 0' ],
	'"char"' => [ '((k % 256 - 128)::int)::"char"', '', 'a', '\377' ],
	date => [ q(date '1970-01-01' + (k % 100000)::int), qw(-infinity infinity 4713-01-01BC 5874897-12-31) ],
	time => [ q(time '00:00' + k * interval '0.7 s'), qw(00:00 24:00) ],
	timestamp => [ q(timestamp '2000-01-01' + (k - 500) * interval '61 s'), qw(-infinity infinity) ],
	timestamptz => [ q(timestamptz '2000-01-01' + (k - 500) * interval '0.000001 s'), qw(-infinity infinity) ],
	uuid => [ 'md5(k::text)::uuid', '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff' ],
	float4 => [ '((k - 500) / 7.0)::float4', qw(NaN Infinity -Infinity 0 -0 1e-40 3e38) ],
	float8 => [ '((k - 500) / 7.0)::float8', qw(NaN Infinity -Infinity 0 -0 4.9e-324 1e308) ],
	numeric => [ '(k - 500) / (ARRAY[1, 3, 100, 1000000])[1 + k % 4]::numeric', qw(NaN Infinity -Infinity 0 1 1.0 1.00 -1.0 1e100 -1e-100 123456789012345678901234567890) ],
	'numeric(12,2)' => [ 'k / 100.0', qw(NaN 0 -1 9999999999.99) ],
	text => [ 'TEXT', '' ],
	'varchar(3000)' => [ 'TEXT', '' ],
	'char(20)' => [ 'substr(TEXT, 1, 20)', '' ],
	bytea => [ q(convert_to(TEXT, 'UTF8')), '', '\x00', '\xff', '\x0000' ],
	name => [ 'substr(TEXT, 1, 30)::name', '' ],
	'public.mood' => [ q((enum_range(NULL::public.mood))[1 + k % 5]) ],
	'public.colour' => [ q((enum_range(NULL::public.colour))[1 + k % 5]) ],
	'public.small' => [ '(k % 1000000)::int4', qw(-2147483648 0) ],
	'public.words' => [ 'TEXT', '' ],
	inet => [ q(CASE WHEN k % 5 = 0 THEN ('fe80::' || to_hex(k % 65536))::inet ELSE ('10.' || k % 200 || '.' || k % 256 || '.' || k % 17 || CASE WHEN k % 3 = 0 THEN '/24' ELSE '' END)::inet END), qw(0.0.0.0/0 ::/0 255.255.255.255 10.0.0.0/8 10.0.0.0/9) ],
	cidr => [ q(('10.' || k % 200 || '.' || k % 256 || '.0/24')::cidr), qw(0.0.0.0/0 ::/0 10.0.0.0/8) ],
	interval => [ q((k - 500) * interval '37 min'), '1 mon', '30 days', '-1 mon', '720 hours', '178000000 years' ],
	timetz => [ q((time '00:00' + k * interval '0.7 s')::timetz), '00:00+00', '01:00+01', '24:00-15:59' ],
	macaddr => [ q(lpad(to_hex(k * 7919), 12, '0')::macaddr), 'ff:ff:ff:ff:ff:ff' ],
	macaddr8 => [ q(lpad(to_hex(k * 7919), 16, '0')::macaddr8), 'ff:ff:ff:ff:ff:ff:ff:ff' ],
	money => [ '(k - 500)::numeric::money' ],
	'bit(10)' => [ '(k % 1024)::int::bit(10)' ],
	varbit => [ q(substring(k::bit(64) from 64 - (k % 40)::int)::varbit), '' ],
	tid => [ q(('(' || k % 100 || ',' || 1 + k % 7 || ')')::tid) ],
	pg_lsn => [ q('0/0'::pg_lsn + k) ],
	xid8 => [ 'k::text::xid8' ],
	'int4[]' => [ 'ARRAY[(k % 10)::int, k::int]', '{}', '{NULL}' ],
	'text[]' => [ 'ARRAY[md5(k::text), NULL]', '{}' ],
	jsonb => [ q(jsonb_build_object('k', k)), '[]', '{}', 'null' ],
	int4range => [ 'int4range((k % 100)::int, (k % 100 + k % 7)::int)', 'empty', '(,)' ],
	'public.two' => [ q(ROW((k % 100)::int, md5(k::text))::public.two) ],
	tsvector => [ q(to_tsvector('simple', k::text || ' ' || md5(k::text))) ]);

# Most keys are of the first.
my @COMMON = qw(int4 int8 text text text date timestamptz numeric uuid varchar(3000) char(20) float8 bytea);
my $HAS_TEXT = qr/^(text|varchar|char\(|name|public\.words|bytea)/;
my $HAS_COLLATION = qr/^(text|varchar|char\(|public\.words)/;

# SQL that makes public.t with a column of each type, and the types by column; with
# what the type has besides, if "special".
sub table_of_types
{
	my ($rows, $special) = @_;
	my (%type, @definition, @value);

	foreach my $type (sort grep { !$special || @{ $VALUE{$_} } > 1 } keys %VALUE)
	{
		my ($value, @list) = @{ $VALUE{$type} };
		my $name = 'c' . (1 + keys %type);

		$type{$name} = $type;
		push @definition, "$name $type";
		$value =~ s/TEXT/$TEXT{short}/;
		$value = sprintf 'CASE WHEN random() < 0.1 THEN (ARRAY[%s])[1 + floor(random() * %d)]::%s ELSE (%s)::%s END',
		  join(', ', map { quote_literal($_) } @list), scalar @list, $type, $value, $type
		  if $special;
		push @value, "CASE WHEN random() < 0.05 THEN NULL ELSE $value END";
	}
	return (_fill($rows, \@definition, \@value), %type);
}

# The same with a column of each kind of text.
sub table_of_texts
{
	my ($rows) = @_;
	my @style = sort grep { $_ ne 'long' } keys %TEXT;

	return (_fill($rows, [ map { "$_ text" } @style ], [ @TEXT{@style} ]), map { $_ => 'text' } @style);
}

sub _fill
{
	my ($rows, $definition, $value) = @_;
	my ($definitions, $values) = map { join ', ', @$_ } $definition, $value;

	return <<"EOQ";
SELECT setseed(0.25);
DROP TABLE IF EXISTS public.t;
CREATE TABLE public.t ($definitions);
INSERT INTO public.t SELECT $values FROM (SELECT floor(random() * $rows * 0.7)::int8 AS k FROM generate_series(1, $rows) g OFFSET 0) s;
VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t;
EOQ
}

# Collations that this server has, as they are written.
sub collations
{
	my ($node, $db) = @_;
	return split /\n/, $node->safe_psql($db, <<'EOQ');
SELECT x FROM (VALUES ('"C"'), ('"POSIX"'), ('"default"'), ('"en_US"'), ('"de_DE"'), ('"C.utf8"'), ('"en-x-icu"'), ('"de-x-icu"'), ('"und-x-icu"'), ('"ucs_basic"')) v(x)
WHERE EXISTS (SELECT FROM pg_collation WHERE collname = trim('"' FROM x) AND collencoding IN (-1, 6))
EOQ
}

sub one_of { return $_[ int rand @_ ]; }
sub chance { return rand() < $_[0]; }

# The k of a column: how its values are distributed.
sub random_distribution
{
	my ($rows) = @_;
	my $many = 1 + int rand($rows * 3 + 10);

	return one_of(
		("floor(random() * $many)::int8") x 3, ('g') x 2, "($rows - g)", '7', 'floor(random() * 2)::int8', 'g / 7',
		"CASE WHEN g % 50 = 0 THEN floor(random() * $many)::int8 ELSE g END", 'floor(exp(random() * 9))::int8');
}

# A column: name, type, its value as SQL over g, and what is done to its definition.
sub random_column
{
	my ($n, $rows, $collation) = @_;
	my $type = chance(0.7) ? one_of(@COMMON) : one_of(sort keys %VALUE);
	my ($value, @special) = @{ $VALUE{$type} };
	my %column = (name => "c$n", type => $type, definition => "c$n $type");
	my $style = one_of(sort keys %TEXT);

	$value =~ s/TEXT/$TEXT{$style}/;
	$value =~ s/LENGTH/one_of(3, 5, 20, 60, 83, 84, 85, 90, 300)/e;
	my $cast = $type =~ /^varchar|^char\(/ ? "($value)::text" : "($value)::$type";
	$cast =~ s/^(.*)::text$/substr($1, 1, 3000)/s if $type =~ /^varchar/;
	if (@special && chance(0.5))
	{
		my $list = join ', ', map { quote_literal($_) } @special;
		$cast = sprintf 'CASE WHEN random() < 0.04 THEN (ARRAY[%s])[1 + floor(random() * %d)]::%s ELSE %s END', $list, scalar @special, $type, $cast;
	}
	$cast = sprintf 'CASE WHEN random() < %s THEN NULL ELSE %s END', one_of(0.02, 0.3, 0.95, 1), $cast if chance(0.4);
	$column{definition} .= ' COLLATE ' . one_of(@$collation) if $type =~ $HAS_COLLATION && chance(0.5);
	$column{value} = $cast;
	$column{distribution} = random_distribution($rows);
	$column{alter} = sprintf 'ALTER TABLE public.t ALTER c%d SET STORAGE %s;', $n, one_of(qw(PLAIN EXTERNAL MAIN))
	  if $type =~ /^(text|varchar|bytea)/ && $style !~ /long|compressed/ && chance(0.2);
	$column{alter} .= "ALTER TABLE public.t ALTER c$n SET COMPRESSION pglz;" if $type =~ /^(text|varchar|bytea)/ && chance(0.2);
	$column{is_long} = $type =~ $HAS_TEXT && $style =~ /long|compressed/;
	return \%column;
}

sub random_key
{
	my ($column, $collation) = @_;
	my $key = $column->{name};

	$key = one_of("($key IS NULL)", "($key::text)", "coalesce($key::text, '')") if chance(0.02);
	$key .= ' COLLATE ' . one_of(@$collation, 'public.loose') if $key !~ /\W/ && $column->{type} =~ $HAS_COLLATION && chance(0.3);
	$key .= " $1_pattern_ops" if $key !~ /\(/ && $column->{type} =~ /^(text|varchar)/ && chance(0.15);
	$key .= ' bpchar_pattern_ops' if $key !~ /\(/ && $column->{type} =~ /^char\(/ && chance(0.15);
	$key .= ' DESC' if chance(0.25);
	$key .= one_of(' NULLS FIRST', ' NULLS LAST') if chance(0.25);
	return $key;
}

sub random_definition
{
	my ($columns, $collation) = @_;
	my @key = map { random_key(one_of(@$columns), $collation) } 1 .. one_of(1, 1, 1, 1, 2, 2, 3, 5);
	my $is_unique = chance(0.2);
	my $sql = $is_unique ? 'CREATE UNIQUE INDEX' : 'CREATE INDEX';
	my @with;

	splice @key, int rand(@key + 1), 0, one_of('id', 'id DESC') if $is_unique ? chance(0.85) : chance(0.1);
	$sql .= ' NAME ON public.t (' . join(', ', @key) . ')';
	$sql .= ' INCLUDE (' . join(', ', map { one_of(@$columns)->{name} } 1 .. one_of(1, 1, 2)) . ')' if chance(0.12);
	$sql .= ' NULLS NOT DISTINCT' if $is_unique && chance(0.3);
	push @with, 'fillfactor = ' . (10 + int rand 91) if chance(0.25);
	push @with, 'deduplicate_items = off' if chance(0.15);
	$sql .= ' WITH (' . join(', ', @with) . ')' if @with;
	$sql .= ' WHERE id % 3 = 0' if chance(0.03);
	return $sql;
}

# SQL that makes and fills public.t, and definitions of indexes on it.
sub random_table
{
	my ($count, $collation) = @_;
	my $rows = one_of(0, 1, 2, 10, 100, 300, 1000, 1000, 3000, 3000, 10000);
	my @column = map { random_column($_, $rows, $collation) } 1 .. 2 + int rand 4;
	my ($added, $dropped) = (chance(0.1), chance(0.15));

	$rows = 500 if $rows > 500 && grep { $_->{is_long} } @column;
	my $unlogged = chance(0.1) ? 'UNLOGGED' : '';
	my $definitions = join ', ', ($dropped ? 'gone text' : ()), 'id int4', map { $_->{definition} } @column;
	my $alter = join ' ', map { $_->{alter} // () } @column;
	my $distributions = join ', ', map { "($_->{distribution})::int8 AS k$_->{name}" } @column;
	my $values = join ', ', ($dropped ? "'x' || g" : ()), '(g * 7919) % 1000003', map { (my $v = $_->{value}) =~ s/\bk\b/k$_->{name}/g; $v } @column;
	my $order = chance(0.3) ? 'ORDER BY ' . (2 + int rand @column) . one_of('', ' DESC') : '';
	$order = 'ORDER BY 2' if $order && grep { $_->{type} =~ /tsvector/ } @column;
	my $fillfactor = chance(0.1) ? 'WITH (fillfactor = 30)' : '';
	my $sql = <<"EOQ";
SELECT setseed(${\ rand });
DROP TABLE IF EXISTS public.t;
CREATE $unlogged TABLE public.t ($definitions) $fillfactor;
$alter
INSERT INTO public.t SELECT $values FROM (SELECT g, $distributions FROM generate_series(1, $rows) g OFFSET 0) s $order;
EOQ
	$sql .= "ALTER TABLE public.t DROP gone;\n" if $dropped;
	if ($added)
	{
		$sql .= "ALTER TABLE public.t ADD late int4 DEFAULT 42, ADD later text;\n";
		push @column, { name => 'late', type => 'int4' }, { name => 'later', type => 'text' };
	}
	$sql .= "VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t;\n";
	return ($sql, map { random_definition(\@column, $collation) } 1 .. $count);
}

1;
