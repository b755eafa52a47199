# Filters with their exact outcome: beside each stands the SQL that makes the same of a
# copy of the source, and the clone must be equal to that copy: definitions, rows,
# large objects, sequences.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('filters');
new_database($source, 'shop');
$source->safe_psql('shop', slurp_file("$FindBin::Bin/../only/shop.sql"));

# Before PostgreSQL 15 pg_depend says which objects of the server's own are pinned.
$source->safe_psql('shop', <<'EOQ');
SET allow_system_table_mods = on;
INSERT INTO pg_depend SELECT 0, 0, 0, k, o, 0, 'p' FROM (VALUES
	('pg_collation'::regclass, 'pg_catalog."C"'::regcollation::oid),
	('pg_type', 'text'::regtype), ('pg_proc', 'now()'::regprocedure),
	('pg_language', (SELECT oid FROM pg_language WHERE lanname = 'sql')),
	('pg_operator', '=(int, int)'::regoperator), ('pg_class', 'pg_class'::regclass)) AS v(k, o);
EOQ

# What is left if nothing asks for what belongs to the database as a whole.
my $no_globals = <<'EOQ';
DROP PUBLICATION of_orders;
DROP PUBLICATION of_archive;
DROP EVENT TRIGGER on_ddl;
SELECT lo_unlink(4711);
EOQ

my @filters = (
	[ 'a table and the rule that writes to it', { exclude_tables => ['audit.trail'] }, 'DROP TABLE audit.trail CASCADE' ],
	[ 'a table, a key to it, views over views', { exclude_tables => ['shop.product'] }, 'DROP TABLE shop.product CASCADE' ],
	[ 'a table that much hangs on', { exclude_tables => ['shop.orders'] }, 'DROP TABLE shop.orders CASCADE' ],
	[ 'a table whose row type a function has', { exclude_tables => ['shop.customer'] }, 'DROP TABLE shop.customer CASCADE' ],
	[ 'a partition', { exclude_tables => ['shop.event_2024'] }, 'DROP TABLE shop.event_2024' ],
	[ 'a partitioned table', { exclude_tables => ['shop.event'] }, 'DROP TABLE shop.event' ],
	[ 'the same by a regular expression', { exclude_tables => ['shop.~/^event/'] }, 'DROP TABLE shop.event' ],
	[ 'a parent', { exclude_tables => ['shop.person'] }, 'DROP TABLE shop.person CASCADE' ],
	[ 'a schema of views', { exclude_schemas => ['report'] }, 'DROP SCHEMA report CASCADE' ],
	[ 'a schema whose functions triggers call', { exclude_schemas => ['aud?t'] }, 'DROP SCHEMA audit CASCADE' ],
	[ 'a schema that is published', { exclude_schemas => ['archive'] }, 'DROP SCHEMA archive CASCADE' ],
	[ 'rows', { exclude_table_data => [ 'shop.event', 'audit.*' ] }, 'TRUNCATE shop.event, audit.trail' ],
	[ 'indexes', { exclude_indexes => [ 'shop.customer_note_idx', 'shop.event_what_idx' ] },
		'DROP INDEX shop.customer_note_idx, shop.event_what_idx' ],
	[ 'an index of a constraint', { exclude_indexes => ['shop.customer_email_key'] },
		'ALTER TABLE shop.customer DROP CONSTRAINT customer_email_key' ],
	[ 'kinds of parts', { exclude => [ 'triggers', 'rules', 'policies', 'statistics', 'comments' ] }, <<'EOQ' ],
DROP TRIGGER customer_touch ON shop.customer;
DROP TRIGGER orders_audit ON shop.orders;
DROP RULE order_gone ON shop.orders;
DROP POLICY own ON shop.customer;
ALTER TABLE shop.customer DISABLE ROW LEVEL SECURITY;
DROP STATISTICS shop.order_stat;
COMMENT ON SCHEMA shop IS NULL;
COMMENT ON COLUMN shop.orders.placed IS NULL;
EOQ
	[ 'kinds of the whole', { exclude => [ 'publications', 'event triggers', 'large objects', 'materialized view rows' ] },
		"$no_globals REFRESH MATERIALIZED VIEW report.monthly WITH NO DATA;" ],
	[ 'one table', { include_tables => ['shop.orders'] }, <<"EOQ" ],
$no_globals
DROP SCHEMA report, archive, ext CASCADE;
DROP TABLE shop.customer, shop.product, shop.order_line, shop.event, shop.person, shop.employee, audit.trail CASCADE;
DROP FUNCTION shop.touch, shop.is_email, audit.ddl CASCADE;
DROP TYPE shop.address;
EOQ
	[ 'one schema', { include_schemas => ['shop'] }, <<"EOQ" ],
$no_globals
DROP SCHEMA report, archive CASCADE;
DROP TABLE audit.trail CASCADE;
DROP FUNCTION audit.ddl;
DROP EXTENSION hstore;
EOQ
	[ 'a schema of views', { include_schemas => ['report'] }, <<"EOQ" ],
$no_globals
DROP SCHEMA archive CASCADE;
DROP TABLE shop.event, shop.person, shop.employee, audit.trail CASCADE;
DROP FUNCTION audit.ddl;
DROP EXTENSION hstore;
EOQ
	[ 'schemas without some tables', { include_schemas => [ 'shop', 'audit' ], exclude_tables => [ 'shop.event*', 'audit.trail' ] }, <<"EOQ" ],
$no_globals
DROP SCHEMA report, archive CASCADE;
DROP TABLE shop.event, audit.trail CASCADE;
DROP EXTENSION hstore;
EOQ
	[ 'a view, a table below it without rows', { include_tables => ['report.best'], exclude_table_data => ['shop.order_line'] }, <<"EOQ" ],
$no_globals
TRUNCATE shop.order_line;
DROP SCHEMA archive CASCADE;
DROP MATERIALIZED VIEW report.monthly;
DROP FUNCTION report.revenue, report.customers, report.free;
DROP TABLE shop.event, shop.person, shop.employee, audit.trail CASCADE;
DROP FUNCTION audit.ddl;
DROP EXTENSION hstore;
EOQ
	[ 'one extension, and those that are needed', { include_extensions => ['citext'] }, 'DROP EXTENSION hstore' ],
	[ 'an extension', { exclude_extensions => ['pg_trgm'] }, 'DROP EXTENSION pg_trgm CASCADE' ]);

my $no = 0;
foreach my $filter (@filters)
{
	my ($name, $options, $sql) = @$filter;
	my ($db, $copy) = ('filtered_' . ++$no, "copy_$no");

	$source->safe_psql('postgres', "CREATE DATABASE $copy TEMPLATE shop");
	$source->safe_psql($copy, "SET client_min_messages = warning; $sql");
	new_database($target, $db);
	clone_ok($target, conninfo($source, db => 'shop'), db => $db, %$options, name => "$name: the clone ends done");
	assert_same($source, $target, source_db => $copy, db => $db, name => "$name: exactly that is here");
	$source->safe_psql('postgres', "DROP DATABASE $copy");
}

# What would be made half is refused when it is asked for, naming both.
my ($rc, $out, $err) = $target->psql('filtered_1', 'SELECT pgcopy_clone('
	  . quote_literal(conninfo($source, db => 'shop'))
	  . ", include_tables => '{report.best}', exclude_tables => '{shop.orders}')");
like($err, qr/report\.best.*shop\.orders/s, 'a view over what is excluded is refused by name');

done_testing();
