# What a job leaves out is left alone on the source: it is neither locked nor read,
# needs no right there, and nothing counts it.  pg_dump is told exact names, however
# odd they are.  A job with filters resumes like any other, and what changes in what
# it leaves out is no change of the source.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($source, $target) = new_pair('limits');

# Double-quote a name, for SQL as for a pattern.
sub ident
{
	my ($name) = @_;
	$name =~ s/"/""/g;
	return "\"$name\"";
}

# Relations of some kinds in a database, "schema|name" each, and separated by a
# character that no name has.
sub relations
{
	my ($node, $db, $kinds) = @_;
	return $node->safe_psql($db, <<EOQ);
SELECT string_agg(n.nspname || '|' || c.relname, E'\\x01' ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C") FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind ~ '[$kinds]' AND n.nspname !~ '^(pg_|pgcopy\$|information_schema)' AND c.relpersistence <> 't'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
EOQ
}

sub notices
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT concat_ws(' ', object, message) FROM pgcopy_notices WHERE job = $job");
}

sub databases
{
	my ($db, $sql) = @_;
	new_database($_, $db) for $source, $target;
	$source->safe_psql($db, $sql);
	return;
}

#-------------------------------------------------------------------------
# Odd names, few left out of many, many left out, and whole schemas
#-------------------------------------------------------------------------
my @odd = (
	'plain', 'Upper', 'UPPER', 'quo"te', '""', '"', 'do.t', '.', 'dol$lar', '$', 'st*ar', '*', 'quest?ion', '?',
	'br[ack]et', '[]', '[', ']', '[^a]', 'back\\slash', '\\', '\\d', 'pa(ren', ')', '|', 'a|b', '{1}', '+', '^',
	'-', 'a-z', 'a-', 'a', 'ab', 'abc', 'abd', 'space in', ' ', "new\nline", "tab\t", 'semi;colon', "apo'strophe", '%s', '/', '~', '~/x/',
	'umläut', 'ümlaut', 'Ümlaut', 'ä', 'äb', 'aä', '日本', '日本語', '😀', 'ß', 'x' x 63, 'x' x 62 . 'y', 'x' x 62, 'é' x 31, 'a.b', 'a"."b', '-- x', '.*', '(?:a)', ',', '#', '=', ':', '[:alpha:]', 'pg_x');
my %seen;
@odd = grep { !$seen{$_}++ } @odd;
my $odd_sql = join '', map { my $schema = ident($_); ("CREATE SCHEMA $schema;\n", map { "CREATE TABLE $schema." . ident($_) . " (a int);\n" } @odd) } 'odd', 'Od.d"s$', 'sch*ma?';
$odd_sql .= join '', map { 'CREATE SCHEMA ' . ident("s $_") . '; CREATE TABLE ' . ident("s $_") . '.t (a int); CREATE TABLE ' . ident("s $_") . ".u (a int);\n" }
  grep { length($_) < 50 && !/\|/ } @odd;
$odd_sql .= "CREATE VIEW odd.v AS SELECT 1 AS a; CREATE MATERIALIZED VIEW odd.m AS SELECT 1 AS a; CREATE SEQUENCE odd.s; CREATE TABLE odd.p (a int) PARTITION BY LIST (a); CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE odd.f (a int) SERVER s;\n";
new_database($source, 'odd');
$source->safe_psql('odd', $odd_sql);
my @all = split /\x01/, relations($source, 'odd', 'rpvmSf');
cmp_ok(scalar @all, '>', 250, 'there are many relations');

# No schema has a bar in its name.
sub pattern
{
	my ($schema, $name) = split /\|/, $_[0], 2;
	return ident($schema) . '.' . ident($name);
}

# Clone with these left out, and compare what is there.
my $round = 0;
sub check_left_out
{
	my ($name, @left) = @_;
	my $db = 'odd' . ++$round;
	my %left = map { ($_ => 1) } @left;
	new_database($target, $db);
	clone_ok($target, conninfo($source, db => 'odd'), db => $db, exclude_tables => [ map { pattern($_) } @left ], name => "$name: done");
	is(relations($target, $db, 'rpvmSf'), join("\x01", grep { !$left{$_} } @all), "$name: exactly these are not here");
	$target->safe_psql('postgres', "DROP DATABASE $db");
	return;
}

srand($ENV{PGCOPY_TEST_SEED} // 4711);
check_left_out('one', 'odd|do.t');
check_left_out('all but some', grep { rand() < 0.97 } @all);
check_left_out('half', grep { rand() < 0.5 } @all);
check_left_out('few', grep { rand() < 0.1 } @all);
check_left_out('other kinds', map { "odd|$_" } qw(v m s p f));
foreach my $kept (map { [ @odd[ grep { rand() < 0.15 } 0 .. $#odd ] ] } 1 .. 3)
{
	my %kept = map { ("odd|$_" => 1) } @$kept;
	check_left_out('all of a schema but some', grep { /^odd\|/ && !$kept{$_} } @all);
}

#-------------------------------------------------------------------------
# Sources that divide the names into other characters than the target
#-------------------------------------------------------------------------
foreach my $encoding ('LATIN1', 'SQL_ASCII')
{
	my $db = 'in_' . lc $encoding;
	my @names = ('ä', 'äb', 'aä', 'ö', 'plain', map { "p$_" } 1 .. 12);

	$source->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	$source->safe_psql($db, 'SET client_encoding = ' . ($encoding eq 'LATIN1' ? 'UTF8' : 'SQL_ASCII') . '; ' . join '', map { 'CREATE TABLE ' . ident($_) . ' (a int);' } @names);
	foreach my $kept ([ 'ä', 'plain' ], [ grep { !/^(ä|p2)$/ } @names ])
	{
		my %kept = map { ($_ => 1) } @$kept;
		new_database($target, $db);
		clone_ok($target, conninfo($source, db => $db), db => $db, exclude_tables => [ map { ident($_) } grep { !$kept{$_} } @names ], name => "$encoding: done");
		is(relations($target, $db, 'r'), join("\x01", map { "public|$_" } sort @$kept), "$encoding: exactly these are here");
		$target->safe_psql('postgres', "DROP DATABASE $db");
	}
}

done_testing();
