# A full disk on the target fails the job, in any phase, and nothing worse: the
# server lives, nothing half-done counts as done, and with room again the job is
# resumed or can be given up.  In the end the copy is equal to the source.  It
# needs root, to make a small disk.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

plan skip_all => 'only root can make a small disk' unless $ENV{PGCOPY_SMALL_DISK};
run_matrix(faults => ['target disk full']);

done_testing();
