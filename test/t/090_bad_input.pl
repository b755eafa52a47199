# Bad input is an error with an SQLSTATE of its own and a hint, before anything
# in the target has changed: connection strings that are wrong or lead nowhere
# or back here, servers and tools of the wrong version, arguments out of range,
# a target that is not empty, lacks an extension or a role, or is a standby.
# After all of it a good order still works.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use IO::Socket::INET;
use POSIX ();
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('bad_input', target_init => [ 'allows_streaming' => 1 ]);
new_database($source, 'app', 'needs', 'roles', 'own');
new_database($target, 'app', 'conflict', 'fake');
$source->safe_psql('postgres', "CREATE ROLE with_password LOGIN PASSWORD 'right'");
$source->safe_psql('app', <<'EOQ');
CREATE TABLE t1 (a int PRIMARY KEY);
CREATE TABLE t2 (a int);
CREATE SCHEMA s CREATE VIEW v AS SELECT 1 AS a CREATE SEQUENCE sq;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE ty AS ENUM ('a');
EOQ
$target->safe_psql($_, 'CREATE EXTENSION pgcopydb_ext') for qw(app conflict fake);
my $good = conninfo($source, db => 'app');

# All that a target holds, our own tables aside.
sub picture
{
	my ($db) = @_;
	my ($out) = run_command([ 'pg_dump', '--dbname', conninfo($target, db => $db) ]);
	return $out =~ s/^\\(un)?restrict .*$//mgr
	  . $target->safe_psql($db, 'SELECT count(*) FROM pg_class') . $target->safe_psql($db, 'SELECT count(*) FROM pg_proc');
}

# Clone with the SQL ARGS, which must fail, at once or as a job: with an
# SQLSTATE like STATE, a message or detail like MESSAGE, with a hint, and
# without a trace in the target.
sub refuses
{
	my ($what, $args, $state, $message, %opt) = @_;
	my $db = $opt{db} // 'app';
	return subtest $what => sub {
		my $before = picture($db);
		my ($job, @error) = start_job($target, $db, $args);
		my $at = 'at once';
		if (defined $job)
		{
			$at = 'by the leader';
			is(wait_for_end($target, $job, db => $db, limit => 60), 'failed', 'the job fails');
			@error = map { s/\x01/\n/gr } split /\x02/,
			  $target->safe_psql($db, "SELECT replace(concat_ws(E'\\x02', sqlstate, message, coalesce(detail, ''), coalesce(hint, '')), E'\\n', E'\\x01') FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY no LIMIT 1"), -1;
			is($target->safe_psql($db, "SELECT state, message <> '' FROM pgcopy_progress WHERE job = $job"), 'failed|t', 'pgcopy_progress says why');
			ok(is_quiet($source, $target, 10), 'nothing is left of the job');
			$target->safe_psql($db, "SELECT pgcopy_drop($job)");
		}
		like($error[0], qr/^(?:$state)$/, "SQLSTATE, $at");
		like(join(' / ', @error[ 1, 2 ]), $message, 'message and detail');
		isnt($error[3] // '', '', 'there is a hint');
		is(picture($db), $before, 'nothing in the target has changed');
		note(join ' | ', @error);
	};
}

sub quoted { return quote_literal($_[0]); }

#
# Connection strings
#
refuses('malformed connection string', quoted("host='oops"), '42601|22023|08001|F0000|HV00D', qr/connection string/);
refuses('malformed URI', quoted('postgres://[::1/x'), '42601|22023|08001|HV00D', qr/connection string|URI|source/i);
refuses('unknown option in it', quoted('host=localhost nonsense=1'), '42601|22023|08001|HV00D', qr/nonsense/);
refuses("$_ for connect_timeout", quoted("host=localhost connect_timeout=$_"), '08001', qr/"connect_timeout"/) for 'soon', '99999999999';
refuses('a name that is no foreign server', quoted('no_such_server'), '42704|42601|22023', qr/no_such_server|connection string/);
refuses('empty connection string', quoted(''), '22023|42601|08001|55000|42704', qr/./);
refuses('unreachable port', quoted('host=127.0.0.1 port=1 dbname=x connect_timeout=5'), '08001|08006', qr/connect/);
refuses('unreachable socket', quoted('host=/nonexistent dbname=x'), '08001|08006', qr/connect/);
refuses('unknown host', quoted('host=no-such-host.invalid dbname=x connect_timeout=5'), '08001|08006', qr/no-such-host/);
refuses('wrong password', quoted(conninfo($source, db => 'app', tcp => 1, user => 'with_password', password => 'wrong')), '28P01|28000|08001', qr/password authentication failed/);
refuses('no password', quoted(conninfo($source, db => 'app', tcp => 1, user => 'with_password')), '28P01|28000|08001|08004', qr/password/);
refuses('no such role', quoted(conninfo($source, db => 'app', user => 'no_such_role')), '28000|28P01|08001', qr/no_such_role/);
refuses('no such database', quoted(conninfo($source, db => 'no_such_db')), '3D000|08001', qr/no_such_db/);
refuses('the source is this same database', quoted(conninfo($target, db => 'app')), '22023|55000|42P17|0A000|42809', qr/same|itself|this (very )?database/);

#
# Versions: a server that only says which version it is
#
sub fake_server
{
	my ($version) = @_;
	my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', Proto => 'tcp') or die "could not listen: $!";
	my $pid = fork() // die "could not fork: $!";
	return ($pid, $listener->sockport) if $pid;

	# end alone: on a signal the framework, of some versions, stops the servers
	$SIG{$_} = 'DEFAULT' for qw(TERM INT ALRM);
	$SIG{CHLD} = 'IGNORE';
	alarm 120;
	while (my $client = $listener->accept)
	{
		next if fork();
		my $take = sub { my $b = ''; while (length $b < $_[0]) { sysread($client, $b, $_[0] - length $b, length $b) or POSIX::_exit(0) } $b };
		my $send = sub { syswrite $client, $_[0] . pack('N', 4 + length $_[1]) . $_[1] };
		my $startup;
		while (1)
		{
			$startup = $take->(unpack('N', $take->(4)) - 4);
			last if unpack('N', $startup) == 196608;
			POSIX::_exit(0) if unpack('N', $startup) == 80877102;
			syswrite $client, 'N';
		}
		$send->('R', pack 'N', 0);
		$send->('S', "$_\0") for "server_version\0$version", "server_encoding\0UTF8", "client_encoding\0UTF8", "standard_conforming_strings\0on", "DateStyle\0ISO, MDY", "integer_datetimes\0on", "TimeZone\0UTC", "IntervalStyle\0postgres", "is_superuser\0on", "session_authorization\0x";
		$send->('K', pack 'NN', 1, 1);
		$send->('Z', 'I');
		while (1)
		{
			my $type = $take->(1);
			my $body = $take->(unpack('N', $take->(4)) - 4);
			POSIX::_exit(0) if $type eq 'X';
			if ($type eq 'Q' && $body =~ /^SELECT pg_catalog\.pg_backend_pid/)
			{
				$send->('T', pack('n', 1) . "pid\0" . pack('NnNnNn', 0, 0, 25, 65535, 4294967295, 0));
				$send->('D', pack('nNa', 1, 1, '1'));
				$send->('C', "SELECT 1\0");
				# with the settings in the same message
				if ($body =~ /;.*set_config/s)
				{
					$send->('T', pack('n', 1) . "set_config\0" . pack('NnNnNn', 0, 0, 25, 65535, 4294967295, 0));
					$send->('C', "SELECT 0\0");
				}
				$send->('Z', 'I');
			}
			elsif ($type eq 'Q') { $send->('C', "SET\0"); $send->('Z', 'I'); }
			elsif ($type eq 'S') { $send->('E', "SERROR\0C0A000\0Mnot a real server\0\0"); $send->('Z', 'I'); }
		}
	}
	POSIX::_exit(0);
}

my $major = int($target->safe_psql('postgres', 'SHOW server_version_num') / 10000);
my $next = $major + 1;
my $NEWER = qr{^the source is newer than this server / The source is PostgreSQL (?:$next|99), this server is PostgreSQL $major\.$};

# Do something with the connection string of a fake server.
sub with_fake_server
{
	my ($version, $do) = @_;
	my ($pid, $port) = fake_server($version);
	$do->("host=127.0.0.1 port=$port dbname=x user=x sslmode=disable gssencmode=disable");
	kill 'TERM', $pid;
	waitpid $pid, 0;
	return;
}

foreach my $case (
	[ '9.6.24', qr/^the source is too old: its version number is 90624/ ],
	[ '9.0.23', qr/^the source is too old: its version number is 90023/ ],
	[ "$next.1", $NEWER ], [ "${next}beta1", $NEWER ], [ '99.0', $NEWER ])
{
	my ($version, $message) = @$case;
	with_fake_server($version, sub {
		refuses("a source of version $version", quoted($_[0]), '0A000', $message, db => 'fake');
	});
}

# No pg_dump makes a newer source one that can be cloned, and no hint leads there.
with_fake_server("$next.1", sub {
	my ($conninfo) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	foreach my $tool ('pg_dump', 'pg_restore')
	{
		open my $fh, '>', "$dir/$tool" or die $!;
		print $fh "#!/bin/sh\necho '$tool (PostgreSQL) $next.1'\n";
		close $fh;
		chmod 0755, "$dir/$tool";
	}
	foreach my $call ('pgcopy_clone', 'pgcopy_clone_server')
	{
		my @error = call_error($target, 'postgres', "LOAD 'pgcopydb_ext'; SET pgcopy.pg_dump = '$dir/pg_dump'; SELECT FROM $call(" . quoted($conninfo) . ')');
		is(join('|', @error[ 0, 1 ]), '0A000|the source is newer than this server', "$call() says so, with a pg_dump of version $next too");
		like($error[3], qr/^Upgrade this server first/, 'and to upgrade');
		unlike(join(' ', @error), qr/pg_dump/, 'not to take another pg_dump');
	}
	my @error = call_error($target, 'postgres', "LOAD 'pgcopydb_ext'; SET pgcopy.pg_dump = '$dir/pg_dump'; SET pgcopy.allow_unsupported_newer_source = on; SELECT FROM pgcopy_clone(" . quoted($conninfo) . ')');
	like($error[1], qr/not a real server/, 'who wants that though it is not supported gets further');
	@error = call_error($target, 'postgres', "CREATE ROLE plain; SET ROLE plain; LOAD 'pgcopydb_ext'; SET pgcopy.allow_unsupported_newer_source = on");
	is($error[0], '42501', 'not everybody may want that');
});

#
# The tools
#
foreach my $path ('/nonexistent/pg_dump')
{
	$target->append_conf('postgresql.conf', "pgcopy.pg_dump = '$path'\n");
	$target->reload;
	wait_until($target, "SELECT current_setting('pgcopy.pg_dump', true) = '$path'", db => 'app');
	refuses("pg_dump is not at $path", quoted($good), '58P01|55000|42501|58030|F0000|42809|38000', qr/pg_dump/);
}
my $dir = PostgreSQL::Test::Utils::tempdir();
my $old = "$dir/pg_dump";
foreach my $tool ('pg_dump', 'pg_restore')
{
	open my $fh, '>', "$dir/$tool" or die $!;
	print $fh "#!/bin/sh\necho '$tool (PostgreSQL) 14.1'\n";
	close $fh;
	chmod 0755, "$dir/$tool";
}
$target->append_conf('postgresql.conf', "pgcopy.pg_dump = '$old'\n");
$target->reload;
wait_until($target, "SELECT current_setting('pgcopy.pg_dump', true) = '$old'", db => 'app');
refuses('pg_dump is older than the source', quoted($good), '0A000|55000', qr/version|14/);

# Why a tool fails is in its own words, wherever it says them, or how it ended.
new_database($target, 'words');
$target->safe_psql('words', 'CREATE EXTENSION pgcopydb_ext');
my $noise = 'for i in $(seq 1 500); do echo "pg_dump: reading object number $i" >&2; done';
foreach my $case (
	[ 'is killed', "$noise; kill -9 \$\$", qr/^pg_dump failed: .*signal 9/, qr/number 500$/, qr/killed it, or this machine's memory/ ],
	[ 'ends without a word', 'exit 3', qr/^pg_dump failed: .*exit code 3/, qr/^$/, qr/Run it by hand/ ],
	[ 'cannot be run', 'exit 127', qr/^pg_dump failed: /, qr/^$/, qr/could not be run/ ],
	[ 'is out of memory', "echo 'pg_dump: error: out of memory' >&2; exit 1", qr/^pg_dump failed: out of memory$/, qr/^pg_dump: error: out of memory$/, qr/./ ],
	[ 'says much before', "$noise; echo 'pg_dump: error: the cause' >&2; echo 'pg_dump: detail: more' >&2; exit 1", qr/^pg_dump failed: the cause$/, qr/pg_dump: error: the cause\npg_dump: detail: more$/, qr/./ ])
{
	my ($what, $script, $message, $detail, $hint) = @$case;
	my $tools = PostgreSQL::Test::Utils::tempdir();
	foreach my $tool ('pg_dump', 'pg_restore')
	{
		open my $fh, '>', "$tools/$tool" or die $!;
		print $fh "#!/bin/bash\n[ \"\$1\" = --version ] && { echo '$tool (PostgreSQL) 18.0'; exit 0; }\n$script\n";
		close $fh;
		chmod 0755, "$tools/$tool";
	}
	$target->safe_psql('words', "ALTER DATABASE words SET pgcopy.pg_dump = '$tools/pg_dump'");
	my $job = clone($target, $good, db => 'words');
	is(wait_for_end($target, $job, db => 'words'), 'failed', "a pg_dump that $what fails the job");
	my @said = map { $target->safe_psql('words', "SELECT $_ FROM pgcopy_errors WHERE job = $job AND is_final") } qw(message detail hint);
	like($said[0], $message, '... the message says why');
	like($said[1], $detail, '... the detail has the end of its words');
	like($said[2], $hint, '... and the hint what to do');
}
my $said = (call_error($target, 'words', "SET pgcopy.pg_dump = '/nonexistent/pg_dump'; SELECT pgcopy_clone(" . quote_literal($good) . ')'))[3];
my ($statement) = $said =~ /(ALTER DATABASE words SET pgcopy\.pg_dump = .*)\.$/;
is($target->psql('postgres', $statement), 0, 'the statement of the hint works in a new session');
is($target->psql('postgres', "ALTER SYSTEM SET pgcopy.max_attempts = 5") == 0, $major >= 17, 'ALTER SYSTEM does from version 17 on');
is($target->psql('postgres', "LOAD 'pgcopydb_ext';\nALTER SYSTEM SET pgcopy.max_attempts = 5"), 0, '... and before, if the library is loaded');
$target->psql('postgres', 'ALTER SYSTEM RESET ALL');

$target->append_conf('postgresql.conf', "pgcopy.pg_dump = ''\n");
$target->reload;
wait_until($target, "SELECT coalesce(current_setting('pgcopy.pg_dump', true), '') = ''", db => 'app');

#
# What is in the target already
#
$target->safe_psql('conflict', "CREATE TABLE t1 (mine text); INSERT INTO t1 VALUES ('mine'); CREATE SCHEMA s; CREATE TABLE s.v (a int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'");
refuses('objects that exist in the target', quoted($good), '42P07|42710|55000|42P06|42723', qr/t1/, db => 'conflict');
is($target->safe_psql('conflict', 'SELECT mine FROM t1'), 'mine', 'the table that was there is untouched');
$target->safe_psql('conflict', 'DROP TABLE t1; DROP SCHEMA s CASCADE');
refuses('a function that exists in the target', quoted($good), '42P07|42710|55000|42P06|42723', qr/\bf\b/, db => 'conflict');

#
# Arguments
#
foreach my $bad (
	[ 'table_jobs => 0', qr/table_jobs/ ],
	[ 'table_jobs => -1', qr/table_jobs/ ],
	[ 'index_jobs => 0', qr/index_jobs/ ],
	[ 'table_jobs => 100000', qr/table_jobs/ ],
	[ "on_error => 'shrug'", qr/on_error|shrug/ ],
	[ "format => 'csv'", qr/format|csv/ ],
	[ "foreign_keys => 'maybe'", qr/foreign_keys|maybe/ ],
	[ "split_tables_larger_than => 'huge'", qr/split_tables_larger_than|huge/ ],
	[ "split_tables_larger_than => '-5 MB'", qr/split_tables_larger_than|-5/ ])
{
	refuses($bad->[0], quoted($good) . ", $bad->[0]", '22023', $bad->[1]);
}
refuses('NULL source', 'NULL', '22004', qr/source/);
refuses('NULL table_jobs', quoted($good) . ', table_jobs => NULL', '22004', qr/table_jobs|NULL|null/);

sub call_refused
{
	my ($what, $sql, $state, %opt) = @_;
	my @error = call_error($opt{node} // $target, 'app', $sql, %opt);
	like($error[0], qr/^(?:$state)$/, "$what: SQLSTATE") or diag("@error");
	isnt($error[3], '', "$what: there is a hint");
	return;
}

call_refused("$_ of a job that does not exist", "SELECT pgcopy_$_(4711)", '42704') for qw(cancel wait drop);
$target->safe_psql('app', 'CREATE ROLE somebody LOGIN');
is((call_error($target, 'app', 'SELECT pgcopy_clone(' . quoted($good) . ')', user => 'somebody'))[0], '42501', 'a role without the right is refused');
call_refused('in a read-only transaction', 'BEGIN READ ONLY; SELECT pgcopy_clone(' . quoted($good) . ')', '25006');

#
# What the source needs and the target lacks
#
# The extension's files are not there: as far as a catalog can say.
$source->safe_psql('needs', <<'EOQ');
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE TABLE t (a int);
UPDATE pg_extension SET extname = 'missing_one' WHERE extname = 'citext';
UPDATE pg_extension SET extname = 'missing "two"' WHERE extname = 'hstore';
EOQ
refuses('extensions the target does not offer', quoted(conninfo($source, db => 'needs')), '0A000|58P01|42704|55000|0A001', qr/missing_one.*missing "+two|missing "+two.*missing_one/s);

$source->safe_psql('roles', <<'EOQ');
CREATE ROLE missing_owner;
CREATE ROLE "missing ""grantee""";
CREATE ROLE missing_policy;
CREATE TABLE t (a int);
ALTER TABLE t OWNER TO missing_owner;
GRANT SELECT ON t TO "missing ""grantee""";
EOQ
refuses('roles that own objects or stand in grants', quoted(conninfo($source, db => 'roles')), '42704|55000', qr/missing_owner/);
refuses('the grantee among them', quoted(conninfo($source, db => 'roles')), '42704|55000', qr/grantee/);
refuses('only the grantee with no_owner', quoted(conninfo($source, db => 'roles')) . ', no_owner => true', '42704|55000', qr/grantee/);
refuses('only the owner with no_privileges', quoted(conninfo($source, db => 'roles')) . ', no_privileges => true', '42704|55000', qr/missing_owner/);

# A source that has this extension itself is no bad input.
$source->safe_psql('own', 'CREATE EXTENSION pgcopydb_ext; CREATE TABLE t AS SELECT 1 AS a');
new_database($target, 'own');
clone_ok($target, conninfo($source, db => 'own'), db => 'own', name => 'a source that has this extension itself is cloned');
is($target->safe_psql('own', 'SELECT a FROM t'), '1', 'with its rows');

#
# A standby
#
$target->backup('for_standby');
my $standby = PostgreSQL::Test::Cluster->new('bad_input_standby');
$standby->init_from_backup($target, 'for_standby', has_streaming => 1);
$standby->start;
call_refused('on a standby', 'SELECT pgcopy_clone(' . quoted($good) . ')', '25006|55000|0A000', node => $standby);
$standby->stop;

# After all this, a good one still works.
clone_ok($target, $good, db => 'app', name => 'after all that the target can still be cloned into');
assert_same($source, $target, source_db => 'app', db => 'app');
my ($code) = (call_error($target, 'app', 'SELECT pgcopy_clone(' . quoted($good) . ')'))[0];
if ($code eq '')
{
	my $again = $target->safe_psql('app', 'SELECT max(job) FROM pgcopy_jobs');
	is(wait_for_end($target, $again, db => 'app'), 'failed', 'a second clone of the same source is refused');
}
else
{
	pass('a second clone of the same source is refused');
}

$source->stop;
$target->stop;
done_testing();
