# What ends a job from outside ends it within seconds or is refused with a
# reason, in each phase; nothing hangs.  A fast shutdown of the server and DROP
# DATABASE ...  WITH (FORCE) go through, and no process or session is left.  A
# plain DROP DATABASE, DROP EXTENSION, DROP OWNED and DROP SCHEMA of the
# extension's schema are refused at once while a job runs, and do not disturb
# it; when none runs they go through.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($source, $target) = new_pair('shutdown');
new_database($source, 'app');
create_holds($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE TABLE copied (a int CHECK (hold.here(1)));
INSERT INTO copied SELECT generate_series(1, 3000);
CREATE TABLE indexed (a int);
INSERT INTO indexed SELECT generate_series(1, 3000);
CREATE INDEX indexed_held ON indexed ((a + hold.here(2)::int));
CREATE TABLE plain (a int PRIMARY KEY);
CREATE TABLE refers (a int REFERENCES plain CHECK (hold.here(4)));
INSERT INTO plain SELECT generate_series(1, 3000);
INSERT INTO refers SELECT a FROM plain;
EOQ
$_->safe_psql('postgres', 'CREATE ROLE owner LOGIN SUPERUSER') for $source, $target;
my $app = conninfo($source, db => 'app');

# Bring a job to each phase.  Each returns a function that lets it go on.
my %phase = (
	planning => sub {
		my ($db, $start) = @_;
		my $blocker = $source->background_psql('app');
		$blocker->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_init_privs IN ACCESS EXCLUSIVE MODE');
		$start->();
		wait_until($source, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'pg_init_privs'::regclass",
			db => 'app', what => 'pg_dump to wait for a lock');
		return sub { $blocker->quit };
	},
	copying => sub { return hold_at(1, @_); },
	index => sub { return hold_at(2, @_); },
	'lock here' => sub {
		my ($db, $start) = @_;
		my $go_on = hold_at(4, $db, $start);
		my $writer = $target->background_psql($db, on_error_die => 0);
		$writer->query_safe('BEGIN; LOCK TABLE refers IN ROW EXCLUSIVE MODE');
		$go_on->();
		wait_until($target, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'refers'::regclass",
			db => $db, what => 'a foreign key to wait for a writer');
		return sub { eval { $writer->quit } };
	});

sub hold_at
{
	my ($key, $db, $start) = @_;
	my $hold = $target->background_psql($db, on_error_die => 0);
	$hold->query_safe("SELECT pg_advisory_lock(471100, $key)");
	my $job = $start->();
	wait_held($target, $db, $key, $job);
	return sub { eval { $hold->quit } };
}

# Run SQL with a limit; returns its error ('' if none) and how long it took.
sub timed
{
	my ($db, $sql) = @_;
	my $start = time();
	my (undef, undef, $err) = $target->psql($db, "\\set VERBOSITY verbose\n$sql", timeout => 30);
	return ($err, time() - $start);
}

foreach my $name (sort keys %phase)
{
	my $db = "db_$name" =~ tr/ /_/r;
	my $job;
	my $start = sub {
		return $job = clone($target, $app, db => $db, user => 'owner', table_jobs => 4);
	};
	new_database($target, $db);
	my $go_on = $phase{$name}->($db, $start);

	foreach my $sql ('DROP EXTENSION pgcopydb_ext', 'DROP EXTENSION IF EXISTS plperl, pgcopydb_ext CASCADE',
		'DROP SCHEMA IF EXISTS nowhere, public CASCADE', 'DROP OWNED BY owner')
	{
		my ($err, $took) = timed($db, $sql);
		like($err, qr/^psql.*ERROR:  55006: job $job is running\nDETAIL:.*\nHINT:  Run SELECT pgcopy_cancel\($job\) first/,
			"$name: $sql is refused, with what to type");
		cmp_ok($took, '<', 3, "$name: at once");
	}
	is((timed($db, 'CREATE SCHEMA other; DROP SCHEMA other'))[0], '', "$name: another schema can be dropped");
	my ($err, $took) = timed('postgres', "DROP DATABASE $db");
	like($err, qr/55006: database "$db" is being accessed by other users/, "$name: DROP DATABASE is refused");
	cmp_ok($took, '<', 6.5, "$name: as soon as the server says so");
	is(job_state($target, $job, db => $db), $name eq 'planning' ? 'planning' : 'copying', "$name: the job has not been disturbed");

	my $begun = time();
	$target->stop('fast');
	cmp_ok(time() - $begun, '<', 3.5, "$name: a fast shutdown is not held up");
	$go_on->();
	$target->start;
	ok(is_quiet($source, $target, 5), "$name: nothing is left");
	is(job_state($target, $job, db => $db), 'interrupted', "$name: the job is interrupted");

	$go_on = $name eq 'planning' ? $phase{planning}->($db, sub { $target->safe_psql($db, "SELECT pgcopy_resume($job)", extra_params => [ '-U', 'owner' ]) })
	  : sub { };
	($err, $took) = timed('postgres', "DROP DATABASE $db WITH (FORCE)");
	is($err, '', "$name: DROP DATABASE WITH (FORCE) goes through");
	cmp_ok($took, '<', 3, "$name: at once");
	ok(is_quiet($source, $target, 5), "$name: and leaves nothing");
	$go_on->();
}

# with no job that runs all of them go through
new_database($target, 'idle');
my $job = clone_ok($target, $app, db => 'idle', user => 'owner');
is_quiet($source, $target, 10);
is((timed('idle', 'DROP EXTENSION pgcopydb_ext'))[0], '', 'with no job that runs the extension can be dropped');
is($target->safe_psql('idle', "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'pgcopy'), (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM plain)"),
	'0|0|3000', 'with all that belongs to it, and nothing else');
is((timed('idle', 'DROP OWNED BY owner'))[0], '', 'and what belongs to the owner of the job');
is((timed('postgres', 'DROP DATABASE idle'))[0], '', 'and the database');

$source->stop;
$target->stop;
done_testing();
