# What rows and definitions need beside themselves.
#
# Functions of CHECKs, generated columns, indexes, statistics and views may name
# things without a schema: what does not find them is done again under the
# search_path of the source's database, and a notice says so.  They may read
# other tables, and values may name what is made later: what fails waits until
# the rest is there, in as many rounds as it takes, and no error of it is final.
# What nothing helps is an error, with the way out.
#
# PGCOPY_TEST_LONG=1 repeats 20 times, not 3, what chance could decide.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('needs');
my $n = 0;

# From 17 on a server maintains indexes, statistics and materialized views under a path of
# its own, and has none that needs another: lines with this mark are left out there.
my $MARK = '-- under the path of a session';
$source->psql('postgres', 'CREATE FUNCTION looks() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM looked_at); END $$; CREATE TABLE looked_at (a int)');
my $has_session_path = $source->psql('postgres', 'CREATE MATERIALIZED VIEW looking AS SELECT looks()') == 0;

sub left_out
{
	my ($sql) = @_;
	$sql =~ s/^.*\Q$MARK\E\n//mg unless $has_session_path;
	return $sql;
}

# Clone a database that SQL makes, and see that it arrives.  Returns the job and
# its database.  Options: those of the clone; setup: SQL of the source's server,
# %s being the database; is_chance: clone several times, with as many jobs as
# there may be; data => 0: do not compare
# rows, which queries without a search_path cannot read.
sub arrives
{
	my ($what, $sql, %opt) = @_;
	my $db = 'needs' . ++$n;
	my $setup = delete $opt{setup};
	my $rounds = delete $opt{is_chance} ? ($ENV{PGCOPY_TEST_LONG} ? 20 : 3) : 1;
	my $data = delete $opt{data} // 1;
	my $ignore = delete $opt{ignore};
	my ($here, $job);

	new_database($source, $db);
	$source->safe_psql('postgres', sprintf($setup, $db)) if $setup;
	$source->safe_psql($db, left_out($sql));
	foreach my $round (1 .. $rounds)
	{
		$here = "${db}_$round";
		new_database($target, $here);
		$opt{table_jobs} = (4, 1, 2, 8)[ $round % 4 ] if $rounds > 1;
		$job = clone_ok($target, conninfo($source, db => $db), db => $here, %opt, name => "$what: the clone ends done");
		assert_same($source, $target, source_db => $db, db => $here, data => $data, ignore => $ignore, name => "$what: it is equal");
		is($target->safe_psql($here, "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND is_final"),
			'0', "$what: no error is final");
	}
	return ($job, $here);
}

# Clone a database that cannot be cloned.  Returns its final errors.
sub fails
{
	my ($what, $sql, %opt) = @_;
	my $db = 'needs' . ++$n;
	my $job;

	new_database($source, $db);
	new_database($target, $db);
	$source->safe_psql($db, left_out($sql));
	$job = clone($target, conninfo($source, db => $db), db => $db, %opt);
	is(wait_for_end($target, $job, db => $db), $opt{on_error} ? 'done' : 'failed', "$what: the job ends");
	return $target->safe_psql($db, "SELECT object, sqlstate, message, hint FROM pgcopy_errors WHERE job = $job AND is_final AND object IS NOT NULL ORDER BY object");
}

sub notices
{
	my ($job, $db) = @_;
	return $target->safe_psql($db, "SELECT message FROM pgcopy_notices WHERE job = $job AND message ~ 'search_path' ORDER BY 1");
}

#-------------------------------------------------------------------------
# A search_path
#-------------------------------------------------------------------------

my @job = arrives('the default path', <<'EOQ');
CREATE FUNCTION fold(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT translate(lower(t), 'xyz', 'abc') $$;
CREATE FUNCTION is_folded(t text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN fold(t) = t; END $$;
CREATE FUNCTION sort_key(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN fold(t); END $$;
CREATE DOMAIN folded AS text CHECK (is_folded(VALUE));
CREATE TABLE checked (id int PRIMARY KEY, t text CHECK (is_folded(t)));
CREATE TABLE of_domain (id int, d folded, a folded[]);
CREATE TABLE generated (id int, t text, k text GENERATED ALWAYS AS (sort_key(t)) STORED);
INSERT INTO checked SELECT g, 'a' || g FROM generate_series(1, 500) g;
INSERT INTO of_domain SELECT g, 'b' || g, ARRAY['c', 'd'] FROM generate_series(1, 500) g;
INSERT INTO generated SELECT g, 'XY' || g FROM generate_series(1, 500) g;
CREATE INDEX by_key ON checked (sort_key(t)); -- under the path of a session
CREATE UNIQUE INDEX part_key ON checked (id) WHERE sort_key(t) > 'a3'; -- under the path of a session
CREATE STATISTICS of_key ON (sort_key(t)), id FROM checked; -- under the path of a session
CREATE MATERIALIZED VIEW keys AS SELECT sort_key(t) AS k FROM checked; -- under the path of a session
CREATE MATERIALIZED VIEW keys_of_keys AS SELECT sort_key(k) AS k FROM keys; -- under the path of a session
CREATE INDEX on_keys ON keys_of_keys (sort_key(k)); -- under the path of a session
CREATE TABLE plain AS SELECT 1 AS a;
EOQ
is(notices(@job), join("\n", map { "$_ needs a search_path: done under that of the source, \"\$user\", public" } grep { $has_session_path || /^table/ }
	  'analyze public.checked', 'analyze public.keys_of_keys', 'index public.by_key', 'index public.part_key',
	  'refresh public.keys', 'refresh public.keys_of_keys', 'table public.checked', 'table public.generated', 'table public.of_domain'),
	'the default path: notices name what needed it, and nothing else');
is($target->safe_psql($job[1], "SELECT attempts FROM pgcopy_tables WHERE job = $job[0] AND table_name = 'plain'"),
	'1', 'the default path: what needs none is done once');

@job = arrives('a path with odd names', <<'EOQ',
CREATE SCHEMA "a, b";
CREATE SCHEMA "Lib""";
CREATE FUNCTION "a, b".one(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE FUNCTION "Lib""".less(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 < $2';
CREATE OPERATOR "Lib""".<<< (FUNCTION = "Lib""".less, LEFTARG = int, RIGHTARG = int);
CREATE FUNCTION public.two(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF NOT i <<< 100000 THEN RAISE 'large'; END IF; RETURN one(one(i)); END $$;
CREATE FUNCTION public.inlined(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT one($1)';
CREATE TABLE t (a int CHECK (public.two(a) > 0), b int GENERATED ALWAYS AS (public.inlined(a)) STORED);
INSERT INTO t SELECT generate_series(1, 100);
CREATE INDEX i ON t (public.inlined(a)); -- under the path of a session
CREATE TABLE x (r int4range, a int);
ALTER TABLE x ADD EXCLUDE USING gist (r WITH &&) WHERE (public.two(a) > 3); -- under the path of a session
INSERT INTO x SELECT int4range(g, g + 1), g FROM generate_series(1, 50) g;
CREATE TABLE p (a int) PARTITION BY RANGE (public.two(a));
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (50);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (50) TO (500);
CREATE INDEX ON p (public.inlined(a)); -- under the path of a session
INSERT INTO p SELECT generate_series(1, 100);
EOQ
	data => 0,
	setup => 'ALTER DATABASE %s SET search_path = "a, b", "Lib""", public, pg_temp');
is($target->safe_psql($job[1], 'SET search_path = "a, b", "Lib""", public; SELECT count(*), sum(b) FROM t; SELECT count(*) FROM x; SELECT count(*) FROM p2'),
	"100|5150\n50\n53", 'a path with odd names: all rows are here');
like(notices(@job), qr/^table a, b\.t needs a search_path: done under that of the source, "a, b", "Lib""", public, pg_temp$/m,
	'a path with odd names: the notice quotes it');

arrives('text search and other names', <<'EOQ');
CREATE TEXT SEARCH CONFIGURATION own (COPY = simple);
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE FUNCTION words(t text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN to_tsvector('own', t); END $$;
CREATE FUNCTION is_mood(t text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM t::mood; RETURN true; END $$;
CREATE FUNCTION is_table(t text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN t::regclass IS NOT NULL; END $$;
CREATE FUNCTION in_text(t text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE b bool; BEGIN EXECUTE 'SELECT is_mood($1)' INTO b USING t; RETURN b; END $$;
CREATE TABLE a (t text CHECK (is_mood(t)), n text CHECK (is_table(n)), v tsvector GENERATED ALWAYS AS (words(t)) STORED, CHECK (in_text(t)));
INSERT INTO a VALUES ('sad', 'a'), ('ok', 'a');
CREATE INDEX ON a USING gin (words(t)); -- under the path of a session
EOQ

# Without a setting of the database that of all roles counts.
@job = arrives('a path of all roles', <<'EOQ', setup => 'ALTER ROLE ALL SET search_path = lib');
CREATE SCHEMA lib;
CREATE FUNCTION lib.one() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION lib.two() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN one() + one(); END';
CREATE TABLE lib.t (a int CHECK (a > lib.two()));
INSERT INTO lib.t VALUES (3);
EOQ
$source->safe_psql('postgres', 'ALTER ROLE ALL RESET search_path');
is(notices(@job), 'table lib.t needs a search_path: done under that of the source, lib', 'a path of all roles: the notice has it');

# An index may have been made while there were no rows.
SKIP:
{
	skip 'indexes are made under the path of a session', 2 if $has_session_path;
	like(fails("the server's own path", <<'EOQ'), qr/^index public\.by_key\|42883\|function fold\(text\) does not exist\|This server evaluates it under its own search_path: ALTER FUNCTION/m,
CREATE FUNCTION fold(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)';
CREATE FUNCTION sort_key(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN fold(t); END';
CREATE TABLE t (t text);
CREATE INDEX by_key ON t (sort_key(t));
INSERT INTO t SELECT 'A' || g FROM generate_series(1, 500) g;
EOQ
		"the server's own path: the error says what helps");
}

# A path of another role is no database's: it is given.  What pg_dump has written means
# the same under it.
my $given = <<'EOQ';
CREATE SCHEMA app;
CREATE FUNCTION app.helper(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION app.calls(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN helper(i); END';
CREATE FUNCTION app.lower(t varchar) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'trap'::text $$;
CREATE TABLE app.t (a int, v varchar, CHECK (app.calls(a) > 0));
SET search_path = app;
INSERT INTO app.t VALUES (1, 'A'), (2, 'B');
CREATE UNIQUE INDEX by_calls ON app.t (app.calls(a), pg_catalog.lower(v)); -- under the path of a session
EOQ
like(fails('another path', $given, on_error => 'continue'),
	qr/^table app\.t\|42883\|function helper\(integer\) does not exist\|It ran under search_path "\$user", public: .*search_path => '\.\.\.'/m,
	'another path: the error says which one was tried, and what to do');
@job = arrives('a path that is given', $given, search_path => 'pg_temp, app, "no such schema", pg_catalog');
is(notices(@job), '', 'a path that is given: there is nothing to tell');
is($target->safe_psql($job[1], "SELECT max(attempts) FROM pgcopy.item WHERE job = $job[0] AND stage = 1"), '1', 'a path that is given: all is done at once');
my $plan = 'SET enable_seqscan = off; SELECT a FROM app.t WHERE app.calls(a) = 4 AND pg_catalog.lower(v) = \'b\'';
is($target->safe_psql($job[1], "SET search_path = app; $plan"), '2', 'a path that is given: the index finds its rows');

#-------------------------------------------------------------------------
# Other rows
#-------------------------------------------------------------------------

# Largest first: c before b before a, which is the wrong order.
arrives('a chain of look-ups', <<'EOQ', is_chance => 1);
CREATE TABLE a (k text PRIMARY KEY);
CREATE FUNCTION in_a(text) RETURNS bool LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM public.a WHERE k = $1)';
CREATE TABLE b (k text PRIMARY KEY CHECK (in_a(k)), pad text);
CREATE FUNCTION in_b(text) RETURNS bool LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM FROM b WHERE k = $1; RETURN FOUND; END $$;
CREATE DOMAIN of_b AS text CHECK (in_b(VALUE));
CREATE TABLE c (k of_b, pad text);
CREATE FUNCTION need_c(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM FROM public.c WHERE k = $1; IF NOT FOUND THEN RAISE 'no %', $1 USING ERRCODE = 'Z0001'; END IF; RETURN $1; END $$;
CREATE TABLE d (k text CHECK (need_c(k) <> ''), pad text);
INSERT INTO a SELECT 'K' || g FROM generate_series(1, 100) g;
INSERT INTO b SELECT k, repeat('b', 500) FROM a;
INSERT INTO c SELECT k, repeat('c', 2000) FROM a;
INSERT INTO d SELECT k, repeat('d', 3000) FROM a;
EOQ

arrives('chunks that look up', <<'EOQ', is_chance => 1, split_tables_larger_than => '64kB');
CREATE TABLE small (k int PRIMARY KEY);
CREATE FUNCTION known(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM public.small WHERE k = $1)';
CREATE TABLE large (k int CHECK (known(k)), pad text);
CREATE TABLE tree (id int PRIMARY KEY, parent int, pad text);
CREATE FUNCTION has(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT $1 IS NULL OR EXISTS (SELECT FROM public.tree WHERE id = $1)';
ALTER TABLE tree ADD CHECK (has(parent));
INSERT INTO small SELECT generate_series(1, 10);
INSERT INTO large SELECT g % 10 + 1, repeat('x', 500) FROM generate_series(1, 3000) g;
EOQ

# Errors would not tell of these: a value that is computed too early is wrong.
@job = arrives('computed values', <<'EOQ', is_chance => 1);
CREATE TABLE zone (id int PRIMARY KEY, name text);
CREATE FUNCTION zone_name(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT name FROM public.zone WHERE id = $1); END $$;
CREATE TABLE ship (id int, z int, pad text, zone text GENERATED ALWAYS AS (zone_name(z)) STORED);
INSERT INTO zone SELECT g, 'zone ' || g FROM generate_series(1, 50) g;
INSERT INTO ship SELECT g, g % 50 + 1, repeat('p', 900) FROM generate_series(1, 3000) g;
CREATE TABLE aircraft (id int, z int);
INSERT INTO aircraft SELECT g, g % 50 + 1 FROM generate_series(1, 500) g;
CREATE INDEX by_zone ON aircraft (zone_name(z));
CREATE TABLE last (pad text);
INSERT INTO last SELECT repeat('l', 2000) FROM generate_series(1, 2000);
EOQ
is($target->safe_psql($job[1], q{SET enable_seqscan = off; SELECT count(*) FROM aircraft WHERE zone_name(z) = 'zone 7'}),
	'10', 'computed values: the index finds its rows');

my $reg = <<'EOQ';
CREATE TABLE f (id int PRIMARY KEY, x int);
INSERT INTO f SELECT g, g FROM generate_series(1, 100) g;
CREATE INDEX f_x ON f (x);
CREATE VIEW grouped AS SELECT id, x, count(*) FROM f GROUP BY id;
CREATE TABLE watch (id int PRIMARY KEY, what regclass, more regclass[]);
INSERT INTO watch VALUES (1, 'f', NULL), (2, 'f_x', '{f_pkey}'), (3, 'grouped', '{grouped,f}'), (4, 4000000000, NULL);
CREATE INDEX ON watch (what);
CREATE VIEW watched AS SELECT id, what FROM watch GROUP BY id;
CREATE TABLE of_watched (v regclass);
INSERT INTO of_watched VALUES ('watched');
CREATE TABLE child (id int REFERENCES watch);
INSERT INTO child VALUES (3);
CREATE OPERATOR public.=== (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int);
CREATE TEXT SEARCH CONFIGURATION cfg (COPY = simple);
CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple);
CREATE TABLE regs (a regproc, b regprocedure, c regoper, d regoperator, e regtype, f regrole, g regnamespace, h regconfig, i regdictionary, j regcollation, k regtype[]);
INSERT INTO regs VALUES ('now', 'now()', '===', '===(int,int)', 'watch', 10::regrole, 'public', 'cfg', 'dict', '"C"', '{watch,int}');
COMMENT ON INDEX watch_pkey IS 'a comment';
EOQ
arrives('names of what comes later', $reg, is_chance => 1);
arrives('the same, one at a time', $reg, table_jobs => 1, index_jobs => 1, on_error => 'continue');

arrives('path and rows', <<'EOQ', is_chance => 1);
CREATE TABLE base (k int);
CREATE FUNCTION in_base(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM FROM base WHERE k = $1; RETURN FOUND; END $$;
CREATE TABLE upper (k int CHECK (in_base(k)), pad text);
INSERT INTO base SELECT generate_series(1, 10);
INSERT INTO upper SELECT g % 10 + 1, repeat('u', 300) FROM generate_series(1, 1000) g;
EOQ

# The first view reads the last one; no dependency says so.
arrives('views that read views', <<'EOQ', is_chance => 1);
CREATE TABLE t AS SELECT generate_series(1, 10) AS a;
CREATE MATERIALIZED VIEW z AS SELECT count(*) AS n FROM t;
CREATE FUNCTION n() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT n FROM y); END $$;
CREATE FUNCTION m() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT n FROM public.z); END $$;
CREATE MATERIALIZED VIEW y AS SELECT m() AS n;
CREATE MATERIALIZED VIEW a AS SELECT n() + 1 AS n; -- under the path of a session
CREATE UNIQUE INDEX ON a (n); -- under the path of a session
EOQ

# CREATE TABLE inlines the function, so it reads a table that comes later.
arrives('definitions that read later tables', <<'EOQ');
CREATE SCHEMA z;
CREATE TABLE z.code (c int);
INSERT INTO z.code VALUES (1), (2);
CREATE FUNCTION z.total() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT count(*) FROM z.code';
CREATE TABLE first (id int, n bigint GENERATED ALWAYS AS (z.total() + id) STORED);
COMMENT ON TABLE first IS 'made in a second round';
CREATE FUNCTION trimmed(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT btrim($1)';
CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(trimmed($1)) || z.total()';
CREATE TABLE parts (t text) PARTITION BY LIST (folded(t));
CREATE TABLE part PARTITION OF parts FOR VALUES IN ('a2', 'b2');
INSERT INTO first SELECT generate_series(1, 10);
INSERT INTO parts VALUES ('A '), (' b');
EOQ
is($target->safe_psql("needs${n}_1", q{SELECT string_agg(DISTINCT object, ' ' ORDER BY object) FROM pgcopy_notices WHERE message LIKE '%needs a search_path%'}),
	'public.part public.parts', 'definitions that read later tables: only what needs a path takes one');

# Rows of an extension's configuration are there before all others.
@job = arrives('configuration', <<'EOQ', is_chance => 1, ignore => qr/\.member_|\.config_own[:|]/);
CREATE EXTENSION pgcopy_everything;
INSERT INTO config_later SELECT generate_series(1, 10);
CREATE FUNCTION is_later(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM public.config_later WHERE id = $1)';
CREATE TABLE t (a int CHECK (is_later(a)), pad text);
INSERT INTO t SELECT g % 10 + 1, repeat('x', 900) FROM generate_series(1, 3000) g;
EOQ
is($target->safe_psql($job[1], "SELECT max(attempts) FROM pgcopy_tables WHERE job = $job[0]"), '1', 'configuration: nothing is tried twice');

# A partition that waits for post-data has no index of it when its rows come.
arrives('a partition waits for post-data', <<'EOQ');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE base (k int);
CREATE TRIGGER late BEFORE INSERT ON base FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION after_trigger(int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	IF $1 = 25 AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgname = 'late') THEN
		RAISE undefined_object;
	END IF;
	RETURN true;
END $$;
CREATE TABLE tree (id int PRIMARY KEY, k int, CHECK (after_trigger(id))) PARTITION BY RANGE (id);
CREATE TABLE tree_0 PARTITION OF tree FOR VALUES FROM (0) TO (20);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES FROM (20) TO (40);
CREATE INDEX ON tree (k);
INSERT INTO tree SELECT g, g % 3 FROM generate_series(1, 30) g;
ALTER TABLE tree_1 REPLICA IDENTITY USING INDEX tree_1_pkey;
CREATE TABLE mention (id int REFERENCES tree);
INSERT INTO mention VALUES (25);
CREATE MATERIALIZED VIEW kept AS SELECT id, k FROM tree GROUP BY id;
EOQ

# Of a cycle only what one side can do without is done; it ends.
my $errors = fails('a cycle', <<'EOQ', on_error => 'continue');
CREATE TABLE x (k int);
CREATE TABLE y (k int);
CREATE FUNCTION in_x(int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM public.x WHERE k = $1)';
CREATE FUNCTION in_y(int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM public.y WHERE k = $1)';
INSERT INTO x VALUES (1);
INSERT INTO y VALUES (1);
ALTER TABLE x ADD CHECK (in_y(k));
ALTER TABLE y ADD CHECK (in_x(k));
CREATE TABLE z AS SELECT 1 AS a;
EOQ
is($errors, join("\n", map { qq(table public.$_|23514|new row for relation "$_" violates check constraint "${_}_k_check"|) } qw(x y)),
	'a cycle: each table has one final error, the last it met');
is($target->safe_psql("needs$n", 'SELECT (SELECT count(*) FROM x), (SELECT count(*) FROM y), (SELECT count(*) FROM z)'), '0|0|1', 'a cycle: others arrive');

# A row that is bad costs one more load, after the others.
$errors = fails('a bad row', <<'EOQ');
CREATE TABLE bad (k int, pad text);
INSERT INTO bad SELECT g, repeat('x', 1000) FROM generate_series(1, 100) g;
CREATE FUNCTION is_good(int) RETURNS bool LANGUAGE sql AS 'SELECT true';
ALTER TABLE bad ADD CHECK (is_good(k));
CREATE OR REPLACE FUNCTION is_good(int) RETURNS bool LANGUAGE sql AS 'SELECT $1 < 100';
CREATE TABLE good AS SELECT 1 AS a;
EOQ
like($errors, qr/^table public\.bad\|23514\|[^\n]*$/, 'a bad row: the error is final');
cmp_ok($target->safe_psql("needs$n", "SELECT max(attempts) FROM pgcopy_tables WHERE table_name = 'bad'"), '<=', 2, 'a bad row: the table was loaded twice at most');

#-------------------------------------------------------------------------
# Resume, cancel, no worker
#-------------------------------------------------------------------------

# A job stands in the copy of table "base"; "upper" waits for it, and says so.
sub start_waiting
{
	my ($db, %opt) = @_;
	new_database($target, $db);
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => 'waits'), db => $db, %opt);
	wait_held($target, $db, 1, $job);
	ok( wait_until($target, "SELECT message FROM pgcopy_progress WHERE job = $job", db => $db,
			expected => 'table public.upper waits for other rows: see pgcopy_errors', job => $job),
		"$db: the view says what waits");
	return ($job, $hold);
}

new_database($source, 'waits');
create_holds($source, 'waits');
$source->safe_psql('waits', <<'EOQ');
CREATE TABLE base (k int CHECK (hold.here(1)));
CREATE FUNCTION in_base(int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM public.base WHERE k = $1)';
CREATE TABLE upper (k int PRIMARY KEY CHECK (in_base(k)), pad text);
INSERT INTO base SELECT generate_series(1, 10);
INSERT INTO upper SELECT g, repeat('u', 3000) FROM generate_series(1, 10) g;
EOQ
foreach my $way (qw(cancel kill))
{
	my ($job, $hold) = start_waiting($way);

	$target->safe_psql($way, "SELECT pgcopy_cancel($job)") if $way eq 'cancel';
	$target->safe_psql($way, "SELECT pg_terminate_backend(pid, 10000) FROM pgcopy_workers WHERE job = $job AND process = 'leader'") if $way eq 'kill';
	# not before: a table that is still done would want a decision about the snapshot
	wait_for_end($target, $job, db => $way);
	wait_until($target, "SELECT count(*) FROM pg_stat_activity WHERE datname = '$way' AND backend_type = 'pgcopydb_ext'", db => $way, expected => 0);
	release($hold);
	$target->safe_psql($way, "SELECT pgcopy_resume($job)");
	ok(wait_for_state($target, $job, 'done', db => $way), "$way: the resumed job ends done");
	assert_same($source, $target, source_db => 'waits', db => $way, name => "$way: it is equal");
	is($target->safe_psql($way, "SELECT count(*) FROM pgcopy_errors WHERE job = $job AND is_final AND item IS NOT NULL"), '0', "$way: no error of an item is final");
}

# Tries that found nothing do not count when a temporary failure follows.
new_database($_, 'tries') for $source, $target;
create_holds($source, 'tries');
$source->safe_psql('tries', <<'EOQ');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE base (k int);
CREATE TRIGGER late BEFORE INSERT ON base FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION after_trigger() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgname = 'late') THEN
		RAISE undefined_object;
	END IF;
	RETURN hold.here(1);
END $$;
CREATE TABLE upper (k int CHECK (after_trigger()));
INSERT INTO upper VALUES (1), (2);
EOQ
$target->safe_psql('postgres', 'ALTER DATABASE tries SET pgcopy.max_attempts = 2');
my $hold = hold($target, 'tries', 1);
my $held_job = clone($target, conninfo($source, db => 'tries'), db => 'tries');
wait_held($target, 'tries', 1, $held_job);
cmp_ok($target->safe_psql('tries', "SELECT max(attempts) FROM pgcopy_tables WHERE job = $held_job"), '>', 2, 'tries: a table was tried often');
is($target->safe_psql('tries', "SELECT state FROM pgcopy_jobs WHERE job = $held_job"), 'post-data', 'tries: and is loaded when statements of post-data are done');
$target->safe_psql('tries', "SELECT pg_terminate_backend(pid, 10000) FROM pgcopy_workers WHERE job = $held_job AND object_name = 'upper'");
release($hold);
ok(wait_for_state($target, $held_job, 'done', db => 'tries'), 'tries: its worker is terminated, and another one loads it');
assert_same($source, $target, source_db => 'tries', db => 'tries', name => 'tries: it is equal');
is($target->safe_psql('tries', "SELECT count(*) FROM pgcopy_errors WHERE job = $held_job AND is_final"), '0', 'tries: no error is final');

$target->append_conf('postgresql.conf', 'max_worker_processes = 2');
$target->restart;
arrives('no worker', $reg);
ok(is_quiet($source, $target, 10), 'nothing is left');

$source->stop;
$target->stop;
done_testing();
