# Tables that are followed by inserts only rest on the source's counters: what has been
# lost by a reset or a crash of the source is not taken for no update.  The user can
# accept that it is not known; an update that was counted nobody can.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PgCopyTraffic;
use Test::More;

my ($source, $target) = new_pair('counters', source_conf => $TRAFFIC_CONF);

sub follow
{
	my ($db) = @_;
	new_database($_, $db) foreach $source, $target;
	$source->safe_psql($db, "CREATE TABLE log (v text); INSERT INTO log SELECT g FROM generate_series(1, 10) g");
	my $job = clone($target, conninfo($source, db => $db), db => $db, follow => 'true', without_identity => 'inserts');
	wait_for_state($target, $job, 'following', db => $db) or BAIL_OUT('the job does not follow');
	return $job;
}

sub update
{
	my ($db) = @_;
	$source->safe_psql($db, "UPDATE log SET v = v || 'x'");
	wait_until($source, "SELECT n_tup_upd > 0 FROM pg_stat_user_tables WHERE relname = 'log'", db => $db, what => 'the statistics');
	return;
}

sub refused
{
	my ($db, $job, $like, $what, %opt) = @_;
	my %refused = cutover($target, $job, db => $db, %opt);

	is($refused{sqlstate}, '55000', "$what: refused");
	like(($refused{message} // '') . ' ' . ($refused{detail} // ''), $like, "$what: it says why");
	return;
}

# the counters are off
new_database($_, 'off') foreach $source, $target;
$source->safe_psql('off', 'CREATE TABLE log (v text)');
$source->safe_psql('postgres', 'ALTER DATABASE off SET track_counts = off');
my $job = clone($target, conninfo($source, db => 'off'), db => 'off', follow => 'true', without_identity => 'inserts');
is(wait_for_end($target, $job, db => 'off'), 'failed', 'a source that does not count is refused');
like($target->safe_psql('off', 'SELECT message FROM pgcopy_errors WHERE is_final'), qr/needs track_counts/, 'and told so');

# reset after an update
$job = follow('reset');
update('reset');
$source->safe_psql('reset', 'SELECT pg_stat_reset()');
wait_until($source, "SELECT n_tup_upd = 0 FROM pg_stat_user_tables WHERE relname = 'log'", db => 'reset', what => 'the reset');
refused('reset', $job, qr/not known whether.* statistics of the source were reset/, 'after a reset');
update('reset');
refused('reset', $job, qr/were updated or deleted.*log \(\d+ rows\)/, 'an update after the reset', ignore_changes => 'true');

# a crash after an update; a restart loses nothing
$job = follow('crash');
$source->restart;
catch_up($source, $target, 'crash');
my %rehearsal = cutover($target, $job, db => 'crash', rehearse => 'true');
is($rehearsal{state}, 'following', 'a restart of the source loses no counters') or diag(explain(\%rehearsal));
update('crash');
$source->stop('immediate');
$source->start;
catch_up($source, $target, 'crash');
refused('crash', $job, qr/not known whether.* lost in a crash/, 'after a crash');
my %cutover = cutover($target, $job, db => 'crash', ignore_changes => 'true');
is($cutover{sqlstate}, undef, 'the user can accept that') or diag(explain(\%cutover));
like($cutover{report} // '', qr/ignored: .*inserts only/, 'and the report says so');

done_testing();
