# Definitions that change on the source between the checks of a cutover and its fence, or
# in spite of the fence, are noticed: each kind of DDL stops the cutover, which names it
# and leaves the source as it was.  All definitions are compared again only when
# something was written to the catalogs: not for temporary tables.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run ();
use PgCopy;
use PgCopyFaults;
use PgCopyTraffic;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('look', source_conf => $TRAFFIC_CONF,
	target_conf => "shared_preload_libraries = 'pgcopydb_ext'\npgcopy.auto_resume = off\n");
my $AGAIN = qr/all definitions were compared again/;

# A database that is followed.
sub follow
{
	my ($db, $objects) = @_;
	$_->safe_psql('postgres', "CREATE DATABASE $db") foreach $source, $target;
	$source->safe_psql($db, $objects);
	my $job = clone($target, conninfo($source, db => $db), db => $db, follow => 'true');
	wait_for_state($target, $job, 'following', db => $db) or BAIL_OUT('the job does not follow');
	return $job;
}

my $job = follow('app', <<'EOQ');
CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL);
CREATE UNIQUE INDEX t_b ON t (b);
CREATE TABLE spare (a int PRIMARY KEY);
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE VIEW v AS SELECT a FROM t;
CREATE TYPE colour AS ENUM ('red', 'green');
INSERT INTO t SELECT g, g FROM generate_series(1, 100) g;
EOQ

# Stop the leader at a point from now on; '' for none.
sub set_point
{
	my ($point) = @_;
	$target->safe_psql('postgres', $_)
	  foreach "ALTER SYSTEM SET pgcopy.test_point = '" . ($point ? "cutover $point" : '') . "'",
	  'ALTER SYSTEM SET pgcopy.test_hit = 0', 'SELECT pg_reload_conf()';
	return;
}

# Do something on the source while a cutover stands at a point.  Returns what it said.
sub cutover_with
{
	my ($point, $do, %opt) = @_;
	my ($db, $which, $said) = ($opt{db} // 'app', $opt{job} // $job, '');

	set_point($point);
	my $hold = hold_points($target, $db);
	my $call = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', conninfo($target, db => $db),
		'-c', "SELECT state, report FROM pgcopy_cutover($which)" ], \'', \$said, '2>&1');
	wait_at_point($target, $db, $which);
	set_point('');
	$do->();
	$hold->quit;
	$call->finish;
	return $said;
}

sub setting_of_source
{
	return $source->safe_psql('postgres', <<'EOQ');
SELECT c FROM pg_db_role_setting, unnest(setconfig) c WHERE c ~ 'read_only'
EOQ
}

my $CHANGED = qr/55000: definitions on the source have changed during the cutover/;

# What is done on the source, how it is taken back there, and what is named.
foreach my $ddl (
	[ 'a new column', 'ALTER TABLE t ADD c int', 'ALTER TABLE t DROP c', qr/column c of table public\.t was created/ ],
	[ 'a new table', 'CREATE TABLE fresh (a int PRIMARY KEY)', 'DROP TABLE fresh', qr/table public\.fresh was created/ ],
	[ 'a replica identity', 'ALTER TABLE t REPLICA IDENTITY USING INDEX t_b', 'ALTER TABLE t REPLICA IDENTITY DEFAULT', qr/replica identity of table public\.t was changed/ ],
	[ 'an index', 'CREATE INDEX t_c ON t (a, b)', 'DROP INDEX t_c', qr/index t_c of table public\.t was created/ ],
	[ 'a constraint', 'ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0)', 'ALTER TABLE t DROP CONSTRAINT c', qr/constraint c of table public\.t was created/ ],
	[ 'a default', 'ALTER TABLE t ALTER b SET DEFAULT 1', 'ALTER TABLE t ALTER b DROP DEFAULT', qr/column b of table public\.t was changed/ ],
	[ 'a trigger', 'CREATE TRIGGER see BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION see()', 'DROP TRIGGER see ON t', qr/trigger see of table public\.t was created/ ],
	[ 'a policy', 'CREATE POLICY p ON t', 'DROP POLICY p ON t', qr/policy p of table public\.t was created/ ],
	[ 'a function', q{CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'}, q{CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'}, qr/function public\.f\(\) was changed/ ],
	[ 'a schema', 'CREATE SCHEMA s', 'DROP SCHEMA s', qr/schema s was created/ ],
	[ 'a sequence', 'CREATE SEQUENCE s', 'DROP SEQUENCE s', qr/sequence public\.s was created/ ],
	[ 'a privilege', 'GRANT SELECT ON t TO PUBLIC', 'REVOKE SELECT ON t FROM PUBLIC', qr/privileges of table public\.t were changed/ ])
{
	my ($what, $do, $undo, $names) = @$ddl;
	my $said = cutover_with('prepared', sub { $source->safe_psql('app', $do) });
	like($said, $CHANGED, "$what before the fence stops the cutover");
	like($said, $names, '... which names it');
	$source->safe_psql('app', $undo);
}
is(setting_of_source(), '', 'the fence is lifted');

# Some that begin earlier, come later, or go.  Those that go are done here too.
my $open = $source->background_psql('app');
$open->query_safe('BEGIN; CREATE TABLE begun (a int PRIMARY KEY)');
my $said = cutover_with('prepared', sub { $open->query_safe('COMMIT'); $open->quit; });
like($said, qr/55000.*table public\.begun was created/s, 'a transaction that began before the checks and commits behind them is noticed');
$source->safe_psql('app', 'DROP TABLE begun');
$said = cutover_with('applied', sub { $source->safe_psql('app', 'SET default_transaction_read_only = off; CREATE TABLE over (a int PRIMARY KEY)') });
like($said, qr/55000.*table public\.over was created/s, 'so is who overrides the fence');
$source->safe_psql('app', 'DROP TABLE over');
foreach my $ddl ([ 'a table', 'DROP TABLE spare', qr/public\.spare/ ],
	[ 'a view', 'DROP VIEW v', qr/view public\.v was dropped/ ],
	[ "a type's value", q{ALTER TYPE colour ADD VALUE 'blue'}, qr/type public\.colour was changed/ ])
{
	my ($what, $do, $names) = @$ddl;
	$said = cutover_with('prepared', sub { $source->safe_psql('app', $do) });
	like($said, qr/ERROR:.*$names/s, "$what: dropped or added, it is noticed");
	$target->safe_psql('app', "SET default_transaction_read_only = off; $do");
}

# What is done while the cutover is prepared stops it before the fence.
$said = cutover_with('checked', sub { $source->safe_psql('app', 'ALTER TABLE t ADD c int') });
like($said, $CHANGED, 'a column that is added while the cutover is prepared stops it');
$source->safe_psql('app', 'ALTER TABLE t DROP c');

# What is published, taken out and put back: it would lack the changes of in between.
my ($publication) = split /\n/, $source->safe_psql('app', 'SELECT pubname FROM pg_publication_rel r JOIN pg_publication p ON p.oid = prpubid');
$said = cutover_with('prepared', sub {
	$source->safe_psql('app', "ALTER PUBLICATION $publication SET (publish = 'insert')");
});
like($said, qr/55000.*publication \S+ was changed/s, 'a publication that is altered is noticed');
$source->safe_psql('app', "ALTER PUBLICATION $publication SET (publish = 'insert, update, delete, truncate')");

$said = cutover_with('prepared', sub {
	$source->safe_psql('app', "ALTER PUBLICATION $publication DROP TABLE t; ALTER PUBLICATION $publication ADD TABLE t");
});
like($said, qr/55000.*publication of table public\.t was changed/s, 'and a table that was taken out of it and added again');
is(setting_of_source(), '', 'the fence is lifted');
$target->safe_psql('app', "SELECT pgcopy_cancel($job, cleanup => true)");
wait_for_end($target, $job, db => 'app');

#
# What is no change
#
my $table = 'CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)';
my $quiet = follow('quiet', $table);
my $temporary = $source->background_psql('quiet', on_error_stop => 0);
$temporary->query_safe('CREATE TEMPORARY TABLE old (a serial PRIMARY KEY, b text DEFAULT 1)');
$said = cutover_with('prepared', sub {
	$source->safe_psql('quiet', 'CREATE TEMPORARY TABLE young (a serial PRIMARY KEY, b text DEFAULT 1); ANALYZE t');
	$source->safe_psql('quiet', 'VACUUM t');
}, db => 'quiet', job => $quiet);
eval { $temporary->quit };
like($said, qr/^(cutover|done)/m, 'temporary tables, ANALYZE and VACUUM do not stop a cutover');
unlike($said, $AGAIN, '... nor is anything compared again for them');

my $churn = follow('churn', $table);
$said = cutover_with('prepared', sub { $source->safe_psql('churn', 'TRUNCATE t; INSERT INTO t VALUES (4711)') },
	db => 'churn', job => $churn);
like($said, qr/^(cutover|done)/m, 'nor does TRUNCATE');
like($said, $AGAIN, '... but it writes to a catalog: all definitions are compared again');
is($target->safe_psql('churn', 'SELECT a FROM t'), 4711, '... and the rows are those of the source');
done_testing();
