# Indexes whose keys do not fit into maintenance_work_mem.  Keys of fixed width are built
# in ranges, in several scans of the table, or as they come if they are in order; all
# others are sorted in runs, which are merged from a file.  They are, byte by byte, what
# CREATE INDEX builds, and memory stays below the limit.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyIndexes;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('ranges');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nwal_level = replica\nmax_wal_senders = 0\nmax_wal_size = 4GB\n"
	. "max_parallel_maintenance_workers = 0\nlog_min_messages = debug1\n");
$node->start;
prepare_pairs($node, 'postgres');

# What the log says of our builds since an offset: scans, runs and kB of each.
sub builds_since
{
	my ($offset) = @_;
	my $log = substr slurp_file($node->logfile), $offset;
	my @build;

	push @build, [ $1, $2, $3 ] while $log =~ /index "built" built: .* (\d+) scans, (\d+) runs, (\d+) kB/g;
	return @build;
}

# What is set for each build
my $always = '';

# Build pairs within so many MB.  A case is who, how many scans (a list of what is
# right), the rest of a CREATE, and how many runs at least.
sub build_within
{
	my ($memory, $name, $sql, @case) = @_;

	my @pair;
	foreach my $case (@case)
	{
		my ($who, $scans, $definition, $runs) = @$case;
		my $offset = -s $node->logfile;
		my ($pair) = build_pairs($node, 'postgres', "SET maintenance_work_mem = '${memory}MB'; $sql $always", "CREATE $definition");
		my ($build) = builds_since($offset);

		push @pair, $pair;
		$sql = '';
		is(error_of($pair), '', "$name: $definition");
		is($pair->{built_by} // 'nobody', $who, '  built by: ' . ($pair->{reason} // $who)) if defined $who;
		next if !$build;
		ok((grep { $_ == $build->[0] } @$scans), "  in $build->[0] scans") if $scans;
		cmp_ok($build->[1], '>=', $runs, "  from $build->[1] runs") if $runs;
		cmp_ok($build->[2], '<=', 1024 * $memory, "  within $memory MB");
	}
	return @pair;
}

sub table_of
{
	my ($columns, $query) = @_;
	return "SET maintenance_work_mem = '64MB'; DROP TABLE IF EXISTS public.t; SELECT setseed(0.5); CREATE TABLE public.t ($columns); INSERT INTO public.t $query; "
	  . 'VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t; ';
}

my $rows = 150_000;

# the limit holds for a statement of its own, after the table is there
sub within { my ($memory, $name, $table, @case) = @_; return build_within($memory, $name, "$table SET maintenance_work_mem = '${memory}MB';", @case) }

within(1, 'words', table_of('id int8 NOT NULL, r int4 NOT NULL, b int8, u uuid, few int2, f float8',
		"SELECT g, (random() * 2e9)::int, (random() * 1.8e19 - 9e18)::int8, md5(g::text)::uuid, g % 7, random() FROM generate_series(1, $rows) g"),
	[ 'fast', [2], 'INDEX NAME ON public.t (id)' ],
	[ 'fast', [2], 'UNIQUE INDEX NAME ON public.t (id)' ],
	[ 'fast', [ 4 .. 5 ], 'INDEX NAME ON public.t (id DESC)' ],
	[ 'fast', [ 4 .. 5 ], 'INDEX NAME ON public.t (r)' ],
	[ 'fast', [ 4 .. 5 ], 'INDEX NAME ON public.t (r DESC)' ],
	[ 'fast', undef, 'INDEX NAME ON public.t (few)' ],
	[ 'fast', undef, 'INDEX NAME ON public.t (few, r DESC)' ],
	[ undef, undef, 'INDEX NAME ON public.t (b)' ],
	[ 'fast', undef, 'UNIQUE INDEX NAME ON public.t (u)', 10 ]);

within(2, 'words', '', [ 'fast', [ 3 .. 5 ], 'INDEX NAME ON public.t (b) WITH (fillfactor = 50)' ]);
within(3, 'words', '',
	[ 'fast', [2], 'INDEX NAME ON public.t (b)', 2 ],
	[ 'fast', [ 3 .. 5 ], 'UNIQUE INDEX NAME ON public.t (u)' ],
	[ 'fast', undef, 'INDEX NAME ON public.t (f, few)' ]);

# one key in nine of ten rows, first, in the middle and last; and all the same
within(1, 'many of one key', table_of('id int4, low int4, mid int4, high int8 NOT NULL, same int4, pair int4',
		"SELECT g, CASE WHEN random() < 0.9 THEN 0 ELSE random() * 1e6 END, CASE WHEN random() < 0.9 THEN 500000 ELSE random() * 1e6 END, "
		. "CASE WHEN random() < 0.9 THEN 9e18 ELSE random() * 1e18 END::int8, 42, (g > $rows / 2)::int FROM generate_series(1, $rows) g"),
	(map { [ 'fast', undef, $_ ] } 'INDEX NAME ON public.t (low)', 'INDEX NAME ON public.t (mid)', 'INDEX NAME ON public.t (mid) WITH (deduplicate_items = off)',
		'INDEX NAME ON public.t (high)', 'INDEX NAME ON public.t (high DESC)', 'INDEX NAME ON public.t (mid, high)', 'UNIQUE INDEX NAME ON public.t (mid, id)',
		'INDEX NAME ON public.t (pair DESC, mid)'),
	[ undef, undef, 'UNIQUE INDEX NAME ON public.t (mid)' ],
	[ 'fast', [2], 'INDEX NAME ON public.t (same)' ]);

# the sample cannot know of what is in a few pages only
within(1, 'nulls', table_of('id int4, a int4, b int4, rare int4, x int2',
		"SELECT g, CASE WHEN random() < 0.9 THEN NULL ELSE random() * 1e6 END, CASE WHEN g % 100 > 0 THEN random() * 1e6 END, "
		. "CASE WHEN g > $rows - 5 THEN NULL ELSE $rows - g END, NULL FROM generate_series(1, $rows) g"),
	(map { [ 'fast', undef, $_ ] } 'INDEX NAME ON public.t (a)', 'INDEX NAME ON public.t (a NULLS FIRST)', 'INDEX NAME ON public.t (b DESC)', 'INDEX NAME ON public.t (b, a)',
		'INDEX NAME ON public.t (x)', 'UNIQUE INDEX NAME ON public.t (rare)', 'UNIQUE INDEX NAME ON public.t (a NULLS FIRST, id)'),
	[ 'fast', undef, 'INDEX NAME ON public.t (b) WHERE a IS NULL', 2 ]);

# unique or not: found in a later range, or across pages
within(1, 'duplicates', table_of('a int4, b int8', "SELECT CASE WHEN g = 7 THEN $rows ELSE g * 7919 % 1000003 END, g FROM generate_series(1, $rows) g "
		. "UNION ALL SELECT CASE WHEN g = 2 THEN 1999 * 7919 % 1000003 ELSE -g END, -g FROM generate_series(1, 3) g"),
	[ undef, undef, 'UNIQUE INDEX NAME ON public.t (a)' ],
	[ 'fast', undef, 'INDEX NAME ON public.t (a)' ]);

# few rows a page: many scans would cost more than they save, one does not
within(1, 'wide rows', table_of('id int4, r int4, pad char(1000)', 'SELECT g, random() * 1e9, NULL FROM generate_series(1, 1) g')
	. 'ALTER TABLE public.t ALTER pad SET STORAGE PLAIN; TRUNCATE public.t; '
	. "INSERT INTO public.t SELECT g, random() * 1e9, 'x' FROM generate_series(1, 70000) g; VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t;",
	[ 'fast', [2], 'INDEX NAME ON public.t (id)' ],
	[ 'fast', [2], 'INDEX NAME ON public.t (r)', 2 ]);

# The sample says that all keys fit into one range: it gives up its upper part again and
# again, to the next one.
$always = "LOAD 'pgcopy_index'; SET pgcopy.test_point = 'index sample'; SET pgcopy.test_action = 'lie';";
within(1, 'a sample that has seen one row', table_of('id int8 NOT NULL, r int4 NOT NULL, few int2, many int4, n int4, u uuid',
		"SELECT g, (random() * 2e9)::int, g % 7, CASE WHEN g % 10 = 0 THEN (random() * 1e6)::int ELSE 500000 END, CASE WHEN g % 3 = 0 THEN g END, md5((g % 1000)::text)::uuid FROM generate_series(1, $rows) g"),
	[ 'fast', [ 4 .. 12 ], 'INDEX NAME ON public.t (r)' ],
	[ 'fast', [ 4 .. 12 ], 'UNIQUE INDEX NAME ON public.t (id DESC)' ],
	map { [ 'fast', [ 3 .. 20 ], "INDEX NAME ON public.t ($_)" ] } 'few', 'few, id', 'many', 'n', 'n NULLS FIRST');
within(3, 'a sample that has seen one row', '', map { [ 'fast', [ 3 .. 12 ], "INDEX NAME ON public.t ($_)" ] } 'many DESC, r', 'u');
$always = '';

# Somebody writes to the table between two scans, which no lock allows.
$node->safe_psql('postgres', table_of('a int4', "SELECT random() * 1e6 FROM generate_series(1, $rows) g"));
my $hold = $node->background_psql('postgres');
my $builder = $node->background_psql('postgres', on_error_stop => 0);
$hold->query_safe('SELECT pg_advisory_lock(471100, 100)');
$builder->query_safe("LOAD 'pgcopy_index'; SET maintenance_work_mem = '1MB'; SET pgcopy.test_point = 'index surveyed'");
$builder->query_until(qr/begun/, "\\echo begun\nSELECT built_by FROM public.pgcopy_index_create('CREATE INDEX touched ON public.t (a)');\n");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") or die 'the build has not come to its ranges';
$node->safe_psql('postgres', "SELECT public.pgcopy_index_touch('public.t', 100)");
$hold->query_safe('SELECT pg_advisory_unlock(471100, 100)');
is($builder->query('SELECT 42'), '42', 'a build that fails does not end its session');
like($builder->{stderr}, qr/table "t" has changed while its index "touched" was built.*page not visible to all/s, 'a table that changes between two scans is an error');
is($node->safe_psql('postgres', "SELECT to_regclass('public.touched') IS NULL"), 't', 'which leaves no index');
$_->quit foreach $hold, $builder;

#-------------------------------------------------------------------------
# Records: runs in a file
#-------------------------------------------------------------------------

# a collation with rules of its own, if there is one
my ($rules) = ((grep { /en_US|de_DE/ } collations($node, 'postgres')), '"C"');

sub runs { return map { [ 'fast', undef, $_, 2 ] } @_; }

within(1, 'records', table_of('id int8 NOT NULL, c text COLLATE "C", p text COLLATE "C", l text COLLATE RULES, n numeric, b char(20) COLLATE "C", y bytea, i int4, f text COLLATE "C"' =~ s/RULES/$rules/r,
		"SELECT g, md5(g::text), 'customer-' || lpad((g * 7919 % 1000003)::text, 12, '0'), substr(md5((g % 5000)::text), 1, 1 + g % 9), (random() * 1e9 - 5e8)::numeric(12, 2), "
		. "(g % 3000)::text, decode(md5(g::text), 'hex') || '\\x0000', CASE WHEN g % 10 > 0 THEN g % 100 END, CASE WHEN g % 2 = 0 THEN substr(md5((g % 77)::text), 1, 6) END "
		. "FROM generate_series(1, 60000) g"),
	runs(map { "INDEX NAME ON public.t ($_)" } 'c', 'c DESC', 'p', 'n', 'n DESC', 'b', 'b bpchar_pattern_ops', 'y', 'y DESC', 'i, c', 'c, n DESC, id', 'f', 'f NULLS FIRST', 'f DESC, i DESC',
		'f, p NULLS FIRST', 'p) INCLUDE (i, f', 'lower(c)', '(n * 2)', '(id + 1), c', 'n) WITH (fillfactor = 30', 'f) WITH (deduplicate_items = off'),
	runs('INDEX NAME ON public.t (n) WHERE id % 3 > 0', 'UNIQUE INDEX NAME ON public.t (p)', 'UNIQUE INDEX NAME ON public.t (f, id) NULLS NOT DISTINCT', 'UNIQUE INDEX NAME ON public.t (c DESC) INCLUDE (y)'),
	[ 'fast', undef, 'INDEX NAME ON public.t (l)', 2 ], [ 'fast', undef, 'INDEX NAME ON public.t (l DESC, i)', 2 ],
	[ undef, undef, 'UNIQUE INDEX NAME ON public.t (n)' ], [ undef, undef, 'UNIQUE INDEX NAME ON public.t (b)' ], [ undef, undef, 'UNIQUE INDEX NAME ON public.t (f) NULLS NOT DISTINCT' ]);

within(1, 'records in order', table_of('a text COLLATE "C", d text COLLATE "C", e text COLLATE "C", z text COLLATE "C", x text COLLATE "C"',
		"SELECT lpad(g::text, 20, '0'), lpad((100000 - g)::text, 20, '0'), 'the same in all rows', NULL, CASE WHEN g = 30000 THEN 'one' END FROM generate_series(1, 60000) g"),
	runs(map { "INDEX NAME ON public.t ($_)" } 'a', 'a DESC', 'd', 'e', 'e, a', 'z', 'z DESC', 'x', 'x NULLS FIRST'),
	runs('INDEX NAME ON public.t (e) WITH (deduplicate_items = off)', 'UNIQUE INDEX NAME ON public.t (a)', 'UNIQUE INDEX NAME ON public.t (x, a)', 'UNIQUE INDEX NAME ON public.t (x)'));

# values that are compressed or out of line, whose keys are longer than what is read at a time
within(1, 'long records', table_of('id int4, a text COLLATE "C", b bytea',
		"SELECT g, repeat(chr(97 + (random() * 25)::int), (random() * 6000)::int) || g, decode(repeat(md5((g % 90)::text), g % 80), 'hex') FROM generate_series(1, 3000) g"),
	runs(map { "INDEX NAME ON public.t ($_)" } 'a', 'a, b', 'b, id'),
	[ undef, undef, 'INDEX NAME ON public.t (a COLLATE ' . $rules . ')' ]);
within(1, 'a record longer than the memory', table_of('a text COLLATE "C"', "SELECT CASE WHEN g = 20000 THEN repeat('x', 200000) ELSE md5(g::text) END FROM generate_series(1, 20000) g"),
	[ 'server', undef, 'INDEX NAME ON public.t (a)' ]);

# The order is proved before anything is written, also of runs.
within(1, 'a lie of strxfrm()', table_of("a text COLLATE $rules", 'SELECT substr(md5(g::text), 1, 5 + g % 28) FROM generate_series(1, 30000) g')
	. "LOAD 'pgcopy_index'; SET pgcopy.test_point = 'index strxfrm'; SET pgcopy.test_action = 'lie';",
	[ 'server', undef, 'INDEX NAME ON public.t (a)' ]) if $rules ne '"C"';

#-------------------------------------------------------------------------
# Records that only the server can compare: runs in a file, too
#-------------------------------------------------------------------------

my $has_icu = $node->safe_psql('postgres', q(SELECT count(*) FROM pg_collation WHERE collname = 'en-x-icu'));
my $icu = $has_icu ? '"en-x-icu"' : '"C"';
$node->safe_psql('postgres', <<'EOQ');
CREATE EXTENSION citext;
CREATE FUNCTION public.odd_cmp(int4, int4) RETURNS int LANGUAGE sql IMMUTABLE STRICT RETURN sign(($1 % 10) - ($2 % 10))::int;
CREATE OPERATOR CLASS public.by_last_digit FOR TYPE int4 USING btree AS FUNCTION 1 public.odd_cmp(int4, int4);
EOQ

within(1, 'compared', table_of("id int4 NOT NULL, k int4, c citext, d citext, j jsonb, a int4[], s text[] COLLATE \"C\", w text COLLATE $icu, few text COLLATE $icu, r int4range, two public.two, "
		. 'n numeric, v inet',
		"SELECT g, CASE WHEN g % 10 > 0 THEN x % 50 END, CASE WHEN g % 2 = 0 THEN upper(md5(x::text)) ELSE md5(x::text) END, CASE WHEN g % 3 > 0 THEN substr(md5((x % 99)::text), 1, 5) END, "
		. "jsonb_build_object('a', x, 'b', array[y % 3]), array[x % 100, y], array[md5((x % 200)::text), NULL, y::text], (ARRAY[chr(196) || 'pfel', 'apple', 'Apple', 'co-op', 'coop'])[1 + x % 5] || md5(y::text), "
		. "CASE WHEN g % 4 > 0 THEN 'customer-' || x % 700 END, int4range(x % 1000, x % 1000 + y), ROW(x % 9, md5(y::text))::public.two, (x / 7.0)::numeric(12, 2), "
		. "('10.' || x % 256 || '.' || y % 256 || '.7')::inet FROM (SELECT g, g * 7919 % 1000003 AS x, (g * 104729::int8 % 65537)::int4 AS y FROM generate_series(1, 30000) g) s"),
	runs(map { "INDEX NAME ON public.t ($_)" } 'c', 'c DESC', 'd', 'd NULLS FIRST', 'd DESC NULLS LAST, k', 'k, c', 'k DESC NULLS LAST, j DESC, w', 'j', 'j DESC', 'a', 's', 'w', 'w DESC', 'few', 'few DESC, j',
		'few, n, v', 'w, k NULLS FIRST', 'r', 'two', 'id public.by_last_digit', 'id public.by_last_digit DESC, c', 'd) INCLUDE (j, k', 'few) INCLUDE (w', 'w) WITH (fillfactor = 30',
		'few) WITH (deduplicate_items = off', 'lower(w)', '(j->\'a\')', '(a || k)', "(w || 'x' COLLATE $icu), id", 'k, c) WHERE (id % 5 > 0', 'w) WHERE (few IS NOT NULL'),
	runs('UNIQUE INDEX NAME ON public.t (c)', 'UNIQUE INDEX NAME ON public.t (j DESC) INCLUDE (d)', 'UNIQUE INDEX NAME ON public.t (few, id)', 'UNIQUE INDEX NAME ON public.t (a, d, id) NULLS NOT DISTINCT',
		'UNIQUE INDEX NAME ON public.t (lower(c::text) COLLATE ' . $icu . ') WHERE id > 3000'),
	[ undef, undef, 'UNIQUE INDEX NAME ON public.t (d) NULLS NOT DISTINCT' ], [ undef, undef, 'UNIQUE INDEX NAME ON public.t (few)' ], [ undef, undef, 'UNIQUE INDEX NAME ON public.t (id public.by_last_digit)' ]);

within(1, 'compared, in order', table_of("a citext, d citext, e citext, z citext, x citext, w text COLLATE $icu, o text COLLATE $icu",
		"SELECT lpad(g::text, 20, '0'), lpad((100000 - g)::text, 20, '0'), 'the same in all rows', NULL, CASE WHEN g = 20000 THEN 'one' END, chr(97 + g / 2000) || g / 7, 'the same in all' FROM generate_series(1, 30000) g"),
	runs(map { "INDEX NAME ON public.t ($_)" } 'a', 'a DESC', 'd', 'e', 'e, a', 'z', 'z DESC', 'x', 'x NULLS FIRST', 'w', 'w DESC', 'o', 'o DESC, w'),
	runs('INDEX NAME ON public.t (e) WITH (deduplicate_items = off)', 'UNIQUE INDEX NAME ON public.t (a)', 'UNIQUE INDEX NAME ON public.t (x, a)', 'UNIQUE INDEX NAME ON public.t (x)'));

# One pair is the same, and its rows are in different runs: found by the merge, and said as by the server.
my @twice = within(1, 'compared, a duplicate', table_of("c citext, j jsonb, w text COLLATE $icu", "SELECT md5(v::text), jsonb_build_array(md5(v::text), v), md5(v::text) FROM (SELECT CASE WHEN g = 29000 THEN 7 ELSE g END AS v FROM generate_series(1, 30000) g) s"),
	map { [ undef, undef, "UNIQUE INDEX NAME ON public.t ($_)" ] } 'c', 'j', 'w DESC', 'w, c');
like($_->{our_error} // 'none', qr/^23505; .*Key \(.*\) is duplicated/s, '  the key is named') foreach @twice;

# The first few thousand keys are told apart by their words, the rest is not: words are given up when runs are in the file.
within(1, 'words that are given up', table_of("w text COLLATE $icu", "SELECT CASE WHEN g <= 2450 THEN md5(g::text) ELSE 'customer-of-mine-' || md5(g::text) END FROM generate_series(1, 45000) g"),
	runs('INDEX NAME ON public.t (w)', 'INDEX NAME ON public.t (w DESC)', 'UNIQUE INDEX NAME ON public.t (w)')) if $has_icu;

# Values that are compressed or out of line
within(1, 'compared, long', table_of("id int4, c citext, j jsonb, w text COLLATE $icu",
		"SELECT g, repeat(chr(97 + (random() * 25)::int), (random() * 6000)::int) || g, jsonb_build_object('k', repeat(md5((g % 90)::text), g % 40)), repeat('ab', 1500) || g % 50 FROM generate_series(1, 9000) g"),
	runs(map { "INDEX NAME ON public.t ($_)" } 'c', 'j, id', 'w, j', 'id, w, j'));

# Cancelled in the middle of the merge
$node->safe_psql('postgres', table_of('c citext', 'SELECT md5(g::text) FROM generate_series(1, 60000) g'));
$hold = $node->background_psql('postgres');
$builder = $node->background_psql('postgres', on_error_stop => 0);
$hold->query_safe('SELECT pg_advisory_lock(471100, 100)');
$builder->query_safe("LOAD 'pgcopy_index'; SET maintenance_work_mem = '1MB'; SET pgcopy.test_point = 'index refilled'; SET pgcopy.test_hit = 30");
$builder->query_until(qr/begun/, "\\echo begun\nSELECT built_by FROM public.pgcopy_index_create('CREATE INDEX cancelled ON public.t (c)');\n");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") or die 'the build has not come to its merge';
is($node->safe_psql('postgres', "SELECT sum(size) > 1000000 FROM pg_ls_tmpdir()"), 't', 'runs are in temporary files');
is($node->safe_psql('postgres', "SELECT concat_ws(' ', phase, tuples_total, tuples_done > 0) FROM pg_stat_progress_create_index"), 'building index: loading tuples in tree 60000 t', 'progress is reported');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
is($builder->query('SELECT 42'), '42', 'a build that is cancelled does not end its session');
like($builder->{stderr}, qr/canceling statement due to user request/, 'it is cancelled');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_tmpdir()"), 0, 'no temporary file is left');
is($node->safe_psql('postgres', "SELECT to_regclass('public.cancelled') IS NULL"), 't', 'nor an index');
$hold->query_safe('SELECT pg_advisory_unlock(471100, 100)');
$_->quit foreach $hold, $builder;

# temporary files: where and how many is the server's to say
within(1, 'temp_file_limit', table_of('a numeric', 'SELECT (random() * 1e9)::numeric(12, 2) FROM generate_series(1, 60000) g') . "SET temp_file_limit = '2MB';",
	[ 'server', undef, 'INDEX NAME ON public.t (a)' ]);
within(1, 'temp_file_limit, compared', table_of('a citext', 'SELECT md5(g::text) FROM generate_series(1, 60000) g') . "SET temp_file_limit = '2MB';",
	[ undef, undef, 'INDEX NAME ON public.t (a)' ]);
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_tmpdir()"), 0, 'no temporary file is left');

$node->stop;
done_testing();
