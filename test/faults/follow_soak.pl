# Something strikes at random moments, again and again, while a job copies, follows and
# cuts over, and others write to the source.  After each round every table, sequence and
# large object of the target is as on the source, and nothing is left there but the fence.
#
# SOAK_SEED (default 4711) settles what strikes and when, SOAK_ROUNDS how often: 20
# unless said, or 100 with PGCOPY_TEST_LONG=1.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFollowFaults;
use Test::More;

run_follow_soak(seed => $ENV{SOAK_SEED} || 4711, rounds => $ENV{SOAK_ROUNDS} || ($ENV{PGCOPY_TEST_LONG} ? 100 : 20));

done_testing();
