# Resuming can be repeated.  A resume that ends where the one before it ended
# changes nothing for the next: whatever has been read, and however often,
# pgcopy_resume() asks the same question and keeps the same things.  Choosing
# one way out does not close the other.  In the end, when nothing stands in the
# way any more, the job is done and equal to its source.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use Test::More;

# How often each job is resumed before it is let go on to its end.
my $ROUNDS = 2;

my ($source, $target) = new_pair('resume_again');

# A table that waits for the hold, as large as it has to be to come second.
my $held = <<'EOQ';
CREATE TABLE held (a int CHECK (hold.here(1)), b text);
INSERT INTO held SELECT g, repeat('x', 500) FROM generate_series(1, 200) g;
CREATE TABLE last AS SELECT 1 AS a;
EOQ

# What comes before it, and what pgcopy_resume() says then.
my %state = (
	'nothing' => {
		sql => '',
		choices => [ undef, 'true' ],
		error => ''
	},
	# A second worker does all but the held table: there is nothing else.
	'nothing, by two' => {
		sql => 'DROP TABLE last',
		jobs => 2,
		choices => [ undef, 'false' ],
		error => ''
	},
	'one table' => {
		sql => "CREATE TABLE first AS SELECT g AS a, repeat('y', 500) AS b FROM generate_series(1, 2000) g",
		error => '55000: 1 of 3 tables were read under a snapshot that is gone. The rest would be read as the source is now.'
	},
	'an empty table' => {
		sql => "CREATE TABLE first AS SELECT g AS a, repeat('y', 500) AS b FROM generate_series(1, 2000) g; DELETE FROM first",
		choices => ['false'],
		error => '55000: 1 of 3 tables were read under a snapshot that is gone. The rest would be read as the source is now.'
	},
	'half a table' => {
		sql => "DROP TABLE held; CREATE TABLE held (a int CHECK (CASE WHEN a < 1990 THEN true ELSE hold.here(a / a) END), b text); INSERT INTO held SELECT g, repeat('z', 500) FROM generate_series(1, 2000) g",
		split => '200kB',
		error => '55000: 0 of 2 tables were read under a snapshot that is gone. 1 more table has been read in part. The rest would be read as the source is now.'
	},
	'large objects' => {
		sql => "SELECT count(lo_from_bytea(50000 + g, (SELECT decode(string_agg(md5(concat(g, '.', n)), ''), 'hex') FROM generate_series(1, 500) n))) FROM generate_series(1, 50) g",
		error => '55000: 0 of 2 tables were read under a snapshot that is gone. 50 large objects have been read. The rest would be read as the source is now.'
	});

# What pgcopy_resume() would say now.
sub question
{
	my ($db, $job) = @_;
	my ($code, $message, $detail) = call_error($target, $db, "BEGIN;\nSELECT pgcopy_resume($job);\nROLLBACK;");
	return '' if $code eq '';
	$message =~ s/^job \d+: //;
	return "$code: $message. $detail";
}

# What of a job is done, by name.
sub done
{
	my ($db, $job) = @_;
	return $target->safe_psql($db,
		"SELECT kind, schema_name, object_name, range_start, range_end, rows_done FROM pgcopy.item WHERE job = $job AND state = 'done' ORDER BY 1, 2, 3, 4, 5");
}

# Stop the job at the held table.
sub stop_it
{
	my ($db, $job, $hold) = @_;
	wait_held($target, $db, 1, $job);
	wait_until($target, "SELECT bool_and(state = 'done') IS NOT false FROM pgcopy.item WHERE job = $job AND kind = 'large objects'",
		db => $db, job => $job, what => 'the second worker')
	  if $db =~ /by_two/;
	$target->safe_psql($db, "SELECT pgcopy_cancel($job)");
	is(wait_for_end($target, $job, db => $db, limit => 20), 'cancelled', "$db: it is stopped");
	release($hold);
	return;
}

sub check_state
{
	my ($name, $app, $choice, %opt) = @_;
	my $state = $state{$name};
	my $db = $app . '_' . ($choice // 'unsaid');
	my $title = "$name" . ($choice ? ", consistent => $choice" : '');
	my $call = $choice ? ", consistent => $choice" : '';
	my %args = (table_jobs => $state->{jobs} // 1, index_jobs => 1);

	$args{split_tables_larger_than} = $state->{split} if $state->{split};
	new_database($target, $db);
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => $app), db => $db, %args);
	stop_it($db, $job, $hold);
	my $done = done($db, $job);
	is(question($db, $job), $state->{error}, "$title: what it asks");

	foreach my $round (1 .. $ROUNDS)
	{
		$hold = hold($target, $db, 1);
		$target->safe_psql($db, "SELECT pgcopy_resume($job$call)");
		stop_it($db, $job, $hold);
		is(question($db, $job), $state->{error}, "$title: what it asks after resume $round");
		is(done($db, $job), $done, "$title: what is done after resume $round");
	}
	$target->safe_psql($db, "SELECT pgcopy_resume($job$call)");
	ok(wait_for_state($target, $job, 'done', db => $db), "$title: in the end it is done");
	assert_same($source, $target, source_db => $app, db => $db, name => "$title: both sides are equal");
	return;
}

foreach my $name (sort keys %state)
{
	my $app = $name =~ s/\W+/_/gr;
	new_database($source, $app);
	create_holds($source, $app);
	$source->safe_psql($app, "$held; $state{$name}{sql}");
	check_state($name, $app, $_) for @{ $state{$name}{choices} // [ 'false', 'true' ] };
}

#
# Choices by turns: what one of them has done does not stand in the way of another
#
my $db = 'by_turns';
new_database($target, $db);
my $hold = hold($target, $db, 1);
my $job = clone($target, conninfo($source, db => 'large_objects'), db => $db, table_jobs => 1, index_jobs => 1);
stop_it($db, $job, $hold);
my $done = done($db, $job);
foreach my $choice (qw(true false))
{
	$hold = hold($target, $db, 1);
	$target->safe_psql($db, "SELECT pgcopy_resume($job, consistent => $choice)");
	stop_it($db, $job, $hold);
	is(question($db, $job), $state{'large objects'}{error}, "by turns: what it asks after consistent => $choice");
	is(done($db, $job), $done, "by turns: what is done after consistent => $choice");
}

#
# Nothing planned: what stands in the way is there each time, until it is not
#
$db = 'unplanned';
new_database($target, $db);
$target->safe_psql($db, 'CREATE TABLE last (b int)');
$job = clone($target, conninfo($source, db => 'large_objects'), db => $db);
foreach my $round (0 .. $ROUNDS)
{
	$target->safe_psql($db, "SELECT pgcopy_resume($job)") if $round;
	is(wait_for_end($target, $job, db => $db), 'failed', "nothing planned: resume $round fails");
	is($target->safe_psql($db, "SELECT (SELECT count(*) FROM pgcopy.item), string_agg(sqlstate, ' ') FROM pgcopy_errors WHERE is_final"),
		'0|42P07', "nothing planned: resume $round says why, and plans nothing");
}
$target->safe_psql($db, 'DROP TABLE last');
$target->safe_psql($db, "SELECT pgcopy_resume($job)");
ok(wait_for_state($target, $job, 'done', db => $db), 'nothing planned: in the end it is done');

#
# All is read: no snapshot is needed, and nothing is read again
#
new_database($source, 'all');
$source->safe_psql('all', <<'EOQ');
CREATE TABLE first AS SELECT g AS a FROM generate_series(1, 100) g;
SELECT lo_from_bytea(50001, 'large');
CREATE MATERIALIZED VIEW fails AS SELECT 1 / coalesce(nullif(current_setting('test.divisor', true), '')::int, 1) AS a;
EOQ
foreach my $choice (undef, 'false', 'true')
{
	$db = 'all_' . ($choice // 'unsaid');
	my $call = $choice ? ", consistent => $choice" : '';
	new_database($target, $db);
	$target->safe_psql('postgres', "ALTER DATABASE $db SET test.divisor = 0");
	$job = clone($target, conninfo($source, db => 'all'), db => $db);
	is(wait_for_end($target, $job, db => $db), 'failed', "$db: a materialized view cannot be refreshed");
	$target->safe_psql($db, 'UPDATE first SET a = -1 WHERE a = 1');
	my $before = done($db, $job);
	foreach my $round (1 .. $ROUNDS)
	{
		is(question($db, $job), '', "$db: it asks nothing before resume $round");
		$target->safe_psql($db, "SELECT pgcopy_resume($job$call)");
		is(wait_for_end($target, $job, db => $db), 'failed', "$db: resume $round fails as well");
		is(done($db, $job), $before, "$db: what is done after resume $round");
	}
	is($target->safe_psql($db, 'SELECT min(a) FROM first'), '-1', "$db: nothing was read again");
	$target->safe_psql('postgres', "ALTER DATABASE $db RESET test.divisor");
	$target->safe_psql($db, "SELECT pgcopy_resume($job$call)");
	ok(wait_for_state($target, $job, 'done', db => $db), "$db: in the end it is done");
}

#
# A range that has no objects any more, and then others
#
new_database($source, 'emptied');
create_holds($source, 'emptied');
$source->safe_psql('emptied', "CREATE TABLE held AS SELECT g AS a, repeat('x', 500) AS b FROM generate_series(1, 20000) g; ALTER TABLE held ADD CHECK (hold.here(a / a)); SELECT lo_from_bytea(50001, 'large')");
new_database($target, 'emptied');
$hold = hold($target, 'emptied', 1);
$job = clone($target, conninfo($source, db => 'emptied'), db => 'emptied', table_jobs => 1);
stop_it('emptied', $job, $hold);
foreach my $numbers ('', '7', '50001 4000000000', '')
{
	$source->safe_psql('emptied', "SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata; SELECT lo_from_bytea(n::oid, 'new') FROM regexp_split_to_table('$numbers', ' ') n WHERE n <> ''");
	$hold = hold($target, 'emptied', 1);
	$target->safe_psql('emptied', "SELECT pgcopy_resume($job)");
	stop_it('emptied', $job, $hold);
	is(question('emptied', $job), '', "objects on the source: ($numbers): it asks nothing");
}
is($target->safe_psql('emptied', "SELECT state, range_start FROM pgcopy.item WHERE kind = 'large objects'"), 'done|', 'an item without objects has nothing to do');
$source->safe_psql('emptied', "SELECT lo_from_bytea(9, 'at last')");
$target->safe_psql('emptied', "SELECT pgcopy_resume($job)");
ok(wait_for_state($target, $job, 'done', db => 'emptied'), 'in the end it is done');
assert_same($source, $target, source_db => 'emptied', db => 'emptied', name => 'with the objects that are there by then');

$source->stop;
$target->stop;
done_testing();
