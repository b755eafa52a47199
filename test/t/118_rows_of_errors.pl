# An error in the data says where: table and row, counted from 1 in the order of
# the source, and the column if it is about one.  Both formats count alike, and
# it makes no difference what refuses the row: the source, a decoder, an input
# function, a domain, a constraint, a partition or, long after the row was read,
# the batch in which rows are written.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('rows');
$source->safe_psql('postgres', "CREATE DATABASE app ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C'");
$target->safe_psql('postgres', "CREATE DATABASE $_ ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'") foreach qw(auto text);

# What is right on the source and wrong here, for the value 1000.
$source->safe_psql('app', <<'EOQ');
CREATE EXTENSION pgcopy_everything;
CREATE FUNCTION fine(v text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$SELECT v <> '1000' OR pg_catalog.current_database() = 'app'$$;
CREATE FUNCTION place(v int) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT CASE WHEN v <> 1000 OR pg_catalog.current_database() = 'app' THEN v ELSE -1 END$$;
CREATE DOMAIN fine_text AS text CHECK (fine(VALUE));
CREATE DOMAIN fine_int AS int CHECK (fine(VALUE::text));
CREATE TYPE odd AS (r regtype, f fine_text);
CREATE TYPE pair AS (a int, f fine_text);
CREATE TYPE mood AS ENUM ('ok');
EOQ

# Kind, columns of the table, the value of row g, what spoils row 1000 there, and
# the column that the error names in each format.
my @kinds = (
	[ 'not_there', 'id int, v text', 'g::text', q{v = U&'\20ac'}, 'v', 'v' ],
	[ 'not_there_odd', 'id int, v text, o xml', q{g::text, '<a/>'}, q{o = U&'\20ac'::xml}, 'o', 'o' ],
	[ 'too_long', 'id int, v text', q{g::text}, q{v = 'longer'}, 'v', 'v', q{ALTER TABLE too_long ALTER v TYPE varchar; UPDATE pg_attribute SET atttypmod = 8 WHERE attrelid = 'too_long'::regclass AND attname = 'v'} ],
	[ 'null', 'id int, v text', 'g::text', 'v = NULL', undef, undef, q{CREATE TABLE rest AS TABLE "null"; TRUNCATE "null"; ALTER TABLE "null" ALTER v SET NOT NULL;}
		  . q{UPDATE pg_attribute SET attnotnull = false WHERE attrelid = '"null"'::regclass AND attname = 'v'; INSERT INTO "null" SELECT * FROM rest ORDER BY id; DROP TABLE rest;}
		  . q{UPDATE pg_attribute SET attnotnull = true WHERE attrelid = '"null"'::regclass AND attname = 'v'} ],
	[ 'checked', 'id int, v text CHECK (fine(v))', 'g::text', '', undef, undef ],
	[ 'in_domain', 'id int, v fine_int', 'g', '', 'v', 'v' ],
	[ 'in_array', 'id int, v fine_int[]', 'ARRAY[g]::fine_int[]', '', 'v', 'v' ],
	[ 'in_composite', 'id int, v pair', q{ROW(1, g)::pair}, '', 'v', 'v' ],
	[ 'in_odd', 'id int, v odd', q{ROW('text', g)::odd}, '', 'v', 'v' ],
	[ 'generated', 'id int, v int, w int GENERATED ALWAYS AS (1 / (place(v) + 1)) STORED', 'g', '', undef, undef ]);

foreach (@kinds)
{
	my ($name, $columns, $value, $spoil, undef, undef, $afterwards) = @$_;
	my $names = join ', ', map { /^(\w+)/ } grep { !/GENERATED/ } split /, /, $columns;
	$source->safe_psql('app', qq{CREATE TABLE "$name" ($columns); INSERT INTO "$name" ($names) SELECT g, $value FROM generate_series(1, 999) g;}
		  . qq{INSERT INTO "$name" ($names) SELECT g, $value FROM generate_series(1000, 1000) g;}
		  . ($spoil && qq{CREATE TABLE rest AS TABLE "$name"; UPDATE rest SET $spoil WHERE id = 1000; TRUNCATE "$name"; INSERT INTO "$name" ($names) SELECT $names FROM rest ORDER BY id; DROP TABLE rest;})
		  . qq{INSERT INTO "$name" ($names) SELECT g, $value FROM generate_series(1001, 1200) g;}
		  . ($afterwards // ''));
}

# Partitions: no leaf takes the row, which comes through the root.
$source->safe_psql('app', <<'EOQ');
CREATE TABLE leaves (v int) PARTITION BY RANGE (place(v));
CREATE TABLE leaf PARTITION OF leaves FOR VALUES FROM (0) TO (10000);
INSERT INTO leaves SELECT generate_series(1, 1200);
CREATE TABLE routed (m mood, v int) PARTITION BY HASH (m);
CREATE TABLE routed_0 PARTITION OF routed FOR VALUES WITH (MODULUS 1, REMAINDER 0) PARTITION BY RANGE (place(v));
CREATE TABLE routed_leaf PARTITION OF routed_0 FOR VALUES FROM (0) TO (10000);
INSERT INTO routed SELECT 'ok', generate_series(1, 1200);
INSERT INTO config_later SELECT generate_series(1, 1200);
EOQ

my %expected = (
	(map { $_->[0] => [ $_->[4], $_->[5] ] } @kinds),
	leaf => [ undef, undef ],
	routed_leaf => [ undef, undef ],
	config_later => [ undef, undef ]);

foreach my $i (0, 1)
{
	my $format = (qw(auto text))[$i];
	$target->safe_psql($format, 'CREATE EXTENSION pgcopy_everything; INSERT INTO config_later VALUES (6000); CREATE UNIQUE INDEX ON config_later ((id % 5000))');
	my $job = clone($target, conninfo($source, db => 'app'), db => $format, format => $format, on_error => 'continue', table_jobs => 1);
	wait_for_end($target, $job, db => $format);
	foreach my $table (sort keys %expected)
	{
		my $column = $expected{$table}[$i];
		my $name = { routed_leaf => 'routed', leaf => 'leaves' }->{$table} // $table;
		my $where = "COPY public.$name, row 1000" . ($column ? ", column $column" : '');
		my $context = $target->safe_psql($format, "SELECT context FROM pgcopy_errors WHERE job = $job AND is_final AND kind = 'table' AND object ~ '\\m$table\\M'");
		is_deeply([ $context =~ /^(COPY public.*)$/mg ], [$where], "$format: $table") or diag($context);
	}
}

done_testing();
