# Nobody gets between us and PostgreSQL.  Twins of its operators, functions and
# types, made by a role that may CREATE in the extension's schema, are never
# called: not by the views, the functions or a job, and not on the source.
#
# A twin fits its operands better than what PostgreSQL has, and one that is called
# says so in the server log.  Which names get twins is found by reading the script
# and the source code: a new query is attacked without anybody thinking of it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my @TYPES = qw(int4 int8 text numeric interval timestamptz bool oid name "char" _text);
my $CALLED = qr/(?:LOG|ERROR):  hostile twin called[^\n]*/;

# All that could be SQL of ours, in one piece, and the names in it.
my $ours = join "\n", map { slurp_file($_) } glob "$FindBin::Bin/../../sql/*--*.sql $FindBin::Bin/../../src/*/*.c";
my %word = map { $_ => 1 } $ours =~ /\b([a-z_0-9]+)\s*\(/g;
my %sign = map { $_ => 1 } $ours =~ /(?<=[\s.])([-+*\/<>=~!@#%^&|`?]{1,3})(?=[\s)])/g;
my %relation = map { $_ => 1 } $ours =~ /\bpg_catalog\.(pg_\w+)/g, $ours =~ /\bpgcopy\.([a-z]+)/g;

sub as_array { return 'ARRAY[' . join(', ', map { quote_literal($_) } @_) . ']' }

# Make the twins in a schema, and return how many.
sub plant
{
	my ($node, $db, $schema, $user) = @_;
	my %list = (
		signs => as_array(sort keys %sign),
		words => as_array(sort keys %word),
		types => as_array(@TYPES));

	$node->safe_psql($db, <<EOQ, extra_params => [ '-U', $user ]);
SET client_min_messages = warning;
SET search_path = pg_catalog;
SET check_function_bodies = off;
DO \$do\$
DECLARE
	here text := @{[ quote_literal($schema) ]};
	types regtype[] := $list{types}::regtype[];
	l regtype;
	r regtype;
	twin record;
	pattern text := 'CREATE OR REPLACE FUNCTION %s RETURNS %s LANGUAGE plpgsql AS '
		'\$f\$ BEGIN RAISE LOG ''hostile twin called: %%'', %L; RAISE EXCEPTION ''hostile twin called''; END \$f\$';
	signature text;
BEGIN
	-- Operators of every pair of types, with the result that fits best.
	FOREACH l IN ARRAY types LOOP FOREACH r IN ARRAY types LOOP
		FOR twin IN
			SELECT DISTINCT ON (o.oprname) o.oprname AS sign, o.oprresult::regtype AS result
			FROM pg_operator AS o JOIN pg_type AS t ON t.oid = o.oprresult
			WHERE o.oprkind = 'b' AND o.oprnamespace = 'pg_catalog'::regnamespace
			AND o.oprname = ANY ($list{signs}) AND t.typtype <> 'p'
			ORDER BY o.oprname, (o.oprleft = l)::int + (o.oprright = r)::int DESC, o.oid
		LOOP
			signature := format('%I.%I(%s, %s)', here, 'twin_' || twin.result::oid, l, r);
			EXECUTE format(pattern, signature, twin.result, signature);
			EXECUTE format('CREATE OPERATOR %I.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = %I.%I)',
				here, twin.sign, l, r, here, 'twin_' || twin.result::oid);
		END LOOP;
	END LOOP; END LOOP;
	-- Functions: every argument of every type where there are one or two, else
	-- the signatures there are.
	FOR twin IN
		SELECT DISTINCT ON (p.proname, a.args)
			format('%I.%I(%s)', here, p.proname, a.args) AS signature,
			CASE WHEN t.typtype = 'p' THEN 'text' ELSE p.prorettype::regtype::text END AS result
		FROM pg_proc AS p JOIN pg_type AS t ON t.oid = p.prorettype
		CROSS JOIN LATERAL (
			SELECT '' AS args WHERE p.pronargs = 0
			UNION ALL
			SELECT i::text FROM unnest(types) AS i WHERE p.pronargs = 1
			UNION ALL
			SELECT i || ', ' || j FROM unnest(types) AS i, unnest(types) AS j WHERE p.pronargs = 2
			UNION ALL
			SELECT string_agg(CASE WHEN ty.typtype = 'p' THEN 'text' ELSE ty.oid::regtype::text END, ', ' ORDER BY k.ord)
			FROM unnest(p.proargtypes) WITH ORDINALITY AS k(type, ord) JOIN pg_type AS ty ON ty.oid = k.type
			WHERE p.pronargs > 2) AS a
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY ($list{words})
		AND p.prokind IN ('f', 'a', 'w') AND a.args IS NOT NULL
		ORDER BY p.proname, a.args, t.typtype = 'p', p.oid
	LOOP
		EXECUTE format(pattern, twin.signature, twin.result, twin.signature);
	END LOOP;
	-- Types that have the names of PostgreSQL's.
	FOREACH l IN ARRAY ARRAY['int4', 'int8', 'text', 'numeric', 'bool', 'interval', 'oid', 'timestamptz', 'regclass']::regtype[] LOOP
		EXECUTE format('CREATE DOMAIN %I.%I AS pg_catalog.name', here, (SELECT typname FROM pg_type WHERE oid = l));
	END LOOP;
END
\$do\$;
EOQ
	return $node->safe_psql($db, "SELECT count(*) FROM pg_catalog.pg_operator WHERE oprnamespace = '\"$schema\"'::regnamespace") +
	  $node->safe_psql($db, "SELECT count(*) FROM pg_catalog.pg_proc WHERE pronamespace = '\"$schema\"'::regnamespace AND prosrc ~ 'hostile'");
}

# What of the twins the log of a server tells since a position.
sub calls_since
{
	my ($node, $position) = @_;
	my $log = substr slurp_file($node->logfile), $position;
	my %seen = map { $_ => 1 } $log =~ /$CALLED/g;
	return join "\n", sort keys %seen;
}

my ($source, $target) = new_pair('twins', extension => 0);
foreach my $node ($source, $target)
{
	$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE ROLE boss LOGIN SUPERUSER');
	# Whatever leaves the path of its session to chance is caught as well.
	$node->safe_psql('postgres', 'ALTER ROLE boss SET search_path = public, pg_catalog');
}
new_database($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE one (id int PRIMARY KEY, t text DEFAULT 'x', g int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO one (id) SELECT generate_series(1, 1000);
CREATE INDEX ON one (t);
CREATE TABLE two (id bigint GENERATED ALWAYS AS IDENTITY, one int REFERENCES one);
INSERT INTO two (one) SELECT generate_series(1, 100);
CREATE MATERIALIZED VIEW three AS SELECT * FROM one;
SELECT lo_from_bytea(0, 'large');
CREATE ROLE reader;
GRANT SELECT ON one TO reader;
EOQ
$target->safe_psql('postgres', 'CREATE ROLE reader');

# The source's twins are where pg_dump takes nothing from.
cmp_ok(plant($source, 'app', 'information_schema', 'postgres'), '>', 3000, 'the source has twins');
$source->safe_psql('postgres', 'ALTER ROLE boss SET search_path = information_schema, pg_catalog');

my $as_boss = [ '-U', 'boss' ];
my $as_mallory = [ '-U', 'mallory' ];
my @views = qw(pgcopy_jobs pgcopy_progress pgcopy_tables pgcopy_indexes pgcopy_workers pgcopy_errors pgcopy_notices pgcopy_options);

# Everything of ours, by a superuser whose search_path is the attacker's.
sub use_everything
{
	my ($db, $schema, $job) = @_;
	my $q = qq("$schema");
	my $failed = '';
	foreach my $statement (
		(map { "TABLE $q.$_" } @views),
		'TABLE pgcopy.step', 'TABLE pgcopy.cutover_step',
		(map { "SELECT * FROM pgcopy.$_('$job'::pg_catalog.int8)" } qw(live live_workers is_interrupted)),
		(map { "SELECT pgcopy.bar('$_'::pg_catalog.int4), pgcopy.size('${_}9999'::pg_catalog.numeric), pgcopy.size_of('1'::pg_catalog.numeric, '${_}9999'::pg_catalog.numeric), pgcopy.duration('${_}000 s'::pg_catalog.interval)" } 0, 5, 99),
		"SELECT * FROM $q.pgcopy_summary('$job'::pg_catalog.int8)",
		"SELECT $q.pgcopy_wait('$job'::pg_catalog.int8, '1 s'::pg_catalog.interval)",
		"SELECT $q.pgcopy_cancel('$job'::pg_catalog.int8)")
	{
		my ($rc, undef, $err) = $target->psql($db, $statement, extra_params => $as_boss);
		$failed .= "$statement: $err\n" if $rc;
	}
	return $failed;
}

# What of ours depends on something that is neither PostgreSQL's nor ours.
my $FOREIGN = <<'EOQ';
SET search_path = pg_catalog;
WITH members AS (
	SELECT d.classid, d.objid FROM pg_catalog.pg_depend AS d
	WHERE d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
	AND d.refobjid = (SELECT e.oid FROM pg_catalog.pg_extension AS e WHERE e.extname = 'pgcopydb_ext')),
inner_ones AS (
	TABLE members
	UNION
	SELECT d.classid, d.objid FROM pg_catalog.pg_depend AS d JOIN members AS m ON d.refclassid = m.classid AND d.refobjid = m.objid
	WHERE d.deptype IN ('i', 'a'))
SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), pg_catalog.pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
FROM pg_catalog.pg_depend AS d JOIN inner_ones AS i USING (classid, objid)
WHERE (d.refclassid, d.refobjid) NOT IN (TABLE inner_ones)
AND d.refclassid NOT IN ('pg_catalog.pg_extension'::pg_catalog.regclass, 'pg_catalog.pg_namespace'::pg_catalog.regclass)
AND d.refobjid >= 16384
AND d.refobjid NOT IN (SELECT t.oid FROM pg_catalog.pg_class AS t JOIN inner_ones AS i ON t.oid = i.objid)
AND d.refobjid NOT IN (SELECT x.indexrelid FROM pg_catalog.pg_index AS x JOIN inner_ones AS i ON x.indrelid = i.objid)
AND d.refobjid NOT IN (SELECT x.oid FROM pg_catalog.pg_class AS x JOIN pg_catalog.pg_class AS y ON y.reltoastrelid = x.oid)
EOQ

foreach my $case ([ 'before', 'public' ], [ 'after', 'public' ], [ 'odd', 'Odd schema, it is' ])
{
	my ($db, $schema) = @$case;
	new_database($target, $db);
	my $position = -s $target->logfile;
	my $source_position = -s $source->logfile;

	$target->safe_psql($db, "CREATE SCHEMA IF NOT EXISTS \"$schema\"; GRANT CREATE, USAGE ON SCHEMA \"$schema\" TO mallory");
	cmp_ok(plant($target, $db, $schema, 'mallory'), '>', 3000, "$db: an attacker has planted twins") if $db ne 'after';
	my ($rc, undef, $err) = $target->psql($db, "CREATE EXTENSION pgcopydb_ext SCHEMA \"$schema\"");
	is($err, '', "$db: the extension is created beside them");
	plant($target, $db, $schema, 'mallory') if $db eq 'after';
	is($target->safe_psql($db, $FOREIGN), '', "$db: nothing of the extension depends on them");

	my $clone = "\"$schema\".pgcopy_clone(" . quote_literal(conninfo($source, db => 'app', user => 'boss')) . ')';
	my $job = $target->safe_psql($db, "SELECT $clone", extra_params => $as_boss);
	my $state = $target->safe_psql($db, "SELECT \"$schema\".pgcopy_wait('$job'::pg_catalog.int8)");
	is($state, 'done', "$db: a job is done") or diag($target->safe_psql($db, "TABLE \"$schema\".pgcopy_errors"));
	is(use_everything($db, $schema, $job), '', "$db: every view and function can be used");
	# The objects are there by now: the second one fails, is resumed, and dropped.
	my $second = $target->safe_psql($db, "SELECT $clone", extra_params => $as_boss);
	is($target->safe_psql($db, "SELECT \"$schema\".pgcopy_wait('$second'::pg_catalog.int8)"), 'failed', "$db: a second job fails");
	$target->safe_psql($db, "SELECT \"$schema\".pgcopy_resume('$second'::pg_catalog.int8)", extra_params => $as_boss);
	$target->safe_psql($db, "SELECT \"$schema\".pgcopy_wait('$second'::pg_catalog.int8)", extra_params => $as_boss);
	is(use_everything($db, $schema, $second), '', "$db: and can be looked at");
	is($target->safe_psql($db, "SELECT \"$schema\".pgcopy_drop('$second'::pg_catalog.int8)", extra_params => $as_boss), 't', "$db: and dropped");

	#
	# The attacker's own session: what we run there runs as the extension's
	# owner, so relations and types of pg_temp must not stand in for ours.
	#
	$target->safe_psql($db, "UPDATE pgcopy.job SET owner = 'mallory'::regrole");
	$target->safe_psql($db, "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA \"$schema\" TO mallory");
	my $temp = "CREATE TEMP TABLE seen (who pg_catalog.text);\n"
	  . "CREATE FUNCTION pg_temp.trap() RETURNS pg_catalog.int4 LANGUAGE plpgsql AS \$\$ BEGIN RAISE LOG 'hostile twin called: in pg_temp as %', current_user; RETURN 1; END \$\$;\n"
	  . join('', map { "CREATE TEMP VIEW \"$_\" AS SELECT pg_temp.trap() AS id, pg_temp.trap() AS job, pg_temp.trap() AS oid, pg_temp.trap() AS pid;\n" } sort keys %relation)
	  . join('', map { "CREATE DOMAIN pg_temp.$_ AS pg_catalog.int4;\n" } qw(text int8 bigint int4 interval bool numeric name regclass jsonb timestamptz))
	  . "SET search_path = pg_temp, \"$schema\", pg_catalog;\n"
	  . join('', map { "TABLE \"$schema\".$_;\n" } @views)
	  . "SELECT \"$schema\".pgcopy_wait('$job'::pg_catalog.int8), \"$schema\".pgcopy_cancel('$job'::pg_catalog.int8);\n"
	  . "SELECT * FROM \"$schema\".pgcopy_summary('$job'::pg_catalog.int8);\n"
	  . "SELECT * FROM pgcopy.live('$job'::pg_catalog.int8), pgcopy.live_workers('$job'::pg_catalog.int8);\n"
	  . "SELECT pgcopy.is_interrupted('$job'::pg_catalog.int8), pgcopy.duration('5 h'::pg_catalog.interval);\n"
	  . "SELECT \"$schema\".pgcopy_drop('$job'::pg_catalog.int8);\n";
	(undef, my $out, $err) = $target->psql($db, $temp, extra_params => $as_mallory);
	is($err, '', "$db: twins in pg_temp stand in nobody's way");
	like($out, qr/^done\|f$/m, "$db: what is asked there is answered");

	is(calls_since($target, $position), '', "$db: no twin was called here");
	is(calls_since($source, $source_position), '', "$db: nor on the source");
}

# An attacker has no casts: those need a type of one's own.
foreach my $cast ('int4 AS text', 'text AS int8', 'numeric AS bool', 'interval AS text')
{
	my ($from, $to) = split / AS /, $cast;
	my @error = call_error($target, 'after',
		"SET ROLE mallory; CREATE FUNCTION public.cast_it(pg_catalog.$from) RETURNS pg_catalog.$to LANGUAGE sql AS 'SELECT NULL::pg_catalog.$to'; CREATE CAST ($cast) WITH FUNCTION public.cast_it(pg_catalog.$from) AS IMPLICIT");
	is($error[0], '42501', "an attacker cannot make a cast ($cast)");
}
is( $target->safe_psql('after', "SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_language l ON l.oid = p.prolang WHERE e.extname = 'pgcopydb_ext' AND l.lanname <> 'c' AND coalesce(array_to_string(p.proconfig, ' '), '') !~ '^search_path=pg_catalog, pg_temp\$'"),
	'', 'every function that is not C has a search_path of its own');

$source->stop;
$target->stop;
done_testing();
