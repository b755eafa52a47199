# A source may be far away: small tables are asked for many at a time, so that workers
# wait for it once for all of them.  What they copy is as exact as one by one.  The
# table that fails is the one that is blamed, on the source or here; those before it
# stay, those behind it are asked for again together; so it is if the source takes back a
# right after planning, or somebody there waits to lock a table.  A worker that is killed in the
# middle of such a series leaves nothing twice, nor does a connection that is cut; and
# a job is cancelled there at once.  Rows that come twice are not those of the next table.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFar;
use PgCopyFaults;
use PgCopyLiar;
use PgCopyProxy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $TABLES = 300;
my $BATCH = 64;    # as in run/control.h

my ($source, $target) = new_pair('far_tables',
	source_conf => "max_connections = 60\nautovacuum = off\n",
	target_conf => "autovacuum = off\nrestart_after_crash = on\n");
new_database($source, 'app', 'held', 'sick', 'revoked', 'unread', 'twice');
create_holds($source, 'held');

# Tables: some with odd names, some generated, toasted, partitions, or without rows
# or columns; some with values that come as text.
sub tables
{
	my ($count) = @_;
	return <<'EOQ' =~ s/COUNT/$count/r;
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TABLE parent (id int, at date) PARTITION BY RANGE (id);
DO $$
DECLARE
	name text;
BEGIN
	FOR i IN 1 .. COUNT LOOP
		name := format(CASE i % 10 WHEN 1 THEN 'Odd "name" %s' WHEN 2 THEN E'-- new\nline; COPY %s' ELSE 't_%s' END, i);
		IF i % 10 = 3 THEN
			EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (2 * id) STORED, v text)', name);
		ELSIF i % 10 = 4 THEN
			EXECUTE format('CREATE TABLE %I (id int, pad text, v text); ALTER TABLE %1$I ALTER v SET STORAGE EXTERNAL, ALTER v SET DEFAULT repeat(''long'', 2000)', name);
		ELSIF i % 10 = 5 THEN
			EXECUTE format('CREATE TABLE %I PARTITION OF parent FOR VALUES FROM (%s) TO (%s)', name, i * 100, i * 100 + 100);
		ELSIF i % 10 = 6 THEN
			EXECUTE format('CREATE TABLE %I (id int, m mood DEFAULT ''high'', a mood[] DEFAULT ''{low,high}'', x xml DEFAULT ''<a/>'')', name);
		ELSIF i = 7 THEN
			EXECUTE format('CREATE TABLE %I ()', name);
			CONTINUE;
		ELSE
			EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, v text DEFAULT ''v'')', name);
		END IF;
		IF i <> 8 THEN
			EXECUTE format('INSERT INTO %I (id) SELECT %s + g FROM generate_series(1, 20) g', name, i * 100);
		END IF;
	END LOOP;
END $$;
EOQ
}
$source->safe_psql('app', tables($TABLES));
$source->safe_psql('held', tables($BATCH + 20));
$source->safe_psql('held', 'CREATE TABLE held (id int CHECK (hold.here(1))); INSERT INTO held SELECT generate_series(1, 20)');
new_database($target, qw(counted killed cut sick revoked unread twice));

#
# Round trips
#
my $far = PgCopyFar->new($source, 1);    # the count is that of any distance
my $job = clone_ok($target, $far->conninfo(db => 'app'), db => 'counted', name => 'tables of a far source are copied');
assert_same($source, $target, source_db => 'app', db => 'counted');
my @worker = grep { $_->{name} =~ /worker/ && grep { $_->{text} =~ /^(?:SAVEPOINT|ROLLBACK TO)/ } @{ $_->{queries} } } $far->seen;
my ($turns, $series, $shortest) = (0, 0);
foreach my $worker (@worker)
{
	$turns += $worker->{turns};
	$series += grep { $_->{text} =~ /^(?:SAVEPOINT|ROLLBACK TO)/ } @{ $worker->{queries} };
}
diag(sprintf '%d round trips of %d workers, %d of them requests for rows', $turns, scalar @worker, $series);
diag(map { sprintf "%s: %d + %d: %s\n", $_->{name}, $_->{setup}, $_->{turns}, join ' | ', map { substr $_->{text}, 0, 40 } @{ $_->{queries} } } @worker) if $ENV{PGCOPY_TEST_VERBOSE};
cmp_ok($turns - $series, '<=', 10 * @worker, 'a worker asks a few times for its session, its snapshot and its end');
cmp_ok($series, '<=', $TABLES / $BATCH + 4 * @worker, 'it asks once for many tables');
$far->stop;

#
# Tables that fail
#
$source->safe_psql('sick', tables($BATCH));
$source->safe_psql('sick', <<'EOQ');
CREATE DOMAIN small AS int CHECK (value < 10 OR pg_catalog.current_setting('far.is_lax', true) IS NOT DISTINCT FROM 'on');
SET far.is_lax = 'on';
CREATE TABLE "refused here" (id small);
INSERT INTO "refused here" SELECT generate_series(1, 20);
CREATE TABLE "checked here" (id int CHECK (id < 10 OR pg_catalog.current_setting('far.is_lax', true) IS NOT DISTINCT FROM 'on'));
INSERT INTO "checked here" SELECT generate_series(1, 20);
CREATE TABLE "bad there" (id int);
INSERT INTO "bad there" SELECT generate_series(1, 20);
CREATE TABLE "bad at once" (id int);
INSERT INTO "bad at once" VALUES (0);
EOQ
$job = clone($target, conninfo($source, db => 'sick'), db => 'sick', on_error => 'continue', table_jobs => 1,
	row_filters => '{"public.bad there": "1 / (id - 15) IS NOT NULL", "public.bad at once": "1 / id IS NOT NULL"}');
wait_for_end($target, $job, db => 'sick');
is($target->safe_psql('sick', "SELECT object, sqlstate, count(*) >= 2 FROM pgcopy_errors WHERE job = $job GROUP BY 1, 2 ORDER BY 1"),
	join("\n", map { "table public.$_|t" } 'bad at once|22012', 'bad there|22012', 'checked here|23514', 'refused here|23514'),
	'the tables that fail are blamed, alone the second time');
is($target->safe_psql('sick', "SELECT string_agg(object_name, ', ' ORDER BY object_name) FROM pgcopy.item WHERE job = $job AND kind = 'table' AND (attempts > 1 OR state <> 'done')"),
	'bad at once, bad there, checked here, refused here', 'no other table is tried again');
assert_same($source, $target, source_db => 'sick', db => 'sick', name => 'all other tables are equal', ignore => qr/bad|checked here|refused here/);

#
# A right that is taken back after planning, and a table that somebody waits to lock
#
$source->safe_psql('postgres', 'CREATE ROLE reader LOGIN');
copy_roles($source, $target);
$source->safe_psql('revoked', tables($BATCH));
$source->safe_psql('revoked', 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader');
$target->safe_psql('revoked', 'CREATE EXTENSION pgcopydb_ext');
set_test_point($target, 'revoked', 'planning stored');
my $stop = hold($target, 'revoked', 100);
$job = clone($target, conninfo($source, db => 'revoked', user => 'reader'), db => 'revoked', on_error => 'continue', table_jobs => 1);
wait_held($target, 'revoked', 100, $job);
$source->safe_psql('revoked', 'REVOKE SELECT ON t_10, t_38 FROM reader');
my $locker = $source->background_psql('revoked', on_error_stop => 0);
$locker->query_until(qr/begun/, "\\echo begun\nBEGIN; LOCK TABLE t_20;\nROLLBACK;\n");
wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE relation = 't_20'::regclass AND NOT granted", db => 'revoked', what => 'somebody to wait for a lock');
release($stop);
wait_for_end($target, $job, db => 'revoked');
is($target->safe_psql('revoked', "SELECT DISTINCT object, sqlstate, message FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY 1"),
	join("\n", map { "table public.$_|42501|permission denied for table $_" } 't_10', 't_38'), 'tables that may not be read any more are blamed');
is($target->safe_psql('revoked', "SELECT string_agg(object_name, ', ' ORDER BY object_name) FROM pgcopy.item WHERE job = $job AND kind = 'table' AND (attempts > 1 OR state <> 'done')"),
	't_10, t_20, t_38', 'no others but the locked one are tried again');
$locker->quit;
$source->safe_psql('revoked', 'GRANT SELECT ON t_10, t_38 TO reader; ALTER TABLE t_10 DROP CONSTRAINT t_10_pkey; ALTER TABLE t_38 DROP CONSTRAINT t_38_pkey');
assert_same($source, $target, source_db => 'revoked', db => 'revoked', name => 'all but the refused ones are equal', ignore => qr/t_10|t_38/);

#
# A statement that the source cannot parse: it runs none of them.  What is asked is checked
# as the job is ordered, so it is changed behind its back.
#
$source->safe_psql('unread', tables($BATCH));
$target->safe_psql('unread', 'CREATE EXTENSION pgcopydb_ext');
set_test_point($target, 'unread', 'planning stored');
$stop = hold($target, 'unread', 100);
$job = clone($target, conninfo($source, db => 'unread'), db => 'unread', on_error => 'continue', table_jobs => 1,
	row_filters => '{' . join(', ', map { qq("public.t_$_": "v <> '@{[ '\\u00e9' x 200 ]}'") } 10, 20, 30, 40, 50, 60) . '}');
wait_held($target, 'unread', 100, $job);
is($target->safe_psql('unread', "WITH changed AS (UPDATE pgcopy.relation SET row_condition = 'id >' WHERE job = $job AND table_name IN ('t_18', 't_38') RETURNING 1) SELECT count(*) FROM changed"), 2, 'two tables cannot be asked for');
release($stop);
wait_for_end($target, $job, db => 'unread');
is($target->safe_psql('unread', "SELECT DISTINCT object, sqlstate, message FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY 1"),
	join("\n", map { "table public.$_|42601|syntax error at or near \")\"" } 't_18', 't_38'), 'they are blamed');
is($target->safe_psql('unread', "SELECT string_agg(object_name, ', ' ORDER BY object_name) FROM pgcopy.item WHERE job = $job AND kind = 'table' AND (attempts > 1 OR state <> 'done')"),
	't_18, t_38', 'and no others are tried again');
assert_same($source, $target, source_db => 'unread', db => 'unread', name => 'all others are equal', schema => 0, ignore => qr/t_[13]8/);

#
# One answer too many, and an error that is none of it later
#
$source->safe_psql('twice', <<'EOQ');
CREATE TABLE one (id int); INSERT INTO one SELECT generate_series(1, 2000);
CREATE TABLE two (id int); INSERT INTO two SELECT generate_series(1, 1000);
CREATE TABLE bad (id int); INSERT INTO bad VALUES (0);
EOQ
$source->safe_psql('twice', join ';', map { "CREATE TABLE empty_$_ ()" } 1 .. 8);    # so that the others are asked for together
my $liar = PgCopyLiar->new($source);
my @option = (db => 'twice', on_error => 'continue', table_jobs => 1, row_filters => '{"public.bad": "1 / id IS NOT NULL"}');
$job = clone($target, $liar->conninfo(db => 'twice'), @option);
wait_for_end($target, $job, db => 'twice');
my ($query) = grep { $_->{session} eq 'worker' && $_->{text} =~ /^COPY "public"\."one"/ } $liar->seen;
$liar->plan({ %$query{qw(session shape nth)}, lie => 'a COPY twice' });
new_database($target, 'liar');
$job = clone($target, $liar->conninfo(db => 'twice'), @option, db => 'liar');
wait_for_end($target, $job, db => 'liar');
is(scalar $liar->told, 1, 'rows are told twice');
is($target->safe_psql('liar', "SELECT DISTINCT object, sqlstate FROM pgcopy_errors WHERE job = $job ORDER BY 1"),
	"table public.bad|22012\ntable public.one|08P01", 'the table they come with is blamed');
is($target->safe_psql('liar', 'SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM two), (SELECT max(id) FROM two)'),
	'2000|1000|1000', 'and none has those of another');
$liar->stop;

# Begin a clone that stands in the middle of a series.
sub hold_one
{
	my ($db, $conninfo, @option) = @_;
	my $hold = hold($target, $db, 1);
	my $job = clone($target, $conninfo, db => $db, table_jobs => 1, @option);

	wait_held($target, $db, 1, $job);
	return ($job, $hold);
}
my $worker_sql = "SELECT pid FROM pgcopy_workers WHERE doing = 'table' AND pid IN (SELECT pid FROM pg_locks WHERE NOT granted)";

#
# A worker that is ended, and one that crashes the server, in the middle of a series
#
($job, my $hold) = hold_one('killed', conninfo($source, db => 'held'));
my $pid = $target->safe_psql('killed', $worker_sql);
$target->safe_psql('killed', "SELECT pg_terminate_backend($pid)");
wait_until($target, "SELECT count(*) = 1 FROM pgcopy.item WHERE job = $job AND object_name = 'held' AND state = 'running' AND attempts = 2 AND pid <> $pid",
	db => 'killed', job => $job, what => 'the second attempt');
wait_held($target, 'killed', 1, $job);
kill 'KILL', $target->safe_psql('killed', $worker_sql);
eval { release($hold) };
ok(wait_until($target, "SELECT state = 'interrupted' FROM pgcopy_jobs WHERE job = $job", db => 'killed'), 'a worker is killed in the middle of a series');
$target->safe_psql('killed', "SELECT pgcopy_resume($job, consistent => false)");
ok(wait_for_state($target, $job, 'done', db => 'killed'), 'the job is resumed');
assert_same($source, $target, source_db => 'held', db => 'killed');
assert_frozen($target, db => 'killed');

#
# A connection that is cut there
#
my $proxy = PgCopyProxy->new($source);
($job, $hold) = hold_one('cut', $proxy->conninfo(db => 'held'));
$proxy->cut;
release($hold);
ok(wait_for_state($target, $job, 'done', db => 'cut'), 'the connections are cut in the middle of a series');
assert_same($source, $target, source_db => 'held', db => 'cut');

#
# A job that is cancelled there.  Its tables exist, so it takes back their rows.
#
new_database($target, 'cancelled');
$job = clone_ok($target, conninfo($source, db => 'held'), db => 'cancelled', sections => '{pre-data,post-data}', name => 'tables are made before');
$target->safe_psql('cancelled', "SELECT pgcopy_drop($job)");
($job, $hold) = hold_one('cancelled', conninfo($source, db => 'held'), sections => '{data}');
my $begun = time;
$target->safe_psql('cancelled', "SELECT pgcopy_cancel($job)");
ok(wait_for_state($target, $job, 'cancelled', db => 'cancelled'), 'a job is cancelled in the middle of a series');
cmp_ok(time() - $begun, '<', 3, 'at once');
ok(wait_until($source, "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name ~ '^(pgcopy|pg_dump\$)'"), 'nothing is left on the source');
release($hold);
cmp_ok($target->safe_psql('cancelled', "SELECT count(*) FROM pgcopy.item WHERE job = $job AND kind = 'table' AND state = 'done'"), '>', 20, 'some tables are done');
$source->safe_psql('held', 'DELETE FROM t_9; DELETE FROM t_10 WHERE id % 2 = 0');
$target->safe_psql('cancelled', "SELECT pgcopy_resume($job, consistent => true)");
ok(wait_for_state($target, $job, 'done', db => 'cancelled'), 'the job is resumed');
assert_same($source, $target, source_db => 'held', db => 'cancelled');

$proxy->stop;
$_->stop for $source, $target;
done_testing();
