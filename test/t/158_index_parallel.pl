# Indexes that several processes build: the server's parallel workers read a part of the
# table each.  They are, byte by byte, what CREATE INDEX builds; errors are the same; and
# whatever one process finds that is not for us leaves the index to the server.  An error,
# a cancel or a worker that ends, ends all of them and leaves nothing.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFaults;
use PgCopyIndexes;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('parallel');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nwal_level = replica\nmax_wal_senders = 0\nmax_replication_slots = 0\nmax_wal_size = 4GB\n"
	. "max_worker_processes = 16\nmax_parallel_workers = 8\nlog_min_messages = debug1\n");
$node->start;
prepare_pairs($node, 'postgres');

# Blocks go round among the processes, whoever is faster.
my $dealt = "LOAD 'pgcopy_index'; SET pgcopy.test_point = 'index dealt'; SET pgcopy.test_action = 'lie';";

# How many processes have built, as the log says since an offset.
sub processes_since
{
	my ($offset) = @_;
	return [ substr(slurp_file($node->logfile), $offset) =~ /index "built" built: .* (\d+) processes/g ];
}

# Build pairs with so many workers and so much memory.  A case is how many processes
# must have built (0: the server), and the rest of a CREATE.
sub build_with
{
	my ($workers, $memory, $name, $sql, @case) = @_;
	my $before = "$sql ALTER TABLE public.t SET (parallel_workers = $workers); SET max_parallel_maintenance_workers = $workers; SET maintenance_work_mem = '$memory'; $dealt";

	foreach my $case (@case)
	{
		my ($processes, $definition) = @$case;
		my $offset = -s $node->logfile;
		my ($pair) = build_pairs($node, 'postgres', $before, "CREATE $definition");

		$before =~ s/^\Q$sql\E//;
		is(error_of($pair), '', "$name: $definition");
		is_deeply(processes_since($offset), $processes ? [$processes] : [], '  built by as many as it must be: ' . ($pair->{reason} // $processes))
		  if defined $processes;
	}
	return;
}

sub table_of
{
	my ($columns, $query) = @_;
	return "SET maintenance_work_mem = '64MB'; DROP TABLE IF EXISTS public.t; SELECT setseed(0.5); CREATE TABLE public.t ($columns); INSERT INTO public.t $query; "
	  . 'VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) public.t; ';
}

sub by { my ($processes, @definition) = @_; return map { [ $processes, $_ ] } @definition; }

my $rows = 50_000;
my $words = table_of('id int8 NOT NULL, r int4 NOT NULL, b int8, u uuid, few int2, f float8, n int4, nothing int4, late int4, e public.colour, flag bool',
	"SELECT g, (random() * 2e9)::int, (random() * 1.8e19 - 9e18)::int8, md5(g::text)::uuid, g % 7, random(), CASE WHEN random() < 0.7 THEN g % 1000 END, NULL, "
	. "CASE WHEN g < $rows THEN 5 END, (enum_range(NULL::public.colour))[1 + g % 5], g % 2 = 0 FROM generate_series(1, $rows) g");
my @definition = ('UNIQUE INDEX NAME ON public.t (id)', 'UNIQUE INDEX NAME ON public.t (u)', 'UNIQUE INDEX NAME ON public.t (n NULLS FIRST, id)',
	'INDEX NAME ON public.t (r) WITH (fillfactor = 20)', 'INDEX NAME ON public.t (few) WITH (deduplicate_items = off)',
	map { "INDEX NAME ON public.t ($_)" } 'id DESC', 'r', 'r DESC', 'b', 'u', 'few', 'few, r DESC', 'f', 'n', 'n NULLS FIRST', 'n DESC, few', 'nothing',
	'nothing, b', 'late', 'late NULLS FIRST', 'b, few', 'e', 'flag, e, few, id');

build_with(1, '64MB', 'two processes', $words, by(2, @definition));
build_with(2, '64MB', 'three processes', '', by(3, @definition));
build_with(4, '64MB', 'five processes', '', by(5, @definition[ 0 .. 8 ]));

# What is not done by several
build_with(2, '64MB', 'alone', '', by(1, 'INDEX NAME ON public.t (r) WHERE few = 1', 'INDEX NAME ON public.t ((r + 1))', 'INDEX NAME ON public.t (r) INCLUDE (few)'));
build_with(2, '64MB', 'more than two numbers of 64 bits', '', by(1, 'INDEX NAME ON public.t (nothing, u)'));
build_with(2, '1MB', 'not enough memory for each', '', by(1, 'INDEX NAME ON public.t (r)', 'INDEX NAME ON public.t (u)', 'UNIQUE INDEX NAME ON public.t (id)'));

# The page in the middle promises few rows: several begin, and one alone starts over.
my $promising = table_of('a int4, pad text', "SELECT random() * 1e6, CASE WHEN g BETWEEN 50000 AND 50100 THEN repeat('x', 1900) END FROM generate_series(1, 100000) g");
build_with($_, '1MB', "not enough memory after all, $_ workers", $promising, by(1, 'INDEX NAME ON public.t (a)')) foreach 0, 2;
my @scans = slurp_file($node->logfile) =~ /index "built" built: .* (\d+) scans, .* 1 processes/g;
is($scans[-1], $scans[-2] + 1, '  which takes a scan more than alone');

# What only the server can compare is left to several processes of its own, but not if
# the first column has words: numbers in its order.
my $compared = table_of('j jsonb, a int4, t text COLLATE "en-x-icu"', "SELECT to_jsonb(md5(g::text)), g, md5(g::text) FROM generate_series(1, 20000) g");
my @compared = ('INDEX NAME ON public.t (j)', 'INDEX NAME ON public.t (j DESC, a)', 'INDEX NAME ON public.t (j) INCLUDE (a)', 'INDEX NAME ON public.t ((j -> 0), a)');
my @with_words = ('INDEX NAME ON public.t (a, j)', 'INDEX NAME ON public.t (t)');
my $before = -s $node->logfile;
build_with(2, '64MB', 'compared by the server', $compared, by(0, @compared), by(1, @with_words));
is(() = substr(slurp_file($node->logfile), $before) =~ /"built" is built by the server: values that the server compares in several processes$/mg, scalar @compared, '  and it says why');
build_with(0, '64MB', 'compared by the server, alone', '', by(1, @compared, @with_words));

# few pages, fewer than processes; none
build_with(2, '64MB', 'one page', table_of('a int4', 'SELECT g FROM generate_series(1, 50) g'), by(1, 'INDEX NAME ON public.t (a)', 'INDEX NAME ON public.t (a DESC)'));
build_with(2, '64MB', 'an empty table', table_of('a int4', 'SELECT g FROM generate_series(1, 0) g'), [ undef, 'INDEX NAME ON public.t (a)' ]);
build_with(2, '64MB', 'an unlogged table', table_of('a int4', 'SELECT random() * 1e6 FROM generate_series(1, 20000) g') =~ s/CREATE TABLE/CREATE UNLOGGED TABLE/r, by(3, 'INDEX NAME ON public.t (a)'));

# No page but one has a null, or the least and the largest key.
build_with(2, '64MB', 'one row unlike all others', table_of('a int4, b int8, n int4', "SELECT CASE g WHEN 9000 THEN -2147483648 WHEN 19000 THEN 2147483647 ELSE g % 100 END, "
		. "CASE g WHEN 9000 THEN -9223372036854775808 WHEN 19000 THEN 9223372036854775807 ELSE g END, CASE WHEN g <> 12345 THEN g % 100 END FROM generate_series(1, 30000) g"),
	by(3, map { "INDEX NAME ON public.t ($_)" } 'a', 'b DESC', 'a, b', 'n', 'n NULLS FIRST, b'));

# A duplicate whose rows are read by two processes
foreach my $place (11, 15_000, 19_990)
{
	build_with(2, '64MB', "a duplicate, row $place", table_of('a int4, b int8', "SELECT g, g FROM generate_series(1, 20000) g UNION ALL SELECT $place, $place"),
		by(0, 'UNIQUE INDEX NAME ON public.t (a)', 'UNIQUE INDEX NAME ON public.t (b DESC, a)'));
}

# What one process finds, whichever it is
my $plain = table_of('id int4, a float8', 'SELECT g, random() FROM generate_series(1, 20000) g');
foreach my $block (0, 1, 2, 50)
{
	build_with(2, '64MB', "a page not visible to all, block $block", "$plain SELECT public.pgcopy_index_touch('public.t', $block);", by(0, 'INDEX NAME ON public.t (id)'));
	build_with(2, '64MB', "a row that is not a word, block $block", $plain . "UPDATE public.t SET a = '-0' WHERE ctid = '($block,7)'; VACUUM (FREEZE) public.t;",
		[ undef, 'INDEX NAME ON public.t (a)' ]);
}
build_with(2, '64MB', 'rows without the column', $plain . 'ALTER TABLE public.t ADD late int DEFAULT 42; INSERT INTO public.t SELECT g, g, g FROM generate_series(1, 9000) g; VACUUM (FREEZE) public.t;',
	by(0, 'INDEX NAME ON public.t (late)'));
build_with(2, '64MB', 'a value added later to an enum', table_of('m public.mood', "SELECT CASE WHEN g = 5000 THEN 'bored' ELSE 'sad' END::public.mood FROM generate_series(1, 20000) g"),
	[ undef, 'INDEX NAME ON public.t (m)' ]);

#-------------------------------------------------------------------------
# Processes that fail
#-------------------------------------------------------------------------

my $set = "SET max_parallel_maintenance_workers = 2; LOAD 'pgcopy_index';";
my $create = "SELECT built_by FROM public.pgcopy_index_create('CREATE INDEX built ON public.t (id)')";
my $workers = q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker');

$node->safe_psql('postgres', "$plain ALTER TABLE public.t SET (parallel_workers = 2)");

sub leaves_nothing
{
	my ($name) = @_;
	ok(wait_until($node, "SELECT ($workers) = 0"), "$name: all processes have ended");
	is($node->safe_psql('postgres', "SELECT to_regclass('public.built') IS NULL, (SELECT count(*) FROM pg_ls_tmpdir()), (SELECT count(*) FROM pg_shmem_allocations WHERE name LIKE '%parallel%')"),
		't|0|0', '  and there is neither index nor file');
	return;
}

# None to be had: alone
my $offset = -s $node->logfile;
is($node->safe_psql('postgres', "$set SET max_parallel_workers = 0; $create; DROP INDEX public.built"), 'fast', 'an index is built without workers');
is_deeply(processes_since($offset), [1], '  by one process');

# An error in a worker
my ($rc, undef, $err) = $node->psql('postgres', "$set SET pgcopy.test_point = 'index worker'; SET pgcopy.test_action = 'error'; SET pgcopy.test_sqlstate = '58030'; $create");
like($err, qr/ERROR:  test point "index worker"/, 'an error in a worker is the error of the build');
leaves_nothing('an error');
($rc, undef, $err) = $node->psql('postgres', "$set SET pgcopy.test_point = 'index worker'; SET pgcopy.test_action = 'fatal'; $create");
like($err, qr/(ERROR|FATAL):  test point "index worker"/, 'so is a worker that ends');
leaves_nothing('a fatal error');
# while the builder writes
($rc, undef, $err) = $node->psql('postgres', "$set SET pgcopy.test_point = 'index sorted'; SET pgcopy.test_action = 'error'; $create");
like($err, qr/ERROR:  test point "index sorted"/, 'and one of a worker whose rows are awaited');
leaves_nothing('an error before rows are sent');

# Stop workers, then cancel or terminate.
sub stopped
{
	my ($point, $act) = @_;
	my $hold = $node->background_psql('postgres');
	my $builder = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $builder->query_safe('SELECT pg_backend_pid()');

	$hold->query_safe('SELECT pg_advisory_lock(471100, 100)');
	$builder->query_until(qr/begun/, "$set SET pgcopy.test_point = '$point';\n\\echo begun\n$create;\n");
	ok(wait_until($node, "SELECT count(*) = 2 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE locktype = 'advisory' AND NOT granted AND backend_type = 'parallel worker'"),
		"two workers have stopped at \"$point\"");
	$node->safe_psql('postgres', $act->($pid));
	is($builder->query('SELECT 42'), '42', '  the session goes on');
	my $stderr = $builder->{stderr};
	$_->quit foreach $builder, $hold;
	return $stderr;
}

foreach my $point ('index worker', 'index sorted')
{
	like(stopped($point, sub { "SELECT pg_cancel_backend($_[0])" }), qr/canceling statement due to user request/, '  a build is cancelled');
	leaves_nothing('a cancel');
	like(stopped($point, sub { "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND leader_pid = $_[0] LIMIT 1" }),
		qr/ERROR:  terminating (connection|background worker)/, '  a worker is terminated');
	leaves_nothing('a worker that is gone');
}
$offset = -s $node->logfile;
is($node->safe_psql('postgres', "$set $dealt $create"), 'fast', 'the same build, undisturbed');
is_deeply(processes_since($offset), [3], '  by three processes');

# with wal_level = minimal, and the table new in the same transaction
$node->append_conf('postgresql.conf', "wal_level = minimal\n");
$node->restart;
build_with(2, '64MB', 'wal_level = minimal', $words, by(3, @definition[ 0, 1, 6 ]));
$node->safe_psql('postgres', "$dealt SET max_parallel_maintenance_workers = 2; CREATE TABLE public.fresh (id int4); CREATE UNIQUE INDEX plain ON public.t (id); "
	  . "SELECT public.pgcopy_index_create('CREATE UNIQUE INDEX kept ON public.t (id)');");
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', "SELECT public.pgcopy_index_differ('public.plain', 'public.kept')"), '', 'an index is there after a crash');

$node->stop;

#-------------------------------------------------------------------------
# A job of an ordinary role
#-------------------------------------------------------------------------

# What the last build may have: a core is its own, and the server is asked for one more.
chomp(my $cores = `getconf _NPROCESSORS_ONLN`);
my $both = $cores > 1 ? 2 : 1;
my ($source, $target) = new_pair('job', source_conf => "wal_level = replica\nmax_wal_senders = 0\nmax_replication_slots = 0\n",
	target_conf => "wal_level = replica\nmax_wal_senders = 0\nmax_replication_slots = 0\nmax_parallel_maintenance_workers = 1\nmaintenance_work_mem = '64MB'\nlog_min_messages = debug1\n");

$_->safe_psql('postgres', "CREATE ROLE app LOGIN PASSWORD 'secret'; CREATE DATABASE app OWNER app") foreach $source, $target;
$source->safe_psql('app', 'CREATE TABLE public.t (id int8, r int4) WITH (parallel_workers = 2); ALTER TABLE public.t OWNER TO app; INSERT INTO public.t SELECT g, g * 7919 % 30011 FROM generate_series(1, 30000) g; '
	  . 'ALTER TABLE public.t ADD PRIMARY KEY (id)');
$target->safe_psql('app', 'CREATE EXTENSION pgcopydb_ext; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO app');
set_test_point($target, 'app', 'index dealt', action => 'lie');
clone_ok($target, conninfo($source, db => 'app', tcp => 1, user => 'app', password => 'secret'), db => 'app', user => 'app', name => 'a clone by an ordinary role ends done');
is($target->safe_psql('app', 'SELECT built_by FROM pgcopy_indexes WHERE built_by IS NOT NULL'), 'fast', 'its primary key is ours');
like(slurp_file($target->logfile), qr/index "t_pkey" built: .* $both processes/, "  and built by $both processes");
$target->safe_psql('app', 'CREATE EXTENSION pgcopy_index; CREATE UNIQUE INDEX plain ON public.t (id)');
is($target->safe_psql('app', "SELECT public.pgcopy_index_differ('public.plain', 'public.t_pkey')"), '', '  and equal to that of the server');
$_->stop foreach $source, $target;

done_testing();
