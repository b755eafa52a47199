# A clone leaves the shared buffers to others: a table that would fit into them goes
# through rings of buffers, when it is loaded and when its indexes are built.  What
# others have there stays.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

# 4,096 buffers.  Of one table: the blocks before a ring is used, with a batch; the ring that
# COPY has, an eighth of all; that of ANALYZE, from 17 on; those of two scans, on 18.
my ($source, $target) = new_pair('buffers', target_conf => "shared_buffers = '32MB'\nautovacuum = off\n");
my $RINGS = 160 + 512 + 256 + 2 * 288;

new_database($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE big (id int PRIMARY KEY, a text, b text);
INSERT INTO big SELECT g, md5(g::text), repeat('x', 600) FROM generate_series(1, 30000) g;
CREATE INDEX ON big (a);
CREATE TABLE small (id int PRIMARY KEY, a text);
INSERT INTO small SELECT g, repeat('y', 100) FROM generate_series(1, 1000) g;
EOQ

my $BUFFERS = 'SELECT count(*) FROM pg_buffercache WHERE reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relforknumber = 0 AND relfilenode = pg_relation_filenode(';

new_database($target, 'others', 'app');
$target->safe_psql($_, 'CREATE EXTENSION pg_buffercache') foreach qw(others app);
$target->safe_psql('others', <<'EOQ');
CREATE TABLE hot AS SELECT g AS id, repeat('z', 800) AS a FROM generate_series(1, 9000) g;
CHECKPOINT;
CREATE EXTENSION pg_prewarm;
SELECT sum(pg_prewarm('hot')) FROM generate_series(1, 5);
EOQ
my $hot = $target->safe_psql('others', $BUFFERS . "'hot')");
cmp_ok($hot, '>', 900, "a table of others is in the buffers: $hot pages");

clone_ok($target, conninfo($source, db => 'app'), db => 'app', table_jobs => 1, index_jobs => 1, name => 'a table of 20 MB is cloned');
my ($pages) = $target->safe_psql('app', "SELECT pg_relation_size('big') / 8192");
my $kept = $target->safe_psql('app', $BUFFERS . "'big')");
cmp_ok($pages, '>', 1.5 * $RINGS, 'it is larger than rings of buffers');
cmp_ok($kept, '<=', $RINGS, "and has left no more than these there: $kept of $pages pages");
is($target->safe_psql('others', $BUFFERS . "'hot')"), $hot, 'what others had there stays');
is($target->safe_psql('app', $BUFFERS . "'small')"), $target->safe_psql('app', "SELECT pg_relation_size('small') / 8192"), 'a small table stays as a whole');

$source->stop;
$target->stop;
done_testing();
