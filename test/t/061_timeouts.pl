# No timeout that a role, a database or a server sets ends a job: its processes
# here and its sessions on the source have none, whatever timeouts their version
# knows.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('timeouts');

# What is no limit for what we do: how long to wait before a deadlock is looked for,
# and how long a walsender waits for who receives its stream.
my $OTHERS = "'deadlock_timeout', 'wal_sender_timeout'";

# All timeouts that a session may set, so that a version's new one is not forgotten.
my $TIMEOUTS = "FROM pg_catalog.pg_settings WHERE name ~ '^[^.]*_timeout\$' AND context IN ('user', 'superuser') AND name NOT IN ($OTHERS)";

# Here it is the job that must not know of them, not a psql of this test on a busy machine.
$ENV{PGOPTIONS} = join ' ', map { "-c $_=0" } split /\n/, $target->safe_psql('postgres', "SELECT name $TIMEOUTS");

# Those that the process has which calls it.
my $SEEN = "(SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) $TIMEOUTS AND setting <> '0')";

# In these databases somebody sets them all: ALTER "$who" SET.
my %WHOSE = (of_role => 'ROLE cloner', of_database => 'DATABASE of_database', of_server => 'SYSTEM');

foreach my $node ($source, $target)
{
	$node->safe_psql('postgres', 'CREATE ROLE cloner SUPERUSER LOGIN PASSWORD \'secret\'');
	new_database($node, sort keys %WHOSE);
}

foreach my $db (sort keys %WHOSE)
{
	# they look, and wait longer than any timeout
	$source->safe_psql($db, <<EOQ);
CREATE FUNCTION told() RETURNS bool LANGUAGE plpgsql AS \$\$
BEGIN
	RAISE LOG 'told by %: <%>', current_setting('application_name'), $SEEN;
	PERFORM pg_sleep(0.8);
	RETURN true;
END \$\$;
CREATE TABLE t (a int PRIMARY KEY, b text);
INSERT INTO t VALUES (1, 'one');
CREATE INDEX ON t (b);
CREATE TABLE other (a int PRIMARY KEY);
EOQ
	$target->safe_psql($db, <<EOQ);
CREATE SCHEMA looks;
CREATE TABLE looks.seen (who text, timeouts text);
CREATE FUNCTION looks.look() RETURNS event_trigger LANGUAGE plpgsql AS \$\$
DECLARE
	process text := (SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_type = 'pgcopydb_ext');
BEGIN
	IF process IS NOT NULL AND NOT EXISTS (SELECT FROM looks.seen WHERE who = process)
	THEN
		INSERT INTO looks.seen VALUES (process, $SEEN);
		PERFORM pg_sleep(0.8);
	END IF;
END \$\$;
CREATE EVENT TRIGGER look ON ddl_command_end EXECUTE FUNCTION looks.look();
EOQ
}

sub set_timeouts
{
	my ($node, $whose, $action) = @_;
	my @names = split /\n/, $node->safe_psql('postgres', "SELECT name $TIMEOUTS ORDER BY name");
	cmp_ok(scalar @names, '>=', 4, $node->name . ' knows ' . join ' ', @names);
	$node->safe_psql('postgres', 'SET statement_timeout = 0; ' . ($action eq 'RESET' ? "ALTER $whose RESET $_" : "ALTER $whose SET $_ = '500ms'")) for @names;
	$node->reload;
	return;
}

foreach my $db ('of_role', 'of_database', 'of_server')
{
	set_timeouts($_, $WHOSE{$db}, 'SET') for $source, $target;
	my $log = -s $source->logfile;
	my $job = clone_ok(
		$target, conninfo($source, db => $db, user => 'cloner', password => 'secret', tcp => 1),
		db => $db, user => 'cloner', row_filters => '{"public.t": "public.told()"}', name => "timeouts $db end no job");
	is($target->safe_psql($db, 'SELECT count(*) FROM t'), 1, 'the row is here');
	is($target->safe_psql($db, "SELECT string_agg(DISTINCT substring(who, 'leader|worker'), ' ') FROM looks.seen"), 'leader worker', 'leader and workers have looked');
	is($target->safe_psql($db, "SELECT string_agg(who || ' ' || timeouts, ', ') FROM looks.seen WHERE timeouts <> ''"), '', 'and have no timeouts');
	my @told = slurp_file($source->logfile, $log) =~ /told by ([^\n]*)/g;
	cmp_ok(scalar @told, '>=', 1, 'sessions on the source have looked');
	is(join(', ', grep { !/: <(<NULL>)?>/ } @told), '', 'and have none either');
	is($target->safe_psql($db, "SELECT count(*) FROM pgcopy_errors WHERE job = $job"), 0, 'nothing had to be tried again');
	set_timeouts($_, $WHOSE{$db}, 'RESET') for $source, $target;
}

done_testing();
