# What happens to the source and to the sessions there.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(faults => [ 'source restarted', "leader's session terminated", "workers' sessions terminated" ]);

done_testing();
