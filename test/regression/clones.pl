# Clones of the databases that PostgreSQL's own tests leave behind do not differ
# from their sources in anything but what a restore of pg_dump's archive has exactly so.
#
# The databases: that of the regression tests, those that their scripts make without
# their DROPs, one for each module of contrib, for each language and for each of
# src/test/modules whose extension is installed, that of the isolation tests, one of
# each encoding, and those that the tests of pg_dump make.  What PostgreSQL's own
# tests say does not matter here: it is printed.
#
# The target is a second server, with the source's roles and tablespaces.  Each
# database is cloned into one of it, and restored into another; then definitions,
# rows, sequences, large objects and facts.sql of both are compared with the source.
# test/regression/run sets all that this needs in the environment.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use IPC::Run ();
use PgCopy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $SRC = $ENV{PG_SOURCE};
my $OUT = "$ENV{TESTDIR}/report";
my $HERE = dirname(__FILE__);
my @WANTED = split ' ', $ENV{REGRESSION_SUITES} || '*';
my @ARGUMENTS = map { split /=/, $_, 2 } split ' ', $ENV{REGRESSION_ARGUMENTS} || '';
my ($source, $target);

#-------------------------------------------------------------------------
# Suites: [ name, directory, words for pg_regress ]
#-------------------------------------------------------------------------

sub is_wanted
{
	my ($name) = @_;
	return grep { my $p = quotemeta; $p =~ s/\\\*/.*/g; $name =~ /^$p$/ } @WANTED;
}

# The words of a variable of a Makefile, without what it takes from others.
sub words_of
{
	my ($dir, $variable) = @_;
	my $text = slurp_file("$dir/Makefile");
	my @words;
	push @words, split ' ', $1 =~ s/\\\n/ /gr
	  while $text =~ /^$variable\s*\+?=\s*((?:.*\\\n)*.*)/mg;
	return grep { !/[\$()]/ } @words;
}

sub is_installed
{
	my ($dir) = @_;
	my %language = (plperl => 'plperl', plpython => 'plpython3u', tcl => 'pltcl');
	my @extensions = $dir =~ m{/src/pl/(\w+)$} ? $language{$1} // () : words_of($dir, 'EXTENSION');
	my @missing = grep { !-e "$ENV{SHAREDIR}/extension/$_.control" } @extensions;
	return !@missing;
}

# Tests that need another server, change this one's settings, or wait for it.
my %LEFT_OUT = map { $_ => 1 } qw(basic_archive commit_ts snapshot_too_old unsafe_tests worker_spi test_oat_hooks);

sub suites
{
	my @suite = ([ 'regression', "$SRC/src/test/regress", '--dlpath=.', '--max-concurrent-tests=20', '--schedule=parallel_schedule', 'numeric_big' ]);

	foreach my $dir (sort glob("$SRC/contrib/* $SRC/src/pl/* $SRC/src/pl/plpgsql/src $SRC/src/test/modules/*"))
	{
		next if !-e "$dir/Makefile" || $LEFT_OUT{ basename($dir) } || !is_installed($dir);
		my @tests = words_of($dir, 'REGRESS');
		next if !@tests || !-d "$dir/sql";
		my $name = $dir =~ m{/src/pl/(\w+)} ? "pl/$1" : basename(dirname($dir)) . '/' . basename($dir);
		my @options = grep { /^--load-extension/ } words_of($dir, 'REGRESS_OPTS');
		push @suite, [ $name, $dir, "--dlpath=$SRC/src/test/regress", @options, @tests ];
	}
	push @suite, [ 'isolation', "$SRC/src/test/isolation", '--schedule=isolation_schedule' ];
	return grep { is_wanted($_->[0]) } @suite;
}

# Run a suite's tests in a database of their own.  Returns its name.
sub run_suite
{
	my ($name, $dir, @words) = @_;
	my $db = $name eq 'regression' ? $name : $name =~ tr{/}{_}r;
	my $regress = $ENV{PG_REGRESS};
	my $begun = time();

	$regress =~ s{regress/pg_regress$}{isolation/pg_isolation_regress} if $name eq 'isolation';
	my ($out) = run_command(
		[
			'sh', '-c', 'cd "$1" && shift && exec "$@" 2>&1', 'sh', $dir, $regress, "--bindir=$ENV{BINDIR}",
			'--inputdir=.', '--outputdir=.', '--host=' . $source->host, '--port=' . $source->port, @words, "--dbname=$db"
		]);
	my @failed = $out =~ /^(?:test|    )\s*(\S+)\s+\.\.\. FAILED/mg;
	my $passed = () = $out =~ /^(?:test|    )\s*\S+\s+\.\.\. ok/mg;
	note(sprintf '%s: %d tests passed, %d failed in %.0f s%s', $name, $passed, scalar @failed, time() - $begun, @failed ? ": @failed" : '');
	return ($name, $db);
}

# The databases that a TAP test of pg_dump makes: its list of objects, in its order.
sub run_dump_tests
{
	my ($name, $file) = @_;
	my ($text) = slurp_file($file) =~ /\A(.*?)^# Create a PG instance/ms;
	my $tests = eval "package Dumped; $text; \\%tests" or die "$file: $@";
	my %sql;

	foreach my $test (sort { ($a->{create_order} // 1000) <=> ($b->{create_order} // 1000) } map { $tests->{$_} } sort keys %$tests)
	{
		$sql{ $test->{database} // 'postgres' } .= "$test->{create_sql};\n" if $test->{create_sql};
	}
	my @databases;
	foreach my $db (sort keys %sql)
	{
		my $made = ($name =~ tr{/}{_}r) . ($db eq 'postgres' ? '' : "_$db");
		$source->safe_psql('postgres', qq{CREATE DATABASE "$made" TEMPLATE template0});
		my (undef, undef, $err) = $source->psql($made, $sql{$db}, on_error_stop => 0);
		note("$made: $err") if $err;
		push @databases, "$name" . ($db eq 'postgres' ? '' : " ($db)"), $made;
	}
	return @databases;
}

# The regression tests drop most of what they make: run the scripts without their
# DROPs, each group of the schedule into a database of its own.
sub run_kept
{
	my $dir = "$SRC/src/test/regress";
	my ($no, @databases) = (0);
	local @ENV{qw(PG_ABS_SRCDIR PG_ABS_BUILDDIR PG_LIBDIR PG_DLSUFFIX PGTZ PGDATESTYLE)} =
	  ($dir, $dir, $dir, '.so', 'PST8PDT', 'Postgres, MDY');
	my $psql = sub {
		my ($db, $sql) = @_;
		my $conninfo = conninfo($source, db => $db);
		IPC::Run::run([ 'psql', '-Xq', '-d', $conninfo ], '<', \$sql, '>', "$OUT/psql.log", '2>&1');
	};

	chdir $dir or die;
	$source->safe_psql('postgres', 'CREATE DATABASE kept TEMPLATE template0');
	$psql->('kept', slurp_file("$dir/sql/test_setup.sql"));
	foreach my $group (slurp_file("$dir/parallel_schedule") =~ /^test:\s*(.*)/mg)
	{
		# a tablespace is for all; a prepared transaction keeps its locks
		my @test = grep { !/^(test_setup|tablespace|prepared_xacts)$/ } split ' ', $group;
		my $db = sprintf 'kept_%02d', ++$no;
		next if !@test || !is_wanted("kept/$no");

		$source->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE kept");
		$psql->($db, slurp_file("$dir/sql/$_.sql") =~ s/^\s*DROP\s[^;]*;//gimr) for @test;
		note("kept/$no: @test");
		push @databases, "kept/$no", $db;
	}
	chdir $ENV{TESTDIR} or die;
	return @databases;
}

# A database of each encoding, with names in it.
sub run_encoding
{
	my ($name, $encoding) = @_;
	my $db = $name =~ tr{/}{_}r;

	$source->safe_psql('postgres', qq{CREATE DATABASE "$db" TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'});
	run_command([ 'psql', '-Xq', '-f', "$SRC/src/test/mb/sql/$encoding.sql", '-d', conninfo($source, db => $db) ]);
	return ($name, $db);
}

#-------------------------------------------------------------------------
# Copies
#-------------------------------------------------------------------------

# Clone DB, by us and by the peer.  Returns seconds and complaints of each.
sub clone_both
{
	my ($db) = @_;
	my ($ours, $peer) = ($db, "$db peer");
	my %of = (encoding => 'SHOW server_encoding', collate => 'SHOW lc_collate', ctype => 'SHOW lc_ctype');
	$_ = $source->safe_psql($db, $_) for values %of;

	$target->safe_psql('postgres',
		qq{CREATE DATABASE "$_" TEMPLATE template0 ENCODING '$of{encoding}' LC_COLLATE '$of{collate}' LC_CTYPE '$of{ctype}'})
	  for $ours, $peer;

	my $begun = time();
	my $job = clone($target, conninfo($source, db => $db), db => $ours, on_error => 'continue', @ARGUMENTS);
	my $state = wait_for_end($target, $job, db => $ours, limit => 600);
	my $seconds = time() - $begun;
	my $errors = $target->safe_psql($ours, "SELECT concat_ws(' ', sqlstate, object, message, detail, context, left(statement, 300)) FROM pgcopy_errors WHERE job = $job");
	my $notices = $target->safe_psql($ours, "SELECT concat_ws(' ', object, message) FROM pgcopy_notices WHERE job = $job AND setting IS NULL");

	$begun = time();
	my (undef, $complaints) = run_command(
		[
			'sh', '-c', 'pg_dump -Fc -d "$1" | pg_restore -d "$2"', 'sh',
			conninfo($source, db => $db), conninfo($target, db => $peer)
		]);
	return ($ours, $peer, { state => $state, seconds => $seconds, errors => $errors, notices => $notices },
		{ seconds => time() - $begun, errors => $complaints });
}

#-------------------------------------------------------------------------
# Comparison
#-------------------------------------------------------------------------

# What a database is: part => lines or entries.
sub parts_of
{
	my ($node, $db) = @_;
	my %part = parts($node, $db);
	my (undef, $facts, $err) = $node->psql($db, slurp_file("$HERE/facts.sql"), on_error_stop => 0,
		extra_params => [ '--field-separator=|', '--record-separator-zero' ]);
	$part{facts} = [ split /\0/, $facts ];
	push @{ $part{facts} }, "error|$err" if $err;
	return \%part;
}

# The things of a part by name: what is before the contents.
sub name_of
{
	my ($part, $line) = @_;
	return $1 if $part eq 'definitions' && $line =~ /^(-- Name: .*)/m;
	return $1 if $line =~ /^(initial privileges\|[^|]*\|[^|]*|comment\|[^|]*\|[^|]*|label\|[^|]*\|[^|]*|extension [^|]* (?:has|is needed by)\|.*|[^|]*\|[^|]*)/
	  && $part eq 'facts';
	return $line =~ /^([^|]*)/ ? $1 : $line;
}

# The differences of a copy: "part: name" => how.
sub differences
{
	my ($expected, $got) = @_;
	my %found;

	foreach my $part (sort keys %$expected)
	{
		my %count;
		$count{$_}++ for @{ $expected->{$part} };
		$count{$_}-- for @{ $got->{$part} };
		foreach my $line (sort grep { $count{$_} } keys %count)
		{
			my $text = join '', map { ($count{$line} > 0 ? '- ' : '+ ') . "$_\n" } split /\n/, $line;
			$found{ "$part: " . name_of($part, $line) } .= $text x abs $count{$line};
		}
	}
	return \%found;
}

# The parts with rows of materialized views.  One that counts what the catalogs have
# is different in each copy.
sub views_of
{
	my ($db) = @_;
	my $views = $source->safe_psql($db, "SELECT 'rows: ' || relnamespace::regnamespace || '.' || relname FROM pg_class WHERE relkind = 'm'");
	return split /\n/, $views;
}

# A pattern of the tables that extensions make; what an extension's script inserts is
# not frozen.
sub members_of
{
	my ($db) = @_;
	my $tables = $target->safe_psql($db, <<'EOQ');
SELECT relnamespace::regnamespace::text || '.' || relname FROM pg_class
WHERE EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
EOQ
	return '^(' . join('|', map { quotemeta } split /\n/, $tables) . ')$';
}

# Clone a database, compare, say what came out: one test.
sub check_database
{
	my ($name, $db) = @_;
	my ($ours, $peer, $we, $they) = clone_both($db);
	my $expected = parts_of($source, $db);
	my $our = differences($expected, parts_of($target, $ours));
	my $their = differences($expected, parts_of($target, $peer));
	my %counts_catalogs = map { $_ => 1 } views_of($db);
	my @beyond = grep { ($their->{$_} // '') ne $our->{$_} && !($their->{$_} && $counts_catalogs{$_}) } sort keys %$our;
	my $ok = !@beyond && ($we->{state} eq 'done' || $they->{errors});

	append_to_file("$OUT/$db.txt", join "\n", "state: $we->{state}", 'our errors:', $we->{errors}, 'our notices:', $we->{notices},
		"\nthe peer's errors:", $they->{errors},
		map({ "\nbeyond the peer: $_\n$our->{$_}" } @beyond),
		map({ "\nof the peer: $_\n$their->{$_}" } sort keys %$their), '');
	ok($ok, sprintf '%-36s %-6s ours differs in %d, the peer in %d, beyond the peer: %d; %.1f s, the peer %.1f s, ratio %.2f',
		$name, $we->{state}, scalar keys %$our, scalar keys %$their, scalar @beyond, $we->{seconds}, $they->{seconds},
		$we->{seconds} / $they->{seconds});
	note("    $_") for split /\n/, $we->{notices};
	if (!$ok)
	{
		my @shown = map { "beyond the peer: $_\n$our->{$_}" } @beyond;
		diag(join "\n", $we->{errors}, @shown > 15 ? (@shown[ 0 .. 14 ], sprintf('... and %d more', @shown - 15)) : @shown);
	}
	my @with_path = $we->{notices} =~ /index (\S+) needs a search_path/g;
	assert_frozen($target, db => $ours, name => "$name: tables are frozen, indexes are sound", ignore => members_of($ours),
		ignore_indexes => '^(' . join('|', map { quotemeta } @with_path) . ')$')
	  if !$source->safe_psql($db, "SELECT count(*) FROM pg_extension WHERE extname IN ('amcheck', 'pg_visibility')");
	return;
}

#-------------------------------------------------------------------------
# All
#-------------------------------------------------------------------------

my $settings = <<EOC;
log_statement = none
max_locks_per_transaction = 256
max_connections = 60
EOC

$ENV{SHAREDIR} = (run_command([ 'pg_config', '--sharedir' ]))[0];
$ENV{BINDIR} = (run_command([ 'pg_config', '--bindir' ]))[0];
mkdir $OUT or die "$OUT: $!";
($source, $target) = new_pair('clones', target_conf => "$settings\nshared_preload_libraries = 'dummy_seclabel'\n", source_conf => <<EOC);
$settings
wal_level = logical
max_prepared_transactions = 10
shared_preload_libraries = 'pg_stat_statements, dummy_seclabel'
compute_query_id = regress
EOC
$ENV{PGHOST} = $source->host;
$ENV{PGUSER} = $source->safe_psql('postgres', 'SELECT current_user');
$source->safe_psql('postgres', 'CREATE DATABASE "' . $ENV{PGUSER} . '"') if $ENV{PGUSER} ne 'postgres';

my @database = map { run_suite(@$_) } suites();
foreach my $file ([ 'pg_dump', 'src/bin/pg_dump/t/002_pg_dump.pl' ], [ 'pg_dump/extension', 'src/test/modules/test_pg_dump/t/001_base.pl' ])
{
	push @database, run_dump_tests($file->[0], "$SRC/$file->[1]") if is_wanted($file->[0]);
}
push @database, run_kept() if grep { is_wanted("kept/$_") } 1 .. 99;
foreach my $encoding (qw(euc_cn euc_jp euc_kr euc_tw mule_internal utf8))
{
	push @database, run_encoding("encoding/$encoding", $encoding) if is_wanted("encoding/$encoding");
}

# Roles and tablespaces as the source has them.
copy_roles($source, $target);
$target->safe_psql('postgres', qq{SET allow_in_place_tablespaces = on; CREATE TABLESPACE "$_" LOCATION ''})
  for split /\n/, $source->safe_psql('postgres', "SELECT spcname FROM pg_tablespace WHERE spcname !~ '^pg_'");

while (my ($name, $db) = splice @database, 0, 2)
{
	eval { check_database($name, $db); 1 } or fail("$name: $@");
}
done_testing();
