# An extension that is here already, in the source's schema, is used as it is: none
# of its members is a clash.  Rows of its configuration that are here and equal
# stay and count once; one with the same key and other values is an error that
# names table, key and columns.  What is here in another schema, in another
# version, or without what the source needs of it is told before anything is done.
# Where pg_restore goes through, the result is its result.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('extensions');
$_->safe_psql('postgres', 'CREATE ROLE provider SUPERUSER LOGIN; CREATE ROLE app LOGIN') foreach $source, $target;

# Notices of a job, one a line.
sub notices
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT message FROM pgcopy_notices WHERE job = $job AND object ~ '^(extension|sequence)' ORDER BY 1");
}

# Final errors of a job: SQLSTATE, message, detail.
sub errors
{
	my ($db, $job) = @_;
	return $target->safe_psql($db,
		"SELECT sqlstate, message, detail FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY message");
}

# Run SQL in a new database of the target; returns its name.
my $databases = 0;
sub prepare
{
	my ($sql, $user) = @_;
	my $db = 'here_' . ++$databases;
	new_database($target, $db);
	$target->safe_psql($db, $sql, extra_params => [ '-U', $user // 'provider' ]);
	return $db;
}

# A clone that must fail, with these errors; returns the database and the job.
sub fails
{
	my ($name, $sql, $errors, %opt) = @_;
	my $db = prepare($sql);
	my $job = clone($target, conninfo($source, db => $opt{source_db} // 'app'), db => $db);

	is(wait_for_end($target, $job, db => $db), 'failed', "$name: the job fails");
	like(errors($db, $job), $errors, "$name: with this error");
	is($target->safe_psql($db, "SELECT count(*) FROM pgcopy_tables WHERE job = $job AND state <> 'pending'"),
		'0', "$name: before the first row")
	  if $opt{early} // 1;
	return ($db, $job);
}

# A clone that must end done and equal.
sub arrives
{
	my ($name, $db, %opt) = @_;
	my $source_db = $opt{source_db} // 'app';
	my $job = clone_ok($target, conninfo($source, db => $source_db), db => $db, name => "$name: the clone ends done");

	assert_same(
		$source, $target,
		source_db => $source_db,
		db => $db,
		# members belong to whoever has created the extension here
		filter => sub { map { s/Owner: provider$/Owner: postgres/mr } @_ },
		name => "$name: all is equal", %{ $opt{same} // {} });
	is(notices($db, $job), $opt{notices} // '', "$name: these are the notices");
	return $job;
}

#-------------------------------------------------------------------------
# Members of all kinds, configuration that the script fills
#-------------------------------------------------------------------------
my $create = 'CREATE SCHEMA ext; CREATE EXTENSION pgcopy_config SCHEMA ext; CREATE EXTENSION pgcopy_home;';
new_database($source, 'app');
$source->safe_psql('app', <<EOQ);
$create
CREATE TABLE uses (p ext.pair, m ext.mood[], r ext.moods, s ext.small DEFAULT 1, place int REFERENCES ext.ranks,
	c text COLLATE ext.bytes, at pgcopy_home.corner);
CREATE VIEW seen AS SELECT n.id, u.p OPERATOR(ext.<~>) u.m[1] AS differs FROM ext.numbers n, uses u;
INSERT INTO ext.ranks VALUES (7, 'seven', '-Infinity', NULL);
INSERT INTO uses VALUES ((1, 'x'), '{sad}', '[sad,happy)', 3, 7, 'c', (1, 2)), (NULL, NULL, 'empty', NULL, 1, NULL, NULL);
INSERT INTO ext.bag VALUES ('a', '{"a": 1}'), ('b', '[1]'), ('b', '[1]'), (NULL, NULL);
INSERT INTO ext.places VALUES (1, NULL, 'top'), (2, 2, 'east');
INSERT INTO pgcopy_home_data.layers (name) VALUES ('x'), ('y');
SELECT nextval('ext.tickets') FROM generate_series(1, 4);
ALTER TABLE ext.numbered OWNER TO app;
GRANT SELECT ON ext.bag TO app;
EOQ

arrives('created by the clone', prepare(''));
arrives('here already', prepare($create));
arrives('used here already', prepare(<<EOQ));
$create
INSERT INTO ext.ranks VALUES (7, 'seven', '-Infinity', NULL);
DELETE FROM ext.ranks WHERE id = 2;
INSERT INTO ext.bag VALUES ('b', '[1]');
INSERT INTO ext.places VALUES (1, NULL, 'top');
SELECT nextval('ext.tickets');
EOQ

# A role that owns nothing of it can clone beside it, if there is no row to insert.
new_database($source, 'plain');
$source->safe_psql('plain', "$create CREATE TABLE uses (p ext.pair, at pgcopy_home.corner); INSERT INTO uses VALUES ((1, 'x'), (1, 2))");
my $db = prepare("$create GRANT CREATE ON SCHEMA public TO app; GRANT USAGE ON SCHEMA ext, pgcopy_home TO app; COMMENT ON EXTENSION pgcopy_home IS 'another'");
$target->safe_psql('postgres', "GRANT CREATE ON DATABASE $db TO app; ALTER ROLE app IN DATABASE $db SET client_min_messages = warning");
$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext; GRANT USAGE ON SCHEMA pgcopy TO app; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO app');
$source->safe_psql('plain', "ALTER ROLE app PASSWORD 'secret'; GRANT USAGE ON SCHEMA ext, pgcopy_home, pgcopy_home_data TO app; GRANT SELECT ON ALL TABLES IN SCHEMA public, ext, pgcopy_home, pgcopy_home_data TO app; GRANT SELECT ON ALL SEQUENCES IN SCHEMA ext, pgcopy_home, pgcopy_home_data TO app");
my $job = clone($target, conninfo($source, db => 'plain', tcp => 1, user => 'app', password => 'secret'),
	db => $db, user => 'app', no_owner => 1, no_privileges => 1);
is(wait_for_end($target, $job, db => $db), 'done', 'beside another role\'s extension: the clone ends done')
  or show_job($target, $job, db => $db);
is($target->safe_psql($db, 'SELECT * FROM uses'), '(1,x)|(1,2)', 'beside another role\'s extension: rows are here');
like(notices($db, $job), qr/^the comment of extension pgcopy_home stays as it is here/m, 'a comment that only the owner may change stays');

#-------------------------------------------------------------------------
# Rows that are here, but other ones
#-------------------------------------------------------------------------
foreach my $consistent (0, 1)
{
	($db, $job) = fails("another row ($consistent)", "$create UPDATE ext.ranks SET name = 'zwei', weight = 2 WHERE id = 2",
		qr/^23505\|a row of "ext\.ranks" is here already, with other values than on the source\|Key \(id\)=\(2\) has other values in: name, weight\.$/, early => 0);
	$target->safe_psql($db, "UPDATE ext.ranks SET name = 'two', weight = 'NaN' WHERE id = 2");
	$target->safe_psql($db, "SELECT pgcopy_resume($job, consistent => CAST($consistent AS bool))");
	is(wait_for_end($target, $job, db => $db), 'done', "another row ($consistent): put right, the job goes on");
	assert_same($source, $target, source_db => 'app', db => $db, schema => 0, name => "another row ($consistent): then all is equal");
}
fails('another row by a second key', "$create INSERT INTO ext.places VALUES (3, 2, 'EAST')",
	qr/^23505\|a row of "ext\.places" is here already.*\|Key \(lower\(name\)\)=\(east\) has other values in: x, name\.$/, early => 0);

#-------------------------------------------------------------------------
# Another schema, another version
#-------------------------------------------------------------------------
fails('another schema', 'CREATE EXTENSION pgcopy_config SCHEMA public',
	qr/^55000\|extension pgcopy_config is in schema ext on the source, and in schema public here\|/);
new_database($source, 'unused');
$source->safe_psql('unused', 'CREATE SCHEMA ext; CREATE EXTENSION tablefunc SCHEMA ext; CREATE TABLE t (a int)');
$db = prepare('CREATE EXTENSION tablefunc');
arrives('another schema, but not used', $db, source_db => 'unused',
	notices => 'extension tablefunc is in schema ext on the source, and in schema public here',
	same => { schema => 0 });

my $updated = "$create ALTER EXTENSION pgcopy_config UPDATE TO '2.0';";
fails('without what is needed', $updated,
	qr/^42704\|extension pgcopy_config is here, but without .*\|Missing: view ext\.numbers, column ext\.ranks\.old\.$/);
fails('a user object here in its place', 'CREATE SCHEMA ext; CREATE TYPE ext.pair AS (a int); CREATE SCHEMA pgcopy_home_data',
	qr/^42P07\|3 objects of the source already exist here\|Existing: relation ext\.pair, schema ext, schema pgcopy_home_data\.$/);
arrives('schemas without objects are here already', prepare('CREATE SCHEMA ext; CREATE SCHEMA pgcopy_home'));

new_database($source, 'own');
$source->safe_psql('own', 'CREATE FUNCTION normal_rand(int, float8, float8) RETURNS int LANGUAGE sql AS $$SELECT 1$$; CREATE TYPE tablefunc_crosstab_2 AS (a int)');
fails('a member here in the place of an object', 'CREATE EXTENSION tablefunc',
	qr/^42P07\|2 objects of the source already exist here\|Existing: function public\.normal_rand\(integer, double precision, double precision\), relation public\.tablefunc_crosstab_2\.$/,
	source_db => 'own');

# What users have put into an extension, or taken out of it.
new_database($source, 'moved');
$source->safe_psql('moved', "$create CREATE FUNCTION ext.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER EXTENSION pgcopy_config ADD FUNCTION ext.mine(); CREATE VIEW uses AS SELECT ext.mine()");
fails('a member that a user has added', $create,
	qr/^42704\|extension pgcopy_config is here, but without .*\|Missing: function ext\.mine\(\)\.$/, source_db => 'moved');
$source->safe_psql('moved', 'DROP VIEW uses; ALTER EXTENSION pgcopy_config DROP FUNCTION ext.mine(); ALTER EXTENSION pgcopy_config DROP FUNCTION ext.differs(ext.pair, ext.mood)');
fails('a member that a user has taken out', $create,
	qr/^42P07\|1 object of the source already exists here\|Existing: function ext\.differs\(ext\.pair, ext\.mood\)\.$/, source_db => 'moved');

new_database($source, 'newer');
$source->safe_psql('newer', "$updated CREATE TABLE uses (p ext.pair); INSERT INTO ext.ranks VALUES (9, 'nine', 9, 9)");
my $differs = 'extension pgcopy_config has version 2.0 on the source and';
fails('an older version here', $create,
	qr/^42704\|extension pgcopy_config is here, but without .*\|Missing: column ext\.bag\.since, column ext\.ranks\.since\.$/, source_db => 'newer');
$job = arrives('the version of the source here', prepare($updated), source_db => 'newer');
new_database($source, 'older');
$source->safe_psql('older', "$create ALTER TABLE ext.ranks DROP old; CREATE TABLE uses (p ext.pair); INSERT INTO ext.ranks VALUES (9, 'nine', 9)");
$db = prepare($updated);
$job = clone_ok($target, conninfo($source, db => 'older'), db => $db, name => 'a newer version here: the clone ends done');
is($target->safe_psql($db, 'SELECT id, since FROM ext.ranks WHERE id > 2 ORDER BY 1; SELECT count(*) FROM ext.bag'), "3|2\n9|2\n3",
	'a newer version here: its column gets the default');
is(notices($db, $job), 'extension pgcopy_config has version 1.0 on the source and version 2.0 here', 'a newer version here: a notice says so');
$source->safe_psql('older', "DROP EXTENSION pgcopy_home; DROP TABLE uses; UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'pgcopy_config'");
$db = prepare('');
$job = clone_ok($target, conninfo($source, db => 'older'), db => $db, name => 'another version by default: the clone ends done');
is(notices($db, $job), 'extension pgcopy_config has version 0.9 on the source and gets version 1.0 here, the default of this server',
	'another version by default: a notice says so');

# The sequence of rows that stay does not go back.
$db = prepare("$create SELECT nextval('ext.tickets') FROM generate_series(1, 20)");
clone_ok($target, conninfo($source, db => 'app'), db => $db, name => 'a sequence that is further here: the clone ends done');
is($target->safe_psql($db, 'SELECT last_value FROM ext.tickets'), '21', 'a sequence that is further here stays');

# A sequence that the extension's author has forgotten.
new_database($source, 'half');
$source->safe_psql('half', 'CREATE EXTENSION pgcopy_home; INSERT INTO pgcopy_home.half_marked DEFAULT VALUES');
arrives('a sequence that is not marked', prepare('CREATE EXTENSION pgcopy_home'), source_db => 'half',
	notices => 'the value of sequence pgcopy_home.half_marked_id_seq is not copied, but the rows of its table are: extension pgcopy_home does not mark it as configuration',
	same => { sequences => 0 });

#-------------------------------------------------------------------------
# Real extensions
#-------------------------------------------------------------------------

# What the server's packages bring, without those that cannot be created twice in
# a database, or not at all, and those of the tests.
my $known = $source->safe_psql('postgres', <<'EOQ');
SELECT string_agg(name, ' ' ORDER BY name) FROM pg_available_extensions
WHERE name IN ('adminpack', 'amcheck', 'autoinc', 'bloom', 'btree_gin', 'btree_gist', 'citext', 'cube', 'dblink', 'dict_int',
	'dict_xsyn', 'earthdistance', 'file_fdw', 'fuzzystrmatch', 'hstore', 'insert_username', 'intagg', 'intarray', 'isn', 'lo',
	'ltree', 'moddatetime', 'old_snapshot', 'pageinspect', 'pg_buffercache', 'pg_freespacemap', 'pg_prewarm', 'pg_stat_statements',
	'pg_surgery', 'pg_trgm', 'pg_visibility', 'pg_walinspect', 'pgcrypto', 'pgrowlocks', 'pgstattuple', 'postgres_fdw', 'refint',
	'seg', 'sslinfo', 'tablefunc', 'tcn', 'tsm_system_rows', 'tsm_system_time', 'unaccent', 'uuid-ossp', 'xml2')
EOQ
my $contrib = join ' ', map { "CREATE EXTENSION IF NOT EXISTS \"$_\" CASCADE;" } split / /, $known;
new_database($source, 'contrib');
$source->safe_psql('contrib', <<EOQ);
$contrib
-- A table for each extension, with a column of each of its base, domain and enum types, and one of each composite type.
CREATE TABLE sample (extension text, type regtype, value text);
DO \$\$ DECLARE
	t record;
	n int := 0;
BEGIN
	FOR t IN SELECT e.extname, format_type(d.objid, NULL) AS type FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		JOIN pg_type y ON y.oid = d.objid LEFT JOIN pg_class c ON c.oid = y.typrelid
		WHERE d.deptype = 'e' AND d.classid = 'pg_type'::regclass AND d.refclassid = 'pg_extension'::regclass
		AND y.typtype <> 'p' AND (c.oid IS NULL OR c.relkind = 'c') ORDER BY 1, 2 LOOP
		n := n + 1;
		EXECUTE format('CREATE TABLE %I (a %s, more %2\$s[], pad text)', t.extname || n, t.type);
		EXECUTE format('INSERT INTO %I VALUES (NULL, NULL, %L), (NULL, %L, NULL)', t.extname || n, 'x', '{}');
	END LOOP;
END \$\$;
CREATE TABLE words (name citext PRIMARY KEY, tree ltree, pairs hstore, at cube, span seg, book isbn, ints int[], n int, blob lo, id uuid DEFAULT uuid_generate_v4());
INSERT INTO words SELECT 'Word ' || i, ('a.b' || i)::ltree, hstore('k', i::text), cube(i, i + 1), (i || '..' || i + 2)::seg, '978-0-393-04002-9', ARRAY[i], i, NULL FROM generate_series(1, 500) i;
CREATE INDEX ON words USING gist (tree);
CREATE INDEX ON words USING gin (pairs);
CREATE INDEX ON words USING gist (at);
CREATE INDEX ON words USING gin (ints gin__int_ops);
CREATE INDEX ON words USING gin ((name::text) gin_trgm_ops);
CREATE INDEX ON words USING bloom (n);
CREATE TRIGGER lo BEFORE UPDATE OR DELETE ON words FOR EACH ROW EXECUTE FUNCTION lo_manage(blob);
CREATE VIEW pivot AS SELECT * FROM crosstab2('SELECT 1, 2, 3');
CREATE VIEW statements AS SELECT count(*) FROM pg_stat_statements;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE SERVER others FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'x');
CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION plain ALTER MAPPING FOR word WITH unaccent, simple;
CREATE MATERIALIZED VIEW digests AS SELECT digest(name::text, 'sha256') FROM words;
EOQ
foreach my $way ([ 'created by the clone', '', 'provider' ], [ 'here already', $contrib, 'postgres' ], [ 'another role\'s', $contrib, 'provider' ])
{
	arrives("contrib, $way->[0]", prepare($way->[1], $way->[2]), source_db => 'contrib');
}

SKIP:
{
	my $count = $source->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name IN ('postgis', 'postgis_topology', 'postgis_tiger_geocoder', 'postgis_raster', 'address_standardizer')");
	skip 'PostGIS is not installed', 9 if $count < 5;

	my $postgis = join ' ', map { "CREATE EXTENSION $_ CASCADE;" } qw(postgis postgis_raster postgis_topology address_standardizer postgis_tiger_geocoder);
	new_database($source, 'gis');
	$source->safe_psql('gis', <<EOQ);
$postgis
INSERT INTO spatial_ref_sys (srid, auth_name, auth_srid, proj4text, srtext) SELECT 990001, 'me', 1, proj4text, srtext FROM spatial_ref_sys WHERE srid = 3857;
CREATE TABLE places (id serial PRIMARY KEY, at geometry(Point, 4326), around geography, image raster, address stdaddr);
INSERT INTO places (at, around) SELECT st_setsrid(st_point(i, i), 4326), st_buffer(st_point(i, i)::geography, 10) FROM generate_series(1, 50) i;
CREATE INDEX ON places USING gist (at);
SELECT topology.createtopology('town', 4326);
CREATE TABLE streets (id int);
SELECT topology.addtopogeometrycolumn('town', 'public', 'streets', 'line', 'LINE');
EOQ
	foreach my $way ([ 'created by the clone', '', 'provider' ], [ 'here already', $postgis, 'postgres' ],
		[ 'another role\'s and used', "$postgis INSERT INTO spatial_ref_sys (srid, auth_name, auth_srid, proj4text, srtext) SELECT 990001, 'me', 1, proj4text, srtext FROM spatial_ref_sys WHERE srid = 3857", 'provider' ])
	{
		arrives("PostGIS, $way->[0]", prepare($way->[1], $way->[2]), source_db => 'gis',
			notices => 'the value of sequence topology.topology_id_seq is not copied, but the rows of its table are: extension postgis_topology does not mark it as configuration',
			# another owner has granted himself what he has
			same => { ignore => qr/^topology\.topology_id_seq/, schema => $way->[0] !~ /another/ });
	}
}

$source->stop;
$target->stop;
done_testing();
