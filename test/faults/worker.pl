# A worker that ends in any phase costs an attempt at what it was doing.
# Terminated, also right after its commit, the job goes on with another one and
# nothing is done twice; killed, which restarts the server, it is resumed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => [ 'worker killed', 'worker terminated', 'worker terminated after commit' ]);

done_testing();
