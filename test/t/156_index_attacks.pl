# Indexes that a job builds itself, attacked: opclasses taken by types they were not made
# for, values that are equal and not the same bytes, other encodings, expressions that do
# what they should not, tables with a past, builds that are broken off.  Each index is,
# byte by byte, what CREATE INDEX builds, or is the server's; and it can be used.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyIndexes;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

have_rules();
my $node = PostgreSQL::Test::Cluster->new('attacked');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nwal_level = replica\nmax_wal_senders = 0\nmax_wal_size = 2GB\nmax_prepared_transactions = 0\n");
$node->start;
prepare_pairs($node, 'postgres');
my $has_icu = $node->safe_psql('postgres', q(SELECT count(*) FROM pg_collation WHERE collname = 'en-x-icu'));
my $has_rules = $node->safe_psql('postgres', q(SELECT count(*) FROM pg_collation WHERE collname = 'en_US'));

my $freeze = 'VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t;';

# Build pairs on one table, [who or undef, definition] each, and say what is wrong.
sub all_equal
{
	my ($name, $sql, @case) = @_;
	my %opt = ref $case[-1] eq 'HASH' ? %{ pop @case } : ();
	my @pair = eval { build_pairs($node, $opt{db} // 'postgres', "DROP TABLE IF EXISTS public.t; $sql", map { "CREATE $_->[1]" } @case) };
	my @wrong = $@ ? $@ : ();

	foreach my $n (0 .. $#pair)
	{
		my ($pair, $must) = ($pair[$n], $case[$n][0]);
		my $by = $pair->{built_by} // 'nobody';
		my $error = error_of($pair);

		push @wrong, "$pair->{definition} ($by): $error" if $error ne '';
		push @wrong, "$pair->{definition}: built by $by (" . ($pair->{reason} // $pair->{our_error} // '') . ')' if defined $must && $by ne $must;
	}
	is(join("\n", @wrong), '', $name);
	return @pair;
}

sub fast { return map { [ 'fast', "INDEX NAME ON public.t $_" ] } @_; }
sub any { return map { [ undef, "INDEX NAME ON public.t $_" ] } @_; }
sub unique { return map { [ undef, "UNIQUE INDEX NAME ON public.t $_" ] } @_; }

# Run a statement as a job does, and say who built.
sub built_by { return $node->safe_psql($_[1] // 'postgres', 'SELECT built_by FROM public.pgcopy_index_create(' . quote_literal($_[0]) . ')'); }

#-------------------------------------------------------------------------
# Orders
#-------------------------------------------------------------------------

# A type may use the operator class of another one that it can be read as.
$node->safe_psql('postgres', <<'EOQ');
CREATE CAST (bytea AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE TYPE public.label;
CREATE FUNCTION public.label_in(cstring) RETURNS public.label LANGUAGE internal IMMUTABLE STRICT AS 'byteain';
CREATE FUNCTION public.label_out(public.label) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout';
CREATE TYPE public.label (INPUT = public.label_in, OUTPUT = public.label_out, LIKE = bytea);
CREATE CAST (bytea AS public.label) WITHOUT FUNCTION;
CREATE CAST (public.label AS text) WITHOUT FUNCTION AS IMPLICIT;
EOQ
my $coerced = <<"EOQ";
CREATE TABLE public.t (id int NOT NULL, b bytea, l public.label, s text, i int4, r regclass, c cidr, v varchar(9), x bit(9));
INSERT INTO public.t SELECT g, v, v::public.label, encode(v, 'hex') || repeat(' ', (g % 3)::int), g * 2000003 % 4294967296 - 2147483648, (g * 16777216 % 4294967296)::oid::regclass,
	set_masklen(('10.' || g % 256 || '.0.0')::cidr, 16 + (g % 3)::int), g % 7 || repeat(' ', (g % 3)::int), (g % 300)::int::bit(9) FROM (SELECT g::bigint,
	decode(substr('000000010000ff00', 1, 2 * (g * 7919 % 9)::int) || CASE WHEN g % 3 > 0 THEN '61000000' ELSE '' END || substr('00000061000000', 1, 2 * (g * 31 % 7)::int), 'hex') v
	FROM generate_series(1, 2000) g) s; $freeze
EOQ
all_equal('operator classes of types that are read as others', $coerced, any(map { ("($_)", "(id, $_ DESC)", "($_, id DESC)") }
	'b text_pattern_ops', 'b COLLATE "C" text_ops', 'b COLLATE "C" bpchar_ops', 'l text_pattern_ops', 's bpchar_pattern_ops', 's COLLATE "C" bpchar_ops', 'i oid_ops', 'r oid_ops',
	'c inet_ops', 'c cidr_ops', 'v bpchar_pattern_ops', 'x varbit_ops'), unique('(s bpchar_pattern_ops)', '(b COLLATE "C" bpchar_ops, id)'));

# Blanks and texts with the same beginning, by every kind of order.
my @collation = ('"C"', $has_rules ? '"en_US"' : (), $has_icu ? '"en-x-icu"' : ());
all_equal('blanks at the end', <<"EOQ", any(map { my $c = $_; map { ("($_ COLLATE $c)", "($_ COLLATE $c DESC, id)", "(k, $_ COLLATE $c)") } qw(a b v) } @collation),
CREATE TABLE public.t (id int NOT NULL, k int, a bpchar, b char(5), v varchar);
INSERT INTO public.t SELECT g, g % 3, w, left(w, 5), w FROM (SELECT g, (ARRAY['', ' ', '  ', 'a', 'a ', 'a  ', 'a b', 'ä', 'ä ', E'a\\t', E'a\\x01', E' \\x01', 'ア', 'アア ', 'A', 'a-', '-a'])[1 + g * 7919 % 17] AS w FROM generate_series(1, 3000) g) s; $freeze
EOQ
	any('(a bpchar_pattern_ops)', '(b bpchar_pattern_ops DESC, v text_pattern_ops)'), unique(map { "(a COLLATE $_)" } @collation), unique(map { "(a COLLATE $_, id)" } @collation), unique('(a bpchar_pattern_ops)'));

# Equal and not the same bytes.
my $alike = <<"EOQ";
CREATE TABLE public.t (id int NOT NULL, f4 float4, f8 float8, n numeric, i interval, z timetz, d inet, r public.two);
INSERT INTO public.t SELECT g, (ARRAY['0', '-0', 'NaN', '1', 'Infinity'])[k]::float4, CASE k WHEN 3 THEN - 'NaN'::float8 ELSE (ARRAY['0', '-0', 'NaN', '1', '-1'])[k]::float8 END * CASE WHEN g % 2 = 0 THEN -1 ELSE 1 END,
	(ARRAY['1', '1.0', '1.00', '-0.0', '0'])[k]::numeric, (ARRAY['1 day', '24 hours', '1 mon', '30 days', '720 hours'])[k]::interval, (ARRAY['12:00+00', '13:00+01', '11:00-01', '12:00+00:00', '24:00+12'])[k]::timetz,
	(ARRAY['10.0.0.1/8', '10.0.0.0/8', '10.0.0.1', '10.0.0.1/32', '::/0'])[k]::inet, ROW(1, repeat('x', k % 2))::public.two FROM (SELECT g, 1 + g * 7919 % 5 AS k FROM generate_series(1, 1500) g) s; $freeze
EOQ
all_equal('values that are equal and not the same', $alike, fast(map { ("($_)", "($_ DESC, id)", "(id, $_)", "($_) WITH (deduplicate_items = on, fillfactor = 30)") } qw(f4 f8 n i z d r)),
	unique(map { "($_)" } qw(f4 f8 n i z d r)), unique(map { "($_, id)" } qw(f4 f8 n i z d r)));
foreach my $values ([ 'numeric', '1.0', '1.000' ], [ 'interval', '1 day', '24:00' ], [ 'float8', '0', '-0' ], [ 'float4', 'NaN', 'NaN' ], [ 'bpchar', 'a', 'a  ' ])
{
	my ($type, $a, $b) = @$values;
	my ($pair) = build_pairs($node, 'postgres', "DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (a $type, id int); INSERT INTO public.t VALUES ('$a', 1), ('$b', 2); $freeze", 'CREATE UNIQUE INDEX NAME ON public.t (a)');
	like($pair->{our_error} // 'no error', qr/^23505/, "$a and $b are the same $type");
}

# Values that a type got later, under a domain, in an array.
all_equal('an enum with values added later', <<"EOQ", any(map { ("($_)", "($_ DESC, id)", "(id, $_)") } qw(m d am ad r)), unique('(m)', '(m, id)', '(d, id) NULLS NOT DISTINCT'));
DROP DOMAIN IF EXISTS public.feeling; DROP TYPE IF EXISTS public.step;
CREATE TYPE public.step AS ENUM ('b', 'd');
ALTER TYPE public.step ADD VALUE 'a' BEFORE 'b'; ALTER TYPE public.step ADD VALUE 'c' AFTER 'b'; ALTER TYPE public.step ADD VALUE 'e'; ALTER TYPE public.step RENAME VALUE 'd' TO 'dd';
CREATE DOMAIN public.feeling AS public.step;
CREATE TABLE public.t (id int NOT NULL, m public.step, d public.feeling, am public.step[], ad public.feeling[], r int4range[]);
INSERT INTO public.t SELECT g, s, s, ARRAY[s, NULL], ARRAY[NULL, s], ARRAY[int4range(g % 9, 10)] FROM (SELECT g, (enum_range(NULL::public.step))[g * 7919 % 6] AS s FROM generate_series(1, 2000) g) s; $freeze
EOQ

my $words = q{(ARRAY['item10', 'item9', 'item 9', 'Item9', 'item09', 'de luxe', 'de-luxe', 'deluxe', 'De Luxe', E'e\u0301', 'é', '', ' ', 'a' || repeat(E'\u0301', g % 40), repeat('ﷺ', g % 50)])[1 + g * 7919 % 15] || CASE WHEN g % 4 = 0 THEN g::text ELSE '' END};
if ($has_icu)
{
	my @made = ('en-u-kn', 'und-u-ka-shifted', 'en-u-kf-upper', 'und-u-ks-level1', 'de-u-co-phonebk', 'fr-u-kb');
	$node->safe_psql('postgres', join '', map { "CREATE COLLATION public.c$_ (provider = icu, locale = '$made[$_]');" } 0 .. $#made);
	all_equal('ICU with numbers in order, without blanks, without accents', "CREATE TABLE public.t (id int NOT NULL, a text, b char(9)); INSERT INTO public.t SELECT g, w, left(w, 9) FROM (SELECT g, $words AS w FROM generate_series(1, 2000) g) s; $freeze",
		fast(map { my $c = "COLLATE public.c$_"; ("(a $c)", "(a $c DESC, id)", "(b $c, a $c)") } 0 .. $#made), unique(map { "(a COLLATE public.c$_, id)" } 0 .. $#made));
}
all_equal('long text that compresses', "CREATE TABLE public.t (id int NOT NULL, a text); INSERT INTO public.t SELECT g, repeat((ARRAY['ﷺ', 'a', '  '])[1 + g % 3], 20 * (1 + g % 40)) || g % 5 FROM generate_series(1, 200) g; $freeze",
	any(map { ("(a COLLATE $_)", "(id, a COLLATE $_ DESC)", "(id) INCLUDE (a)") } @collation));

# Other encodings; SQL_ASCII takes any byte but zero.
foreach my $encoding ('LATIN1', 'EUC_JP', 'SQL_ASCII')
{
	my $db = lc $encoding;
	my $value = $encoding eq 'SQL_ASCII' ? q(convert_from(decode(lpad(to_hex(1 + g * 7919 % 255), 2, '0') || '80fe61', 'hex'), 'SQL_ASCII') || repeat(' ', g % 3)) :
	  $encoding eq 'LATIN1' ? q(convert_from(decode(lpad(to_hex(161 + g * 7919 % 95), 2, '0') || '20ff', 'hex'), 'LATIN1') || repeat(' ', g % 3)) :
	  q(convert_from(decode('a4' || to_hex(161 + g * 7919 % 83) || 'a5' || to_hex(161 + g % 83), 'hex'), 'EUC_JP') || repeat(' ', g % 3));
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	prepare_pairs($node, $db);
	all_equal("a database in $encoding", "CREATE TABLE public.t (id int NOT NULL, a text, b char(6), c bpchar); INSERT INTO public.t SELECT g, w, left(w, 6), w FROM (SELECT g, $value AS w FROM generate_series(1, 2000) g) s; $freeze",
		fast('(a)', '(a DESC, id)', '(b)', '(b DESC, a)', '(c, b)', '(a text_pattern_ops)', '(c bpchar_pattern_ops DESC)'), unique('(c)', '(a, id)'), { db => $db });
}

# Operator classes that are the server's in part, or are called like it.
$node->safe_psql('postgres', <<'EOQ');
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.btint4cmp(int4, int4) RETURNS int LANGUAGE sql IMMUTABLE STRICT RETURN pg_catalog.btint4cmp($2, $1);
CREATE FUNCTION shadow.wrapped(int4, int4) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE OPERATOR CLASS shadow.int4_ops FOR TYPE int4 USING btree AS OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 shadow.btint4cmp(int4, int4);
CREATE OPERATOR CLASS shadow.same_ops FOR TYPE int4 USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 shadow.wrapped(int4, int4);
CREATE FUNCTION shadow.never(oid) RETURNS bool LANGUAGE sql IMMUTABLE RETURN false;
CREATE OPERATOR CLASS shadow.never_ops FOR TYPE text USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 bttextcmp(text, text), FUNCTION 4 shadow.never(oid);
CREATE OPERATOR FAMILY shadow.mixed USING btree;
CREATE OPERATOR CLASS shadow.mixed_8 FOR TYPE int8 USING btree FAMILY shadow.mixed AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint8cmp(int8, int8), FUNCTION 2 btint8sortsupport(internal);
CREATE OPERATOR CLASS shadow.mixed_4 FOR TYPE int4 USING btree FAMILY shadow.mixed AS OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 shadow.btint4cmp(int4, int4);
EOQ
all_equal('operator classes that are nearly the server\'s', "CREATE TABLE public.t (id int, a int, b bigint, c text COLLATE \"C\"); INSERT INTO public.t SELECT g, g * 7919 % 501, g * 31 % 77, g % 60 FROM generate_series(1, 2000) g; $freeze",
	fast(map { ("($_)", "($_ DESC NULLS LAST, id)") } 'a shadow.int4_ops', 'a shadow.same_ops', 'a shadow.mixed_4', 'b shadow.mixed_8', 'c shadow.never_ops'),
	fast('(a shadow.int4_ops, b shadow.mixed_8, c shadow.never_ops)'), unique('(a shadow.int4_ops, id)', '(b shadow.mixed_8)'));

#-------------------------------------------------------------------------
# Expressions that do what they should not
#-------------------------------------------------------------------------

$node->safe_psql('postgres', <<'EOQ');
CREATE TABLE public.other AS SELECT g AS a FROM generate_series(1, 1000) g;
VACUUM (FREEZE) public.other;
CREATE TABLE public.said (what text);
CREATE FUNCTION public.do_once(what text) RETURNS void LANGUAGE plpgsql AS
'BEGIN IF NOT EXISTS (SELECT FROM public.said s WHERE s.what = $1) THEN INSERT INTO public.said VALUES ($1); EXECUTE $1; END IF; END';
CREATE FUNCTION public.builds(int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS
'BEGIN PERFORM public.do_once(''CREATE INDEX inner_one ON public.other (a)''); RETURN $1 % 7; END';
CREATE FUNCTION public.builds_here(int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS
'BEGIN PERFORM public.do_once(''CREATE INDEX inner_here ON public.t (id)''); RETURN $1 % 7; END';
CREATE FUNCTION public.catches(int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS
'BEGIN IF $1 % 50 = 0 THEN RAISE division_by_zero; END IF; RETURN $1 % 7; EXCEPTION WHEN division_by_zero THEN RETURN NULL; END';
CREATE FUNCTION public.writes_here(int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS
'BEGIN PERFORM public.do_once(''UPDATE public.t SET id = -id WHERE id = 1999''); RETURN $1 % 7; END';
CREATE FUNCTION public.opens(int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS
'DECLARE c CURSOR FOR SELECT a FROM public.other LIMIT 3; n int; BEGIN OPEN c; FETCH c INTO n; CLOSE c; RETURN n + $1 % 7; END';
CREATE FUNCTION public.list(int4) RETURNS int4[] LANGUAGE plpgsql IMMUTABLE AS
'DECLARE a int4[] := ARRAY[$1 % 7]; BEGIN FOR i IN 1 .. $1 % 5 LOOP a[i + 1] := i; END LOOP; RETURN a; END';
CREATE FUNCTION public.long(int4) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
'BEGIN RETURN repeat(md5($1::text), $1 % 60) COLLATE "C"; END';
CREATE FUNCTION public.temporary(int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS
'BEGIN PERFORM public.do_once(''CREATE TEMP TABLE mine (a int)''); RETURN $1; END';
CREATE FUNCTION public.sets_role(int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS
'BEGIN PERFORM public.do_once(''SET ROLE postgres''); RETURN $1; END';
EOQ
my $some = "CREATE TABLE public.t (id int, a int); INSERT INTO public.t SELECT g, g % 9 FROM generate_series(1, 2000) g; $freeze";
all_equal('functions that catch, open cursors, make arrays and long texts', $some, fast('(public.catches(id))', '(public.catches(id) DESC, a)', '(public.opens(id))', '(public.list(id))', '(public.list(id), id)', '(public.long(id))', '(id) WHERE public.catches(id) = 3', '(a) WHERE public.list(id) <> \'{}\''));
my ($temporary) = all_equal('a function that makes a temporary table', $some, any('(public.temporary(id))'));
like($temporary->{our_error} // 'no error', qr/security-restricted operation/, 'which is refused');
my ($role) = all_equal('a function that takes a role', $some, any('(public.sets_role(id))'));
like($role->{our_error} // 'no error', qr/security-restricted operation/, 'which is refused, too');
all_equal('a function that builds an index of the same table', $some, any('(public.builds_here(id))'));

# What a build in the middle of a build is told to whom
sub fresh { $node->safe_psql('postgres', "TRUNCATE public.said; DROP INDEX IF EXISTS public.inner_one; DROP TABLE IF EXISTS public.t; $_[0]"); }
sub is_sound { my ($index, $name) = @_; my (undef, undef, $err) = $node->psql('postgres', "SELECT bt_index_parent_check('$index', true, true)"); is($err, '', $name); }
fresh($some);
is(built_by('CREATE INDEX outer_one ON public.t (public.builds(id))'), 'fast', 'an index whose function builds another one is ours');
is_sound($_, "$_ is sound") foreach 'outer_one', 'inner_one';
fresh($some);
$node->psql('postgres', "SELECT public.pgcopy_index_create('CREATE INDEX written ON public.t (public.writes_here(id))')");
is_sound($_, "after a function has written the table: $_ is sound") foreach grep { $node->safe_psql('postgres', "SELECT to_regclass('$_') IS NOT NULL") eq 't' } 'public.written';

fresh($some);
$node->safe_psql('postgres', <<'EOQ');
CREATE FUNCTION public.also() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.do_once(''CREATE INDEX inner_one ON public.other USING hash (a)''); END';
CREATE EVENT TRIGGER also ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION public.also();
EOQ
is(built_by('CREATE INDEX outer_one ON public.t (a)'), 'fast', 'what an event trigger builds afterwards does not count');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER also');
fresh($some);
$node->safe_psql('postgres', 'CREATE EVENT TRIGGER also ON ddl_command_start WHEN TAG IN (\'CREATE INDEX\') EXECUTE FUNCTION public.also()');
is(built_by('CREATE INDEX outer_one ON public.t (a)'), 'fast', 'nor what it builds before');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER also');


#-------------------------------------------------------------------------
# Tables with a past
#-------------------------------------------------------------------------

my @plain = any('(id)', '(a, id)', '(b DESC)', '((id + 1))');
my $base = 'CREATE TABLE public.t (id int, a int, b text COLLATE "C"); INSERT INTO public.t SELECT g, g % 9, md5(g::text) FROM generate_series(1, 3000) g;';
my %past = (
	'line pointers that nobody uses' => "DELETE FROM public.t WHERE id % 3 = 0; $freeze",
	'line pointers of the dead' => "DELETE FROM public.t WHERE id % 3 = 0; VACUUM (FREEZE, INDEX_CLEANUP off) public.t;",
	'a tail cut off' => "DELETE FROM public.t WHERE id > 1000; $freeze",
	'pages without a row' => "DELETE FROM public.t WHERE id BETWEEN 500 AND 2000; $freeze",
	'rows of a transaction that failed' => "$freeze BEGIN; INSERT INTO public.t SELECT -g, g, g FROM generate_series(1, 500) g; ROLLBACK;",
	'an update that failed' => "$freeze BEGIN; UPDATE public.t SET a = -1 WHERE id % 50 = 0; ROLLBACK; VACUUM public.t;",
	'an update in a savepoint that failed' => "BEGIN; SAVEPOINT s; UPDATE public.t SET a = -1 WHERE id % 50 = 0; ROLLBACK TO s; COMMIT; $freeze",
	'a delete that failed' => "$freeze BEGIN; DELETE FROM public.t WHERE id % 50 = 0; ROLLBACK; VACUUM public.t;",
	'rows locked by many' => "$freeze BEGIN; SELECT FROM public.t WHERE id % 7 = 0 FOR KEY SHARE; SAVEPOINT s; SELECT FROM public.t WHERE id % 14 = 0 FOR UPDATE; COMMIT;",
	'rows moved by CLUSTER' => "CREATE INDEX i ON public.t (b); CLUSTER public.t USING i; DROP INDEX public.i; $freeze",
	'an attribute changed' => "ALTER TABLE public.t ALTER a TYPE bigint; ALTER TABLE public.t ADD late numeric DEFAULT 1.50, DROP b; ALTER TABLE public.t RENAME late TO b; $freeze",
	'pages that a crash left empty' => "$freeze");
foreach my $name (sort keys %past)
{
	my $sql = "$base $past{$name}";
	if ($name =~ /crash/)
	{
		# the file is longer than what was written to it
		$node->safe_psql('postgres', "DROP TABLE IF EXISTS public.t; $sql CHECKPOINT;");
		my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('public.t')");
		$node->stop;
		open my $handle, '>>:raw', $file or die "$file: $!";
		print $handle "\0" x (3 * 8192);
		close $handle or die "$file: $!";
		$node->start;
		my @pair = build_pairs($node, 'postgres', '', map { "CREATE $_->[1]" } @plain);
		is(join("\n", grep { $_ ne '' } map { error_of($_) } @pair), '', $name);
		is($pair[0]{built_by}, 'fast', '  ours');
		next;
	}
	all_equal($name, $sql, @plain);
}

# Rows of the transaction itself, copied frozen, and of a savepoint.
$node->safe_psql('postgres', <<'EOQ');
DROP TABLE IF EXISTS public.t;
COPY (SELECT g, g % 9 FROM generate_series(1, 3000) g) TO '/dev/null';
BEGIN;
CREATE TABLE public.t (id int, a int);
INSERT INTO public.t SELECT g, g FROM generate_series(1, 2000) g;
SAVEPOINT s;
SELECT built_by FROM public.pgcopy_index_create('CREATE INDEX again ON public.t (a)');
ROLLBACK TO s;
INSERT INTO public.t SELECT -g, g FROM generate_series(1, 500) g;
SELECT built_by FROM public.pgcopy_index_create('CREATE INDEX again ON public.t (a)');
COMMIT;
EOQ
is_sound('again', 'an index built again, after a savepoint, in the transaction that filled the table');

#-------------------------------------------------------------------------
# Builds that are broken off
#-------------------------------------------------------------------------

$node->safe_psql('postgres', "DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (id int, a int, b text COLLATE \"C\", c text COLLATE \"C\"); INSERT INTO public.t SELECT g, g * 7919 % 1009, md5(g::text), repeat(md5((g % 5000)::text), 3) FROM generate_series(1, 90000) g; $freeze");
my @definition = ('(a)', '(b)', '(c, a)', '((id % 7))', $has_icu ? '(c COLLATE "en-x-icu")' : ());
my $look = q(SELECT 'look ' || substring(pg_read_file('/proc/self/status') FROM 'VmSize:\s+(\d+)') || ' ' || (SELECT count(*) FROM pg_ls_dir('/proc/self/fd')););
my @sql = map {
	my $sql = "SET LOCAL statement_timeout = ${\ (1 + $_ * 13 % 90)}; SELECT FROM public.pgcopy_index_create('CREATE INDEX broken ON public.t $definition[ $_ % @definition ]');";
	$_ % 2 ? "BEGIN; $sql ROLLBACK;" : "BEGIN; SAVEPOINT s; $sql ROLLBACK TO s; ROLLBACK;";
} 1 .. 60;
my ($rc, $out, $err) = $node->psql('postgres', join("\n", @sql[ 0 .. 19 ], $look, @sql[ 20 .. 59 ], $look,
	map { "SELECT built_by FROM public.pgcopy_index_create('CREATE INDEX whole_$_ ON public.t $definition[$_]');" } 0 .. $#definition), on_error_stop => 0);
my $broken = () = $err =~ /canceling statement due to statement timeout/g;
my ($before, $after) = map { [split] } $out =~ /^look (.*)/mg;
note("$broken of 60 builds broken off; VmSize in kB and files: @$before, @$after");
cmp_ok($broken, '>', 5, 'builds are broken off at many moments');
cmp_ok($after->[0] - $before->[0], '<', 8000, 'they leave no memory');
cmp_ok($after->[1] - $before->[1], '<', 10, 'and no files open');
is(join(' ', $out =~ /^(fast|server)$/mg), join(' ', ('fast') x @definition), 'afterwards that session builds as ever');
is_sound("whole_$_", "  and $definition[$_] is sound") foreach 0 .. $#definition;
$node->safe_psql('postgres', 'CHECKPOINT');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = current_database())) f WHERE f ~ '^\\d+\$' AND NOT EXISTS (SELECT FROM pg_class c WHERE pg_relation_filenode(c.oid) = f::oid)"),
	'0', 'there is no file that no relation has');

#-------------------------------------------------------------------------
# In use
#-------------------------------------------------------------------------

# Splits right after the build, deletes, vacuum, deduplication on insert, and all again.
$node->safe_psql('postgres', 'DROP INDEX public.whole_1; SELECT public.pgcopy_index_create(\'CREATE UNIQUE INDEX whole_u ON public.t (b, id) WITH (fillfactor = 100)\'); SELECT public.pgcopy_index_create(\'CREATE INDEX whole_f ON public.t (b) WITH (fillfactor = 100)\')');
my @use = (
	'INSERT INTO public.t SELECT -id, a, b, c FROM public.t WHERE id % 3 = 0', 'INSERT INTO public.t SELECT g, 77, md5(g::text), \'same\' FROM generate_series(100001, 110000) g', 'UPDATE public.t SET a = a + 1 WHERE id % 5 = 0',
	'DELETE FROM public.t WHERE b > \'4\' AND b < \'a\'', 'VACUUM public.t', 'INSERT INTO public.t SELECT id + 200000, a, b, c FROM public.t', 'REINDEX TABLE public.t', 'CLUSTER public.t USING whole_u', 'VACUUM FULL public.t');
foreach my $use (@use)
{
	$node->safe_psql('postgres', $use);
	my (undef, undef, $err) = $node->psql('postgres', 'SELECT bt_index_parent_check(indexrelid, true, true) FROM pg_index WHERE indrelid = \'public.t\'::regclass');
	is($err, '', "all are sound after $use");
}

$node->stop;
done_testing();
