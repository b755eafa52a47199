# Options of columns that this server does not know, as another release's pg_dump
# writes them, do not end a job: those of the server's own (pg_attver) are left out
# without a word, others are told, and all that is known is set.  They are no change
# of a table that is followed, either.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PgCopyTraffic;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('column_options', source_conf => $TRAFFIC_CONF);
new_database($source, 'app', 'quiet');
new_database($target, 'app', 'quiet');

# Write the options of a column as only the server itself would.
sub set_options
{
	my ($db, $table, $column, $options) = @_;
	$source->safe_psql($db, "UPDATE pg_attribute SET attoptions = '$options' WHERE attrelid = '$table'::regclass AND attname = '$column'");
	return;
}

# The options of columns that users can set.
my $OPTIONS = "SELECT format('%s.%s %s', attrelid::regclass, attname, o) FROM pg_attribute CROSS JOIN unnest(attoptions) AS o WHERE attrelid >= 16384 AND o !~ '^pg_' ORDER BY 1";

$source->safe_psql('app', <<'EOQ');
CREATE TABLE plain (a int PRIMARY KEY, b text, c int);
INSERT INTO plain SELECT g, g::text, g FROM generate_series(1, 100) AS g;
CREATE TABLE "Odd, name" ("a ' b" int, b int);
CREATE TABLE tree (a int) PARTITION BY RANGE (a);
CREATE TABLE leaf PARTITION OF tree FOR VALUES FROM (0) TO (100);
CREATE MATERIALIZED VIEW mat AS SELECT a FROM plain;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE far (a int) SERVER nowhere;
CREATE VIEW view AS SELECT a FROM plain;
EOQ
set_options('app', 'plain', 'a', '{pg_other=22160872}');
set_options('app', 'plain', 'b', '{pg_other=7,n_distinct=-0.5,pg_attver=8,n_distinct_inherited=100}');
set_options('app', 'plain', 'c', '{n_distinct=3,unheard_of=on}');
set_options('app', '"Odd, name"', q(a '' b), '{unheard_of=1,"n_distinct=1e2"}');
set_options('app', $_, 'a', '{pg_other=1}') for qw(tree leaf mat far view);

my $job = clone_ok($target, conninfo($source, db => 'app'), db => 'app');
is($target->safe_psql('app', $OPTIONS), <<'EOT' =~ s/\n\z//r, 'what this server knows is set');
"Odd, name".a ' b n_distinct=1e2
plain.b n_distinct=-0.5
plain.b n_distinct_inherited=100
plain.c n_distinct=3
EOT
is($target->safe_psql('app', "SELECT count(*) FROM pg_attribute WHERE attoptions::text ~ 'pg_other|unheard_of'"), 0, 'nothing else is');
is($target->safe_psql('app', 'SELECT count(*) FROM plain'), 100, 'the rows are here');
is($target->safe_psql('app', "SELECT count(*) FROM pgcopy_errors WHERE job = $job"), 0, 'nothing failed');
is($target->safe_psql('app', "SELECT message FROM pgcopy_notices WHERE job = $job AND message ~ 'options? of'"),
	q(2 options of columns are not known to this server and left out: unheard_of of public."Odd, name"."a ' b", unheard_of of public.plain.c),
	'what a user has set and is not here is told');
is($target->safe_psql('app', "SELECT count(*) FROM pgcopy_notices WHERE job = $job AND concat(message, hint) ~ 'pg_other|pg_attver'"), 0, "what is the server's own is not");

#
# A job that follows does not take them for a change
#
$source->safe_psql('quiet', 'CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 1)');
set_options('quiet', 't', 'a', '{pg_other=1,unheard_of=1}');
$job = clone($target, conninfo($source, db => 'quiet'), db => 'quiet', follow => 'true');
ok(wait_for_state($target, $job, 'following', db => 'quiet'), 'a job follows');
set_options('quiet', 't', 'a', '{pg_other=2,unheard_of=2}');
set_options('quiet', 't', 'b', '{pg_other=3}');
$source->safe_psql('quiet', 'INSERT INTO t VALUES (2, 2)');
my %cutover = cutover($target, $job, db => 'quiet');
is($cutover{state}, 'done', 'and cuts over, though such options have changed') or note explain \%cutover;
is($target->safe_psql('quiet', 'SELECT count(*) FROM t'), 2, 'with all rows');

done_testing();
