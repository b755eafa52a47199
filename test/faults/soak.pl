# Something strikes at random moments, again and again, while others write to
# the source, also during a resume.  Each table always holds what the snapshot
# saw that its items name: no row is missing, there twice, or of another moment.
#
# SOAK_SEED (default 4711) settles what strikes and when, SOAK_ROUNDS (default
# 100) is how often.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopySoak;
use Test::More;

run_soak(seed => $ENV{SOAK_SEED} || 4711, rounds => $ENV{SOAK_ROUNDS} || 100);

done_testing();
