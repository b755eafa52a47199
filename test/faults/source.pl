# A source that restarts, and sessions there that are terminated, the leader's
# or the workers', in any phase: the job goes on by itself, or asks where tables
# have been read and the snapshot is gone.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => [ 'source restarted', "leader's session terminated", "workers' sessions terminated" ]);

done_testing();
