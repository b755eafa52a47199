# What happens to the leader.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => [ 'leader killed', 'leader terminated' ]);

done_testing();
