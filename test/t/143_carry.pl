# What no stream of changes carries arrives all the same: tables that cannot be
# published or whose changes cannot be applied, configuration of extensions, large
# objects, sequences.  Foreign keys between tables that arrive in different ways, and
# triggers that would fire for what arrives, wait for the cutover.  Tables without
# replica identity are dealt with as the user has said, and the source gets back what
# it had.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PgCopyTraffic;
use Test::More;

my ($source, $target) = new_pair('carry', source_conf => $TRAFFIC_CONF, target_conf => "max_logical_replication_workers = 8\n");

sub carries
{
	my ($db) = @_;
	return $target->safe_psql($db, "SELECT string_agg(format('%s %s', table_name, carry), ', ' ORDER BY table_name) FROM pgcopy.relation WHERE relkind IN ('r', 'p')");
}

sub published
{
	my ($db, $like) = @_;
	return $source->safe_psql($db, "SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid WHERE p.pubname ~ '$like'");
}

sub identities
{
	my ($db) = @_;
	return $source->safe_psql($db, "SELECT string_agg(format('%s %s', relname, relreplident), ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND oid >= 16384 AND relnamespace = 'public'::regnamespace");
}

sub first_error
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT sqlstate, message, detail, hint FROM pgcopy_errors WHERE job = $job AND is_final LIMIT 1");
}

#
# The four choices for tables without identity
#
my $KEYLESS = <<'EOQ';
CREATE TABLE keyed (id int PRIMARY KEY, v text);
CREATE TABLE keyless (v text);
CREATE TABLE uniq (u int NOT NULL UNIQUE, v text);
CREATE TABLE js (v json);
CREATE TABLE log (v text);
INSERT INTO keyed SELECT g, 'k' FROM generate_series(1, 100) g;
INSERT INTO keyless SELECT 'l' || g FROM generate_series(1, 100) g;
INSERT INTO uniq SELECT g, 'u' FROM generate_series(1, 100) g;
INSERT INTO js SELECT '{}' FROM generate_series(1, 10) g;
EOQ
my $CHANGES = <<'EOQ';
UPDATE keyed SET v = 'changed' WHERE id % 2 = 0;
UPDATE keyless SET v = 'changed' WHERE v ~ '3';
DELETE FROM uniq WHERE u < 10;
INSERT INTO js VALUES ('{"a": 1}');
INSERT INTO log VALUES ('one');
EOQ

my %expected = (
	auto => 'js a, keyed s, keyless a, log a, uniq a',
	copy => 'js a, keyed s, keyless a, log a, uniq a',
	inserts => 'js i, keyed s, keyless i, log i, uniq i',
	set => 'js a, keyed s, keyless s, log s, uniq s');

new_database($source, map { "choice_$_" } keys %expected);
new_database($target, map { "choice_$_" } keys %expected);
foreach my $choice (sort keys %expected)
{
	my $db = "choice_$choice";

	$source->safe_psql($db, $KEYLESS);
	my $before = identities($db);
	my $job = clone($target, conninfo($source, db => $db), db => $db, follow => 'true', without_identity => $choice);
	ok(wait_for_state($target, $job, 'following', db => $db), "$choice: it follows") or next;
	is(carries($db), $expected{$choice}, "$choice: so each table is carried");
	is(published($db, '_i$'), $choice eq 'inserts' ? 'js keyless log uniq' : '', "$choice: published by inserts only");
	is(identities($db), $choice eq 'set' ? 'js d keyed d keyless f log f uniq i' : $before, "$choice: identities on the source");
	if ($choice eq 'inserts')
	{
		$source->safe_psql($db, "INSERT INTO log VALUES ('one'); INSERT INTO keyless VALUES ('new')");
		wait_until($target, "SELECT count(*) = 1 FROM log", db => $db, what => 'the insert');
		$source->safe_psql($db, "UPDATE keyless SET v = 'changed' WHERE v = 'new'");
		wait_until($source, "SELECT n_tup_upd > 0 FROM pg_stat_user_tables WHERE relname = 'keyless'", db => $db, what => 'the statistics');
		my %refused = cutover($target, $job, db => $db);
		is($refused{sqlstate}, '55000', 'inserts: the cutover refuses after an update');
		like($refused{detail} // '', qr/keyless \(1 rows\)/, 'inserts: it names the table');
		next;
	}
	$source->safe_psql($db, $CHANGES);
	my %cutover = cutover($target, $job, db => $db);
	is($cutover{sqlstate}, undef, "$choice: the cutover succeeds") or diag(explain(\%cutover));
	is(contents_differ($source, $target, $db), '', "$choice: all rows are equal");
	is(identities($db), $before, "$choice: the source has its identities back");
}

new_database($_, 'large') for $source, $target;
$source->safe_psql('large', $KEYLESS . "CREATE TABLE big (a text) WITH (fillfactor = 10); INSERT INTO big SELECT repeat('x', 300) FROM generate_series(1, 20000)");
{
	my $job = clone($target, conninfo($source, db => 'large'), db => 'large', follow => 'true');
	wait_for_end($target, $job, db => 'large');
	my $error = first_error('large', $job);
	like($error, qr/55000\|updates of 5 tables, together \d+ MB, cannot be replicated/, 'what is large is not copied again unasked');
	like($error, qr/public\.big \(has no primary key.*, \d+ MB\)/, 'the error names the tables, with sizes');
	like($error, qr/'set'.*'copy'.*'inserts'.*exclude_table_data/, 'and the choices');
	is(identities('large'), 'big d js d keyed d keyless d log d uniq d', 'nothing was changed on the source');
}

#
# What is copied again has rows from before a constraint that is NOT VALID
#
new_database($_, 'unproven') for $source, $target;
$source->safe_psql('unproven', <<'EOQ');
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE old (a int, p int);
CREATE UNLOGGED TABLE old_fast (a int PRIMARY KEY);
CREATE TABLE old_parts (k int, a int) PARTITION BY LIST (k);
CREATE TABLE old_parts_1 PARTITION OF old_parts FOR VALUES IN (1);
CREATE TABLE old_parts_2 (a int, gone int, k int);
ALTER TABLE old_parts_2 DROP gone;
ALTER TABLE old_parts ATTACH PARTITION old_parts_2 FOR VALUES IN (2);
INSERT INTO old VALUES (-1, 1);
INSERT INTO old_fast VALUES (-1);
INSERT INTO old_parts VALUES (1, -1), (2, -1);
ALTER TABLE old ADD CONSTRAINT positive CHECK (a > 0) NOT VALID, ADD CHECK (a < 100), ADD FOREIGN KEY (p) REFERENCES parent NOT VALID;
ALTER TABLE old_fast ADD CHECK (a > 0) NOT VALID;
ALTER TABLE old_parts ADD CHECK (a > 0) NOT VALID;
EOQ
my $unproven = clone($target, conninfo($source, db => 'unproven'), db => 'unproven', follow => 'true');
ok(wait_for_state($target, $unproven, 'following', db => 'unproven'), 'rows from before a constraint: followed');
$source->safe_psql('unproven', 'INSERT INTO old VALUES (1, NULL); INSERT INTO old_fast VALUES (1); INSERT INTO old_parts VALUES (1, 1), (2, 1)');
my %switched = cutover($target, $unproven, db => 'unproven');
is($switched{state}, 'done', 'and switched') or diag(explain(\%switched));
is(contents_differ($source, $target, 'unproven'), '', 'with all rows');
my $constraints = q{SELECT string_agg(format('%s %s %s', conrelid::regclass, contype, convalidated), ', ' ORDER BY conrelid::regclass::text, conname)
	FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f')};
is($target->safe_psql('unproven', $constraints), $source->safe_psql('unproven', $constraints), 'and the constraints as they were');
my (undef, undef, $new_row) = $target->psql('unproven', 'INSERT INTO old VALUES (-2, NULL)');
like($new_row, qr/violates check constraint "positive"/, 'which new rows must fulfil');

#
# All kinds together, from clone to cutover
#
new_database($_, 'kinds') for $source, $target;
$source->safe_psql('kinds', <<'EOQ');
CREATE EXTENSION pgcopy_config;
CREATE TABLE parent (id int PRIMARY KEY, v text);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
CREATE UNLOGGED TABLE fast (id int PRIMARY KEY, parent int REFERENCES parent, v text);
CREATE INDEX ON fast (v);
ALTER TABLE fast ADD CONSTRAINT no_overlap EXCLUDE USING btree (id WITH =);
CREATE TABLE late (id int PRIMARY KEY DEFERRABLE, v text);
CREATE TABLE computed (a int, b int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY);
CREATE TABLE silent (id int PRIMARY KEY);
ALTER TABLE silent REPLICA IDENTITY NOTHING;
CREATE TABLE full_json (v json);
ALTER TABLE full_json REPLICA IDENTITY FULL;
CREATE TABLE full_text (v text);
ALTER TABLE full_text REPLICA IDENTITY FULL;
CREATE TABLE nothing_there (id int PRIMARY KEY);
CREATE TABLE skipped (id int PRIMARY KEY, v text);

CREATE TABLE tree (id int, k int, PRIMARY KEY (k, id)) PARTITION BY LIST (k);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1);
CREATE TABLE tree_2 PARTITION OF tree FOR VALUES IN (2);
CREATE TABLE bad (id int, k int) PARTITION BY LIST (k);
CREATE TABLE bad_1 PARTITION OF bad FOR VALUES IN (1);
ALTER TABLE bad_1 ADD PRIMARY KEY (id);
CREATE TABLE bad_2 PARTITION OF bad FOR VALUES IN (2);
CREATE TABLE of_tree (id int PRIMARY KEY, k int, FOREIGN KEY (k, id) REFERENCES tree);

CREATE TABLE fired (what text, id int PRIMARY KEY);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.fired VALUES (TG_ARGV[0], NEW.id); RETURN NEW; END $$;
CREATE TRIGGER always AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION note('always');
ALTER TABLE child ENABLE ALWAYS TRIGGER always;
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER watch ON ddl_command_start EXECUTE FUNCTION ddl();

CREATE SEQUENCE up;
CREATE SEQUENCE down INCREMENT -3 MINVALUE -1000000 MAXVALUE 100 START 50;
CREATE SEQUENCE round MAXVALUE 10 CYCLE;
CREATE SEQUENCE cached CACHE 20;
CREATE SEQUENCE untouched;

INSERT INTO parent SELECT g, 'p' FROM generate_series(1, 100) g;
INSERT INTO child SELECT g, g FROM generate_series(1, 100) g;
INSERT INTO fast SELECT g, g, 'f' || g FROM generate_series(1, 100) g;
INSERT INTO late SELECT g, 'l' FROM generate_series(1, 100) g;
INSERT INTO computed SELECT g FROM generate_series(1, 100) g;
INSERT INTO silent SELECT g FROM generate_series(1, 100) g;
INSERT INTO full_json SELECT '{"n": 1}' FROM generate_series(1, 100) g;
INSERT INTO full_text SELECT 't' || g FROM generate_series(1, 100) g;
INSERT INTO tree SELECT g, 1 + g % 2 FROM generate_series(1, 100) g;
INSERT INTO bad SELECT g, 1 + g % 2 FROM generate_series(1, 100) g;
INSERT INTO of_tree SELECT id, k FROM tree WHERE id <= 50;
INSERT INTO skipped VALUES (1, 'not cloned');
SELECT nextval('up'), nextval('down'), nextval('round');

SELECT lo_from_bytea(50000 + g, decode(repeat(md5(g::text), 1 + g % 200), 'hex')) IS NULL FROM generate_series(1, 2000) g;
EOQ
$_->safe_psql('postgres', 'CREATE ROLE lo_reader; CREATE ROLE lo_other') for $source, $target;

my $job = clone($target, conninfo($source, db => 'kinds'), db => 'kinds', follow => 'true', exclude_table_data => ['public.skipped']);
ok(wait_for_state($target, $job, 'following', db => 'kinds'), 'all kinds: it follows') or BAIL_OUT('it does not');
is(carries('kinds'),
	'bad -, bad_1 s, bad_2 a, bag a, child s, computed a, fast a, fired s, full_json a, full_text s, late a, nothing_there s, of_tree s, parent s, places a, ranks a, silent a, skipped -, tree s, tree_1 s, tree_2 s',
	'each table is carried as it can be');
is(published('kinds', '^pgcopy'), 'bad_1 child fired full_text nothing_there of_tree parent tree', 'the tree without a bad leaf is published as a whole, the other by its good leaf');

my $notices = $target->safe_psql('kinds', "SELECT message, object FROM pgcopy_notices WHERE job = $job");
like($notices, qr/9 tables, together .* are copied again in the cutover, which lasts about \d+ s longer.*public\.bad_2 \(has no primary key/, 'a notice tells what is copied again, and how long that takes');
like($notices, qr/each UPDATE and DELETE of these tables reads the whole table.*public\.full_text/, 'and which table is read for each change');
like($notices, qr/new ones are not carried\|public\.bad/, 'and whose new partitions are not carried');
like($notices, qr/rows are not cloned\|public\.skipped/, 'and whose rows are not cloned');

sub items
{
	my ($where) = @_;
	return $target->safe_psql('kinds', "SELECT string_agg(concat(kind, ' ', object_name), ', ' ORDER BY no) FROM pgcopy.item WHERE job = $job AND $where");
}
is(items('stage = 5'), 'final child, foreign key fast_parent_fkey, final watch, final watch', 'a key of a table that is copied again waits for the cutover, as triggers do that a replica fires');
is(items("stage = 6"), 'validate fast_parent_fkey', 'and its rows are looked at after it');
is(items("stage > 4 AND state <> 'pending'"), '', 'none of it has run yet');
is(items("kind = 'foreign key' AND stage < 4"), 'foreign key child_parent_fkey, foreign key of_tree_k_id_fkey', 'the others stand');
is($target->safe_psql('kinds', "SELECT string_agg(conname || ' ' || convalidated, ', ' ORDER BY conname) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND connamespace = 'public'::regnamespace"),
	'child_parent_fkey true, of_tree_k_id_fkey true', 'and are valid');
is($target->safe_psql('kinds', "SELECT tgenabled FROM pg_trigger WHERE tgname = 'always'"), 'O', 'the trigger is an ordinary one till then');

$source->safe_psql('kinds', <<'EOQ');
INSERT INTO parent VALUES (1000, 'new');
INSERT INTO child VALUES (1000, 1000);
UPDATE fast SET v = 'changed' WHERE id <= 50;
INSERT INTO fast VALUES (1000, 1000, 'new');
DELETE FROM fast WHERE id = 99;
UPDATE computed SET a = a + 1000 WHERE a <= 10;
INSERT INTO full_json VALUES ('{"n": 2}');
UPDATE full_text SET v = 'changed' WHERE v = 't7';
UPDATE tree SET k = 3 - k WHERE id > 90;
INSERT INTO bad VALUES (1000, 1), (1001, 2);
DELETE FROM bad WHERE id = 7;
UPDATE bad_2 SET id = id + 5000 WHERE id < 20;
UPDATE late SET v = 'changed';
TRUNCATE nothing_there, full_text;
UPDATE ranks SET name = 'renamed' WHERE id = 2;
INSERT INTO ranks VALUES (77, 'new', 1, 'y');
INSERT INTO bag VALUES ('more', '{"b": 2}');
INSERT INTO skipped VALUES (2, 'not carried');
SELECT nextval('up') FROM generate_series(1, 500);
SELECT nextval('down') FROM generate_series(1, 500);
SELECT nextval('round') FROM generate_series(1, 14);
SELECT nextval('cached');

DO $$
DECLARE
	fd int;
BEGIN
	FOR i IN 50001 .. 50200 LOOP
		PERFORM lo_put(i, 5, 'put');
	END LOOP;
	FOR i IN 50201 .. 50400 LOOP
		fd := lo_open(i, 131072);
		PERFORM lo_truncate(fd, CASE i % 3 WHEN 0 THEN 0 WHEN 1 THEN 2048 ELSE 777 END);
		PERFORM lo_close(fd);
	END LOOP;
	FOR i IN 50401 .. 50600 LOOP
		PERFORM lo_unlink(i);
	END LOOP;
	FOR i IN 50601 .. 50700 LOOP
		EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO lo_reader', i);
		EXECUTE format('COMMENT ON LARGE OBJECT %s IS %L', i + 100, 'comment ' || i);
		EXECUTE format('ALTER LARGE OBJECT %s OWNER TO lo_other', i + 200);
		PERFORM lo_unlink(i + 300);
		PERFORM lo_from_bytea(i + 300, 'again');
		PERFORM lo_from_bytea(i + 9000, 'new');
	END LOOP;
END $$;
EOQ

my %cutover = cutover($target, $job, db => 'kinds');
is($cutover{sqlstate}, undef, 'all kinds: the cutover succeeds') or diag(explain(\%cutover));
note($cutover{report} // '');
note("pause $cutover{pause}") if defined $cutover{pause};
like($cutover{report} // '', qr/copied again: 9 tables, \d+ rows/, 'the report has what was copied again');
like($cutover{report} // '', qr/large objects: 900 copied, 200 removed/, 'and the large objects, of which only those that changed were copied');

is(contents_differ($source, $target, 'kinds', ignore => qr/^public\.skipped/), '', 'all rows and large objects are equal');
is($target->safe_psql('kinds', 'SELECT count(*) FROM skipped'), '0', 'what was left out still is');
is(join("\n", sequences_behind($source, $target, 'kinds')) =~ s/^(down|round|public\.down|public\.round) .*\n?//mgr, '', 'sequences are not behind');
is($target->safe_psql('kinds', "SELECT last_value, is_called FROM $_"), $source->safe_psql('kinds', "SELECT last_value, is_called FROM $_"), "sequence $_ is where the source's is")
  for qw(up down round cached untouched);
is(identities('kinds') =~ s/\b(\w+) d( |$)//gr, 'full_json f full_text f silent n ', 'the source has the identities that it had');
assert_same($source, $target, source_db => 'kinds', db => 'kinds', data => 0, sequences => 0, name => 'definitions and large objects are equal');
is($target->safe_psql('kinds', "SELECT tgenabled FROM pg_trigger WHERE tgname = 'always'"), 'A', 'the trigger is as on the source');
is($target->safe_psql('kinds', "SELECT count(*) FROM fired"), $source->safe_psql('kinds', "SELECT count(*) FROM fired"), 'it has not fired for what arrived');
ok(wait_until($target, "SELECT bool_and(convalidated) FROM pg_constraint WHERE contype = 'f'", db => 'kinds', what => 'valid keys'), 'all foreign keys are valid');
is($target->safe_psql('kinds', "SELECT string_agg(DISTINCT state, ' ') FROM pgcopy.item WHERE job = $job"), 'done', 'every item is done');

#
# A key that is NOT NULL for new rows only, from 18 on, does not tell old ones apart
#
SKIP:
{
	new_database($_, 'half') for $source, $target;
	$source->safe_psql('half', q(CREATE TABLE half (a int UNIQUE, v text); INSERT INTO half VALUES (NULL, 'one'), (NULL, 'two'), (NULL, 'three'), (4, 'four')));
	my ($rc) = $source->psql('half', 'ALTER TABLE half ADD CONSTRAINT later NOT NULL a NOT VALID');
	skip 'NOT NULL is always valid here', 4 if $rc;
	$job = clone($target, conninfo($source, db => 'half'), db => 'half', follow => 'true', without_identity => 'set');
	ok(wait_for_state($target, $job, 'following', db => 'half'), 'NOT VALID: it follows');
	is(identities('half'), 'half f', 'NOT VALID: the key is not relied on');
	$source->safe_psql('half', q(UPDATE half SET a = 2 WHERE v = 'two'; DELETE FROM half WHERE v = 'three'; DELETE FROM half WHERE a = 4));
	%cutover = cutover($target, $job, db => 'half');
	is($cutover{sqlstate}, undef, 'NOT VALID: the cutover succeeds') or diag(explain(\%cutover));
	is(contents_differ($source, $target, 'half'), '', 'NOT VALID: all rows are equal');
}

done_testing();
