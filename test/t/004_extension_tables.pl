# Tables and sequences of extensions arrive as pg_dump and pg_restore would
# bring them.  What an extension marks as configuration is added to what CREATE
# EXTENSION has made on the target, under the extension's own condition; what it
# does not mark stays as its script leaves it.  That holds in both formats, when
# the session to the source is lost half-way, and when the job is cancelled and
# resumed: no row is missing or there twice.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('extension');
new_database($source, qw(app plain retyped));
new_database($target, qw(by_pg_dump auto text binary retry resume retyped));

# The extension, and what its user has done to it.
sub fill
{
	my ($db, $schema) = @_;
	$source->safe_psql($db, <<EOQ);
CREATE SCHEMA IF NOT EXISTS $schema;
CREATE EXTENSION pgcopy_everything SCHEMA $schema;
SET search_path = $schema;
INSERT INTO member_cache VALUES (2, 'of a user');
SELECT nextval('member_ticket') FROM generate_series(1, 7);
INSERT INTO "Config ""all""" (name, "a value", at) VALUES
	('', NULL, 'infinity'), ('null', '\\N', '0044-03-15 12:00:00+00 BC'),
	(E'tab\\tline\\n', '', DEFAULT), ('ü "x"', '''', DEFAULT);
INSERT INTO config_later SELECT generate_series(1, 10);
UPDATE config_own SET body = '{"changed": true}' WHERE id = 1;
DELETE FROM config_own WHERE id = 3;
ALTER TABLE config_own ALTER padding SET STORAGE PLAIN;
INSERT INTO config_own (name, later, body, padding)
SELECT (ARRAY['', 'null', 'ü "x"', NULL])[g % 4 + 1], g % 10 + 1, jsonb_build_object('g', g), repeat('x', 1900)
FROM generate_series(1, 8000) g;
UPDATE config_own SET parent = 8007 - id WHERE NOT is_builtin;
INSERT INTO config_own (id, is_builtin) VALUES (-1, true);
SELECT nextval('config_number') FROM generate_series(1, 3);
EOQ
	return;
}
my $odd = '"Ext ""x"""';
fill('app', $odd);
fill('plain', 'public');

my $own = 'SELECT count(*), count(DISTINCT id), sum(hashtextextended(ROW(c.*)::text, 0)::numeric) FROM config_own c WHERE NOT is_builtin';
my $builtin = 'SELECT id, body FROM config_own WHERE is_builtin ORDER BY id';
my $member = 'SELECT * FROM member_cache; SELECT last_value, is_called FROM member_ticket';
my $sequences = 'SELECT last_value, is_called FROM config_own_id_seq UNION ALL SELECT last_value, is_called FROM config_number';

# Answers to all of these.
sub look
{
	my ($node, $db, $schema) = @_;
	return [ map { $node->safe_psql($db, "SET search_path = $schema; $_") } $own, $builtin, $member, $sequences ];
}

# What is wanted in a target.
sub has_configuration
{
	my ($what, $source_db, $db, $schema) = @_;
	my ($there, $here) = (look($source, $source_db, $schema), look($target, $db, $schema));

	is($here->[0], $there->[0], "$what: rows under the condition are those of the source");
	is($here->[1], qq(1|{"n": 1}\n2|{"n": 2}\n3|), "$what: rows outside the condition are those of the extension's script");
	is($here->[2], "1|of the script\n1|f", "$what: what is not marked is not copied");
	is($here->[3], "8003|t\n-11|t", "$what: sequences that are marked go on as in the source");
	is($target->safe_psql($db, "SELECT what FROM $schema.config_log ORDER BY 1"),
		$source->safe_psql($source_db, "SELECT what FROM $schema.config_log ORDER BY 1"),
		"$what: the extension's trigger did not fire");
	assert_same(
		$source, $target,
		source_db => $source_db,
		db => $db,
		ignore => qr/\.member_|\.config_own[:|]/,
		name => "$what: everything else is equal");
	return;
}

# The measure: what pg_dump and pg_restore make of it.
my $dump = $target->basedir . '/dump';
run_log([ 'pg_dump', '-Fc', '-f', $dump, '-d', conninfo($source, db => 'app') ]) or die 'pg_dump failed';
run_log([ 'pg_restore', '--exit-on-error', '-d', conninfo($target, db => 'by_pg_dump'), $dump ]) or die 'pg_restore failed';

# One table at a time, the largest first: that is the one that references the others.
foreach my $format (qw(auto text binary))
{
	my $job = clone_ok($target, conninfo($source, db => 'app'), db => $format,
		format => $format, table_jobs => 1, name => "$format: the clone ends done");
	has_configuration($format, 'app', $format, $odd);
	is_deeply(look($target, $format, $odd), look($target, 'by_pg_dump', $odd), "$format: the result is that of pg_dump and pg_restore");
	is( $target->safe_psql($format, "SELECT string_agg(DISTINCT format, ' ') FROM pgcopy_tables WHERE job = $job"),
		$format eq 'text' ? 'text' : 'binary', "$format: that is how they came over the wire");
	is($target->safe_psql($format, "SELECT count(*) FROM pgcopy_errors WHERE job = $job"), '0', "$format: no error was recorded");
}

# Start a clone into a database whose extension is here already; it stands in
# COPY of the table "config_own", when the tables that one references are there.
sub start_held
{
	my ($db) = @_;
	$target->safe_psql($db, 'CREATE EXTENSION pgcopy_everything');
	create_holds($target, $db);
	$target->safe_psql($db, 'ALTER TABLE config_own ADD CONSTRAINT held CHECK (is_builtin OR hold.here(1))');
	my $hold = hold($target, $db, 1);
	my $job = clone($target, conninfo($source, db => 'plain'), db => $db);
	wait_held($target, $db, 1, $job);
	return ($job, $hold);
}

sub ends_complete
{
	my ($db, $job) = @_;
	is(wait_for_end($target, $job, db => $db), 'done', "$db: the job ends done")
	  or show_job($target, $job, db => $db);
	is($target->safe_psql($db, "SELECT attempts > 1 FROM pgcopy_tables WHERE job = $job AND table_name = 'config_own'"),
		't', "$db: the table was tried again");
	$target->safe_psql($db, 'SET client_min_messages = warning; DROP SCHEMA hold CASCADE');
	has_configuration($db, 'plain', $db, 'public');
	return;
}

# A column has a type of the same width here, as with another version of the
# extension: what it holds is the same value, not the same bytes.
$_->safe_psql('retyped', 'CREATE EXTENSION pgcopy_everything') foreach $source, $target;
$source->safe_psql('retyped', 'ALTER TABLE config_log ALTER what TYPE bigint USING 0; INSERT INTO config_log VALUES (42), (NULL)');
$target->safe_psql('retyped', 'ALTER TABLE config_log ALTER what TYPE float8 USING 0');
clone_ok($target, conninfo($source, db => 'retyped'), db => 'retyped', name => 'retyped: the clone ends done');
is($target->safe_psql('retyped', 'SELECT what FROM config_log ORDER BY 1'), "42\n", 'retyped: the value is the source\'s');
is($target->safe_psql('retyped', "SELECT format FROM pgcopy_tables WHERE table_name = 'config_log'"), 'mixed', 'retyped: that column came as text');
is($target->safe_psql('retyped', "SELECT DISTINCT format FROM pgcopy_tables WHERE table_name = 'config_own'"), 'binary', 'retyped: others come in binary');

# The session that rows come from is lost half way.
my ($job, $hold) = start_held('retry');
is( $source->safe_psql('plain', "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'pgcopy job % worker %' AND query LIKE '%COPY%config_own%' AND state = 'active'"),
	'1', 'retry: the session that sends rows is terminated');
release($hold);
ends_complete('retry', $job);

# The job is cancelled half way, and goes on.
($job, $hold) = start_held('resume');
$target->safe_psql('resume', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'resume', limit => 10), 'cancelled', 'resume: the job is cancelled');
release($hold);
is($target->safe_psql('resume', 'SELECT (SELECT count(*) FROM config_own), (SELECT count(*) FROM config_later)'),
	'3|10', 'resume: between the two, the table is as it was');
$target->safe_psql('resume', "SELECT pgcopy_resume($job, consistent => false)");
ends_complete('resume', $job);
ok(is_quiet($source, $target, 10), 'nothing is left');

$source->stop;
$target->stop;
done_testing();
