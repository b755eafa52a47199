# Each argument of pgcopy_clone does what its name says, and nothing else:
# owners, privileges, comments and large objects can be left out one by one;
# foreign keys can be left NOT VALID; a size decides which tables are split, a
# format how rows travel, and neither changes the result.  By default the first
# error stops a job and says which object failed.  With on_error => 'continue'
# everything that does not depend on a failure is there in the end, and the
# errors are counted and listed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('options', source_conf => $EVERYTHING_CONF, target_conf => $EVERYTHING_CONF);
load_roles($source);
new_database($source, 'app', 'broken', 'everything');
new_database($target, qw(bare no_owner no_privileges split whole text binary continue stop everything));

$source->safe_psql('app', <<'EOQ');
CREATE SCHEMA app AUTHORIZATION ev_owner;
CREATE TABLE app.wide (id int PRIMARY KEY, filler text, toasted text);
ALTER TABLE app.wide ALTER toasted SET STORAGE EXTERNAL;
INSERT INTO app.wide SELECT g, repeat('x', 200), CASE WHEN g % 40 = 0 THEN repeat(md5(g::text), 120) END
FROM generate_series(1, 20000) g;
DELETE FROM app.wide WHERE id BETWEEN 5000 AND 9000;
ALTER TABLE app.wide OWNER TO ev_owner;
COMMENT ON TABLE app.wide IS 'a comment';
GRANT SELECT ON app.wide TO ev_reader;
CREATE TABLE app.pointer (id int REFERENCES app.wide);
INSERT INTO app.pointer SELECT id FROM app.wide LIMIT 100;
CREATE TABLE app.self_pointer (id int PRIMARY KEY, up int REFERENCES app.self_pointer) PARTITION BY RANGE (id);
CREATE TABLE app.self_pointer_1 PARTITION OF app.self_pointer FOR VALUES FROM (0) TO (1000);
INSERT INTO app.self_pointer SELECT g, g FROM generate_series(1, 100) g;
CREATE TABLE app.plain (a int, b bigint, c text, d timestamptz, e numeric);
INSERT INTO app.plain SELECT g, g * 10000000000, 'c' || g, now(), g / 3.0 FROM generate_series(1, 5000) g;
SELECT lo_from_bytea(5001, 'large');
COMMENT ON LARGE OBJECT 5001 IS 'a large object';
ALTER LARGE OBJECT 5001 OWNER TO ev_owner;
GRANT SELECT ON LARGE OBJECT 5001 TO ev_reader;
EOQ
my $app = conninfo($source, db => 'app');

# What a definition is without owners, privileges.
sub without_owner
{
	return map { s/; Owner: .*$/; Owner: -/mr =~ s/^ALTER .* OWNER TO .*;$//mgr =~ s/\n{2,}/\n/gr =~ s/\s*\z/\n/r } @_;
}

sub without_privileges
{
	return grep { !/; Type: (DEFAULT )?ACL;/ } @_;
}

# no_owner, no_privileges: the roles need not even be there
my $job = clone_ok(
	$target, $app,
	db => 'bare',
	no_owner => 'true',
	no_privileges => 'true',
	name => 'a clone without owners and privileges needs no roles');
assert_same(
	$source, $target,
	source_db => 'app',
	db => 'bare',
	large_objects => 0,
	filter => sub { without_privileges(without_owner(@_)) },
	name => 'no_owner and no_privileges leave out just that');
is( $target->safe_psql('bare', 'SELECT lo_get(5001), count(*) FROM pg_largeobject_metadata'),
	'\x6c61726765|1', 'large objects come without their owner');

load_roles($target);
clone_ok($target, $app, db => 'no_owner', no_owner => 'true');
assert_same(
	$source, $target,
	source_db => 'app',
	db => 'no_owner',
	schema => 0,
	large_objects => 0,
	name => 'no_owner alone keeps the rows');
is( $target->safe_psql('no_owner', "SELECT relowner = 10, relacl::text ~ 'ev_reader' FROM pg_class WHERE oid = 'app.wide'::regclass"),
	't|t', 'no_owner alone keeps privileges');
clone_ok($target, $app, db => 'no_privileges', no_privileges => 'true', no_comments => 'true', large_objects => 'false', foreign_keys => 'not valid');
is( $target->safe_psql('no_privileges', "SELECT relowner::regrole, relacl FROM pg_class WHERE oid = 'app.wide'::regclass"),
	'ev_owner|', 'no_privileges alone keeps owners');
is( $target->safe_psql('no_privileges', "SELECT obj_description('app.wide'::regclass)"),
	'', 'no_comments leaves comments out');
is( $target->safe_psql('no_privileges', 'SELECT count(*) FROM pg_largeobject_metadata'),
	'0', 'large_objects => false leaves them out');
is( $target->safe_psql('no_privileges', "SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'app.pointer'::regclass"),
	'pointer_id_fkey|f', 'foreign_keys => not valid does not validate them');
assert_same(
	$source, $target,
	source_db => 'app',
	db => 'no_privileges',
	schema => 0,
	large_objects => 0,
	name => 'rows are equal without privileges, comments, large objects');

# chunks
$job = clone_ok($target, $app, db => 'split', split_tables_larger_than => '500kB', table_jobs => 3);
my $chunks = $target->safe_psql('split', "SELECT chunks_total FROM pgcopy_tables WHERE job = $job AND table_name = 'wide'");
cmp_ok($chunks, '>=', 3, 'a table over the limit is copied in chunks');
is( $target->safe_psql('split', "SELECT chunks_total, chunks_done, state, percent FROM pgcopy_tables WHERE job = $job AND table_name = 'pointer'"),
	'1|1|copied|100', 'a small one is not');
is( $target->safe_psql('split', "SELECT rows_done FROM pgcopy_tables WHERE job = $job AND table_name = 'wide'"),
	$source->safe_psql('app', 'SELECT count(*) FROM app.wide'),
	'the rows of all chunks are counted');
assert_same($source, $target, source_db => 'app', db => 'split', name => 'a split table is copied row by row');
assert_frozen($target, db => 'split', name => 'a split table is frozen too');
$job = clone_ok($target, $app, db => 'whole', split_tables_larger_than => '0', table_jobs => 1, index_jobs => 1);
is($target->safe_psql('whole', "SELECT max(chunks_total) FROM pgcopy_tables WHERE job = $job"),
	'1', 'split_tables_larger_than => 0 splits nothing');
assert_same($source, $target, source_db => 'app', db => 'whole', name => 'one job at a time copies the same');

# formats
$job = clone_ok($target, $app, db => 'text', format => 'text');
is($target->safe_psql('text', "SELECT DISTINCT format FROM pgcopy_tables WHERE job = $job"),
	'text', 'format => text reads all tables as text');
assert_same($source, $target, source_db => 'app', db => 'text', name => 'text gives the same rows');
$job = clone_ok($target, $app, db => 'binary', format => 'binary');
is($target->safe_psql('binary', "SELECT DISTINCT format FROM pgcopy_tables WHERE job = $job"),
	'binary', 'format => binary reads all tables as binary');
assert_same($source, $target, source_db => 'app', db => 'binary', name => 'binary gives the same rows');

# everything, as text and in tiny chunks
load_everything($source, 'everything', big_size => 2_000_000);
clone_ok(
	$target,
	conninfo($source, db => 'everything'),
	db => 'everything',
	format => 'text',
	split_tables_larger_than => '64kB',
	table_jobs => 2,
	index_jobs => 2,
	limit => 180,
	name => 'everything is cloned as text, in chunks');
assert_same(
	$source, $target,
	source_db => 'everything',
	db => 'everything',
	ignore => $EVERYTHING_IGNORE,
	filter => \&everything_filter,
	name => 'everything is equal as text and in chunks');
$target->safe_psql('everything', 'DROP EVENT TRIGGER ev_forbid; DROP EVENT TRIGGER ev_end');
assert_frozen($target, db => 'everything', ignore => $EVERYTHING_APPENDED, name => 'everything is frozen as text and in chunks');

# errors: rows that break a CHECK, a foreign key, a unique index
$source->safe_psql('broken', <<'EOQ');
CREATE FUNCTION is_fine(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE TABLE bad_rows (a int PRIMARY KEY, CONSTRAINT fine CHECK (public.is_fine(a)));
INSERT INTO bad_rows SELECT generate_series(1, 20000);
CREATE INDEX bad_rows_idx ON bad_rows ((a + 1));
CREATE OR REPLACE FUNCTION is_fine(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 <> 15000';
CREATE TABLE needs_bad_rows (a int REFERENCES bad_rows);
CREATE TABLE good (a int PRIMARY KEY, b text);
INSERT INTO good SELECT g, 'b' FROM generate_series(1, 1000) g;
CREATE INDEX good_idx ON good (b);
CREATE VIEW good_view AS SELECT count(*) FROM good;
CREATE TABLE violates (a int, CONSTRAINT to_good FOREIGN KEY (a) REFERENCES good);
INSERT INTO violates SELECT generate_series(1, 10);
SET session_replication_role = replica;
INSERT INTO violates VALUES (4711);
CREATE FUNCTION fails_here(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1 / (CASE WHEN current_database() = ''broken'' THEN 1 ELSE 0 END); END';
CREATE TABLE bad_index (a text);
INSERT INTO bad_index VALUES ('x');
CREATE INDEX failing_idx ON bad_index (public.fails_here(a));
CREATE INDEX working_idx ON bad_index (a);
EOQ
my $broken = conninfo($source, db => 'broken');
$job = clone_ok($target, $broken, db => 'continue', on_error => 'continue',
	name => 'with on_error => continue the job ends done');
is( $target->safe_psql('continue', <<EOQ), "22012\n23503\n23514", 'the errors are recorded with their SQLSTATE');
SELECT DISTINCT sqlstate FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY 1
EOQ
is( $target->safe_psql('continue', "SELECT errors FROM pgcopy_jobs WHERE job = $job"),
	'3', 'the errors are counted');
like($target->safe_psql('continue', "SELECT hint FROM pgcopy_errors WHERE job = $job AND sqlstate = '23503'"),
	qr/pgcopy_resume\($job\).*VALIDATE CONSTRAINT.*foreign_keys => 'not valid'/, 'a violated foreign key has a hint with the ways out');
is( $target->safe_psql('continue', "SELECT message ~ '3 errors' FROM pgcopy_progress WHERE job = $job"),
	't', 'the progress says that there were errors');
is( $target->safe_psql('continue', 'SELECT (SELECT count(*) FROM good), (SELECT count FROM good_view), (SELECT count(*) FROM violates), (SELECT count(*) FROM bad_index)'),
	'1000|1000|11|1', 'what does not depend on a failure is there');
is( $target->safe_psql('continue', 'SELECT count(*) FROM bad_rows'), '0', 'a table that failed is empty');
is( $target->safe_psql('continue', "SELECT conname, convalidated FROM pg_constraint WHERE conname = 'to_good'"),
	'to_good|f', 'a violated foreign key is there, not validated');
is( $target->safe_psql('continue', "SELECT relname FROM pg_class WHERE relname IN ('working_idx', 'failing_idx', 'good_idx', 'good_pkey') ORDER BY 1"),
	"good_idx\ngood_pkey\nworking_idx", 'all indexes are there but the failing one');
is( $target->safe_psql('continue', "SELECT state FROM pgcopy_tables WHERE job = $job AND table_name = 'bad_rows'"),
	'failed', 'pgcopy_tables says which table failed');
ok(is_quiet($source, $target, 10), 'nothing is left of the job with errors');

$job = clone($target, $broken, db => 'stop');
is(wait_for_end($target, $job, db => 'stop'), 'failed', 'by default the first error stops the job');
is( $target->safe_psql('stop', <<EOQ), 't', 'its first error is in pgcopy_progress');
SELECT starts_with(p.message, e.message) FROM pgcopy_progress p, pgcopy_errors e WHERE p.job = $job AND e.job = $job AND e.is_final ORDER BY e.no LIMIT 1
EOQ
is( $target->safe_psql('stop', <<EOQ), 't', 'and with object and SQLSTATE in pgcopy_errors');
SELECT bool_and(sqlstate ~ '^[0-9A-Z]{5}\$' AND message <> '' AND object <> '') FROM pgcopy_errors WHERE job = $job
EOQ
ok(is_quiet($source, $target, 10), 'nothing is left of the failed job');

$source->stop;
$target->stop;
done_testing();
