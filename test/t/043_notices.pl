# What settings of the target cost a job is said, with the setting's name.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

# The least of everything.
my ($source, $target) = new_pair('notices', target_conf => <<'EOC');
max_wal_size = 32MB
min_wal_size = 32MB
wal_level = replica
wal_compression = pglz
maintenance_work_mem = 1MB
max_worker_processes = 3
EOC
new_database($source, 'large', 'small');
$source->safe_psql('small', 'CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 1000) g; CREATE INDEX ON t (a)');
$source->safe_psql('large', <<'EOQ');
CREATE TABLE t (a int, b text);
ALTER TABLE t ALTER b SET STORAGE PLAIN;
INSERT INTO t SELECT g, repeat('x', 7900) FROM generate_series(1, 20000) g;
CREATE INDEX t_a ON t (a);
CREATE INDEX t_down ON t (a DESC);
EOQ
create_holds($source, 'large');
$source->safe_psql('large', 'CREATE TABLE held (a int CHECK (hold.here(1))); INSERT INTO held VALUES (1)');

# Clone a database into one of its own, and return its notices as text.
sub notices_of
{
	my ($db, $name) = @_;

	new_database($target, $name);
	clone_ok($target, conninfo($source, db => $db), db => $name, name => "the clone $name ends done");
	return $target->safe_psql($name, 'SELECT setting, value, suggestion FROM pgcopy_notices');
}

my $offset = -s $target->logfile;
my $notices = notices_of('large', 'tight');
is($notices, <<'EOT' =~ s/\n\z//r, 'each setting that is too small for the job is named');
max_wal_size|32MB|128MB
wal_level|replica|minimal
wal_compression|pglz|lz4
pgcopy.maintenance_work_mem|0|64MB
max_worker_processes|3|13
EOT
my $log = slurp_file($target->logfile, $offset);
like($log, qr/LOG:  pgcopy job 1: .*max_wal_size.*\n.*HINT:  Set "max_wal_size" to '128MB'\./, 'the server log has them too');
is($target->safe_psql('tight', 'SELECT pgcopy_drop(1); SELECT count(*) FROM pgcopy.notice'), "t\n0",
	'they go with their job');

# While a job runs and has nothing else to say, pgcopy_progress points there.
new_database($target, 'watched');
my $hold = hold($target, 'watched', 1);
my $job = clone($target, conninfo($source, db => 'large'), db => 'watched');
wait_held($target, 'watched', 1, $job);
is($target->safe_psql('watched', 'SELECT message FROM pgcopy_progress'),
	'slow settings: SELECT * FROM pgcopy_notices', 'a running job points at its notices');
release($hold);
ok(wait_for_state($target, $job, 'done', db => 'watched'), 'and ends done');

is(notices_of('small', 'tight_but_small'), '', 'a small job has nothing to gain by larger ones');


# What serves a standby or slot has to stay; what is large enough is not named.
$target->append_conf('postgresql.conf', <<'EOC');
max_wal_size = 4GB
wal_compression = lz4
pgcopy.maintenance_work_mem = 128MB
max_worker_processes = 16
EOC
$target->restart;
is(notices_of('large', 'ample'), '', 'nothing is said where all is large enough');

$target->append_conf('postgresql.conf', "max_wal_size = 32MB\n");
$target->reload;
is(notices_of('large', 'unread'), "max_wal_size|32MB|128MB\nwal_level|replica|minimal", 'WAL that nobody reads is named');
$target->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('standby')");
is(notices_of('large', 'read'), 'max_wal_size|32MB|128MB', 'WAL that a slot may need is not');

done_testing();
