# A tree of partitions whose rows may belong into other leaves here than on the source is
# followed all the same: no stream routes, so it is copied again in the cutover, through
# its root.  That is known beforehand for some keys; else it is found while rows are
# loaded, when foreign keys refer to the tree already, and the source sends its changes.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PgCopyTraffic;
use Test::More;

my ($source, $target) = new_pair('routed', source_conf => $TRAFFIC_CONF, target_conf => "max_logical_replication_workers = 8\n");

# OIDs of enum values must not be the same by chance.
$target->safe_psql('postgres', 'SELECT count(lo_unlink(lo_create(0))) FROM generate_series(1, 1237)');

sub carries
{
	my ($db) = @_;
	return $target->safe_psql($db, "SELECT string_agg(format('%s %s', table_name, carry), ', ' ORDER BY table_name) FROM pgcopy.relation WHERE relkind IN ('r', 'p')");
}

sub published
{
	my ($db) = @_;
	return $source->safe_psql($db, "SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid");
}

# Rows without their leaf, and without indexes, so that nothing is missed or found twice.
sub rows_of
{
	my ($node, $db, $table) = @_;
	return $node->safe_psql($db, <<EOQ);
SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;
SELECT count(*), sum(hashtextextended(t::text COLLATE "C", 0)) FROM $table t
EOQ
}

# Everything that an index finds is what a scan finds.
sub check_tree
{
	my ($db, $tree, $key) = @_;
	is(rows_of($target, $db, $tree), rows_of($source, $db, $tree), "$db: $tree has all rows, each once");
	is(misplaced($target, $db), '', "$db: each row is in the leaf that it belongs to");
	is( $target->safe_psql($db, "SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM $tree WHERE $key >= 0"),
		$source->safe_psql($db, "SELECT count(*) FROM $tree WHERE $key >= 0"),
		"$db: its indexes find all rows");
	return;
}

#
# Known beforehand: hash partitions of an enum, on two levels, beside a leaf that is certain
#
new_database($_, 'known') for $source, $target;
$source->safe_psql('known', <<'EOQ');
CREATE TYPE colour AS ENUM ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l');
CREATE TABLE paint (zone int, id int, c colour, twice int GENERATED ALWAYS AS (id * 2) STORED, note text, PRIMARY KEY (zone, id, c)) PARTITION BY LIST (zone);
CREATE TABLE paint_plain PARTITION OF paint FOR VALUES IN (1);
CREATE TABLE paint_hash PARTITION OF paint FOR VALUES IN (2) PARTITION BY HASH (c);
CREATE TABLE paint_0 PARTITION OF paint_hash FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE paint_1 (note text, gone int, c colour NOT NULL, zone int NOT NULL, twice int GENERATED ALWAYS AS (id * 2) STORED, id int NOT NULL);
ALTER TABLE paint_1 DROP gone;
ALTER TABLE paint_hash ATTACH PARTITION paint_1 FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE paint_2 PARTITION OF paint_hash FOR VALUES WITH (MODULUS 3, REMAINDER 2);
CREATE INDEX ON paint (id);
CREATE TABLE whole (id int, c colour, note text) PARTITION BY HASH (c);
CREATE TABLE whole_0 PARTITION OF whole FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE whole_1 PARTITION OF whole FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON whole (id);
CREATE TABLE sample (id int PRIMARY KEY, zone int, p int, c colour, FOREIGN KEY (zone, p, c) REFERENCES paint);
INSERT INTO paint (zone, id, c, note) SELECT 1 + g % 2, g, (enum_range(NULL::colour))[g % 12 + 1], repeat(md5(g::text), 1 + g % 100) FROM generate_series(1, 10000) g;
INSERT INTO whole SELECT g, (enum_range(NULL::colour))[g % 12 + 1], 'whole' FROM generate_series(1, 10000) g;
INSERT INTO sample SELECT id, zone, id, c FROM paint WHERE id <= 1000;
EOQ
my $traffic = PgCopyTraffic->new($source, $target, 'known', clients => 2, rate => 200, script => <<'EOS');
\set id random(1, 10000)
\set n random(1, 12)
BEGIN;
UPDATE paint SET zone = 3 - zone, c = (enum_range(NULL::colour))[:n] WHERE id = :id AND id > 1000;
UPDATE paint SET note = 'changed' WHERE id = :id;
DELETE FROM whole WHERE id = :id;
INSERT INTO whole VALUES (:id, (enum_range(NULL::colour))[:n], 'again');
INSERT INTO whole VALUES (:id + 10000, (enum_range(NULL::colour))[:n], 'new');
END;
EOS
$traffic->start('script');
my $job = clone($target, conninfo($source, db => 'known'), db => 'known', follow => 'true');
ok(wait_for_state($target, $job, 'following', db => 'known'), 'known: it follows') or BAIL_OUT('it does not');
is(carries('known'), 'paint -, paint_0 a, paint_1 a, paint_2 a, paint_hash a, paint_plain s, sample s, whole a, whole_0 a, whole_1 a', 'leaves whose rows are routed are copied again');
is(published('known'), 'paint_plain sample', 'and not published');
like($target->safe_psql('known', "SELECT message, object FROM pgcopy_notices WHERE job = $job AND message ~ 'copied again'"),
	qr/^5 tables, together .* are copied again in the cutover.*public\.paint_0 \(its rows may belong into other partitions here, \d/, 'a notice names them');
like($target->safe_psql('known', "SELECT object FROM pgcopy_notices WHERE job = $job AND message ~ 'new ones are not carried'"),
	qr/^public\.paint, public\.whole$/, 'and tells that partitions must not be made');
sleep 1;
my %cutover = cutover($target, $job, db => 'known');
$traffic->stop;
is($cutover{sqlstate}, undef, 'known: the cutover succeeds') or diag(explain(\%cutover));
note($cutover{report} // '');
like($cutover{report} // '', qr/copied again: 5 tables/, 'the report tells what was copied again');
check_tree('known', 'paint', 'id');
check_tree('known', 'whole', 'id');
is(rows_of($target, 'known', 'sample'), rows_of($source, 'known', 'sample'), 'known: other tables too');
ok(wait_until($target, "SELECT bool_and(convalidated) AND count(*) > 0 FROM pg_constraint WHERE contype = 'f'", db => 'known', what => 'valid keys'), 'known: foreign keys stand');
is(join("\n", left_of_following($source, $target, 'known')), '', 'known: nothing is left');

#
# Found while rows are loaded
#
new_database($_, 'found') for $source, $target;
$source->safe_psql('found', <<'EOQ');
CREATE TABLE ledger (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE ledger_0 PARTITION OF ledger FOR VALUES FROM (MINVALUE) TO (1000);
CREATE TABLE ledger_1 PARTITION OF ledger FOR VALUES FROM (1000) TO (MAXVALUE);
CREATE TABLE entry (id int PRIMARY KEY REFERENCES ledger ON DELETE CASCADE, v text);
CREATE TABLE detail (id int PRIMARY KEY REFERENCES ledger_1 ON DELETE CASCADE);
INSERT INTO ledger SELECT g, 'first' FROM generate_series(1, 2000) g;
INSERT INTO entry SELECT id, 'e' FROM ledger WHERE id % 2 = 0;
INSERT INTO detail SELECT id FROM ledger_1;
UPDATE pg_class SET relispartition = false WHERE oid = 'ledger_1'::regclass;
INSERT INTO ledger_1 VALUES (5, 'elsewhere');
UPDATE pg_class SET relispartition = true WHERE oid = 'ledger_1'::regclass;
DELETE FROM ledger_0 WHERE id = 5;
EOQ
$job = clone($target, conninfo($source, db => 'found'), db => 'found', follow => 'true');
ok(wait_for_state($target, $job, 'following', db => 'found'), 'found: it follows') or BAIL_OUT('it does not');
is(carries('found'), 'detail s, entry s, ledger a, ledger_0 a, ledger_1 a', 'the tree is copied again');
is(published('found'), 'detail entry ledger', 'though the source sends it');
like($target->safe_psql('found', "SELECT message FROM pgcopy_notices WHERE job = $job AND object = 'public.ledger'"),
	qr/rows belong into other partitions here.*copied again in the cutover/, 'a notice tells that');
is($target->safe_psql('found', "SELECT string_agg(stage || ' ' || state, ', ') FROM pgcopy.item WHERE job = $job AND kind = 'validate'"), '6 pending, 6 pending', 'foreign keys to it are validated once it is');
$source->safe_psql('found', <<'EOQ');
INSERT INTO ledger VALUES (3000, 'new'), (0, 'new');
INSERT INTO entry VALUES (3000, 'new');
UPDATE ledger SET note = 'changed' WHERE id % 3 = 0;
DELETE FROM ledger WHERE id IN (10, 1500);
EOQ
catch_up($source, $target, 'found');
is($target->safe_psql('found', "SELECT count(*) FROM ledger WHERE note <> 'first'"), '1', 'what is sent of it is skipped');
is($target->safe_psql('found', "SELECT count(*) FROM entry WHERE v = 'new'"), '1', 'other changes arrive');
%cutover = cutover($target, $job, db => 'found');
is($cutover{sqlstate}, undef, 'found: the cutover succeeds') or diag(explain(\%cutover));
check_tree('found', 'ledger', 'id');
is(rows_of($target, 'found', $_), rows_of($source, 'found', $_), "found: $_ too") for qw(entry detail);
ok(wait_until($target, "SELECT count(*) = 2 FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND convalidated", db => 'found', what => 'valid keys'), 'found: foreign keys stand');
is(join("\n", left_of_following($source, $target, 'found')), '', 'found: nothing is left');

$source->stop;
$target->stop;
done_testing();
