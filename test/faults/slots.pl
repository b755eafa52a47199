# A job whose workers have no slot, because other jobs have taken them all, goes
# on in any phase: the leader does the work.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(
	faults => ['no free worker slot'],
	target_conf => "max_worker_processes = 7\nmax_logical_replication_workers = 0\n");

done_testing();
