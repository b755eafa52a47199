# Indexes whose order is not that of bytes: text under libc locales with and without
# rules and under ICU, types and operator classes that only the server can compare,
# expressions and predicates.  Each is built by whom it must be and is, byte by byte,
# what CREATE INDEX builds; bt_index_parent_check() finds nothing.  A strxfrm() that
# lies is caught, and the server builds the index.
#
# PGCOPY_TEST_LONG=1 takes 200,000 strings of random code points instead of 20,000.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyIndexes;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $RULES = 'en_US.utf8';
my $strings = $ENV{PGCOPY_TEST_LONG} ? 200_000 : 20_000;

my $has_rules = have_rules();
my $node = PostgreSQL::Test::Cluster->new('orders');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nwal_level = replica\nmax_wal_senders = 0\nmax_wal_size = 2GB\n");
$node->start;
prepare_pairs($node, 'postgres');
$node->safe_psql('postgres', "CREATE EXTENSION citext; CREATE COLLATION rules (provider = libc, locale = '$RULES')") if $has_rules;
$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS citext');
my $has_icu = $node->safe_psql('postgres', q(SELECT count(*) FROM pg_collation WHERE collname = 'en-x-icu'));

# Build pairs, [who, reason or undef, definition] each, on one table.
sub all_equal
{
	my ($name, $sql, @case) = @_;
	my ($db) = map { $_->{db} // () } grep { ref eq 'HASH' } @case;

	@case = grep { ref eq 'ARRAY' } @case;
	my @pair = build_pairs($node, $db // 'postgres', $sql, map { "CREATE $_->[2]" } @case);
	foreach my $n (0 .. $#pair)
	{
		my ($pair, $who, $why) = ($pair[$n], @{ $case[$n] });
		is(error_of($pair), '', "$name: $case[$n][2]");
		is($pair->{built_by} // 'nobody', $who, '  built by: ' . ($pair->{reason} // $who)) if defined $who;
		like($pair->{reason} // '', $why, '  the reason is said') if defined $why;
	}
	return @pair;
}

sub fast { return map { [ 'fast', undef, $_ ] } @_; }
sub server { my $why = shift; return map { [ 'server', $why, $_ ] } @_; }

# A table of texts, from the same words with different ends; some are null.
sub texts
{
	my (%opt) = @_;
	my $rows = $opt{rows} // 3000;

	return <<"EOQ";
SET client_min_messages = error;
SELECT setseed(0.5);
DROP TABLE IF EXISTS public.t;
CREATE TABLE public.t (id int NOT NULL, kind int, a text, b char(12), c text NOT NULL, d varchar(40));
INSERT INTO public.t SELECT g, g % 7, CASE WHEN g % 11 > 0 THEN w END, left(w, 12), w || g, CASE WHEN g % 13 > 0 THEN upper(w) END
FROM (SELECT g, (ARRAY['Äpfel', 'apple', 'Apple', 'zebra', 'co-op', 'coop', 'straße', 'strasse', 'a b', 'ab', ' ab', 'ab ', '', 'ﬁ', 'e', 'E', 'é', '_', '~'])
	[1 + floor(random() * 19)] || CASE WHEN random() < 0.6 THEN md5(floor(random() * $rows)::text) ELSE '' END AS w FROM generate_series(1, $rows) g) s;
VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t;
EOQ
}

sub text_indexes
{
	my ($collation) = @_;
	my $c = $collation eq '' ? '' : " COLLATE $collation";

	return map { "INDEX NAME ON public.t ($_)" } "a$c", "a$c DESC", "a$c NULLS FIRST", "b$c", "c$c", "d$c DESC NULLS LAST", "a$c, b$c DESC, id", "kind, a$c", "kind DESC, c$c",
	  "a$c, d$c) INCLUDE (c", "c$c) WITH (fillfactor = 20", "a$c) WITH (deduplicate_items = off", "lower(a)$c", "a$c) WHERE (kind = 3";
}

#-------------------------------------------------------------------------
# Collations
#-------------------------------------------------------------------------

all_equal('C', texts(), fast(text_indexes('"C"')), fast('UNIQUE INDEX NAME ON public.t (c COLLATE "C")'));

# Not by name: the database's own default is asked for its rules.
foreach my $locale ('C.UTF-8', $has_rules ? $RULES : ())
{
	my $db = $locale =~ /^C/ ? 'plain' : 'rules';
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 LC_COLLATE '$locale' LC_CTYPE '$locale' ENCODING 'UTF8'");
	prepare_pairs($node, $db);
	all_equal("a database in $locale", texts(), { db => $db }, fast(text_indexes('')), fast('UNIQUE INDEX NAME ON public.t (c)'));
}
all_equal('ICU', texts(), fast(text_indexes('"en-x-icu"')), fast('UNIQUE INDEX NAME ON public.t (c COLLATE "de-x-icu")')) if $has_icu;
all_equal('not deterministic', texts(), server(qr/nondeterministic/, 'INDEX NAME ON public.t (a COLLATE public.loose)')) if $has_icu;

SKIP:
{
	skip "no locale $RULES, and localedef cannot make it", 1 if !$has_rules;
	all_equal('a locale with rules', texts(), fast(text_indexes('public.rules')), fast('UNIQUE INDEX NAME ON public.t (c COLLATE public.rules)'));

	# All code points, where strxfrm() and strcoll() may disagree: then the server builds.
	my $random = <<"EOQ";
SELECT setseed(0.7);
DROP TABLE IF EXISTS public.t;
CREATE TABLE public.t (a text);
INSERT INTO public.t SELECT (SELECT string_agg(chr(CASE WHEN c BETWEEN 55296 AND 57343 THEN 65 ELSE c END), '') FROM
	(SELECT 1 + floor(random() * 1114110)::int AS c FROM generate_series(1, 1 + g % 6) i) s) FROM generate_series(1, $strings) g;
VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t;
EOQ
	my ($pair) = all_equal("$strings strings of random code points", $random, [ undef, undef, 'INDEX NAME ON public.t (a COLLATE public.rules)' ]);
	diag("$strings random strings: built by $pair->{built_by}" . (defined $pair->{reason} ? ", $pair->{reason}" : ''));
	ok($pair->{built_by} eq 'fast' || $pair->{reason} =~ /disagree/, 'built here, or strxfrm() was caught');

	# A strxfrm() that lies, now and then, is caught.
	my $lie = "SET pgcopy.test_point = 'index strxfrm'; SET pgcopy.test_action = 'lie';";
	all_equal('a strxfrm() that lies', "LOAD 'pgcopy_index'; $lie " . texts(),
		server(qr/disagree/, 'INDEX NAME ON public.t (a COLLATE public.rules)', 'INDEX NAME ON public.t (a COLLATE public.rules DESC, id)', 'UNIQUE INDEX NAME ON public.t (c COLLATE public.rules)'));
}

#-------------------------------------------------------------------------
# Types and operator classes
#-------------------------------------------------------------------------

$node->safe_psql('postgres', <<'EOQ');
CREATE FUNCTION public.odd_cmp(int4, int4) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT
AS 'BEGIN RETURN sign(($1 % 10) - ($2 % 10)); END';
CREATE OPERATOR CLASS public.by_last_digit FOR TYPE int4 USING btree AS FUNCTION 1 public.odd_cmp(int4, int4);
CREATE FUNCTION public.nosy(int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN RETURN CASE WHEN EXISTS (SELECT FROM public.t) THEN $1 % 5 END; END';
CREATE FUNCTION public.picky(int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN IF $1 = 777 THEN RAISE EXCEPTION ''not 777''; END IF; RETURN $1; END';
CREATE FUNCTION public.who(int4) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN RETURN concat_ws('','', current_user, $1 % 3); END';
CREATE TYPE public.grade AS ENUM ('low', 'high');
ALTER TYPE public.grade ADD VALUE 'middle' BEFORE 'high';
CREATE TYPE public.size AS ENUM ('s', 'm', 'l');
CREATE DOMAIN public.mail AS public.citext;
EOQ

my $many = <<'EOQ';
SET client_min_messages = error;
SELECT setseed(0.4);
DROP TABLE IF EXISTS public.t;
CREATE TABLE public.t (id int NOT NULL, k int, ci public.citext, j jsonb, ia int[], ta text[] COLLATE "C", r int4range, iv interval, i inet, g public.grade,
	s public.size, v varbit, w public.two, m public.mail, n name, p numeric, ov oidvector, mr int4multirange);
INSERT INTO public.t SELECT g, x % 50, CASE WHEN g % 2 = 0 THEN upper(md5(y::text)) ELSE md5(y::text) END, jsonb_build_object('a', y, 'b', array[x % 3]),
	array[x % 10, y], array[md5(x::text), NULL], int4range(x % 100, x % 100 + y), (y - 500) * interval '7 h' + (x % 3) * interval '1 mon',
	CASE WHEN g % 3 = 0 THEN ('2001:db8::' || to_hex(y % 65536))::inet ELSE set_masklen(('10.' || x % 256 || '.' || y % 256 || '.7')::inet, 8 + y % 25) END,
	(enum_range(NULL::public.grade))[1 + x % 3], (enum_range(NULL::public.size))[1 + x % 3], (y % 1024)::bit(10)::varbit || CASE WHEN g % 2 = 0 THEN B'0' ELSE B'' END,
	ROW(x % 9, md5(y::text))::public.two, initcap(md5(y::text)), md5(y::text), y / 7.0, (x % 9 || ' ' || y)::oidvector, int4multirange(int4range(x % 30, 40), int4range(50, 60 + y))
FROM (SELECT g, floor(random() * 1000)::int AS x, floor(random() * 1000)::int AS y FROM generate_series(1, 3000) g) s;
INSERT INTO public.t (id) SELECT g FROM generate_series(3001, 3100) g;
VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t;
EOQ
all_equal('types', $many, fast(map { ("INDEX NAME ON public.t ($_)", "INDEX NAME ON public.t ($_ DESC NULLS LAST, k)", "INDEX NAME ON public.t (k, $_ NULLS FIRST)") }
	qw(ci j ia ta r iv i g s v w m p ov mr)));
all_equal('stored otherwise in the index', $many, server(qr/layout/, 'INDEX NAME ON public.t (n)'));
all_equal('many columns', $many, fast('INDEX NAME ON public.t (k, s, id, ci)', 'INDEX NAME ON public.t (ci) INCLUDE (j, n)', 'UNIQUE INDEX NAME ON public.t (g, j, id)',
	'UNIQUE INDEX NAME ON public.t (ia, id) NULLS NOT DISTINCT', 'INDEX NAME ON public.t (ci) WITH (fillfactor = 10)'));
all_equal('duplicates', $many, map { [ undef, undef, "UNIQUE INDEX NAME ON public.t $_" ] } '(ci)', '(k, ci)', '(r) NULLS NOT DISTINCT', '(id public.by_last_digit)');
all_equal('an operator class of somebody', $many, fast(map { "INDEX NAME ON public.t ($_)" } 'id public.by_last_digit', 'id public.by_last_digit DESC', 'k public.by_last_digit, ci'));
all_equal('little memory', "SET maintenance_work_mem = '1MB';" . $many . 'INSERT INTO public.t SELECT * FROM public.t; INSERT INTO public.t SELECT * FROM public.t; VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t;',
	fast('INDEX NAME ON public.t (ci, ta, w)'));

#-------------------------------------------------------------------------
# Expressions and predicates
#-------------------------------------------------------------------------

all_equal('expressions', $many, fast(map { "INDEX NAME ON public.t $_" } '((id % 7), k)', '(lower(ci::text) COLLATE "C")', '((j->>\'a\') COLLATE "C" DESC)', '((p + 1), k)', '(upper(r))', '((NULL::int))',
	'((CASE WHEN k < 25 THEN k END) NULLS FIRST, id)', '(public.nosy(id), id)', '(public.who(id))', '((ia || k))', '((id::int2))'));
all_equal('predicates', $many, fast(map { "INDEX NAME ON public.t $_" } '(id) WHERE k = 3', '(ci) WHERE s = \'m\'', '(k, i) WHERE public.nosy(id) = 1', '(id) WHERE false', '(id) WHERE k IS NULL',
	'((k + 1)) WHERE p > 3'), fast('UNIQUE INDEX NAME ON public.t (id) WHERE k > 7'));
all_equal('functions that fail', $many, map { [ undef, undef, $_ ] } 'INDEX NAME ON public.t (public.picky(id))', 'INDEX NAME ON public.t (k) WHERE public.picky(id) > 0', 'INDEX NAME ON public.t ((100 / (id - 5)))');
my ($failed) = build_pairs($node, 'postgres', $many, 'CREATE INDEX NAME ON public.t (public.picky(id))');
like($failed->{our_error} // 'no error', qr/not 777/, 'the error of a function is the error of the statement');

done_testing();
