# The disk that the clone is written to is full.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

plan skip_all => 'only root can make a small disk' unless $ENV{PGCOPY_SMALL_DISK};
run_matrix(faults => ['target disk full']);

done_testing();
