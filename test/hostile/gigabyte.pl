# A value that is stored is the one that was sent, and can be read.  One that is
# larger than a value can be here, about 1 GB, is an error that takes nothing
# else along.  Every byte is really sent.
#
# PGCOPY_TEST_LONG=1		all lengths for all types
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyLiar;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# The clean-up is that of an ordinary end.
$SIG{INT} = $SIG{TERM} = sub { die "ended by a signal\n" };

my $GB = 1024 * 1024 * 1024;
my $MEMORY = 6 * $GB;    # libpq's buffer, which doubles, the row, the value
my $DISK = 6 * $GB;    # a value and its WAL

my ($free) = slurp_file('/proc/meminfo') =~ /^MemAvailable: +(\d+) kB/m;
plan skip_all => sprintf('values of 1 GB want %d GB of free memory', $MEMORY / $GB) if $free * 1024 < $MEMORY;
my ($disk) = (run_command([ 'df', '--output=avail', '-B1', PostgreSQL::Test::Utils::tempdir() ]))[0] =~ /(\d+)\s*$/;
plan skip_all => sprintf('values of 1 GB want %d GB of free disk', $DISK / $GB) if $disk < $DISK;

# Past these a palloc fails, the header's 30 bits overflow, the sign changes.
my @LENGTHS = (0x3ffffff0, 0x3ffffffb .. 0x40000010, 0x7ffffff0, 0x7fffffff);
my @TYPES = ('bytea', 'text', 'varchar(10)', 'bpchar', 'jsonb', 'json', 'xml', 'bit varying', 'numeric', 'name', 'int4[]', 'bytea[]', 'int2', 'inet');
my @cases = $ENV{PGCOPY_TEST_LONG}
  ? map { my $type = $_; map { ([ $type, $_, '' ], [ $type, $_, ' of the first row' ]) } @LENGTHS } @TYPES
  : ([ bytea => 0x40000002, '' ], [ text => 0x3ffffffe, '' ], [ bytea => 0x40000010, ' of the first row' ]);

my ($source, $target) = new_pair('gigabyte',
	target_conf => "pgcopy.source_retry_timeout = 0\npgcopy.max_attempts = 1\nmax_wal_size = 4GB\nautovacuum = off\n");
$target->append_conf('postgresql.conf', "restart_after_crash = on\nlog_statement = none\n");
$target->restart;

foreach my $type (@TYPES)
{
	my @of_type = grep { $_->[0] eq $type } @cases or next;
	(my $db = "d_$type") =~ s/\W/_/g;
	new_database($source, $db);
	$source->safe_psql($db, "CREATE TABLE t (a int2, b $type, c text); INSERT INTO t SELECT g, NULL, 'c' FROM generate_series(1, 2) g");
	foreach my $case (@of_type)
	{
		new_database($target, $db);
		attack($db, @$case);
		$target->psql('postgres', "DROP DATABASE $db WITH (FORCE)");
	}
}

# Clone with a value of so many bytes, in one row of two.
sub attack
{
	my ($db, $type, $length, $where) = @_;
	my $begun = time;
	my $from = -s $target->logfile;
	my $liar = PgCopyLiar->new($source);
	my $copy = find_copy($liar, $db) // return note("$type does not travel in binary");

	new_database($target, $db);
	$liar->plan({ session => 'worker', shape => $copy, nth => 1, lie => "$length bytes for a field$where", column => 1 });
	my $job = clone($target, $liar->conninfo(db => $db), db => $db);
	my $state = eval { wait_for_end($target, $job, db => $db, limit => 120) } // 'lost, with the server';
	subtest sprintf('%s of 0x%x bytes%s is an error or arrives as it is', $type, $length, $where && ' in the first row') => sub {
		is(scalar $liar->told, 1, 'the value is sent');
		my @crash = grep { /terminated by signal|PANIC:|TRAP:/ } split /\n/, substr slurp_file($target->logfile), $from;
		is("@crash", '', 'nothing crashes');
		ok(wait_until($target, 'SELECT 1', expected => '1'), 'the server is well');
		like($state, qr/^(failed|done)$/, 'the job ends');
		my (undef, $read) = $target->psql($db, "SELECT count(*), count(*) FILTER (WHERE octet_length(b) = $length) FROM t");
		is($read, $state eq 'done' ? '2|1' : '0|0', 'all of it is there, or nothing');
		$target->psql($db, 'SELECT max(length(b::text)) FROM t');
		ok(wait_until($target, 'SELECT 1', expected => '1'), 'and so it is when all of it has been read');
		note(sprintf '%s in %.1f s: %s', $state, time() - $begun,
			$target->safe_psql($db, "SELECT concat_ws(' ', sqlstate, message) FROM pgcopy_errors WHERE job = $job AND is_final"));
	};
	return;
}

# The shape of the binary COPY of t, from an honest clone; undef: it is none.
sub find_copy
{
	my ($liar, $db) = @_;

	$liar->plan;
	my $job = clone($target, $liar->conninfo(db => $db), db => $db);
	wait_for_end($target, $job, db => $db);
	$target->safe_psql('postgres', "DROP DATABASE $db WITH (FORCE)");
	my @copy = grep { ($_->{format} // '') eq 'binary' } $liar->seen;
	return @copy ? $copy[0]{shape} : undef;
}

# Honest rows of about 1 GB.  In text the first one would be longer; that of
# "toolong" is, and no COPY can send it.
new_database($source, 'honest');
new_database($target, 'honest');
$source->safe_psql('honest', <<'EOQ');
CREATE TABLE scan (id int, words xml, body bytea);
INSERT INTO scan VALUES (1, 'a', 'short'), (2, 'b', convert_to(repeat('abcdefgh', 70000000), 'UTF8')), (3, 'c', 'tail');
CREATE TABLE toolong (id int, a text, b text);
INSERT INTO toolong VALUES (1, 'one', 'two'), (2, repeat('x', 600000000), NULL);
UPDATE toolong SET b = repeat('y', 600000000) WHERE id = 2;
EOQ
my $job = clone($target, conninfo($source, db => 'honest'), db => 'honest', on_error => 'continue');
is(wait_for_end($target, $job, db => 'honest', limit => 300), 'done', 'a row that is too long is an error of its table');
is($target->safe_psql('honest', 'SELECT id, words, length(body), md5(substr(body, 559999000)) FROM scan ORDER BY id'),
	$source->safe_psql('honest', 'SELECT id, words, length(body), md5(substr(body, 559999000)) FROM scan ORDER BY id'),
	'a long value beside a column that comes as text is there');
my $error = $target->safe_psql('honest', "SELECT concat_ws(E'\n', sqlstate, message, detail, hint, context) FROM pgcopy_errors WHERE job = $job AND is_final");
like($error, qr/^54000\nrow 2 of table "public"\."toolong" is too long for COPY, which sends at most 1 GB$/m, '... that names table and row');
like($error, qr/The row's ctid there is \(0,3\)\.$/m, '... and its place');
note($error);

$target->stop;
$source->stop;
done_testing();
