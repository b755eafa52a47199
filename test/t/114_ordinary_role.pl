# A clone by an ordinary role (it owns the target database, and is no superuser)
# is told before the first statement all that it may not do or has not got here,
# at once: each kind is one row of pgcopy_errors with its own hint.  Compared with
# what really fails when the job goes on after errors.  What the role may do is
# not refused.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('ordinary', source_conf => $EVERYTHING_CONF, target_conf => $EVERYTHING_CONF);

# One database on the source, its namesake on the target with "app" as owner.
sub databases
{
	my ($db, $owner) = @_;
	new_database($_, $db) for $source, $target;
	$source->safe_psql($db, "ALTER DATABASE $db OWNER TO $owner");
	$target->safe_psql($db, <<EOQ);
ALTER DATABASE $db OWNER TO app;
CREATE EXTENSION pgcopydb_ext;
SELECT format('GRANT EXECUTE ON FUNCTION %s TO app', p.oid::regprocedure) FROM pg_proc p WHERE proname ~ '^pgcopy_(clone|resume)\$' \\gexec
EOQ
	return;
}

sub start
{
	my ($db, %opt) = @_;
	return clone($target, conninfo($source, db => $db, tcp => 1, user => $opt{reader} // 'app', password => 'secret'),
		db => $db, user => 'app', map { $_ => $opt{$_} } grep { $_ ne 'reader' } keys %opt);
}

# Messages and details of a job's errors that count, one a line.
sub errors
{
	my ($db, $job) = @_;
	return $target->safe_psql($db,
		"SELECT sqlstate || '|' || message || '|' || coalesce(detail, '') FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY no");
}

# What of a database is not the system's or this extension's.
sub objects
{
	my ($db) = @_;
	return $target->safe_psql($db, <<'EOQ');
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND n.nspname !~ '^(pg_|pgcopy|information_schema)'
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
EOQ
}

my $roles = <<'EOQ';
CREATE ROLE app LOGIN PASSWORD 'secret';
CREATE ROLE friend;
CREATE ROLE stranger;
GRANT friend TO app;
EOQ
$_->safe_psql('postgres', $roles) for $source, $target;
$source->safe_psql('postgres', <<'EOQ');
GRANT pg_read_all_data TO app;
CREATE ROLE gone_owner;
CREATE ROLE gone_grantee;
CREATE ROLE gone_member;
CREATE ROLE gone_policy;
CREATE ROLE gone_mapped;
CREATE ROLE gone_default;
CREATE ROLE gone_lo;
CREATE ROLE chief SUPERUSER;
CREATE ROLE poor LOGIN PASSWORD 'secret';
EOQ
$target->safe_psql('postgres', 'CREATE ROLE chief');
my $place = $source->basedir . '/place';
mkdir $place;
$source->safe_psql('postgres', "CREATE TABLESPACE faraway LOCATION '$place'");
$place = $_->basedir . '/closed', mkdir($place), $_->safe_psql('postgres', "CREATE TABLESPACE closed LOCATION '$place'")
  for $source, $target;

#-------------------------------------------------------------------------
# All at once.  Each line: the kind, a name in its detail, and statements.
#-------------------------------------------------------------------------
my @kinds = (
	[ 'roles that the source uses', 'gone_owner', 'CREATE TABLE a1 (a int); ALTER TABLE a1 OWNER TO gone_owner' ],
	[ 'roles that the source uses', 'gone_grantee', 'CREATE TABLE a2 (a int); GRANT SELECT ON a2 TO gone_grantee' ],
	[ 'roles that the source uses', 'gone_member', 'CREATE EXTENSION hstore; GRANT EXECUTE ON FUNCTION hstore(text, text) TO gone_member' ],
	[ 'roles that the source uses', 'gone_policy', 'CREATE TABLE a3 (a int); CREATE POLICY p ON a3 TO gone_policy USING (true)' ],
	[ 'roles that the source uses', 'gone_mapped', 'CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE USER MAPPING FOR gone_mapped SERVER s' ],
	[ 'roles that the source uses', 'gone_default', 'ALTER DEFAULT PRIVILEGES FOR ROLE gone_default GRANT SELECT ON TABLES TO PUBLIC' ],
	[ 'roles that the source uses', 'gone_lo', 'SELECT lo_create(7); GRANT SELECT ON LARGE OBJECT 7 TO gone_lo' ],
	[ 'cannot act as', 'stranger', 'CREATE TABLE b1 (a int); ALTER TABLE b1 OWNER TO stranger' ],
	[ 'cannot act as', 'chief', 'SELECT lo_create(8); ALTER LARGE OBJECT 8 OWNER TO chief' ],
	[ 'may not create objects where they are', 'CREATE on schema b2 for friend', 'CREATE SCHEMA b2; ALTER SCHEMA b2 OWNER TO app; CREATE TABLE b2.t (a int); ALTER TABLE b2.t OWNER TO friend' ],
	[ 'other than the owner', 'friend', 'CREATE TABLE b3 (a int); GRANT SELECT ON b3 TO friend WITH GRANT OPTION; SET ROLE friend; GRANT SELECT ON b3 TO stranger; RESET ROLE' ],
	[ 'of extensions or of the system', 'pg_catalog.pg_read_file', 'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO friend' ],
	[ 'of extensions or of the system', 'public.hstore', '' ],
	[ 'definitions of the source can be made here only by a superuser', 'event trigger e1', "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER e1 ON sql_drop EXECUTE FUNCTION e()" ],
	[ 'definitions of the source can be made here only by a superuser', 'publication p1', 'CREATE PUBLICATION p1 FOR ALL TABLES' ],
	[ 'definitions of the source can be made here only by a superuser', 'foreign data wrapper w', '' ],
	[ 'definitions of the source can be made here only by a superuser', 'access method heap2', 'CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler' ],
	[ 'definitions of the source can be made here only by a superuser', 'cast (pg_catalog.int4 AS point)', 'CREATE FUNCTION ip(int) RETURNS point LANGUAGE sql IMMUTABLE AS $$SELECT point($1, 0)$$; CREATE CAST (int AS point) WITH FUNCTION ip(int)' ],
	[ 'definitions of the source can be made here only by a superuser', 'function public.native', q{CREATE FUNCTION native(int) RETURNS int LANGUAGE internal AS 'int4abs'} ],
	[ 'definitions of the source can be made here only by a superuser', 'function public.tight', q{CREATE FUNCTION tight() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'} ],
	[ 'definitions of the source can be made here only by a superuser', 'type public.shell', 'CREATE TYPE shell' ],
	[ 'definitions of the source can be made here only by a superuser', 'text search parser public.words', 'CREATE TEXT SEARCH PARSER words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)' ],
	[ 'definitions of the source can be made here only by a superuser', 'text search template public.plate', 'CREATE TEXT SEARCH TEMPLATE plate (LEXIZE = dsimple_lexize)' ],
	[ 'definitions of the source can be made here only by a superuser', 'operator family public.kin', 'CREATE OPERATOR FAMILY kin USING btree' ],
	[ 'definitions of the source can be made here only by a superuser', 'operator class public.kind', 'CREATE OPERATOR CLASS kind FOR TYPE int USING btree AS FUNCTION 1 btint4cmp(int, int)' ],
	[ 'definitions of the source can be made here only by a superuser', 'aggregate public."inner"', 'CREATE AGGREGATE "inner" (float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA)' ],
	[ 'definitions of the source can be made here only by a superuser', 'publication p2 (tables in a schema)', 'CREATE PUBLICATION p2 FOR TABLES IN SCHEMA public' ],
	[ 'definitions of the source can be made here only by a superuser', 'transform for pg_catalog.int4 language sql', 'CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal))' ],
	[ 'definitions of the source can be made here only by a superuser', 'language lang', q{CREATE FUNCTION handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'; CREATE LANGUAGE lang HANDLER handler} ],
	[ 'extension can be created here only by a superuser', 'pageinspect', 'CREATE EXTENSION pageinspect' ],
	[ 'may not make servers of', 'w', '' ],
	[ 'tablespace that the source uses', 'faraway', 'CREATE TABLE t1 (a int PRIMARY KEY USING INDEX TABLESPACE faraway); CREATE TABLE t2 (a int) PARTITION BY LIST (a) TABLESPACE faraway' ],
	[ 'may not use 1 tablespace', 'closed', 'CREATE MATERIALIZED VIEW m TABLESPACE closed AS SELECT 1' ],
	[ 'may not create objects in', 'public', '' ],
	[ 'here already', 'schema taken', 'CREATE SCHEMA taken AUTHORIZATION app; CREATE TABLE taken.t (a int)' ],
	[ 'settings of functions', 'permission denied to set parameter "log_statement" (function public.f1)', q{CREATE FUNCTION f1() RETURNS int LANGUAGE sql SET log_statement = 'all' AS 'SELECT 1'} ],
	[ 'settings of functions', 'permission denied to set parameter "app.tenant" (function public.f2)', q{CREATE FUNCTION f2() RETURNS int LANGUAGE sql SET app.tenant = 'x' AS 'SELECT 1'} ],
	[ 'owner of objects of the source must be a superuser', 'chief', 'CREATE FUNCTION e2() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$; CREATE EVENT TRIGGER e2 ON sql_drop EXECUTE FUNCTION e2(); ALTER EVENT TRIGGER e2 OWNER TO chief' ],
);
databases('all_at_once', 'app');
$target->safe_psql('all_at_once', 'ALTER SCHEMA public OWNER TO stranger; REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE SCHEMA taken AUTHORIZATION stranger');
$source->safe_psql('all_at_once', "SET client_min_messages = error; $_") for map { $_->[2] || () } @kinds;

my $before = objects('all_at_once');
my $job = start('all_at_once');
is(wait_for_end($target, $job, db => 'all_at_once'), 'failed', 'a job with everything wrong fails');
my $errors = errors('all_at_once', $job);
foreach my $kind (@kinds)
{
	my ($message, $name) = @$kind;
	my ($line) = grep { /\|[^|]*$message/ } split /\n/, $errors;
	like($line // '', qr/\|[^|]*: (|.*, )\Q$name\E(,.*|)\.$/, "$message: $name");
}
is(objects('all_at_once'), $before, 'nothing was created');

#-------------------------------------------------------------------------
# What fails if the job goes on after errors is what was foretold.
#-------------------------------------------------------------------------
databases('reality', 'app');
$target->safe_psql('reality', 'GRANT CREATE ON SCHEMA public TO app');
foreach my $kind (@kinds)
{
	next if $kind->[0] =~ /^(roles|tablespace) that/ && $kind->[1] ne 'gone_member' && $kind->[1] ne 'gone_mapped';
	my $sql = $kind->[2] =~ s/gone_\w+/friend/gr;
	$source->safe_psql('reality', "SET client_min_messages = error; $sql") if $sql;
}
$job = start('reality', on_error => 'continue');
is(wait_for_end($target, $job, db => 'reality'), 'done', 'a job that goes on after errors is not refused');
check_foretold('reality', $job, 20);
is($target->safe_psql('reality', "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND message ~ 'OID|been dropped'"),
	'0', 'a table that was never made is not called dropped, nor by its OID');

# Test that a name of each error's object or message is among what notices name.
# What is missing because something before it failed is left out.  From 16 on the server
# does not name the role of default privileges: the statement does.
sub check_foretold
{
	my ($db, $job, $at_least) = @_;
	my $foretold = $target->safe_psql($db, "SELECT string_agg(object, ', ') FROM pgcopy_notices WHERE job = $job") =~ s/"//gr;
	my @late = split /\n/, $target->safe_psql($db, <<EOQ);
SELECT translate(object || ' | ' || message || CASE WHEN message ~ 'default privileges' THEN ': ' || coalesce(context, '') ELSE '' END, E'\n"', ' ') FROM pgcopy_errors
WHERE job = $job AND is_final AND message !~ 'does not exist|has been dropped|there is no sequence' ORDER BY no
EOQ
	my $names = qr/^(?:pre-data |post-data |final |late |table )(?:create |\w+\.)?(\w+)|(?:role|authorization|to role|schema|tablespace) (\S+)/i;
	cmp_ok(scalar @late, '>', $at_least, "$db: much fails");
	is(join("\n", grep { !grep { defined && $foretold =~ /(^|\W)\Q$_\E(\W|$)/i } /$names/g } @late), '', 'and all of it was foretold');
	return;
}

# The same with everything that pg_dump dumps.
load_roles($source, $target);
databases('everything', 'app');
load_everything($source, 'everything', big_size => 1000);
$job = start('everything');
is(wait_for_end($target, $job, db => 'everything'), 'failed', 'everything is refused');
is(objects('everything'), '0', 'nothing was created');
my @refused = split /\n/, $target->safe_psql('everything', "SELECT message || '|' || trim(trailing '.' FROM split_part(detail, ': ', 2)) FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY no");
$target->safe_psql('everything', "SELECT pgcopy_drop($job)");
$job = start('everything', on_error => 'continue');
is(wait_for_end($target, $job, db => 'everything'), 'done', 'unless the job goes on after errors');
check_foretold('everything', $job, 200);
is( $target->safe_psql('everything', "SELECT count(*) FROM pgcopy_notices WHERE job = $job AND message IN (" . join(', ', map { quote_literal(s/\|.*//r) } @refused) . ')'),
	scalar @refused, 'the notices are what was refused before');

#-------------------------------------------------------------------------
# What the role may do is done, without a finding or a notice.
#-------------------------------------------------------------------------
databases($_, 'app') for 'own', 'own2', 'no_owner', 'precreated';
my $own = <<'EOQ';
CREATE SCHEMA a;
CREATE EXTENSION hstore SCHEMA a;
CREATE EXTENSION citext;
COMMENT ON EXTENSION hstore IS 'our own';
CREATE TABLE a.t (id serial PRIMARY KEY, h a.hstore, c citext);
INSERT INTO a.t (h, c) VALUES ('a=>1', 'X'), ('b=>2', 'y');
CREATE TABLE a.p (a int) PARTITION BY LIST (a);
CREATE TABLE a.p1 PARTITION OF a.p FOR VALUES IN (1);
CREATE TYPE a.e AS ENUM ('x', 'y');
CREATE DOMAIN a.d AS int CHECK (VALUE > 0);
CREATE FUNCTION a.f(a.e) RETURNS int LANGUAGE sql IMMUTABLE SET search_path = a SET work_mem = '8MB' AS 'SELECT 1';
CREATE CAST (a.e AS int) WITH FUNCTION a.f(a.e);
CREATE CAST (a.e AS a.d) WITH INOUT;
CREATE AGGREGATE a.total(int) (SFUNC = int4pl, STYPE = int);
CREATE OPERATOR a.## (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE COLLATION a.mine FROM "C";
CREATE TEXT SEARCH DICTIONARY a.stems (TEMPLATE = pg_catalog.snowball, LANGUAGE = german, STOPWORDS = german);
CREATE TEXT SEARCH CONFIGURATION a.config (COPY = pg_catalog.english);
CREATE MATERIALIZED VIEW a.m AS SELECT * FROM a.t;
CREATE VIEW a.v AS SELECT * FROM a.m;
CREATE PUBLICATION pub FOR TABLE a.t;
CREATE STATISTICS a.s ON id, c FROM a.t;
CREATE FUNCTION a.fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER trig AFTER INSERT ON a.t EXECUTE FUNCTION a.fire();
ALTER TABLE a.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY pol ON a.t TO friend USING (true);
GRANT SELECT ON a.t TO friend WITH GRANT OPTION;
GRANT USAGE ON SCHEMA a TO friend;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO friend;
ALTER DEFAULT PRIVILEGES FOR ROLE friend IN SCHEMA a GRANT SELECT ON TABLES TO app;
COMMENT ON TABLE a.t IS 'a table';
SELECT lo_from_bytea(50, 'large');
GRANT SELECT ON LARGE OBJECT 50 TO friend;
CREATE SCHEMA friends;
CREATE TABLE friends.t (a int);
ALTER SCHEMA friends OWNER TO friend;
ALTER TABLE friends.t OWNER TO friend;
CREATE TABLE public.t (a int);
EOQ
foreach my $db ('own', 'no_owner')
{
	$target->safe_psql($db, 'GRANT CREATE ON SCHEMA public TO app');
	$source->safe_psql($db, 'GRANT CREATE ON SCHEMA public TO app');
	$source->safe_psql('postgres', "ALTER DATABASE $db OWNER TO friend; GRANT CREATE ON DATABASE $db TO friend, app");
	$target->safe_psql('postgres', "GRANT CREATE ON DATABASE $db TO friend");
	my @as = ($db eq 'own' ? (extra_params => [ '-U', 'app' ]) : ());
	$source->safe_psql($db, "SET client_min_messages = error; $own", @as);
	$source->safe_psql($db, 'ALTER TABLE a.t DISABLE ROW LEVEL SECURITY') if !@as;
}
$job = start('own');
is(wait_for_end($target, $job, db => 'own'), 'done', "the role's own database is cloned") or note errors('own', $job);
is($target->safe_psql('own', "SELECT count(*) FROM pgcopy_notices WHERE job = $job AND object IS NOT NULL"), '0', 'without a notice about an object');
assert_same($source, $target, source_db => 'own', db => 'own', schema => 0, name => 'with all of it');
is($target->safe_psql('own', "SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'hstore'"), 'our own', 'also the comment on an extension');

# The same made by a superuser.
$job = start('no_owner');
is(wait_for_end($target, $job, db => 'no_owner'), 'failed', 'what belongs to a superuser is refused');
like(errors('no_owner', $job), qr/\A42501\|the job's role cannot act as 1 owner or grantor of the source's objects\|Roles: postgres\.\z/,
	'with one finding');
$target->safe_psql('no_owner', 'SELECT pgcopy_drop(' . $job . ')');
$job = start('no_owner', no_owner => 'true', no_privileges => 'true');
is(wait_for_end($target, $job, db => 'no_owner'), 'done', 'with no_owner and no_privileges nothing is left to find')
  or note errors('no_owner', $job);

# Extensions of a superuser that are here already: their usual comments are no matter.
$source->safe_psql('precreated', 'CREATE EXTENSION pageinspect; CREATE EXTENSION postgres_fdw; CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw; ALTER SERVER there OWNER TO app');
$target->safe_psql('precreated', 'CREATE EXTENSION pageinspect; CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO app');
$job = start('precreated');
is(wait_for_end($target, $job, db => 'precreated'), 'done', 'extensions that a superuser has created here are used')
  or note errors('precreated', $job);

# Schemas and extensions that a superuser has made on both sides, and granted.
databases('managed', 'app');
foreach my $node ($source, $target)
{
	$node->safe_psql('managed', <<'EOQ');
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION pg_stat_statements SCHEMA ext;
GRANT USAGE ON SCHEMA ext TO PUBLIC, friend;
CREATE SCHEMA room AUTHORIZATION app;
CREATE SCHEMA shop AUTHORIZATION chief;
GRANT ALL ON SCHEMA shop TO app;
GRANT CREATE ON DATABASE managed TO friend;
EOQ
}
$source->safe_psql('managed', <<'EOQ', extra_params => [ '-U', 'app' ]);
CREATE EXTENSION pg_trgm;
CREATE TABLE public.t (id int PRIMARY KEY, h ext.hstore, t text);
INSERT INTO public.t VALUES (1, 'a=>1', 'x');
CREATE INDEX ON public.t USING gist (t gist_trgm_ops);
CREATE FUNCTION public.f() RETURNS float4 LANGUAGE sql SET pg_trgm.similarity_threshold = 0.5 AS 'SELECT 1.0::float4';
CREATE TABLE shop.t (a int);
CREATE TABLE room.t (a int);
ALTER SCHEMA room OWNER TO friend;
ALTER TABLE room.t OWNER TO friend;
EOQ
$job = start('managed');
is(wait_for_end($target, $job, db => 'managed'), 'done', 'schemas that a superuser has made here are used')
  or note errors('managed', $job);
is($target->safe_psql('managed', "SELECT count(*) FROM pgcopy_notices WHERE job = $job AND object IS NOT NULL"), '0', 'without a notice');
assert_same($source, $target, source_db => 'managed', db => 'managed', schema => 0, name => 'and hold the same');
is($target->safe_psql('managed', "SELECT string_agg(nspname || ' ' || nspowner::regrole, ', ' ORDER BY nspname) FROM pg_namespace WHERE nspname IN ('ext', 'room', 'shop')"),
	"ext postgres, room friend, shop chief", 'with the owners of the source');

#-------------------------------------------------------------------------
# What the role may not read on the source.
#-------------------------------------------------------------------------
databases('unreadable', 'app');
$source->safe_psql('unreadable', <<'EOQ');
CREATE TABLE open (a int);
GRANT SELECT ON open TO poor;
CREATE TABLE shut (a int);
CREATE SCHEMA s;
CREATE TABLE s.shut_schema (a int);
GRANT SELECT ON s.shut_schema TO poor;
CREATE TABLE rows (a int);
GRANT SELECT ON rows TO poor;
ALTER TABLE rows ENABLE ROW LEVEL SECURITY;
CREATE TABLE parent (a int) PARTITION BY LIST (a);
CREATE TABLE part PARTITION OF parent FOR VALUES IN (1);
GRANT SELECT ON parent, part TO poor;
ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
CREATE SEQUENCE counter;
SELECT lo_create(90), lo_create(91);
GRANT SELECT ON LARGE OBJECT 91 TO poor;
EOQ
$target->safe_psql('unreadable', 'GRANT CREATE ON SCHEMA public TO app');
$job = start('unreadable', reader => 'poor', no_owner => 'true', no_privileges => 'true');
is(wait_for_end($target, $job, db => 'unreadable'), 'failed', 'a role that may not read everything is refused');
is(errors('unreadable', $job), <<'EOT' =~ s/\n\z//r, 'and told all at once');
42501|the source's role may not read 2 tables|Not readable: public.shut, s.shut_schema.
42501|row-level security hides rows of 1 table from the source's role|Tables: public.rows.
42501|the source's role may not read 1 of its sequences|Not readable: public.counter.
42501|the source's role may not read 1 large object|Not readable: 90.
EOT

#-------------------------------------------------------------------------
# What a superuser is told: what is not installed here.
#-------------------------------------------------------------------------
databases('files', 'app');
$source->safe_psql('files', <<'EOQ');
SET check_function_bodies = off;
SET client_min_messages = error;
CREATE FUNCTION strange() RETURNS int LANGUAGE internal AS 'int4in';
CREATE FUNCTION foreigner() RETURNS int LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TEXT SEARCH DICTIONARY lost (TEMPLATE = pg_catalog.simple, STOPWORDS = english);
CREATE COLLATION lost FROM "C";
CREATE TABLE collated (a text COLLATE "POSIX", b text COLLATE "de-x-icu");
CREATE FUNCTION unset() RETURNS int LANGUAGE sql SET work_mem = '8MB' AS 'SELECT 1';
CREATE TABLE far (a int) TABLESPACE faraway;
CREATE LANGUAGE babble HANDLER plpgsql_call_handler;
CREATE FUNCTION babbled() RETURNS int LANGUAGE babble AS '';
SET allow_system_table_mods = on;
UPDATE pg_proc SET prosrc = 'no_such_function' WHERE proname = 'strange';
UPDATE pg_proc SET probin = '$libdir/no_such_library' WHERE proname = 'foreigner';
UPDATE pg_ts_dict SET dictinitoption = 'stopwords = ''no_such_file''' WHERE dictname = 'lost';
UPDATE pg_collation SET collcollate = 'xx_YY', collctype = 'xx_YY' WHERE collname = 'lost';
UPDATE pg_collation SET collname = 'xx-x-icu' WHERE collname = 'de-x-icu';
UPDATE pg_proc SET proconfig = '{no_such_setting=1}' WHERE proname = 'unset';
EOQ
$target->safe_psql('files', 'CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$; CREATE EVENT TRIGGER watcher ON ddl_command_start EXECUTE FUNCTION watch()');
$job = clone($target, conninfo($source, db => 'files'), db => 'files');
is(wait_for_end($target, $job, db => 'files'), 'failed', 'what is not installed here is refused');
is(errors('files', $job) =~ s!"[^"]*/tsearch_data/!"!r, <<'EOT' =~ s/\n\z//r, 'and told at once, also to a superuser');
42704|1 collation that the source uses does not exist here|Missing: "xx-x-icu".
42704|1 tablespace that the source uses does not exist here|Missing: faraway.
42704|1 language of functions is not available here|Missing: babble.
58P01|1 library of functions is not installed here|Missing: $libdir/no_such_library (function public.foreigner).
42883|1 function is built in on the source, but not here|Functions: no_such_function (function public.strange).
42501|1 setting of functions (ALTER FUNCTION ... SET) cannot be made here|Settings: unrecognized configuration parameter "no_such_setting" (function public.unset).
F0000|1 text search dictionary does not work here|Dictionaries: public.lost (could not open stop-word file "no_such_file.stop": No such file or directory).
42704|1 collation of the source cannot be made here|Collations: public.lost (locale "xx_YY" does not exist).
EOT
is($target->safe_psql('files', "SELECT message, object FROM pgcopy_notices WHERE job = $job AND object ~ 'watch'"),
	'1 event trigger of this database will fire for statements of the job|Event triggers: watcher.', 'a notice names event triggers that will fire');

#
# A table that its owner may no longer fill: its rows come after the REVOKE if they
# wait for what post-data makes, or are all read again
#
databases('archive', 'app');
create_holds($source, 'archive');
$source->safe_psql('archive', <<'EOQ');
ALTER SCHEMA hold OWNER TO app;
ALTER FUNCTION hold.here OWNER TO app;
SET ROLE app;
CREATE SCHEMA a;
CREATE FUNCTION a.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE a.base (k int);
CREATE TRIGGER late BEFORE INSERT ON a.base FOR EACH ROW EXECUTE FUNCTION a.touch();
CREATE FUNCTION a.after_trigger() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgname = 'late') THEN
		RAISE undefined_object;
	END IF;
	RETURN hold.here(1);
END $$;
CREATE TABLE a.year (k int CHECK (a.after_trigger()));
INSERT INTO a.base VALUES (1);
INSERT INTO a.year VALUES (1), (2);
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON a.base, a.year FROM app;
EOQ
my $hold = hold($target, 'archive', 1);
$job = start('archive');
wait_held($target, 'archive', 1, $job);
is($target->safe_psql('archive', "SELECT has_table_privilege('app', 'a.year', 'INSERT')"), 'f', 'archive: the privilege is gone when the rows come');
$target->safe_psql('archive', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'archive'), 'cancelled', 'archive: the job is cancelled there');
release($hold);
$target->safe_psql('archive', "SELECT pgcopy_resume($job, consistent => true)", extra_params => [ '-U', 'app' ]);
is(wait_for_end($target, $job, db => 'archive'), 'done', 'archive: all tables are read again');
is(errors('archive', $job), '', 'archive: without an error');
is($target->safe_psql('archive', 'SELECT (SELECT count(*) FROM a.base), (SELECT count(*) FROM a.year)'), '1|2', 'archive: and have their rows');
is($target->safe_psql('archive', "SELECT has_table_privilege('app', 'a.year', 'INSERT')"), 'f', 'archive: the privilege stays revoked');

done_testing();
