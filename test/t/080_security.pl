# Passwords are nowhere to be found: in no view, error, log at any level,
# command line, environment or open file, and not on the source.  The connection
# string is wiped when the job is done.  Who may not clone cannot; who is no
# superuser needs a password of his own and cannot make the server read files;
# nobody sees or touches the jobs of roles that he is not a member of.  What a
# role has cloned is its own.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = 'gaheim-s3cr3t';
my $inner = 'inn3n-s3cr3t';    # inside the source's definitions

# Statements of this test hold the secret: they are not logged.
my ($source, $target) = new_pair(
	'security',
	source_conf => "log_statement = none\n",
	target_conf => "log_statement = none\n" . "log_min_messages = debug5\nlog_connections = on\nlog_disconnections = on\n");
$source->safe_psql('postgres', <<EOQ);
CREATE ROLE reader LOGIN SUPERUSER PASSWORD '$secret';
CREATE ROLE ev_mapped;
EOQ
$target->safe_psql('postgres', <<'EOQ');
CREATE ROLE ev_mapped;
CREATE ROLE app LOGIN;
CREATE ROLE app_member LOGIN IN ROLE app;
CREATE ROLE nobody_else LOGIN;
CREATE ROLE file_reader LOGIN IN ROLE pg_read_server_files;
EOQ
new_database($source, 'app', 'plain', 'refused');
new_database($target, 'app', 'byserver', 'wrong', 'roles', 'refused');
create_holds($source, 'app');
$source->safe_psql('app', <<EOQ);
CREATE TABLE slow (a int CHECK (hold.here(1)));
INSERT INTO slow SELECT generate_series(1, 100);
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR ev_mapped SERVER s OPTIONS (password '$inner');
CREATE SUBSCRIPTION sub CONNECTION 'host=192.0.2.1 password=$inner' PUBLICATION p WITH (connect = false, slot_name = NONE);
EOQ
$source->safe_psql('plain', 'CREATE TABLE t AS SELECT generate_series(1, 10) AS a');
my $with_password = conninfo($source, db => 'app', tcp => 1, user => 'reader', password => $secret);

# Everybody's command line and environment but this test's own.
sub find_in_processes
{
	my ($word) = @_;
	my @found;
	foreach my $dir (glob '/proc/[0-9]*')
	{
		my ($pid) = $dir =~ /(\d+)$/;
		next if $pid == $$;
		foreach my $file ('cmdline', 'environ')
		{
			(my $text = slurp_proc($pid, $file)) =~ tr/\0/ /;
			push @found, "$pid $file: " . substr($text, 0, 80) if $text =~ /\Q$word\E/;
		}
	}
	return join "\n", @found;
}

sub find_in_catalogs
{
	my ($node, $db, $word, $user) = @_;
	my @found;
	foreach my $table (qw(pgcopy_jobs pgcopy_progress pgcopy_tables pgcopy_indexes pgcopy_workers pgcopy_errors pg_stat_activity pg_settings))
	{
		my (undef, $out, undef) = $node->psql($db, "SELECT count(*) FROM $table t WHERE t::text ~ '$word' AND t::text !~ 'FROM $table t'",
			extra_params => $user ? [ '-U', $user ] : []);
		push @found, $table if $out ne '0';
	}
	return join ' ', @found;
}

#
# While pg_dump runs, while rows are copied, and afterwards
#
my $blocker = $source->background_psql('app');
$blocker->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_init_privs IN ACCESS EXCLUSIVE MODE');
my $hold = hold($target, 'app', 1);
my $job = clone($target, $with_password, db => 'app');
wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'pg_init_privs'::regclass",
	db => 'app', what => 'pg_dump to wait for a lock');
cmp_ok(scalar(our_children($target)), '>=', 1, 'pg_dump runs below the target');
is(find_in_processes($secret), '', 'no command line and no environment has the password while pg_dump runs');
is(find_in_catalogs($target, 'app', $secret), '', 'no view has it');
my @open = grep { -e && !/memfd:/ } map { readlink($_) // '' } map { glob "/proc/" . (split / /)[0] . "/fd/*" } our_children($target);
is(join(' ', grep { -f && !/\.log$/ && slurp_file($_) =~ /\Q$secret\E/ } @open), '', 'no file that pg_dump has open has it');
$blocker->query_safe('ROLLBACK');
$blocker->quit;

wait_held($target, 'app', 1, $job);
is(find_in_processes($secret), '', 'nor while rows are copied');
is(find_in_processes($inner), '', 'and no password of a definition');
is(find_in_catalogs($target, 'app', $secret), '', 'no view has the password while rows are copied');
is(find_in_catalogs($target, 'app', $inner), '', 'nor one of a definition');
is($source->safe_psql('app', "SELECT count(*) FROM pg_stat_activity WHERE (query ~ '$secret' OR query ~ '$inner') AND pid <> pg_backend_pid()"),
	'0', 'no statement on the source has it');
isnt($target->safe_psql('app', "SELECT source FROM pgcopy_jobs WHERE job = $job"), '', 'the source is shown');
unlike($target->safe_psql('app', "SELECT source FROM pgcopy_jobs WHERE job = $job"), qr/\Q$secret\E/, 'without its password');
release($hold);
is(wait_for_end($target, $job, db => 'app'), 'done', 'the clone ends done');
is($target->safe_psql('app', "SELECT conninfo FROM pgcopy.job WHERE id = $job"), '', 'the connection string is wiped at the end');
is($target->safe_psql('app', 'SELECT umoptions FROM pg_user_mapping'), "{password=$inner}", 'passwords of user mappings are cloned');

#
# A foreign server as source, its user mapping with the password
#
$target->safe_psql('byserver', <<EOQ);
CREATE EXTENSION pgcopydb_ext;
CREATE SERVER "The-source" FOREIGN DATA WRAPPER pgcopydb_fdw OPTIONS (host '127.0.0.1', port '@{[$source->port]}', dbname 'plain');
CREATE USER MAPPING FOR CURRENT_USER SERVER "The-source" OPTIONS (user 'reader', password '$secret');
EOQ
clone_ok($target, 'The-source', db => 'byserver', name => 'a foreign server can be the source');
is($target->safe_psql('byserver', 'SELECT count(*) FROM t'), '10', 'and its rows arrive');
is(find_in_catalogs($target, 'byserver', $secret), '', 'no view has the password of its user mapping');
my @error = call_error($target, 'byserver', "CREATE SERVER x FOREIGN DATA WRAPPER pgcopydb_fdw OPTIONS (nonsense '1')");
is($error[0], 'HV00D', 'pgcopydb_fdw refuses unknown options');
@error = call_error($target, 'byserver', "CREATE SERVER x FOREIGN DATA WRAPPER pgcopydb_fdw OPTIONS (password 'x')");
isnt($error[0], '', 'and a password that is not in a user mapping');

# Who may create a server could else send others to where he likes.
my $string = 'host=127.0.0.1 port=1 dbname=plain user=reader';
$target->safe_psql('byserver', <<EOQ);
CREATE SERVER "$string" FOREIGN DATA WRAPPER pgcopydb_fdw OPTIONS (host '127.0.0.1', port '@{[$source->port]}', dbname 'plain');
CREATE USER MAPPING FOR PUBLIC SERVER "$string" OPTIONS (user 'reader', password '$secret');
EOQ
@error = call_error($target, 'byserver', "SELECT pgcopy_clone('$string')");
is($error[0], '08001', 'a connection string is one, whatever a foreign server is called');

#
# Errors: wrong password, unreachable, and a statement that holds a secret
#
foreach my $bad (
	[ 'wrong', conninfo($source, db => 'app', tcp => 1, user => 'reader', password => "x$secret") ],
	[ 'unreachable', "host=127.0.0.1 port=1 dbname=x user=reader password=$secret connect_timeout=3" ],
	[ 'unreachable URI', "postgres://reader:$secret\@127.0.0.1:1/x?connect_timeout=3" ],
	[ 'malformed', "host=127.0.0.1 password=$secret 'oops" ],
	[ 'unknown option', "host=127.0.0.1 nonsense=1 password=$secret" ])
{
	my ($what, $info) = @$bad;
	$target->safe_psql('wrong', 'CREATE EXTENSION IF NOT EXISTS pgcopydb_ext');
	my ($wrong, @e) = start_job($target, 'wrong', quote_literal($info));
	if (defined $wrong)
	{
		is(wait_for_end($target, $wrong, db => 'wrong'), 'failed', "$what: the job fails");
		@e = split /\|/, $target->safe_psql('wrong', "SELECT * FROM pgcopy_errors WHERE job = $wrong");
	}
	unlike("@e", qr/\Q$secret\E/, "$what: the error does not have the password");
	is(find_in_catalogs($target, 'wrong', $secret), '', "$what: no view has it");
}

$source->safe_psql('refused', <<EOQ);
CREATE FUNCTION picky(text[], oid) RETURNS void LANGUAGE plpgsql AS 'BEGIN IF current_database() = ''refused'' AND current_setting(''port'') <> ''@{[$source->port]}'' THEN RAISE EXCEPTION ''no''; END IF; END';
CREATE FOREIGN DATA WRAPPER picky VALIDATOR picky;
CREATE SERVER picky FOREIGN DATA WRAPPER picky;
CREATE USER MAPPING FOR ev_mapped SERVER picky OPTIONS (password '$inner');
EOQ
$source->safe_psql('refused', <<EOQ);
CREATE OR REPLACE FUNCTION picky(o text[], oid) RETURNS void LANGUAGE plpgsql AS 'BEGIN IF o::text ~ ''password'' AND current_setting(''port'') <> ''@{[$source->port]}'' THEN RAISE EXCEPTION ''no''; END IF; END';
EOQ
$job = clone($target, conninfo($source, db => 'refused'), db => 'refused');
is(wait_for_end($target, $job, db => 'refused'), 'failed', 'a statement with a secret fails');
like($target->safe_psql('refused', "SELECT sqlstate || object || message FROM pgcopy_errors WHERE job = $job"), qr/^P0001.*no$/, 'the error is recorded');
unlike($target->safe_psql('refused', "SELECT * FROM pgcopy_errors WHERE job = $job"), qr/\Q$inner\E/, 'without the secret');
is(find_in_catalogs($target, 'refused', $inner), '', 'no view has it');

#
# Roles
#
$target->safe_psql('roles', <<'EOQ');
CREATE EXTENSION pgcopydb_ext;
GRANT CREATE ON DATABASE roles TO app;
GRANT ALL ON SCHEMA public TO app;
EOQ
my $plain = quote_literal(conninfo($source, db => 'plain', tcp => 1, user => 'reader', password => $secret));
foreach my $call ("pgcopy_clone($plain)", 'pgcopy_cancel(1)', 'pgcopy_resume(1)', 'pgcopy_wait(1)', 'pgcopy_drop(1)', 'pgcopy_cutover(1)', "pgcopy_follow_add(1, 't')", 'pgcopy_summary(1)', "pgcopy_clone_server($plain)", 'pgcopy_resume_server()', 'pgcopy_cancel_server()', 'pgcopy_wait_server()', 'pgcopy_drop_server()', "pgcopydb_fdw_validator('{}', 0)")
{
	@error = call_error($target, 'roles', "SELECT $call", user => 'app');
	is($error[0], '42501', 'PUBLIC may not call ' . ($call =~ s/\(.*//r));
}
$target->safe_psql('roles', <<'EOQ');
GRANT EXECUTE ON FUNCTION pgcopy_clone, pgcopy_cancel, pgcopy_resume, pgcopy_wait, pgcopy_drop, pgcopy_cutover, pgcopy_follow_add, pgcopy_summary TO app, nobody_else, file_reader;
EOQ
my $port = $source->port;
my $socket = $source->host;
my %refused = (
	'without a password' => "host=127.0.0.1 port=$port dbname=plain user=reader",
	'where the server does not ask for the password' => "host=$socket port=$port dbname=plain user=reader password=$secret",
	'with passfile' => "host=127.0.0.1 port=$port dbname=plain user=reader password=$secret passfile=/dev/null",
	'with sslkey' => "host=127.0.0.1 port=$port dbname=plain user=reader password=$secret sslkey=/dev/null",
	'with sslcert' => "host=127.0.0.1 port=$port dbname=plain user=reader password=$secret sslcert=/dev/null",
	'with sslrootcert' => "host=127.0.0.1 port=$port dbname=plain user=reader password=$secret sslrootcert=/dev/null",
	'with service' => "service=nowhere password=$secret",
	(map { ("with $_=system" => "host=127.0.0.1 port=$port dbname=plain user=reader password=$secret $_=system") } qw(service passfile sslkey sslcert)),
	'with gssencmode' => "host=127.0.0.1 port=$port dbname=plain user=reader password=$secret gssencmode=prefer");
foreach my $what (sort keys %refused)
{
	my ($bad, @e) = start_job($target, 'roles', quote_literal($refused{$what}) . ', no_owner => true, no_privileges => true', user => 'app');
	if (defined $bad)
	{
		is(wait_for_end($target, $bad, db => 'roles'), 'failed', "a connection $what fails for who is no superuser");
		@e = split /\|/, $target->safe_psql('roles', "SELECT sqlstate, message, detail, hint FROM pgcopy_errors WHERE job = $bad");
	}
	like($e[0], qr/^(2F003|42501)$/, "a connection $what is refused for who is no superuser") or diag("@e");
	isnt($e[3] // '', '', 'with a hint');
}
$job = clone($target, conninfo($source, db => 'plain', tcp => 1, user => 'reader', password => $secret),
	db => 'roles', user => 'app', no_owner => 'true', no_privileges => 'true');
is(wait_for_end($target, $job, db => 'roles'), 'done', 'a role that is no superuser clones with a password');
is($target->safe_psql('roles', "SELECT relowner::regrole FROM pg_class WHERE oid = 't'::regclass"), 'app', 'what it made is its own');
is($target->safe_psql('roles', "SELECT owner FROM pgcopy_jobs WHERE job = $job"), 'app', 'the job too');
foreach my $view (qw(pgcopy_jobs pgcopy_progress pgcopy_tables))
{
	my $query = "SELECT count(*) > 0 FROM $view WHERE job = $job";
	is($target->safe_psql('roles', $query, extra_params => [ '-U', 'app' ]), 't', "$view: the owner sees its job");
	is($target->safe_psql('roles', $query, extra_params => [ '-U', 'app_member' ]), 't', "$view: so does a member of that role");
	is($target->safe_psql('roles', $query, extra_params => [ '-U', 'nobody_else' ]), 'f', "$view: others do not");
}
foreach my $call ("pgcopy_cancel($job)", "pgcopy_resume($job)", "pgcopy_wait($job)", "pgcopy_drop($job)", "pgcopy_cutover($job)", "pgcopy_follow_add($job, 'public.t')", "pgcopy_summary($job)")
{
	@error = call_error($target, 'roles', "SELECT $call", user => 'nobody_else');
	like($error[0], qr/^(42501|42704)$/, "a role may not call $call for the job of another");
}
foreach my $table (qw(job item statement error relation snapshot))
{
	@error = call_error($target, 'roles', "SELECT * FROM pgcopy.$table", user => 'app');
	is($error[0], '42501', "pgcopy.$table can be read by nobody else");
}
@error = call_error($target, 'roles', "SELECT pgcopy.bar(1); SET pgcopy.pg_dump = '/bin/false'", user => 'app');
is($error[0], '42501', 'the path of pg_dump is not for users to set');
my (undef, undef, $warning) = $target->psql('roles', "SET pgcopy.pg_dump = '/bin/false'; SELECT pgcopy.bar(1)", extra_params => [ '-U', 'app' ]);
like($warning, qr/permission denied to set parameter "pgcopy.pg_dump"/, 'not even before the library is loaded');
$target->safe_psql('roles', 'CREATE ROLE no_login; GRANT EXECUTE ON FUNCTION pgcopy_clone TO no_login; DROP TABLE t');
@error = call_error($target, 'roles', "SET ROLE no_login; SELECT pgcopy_clone($plain)");
isnt($error[0], '', 'a role that cannot log in cannot own a job');
isnt($error[3], '', 'and is told what to do');

#
# The logs, at debug5
#
ok(is_quiet($source, $target, 10), 'nothing is left');
foreach my $node ($source, $target)
{
	# Statements of this test that failed are in the log as the test sent them.
	my $log = slurp_file($node->logfile);
	my @lines = grep { !/STATEMENT: / } split /\n(?=\d{4}-)/, $log;
	is(join("\n", map { substr($_, 0, 300) } grep { /\Q$secret\E/ && !/QUERY|CREATE ROLE/ } @lines),
		'', 'the password is not in the log of ' . $node->name);
	is(join("\n", map { substr($_, 0, 300) } grep { /\Q$inner\E/ } split /\n/, $node->name =~ /target/ ? $log : ''),
		'', 'nor the passwords of definitions in the log of ' . $node->name);
}

$source->stop;
$target->stop;
done_testing();
