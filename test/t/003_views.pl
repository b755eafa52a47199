# The views show a clone while it happens: rows and bytes move within one table,
# the percentage never runs backwards and reaches 100 only at the end, and it is
# plain what each worker does and what it waits for.  Everything fits a
# terminal.  After the end there is a summary, until the job is dropped.  A job
# exists when its transaction commits and not before: none is left, and the
# source is not touched, when that rolls back, be it a savepoint or a prepared
# transaction.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my ($source, $target) = new_pair('views');
new_database($source, 'app');
new_database($target, 'app', 'held');

$source->safe_psql('app', <<'EOQ');
CREATE TABLE large (id int PRIMARY KEY, a text, b numeric[], c jsonb);
INSERT INTO large SELECT g, md5(g::text), ARRAY[g, g / 3.0, NULL], jsonb_build_object('k', g, 'v', repeat('x', 150))
FROM generate_series(1, 1000000) g;
CREATE INDEX large_a ON large (a);
CREATE TABLE "Odd ""name""" (a int PRIMARY KEY);
INSERT INTO "Odd ""name""" SELECT generate_series(1, 100);
CREATE TABLE refers (a int REFERENCES large);
EOQ

# One large table, one stream: what does somebody see who looks all the time?
my $job = clone($target, conninfo($source, db => 'app'), db => 'app', split_tables_larger_than => '0');
my (@percent, %bytes, %rows, %job_bytes, %states, $longest, $state);
my $looker = $target->background_psql('app');
my $end = time() + 120;
$longest = '';
do
{
	my $row = $looker->query_safe(<<EOQ);
SELECT coalesce((SELECT bytes_done || '|' || rows_done || '|' || percent || '|' || state FROM pgcopy_tables WHERE job = $job AND table_name = 'large'), '|||') || '|' ||
	j.percent || '|' || j.bytes_done || '|' || j.state FROM pgcopy_jobs j WHERE j.job = $job
EOQ
	my ($bytes, $rows, $table_percent, $table_state, $percent, $all, $job_state) = split /\|/, $row, -1;
	push @percent, $percent;
	$states{$job_state} = 1;
	$job_bytes{$all} = 1;
	if ($table_state eq 'copying')
	{
		$bytes{$bytes} = 1;
		$rows{$rows} = 1;
	}
	my $shown = $looker->query_safe("\\pset format aligned\n\\pset tuples_only off\nSELECT * FROM pgcopy_progress;\n\\pset format unaligned\n\\pset tuples_only on");
	my ($rule) = $shown =~ /^(-[-+]*-)$/m;
	$longest = $rule if length($rule // '') > length $longest;
	$state = $job_state;
	sleep(0.02);
} while ($state !~ /^(done|failed|cancelled|interrupted)$/ && time() < $end);
$looker->quit;

is($state, 'done', 'the clone ends done');
cmp_ok(scalar keys %bytes, '>=', 4, 'bytes_done moves while a single table is copied');
cmp_ok(scalar keys %rows, '>=', 4, 'rows_done moves while a single table is copied');
cmp_ok(scalar keys %job_bytes, '>=', 3, 'the bytes of the job move too');
is(scalar(grep { $percent[$_] < $percent[ $_ - 1 ] } 1 .. $#percent), 0, 'percent never runs backwards');
is($percent[-1], '100', 'percent ends at 100');
is(scalar(grep { $_ == 100 } @percent[ 0 .. $#percent - 1 ]), 0, 'percent is at most 99 before the end');
ok($states{copying}, 'the state copying was seen');
cmp_ok(length $longest, '<=', 110, 'pgcopy_progress fits 110 columns') or diag($longest);
cmp_ok(length $longest, '>', 60, 'and was looked at');
assert_same($source, $target, source_db => 'app', db => 'app');

is( $target->safe_psql('app', "SELECT tables, indexes, progress ~ '^.{20}\$', copied <> '', rate ~ '/s\$' FROM pgcopy_progress WHERE job = $job"),
	'3/3|3/3|t|t|t', 'the line of an ended job counts tables, indexes, bytes');
is( $target->safe_psql('app', "SELECT tables_done, tables_total, indexes_done, indexes_total, rows_done, errors, ended > started, elapsed > '0' FROM pgcopy_jobs WHERE job = $job"),
	'3|3|3|3|1000100|0|t|t', 'pgcopy_jobs gives the same in numbers');
is( $target->safe_psql('app', "SELECT table_name, state, percent, rows_done, duration IS NOT NULL FROM pgcopy_tables WHERE job = $job ORDER BY 1"),
	qq(Odd "name"|copied|100|100|t\nlarge|copied|100|1000000|t\nrefers|copied|100|0|t), 'pgcopy_tables has a line for each table');
is( $target->safe_psql('app', "SELECT state, percent, count(*) FROM pgcopy_indexes WHERE job = $job AND index_name IN ('large_pkey', 'large_a', 'Odd \"name\"_pkey') AND kind = 'index' GROUP BY 1, 2"),
	'done|100|3', 'pgcopy_indexes has a line for each index');
is($target->safe_psql('app', 'SELECT count(*) FROM pgcopy_workers'), '0', 'pgcopy_workers is empty at the end');
is($target->safe_psql('app', 'SELECT count(*) FROM pgcopy_errors'), '0', 'pgcopy_errors is empty');
my $summary = $target->safe_psql('app', "SELECT step, connection, wall_clock > '0', concurrency FROM pgcopy_summary($job)");
like($summary, qr/^COPY tables\|both\|t\|4$/m, 'the summary has the copy of tables');
like($summary, qr/^CREATE INDEX\|target\|t\|4$/m, 'and the indexes');
like($summary, qr/^Total wall clock\|both\|t\|8$/m, 'and the total');
my @missing = call_error($target, 'app', 'SELECT * FROM pgcopy_summary(4711)');
is("$missing[0] $missing[1]", '42704 job 4711 does not exist', 'a job that does not exist has no summary');
$target->safe_psql('app', 'CREATE ROLE stranger; GRANT EXECUTE ON FUNCTION pgcopy_summary(bigint) TO stranger');
@missing = call_error($target, 'app', "SET ROLE stranger; SELECT * FROM pgcopy_summary($job)");
is("$missing[0] $missing[1]", "42704 job $job does not exist", '... nor has one of somebody else');

# A job that is held shows who does what.
$source->safe_psql('app', 'DROP TABLE large CASCADE');
create_holds($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE slow (a int CHECK (hold.here(1)));
INSERT INTO slow SELECT generate_series(1, 1000);
EOQ
my $hold = hold($target, 'held', 1);
$job = clone($target, conninfo($source, db => 'app'), db => 'held');
wait_held($target, 'held', 1, $job);
is( $target->safe_psql('held', "SELECT doing, schema_name, object_name, wait_event_type, since >= '0', blocked_by <> '{}' FROM pgcopy_workers WHERE job = $job AND object_name = 'slow'"),
	'table|public|slow|Lock|t|t', 'pgcopy_workers says what a worker does and that it waits');
is( $target->safe_psql('held', "SELECT count(*) FROM pgcopy_workers WHERE job = $job AND process = 'leader'"),
	'1', 'pgcopy_workers has the leader too');
is( $target->safe_psql('held', "SELECT pgcopy_wait($job, '10 ms')"),
	'copying', 'pgcopy_wait returns the state when its time is over');
is( $target->safe_psql('held', "SELECT state FROM pgcopy_tables WHERE job = $job AND table_name = 'slow'"),
	'copying', 'pgcopy_tables says which table is being copied');
my ($code) = call_error($target, 'held', "SELECT pgcopy_drop($job)");
isnt($code, '', 'a job that runs cannot be dropped');
like($code, qr/^55/, 'and the SQLSTATE says that it is not in the right state');
release($hold);
is($target->safe_psql('held', "SELECT pgcopy_wait($job)"), 'done', 'pgcopy_wait waits for the end');
is($target->safe_psql('held', "SELECT pgcopy_cancel($job)"), 'f', 'an ended job cannot be cancelled any more');
is($target->safe_psql('held', "SELECT pgcopy_drop($job)"), 't', 'an ended job can be dropped');
is($target->safe_psql('held', 'SELECT count(*) FROM pgcopy_jobs'), '0', 'then the views do not show it any more');

# A job belongs to its transaction.
$target->safe_psql('held', 'DROP SCHEMA hold CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE EXTENSION IF NOT EXISTS pgcopydb_ext');
my $tx = $target->background_psql('held', on_error_stop => 0);
my $source_info = quote_literal(conninfo($source, db => 'app'));
$tx->query_safe('BEGIN');
$job = $tx->query_safe("SELECT pgcopy_clone($source_info)");
($code) = call_error($target, 'held', "BEGIN; SELECT pgcopy_wait(pgcopy_clone($source_info))");
isnt($code, '', 'waiting for a job of the same transaction is an error');
is($target->safe_psql('held', 'SELECT count(*) FROM pgcopy_jobs'), '0', 'a job is not there before its transaction commits');
is(source_sessions($source), '0', 'and has not touched the source');
$tx->query_safe('ROLLBACK');
ok(is_quiet($source, $target, 10), 'nothing is left of a job that was rolled back');
$tx->query_safe('BEGIN; SAVEPOINT s');
$tx->query_safe("SELECT pgcopy_clone($source_info)");
$tx->query_safe('ROLLBACK TO s');
$tx->query_safe('COMMIT');
ok(is_quiet($source, $target, 10), 'nor of one whose savepoint was rolled back');
is($target->safe_psql('held', 'SELECT count(*) FROM pgcopy_jobs'), '0', 'no job was made');
$tx->query_safe("BEGIN; SELECT pgcopy_clone($source_info)");
$tx->query_safe("PREPARE TRANSACTION 'p'");
is($target->safe_psql('held', 'SELECT count(*) FROM pgcopy_jobs'), '0', 'a prepared job is not there yet');
$tx->query_safe("COMMIT PREPARED 'p'");
$job = $target->safe_psql('held', 'SELECT max(job) FROM pgcopy_jobs');
is($target->safe_psql('held', "SELECT pgcopy_wait($job)"), 'done', 'a prepared job starts when it is committed');
$tx->quit;

$source->stop;
$target->stop;
done_testing();
