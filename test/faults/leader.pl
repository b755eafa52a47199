# A leader that is killed or terminated, in any phase, takes its workers,
# sessions and children along.  The job is interrupted; it is resumed, or given
# up, and nothing is left or done twice.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => [ 'leader killed', 'leader terminated' ]);

done_testing();
