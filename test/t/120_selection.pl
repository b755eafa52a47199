# Which objects of a source are cloned when only a part is asked for: what is
# included, less what is excluded.  What is kept takes along what it needs; what is
# left out takes along what cannot be without it; each such consequence is a
# notice that names its cause.  Patterns are pg_dump's, and ~/regex/.  A pattern
# that matches nothing, a contradiction and an object that would be made half are
# errors, of which one call tells all.  However the filters are made up, nothing
# that is kept depends on something that is not.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('selection', source_conf => "wal_level = logical\nmax_locks_per_transaction = 1000\n");
$target->safe_psql('postgres', 'CREATE EXTENSION pgcopy_selection');
$source->safe_psql('postgres', "CREATE DATABASE $_") for qw(scene random big);
$source->safe_psql('scene', <<'EOQ');
CREATE SCHEMA sales; CREATE SCHEMA audit; CREATE SCHEMA lib; CREATE SCHEMA empty; CREATE SCHEMA "Odd.Name";
CREATE EXTENSION hstore SCHEMA lib;
CREATE EXTENSION citext SCHEMA public;
CREATE EXTENSION pgcopydb_ext;
CREATE TYPE lib.status AS ENUM ('new', 'paid');
CREATE TYPE lib.address AS (street text, zip text);
CREATE FUNCTION lib.is_zip(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 ~ ''^\d+$''';
CREATE DOMAIN lib.zip AS text CHECK (lib.is_zip(VALUE));
CREATE FUNCTION lib.next_no() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION lib.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION lib.unused() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION lib.status_int(lib.status) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE CAST (lib.status AS int) WITH FUNCTION lib.status_int(lib.status);
CREATE COLLATION lib.german (locale = 'C');
CREATE SEQUENCE lib.numbers;
CREATE TYPE lib.span AS RANGE (subtype = int4);
CREATE TEXT SEARCH DICTIONARY lib.dict (template = simple);
CREATE TEXT SEARCH CONFIGURATION lib.conf (parser = "default");
ALTER TEXT SEARCH CONFIGURATION lib.conf ADD MAPPING FOR word WITH lib.dict;

CREATE TABLE customer (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE lib.german,
    home lib.address, zip lib.zip, tags lib.hstore);
CREATE TABLE sales.orders (id serial PRIMARY KEY, no bigint DEFAULT nextval('lib.numbers'), x bigint DEFAULT lib.next_no(),
    customer int CONSTRAINT orders_customer_fkey REFERENCES customer, status lib.status DEFAULT 'new', at date, during lib.span);
CREATE INDEX orders_at ON sales.orders (at);
CREATE TRIGGER touch BEFORE UPDATE ON sales.orders FOR EACH ROW EXECUTE FUNCTION lib.touch();
CREATE TABLE audit.log (id bigint PRIMARY KEY, "order" int REFERENCES sales.orders, what text);
CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER note AFTER INSERT ON sales.orders FOR EACH ROW EXECUTE FUNCTION audit.note();
CREATE RULE keep AS ON DELETE TO sales.orders DO ALSO INSERT INTO audit.log VALUES (old.id);
ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON sales.orders USING (EXISTS (SELECT FROM customer WHERE customer.id = orders.customer));
CREATE POLICY easy ON sales.orders USING (true);
CREATE STATISTICS sales.orders_stat ON customer, at FROM sales.orders;
CREATE VIEW sales.open_orders AS SELECT o.id, c.name FROM sales.orders o JOIN customer c ON c.id = o.customer;
CREATE VIEW sales.counts AS SELECT name, count(*) FROM sales.open_orders GROUP BY name;
CREATE MATERIALIZED VIEW sales.totals AS SELECT customer, count(*) FROM sales.orders GROUP BY customer;
CREATE UNIQUE INDEX totals_key ON sales.totals (customer);
CREATE VIEW audit.recent AS SELECT * FROM audit.log;
CREATE FUNCTION sales.n_orders() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM sales.orders; END;
CREATE VIEW sales.n AS SELECT sales.n_orders();
CREATE TABLE sales.of_row (c customer);

CREATE TABLE measure (at date NOT NULL, v int, customer int REFERENCES customer) PARTITION BY RANGE (at);
CREATE TABLE measure_1 PARTITION OF measure FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE measure_2 PARTITION OF measure FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') PARTITION BY LIST (v);
CREATE TABLE measure_2a PARTITION OF measure_2 FOR VALUES IN (1);
ALTER TABLE measure ADD PRIMARY KEY (at, v);
CREATE INDEX measure_v ON measure (v);
CREATE TABLE of_measure (at date, v int, FOREIGN KEY (at, v) REFERENCES measure);
CREATE TABLE base (a int);
CREATE TABLE child (b int) INHERITS (base);
CREATE TABLE "Odd.Name"."T ""1" (a citext);
CREATE TABLE "Odd.Name".measure (a int);
CREATE TABLE docs (t text, v tsvector GENERATED ALWAYS AS (to_tsvector('lib.conf'::regconfig, t)) STORED);
CREATE PUBLICATION pub FOR TABLE sales.orders, customer;
CREATE PUBLICATION pub_all FOR ALL TABLES;
CREATE PUBLICATION pub_schema FOR TABLES IN SCHEMA audit;
CREATE SUBSCRIPTION sub CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false);
CREATE FUNCTION audit.ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER ddl ON ddl_command_end EXECUTE FUNCTION audit.ddl();
CREATE FOREIGN DATA WRAPPER fdw;
CREATE SERVER srv FOREIGN DATA WRAPPER fdw;
CREATE SERVER other FOREIGN DATA WRAPPER fdw;
CREATE USER MAPPING FOR PUBLIC SERVER srv;
CREATE FOREIGN TABLE far (a int) SERVER srv;
ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
EOQ

# What a clone of a database with these options, as JSON, would do: lists of texts by
# the words of select_objects(); "error", with the SQLSTATE, if it throws.
sub selection
{
	my ($db, $options) = @_;
	my ($rc, $out, $err) = $target->psql('postgres', "\\set VERBOSITY verbose\nSELECT concat_ws(E'\\t', what, classid, objid, object) FROM select_objects("
		. quote_literal(conninfo($source, db => $db)) . ", " . quote_literal($options) . ')', on_error_stop => 0);
	my %got = (error => $err =~ /ERROR: / ? $err : '', all => []);

	for (split /\n/, $out)
	{
		my ($what, $class, $oid, $object) = split /\t/;
		push @{ $got{$what} }, $object;
		push @{ $got{all} }, [ $what, "$class/$oid", $object ];
	}
	return \%got;
}

sub has
{
	my ($got, $what, $object) = @_;
	return scalar grep { $_ eq $object } @{ $got->{$what} || [] };
}

sub is_relation
{
	return $_[0] =~ /^(materialized view|foreign table|table|view|sequence) (?!constraint )/ && $_[0] !~ / pgcopy|\.pgcopy/;
}

# One filter: what must be kept and left, and all notices.
sub selects
{
	my ($name, $options, %want) = @_;
	my $got = selection('scene', $options);

	is($got->{error}, '', "$name: no error");
	for my $what (qw(kept left rows unvalidated dumped), 'not dumped')
	{
		is_deeply([ grep { !has($got, $what, $_) } @{ $want{$what} || [] } ], [], "$name: $what") if $want{$what};
	}
	is_deeply([ sort @{ $got->{notice} || [] } ], [ sort @{ $want{notice} || [] } ], "$name: notices");
	is_deeply([ sort map { s/^(materialized view|foreign table|table|view|sequence) //r } grep { is_relation($_) } @{ $got->{kept} } ],
		[ sort @{ $want{relations} } ], "$name: exactly these relations") if $want{relations};
	return $got;
}

my @all = qw(audit.log audit.recent lib.numbers public.base public.child public.customer public.customer_id_seq public.docs
  public.far public.measure public.measure_1 public.measure_2 public.measure_2a public.of_measure
  sales.counts sales.n sales.of_row sales.open_orders sales.orders sales.orders_id_seq sales.totals);
push @all, '"Odd.Name"."T ""1"', '"Odd.Name".measure';

# All relations but these.
sub all_but
{
	my %out = map { $_ => 1 } @_;
	return [ grep { !$out{$_} } @all ];
}

#
# Without tables, schemas or extensions in the options, nothing is lost but this
# extension.
#
my $got = selects('a kind', '{"exclude": ["statistics"]}',
	relations => \@all, left => [ 'extension pgcopydb_ext', 'statistics object sales.orders_stat', 'schema pgcopy' ],
	kept => [ 'subscription sub', 'user mapping public on server srv', 'event trigger ddl', 'publication pub', 'schema empty', 'policy own on sales.orders' ]);
is_deeply([ map { $_->[2] } grep { $_->[0] eq 'left' && $_->[2] !~ /pgcopy|statistics/ } @{ $got->{all} } ], [], 'all else is kept');
is_deeply($got->{'large objects'}, ['t'], 'and large objects');

selects('kinds', '{"exclude": ["triggers", "policies", "rules", "publications", "subscriptions", "event triggers", "user mappings", "large objects"]}',
	relations => \@all,
	left => [ 'trigger note on sales.orders', 'policy own on sales.orders', 'rule keep on sales.orders', 'publication pub', 'subscription sub',
		'event trigger ddl', 'user mapping public on server srv', 'publication relation public.customer in publication pub' ],
	kept => [ 'rule "_RETURN" on sales.n', 'function audit.note()' ]);

#
# Tables.
#
my @customer_notices = (
	'foreign key measure_customer_fkey left out: references public.customer, which is excluded',
	'foreign key orders_customer_fkey left out: references public.customer, which is excluded',
	'policy own left out: references public.customer, which is excluded',
	'publication relation public.customer in publication pub left out: references public.customer, which is excluded',
	'table sales.of_row left out: references public.customer, which is excluded',
	'view sales.counts left out: references sales.open_orders, which is left out',
	'view sales.open_orders left out: references public.customer, which is excluded');
my @customer_relations = qw(public.customer public.customer_id_seq sales.of_row sales.open_orders sales.counts);

selects('a table', '{"exclude_tables": ["customer"]}', relations => all_but(@customer_relations), notice => \@customer_notices,
	left => [ 'table constraint customer_pkey on public.customer', 'index public.customer_pkey' ],
	'not dumped' => ['public.customer'], dumped => ['sales.orders'],
	kept => [ 'type lib.zip', 'schema public', 'publication pub', 'publication relation sales.orders in publication pub' ]);
selects('a regular expression', '{"exclude_tables": ["public.~/^cust/"]}', relations => all_but(@customer_relations), notice => \@customer_notices);
selects('a part of a tree', '{"exclude_tables": ["measure_2"]}', relations => all_but(qw(public.measure_2 public.measure_2a)),
	kept => [ 'index public.measure_1_v_idx', 'index public.measure_v' ], left => ['index public.measure_2a_pkey'],
	unvalidated => ['table constraint of_measure_at_v_fkey on public.of_measure'],
	notice => ['foreign key of_measure_at_v_fkey is left NOT VALID: rows of public.measure are left out']);
selects('a tree', '{"exclude_tables": ["measure"]}', relations => all_but(qw(public.measure public.measure_1 public.measure_2 public.measure_2a)),
	notice => ['foreign key of_measure_at_v_fkey left out: references public.measure, which is excluded']);
selects('a parent', '{"exclude_tables": ["base"]}', relations => all_but(qw(public.base public.child)),
	notice => ['table public.child left out: references public.base, which is excluded']);
selects('sequences that are needed', '{"exclude_tables": ["lib.numbers", "customer_id_seq"]}', relations => \@all,
	notice => [ 'sequence lib.numbers is cloned although its schema is excluded: table sales.orders needs it' =~ s/its schema/it/r,
		'sequence public.customer_id_seq is cloned although it is excluded: table public.customer needs it' ]);
selects('a child', '{"include_tables": ["child", "\"Odd.Name\".\"T \"\"1\""]}',
	relations => [ qw(public.base public.child), '"Odd.Name"."T ""1"' ],
	kept => [ 'extension citext', 'schema "Odd.Name"' ], left => [ 'extension hstore', 'schema lib', 'publication pub', 'subscription sub', 'server srv', 'schema empty' ]);
selects('a leaf', '{"include_tables": ["measure_1"]}', relations => [qw(public.measure public.measure_1)],
	kept => ['index public.measure_1_pkey'],
	notice => ['foreign key measure_customer_fkey left out: references public.customer, which is not included']);
selects('a tree included', '{"include_tables": ["measure"], "exclude_tables": ["measure_1"]}',
	relations => [qw(public.measure public.measure_2 public.measure_2a)],
	notice => ['foreign key measure_customer_fkey left out: references public.customer, which is not included']);
selects('a foreign table', '{"include_tables": ["far"]}', relations => ['public.far'],
	kept => [ 'server srv', 'user mapping public on server srv', 'foreign-data wrapper fdw' ], left => ['server other']);
my @taken = map { "$_ needs it" } (
	'function audit.note() is cloned although its schema is not included: trigger note on sales.orders',
	'function lib.next_no() is cloned although its schema is not included: table sales.orders',
	'function lib.touch() is cloned although its schema is not included: trigger touch on sales.orders',
	'sequence lib.numbers is cloned although its schema is not included: table sales.orders',
	'type lib.span is cloned although its schema is not included: table sales.orders',
	'type lib.status is cloned although its schema is not included: table sales.orders');
$got = selects('one table', '{"include_tables": ["sales.orders"]}', relations => [qw(lib.numbers sales.orders sales.orders_id_seq)],
	kept => [ 'trigger touch on sales.orders', 'policy easy on sales.orders', 'index sales.orders_at', 'statistics object sales.orders_stat',
		'schema lib', 'schema sales', 'default value for sales.orders.id' ],
	left => [ 'function lib.unused()', 'schema public', 'cast (lib.status AS integer)', 'default acl for role ' . $source->safe_psql('postgres', 'SELECT current_user') . ' in schema sales on tables' ],
	notice => [ @taken,
		'foreign key orders_customer_fkey left out: references public.customer, which is not included',
		'policy own left out: references public.customer, which is not included',
		'rule keep left out: references audit.log, which is not included' ]);
is_deeply($got->{'large objects'}, ['f'], 'one table: no large objects');
is(scalar(() = $got->{relations}[0] =~ /\d+/g), 3, 'one table: as an array');
ok(has($got, 'notice of', 'foreign key orders_customer_fkey on sales.orders'), 'one table: a notice names its object');
selects('large objects are asked for', '{"include_tables": ["docs"], "large_objects": "true"}', 'large objects' => ['t'], relations => ['public.docs'],
	kept => [ 'text search configuration lib.conf', 'text search dictionary lib.dict' ],
	notice => [ 'text search configuration lib.conf is cloned although its schema is not included: table public.docs needs it',
		'text search dictionary lib.dict is cloned although its schema is not included: text search configuration lib.conf needs it' ]);

#
# Schemas.
#
selects('schemas', '{"exclude_schemas": ["a?dit"]}', relations => all_but(qw(audit.log audit.recent)),
	left => ['schema audit'],
	notice => [ 'event trigger ddl left out: needs function audit.ddl(), which is excluded',
		'publication namespace audit in publication pub_schema left out: needs schema audit, which is excluded',
		'rule keep left out: references audit.log, which is excluded',
		'trigger note left out: needs function audit.note(), which is excluded' ]);
selects('a schema of types', '{"exclude_schemas": ["lib"]}', relations => \@all, left => [ 'function lib.unused()', 'cast (lib.status AS integer)' ],
	kept => [ 'schema lib', 'extension hstore' ],
	notice => [
		'cast (lib.status AS integer) left out: needs function lib.status_int(lib.status), which is excluded',
		'trigger touch left out: needs function lib.touch(), which is excluded',
		map { s/CLONED/is cloned although its schema is excluded/r . ' needs it' } (
			'collation lib.german CLONED: table public.customer',
			'extension hstore CLONED: table public.customer',
			'function lib.is_zip(pg_catalog.text) CLONED: type lib.zip',
			'function lib.next_no() CLONED: table sales.orders',
			'sequence lib.numbers CLONED: table sales.orders',
			'text search configuration lib.conf CLONED: table public.docs',
			'text search dictionary lib.dict CLONED: text search configuration lib.conf',
			'type lib.address CLONED: table public.customer',
			'type lib.span CLONED: table sales.orders',
			'type lib.status CLONED: table sales.orders',
			'type lib.zip CLONED: table public.customer') ]);
$got = selection('scene', '{"include_schemas": ["sales"], "exclude_tables": ["sales.c*"]}');
is_deeply([ sort map { s/^\S+ (view )?//r } grep { is_relation($_) } @{ $got->{kept} } ],
	[ qw(lib.numbers public.customer public.customer_id_seq sales.n sales.of_row sales.open_orders sales.orders sales.orders_id_seq sales.totals) ],
	'a schema brings what its views need');
ok(has($got, 'kept', $_), "a schema brings $_") for grep { /default acl/ } @{ $got->{kept} };
ok(has($got, 'kept', 'foreign key orders_customer_fkey on sales.orders' =~ s/foreign key/table constraint/r), 'and a foreign key between them');
selects('an empty schema', '{"include_schemas": ["empty"]}', relations => [], kept => ['schema empty'], left => ['schema public']);

#
# Extensions, indexes, rows.
#
selects('an extension', '{"include_extensions": ["citext"]}', relations => \@all, kept => [ 'extension citext', 'extension hstore' ]);
selects('no extension', '{"exclude_extensions": ["hstore"], "exclude_tables": ["customer"]}', relations => all_but(@customer_relations),
	left => ['extension hstore'], notice => \@customer_notices);
selects('an index', '{"exclude_indexes": ["orders_at", "customer_pkey", "sales.orders_at"]}' =~ s/"orders_at", //r, relations => \@all,
	left => [ 'index sales.orders_at', 'table constraint customer_pkey on public.customer', 'table constraint orders_customer_fkey on sales.orders' ],
	kept => ['publication relation public.customer in publication pub'],
	notice => [ 'foreign key measure_customer_fkey left out: needs index public.customer_pkey, which is excluded',
		'foreign key orders_customer_fkey left out: needs index public.customer_pkey, which is excluded',
		'published table public.customer loses its primary key customer_pkey' ]);
$got = selects('rows', '{"exclude_table_data": ["measure", "customer"]}', relations => \@all,
	rows => [ 'table sales.orders', 'table public.of_measure', 'table public.base', 'sequence public.customer_id_seq' ],
	unvalidated => [ map { "table constraint $_" } 'orders_customer_fkey on sales.orders', 'of_measure_at_v_fkey on public.of_measure' ],
	notice => [ 'foreign key of_measure_at_v_fkey is left NOT VALID: rows of public.measure are left out',
		'foreign key orders_customer_fkey is left NOT VALID: rows of public.customer are left out' ]);
is_deeply([ grep { /measure_|customer$/ && !/of_measure/ } @{ $got->{rows} } ], [], 'rows: none of the tree');

#
# Errors: all of a kind in one, before anything else.
#
sub fails
{
	my ($name, $options, $sqlstate, @texts) = @_;
	my $error = selection('scene', $options)->{error};

	like($error, qr/ERROR:  $sqlstate: /, "$name: $sqlstate");
	like($error, qr/\Q$_\E/, "$name: $_") for @texts;
	return;
}
fails('nothing matches', '{"include_tables": ["counts", "*.custmer", "nix.*", "public.custmer", "pgcopy.job", "docs"], "exclude_indexes": ["sales.oders_at"], "include_extensions": ["hstor"], "exclude_schemas": ["Sales", "sale", "pgcopy"]}', 42704,
	'include_tables: no table, view or sequence of the source matches counts. Did you mean sales.counts?',
	'matches *.custmer.', 'matches nix.*.', 'matches public.custmer. Did you mean public.customer?', 'matches pgcopy.job.',
	'exclude_indexes: no index of the source matches sales.oders_at. Did you mean sales.orders_at?',
	'include_extensions: no extension of the source matches hstor. Did you mean hstore?',
	'exclude_schemas: no schema of the source matches sale. Did you mean sales?', 'no schema of the source matches pgcopy.');
fails('a view over an excluded table', '{"include_tables": ["sales.counts"], "exclude_tables": ["customer"]}', 22023,
	'view sales.counts would be made half: it references public.customer, which is excluded');
fails('tables over an excluded extension', '{"exclude_extensions": ["hstore", "citext"]}', 22023,
	'table public.customer would be made half: it needs extension hstore, which is excluded',
	'table "Odd.Name"."T ""1" would be made half: it needs extension citext, which is excluded');
my ($rc, $out, $err) = $target->psql('postgres', "\\set VERBOSITY verbose\nSELECT pgcopy_clone(" . quote_literal(conninfo($source, db => 'scene'))
	. ", include_tables => '{sales.orders,nope}', exclude_indexes => '{customer_pke}')");
like($err, qr/ERROR:  42704: include_tables: no table, view or sequence of the source matches nope/, 'pgcopy_clone() itself throws');
like($err, qr/exclude_indexes: no index of the source matches customer_pke\. Did you mean public\.customer_pkey\?/, 'and tells all');
fails('a contradiction', '{"include_tables": ["docs", "sales.t*", "base"], "exclude_tables": ["*.docs", "sales.totals"]}', 22023,
	'include_tables: all that docs matches is excluded', 'include_tables: all that sales.t* matches is excluded');
fails('large objects', '{"exclude": ["large objects"], "large_objects": "true"}', 22023, 'large_objects and exclude contradict each other');
fails('a pattern', '{"' . $_->[0] . '": [' . $_->[1] . ']}', $_->[2], $_->[0], $_->[3])
  for (
	[ 'include_tables', '"a.b.c"', 22023, 'It has more parts than a schema and a name.' ],
	[ 'exclude_schemas', '"a.b"', 22023, 'It has a period outside of quotes.' ],
	[ 'exclude_schemas', '"\"a"', 22023, 'A quoted name does not end.' ],
	[ 'exclude_tables', '"a."', 22023, 'It has an empty part.' ],
	[ 'exclude_tables', '"~/a"', 22023, 'A regular expression does not end with a slash.' ],
	[ 'exclude_tables', '"~/a/b/"', 22023, 'Something follows a regular expression.' ],
	[ 'exclude_tables', '"~//"', 22023, 'It has an empty regular expression.' ],
	[ 'exclude_table_data', '"public.~/(/"', '2201B', 'public.~/(/' ],
	[ 'include_extensions', '"a("', '2201B', 'parentheses () not balanced' ]);

#
# Patterns.
#
sub matches
{
	my ($pattern, @tables) = @_;
	my $got = selection('scene', '{"exclude_table_data": [' . $pattern . ']}');
	my %rows = map { $_ => 1 } @{ $got->{rows} || [] };
	my @out = sort map { s/^(materialized view|foreign table|table|view|sequence) //r }
	  grep { is_relation($_) && !$rows{$_} } @{ $got->{kept} };

	is_deeply(\@out, [ sort @tables ], "the pattern $pattern") or diag($got->{error});
	return;
}
matches('"sales.o*"', qw(sales.of_row sales.open_orders sales.orders sales.orders_id_seq));
matches('"SALES.orders"', 'sales.orders');
matches('"sales.order?"', 'sales.orders');
matches('"sales.(orders|n)"', 'sales.n', 'sales.orders');
matches('"\"Odd.Name\".*"', '"Odd.Name"."T ""1"', '"Odd.Name".measure');
matches('"\"Odd.Name\".\"T \"\"1\""', '"Odd.Name"."T ""1"');
matches('"*.\"T \"*"', '"Odd.Name"."T ""1"');
matches('"~/^Odd/.~/^T/"', '"Odd.Name"."T ""1"');
matches('"base"', 'public.base');
matches('"measure_?"', qw(public.measure_1 public.measure_2 public.measure_2a));
matches('"*ase"', 'public.base');
$source->safe_psql('scene', 'ALTER DATABASE scene SET search_path = "$user", "Odd.Name", public');
matches('"measure"', '"Odd.Name".measure');
matches('"measure", "base"', '"Odd.Name".measure', 'public.base');
$source->safe_psql('scene', 'ALTER DATABASE scene RESET search_path');

#
# However the catalog and the filters are made up, nothing that is kept needs
# something that is not, and what is excluded is not there.
#
my $seed = $ENV{SELECTION_SEED} // int(rand(1_000_000));
my $rounds = $ENV{SELECTION_ROUNDS} // 5;
note("SELECTION_SEED=$seed");
srand($seed);

sub one_of { return $_[ int(rand(@_)) ]; }
sub some_of { my $share = shift; return grep { rand() < $share } @_; }

# Fill the database random; returns the names of tables and views.
sub make_catalog
{
	my @schemas = ('a', 'b', '"C d"');
	my (@types, @functions, @sequences, @tables, @relations, @sql);
	my $n = 0;
	my $run = sub {
		my ($sql) = @_;
		my ($rc) = $source->psql('random', $sql);
		return $rc == 0;
	};
	my $name = sub { return one_of(@schemas) . '.' . (rand() < 0.1 ? '"' . $_[0] . ' ' . ++$n . '"' : $_[0] . ++$n); };

	$source->safe_psql('random', "DROP SCHEMA IF EXISTS $_ CASCADE; CREATE SCHEMA $_") for @schemas;
	$source->safe_psql('random', 'DROP PUBLICATION IF EXISTS p; DROP EVENT TRIGGER IF EXISTS e');
	$source->safe_psql('random', 'CREATE EXTENSION IF NOT EXISTS hstore');
	for my $i (1 .. 4)
	{
		my ($enum, $domain, $check, $function, $sequence, $row) = map { $name->($_) } qw(enum domain check function sequence row);

		$run->("CREATE TYPE $enum AS ENUM ('x')") and push @types, $enum, "${enum}[]";
		$run->("CREATE FUNCTION $check(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'");
		$run->("CREATE DOMAIN $domain AS int CHECK ($check(VALUE))") and push @types, $domain;
		$run->("CREATE TYPE $row AS (a " . one_of('int', @types) . ')') and push @types, $row;
		$run->("CREATE FUNCTION $function() RETURNS int LANGUAGE sql AS 'SELECT 1'") and push @functions, "$function()";
		$run->("CREATE SEQUENCE $sequence") and push @sequences, $sequence;
		$run->('CREATE TYPE ' . $name->('range') . ' AS RANGE (subtype = int4)');
	}
	push @types, 'hstore';
	for my $i (1 .. 12)
	{
		my $table = $name->('table');
		my @columns = ('id ' . one_of('int', 'serial', 'int GENERATED ALWAYS AS IDENTITY') . ' PRIMARY KEY');
		my $kind = rand();

		push @columns, 't' . $_ . ' ' . one_of('int', 'text', @types, @tables) for 1 .. 2;
		push @columns, 'd int DEFAULT ' . one_of(@functions, map { "nextval('$_')" } @sequences) if rand() < 0.5;
		push @columns, 'f int REFERENCES ' . one_of(@tables) if @tables && rand() < 0.6;
		push @columns, "CHECK (" . one_of(@functions) . ' > 0)' if rand() < 0.3;
		if ($kind < 0.2 && $run->("CREATE TABLE $table (id int PRIMARY KEY, t " . one_of('int', @types) . ') PARTITION BY RANGE (id)'))
		{
			for my $p (1 .. 3)
			{
				my $leaf = $name->('leaf');
				push @relations, $leaf
				  if $run->("CREATE TABLE $leaf PARTITION OF $table FOR VALUES FROM (${p}0) TO (${p}9)");
			}
			push @relations, $table;
			push @tables, $table;
			next;
		}
		if ($kind < 0.35 && @tables && $run->("CREATE TABLE $table (x int) INHERITS (" . one_of(@tables) . ')'))
		{
			push @relations, $table;
			next;
		}
		next unless $run->("CREATE TABLE $table (" . join(', ', @columns) . ')');
		push @tables, $table;
		push @relations, $table;
		$run->("CREATE INDEX ON $table ((" . one_of(@functions) =~ s/\(\)//r . '()))');
		$run->('CREATE STATISTICS ' . $name->('statistics') . " ON id, t1 FROM $table");
		if (rand() < 0.5)
		{
			my $trigger = $name->('trigger');
			$run->("CREATE FUNCTION $trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
				. "CREATE TRIGGER t AFTER INSERT ON $table FOR EACH ROW EXECUTE FUNCTION $trigger()");
		}
		$run->("CREATE POLICY p ON $table USING (EXISTS (SELECT FROM " . one_of(@relations) . '))') if rand() < 0.4;
		$run->("CREATE RULE r AS ON DELETE TO $table DO ALSO DELETE FROM " . one_of(@tables)) if rand() < 0.3;
	}
	for my $i (1 .. 8)
	{
		my ($view, $function) = map { $name->($_) } qw(view body);
		my $over = one_of(@relations);

		$run->("CREATE FUNCTION $function() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM $over; END") and push @functions, "$function()";
		$run->('CREATE ' . one_of('', 'MATERIALIZED ') . "VIEW $view AS SELECT a.*, " . one_of(@functions) . " AS zzz FROM $over AS a, " . one_of(@relations) . ' AS b')
		  and push @relations, $view;
	}
	$run->('CREATE PUBLICATION p FOR TABLE ' . join(', ', (some_of(0.4, @tables), $tables[0])));
	return @relations;
}

sub json_list { return '[' . join(', ', map { '"' . s/"/\\"/gr . '"' } @_) . ']'; }

my ($filters, $thrown) = (0, 0);
for my $round (1 .. $rounds)
{
	my @relations = make_catalog();
	my @depend = map { [ split /\|/ ] } split /\n/, $source->safe_psql('random', <<'EOQ');
SELECT d.classid || '/' || d.objid, d.refclassid || '/' || d.refobjid
  FROM pg_depend AS d
 WHERE d.objid >= 16384 AND d.refobjid >= 16384 AND d.deptype NOT IN ('p', 'x')
   AND NOT (d.deptype = 'a' AND EXISTS (SELECT FROM pg_class AS c WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind = 'S'))
 UNION ALL
SELECT 'pg_class'::regclass::oid || '/' || k.conindid, 'pg_constraint'::regclass::oid || '/' || k.oid
  FROM pg_constraint AS k WHERE k.contype IN ('p', 'u', 'x')
EOQ

	for my $i (1 .. 5)
	{
		my %options;
		my @out = some_of(0.15, @relations);

		$options{include_schemas} = json_list(some_of(0.5, 'a', 'b', '"C "*')) if rand() < 0.3;
		$options{include_tables} = json_list(some_of(0.3, @relations), $relations[0]) if rand() < 0.4;
		$options{exclude_tables} = json_list(@out) if rand() < 0.6;
		$options{exclude_schemas} = json_list(one_of(qw(a b), '"C d"')) if rand() < 0.3;
		$options{exclude_table_data} = json_list(one_of(@relations)) if rand() < 0.2;
		$options{exclude_extensions} = '["hstore"]' if rand() < 0.1;
		delete $options{include_schemas} if ($options{include_schemas} // '') eq '[]';
		delete $options{exclude_tables} if ($options{exclude_tables} // '') eq '[]';
		next unless %options;

		my $options = '{' . join(', ', map { "\"$_\": $options{$_}" } sort keys %options) . '}';
		my $got = selection('random', $options);
		my (%fate, %name);

		$filters++;
		if ($got->{error})
		{
			$thrown++;
			fail("seed $seed, round $round: $options") && diag($got->{error})
			  unless $got->{error} =~ /would be made half|is excluded/ && $got->{error} =~ /ERROR:  22023/;
			next;
		}
		for (@{ $got->{all} })
		{
			($fate{ $_->[1] }, $name{ $_->[1] }) = ($_->[0], $_->[2]) if $_->[0] =~ /^(kept|left)$/;
		}
		my @dangling = map { "$name{$_->[0]} -> $name{$_->[1]}" }
		  grep { ($fate{ $_->[0] } // '') eq 'kept' && ($fate{ $_->[1] } // 'kept') eq 'left' } @depend;
		my @there = $options{exclude_tables} ? grep { my $r = $_; grep { /^(table|view|materialized view) \Q$r\E$/ } @{ $got->{kept} } } @out : ();

		next if !@dangling && !@there;
		fail("seed $seed, round $round: $options");
		diag("dangling: @dangling; there: @there");
	}
}
cmp_ok($filters - $thrown, '>', $rounds, 'random filters: nothing dangles');
note("$filters filters, $thrown of them errors");

#
# 10,000 tables.
#
$source->safe_psql('big', join '', map { "CREATE TABLE t$_ (id serial PRIMARY KEY, a int); CREATE INDEX ON t$_ (a);\n" } ($_ * 500 + 1) .. ($_ * 500 + 500)) for 0 .. 19;
$got = selection('big', '{"include_tables": ["t500"]}');
is_deeply($got->{relations}[0] =~ /^\{\d+,\d+\}$/ ? 'two' : $got->{relations}, 'two', '10,000 tables: one, with its sequence, is kept');
cmp_ok($got->{ms}[0], '<', 5000, "10,000 tables: $got->{ms}[0] ms");

done_testing();
