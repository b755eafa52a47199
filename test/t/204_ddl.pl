# Definitions that change on the source are not carried, and never without a word: each
# kind of DDL is shown by pgcopy_follow, stops a cutover before anything has happened,
# and is settled once it was done here too; or it can be accepted.  Tables can be added,
# partitions are by themselves; no row is lost in silence.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyTraffic;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($source, $target) = new_pair('ddl', source_conf => $TRAFFIC_CONF);

$source->safe_psql('postgres', "CREATE DATABASE app TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
$target->safe_psql('postgres', "CREATE DATABASE app TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
$_->safe_psql('postgres', "CREATE DATABASE parts TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'") for $source, $target;
$source->safe_psql('parts', <<'EOQ');
CREATE TABLE parts (a int PRIMARY KEY) PARTITION BY RANGE (a);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (100);
INSERT INTO parts SELECT generate_series(1, 50);
EOQ
$source->safe_psql('app', <<'EOQ');
CREATE SCHEMA other;
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE t (a int PRIMARY KEY, b text, c int DEFAULT 1, d int, e positive);
CREATE INDEX t_b ON t (b);
CREATE TABLE u (a int PRIMARY KEY, b int NOT NULL);
CREATE UNIQUE INDEX u_b ON u (b);
CREATE TABLE parts (a int PRIMARY KEY, b text) PARTITION BY RANGE (a);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (100);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
CREATE VIEW v AS SELECT a FROM t;
CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM t;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE SEQUENCE s;
INSERT INTO t SELECT g, 'row ' || g, g, g, g FROM generate_series(1, 100) g;
INSERT INTO u SELECT g, g FROM generate_series(1, 100) g;
INSERT INTO parts SELECT g, 'row' FROM generate_series(1, 150) g;
EOQ

my $job = clone($target, conninfo($source, db => 'app'), db => 'app', follow => 'true');
my $parts = clone($target, conninfo($source, db => 'parts'), db => 'parts', follow => 'true');
ok(wait_for_state($target, $parts, 'following', db => 'parts'), 'a database of partitions is followed');
ok(wait_for_state($target, $job, 'following', db => 'app'), 'it follows');

sub here { return $target->safe_psql('app', "SET default_transaction_read_only = off;\n$_[0]"); }

sub refusal
{
	my (%more) = @_;
	my %cutover = cutover($target, $job, db => 'app', max_pause => '2 s', %more);
	return (($cutover{sqlstate} // 'none') . ': ' . join(' ', grep { defined } @cutover{qw(message detail hint report)}), $cutover{took});
}

# What is done on the source, how it is taken back, and what has to be named.
my @ddl = (
	# first: within a minute they are followed
	[ 'a new partition', 'CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (200) TO (300)', 'DROP TABLE parts_3', qr/parts_3/ ],
	[ 'a partition attached', 'CREATE TABLE parts_4 (a int PRIMARY KEY, b text); ALTER TABLE parts ATTACH PARTITION parts_4 FOR VALUES FROM (300) TO (400)', 'DROP TABLE parts_4', qr/parts_4/ ],
	[ 'a new column', 'ALTER TABLE t ADD f int', 'ALTER TABLE t DROP f', qr/\bt\b/ ],
	[ 'a column renamed', 'ALTER TABLE u RENAME b TO bb', 'ALTER TABLE u RENAME bb TO b', qr/\bu\b/ ],
	[ 'NOT NULL', 'ALTER TABLE t ALTER c SET NOT NULL', 'ALTER TABLE t ALTER c DROP NOT NULL', qr/\bt\b/ ],
	[ 'an index', 'CREATE INDEX t_c ON t (c)', 'DROP INDEX t_c', qr/t_c/ ],
	[ 'an index less', 'DROP INDEX t_b', 'CREATE INDEX t_b ON t (b)', qr/t_b/ ],
	[ 'a check', 'ALTER TABLE t ADD CONSTRAINT t_check CHECK (c < 1000000)', 'ALTER TABLE t DROP CONSTRAINT t_check', qr/t_check/ ],
	[ 'a foreign key', 'ALTER TABLE t ADD CONSTRAINT t_u FOREIGN KEY (d) REFERENCES u', 'ALTER TABLE t DROP CONSTRAINT t_u', qr/t_u/ ],
	[ 'a new table', 'CREATE TABLE fresh (a int PRIMARY KEY)', 'DROP TABLE fresh', qr/fresh/ ],
	[ 'a table renamed', 'ALTER TABLE u RENAME TO uu', 'ALTER TABLE uu RENAME TO u', qr/\buu?\b/ ],
	[ 'a table moved', 'ALTER TABLE u SET SCHEMA other', 'ALTER TABLE other.u SET SCHEMA public', qr/\bu\b/ ],
	[ 'a new view', 'CREATE VIEW vv AS SELECT 1 AS a', 'DROP VIEW vv', qr/\bvv\b/ ],
	[ 'a function', q{CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'}, q{CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'}, qr/\bf\b/ ],
	[ 'a trigger', 'CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()', 'DROP TRIGGER tr ON t', qr/\btr\b/ ],
	[ 'a new sequence', 'CREATE SEQUENCE ss', 'DROP SEQUENCE ss', qr/\bss\b/ ],
	[ "a sequence's step", 'ALTER SEQUENCE s INCREMENT 10', 'ALTER SEQUENCE s INCREMENT 1', qr/\bs\b/ ],
	[ 'a type', q{CREATE TYPE pair AS (a int, b int)}, 'DROP TYPE pair', qr/pair/ ],
	[ 'a domain', 'ALTER DOMAIN positive ADD CONSTRAINT small CHECK (value < 1000000)', 'ALTER DOMAIN positive DROP CONSTRAINT small', qr/positive|small/ ],
	[ 'row security', 'ALTER TABLE u ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON u USING (true)', 'DROP POLICY p ON u; ALTER TABLE u DISABLE ROW LEVEL SECURITY', qr/\bu\b/ ],
	[ 'a rule', 'CREATE RULE r AS ON DELETE TO u DO ALSO NOTHING', 'DROP RULE r ON u', qr/\b[ru]\b/ ],
	[ 'a trigger disabled', 'CREATE TRIGGER tr BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION g(); ALTER TABLE u DISABLE TRIGGER tr', 'DROP TRIGGER tr ON u', qr/\btr\b/ ],
	[ 'a replica identity', 'ALTER TABLE u REPLICA IDENTITY FULL', 'ALTER TABLE u REPLICA IDENTITY DEFAULT', qr/replica identity of table public\.u/ ],
	[ 'a materialized view', 'CREATE MATERIALIZED VIEW mm AS SELECT 1 AS a', 'DROP MATERIALIZED VIEW mm', qr/\bmm\b/ ],
	# these are not as before when they are taken back
	[ 'a partition detached', 'ALTER TABLE parts DETACH PARTITION parts_2', 'ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (100) TO (200)', qr/parts_2/ ],
	[ 'a view', 'CREATE OR REPLACE VIEW v AS SELECT a, b FROM t', 'DROP VIEW v; CREATE VIEW v AS SELECT a FROM t', qr/\bv\b/ ],
	[ 'a default changed', 'ALTER TABLE t ALTER c SET DEFAULT 2', 'ALTER TABLE t ALTER c SET DEFAULT 1', qr/\bt\b/ ],
	[ 'a wider type', 'ALTER TABLE t ALTER d TYPE bigint', 'ALTER TABLE t ALTER d TYPE int', qr/\bt\b/ ]);

foreach my $ddl (@ddl)
{
	my ($what, $do, $undo, $names) = @$ddl;
	$source->safe_psql('app', $do);
	my ($said, $took) = refusal();
	like($said, qr/^55000: .*$names/, sprintf '%s stops the cutover, which names it (%.1f s)', $what, $took);
	$source->safe_psql('app', $undo);
	if ($said =~ /^none/)
	{
		BAIL_OUT("$what: the cutover was done");
	}
}
is(job_state($target, $job, db => 'app'), 'following', 'it still follows');

#
# What is the same on both sides is settled, and nothing else
#
sub rehearsal
{
	my %cutover = cutover($target, $job, db => 'app', rehearse => 'true', max_pause => '20 s');
	return join ' ', grep { defined } $cutover{state} // 'none', @cutover{qw(sqlstate message detail)};
}

is(rehearsal(), 'following', 'what was taken back is settled');
my $same = <<'EOQ';
CREATE INDEX t_e ON t (e, lower(b)) WHERE a > 0;
ALTER TABLE t ADD CONSTRAINT t_c CHECK (c < 1000000);
ALTER TABLE t ALTER c SET DEFAULT 3, ALTER b SET NOT NULL, ADD g text DEFAULT 'new';
ALTER TABLE u RENAME TO uu;
CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 3';
CREATE FUNCTION h(a int, b text DEFAULT 'x') RETURNS SETOF int LANGUAGE sql AS 'SELECT a';
CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int);
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g();
CREATE VIEW vv AS SELECT t.a, t.b FROM t JOIN uu USING (a);
DROP MATERIALIZED VIEW m;
CREATE TYPE pair AS (a int, b text);
ALTER DOMAIN positive ADD CONSTRAINT small CHECK (value < 1000000);
ALTER TABLE parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON parts USING (a > 0);
CREATE SCHEMA more;
ALTER SEQUENCE s INCREMENT 2;
GRANT SELECT ON t TO PUBLIC;
EOQ
$source->safe_psql('app', $same);
like(rehearsal(), qr/55000 definitions on the source have changed/, 'changes of many kinds are not settled by themselves');
here($same);
is(rehearsal(), 'following', 'but once they are made here too');
my $almost = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT %d'";
$source->safe_psql('app', sprintf $almost, 4);
here(sprintf $almost, 5);
like(rehearsal(), qr/55000 .*function public\.f\(\) was changed/, 'not by another change');
here(sprintf $almost, 4);
$source->safe_psql('app', 'CREATE SEQUENCE ss');
here('CREATE SEQUENCE ss');
like(rehearsal(), qr/55000 .*sequence public\.ss was created/, 'a sequence that is new on both sides is not carried, and stays unsettled');
$_->safe_psql('app', 'SET default_transaction_read_only = off; DROP SEQUENCE ss; ALTER TABLE uu RENAME TO u') for $source, $target;
is(rehearsal(), 'following', 'all is settled');
is(join("\n", grep { /fence/ } left_of_following($source, $target, 'app', fence => 0, guard => 1, limit => 0)), '', 'the source was not fenced');

#
# It is seen without asking
#
my $begin = time();
$source->safe_psql('app', "ALTER TYPE colour ADD VALUE 'blue'");
SKIP:
{
	skip 'it takes up to a minute: set PGCOPY_TEST_LONG', 2 unless $ENV{PGCOPY_TEST_LONG};
	ok(wait_until($target, "SELECT changes ~ 'colour' FROM pgcopy_follow WHERE job = $job", db => 'app', job => $job, limit => 70, what => 'the new value to be seen'),
		sprintf 'a new value of an enum is shown after %.0f s', time() - $begin);
	like($target->safe_psql('app', "SELECT message FROM pgcopy_progress WHERE job = $job"), qr/the source has changed/, 'pgcopy_progress says so too');
}
here("ALTER TYPE colour ADD VALUE 'blue'");

#
# A column that is missing here stops the stream until it is made
#
$source->safe_psql('app', "ALTER TABLE t ADD f text DEFAULT 'new'; UPDATE t SET f = 'newer' WHERE a < 10");
ok(wait_until($target, "SELECT last_error ~ '\\yt\\y' OR errors > 0 FROM pgcopy_follow WHERE job = $job", db => 'app', job => $job, limit => 20),
	'a missing column: the stream stops, and that is shown');
here("ALTER TABLE t ADD f text DEFAULT 'new'");
ok(catch_up($source, $target, 'app', job => $job, limit => 20), 'it goes on when there is one');

#
# A replica identity that is another one here: likewise
#
$source->safe_psql('app', 'ALTER TABLE u REPLICA IDENTITY USING INDEX u_b; UPDATE u SET b = b + 1000 WHERE a < 10; UPDATE u SET a = a + 1000 WHERE a > 90');
here('ALTER TABLE u REPLICA IDENTITY USING INDEX u_b');
ok(catch_up($source, $target, 'app', job => $job, limit => 20), 'another replica identity: it goes on when it is the same here');

#
# A new table is not carried until it is added
#
sub add
{
	my ($table) = @_;
	my ($rc, $out, $err) = $target->psql('app', "\\set VERBOSITY verbose\nSELECT pgcopy_follow_add($job, '$table')");
	return $out . join ' ', $err =~ /^(?:psql\S* )?(?:ERROR|DETAIL|HINT):  (.*)$/mg;
}

$source->safe_psql('app', <<'EOQ');
CREATE TABLE fresh (a serial PRIMARY KEY, b text);
INSERT INTO fresh (b) SELECT 'row ' || g FROM generate_series(1, 1000) g;
CREATE TABLE bare (a int);
EOQ
here('CREATE TABLE fresh (a serial PRIMARY KEY)');
my ($said) = refusal();
like($said, qr/^55000: .*fresh/, 'a new table: the cutover is refused, also when there is one here');
like(add('nowhere'), qr/^42P01: /, 'a table that is nowhere cannot be added');
like(add('public.nowhere'), qr/^42P01: .*Create it/, 'nor one that is not here');
like(add('public.fresh'), qr/^42703: .*no column b/, 'nor one that lacks a column');
here('ALTER TABLE fresh ADD b text; INSERT INTO fresh VALUES (1)');
like(add('public.fresh'), qr/^55000: .*has rows here/, 'nor one with rows');
here('CREATE TABLE bare (a int)');
like(add('bare'), qr/^55000: .*cannot be followed/, 'nor one without a replica identity');
here('TRUNCATE fresh; DROP TABLE bare');
$source->safe_psql('app', 'DROP TABLE bare');
is(add('fresh'), 't', 'one that is as on the source, and empty, is added');
is(add('fresh'), 'f', 'once');
$source->safe_psql('app', "INSERT INTO fresh (b) SELECT 'later' FROM generate_series(1, 10); UPDATE fresh SET b = 'changed' WHERE a < 10; DELETE FROM fresh WHERE a BETWEEN 20 AND 29");
ok(wait_until($target, "SELECT tables_waiting = 0 FROM pgcopy_follow WHERE job = $job", db => 'app', job => $job, limit => 60, what => 'its rows to be copied'), 'its rows come');
ok(catch_up($source, $target, 'app', job => $job, limit => 20), 'and its changes');
is(rehearsal(), 'following', 'a table that was added is settled');

#
# Partitions are followed by themselves, with what they had when they were attached
#
$_->safe_psql('postgres', 'CREATE ROLE reader') foreach $source, $target;
$source->safe_psql('app', <<'EOQ');
BEGIN;
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (200) TO (300);
GRANT SELECT, INSERT ON parts_3 TO reader WITH GRANT OPTION;
GRANT SELECT ON parts_3 TO PUBLIC;
COMMIT;
INSERT INTO parts SELECT g, 'new' FROM generate_series(200, 250) g;
CREATE TABLE parts_4 (a int PRIMARY KEY, b text);
INSERT INTO parts_4 SELECT g, 'attached' FROM generate_series(300, 350) g;
ALTER TABLE parts ATTACH PARTITION parts_4 FOR VALUES FROM (300) TO (400);
INSERT INTO parts SELECT g, 'later' FROM generate_series(360, 370) g;
EOQ
ok(wait_until($target, "SELECT count(*) = (SELECT 150 + 51 + 51 + 11) FROM parts", db => 'app', job => $job, limit => 60, what => 'the rows of new partitions'),
	'new partitions are created here, and have all rows');
ok(catch_up($source, $target, 'app', job => $job, limit => 20), 'the stream goes on');
is($target->safe_psql('app', "SELECT string_agg(format('%s %s %s', COALESCE(r.rolname, 'public'), privilege_type, is_grantable), ', ' ORDER BY r.rolname, privilege_type) FROM pg_class, aclexplode(relacl) LEFT JOIN pg_roles r ON r.oid = grantee WHERE relname = 'parts_3' AND grantee <> relowner"),
	'reader INSERT t, reader SELECT t, public SELECT f', 'with what is granted on it');
is(rehearsal(), 'following', 'partitions that were added are settled');

#
# A column with other values is settled by nobody but the user
#
$source->safe_psql('app', 'ALTER TABLE u DROP b; ALTER TABLE u ADD b int');
here('ALTER TABLE u DROP b; ALTER TABLE u ADD b int');
like(rehearsal(), qr/55000 .*data of column b of table public\.u was changed/, 'a column that was dropped and made again has other values');

#
# Nothing settles that a table is taken out of the publication
#
my $publication = $target->safe_psql('app', "SELECT publication FROM pgcopy.follow WHERE job = $job");
$source->safe_psql('app', "ALTER PUBLICATION $publication DROP TABLE u");
($said) = refusal(ignore_changes => 'true');
like($said, qr/^55000: .*\bu\b/, 'a table taken out of the publication stops the cutover, even with ignore_changes');
$source->safe_psql('app', "ALTER PUBLICATION $publication ADD TABLE u");
like(rehearsal(), qr/55000 .*publication of table public\.u was changed/, 'that is remembered when it is back: changes may have been lost meanwhile');
$source->safe_psql('app', "ALTER PUBLICATION $publication SET (publish = 'insert')");
like(rehearsal(), qr/55000 .*publication $publication was changed/, 'a publication that sends no updates any more is noticed');
$source->safe_psql('app', "ALTER PUBLICATION $publication SET (publish = 'insert, update, delete, truncate')");

#
# What was done here too can be accepted
#
ok(catch_up($source, $target, 'app', job => $job, limit => 20), 'it goes on');
my %cutover = cutover($target, $job, db => 'app', ignore_changes => 'true');
is($cutover{state}, 'done', 'a cutover that ignores the rest is done') or diag(explain(\%cutover));
is(contents_differ($source, $target, 'app', ignore => qr{^public\.m\|}), '', 'all rows are equal');

#
# A partition that cannot be followed stops the stream, and no cutover accepts that.
# Giving up leaves nothing.
#
$target->safe_psql('parts', 'SET default_transaction_read_only = off; CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200); INSERT INTO parts VALUES (199)');
$source->safe_psql('parts', "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200); INSERT INTO parts SELECT generate_series(100, 120)");
%cutover = cutover($target, $parts, db => 'parts', ignore_changes => 'true', max_pause => '2 s');
like(join(' ', grep { defined } @cutover{qw(sqlstate message detail)}), qr/^55000 .*parts_2/, 'no cutover while a partition is not followed, not even with ignore_changes');
SKIP:
{
	skip 'it takes up to a minute: set PGCOPY_TEST_LONG', 1 unless $ENV{PGCOPY_TEST_LONG};
	ok(wait_until($target, "SELECT changes ~ 'parts_2 has rows here' FROM pgcopy_follow WHERE job = $parts", db => 'parts', job => $parts, limit => 70), 'why it is not is shown');
}
# a copy that is not through has a slot and an origin of its own
$source->safe_psql('parts', 'CREATE TABLE slow (a int PRIMARY KEY); INSERT INTO slow VALUES (1)');
$target->safe_psql('parts', <<'EOQ');
SET default_transaction_read_only = off;
CREATE TABLE slow (a int PRIMARY KEY);
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(100); RETURN new; END';
CREATE TRIGGER wait BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION wait();
ALTER TABLE slow ENABLE ALWAYS TRIGGER wait;
EOQ
is($target->safe_psql('parts', "SELECT pgcopy_follow_add($parts, 'slow')"), 't', 'a table is added whose copy takes long');
ok($source->poll_query_until('parts', q{SELECT count(*) = 1 FROM pg_replication_slots WHERE slot_name ~ '_sync_'}), 'its copy has begun');
is($target->safe_psql('parts', "SELECT pgcopy_cancel($parts); SELECT pgcopy_wait($parts, '20 s'); SELECT pgcopy_drop($parts)"), "t\ncancelled\nt", 'it is given up');
is(join("\n", left_of_following($source, $target, 'parts', fence => 0)), '', 'and nothing is left');

done_testing();
