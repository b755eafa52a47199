# The pages that a clone writes are those that COPY FREEZE writes, byte for byte but for
# transaction, command, LSN and checksum: headers, line pointers, rows, visibility maps.
# TOAST has the same slices; a batch of rows may leave a page of them not full.  Pages of
# large objects hold what the server's own functions write.  All of it has valid checksums,
# and replay with wal_consistency_checking makes the same pages on a standby.  So on each
# version that this is built for.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('bytes',
	target_init => [ allows_streaming => 1, extra => ['--data-checksums'] ],
	source_conf => "autovacuum = off\n",
	target_conf => "wal_consistency_checking = 'all'\nmax_wal_size = 2GB\nautovacuum = off\n");
my $has_virtual = $source->safe_psql('postgres', 'SHOW server_version_num') >= 180000;
my $has_lz4 = $source->safe_psql('postgres', "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'") eq 't';

$source->safe_psql('postgres', <<'EOQ' . ($has_lz4 ? <<'EOQ' : '') . ($has_virtual ? <<'EOQ' : ''));
CREATE FUNCTION noise(n int, seed int) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(md5((seed * 100000 + i)::text), '') FROM generate_series(1, n) i$$;
CREATE FUNCTION words(n int, seed int) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(substr(md5((seed * 7 + i % 97)::text), 1, 3 + i % 5), ' ') FROM generate_series(1, n) i$$;

CREATE TABLE narrow (id int, a text, b bool, c numeric, d float8);
INSERT INTO narrow SELECT g, CASE WHEN g % 3 > 0 THEN repeat('x', g % 90) END, nullif(g % 2, 0)::bool, g / 7.0, NULL
FROM generate_series(1, 40000) g;
CREATE TABLE half_full (id int, a text) WITH (fillfactor = 40);
INSERT INTO half_full SELECT g, repeat('y', 1 + g % 900) FROM generate_series(1, 5000) g;
CREATE TABLE tiny (a "char");
INSERT INTO tiny SELECT 'a' FROM generate_series(1, 3000);
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 2000);
CREATE TABLE one_row (a int);
INSERT INTO one_row VALUES (1);
CREATE TABLE nearly_a_page (a int, b text);
ALTER TABLE nearly_a_page ALTER b SET STORAGE PLAIN;
INSERT INTO nearly_a_page SELECT g, repeat('z', CASE g % 4 WHEN 0 THEN 8000 + g % 120 WHEN 1 THEN g % 3000 ELSE g END) FROM generate_series(1, 600) g;
CREATE TABLE stored (id int, extended text, external text, main text, plain text, small text);
ALTER TABLE stored ALTER external SET STORAGE EXTERNAL, ALTER main SET STORAGE MAIN, ALTER plain SET STORAGE PLAIN;
INSERT INTO stored
SELECT g, CASE g % 5 WHEN 0 THEN words(g * 3, g) WHEN 1 THEN noise(g, g) WHEN 2 THEN '' WHEN 3 THEN words(20, g) END,
	CASE g % 3 WHEN 0 THEN words(g, g) WHEN 1 THEN left(noise(50, g), g * 5) END,
	CASE g % 4 WHEN 0 THEN words(g * 2, g) WHEN 1 THEN left(noise(80, g), g * 6) WHEN 2 THEN words(300, g) END,
	CASE g % 7 WHEN 0 THEN repeat('p', g) ELSE 'p' END, repeat('s', g % 130)
FROM generate_series(1, 400) g;
CREATE TABLE targeted (id int, a text, b text) WITH (toast_tuple_target = 300);
INSERT INTO targeted SELECT g, words(g, g), left(noise(10, g), g) FROM generate_series(1, 300) g;
CREATE TABLE arrays (id int, a text[], b jsonb, c bytea, d inet, e interval, f timestamptz[]);
INSERT INTO arrays SELECT g, string_to_array(words(g * 5, g), ' '), to_jsonb(string_to_array(words(g * 3, g), ' ')),
	convert_to(noise(g, g), 'UTF8'), ('10.0.0.' || g % 256)::inet, g * '1 day 3 s'::interval, ARRAY['2020-01-01'::timestamptz + g * '1 h'::interval]
FROM generate_series(1, 200) g;
CREATE UNLOGGED TABLE unlogged (id int, a text);
INSERT INTO unlogged SELECT g, noise(1 + g % 9, g) FROM generate_series(1, 3000) g;
SELECT lo_from_bytea(g, convert_to(CASE g % 3 WHEN 0 THEN noise(g * 9, g) WHEN 1 THEN words(g * 50, g) ELSE repeat('l', g * 300) END, 'UTF8'))
FROM generate_series(70001, 70040) h(n), LATERAL (SELECT n - 70000 AS g) x;
EOQ
CREATE TABLE with_lz4 (id int, a text COMPRESSION lz4, b text);
INSERT INTO with_lz4 SELECT g, words(g * 10, g), words(g * 10, g) FROM generate_series(1, 300) g;
EOQ
CREATE TABLE virtual (id int, a int GENERATED ALWAYS AS (id * 2) VIRTUAL NOT NULL, b text, c int GENERATED ALWAYS AS (id * 3) STORED);
INSERT INTO virtual (id, b) SELECT g, noise(1 + g % 3, g) FROM generate_series(1, 2000) g;
CREATE TABLE only_virtual (id int NOT NULL, a int GENERATED ALWAYS AS (id * 2) VIRTUAL);
INSERT INTO only_virtual (id) SELECT g FROM generate_series(1, 2000) g;
EOQ
my @tables = split /\n/, $source->safe_psql('postgres', "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1");

$target->backup('before');
my $standby = PostgreSQL::Test::Cluster->new('bytes_standby');
$standby->init_from_backup($target, 'before', has_streaming => 1);
$standby->start;
clone_ok($target, conninfo($source), table_jobs => 1, index_jobs => 1, split_tables_larger_than => '1GB');

# The server's own: in the transaction that creates the table.
my $dir = PostgreSQL::Test::Utils::tempdir;
$target->safe_psql('postgres', 'CREATE SCHEMA copied; CREATE EXTENSION pageinspect; CREATE EXTENSION pg_visibility');
foreach my $table (@tables)
{
	my $unlogged = $table eq 'unlogged' ? 'UNLOGGED' : '';
	my $with = $target->safe_psql('postgres', "SELECT 'WITH (' || array_to_string(reloptions, ', ') || ')' FROM pg_class WHERE oid = '$table'::regclass");
	$source->safe_psql('postgres', "COPY $table TO '$dir/$table'");
	$target->safe_psql('postgres', "BEGIN; CREATE $unlogged TABLE copied.$table (LIKE $table INCLUDING STORAGE INCLUDING COMPRESSION INCLUDING GENERATED) $with; COPY copied.$table FROM '$dir/$table' (FREEZE); COMMIT");
}

# Pages with their rows, as text that must be equal.  TOAST pointers and slices bear the OID of
# their value, so rows with such pointers are compared without their values.
$target->safe_psql('postgres', <<'EOQ');
CREATE FUNCTION copied.page(tab text, block int) RETURNS text LANGUAGE sql
RETURN (SELECT concat_ws(' ', h.lower, h.upper, h.special, h.pagesize, h.version, h.flags, h.prune_xid,
	(SELECT string_agg(concat_ws(' ', i.lp, i.lp_off, i.lp_flags, i.lp_len, i.t_xmax, i.t_ctid, i.t_infomask2, i.t_infomask, i.t_hoff, i.t_bits,
		CASE WHEN i.t_infomask & 4 = 0 THEN i.t_data END), E'\n' ORDER BY i.lp)
	FROM heap_page_items(r.page) i))
FROM (SELECT get_raw_page(tab, block) AS page) r, page_header(r.page) h);

CREATE FUNCTION copied.slices(tab regclass) RETURNS text LANGUAGE sql
RETURN (SELECT md5(string_agg(concat_ws(' ', i.lp_flags, i.lp_len, i.t_xmax, i.t_infomask2, i.t_infomask, i.t_hoff, i.t_bits, substr(i.t_data, 5)), E'\n'
	ORDER BY substr(i.t_data, 5)))
FROM generate_series(0, pg_relation_size(tab) / 8192 - 1) b, heap_page_items(get_raw_page(tab::text, b)) i);

-- The first page that differs; COPY may leave empty ones at the end.
CREATE FUNCTION copied.difference(ours regclass, theirs regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	pages int := pg_relation_size(ours) / 8192;
	a text;
	b text;
BEGIN
	IF pg_relation_size(theirs) / 8192 < pages THEN
		RETURN format('%s pages, not %s', pages, pg_relation_size(theirs) / 8192);
	END IF;
	FOR i IN 0 .. pages - 1 LOOP
		a := copied.page(ours::text, i);
		b := copied.page(theirs::text, i);
		IF a IS DISTINCT FROM b THEN
			RETURN format(E'page %s of %s:\n%s\nnot\n%s', i, pages, left(a, 2000), left(b, 2000));
		END IF;
	END LOOP;
	FOR i IN pages .. pg_relation_size(theirs) / 8192 - 1 LOOP
		IF EXISTS (SELECT FROM heap_page_items(get_raw_page(theirs::text, i))) THEN
			RETURN format('page %s has rows, we wrote %s', i, pages);
		END IF;
	END LOOP;
	RETURN NULL;
END $$;
EOQ
foreach my $table (@tables)
{
	is($target->safe_psql('postgres', "SELECT copied.difference('public.$table', 'copied.$table')"), '', "$table: pages are COPY's");

	my ($toasts, $same, $more) = split /\|/, $target->safe_psql('postgres', <<EOQ);
SELECT pg_relation_size(o.reltoastrelid) / 8192, copied.slices(o.reltoastrelid) IS NOT DISTINCT FROM copied.slices(t.reltoastrelid),
	(pg_relation_size(o.reltoastrelid) - pg_relation_size(t.reltoastrelid)) / 8192 > pg_relation_size(o.oid) / 8192 / 32 + 1
FROM pg_class o, pg_class t WHERE o.oid = 'public.$table'::regclass AND t.oid = 'copied.$table'::regclass AND o.reltoastrelid <> 0 AND t.reltoastrelid <> 0
EOQ
	is($same // 't', 't', "$table: so are the slices in TOAST, " . ($toasts // 0) . ' pages');
	is($more // 'f', 'f', "$table: in hardly more pages");

	my $map = "SELECT string_agg(concat(all_visible, all_frozen), ' ' ORDER BY blkno) FROM pg_visibility_map('%s.$table') WHERE blkno < pg_relation_size('public.$table') / 8192";
	is( $target->safe_psql('postgres', sprintf $map, 'public'), $target->safe_psql('postgres', sprintf $map, 'copied'),
		"$table: so is the visibility map");
}

# Large objects.  The server compresses full pages, we also the last one.
my $large = <<'EOQ';
SELECT count(*), md5(string_agg(concat_ws(' ', loid, pageno, length(data), CASE WHEN length(data) = 2048 THEN pg_column_size(data) END, md5(data)), ',' ORDER BY loid, pageno))
FROM pg_largeobject
EOQ
is($target->safe_psql('postgres', $large), $source->safe_psql('postgres', $large), 'pages of large objects are stored as by the server');

my $both = "SELECT concat_ws(' ', relname, md5(string_agg(copied.page(c.oid::regclass::text, b::int), ',' ORDER BY b)))
FROM pg_class c, generate_series(0, pg_relation_size(c.oid) / 8192 - 1) b
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relpersistence = 'p' GROUP BY relname ORDER BY relname";
$target->wait_for_catchup($standby, 'replay', $target->lsn('insert'));
is($standby->safe_psql('postgres', $both), $target->safe_psql('postgres', $both), 'a standby has the same pages');
is($standby->safe_psql('postgres', $large), $source->safe_psql('postgres', $large), 'and large objects');
$standby->stop;

$target->stop;
foreach my $node ($target, $standby)
{
	command_ok([ 'pg_checksums', '--check', '--pgdata', $node->data_dir ], 'checksums of ' . $node->name . ' are valid');
}

$source->stop;
done_testing();
