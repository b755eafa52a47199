# What a job leaves out is left alone: not locked on the source, not read, no right is
# needed there.  Each kind that can be excluded is left out with what is said about
# it.  Tables whose rows are left out are like empty ones.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('alone', source_conf => $EVERYTHING_CONF, target_conf => $EVERYTHING_CONF);

sub tables
{
	my ($db) = @_;
	return $target->safe_psql($db, <<'EOQ');
SELECT string_agg(c.oid::regclass::text, ' ' ORDER BY c.oid::regclass::text COLLATE "C") FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relnamespace::regnamespace::text !~ '^(pg_|pgcopy$|information_schema)'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
EOQ
}

sub databases
{
	my ($db, $sql) = @_;
	new_database($_, $db) for $source, $target;
	$source->safe_psql($db, "SET client_min_messages = error; $sql");
	return;
}

# A statement of a catalog: the definitions of a kind, here and there.
sub count_here
{
	my ($db, $sql) = @_;
	return $target->safe_psql($db, "SELECT count(*) FROM $sql");
}

sub notices
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT concat_ws(' ', object, message) FROM pgcopy_notices WHERE job = $job");
}

#-------------------------------------------------------------------------
# Locks: held in ACCESS EXCLUSIVE mode by somebody else.  (pg_dump locks a
# partitioned table with all its partitions, and for a moment what the body of a
# function in standard SQL reads.)
#-------------------------------------------------------------------------
databases('locked', <<'EOQ');
CREATE TABLE wanted (a int PRIMARY KEY, b text);
INSERT INTO wanted SELECT g, g::text FROM generate_series(1, 1000) g;
CREATE INDEX unwanted_index ON wanted (b);
CREATE TABLE unwanted (a int PRIMARY KEY, b text);
INSERT INTO unwanted SELECT g, g::text FROM generate_series(1, 1000) g;
CREATE TABLE tree (a int) PARTITION BY LIST (a);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1);
CREATE TABLE tree_2 PARTITION OF tree FOR VALUES IN (2);
INSERT INTO tree VALUES (1), (2);
CREATE VIEW over AS SELECT * FROM unwanted;
CREATE MATERIALIZED VIEW rows AS SELECT * FROM unwanted;
CREATE SEQUENCE free;
EOQ
my $locker = $source->background_psql('locked');
$locker->query_safe('BEGIN; LOCK TABLE unwanted, over IN ACCESS EXCLUSIVE MODE; ALTER INDEX unwanted_index SET (fillfactor = 50); ALTER SEQUENCE free CACHE 2; REFRESH MATERIALIZED VIEW rows');
my $job = clone_ok($target, conninfo($source, db => 'locked'), db => 'locked', limit => 30,
	exclude_tables => [ 'unwanted', 'tree_2', 'rows', 'free' ], exclude_indexes => ['unwanted_index'],
	name => 'locks on what is left out are in nobody\'s way');
$locker->quit;
is(tables('locked'), 'tree tree_1 wanted', 'the rest is here');
is($target->safe_psql('locked', 'SELECT (SELECT count(*) FROM wanted), (SELECT sum(a) FROM tree), (SELECT string_agg(indexrelid::regclass::text, $$ $$) FROM pg_index WHERE indrelid = $$wanted$$::regclass)'),
	'1000|1|wanted_pkey', 'with rows and indexes');
is($target->safe_psql('locked', "SELECT tables_done, tables_total, percent, errors FROM pgcopy_jobs WHERE job = $job"), '2|2|100|0', 'the job counts what is cloned');
is($target->safe_psql('locked', "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM pgcopy_tables WHERE job = $job"), 'tree_1 wanted', 'so does pgcopy_tables');
is($target->safe_psql('locked', "SELECT string_agg(DISTINCT index_name, ' ') FROM pgcopy_indexes WHERE job = $job"), 'wanted_pkey', 'and pgcopy_indexes');
like(notices('locked', $job), qr/view public\.over.*unwanted/, 'a notice tells what went along');
is($target->safe_psql('locked', "SELECT count(*) = count(DISTINCT (object, message)) FROM pgcopy_notices WHERE job = $job"), 't', 'each notice is told once');

#-------------------------------------------------------------------------
# Rights: one schema of many
#-------------------------------------------------------------------------
$source->safe_psql('postgres', q{CREATE ROLE poor LOGIN PASSWORD 'secret'; CREATE ROLE rich SUPERUSER});
$target->safe_psql('postgres', q{CREATE ROLE rich SUPERUSER; CREATE ROLE poor LOGIN});
databases('rights', <<'EOQ');
CREATE SCHEMA mine AUTHORIZATION poor;
CREATE SCHEMA theirs;
CREATE SCHEMA secret;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE TYPE mine.mood AS ENUM ('good', 'bad');
CREATE TABLE mine.t (a int PRIMARY KEY, m mine.mood, b text);
CREATE SEQUENCE mine.s;
CREATE INDEX ON mine.t (b);
INSERT INTO mine.t SELECT g, 'good', repeat('x', 100) FROM generate_series(1, 100) g;
ALTER TABLE mine.t OWNER TO poor; ALTER SEQUENCE mine.s OWNER TO poor; ALTER TYPE mine.mood OWNER TO poor;
CREATE TABLE theirs.t (a int PRIMARY KEY); CREATE SEQUENCE theirs.s; CREATE VIEW theirs.v AS SELECT * FROM theirs.t;
CREATE TABLE theirs.partitioned (a int) PARTITION BY RANGE (a); CREATE TABLE theirs.part PARTITION OF theirs.partitioned DEFAULT;
CREATE MATERIALIZED VIEW theirs.m AS SELECT * FROM theirs.t;
CREATE POLICY p ON theirs.t USING (false); ALTER TABLE theirs.t ENABLE ROW LEVEL SECURITY;
CREATE TABLE secret.t (a int); CREATE TABLE public.t (a int);
CREATE FUNCTION theirs.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION theirs.e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION theirs.e();
CREATE PUBLICATION p FOR ALL TABLES;
CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false);
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE USER MAPPING FOR rich SERVER s OPTIONS (password 'x');
SELECT lo_from_bytea(77, 'secret');
CREATE EXTENSION pageinspect SCHEMA theirs;
GRANT EXECUTE ON FUNCTION theirs.get_raw_page(text, int8) TO rich;
ALTER DEFAULT PRIVILEGES FOR ROLE rich IN SCHEMA theirs GRANT SELECT ON TABLES TO rich;
ALTER DEFAULT PRIVILEGES FOR ROLE rich GRANT SELECT ON TABLES TO poor;
EOQ
$target->safe_psql('rights', <<'EOQ');
ALTER DATABASE rights OWNER TO poor;
CREATE EXTENSION pgcopydb_ext;
SELECT format('GRANT EXECUTE ON FUNCTION %s TO poor', p.oid::regprocedure) FROM pg_proc p WHERE proname ~ '^pgcopy_(clone|resume)$' \gexec
EOQ
my $poor = conninfo($source, db => 'rights', tcp => 1, user => 'poor', password => 'secret');
$job = clone_ok($target, $poor, db => 'rights', user => 'poor', include_schemas => ['mine'],
	name => 'an ordinary role clones the one schema that it may read');
is(tables('rights'), 'mine.s mine.t', 'nothing else is here');
is($target->safe_psql('rights', 'SELECT count(*) FROM mine.t'), '100', 'its rows are');
is(count_here('rights', 'pg_event_trigger WHERE evtname = \'e\''), '0', 'no event trigger');
unlike(notices('rights', $job), qr/user mapping|subscription/, 'and not a word about what others have');

$job = clone($target, $poor, db => 'rights', user => 'poor', exclude_schemas => [ 'mine', 'public' ]);
is(wait_for_end($target, $job, db => 'rights'), 'failed', 'what is cloned must be readable');
my $errors = $target->safe_psql('rights', "SELECT message || '|' || coalesce(detail, '') FROM pgcopy_errors WHERE job = $job AND is_final");
like($errors, qr/may not read \d tables\|Not readable: secret\.t, theirs\.part, theirs\.partitioned, theirs\.t\./, 'it is told what is not, and no more');

#-------------------------------------------------------------------------
# Kinds
#-------------------------------------------------------------------------
my $kinds = <<'EOQ';
CREATE TABLE t (a int PRIMARY KEY, b int);
INSERT INTO t VALUES (1, 1), (2, 2);
COMMENT ON TABLE t IS 'a table'; COMMENT ON COLUMN t.a IS 'a column';
CREATE EXTENSION pageinspect; COMMENT ON EXTENSION pageinspect IS 'ours';
CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION e(); COMMENT ON EVENT TRIGGER e IS 'e';
CREATE PUBLICATION p FOR TABLE t; CREATE PUBLICATION q FOR TABLES IN SCHEMA public; COMMENT ON PUBLICATION p IS 'p';
CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false); COMMENT ON SUBSCRIPTION s IS 's';
CREATE POLICY p ON t USING (true); ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; COMMENT ON POLICY p ON t IS 'p';
CREATE RULE r AS ON DELETE TO t DO ALSO NOTHING; COMMENT ON RULE r ON t IS 'r'; ALTER TABLE t DISABLE RULE r;
CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g(); ALTER TABLE t DISABLE TRIGGER g; COMMENT ON TRIGGER g ON t IS 'g';
CREATE CONSTRAINT TRIGGER h AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION g();
CREATE STATISTICS st ON a, b FROM t; COMMENT ON STATISTICS st IS 'st';
CREATE VIEW v AS SELECT * FROM t; COMMENT ON VIEW v IS 'v';
CREATE MATERIALIZED VIEW m AS SELECT * FROM t; CREATE INDEX ON m (a); CREATE MATERIALIZED VIEW n AS SELECT * FROM m;
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE USER MAPPING FOR PUBLIC SERVER s;
SELECT lo_from_bytea(77, 'large'); COMMENT ON LARGE OBJECT 77 IS 'large';
SECURITY LABEL FOR pgcopy_dummy ON TABLE t IS 'a label'; SECURITY LABEL FOR pgcopy_dummy ON COLUMN t.a IS 'b';
EOQ
my %kind = (
	'event triggers' => q{pg_event_trigger WHERE evtname = 'e'},
	'publications' => 'pg_publication',
	'subscriptions' => 'pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())',
	'policies' => q{(SELECT FROM pg_policy UNION ALL SELECT FROM pg_class WHERE relrowsecurity OR relforcerowsecurity) p},
	'security labels' => 'pg_seclabel',
	'comments' => q{pg_description d WHERE objoid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = d.objoid AND e.deptype = 'e') AND classoid NOT IN ('pg_extension'::regclass, 'pg_largeobject'::regclass)},
	'extension comments' => q{pg_description WHERE description = 'ours'},
	'rules' => q{pg_rewrite WHERE rulename = 'r'},
	'triggers' => q{pg_trigger WHERE tgrelid >= 16384 AND NOT tgisinternal},
	'statistics' => 'pg_statistic_ext',
	'materialized view rows' => 'pg_class WHERE relkind = $$m$$ AND relispopulated',
	'user mappings' => 'pg_user_mappings',
	'large objects' => 'pg_largeobject_metadata');
databases('kinds', $kinds);
my %before = map { ($_ => $source->safe_psql('kinds', "SELECT count(*) FROM $kind{$_}")) } keys %kind;
clone_ok($target, conninfo($source, db => 'kinds'), db => 'kinds', name => 'nothing excluded');
is(count_here('kinds', $kind{$_}), $before{$_}, "$_ are here") for sort keys %kind;
foreach my $excluded (sort(keys %kind), 'all')
{
	(my $db = "no $excluded") =~ s/ /_/g;
	new_database($target, $db);
	$target->safe_psql('kinds', 'ALTER SUBSCRIPTION s RENAME TO t') if $excluded eq (sort keys %kind)[0];
	$job = clone_ok($target, conninfo($source, db => 'kinds'), db => $db, name => "without $excluded",
		exclude => $excluded eq 'all' ? [ keys %kind ] : [$excluded]);
	foreach my $one (sort keys %kind)
	{
		my $none = $excluded eq $one || $excluded eq 'all' || ($excluded eq 'comments' && $one eq 'extension comments');
		my $here = count_here($db, $kind{$one});
		if ($none) { is($here, '0', "without $excluded: no $one") }
		elsif ($one eq 'comments') { cmp_ok($here, '<=', $before{$one}, "without $excluded: $one about the rest"); cmp_ok($here, '>', 5, '... and these') }
		else { is($here, $before{$one}, "without $excluded: $one") }
	}
	is($target->safe_psql($db, 'SELECT count(*) FROM v'), '2', "without $excluded: rows and views");
}

#-------------------------------------------------------------------------
# Rows
#-------------------------------------------------------------------------
databases('rows', <<'EOQ');
CREATE ROLE limited LOGIN PASSWORD 'secret' IN ROLE pg_read_all_data;
CREATE TABLE log (id serial PRIMARY KEY, b text);
INSERT INTO log (b) SELECT g::text FROM generate_series(1, 500) g;
CREATE INDEX log_b ON log (b); CREATE STATISTICS st ON id, b FROM log;
CREATE TABLE entry (id int PRIMARY KEY, log int REFERENCES log);
INSERT INTO entry SELECT g, g FROM generate_series(1, 100) g;
CREATE TABLE other (id int PRIMARY KEY, log int, CONSTRAINT bad FOREIGN KEY (log) REFERENCES log) PARTITION BY RANGE (id);
COMMENT ON CONSTRAINT bad ON other IS 'told';
CREATE TABLE other_1 PARTITION OF other DEFAULT; INSERT INTO other VALUES (1, 1);
CREATE TABLE silent (id int PRIMARY KEY, log int REFERENCES log, entry int REFERENCES entry);
INSERT INTO silent VALUES (1, 1, 1);
CREATE POLICY p ON log USING (false); ALTER TABLE log ENABLE ROW LEVEL SECURITY;
EOQ
$job = clone_ok($target, conninfo($source, db => 'rows', tcp => 1, user => 'limited', password => 'secret'), db => 'rows',
	exclude_table_data => [ 'log', 'silent' ], table_jobs => 1, name => 'rows are left out, also those that a policy hides');
is($target->safe_psql('rows', "SELECT (SELECT count(*) FROM log), (SELECT count(*) FROM entry), (SELECT count(*) FROM silent), (SELECT last_value FROM log_id_seq)"),
	'0|100|0|500', 'the others are here, sequences stand where they stood');
is($target->safe_psql('rows', q{SELECT string_agg(conname || ' ' || convalidated, ', ' ORDER BY conname) FROM pg_constraint WHERE contype = 'f'}),
	'entry_log_fkey false, silent_entry_fkey true, silent_log_fkey true', 'only a foreign key from rows to none stays NOT VALID');
like(notices('rows', $job), qr/foreign key bad on public\.other left out: rows of public\.log are left out/, 'a partitioned table cannot have one');
is($target->safe_psql('rows', q{SELECT string_agg(indexrelid::regclass || ' ' || indisvalid, ', ' ORDER BY indexrelid::regclass::text COLLATE "C") FROM pg_index WHERE indrelid = 'log'::regclass}),
	'log_b true, log_pkey true', 'its indexes are built');
is($target->safe_psql('rows', q{SELECT reltuples FROM pg_class WHERE relname = 'log'}), '0', 'it is analyzed as an empty table');
is($target->safe_psql('rows', "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM pgcopy_tables WHERE job = $job"), 'entry other_1', 'nothing counts its rows');

done_testing();
