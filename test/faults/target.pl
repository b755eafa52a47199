# A crash of the target in any phase leaves an interrupted job.  It is resumed,
# by asking where tables have been read, or given up; what was done is still
# there, and what was under way is done again from a clean start.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => ['target stopped at once']);

done_testing();
