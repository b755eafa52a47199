# A job that follows tells before it makes anything what stands in its way, all at
# once; and what it has made on the source goes with the job: a cancel says what it
# keeps, cleanup and drop remove it, and if the source is away for good the SQL that
# removes it is told.  The extension stays as long as it is needed for that.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('settle', source_conf => "wal_level = logical\nmax_replication_slots = 4\nmax_wal_senders = 4\n");
my $text = '';

# Run SQL on the target; returns its output, NOTICEs and errors included.
sub say_sql
{
	my ($db, $sql) = @_;
	my ($out, $err);

	$target->psql($db, $sql, stdout => \$out, stderr => \$err);
	return "$out\n$err";
}

sub new_target
{
	$target->safe_psql('postgres', "CREATE DATABASE $_[0]");
	$target->safe_psql($_[0], 'CREATE EXTENSION pgcopydb_ext');
}

# What jobs have left on the source.
sub left
{
	return $source->safe_psql('app', q(
		SELECT 'slot' FROM pg_replication_slots UNION ALL
		SELECT 'publication' FROM pg_publication WHERE pubname ~ '^pgcopy_' UNION ALL
		SELECT 'identity of ' || relname FROM pg_class WHERE relname = 'keyless' AND relreplident <> 'd' UNION ALL
		SELECT 'setting' FROM pg_db_role_setting ORDER BY 1));
}

sub left_here
{
	return $target->safe_psql($_[0], q(
		SELECT 'subscription' FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) UNION ALL
		SELECT 'setting' FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())));
}

# The text of an error that pgcopy_clone() throws at once.
sub refusal
{
	my ($conninfo, $options) = @_;
	return say_sql('postgres', "SELECT pgcopy_clone(" . quote_literal($conninfo) . ", follow => true" . ($options // '') . ")");
}

$source->safe_psql('postgres', 'CREATE DATABASE app');
$source->safe_psql('app', q(
	CREATE TABLE t (id int PRIMARY KEY, a text);
	INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 1000) AS g;
	CREATE TABLE keyless (a int);
	INSERT INTO keyless VALUES (1);
	CREATE ROLE plain LOGIN;
	GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain;
));
my $app = conninfo($source, db => 'app');

# What stands in the way on the source
$source->append_conf('postgresql.conf', "wal_level = replica\nmax_replication_slots = 1\nmax_wal_senders = 1\n");
$source->restart;
$text = refusal($app);
like($text, qr/wal_level of the source is "replica".*\n.*3 errors|wal_level of the source is "replica"/, 'wal_level is named');
like($text, qr/no room for 2 more replication slots/, 'the slots too');
like($text, qr/no room for 2 more replication connections/, 'and the connections, all at once');
like($text, qr/rds\.logical_replication/, 'with what managed services call it');
$source->append_conf('postgresql.conf', "wal_level = logical\nmax_replication_slots = 4\nmax_wal_senders = 4\n");
$source->restart;

new_target('fails');
my $job = clone($target, conninfo($source, db => 'app', user => 'plain'), db => 'fails', follow => 'true');
is(wait_for_end($target, $job, db => 'fails'), 'failed', 'a role without rights on the source cannot follow it');
$text = $target->safe_psql('fails', 'SELECT message, hint FROM pgcopy_errors');
like($text, qr/cannot use the replication protocol/, 'it may not replicate');
like($text, qr/may not create a publication/, 'nor create a publication');
like($text, qr/does not own what is to be published: public\.keyless, public\.t\b/, 'nor publish these tables');
is(left(), '', 'and the job has left nothing on the source');
like(say_sql('fails', "SELECT pgcopy_drop($job)"), qr/^t$/m, 'it is dropped');

# What stands in the way here; 18 has a setting of its own for origins
my $origins = $target->safe_psql('postgres', "SELECT name FROM pg_settings WHERE name IN ('max_active_replication_origins', 'max_replication_slots') ORDER BY name LIMIT 1");
$target->append_conf('postgresql.conf', "max_logical_replication_workers = 0\n$origins = 0\n");
$target->restart;
$text = refusal($app);
like($text, qr/no room for the worker of one more subscription/, 'no worker here');
like($text, qr/no room for the origin of one more subscription\. Raise $origins /, 'and no origin');
$target->append_conf('postgresql.conf', "max_logical_replication_workers = 4\n$origins = 10\n");
$target->restart;
$target->safe_psql('postgres', 'CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE postgres TO plain; GRANT EXECUTE ON FUNCTION pgcopy_clone TO plain');
$text = say_sql('postgres', 'SET ROLE plain; SELECT pgcopy_clone(' . quote_literal($app) . ', follow => true)');
like($text, qr/role "plain" cannot follow a source/, 'before 16 only superusers have subscriptions');

# A job that follows.
sub follow
{
	my ($db) = @_;
	$target->safe_psql("postgres", "CREATE DATABASE $db TEMPLATE template0"); $target->safe_psql($db, "CREATE EXTENSION pgcopydb_ext");
	my $id = clone($target, $app, db => $db, follow => 'true', without_identity => 'set');
	ok(wait_for_state($target, $id, 'following', db => $db), "$db: it follows");
	return $id;
}

# Cancel keeps all that a resume needs, and says so.
$job = follow('one');
like(left(), qr/identity of keyless\npublication\nslot/, 'the source has slot, publication and identity');
like(say_sql('one', 'SET default_transaction_read_only = off; DROP EXTENSION pgcopydb_ext'), qr/job $job is running/, 'the extension stays while it runs');
$text = say_sql('one', "SELECT pgcopy_cancel($job)");
like($text, qr/WARNING:  job $job keeps slot "pgcopy_\w+" on the source, which keeps WAL there: SELECT pgcopy_resume\($job\), or SELECT pgcopy_drop\($job\)/, 'cancel says what it keeps');
is(wait_for_end($target, $job, db => 'one'), 'cancelled', 'the job ends');
like($target->safe_psql('one', "SELECT message FROM pgcopy_progress WHERE job = $job"), qr/keeps slot/, 'and views say so too');
is($target->safe_psql('one', 'SELECT subenabled FROM pg_subscription'), 'f', 'nothing moves meanwhile');
like(left(), qr/slot/, 'the slot is there');
$text = say_sql('one', 'SET default_transaction_read_only = off; DROP EXTENSION pgcopydb_ext');
like($text, qr/ERROR:  job $job has a replication slot or a publication on its source.*HINT:  .*pgcopy_drop\($job\)/s, 'the extension stays');
$source->safe_psql('app', 'INSERT INTO t VALUES (0, NULL)');
say_sql('one', "SELECT pgcopy_resume($job)");
ok(wait_for_state($target, $job, 'following', db => 'one'), 'a resume follows again');
ok(wait_until($target, 'SELECT count(*) = 1001 FROM t', db => 'one', what => 'the row'), 'with what has come meanwhile');

# A drop that rolls back is repeated.
$text = say_sql('one', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'one'), 'cancelled', 'cancelled again');
say_sql('one', "BEGIN; SELECT pgcopy_drop($job); ROLLBACK");
is($target->safe_psql('one', "SELECT on_source FROM pgcopy.follow"), 't', 'a drop that rolls back is no drop');
like(say_sql('one', "SELECT pgcopy_drop($job)"), qr/^t$/m, 'drop');
is(left(), '', 'removes all on the source');
is(left_here('one'), '', 'and here');
like(say_sql('one', 'SET default_transaction_read_only = off; DROP EXTENSION pgcopydb_ext; SELECT 42'), qr/^42$/m, 'the extension may go now');

# Cancel with cleanup
$job = follow('two');
$text = say_sql('two', "SELECT pgcopy_cancel($job, cleanup => true)");
like($text, qr/^t$/m, 'cancel with cleanup');
unlike($text, qr/WARNING/, 'keeps nothing');
is(job_state($target, $job, db => 'two'), 'cancelled', 'the job is cancelled when it returns');
is(left(), '', 'and nothing is left on the source');
is(left_here('two'), '', 'nor here');
like(say_sql('two', "SELECT pgcopy_drop($job)"), qr/^t$/m, 'drop');

# The source is away.
$job = follow('three');
say_sql('three', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'three'), 'cancelled', 'cancelled');
$source->safe_psql('app', 'ALTER DATABASE app SET default_transaction_read_only = on');
$target->safe_psql('three', "SET default_transaction_read_only = off; UPDATE pgcopy.follow SET fence = 'set'");
$source->stop;
$text = say_sql('three', "SELECT pgcopy_drop($job)");
like($text, qr/ERROR:.*HINT:.*pgcopy_drop\($job, force => true\)/s, 'a drop without the source is refused, with a hint');
is($target->safe_psql('three', 'SELECT count(*) FROM pgcopy.follow'), '1', 'and nothing is forgotten');
is($target->safe_psql('three', 'SELECT count(*) FROM pg_subscription'), '1', 'nor dropped');
$text = say_sql('three', "SELECT pgcopy_drop($job, force => true)");
like($text, qr/NOTICE:  run this in the source's database when it can be reached/, 'force drops it');
is(left_here('three'), '', 'nothing is left here');
$source->start;
like(left(), qr/identity of keyless\npublication\nsetting\nslot/, 'the source still has it all');
my ($sql) = $text =~ /can be reached:\n(.*;)\n/s;
my ($out, $err) = ('', '');
$source->psql('app', $sql, stdout => \$out, stderr => \$err);
unlike($err, qr/ERROR/, 'the SQL runs');
is(left(), '', 'and removes it');

$source->stop;
$target->stop;
done_testing();
