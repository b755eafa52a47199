# A source that is not what it was.  A standby that answers while the primary is away is
# no reason to give up.  A source that was restored to an earlier state is: it will send
# other changes under positions that the target has passed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PgCopyTraffic;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('other', source_conf => "$TRAFFIC_CONF\nhot_standby = on\nwal_keep_size = 64\n",
	target_conf => "pgcopy.auto_resume = off\n", source_init => [ allows_streaming => 1 ]);
$source->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('other_standby');
$standby->init_from_backup($source, 'base', has_streaming => 1);
$standby->start;

new_database($_, 'app') foreach $source, $target;
$source->safe_psql('app', "CREATE TABLE entry (a int PRIMARY KEY); INSERT INTO entry VALUES (0)");

# A standby alone: nothing can be made there, and writers are not there
$target->safe_psql('app', 'CREATE EXTENSION pgcopydb_ext');
$standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_database WHERE datname = 'app'");
my ($rc, $out, $err) = $target->psql('app', 'SELECT pgcopy_clone(' . quote_literal(conninfo($standby, db => 'app')) . ', follow => true)');
if ($rc == 0)
{
	wait_for_end($target, $out, db => 'app');
	$err = $target->safe_psql('app', "SELECT message, detail, hint FROM pgcopy_errors WHERE job = $out");
	$target->safe_psql('app', "SELECT pgcopy_drop($out)");
}
like($err, qr/the source is a standby, which cannot be followed.*Follow its primary/s, 'a standby is refused, with what to do');

my $both = join(',', $source->host, $standby->host);
my $ports = join(',', $source->port, $standby->port);
my $job = clone($target, "host=$both port=$ports dbname=app", db => 'app', follow => 'true');
ok(wait_for_state($target, $job, 'following', db => 'app'), 'the job follows');

#
# The primary is away, and the standby answers
#
$source->stop('fast');
ok(wait_until($target, "SELECT message ~ 'away since .*standby' FROM pgcopy_progress WHERE job = $job", db => 'app'),
	'a standby that answers does not have the slot');
is(job_state($target, $job, db => 'app'), 'following', 'and the job follows on');
my $data = $source->data_dir;
system_or_bail('cp', '-a', $data, "$data.earlier");
$source->start;
$source->safe_psql('app', "INSERT INTO entry VALUES (1)");
ok(catch_up($source, $target, 'app'), 'the primary is back');
ok(wait_until($target, "SELECT NOT message ~ 'away' FROM pgcopy_progress WHERE job = $job", db => 'app'), 'and reached');

#
# The source is restored
#
$source->safe_psql('app', "SELECT pg_switch_wal(); CREATE TABLE other AS SELECT generate_series(1, 1000); INSERT INTO entry VALUES (2)");
ok(catch_up($source, $target, 'app'), 'changes arrive');
$source->stop('immediate');
$standby->stop('immediate');
system_or_bail('rm', '-rf', $data);
rename("$data.earlier", $data) or die "could not rename: $!";
$source->start;
$source->safe_psql('app', "INSERT INTO entry VALUES (3)");
is(wait_for_end($target, $job, db => 'app'), 'failed', 'a job does not follow a source that was restored');
like($target->safe_psql('app', "SELECT message FROM pgcopy_errors WHERE job = $job"), qr/restored to an earlier state/, 'and says why');
is($target->safe_psql('app', "SELECT subenabled FROM pg_subscription"), 'f', 'nothing is applied any more');

$target->safe_psql('app', "SELECT pgcopy_resume($job, consistent => true)");
ok(wait_for_state($target, $job, 'following', db => 'app'), 'all is read again');
is($target->safe_psql('app', 'SELECT a FROM entry ORDER BY a'), $source->safe_psql('app', 'SELECT a FROM entry ORDER BY a'), 'the rows are equal');
my %cutover = cutover($target, $job, db => 'app', max_pause => '30 s');
is($cutover{state}, 'done', 'the cutover is through') or diag(explain(\%cutover));

done_testing();
