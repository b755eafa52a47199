# A source that lies does no harm, in whatever answer and in every way we know
# of.  There is no crash; no process that cannot be cancelled or outlives
# pg_terminate_backend; no wait where the source has said enough; and no job
# that is done and other than its source.
#
# The queries are those of honest clones through the same proxy, so a new one is
# attacked without anybody remembering.  A case is one lie in the answer to one
# query; for each a database is cloned.
#
#	PGCOPY_TEST_LONG=1		all lies at all queries, then two at a time for ever
#							(FILE_LIMIT and CHECK_LIMIT of test/run have to let it)
#	PGCOPY_TEST_SECONDS=n	... or for so long.  Without it: the chosen cases, then others
#							until n seconds (90) are over; it stops at twice that
#	PGCOPY_TEST_SEED=n		what is left to chance
#	PGCOPY_TEST_SCENARIO=x	only the queries of scenarios whose names this pattern matches
#	PGCOPY_TEST_CASE=x		only this one, as a failure prints it
#	PGCOPY_TEST_ONLY=x		only those that this pattern matches, the query behind the name
#	PGCOPY_TEST_LANES=n		clones at a time
#	PGCOPY_TEST_VERBOSE=1	all queries, all results
use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyLies qw(all_kinds fits kind_named);
use PgCopyScene;
use PgCopySweep;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# The clean-up is that of an ordinary end.
$SIG{INT} = $SIG{TERM} = sub { die "ended by a signal\n" };

my $begun = time;
my $is_long = $ENV{PGCOPY_TEST_LONG};
my $seed = $ENV{PGCOPY_TEST_SEED} // time() % 1_000_000 | 0;
my $seconds = $ENV{PGCOPY_TEST_SECONDS} // ($is_long ? 1e9 : 90);
my $lanes = $ENV{PGCOPY_TEST_LANES} // 4;
srand $seed;
diag("PGCOPY_TEST_SEED=$seed");

#-------------------------------------------------------------------------
# What is cloned: something for each query
#-------------------------------------------------------------------------

my ($source, $first) = new_pair('lies', start => 0,
	source_conf => "shared_buffers = 32MB\nautovacuum = off\n");
$source->start;
new_database($source, 'app');
$source->safe_psql('app', <<'EOQ');
CREATE ROLE reader LOGIN PASSWORD 'secret';
CREATE TYPE e AS ENUM ('a', 'b', 'c');
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
CREATE TABLE p (id serial PRIMARY KEY, v text NOT NULL, k e, m numeric(10, 2), dropped int, at timestamptz DEFAULT '2020-02-02', CHECK (id > 0));
ALTER TABLE p DROP COLUMN dropped;
INSERT INTO p (v, k, m) SELECT 'row ' || g, 'a', g FROM generate_series(1, 20) g;
CREATE TABLE c (id int NOT NULL REFERENCES p, j jsonb, twice int GENERATED ALWAYS AS (2 * id) STORED, a int[]);
INSERT INTO c (id, j, a) SELECT id, '{"a": 1}', '{1,2}' FROM p;
CREATE TABLE h (k e NOT NULL, v text) PARTITION BY HASH (k);
CREATE TABLE h0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE h1 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO h SELECT x, 'v' FROM unnest(enum_range(NULL::e)) x;
CREATE MATERIALIZED VIEW all_h AS SELECT * FROM h;
CREATE TABLE large (id bigint PRIMARY KEY, pad text NOT NULL);
INSERT INTO large SELECT g, repeat('x', 900) FROM generate_series(1, 150) g;
CREATE TABLE toasted (id int NOT NULL, v text);
ALTER TABLE toasted ALTER v SET STORAGE EXTERNAL;
INSERT INTO toasted VALUES (1, repeat('long', 3000));
CREATE TABLE empty (a int);
CREATE EXTENSION citext;
CREATE TABLE folded (name citext);
CREATE SEQUENCE loose MINVALUE -5 START 7;
SELECT nextval('loose') FROM generate_series(1, 3);
SELECT lo_from_bytea(50000, 'hello'), lo_from_bytea(50001, repeat('large', 1000)::bytea), lo_create(50002);
GRANT SELECT ON LARGE OBJECT 50000, 50001, 50002 TO reader;
COMMENT ON LARGE OBJECT 50000 IS 'a comment';
CREATE MATERIALIZED VIEW mv AS SELECT k, count(*) FROM p GROUP BY 1;
CREATE VIEW vw AS SELECT * FROM p;
CREATE INDEX ON c (id);
CREATE INDEX ON p (twice(id));
ALTER TABLE c ADD CONSTRAINT odd UNIQUE (id, twice);
CREATE ROLE keeper NOLOGIN;
ALTER ROLE keeper SET work_mem = '5MB';
GRANT keeper TO reader WITH ADMIN OPTION;
COMMENT ON ROLE keeper IS 'keeps';
CREATE SCHEMA side;
CREATE TABLE side.kept (id int PRIMARY KEY REFERENCES p, up int REFERENCES side.kept, v text);
INSERT INTO side.kept SELECT id, CASE WHEN id NOT IN (1, 9, 14) THEN id - 1 END, 'secret' FROM p;
CREATE VIEW side.shown AS SELECT id FROM side.kept;
ALTER TABLE side.kept OWNER TO keeper;
ALTER DATABASE app SET statement_timeout = '1h';
ALTER ROLE keeper IN DATABASE app SET work_mem = '6MB';
COMMENT ON DATABASE app IS 'a database';
GRANT CREATE ON DATABASE app TO keeper;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
GRANT USAGE ON SCHEMA side TO reader, keeper;
GRANT SELECT ON p TO keeper;
GRANT SELECT ON ALL TABLES IN SCHEMA side TO reader;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader;
ANALYZE;
EOQ

sub lie { my %lie; @lie{qw(session shape nth lie)} = @_; return \%lie; }

# Each has queries that the ones before have not; only these are attacked there,
# and those of leaders that go on with what another has begun.
my @patient = (settings => { 'pgcopy.source_retry_timeout' => '10s', 'pgcopy.max_attempts' => 5 });
my %part = (
	exclude_tables => '{public.folded,~/^em/}', exclude_table_data => '{public.all_h}', exclude_indexes => '{c_id_idx}', include_schemas => '{public,side}',
	row_filters => '{"public.p": "id > 5"}', column_values => '{"side.kept": {"v": "\'\'x\'\' || id"}, "public.p": {"m": null}}', referential => 'follow',
	schema_map => '{"side": "elsewhere"}', roles => 'true', database_properties => 'true', drop_if_exists => 'true');
my @scenarios = (
	[ plain => {} ],
	[ resume => { half_done => 'half_held', call => 'SELECT pgcopy_resume(1)' } ],
	[ renewal => { half_done => 'half_lost', call => 'SELECT pgcopy_resume(1, consistent => true)' } ],
	[ keys => { settings => { 'pgcopy.split_by_ctid' => 'off' }, arguments => { format => 'text' } } ],
	[ beside => { extension => 'citext' } ],
	[ reader => { conninfo => { user => 'reader', password => 'secret' }, password => 1 } ],
	[ slow => { lies => [ lie(leader => 'SELECT pg_catalog.pg_export_snapshot()', 1, 'a slow answer') ] } ],
	[ loss => { @patient, lies => [ lie(worker => 'start-up', 1, 'the end of the connection') ] } ],
	[ rejoin => { @patient,
			lies => [ map { lie(@$_, 'the end of the connection') } [ worker => 'start-up', 2 ], [ leader => 'SELECT 0', 1 ] ] } ],
	[ part => { is_part => 1, arguments => \%part } ],
	[ counted => { is_part => 1, arguments => { row_filters => '{"public.large": "id < 100"}', referential => 'not valid', include_tables => '{large, c, side.*}', exclude => '{statistics,comments}' } } ],
	[ data => { is_part => 1, made => { sections => '{pre-data,post-data}' }, arguments => { sections => '{data}', truncate => 'true' } } ],
	[ after => { is_part => 1, made => { sections => '{pre-data}' }, arguments => { sections => '{post-data}' } } ],
	[ server => { end => 'refused', function => 'pgcopy_clone_server', arguments => { databases => '{nosuch}' } } ]);
@scenarios = grep { $_->[0] =~ /^(?:$ENV{PGCOPY_TEST_SCENARIO})$/ } @scenarios if $ENV{PGCOPY_TEST_SCENARIO};
my %scenario = map { @$_ } @scenarios;
my $picture = picture($source, 'app');
my $routed = qr/public\.h\d\|/;    # by OIDs of enum values; all_h has them all

# Servers that are alike, made by copying the first.
my @target = ($first);
$first->append_conf('postgresql.conf', <<'EOC');
restart_after_crash = on
autovacuum = off
shared_buffers = 32MB
max_connections = 40
max_worker_processes = 10
log_statement = none
log_min_messages = warning
pgcopy.source_retry_timeout = 0
pgcopy.max_attempts = 1
EOC
foreach my $n (2 .. $lanes)
{
	my $node = PostgreSQL::Test::Cluster->new("lies_target_$n");
	mkdir $_ for $node->basedir, $node->archive_dir, $node->backup_dir;
	system('cp', '-a', $first->data_dir, $node->data_dir) == 0 or die 'cp failed';
	$node->append_conf('postgresql.conf', 'port = ' . $node->port . "\nunix_socket_directories = '" . $node->host . "'\n");
	push @target, $node;
}
$_->start for @target;
copy_roles($source, $_) for @target;
my $scene = { source => $source, source_db => 'app', picture => $picture, ignore => $routed, scenarios => \%scenario };
my @lane = map { PgCopySweep->new($_, $scene) } @target;

#-------------------------------------------------------------------------
# Which cases there are
#-------------------------------------------------------------------------

# Answers that others bear out, as they say what is copied and what is masked: those
# that could be true are found out, too.  Scenario, query, columns whose values may
# not be those of another row.
my @BORNE_OUT = (
	[ qr/^part$/, qr/^SELECT c\.oid, n\.nspname, c\.relname, c\.relkind, i\.inhparent FROM/, 0 .. 4 ],    # its tables
	[ qr/^part$/, qr/^WITH RECURSIVE part AS .* a\.attnotnull/, 0, 1, 4 .. 6 ],    # their columns
	[ qr/^part$/, qr/ config AS \(\s+SELECT u\.relid, /, 1, 2 ],    # the inventory
	[ qr/^data$/, qr/ config AS \(\s+SELECT u\.relid, / ],
	[ qr/^part$/, qr/pg_catalog\.unnest\(k\.confkey\)/ ]);    # foreign keys

sub borne_out
{
	my ($query) = @_;
	return if $query->{session} ne 'leader';
	return (grep { $query->{scenario} =~ $_->[0] && $query->{text} =~ $_->[1] } @BORNE_OUT)[0];
}

# Whether a case is none: what could be true is told only where it is not free.
sub could_be_true
{
	my ($query, $kind, $column) = @_;
	return 0 if !$kind->{is_subtle};
	my (undef, undef, @column) = @{ borne_out($query) // return 1 };
	return $kind->{column} ? !grep { defined $column && $column == $_ } @column : 0;
}

# Count the queries of honest clones.
my (@query, %known_in, %picture_of);
{
	my (@todo, %result) = map { $_->[0] } @scenarios;
	PgCopySweep::run(\@lane,
		sub { my $name = shift @todo; return $name && { id => 0, scenario => $name, lies => [] } },
		sub { $result{ $_[0]{scenario} } = $_[1]; });
	foreach my $name (map { $_->[0] } @scenarios)
	{
		my $result = $result{$name};
		ok(!@{ $result->{bad} } && $result->{end} eq ($scenario{$name}{end} // 'done'), "the liar is honest when it is told no lie ($name)")
		  or diag(explain($result->{end}, $result->{bad}, $result->{error}));
		$picture_of{$name} = $result->{picture};
		foreach my $query (@{ $result->{seen} })
		{
			my $key = "$query->{session} $query->{shape}";
			my $is_known = ($known_in{$key} //= $name) ne $name;
			$query->{scenario} = $name;
			next if $is_known && !borne_out($query) && !($name =~ /^(resume|renewal|rejoin)$/ && $query->{session} eq 'leader');
			$query->{mark} = substr md5_hex($query->{shape}), 0, 6;
			note(join '/', @$query{qw(scenario session mark nth)}, substr $query->{text}, 0, 200) if $ENV{PGCOPY_TEST_VERBOSE};
			push @query, $query;
		}
	}
}

# What is told to pg_dump says nothing of what a definition is: it believes all.
my $NOT_FOR_DUMP = qr/for a value|rows|column/;

# What a source may say as it likes: who hears it can only store it.
my @FREE = (
	[ qr/obj_description/, qr/for a value/, 2 ],    # a large object's comment
	[ qr/^WITH numbered AS .*row_number\(\)/, qr/^no rows/ ],    # it has no large objects
	[ qr/CASE WHEN a\.grantee/, qr/^no rows/ ],    # nobody has a privilege on them
	[ qr/has_sequence_privilege/, qr/^NULL / ]);    # a sequence was dropped since

sub is_free
{
	my ($query, $kind, $column) = @_;
	return scalar grep { $query->{text} =~ $_->[0] && $kind->{name} =~ $_->[1] && (!defined $_->[2] || ($column // -1) == $_->[2]) } @FREE;
}

# All cases, each under a name to repeat it by.
my (@case, %case);
foreach my $query (@query)
{
	foreach my $kind (grep { fits($_, $query) } all_kinds())
	{
		next if $query->{session} eq 'pg_dump' && $kind->{name} =~ $NOT_FOR_DUMP;
		my $columns = $kind->{column} ? $query->{columns} // 1 : 0;
		foreach my $column (undef, 0 .. $columns - 1)
		{
			my $name = join '/', @$query{qw(scenario session mark nth)}, $kind->{name}, $column // ();
			next if could_be_true($query, $kind, $column);
			next if $ENV{PGCOPY_TEST_ONLY} && "$name $query->{text}" !~ /$ENV{PGCOPY_TEST_ONLY}/s;
			push @case, $case{$name} = {
				id => scalar @case,
				name => $name,
				query => $query,
				scenario => $query->{scenario},
				picture => $picture_of{ $query->{scenario} },
				is_free => is_free($query, $kind, $column),
				is_subtle => $kind->{is_subtle},
				lies => [ { (map { $_ => $query->{$_} } qw(session shape nth)), lie => $kind->{name}, column => $column } ]
			};
		}
	}
}

sub shuffled { my @list = @_; for my $i (reverse 1 .. $#list) { my $j = int rand($i + 1); @list[ $i, $j ] = @list[ $j, $i ]; } return @list; }

# What each query must stand, and one of these, by turns.
my $WORST = qr/^(NULL for a value|no rows|the first column only|CopyOutResponse|a command that had no rows|binary COPY with (a field of 2 GB|a row cut short|no end mark)|a row instead of a COPY)$/;
my @ALSO = ('a message of 2 GB', 'endless results', 'CopyInResponse', 'no columns', 'silence', 'endless notices', 'one more result', 'CopyDone without CommandComplete');

# Every second shape of query, by the seed, with the worst lies, each lie at a query of
# every second sort of session, and what could be true: not a matter of chance.
sub sample
{
	my (%turn, %place, %of_shape, %nth, %of_session, @chosen);
	foreach my $case (@case)
	{
		my $query = $case->{query};
		my $lie = $case->{lies}[0]{lie};
		my $shape = "$query->{session} $query->{shape}";
		$turn{$shape} //= keys %turn;
		my $is_worst = $turn{$shape} % 2 == $seed % 2 && $query->{session} ne 'pg_dump' && !defined $case->{lies}[0]{column}
		  && ($lie =~ $WORST || $lie eq $ALSO[ $turn{$shape} / 2 % @ALSO ]) && !$of_shape{"$shape $lie"}++;
		my $place = ($place{$lie} //= keys %place) + ($place{$query->{session}} //= keys %place);
		my $is_next = $place % 2 == 0 && $nth{"$lie $query->{session}"}++ == length($lie) % 7 && !$of_session{"$lie $query->{session}"}++;
		push @chosen, $case if $is_worst || $is_next || $case->{is_subtle};
	}
	return shuffled(@chosen);
}

#-------------------------------------------------------------------------
# The sweep
#-------------------------------------------------------------------------

my (%result, %bad, %odd, %end, $runs, $missed, @missed);

sub lie_of { return join ' and ', map { $_->{lie} } @{ $_[0]{lies} }; }
sub session_of { return $_[0]{query}{session} || 'a session without a name'; }

sub note_result
{
	my ($case, $result) = @_;
	my $key = lie_of($case) . "\0" . session_of($case);

	$runs++;
	$end{ $result->{end} }++;
	$result{$key} //= [];
	push @missed, $case->{name} if !$result->{told};
	push @{ $odd{$_} }, $case->{name} for @{ $result->{odd} };
	my $error = $result->{error} ? join ' ', map { $_ // '' } @{ $result->{error} }{qw(C M)} : '';
	note(sprintf '%s: %s in %.1f s%s', $case->{name}, $result->{end}, $result->{seconds}, $error ne '' ? ": $error" : '') if $ENV{PGCOPY_TEST_VERBOSE};
	return if !@{ $result->{bad} };
	my $text = substr $case->{query}{text}, 0, 150;
	push @{ $result{$key} }, join "\n  ", "PGCOPY_TEST_CASE='$case->{name}' ends $result->{end}", "in answer to: $text", @{ $result->{bad} },
	  $error ne '' ? "error: $error" : ();
	diag(join "\n", $result{$key}[-1]) if $is_long;
	return;
}

sub is_over { return time() - $begun > $seconds; }

# Cases that were chosen may take twice as long, on a machine that is very slow.
sub is_too_late { return !$is_long && time() - $begun > 2 * $seconds; }

# Two lies in one clone.
sub together
{
	my ($one, $two) = @_;
	return {
		%$one,
		name => "$one->{name} & $two->{name}",
		is_free => $one->{is_free} || $two->{is_free},
		lies => [ @{ $one->{lies} }, @{ $two->{lies} } ]
	};
}

sub two_cases
{
	my $one = $case[ rand @case ];
	my @same = grep { $_->{scenario} eq $one->{scenario} } @case;
	return together($one, $same[ rand @same ]);
}

sub case_named
{
	my ($one, $two) = map { $case{$_} // die "there is no case \"$_\"\n" } split / & /, $_[0];
	return $two ? together($one, $two) : $one;
}

my @first = defined $ENV{PGCOPY_TEST_CASE} ? case_named($ENV{PGCOPY_TEST_CASE})
  : $is_long ? shuffled(@case) : sample();
my %is_first = map { $_->{name} => 1 } @first;
my @then = defined $ENV{PGCOPY_TEST_CASE} || $is_long ? () : shuffled(grep { !$is_first{ $_->{name} } } @case);
diag(sprintf '%d queries of %d shapes, %d cases, %d to be run at least; prepared in %d s',
	scalar @query, scalar keys %known_in, scalar @case, scalar @first, time() - $begun);

PgCopySweep::run(\@lane, sub {
		return if is_too_late();
		return shift @first if @first && (!$is_long || !is_over());
		return if is_over() || defined $ENV{PGCOPY_TEST_CASE};
		return $is_long ? two_cases() : shift @then;
	}, sub { note_result(@_[ 0, 1 ]); });

#-------------------------------------------------------------------------
# What came of it
#-------------------------------------------------------------------------

foreach my $key (sort keys %result)
{
	my ($lie, $session) = split /\0/, $key;
	ok(!@{ $result{$key} }, "$lie, told to $session, does no harm") or diag(join "\n", @{ $result{$key} });
}
cmp_ok(scalar @missed, '<=', 1 + $runs / 10, 'the lies are told') or diag(join "\n", @missed);
diag(sprintf '%d clones with lies in %d s: %s; %d where the query did not come', $runs, time() - $begun,
	join(', ', map { "$end{$_} $_" } sort keys %end), scalar @missed);
diag(scalar(@first) . ' cases were not run: the machine is too slow') if @first && !$is_long;
diag("could be better, " . @{ $odd{$_} } . " times: $_, e.g. $odd{$_}[0]") for sort { @{ $odd{$b} } <=> @{ $odd{$a} } } keys %odd;

undef @lane;
$_->stop for @target, $source;
done_testing();
