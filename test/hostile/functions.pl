# Every SQL function of the extension can be called by anybody with anything:
# NULLs, extremes, other people's jobs.  Nothing crashes, nobody sees or moves
# what is somebody else's, and every error has an SQLSTATE that says what is
# wrong.  That is tried as a role that may not, one that may and is a stranger
# to the jobs, and a superuser.
#
# Functions are found in the catalog.  A type of argument that is not in %values is
# an error, so that somebody thinks of values for a new one.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('functions', extension => 0);
new_database($source, 'gaheim_app');
new_database($target, 'app', 'idle');
create_holds($source, 'gaheim_app');
$source->safe_psql('gaheim_app', 'CREATE TABLE gaheim_table (a int CHECK (hold.here(1))); INSERT INTO gaheim_table SELECT generate_series(1, 100)');

$target->safe_psql('postgres', 'CREATE ROLE boss LOGIN SUPERUSER; CREATE ROLE plain LOGIN; CREATE ROLE granted LOGIN');
$target->safe_psql('app', 'CREATE EXTENSION pgcopydb_ext; GRANT CREATE ON DATABASE app TO granted');

# A job that runs, one that has failed, one whose role is gone.
my $gaheim = quote_literal(conninfo($source, db => 'gaheim_app'));
my $hold = hold($target, 'app', 1);
my $runs = $target->safe_psql('app', "SELECT pgcopy_clone($gaheim)", extra_params => [ '-U', 'boss' ]);
wait_held($target, 'app', 1, $runs);
my $failed = $target->safe_psql('app', "SELECT pgcopy_clone($gaheim)", extra_params => [ '-U', 'boss' ]);
is($target->safe_psql('app', "SELECT pgcopy_wait($failed)"), 'failed', 'a second clone into the same database fails');
my $orphan = $target->safe_psql('app', "INSERT INTO pgcopy.job (state, owner, source, conninfo, options, ended, version)
	SELECT state, 4294967295, source, conninfo, options, ended, version FROM pgcopy.job WHERE id = $failed RETURNING id");
my $all_jobs = 'SELECT id, state, owner, attempt, phase, control, ended FROM pgcopy.job ORDER BY id';
my $before = $target->safe_psql('app', $all_jobs);

my $long = "pg_catalog.repeat('gaheim=', 150000)";
my @jobs = ($runs, $failed, $orphan);
my %values = (
	int8 => [ 'NULL', map { "'$_'" } '-9223372036854775808', '9223372036854775807', -1, 0, 4294967296 + $runs, @jobs ],
	int4 => [ 'NULL', map { "'$_'" } '-2147483648', '2147483647', -1, 0 ],
	text => [ 'NULL', q(''), q(' '), $long, q(E'\\\\'), q('host=127.0.0.1 port=1 connect_timeout=1') ],
	bool => [ 'NULL', 'true', 'false' ],
	interval => [ 'NULL', q('-178000000 years'), q('178000000 years'), q('0'), q('-1 microsecond') ],
	numeric => [ 'NULL', q('NaN'), q('Infinity'), q('-Infinity'), '1e131071', '-1e131071', '0', '1e-16383' ],
	oid => [ 'NULL', 0, '4294967295', q('pg_foreign_server'::regclass), q('pg_user_mapping'::regclass) ],
	jsonb => [ 'NULL', q('{}'), q('[]'), q('null'), q('{"": null}'), "pg_catalog.to_jsonb($long)" ],
	any => [ 'NULL', 'true', q('all'), '42', q('{a}'::text[]) ],
	_text => [ 'NULL', q('{}'), q('{NULL}'), q('{{a=1,b=2},{c=3,d=4}}'), q('{=,host=x,host}'), "ARRAY[$long]" ]);

# What to give the first argument of a function with many.
my %plain = (text => q('host=127.0.0.1 port=1 connect_timeout=1'), int8 => $failed);

# A value of a type; "any" is whatever the value is.
sub as_type
{
	my ($value, $type) = @_;
	return $type eq 'any' ? $value : "$value\::pg_catalog.$type";
}

# All calls of a function: all combinations of two arguments; of more, each
# argument alone takes its values, the others have their defaults.
sub calls_of
{
	my ($name, $types, $names) = @_;
	my @calls = ([]);

	die "no values for $_\n" for grep { !$values{$_} } @$types;
	if (@$types > 2)
	{
		@calls = ();
		foreach my $i (0 .. $#$types)
		{
			push @calls, [ ($i > 0 ? "$names->[0] => $plain{ $types->[0] }" : ()), "$names->[$i] => " . as_type($_, $types->[$i]) ] for @{ $values{ $types->[$i] } };
		}
	}
	else
	{
		foreach my $type (@$types)
		{
			@calls = map { my $call = $_; map { [ @$call, as_type($_, $type) ] } @{ $values{$type} } } @calls;
		}
	}
	return map { "SELECT $name(" . join(', ', @$_) . ')' } @calls;
}

my @functions = map {
	my ($name, $public, $types, $names) = split /\|/, $_, -1;
	{ name => $name, public => $public eq 't', types => [ split /,/, $types ], names => [ split /,/, $names ] }
} split /\n/, $target->safe_psql('app', <<'EOQ');
SELECT p.oid::regproc, EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0),
	array_to_string(ARRAY(SELECT t.typname FROM unnest(p.proargtypes) WITH ORDINALITY AS a(oid, no) JOIN pg_type AS t USING (oid) ORDER BY a.no), ','),
	array_to_string(p.proargnames, ',')
FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgcopydb_ext') ORDER BY 1
EOQ
cmp_ok(scalar @functions, '>=', 14, 'the functions of the extension are found');
my @views = split /\n/, $target->safe_psql('app', "SELECT oid::regclass FROM pg_class WHERE relkind = 'v' AND (relname ~ '^pgcopy_' OR relnamespace = 'pgcopy'::regnamespace) ORDER BY 1");
cmp_ok(scalar @views, '>=', 8, 'and the views');
is($target->safe_psql('app', "SELECT count(*) FROM pg_class WHERE relnamespace = 'pgcopy'::regnamespace AND relkind IN ('r', 'S') AND (has_table_privilege('plain', oid, 'SELECT') OR has_table_privilege('plain', oid, 'UPDATE'))"),
	'0', 'the tables are for nobody');

# Call all as a role; returns a list of [call, SQLSTATE, what it printed].
sub call_all
{
	my ($user, @statements) = @_;
	my $script = "SET statement_timeout = '1500ms';\n\\set ON_ERROR_STOP 0\n\\pset null '(null)'\n";

	$script .= "$statements[$_];\n\\echo \@\@$_ :SQLSTATE\n" for 0 .. $#statements;
	my (undef, $out, $err) = $target->psql('app', $script, on_error_stop => 0, timeout => 300, extra_params => [ '-U', $user ]);
	my @result;
	push @result, [ $statements[$2], $3, $1 ] while $out =~ /\G(.*?)^@@(\d+) (\w{5})\n?/gms;
	return ($err, @result);
}

sub shorten { my ($text) = @_; return length $text > 300 ? substr($text, 0, 300) . '...' : $text }

my @statements = map { calls_of($_->{name}, $_->{types}, $_->{names}) } @functions;
my %public = map { $_->{name} => $_->{public} } @functions;
my $is_public = sub { my ($name) = $_[0] =~ /SELECT ([\w.]+)\(/; return $public{$name} };

#
# Who may not
#
my ($err, @got) = call_all('plain', @statements);
is(scalar @got, scalar @statements, 'plain: every call came back') or diag($err);
# A STRICT function is not even called with NULL.
is(join("\n", map { shorten("$_->[0]: $_->[1]") } grep { !$is_public->($_->[0]) && $_->[1] ne '42501' && !($_->[0] =~ /NULL::/ && $_->[2] =~ /^(\(null\))?\n?\z/) } @got),
	'', 'plain: what is not for everybody is refused');

#
# Who may, but is a stranger to the jobs
#
$target->safe_psql('app', "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public, pgcopy TO granted");
my @all = (@statements, map { "TABLE $_" } @views);
foreach my $user ('plain', 'granted')
{
	($err, @got) = call_all($user, @all);
	is(scalar @got, scalar @all, "$user: every call came back") or diag($err);
	is(join("\n", map { shorten("$_->[0]: $_->[1]") } grep { $_->[1] =~ /^(XX|57P|08006)/ } @got), '', "$user: no error is an internal one");
	is(join("\n", map { shorten("$_->[0]: $_->[2]") } grep { $_->[2] =~ /gaheim_/ } @got), '', "$user: nothing of the jobs is shown");
	is(join("\n", grep { /gaheim_/ } split /\n/, $err), '', "$user: nor told in an error");
	is(join("\n", map { "$_->[0]: $_->[2]" } grep { $_->[0] =~ /^TABLE (?!pgcopy_options$)/ && $_->[2] ne '' } @got), '', "$user: the views of jobs are empty");
	foreach my $job (@jobs)
	{
		my @about = grep { $_->[0] =~ /\('$job'::/ } @got;
		is(join("\n", map { "$_->[0]: $_->[1]" } grep { $_->[0] =~ /pgcopy_(wait|cancel|resume|drop)\(/ && $_->[1] !~ /^(42704|42501)$/ } @about),
			'', "$user: job $job does not exist for a stranger, who cannot wait for it, stop it, resume it or drop it");
		is(join("\n", map { "$_->[0]: $_->[2]" } grep { $_->[0] =~ /(live|live_workers|summary)\(/ && $_->[2] ne '' } @about), '', "$user: job $job has no figures for a stranger");
		is(join('', map { $_->[2] } grep { $_->[0] =~ /pgcopy\.is_interrupted\(/ } @about), "(null)\n", "$user: nor is it known whether it is interrupted");
	}
}
is($target->safe_psql('app', $all_jobs), $before, 'the jobs are what they were');

#
# Who may do all: the same calls, with what they do
#
is($target->safe_psql('app', "SELECT count(*) > 0 FROM pgcopy.live($runs)"), 't', 'a superuser sees the figures of a job that runs');
is($target->safe_psql('app', "SELECT count(*) > 0 FROM pgcopy.live_workers($runs)"), 't', 'and its workers');
is($target->safe_psql('app', "SELECT pgcopy.is_interrupted($runs)"), 'f', 'and that it is not interrupted');
my @error = call_error($target, 'app', "SELECT pgcopy_resume($orphan)");
is($error[0], '42704', 'a job whose role is gone cannot be resumed');
isnt($error[3], '', 'and the error says what to do');
($err, @got) = call_all('boss', @all);
is(scalar @got, scalar @all, 'superuser: every call came back') or diag($err);
is(join("\n", map { shorten("$_->[0]: $_->[1]") } grep { $_->[1] =~ /^(XX|57P|08006)/ } @got), '', 'superuser: no error is an internal one');
release($hold);

my $log = slurp_file($target->logfile);
unlike($log, qr/PANIC:|TRAP:|terminated by signal|was terminated/, 'nothing crashed');
$source->stop;
$target->stop;
done_testing();
