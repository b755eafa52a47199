# Whatever dies while a job begins to follow, follows or cuts over, while others write
# to the source: it goes on by itself or is resumed, never asks which snapshot to read
# under, and after the cutover the target is the picture of the source; or it is given
# up, and nothing is left on either side.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopyFollowFaults;
use Test::More;

run_follow_matrix(
	faults => [
		'leader killed', 'leader terminated', 'worker terminated', 'apply worker killed', 'apply worker terminated',
		'walsender terminated', 'target stopped at once', 'source restarted', "leader's session terminated",
		'network cut', 'network silent'
	]);

done_testing();
