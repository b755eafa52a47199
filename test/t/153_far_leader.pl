# A source that is far away is asked much at a time.  Before pg_dump begins, a plain
# clone waits at most 25 times for an answer, and as often for 300 tables as for
# three.  What fails among questions that are sent together is reported as if it had
# been asked alone, what the others said still counts, and a wait for a far answer can
# be cancelled.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFar;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($source, $target) = new_pair('far');
my $far = PgCopyFar->new($source, 2);
my @many = map { "CREATE TABLE t$_ (id int PRIMARY KEY, v text); INSERT INTO t$_ SELECT g, g::text FROM generate_series(1, 20) g;" } 1 .. 300;
new_database($source, qw(many few));
$source->safe_psql('many', "BEGIN; @many COMMIT; CREATE SEQUENCE s; SELECT setval('s', 42)");
$source->safe_psql('few', "@many[0 .. 2]");
new_database($target, qw(many few refused refused_later hidden cancelled));

# Clone; returns the round trips before pg_dump, of ours and of set-up.
sub count_for
{
	my ($db, @option) = @_;
	$far->forget;
	clone_ok($target, $far->conninfo(db => $db), db => $db, name => "$db: the clone ends done", @option);
	assert_same($source, $target, db => $db, source_db => $db);
	my ($own, $setup, $connections) = $far->turns_before('pg_dump');
	note($far->report) if $own > 25;
	diag("$db: $own round trips before pg_dump, and $setup to set up $connections connections");
	return ($own, $connections);
}

my ($few) = count_for('few');
my ($many, $connections) = count_for('many');
cmp_ok($many, '<=', 25, 'a clone of 300 tables waits at most 25 times before pg_dump begins');
is($many, $few, 'as often as one of three tables');
is($connections, 2, 'and connects twice');
my ($leader) = grep { $_->{name} =~ /leader$/ } $far->seen;
cmp_ok($leader->{turns}, '<=', 25, 'nor does its leader wait more often until it ends');
my ($dump) = grep { $_->{name} eq 'pg_dump' } $far->seen;
diag("pg_dump itself: $dump->{turns} round trips");

# the snapshot is taken when the tables are locked, and settings come before what reads
my ($locks) = grep { $_->{text} =~ /^BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE ONLY/ } @{ $leader->{queries} };
ok($locks, 'locks and snapshot are one message, the locks first');

#
# Questions that fail.
#
$source->safe_psql('postgres', 'CREATE ROLE reader LOGIN');
copy_roles($source, $target);
new_database($source, 'guarded');
$source->safe_psql('guarded', <<'EOQ');
CREATE TABLE a (id int);
CREATE TABLE secret (id int);
GRANT SELECT ON a TO reader;
EOQ

sub error_of
{
	my ($db, %opt) = @_;
	my $job = clone($target, $far->conninfo(db => 'guarded', user => 'reader'), db => $db, %opt);
	is(wait_for_end($target, $job, db => $db), 'failed', "$db: the job fails");
	return $target->safe_psql($db, <<EOQ);
SELECT sqlstate || ': ' || message || ' / ' || substr(concat(context, detail), 1, 50) FROM pgcopy_errors WHERE job = $job AND is_final
EOQ
}

is(error_of('hidden'), '42501: the source\'s role may not read 1 table / Not readable: public.secret.',
	'an answer that is a reason not to clone is reported');

$source->safe_psql('guarded', 'REVOKE SELECT ON pg_catalog.pg_largeobject_metadata FROM PUBLIC; GRANT SELECT ON secret TO reader');
is(error_of('refused'), '42501: permission denied for table pg_largeobject_metadata / on the source: SELECT m.oid::pg_catalog.text FROM ',
	'a question that the source refuses is reported with its own text');
$source->safe_psql('guarded', 'GRANT SELECT ON pg_catalog.pg_largeobject_metadata TO PUBLIC; REVOKE SELECT ON pg_catalog.pg_policy FROM PUBLIC');
is(error_of('refused_later'), '42501: permission denied for table pg_policy / on the source: SELECT CASE WHEN s.reset_val IN (\'C',
	'so is one in the transaction of the snapshot');

#
# A wait can be cancelled: the answer to the locks is on its way, for seconds.
#
my $blocker = $source->background_psql('few');
$blocker->query_safe('BEGIN; LOCK TABLE t2 IN ACCESS EXCLUSIVE MODE');
my $job = clone($target, $far->conninfo(db => 'few'), db => 'cancelled');
wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 't2'::regclass",
	db => 'few', what => 'the leader to wait for a lock');
$far->delay(8000);
$blocker->query_safe('COMMIT');
$blocker->quit;
wait_until($source, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name ~ 'leader$' AND state = 'idle in transaction'},
	db => 'few', what => 'the leader\'s locks to be granted');
my $begun = time();
$target->safe_psql('cancelled', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'cancelled'), 'cancelled', 'a job that waits for a far answer is cancelled');
cmp_ok(time() - $begun, '<', 4, 'at once');

done_testing();
