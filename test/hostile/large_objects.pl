# A source that lies about its large objects does no harm: whatever it sends,
# objects that others have in the target stay as they are, and what is cut off
# or contradicts itself is never taken for the whole.
#
# A proxy between the two servers changes the answer to one query: single rows of
# it, by the code of a lie.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use IO::Select;
use PgCopy;
use PgCopyMiddle;
use PgCopyScene;
use PgCopyWire qw(message take_message);
use Test::More;

my $HEADER = "PGCOPY\n\xff\r\n\0" . "\0" x 8;
my $TRAILER = "\xff\xff";

#-------------------------------------------------------------------------
# Lies
#
# Each has the query whose answer it changes, a function that gets one message's
# content (and a hash of its own) and returns those to send instead, and what the
# error of the job is.
#-------------------------------------------------------------------------

# A row of COPY in binary.
sub row { return pack('n', scalar @_) . join '', map { defined $_ ? pack('N/a*', $_) : pack('N', 0xffffffff) } @_; }

sub page { my ($oid, $page, $data) = @_; return row(pack('N', $oid), pack('N', $page), $data); }

# Change the rows of a COPY, given as (oid, page, data).
sub pages
{
	my ($code) = @_;
	return sub {
		my ($content, $memory) = @_;
		my $header = $content =~ s/\A\Q$HEADER\E// ? $HEADER : '';
		return ($header . $content) if $content eq '' || $content eq $TRAILER;
		my (undef, undef, $oid, undef, $page, $data) = unpack 'n NN NN N/a*', $content;
		my @row = $code->($oid, $page, $data, $memory);
		return $header ne '' && !@row ? ($header) : map { ($_ == 0 ? $header : '') . $row[$_] } 0 .. $#row;
	};
}

# Change the rows of a query: a function of their columns.
sub columns
{
	my ($code) = @_;
	return sub {
		my ($content, $memory) = @_;
		my @column = unpack 'x2 (N/a*)*', $content;
		return map { row(@$_) } $code->(\@column, $memory);
	};
}

# Replace one column by a text, in the first row or in all.
sub replace
{
	my ($column, $text) = @_;
	return columns(sub { my ($row) = @_; $row->[$column] = $text; return ($row); });
}

my $COPY = qr/\ACOPY \(SELECT loid/;
my $PLAN = qr/\AWITH numbered AS .*pg_largeobject/s;
my $OBJECTS = qr/\ASELECT m\.oid.*obj_description/s;
my $PRIVILEGES = qr/aclexplode\(m\.lomacl\) WITH ORDINALITY/;
my $LABELS = qr/\ASELECT l\.objoid, l\.provider, l\.label/;
my $BAD_FORMAT = qr/^22P04 invalid COPY data of large objects/;
my $BAD_PAGE = qr/^XX001 invalid page/;
my $NO_OBJECT = qr/^XX001 the source has pages of large object/;
my $CONTRADICTS = qr/^(?:XX001 the source gives contradictory answers|08P01 unexpected answer from the source)/;
my $ANY = qr/^(?!XX000)\w{5} /;
my $INJECTION = "60000 IS NULL; DROP TABLE victims; --";

my @lies = (
	[ 'no end mark', $COPY, sub { $_[0] eq $TRAILER ? () : ($_[0]) }, $BAD_FORMAT ],
	[ 'the end mark in the middle', $COPY, pages(sub { (page(@_[ 0 .. 2 ]), $TRAILER) }), $BAD_FORMAT ],
	[ 'a row after the end mark', $COPY, sub { $_[0] eq $TRAILER ? ($TRAILER, page(50009, 99, 'x')) : ($_[0]) }, $BAD_FORMAT ],
	[ 'no header', $COPY, sub { ($_[0] =~ s/\A\Q$HEADER\E//r) }, $BAD_FORMAT ],
	[ 'unknown flags in the header', $COPY, sub { ($_[0] =~ s/\A(PGCOPY\n\xff\r\n\0)\0/$1\x01/r) }, $BAD_FORMAT ],
	[ 'two columns', $COPY, pages(sub { row(pack('N', $_[0]), pack('N', $_[1])) }), $BAD_FORMAT ],
	[ 'a NULL for a page', $COPY, pages(sub { row(pack('N', $_[0]), pack('N', $_[1]), undef) }), $BAD_FORMAT ],
	[ 'a NULL for a number', $COPY, pages(sub { row(undef, pack('N', $_[1]), $_[2]) }), $BAD_FORMAT ],
	[ 'a row that is cut off', $COPY, pages(sub { substr(page(@_[ 0 .. 2 ]), 0, -1) }), $BAD_FORMAT ],
	[ 'each page twice', $COPY, pages(sub { (page(@_[ 0 .. 2 ])) x 2 }), $BAD_PAGE ],
	[ 'a page that is too long', $COPY, pages(sub { page(@_[ 0, 1 ], 'x' x 2049) }), $BAD_PAGE ],
	[ 'a negative page', $COPY, pages(sub { page($_[0], 0xffffffff, $_[2]) }), $BAD_PAGE ],
	[ 'pages in disorder', $COPY, pages(sub { my $memory = $_[3]; my $now = page(@_[ 0 .. 2 ]);
		return ($now, delete $memory->{first}) if $memory->{first}; $memory->{first} = $now if !$memory->{seen}++; return $memory->{first} ? () : ($now) }), $BAD_PAGE ],
	[ "pages of another role's object in the range", $COPY, pages(sub { page(50005, @_[ 1, 2 ]) }), $NO_OBJECT ],
	[ "pages of another role's object beyond it", $COPY, pages(sub { page(60000, @_[ 1, 2 ]) }), $NO_OBJECT ],
	[ 'pages of object 0', $COPY, pages(sub { page(0, @_[ 1, 2 ]) }), $ANY ],
	(map { [ "an object of number \"$_\"", $OBJECTS, replace(0, $_), $ANY ] } '', 'x', '-1', '0', '4294967296', '99999999999999999999', '60000'),
	[ 'each object twice', $OBJECTS, columns(sub { ($_[0], $_[0]) }), $CONTRADICTS ],
	[ 'no objects', $OBJECTS, sub { () }, qr/^(?:XX001|08P01) / ],
	[ "another role's object", $OBJECTS, columns(sub { $_[0][0] = 50005 if $_[0][0] == 50004; ($_[0]) }), qr/^42710 large object 50005 already exists/ ],
	[ 'an owner that is SQL', $OBJECTS, replace(1, $INJECTION), qr/^42704 role/ ],
	[ "privileges on another role's object", $PRIVILEGES, replace(0, 50005), $CONTRADICTS ],
	[ 'a privilege that is SQL', $PRIVILEGES, replace(4, "SELECT $INJECTION"), qr/^0A000 unknown privilege/ ],
	[ 'a grantor that is SQL', $PRIVILEGES, replace(2, $INJECTION), $ANY ],
	[ 'a grantee that is SQL', $PRIVILEGES, replace(3, $INJECTION), qr/^42704 role/ ],
	[ "labels of another role's object", $LABELS, replace(0, 50005), $CONTRADICTS ],
	[ 'a labelled object that is SQL', $LABELS, replace(0, $INJECTION), $ANY ],
	[ 'a provider that is SQL', $LABELS, replace(1, "x ON TABLE victims IS ''; $INJECTION"), qr/^22023 security label provider/ ],
	[ 'a range that ends before it begins', $PLAN, replace(1, 1), $CONTRADICTS ],
	[ 'a range of number 2 to the power of 32', $PLAN, replace(1, '4294967296'), $CONTRADICTS ],
	[ 'a range without objects', $PLAN, replace(2, 0), $CONTRADICTS ],
	[ 'a range of negative size', $PLAN, replace(3, -5), $CONTRADICTS ],
	[ 'each range twice', $PLAN, columns(sub { ($_[0], $_[0]) }), $CONTRADICTS ]);

#-------------------------------------------------------------------------
# The proxy
#-------------------------------------------------------------------------

# One connection: note the query on its way there, lie on the way back.
sub serve
{
	my ($client, $server, $lie) = @_;
	my $select = IO::Select->new($client, $server);
	my ($there, $back, $has_begun, $query, %memory) = ('', '', 0, '');

	while (1)
	{
		foreach my $socket ($select->can_read)
		{
			sysread $socket, my $data, 65536 or die 'closed';
			if ($socket == $client)
			{
				PgCopyMiddle::write_all($server, $data);
				$there .= $data;
				if (!$has_begun && length $there >= 4 && length $there >= unpack 'N', $there)
				{
					substr($there, 0, unpack('N', $there), '');
					$has_begun = 1;
				}
				while ($has_begun && (my ($type, $content) = take_message(\$there)))
				{
					($query, %memory) = ($content =~ s/\0.*//sr) if $type eq 'Q';
					($query, %memory) = ($content =~ s/\A[^\0]*\0([^\0]*)\0.*/$1/sr) if $type eq 'P';
				}
				next;
			}
			$back .= $data;
			while (my ($type, $content) = take_message(\$back))
			{
				my @content = $lie && $type =~ /[dD]/ && $query =~ $lie->[1] ? $lie->[2]->($content, \%memory) : ($content);
				PgCopyMiddle::write_all($client, message($type, $_)) for @content;
			}
		}
	}
}

# Start the proxy for a lie.
sub start_proxy
{
	my ($node, $lie) = @_;
	return PgCopyMiddle->start($node, sub {
		PgCopyMiddle::serve_each(@_, sub { serve($_[0], PgCopyMiddle::connect_to($node) // die('closed'), $lie); });
	});
}

#-------------------------------------------------------------------------
# The test
#-------------------------------------------------------------------------

my ($source, $target) = new_pair('liar', source_conf => $EVERYTHING_CONF, target_conf => $EVERYTHING_CONF);
$_->safe_psql('postgres', 'CREATE ROLE victim; CREATE ROLE first; CREATE ROLE second') for $source, $target;
new_database($source, 'app');
$source->safe_psql('app', <<'EOQ');
SELECT lo_from_bytea(50000 + g, decode(repeat(md5(g::text), 200), 'hex')) FROM generate_series(1, 4) g;
SELECT lo_from_bytea(50006, 'the last one');
COMMENT ON LARGE OBJECT 50001 IS 'a comment';
GRANT SELECT ON LARGE OBJECT 50001 TO first WITH GRANT OPTION;
SET SESSION AUTHORIZATION first;
GRANT SELECT ON LARGE OBJECT 50001 TO second;
RESET SESSION AUTHORIZATION;
SECURITY LABEL FOR pgcopy_dummy ON LARGE OBJECT 50001 IS 'a label';
EOQ

# What is there that the source must not touch.
my $look = <<'EOQ';
SELECT m.oid, m.lomowner::regrole, m.lomacl, lo_get(m.oid), (SELECT count(*) FROM pg_largeobject l WHERE l.loid = m.oid),
	obj_description(m.oid, 'pg_largeobject'), (SELECT string_agg(label, ' ') FROM pg_seclabel l WHERE l.classoid = 'pg_largeobject'::regclass AND l.objoid = m.oid)
FROM pg_largeobject_metadata m ORDER BY m.oid;
SELECT count(*) FROM pg_largeobject WHERE loid NOT IN (SELECT oid FROM pg_largeobject_metadata);
SELECT count(*) FROM victims;
EOQ

# Start a clone through a proxy that tells a lie.
sub begin_clone
{
	my ($db, $lie) = @_;
	my $proxy = start_proxy($source, $lie);
	my $before = $target->safe_psql($db, $look);
	my $job = clone($target, $proxy->conninfo(db => 'app', sslmode => 'disable', gssencmode => 'disable'), db => $db, table_jobs => 1);
	return { db => $db, lie => $lie, proxy => $proxy, before => $before, job => $job };
}

# See it to its end.  Returns how it ended, its error, and what there was before and after.
sub finish_clone
{
	my ($clone) = @_;
	my ($db, $job) = @$clone{qw(db job)};
	my $end = wait_for_end($target, $job, db => $db);
	my $error = $target->safe_psql($db, "SELECT concat_ws(' ', sqlstate, message) FROM pgcopy_errors WHERE job = $job AND is_final ORDER BY no LIMIT 1");
	$clone->{proxy}->stop;
	return ($end, $error, $clone->{before}, $target->safe_psql($db, $look));
}

# So many lies are told side by side, each to a database of its own.
my @lanes = map { "lied_to_$_" } 1 .. 4;
new_database($target, 'honest', @lanes);
my ($end, $error, $before, $after);
$target->safe_psql($_, <<'EOQ') foreach @lanes;
CREATE TABLE victims AS SELECT 1 AS a;
SELECT lo_from_bytea(50005, 'theirs'), lo_create(60000);
ALTER LARGE OBJECT 50005 OWNER TO victim;
ALTER LARGE OBJECT 60000 OWNER TO victim;
EOQ
$target->safe_psql('honest', 'CREATE TABLE victims AS SELECT 1 AS a');
($end) = finish_clone(begin_clone('honest'));
is($end, 'done', 'through a proxy that does not lie the job ends done');
$target->safe_psql('honest', 'DROP TABLE victims');
assert_same($source, $target, source_db => 'app', db => 'honest', name => 'the proxy changes nothing');

# The source has nothing but large objects, so nothing else can be left.
while (my @some = splice @lies, 0, scalar @lanes)
{
	my @clone = map { begin_clone($lanes[$_], $some[$_]) } 0 .. $#some;
	foreach my $clone (@clone)
	{
		my ($name, $wanted) = @{ $clone->{lie} }[ 0, 3 ];
		($end, $error, $before, $after) = finish_clone($clone);
		is($end, 'failed', "$name: the job fails");
		like($error, $wanted, "$name: the error says why");
		is($after, $before, "$name: nothing else is touched, and nothing is left");

		# one that went through must not spoil the others
		$target->safe_psql($clone->{db}, 'SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata WHERE oid NOT IN (50005, 60000)');
	}
}

$source->stop;
$target->stop;
done_testing();
