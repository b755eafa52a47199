# With wal_level = logical, pages are written whole as everywhere, and whoever
# decodes the WAL of a load gets what a COPY would have given him: one INSERT for
# each row, with all of its values.  That holds for a slot and for a subscriber
# with streaming, for a slot that was copied from another database afterwards, and
# a slot that is created in the middle of a load sees nothing of it.  A standby
# and crash recovery replay the same WAL.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('logical',
	target_init => [ allows_streaming => 'logical' ],
	target_conf => "wal_consistency_checking = 'all'\nmax_wal_size = 2GB\nlogical_decoding_work_mem = 64kB\n");

# plain has no TOAST relation.  long has values of all lengths, few and many to a
# row; big ones of more than is held back; and fat has rows of many kilobytes
# that have values in TOAST too, so that pages are full in the middle of a row.
# Rows of routed go through its root, as its key is an expression, and one of its
# leaves has another order of columns.
my %columns = (plain => [qw(id a b)], long => [qw(id a b c)], big => [qw(id a)], fat => [qw(id a b)],
	routed_0 => [qw(id a)], routed_1 => [qw(a id)], routed_2 => [qw(id a)]);
$source->safe_psql('postgres', <<'EOQ');
CREATE FUNCTION noise(n int, seed int) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(md5((seed * 100000 + i)::text), '') FROM generate_series(1, n) i$$;
CREATE TABLE plain (id int, a bigint, b bool);
INSERT INTO plain SELECT g, g * 3, nullif(g % 2, 0)::bool FROM generate_series(1, 40000) g;
CREATE TABLE long (id int, a text, b text, c text);
ALTER TABLE long ALTER a SET STORAGE EXTERNAL;
INSERT INTO long SELECT g, CASE g % 5 WHEN 0 THEN noise(g * 3, g) WHEN 1 THEN noise(100, g) WHEN 2 THEN '' WHEN 3 THEN 'short' END,
	repeat('compressed ' || g, g), CASE WHEN g % 2 = 0 THEN noise(80, g) ELSE 'c' END
FROM generate_series(1, 900) g;
CREATE TABLE big (id int, a text);
ALTER TABLE big ALTER a SET STORAGE EXTERNAL;
INSERT INTO big SELECT g, repeat(noise(1000, g), 10 * g * g) FROM generate_series(1, 4) g;
CREATE TABLE fat (id int, a text, b text);
ALTER TABLE fat ALTER a SET STORAGE PLAIN, ALTER b SET STORAGE EXTERNAL;
INSERT INTO fat SELECT g, left(noise(240, g), 1500 + g * 1237 % 6000), noise(90, g) FROM generate_series(1, 600) g;
CREATE TABLE routed (id int, a text) PARTITION BY LIST ((id % 3));
CREATE TABLE routed_0 PARTITION OF routed FOR VALUES IN (0);
CREATE TABLE routed_1 (a text, id int);
ALTER TABLE routed ATTACH PARTITION routed_1 FOR VALUES IN (1);
CREATE TABLE routed_2 PARTITION OF routed FOR VALUES IN (2);
ALTER TABLE routed ALTER a SET STORAGE EXTERNAL;
INSERT INTO routed SELECT g,
	CASE WHEN g % 999 = 0 THEN repeat(noise(1000, g), 200) WHEN g % 4 = 0 THEN noise(80 + g % 100, g) ELSE 'short' END
FROM generate_series(1, 3000) g;
EOQ

# What test_decoding has to say of each row.
sub expected_changes
{
	my ($table) = @_;
	my $text = join " || ' ' || ", map { "'$_' || format('[%s]:', pg_typeof($_)) || " .
		"CASE WHEN pg_typeof($_) = 'text'::regtype THEN coalesce(quote_literal($_), 'null') ELSE coalesce($_\::text, 'null') END" }
		@{ $columns{$table} };

	return "SELECT 'table public.$table: INSERT: ' || $text FROM public.$table";
}

# For each table: how many changes of it the slot has, has too many, and lacks.
sub decoded
{
	my ($slot) = @_;
	my $query = "CREATE TEMPORARY TABLE seen AS SELECT data FROM pg_logical_slot_peek_changes('$slot', NULL, NULL);\n";

	foreach my $table (sort keys %columns)
	{
		my $expected = expected_changes($table);
		my $seen = "SELECT data FROM seen WHERE starts_with(data, 'table public.$table: ')";

		$query .= "SELECT '$table', (SELECT count(*) FROM ($seen) x), (SELECT count(*) FROM ($seen EXCEPT ALL $expected) x),"
			. " (SELECT count(*) FROM ($expected EXCEPT ALL $seen) x);\n";
	}
	return $target->safe_psql('postgres', $query);
}

sub rows_of
{
	my ($node) = @_;

	return join "\n", map { "$_: " . $node->safe_psql('postgres', "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY id)) FROM $_ t") }
		sort keys %columns;
}

# Whoever was there before.
$target->safe_psql('postgres', $_) for 'CREATE PUBLICATION everything FOR ALL TABLES', 'CREATE DATABASE other',
	"SELECT pg_create_logical_replication_slot('before', 'test_decoding')",
	"SELECT pg_create_logical_replication_slot('subscriber', 'pgoutput')";
$target->safe_psql('other', "SELECT pg_create_logical_replication_slot('elsewhere', 'test_decoding')");
$target->backup('before');
my $standby = PostgreSQL::Test::Cluster->new('logical_standby');
$standby->init_from_backup($target, 'before', has_streaming => 1);
$standby->start;

my $lsn = $target->lsn('insert');
clone_ok($target, conninfo($source), table_jobs => 2, split_tables_larger_than => '2MB');
my $end = $target->lsn('insert');
is(rows_of($target), rows_of($source), 'the rows are those of the source');
assert_frozen($target);

# Pages were written whole: the server's own writer starts where the last batch
# has ended, and leaves no page of TOAST frozen.
$target->safe_psql('postgres', "CREATE EXTENSION $_") for 'pg_walinspect', 'pg_visibility';
is($target->safe_psql('postgres', <<"EOQ"), 't|t|t', 'one record for each page of a table, nearly all at the end of no batch');
SELECT count(*) = pg_relation_size('plain') / 8192, bool_and(record_type = 'MULTI_INSERT+INIT'),
	count(*) FILTER (WHERE description ~ 'flags:? 0x2A') < count(*) / 10
FROM pg_get_wal_records_info('$lsn', '$end') WHERE resource_manager = 'Heap2' AND record_type ~ 'INSERT'
AND block_ref ~ (SELECT format('/%s fork main', pg_relation_filenode('plain')))
EOQ
is($target->safe_psql('postgres', <<'EOQ'), '6|6', 'TOAST is frozen');
SELECT count(*), count(*) FILTER (WHERE pages > 20 AND (m).all_frozen = pages AND (m).all_visible = pages)
FROM (SELECT pg_visibility_map_summary(reltoastrelid) AS m, pg_relation_size(reltoastrelid) / 8192 AS pages
	FROM pg_class WHERE relnamespace = 'public'::regnamespace AND reltoastrelid <> 0) x
EOQ

my $all = "big|4|0|0\nfat|600|0|0\nlong|900|0|0\nplain|40000|0|0\nrouted_0|1000|0|0\nrouted_1|1000|0|0\nrouted_2|1000|0|0";
is(decoded('before'), $all, 'a slot has each row once, with all values');
$target->safe_psql('postgres', "SELECT pg_copy_logical_replication_slot('elsewhere', 'copied')");
is(decoded('copied'), $all, 'so has a slot that was copied from one of another database');

# A subscriber with streaming gets transactions in pieces, before they commit.
my $subscriber = PostgreSQL::Test::Cluster->new('logical_subscriber');
$subscriber->init;
$subscriber->start;
my ($definitions) = run_command([ 'pg_dump', '--schema-only', '--dbname', conninfo($source) ]);
$subscriber->safe_psql('postgres', $_) for $definitions, 'CREATE EXTENSION pgcopydb_ext';
$subscriber->safe_psql('postgres', 'CREATE SUBSCRIPTION subscriber CONNECTION ' . quote_literal(conninfo($target)) .
	' PUBLICATION everything WITH (create_slot = false, copy_data = false, streaming = on)');
$target->wait_for_catchup('subscriber');
is(rows_of($subscriber), rows_of($source), 'a subscriber has all rows');
ok(wait_until($target, "SELECT stream_count > 0 FROM pg_stat_replication_slots WHERE slot_name = 'subscriber'"), 'and got them by streaming');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION subscriber');

$target->wait_for_catchup($standby, 'replay', $target->lsn('insert'));
is(rows_of($standby), rows_of($source), 'a standby has all rows');
$standby->stop;
$target->stop('immediate');
# of what is written from here on; replay still checks what has been
$target->append_conf('postgresql.conf', "wal_consistency_checking = ''");
$target->start;
is(rows_of($target), rows_of($source), 'and so has the target after a crash');

# A slot that is created while a load runs waits for its end.  The source's process
# is stopped while the load is under way, so that it cannot end before.
$source->safe_psql('postgres', 'CREATE DATABASE while_loading');
$source->safe_psql('while_loading', "CREATE TABLE long AS SELECT g AS id, repeat(md5(g::text), 200) AS a FROM generate_series(1, 30000) g;
	ALTER TABLE long ALTER a SET STORAGE EXTERNAL");
$target->safe_psql('postgres', 'CREATE DATABASE while_loading');
my $job = clone($target, conninfo($source, db => 'while_loading'), db => 'while_loading', table_jobs => 1, split_tables_larger_than => '0');
ok(wait_until($target, "SELECT coalesce(max(tuples_processed), 0) > 100 FROM pg_stat_progress_copy", db => 'while_loading'), 'a load has begun');
my $pid = $source->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'pgcopy job % worker %' AND query ~ 'COPY' AND state = 'active'");
kill 'STOP', $pid;
my $creation = $target->background_psql('while_loading');
$creation->query_until(qr/started/, "\\echo started\nSELECT pg_create_logical_replication_slot('late', 'test_decoding');\n");
ok(wait_until($target, "SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ 'late' AND wait_event_type = 'Lock' AND wait_event = 'transactionid'"),
	'a slot that is created then waits for the load');
is(job_state($target, $job, db => 'while_loading'), 'copying', 'which still runs');
kill 'CONT', $pid;
ok(wait_for_state($target, $job, 'done', db => 'while_loading'), 'the load goes on to its end');
ok(wait_until($target, "SELECT confirmed_flush_lsn IS NOT NULL FROM pg_replication_slots WHERE slot_name = 'late'"), 'the slot is there');
$creation->quit;
$target->safe_psql('while_loading', "INSERT INTO long VALUES (0, repeat('x', 5000))");
is($target->safe_psql('while_loading', "SELECT string_agg(substr(data, 1, 40), ',') FROM pg_logical_slot_peek_changes('late', NULL, NULL) WHERE data ~ '^table public.long:'"),
	'table public.long: INSERT: id[integer]:0', 'it has nothing of the load, and what came after it');

$target->safe_psql('postgres', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
unlike(slurp_file($target->logfile), qr/PANIC|TRAP|terminated by signal/, 'nothing has crashed');

done_testing();
