# pg_dump is the very client that our own session is: the same host of several,
# with the same password, service file and certificate wherever libpq has found
# them, and so are all workers.  A role that may use nothing but its own
# password gets no further through pg_dump than through its session: a source
# that does not ask for the password is refused.  What a tool says when it fails
# is told.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use File::Temp;
use PgCopy;
use PgCopyProxy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

# The target's home has a password file, a service file and a root certificate.
my $home = File::Temp::tempdir(CLEANUP => 1);
mkdir "$home/.postgresql";
$ENV{HOME} = $home;

my ($source, $target) = new_pair(
	'client',
	start => 0,
	source_conf => "log_connections = on\nlog_line_prefix = '%m [%p] %a '\n");
$target->append_conf('postgresql.conf', "log_connections = on\n");
$source->start;
$target->start;
$source->safe_psql('postgres', "CREATE ROLE reader LOGIN SUPERUSER PASSWORD 'from a file'");
$source->safe_psql('postgres', "CREATE ROLE limited LOGIN SUPERUSER PASSWORD 'own'");
$target->safe_psql('postgres', <<'EOQ');
CREATE ROLE reader;
CREATE ROLE app LOGIN;
CREATE ROLE file_reader LOGIN IN ROLE pg_read_server_files;
EOQ
new_database($source, 'app');
$source->safe_psql('app', 'CREATE TABLE t AS SELECT generate_series(1, 10) AS a');
foreach my $db (qw(hosts later files asked asked2 tool))
{
	$target->safe_psql('postgres', "CREATE DATABASE $db");
	$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext');
	next if $db !~ /^asked/;
	$target->safe_psql($db, <<'EOQ');
GRANT EXECUTE ON FUNCTION pgcopy_clone, pgcopy_wait TO app, file_reader;
GRANT CREATE ON SCHEMA public TO app, file_reader;
EOQ
	$target->safe_psql('postgres', "GRANT CREATE ON DATABASE $db TO app, file_reader");
}

# The programs that have connected to a server, by its log, since a place in it.
sub clients
{
	my ($node, $offset) = @_;
	my %seen = map { $_ => 1 } slurp_file($node->logfile, $offset) =~ /connection authorized: .*application_name=(\S.*)$/mg;
	return join ', ', sort map { s/ job \d+//r } keys %seen;
}

# Processes of a database stop at a point while somebody has the hold of its key.
my $POINT = 100;

sub set_point
{
	my ($db, $point) = @_;
	$target->safe_psql('postgres', "ALTER DATABASE $db SET pgcopy.test_point = '$point'");
	return;
}

#
# Several hosts: the first one is there, but does not let us in at once
#
my $port = $source->port;
my $offset = -s $source->logfile;
my $job = clone($target,
	"host=127.0.0.1,@{[$source->host]} port=1,$port dbname=app user=reader target_session_attrs=any",
	db => 'hosts', no_privileges => 'true', no_owner => 'true');
is(wait_for_end($target, $job, db => 'hosts'), 'done', 'of two hosts of which one is down, the other one is cloned')
  or show_job($target, $job, db => 'hosts');
like(clients($source, $offset), qr/pg_dump/, 'pg_dump went there too');
assert_same($source, $target, source_db => 'app', db => 'hosts', name => 'through two hosts');

# A host that is back when the workers come is not the leader's.
my $other = PgCopyProxy->new($source);
$other->refuse;
set_point('later', 'planning stored');
my $hold = hold($target, 'later', $POINT);
$job = clone($target, "host=127.0.0.1,@{[$source->host]} port=@{[$other->port]},$port dbname=app user=reader",
	db => 'later', no_privileges => 'true', no_owner => 'true');
wait_held($target, 'later', $POINT, $job);
set_point('later', 'table begun');
$other->pass;
release_and_hold($hold, $POINT);
wait_held($target, 'later', $POINT, $job);
is($other->pass, 0, 'workers are connected to the host that their leader is connected to');
release($hold);
is(wait_for_end($target, $job, db => 'later'), 'done', 'and the job ends done')
  or show_job($target, $job, db => 'later');

#
# What libpq has found in files
#
append_to_file("$home/.pgpass", "127.0.0.1:$port:*:reader:from a file\n");
chmod 0600, "$home/.pgpass";
append_to_file("$home/.pg_service.conf", "[old]\nhost=127.0.0.1\nport=$port\ndbname=app\nuser=reader\n");
$job = clone($target, 'service=old', db => 'files', no_privileges => 'true', no_owner => 'true');
is(wait_for_end($target, $job, db => 'files'), 'done', 'service file and password file of the home directory serve pg_dump too')
  or show_job($target, $job, db => 'files');
assert_same($source, $target, source_db => 'app', db => 'files', name => 'by a service file');

#
# Roles that may use nothing but a password
#
sub refused
{
	my ($name, $conninfo, $state, $message, %opt) = @_;
	my (undef, @error) = start_job($target, 'asked',
		quote_literal($conninfo) . ", no_owner => true, no_privileges => true", user => $opt{user} // 'app');

	is($error[0], $state, "$name: SQLSTATE");
	like($error[1], $message, "$name: message");
	isnt($error[3], '', "$name: there is a hint");
	return;
}

my $own = "dbname=app user=limited password=own port=$port";
refused('two hosts', "host=127.0.0.1,127.0.0.1 $own", '42501', qr/more than one host/);
refused('two addresses', "hostaddr=127.0.0.1,127.0.0.1 $own", '42501', qr/more than one host/);
refused('a socket', "host=@{[$source->host]} $own", '42501', qr/Unix socket/);
refused('an abstract socket', "host=\@x $own", '42501', qr/Unix socket/);
refused('no host', $own, '42501', qr/Unix socket/);
refused('an empty host', "host='' $own", '42501', qr/Unix socket/);
refused('a socket, in a list', "host=127.0.0.1,@{[$source->host]} $own", '42501', qr/more than one host/);
refused('a socket without a password asked, for who may read files',
	"host=@{[$source->host]} $own", '2F003', qr/password is required/, user => 'file_reader');
SKIP:
{
	my ($known) = run_command([ 'strings', '-a', glob('/usr/lib/*/libpq.so.5') ]);
	skip 'this libpq has no require_auth', 3 if ($known // '') !~ /require_auth/;
	refused('a weaker authentication', "host=127.0.0.1 require_auth=none $own", '42501', qr/require_auth/);
}

# With the password asked of both, all is well.
$job = clone($target, "host=127.0.0.1 $own", db => 'asked', user => 'app', no_owner => 'true', no_privileges => 'true');
is(wait_for_end($target, $job, db => 'asked'), 'done', 'an ordinary role clones with its password')
  or show_job($target, $job, db => 'asked');

# The source asks our session, and has stopped to ask when pg_dump comes.
set_point('asked2', 'planning locked');
$hold = hold($target, 'asked2', $POINT);
$job = clone($target, "host=127.0.0.1 $own", db => 'asked2', user => 'app', no_owner => 'true', no_privileges => 'true');
wait_held($target, 'asked2', $POINT, $job);
my $hba = slurp_file($source->data_dir . '/pg_hba.conf');
(my $trusting = $hba) =~ s/scram-sha-256/trust/;
open my $fh, '>', $source->data_dir . '/pg_hba.conf' or die;
print $fh $trusting;
close $fh;
$source->reload;
release($hold);
is(wait_for_end($target, $job, db => 'asked2'), 'failed', 'a source that does not ask pg_dump for the password is refused');
is($target->safe_psql('asked2', "SELECT sqlstate || ' ' || message FROM pgcopy_errors WHERE job = $job AND is_final"),
	'2F003 password is required', 'and that is the reason');
open $fh, '>', $source->data_dir . '/pg_hba.conf' or die;
print $fh $hba;
close $fh;
$source->reload;

#
# What a tool says is told
#
my $tools = File::Temp::tempdir(CLEANUP => 1);
foreach my $tool (qw(pg_dump pg_restore))
{
	append_to_file("$tools/$tool", "#!/bin/sh\necho 'libpq.so.5: version RHPG_15 not found' >&2\nexit 1\n");
	chmod 0755, "$tools/$tool";
}
my @error = call_error($target, 'tool', "SET pgcopy.pg_dump = '$tools/pg_dump'; SELECT pgcopy_clone(" . quote_literal(conninfo($source, db => 'app')) . ')');
is($error[0], '38000', 'a tool that does not run: SQLSTATE');
like($error[2], qr/RHPG_15 not found/, 'and its own words are in the detail');

done_testing();
