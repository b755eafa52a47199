# Indexes whose keys do not fit into maintenance_work_mem: built in ranges of keys, in
# several scans of the table, or as they come if they are in order.  They are, byte by
# byte, what CREATE INDEX builds, and memory stays below the limit.
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

# What the log says of our builds since an offset: scans and kB of each.
sub builds_since
{
	my ($offset) = @_;
	my $log = substr slurp_file($node->logfile), $offset;
	my @build;

	push @build, [ $1, $2, $3 ] while $log =~ /index "built" built: .* (\d+) scans, (\d+) runs, (\d+) kB/g;
	return @build;
}

# Build pairs within so many MB.  A case is who, how many scans (a list of what is
# right), the rest of a CREATE.
sub build_within
{
	my ($memory, $name, $sql, @case) = @_;

	foreach my $case (@case)
	{
		my ($who, $scans, $definition) = @$case;
		my $offset = -s $node->logfile;
		my ($pair) = build_pairs($node, 'postgres', "SET maintenance_work_mem = '${memory}MB'; $sql", "CREATE $definition");
		my ($build) = builds_since($offset);

		$sql = '';
		is(error_of($pair), '', "$name: $definition");
		is($pair->{built_by} // 'nobody', $who, '  built by: ' . ($pair->{reason} // $who)) if defined $who;
		next if !$build;
		ok((grep { $_ == $build->[0] } @$scans), "  in $build->[0] scans") if $scans;
		cmp_ok($build->[2], '<=', 1024 * $memory, "  within $memory MB");
	}
	return;
}

sub table_of
{
	my ($columns, $query) = @_;
	return "SET maintenance_work_mem = '64MB'; DROP TABLE IF EXISTS public.t; SELECT setseed(0.5); CREATE TABLE public.t ($columns); INSERT INTO public.t $query; "
	  . 'VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t; ';
}

my $rows = 200_000;

# the limit holds for a statement of its own, after the table is there
sub within { my ($memory, $name, $table, @case) = @_; return build_within($memory, $name, "$table SET maintenance_work_mem = '${memory}MB';", @case) }

within(1, 'words', table_of('id int8 NOT NULL, r int4 NOT NULL, b int8, u uuid, few int2, f float8',
		"SELECT g, (random() * 2e9)::int, (random() * 1.8e19 - 9e18)::int8, md5(g::text)::uuid, g % 7, random() FROM generate_series(1, $rows) g"),
	[ 'fast', [2], 'INDEX NAME ON public.t (id)' ],
	[ 'fast', [2], 'UNIQUE INDEX NAME ON public.t (id)' ],
	[ 'fast', [ 4 .. 8 ], 'INDEX NAME ON public.t (id DESC)' ],
	[ 'fast', [ 5 .. 6 ], 'INDEX NAME ON public.t (r)' ],
	[ 'fast', [ 5 .. 6 ], 'INDEX NAME ON public.t (r DESC)' ],
	[ 'fast', undef, 'INDEX NAME ON public.t (few)' ],
	[ 'fast', undef, 'INDEX NAME ON public.t (few, r DESC)' ],
	[ undef, undef, 'INDEX NAME ON public.t (b)' ],
	[ 'server', undef, 'UNIQUE INDEX NAME ON public.t (u)' ]);

within(2, 'words', '',
	[ 'fast', [ 4 .. 7 ], 'INDEX NAME ON public.t (b) WITH (fillfactor = 50)' ],
	[ 'fast', [ 4 .. 8 ], 'UNIQUE INDEX NAME ON public.t (u)' ],
	[ 'fast', undef, 'INDEX NAME ON public.t (f, few)' ]);

# one key in nine of ten rows, first, in the middle and last; and all the same
within(1, 'many of one key', table_of('id int4, low int4, mid int4, high int8 NOT NULL, same int4, pair int4',
		"SELECT g, CASE WHEN random() < 0.9 THEN 0 ELSE random() * 1e6 END, CASE WHEN random() < 0.9 THEN 500000 ELSE random() * 1e6 END, "
		. "CASE WHEN random() < 0.9 THEN 9e18 ELSE random() * 1e18 END::int8, 42, (g > 100000)::int FROM generate_series(1, $rows) g"),
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
	[ 'server', undef, 'INDEX NAME ON public.t (b) WHERE a IS NULL' ]);

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
	[ 'server', undef, 'INDEX NAME ON public.t (r)' ]);

$node->stop;
done_testing();
