# Nothing grows with the number of jobs, over ten times as many as in
# t/045_many_jobs.pl: the same file with another number.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";

# Its INIT block must still be able to run.
use PgCopy;

$ENV{PGCOPY_TEST_JOBS} //= 200;
do "$FindBin::Bin/../t/045_many_jobs.pl" or die $@ || $!;
