# What users should know is told before the first row is read, in pgcopy_notices
# and in the server log, once, also when the job is resumed.  Settings of the
# target that cost this job time are named, with a better value; none where
# there is nothing to gain or a standby needs it as it is.  What the role on the
# source may not see is counted and named, with what to do. pgcopy_progress
# points there.  Notices go with their job.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

# The least of everything.
my ($source, $target) = new_pair('notices', target_conf => <<'EOC');
max_wal_size = 32MB
min_wal_size = 32MB
wal_level = replica
wal_compression = pglz
maintenance_work_mem = 1MB
max_worker_processes = 3
EOC
new_database($source, 'large', 'small');
$source->safe_psql('small', 'CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 1000) g; CREATE INDEX ON t (a)');
$source->safe_psql('large', <<'EOQ');
CREATE TABLE t (a int, b text);
ALTER TABLE t ALTER b SET STORAGE PLAIN;
INSERT INTO t SELECT g, repeat('x', 7900) FROM generate_series(1, 20000) g;
CREATE INDEX t_a ON t (a);
CREATE INDEX t_down ON t (a DESC);
EOQ
create_holds($source, 'large');
$source->safe_psql('large', 'CREATE TABLE held (a int CHECK (hold.here(1))); INSERT INTO held VALUES (1)');

# Clone a database into one of its own, and return its notices as text.
sub notices_of
{
	my ($db, $name, %opt) = @_;

	new_database($target, $name);
	clone_ok($target, conninfo($source, db => $db), db => $name, %opt, name => "the clone $name ends done");
	return $target->safe_psql($name, 'SELECT setting, value, suggestion FROM pgcopy_notices');
}

my $offset = -s $target->logfile;
my $notices = notices_of('large', 'tight', split_tables_larger_than => '0');
is($notices, <<'EOT' =~ s/\n\z//r, 'each setting that is too small for the job is named');
max_wal_size|32MB|128MB
wal_level|replica|minimal
wal_compression|pglz|lz4
pgcopy.maintenance_work_mem|0|64MB
max_worker_processes|3|13
EOT
my $log = slurp_file($target->logfile, $offset);
like($log, qr/LOG:  pgcopy job 1: .*max_wal_size.*\n.*HINT:  Set "max_wal_size" to '128MB'\./, 'the server log has them too');
my @hints = split /\n/, $target->safe_psql('tight', 'SELECT hint FROM pgcopy_notices WHERE setting IS NOT NULL');
is(scalar(grep { /^ALTER / && $target->psql('postgres', $_) == 0 } @hints), 5, 'each hint is a statement that works in a new session');
$target->safe_psql('postgres', 'ALTER SYSTEM RESET ALL; ALTER DATABASE tight RESET ALL');
is($target->safe_psql('tight', 'SELECT pgcopy_drop(1); SELECT count(*) FROM pgcopy.notice'), "t\n0",
	'they go with their job');

# While a job runs and has nothing else to say, pgcopy_progress points there.
new_database($target, 'watched');
my $hold = hold($target, 'watched', 1);
my $job = clone($target, conninfo($source, db => 'large'), db => 'watched');
wait_held($target, 'watched', 1, $job);
is($target->safe_psql('watched', 'SELECT message FROM pgcopy_progress'),
	'slow settings: SELECT * FROM pgcopy_notices', 'a running job points at its notices');
release($hold);
ok(wait_for_state($target, $job, 'done', db => 'watched'), 'and ends done');

is(notices_of('small', 'tight_but_small'), '', 'a small job has nothing to gain by larger ones');


# What serves a standby or slot has to stay; what is large enough is not named.
$target->append_conf('postgresql.conf', <<'EOC');
max_wal_size = 4GB
wal_compression = lz4
pgcopy.maintenance_work_mem = 128MB
max_worker_processes = 16
EOC
$target->restart;
is(notices_of('large', 'ample', table_jobs => 2), '', 'nothing is said where all is large enough');
is($target->safe_psql('ample', "SELECT count(*), count(*) FILTER (WHERE bytes_total BETWEEN 20000000 AND 33554432)
	FROM pgcopy.item WHERE kind = 'table' AND object_name = 't'"),
	'6|6', 'a table that is most of all is split by default, into chunks of some tens of MB');

# A table that is split is logged whatever wal_level is.

$target->append_conf('postgresql.conf', "max_wal_size = 32MB\n");
$target->reload;
is(notices_of('large', 'unread', split_tables_larger_than => '0'), "max_wal_size|32MB|128MB\nwal_level|replica|minimal", 'WAL that nobody reads is named');
$target->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('standby')");
is(notices_of('large', 'read', split_tables_larger_than => '0'), 'max_wal_size|32MB|128MB', 'WAL that a slot may need is not');

#
# What the source does not show to our role
#
new_database($source, 'hidden', 'seen');
$source->safe_psql('postgres', <<'EOQ');
CREATE ROLE reader LOGIN;
CREATE ROLE others LOGIN;
EOQ
$target->safe_psql('postgres', 'CREATE ROLE reader; CREATE ROLE others');
create_holds($source, 'hidden');
foreach my $db ('hidden', 'seen')
{
	$source->safe_psql($db, <<'EOQ');
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR reader SERVER s OPTIONS (password 'own');
CREATE USER MAPPING FOR others SERVER s OPTIONS (password 'hidden');
CREATE USER MAPPING FOR PUBLIC SERVER s;
CREATE SERVER "Own" FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR PUBLIC SERVER "Own";
ALTER SERVER "Own" OWNER TO reader;
CREATE SUBSCRIPTION sub CONNECTION 'host=192.0.2.1' PUBLICATION p WITH (connect = false, slot_name = NONE);
GRANT USAGE ON FOREIGN SERVER s TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
EOQ
}
$source->safe_psql('hidden', 'GRANT USAGE ON SCHEMA hold TO reader; ALTER TABLE t ADD CHECK (hold.here(1))');
new_database($target, 'hidden', 'seen');

# The leader is terminated in the midst, so that the job is read about twice.
my $query = 'SELECT object, message, hint FROM pgcopy_notices WHERE setting IS NULL ORDER BY at';
my $told = <<'EOT' =~ s/\n\z//r;
|pg_dump: subscriptions not dumped because current user is not a superuser|
user mapping for others server s, user mapping for public server s|the source hides the options of 2 user mappings from the job's role: they may arrive without user and password|Connect to the source as a superuser, or add what is missing here with ALTER USER MAPPING.
subscription sub|1 subscription is not cloned: only superusers of the source may read it|Connect to the source as a superuser, or create them here with CREATE SUBSCRIPTION.
EOT
$offset = -s $target->logfile;
$hold = hold($target, 'hidden', 1);
$job = clone($target, conninfo($source, db => 'hidden', user => 'reader'), db => 'hidden');
wait_held($target, 'hidden', 1, $job);
is($target->safe_psql('hidden', $query), $told, 'what our role cannot see is counted and named');
is($target->safe_psql('hidden', 'SELECT message FROM pgcopy_progress'), 'see SELECT * FROM pgcopy_notices', 'a running job points at it');
$log = slurp_file($target->logfile, $offset);
like($log, qr/LOG:  pgcopy job 1: \Q$_\E/, "the server log has it: $_")
  foreach map { (split /\|/)[1] } split /\n/, $told;
like($log, qr/DETAIL:  subscription sub\n.*HINT:  Connect to the source as a superuser/, '... with what it is about and what to do');
$target->safe_psql('hidden', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'hidden'), 'cancelled', 'it is cancelled');
release($hold);
$offset = -s $target->logfile;
$target->safe_psql('hidden', "SELECT pgcopy_resume($job)");
is(wait_for_end($target, $job, db => 'hidden'), 'done', '... and resumed under a new snapshot');
is($target->safe_psql('hidden', $query), $told, 'nothing is told twice');
unlike(slurp_file($target->logfile, $offset), qr/subscription/, '... nor logged');
like($target->safe_psql('hidden', 'SELECT message FROM pgcopy_progress'), qr/^took \S+, but SELECT \* FROM pgcopy_notices$/, 'a job that is done points there too');
is($target->safe_psql('hidden', "SELECT umoptions FROM pg_user_mappings WHERE usename = 'reader'"), '{password=own}', 'what the role sees arrives');
clone_ok($target, conninfo($source, db => 'seen'), db => 'seen', name => 'a superuser clones the same');
is($target->safe_psql('seen', $query), '', '... and sees all');

#
# What belongs to a database but is not in it
#
my $shop = 'The "shop"';
$source->safe_psql('postgres', "CREATE DATABASE shop TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'; CREATE ROLE \"App rw\"");
$target->safe_psql('postgres', 'CREATE ROLE "App rw"');
new_database($target, $shop =~ s/"/""/gr, 'plain');
$source->safe_psql('postgres', <<'EOQ');
ALTER DATABASE shop SET search_path = sales, "Odd, name", public;
ALTER DATABASE shop SET timezone = 'Asia/Tokyo';
ALTER DATABASE shop SET "app.tenant" = 'it''s 7';
ALTER DATABASE shop SET work_mem = '7MB';
ALTER ROLE "App rw" IN DATABASE shop SET statement_timeout = '5s';
COMMENT ON DATABASE shop IS 'the shop''s';
GRANT CREATE ON DATABASE shop TO "App rw" WITH GRANT OPTION;
REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC;
EOQ
$target->safe_psql('postgres', 'ALTER DATABASE "The ""shop""" SET work_mem = \'7MB\'; ALTER DATABASE "The ""shop""" SET timezone = \'UTC\'');
clone_ok($target, conninfo($source, db => 'shop'), db => $shop, name => 'a database with settings is cloned');
$query = 'SELECT message, hint FROM pgcopy_notices WHERE setting IS NULL ORDER BY at';
is($target->safe_psql($shop, $query), <<'EOT' =~ s/\n\z//r, 'what this database has not is told, with the statements');
settings of the source database are not those of this one: TimeZone = Asia/Tokyo, app.tenant = it's 7, search_path = sales, "Odd, name", public, statement_timeout = 5s (role "App rw")|ALTER DATABASE "The ""shop""" SET "TimeZone" TO 'Asia/Tokyo'; ALTER DATABASE "The ""shop""" SET "app.tenant" TO 'it''s 7'; ALTER DATABASE "The ""shop""" SET search_path TO 'sales', 'Odd, name', 'public'; ALTER ROLE "App rw" IN DATABASE "The ""shop""" SET statement_timeout TO '5s'; -- or clone with database_properties => true
the databases differ in encoding SQL_ASCII there and UTF8 here: text may sort and compare differently|ORDER BY and ranges of text (BETWEEN, <, partitions, CHECK) follow the order here. Indexes are built in it, so they are right, and text keys stay unique. To have it as on the source, clone into a database made with CREATE DATABASE ... TEMPLATE template0 and these values.
the comment on the source database is not that on this one|COMMENT ON DATABASE "The ""shop""" IS 'the shop''s'; -- or clone with database_properties => true
privileges on the source database are not granted on this one: CREATE to "App rw"|GRANT CREATE ON DATABASE "The ""shop""" TO "App rw" WITH GRANT OPTION; -- or clone with database_properties => true
PUBLIC may do more with this database than with the source database: TEMPORARY|REVOKE TEMPORARY ON DATABASE "The ""shop""" FROM PUBLIC; -- or clone with database_properties => true
EOT
$target->safe_psql('postgres', $_) foreach map { split /\n/ } $target->safe_psql($shop, "SELECT hint FROM pgcopy_notices WHERE setting IS NULL AND hint NOT LIKE '%To have%'");
$target->safe_psql($shop, 'SELECT pgcopy_drop(1)');
clone_ok($target, conninfo($source, db => 'shop'), db => $shop, name => 'it is cloned again after these statements');
like($target->safe_psql($shop, $query), qr/\Athe databases differ in encoding [^\n]*\z/, 'which were right');
clone_ok($target, conninfo($source, db => 'shop'), db => 'plain', no_comments => 'true', no_privileges => 'true', name => 'it is cloned without comments and privileges');
unlike($target->safe_psql('plain', $query), qr/comment|privileges|PUBLIC/, '... whose difference is not told then');

done_testing();
