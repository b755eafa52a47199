# A network that is cut, or falls silent and is then cut, in any phase: the job
# goes on by itself when it is back, or asks which snapshot to read the rest
# under.  No session is left on either side.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => [ 'network cut', 'network silent' ]);

done_testing();
