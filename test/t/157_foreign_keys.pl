# A foreign key of one integer column is validated without the server's query where it
# can be proved that it holds.  What is broken on the source fails with the server's
# error, whichever value breaks it.  Other keys are validated by the server, and so are
# all with pgcopy.index_builds = server.  So is one whose rows somebody changes meanwhile.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFaults;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "wal_level = replica\nmax_wal_senders = 0\nmax_replication_slots = 0\nautovacuum = off\n";
my ($source, $target) = new_pair('foreign_keys', source_conf => $conf, target_conf => "${conf}log_min_messages = debug1\n");

# Return who has checked the keys of which tables since the offset: "table us", or why not.
sub checked_since
{
	my ($offset) = @_;
	my $log = slurp_file($target->logfile, $offset);
	my @found;

	while ($log =~ /a foreign key of table "(\w+)" is checked by (pgcopy|the server)\n(?:[^\n]*DETAIL:  ([^\n]*))?/g)
	{
		push @found, "$1: " . ($2 eq 'pgcopy' ? 'us' : $3);
	}
	return join "\n", sort @found;
}

#-------------------------------------------------------------------------
# Keys that hold
#-------------------------------------------------------------------------

$source->safe_psql('postgres', <<'EOQ');
CREATE DOMAIN number AS integer;
CREATE TABLE p2 (id smallint PRIMARY KEY);
CREATE TABLE p4 (gone text, pad text, id integer PRIMARY KEY, twin integer UNIQUE);
ALTER TABLE p4 DROP COLUMN gone;
CREATE TABLE p8 (id bigint PRIMARY KEY);
CREATE TABLE pair (a integer, b integer, PRIMARY KEY (a, b));
CREATE TABLE words (id text PRIMARY KEY);
INSERT INTO p2 SELECT generate_series(-32768, 32767, 7);
INSERT INTO p4 SELECT repeat('x', g % 40), g, g FROM generate_series(-20000, 20000) g;
INSERT INTO p4 VALUES (NULL, 2147483647, NULL), (NULL, -2147483648, NULL);
INSERT INTO p8 SELECT g FROM generate_series(-1000, 1000) g
	UNION ALL VALUES (9223372036854775807), (-9223372036854775808), (4294967296 * 5);
INSERT INTO pair SELECT id, id FROM p4;
INSERT INTO words SELECT id::text FROM p4;

CREATE TABLE c2 (a smallint REFERENCES p2);
INSERT INTO c2 SELECT id FROM p2 UNION ALL SELECT NULL;
CREATE TABLE c4 (pad text, a integer REFERENCES p4 MATCH FULL DEFERRABLE INITIALLY DEFERRED);
INSERT INTO c4 SELECT nullif(repeat('y', abs(id % 50)), ''), nullif(id, 0) FROM p4;
CREATE TABLE c8 (a bigint REFERENCES p8 ON DELETE CASCADE);
INSERT INTO c8 SELECT id FROM p8;
CREATE TABLE c48 (a integer REFERENCES p8);
INSERT INTO c48 SELECT generate_series(-1000, 1000);
CREATE TABLE twins (a integer REFERENCES p4 (twin));
INSERT INTO twins SELECT twin FROM p4;
CREATE TABLE self (id integer PRIMARY KEY, a integer REFERENCES self);
INSERT INTO self SELECT g, nullif(g - 1, 0) FROM generate_series(1, 3000) g;
CREATE UNLOGGED TABLE unlogged (a integer REFERENCES p4);
INSERT INTO unlogged SELECT id FROM p4;
CREATE TABLE none (a integer REFERENCES self);

CREATE TABLE few (a integer REFERENCES p4);
INSERT INTO few VALUES (1), (2);
CREATE TABLE of_two (a integer, b integer, FOREIGN KEY (a, b) REFERENCES pair);
INSERT INTO of_two SELECT a, b FROM pair;
CREATE TABLE of_words (a text REFERENCES words);
INSERT INTO of_words SELECT id FROM words;
CREATE TABLE of_domain (a number REFERENCES p8);
INSERT INTO of_domain SELECT generate_series(1, 100);
CREATE TABLE parts (a integer REFERENCES p8) PARTITION BY HASH (a);
CREATE TABLE part PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO parts SELECT generate_series(1, 100);
EOQ

my $valid = "SELECT count(*) FILTER (WHERE convalidated) || ' of ' || count(*) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace";
my $offset = -s $target->logfile;
my $job = clone_ok($target, conninfo($source), name => 'a clone with keys of all kinds ends done');
assert_same($source, $target);
assert_frozen($target);
is( checked_since($offset),
	join("\n", 'c2: us', 'c48: us', 'c4: us', 'c8: us', 'few: few references to a large table', 'none: us', 'self: us', 'twins: us', 'unlogged: us'),
	'keys of one integer are proved here, others are the server\'s');
is($target->safe_psql('postgres', $valid), $source->safe_psql('postgres', $valid), 'all keys are valid');
isnt($target->psql('postgres', "INSERT INTO $_ VALUES (30000)"), 0, "... and the key of $_ works") for qw(c8 c48);

new_database($target, 'by_server');
$target->safe_psql('postgres', "ALTER DATABASE by_server SET pgcopy.index_builds = 'server'");
$offset = -s $target->logfile;
clone_ok($target, conninfo($source), db => 'by_server', name => 'with pgcopy.index_builds = server it ends done, too');
is(checked_since($offset), '', '... and all keys are checked by the server');
is($target->safe_psql('by_server', $valid), $source->safe_psql('postgres', $valid), '... and are valid');

#-------------------------------------------------------------------------
# Too little memory: keys far apart
#-------------------------------------------------------------------------

new_database($source, 'sparse');
new_database($target, 'sparse');
$source->safe_psql('sparse', <<'EOQ');
CREATE TABLE p (id bigint PRIMARY KEY);
INSERT INTO p SELECT g * 1000000 FROM generate_series(1, 2000) g;
CREATE TABLE c (a bigint REFERENCES p);
INSERT INTO c SELECT id FROM p;
EOQ
$target->safe_psql('postgres', "ALTER DATABASE sparse SET maintenance_work_mem = '1MB'");
$offset = -s $target->logfile;
clone_ok($target, conninfo($source, db => 'sparse'), db => 'sparse', name => 'keys far apart are cloned with 1 MB');
is(checked_since($offset), 'c: too little memory', '... and checked by the server');
is($target->safe_psql('sparse', $valid), '1 of 1', '... and valid');

#-------------------------------------------------------------------------
# Keys that do not hold
#-------------------------------------------------------------------------

# one orphan each among rows that are right; of p: 1 to 1000, except 500
my %orphan = (zero => 0, next => 1001, hole => 500, minus => -1, bits16 => 1 + 2**16, bits32 => '4294967297', least => '-9223372036854775808');

new_database($source, 'broken');
new_database($target, 'broken');
$source->safe_psql('broken', <<'EOQ');
CREATE TABLE p (id bigint PRIMARY KEY);
INSERT INTO p SELECT g FROM generate_series(1, 1000) g WHERE g <> 500;
CREATE TABLE late (a bigint REFERENCES p);
INSERT INTO late SELECT id FROM p;
EOQ
foreach my $name (sort keys %orphan)
{
	$source->safe_psql('broken', <<EOQ);
CREATE TABLE $name (a bigint REFERENCES p);
INSERT INTO $name SELECT id FROM p;
SET session_replication_role = replica;
INSERT INTO $name VALUES ($orphan{$name});
SET session_replication_role = origin;
INSERT INTO $name SELECT id FROM p;
EOQ
}
$offset = -s $target->logfile;
$job = clone_ok($target, conninfo($source, db => 'broken'), db => 'broken', on_error => 'continue', name => 'with on_error => continue, broken keys do not stop a clone');
is( $target->safe_psql('broken', "SELECT message || ' ' || detail FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY message COLLATE \"C\""),
	join("\n", map { "insert or update on table \"$_\" violates foreign key constraint \"${_}_a_fkey\" Key (a)=($orphan{$_}) is not present in table \"p\"." } sort keys %orphan),
	'each is reported as the server reports it');
is(checked_since($offset), join("\n", sort 'late: us', map { "$_: a row refers to nothing" } keys %orphan), '... since it has checked them');
is($target->safe_psql('broken', "SELECT string_agg(conrelid::regclass::text, ' ') FROM pg_constraint WHERE contype = 'f' AND convalidated AND connamespace = 'public'::regnamespace"),
	'late', '... and they stay NOT VALID');

#-------------------------------------------------------------------------
# Rows that change before they are looked at
#-------------------------------------------------------------------------

new_database($source, 'changing');
new_database($target, 'changing');
$source->safe_psql('changing', <<'EOQ');
CREATE TABLE p (id bigint PRIMARY KEY);
INSERT INTO p SELECT generate_series(1, 100);
CREATE TABLE c (a bigint REFERENCES p);
INSERT INTO c SELECT id FROM p;
EOQ
$target->safe_psql('changing', 'CREATE EXTENSION pgcopydb_ext');
set_test_point($target, 'changing', 'validate begun');
my $held = hold_points($target, 'changing');
$offset = -s $target->logfile;
$job = clone($target, conninfo($source, db => 'changing'), db => 'changing');
wait_at_point($target, 'changing', $job);
$target->safe_psql('changing', 'UPDATE c SET a = 2 WHERE a = 1');
release($held);
ok(wait_for_state($target, $job, 'done', db => 'changing'), 'a clone whose rows are changed before their key is validated ends done');
is(checked_since($offset), 'c: page not visible to all', '... and the server has validated it');
is($target->safe_psql('changing', $valid), '1 of 1', '... and it is valid');

done_testing();
