# Pages that we write ourselves are what the server would have written: values,
# their sizes and storage, TOAST, free space, visibility maps.  The WAL says the
# same: a crash right after the clone, with wal_consistency_checking on, and a
# standby end up with the same pages, all-visible and frozen, and each row is in
# the WAL once.  Ordinary inserts and VACUUM find nothing unusual afterwards,
# and a file system that cannot reserve space is no obstacle.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('pages',
	target_init => [ allows_streaming => 1 ],
	target_conf => "wal_consistency_checking = 'all'\nmax_wal_size = 2GB\n");

# All storages and both compressions; rows that become just short enough by
# each step of the toaster, and some that do not need it.
$source->safe_psql('postgres', <<'EOQ');
CREATE FUNCTION words(n int, seed int) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(substr(md5((seed * 7 + i % 97)::text), 1, 3 + i % 5), ' ') FROM generate_series(1, n) i$$;
CREATE FUNCTION noise(n int, seed int) RETURNS text LANGUAGE sql AS
$$SELECT string_agg(md5((seed * 100000 + i)::text), '') FROM generate_series(1, n) i$$;

CREATE TABLE narrow (id int, a text, b bool, c numeric, d float8);
INSERT INTO narrow SELECT g, CASE WHEN g % 3 > 0 THEN repeat('x', g % 90) END, nullif(g % 2, 0)::bool, g / 7.0, NULL
FROM generate_series(1, 40000) g;
CREATE TABLE half_full (id int, a text) WITH (fillfactor = 40);
INSERT INTO half_full SELECT g, repeat('y', 50) FROM generate_series(1, 9000) g;
CREATE TABLE tiny (a "char");
INSERT INTO tiny SELECT 'a' FROM generate_series(1, 3000);
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 2000);

CREATE TABLE stored (id int, extended text, external text, main text, plain text, pglz text COMPRESSION pglz, small text);
ALTER TABLE stored ALTER extended SET STORAGE EXTENDED, ALTER external SET STORAGE EXTERNAL,
	ALTER main SET STORAGE MAIN, ALTER plain SET STORAGE PLAIN;
INSERT INTO stored
SELECT g, CASE g % 5 WHEN 0 THEN words(g * 3, g) WHEN 1 THEN noise(g, g) WHEN 2 THEN '' WHEN 3 THEN words(20, g) END,
	CASE g % 3 WHEN 0 THEN words(g, g) WHEN 1 THEN left(noise(50, g), g * 5) END,
	CASE g % 4 WHEN 0 THEN words(g * 2, g) WHEN 1 THEN left(noise(80, g), g * 6) WHEN 2 THEN words(300, g) END,
	CASE g % 7 WHEN 0 THEN repeat('p', g) ELSE 'p' END,
	CASE WHEN g % 2 = 0 THEN words(g * 4, g) END, repeat('s', g % 130)
FROM generate_series(1, 400) g;
CREATE TABLE targeted (id int, a text, b text) WITH (toast_tuple_target = 300);
INSERT INTO targeted SELECT g, words(g, g), left(noise(10, g), g) FROM generate_series(1, 300) g;
CREATE TABLE arrays (id int, a text[], b jsonb, c bytea);
INSERT INTO arrays SELECT g, string_to_array(words(g * 5, g), ' '), to_jsonb(string_to_array(words(g * 3, g), ' ')),
	convert_to(noise(g, g), 'UTF8') FROM generate_series(1, 200) g;
EOQ

# Rows that are routed: each leaf gets rows of five loads, which add to pages of
# each other.
new_database($_, 'routed') for $source, $target;
$source->safe_psql('routed', <<'EOQ');
CREATE TYPE colour AS ENUM ('a', 'b', 'c');
CREATE TABLE routed (id int, c colour, a text, b text) PARTITION BY HASH (c, id);
CREATE TABLE routed_0 PARTITION OF routed FOR VALUES WITH (MODULUS 5, REMAINDER 0);
CREATE TABLE routed_1 (a text, gone int, c colour, b text, id int);
ALTER TABLE routed_1 DROP gone;
ALTER TABLE routed ATTACH PARTITION routed_1 FOR VALUES WITH (MODULUS 5, REMAINDER 1);
CREATE TABLE routed_2 PARTITION OF routed FOR VALUES WITH (MODULUS 5, REMAINDER 2) WITH (fillfactor = 60);
CREATE TABLE routed_3 PARTITION OF routed FOR VALUES WITH (MODULUS 5, REMAINDER 3);
CREATE UNLOGGED TABLE routed_4 PARTITION OF routed FOR VALUES WITH (MODULUS 5, REMAINDER 4);
INSERT INTO routed SELECT g, (enum_range(NULL::colour))[g % 3 + 1],
	CASE WHEN g % 40 < 2 THEN (SELECT string_agg(md5((g * 100 + i)::text), '') FROM generate_series(1, g / 10) i) WHEN g % 40 = 2 THEN repeat('words ' || g, g) ELSE 'a' END,
	CASE WHEN g % 300 = 0 THEN repeat(md5(g::text), 3000) END FROM generate_series(1, 5000) g;
EOQ

my $targeted = 'SELECT id, pg_column_size(a), pg_column_size(b) FROM targeted ORDER BY id';
my $arrays = 'SELECT id, pg_column_size(a), pg_column_size(b), pg_column_size(c) FROM arrays ORDER BY id';
my $toast = <<'EOQ';
SELECT sum((m).all_frozen) > 100, sum((m).all_frozen) = sum(pages), sum((m).all_visible) = sum(pages),
	(SELECT count(bt_index_check(i.indexrelid, true)) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE c.relname LIKE 'pg_toast_%') > 3
FROM (SELECT pg_visibility_map_summary(t.oid) AS m, pg_relation_size(t.oid) / 8192 AS pages
	FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid
	WHERE c.relnamespace = 'public'::regnamespace) x
EOQ

# How long each value is in its row; rows in their order.
sub stored_sizes
{
	my ($node) = @_;

	return map { split /\n/, $node->safe_psql('postgres', $_) } (<<'EOQ', $targeted, $arrays);
SELECT id, pg_column_size(extended), pg_column_size(external), pg_column_size(main), pg_column_size(plain),
	pg_column_size(pglz), pg_column_size(small), pg_column_size(stored.*) FROM stored ORDER BY id
EOQ
}

# What the server's own writer makes of the same rows.
my $restored = PostgreSQL::Test::Cluster->new('pages_restored');
$restored->init;
$restored->start;
$restored->safe_psql('postgres', (run_command([ 'pg_dump', '--dbname', conninfo($source) ]))[0]);
assert_same($source, $restored, name => 'restored by COPY: equal');

sub toast_state
{
	my ($node) = @_;

	$node->safe_psql('postgres', "CREATE EXTENSION $_") for 'pg_visibility', 'amcheck';
	my $state = $node->safe_psql('postgres', $toast);
	$node->safe_psql('postgres', "DROP EXTENSION $_") for 'pg_visibility', 'amcheck';
	return $state;
}

sub assert_clone
{
	my ($node, $when) = @_;

	assert_same($source, $node, name => "$when: equal") if $node->safe_psql('postgres', 'SELECT pg_is_in_recovery()') eq 'f';
	is_deeply([ stored_sizes($node) ], [ stored_sizes($restored) ], "$when: values are stored as by the server");
	return;
}

# What the rows of relations are, and how long their values.
sub routed
{
	my ($node, @relations) = @_;
	my $rows = join ' UNION ALL ', map { "SELECT id, c, a, b FROM $_" } @relations;

	return $node->safe_psql('routed', <<EOQ);
SELECT count(*), sum(hashtextextended(r::text, 0)), md5(string_agg(concat_ws(' ', pg_column_size(a), pg_column_size(b)), ',' ORDER BY id))
FROM ($rows) r
EOQ
}

$target->backup('before');
my $standby = PostgreSQL::Test::Cluster->new('pages_standby');
$standby->init_from_backup($target, 'before', has_streaming => 1);
$standby->start;

clone_ok($target, conninfo($source), table_jobs => 2);
assert_clone($target, 'clone');
assert_frozen($target);
is(toast_state($target), 't|t|t|t', 'TOAST is all-visible and all-frozen, its indexes complete');

clone_ok($target, conninfo($source, db => 'routed'), db => 'routed', table_jobs => 2, name => 'rows that are routed');
is(routed($target, 'routed'), routed($source, 'routed'), 'routed: rows and sizes of values are the same');
assert_frozen($target, db => 'routed');
my @logged = map { "routed_$_" } 0 .. 3;
my $routed_logged = routed($target, @logged);

$target->wait_for_catchup($standby, 'replay', $target->lsn('insert'));
assert_clone($standby, 'standby');
is(routed($standby, @logged), $routed_logged, 'standby: routed rows are the same');
$standby->stop;

$target->stop('immediate');
$target->start;
assert_clone($target, 'after a crash');
is(toast_state($target), 't|t|t|t', 'after a crash: TOAST is all-visible and all-frozen');
is(routed($target, @logged), $routed_logged, 'after a crash: routed rows are the same');
assert_frozen($target, db => 'routed', name => 'after a crash: they are frozen, indexes are sound');

# The WAL has every row once.
$target->safe_psql('postgres', $_) for "ALTER SYSTEM SET wal_consistency_checking = ''", 'SELECT pg_reload_conf()',
	'CREATE DATABASE once';
$target->safe_psql('once', 'CREATE EXTENSION pgcopydb_ext');
$source->safe_psql('postgres', 'CREATE DATABASE once');
$source->safe_psql('once', "CREATE TABLE narrow AS SELECT g, repeat('x', 90) AS a FROM generate_series(1, 80000) g");
wait_until($target, 'SHOW wal_consistency_checking', expected => '');
my $before = $target->lsn('insert');
clone_ok($target, conninfo($source, db => 'once'), db => 'once');
my $ratio = $target->safe_psql('once', "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$before') / pg_table_size('narrow')");
cmp_ok($ratio, '<', 1.5, 'the WAL of a clone is not much longer than its table');

# New pages go in front of nobody's: ordinary rows find their place afterwards.
is($target->safe_psql('postgres', <<'EOQ'), '41000|410', 'ordinary inserts and VACUUM');
INSERT INTO narrow (id) SELECT g FROM generate_series(40001, 41000) g;
INSERT INTO stored (id, extended) SELECT id + 400, repeat(extended, 3) FROM stored WHERE id <= 10;
VACUUM narrow, stored;
SELECT (SELECT count(*) FROM narrow), (SELECT count(length(extended)) + count(*) FILTER (WHERE extended IS NULL) FROM stored)
EOQ

# A function that says it is IMMUTABLE may hand out a pointer to a value in the
# TOAST relation of another table: a row that is short with it.
new_database($_, 'borrowed') for $source, $target;
$source->safe_psql('borrowed', <<'EOQ');
CREATE FUNCTION lend(id int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	lent text;
BEGIN
	IF to_regclass('kept.long') IS NULL THEN
		RETURN 'nothing';
	END IF;
	EXECUTE 'SELECT b FROM kept.long WHERE a = $1' INTO lent USING id % 3;
	RETURN lent;
END $$;
CREATE TABLE borrower (id int, lent text GENERATED ALWAYS AS (lend(id)) STORED, note text) WITH (fillfactor = 10);
INSERT INTO borrower (id, note) SELECT g, repeat('n', g % 50) FROM generate_series(1, 1000) g;
CREATE TABLE leaf (id int, lent text GENERATED ALWAYS AS (lend(id)) STORED) PARTITION BY RANGE (id);
CREATE TABLE leaf_1 PARTITION OF leaf DEFAULT;
INSERT INTO leaf SELECT g FROM generate_series(1, 100) g;
EOQ
$target->safe_psql('borrowed', <<'EOQ');
CREATE SCHEMA kept;
CREATE TABLE kept.long (a int, b text);
ALTER TABLE kept.long ALTER b SET STORAGE EXTERNAL;
INSERT INTO kept.long SELECT g, repeat(g::text, 5000) FROM generate_series(0, 2) g;
EOQ
clone_ok($target, conninfo($source, db => 'borrowed'), db => 'borrowed', name => 'values of another table are cloned');
$target->safe_psql('borrowed', 'DROP TABLE kept.long');
is( $target->safe_psql('borrowed', <<'EOQ'), '1000|1000|100', 'each row has its own copy of the value');
SELECT count(*), count(*) FILTER (WHERE lent = repeat((id % 3)::text, 5000)),
	(SELECT count(*) FROM leaf WHERE lent = repeat((id % 3)::text, 5000)) FROM borrower
EOQ
assert_frozen($target, db => 'borrowed');

# Some file systems say that they are full when asked for space, although a write
# succeeds.  From 16 on the server asks, and fails as it would for COPY; it goes on
# only if the file system says that it does not know the question.
SKIP:
{
	my $lie = $target->safe_psql('postgres', 'SHOW server_version_num') < 160000 ? 'ENOSPC' : 'EOPNOTSUPP';
	my $liar = PostgreSQL::Test::Utils::tempdir . '/liar';

	open my $code, '>', "$liar.c" or die "could not write: $!";
	print $code <<'EOC';
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
posix_fallocate(int fd, off_t at, off_t length)
{
	char		link[64];
	char		path[1024] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, "/base/") != NULL)
	{
		fprintf(stderr, "a lie about %s\n", path);
		return THE_LIE;
	}
	return ftruncate(fd, at + length) == 0 ? 0 : errno;
}

int
posix_fallocate64(int fd, off_t at, off_t length)
{
	return posix_fallocate(fd, at, length);
}
EOC
	close $code;
	skip 'no compiler', 3 if system('cc', "-DTHE_LIE=$lie", '-shared', '-fPIC', '-o', "$liar.so", "$liar.c") != 0;

	# from 16 on few buffers mean few blocks at a time, and these are not asked for
	$target->append_conf('postgresql.conf', 'shared_buffers = 64MB');
	$target->stop;
	{
		local $ENV{LD_PRELOAD} = "$liar.so";
		$target->start;
	}
	new_database($_, 'liar') for $source, $target;
	$source->safe_psql('liar', "CREATE TABLE long_one AS SELECT g, repeat('x', 500) AS a FROM generate_series(1, 20000) g");
	clone_ok($target, conninfo($source, db => 'liar'), db => 'liar', name => "a file system that says $lie is no error");
	assert_same($source, $target, source_db => 'liar', db => 'liar', name => 'all rows are there');
	like(slurp_file($target->logfile), qr/a lie about/, 'it was asked for space');
}

done_testing();
