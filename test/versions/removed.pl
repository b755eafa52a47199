# What PostgreSQL has removed is told before anything is changed: what uses the column oid
# of tables WITH OIDS (12), postfix operators, aggregates and operators of anyarray over
# functions that have other types since (14).  It can be left out; all else is cloned,
# with a notice about the values of oid.
#
# The sources are those of matrix.pl that are older.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl", $FindBin::Bin;
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use VersionsSource;

my @sources = grep { $_->{major} < 14 && $_->{name} !~ /s$/ } sources('MATRIX');
plan skip_all => 'no source before 14' if !@sources;

my $target = new_target('removed');

# Indexes, constraints, views, rules, triggers and policies may use it; "named" has an
# ordinary column of that name.
my $USED = <<'EOQ';
CREATE TABLE used (id int, b text) WITH OIDS;
INSERT INTO used VALUES (1, 'one');
ALTER TABLE used ADD PRIMARY KEY (oid);
CREATE UNIQUE INDEX used_both ON used (oid, id);
CREATE INDEX used_some ON used (id) WHERE oid > 5;
CREATE INDEX used_text ON used ((oid::text));
CREATE TABLE refers (r oid REFERENCES used (oid));
CREATE SCHEMA "Odd one";
CREATE VIEW "Odd one".seen AS SELECT oid, b FROM used;
CREATE MATERIALIZED VIEW counted AS SELECT count(oid) AS n FROM used;
CREATE RULE also AS ON DELETE TO kept DO ALSO DELETE FROM used WHERE oid = OLD.oid;
CREATE POLICY mine ON used USING (oid > 0);
CREATE TRIGGER done AFTER UPDATE ON used FOR EACH ROW WHEN (OLD.oid > 5) EXECUTE PROCEDURE suppress_redundant_updates_trigger();
GRANT SELECT (oid) ON used TO PUBLIC;
EOQ

my $FOUND = <<'EOT' =~ s/\n\z//r;
42703|10 definitions of the source use the column oid of a table WITH OIDS|Definitions: constraint refers_r_fkey on table public.refers, constraint used_pkey on table public.used, index public.used_both, index public.used_some, index public.used_text, materialized view public.counted, policy mine on table public.used, rule also on table public.kept, trigger done on table public.used, view "Odd one".seen.
42703|1 table of the source has privileges on its column oid|Tables: public.used.
EOT

sub errors
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT sqlstate, message, detail FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY no");
}

sub notices
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT concat_ws(': ', message, object) FROM pgcopy_notices WHERE job = $job AND concat(message, object) ~* 'oids?\\M' ORDER BY 1");
}

# Those with concrete types are as good as before.
foreach my $source (@sources)
{
	my $db = "arrays_$source->{name}";

	$source->safe_psql('postgres', 'DROP DATABASE IF EXISTS arrays');
	new_database($source, 'arrays');
	new_database($target, $db);
	$source->safe_psql('arrays', <<'EOQ');
CREATE AGGREGATE collected(anyelement) (sfunc = array_append, stype = anyarray, initcond = '{}');
CREATE AGGREGATE joined(anyarray) (sfunc = array_cat, stype = anyarray, initcond = '{}');
CREATE AGGREGATE numbers(int) (sfunc = array_append, stype = int[], initcond = '{}');
CREATE AGGREGATE counted("any") (sfunc = int8inc_any, stype = int8, initcond = '0');
CREATE OPERATOR +! (PROCEDURE = array_append, LEFTARG = anyarray, RIGHTARG = anyelement);
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
CREATE OPERATOR !# (PROCEDURE = twice, LEFTARG = int);
CREATE OPERATOR #! (PROCEDURE = twice, RIGHTARG = int);
EOQ
	my $job = clone($target, conninfo($source, db => 'arrays'), db => $db);
	is(wait_for_end($target, $job, db => $db), 'failed', "$db: a job with definitions that PostgreSQL 14 has removed fails");
	is(errors($db, $job), <<'EOT' =~ s/\n\z//r, "$db: and tells which");
0A000|1 operator of the source is a postfix operator|Operators: operator public.!#(integer,NONE).
42883|3 definitions of the source use functions of arrays that have other types here|Definitions: function public.collected(anyelement), function public.joined(anyarray), operator public.+!(anyarray,anyelement).
EOT
	is($target->safe_psql($db, "SELECT to_regprocedure('twice(int)') IS NULL"), 't', "$db: before anything is changed");
	$source->safe_psql('arrays', 'DROP OPERATOR !# (int, NONE); DROP AGGREGATE collected(anyelement); DROP AGGREGATE joined(anyarray); DROP OPERATOR +! (anyarray, anyelement)');
	$target->safe_psql($db, "SELECT pgcopy_resume($job)");
	is(wait_for_end($target, $job, db => $db), 'done', "$db: without them it goes on");
}

foreach my $source (grep { $_->{major} < 12 } @sources)
{
	my $name = $source->{name};
	local $PgCopy::OLDER = $source->{major};

	$source->safe_psql('postgres', 'DROP DATABASE IF EXISTS oids');
	new_database($source, 'oids');
	$source->safe_psql('oids', <<'EOQ' . $USED);
CREATE TABLE named (oid int PRIMARY KEY);
INSERT INTO named VALUES (7);
CREATE VIEW named_oid AS SELECT oid FROM named;
CREATE TABLE kept (id int PRIMARY KEY, b text) WITH OIDS;
INSERT INTO kept SELECT g, 'row ' || g FROM generate_series(1, 1000) AS g;
EOQ
	my $db = "oids_$name";
	new_database($target, $db, "${db}_rest", "${db}_continued");

	my $job = clone($target, conninfo($source, db => 'oids'), db => $db);
	is(wait_for_end($target, $job, db => $db), 'failed', "$name: a job whose definitions use the column oid fails");
	is(errors($db, $job), $FOUND, "$name: and tells what uses it");
	is($target->safe_psql($db, "SELECT to_regclass('kept') IS NULL"), 't', "$name: before anything is changed");

	my $other = clone($target, conninfo($source, db => 'oids'), db => "${db}_rest", exclude_tables => '{used}', no_privileges => 'true');
	is(wait_for_end($target, $other, db => "${db}_rest"), 'done', "$name: what is not cloned does not count");
	is(notices("${db}_rest", $other), '1 table of the source is WITH OIDS: its column oid is not cloned: Tables: public.kept.',
		"$name: a notice says, once, which values are not cloned");

	$other = clone($target, conninfo($source, db => 'oids'), db => "${db}_continued", on_error => 'continue');
	wait_for_end($target, $other, db => "${db}_continued");
	is($target->safe_psql("${db}_continued", 'SELECT count(*) FROM kept UNION ALL SELECT count(*) FROM used UNION ALL SELECT oid FROM named_oid'),
		"1000\n1\n7", "$name: with on_error => 'continue' all else is here");

	$source->safe_psql('oids', <<'EOQ');
DROP RULE also ON kept;
DROP VIEW "Odd one".seen;
DROP MATERIALIZED VIEW counted;
DROP TABLE refers, used;
EOQ
	$target->safe_psql($db, "SELECT pgcopy_resume($job)");
	is(wait_for_end($target, $job, db => $db), 'done', "$name: without them it goes on");
	assert_same($source, $target, source_db => 'oids', db => $db, schema => 0, name => "$name: and clones all");
}
$target->stop;
done_testing();
