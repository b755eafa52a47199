# Large objects are exact copies, of any shape, with owners and with privileges
# by the roles that granted them; a grant that cannot be made is an error, not a
# loss.  Only objects that the job itself has created are ever written to or
# removed: a number that is taken is an error before anything is planned, an
# object that somebody has put in the place of ours stays.  Damage on the source
# is reported with what repairs it.  The record of what was created is small.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use Test::More;

my ($source, $target) = new_pair('large_objects');
my $roles = join '', map { "CREATE ROLE $_;" } qw(lo_owner lo_first lo_second lo_third);
$_->safe_psql('postgres', $roles) for $source, $target;

# The numbers of a target's large objects.
sub numbers
{
	my ($db) = @_;
	return $target->safe_psql($db, "SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_largeobject_metadata");
}

sub errors
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT sqlstate, message, detail, hint FROM pgcopy_errors WHERE job = $job AND is_final");
}

# What is in a target's large object, as text.
sub text_of
{
	my ($db, $number) = @_;
	return $target->safe_psql($db, "SELECT convert_from(lo_get($number), 'UTF8')");
}

#
# Content, of all shapes, in both forms
#
new_database($source, 'shapes', 'pieces');
$source->safe_psql('postgres', "CREATE ROLE reader LOGIN; GRANT reader TO lo_owner");
$source->safe_psql($_, <<'EOQ') for 'shapes', 'pieces';
DO $$
DECLARE
	size int;
	loid bigint := 20000;
	fd int;
BEGIN
	FOREACH size IN ARRAY '{0, 1, 2047, 2048, 2049, 1048575, 1048576, 1048577, 3145728, 3145729}'::int[] LOOP
		loid := loid + 7;
		PERFORM lo_from_bytea(loid, substr(decode(repeat(md5(size::text), size / 16 + 1), 'hex'), 1, size));
	END LOOP;
	-- nothing but holes, up to the middle of a page and to its end
	FOREACH size IN ARRAY '{1, 2048, 10240, 2099200}'::int[] LOOP
		loid := loid + 7;
		fd := lo_open(lo_create(loid), 131072);
		PERFORM lo_truncate(fd, size);
		PERFORM lo_close(fd);
	END LOOP;
	-- a hole before the content, and within it
	PERFORM lo_put(lo_create(30001), 100000, 'behind a hole');
	PERFORM lo_put(30001, 4000000, 'and another one');
	-- shortened, so that a page without a byte is left
	fd := lo_open(lo_from_bytea(30002, decode(repeat('00ff', 5000), 'hex')), 131072);
	PERFORM lo_truncate(fd, 4096);
	PERFORM lo_close(fd);
END $$;
EOQ
new_database($target, 'shapes', 'pieces');
clone_ok($target, conninfo($source, db => 'shapes'), db => 'shapes', name => 'objects with holes are cloned');
assert_same($source, $target, source_db => 'shapes', db => 'shapes', name => 'by pages: both sides are equal');
$source->safe_psql('pieces', 'SELECT format($$ALTER LARGE OBJECT %s OWNER TO reader$$, oid) FROM pg_largeobject_metadata \gexec');
clone_ok($target, conninfo($source, db => 'pieces', user => 'reader'), db => 'pieces', no_owner => 'true', name => 'they are by a role that may not read pg_largeobject');
$source->safe_psql('pieces', 'SELECT format($$ALTER LARGE OBJECT %s OWNER TO postgres$$, oid) FROM pg_largeobject_metadata \gexec');
assert_same($source, $target, source_db => 'pieces', db => 'pieces', name => 'by pieces: both sides are equal');

#
# Privileges: who has granted them
#
new_database($source, 'granted');
$source->safe_psql('granted', <<'EOQ');
SELECT lo_from_bytea(n, 'granted') FROM unnest('{40001, 40002, 40003, 40004}'::oid[]) n;
ALTER LARGE OBJECT 40001 OWNER TO lo_owner;
ALTER LARGE OBJECT 40002 OWNER TO lo_owner;
GRANT SELECT ON LARGE OBJECT 40001 TO lo_first WITH GRANT OPTION;
SET SESSION AUTHORIZATION lo_first;
GRANT SELECT ON LARGE OBJECT 40001 TO lo_second WITH GRANT OPTION;
GRANT SELECT ON LARGE OBJECT 40001 TO lo_owner;
SET SESSION AUTHORIZATION lo_second;
GRANT SELECT ON LARGE OBJECT 40001 TO PUBLIC;
RESET SESSION AUTHORIZATION;
-- UPDATE for lo_third is noted where SELECT for it was, before the grantor has it
GRANT SELECT ON LARGE OBJECT 40002 TO lo_first WITH GRANT OPTION;
SET SESSION AUTHORIZATION lo_first;
GRANT SELECT ON LARGE OBJECT 40002 TO lo_third;
RESET SESSION AUTHORIZATION;
GRANT UPDATE ON LARGE OBJECT 40002 TO lo_second WITH GRANT OPTION;
SET SESSION AUTHORIZATION lo_second;
GRANT UPDATE ON LARGE OBJECT 40002 TO lo_first WITH GRANT OPTION;
SET SESSION AUTHORIZATION lo_first;
GRANT UPDATE ON LARGE OBJECT 40002 TO lo_third;
RESET SESSION AUTHORIZATION;
REVOKE ALL ON LARGE OBJECT 40003 FROM postgres;
EOQ
is($source->safe_psql('granted', "SELECT lomacl FROM pg_largeobject_metadata WHERE oid = 40002"),
	'{lo_owner=rw/lo_owner,lo_first=r*/lo_owner,lo_third=rw/lo_first,lo_second=w*/lo_owner,lo_first=w*/lo_second}',
	'a grant can stand before the one that allows it');
new_database($target, 'granted', 'granted_bare');
clone_ok($target, conninfo($source, db => 'granted'), db => 'granted', name => 'privileges granted by others are cloned');
assert_same($source, $target, source_db => 'granted', db => 'granted', name => 'grantors: both sides are equal');
clone_ok($target, conninfo($source, db => 'granted'), db => 'granted_bare', no_owner => 'true', name => 'they are without owners');
is($target->safe_psql('granted_bare', "SELECT lomacl FROM pg_largeobject_metadata WHERE oid = 40001"),
	'{postgres=rw/postgres,lo_first=r*/postgres,lo_second=r*/lo_first,postgres=r/lo_first,=r/lo_second}',
	'what the owner had and gave is for the one who loads, all else is as it was');

# A grant that nobody could have made is an error, not a loss.
$source->safe_psql('granted', "UPDATE pg_largeobject_metadata SET lomacl = '{postgres=rw/postgres,lo_second=r/lo_first}' WHERE oid = 40004");
new_database($target, 'ungranted');
my $job = clone($target, conninfo($source, db => 'granted'), db => 'ungranted');
is(wait_for_end($target, $job, db => 'ungranted'), 'failed', 'a grant without a grant option fails');
like(errors('ungranted', $job), qr/^0LP01\|cannot grant SELECT on large object 40004 as role "lo_first"\|.*no_privileges => true/, 'with its object, its role and a way out');

# An ordinary role can give what it may, and is told what it may not.
sub clone_as
{
	my ($user, %opt) = @_;
	my $options = join '', map { ", $_ => $opt{$_}" } keys %opt;
	return $target->safe_psql($user, 'SELECT pgcopy_clone(' . quote_literal(conninfo($source, db => 'granted', tcp => 1, password => 'secret')) . "$options)", extra_params => [ '-U', $user ]);
}

$target->safe_psql('postgres', 'CREATE ROLE ordinary LOGIN; CREATE ROLE lo_member LOGIN IN ROLE lo_owner, lo_first, lo_second');
$source->safe_psql('granted', "UPDATE pg_largeobject_metadata SET lomacl = NULL WHERE oid = 40004; ALTER LARGE OBJECT 40003 OWNER TO lo_owner; ALTER LARGE OBJECT 40004 OWNER TO lo_owner");
$source->safe_psql('postgres', "ALTER ROLE postgres PASSWORD 'secret'");
foreach my $user ('ordinary', 'lo_member')
{
	new_database($target, $user);
	$target->safe_psql($user, "SET client_min_messages = warning; CREATE EXTENSION pgcopydb_ext; GRANT CREATE ON DATABASE $user TO $user; GRANT EXECUTE ON FUNCTION pgcopy_clone, pgcopy_wait TO $user");
}
$job = clone_as('ordinary', no_owner => 'true');
is(wait_for_end($target, $job, db => 'ordinary'), 'failed', 'a role cannot grant as another one');
like(errors('ordinary', $job), qr/^42501\|the job's role cannot act as 2 owners or grantors of the source's objects\|Roles: lo_first, lo_second\.\|.*no_privileges => true/, 'that is said');
$job = clone_as('lo_member');
ok(wait_for_state($target, $job, 'done', db => 'lo_member'), 'but as one that it is a member of');
my $all = "SELECT string_agg(oid || ' ' || lomowner::regrole || ' ' || coalesce(lomacl::text, ''), E'\\n' ORDER BY oid) FROM pg_largeobject_metadata";
is($target->safe_psql('lo_member', $all), $source->safe_psql('granted', $all), 'with the same owners and privileges');

#
# Pages of what is no large object on the source
#
new_database($source, 'stray');
new_database($target, 'stray');
$source->safe_psql('stray', "SELECT lo_from_bytea(5000, 'a'), lo_from_bytea(5002, 'z'), lo_from_bytea(5001, 'stray'), lo_from_bytea(5003, 'not in any range')");
$source->safe_psql('stray', 'DELETE FROM pg_largeobject_metadata WHERE oid IN (5001, 5003)');
$target->safe_psql('stray', "SELECT lo_create(5001), lo_from_bytea(5003, 'here')");
$job = clone($target, conninfo($source, db => 'stray'), db => 'stray');
is(wait_for_end($target, $job, db => 'stray'), 'failed', 'pages without a large object are an error');
like(errors('stray', $job), qr/^XX001\|the source has pages of large object 5001, but no such large object\|.*DELETE FROM pg_largeobject/, 'that names it, and what to type');
is(numbers('stray'), '5001 5003', 'nothing of the item stays');
is(text_of('stray', 5001) . text_of('stray', 5003), 'here', 'objects of others are as they were');
$source->safe_psql('stray', 'DELETE FROM pg_largeobject AS l WHERE NOT EXISTS (SELECT FROM pg_largeobject_metadata AS m WHERE m.oid = l.loid)');
$target->safe_psql('stray', "SELECT pgcopy_resume($job)");
ok(wait_for_state($target, $job, 'done', db => 'stray'), 'repaired as it says, the job goes on');
is(text_of('stray', 5000) . text_of('stray', 5002), 'az', 'and the objects are there');

$source->safe_psql('stray', "UPDATE pg_largeobject SET data = convert_to(repeat('x', 3000), 'UTF8') WHERE loid = 5002");
new_database($target, 'too_long');
$job = clone($target, conninfo($source, db => 'stray'), db => 'too_long');
is(wait_for_end($target, $job, db => 'too_long'), 'failed', 'a page that is too long is an error');
like(errors('too_long', $job), qr/^XX001\|invalid page 0 of large object 5002 on the source\|It has 3000 bytes/, 'that names it');

#
# A number that is taken
#
new_database($target, 'taken');
$source->safe_psql('stray', "UPDATE pg_largeobject SET data = 'z' WHERE loid = 5002");
$target->safe_psql('taken', "SELECT lo_from_bytea(5002, 'mine')");
$job = clone($target, conninfo($source, db => 'stray'), db => 'taken');
is(wait_for_end($target, $job, db => 'taken'), 'failed', 'a number that is taken is an error');
is($target->safe_psql('taken', 'SELECT count(*) FROM pgcopy.item'), '0', 'before anything is planned');
is(text_of('taken', 5002), 'mine', 'and its object stays');

#
# Reading all again: what goes and what stays
#
# Two tables, the second of which cannot be loaded at first.
sub fill_again
{
	my ($db) = @_;
	new_database($source, $db);
	$source->safe_psql($db, <<'EOQ');
CREATE FUNCTION can_load() RETURNS bool LANGUAGE sql AS $$ SELECT coalesce(current_setting('test.can_load', true), 'on')::bool $$;
CREATE TABLE first AS SELECT g AS a FROM generate_series(1, 30000) g;
CREATE TABLE second (a int CHECK (can_load()));
INSERT INTO second VALUES (1);
SELECT lo_from_bytea(60000 + g, decode(repeat(md5(g::text), 200), 'hex')) FROM generate_series(1, 40) g WHERE g <> 20;
SELECT lo_create(60100);
EOQ
	return;
}

# Clone it, so far that the first table and the large objects are there, and let
# the snapshot go.
sub stop_after_first
{
	my ($app, $db) = @_;
	$target->safe_psql('postgres', "ALTER DATABASE $db SET test.can_load = off");
	my $job = clone($target, conninfo($source, db => $app), db => $db, table_jobs => 1);
	is(wait_for_end($target, $job, db => $db), 'failed', "$db: the second table cannot be loaded");
	is($target->safe_psql($db, "SELECT count(*), sum(rows_done) FROM pgcopy.item WHERE kind = 'large objects' AND state = 'done'"), '1|40', "$db: large objects are there");
	$target->safe_psql('postgres', "ALTER DATABASE $db RESET test.can_load");
	return $job;
}

fill_again('again');
new_database($target, 'again');
my @mine = (100, 60020, 60200, 4000000000);
$target->safe_psql('again', "SELECT lo_from_bytea($_, 'mine')") for @mine;
$job = stop_after_first('again', 'again');
like($target->safe_psql('again', "SELECT first, count FROM pgcopy.large_object WHERE job = $job"),
	qr/^\{60001,60021,60100\}\|\{19,20,1\}$/, 'the item has noted what it has created, as runs of numbers');

# Gone, changed in all ways that leave it ours, frozen, rewritten.
my ($code, $message, $detail) = call_error($target, 'again', "SELECT pgcopy_resume($job)");
is($message, "job $job: 1 of 2 tables were read under a snapshot that is gone", 'the question counts tables');
like($detail, qr/^40 large objects have been read\. /, 'and large objects');
$target->safe_psql('again', <<'EOQ');
SELECT lo_unlink(60001);
GRANT SELECT ON LARGE OBJECT 60002 TO PUBLIC;
ALTER LARGE OBJECT 60003 OWNER TO lo_owner;
SELECT lo_put(60004, 0, 'changed');
EOQ
$target->safe_psql('again', 'VACUUM (FREEZE) pg_largeobject_metadata, pg_largeobject');
$target->safe_psql('again', 'VACUUM (FULL, FREEZE) pg_largeobject_metadata, pg_largeobject');
$source->safe_psql('again', "SELECT lo_unlink(60005), lo_from_bytea(60300, 'new'), lo_from_bytea(1, 'new too'), lo_put(60006, 0, 'new')");
$target->safe_psql('again', "SELECT pgcopy_resume($job, consistent => true)");
ok(wait_for_state($target, $job, 'done', db => 'again'), 'all is read again');
is(join(' ', map { text_of('again', $_) } @mine), 'mine mine mine mine', 'objects that did not come from the source are as they were');
$target->safe_psql('again', "SELECT lo_unlink($_)") for @mine;
assert_same($source, $target, source_db => 'again', db => 'again', name => 'all others are those of the source');
is($target->safe_psql('again', 'SELECT count(*) FROM pgcopy.large_object'), '0', 'a job that is done needs no record of them');

# Somebody has put another object in the place of ours.
fill_again('replaced');
new_database($target, 'replaced');
$job = stop_after_first('replaced', 'replaced');
$target->safe_psql('replaced', "SELECT lo_unlink(60007), lo_unlink(60008)");
$target->safe_psql('replaced', "SELECT lo_from_bytea(60007, 'mine'), lo_create(60008)");
$target->safe_psql('replaced', "SELECT pgcopy_resume($job, consistent => true)");
is(wait_for_end($target, $job, db => 'replaced'), 'failed', 'an object in the place of ours is an error');
like(errors('replaced', $job), qr/^42710\|large object 6000[78] already exists\|.*SELECT lo_unlink\(6000[78]\)/, 'that says what to type');
is(numbers('replaced') . ' ' . text_of('replaced', 60007), '60007 60008 mine', 'it stays as it is, ours have gone');
like(log_tail($target, 200), qr/2 large objects were not removed, the first is 60007/, 'the log says which were kept');
$target->safe_psql('replaced', "SELECT lo_unlink(60007), lo_unlink(60008)");
$target->safe_psql('replaced', "SELECT pgcopy_resume($job, consistent => true)");
ok(wait_for_state($target, $job, 'done', db => 'replaced'), 'with it out of the way the job ends done');
assert_same($source, $target, source_db => 'replaced', db => 'replaced', name => 'out of the way: both sides are equal');

# What is read under a new snapshot, beside what is kept
fill_again('beside');
new_database($target, 'beside');
$job = stop_after_first('beside', 'beside');
$source->safe_psql('beside', "SELECT lo_put(60001, 0, 'later'), lo_from_bytea(70000, 'new'), lo_from_bytea(2, 'new too')");
$target->safe_psql('beside', "SELECT pgcopy_resume($job, consistent => false)");
ok(wait_for_state($target, $job, 'done', db => 'beside'), 'the rest is read');
is(numbers('beside'), $source->safe_psql('beside', "SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_largeobject_metadata"), 'with the objects that are new, outside of what was read');
unlike(text_of('beside', 2) . $target->safe_psql('beside', 'SELECT lo_get(60001)'), qr/later/, 'what was read is kept');

#
# Many objects, with and without gaps: the record is small
#
new_database($source, 'many');
new_database($target, 'many');
$source->safe_psql('many', <<'EOQ');
SELECT count(lo_create(100000 + g)) FROM generate_series(1, 6000) g;
SELECT count(lo_create(200000 + 3 * g)) FROM generate_series(1, 6000) g;
CREATE MATERIALIZED VIEW fails AS SELECT 1 / coalesce(nullif(current_setting('test.divisor', true), '')::int, 1) AS a;
EOQ
$target->safe_psql('postgres', 'ALTER DATABASE many SET test.divisor = 0');
$job = clone($target, conninfo($source, db => 'many'), db => 'many');
is(wait_for_end($target, $job, db => 'many'), 'failed', 'a job with 12,000 large objects fails at its end');
is($target->safe_psql('many', 'SELECT count(*), sum((SELECT sum(n) FROM unnest(count) n)) FROM pgcopy.large_object'), '6|12000', 'they are noted in six rows');
my $size = $target->safe_psql('many', 'SELECT sum(pg_column_size(first) + pg_column_size(count)) FROM pgcopy.large_object');
cmp_ok($size, '<', 5 * 6000, 'of less than five bytes for each that stands alone');
note("the record of 12,000 large objects has $size bytes");
$target->safe_psql('many', "UPDATE pgcopy.item SET snapshot = 2 WHERE no = (SELECT min(no) FROM pgcopy.item WHERE kind = 'large objects')");
$target->safe_psql('postgres', 'ALTER DATABASE many RESET test.divisor');
$target->safe_psql('many', "SELECT pgcopy_resume($job, consistent => true)");
ok(wait_for_state($target, $job, 'done', db => 'many'), 'all of them are removed and read again');
assert_same($source, $target, source_db => 'many', db => 'many', name => 'many: both sides are equal');

$source->stop;
$target->stop;
done_testing();
