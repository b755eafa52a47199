# Again: drop_if_exists.
#
# What will be created again is dropped first, all in one transaction with the
# first statements, never by CASCADE: what else depends on it is an error that names
# it, before anything is changed.  Notices list what was dropped.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('drop');
my $n = 0;

my $all = <<'EOQ';
CREATE SCHEMA s;
CREATE SCHEMA "Odd ""s"".x";
CREATE EXTENSION hstore SCHEMA s;
CREATE TYPE s.mood AS ENUM ('a', 'b');
CREATE TYPE s.pair AS (a int, b s.mood);
CREATE DOMAIN s.dom AS s.mood CHECK (VALUE <> 'b');
CREATE TYPE s.span AS RANGE (subtype = int4);
CREATE COLLATION s.coll FROM "C";
CREATE FUNCTION s.f(s.pair) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION s.g() RETURNS s.mood LANGUAGE plpgsql AS $$ BEGIN RETURN 'a'; END $$;
CREATE AGGREGATE s.agg(int) (SFUNC = int4pl, STYPE = int);
CREATE OPERATOR s.+++ (LEFTARG = s.pair, RIGHTARG = s.pair, FUNCTION = s.cmp) ;
EOQ
$all =~ s/^CREATE OPERATOR.*\n//m;
$all .= <<'EOQ';
CREATE FUNCTION s.eq(s.pair, s.pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR s.=== (LEFTARG = s.pair, RIGHTARG = s.pair, FUNCTION = s.eq);
CREATE CAST (s.pair AS int) WITH FUNCTION s.f(s.pair);
CREATE OPERATOR CLASS s.ops FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(int, int);
CREATE TABLE s.t (id serial PRIMARY KEY, m s.mood, p s.pair, h s.hstore, c text COLLATE s.coll, d s.dom DEFAULT s.g());
CREATE TABLE s.ident (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t int REFERENCES s.t);
CREATE TABLE "Odd ""s"".x"."T'1
x" ("a""b" int PRIMARY KEY, CHECK ("a""b" > 0));
CREATE TABLE s.part (id int, m s.mood) PARTITION BY LIST (m);
CREATE TABLE s.part_a PARTITION OF s.part FOR VALUES IN ('a');
CREATE TABLE s.part_b PARTITION OF s.part FOR VALUES IN ('b');
CREATE TABLE s.child (x int) INHERITS (s.t);
CREATE SEQUENCE s.alone;
CREATE INDEX ON s.t ((s.f(p)));
CREATE INDEX ON s.part (id s.ops);
CREATE STATISTICS s.st ON id, m FROM s.t;
CREATE VIEW s.v AS SELECT t.id, s.f(t.p) FROM s.t WHERE t.p OPERATOR(s.===) t.p;
CREATE VIEW s.v2 AS SELECT * FROM s.v;
CREATE MATERIALIZED VIEW s.mv AS SELECT count(*) FROM s.v2;
CREATE FUNCTION s.trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER trg BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.trig();
ALTER TABLE s.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY pol ON s.t USING (s.g() = 'a');
CREATE RULE ru AS ON UPDATE TO s.v DO INSTEAD DELETE FROM s.part;
CREATE TEXT SEARCH DICTIONARY s.dict (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION s.conf (COPY = simple);
CREATE PUBLICATION pub FOR TABLE s.t;
CREATE FUNCTION s.ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER ev ON ddl_command_end WHEN TAG IN ('CREATE CONVERSION') EXECUTE FUNCTION s.ev();
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER srv FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR CURRENT_USER SERVER srv;
CREATE FOREIGN TABLE s.ft (i int) SERVER srv;
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO PUBLIC;
INSERT INTO s.t (m, p) SELECT 'a', ROW(i, 'b')::s.pair FROM generate_series(1, 100) i;
INSERT INTO s.ident (t) SELECT i FROM generate_series(1, 100) i;
INSERT INTO s.part SELECT i, 'a' FROM generate_series(1, 100) i;
INSERT INTO "Odd ""s"".x"."T'1
x" VALUES (1);
REFRESH MATERIALIZED VIEW s.mv;
SELECT lo_create(4711);
CREATE TABLE public.p (i int);
CREATE TABLE public.other_kind (i int);
EOQ

# Make a database on both sides, with a clone of it here.
sub cloned
{
	my ($sql, %opt) = @_;
	my $db = 'drop' . ++$n;

	new_database($_, $db) for $source, $target;
	$source->safe_psql($db, $sql);
	clone_ok($target, conninfo($source, db => $db), db => $db, name => "$db: a first clone", %opt);
	return $db;
}

sub again
{
	my ($db, %opt) = @_;
	my $via = delete $opt{via} // {};
	my $job = clone($target, conninfo($source, db => $db, %$via), db => $db, drop_if_exists => 'true', %opt);
	return ($job, wait_for_end($target, $job, db => $db));
}

sub errors_of
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT sqlstate, message, detail, hint FROM pgcopy_errors WHERE job = $job AND is_final");
}

sub oids
{
	my ($db) = @_;
	return $target->safe_psql($db, "SELECT string_agg(oid::text, ',' ORDER BY oid) FROM pg_class WHERE oid >= 16384 AND relnamespace NOT IN ('pgcopy'::regnamespace, 'pg_toast'::regnamespace)");
}

#-------------------------------------------------------------------------
# All that a database has
#-------------------------------------------------------------------------

my $db = cloned($all);
my ($job, $state) = again($db);
is($state, 'done', 'a clone over a clone ends done');
show_job($target, $job, db => $db) if $state ne 'done';
assert_same($source, $target, source_db => $db, db => $db, name => 'it is equal');
my $notices = $target->safe_psql($db, "SELECT message, object FROM pgcopy_notices WHERE job = $job AND message ~ '^dropped' ORDER BY message");
like($notices, qr/^dropped before it is created again: table \(9\)\|[^|]*\bs\.ident, /m, 'a notice lists the tables');
like($notices, qr/^dropped before it is created again: large object \(1\)\|4711$/m, 'one lists the large objects');
like($notices, qr/^dropped as parts of these objects: .*\d+ indexes/m, 'one counts the parts');

# What is another kind here, or has been changed.
$target->safe_psql($db, <<'EOQ');
DROP TABLE public.other_kind;
CREATE VIEW public.other_kind AS SELECT 1 AS i;
DROP MATERIALIZED VIEW s.mv;
CREATE TABLE s.mv (i int);
ALTER TABLE s.t ADD COLUMN more int;
CREATE INDEX mine ON s.t (more);
CREATE TABLE public.keep AS SELECT 1 AS i;
EOQ
($job, $state) = again($db);
is($state, 'done', 'other kinds of the same names: the clone ends done');
is($target->safe_psql($db, 'SELECT i FROM public.keep'), '1', 'what the source does not have stays');
$target->safe_psql($db, 'DROP TABLE public.keep');
assert_same($source, $target, source_db => $db, db => $db, name => 'it is equal again');

# Under other names.
my $mapped = cloned($all, schema_map => '{"s": "Ar""c"}' =~ s/""/\\"/r);
($job, $state) = again($mapped, schema_map => '{"s": "Ar\\"c"}');
is($state, 'done', 'with schema_map: the clone ends done');
show_job($target, $job, db => $mapped) if $state ne 'done';
is($target->safe_psql($mapped, 'SELECT count(*) FROM "Ar""c".t'), '100', 'with its rows, once');

# Schemas that hold something else stay.
$target->safe_psql($db, 'CREATE TABLE s.mine (i int); INSERT INTO s.mine VALUES (1)');
my $schema = "SELECT 's'::regnamespace::oid";
my $before = $target->safe_psql($db, $schema);
($job, $state) = again($db);
is($state, 'done', 'a schema with other objects: the clone ends done');
is($target->safe_psql($db, $schema), $before, 'the schema is kept');
is($target->safe_psql($db, 'SELECT i FROM s.mine'), '1', 'so is what is in it');
$target->safe_psql($db, 'DROP TABLE s.mine');

#-------------------------------------------------------------------------
# What depends on it
#-------------------------------------------------------------------------

foreach my $case (
	[ 'a view', 'CREATE VIEW public.mine AS SELECT id FROM s.t', 'DROP VIEW public.mine', qr/view public\.mine \(on table s\.t\)/ ],
	[ 'a foreign key', 'CREATE TABLE public.mine (i int REFERENCES s.t)', 'DROP TABLE public.mine', qr/constraint mine_i_fkey on table public\.mine/ ],
	[ 'a column', 'CREATE TABLE public.mine (i s.mood)', 'DROP TABLE public.mine', qr/column i of table public\.mine \(on type s\.mood\)/ ],
	[ 'a default', "CREATE TABLE public.mine (i int DEFAULT nextval('s.alone'))", 'DROP TABLE public.mine', qr/default value for column i of table public\.mine \(on sequence s\.alone\)/ ],
	[ 'a partition', "CREATE TABLE public.mine PARTITION OF s.part DEFAULT", 'DROP TABLE public.mine', qr/table public\.mine/ ],
	[ 'a child', 'CREATE TABLE public.mine () INHERITS (s.ident)', 'DROP TABLE public.mine', qr/table public\.mine \(on table s\.ident\)/ ],
	[ 'a trigger', 'CREATE TABLE public.mine (i int); CREATE TRIGGER x BEFORE INSERT ON public.mine FOR EACH ROW EXECUTE FUNCTION s.trig()', 'DROP TABLE public.mine', qr/trigger x on table public\.mine \(on function s\.trig\(\)\)/ ],
	[ 'a function', 'CREATE FUNCTION public.mine(s.dom) RETURNS int LANGUAGE sql AS \'SELECT 1\'', 'DROP FUNCTION public.mine(s.dom)', qr/function public\.mine\(s\.dom\)/ ],
	[ 'a foreign table', 'CREATE FOREIGN TABLE public.mine (i int) SERVER srv', 'DROP FOREIGN TABLE public.mine', qr/foreign table public\.mine \(on server srv\)/ ])
{
	my ($what, $make, $drop, $named) = @$case;

	$target->safe_psql($db, $make);
	my $oids = oids($db);
	($job, $state) = again($db);
	is($state, 'failed', "$what depends on it: the job fails");
	my $error = errors_of($db, $job);
	like($error, qr/^2BP01\|/, "$what: the SQLSTATE says so");
	like($error, $named, "$what: the error names it");
	is(oids($db), $oids, "$what: nothing was changed");
	$target->psql($db, $drop);
}

# All of them in one error.
$target->safe_psql($db, 'CREATE VIEW public.m1 AS SELECT id FROM s.t; CREATE VIEW public.m2 AS SELECT id FROM s.v');
($job, $state) = again($db);
like(errors_of($db, $job), qr/view public\.m1 .*view public\.m2 /, 'the error names all that depends');
$target->safe_psql($db, 'DROP VIEW public.m1, public.m2');

#-------------------------------------------------------------------------
# One transaction, resume
#-------------------------------------------------------------------------

# The first statements fail: a role has been dropped meanwhile, say; here a
# function that the source's CHECK calls while the table is made.
my $small = cloned('CREATE TABLE public.a AS SELECT 1 AS i; CREATE TABLE public.b AS SELECT 2 AS i; CREATE VIEW public.v AS SELECT * FROM a, b AS b(j);');
$target->safe_psql($small, <<'EOQ');
CREATE FUNCTION public.stop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'stopped here'; END $$;
CREATE EVENT TRIGGER stop ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION public.stop();
EOQ
$before = oids($small);
($job, $state) = again($small);
is($state, 'failed', 'a statement of the first batch fails: the job fails');
like(errors_of($small, $job), qr/stopped here/, 'with its error');
is(oids($small), $before, 'everything is as before');
is($target->safe_psql($small, 'SELECT * FROM public.v'), '1|2', 'rows too');
$target->safe_psql($small, 'DROP EVENT TRIGGER stop');
$target->safe_psql($small, "SELECT pgcopy_resume($job)");
ok(wait_for_state($target, $job, 'done', db => $small), 'a resume drops and creates');
isnt(oids($small), $before, 'all is new');
assert_same($source, $target, source_db => $small, db => $small, name => 'it is equal', filter => sub { grep { !/stop/ } @_ });

# The drop is done once: a resume keeps what the job has made.
my $held = 'drop' . ++$n;
new_database($_, $held) for $source, $target;
create_holds($source, $held);
create_held_table($source, $held, 'held');
clone_ok($target, conninfo($source, db => $held), db => $held, name => 'a first clone');
my $hold = hold($target, $held, 1);
$job = clone($target, conninfo($source, db => $held), db => $held, drop_if_exists => 'true');
wait_held($target, $held, 1, $job);

# ... and another job does not take what this one is at work on.
my $second = clone($target, conninfo($source, db => $held), db => $held, drop_if_exists => 'true');
is(wait_for_end($target, $second, db => $held), 'failed', 'a job does not drop what another one is at work on');
like(errors_of($held, $second), qr/^55006\|job $job is at work on what drop_if_exists would drop/, 'the error names that job');
$target->safe_psql($held, "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => $held), 'cancelled', 'a job is cancelled after its drop');
$before = oids($held);
release($hold);
$target->safe_psql($held, "SELECT pgcopy_resume($job, true)");
ok(wait_for_state($target, $job, 'done', db => $held), 'it ends done after a resume');
assert_same($source, $target, source_db => $held, db => $held, name => 'it is equal');

#-------------------------------------------------------------------------
# Rights, extensions, locks
#-------------------------------------------------------------------------

my $rights = cloned('CREATE TABLE public.a (i int)');
$source->safe_psql('postgres', "CREATE ROLE reader LOGIN PASSWORD 'read it' IN ROLE pg_read_all_data");
$source->safe_psql($rights, 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader');
$target->safe_psql($rights, <<'EOQ');
CREATE ROLE ordinary LOGIN;
GRANT ALL ON SCHEMA public TO ordinary;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO ordinary;
EOQ
$target->safe_psql($rights, "GRANT CREATE ON DATABASE $rights TO ordinary");
$before = oids($rights);
($job, $state) = again($rights, user => 'ordinary', no_owner => 'true', no_privileges => 'true',
	via => { tcp => 1, user => 'reader', password => 'read it' });
is($state, 'failed', 'an ordinary role does not drop the objects of others');
like(errors_of($rights, $job), qr/^42501\|.*Not yours: table public\.a\./m, 'the error names them');
is(oids($rights), $before, 'they are still there');
$target->safe_psql($rights, 'ALTER TABLE public.a OWNER TO ordinary');
($job, $state) = again($rights, user => 'ordinary', no_owner => 'true', no_privileges => 'true',
	via => { tcp => 1, user => 'reader', password => 'read it' });
is($state, 'done', 'it drops its own');

# A cast, a transform and a user mapping have no owner: they are whose type or server it is.
my $ownerless = cloned(<<'EOQ');
CREATE TYPE public.theirs AS (a int);
CREATE FUNCTION public.turn(public.theirs) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE CAST (public.theirs AS int) WITH FUNCTION public.turn(public.theirs);
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER srv FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR PUBLIC SERVER srv;
CREATE CAST (box AS int) WITH INOUT;
EOQ
$target->safe_psql($ownerless, "GRANT CREATE ON DATABASE $ownerless TO ordinary; GRANT ALL ON SCHEMA public TO ordinary; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO ordinary");
$before = oids($ownerless);
my $casts = sub { $target->safe_psql($ownerless, 'SELECT count(*) FROM pg_cast WHERE oid > 16383') };
($job, $state) = again($ownerless, user => 'ordinary', no_owner => 'true', no_privileges => 'true', on_error => 'continue',
	via => { tcp => 1, user => 'reader', password => 'read it' });
is($state, 'failed', 'what has no owner is not dropped by anybody');
like(errors_of($ownerless, $job), qr/^42501\|.*Not yours: .*cast \(pg_catalog.box AS integer\)/m, 'the error names a cast of the system\'s types');
is(oids($ownerless) . $casts->(), "${before}2", 'all is still there');

my $member = cloned('CREATE TABLE public.a (i int)');
$target->safe_psql($member, 'CREATE EXTENSION hstore; ALTER EXTENSION hstore ADD TABLE public.a');
($job, $state) = again($member);
is($state, 'failed', 'what is an extension\'s is not dropped');
like(errors_of($member, $job), qr/objects of extensions are here.*relation public\.a \(extension hstore\)/, 'the error names both');

my $many = cloned('DO $$ BEGIN FOR i IN 1 .. 1200 LOOP EXECUTE format(\'CREATE TABLE public.t%s (i int PRIMARY KEY, x text)\', i); IF i % 100 = 0 THEN COMMIT; END IF; END LOOP; END $$');
($job, $state) = again($many);
is($state, 'failed', 'more objects than the lock table has room for: the job fails');
like(errors_of($many, $job), qr/^53200\|.*Set max_locks_per_transaction to \d+ or more on this server/, 'the error has the setting');

# What is left out is not dropped.
new_database($source, 'left');
new_database($target, 'left');
my $left = 'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE SCHEMA x; CREATE TABLE x.c (id int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS \'SELECT 1\'; CREATE INDEX b_i ON b (id)';
$source->safe_psql('left', $left);
$target->safe_psql('left', "$left; INSERT INTO b VALUES (1); INSERT INTO x.c VALUES (1)");
my %left = (db => 'left', drop_if_exists => 'true', exclude_tables => ['b'], exclude_schemas => ['x'], roles => 'true');
my $there = $target->safe_psql('left', "SELECT 'b'::regclass::oid, 'x.c'::regclass::oid, 'a'::regclass::oid");
clone_ok($target, conninfo($source, db => 'left'), %left, name => 'drop_if_exists beside excludes');
is($target->safe_psql('left', "SELECT 'b'::regclass::oid, 'x.c'::regclass::oid, (SELECT count(*) FROM b), (SELECT count(*) FROM x.c)"),
	join('|', (split /\|/, $there)[0, 1], 1, 1), 'what is left out is not dropped');
isnt($target->safe_psql('left', "SELECT 'a'::regclass::oid"), (split /\|/, $there)[2], 'what is not is');

done_testing();
