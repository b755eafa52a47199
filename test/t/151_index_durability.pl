# Indexes built by a job survive what may happen to a server: a crash before any
# checkpoint gives the same bytes back, even with the files emptied; a checkpoint
# during the build makes the build sync the file itself; standbys and a backup taken
# meanwhile have the same pages.  All of it with checksums and without
# full_page_writes, and again with wal_level = minimal.  A cancelled build leaves no
# file, a killed one is built again, and many builds need no more memory than one.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $builds = 16;

my ($source, $target) = new_pair(
	'durable',
	target_init => [ extra => ['--data-checksums'] ],
	target_conf => <<'EOC');
wal_level = replica
max_wal_senders = 5
full_page_writes = off
checkpoint_timeout = 1h
max_wal_size = 4GB
restart_after_crash = on
autovacuum = off
log_min_messages = debug1
pgcopy.index_builds = fast
EOC

# The primary key takes more than wal_skip_threshold, the others less.
new_database($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE filled (id bigint PRIMARY KEY, k int, u uuid NOT NULL, at timestamptz);
INSERT INTO filled
SELECT g, g * 7919::bigint % 1009, md5(g::text)::uuid, timestamptz '2020-01-01' + g % 77 * interval '1 day'
FROM generate_series(1, 30000) g;
CREATE INDEX filled_k ON filled (k);
CREATE UNIQUE INDEX filled_u ON filled (u) WITH (fillfactor = 70);
CREATE INDEX filled_k_at ON filled (k DESC, at);
CREATE TABLE nothing (id int PRIMARY KEY);
CREATE TABLE wordy (id int, t text);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, k int);
INSERT INTO unlogged SELECT g, g % 10 FROM generate_series(1, 5000) g;
CREATE INDEX unlogged_k ON unlogged (k);
EOQ
my @filled = qw(filled_k filled_k_at filled_pkey filled_u);
my @logged = (@filled, 'nothing_pkey');

# What is needed to look at indexes of a database.
sub create_looks
{
	my ($node, $db) = @_;
	$node->safe_psql($db, <<'EOQ');
CREATE EXTENSION amcheck;
CREATE EXTENSION pageinspect;
-- All pages of an index, but for their unused space, which WAL does not have, and
-- their checksums, and LSNs if these are not wanted.
CREATE FUNCTION pages(index text, lsn bool) RETURNS text BEGIN ATOMIC
SELECT count(*) || ' ' || md5(string_agg(
	CASE WHEN lsn THEN substr(p, 1, 8) ELSE '' END
	|| substr(p, 11, get_byte(p, 12) + 256 * get_byte(p, 13) - 10)
	|| substr(p, 1 + get_byte(p, 14) + 256 * get_byte(p, 15)), '' ORDER BY n))
FROM generate_series(0, pg_relation_size(index::regclass) / 8192 - 1) n, get_raw_page(index, 'main', n) p;
END;
EOQ
	return;
}

sub pages_of
{
	my ($node, $db, $lsn, @index) = @_;
	return $node->safe_psql($db, "SELECT i || ' ' || pages(i, $lsn) FROM unnest(ARRAY[" . join(', ', map { "'$_'" } @index) . ']) i ORDER BY 1');
}

# Is each index what CREATE INDEX makes of the same rows, and sound?
sub assert_as_server
{
	my ($db, $name, @index) = @_;
	create_looks($target, $db);
	my %ours = map { split / /, $_, 2 } split /\n/, pages_of($target, $db, 'false', @index);
	my %theirs;
	foreach my $index (@index)
	{
		my $sql = $target->safe_psql($db, "SELECT pg_get_indexdef('$index'::regclass)");
		$sql =~ s/INDEX \w+ ON/INDEX twin ON/ or die $sql;
		$target->safe_psql($db, $sql);
		(undef, $theirs{$index}) = split / /, pages_of($target, $db, 'false', 'twin'), 2;
		$target->safe_psql($db, 'DROP INDEX twin');
	}
	is_deeply(\%ours, \%theirs, "$name: pages are as CREATE INDEX writes them");
	is(check_parents($target, $db), '', "$name: indexes are sound");
	return;
}

sub check_parents
{
	my ($node, $db) = @_;
	my (undef, undef, $err) = $node->psql($db, 'SELECT bt_index_parent_check(indexrelid, true, true) FROM pg_index WHERE indexrelid >= 16384');
	return $err;
}

# Who has built the indexes of a job, without twice the same.
sub builders
{
	my ($db, $job) = @_;
	return $target->safe_psql($db, "SELECT string_agg(DISTINCT coalesce(built_by, 'nobody'), ' ') FROM pgcopy_indexes WHERE job = $job AND kind = 'index'");
}

# Have processes act at a point of a database's builds.
sub act_at
{
	my ($db, $point, $action, $hit) = @_;
	$target->safe_psql('postgres', "ALTER DATABASE $db SET pgcopy.test_point = 'index $point'; ALTER DATABASE $db SET pgcopy.test_action = '$action'; ALTER DATABASE $db SET pgcopy.test_hit = $hit");
	return;
}

# The index of a table's TOAST table.
sub toast_index_of
{
	my ($node, $db, $table) = @_;
	return $node->safe_psql($db, "SELECT i.indexrelid::regclass FROM pg_index i JOIN pg_class t ON t.reltoastrelid = i.indrelid WHERE t.oid = '$table'::regclass");
}

sub file_of
{
	my ($node, $db, $index) = @_;
	return $node->data_dir . '/' . $node->safe_psql($db, "SELECT pg_relation_filepath('$index')");
}

# Stop at once, empty the files of indexes, start.
sub crash_without
{
	my ($node, $db, @index) = @_;
	my @file = map { file_of($node, $db, $_) } @index;
	$node->stop('immediate');
	foreach my $file (@file)
	{
		die "$file is empty" if !-s $file;
		truncate $file, 0 or die "$file: $!";
	}
	$node->start;
	return;
}

#
# A checkpoint and a backup during a build; standbys
#
# Without unlogged tables: a server of today fails when it is promoted from a backup
# taken while an index of one is built, whoever builds it.
#

$target->backup('before');
my $standby = PostgreSQL::Test::Cluster->new('durable_standby');
$standby->init_from_backup($target, 'before', has_streaming => 1);
$standby->start;

new_database($target, 'app');
act_at('app', 'written', 'stop', 1);
my $hold = hold($target, 'app', 100);
my $offset = -s $target->logfile;
my $job = clone($target, conninfo($source, db => 'app'), db => 'app', index_jobs => 1, exclude_tables => [ 'unlogged', 'nothing' ]);
wait_held($target, 'app', 100, $job);
$target->safe_psql('app', 'CHECKPOINT');
$target->backup('during');
release($hold);
ok(wait_for_state($target, $job, 'done', db => 'app'), 'a job whose build has seen a checkpoint ends done');
is(builders('app', $job), 'fast', 'its indexes are ours');
my @synced = substr(slurp_file($target->logfile), $offset) =~ /synced index "\w+", because (.*)/g;
# From 17 on the server's bulk writer looks for the checkpoint, and says nothing.
my $must_say = $target->safe_psql('app', 'SHOW server_version_num') < 170000 ? 'a checkpoint has begun meanwhile' : '';
is("@synced", $must_say, 'one build synced its file itself');
assert_as_server('app', 'checkpoint in between', @filled);

my $restored = PostgreSQL::Test::Cluster->new('durable_restored');
$restored->init_from_backup($target, 'during', has_streaming => 1);
$restored->start;
my $ours = pages_of($target, 'app', 'true', @filled);
foreach my $node ($standby, $restored)
{
	$target->wait_for_catchup($node, 'replay', $target->lsn('insert'));
	is(pages_of($node, 'app', 'true', @filled), $ours, $node->name . ': the same pages');
	$node->promote;
	is(check_parents($node, 'app'), '', $node->name . ': sound after its promotion');
	$node->stop;
}

#
# A crash right after the build
#

new_database($target, 'crashed');
$offset = -s $target->logfile;
$job = clone_ok($target, conninfo($source, db => 'app'), db => 'crashed', name => 'a job before a crash');
is(builders('crashed', $job), 'fast', 'its indexes are ours');
my $log = slurp_file($target->logfile, $offset);
unlike($log, qr/synced index/, 'no build syncs without a checkpoint');
create_looks($target, 'crashed');
my $toast = toast_index_of($target, 'crashed', 'wordy');
like($log, qr/index "\Q@{[ $toast =~ s{pg_toast\.}{}r ]}\E" built: /, 'so is that of an empty TOAST table');
$target->safe_psql('crashed', 'CREATE TABLE twin (LIKE wordy)');
my @both = map { (split / /, pages_of($target, 'crashed', 'false', $_), 2)[1] } $toast, toast_index_of($target, 'crashed', 'twin');
is($both[0], $both[1], 'which is as the server writes it');
$ours = pages_of($target, 'crashed', 'true', @logged, $toast);
crash_without($target, 'crashed', @logged, $toast);
is(pages_of($target, 'crashed', 'true', @logged, $toast), $ours, 'recovery writes the same pages into empty files');
is(check_parents($target, 'crashed'), '', 'they are sound');
is($target->safe_psql('crashed', "ALTER TABLE wordy ALTER t SET STORAGE external; INSERT INTO wordy VALUES (1, repeat('long', 10000)); SELECT length(t), pg_relation_size('$toast') > 8192 FROM wordy"),
	'40000|t', 'and take rows');
is( $target->safe_psql('crashed', <<'EOQ'), "0\n1\n1", 'an unlogged table is empty, and its indexes can be used');
SELECT count(*) FROM unlogged;
INSERT INTO unlogged VALUES (1, 1), (2, 2);
SET enable_seqscan = off;
SELECT id FROM unlogged WHERE k = 1;
SELECT k FROM unlogged WHERE id = 1;
EOQ

#
# Builds that do not end
#

# Files of a database's main forks that no relation has.
sub orphans
{
	my ($db) = @_;
	$target->safe_psql($db, 'CHECKPOINT');
	return $target->safe_psql($db, <<'EOQ');
SELECT count(*) FROM pg_database d, pg_ls_dir('base/' || d.oid) f
WHERE datname = current_database() AND f ~ '^\d+$'
AND NOT EXISTS (SELECT FROM pg_class c WHERE pg_relation_filenode(c.oid) = f::oid)
EOQ
}

new_database($target, 'cancelled');
act_at('cancelled', 'filled', 'stop', 1);
$hold = hold($target, 'cancelled', 100);
$job = clone($target, conninfo($source, db => 'app'), db => 'cancelled');
wait_held($target, 'cancelled', 100, $job);
cmp_ok(orphans('cancelled'), '>', 0, 'during a build there is a file that nobody else knows');
$target->safe_psql('cancelled', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'cancelled'), 'cancelled', 'a build can be cancelled');
is(orphans('cancelled'), 0, 'it leaves no file');
release($hold);
$target->safe_psql('postgres', 'ALTER DATABASE cancelled RESET ALL');
$target->safe_psql('cancelled', "SELECT pgcopy_resume($job, consistent => false)");
is(wait_for_end($target, $job, db => 'cancelled'), 'done', 'the job is resumed');
is(orphans('cancelled'), 0, 'it leaves no file either');
assert_as_server('cancelled', 'cancelled', @logged);

new_database($target, 'killed');
act_at('killed', 'filled', 'kill', 1);
$offset = -s $target->logfile;
$job = clone($target, conninfo($source, db => 'app'), db => 'killed');
$target->wait_for_log(qr/was terminated by signal 9/, $offset);
wait_until($target, 'SELECT true');
isnt(wait_for_end($target, $job, db => 'killed'), 'done', 'a worker is killed in a build');
$target->safe_psql('postgres', 'ALTER DATABASE killed RESET ALL');
$target->safe_psql('killed', "SELECT pgcopy_resume($job, consistent => false)");
is(wait_for_end($target, $job, db => 'killed'), 'done', 'its job is resumed');
assert_as_server('killed', 'killed', @logged);

#
# Memory
#

# What a process may write to and shares with nobody, in kB.
sub data_of
{
	my ($pid) = @_;
	return slurp_proc($pid, 'status') =~ /^VmData:\s+(\d+) kB/m ? $1 : die "no VmData of $pid";
}

SKIP:
{
	skip 'no /proc', 1 if !-e '/proc/self/status';
	# some megabytes of keys: mapped memory
	new_database($source, 'many');
	$source->safe_psql('many', "CREATE TABLE many (a text COLLATE \"C\"); INSERT INTO many SELECT md5(g::text) FROM generate_series(1, 50000) g;" . join '', map { "CREATE INDEX many_$_ ON many (a);" } 1 .. $builds);
	new_database($target, 'many');
	act_at('many', 'written', 'stop', 0);
	$hold = hold($target, 'many', 100);
	$job = clone($target, conninfo($source, db => 'many'), db => 'many', table_jobs => 1, index_jobs => 1);
	my %data;
	for (1 .. $builds)
	{
		wait_held($target, 'many', 100, $job) or last;
		my $pid = $target->safe_psql('many', "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 100 AND NOT granted LIMIT 1");
		push @{ $data{$pid} }, data_of($pid);
		release_and_hold($hold, 100);
	}
	release($hold);
	is(wait_for_end($target, $job, db => 'many'), 'done', 'many builds one after the other');
	my ($most) = sort { @$b <=> @$a } values %data;
	note("VmData of a worker, kB: @$most");
	cmp_ok($most->[-1] - $most->[1], '<', 4000, scalar(@$most) . ' builds of a worker need no more memory than two');
}

#
# Checksums
#

$target->stop;
command_ok([ 'pg_checksums', '--check', '-D', $target->data_dir ], 'all checksums are right');

#
# wal_level = minimal
#

$target->append_conf('postgresql.conf', <<'EOC');
wal_level = minimal
max_wal_senders = 0
wal_skip_threshold = 512kB
EOC
$target->start;
new_database($target, 'minimal');
$job = clone_ok($target, conninfo($source, db => 'app'), db => 'minimal', name => 'wal_level = minimal');
is(builders('minimal', $job), 'fast', 'its indexes are ours');
create_looks($target, 'minimal');
is($target->safe_psql('minimal', "SELECT i, lsn = '0/0' FROM unnest(ARRAY['filled_k', 'filled_pkey']) i, page_header(get_raw_page(i, 1))"),
	"filled_k|f\nfilled_pkey|t", 'no build logs pages, the commit logs small indexes');
$ours = pages_of($target, 'minimal', 'false', @logged);
crash_without($target, 'minimal', 'filled_k');
is(pages_of($target, 'minimal', 'false', @logged), $ours, 'a crash changes no page; what was small is in the WAL');
is(check_parents($target, 'minimal'), '', 'all are sound');

$target->stop;
$source->stop;
done_testing();
