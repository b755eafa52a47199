# Whatever dies while a job runs, little is done again and nothing is wrong.  Of
# a split table only the chunk that broke is copied again; after a crash of the
# server what was done is not touched.  A leader that is killed takes pg_dump
# along.  An error that may pass is tried again so many times, one that will not
# is final at once.  A selection of what "make check-faults" goes through comes
# last: after each fault source and target are equal.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFaults;
use PgCopyScene;
use PgCopySoak;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

#
# A table of ten chunks, one of which breaks when nine are done
#
my ($source, $target) = new_fault_pair('again');
new_database($source, 'chunks');
create_holds($source, 'chunks');
$source->safe_psql('chunks', <<'EOQ');
CREATE TABLE big (a int CHECK (CASE WHEN a < 11000 THEN true ELSE hold.here(a / a) END), b text, c text);
ALTER TABLE big ALTER b SET STORAGE PLAIN, ALTER c SET STORAGE EXTERNAL;
INSERT INTO big SELECT g, repeat(md5(g::text), 55), CASE WHEN g % 40 = 0 THEN repeat(md5(g::text), 100) END
	FROM generate_series(1, 12000) g;
EOQ
my $tenth = $source->safe_psql('chunks', "SELECT (pg_relation_size('big') + pg_relation_size((SELECT reltoastrelid FROM pg_class WHERE relname = 'big'))) / 10 + 8192");
my $rows = 'SELECT count(*), sum(hashtextextended(big::text, 0)::numeric) FROM big';
my $pieces = "SELECT format('SELECT count(*) FROM %s', reltoastrelid::regclass) FROM pg_class WHERE relname = 'big' \\gexec";
my %break = (
	connection => [ $source, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'pgcopy job % worker %' AND query LIKE '%COPY%big%' AND state = 'active'" ],
	worker => [ $target, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'pgcopy job % worker %' AND query LIKE '%table public.big' AND wait_event = 'advisory'" ]);

foreach my $what (sort keys %break)
{
	my ($node, $statement) = @{ $break{$what} };
	new_target_database($target, $what);
	my $hold = hold($target, $what, 1);
	my $job = clone($target, conninfo($source, db => 'chunks'), db => $what, table_jobs => 2, index_jobs => 1, split_tables_larger_than => $tenth);
	wait_held($target, $what, 1, $job);
	wait_until($target, 'SELECT chunks_total = 10 AND chunks_done = 9 FROM pgcopy_tables', db => $what, job => $job, what => 'nine of ten chunks');
	my $since = time();
	is($node->safe_psql('postgres', $statement), '1', "$what: it breaks");
	# the hold keeps a worker from looking at its connection
	if ($what eq 'worker')
	{
		wait_until($target, 'SELECT count(*) > 0 FROM pgcopy_errors', db => $what, job => $job, what => 'its death to be noticed');
		cmp_ok(time() - $since, '<', 1, "$what: that is noticed within a second");
	}
	let_go($hold);
	is(wait_for_end($target, $job, db => $what), 'done', "$what: the job goes on");
	is($target->safe_psql($what, "SELECT attempts, count(*) FROM pgcopy.item WHERE kind = 'table' GROUP BY 1 ORDER BY 1"),
		"1|9\n2|1", "$what: of ten chunks one is copied again");
	is($target->safe_psql($what, 'SELECT attempts FROM pgcopy_tables'), '2', "$what: pgcopy_tables shows it");
	is($target->safe_psql($what, $rows), $source->safe_psql('chunks', $rows), "$what: every row is there once");
	is($target->safe_psql($what, $pieces), $source->safe_psql('chunks', $pieces), "$what: and every piece of TOAST");
	assert_frozen($target, db => $what, name => "$what: tables are frozen, indexes are sound");
}

#
# The server crashes: what is done is not touched, the rest is copied again
#
new_target_database($target, 'crash');
set_test_point($target, 'crash', 'table done', hit => 2);
my $hold = hold_points($target, 'crash');
my $job = clone($target, conninfo($source, db => 'app'), db => 'crash', table_jobs => 1, index_jobs => 1, split_tables_larger_than => '200kB');
wait_at_point($target, 'crash', $job);
# also so that the log of what is done is on disk
$target->safe_psql('crash', "INSERT INTO big VALUES (-1, 'a marker')");
my $offset = -s $target->logfile;
kill 'KILL', $target->safe_psql('crash', "SELECT pid FROM pgcopy_workers WHERE doing = 'table'");
wait_for_restart($target, $offset);
let_go($hold);
is($target->safe_psql('crash', "SELECT string_agg(DISTINCT state, ' ') FROM pgcopy_tables WHERE table_name = 'big'"), 'copied', 'crash: the large table is there');
is($target->safe_psql('crash', "SELECT count(*) FROM pgcopy.item WHERE object_name <> 'big' AND kind = 'table' AND state = 'done'"), '0', 'crash: the others are not');
my $xids = $target->safe_psql('crash', "SELECT array_agg(xid ORDER BY no) FROM pgcopy.item WHERE object_name = 'big' AND kind = 'table'");
is((see_through($target, 'crash', $job, 'false'))[0], 'choose', 'crash: the job is resumed, consistent => false');
is($target->safe_psql('crash', "SELECT array_agg(xid ORDER BY no) FROM pgcopy.item WHERE object_name = 'big' AND kind = 'table'"),
	$xids, 'crash: what was done was not copied again');
is($target->safe_psql('crash', "DELETE FROM big WHERE a = -1 RETURNING b"), 'a marker', 'crash: a row that was put there by hand is still there');
is($target->safe_psql('crash', "SELECT string_agg(DISTINCT attempts::text, ' ') FROM pgcopy_tables WHERE table_name = 'big'"), '1', 'crash: pgcopy_tables shows it');
$target->safe_psql('crash', 'REFRESH MATERIALIZED VIEW m');
assert_same($source, $target, source_db => 'app', db => 'crash', name => 'crash: source and target are equal');

#
# A leader that is killed while pg_dump waits on the source takes it along
#
my $blocker = $source->background_psql('app');
my $waits = "FROM pg_locks WHERE NOT granted AND relation = 'pg_init_privs'::regclass";
$blocker->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_init_privs IN ACCESS EXCLUSIVE MODE');
new_target_database($target, 'dump');
$job = clone($target, conninfo($source, db => 'app'), db => 'dump');
wait_until($source, "SELECT count(*) = 1 $waits", db => 'app', what => 'pg_dump to wait for a lock');
$offset = -s $target->logfile;
kill 'KILL', $target->safe_psql('dump', 'SELECT leader_pid FROM pgcopy_jobs');
wait_for_restart($target, $offset);
ok(is_quiet($source, $target, 10), 'dump: pg_dump and its session are gone');
is($source->safe_psql('app', "SELECT count(*) $waits"), '0', 'dump: nobody waits for the lock any more');
let_go($blocker);
is((see_through($target, 'dump', $job))[0], 'resume', 'dump: and the job goes on when it is resumed');

#
# What a test point can do: an error that may pass by itself, one that does not,
# the end of a process, time and again, and a crash
#
my %ends = (
	# each of two workers meets it once, when it gets the item
	40001 => [ 'done', qr/^40001\|test point "foreign key done"\|[12]$/ ],
	22012 => [ 'failed', "22012|test point \"foreign key done\"|1", 'resume' ],
	fatal => [ 'failed', '57P01|a worker of the job ended unexpectedly|5', 'resume' ],
	# its unlogged table is empty then
	kill => [ 'interrupted', '', 'choose' ]);
foreach my $what (sort keys %ends)
{
	my ($state, $error, $how) = @{ $ends{$what} };
	my $db = "point_$what";
	new_target_database($target, $db);
	set_test_point($target, $db, 'foreign key done', action => 'error', $what =~ /^\d/ ? (sqlstate => $what) : (action => $what));
	$offset = -s $target->logfile;
	$job = clone($target, conninfo($source, db => 'app'), db => $db, table_jobs => 1, index_jobs => 1);
	wait_for_restart($target, $offset) if $what eq 'kill';
	is(wait_for_end($target, $job, db => $db), $state, "$what: the job is $state");
	like($target->safe_psql($db, 'SELECT sqlstate, message, count(*) FROM pgcopy_errors GROUP BY 1, 2'),
		ref $error ? $error : qr/^\Q$error\E$/, "$what: with these errors");
	next if $state eq 'done';
	$target->safe_psql('postgres', "ALTER DATABASE $db RESET ALL");
	is((see_through($target, $db, $job, 'false'))[0], $how, "$what: and goes on when it is resumed");
}
$source->stop;
$target->stop;

#
# Faults at some phases, and at random moments
#
run_matrix(
	faults => [ 'worker terminated after commit', 'worker killed', 'leader terminated', "leader's session terminated", 'network silent' ],
	phases => [ 'planning', 'chunk', 'index', 'sequences' ]);
run_soak(seed => 20, rounds => 10);

done_testing();
