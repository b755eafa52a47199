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

my ($source, $target) = new_pair('ordinary');
my $share = run_share();

sub run_share
{
	my ($out) = run_command([ 'pg_config', '--sharedir' ]);
	return $out;
}

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
	[ 'of an extension or of the system', 'pg_catalog.pg_read_file', 'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO friend' ],
	[ 'of an extension or of the system', 'public.hstore', '' ],
	[ 'definitions of the source can be made here only by a superuser', 'event trigger e1', "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER e1 ON sql_drop EXECUTE FUNCTION e()" ],
	[ 'definitions of the source can be made here only by a superuser', 'publication p1', 'CREATE PUBLICATION p1 FOR ALL TABLES' ],
	[ 'definitions of the source can be made here only by a superuser', 'foreign data wrapper w', '' ],
	[ 'definitions of the source can be made here only by a superuser', 'access method heap2', 'CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler' ],
	[ 'definitions of the source can be made here only by a superuser', 'cast (pg_catalog.int4 AS bytea)', 'CREATE FUNCTION ib(int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$SELECT int4send($1)$$; CREATE CAST (int AS bytea) WITH FUNCTION ib(int)' ],
	[ 'definitions of the source can be made here only by a superuser', 'function public.native', q{CREATE FUNCTION native(int) RETURNS int LANGUAGE internal AS 'int4abs'} ],
	[ 'definitions of the source can be made here only by a superuser', 'function public.tight', q{CREATE FUNCTION tight() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'} ],
	[ 'definitions of the source can be made here only by a superuser', 'type public.shell', 'CREATE TYPE shell' ],
	[ 'definitions of the source can be made here only by a superuser', 'text search parser public.words', 'CREATE TEXT SEARCH PARSER words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)' ],
	[ 'definitions of the source can be made here only by a superuser', 'text search template public.plate', 'CREATE TEXT SEARCH TEMPLATE plate (LEXIZE = dsimple_lexize)' ],
	[ 'definitions of the source can be made here only by a superuser', 'operator family public.kin', 'CREATE OPERATOR FAMILY kin USING btree' ],
	[ 'definitions of the source can be made here only by a superuser', 'operator class public.kind', 'CREATE OPERATOR CLASS kind FOR TYPE int USING btree AS FUNCTION 1 btint4cmp(int, int)' ],
	[ 'definitions of the source can be made here only by a superuser', 'aggregate public.inner', 'CREATE AGGREGATE "inner" (float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA)' ],
	[ 'definitions of the source can be made here only by a superuser', 'subscription sub', q{CREATE SUBSCRIPTION sub CONNECTION 'host=192.0.2.1 password=x' PUBLICATION p WITH (connect = false, slot_name = NONE)} ],
	[ 'definitions of the source can be made here only by a superuser', 'transform', 'CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal))' ],
	[ 'definitions of the source can be made here only by a superuser', 'language lang', q{CREATE FUNCTION handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'; CREATE LANGUAGE lang HANDLER handler} ],
	[ 'extension can be created here only by a superuser', 'pageinspect', 'CREATE EXTENSION pageinspect' ],
	[ 'the comment that it has', 'pageinspect', "COMMENT ON EXTENSION pageinspect IS 'ours'" ],
	[ 'foreign-data wrapper', 'w', '' ],
	[ 'tablespace that the source uses', 'faraway', 'CREATE TABLE t1 (a int PRIMARY KEY USING INDEX TABLESPACE faraway); CREATE TABLE t2 (a int) PARTITION BY LIST (a) TABLESPACE faraway' ],
	[ 'may not use 1 tablespace', 'closed', 'CREATE MATERIALIZED VIEW m TABLESPACE closed AS SELECT 1' ],
	[ 'may not create objects in', 'public', '' ],
	[ 'settings of functions', 'log_statement', q{CREATE FUNCTION f1() RETURNS int LANGUAGE sql SET log_statement = 'all' AS 'SELECT 1'} ],
	[ 'settings of functions', 'app.tenant', q{CREATE FUNCTION f2() RETURNS int LANGUAGE sql SET app.tenant = 'x' AS 'SELECT 1'} ],
	[ 'owner of objects of the source must be a superuser', 'chief', 'CREATE FUNCTION e2() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$; CREATE EVENT TRIGGER e2 ON sql_drop EXECUTE FUNCTION e2(); ALTER EVENT TRIGGER e2 OWNER TO chief' ],
);
databases('all_at_once', 'app');
$target->safe_psql('all_at_once', 'ALTER SCHEMA public OWNER TO stranger; REVOKE CREATE ON SCHEMA public FROM PUBLIC');
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
note $errors;
done_testing();
