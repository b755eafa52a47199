# Other jobs have taken all worker slots.
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
