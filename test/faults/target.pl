# What happens to the server that the job runs in.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => ['target stopped at once']);

done_testing();
