# A source whose answers do not end cannot fill this server's memory.  Whoever
# asks, be it the session that orders the clone, the leader or a worker, gives
# up at once, before it has taken much.  What the source makes pg_dump say, and
# errors of any length, are kept only in part.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyLiar;
use PgCopyScene;
use PgCopyWire;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $MOST = 200;    # MB that a process may have of its own
my $LIMIT = 20;    # seconds that an endless answer is listened to

my ($source, $target) = new_pair('memory', extension => 0,
	target_conf => "pgcopy.source_retry_timeout = 5s\npgcopy.max_attempts = 2\n");
new_database($source, 'app');
$source->safe_psql('app', 'CREATE TABLE t AS SELECT generate_series(1, 10) AS a');
my $liar = PgCopyLiar->new($source);

# The most memory that one of our processes, or the one that orders, has now, MB.
sub most_memory
{
	my ($ordering) = @_;
	my $most = 0;
	foreach my $pid ($ordering, map { (split / /)[0] } our_backends($target))
	{
		my ($kilobytes) = slurp_proc($pid, 'status') =~ /^RssAnon:\s+(\d+)/m or next;
		$most = $kilobytes / 1024 if $kilobytes / 1024 > $most;
	}
	return $most;
}

# Clone with one lie; returns how it ends, the error, and the most memory taken.
sub clone_with
{
	my ($db, @lie) = @_;
	my $begun = time;
	my ($most, $answer) = (0);

	new_database($target, $db);
	$target->safe_psql($db, 'CREATE EXTENSION pgcopydb_ext');
	$liar->plan(@lie);
	my $client = PgCopyWire->connect($target, $db);
	foreach my $sql ('SELECT pgcopy_clone(' . quote_literal($liar->conninfo(db => 'app')) . ')', 'SELECT pgcopy_wait(1)')
	{
		$client->send($sql);
		until ($answer = $client->answer(0.05))
		{
			my $now = most_memory($client->{pid});
			$most = $now if $now > $most;
			next if time - $begun < $LIMIT;
			$liar->plan;
			return ('does not end', '', $most);
		}
		return ('refused', $answer->{error}{C}, $most) if $answer->{error};
	}
	return ($answer->{rows}[0][0], $target->safe_psql($db, "SELECT coalesce(max(sqlstate), '') FROM pgcopy_errors"), $most);
}

my ($end) = clone_with('honest');
is($end, 'done', 'the liar is honest when it is told no lie');
my @all = $liar->seen;
my @query = grep { $_->{session} =~ /^(pgcopy_clone|leader|worker)$/ && $_->{rows} } @all;
my %is_first;
@query = grep { !$is_first{"$_->{session} $_->{shape}"}++ } @query;
cmp_ok(scalar @query, '>', 10, 'there are queries to lie to');

# Those that are asked elsewhere than by pgcopy_session_query(), and one more.
my @asked = grep { $_->{text} =~ /^(SELECT pg_catalog\.pg_backend_pid\(\)::|SELECT 1$|COPY |SELECT pg_catalog\.pg_is_in_recovery)/i } @query;
my $n = 0;
sub lie { my ($query, $lie) = @_; return { (map { $_ => $query->{$_} } qw(session shape nth)), lie => $lie }; }

# The leader asks whether its session lives when a worker has lost its own; then it
# may get another.
my ($copy) = grep { $_->{text} =~ /^COPY /i } @query;
my @lost = { %{ lie($copy, 'the end of the connection') }, is_uncounted => 1 };
foreach my $query (@asked, { session => 'leader', shape => 'SELECT 0', nth => 1, text => 'SELECT 1' })
{
	my ($how, $sqlstate, $most) = clone_with('lie' . ++$n, lie($query, 'endless rows'), $query->{text} eq 'SELECT 1' ? @lost : ());
	my $where = "$query->{session} asks " . substr $query->{text}, 0, 60;
	ok($liar->told, "$where: the lie is told");
	like("$how $sqlstate", $query->{text} eq 'SELECT 1' ? qr/^(failed|done) 08/ : qr/^(refused|failed) 08/, "$where: rows without an end are not waited for");
	cmp_ok($most, '<', $MOST, "$where: and take no memory");
}

# What pg_dump is told it says on, and the leader keeps some of it.
my ($dump) = grep { $_->{session} eq 'pg_dump' && $_->{rows} } @all;
my ($how, undef, $most) = clone_with('dump', lie($dump, 'a megabyte of remarks'));
is($how, 'done', 'a megabyte of remarks is no reason to fail');
cmp_ok($most, '<', $MOST, 'and takes no memory');
is($target->safe_psql('dump', 'SELECT max(length(message)) BETWEEN 1000 AND 20000 FROM pgcopy_notices WHERE setting IS NULL'), 't', 'the notice is there, in part');

# An error is logged, and kept.
my ($export) = grep { $_->{session} eq 'leader' && $_->{text} =~ /pg_export_snapshot/ } @all;
($how) = clone_with('error', lie($export, 'an error of ten megabytes'));
is($how, 'failed', 'an error of ten megabytes is an error');
is($target->safe_psql('error', "SELECT count(*), max(octet_length(e::text)) BETWEEN 10000 AND 50000, bool_and(e.message !~ '[?]') FROM pgcopy_errors e"), '1|t|t', 'and kept in part');
cmp_ok(-s $target->logfile, '<', 1e6, 'and is not logged whole');

$liar->stop;
$source->stop;
$target->stop;
done_testing();
