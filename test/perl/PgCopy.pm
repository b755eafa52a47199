#-------------------------------------------------------------------------
#
# PgCopy.pm
#	  What TAP tests of pgcopydb_ext share: a pair of servers, a clone, waiting
#	  with a limit, and the proof that two databases are equal.
#
#	  use PgCopy;
#	  my ($source, $target) = new_pair('clone');
#	  $source->safe_psql('postgres', 'CREATE TABLE t AS SELECT 1 AS a');
#	  my $job = clone($target, conninfo($source));
#	  ok(wait_for_state($target, $job, 'done'), 'the job ends done');
#	  assert_same($source, $target);
#	  done_testing();
#
# Nothing here sleeps for a fixed time: every wait has a condition and a limit,
# and one that runs out prints the job, its items and the end of the log.
#
# Wherever a database can be named, it is the option "db" (of the target) and
# "source_db"; both are "postgres" unless said.
#
#-------------------------------------------------------------------------
package PgCopy;

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use PgCopyWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  new_pair conninfo copy_roles quote_literal
  clone clone_ok wait_until wait_for_state wait_for_end job_state
  show_job log_tail
  assert_same assert_frozen misplaced picture parts difference source_sessions
);

# Seconds a wait may take unless its caller says otherwise.
our $LIMIT = 120;

# The states a job does not leave by itself.
my @ENDED = qw(done failed cancelled interrupted);

#-------------------------------------------------------------------------
# Servers
#-------------------------------------------------------------------------

# Make and start two servers, NAME_source and NAME_target, and return them.
#
# The source can also be reached by TCP on 127.0.0.1, with a password; its unix
# socket trusts everyone.  Options: source_conf and target_conf (text for
# postgresql.conf), source_init and target_init (array references: arguments of
# init()), start => 0 to leave both stopped, extension => 0 not to create the
# extension in the target's database postgres.
sub new_pair
{
	my ($name, %opt) = @_;

	my $source = PostgreSQL::Test::Cluster->new("${name}_source");
	$source->init(@{ $opt{source_init} || [] });
	$source->append_conf('postgresql.conf', <<EOC);
listen_addresses = '127.0.0.1'
password_encryption = 'scram-sha-256'
max_prepared_transactions = 10
fsync = off
EOC
	$source->append_conf('postgresql.conf', $opt{source_conf})
	  if defined $opt{source_conf};
	_write_file($source->data_dir . '/pg_hba.conf', <<EOC);
local	all				all					trust
local	replication		all					trust
host	all				all	127.0.0.1/32	scram-sha-256
EOC

	my $target = PostgreSQL::Test::Cluster->new("${name}_target");
	$target->init(@{ $opt{target_init} || [] });
	$target->append_conf('postgresql.conf', <<EOC);
max_worker_processes = 16
max_prepared_transactions = 10
fsync = off
EOC
	$target->append_conf('postgresql.conf', $opt{target_conf})
	  if defined $opt{target_conf};

	if ($opt{start} // 1)
	{
		$source->start;
		$target->start;
		$target->safe_psql('postgres', 'CREATE EXTENSION pgcopydb_ext')
		  if $opt{extension} // 1;
	}
	return ($source, $target);
}

# A connection string for NODE.  Options: db, user, password; tcp => 1 goes by
# 127.0.0.1 (where a password is asked for) instead of the unix socket.  Any
# other option is taken over as a keyword of libpq.
sub conninfo
{
	my ($node, %opt) = @_;
	my $tcp = delete $opt{tcp};
	my %kw = (
		host => $tcp ? '127.0.0.1' : $node->host,
		port => $node->port,
		dbname => delete $opt{db} // 'postgres',
		%opt);

	return join ' ', map {
		(my $v = $kw{$_}) =~ s/([\\'])/\\$1/g;
		"$_='$v'"
	} sort keys %kw;
}

# Make the source's roles in the target as well, with memberships.
sub copy_roles
{
	my ($source, $target) = @_;
	my ($out, $err) = run_command(
		[
			'pg_dumpall', '--roles-only', '--dbname',
			conninfo($source)
		]);
	die "pg_dumpall failed: $err" if $err =~ /error/;

	# The bootstrap superuser is there already.
	$out =~ s/^CREATE ROLE "?\Q$_\E"?;$//mg
	  for split /\n/, $target->safe_psql('postgres',
		'SELECT rolname FROM pg_roles WHERE oid = 10');
	$target->safe_psql('postgres', $out);
	return;
}

sub quote_literal
{
	my ($value) = @_;
	return 'NULL' unless defined $value;
	my $e = $value =~ /\\/ ? 'E' : '';
	$value =~ s/\\/\\\\/g;
	$value =~ s/'/''/g;
	return "$e'$value'";
}

#-------------------------------------------------------------------------
# Jobs
#-------------------------------------------------------------------------

# Enqueue a clone of CONNINFO into TARGET and return the job's number.
#
# Options: db (the target's database, gets the extension when it lacks it) and
# user (who calls); all others are arguments of pgcopy_clone, an array reference
# being an array.
sub clone
{
	my ($target, $conninfo, %opt) = @_;
	my $db = delete $opt{db} // 'postgres';
	my $user = delete $opt{user};
	my @args = (quote_literal($conninfo));

	foreach my $name (sort keys %opt)
	{
		my $value = $opt{$name};
		push @args, "$name => "
		  . (
			ref $value
			? 'ARRAY[' . join(', ', map { quote_literal($_) } @$value) . ']::text[]'
			: quote_literal($value));
	}

	$target->safe_psql($db, <<EOQ);
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcopydb_ext;
EOQ
	# A role's timeouts are its job's to survive; the call itself obeys them.
	return $target->safe_psql(
		$db,
		'SET statement_timeout = 0; SELECT pgcopy_clone(' . join(', ', @args) . ')',
		$user ? (extra_params => [ '-U', $user ]) : ());
}

# Clone and wait for the job to end done, as one test.  Returns the job.
sub clone_ok
{
	my ($target, $conninfo, %opt) = @_;
	my $name = delete $opt{name} // 'the clone ends done';
	my $limit = delete $opt{limit};
	my $job = clone($target, $conninfo, %opt);

	ok( wait_for_state(
			$target, $job, 'done',
			db => $opt{db} // 'postgres',
			limit => $limit // $LIMIT),
		$name);
	return $job;
}

# Wait for the next look: soon at first, what ends soon should not keep us.
sub _pause
{
	my ($looks) = @_;
	sleep($looks < 5 ? 0.02 : 0.1);
	return;
}

# Ask what psql would print, by a connection that CLIENT keeps while somebody waits: a
# psql for each look would cost more than what is waited for.  Returns undef when that
# fails, so that psql can say why.
sub _look
{
	my ($client, $node, $db, $query) = @_;
	$$client //= PgCopyWire->connect($node, $db) // return;
	my $answer = $$client->ask($query, 30);
	if ($answer && !$answer->{error} && !$answer->{is_lost})
	{
		return join "\n", map { join '|', map { $_ // '' } @$_ } @{ $answer->{rows} };
	}
	undef $$client;
	return;
}

# Poll QUERY in NODE until it returns what is expected ("t" unless said).
#
# Returns true, or false when the limit is over; then what was seen last is
# printed, and with option job also that job and the end of the log.  Options:
# db, expected, limit (seconds), job, what (words for the message).
sub wait_until
{
	my ($node, $query, %opt) = @_;
	my $db = $opt{db} // 'postgres';
	my $expected = $opt{expected} // 't';
	my $limit = $opt{limit} // $LIMIT;
	my $end = time() + $limit;
	my $looks = 0;
	my ($client, $out, $err);

	while (1)
	{
		$err = '';
		# psql may end before it is asked, while a server comes up again
		eval { (undef, $out, $err) = $node->psql($db, $query) } // ($err = $@)
		  if !defined($out = _look(\$client, $node, $db, $query));
		$out //= '';
		return 1 if $out eq $expected && !$err;
		last if time() > $end;
		_pause($looks++);
	}

	diag(sprintf "gave up after %d s waiting for %s\nexpected: %s\nlast seen: %s",
		$limit, $opt{what} // $query, $expected, $out);
	diag("last error: $err") if $err;
	show_job($node, $opt{job}, db => $db) if defined $opt{job};
	return 0;
}

sub _state_sql { return "SELECT state FROM pgcopy_progress WHERE job = $_[0]"; }

# The state a job is in.
sub job_state
{
	my ($target, $job, %opt) = @_;
	return $target->safe_psql($opt{db} // 'postgres', _state_sql($job));
}

# Wait until JOB is in one of STATES (a name or an array reference).  Gives up
# at once when the job ends in another state.
sub wait_for_state
{
	my ($target, $job, $states, %opt) = @_;
	my @wanted = ref $states ? @$states : ($states);
	my $db = $opt{db} // 'postgres';
	my $limit = $opt{limit} // $LIMIT;
	my $end = time() + $limit;
	my $looks = 0;
	my $state = '';
	my $client;

	while (1)
	{
		$state = _look(\$client, $target, $db, _state_sql($job)) // job_state($target, $job, db => $db);
		return 1 if grep { $_ eq $state } @wanted;
		last if time() > $end || grep { $_ eq $state } @ENDED;
		_pause($looks++);
	}

	diag("job $job is in state \"$state\", not in \"@wanted\" (limit: $limit s)");
	show_job($target, $job, db => $db);
	return 0;
}

# Wait until JOB has ended, whichever way, and return its state.
sub wait_for_end
{
	my ($target, $job, %opt) = @_;
	wait_for_state($target, $job, \@ENDED, %opt);
	return job_state($target, $job, db => $opt{db});
}

# Print what is known of a job: its row, what of its items is not done, its
# workers, errors, and the end of the server's log.
sub show_job
{
	my ($target, $job, %opt) = @_;
	my $db = $opt{db} // 'postgres';
	my %query = (
		'1 progress' => "SELECT * FROM pgcopy_progress WHERE job = $job",
		'2 job' => "SELECT * FROM pgcopy.job j WHERE j.id = $job",
		'3 items' =>
		  "SELECT i.kind, i.state, count(*) FROM pgcopy.item i WHERE i.job = $job GROUP BY 1, 2 ORDER BY 1, 2",
		'4 items not done' =>
		  "SELECT * FROM pgcopy.item i WHERE i.job = $job AND i.state <> 'done' ORDER BY i.no LIMIT 20",
		'5 errors' => "SELECT * FROM pgcopy_errors WHERE job = $job LIMIT 10",
		'6 backends' =>
		  "SELECT pid, backend_type, application_name, state, wait_event_type, wait_event, left(query, 100) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
	);

	foreach my $title (sort keys %query)
	{
		my ($rc, $out, $err) = $target->psql($db, $query{$title},
			extra_params => [ '--expanded', '--no-align', '--pset=tuples_only=off' ]);
		diag("--- $title\n" . ($rc ? $err : $out));
	}
	diag('--- end of ' . $target->logfile . "\n" . log_tail($target));
	return;
}

# The last lines of a server's log, without the statements of tests.
sub log_tail
{
	my ($node, $lines) = @_;
	my @log = grep { !/LOG:  statement: / } split /\n/,
	  slurp_file($node->logfile);
	$lines //= 40;
	splice @log, 0, @log - $lines if @log > $lines;
	return join "\n", @log;
}

# How many sessions of ours a source has, those of pg_dump among them.
sub source_sessions
{
	my ($source) = @_;
	return $source->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^(pgcopy|pg_dump\$)' AND pid <> pg_backend_pid()"
	);
}

#-------------------------------------------------------------------------
# Equality
#-------------------------------------------------------------------------

# What belongs to this extension and is therefore in the target only.
my $NOT_OURS = <<'EOQ';
NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e
	ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
	AND d.deptype = 'e' AND e.extname = 'pgcopydb_ext')
EOQ

# The major of the older side, if it is not that of the tests: what is asked of both
# sides must be known there, and below 12 floats have another text but for 15 digits.
our $OLDER = 15;

# The same text for the same value on both sides.
sub _same_text
{
	my $digits = $OLDER < 12 ? 0 : 1;

	return <<"EOQ";
SET search_path = pg_catalog;
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET TimeZone = 'UTC';
SET extra_float_digits = $digits;
SET bytea_output = 'hex';
SET row_security = off;
SET statement_timeout = 0;
EOQ
}

# Where functions are found while rows are read, and whether to go on after an error.
our ($PATH, $READS_ON) = ('pg_catalog', 0);

# Test that two databases are equal: definitions, contents, large objects,
# sequences; and that the target's B-trees are sound.  Options: source_db, db, name;
# schema => 0, data => 0, large_objects => 0, sequences => 0, indexes => 0 leave a part
# out; ignore is a pattern of tables ("schema.table") that are not compared; filter is
# a function that gets the list of a dump's entries and returns it, changed.
sub assert_same
{
	my ($source, $target, %opt) = @_;
	my $sdb = $opt{source_db} // 'postgres';
	my $tdb = $opt{db} // 'postgres';
	my @side = ([ $source, $sdb ], [ $target, $tdb ]);

	return subtest $opt{name} // 'source and target are equal' => sub {
		_same('definitions are equal', map { _schema_of(@$_, $opt{filter}) } @side)
		  if $opt{schema} // 1;
		_same('the contents of all tables are equal',
			map { _rows_of(@$_, $opt{ignore}, _hash_expr(@side)) } @side)
		  if $opt{data} // 1;
		_same('large objects are equal', map { _large_objects_of(@$_) } @side)
		  if $opt{large_objects} // 1;
		_same('sequences are equal', map { _sequences_of(@$_, $opt{ignore}) } @side)
		  if $opt{sequences} // 1;
		is(_unsound_indexes($target, $tdb), '', 'the B-trees of the target are sound') if $opt{indexes} // 1;
	};
}

# What amcheck finds in a database's B-trees.  That every row is in its index is looked
# at where no function of the database's own is called for it: amcheck calls without a
# search_path.  Everything is rolled back.
sub _unsound_indexes
{
	my ($node, $db) = @_;
	my (undef, undef, $err) = $node->psql($db, <<"EOQ");
SET client_min_messages = warning;
BEGIN READ WRITE;
UPDATE pg_catalog.pg_event_trigger SET evtenabled = 'D';
CREATE SCHEMA pgcopy_test_look;
CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA pgcopy_test_look;
ALTER EXTENSION amcheck SET SCHEMA pgcopy_test_look;
SELECT count(pgcopy_test_look.bt_index_check(x.indexrelid, x.indexprs IS NULL AND x.indpred IS NULL))
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am a ON a.oid = i.relam
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND c.relpersistence <> 't'
AND a.amname = 'btree' AND i.relkind = 'i' AND x.indisvalid AND x.indisready AND $NOT_OURS;
ROLLBACK;
EOQ
	return $err;
}

# All that assert_same compares, of one database as one text: for tests that
# compare many clones with a source that stands still.
sub picture
{
	my ($node, $db) = @_;
	return join '', _schema_of($node, $db), _rows_of($node, $db, undef, _hash_expr([ $node, $db ])),
	  _large_objects_of($node, $db), _sequences_of($node, $db);
}

# The same as lists: part => array reference of entries or lines.  A table that cannot
# be read has its error as its line: index expressions are planned here, so they may
# need public in the path, and raise.
sub parts
{
	my ($node, $db) = @_;
	local ($PATH, $READS_ON) = ('pg_catalog, public', 1);
	my %part = (
		rows => _rows_of($node, $db, undef, _hash_expr([ $node, $db ])),
		'large objects' => _large_objects_of($node, $db),
		sequences => _sequences_of($node, $db));

	$_ = [ split /\n/, $_ ] for values %part;
	$part{definitions} = [ split /\n\n/, _schema_of($node, $db) ];
	return %part;
}

# List the leaves with rows that the database's own definitions want in another
# one, each with their number; '' if there are none.
sub misplaced
{
	my ($node, $db) = @_;
	my $queries = $node->safe_psql($db, <<'EOQ');
SELECT string_agg(format('SELECT %L, count(*) FROM ONLY %s WHERE NOT (%s)', c.oid::regclass, c.oid::regclass,
	pg_get_partition_constraintdef(c.oid)), ' UNION ALL ')
FROM pg_class c WHERE c.relispartition AND c.relkind = 'r'
EOQ
	return $node->safe_psql($db, "SELECT * FROM ($queries) AS q(leaf, n) WHERE n > 0 ORDER BY 1");
}

# Test that nothing is wrong with the target's heaps and B-trees, and that every
# page of every table and of its TOAST is all-visible and all-frozen.  REFRESH does not set the
# visibility map, so materialized views need not; option ignore is a pattern of
# other tables ("schema.table") that need not, ignore_indexes one of B-trees that
# cannot be looked at: amcheck computes expressions without a search_path.
sub assert_frozen
{
	my ($target, %opt) = @_;
	my $db = $opt{db} // 'postgres';
	my $ignore = quote_literal($opt{ignore} // '^$');
	my $ignore_indexes = quote_literal($opt{ignore_indexes} // '^$');

	# In a schema of their own, dropped again.
	_without_event_triggers($target, $db,
		'CREATE SCHEMA pgcopy_test_look',
		'CREATE EXTENSION pg_visibility SCHEMA pgcopy_test_look',
		'CREATE EXTENSION amcheck SCHEMA pgcopy_test_look');
	my $tables = <<EOQ;
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
AND c.relpersistence <> 't' AND $NOT_OURS
EOQ
	my $result = subtest $opt{name} // 'tables are frozen, indexes are sound' => sub {
		is( $target->safe_psql($db, <<EOQ), '', 'every page is all-visible and all-frozen');
SELECT x.owner, x.what, count(*) || ' pages of ' || max(pg_relation_size(x.oid)) / 8192
FROM (SELECT c.oid, c.reltoastrelid $tables AND c.relkind = 'r' AND n.nspname || '.' || c.relname !~ $ignore) c,
	LATERAL (VALUES (c.oid, 'rows', c.oid::regclass), (c.reltoastrelid, 'TOAST', c.oid::regclass)) AS x(oid, what, owner),
	LATERAL pgcopy_test_look.pg_visibility_map(x.oid) v
WHERE x.oid <> 0 AND NOT (v.all_visible AND v.all_frozen) GROUP BY 1, 2
EOQ
		is( $target->safe_psql($db, <<EOQ), '', 'the visibility map tells the truth');
SELECT c.oid::regclass
FROM (SELECT c.oid $tables UNION ALL SELECT c.reltoastrelid $tables AND c.reltoastrelid <> 0) c
WHERE EXISTS (SELECT FROM pgcopy_test_look.pg_check_visible(c.oid))
OR EXISTS (SELECT FROM pgcopy_test_look.pg_check_frozen(c.oid))
EOQ
		my ($rc, undef, $err) = $target->psql($db, <<EOQ);
SELECT pgcopy_test_look.bt_index_check(x.indexrelid, true)
FROM (SELECT c.oid $tables) c JOIN pg_index x ON x.indrelid = c.oid
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am a ON a.oid = i.relam
WHERE a.amname = 'btree' AND i.relkind = 'i' AND x.indisvalid AND x.indisready
AND i.relnamespace::regnamespace || '.' || i.relname !~ $ignore_indexes
EOQ
		is($err, '', 'every B-tree holds every row');
		is( $target->safe_psql($db, <<EOQ), '', 'no heap is corrupt, nor its TOAST');
SELECT c.oid::regclass, v.* FROM (SELECT c.oid $tables AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'heap')) c,
	LATERAL pgcopy_test_look.verify_heapam(c.oid, check_toast => true) v LIMIT 10
EOQ
	};
	_without_event_triggers($target, $db, 'DROP SCHEMA pgcopy_test_look CASCADE');
	return $result;
}

# Run statements that the database's own event triggers might forbid or log.
sub _without_event_triggers
{
	my ($node, $db, @statement) = @_;
	my $execute = join '', map { 'EXECUTE ' . quote_literal($_) . ";\n" } @statement;

	$node->safe_psql($db, <<EOQ);
SET client_min_messages = warning;
DO \$do\$
DECLARE
	oids oid[] := ARRAY(SELECT oid FROM pg_catalog.pg_event_trigger ORDER BY oid);
	enabled "char"[] := ARRAY(SELECT evtenabled FROM pg_catalog.pg_event_trigger ORDER BY oid);
BEGIN
	UPDATE pg_catalog.pg_event_trigger SET evtenabled = 'D';
	$execute
	UPDATE pg_catalog.pg_event_trigger t SET evtenabled = k.enabled
	FROM unnest(oids, enabled) AS k(oid, enabled) WHERE t.oid = k.oid;
END
\$do\$;
EOQ
	return;
}

# Compare two texts; when they differ, show how.
sub _same
{
	my ($name, $expected, $got) = @_;
	my $difference = difference($expected, $got);

	ok($difference eq '', $name) or diag($difference);
	return $difference eq '';
}

# How a text differs from what is expected; empty when it does not.
sub difference
{
	my ($expected, $got) = @_;
	return '' if $expected eq $got;

	my $dir = File::Temp->newdir;
	_write_file("$dir/source", $expected);
	_write_file("$dir/target", $got);
	my @diff = split /\n/, (run_command([ 'diff', '-U2', "$dir/source", "$dir/target" ]))[0];
	my $more = @diff > 80 ? sprintf("\n... %d more lines", @diff - 80) : '';
	return join("\n", @diff[ 0 .. ($#diff < 79 ? $#diff : 79) ]) . $more;
}

# A database's definitions: the entries of pg_dump, sorted, since their order
# also depends on OIDs.
sub _schema_of
{
	my ($node, $db, $filter) = @_;
	my ($out, $err) = run_command(
		[ 'pg_dump', '--schema-only', '--dbname', conninfo($node, db => $db) ]);
	die "pg_dump of $db failed: $err" if $err =~ /error/;

	my @entry = split /\n--\n(?=-- Name: )/, $out;
	my $header = shift @entry;

	# Running settings belong to the entries that come after them.
	my %running = ();
	$running{$1} = $& while $header =~ /^SET (default_\w+) = .*;$/mg;
	foreach my $entry (@entry)
	{
		my $before = join '', map { "$running{$_}\n" } sort keys %running;
		$running{$1} = $& while $entry =~ /^SET (default_\w+) = .*;$/mg;
		$entry =~ s/^SET default_\w+ = .*;$//mg;
		# pg_dump names a policy's roles in the order they were created in.
		$entry =~ s/^(CREATE POLICY .*? TO )(.*?)(?= USING| WITH CHECK|;)/$1 . join(', ', sort split ', ', $2)/me;
		# ... and the labels of an object in any order.
		$entry =~ s/^(SECURITY LABEL FOR .*)\z/join '', sort split m{^(?=SECURITY LABEL FOR )}m, "$1\n"/mse
		  if $entry =~ /; Type: SECURITY LABEL;/;
		$entry =~ s/^\\(un)?restrict .*$//mg;
		$entry =~ s/^--\n-- PostgreSQL database dump complete\n--$//mg;
		$entry =~ s/\n{2,}/\n/g;
		$entry = "$before$entry" if $entry =~ /^-- .*; Type: (TABLE|INDEX|MATERIALIZED VIEW);/;
		$entry =~ s/\s*\z/\n/;
	}
	@entry = grep { !/^-- Name: (EXTENSION )?pgcopydb_ext; Type: (EXTENSION|COMMENT);/m } @entry;
	@entry = $filter->(@entry) if $filter;
	return join "\n", sort @entry;
}

# An expression that hashes the text of a row alike on all sides.
sub _hash_expr
{
	my %encoding = map {
		$_->[0]->safe_psql($_->[1], 'SHOW server_encoding') => 1
	} @_;
	return 'hashtextextended(%s, 0)' if keys %encoding == 1 && $OLDER >= 11;
	return q{('x' || left(md5(convert_to(%s, 'UTF8')), 15))::bit(60)::bigint};
}

# One line per table: its name, number of rows and the sum of their hashes.
sub _rows_of
{
	my ($node, $db, $ignore, $hash) = @_;
	my $expr = quote_literal(sprintf $hash, 'ROW(%s)::text');

	my ($rc, $list, $err) = $node->psql($db, <<EOQ, on_error_stop => !$READS_ON);
${\ _same_text() }
SET search_path = $PATH;
SELECT n.nspname || '.' || c.relname || ': unpopulated'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND NOT c.relispopulated AND $NOT_OURS;
SELECT format('SELECT %L, count(*), coalesce(sum(%s::numeric), 0) FROM ONLY %I.%I',
	n.nspname || '.' || c.relname,
	format($expr, (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname::text COLLATE "C")
		FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)),
	n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.relpersistence <> 't'
AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND $NOT_OURS
\\gexec
EOQ
	die "could not read the tables of $db: $err" if $rc && !$READS_ON;
	return _sorted($READS_ON ? "$list\n$err" : $list, $ignore);
}

# One line per large object: content, owner, privileges, comment, labels.
sub _large_objects_of
{
	my ($node, $db) = @_;
	return _sorted(
		$node->safe_psql($db, <<EOQ));
${\ _same_text() }
SELECT m.oid, md5(lo_get(m.oid)), length(lo_get(m.oid)), pg_get_userbyid(m.lomowner),
	(SELECT array_agg(a::text ORDER BY a::text COLLATE "C") FROM unnest(m.lomacl) a),
	obj_description(m.oid, 'pg_largeobject'),
	(SELECT array_agg(l.provider || ': ' || l.label ORDER BY l.provider COLLATE "C") FROM pg_seclabel l
		WHERE l.classoid = 'pg_largeobject'::regclass AND l.objoid = m.oid)
FROM pg_largeobject_metadata m
EOQ
}

# One line per sequence: where it stands.
sub _sequences_of
{
	my ($node, $db, $ignore) = @_;
	my $list = $node->safe_psql($db, <<EOQ);
${\ _same_text() }
SELECT format('SELECT %L, last_value, is_called FROM %I.%I',
	n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND $NOT_OURS
AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
\\gexec
EOQ
	return _sorted($list, $ignore);
}

sub _sorted
{
	my ($list, $ignore) = @_;
	my @line = split /\n/, $list;
	@line = grep { !/$ignore/ } @line if defined $ignore;
	return join '', map { "$_\n" } sort @line;
}

sub _write_file
{
	my ($path, $text) = @_;
	open my $fh, '>', $path or die "could not write $path: $!";
	print $fh $text;
	close $fh or die "could not write $path: $!";
	return;
}

1;
