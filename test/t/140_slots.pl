# Slots on the source and snapshots that have a position: what a snapshot sees and
# what the stream sends behind the position is everything, once.  That holds for the
# pair that a slot exports and for pairs taken under locks, while others write and
# roll back savepoints.  A slot whose snapshot would be too large, or that is
# cancelled while it waits, leaves nothing.  Whoever holds up a slot is named, and so
# is what is missing on the source.  Publications have just the tables asked for, one
# of the DBA's is checked, and tables whose changes cannot be told apart are known.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run ();
use PgCopy;
use PgCopyPooler;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($source, $target) = new_pair('slots', extension => 0, target_conf => "wal_level = replica\nmax_wal_senders = 2\n", source_conf => <<'EOC');
wal_level = logical
max_connections = 20
max_wal_senders = 4
max_replication_slots = 8
autovacuum = off
EOC
my $from = quote_literal(conninfo($source, db => 'app'));
my $NAME = 'pgcopy_0123456789ab_7';

$target->safe_psql('postgres', 'CREATE EXTENSION pgcopy_stream');
$source->safe_psql('postgres', "CREATE DATABASE $_") for qw(app other);
$source->safe_psql('app', <<'EOQ');
CREATE TABLE seen (id bigserial PRIMARY KEY);
CREATE TABLE "Seen too" (id bigint PRIMARY KEY);
CREATE TABLE hold (a int);
CREATE TABLE stop (a int);
CREATE PUBLICATION p FOR TABLE seen, "Seen too";
-- A row a transaction into each, and savepoints that are rolled back, until told to stop.
CREATE PROCEDURE write() LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	FOR i IN 1 .. 100000 LOOP
		EXIT WHEN EXISTS (SELECT FROM stop);
		INSERT INTO seen DEFAULT VALUES RETURNING id INTO n;
		FOR j IN 1 .. 3 LOOP
			BEGIN
				INSERT INTO seen DEFAULT VALUES;
				RAISE EXCEPTION 'back';
			EXCEPTION WHEN raise_exception THEN
			END;
		END LOOP;
		INSERT INTO "Seen too" VALUES (n);
		COMMIT;
		PERFORM pg_sleep(0.002);
	END LOOP;
END $$;
-- What pgoutput has sent: each row with the position of its transaction's commit.
CREATE FUNCTION sent(slot text) RETURNS TABLE (id bigint, lsn pg_lsn) LANGUAGE sql SET enable_nestloop = off AS $$
	WITH change AS (
		SELECT c.xid::text AS xid, get_byte(c.data, 0) AS kind, c.data
		FROM pg_logical_slot_peek_binary_changes(slot, NULL, NULL, 'proto_version', '1', 'publication_names', 'p') c
	), began AS (
		SELECT xid, ('0/0'::pg_lsn + ('x' || encode(substring(data from 2 for 8), 'hex'))::bit(64)::bigint) AS lsn
		FROM change WHERE kind = ascii('B')
	)
	SELECT convert_from(substring(c.data from 14 for get_byte(c.data, 12)), 'UTF8')::bigint, b.lsn
	FROM change c JOIN began b USING (xid) WHERE c.kind = ascii('I')
$$;
EOQ

# Run SQL beside; returns what finish() takes.
sub start
{
	my ($node, $db, $sql) = @_;
	my $run = { out => '', err => '', in => '' };

	$run->{run} = IPC::Run::start([ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', conninfo($node, db => $db), '-c', $sql ],
		\$run->{in}, \$run->{out}, \$run->{err});
	return $run;
}

sub finish
{
	my ($run) = @_;
	$run->{run}->finish;
	return $run->{out} . $run->{err};
}

# Call a function of the module.  Returns its result or the error.
sub call
{
	my ($sql) = @_;
	my ($rc, $out, $err) = $target->psql('postgres', $sql);
	return $rc ? $err : $out;
}

# A session that has written and not ended.
sub begin_write
{
	my ($node, $db) = @_;
	my $session = $node->background_psql($db, on_error_stop => 0);
	$session->query_until(qr/held/, "BEGIN; SELECT txid_current();\n\\echo held\n");
	return $session;
}

sub end_write
{
	my ($session) = @_;
	$session->query_until(qr/gone/, "ROLLBACK;\n\\echo gone\n");
	$session->quit;
	return;
}

# The walsender waits; for this session, if one is given.
sub wait_for_walsender
{
	my ($session) = @_;
	my $for = $session ? 'AND pg_blocking_pids(pid) = ARRAY[' . $session->query('SELECT pg_backend_pid()') . ']' : '';

	return wait_until($source,
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event = 'transactionid' $for",
		limit => 30,
		what => 'the walsender to wait for a transaction');
}

# Of all rows: those that neither the snapshot nor the stream has, and those that both have.
sub compare_pair
{
	my ($table, $seen, $lsn) = @_;
	return $source->safe_psql('app', <<EOQ);
WITH seen AS (SELECT unnest('$seen'::bigint[]) AS id),
	sent AS (SELECT id FROM sent('$NAME') WHERE lsn >= '$lsn')
SELECT (SELECT count(*) FROM "$table" t WHERE id NOT IN (SELECT id FROM seen) AND id NOT IN (SELECT id FROM sent)),
	(SELECT count(*) FROM sent JOIN seen USING (id))
EOQ
}

sub read_snapshot
{
	my ($snapshot, $table) = @_;
	my ($id) = $source->safe_psql('app', <<EOQ) =~ /^(\{.*\})$/m;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET TRANSACTION SNAPSHOT '$snapshot';
SELECT coalesce(array_agg(id), '{}') FROM "$table";
EOQ
	return $id;
}

#
# The pair of a slot, with a writer.
#
my $session = $target->background_psql('postgres', on_error_stop => 0);
my $writer = start($source, 'app', 'CALL write()');
wait_until($source, 'SELECT count(*) > 10 FROM seen', db => 'app');
my ($snapshot, $lsn, $large) = split /\|/, $session->query("SELECT * FROM stream_slot($from, '$NAME', false, true)");
is($large, 'f', 'a slot is made while others write');
my $seen = read_snapshot($snapshot, 'seen');
my $count = 'SELECT count(*) FROM seen';
wait_until($source, "SELECT ($count) > 20 + " . $source->safe_psql('app', $count), db => 'app');
$source->safe_psql('app', 'INSERT INTO stop VALUES (1)');
like(finish($writer), qr/^$/, 'the writer ends');
$session->query('SELECT stream_close()');
is(compare_pair('seen', $seen, $lsn), '0|0', 'its snapshot and what it sends is everything, once');

#
# Pairs by lock.
#
$source->safe_psql('app', 'TRUNCATE seen, "Seen too", stop');
like(call("SELECT stream_drop_slot($from, '$NAME')"), qr/^$/, 'a slot is dropped');
is(call("SELECT stream_look($from, '$NAME')") =~ /^exists 0 / ? 1 : 0, 1, 'and then it is not there');
like(call("SELECT stream_drop_slot($from, '$NAME')"), qr/^$/, 'dropping what is not there is no error');
($snapshot, $lsn, $large) = split /\|/, call("SELECT * FROM stream_slot($from, '$NAME', false, false)");
is("$snapshot $large", ' f', 'a slot is made without a snapshot');
my @writers = map { start($source, 'app', 'CALL write()') } 1 .. 3;
my @pairs;
my $tries = 0;
wait_until($source, 'SELECT count(*) > 10 FROM seen', db => 'app');
for my $table ('seen', 'Seen too', 'seen')
{
	my $pair = '|';

	for ($pair = '|'; $pair eq '|' && $tries < 100; $tries++)
	{
		$pair = $session->query("SELECT snapshot, lsn FROM stream_by_lock($from, ARRAY['public.\"$table\"'], 200, false)");
	}
	($snapshot, $lsn) = split /\|/, $pair;
	push @pairs, [ $table, read_snapshot($snapshot, $table), $lsn ];
	$session->query('SELECT stream_close()');
}
my $both = $session->query("SELECT * FROM stream_by_lock($from, ARRAY['public.seen', 'public.\"Seen too\"'], 200, false)");
$source->safe_psql('app', 'INSERT INTO stop VALUES (1)');
finish($_) for @writers;
$session->query('SELECT stream_close()');
note("by lock: $tries calls for 3 tables; both together: $both");
is(compare_pair(@$_), '0|0', "a pair by lock of $_->[0] is everything, once (" . ($_->[1] =~ tr/,//) . ' rows)') for @pairs;
like($session->query("SELECT count(*) FROM stream_by_lock($from, ARRAY['public.seen'], 200, false)"), qr/1/, 'nobody in the way: it is taken');
$session->query('SELECT stream_close()');

my $holder = begin_write($source, 'app');
$holder->query_until(qr/locked/, "LOCK TABLE seen IN ROW EXCLUSIVE MODE;\n\\echo locked\n");
my $began = time();
is($session->query("SELECT * FROM stream_by_lock($from, ARRAY['public.seen'], 100, false)"), '||', 'a writer in the way: there is none');
cmp_ok(time() - $began, '<', 10, 'and that is known soon');
is($source->safe_psql('app', "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND relation = 'seen'::regclass"), 0, 'no lock is left');
like(call("SELECT stream_by_lock($from, ARRAY['public.gone'], 100, false)"), qr/relation "public.gone" does not exist/, 'a table that is gone is an error');
is($session->query("SELECT * FROM stream_by_lock($from, ARRAY['public.seen'], 100, true)"), '||', 'nor is there one of some tables, if that is the only one');
for my $tables ([ '"Seen too"', 'seen', 'hold' ], [ 'seen', '"Seen too"', 'hold', 'stop' ])
{
	my $list = join ', ', map { "'public.$_'" } @$tables;
	my @free = grep { $tables->[$_] ne 'seen' } 0 .. $#$tables;

	like($session->query("SELECT * FROM stream_by_lock($from, ARRAY[$list], 100, true)"), qr/^[^|]+\|[^|]+\|@free$/, "of @$tables those are locked that can be");
	$session->query('SELECT stream_close()');
}
end_write($holder);
$session->query('SELECT stream_close()');
like($session->query("SELECT * FROM stream_by_lock($from, ARRAY['public.seen', 'public.hold'], 100, true)"), qr/\|0 1$/, 'and all if all can');
$session->query('SELECT stream_close()');
is($source->safe_psql('app', "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND locktype = 'relation'"), 0, 'no lock is left then either');
call("SELECT stream_drop_slot($from, '$NAME')");

#
# A snapshot that would be too large: the source makes it when those that write at two
# moments have ended, and lists what has not committed since the oldest that writes then.
#
$holder = begin_write($source, 'app');
my $slot = start($target, 'postgres', "SELECT * FROM stream_slot($from, '$NAME', false, true)");
wait_for_walsender($holder);
my $second = begin_write($source, 'app');
end_write($holder);
wait_for_walsender($second);
my $third = begin_write($source, 'app');
$source->safe_psql('app', 'BEGIN;' . 'SAVEPOINT s; INSERT INTO hold VALUES (1); ROLLBACK TO s;' x 200 . 'INSERT INTO hold VALUES (2); COMMIT');
# the snapshot ends with the last transaction that committed
$source->safe_psql('app', 'INSERT INTO hold VALUES (3)');
end_write($second);
like(finish($slot), qr/^\|\|t$/m, 'too many rolled back savepoints: there is no snapshot');
is($source->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 0, 'and no slot');
end_write($third);

#
# Cancelled while it waits.
#
my $session_time = time();
$source->safe_psql('postgres', 'SELECT 1');
$session_time = time() - $session_time;
foreach my $end ('pg_cancel_backend', 'pg_terminate_backend')
{
	$holder = begin_write($source, 'other');
	$slot = start($target, 'postgres', "SELECT * FROM stream_slot($from, '$NAME', false, true)");
	wait_for_walsender();
	$began = time();
	$target->safe_psql('postgres', "SELECT $end(pid) FROM pg_stat_activity WHERE query ~ 'stream_slot' AND pid <> pg_backend_pid()");
	ok(wait_until($source, 'SELECT count(*) = 0 FROM pg_replication_slots', limit => 10), "$end: the slot is gone while the writer goes on");
	my $took = time() - $began;
	cmp_ok($took, '<', 1 + 3 * $session_time, sprintf('%s: within a second (%.2f s, and a session of psql takes %.2f s)', $end, $took, $session_time));
	ok(wait_until($source, "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'walsender'", limit => 10), "$end: and the walsender");
	end_write($holder);
	finish($slot);
}

#
# Who holds it up.
#
$source->safe_psql('postgres', "CREATE ROLE plain LOGIN; CREATE ROLE \"Big one\" LOGIN SUPERUSER");
$holder = begin_write($source, 'other');
$source->safe_psql('app', "BEGIN; SET ROLE \"Big one\"; INSERT INTO hold VALUES (3); PREPARE TRANSACTION 'left''over'");
my $own = start($source, 'app', "SET application_name = 'pgcopy job 7 worker 1'; BEGIN; INSERT INTO hold VALUES (4); SELECT pg_sleep(60)");
my $foreign = start($source, 'app', "SET application_name = 'pgcopy job 71 leader'; BEGIN; INSERT INTO hold VALUES (4); SELECT pg_sleep(60)");
wait_until($source, "SELECT count(*) = 2 FROM pg_stat_activity WHERE application_name ~ '^pgcopy job' AND backend_xid IS NOT NULL");
my @lines = split /\n/, call("SELECT stream_holders($from)");
is(scalar @lines, 3, 'three hold up a slot: sessions of the job itself do not count') or diag(join "\n", @lines);
like($lines[0], qr/^session \d+ \(role \w+, database other, .*for \d\d:\d\d:\d\d\)$/, 'the oldest first: a writer in another database');
like($lines[1], qr/^prepared transaction 'left''over' \(role "Big one", database app, for \d\d:\d\d:\d\d\)$/, 'a prepared transaction');
like($lines[2], qr/pgcopy job 71 leader/, 'another job');
my $as_plain = quote_literal(conninfo($source, db => 'app', user => 'plain'));
like(call("SELECT stream_holders($as_plain)"), qr/^session \d+ \(role \w+, database other, .*\)\nprepared/, 'a role without rights sees who, not since when');
$slot = start($target, 'postgres', "SELECT * FROM stream_slot($from, '$NAME', true, true)");
wait_for_walsender();
$target->safe_psql('postgres', "SELECT pg_sleep(1.5)");
$source->safe_psql('app', "ROLLBACK PREPARED 'left''over'");
$source->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^pgcopy job .* (worker|leader)' AND backend_xid IS NOT NULL");
end_write($holder);
like(finish($slot), qr/\|f\nNOTICE: .*waiting for 1 s.*waiting for 0 s/s, 'the wait is told, and its end');
finish($_) for $own, $foreign;
is($source->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 0, 'a temporary slot goes with its session');

#
# What is missing.
#
my $server = quote_literal(conninfo($target));
like(call("SELECT stream_slot($as_plain, '$NAME', false, true)"), qr/(?:replication role|permission denied to start WAL sender).*ALTER ROLE \.\.\. REPLICATION/s, 'a role without REPLICATION');
like(call("SELECT stream_slot($server, '$NAME', false, true)"), qr/wal_level of the source is "replica".*Set wal_level = logical/s, 'wal_level');
my $hba = slurp_file($source->data_dir . '/pg_hba.conf');
open my $file, '>', $source->data_dir . '/pg_hba.conf' or die $!;
print $file "local app plain reject\n$hba";
close $file;
$source->reload;
ok(wait_until($source, "SELECT count(*) = 1 FROM pg_hba_file_rules WHERE auth_method = 'reject'"), 'pg_hba.conf is read');
like(call("SELECT stream_slot($as_plain, '$NAME', false, true)"), qr/pg_hba\.conf rejects.*a line for the word "replication"/s, 'no line of pg_hba.conf');
my @senders = map { $source->background_psql('app', replication => 'database') } 1 .. 4;
$_->query('SELECT 1') for @senders;
like(call("SELECT stream_slot($from, '$NAME', false, true)"), qr/max_wal_senders.*Raise max_wal_senders/s, 'no walsender is free');
$_->quit for @senders;
SKIP:
{
	skip 'no PgBouncer', 1 unless PgCopyPooler::is_there();
	$source->safe_psql('postgres', "CREATE ROLE pooled LOGIN SUPERUSER PASSWORD 'p'");
	my $pooler = PgCopyPooler->new($source, pool_mode => 'session');
	my $through = quote_literal($pooler->conninfo(db => 'app', user => 'pooled', password => 'p'));
	my $said = call("SELECT lsn > '0/0' FROM stream_slot($through, '$NAME', true, false)");

	# newer ones pass it on
	like($said, qr/^t$|not to its pooler/, 'a pooler: it says so, or it works');
}

#
# A slot in use.
#
call("SELECT stream_slot($from, '$NAME', false, false)");
my $look = call("SELECT stream_look($from, '$NAME')");
like($look, qr!^exists 1 active 0 wal_status reserved safe -1 retained \d+ confirmed \w+/\w+ source \w+/\w+ reason $!, 'a slot is looked at');
my ($in, $out, $err) = ('', '', '');
my $receiver = IPC::Run::start([ 'pg_recvlogical', '-d', conninfo($source, db => 'app'), '-S', $NAME, '--start', '-n', '-f', '-',
	'-o', 'proto_version=1', '-o', 'publication_names=p' ], \$in, \$out, \$err);
ok(wait_until($source, 'SELECT active FROM pg_replication_slots'), 'a subscriber reads it');
like(call("SELECT stream_drop_slot($from, '$NAME')"), qr/^$/, 'it is dropped all the same');
is($source->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 0, 'and gone');
$receiver->finish;
like($err, qr/terminating connection/, 'the subscriber was ended');

#
# Publications.
#
$source->safe_psql('app', <<'EOQ');
CREATE SCHEMA pub;
CREATE TABLE pub."Odd ""name" (a int PRIMARY KEY, b int);
CREATE TABLE pub.tree (a int PRIMARY KEY) PARTITION BY RANGE (a);
CREATE TABLE pub.low PARTITION OF pub.tree FOR VALUES FROM (0) TO (10);
CREATE TABLE pub.high PARTITION OF pub.tree FOR VALUES FROM (10) TO (20);
CREATE UNLOGGED TABLE pub.forgetful (a int PRIMARY KEY);
CREATE TABLE pub.besides (a int PRIMARY KEY);
DO $$ BEGIN FOR i IN 1 .. 501 LOOP EXECUTE format('CREATE TABLE pub.t%s (a int)', i); END LOOP; END $$;
EOQ

my $of_table = q{relnamespace = 'pub'::regnamespace AND relname =};

# The arguments of a list of tables: names, each with a filter or none.
sub tables
{
	my (%filters) = @_;
	my @names = sort keys %filters;
	my $oids = join ', ', map { "(SELECT oid FROM pg_class WHERE $of_table " . quote_literal($_) . ')' } @names;
	my $texts = join ', ', map { ("'pub'", quote_literal($_), quote_literal($filters{$_})) } @names;

	return $source->safe_psql('app', "SELECT format('ARRAY[%s]::oid[]', array_to_string(ARRAY[$oids], ','))") . ", ARRAY[$texts]";
}

# Names of what a publication sends.
sub published { return $source->safe_psql('app', "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_publication_tables WHERE pubname = '$_[0]'"); }

my %three = ('Odd "name' => 'a > 1', low => '', high => '');
is(call("SELECT stream_publish($from, 'Pub one', " . tables(%three) . ', false)'), '', 'a publication is made');
is(published('Pub one'), 'Odd "name,high,low', 'it has the tables asked for');
is($source->safe_psql('app', 'SELECT pg_get_expr(prqual, prrelid) FROM pg_publication_rel WHERE prqual IS NOT NULL'), '(a > 1)', 'with their filters');
is(call("SELECT stream_published($from, 'Pub one')"),
	$source->safe_psql('app', q{SELECT string_agg(oid || E'\n', '' ORDER BY oid) FROM pg_class WHERE relname IN ('Odd "name', 'high', 'low')}), 'and says so');
is(call("SELECT stream_publish($from, 'two', " . tables(tree => '') . ', true)'), '', 'one of a partitioned table, inserts only');
is(published('two'), 'high,low', 'has its leaves');
is($source->safe_psql('app', q{SELECT pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication WHERE pubname = 'two'}), 't|f|f|t|f', 'and inserts only');
$source->safe_psql('app', 'CREATE TABLE pub.middle PARTITION OF pub.tree FOR VALUES FROM (20) TO (30)');
is(published('two'), 'high,low,middle', 'a later partition too');
is(call("SELECT stream_publish($from, 'many', " . tables(map { ("t$_" => '') } 1 .. 501) . ', false)'), '', 'one of more tables than go into a statement');
is($source->safe_psql('app', q{SELECT count(*) FROM pg_publication_tables WHERE pubname = 'many'}), 501, 'has them all');
is(call("SELECT stream_unpublish($from, '$_')"), '', "$_ is dropped, if it is there") for 'many', 'two', 'two';
is($source->safe_psql('app', q{SELECT string_agg(pubname, ',' ORDER BY pubname) FROM pg_publication}), 'Pub one,p', 'and no other');

# VACUUM's lock.
$holder = $source->background_psql('app');
$holder->query_safe('BEGIN; LOCK TABLE pub.low IN SHARE UPDATE EXCLUSIVE MODE');
my $publish = start($target, 'postgres', "SELECT stream_publish($from, 'late', " . tables(%three) . ', false)');
ok(wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'pub.low'::regclass", db => 'app'), 'one of the tables is locked: it waits');
$holder->query_safe('COMMIT');
$holder->quit;
unlike(finish($publish), qr/ERROR/, 'and goes on');
is(published('late'), 'Odd "name,high,low', 'with all of them');
call("SELECT stream_unpublish($from, 'late')");

# One of the DBA's.
sub check { my ($name, %tables) = @_; return call("SELECT stream_check($from, '$name', " . tables(%tables) . ')'); }

is(check('Pub one', %three), '', 'nothing is wrong with what we make');
is(check('Pub one', %three, forgetful => ''), '', 'unlogged tables are not missed');
like(check('none', %three), qr/^error: publication "none" does not exist on the source.*CREATE PUBLICATION "?none"? FOR TABLE/, 'there is none');
like(check('Pub one', %three, besides => '', t1 => ''), qr/^error: publication "Pub one" of the source lacks 2 tables of the job\. Missing: pub\.besides, pub\.t1\.ALTER PUBLICATION "Pub one" ADD TABLE/m, 'tables are missing');
like(check('Pub one', 'Odd "name' => 'a > 1'), qr/^error: publication "Pub one" of the source has 2 tables that are not cloned/m, 'others are there');
like(check('Pub one', %three, 'Odd "name' => 'a > 2'), qr/^error: publication "Pub one" of the source sends only some rows of pub\."Odd ""name"\. Its condition is \(a > 1\)/m, 'another filter');
is(check('Pub one', %three, 'Odd "name' => '((a)) >1'), '', 'the same filter, written in another way');
like(check('Pub one', %three, low => 'a = 1'), qr/^error: .*sends all rows of pub\.low/m, 'a filter that it has not');
$source->safe_psql('app', q{ALTER PUBLICATION "Pub one" SET (publish = 'insert', publish_via_partition_root = true)});
my $wrong = check('Pub one', %three);
like($wrong, qr/^error: .*does not publish all kinds of changes.*SET \(publish = 'insert, update, delete, truncate'\)/m, 'inserts only');
like($wrong, qr/^error: .*publishes partitions under the name of their root/m, 'by roots');
$source->safe_psql('app', q{DROP PUBLICATION "Pub one"; CREATE PUBLICATION "Pub one" FOR TABLE pub."Odd ""name" (a), pub.low, pub.high});
like(check('Pub one', %three, 'Odd "name' => ''), qr/^error: .*sends only some columns of pub\."Odd ""name"/m, 'some columns');
$source->safe_psql('app', 'DROP PUBLICATION "Pub one"');

#
# Replica identities.
#
$source->safe_psql('app', <<'EOQ');
CREATE SCHEMA id;
SET search_path = id;
CREATE DOMAIN doc AS pg_catalog.json;
CREATE TYPE pair AS (a int, b pg_catalog.json);
CREATE TABLE fine (a int PRIMARY KEY);
CREATE TABLE missing (a int);
CREATE TABLE candidate (a int NOT NULL, b int NOT NULL, c int);
CREATE UNIQUE INDEX two ON candidate (a, b);
CREATE UNIQUE INDEX "One" ON candidate (b);
CREATE UNIQUE INDEX partial ON candidate (a) WHERE a > 0;
CREATE UNIQUE INDEX nullable ON candidate (c);
CREATE TABLE nothing (a int PRIMARY KEY);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE later (a int PRIMARY KEY DEFERRABLE);
CREATE TABLE computed (a int, b int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY);
CREATE UNLOGGED TABLE forgetful (a int PRIMARY KEY);
CREATE TABLE all_columns (a int, b text[], c jsonb);
CREATE TABLE text_of_json (a int, b pg_catalog.json);
CREATE TABLE json_array (a pg_catalog.json[]);
CREATE TABLE json_domain (a doc);
CREATE TABLE json_part (a pair);
CREATE TABLE json_key (a int PRIMARY KEY, b pg_catalog.json);
CREATE TABLE json_gone (a int, b pg_catalog.json);
ALTER TABLE json_gone DROP b;
DO $$ DECLARE t text; BEGIN
	FOREACH t IN ARRAY '{all_columns,text_of_json,json_array,json_domain,json_part,json_key,json_gone}'::text[] LOOP
		EXECUTE format('ALTER TABLE %I REPLICA IDENTITY FULL', t);
	END LOOP;
END $$;
CREATE TABLE by_index (a int NOT NULL UNIQUE);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_a_key;
CREATE TABLE lost_index (a int NOT NULL UNIQUE);
ALTER TABLE lost_index REPLICA IDENTITY USING INDEX lost_index_a_key;
ALTER TABLE lost_index DROP CONSTRAINT lost_index_a_key;
CREATE TABLE tree (a int PRIMARY KEY) PARTITION BY RANGE (a);
CREATE TABLE leaf PARTITION OF tree FOR VALUES FROM (0) TO (10);
INSERT INTO fine SELECT generate_series(1, 1000);
EOQ

# What is said of each table: identity, whether it can be restored, index, fault.
sub identities
{
	my %said;
	my %names = map { split /\|/ } split /\n/, $source->safe_psql('app', q{SELECT oid, relname FROM pg_class WHERE relnamespace = 'id'::regnamespace AND relkind IN ('r', 'p')});

	foreach my $line (split /\n/, call("SELECT stream_identities($from, '{" . join(',', keys %names) . "}')"))
	{
		my ($oid, $is, $restores, $index, $updates, $bytes, $fault) = split /\t/, $line;
		$index =~ s/^"([a-z_]+)"$/$1/;
		$said{ $names{$oid} } = "$is $restores $index: $fault";
		$said{"$names{$oid} bytes"} = $bytes;
	}
	return \%said;
}

my $said = identities();
my %expected = (
	fine => 'd 1 fine_pkey: has a replica identity',
	leaf => 'd 1 leaf_pkey: has a replica identity',
	missing => 'd 1 : has no primary key and no other replica identity',
	candidate => 'd 1 "One": has no primary key and no other replica identity',
	nothing => 'n 1 nothing_pkey: has no primary key and no other replica identity',
	later => 'd 1 : has a deferrable primary key, which identifies no rows for replication',
	computed => 'd 1 : has a generated column in its key, which is not replicated',
	forgetful => 'd 1 : is unlogged, which is not replicated',
	all_columns => 'f 1 : has a replica identity',
	json_gone => 'f 1 : has a replica identity',
	json_key => 'f 1 json_key_pkey: has a replica identity',
	by_index => 'i 0 by_index_a_key: has a replica identity',
	lost_index => 'i 1 : has no primary key and no other replica identity',
	map { $_ => 'f 1 : has REPLICA IDENTITY FULL and a column whose type has no equality operator' } qw(text_of_json json_array json_domain json_part));
is($said->{$_}, $expected{$_}, "the identity of $_") for sort keys %expected;
is($said->{tree}, undef, 'a partitioned table has none of its own');
is($said->{'fine bytes'}, $source->safe_psql('app', q{SELECT pg_relation_size('id.fine')}), 'the size is known');

sub oid { return $source->safe_psql('app', "SELECT 'id.$_[0]'::regclass::oid"); }
sub identity { return $source->safe_psql('app', "SELECT relreplident FROM pg_class WHERE oid = 'id.$_[0]'::regclass"); }

call("SELECT stream_set_identity($from, " . oid('candidate') . q{, '"One"')});
is(identity('candidate'), 'i', 'an index is set');
like(identities()->{candidate}, qr/^i 0 .*has a replica identity$/, 'and is one');
call("SELECT stream_restore_identity($from, " . oid('candidate') . q{, 'd')});
is(identity('candidate'), 'd', 'it is as it was');
call("SELECT stream_set_identity($from, " . oid('nothing') . q{, '')});
is(identity('nothing'), 'f', 'all columns are set');
call("SELECT stream_restore_identity($from, " . oid('nothing') . q{, 'n')});
is(identity('nothing'), 'n', 'and nothing again');
my $gone = oid('missing');
$holder = begin_write($source, 'app');
$holder->query_safe('INSERT INTO id.missing VALUES (1)');
my $set = start($target, 'postgres', "SELECT stream_set_identity($from, $gone, '')");
ok(wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = $gone", db => 'app'), 'a table is in use: it waits');
end_write($holder);
unlike(finish($set), qr/ERROR/, 'and goes on');
is(identity('missing'), 'f', 'and sets it');
$source->safe_psql('app', 'DROP TABLE id.missing');
is(call("SELECT stream_restore_identity($from, $gone, 'd')"), '', 'a table that is gone needs no restoring');
like(call("SELECT stream_set_identity($from, $gone, '')"), qr/a table of the source was dropped before its replica identity was set/, 'and none can be set');

done_testing();
