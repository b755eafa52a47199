# A target that is restored to an earlier state has not what the source was told to be
# safe here: the source would go on behind the gap without a word.  The job fails instead,
# and reads all again.  A target that restarts just goes on.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFaults;
use PgCopyScene;
use PgCopyTraffic;
use PostgreSQL::Test::Utils;
use Test::More;

# The backup is of a target that has looked at its slot while it followed, or has not yet.
foreach my $when ('', '_at_once')
{
	note("restored$when");
	my ($source, $target) = new_pair("restored$when", source_conf => $TRAFFIC_CONF, target_conf => "wal_level = replica\n");

	new_database($_, 'app') foreach $source, $target;
	$source->safe_psql('app', 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)');
	my $hold;
	if ($when eq '_at_once')
	{
		set_test_point($target, 'app', 'following begun');
		$hold = hold_points($target, 'app');
	}
	my $job = clone($target, conninfo($source, db => 'app'), db => 'app', follow => 'true');
	wait_for_state($target, $job, 'following', db => 'app') or BAIL_OUT('the job does not follow');
	$source->safe_psql('app', 'INSERT INTO t SELECT generate_series(101, 200)');
	catch_up($source, $target, 'app');
	wait_at_point($target, 'app', $job) if $hold;

	# a copy of it, as a backup
	my $data = $target->data_dir;
	$target->stop;
	$hold->{run}->finish if $hold;
	system_or_bail('cp', '-a', $data, "$data.copy");
	$target->start;
	$target->safe_psql('app', "SELECT pgcopy_resume($job)");
	ok(wait_for_state($target, $job, 'following', db => 'app'), 'restarted, it follows on');
	$source->safe_psql('app', 'INSERT INTO t SELECT generate_series(201, 300)');
	my $written = $source->lsn('insert');
	catch_up($source, $target, 'app');
	wait_until($source, "SELECT bool_and(confirmed_flush_lsn >= '$written') FROM pg_replication_slots", db => 'app', what => 'the slot');
	is($target->safe_psql('app', 'SELECT count(*) FROM t'), 300, 'the rows arrive');
	$source->safe_psql('postgres', 'CHECKPOINT');

	# the backup is restored
	$target->stop('immediate');
	system_or_bail('rm', '-rf', $data);
	system_or_bail('mv', "$data.copy", $data);
	append_to_file("$data/recovery.signal", '');
	$target->append_conf('postgresql.conf', "restore_command = 'false'\n");
	$target->start;
	wait_until($target, 'SELECT NOT pg_is_in_recovery()', what => 'the end of recovery');
	$target->safe_psql('app', "SELECT pgcopy_resume($job)");
	is(wait_for_end($target, $job, db => 'app'), 'failed', 'restored, it does not go on');
	like($target->safe_psql('app', 'SELECT message, hint FROM pgcopy_errors WHERE is_final ORDER BY at DESC LIMIT 1'),
		qr/restored or failed over, from timeline 1 to 2, and may lack.*consistent => true/s, 'and says why, and what to do');

	$target->safe_psql('app', "SELECT pgcopy_resume($job, consistent => true)");
	ok(wait_for_state($target, $job, 'following', db => 'app'), 'it reads all again');
	my %cutover = cutover($target, $job, db => 'app');
	is($cutover{sqlstate}, undef, 'and can be cut over') or diag(explain(\%cutover));
	is($target->safe_psql('app', 'SELECT count(*) FROM t'), 300, 'with all rows');
	$_->stop foreach $source, $target;
}

done_testing();
