# A clone in steps: pre-data, data and post-data as three jobs with the same other
# arguments make what one clone makes, whatever is left out, changed or renamed.
# Between the steps tables are those of this database: what they have and the source
# lacks gets its default or a value, and rows are added to them again and again.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('steps', target_conf => "max_worker_processes = 32\n");
new_database($source, 'shop');
$source->safe_psql('shop', slurp_file("$FindBin::Bin/../only/shop.sql"));
my $shop = conninfo($source, db => 'shop');

#-------------------------------------------------------------------------
# Three jobs and one
#-------------------------------------------------------------------------

my @cases = (
	[ 'some schemas', include_schemas => [ 'shop', 'audit' ], exclude_tables => ['shop.event_2024'], exclude => ['triggers'] ],
	[ 'no rows of some, no index', exclude_table_data => ['shop.event'], exclude_indexes => ['shop.customer_email_key'] ],
	[ 'followed rows, masks', referential => 'follow', row_filters => '{"shop.customer": "id % 3 = 1"}',
		column_values => '{"shop.customer": {"note": "\'masked\'"}, "archive.note": {"body": null}}' ],
	[ 'other schemas', schema_map => '{"report": "Re \"port\"", "archive": "report"}' ],
	[ 'other schemas, a part, in text', schema_map => '{"archive": "old"}', include_schemas => ['archive'], format => 'text',
		no_owner => 'true', no_privileges => 'true', no_comments => 'true' ]);

foreach my $case (@cases)
{
	my ($what, %arguments) = @$case;

	new_database($target, 'one', 'three');
	clone_ok($target, $shop, db => 'one', %arguments, name => "$what: one clone");
	foreach my $step (['pre-data'], ['data'], ['post-data'])
	{
		clone_ok($target, $shop, db => 'three', %arguments, sections => $step, name => "$what: @$step")
			or diag($target->safe_psql('three', 'SELECT * FROM pgcopy_errors'));
	}
	assert_same($target, $target, source_db => 'one', db => 'three', name => "$what: three jobs make what one makes");
	$target->safe_psql('postgres', "DROP DATABASE $_") foreach 'one', 'three';
}

#-------------------------------------------------------------------------
# Rows for tables of this database
#-------------------------------------------------------------------------

# Order a job that fails, and return its errors as one text.
sub errors_of
{
	my ($db, $conninfo, %opt) = @_;
	my $job = clone($target, $conninfo, db => $db, %opt);
	my $state = wait_for_end($target, $job, db => $db);
	my $errors = $target->safe_psql($db,
		"SELECT sqlstate, message, detail, hint FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY no");
	return $state eq 'failed' ? $errors : "the job ended $state: $errors";
}

new_database($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE SCHEMA sales;
CREATE TABLE sales.customer (id int PRIMARY KEY, name text);
CREATE TABLE sales."Or ders" (id int PRIMARY KEY, customer int REFERENCES sales.customer, at date, a int, doubled int GENERATED ALWAYS AS (a * 2) STORED, total int, secret text);
CREATE TABLE sales.rest (id serial PRIMARY KEY, customer int REFERENCES sales.customer);
CREATE TABLE sales.view (id int);
CREATE TABLE sales.faraway (id int);
INSERT INTO sales.customer SELECT g, 'name ' || g FROM generate_series(1, 100) g;
INSERT INTO sales."Or ders" (id, customer, at, a, total, secret) SELECT g, g % 100 + 1, current_date - g, g, 3 * g, 'secret ' || g FROM generate_series(1, 1000) g;
INSERT INTO sales.rest (customer) SELECT g FROM generate_series(1, 50) g;
EOQ
my $app = conninfo($source, db => 'app');

# An archive: other columns, generated here or there, one that only it has
new_database($target, 'archive');
$target->safe_psql('archive', <<'EOQ');
CREATE SCHEMA "Archive";
CREATE TABLE "Archive".customer (id int PRIMARY KEY, name text);
CREATE UNLOGGED TABLE "Archive"."Or ders" (a int, total int GENERATED ALWAYS AS (a * 3) STORED, secret varchar(30), id bigint PRIMARY KEY,
	at date, doubled bigint, customer int REFERENCES "Archive".customer, kept_until date NOT NULL, batch text);
INSERT INTO "Archive".customer SELECT g, 'old' FROM generate_series(1, 100) g;
INSERT INTO "Archive"."Or ders" (id, kept_until) VALUES (5000, '2100-01-01');
EOQ
my %archive = (db => 'archive', sections => ['data'], append => 'true', schema_map => '{"sales": "Archive"}', large_objects => 'false',
	exclude_table_data => ['sales.customer'], exclude_tables => [ 'sales.rest', 'sales.view', 'sales.faraway' ], referential => 'not valid',
	row_filters => '{"sales.\"Or ders\"": "at > CURRENT_DATE - 91"}');
like(errors_of('archive', $app, %archive), qr/^23502\|1 column here is NOT NULL without a default.*\|Columns: "Archive"\."Or ders"\.kept_until/, 'a column that would have no value is an error');
my @values = (column_values => '{"sales.\"Or ders\"": {"kept_until": "at + 3650", "batch": "\'batch \' || 1", "secret": "md5(secret)::varchar(20)"}}');
clone_ok($target, $app, %archive, @values, name => 'the last 90 days are appended under another schema');
my $sum = q(SELECT count(*), sum(doubled), sum(total), bool_and(kept_until = at + 3650), min(batch), bool_or(secret LIKE 'secret%') FROM "Archive"."Or ders" WHERE id <= 1000);
is($target->safe_psql('archive', $sum), '90|8190|12285|t|batch 1|f', 'columns that are generated on one side, or only here, have their values');
is($target->safe_psql('archive', q(SELECT count(*) FROM "Archive"."Or ders" WHERE id = 5000)), '1', 'rows that were here stay');
like(errors_of('archive', $app, %archive, @values), qr/^23505\|duplicate key value violates unique constraint "Or ders_pkey"/, 'appended again, unique keys stop it');
is($target->safe_psql('archive', $sum), '90|8190|12285|t|batch 1|f', 'and nothing is added');
my (undef, undef, $err) = $target->psql('archive', "\\set VERBOSITY verbose\nSELECT pgcopy_clone(" . quote_literal($app) .
	q(, sections => '{data}', schema_map => '{"sales": "Archive"}', column_values => '{"sales.\"Or ders\"": {"kept": "at"}}') . ')');
like($err, qr/ERROR:  42703: column_values of sales."Or ders", column kept: no table of this key has the column/, 'a column that neither side has is an error');

# What is not loaded is not emptied.
like(errors_of('archive', $app, %archive, @values, append => 'false', truncate => 'true', exclude_table_data => [], exclude_tables => [ 'sales."Or ders"', 'sales.rest', 'sales.view', 'sales.faraway' ], row_filters => '{}', column_values => '{}'),
	qr/^55000\|cannot empty tables that are referenced by 1 foreign key of a table that is not loaded\|Foreign keys: "Archive"."Or ders" references "Archive".customer/, 'a foreign key of what is left out is in the way of truncate');
clone_ok($target, $app, %archive, @values, append => 'false', truncate => 'true', name => 'truncate, without the rows of a table');
is($target->safe_psql('archive', q(SELECT (SELECT count(*) FROM "Archive"."Or ders"), (SELECT count(*) FROM "Archive".customer WHERE name = 'old'))), '90|100', 'empties what is loaded only');

# Relations that take no rows
$target->safe_psql('archive', <<'EOQ');
CREATE VIEW "Archive".view AS SELECT 1 AS id;
CREATE FUNCTION "Archive".f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER t INSTEAD OF INSERT ON "Archive".view FOR EACH ROW EXECUTE FUNCTION "Archive".f();
CREATE SERVER nowhere FOREIGN DATA WRAPPER pgcopydb_fdw OPTIONS (host 'nowhere');
CREATE FOREIGN TABLE "Archive".faraway (id int) SERVER nowhere;
CREATE SCHEMA sales;
CREATE TABLE sales.rest (id int);
EOQ
my $errors = errors_of('archive', $app, %archive, @values, exclude_tables => [], truncate => 'true', append => 'false');
like($errors, qr/^42809\|2 relations here have the names of tables of the source, but are no tables\|Relations: (?=.*"Archive".view)(?=.*"Archive".faraway)/m, 'a view with triggers and a foreign table are no tables');
like($errors, qr/^42P01\|1 table of the source does not exist here\|Missing: "Archive".rest/m, 'a table of another schema is not taken');

#-------------------------------------------------------------------------
# Post-data in mapped schemas, and indexes without their constraints
#-------------------------------------------------------------------------

new_database($target, 'post');
my %post = (db => 'post', schema_map => '{"sales": "S x"}');
clone_ok($target, $app, %post, sections => [ 'pre-data', 'data' ], name => 'definitions and rows under another schema');
$target->safe_psql('post', 'CREATE UNIQUE INDEX customer_pkey ON "S x".customer (id); CREATE UNIQUE INDEX rest_pkey ON "S x".rest (customer)');
like(errors_of('post', $app, %post, sections => ['post-data']), qr/^42710\|1 object of the source exists here with another definition\|Different: constraint rest_pkey on "S x".rest/, 'an index that cannot be the constraint\'s is in the way');
$target->safe_psql('post', 'DROP INDEX "S x".rest_pkey');
my $index = $target->safe_psql('post', q(SELECT '"S x".customer_pkey'::regclass::oid));
clone_ok($target, $app, %post, sections => ['post-data'], name => 'post-data under another schema');
is($target->safe_psql('post', q(SELECT conindid FROM pg_constraint WHERE conname = 'customer_pkey')), $index, 'the constraint takes the index that is here');
clone_ok($target, $app, %post, sections => ['post-data'], name => 'and again');
is($target->safe_psql('post', "SELECT count(*) FROM pg_namespace WHERE nspname IN ('sales', 'S x')"), '1', 'no schema was added');
new_database($target, 'whole');
clone_ok($target, $app, %post, db => 'whole', name => 'one clone');
assert_same($target, $target, source_db => 'whole', db => 'post', name => 'is the same');

# Somebody locks a table that rows go into: the job waits, says so, and can be cancelled.
my $locker = $target->background_psql('post');
$locker->query_safe('BEGIN; LOCK TABLE "S x".customer');
my $job = clone($target, $app, %post, sections => ['data'], append => 'true', include_tables => ['sales.customer']);
ok(wait_until($target, "SELECT count(*) > 0 FROM pgcopy_workers WHERE blocked_by IS NOT NULL AND waits_for IS NOT NULL", db => 'post'), 'a table that is locked here: pgcopy_workers says by whom')
	or diag($target->safe_psql('post', 'SELECT * FROM pgcopy_workers'));
$target->safe_psql('post', "SELECT pgcopy_cancel($job)");
is(wait_for_end($target, $job, db => 'post'), 'cancelled', 'and the job can be cancelled');
$locker->quit;
done_testing();
