# Timeouts that a role or database sets, however short, on either side and in
# any phase, do not end a job: its sessions set their own.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => [ "timeouts of the source's role", "timeouts of the target's role" ]);

done_testing();
