# A clone is an exact copy.  Whatever pg_dump dumps arrives: every type of
# object, with owners, privileges, comments and security labels; every row and
# large object; sequences that go on where those of the source would.
# Statistics are there for all tables, index expressions and partitioned tables.
# No trigger, rule or event trigger fires on the way, temporary tables and what
# an extension keeps for itself stay behind, and dropping the job and the
# extension leaves nothing but the copy.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('clone', source_conf => $EVERYTHING_CONF, target_conf => $EVERYTHING_CONF);
my $big_size = $ENV{PGCOPY_TEST_BIG_SIZE} // 20_000_000;

load_roles($source, $target);
new_database($_, 'everything') for $source, $target;
load_everything($source, 'everything', big_size => $big_size);

# A temporary table in a session that lives while the clone runs.
my $other_session = $source->background_psql('everything');
$other_session->query_safe('CREATE TEMP TABLE never_cloned AS SELECT 1 AS a');

my $job = clone($target, conninfo($source, db => 'everything'), db => 'everything');
my $state = wait_for_end($target, $job, db => 'everything', limit => 180);
is($state, 'done', 'the clone of everything ends done');
show_job($target, $job, db => 'everything') if $state ne 'done';

is( $target->safe_psql('everything', "SELECT count(*) FROM pgcopy_errors WHERE job = $job"),
	'0', 'no error was recorded');
is( $target->safe_psql('everything', "SELECT percent FROM pgcopy_progress WHERE job = $job"),
	'100', 'the progress ends at 100');
ok(is_quiet($source, $target, 10), 'no process and no session of the clone is left');

assert_same(
	$source, $target,
	source_db => 'everything',
	db => 'everything',
	ignore => $EVERYTHING_IGNORE,
	filter => \&everything_filter);

my $by_colour = 'SELECT v, c FROM ev.by_colour ORDER BY v, c::text COLLATE "C"';
is( $target->safe_psql('everything', $by_colour),
	$source->safe_psql('everything', $by_colour),
	'a table that is partitioned by the hash of an enum is equal as a whole');
is($target->safe_psql('everything', 'SELECT * FROM ev.rule_log'),
	'first', 'no trigger and no rule fired during the load');
is( $target->safe_psql('everything', 'SELECT tag FROM ev.ddl_log'),
	$source->safe_psql('everything', 'SELECT tag FROM ev.ddl_log'),
	'no event trigger of the source fired during the load');
is( $target->safe_psql('everything', "SELECT count(*) FROM pg_class WHERE relname = 'never_cloned'"),
	'0', 'temporary tables are not cloned');
is( $target->safe_psql('everything', 'SELECT subenabled, subslotname FROM pg_subscription'),
	'f|ev_slot', 'the subscription stays disconnected');
is($target->safe_psql('everything', 'SELECT * FROM ext.member_cache'),
	'1|of the script', 'rows of an extension\'s table that is no configuration are not cloned');
my $labels = <<'EOQ';
SELECT objtype, objnamespace::regnamespace, objname, provider, label FROM pg_seclabels
ORDER BY objtype, objname COLLATE "C", provider COLLATE "C", label COLLATE "C"
EOQ
is($target->safe_psql('everything', $labels), $source->safe_psql('everything', $labels), 'security labels are equal');
is($source->safe_psql('everything', 'SELECT count(*) FROM pg_seclabels'), '28', 'there are labels of every kind');
is( $target->safe_psql('everything', <<'EOQ'), '', 'every table has been analyzed');
SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgcopy') AND c.relkind IN ('r', 'p')
AND n.nspname NOT LIKE 'pg_toast%' AND c.reltuples < 0
AND NOT EXISTS (SELECT FROM pg_partition_tree(c.oid) p JOIN pg_class f ON f.oid = p.relid WHERE f.relkind = 'f')
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
EOQ
is( $target->safe_psql('everything', <<'EOQ'), 't', 'partitioned tables have statistics of the whole tree');
SELECT count(*) > 0 FROM pg_stats WHERE schemaname = 'ev' AND tablename = 'sales' AND inherited
EOQ
is( $target->safe_psql('everything', <<'EOQ'), 't', 'expressions of indexes have statistics');
SELECT count(*) > 0 FROM pg_stats WHERE schemaname = 'ev' AND tablename = 'texts_lower_length_idx'
EOQ
is( $target->safe_psql('everything', <<'EOQ'), 't', 'extended statistics are filled');
SELECT count(*) > 0 FROM pg_stats_ext WHERE schemaname = 'ev' AND statistics_name = 'stat_plain'
EOQ
is( $target->safe_psql('everything', <<'EOQ'), $source->safe_psql('everything', <<'EOQ2'), 'constraints are valid where they were');
SELECT string_agg(format('%s %s %s', conrelid::regclass, conname, convalidated), E'\n' ORDER BY conrelid::regclass::text, conname)
FROM pg_constraint WHERE conrelid <> 0 AND connamespace <> 'pgcopy'::regnamespace
EOQ
SELECT string_agg(format('%s %s %s', conrelid::regclass, conname, convalidated), E'\n' ORDER BY conrelid::regclass::text, conname)
FROM pg_constraint WHERE conrelid <> 0
EOQ2
is( $target->safe_psql('everything', 'SELECT count(*) FROM pg_index WHERE NOT indisvalid AND NOT EXISTS (SELECT FROM pg_class WHERE oid = indexrelid AND relkind = \'I\')'),
	'0', 'no index is invalid');

# From here on the checks would be in the log of definitions, or forbidden.
$target->safe_psql('everything', 'DROP EVENT TRIGGER ev_forbid; DROP EVENT TRIGGER ev_end');

# Each sequence goes on as in the source, or fails as there.
my $next = <<'EOQ';
CREATE FUNCTION pg_temp.next_of(s regclass) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN pg_catalog.nextval(s);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SELECT c.oid::regclass, pg_temp.next_of(c.oid), pg_temp.next_of(c.oid)
FROM pg_class c WHERE relkind = 'S' AND relnamespace <> coalesce(to_regnamespace('pgcopy'), 0::oid)
ORDER BY 1::text COLLATE "C";
EOQ
$next =~ s/1::text COLLATE "C"/c.oid::regclass::text COLLATE "C"/;
is( $target->safe_psql('everything', $next),
	$source->safe_psql('everything', $next),
	'every sequence gives the same next values');

assert_frozen($target, db => 'everything', ignore => $EVERYTHING_APPENDED);

# The extension leaves nothing behind.
$target->safe_psql('everything', "SELECT pgcopy_drop($job)");
is($target->safe_psql('everything', 'SELECT count(*) FROM pgcopy.item'),
	'0', 'a dropped job leaves no items');
$target->safe_psql('everything', 'DROP EXTENSION pgcopydb_ext');
is( $target->safe_psql('everything', <<'EOQ'), '', 'DROP EXTENSION leaves nothing behind');
SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE (relname LIKE 'pgcopy%' OR nspname = 'pgcopy')
UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'pgcopy%'
UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'pgcopy'
UNION ALL SELECT fdwname FROM pg_foreign_data_wrapper WHERE fdwname LIKE 'pgcopy%'
EOQ

$other_session->quit;
$source->stop;
$target->stop;
done_testing();
