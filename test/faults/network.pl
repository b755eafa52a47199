# What happens to the network between both.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => [ 'network cut', 'network silent' ]);

done_testing();
