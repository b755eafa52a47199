# Rows that a filter leaves out are left out of the changes too: an UPDATE that moves a row
# into the filter or out of it arrives as INSERT or DELETE.  What the source cannot filter
# is refused before anything is made there; what it would filter wrongly, for want of a
# replica identity, is copied again or gets another identity, as the user has said.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PgCopyTraffic;
use Test::More;

my ($source, $target) = new_pair('filtered', source_conf => $TRAFFIC_CONF, target_conf => "max_logical_replication_workers = 8\n");

sub carries
{
	my ($db) = @_;
	return $target->safe_psql($db, "SELECT string_agg(format('%s %s', table_name, carry), ', ' ORDER BY table_name) FROM pgcopy.relation WHERE relkind IN ('r', 'p')");
}

# What is published, with its conditions.
sub published
{
	my ($db) = @_;
	return $source->safe_psql($db, "SELECT string_agg(c.relname || coalesce(' ' || pg_get_expr(prqual, prrelid), ''), ', ' ORDER BY c.relname) FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid");
}

sub left_on_source
{
	my ($db) = @_;
	return $source->safe_psql($db, "SELECT (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_replication_slots), (SELECT string_agg(relreplident::text, '') FROM pg_class WHERE relkind = 'r' AND oid >= 16384)");
}

# Rows of a table that a condition chooses on the source, and all here.
sub same_rows
{
	my ($db, $table, $condition, $name) = @_;
	my $rows = 'SELECT count(*), sum(hashtextextended(t::text COLLATE "C", 0)) FROM';
	return is($target->safe_psql($db, "$rows $table t"), $source->safe_psql($db, "$rows $table t WHERE $condition"), "$name: $table has the rows that are wanted");
}

my $SCHEMA = <<'EOQ';
CREATE SCHEMA my;
CREATE TABLE my.tenant (id int PRIMARY KEY, n int);
CREATE TABLE my.child (id int PRIMARY KEY, tenant int REFERENCES my.tenant);
CREATE TABLE my.doc (id int, tenant int, body text, PRIMARY KEY (tenant, id));
ALTER TABLE my.doc ALTER body SET STORAGE EXTERNAL;
CREATE TABLE my.open (id int PRIMARY KEY, is_open bool, body text);
ALTER TABLE my.open ALTER body SET STORAGE EXTERNAL;
CREATE TABLE my.keyless (v int);
CREATE UNLOGGED TABLE my.fast (id int PRIMARY KEY, v int);
CREATE TABLE my.part (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE my.part_1 PARTITION OF my.part FOR VALUES IN (1);
CREATE TABLE my.part_2 PARTITION OF my.part FOR VALUES IN (2);
CREATE TABLE my.plain (id int PRIMARY KEY);
INSERT INTO my.tenant SELECT g, g FROM generate_series(1, 100) g;
INSERT INTO my.child SELECT g, g FROM generate_series(1, 9) g;
INSERT INTO my.doc SELECT g, g % 4, repeat('d', 5000) FROM generate_series(1, 100) g;
INSERT INTO my.open SELECT g, g % 2 = 0, repeat('o', 5000) FROM generate_series(1, 100) g;
INSERT INTO my.keyless SELECT g FROM generate_series(1, 100) g;
INSERT INTO my.fast SELECT g, g FROM generate_series(1, 100) g;
INSERT INTO my.part SELECT g, 1 + g % 2 FROM generate_series(1, 100) g;
INSERT INTO my.plain SELECT g FROM generate_series(1, 100) g;
EOQ
my %FILTER = ('my.tenant' => 'id <= 50', 'my.doc' => 'tenant = 1', 'my.open' => 'is_open', 'my.keyless' => 'v > 10', 'my.fast' => 'v % 3 = 0', 'my.part' => 'id > 20');
my $filters = join ', ', map { "\"$_\": \"$FILTER{$_}\"" } sort keys %FILTER;

my $CHANGES = <<'EOQ';
INSERT INTO my.tenant VALUES (0, 0), (1000, 1000);
UPDATE my.tenant SET id = id - 1000 WHERE id BETWEEN 60 AND 70;
UPDATE my.tenant SET id = id + 1000 WHERE id BETWEEN 10 AND 20;
UPDATE my.tenant SET n = -n WHERE id % 5 = 0;
DELETE FROM my.tenant WHERE id IN (40, 90);
UPDATE my.doc SET tenant = 1 WHERE tenant = 2 AND id < 50;
UPDATE my.doc SET tenant = 3 WHERE tenant = 1 AND id % 3 = 0;
UPDATE my.doc SET body = 'short' WHERE id % 7 = 0;
UPDATE my.open SET is_open = NOT is_open WHERE id % 3 = 0;
UPDATE my.open SET is_open = NULL WHERE id % 10 = 0;
DELETE FROM my.open WHERE id IN (7, 8);
INSERT INTO my.open VALUES (1000, true, 'new'), (1001, false, 'new');
UPDATE my.keyless SET v = v - 20 WHERE v % 2 = 0;
UPDATE my.fast SET v = v + 1;
UPDATE my.part SET k = 3 - k WHERE id % 5 = 0;
UPDATE my.part SET id = id + 1000 WHERE id < 10;
DELETE FROM my.part WHERE id % 11 = 0;
INSERT INTO my.plain VALUES (1000);
EOQ

my %case = (
	auto => [ 'child s, doc a, fast a, keyless a, open a, part -, part_1 s, part_2 s, plain s, tenant s',
		'child, part_1 (id > 20), part_2 (id > 20), plain, tenant (id <= 50)' ],
	set => [ 'child s, doc s, fast a, keyless s, open s, part -, part_1 s, part_2 s, plain s, tenant s',
		'child, doc (tenant = 1), keyless (v > 10), open is_open, part_1 (id > 20), part_2 (id > 20), plain, tenant (id <= 50)' ]);

foreach my $choice (sort keys %case)
{
	new_database($_, $choice) for $source, $target;
	$source->safe_psql($choice, $SCHEMA);
	my $before = left_on_source($choice);
	my $job = clone($target, conninfo($source, db => $choice), db => $choice, follow => 'true', row_filters => "{$filters}", without_identity => $choice);
	ok(wait_for_state($target, $job, 'following', db => $choice), "$choice: it follows") or next;
	is(carries($choice), $case{$choice}[0], "$choice: so each table is carried");
	is(published($choice), $case{$choice}[1], "$choice: published with its conditions");
	is($target->safe_psql($choice, "SELECT string_agg(kind || ' ' || stage, ', ' ORDER BY no) FROM pgcopy.item WHERE job = $job AND kind IN ('foreign key', 'validate')"),
		'foreign key 5, validate 6', "$choice: a key that refers to a part of a table waits for the cutover");
	same_rows($choice, $_, $FILTER{$_}, "$choice, copied") for sort keys %FILTER;
	is($source->psql($choice, $CHANGES), 0, "$choice: the source takes all changes");
	catch_up($source, $target, $choice);
	same_rows($choice, $_, $FILTER{$_}, "$choice, following") for $choice eq 'set' ? qw(my.tenant my.doc my.open my.keyless my.part) : qw(my.tenant my.part);
	my %cutover = cutover($target, $job, db => $choice);
	is($cutover{sqlstate}, undef, "$choice: the cutover succeeds") or diag(explain(\%cutover));
	same_rows($choice, $_, $FILTER{$_}, "$choice, after the cutover") for sort keys %FILTER;
	same_rows($choice, $_, 'true', "$choice, after the cutover") for qw(my.plain my.child);
	ok(wait_until($target, "SELECT bool_and(convalidated) AND count(*) = 1 FROM pg_constraint WHERE contype = 'f'", db => $choice, what => 'a valid key'), "$choice: the key is valid");
	is(left_on_source($choice), $before, "$choice: nothing is left on the source");
}

like($target->safe_psql('auto', "SELECT object FROM pgcopy_notices WHERE message ~ 'are copied again'"),
	qr/my\.doc \(is filtered, and may have large values.*my\.open \(is filtered by columns outside its replica identity/, 'why tables are copied again is told');

#
# A condition needs the source's search_path; what cannot be filtered
#
new_database($_, 'path') for $source, $target;
$source->safe_psql('path', $SCHEMA . "ALTER DATABASE path SET search_path = my, public; CREATE FUNCTION my.is_low(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT \$1 < 10'");
my $nothing = left_on_source('path');
$target->safe_psql('path', 'CREATE EXTENSION pgcopydb_ext');
my %refused = (
	'is_low(id)' => qr/row_filters of my\.tenant: changes cannot be filtered by it.*User-defined or built-in mutable functions are not allowed/s,
	'id < random() * 100' => qr/mutable functions are not allowed/,
	'id < extract(day FROM now())' => qr/row_filters of my\.tenant: the time in it goes on/,
	"'now'::timestamptz > '2020-01-01' AND id < 5" => qr/the time in it goes on/,
	'ctid IS NOT NULL' => qr/System columns are not allowed/);
foreach my $filter (sort keys %refused)
{
	(my $quoted = $filter) =~ s/"/\\"/g;
	my ($rc, $out, $err) = $target->psql('path', sprintf "SELECT pgcopy_clone(%s, follow => true, row_filters => %s)",
		quote_literal(conninfo($source, db => 'path')), quote_literal("{\"my.tenant\": \"$quoted\"}"));
	my $error = $err;
	if ($rc == 0)
	{
		wait_for_end($target, $out, db => 'path');
		$error = $target->safe_psql('path', "SELECT message, detail, hint FROM pgcopy_errors WHERE job = $out AND is_final LIMIT 1");
		$target->safe_psql('path', "SELECT pgcopy_drop($out)");
	}
	like($error, $refused{$filter}, "refused: $filter");
}
is(left_on_source('path'), $nothing, 'nothing was made on the source');
my ($rc, $out, $err) = $target->psql('path', sprintf "SELECT pgcopy_clone(%s, follow => true, publication => 'theirs', row_filters => '{\"my.tenant\": \"id < 5\"}')", quote_literal(conninfo($source, db => 'path')));
like($err, qr/row_filters contradicts publication/, 'a publication of the DBA has conditions of its own');

$source->stop;
$target->stop;
done_testing();
