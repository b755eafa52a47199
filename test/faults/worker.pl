# What happens to the processes of a worker.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => [ 'worker killed', 'worker terminated', 'worker terminated after commit' ]);

done_testing();
