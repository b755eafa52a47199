#-------------------------------------------------------------------------
#
# PgCopyTraffic.pm
#	  A database that is in use while it is copied, followed and cut over.
#
#	  use PgCopyTraffic;
#	  my ($source, $target) = new_pair('follow', source_conf => $TRAFFIC_CONF);
#	  new_bank($source, 'app');
#	  my $traffic = PgCopyTraffic->new($source, $target, 'app');
#	  $traffic->start(qw(money odd prepared witness));
#	  ... clone, follow => true; wait for "following" ...
#	  $traffic->start('look');
#	  my %cutover = cutover($target, $job, db => 'app');
#	  $traffic->stop;
#	  is(join("\n", $traffic->wrong), '', 'nothing is wrong');
#
# The bank: money is moved between five tables, whose replica identities are a
# primary key, a text, a key over partitions, FULL, and an index.  Its sum, and that
# of pgbench's branches less its tellers, never changes, so both must be there
# whenever somebody looks at the target, in one snapshot.  Who writes:
#
#	money		pgbench: its own two scripts, and transfers that also move rows between
#				partitions and leave large values as they are; each adds to a journal
#	odd			savepoints, aborted and large transactions, TRUNCATE, twins of rows,
#				sequences, changed keys
#	prepared	transactions in two phases; stopped between two of them
#	witness		one row after the other; each commit that it was told of must be there
#	look		reads the sums on the target
#	script		pgbench with a script of the caller's (option script), in any database
#
# They go on when their session or their server ends, until they are stopped.  With
# option switch => 1 they use both servers, whichever takes writes, as clients with
# target_session_attrs=read-write do; else only the source.
#
#-------------------------------------------------------------------------
package PgCopyTraffic;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use PgCopy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw($TRAFFIC_CONF new_bank catch_up cutover left_of_following contents_differ sequences_behind);

# What a source needs; transactions of more than 64 kB are streamed or spilled.
our $TRAFFIC_CONF = <<'EOC';
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
max_connections = 60
logical_decoding_work_mem = '64kB'
EOC

my $ACCOUNTS = 1000;    # rows of each table
my $TOTAL = 5 * 1000 * $ACCOUNTS;

my @TABLES = qw(cash giro fund safe vault);

# A transfer.  Every table is always locked in this order.
my $MONEY = <<"EOS";
\\set a random(1, $ACCOUNTS)
\\set b random(1, $ACCOUNTS)
\\set c random(1, $ACCOUNTS)
\\set d random(-100, 100)
\\set e random(-100, 100)
\\set region random(1, 3)
BEGIN;
UPDATE bank.cash SET balance = balance + :d WHERE id = :a;
UPDATE bank.giro SET balance = balance - :d + :e WHERE name = 'giro ' || :b;
UPDATE bank.fund SET balance = balance - :e, region = :region WHERE id = :c;
UPDATE bank.safe SET balance = balance + :e WHERE id = :b;
UPDATE bank.vault SET balance = balance - :e WHERE code = :a;
INSERT INTO bank.journal (what) VALUES ('transfer');
END;
EOS

my $ODD = <<"EOS";
SELECT 1 + floor(random() * $ACCOUNTS) AS a, 1 + floor(random() * $ACCOUNTS) AS b, random() < 0.1 AS truncates, random() < 0.2 AS is_large \\gset
BEGIN;
UPDATE bank.cash SET balance = balance - 5 WHERE id = :a;
SAVEPOINT one;
UPDATE bank.giro SET balance = balance + 999 WHERE name = 'giro ' || :b;
DELETE FROM bank.log;
ROLLBACK TO one;
SAVEPOINT two;
SAVEPOINT three;
UPDATE bank.giro SET balance = balance + 5, paper = repeat(md5(random()::text), 100) WHERE name = 'giro ' || :b;
RELEASE three;
SAVEPOINT four;
UPDATE bank.safe SET balance = 0;
ROLLBACK TO four;
RELEASE two;
COMMIT;
BEGIN;
UPDATE bank.cash SET balance = 0;
INSERT INTO bank.bulk (b) SELECT repeat(md5(g::text), 20) FROM generate_series(1, 300) g;
ROLLBACK;
INSERT INTO bank.log (what) SELECT 'line ' || g FROM generate_series(1, 50) g;
\\if :truncates
TRUNCATE bank.log RESTART IDENTITY;
\\endif
\\if :is_large
BEGIN;
INSERT INTO bank.bulk (b) SELECT repeat(md5(random()::text), 20) FROM generate_series(1, 3000) g;
UPDATE bank.bulk SET b = b || 'x' WHERE id % 3 = 0;
DELETE FROM bank.bulk WHERE id < (SELECT max(id) - 4000 FROM bank.bulk);
COMMIT;
\\endif
UPDATE bank.safe SET doc = repeat(md5(random()::text), 100) WHERE id = :a;
INSERT INTO bank.twins SELECT 1, 'twin' FROM generate_series(1, 2);
UPDATE bank.twins SET n = n + 1 WHERE ctid = (SELECT min(ctid) FROM bank.twins);
DELETE FROM bank.twins WHERE ctid = (SELECT max(ctid) FROM bank.twins);
UPDATE bank.keys SET id = id + 1000 WHERE id = (SELECT min(id) FROM bank.keys);
SELECT count(nextval('bank.ticket')) FROM generate_series(1, 10);
SELECT pg_sleep(0.1);
EOS

my $PREPARED = <<"EOS";
SELECT format(CASE WHEN random() < 0.5 THEN 'COMMIT PREPARED %L' ELSE 'ROLLBACK PREPARED %L' END, gid) FROM pg_prepared_xacts WHERE database = current_database() AND gid = 'traffic' \\gexec
SELECT 1 + floor(random() * $ACCOUNTS) AS a, random() < 0.8 AS commits \\gset
BEGIN;
UPDATE bank.cash SET balance = balance - 3 WHERE id = :a;
UPDATE bank.vault SET balance = balance + 3 WHERE code = :a;
PREPARE TRANSACTION 'traffic';
\\if :commits
COMMIT PREPARED 'traffic';
\\else
ROLLBACK PREPARED 'traffic';
\\endif
SELECT pg_sleep(0.05);
EOS

my $LOOK = 'SELECT ' . join(' + ', map { "(SELECT sum(balance) FROM bank.$_)" } @TABLES)
  . ", (SELECT sum(bbalance) FROM pgbench_branches) - (SELECT sum(tbalance) FROM pgbench_tellers)\n\\watch 0.05\n";

#-------------------------------------------------------------------------
# The bank
#-------------------------------------------------------------------------

# Make a database with the bank in it, and pgbench's tables.
sub new_bank
{
	my ($node, $db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
	run_log([ 'pgbench', '-iq', '-s', '1', '-d', conninfo($node, db => $db) ]) or die 'pgbench -i failed';
	$node->safe_psql($db, <<EOQ);
CREATE SCHEMA bank;
SET search_path = bank;
CREATE TABLE cash (id int PRIMARY KEY, balance bigint, note text);
CREATE TABLE giro (name text PRIMARY KEY, balance bigint, paper text);
ALTER TABLE giro ALTER paper SET STORAGE EXTERNAL;
CREATE TABLE fund (id int, region int, balance bigint, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE fund_1 PARTITION OF fund FOR VALUES IN (1);
CREATE TABLE fund_2 PARTITION OF fund FOR VALUES IN (2);
CREATE TABLE fund_3 PARTITION OF fund FOR VALUES IN (3);
CREATE TABLE safe (id int PRIMARY KEY, balance bigint, doc text);
ALTER TABLE safe ALTER doc SET STORAGE EXTERNAL, REPLICA IDENTITY FULL;
CREATE TABLE vault (code int NOT NULL, balance bigint);
CREATE UNIQUE INDEX vault_code ON vault (code);
ALTER TABLE vault REPLICA IDENTITY USING INDEX vault_code;
INSERT INTO cash SELECT g, 1000, 'cash of ' || g FROM generate_series(1, $ACCOUNTS) g;
INSERT INTO giro SELECT 'giro ' || g, 1000, repeat(md5(g::text), 100) FROM generate_series(1, $ACCOUNTS) g;
INSERT INTO fund SELECT g, 1 + g % 3, 1000 FROM generate_series(1, $ACCOUNTS) g;
INSERT INTO safe SELECT g, 1000, repeat(md5(g::text), 100) FROM generate_series(1, $ACCOUNTS) g;
INSERT INTO vault SELECT g, 1000 FROM generate_series(1, $ACCOUNTS) g;
CREATE TABLE journal (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text,
	port int DEFAULT current_setting('port')::int, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE witness (n bigint PRIMARY KEY, port int DEFAULT current_setting('port')::int, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE log (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, what text);
CREATE TABLE bulk (id bigserial PRIMARY KEY, b text);
CREATE TABLE twins (n int, what text);
ALTER TABLE twins REPLICA IDENTITY FULL;
CREATE TABLE keys (id int PRIMARY KEY, what text);
INSERT INTO keys SELECT g, 'key ' || g FROM generate_series(1, 100) g;
CREATE SEQUENCE ticket CACHE 5;
EOQ
	return;
}

#-------------------------------------------------------------------------
# Who writes
#-------------------------------------------------------------------------

# Options: switch (see above), clients (of pgbench: 4), rate (of pgbench, transactions a
# second; as many as there can be, unless said), script.
sub new
{
	my ($class, $source, $target, $db, %opt) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $self = bless {
		source => $source, target => $target, db => $db, dir => $dir, owner => $$, running => {},
		clients => 4, %opt }, $class;
	my @node = $opt{switch} ? ($source, $target) : ($source);

	$self->{to} = conninfo($source, db => $db, host => join(',', map { $_->host } @node),
		port => join(',', map { $_->port } @node), target_session_attrs => 'read-write', application_name => 'traffic');
	_write("$dir/money.sql", $MONEY);
	_write("$dir/odd.sql", $ODD);
	_write("$dir/prepared.sql", $PREPARED);
	_write("$dir/look.sql", $LOOK);
	_write("$dir/script.sql", $opt{script}) if defined $opt{script};
	return $self;
}

sub start
{
	my ($self, @names) = @_;
	my @psql = ('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1');
	my @rate = $self->{rate} ? ('-R', $self->{rate}) : ();
	my @bench = ('pgbench', '-n', '-c', $self->{clients}, '-T', '3600', '--max-tries=100', @rate);
	my %turn = (
		money => sub {
			_run($self->log_of('money'), @bench, '-b', 'tpcb-like@1', '-b', 'simple-update@1', '-f', "$self->{dir}/money.sql\@4", $self->{to});
		},
		script => sub { _run($self->log_of('script'), @bench, '-f', "$self->{dir}/script.sql", $self->{to}) },
		odd => sub { _run($self->log_of('odd'), @psql, '-o', '/dev/null', '-d', $self->{to}, '-f', "$self->{dir}/odd.sql") },
		prepared => sub { _run($self->log_of('prepared'), @psql, '-o', '/dev/null', '-d', $self->{to}, '-f', "$self->{dir}/prepared.sql") },
		witness => sub { $self->_write_witness(@psql) },
		look => sub { _run($self->log_of('look'), @psql, '-d', conninfo($self->{target}, db => $self->{db}), '-f', "$self->{dir}/look.sql") });

	$self->{running}{$_} = _start_loop($turn{$_} // die("no traffic \"$_\""), $_ eq 'prepared') for @names;
	return;
}

# Stop those named, or all.
sub stop
{
	my ($self, @names) = @_;
	my @pid = map { delete $self->{running}{$_} // () } @names ? @names : sort keys %{ $self->{running} };

	local $?;
	kill 'TERM', @pid;
	waitpid $_, 0 for @pid;
	return;
}

sub DESTROY
{
	my ($self) = @_;
	$self->stop if $self->{owner} == $$;
	return;
}

sub log_of { return "$_[0]{dir}/$_[1].log"; }

# Take turns until SIGTERM, which ends the present one, or waits for it.
sub _start_loop
{
	my ($turn, $is_patient) = @_;
	my $pid = fork() // die "could not fork: $!";

	return $pid if $pid;
	our ($child, $is_over) = (undef, 0);
	$SIG{INT} = 'DEFAULT';
	$SIG{TERM} = sub { $is_over = 1; kill 'TERM', $child if $child && !$is_patient };
	$turn->(), sleep(0.02) until $is_over;
	POSIX::_exit(0);
}

# Run a command to its end, with its output behind that of before.
sub _run
{
	my ($log, @command) = @_;
	our ($child, $is_over);

	$child = fork() // POSIX::_exit(1);
	if (!$child)
	{
		$SIG{TERM} = 'DEFAULT';
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', $log;
		open STDERR, '>&', \*STDOUT;
		{ exec @command }
		POSIX::_exit(1);
	}
	kill 'TERM', $child if $is_over;
	1 until waitpid($child, 0) == $child || $!{ECHILD};
	undef $child;
	return;
}

# Write rows from the first that is not known to be there, and say which are.  What
# became of the one that broke is not known: it may be there already.
sub _write_witness
{
	my ($self, @psql) = @_;
	my @told = split /\n/, -e $self->log_of('witness') ? slurp_file($self->log_of('witness')) : '';
	my ($first) = map { /^told (\d+)/ ? $1 + 1 : () } reverse @told;

	$first //= 1;
	_write("$self->{dir}/witness.sql", join '', map {
			"INSERT INTO bank.witness (n) VALUES ($_)" . ($_ == $first ? ' ON CONFLICT DO NOTHING' : '') . ";\n\\echo told $_\n"
		} $first .. $first + 20000);
	_run($self->log_of('witness'), @psql, '-d', $self->{to}, '-f', "$self->{dir}/witness.sql");
	return;
}

#-------------------------------------------------------------------------
# What has to be true
#-------------------------------------------------------------------------

# How many looks there were, and those that saw another sum.
sub looks
{
	my ($self) = @_;
	my @seen = grep { /^-?\d*\|-?\d*$/ } split /\n/, -e $self->log_of('look') ? slurp_file($self->log_of('look')) : '';

	return (scalar @seen, grep { $_ ne "$TOTAL|0" } @seen);
}

# Transactions of the journal that were made on the source, and on the target.
sub transactions
{
	my ($self) = @_;
	my $count = sub { $self->{target}->safe_psql($self->{db}, "SELECT count(*) FROM bank.journal WHERE port = $_[0]") };

	return map { $count->($_->port) } $self->{source}, $self->{target};
}

# Seconds between the last row that the witness wrote on the source and its first on
# the target; undef if it did not get there.
sub pause
{
	my ($self) = @_;
	my ($from, $to) = map { $_->port } $self->{source}, $self->{target};
	my $pause = $self->{target}->safe_psql($self->{db}, <<EOQ);
SELECT round(extract(epoch FROM min(at) FILTER (WHERE port = $to) - max(at) FILTER (WHERE port = $from)), 3) FROM bank.witness
EOQ
	return $pause eq '' ? undef : $pause;
}

# All that is wrong with the target once it is open, and the traffic stopped: looks,
# sums, rows of the witness and the journal, and keys that came twice.
sub wrong
{
	my ($self) = @_;
	my ($source, $target, $db) = @$self{qw(source target db)};
	my ($looks, @wrong) = $self->looks;
	my @told = map { /^told (\d+)/ ? $1 : () } split /\n/, -e $self->log_of('witness') ? slurp_file($self->log_of('witness')) : '';

	@wrong = (sprintf('%d of %d looks saw other sums: %s', scalar @wrong, $looks, join(', ', @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ])))
	  if @wrong;
	(my $once = $LOOK) =~ s/\\watch.*//s;
	my $sums = $target->safe_psql($db, $once);
	push @wrong, "the sums are $sums, not $TOTAL|0" if $sums ne "$TOTAL|0";
	if (@told)
	{
		my $missing = $target->safe_psql($db, <<EOQ);
SELECT count(*), min(n), max(n) FROM generate_series(1, $told[-1]) n WHERE NOT EXISTS (SELECT FROM bank.witness w WHERE w.n = n.n) HAVING count(*) > 0
EOQ
		push @wrong, "commits that clients were told of are missing (number, first, last): $missing" if $missing ne '';
	}
	push @wrong, "rows of the journal or the witness that came from the source differ: @$_"
	  foreach grep { $_->[1] ne $_->[2] } map {
		my $query = "SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM bank.$_ t WHERE port = " . $source->port;
		[ $_, $source->safe_psql($db, $query), $target->safe_psql($db, $query) ]
	  } qw(journal witness);
	foreach my $name (qw(money odd prepared witness look))
	{
		my $log = -e $self->log_of($name) ? slurp_file($self->log_of($name)) : '';
		push @wrong, "$name: $_" foreach (grep { /duplicate key|PANIC|could not read block|invalid page|missing chunk/ } split /\n/, $log)[ 0 .. 2 ];
	}
	return grep { defined && !/: $/ } @wrong;
}

# How the rows of two databases differ, '' if they do not: for clients that stopped
# at the fence.  Option ignore is a pattern of tables ("schema.table").
sub contents_differ
{
	my ($source, $target, $db, %opt) = @_;
	my $hash = PgCopy::_hash_expr(map { [ $_, $db ] } $source, $target);
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	my @text = map {
		join "\n", PgCopy::_rows_of($_, $db, $opt{ignore}, $hash), PgCopy::_large_objects_of($_, $db)
	} $source, $target;

	return difference(@text);
}

# Sequences whose next value on the target might have been handed out on the source.
sub sequences_behind
{
	my ($source, $target, $db) = @_;
	my %at = map { /^(.*)\|(-?\d+)\|(.)$/ ? ($1 => [ $2, $3 ]) : () } split /\n/, PgCopy::_sequences_of($source, $db);
	my %here = map { /^(.*)\|(-?\d+)\|(.)$/ ? ($1 => [ $2, $3 ]) : () } split /\n/, PgCopy::_sequences_of($target, $db);

	return map {
		my ($old, $new) = ($at{$_}, $here{$_});
		!$new ? "$_ is not there"
		  : $new->[0] < $old->[0] || ($new->[0] == $old->[0] && $new->[1] lt $old->[1]) ? "$_ is at @$new, on the source at @$old"
		  : ()
	} sort keys %at;
}

#-------------------------------------------------------------------------
# Following, and cutover
#-------------------------------------------------------------------------

# Wait until all that is committed on the source now is here.  Options as wait_until.
sub catch_up
{
	my ($source, $target, $db, %opt) = @_;
	my $end = $source->safe_psql($db, 'SELECT pg_current_wal_flush_lsn()');

	return wait_until($target, <<EOQ, %opt, db => $db, what => "all before $end to be applied");
SELECT coalesce(bool_and(latest_end_lsn >= '$end' AND NOT EXISTS (SELECT FROM pg_subscription_rel WHERE srsubstate <> 'r')), false)
FROM pg_stat_subscription JOIN pg_subscription s ON s.oid = subid
WHERE relid IS NULL AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
EOQ
}

# Call pgcopy_cutover(); options but db are its arguments.  Returns state, lsn, pause
# (seconds), report, took (seconds of the call), or sqlstate, message, detail, hint.
sub cutover
{
	my ($target, $job, %opt) = @_;
	my $db = delete $opt{db} // 'postgres';
	my $user = delete $opt{user};
	my $arguments = join ', ', $job, map { "$_ => " . quote_literal($opt{$_}) } sort keys %opt;
	my $begin = time();
	my ($rc, $out, $err) = $target->psql($db, <<EOQ, extra_params => [ '-F', "\x1f", '-R', "\x1e", $user ? ('-U', $user) : () ]);
\\set VERBOSITY verbose
SELECT state, lsn, round(extract(epoch FROM pause), 4), report FROM pgcopy_cutover($arguments);
EOQ
	my %result = (took => time() - $begin, notices => $err);

	if ($err =~ /(?:ERROR|FATAL):  (\w{5}): (.*)/)
	{
		@result{qw(sqlstate message)} = ($1, $2);
		($result{lc $_}) = $err =~ /^$_:  (.*)/m for qw(DETAIL HINT);
	}
	else { @result{qw(state lsn pause report)} = split /\x1f/, $out, 4; }
	return %result;
}

# What a job that followed has left on either side.  Options: fence and guard, whether
# they are expected (fence: 1, guard: 0 unless said); limit, seconds to wait for sessions to end.
sub left_of_following
{
	my ($source, $target, $db, %opt) = @_;
	my ($fence, $guard) = ($opt{fence} // 1, $opt{guard} // 0);
	my $source_db = $opt{source_db} // $db;
	my $end = time() + ($opt{limit} // 10);
	my $setting = <<'EOQ';
SELECT count(*) FROM pg_db_role_setting s, unnest(setconfig) c
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND c = 'default_transaction_read_only=on'
EOQ
	my @wrong;

	do
	{
		@wrong = grep { $_ ne '' } (
			(map { "source: $_" } split /\n/, $source->safe_psql($source_db, <<'EOQ')),
SELECT 'slot ' || slot_name FROM pg_replication_slots
UNION ALL SELECT 'publication ' || pubname FROM pg_publication
UNION ALL SELECT 'session ' || application_name || ': ' || left(query, 60) FROM pg_stat_activity WHERE application_name ~ '^pgcopy' AND pid <> pg_backend_pid()
EOQ
			map { "target: $_" } split /\n/, $target->safe_psql($db, <<'EOQ'));
SELECT 'subscription ' || subname FROM pg_subscription
UNION ALL SELECT 'origin ' || roname FROM pg_replication_origin
UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots
UNION ALL SELECT 'process ' || backend_type FROM pg_stat_activity WHERE backend_type ~ 'pgcopy' AND backend_type NOT LIKE '%launcher'
UNION ALL SELECT 'process ' || backend_type FROM pg_stat_activity WHERE backend_type ~ 'logical replication' AND backend_type NOT LIKE '%launcher'
EOQ
	} while (@wrong && time() < $end && sleep(0.1));

	my @is = ($source->safe_psql($source_db, $setting), $target->safe_psql($db, $setting));
	push @wrong, "the fence is $is[0], not $fence" if $is[0] != $fence;
	push @wrong, "the guard is $is[1], not $guard" if $is[1] != $guard;
	return @wrong;
}

sub _write
{
	my ($path, $text) = @_;
	open my $fh, '>', $path or die "could not write $path: $!";
	print $fh $text;
	close $fh or die "could not write $path: $!";
	return;
}

1;
