# Random catalogs, cloned with random filters: the clone ends done, or its call is
# refused for a stated reason; each definition here is the source's, each row and
# sequence is; what is included is here, what is excluded is not, and what else is
# missing has a reason in pgcopy_notices.
#
# PGCOPY_TEST_SEED=4711 PGCOPY_TEST_ROUNDS=100 repeats or goes on.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{PGCOPY_TEST_SEED} // 3;
my $rounds = $ENV{PGCOPY_TEST_ROUNDS} // 2;
my $filters = $ENV{PGCOPY_TEST_FILTERS} // 5;
my ($source, $target) = new_pair('random', source_conf => "wal_level = logical\n");
$_->safe_psql('postgres', 'CREATE ROLE reader; CREATE ROLE owner_of') for $source, $target;

sub one_of { return $_[ int rand @_ ]; }
sub some_of { my $share = shift; return grep { rand() < $share } @_; }

#-------------------------------------------------------------------------
# A catalog
#-------------------------------------------------------------------------
my (@sql, %made, $no);
my @schemas = ('a', 'b', '"C d"', 'public');

sub name { my ($kind) = @_; return one_of(@schemas) . '.' . $kind . ++$no; }
sub make { my ($kind, $name, $sql) = @_; push @sql, $sql; push @{ $made{$kind} }, $name; return $name; }
sub any { my @all = map { @{ $made{$_} || [] } } @_; return @all ? one_of(@all) : undef; }
sub also { my ($chance, $sql) = @_; push @sql, $sql if defined $sql && rand() < $chance; return; }
sub type { return rand() < 0.5 ? one_of('int', 'text') : (any(qw(type type table)) // 'int') . (rand() < 0.2 ? '[]' : ''); }

sub make_types
{
	make(type => $_, "CREATE TYPE $_ AS ENUM ('x', 'y')") for name('enum');
	make(check => $_, "CREATE FUNCTION $_(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'") for name('check');
	make(type => $_, "CREATE DOMAIN $_ AS int CHECK (" . any('check') . '(VALUE))') for name('domain');
	make(type => $_, "CREATE TYPE $_ AS (a " . type() . ', b ' . type() . ')') for name('row');
	make(row => $made{type}[-1], 'SELECT 1');
	make(type => $_, "CREATE DOMAIN $_ AS " . any('row')) for name('domain');
	make(type => $_, "CREATE TYPE $_ AS RANGE (subtype = int4)") for name('range');
	make(function => $_, "CREATE FUNCTION $_() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'") for name('function');
	make(mapping => $_, "CREATE FUNCTION $_(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT \$1'") for name('mapping');
	make(sequence => $_, "CREATE SEQUENCE $_; SELECT nextval('$_')") for name('sequence');
	make(collation => $_, "CREATE COLLATION $_ (locale = 'C')") for name('collation');
	make(procedure => $_, "CREATE PROCEDURE $_(x " . type() . ") LANGUAGE plpgsql AS 'BEGIN END'") for name('procedure');
	make(trigger => $_, "CREATE FUNCTION $_() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'") for name('trigger');
	return;
}

sub make_odd_things
{
	my ($step, $left, $conf, $dict, $eq) = map { name($_) } qw(step left conf dict eq);
	my ($enum, $row) = (name('cast'), any('row'));

	push @sql, "CREATE FUNCTION $step(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT \$1'",
	  'CREATE AGGREGATE ' . name('aggregate') . "(int) (sfunc = $step, stype = int)";
	push @sql, "CREATE FUNCTION $left(int, " . any('type') . ") RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'";
	push @sql, "CREATE FUNCTION $eq(a int, b int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'",
	  'CREATE OPERATOR ' . one_of(@schemas) . ".=== (leftarg = int, rightarg = int, function = $eq)";
	make(type => $enum, "CREATE TYPE $enum AS ENUM ('1')");
	push @sql, "CREATE FUNCTION $eq($enum) RETURNS $row LANGUAGE sql AS 'SELECT NULL::$row'", "CREATE CAST ($enum AS $row) WITH FUNCTION $eq($enum)";
	push @sql, "CREATE TEXT SEARCH DICTIONARY $dict (template = simple)", "CREATE TEXT SEARCH CONFIGURATION $conf (parser = \"default\")",
	  "ALTER TEXT SEARCH CONFIGURATION $conf ADD MAPPING FOR word WITH $dict";
	make(conf => $conf, 'SELECT 1');
	# used in defaults: the catalogs do not say by whom
	make(cast => $_, "CREATE TYPE $_ AS ENUM ('1', '2')") for map { name('to') } 1 .. 3;
	my ($from, $to, $by_text) = @{ $made{cast} };
	push @sql, "CREATE FUNCTION ${left}_cast($from) RETURNS $to IMMUTABLE LANGUAGE sql AS 'SELECT ''1''::$to'",
	  "CREATE CAST ($from AS $to) WITH FUNCTION ${left}_cast($from)", "CREATE CAST ($by_text AS $to) WITH INOUT";
	make(opclass => $_,
		"CREATE FUNCTION ${_}_f(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT btint4cmp(\$1, \$2)';"
		  . "CREATE OPERATOR CLASS $_ FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 ${_}_f(int, int)")
	  for map { s/"//gr =~ s/C d/a/r } name('opclass');
	push @sql, 'CREATE FOREIGN DATA WRAPPER fdw', 'CREATE SERVER srv FOREIGN DATA WRAPPER fdw', 'CREATE USER MAPPING FOR PUBLIC SERVER srv';
	make(foreign => $_, "CREATE FOREIGN TABLE $_ (a int, b " . type() . ') SERVER srv') for name('foreign');
	return;
}

sub make_columns
{
	my @columns = ('id ' . one_of('int', 'serial', 'int GENERATED ALWAYS AS IDENTITY') . ' PRIMARY KEY', 'v int', 't text');

	push @columns, "x$_ " . type() for 1 .. 2;
	push @columns, 'd int DEFAULT ' . (rand() < 0.5 ? any('function') . '()' : "nextval('" . any('sequence') . "')") if rand() < 0.5;
	push @columns, 'f int REFERENCES ' . any('parent') if $made{parent} && rand() < 0.5;
	push @columns, 'g int GENERATED ALWAYS AS (' . any('mapping') . '(v)) STORED' if rand() < 0.3;
	push @columns, "w tsvector GENERATED ALWAYS AS (to_tsvector('" . any('conf') . "'::regconfig, t)) STORED" if rand() < 0.15;
	push @columns, "k $made{cast}[1] DEFAULT ('1'::$made{cast}[0])::$made{cast}[1]", "l $made{cast}[1] DEFAULT ('2'::$made{cast}[2])::$made{cast}[1]" if rand() < 0.2;
	push @columns, 'c text COLLATE ' . any('collation') if rand() < 0.2;
	push @columns, one_of('h b.hstore', 'h public.citext') if rand() < 0.2;
	push @columns, 'CHECK (' . any('check') . '(v))' if rand() < 0.3;
	push @columns, 'CHECK ((' . any('function') . '()) > 0)' if rand() < 0.2;
	return join ', ', @columns;
}

sub make_partitioned
{
	my $table = name('tree');
	my $by = one_of('RANGE (id)', 'LIST (id)', 'HASH (id)');

	make(tree => $table, "CREATE TABLE $table (id int PRIMARY KEY, v int, t " . type() . ") PARTITION BY $by");
	for my $i (0 .. 2)
	{
		my $leaf = name('leaf');
		my $bound = $by =~ /RANGE/ ? "FROM (${i}0) TO (${i}9)" : $by =~ /LIST/ ? "IN ($i)" : "WITH (modulus 3, remainder $i)";
		my $is_deep = rand() < 0.3;

		make(leaf => $leaf, "CREATE TABLE $leaf PARTITION OF $table FOR VALUES $bound" . ($is_deep ? ' PARTITION BY LIST (id)' : ''));
		make(leaf => $_, "CREATE TABLE $_ PARTITION OF $leaf DEFAULT") for $is_deep ? name('leaf') : ();
	}
	push @sql, "INSERT INTO $table VALUES (1, 2), (2, 3), (0, 1)", "CREATE INDEX ON $table (v)", "CREATE INDEX ON $table ((" . any('mapping') . '(v)))';
	push @{ $made{$_} }, $table for qw(parent relation);
	also(0.4, "CREATE TRIGGER of_tree AFTER INSERT ON $table FOR EACH ROW EXECUTE FUNCTION " . any('trigger') . '()');
	also(0.4, "ALTER TABLE $table ADD FOREIGN KEY (v) REFERENCES " . (any('plain') // $table) . ' NOT VALID');
	return;
}

sub make_table
{
	my $table = name('table');
	my $kind = rand();

	return make_partitioned() if $kind < 0.2;
	if ($kind < 0.35 && @{ $made{plain} || [] } > 1)
	{
		my @parents = (any('plain'), rand() < 0.3 ? any('plain') : ());
		@parents = $parents[0] if @parents > 1 && $parents[0] eq $parents[1];
		make(table => $table, "CREATE TABLE $table (extra int DEFAULT " . any('function') . '()) INHERITS (' . join(', ', @parents) . ')');
	}
	elsif ($kind < 0.4) { make(table => $table, "CREATE TABLE $table OF " . any('row')); }
	else
	{
		make(table => $table, "CREATE TABLE $table (" . make_columns() . ')');
		push @{ $made{$_} }, $table for qw(plain parent);
		push @sql, "INSERT INTO $table (id, v, t) OVERRIDING SYSTEM VALUE SELECT g, g, 'text' FROM generate_series(1, 3) g";
		make_parts($table);
	}
	push @{ $made{relation} }, $table;
	return;
}

sub make_parts
{
	my ($table) = @_;

	also(0.4, "CREATE INDEX ON $table ((" . any('mapping') . "(v)))");
	also(0.2, "CREATE INDEX ON $table (v " . any('opclass') . ')');
	also(0.3, "CREATE INDEX ON $table (v) WHERE " . any('check') . '(v)');
	also(0.3, "CREATE UNIQUE INDEX u$no ON $table (id, v); ALTER TABLE $table ALTER v SET NOT NULL, REPLICA IDENTITY USING INDEX u$no");
	also(0.2, "CREATE INDEX k$no ON $table (v); ALTER TABLE $table CLUSTER ON k$no");
	also(0.3, 'CREATE STATISTICS ' . name('statistics') . " ON id, v FROM $table");
	also(0.4, "CREATE TRIGGER one AFTER UPDATE OF v ON $table FOR EACH ROW WHEN (" . any('check') . '(new.v)) EXECUTE FUNCTION ' . any('trigger') . '()');
	also(0.2, "CREATE CONSTRAINT TRIGGER two AFTER INSERT ON $table FROM " . any('plain') . ' FOR EACH ROW EXECUTE FUNCTION ' . any('trigger') . '()');
	also(0.3, "CREATE POLICY p ON $table USING (EXISTS (SELECT FROM " . any(qw(relation plain)) . ')); ALTER TABLE ' . "$table ENABLE ROW LEVEL SECURITY");
	also(0.2, "CREATE POLICY q ON $table TO reader USING (" . any('check') . '(v))');
	also(0.3, "CREATE RULE r AS ON DELETE TO $table DO ALSO DELETE FROM " . any('plain'));
	also(0.3, "COMMENT ON TABLE $table IS 'table'; COMMENT ON COLUMN $table.v IS 'v'");
	also(0.3, "GRANT SELECT ON $table TO reader; GRANT UPDATE (v) ON $table TO reader");
	also(0.2, "ALTER TABLE $table OWNER TO owner_of");
	also(0.2, "ALTER SEQUENCE " . any('sequence') . " OWNED BY $table.v");
	also(0.2, "ALTER TABLE $table ADD FOREIGN KEY (v) REFERENCES $table DEFERRABLE INITIALLY DEFERRED");
	return;
}

sub make_views
{
	my $over = any('relation');
	my $other = any('relation');
	my $view = name('view');
	my ($function, $materialized) = (any('function'), rand() < 0.3);

	also(0.3, "CREATE VIEW ${view}_base AS SELECT id, v FROM " . any('parent') . ' WITH LOCAL CHECK OPTION');
	if (!$materialized && rand() < 0.15 && (my $plain = any('plain')))
	{
		make(view => $view, "CREATE VIEW $view WITH (security_barrier) AS SELECT id, v, count(*) AS n FROM $plain GROUP BY id");
	}
	else
	{
		make($materialized ? 'matview' : 'view', $view,
			'CREATE ' . ($materialized ? 'MATERIALIZED ' : '') . "VIEW $view AS SELECT 1 AS k$no, o.*, $function() AS f$no FROM $over AS o");
	}
	push @sql, "CREATE INDEX ON $view (k$no)" if $materialized;
	push @{ $made{relation} }, $view;
	also(0.3, "COMMENT ON VIEW $view IS 'view'");
	also(0.2, "GRANT SELECT ON $view TO reader");
	also(0.2, "CREATE RULE ins AS ON INSERT TO $view DO INSTEAD INSERT INTO " . any('plain') . ' (v) VALUES (1)');
	also(0.2, "CREATE TRIGGER instead INSTEAD OF INSERT ON $view FOR EACH ROW EXECUTE FUNCTION " . any('trigger') . '()');
	also(0.2, "ALTER VIEW $view ALTER k$no SET DEFAULT " . any('function') . '()');
	return;
}

sub make_bodies
{
	my ($over, $plain) = (any('relation'), any('plain'));

	make(function => $_, "CREATE FUNCTION $_() RETURNS int STABLE LANGUAGE sql BEGIN ATOMIC SELECT count(*)::int FROM $over; END") for name('body');
	also(0.5, 'CREATE FUNCTION ' . name('rows') . "() RETURNS SETOF $over LANGUAGE plpgsql AS 'BEGIN END'");
	also(0.5, 'CREATE FUNCTION ' . name('of_type') . "(a $plain.v%TYPE) RETURNS TABLE (x $plain, y " . type() . ") LANGUAGE plpgsql AS 'BEGIN END'");
	return;
}

sub make_whole
{
	my @plain = some_of(0.3, @{ $made{plain} });

	push @sql, 'CREATE PUBLICATION p1 FOR TABLE ' . join(', ', map { "$_ (id, v)" . (rand() < 0.3 ? " WHERE (v > 1)" : '') } @plain, $made{plain}[0]);
	push @sql, 'CREATE PUBLICATION p2 FOR TABLES IN SCHEMA a, b', 'CREATE PUBLICATION p3 FOR ALL TABLES';
	push @sql, 'CREATE FUNCTION b.ddl() RETURNS event_trigger LANGUAGE plpgsql AS \'BEGIN END\'', 'CREATE EVENT TRIGGER ddl ON ddl_command_end EXECUTE FUNCTION b.ddl()';
	push @sql, "ALTER DEFAULT PRIVILEGES IN SCHEMA a GRANT SELECT ON TABLES TO reader", 'ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO reader';
	push @sql, "COMMENT ON SCHEMA a IS 'a'", 'GRANT USAGE ON SCHEMA b TO reader', "SELECT lo_from_bytea(4711, 'large')", "COMMENT ON EXTENSION hstore IS 'changed'";
	for (1 .. 3)
	{
		my ($one, $two) = (any('plain'), any('parent'));
		push @sql, "ALTER TABLE $one ADD FOREIGN KEY (v) REFERENCES $two NOT VALID";
	}
	return;
}

# Returns the names of relations.
sub make_catalog
{
	my ($db) = @_;

	@sql = ('CREATE SCHEMA a', 'CREATE SCHEMA b', 'CREATE SCHEMA "C d"', 'CREATE EXTENSION hstore SCHEMA b', 'CREATE EXTENSION citext');
	%made = ();
	$no = 0;
	make_types() for 1 .. 3;
	make_odd_things();
	make_table() for 1 .. 12;
	for (1 .. 8) { make_bodies(); make_views(); }
	make_whole();
	new_database($source, $db);
	my ($rc, $out, $err) = $source->psql($db, join(";\n", 'SET client_min_messages = error', @sql) . ';', on_error_stop => 0);
	note($err) if $ENV{PGCOPY_TEST_LONG};
	return split /\n/, $source->safe_psql($db, <<'EOQ');
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname IN ('a', 'b', 'C d', 'public') ORDER BY 1
EOQ
}

#-------------------------------------------------------------------------
# A filter, and what must be true of its clone
#-------------------------------------------------------------------------
sub make_filter
{
	my ($indexes, @relations) = @_;
	my %options;

	$options{include_schemas} = [ one_of(@schemas), some_of(0.4, @schemas) ] if rand() < 0.3;
	$options{include_tables} = [ one_of(@relations), some_of(0.1, @relations) ] if rand() < 0.45;
	$options{exclude_tables} = [ one_of(@relations), some_of(0.12, @relations) ] if rand() < 0.55;
	$options{exclude_schemas} = [ one_of(@schemas) ] if rand() < 0.3;
	$options{exclude_table_data} = [ one_of(@relations), some_of(0.1, @relations) ] if rand() < 0.3;
	$options{exclude_indexes} = [ one_of(@$indexes), some_of(0.1, @$indexes) ] if rand() < 0.3;
	$options{exclude_extensions} = ['hstore'] if rand() < 0.1;
	$options{include_extensions} = ['citext'] if rand() < 0.1;
	$options{exclude} = [ some_of(0.3, 'event triggers', 'publications', 'policies', 'comments', 'extension comments', 'rules', 'triggers', 'statistics',
			'materialized view rows', 'user mappings', 'large objects') ] if rand() < 0.3;
	delete @options{ grep { !@{ $options{$_} } } keys %options };
	return %options;
}

# A definition, whatever stands before it, and whether or not a foreign key was validated.
sub plain { return $_[0] =~ s/ NOT VALID;/;/r =~ s/^SET default_.*\n//mgr =~ s/\s+\z//r; }

# All that is wrong with the clone: a list of texts.
sub find_wrong
{
	my ($db, $of, $job, $relations, %options) = @_;
	my %here = parts($target, $db);
	my %is_there = map { plain($_) => 1 } @{ $of->{definitions} };
	my %has = map { $_ => 1 } split /\n/, $target->safe_psql($db, "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid >= 16384");
	my $notices = $target->safe_psql($db, "SELECT coalesce(string_agg(concat_ws(' ', object, message), chr(10)), '') FROM pgcopy_notices WHERE job = $job");
	my %excluded = map { $_ => 1 } @{ $options{exclude_tables} || [] }, @{ $options{exclude_indexes} || [] };
	# an extension's own comment is here with it
	my @wrong = map { "not the source's: $_" } grep { !$is_there{ plain($_) } && !/Name: EXTENSION/ } @{ $here{definitions} };

	for my $part ('sequences', 'large objects')
	{
		my %line = map { $_ => 1 } @{ $of->{$part} };
		push @wrong, map { "$part: $_" } grep { !$line{$_} } @{ $here{$part} };
	}
	push @wrong, map { "included, but not here: $_" } grep { !$excluded{$_} && !$has{$_} && !is_in($_, $options{exclude_schemas}) } @{ $options{include_tables} || [] };
	push @wrong, map { "excluded, but here: $_" } grep { $has{$_} && $notices !~ /\Q$_\E is cloned although/ && $notices !~ /is cloned although it is excluded/ } keys %excluded;
	push @wrong, wrong_rows($of, \%here, \%options);
	push @wrong, map { "not here without a reason: $_" } grep { !$has{$_} && !$excluded{$_} && !is_in($_, $options{exclude_schemas}) && $notices !~ /\Q$_\E/ && !is_owned($_) } @$relations
	  unless $options{include_tables} || $options{include_schemas} || $options{exclude_extensions};
	return @wrong;
}

# Sequences and partitions go with their tables.
sub is_owned { return $_[0] =~ /_id_seq|leaf|sequence/; }

sub is_in { my ($relation, $list) = @_; return scalar grep { index($relation, "$_.") == 0 } @{ $list || [] }; }

# A table has the source's rows, or none if that was asked for.
sub wrong_rows
{
	my ($of, $here, $options) = @_;
	my %line = map { $_ => 1 } @{ $of->{rows} };
	my @wrong;

	foreach my $line (@{ $here->{rows} })
	{
		next if $line{$line} || $line =~ /view\d/;
		next if $options->{exclude_table_data} && $line =~ /\|0\|0$/;
		push @wrong, "rows: $line";
	}
	return @wrong;
}

sub as_sql { my (%options) = @_; return join ', ', map { "$_ => '{" . join(',', map { '"' . s/(["\\])/\\$1/gr . '"' } @{ $options{$_} }) . "}'" } sort keys %options; }

my ($clones, $refused, $begun) = (0, 0, time());
foreach my $round (1 .. $rounds)
{
	my $db = 'catalog_' . ($seed + $round - 1);

	srand($seed + $round - 1);
	my @relations = make_catalog($db);
	my @indexes = split /\n/, $source->safe_psql($db, "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid >= 16384 AND relkind IN ('i', 'I') AND nspname IN ('a', 'b', 'C d', 'public') ORDER BY 1");
	my %of = parts($source, $db);

	foreach my $i (1 .. $filters)
	{
		my %options = make_filter(\@indexes, @relations);
		next unless %options;
		my $call = 'SELECT pgcopy_clone(' . quote_literal(conninfo($source, db => $db)) . ', ' . as_sql(%options) . ')';
		my $here = "${db}_$i";

		new_database($target, $here);
		$target->safe_psql($here, 'SET client_min_messages = error; CREATE EXTENSION pgcopydb_ext');
		my ($rc, $job, $err) = $target->psql($here, $call);
		if ($rc)
		{
			$refused++;
			like($err, qr/would be made half|is excluded|exclude/, "$db, filter $i is refused") or diag(as_sql(%options));
		}
		elsif (!ok(wait_for_state($target, $job, 'done', db => $here), "$db, filter $i: done"))
		{
			diag($source->name . " $db: $call");
		}
		else
		{
			my @wrong = find_wrong($here, \%of, $job, \@relations, %options);
			$clones++;
			is(join("\n", @wrong), '', "$db, filter $i: right") or diag(as_sql(%options) . "\n" . $target->safe_psql($here, "SELECT object, message FROM pgcopy_notices WHERE job = $job"));
		}
		$target->safe_psql('postgres', "DROP DATABASE $here WITH (FORCE)");
	}
	$source->safe_psql('postgres', "DROP DATABASE $db WITH (FORCE)");
}

# An index of a partitioned table is invalid without that of each partition.
new_database($_, 'indexes') for $source, $target;
$source->safe_psql('indexes', <<'EOQ');
CREATE TABLE tree (id int, k int, UNIQUE (id, k)) PARTITION BY LIST (id);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1);
CREATE TABLE tree_2 PARTITION OF tree FOR VALUES IN (2);
CREATE INDEX tree_k ON tree (k);
INSERT INTO tree VALUES (1, 1), (2, 2);
CREATE TABLE refers (a int, b int, FOREIGN KEY (a, b) REFERENCES tree (id, k));
EOQ
my $job = clone_ok($target, conninfo($source, db => 'indexes'), db => 'indexes', exclude_indexes => ['tree_1_id_k_key'], name => 'an index of a partition is excluded');
is($target->safe_psql('indexes', "SELECT string_agg(indexrelid::regclass || ' ' || indisvalid, ', ' ORDER BY 1) FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE relname ~ 'tree'"),
	'tree_1_k_idx true, tree_2_k_idx true, tree_k true', 'no index is invalid');
is($target->safe_psql('indexes', "SELECT string_agg(message, chr(10) ORDER BY message) FROM pgcopy_notices WHERE job = $job AND message ~ 'left out'"), <<'EOQ' =~ s/\n\z//r, 'and what goes with it is told');
foreign key refers_a_b_fkey left out: needs index public.tree_id_k_key, which is left out
index public.tree_id_k_key left out: needs index public.tree_1_id_k_key, which is excluded
EOQ

note(sprintf '%d clones, %d refused, %.1f s', $clones, $refused, time() - $begun);
cmp_ok($clones, '>=', $refused, 'most filters are no contradiction');

done_testing();
