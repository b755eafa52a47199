# What newer majors brought: identity columns and exclusion constraints of partitioned
# tables, infinite intervals, collations of the server's own, JSON_TABLE, MERGE in bodies,
# login triggers, computed columns, constraints that are not enforced or not valid,
# temporal keys ...  test/versions/features_*.sql has them, by major; each is cloned and
# comes out without a difference, whole, in parts, and followed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PgCopyTraffic;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('features', source_conf => $TRAFFIC_CONF);
my $major = int($source->safe_psql('postgres', 'SHOW server_version_num') / 10000);
if ($major < 16)
{
	$_->stop foreach $source, $target;
	plan skip_all => "they came with 16 and later, this is $major";
}

new_database($source, 'app');
foreach my $since (16 .. $major)
{
	$source->safe_psql('app', slurp_file("$FindBin::Bin/../versions/features_$since.sql"));
}

# A replica identity that pg_dump makes before the column is NOT NULL, by their names.
$source->safe_psql('app', <<'EOQ') if $major >= 18;
CREATE TABLE features_18.named (id int, t text, CONSTRAINT a_key UNIQUE (id));
INSERT INTO features_18.named VALUES (NULL, 'row 0'), (1, 'row 1');
ALTER TABLE features_18.named ADD CONSTRAINT there NOT NULL id NOT VALID;
ALTER TABLE features_18.named REPLICA IDENTITY USING INDEX a_key;
EOQ

# Login triggers fire for our sessions, and for those that look here.
my $greeted = $major >= 17 ? "SELECT current_setting('features.greeted') = 'yes'" : 'SELECT true';

new_database($target, $_) foreach 'whole', 'parts', 'followed';
my $from = conninfo($source, db => 'app');
clone_ok($target, $from, db => 'whole', roles => 'true', name => 'all that is new is cloned');
assert_same($source, $target, source_db => 'app', db => 'whole', name => 'and equal');
is($target->safe_psql('whole', $greeted), 't', 'a login trigger is on');

clone_ok($target, $from, db => 'parts', split_tables_larger_than => '8kB', table_jobs => 4, index_jobs => 4, name => 'tables are split');
assert_same($source, $target, source_db => 'app', db => 'parts', name => 'and equal');

# Rows that change while the copy is followed, where the server can carry them.
my $job = clone($target, $from, db => 'followed', follow => 'true');
ok(wait_for_state($target, $job, 'following', db => 'followed'), 'the copy is followed');
$source->safe_psql('app', 'UPDATE features_16.storage SET h = h + 1 WHERE id < 50');
$source->safe_psql('app', q{INSERT INTO features_17.numbered (k, r) VALUES (1, '[100001,100002)'); DELETE FROM features_17.numbered WHERE id < 1100;
	UPDATE features_17.lasting SET n = n + 1}) if $major >= 17;
$source->safe_psql('app', q{UPDATE features_18.computed SET d = 'changed' WHERE a % 3 = 0; INSERT INTO features_18.computed_parts (a, c) VALUES (99, 'x'), (299, 'y');
	DELETE FROM features_18.loose WHERE id < 5; UPDATE features_18.named SET t = 'changed' WHERE id = 1; DELETE FROM features_18.known WHERE id = 1; INSERT INTO features_18.bookings VALUES (1000, 1, '[2026-12-30,2026-12-31)')}) if $major >= 18;
my %cutover = cutover($target, $job, db => 'followed');
is($cutover{state}, 'done', 'and switched') or diag(explain(\%cutover));
assert_same($source, $target, source_db => 'app', db => 'followed', schema => 0, name => 'all rows are equal');

done_testing();
