# A lock table that is full, on either side and in any phase, costs an attempt
# or fails the job with the server's own words; with room again it is resumed,
# and the copy is equal to the source.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFaults;
use Test::More;

run_matrix(
	faults => [ "target's lock table full", "source's lock table full" ],
	(map { $_ => "max_locks_per_transaction = 10\nmax_connections = 20\n" } qw(source_conf target_conf)));

done_testing();
