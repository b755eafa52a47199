# Roles have timeouts that are shorter than a step of a job.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => [ "timeouts of the source's role", "timeouts of the target's role" ]);

done_testing();
