# Options of foreign servers, tables and user mappings arrive, and are secret on
# the way: in no log whatever a server is set to log, not for auto_explain,
# pgaudit, pg_stat_statements or event triggers, in no error, even when a
# validator repeats them, and no longer in our tables when the job is done.
# They survive a cancel and a resume.  The same holds for each option of a
# connection string that is not one to print.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = 'gaheim-s3cr3t';    # of a connection string
my $inner = 'inn3n-s3cr3t';    # of the source's definitions

# The path of pgaudit's library without its suffix, or undef: Debian's package, unpacked
# beside the test's files, where the server does not have it.
sub find_pgaudit
{
	my ($libdir) = run_command([ 'pg_config', '--pkglibdir' ]);
	return 'pgaudit' if -e "$libdir/pgaudit.so";

	my $dir = PostgreSQL::Test::Utils::tempdir;
	my ($major) = (run_command([ 'pg_config', '--version' ]))[0] =~ /(\d+)/;
	my $command = "cd '$dir' && timeout 60 apt-get -q download postgresql-$major-pgaudit && dpkg-deb -x *.deb .";
	return undef if system("($command) > '$dir/log' 2>&1") != 0;
	my ($found) = glob "$dir/usr/lib/postgresql/$major/lib/pgaudit.so";
	return defined $found ? $found =~ s/\.so$//r : undef;
}

# All that a server can be told to log, and nothing of what this test's own
# sessions send.
my $pgaudit = find_pgaudit();
my @modules = ('pg_stat_statements', 'auto_explain', $pgaudit // ());
my ($source, $target) = new_pair('secrets', target_conf => <<EOC);
shared_preload_libraries = '@{[join ',', @modules]}'
log_min_messages = debug5
log_min_error_statement = debug5
log_error_verbosity = verbose
log_statement = all
log_duration = on
log_min_duration_statement = 0
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
debug_print_parse = on
debug_print_rewritten = on
debug_print_plan = on
track_activity_query_size = 16384
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_triggers = on
pg_stat_statements.track = all
@{[defined $pgaudit ? "pgaudit.log = all\npgaudit.log_parameter = on\npgaudit.log_catalog = on\npgaudit.log_statement_once = off\n" : '']}
EOC
$ENV{PGOPTIONS} = join ' ', map { "-c $_" } qw(log_min_messages=panic log_min_error_statement=panic log_statement=none
	log_duration=off log_min_duration_statement=-1 debug_print_parse=off debug_print_rewritten=off debug_print_plan=off
	auto_explain.log_min_duration=-1 pg_stat_statements.track=none), defined $pgaudit ? 'pgaudit.log=none' : ();

# What is in a log of a text: as it is, or as the bytes of a constant in a plan.
sub find_in_log
{
	my ($log, $word) = @_;
	my $bytes = join ' ', map { ord } split //, $word;
	return join "\n", map { substr($_, 0, 300) } grep { /\Q$word\E/ || /\b$bytes\b/ } split /\n/, $log;
}

new_database($source, 'app', 'picky');
new_database($target, 'app', 'picky', 'bad');
create_holds($source, 'app');
$source->safe_psql('postgres', "CREATE ROLE reader LOGIN SUPERUSER PASSWORD '$secret'");
$source->safe_psql('app', <<EOQ);
CREATE TABLE t (a int CHECK (hold.here(1)));
INSERT INTO t SELECT generate_series(1, 100);
CREATE INDEX ON t (a);
CREATE FOREIGN DATA WRAPPER w OPTIONS (fdw '$inner');
CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (apikey '$inner');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password '$inner');
CREATE FOREIGN TABLE f (a int OPTIONS (key '$inner'), b int) SERVER s OPTIONS (token '$inner');
CREATE TABLE p (a int) PARTITION BY RANGE (a);
CREATE FOREIGN TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (9) SERVER s OPTIONS (token '$inner');
ALTER FOREIGN TABLE f ALTER COLUMN b OPTIONS (key '$inner');
CREATE SUBSCRIPTION sub CONNECTION 'host=192.0.2.1 password=$inner' PUBLICATION p WITH (connect = false, slot_name = NONE);
EOQ
$target->safe_psql('app', <<'EOQ');
CREATE EXTENSION pg_stat_statements;
CREATE TABLE seen (t text);
CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO public.seen VALUES (tg_tag || ': ' || COALESCE(current_query(), ''));
END $$;
CREATE EVENT TRIGGER before ON ddl_command_start EXECUTE FUNCTION see();
CREATE EVENT TRIGGER behind ON ddl_command_end EXECUTE FUNCTION see();
EOQ

# Cancelled and resumed, so that statements and the connection string are read
# by a second leader as well.
my $hold = hold($target, 'app', 1);
my $info = quote_literal(conninfo($source, db => 'app', tcp => 1, user => 'reader', password => $secret));
$target->safe_psql('app', "CREATE EXTENSION pgcopydb_ext; CREATE TABLE info AS SELECT $info AS t; DELETE FROM seen");
my $job;
{
	# a session that is logged, with a statement that has no secret in it
	local $ENV{PGOPTIONS} = '';
	$job = $target->safe_psql('app', 'SELECT pgcopy_clone(t) FROM info');
}
wait_held($target, 'app', 1, $job);
cmp_ok($target->safe_psql('app', "SELECT count(*) FROM pgcopy.statement WHERE has_secret AND sql ~ '$inner'"), '>=', 8,
	'each statement with a secret is known as one');
is($target->safe_psql('app', "SELECT count(*) FROM pgcopy.statement WHERE NOT has_secret AND sql ~ '$inner'"), '0', '... none is missed');
$target->safe_psql('app', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'app'), 'cancelled', 'a job is cancelled');
release($hold);
$target->safe_psql('app', "SELECT pgcopy_resume($job)");
is(wait_for_end($target, $job, db => 'app'), 'done', '... and goes on to its end');
is($target->safe_psql('app', 'SELECT umoptions FROM pg_user_mapping'), "{password=$inner}", 'the secrets have arrived');
is($target->safe_psql('app', 'SELECT attfdwoptions FROM pg_attribute WHERE attrelid = \'f\'::regclass AND attnum = 2'), "{key=$inner}",
	'... those of columns too');
is($target->safe_psql('app', "SELECT count(*) FILTER (WHERE sql <> ''), count(*) > 0 FROM pgcopy.statement WHERE has_secret"), '0|t',
	'statements with a secret are wiped when the job is done');
is($target->safe_psql('app', "SELECT conninfo IS NULL FROM pgcopy.job WHERE id = $job"), 't', '... and so is the connection string');
is($target->safe_psql('app', "SELECT count(*) FROM pg_stat_statements WHERE query ~ '$inner|$secret'"), '0', 'pg_stat_statements has none');
is($target->safe_psql('app', "SELECT count(*) FILTER (WHERE t ~ '$inner|$secret'), count(*) > 0 FROM seen"), '0|t', 'event triggers see none');

my $log = slurp_file($target->logfile);
like($log, qr/statement: SELECT pgcopy_clone.*duration: .*INSERT INTO pgcopy\.job /s, 'the order itself is logged');
like($log, qr/INSERT INTO pgcopy\.item.*Output: '$job'::bigint/s, 'auto_explain shows parameters of our other statements');
like($log, qr/:consttype 25 .*:constvalue \d+ \[/s, 'so do plans');
SKIP:
{
	skip 'no pgaudit: its package could not be had', 1 if !defined $pgaudit;
	like($log, qr/AUDIT: SESSION,.*,DDL,CREATE (USER MAPPING|SERVER),.*,CREATE (USER MAPPING|SERVER),/, 'pgaudit has seen the statements');
}
is(find_in_log($log, $inner), '', 'the log has no secret of a definition');
is(find_in_log($log, $secret), '', '... nor the password');

#
# A validator that repeats what it was given
#
$source->safe_psql('picky', <<EOQ);
CREATE FUNCTION picky(o text[], oid) RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN
	IF current_setting('port') <> '@{[$source->port]}' AND o <> '{}' THEN
		RAISE EXCEPTION 'bad options: %', o USING DETAIL = 'it was "ab"', HINT = 'not ' || o[3];
	END IF;
END \$\$;
CREATE FOREIGN DATA WRAPPER picky VALIDATOR picky;
CREATE SERVER picky FOREIGN DATA WRAPPER picky;
CREATE USER MAPPING FOR PUBLIC SERVER picky OPTIONS (password '$inner', "user" '$inner!', short 'ab');
EOQ
my $offset = -s $target->logfile;
$job = clone($target, conninfo($source, db => 'picky'), db => 'picky');
is(wait_for_end($target, $job, db => 'picky'), 'failed', 'a statement with a secret fails');
is($target->safe_psql('picky', "SELECT sqlstate, message, detail, hint, statement IS NULL FROM pgcopy_errors WHERE job = $job"),
	'P0001|bad options: {password=...,short=ab,user=...}|it was "..."|not user=...|t', '... and its error repeats nothing of it');
unlike(slurp_file($target->logfile, $offset), qr/\Q$inner\E/, '... not even in the log');
is($target->safe_psql('picky', "SELECT count(*) > 0 FROM pgcopy.statement WHERE sql ~ '$inner'"), 't', 'it can still be resumed');
$target->safe_psql('picky', "SELECT pgcopy_drop($job)");
is($target->safe_psql('picky', 'SELECT count(*) FROM pgcopy.statement'), '0', '... or dropped, with all its statements');

#
# Any value for any option that is not one to print
#
$target->safe_psql('bad', 'CREATE EXTENSION pgcopydb_ext');
my %options;
foreach my $command ('CREATE SERVER x FOREIGN DATA WRAPPER pgcopydb_fdw', 'CREATE SERVER y FOREIGN DATA WRAPPER pgcopydb_fdw; CREATE USER MAPPING FOR PUBLIC SERVER y')
{
	my @e = call_error($target, 'bad', "$command OPTIONS (nonsense '1')");
	$options{$_} = 1 foreach split /, /, $e[3] =~ s/.*: //r;
}
delete @options{qw(host hostaddr port dbname user service)};
cmp_ok(scalar(keys %options), '>', 25, 'libpq has many options');
my @quiet;
foreach my $option (sort keys %options)
{
	foreach my $value ($secret, "-c $option=$secret", "scram-sha-256,$secret")
	{
		my $with = conninfo($source, user => 'reader', tcp => 1, password => 'wrong', db => 'nosuchdb', $option => $value);
		my ($bad, @e) = start_job($target, 'bad', quote_literal($with));
		if (defined $bad)
		{
			wait_for_end($target, $bad, db => 'bad');
			@e = split /\|/, $target->safe_psql('bad', "SELECT * FROM pgcopy_errors WHERE job = $bad; SELECT source FROM pgcopy_jobs WHERE job = $bad");
		}
		push @quiet, "$option: @e" if "@e" =~ /\Q$secret\E/ || "@e" !~ /\S/;
	}
}
is(join("\n", @quiet), '', 'no error repeats a value that may be a secret');
my @e = call_error($target, 'bad', 'SELECT pgcopy_clone(' . quote_literal("host=127.0.0.1 port=1 sslmode=$secret") . ')');
like("@e", qr/invalid sslmode.*verify-full/s, 'an invalid sslmode is told with those that are valid');
is(find_in_log(slurp_file($target->logfile), $secret), '', 'the log has none of them');

$source->stop;
$target->stop;
done_testing();
