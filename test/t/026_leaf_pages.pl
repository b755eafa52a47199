# Rows that are routed fill the pages of their leaves as an ordinary load would,
# whatever the tree looks like: 200 leaves that get rows by turns, subpartitions with
# TOAST and rows of very different size, leaves that are unlogged.  No page is left
# empty, and none is less than half full but for the last few of a leaf.  The same
# rows in tables that exist need no more pages than if the server had written them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my $jobs = 4;

# Ordinary inserts: writers that wait for each other extend a relation by more than they
# need, and from 16 on each by what it needed last.  The map of free space has these pages, at
# most so many of a relation.
my $EXTENDED = 64;

my ($source, $target) = new_pair('leaf_pages',
	source_conf => "autovacuum = off\nmax_locks_per_transaction = 512\n",
	target_conf => "autovacuum = off\nmax_locks_per_transaction = 512\n");
my %rows = (
	many => "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM many t",
	deep => "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM deep t",
	unlogged => "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM unlogged t");

new_database($_, keys %rows) foreach $source, $target;
my $colour = "CREATE TYPE colour AS ENUM ('a', 'b', 'c', 'd', 'e', 'f', 'g')";
my $a_colour = '(enum_range(NULL::colour))[g % 7 + 1]';

# A table of rows of 360 bytes, each in any of so many leaves, in the source's database of that name.
sub create_spread
{
	my ($table, $leaves, $rows) = @_;
	$source->safe_psql($table, <<EOQ);
$colour;
CREATE TABLE $table (id int, c colour, note text) PARTITION BY HASH (c, id);
DO \$\$ BEGIN FOR i IN 0 .. $leaves - 1 LOOP
	EXECUTE format('CREATE TABLE ${table}_%s PARTITION OF $table FOR VALUES WITH (MODULUS $leaves, REMAINDER %s)', i, i);
END LOOP; END \$\$;
INSERT INTO $table SELECT g, $a_colour, repeat(md5(g::text), 10) FROM generate_series(1, $rows) g;
EOQ
	return;
}

create_spread('many', 200, 60000);

# One row in ten is nearly a page, one in 50 has a value in TOAST; some are 40 bytes.
$source->safe_psql('deep', <<EOQ);
$colour;
CREATE TABLE deep (zone int, id int, c colour, note text, more text) PARTITION BY HASH (c);
DO \$\$ BEGIN
	FOR i IN 0 .. 2 LOOP
		EXECUTE format('CREATE TABLE deep_%s PARTITION OF deep FOR VALUES WITH (MODULUS 3, REMAINDER %s) PARTITION BY LIST (zone)', i, i);
		FOR j IN 0 .. 3 LOOP
			EXECUTE format('CREATE TABLE deep_%s_%s PARTITION OF deep_%s FOR VALUES IN (%s) PARTITION BY HASH (c, id)', i, j, i, j);
			FOR k IN 0 .. 1 LOOP
				EXECUTE format('CREATE TABLE deep_%s_%s_%s PARTITION OF deep_%s_%s FOR VALUES WITH (MODULUS 2, REMAINDER %s)', i, j, k, i, j, k);
			END LOOP;
		END LOOP;
	END LOOP;
END \$\$;
ALTER TABLE deep ALTER note SET STORAGE PLAIN, ALTER more SET STORAGE EXTERNAL;
INSERT INTO deep SELECT g % 4, g, $a_colour, repeat('n', CASE WHEN g % 10 = 0 THEN 7000 + g % 900 ELSE g % 300 END),
	CASE WHEN g % 50 = 1 THEN repeat(md5(g::text), 70 + g % 400) END FROM generate_series(1, 30000) g;
EOQ

$source->safe_psql('unlogged', <<EOQ);
$colour;
CREATE TABLE unlogged (id int, c colour, note text) PARTITION BY HASH (c, id);
DO \$\$ BEGIN FOR i IN 0 .. 9 LOOP
	EXECUTE format('CREATE %s TABLE unlogged_%s PARTITION OF unlogged FOR VALUES WITH (MODULUS 10, REMAINDER %s)',
		CASE WHEN i < 6 THEN 'UNLOGGED' END, i, i);
END LOOP; END \$\$;
INSERT INTO unlogged SELECT g, $a_colour, repeat(md5(g::text), 3) FROM generate_series(1, 60000) g;
EOQ

# Of a table: pages, those without a row, those less than half full besides the last few, and
# the pages of the same rows in a new table; and TOAST's pages without a row.
my $LOOK = <<'EOQ';
CREATE EXTENSION pageinspect;
CREATE FUNCTION look(tab regclass, toast regclass, last_few int, OUT pages int, OUT empty int, OUT sparse int, OUT dense int, OUT toast_empty int)
LANGUAGE plpgsql AS $$
BEGIN
	SELECT count(*), count(*) FILTER (WHERE h.lower <= 24),
		count(*) FILTER (WHERE h.upper - h.lower > 4096) INTO pages, empty, sparse
	FROM generate_series(0, pg_relation_size(tab) / 8192 - 1) b, page_header(get_raw_page(tab::text, b)) h;
	EXECUTE format('CREATE TEMP TABLE again (LIKE %s INCLUDING STORAGE)', tab);
	EXECUTE format('INSERT INTO again SELECT * FROM %s', tab);
	dense := pg_relation_size('again') / 8192;
	DROP TABLE again;
	SELECT count(*) FILTER (WHERE h.lower <= 24) INTO toast_empty
	FROM generate_series(0, coalesce(pg_relation_size(toast), 0) / 8192 - 1) b, page_header(get_raw_page(toast::text, b)) h;
	sparse := greatest(sparse - last_few, 0);
END $$;
EOQ

# Look at all leaves and tables of a database: how many have rows, and sums of the figures.
sub look_at
{
	my ($db, $last_few) = @_;
	$target->safe_psql($db, $LOOK);
	return split /\|/, $target->safe_psql($db, <<EOQ);
SELECT count(*), sum(pages), sum(empty), sum(sparse), sum(dense), sum(toast_empty)
FROM pg_class c, LATERAL look(c.oid, c.reltoastrelid, $last_few)
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(c.oid) > 0
EOQ
}

# How many rows each leaf has.
sub spread
{
	my ($node, $db, $table) = @_;
	$table //= $db;
	return $node->safe_psql($db, "SELECT tableoid::regclass, count(*) FROM $table GROUP BY 1 ORDER BY 1::text COLLATE \"C\"");
}

foreach my $db (sort keys %rows)
{
	clone_ok($target, conninfo($source, db => $db), db => $db, table_jobs => $jobs, name => "$db: the clone ends done");
	is($target->safe_psql($db, $rows{$db}), $source->safe_psql($db, $rows{$db}), "$db: the rows are there");
	isnt(spread($target, $db), spread($source, $db), "$db: in other leaves than on the source");
	assert_frozen($target, db => $db, name => "$db: every page is frozen");
	my ($leaves, $pages, $empty, $sparse, $dense, $toast_empty) = look_at($db, $jobs);
	is($empty, 0, "$db: no page is empty");
	is($toast_empty, 0, "$db: nor one of TOAST");
	is($sparse, 0, "$db: none is half empty but for the last ones") if $db ne 'deep';
	cmp_ok($pages, '<=', $dense * 1.25 + 2 * $leaves, "$db: $leaves leaves need hardly more pages than in new tables: $pages, $dense");
}

# Twenty leaves there, each a load of its own, fill twenty here.  What one load leaves half
# empty another goes on with, so that no more stay so than there are loads at a time.
new_database($source, 'loads');
create_spread('loads', 20, 16000);
foreach my $at_a_time (1, $jobs)
{
	my $db = "loads_$at_a_time";
	new_database($target, $db);
	clone_ok($target, conninfo($source, db => 'loads'), db => $db, table_jobs => $at_a_time, name => "$at_a_time load(s) at a time: the clone ends done");
	isnt(spread($target, $db, 'loads'), spread($source, 'loads'), "$at_a_time: in other leaves than on the source");
	assert_frozen($target, db => $db, name => "$at_a_time: every page is frozen");
	my ($leaves, $pages, $empty, $sparse, $dense) = look_at($db, $at_a_time);
	is("$leaves $empty $sparse", '20 0 0', "$at_a_time: no more pages of a leaf are half empty than that");
	cmp_ok($pages, '<=', $dense * 1.1 + $leaves, "$at_a_time: hardly more pages than in new tables: $pages, $dense");
}

# Tables that exist: the same trees, and one that is not partitioned and comes in chunks.
new_database($_, 'flat') foreach $source, $target;
$source->safe_psql('flat', "CREATE TABLE flat AS SELECT g AS id, repeat(md5(g::text), 5) AS note FROM generate_series(1, 60000) g");
$rows{flat} = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM flat t";
foreach my $db (qw(deep flat unlogged))
{
	new_database($target, "${db}_copied");
	my $schema = (run_command([ 'pg_dump', '--schema-only', '--dbname', conninfo($source, db => $db) ]))[0];
	my $data = (run_command([ 'pg_dump', '--data-only', '--load-via-partition-root', '--dbname', conninfo($source, db => $db) ]))[0];
	$target->safe_psql("${db}_copied", $schema . $data);
	my (undef, $copied, $copied_empty) = look_at("${db}_copied", $jobs);
	foreach my $at_a_time (1, $jobs)
	{
		my $here = "${db}_here_$at_a_time";
		my $name = "$db exists, $at_a_time at a time";
		new_database($target, $here);
		$target->safe_psql($here, $schema);
		clone_ok($target, conninfo($source, db => $db), db => $here, table_jobs => $at_a_time, sections => ['data'], append => 'true',
			split_tables_larger_than => '1MB', name => "$name: the clone ends done");
		is($target->safe_psql($here, $rows{$db}), $source->safe_psql($db, $rows{$db}), "$name: the rows are there");
		my ($leaves, $pages, $empty) = look_at($here, $jobs);
		my $more = $at_a_time == 1 && $target->pg_version < 16 ? 0 : $EXTENDED * $leaves;
		cmp_ok($pages, '<=', $copied * 1.1 + $more, "$name: $leaves leaves need hardly more pages than by COPY: $pages, $copied");
		cmp_ok($empty, '<=', $copied_empty + $more, "$name: nor more without rows: $empty, $copied_empty");
	}
}

$source->stop;
$target->stop;
done_testing();
