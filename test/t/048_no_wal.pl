# With wal_level = minimal large tables that are not split, and indexes, are
# written without WAL, and are safe all the same: a crash right after the job
# says it is done loses nothing, and all pages are frozen.  A split table is
# logged as ever.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('nowal', target_conf => <<'EOC');
wal_level = minimal
max_wal_senders = 0
archive_mode = off
checkpoint_timeout = 1h
max_wal_size = 4GB
EOC
$target->safe_psql('postgres', 'CREATE DATABASE split TEMPLATE template0');

# 100 MB in rows, 80 MB in TOAST; and one that is too small to matter.
$source->safe_psql('postgres', <<'EOQ');
CREATE TABLE large (a int PRIMARY KEY, b text);
ALTER TABLE large ALTER b SET STORAGE PLAIN;
INSERT INTO large SELECT g, repeat(chr(97 + g % 26), 1900) || g FROM generate_series(1, 50000) g;
CREATE INDEX large_b ON large (left(b, 10), a);
CREATE TABLE toasted (a int PRIMARY KEY, b text);
ALTER TABLE toasted ALTER b SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT g, repeat(md5(g::text), 500) FROM generate_series(1, 5000) g;
CREATE TABLE small (a int PRIMARY KEY, b text);
INSERT INTO small SELECT g, 'b' || g FROM generate_series(1, 1000) g;
EOQ

# Clone, and return how many bytes of WAL that wrote.
sub wal_of_clone
{
	my (%opt) = @_;
	my $before = $target->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');

	clone_ok($target, conninfo($source), %opt);
	return $target->safe_psql('postgres', "SELECT pg_current_wal_insert_lsn() - '$before'");
}

my $bytes = $source->safe_psql('postgres', "SELECT sum(pg_total_relation_size(c)) FROM unnest('{large,toasted}'::regclass[]) c");
my $wal = wal_of_clone(split_tables_larger_than => '0', name => 'the job ends done');
$target->stop('immediate');
$target->start;
# The server logs files that are smaller than wal_skip_threshold, 2 MB.
cmp_ok($wal, '<', $bytes / 20, "tables of $bytes bytes wrote nearly no WAL");

assert_same($source, $target, name => 'all is there after a crash right behind the job');
assert_frozen($target, name => 'and frozen, with an entry in each index for each row');

# Chunks share their table with others: those must log.
my $split_wal = wal_of_clone(db => 'split', split_tables_larger_than => '50MB', name => 'the job with chunks ends done');
$target->stop('immediate');
$target->start;
cmp_ok($split_wal, '>', 100_000_000, 'chunks are logged');
assert_same($source, $target, db => 'split', name => 'and there after a crash');

done_testing();
