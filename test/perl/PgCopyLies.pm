#-------------------------------------------------------------------------
#
# PgCopyLies.pm
#	  What a source can say that is not so: the kinds of lies.
#
# A kind is a hash:
#
#	name		words; how a case is named and repeated
#	on			the answers it fits: "rows" (with at least one row), "plain"
#				(all but COPY), "copy", "binary" and "text" (a COPY of that format
#				with at least one row), "start" (the start-up), "any"
#	waits		whoever hears it may wait for more, so it must be cancelled
#	column		it is about one column, or about all of them when none is chosen
#	is_subtle	an answer that could be true: for queries whose answers others bear out
#	is_mild		what breaks the protocol is left to libpq; told less often
#	tell		function of (state, type, body, raw) for each message of the
#				attacked answer: returns what is sent instead
#
# The state is a hash that lives as long as the answer.  It says what becomes of
# the connection afterwards: silent (nothing more is sent), cut (closed when all
# is sent), endless (a function that makes ever more to send), more (one that
# makes more until it returns undef, after which the truth goes on; when it
# returns nothing it is asked again a moment later).
#
#-------------------------------------------------------------------------
package PgCopyLies;

use strict;
use warnings;

use Exporter 'import';
use PgCopyWire qw(message row_description data_row data_row_values error_body);
use Time::HiRes qw(time);

our @EXPORT_OK = qw(all_kinds kind_named fits);

my $HEADER = 19;    # bytes of binary COPY before its first row
my $END_MARK = "\xff\xff";

# One answer of each sort.
my $ROW = message('T', row_description('a')) . message('D', data_row('1')) . message('C', "SELECT 1\0");
my $NOTICE = message('N', error_body(S => 'NOTICE', V => 'NOTICE', C => '00000', M => 'n' x 2000));
my $EMPTY_COPY = message('H', "\0\0\0") . message('d', "1\n") . message('c', '') . message('C', "COPY 1\0");

# What a value is replaced by.
my %VALUE = (
	'NULL' => undef,
	'an empty string' => '',
	'-1' => '-1',
	'0' => '0',
	'a number of 23 digits' => '9' x 23,
	'a number behind int4' => '4294967296',
	'the largest int8' => '9223372036854775807',
	'no number' => 'x1y',
	'quotes, percent signs and a newline' => qq(x" '; \n%s%n%m\\),
	'a bad encoding' => "a\xff\xfe",
	'a NUL byte' => "1\0b",
	'a megabyte' => 'x' x 1e6);

my @KINDS;
my %BY_NAME;

sub kind
{
	my ($name, $on, $tell, %more) = @_;
	push @KINDS, $BY_NAME{$name} = { name => $name, on => $on, tell => $tell, %more };
	return;
}

sub all_kinds { return @KINDS; }

# "N bytes for a field" is a kind too, with every one of the bytes.  It is told in
# the second row, whose fields lie as the server aligns them, or in the first,
# which comes behind a header of 19 bytes.
sub kind_named
{
	my ($name) = @_;
	return $BY_NAME{$name} if $BY_NAME{$name};
	die "there is no lie \"$name\"\n" if $name !~ /^(\d+) bytes for a field( of the first row)?$/;
	return $BY_NAME{$name} = { name => $name, on => 'binary', column => 1, tell => bytes_for_a_field($1, $2 ? 1 : 2) };
}

# Whether a kind can be told to a query, which is what the liar has seen of it.
sub fits
{
	my ($kind, $query) = @_;
	my $is_copy = defined $query->{format};
	my $on = $kind->{on};

	return 0 if $kind->{is_last} && !$query->{is_last};
	return 1 if $on eq 'any';
	return $query->{shape} eq 'start-up' if $on eq 'start';
	return 0 if $query->{shape} eq 'start-up';
	return $is_copy if $on eq 'copy';
	return $is_copy && $query->{format} eq $on && $query->{rows} if $on eq 'binary' || $on eq 'text';
	return !$is_copy && ($on eq 'plain' || $query->{rows});
}

# An answer instead of the true one; ReadyForQuery still comes.
sub instead
{
	my ($bytes) = @_;
	return sub {
		my ($state, $type, $body, $raw) = @_;
		return $raw if $type =~ /[12tnSNAZK]/;
		return $state->{is_told}++ ? () : $bytes;
	};
}

# Something said before the first message, once.
sub before
{
	my ($bytes, %then) = @_;
	return sub {
		my ($state, $type, $body, $raw) = @_;
		return $raw if $state->{is_told}++;
		$state->{$_} = $then{$_} for keys %then;
		return ref $bytes ? $bytes->($raw) : $bytes . (%then ? '' : $raw);
	};
}

# One sort of message changed, each time.
sub changed
{
	my ($wanted, $change) = @_;
	return sub {
		my ($state, $type, $body, $raw) = @_;
		return $raw if $type ne $wanted;
		$state->{is_told}++;
		return $change->($raw, $body, $state);
	};
}

# The truth, but later.
sub slow
{
	my ($seconds) = @_;
	return sub {
		my ($state, $type, $body, $raw) = @_;
		return $raw if $state->{is_told}++;
		my $end = time() + $seconds;
		my @left = $raw;
		$state->{more} = sub { return time() < $end ? '' : shift @left; };
		return '';
	};
}

# The same bytes instead of each message of a sort whose body is like PATTERN.
sub always
{
	my ($wanted, $bytes, $pattern) = @_;
	return changed($wanted, sub { !$pattern || $_[1] =~ $pattern ? $bytes : $_[0] });
}

#-------------------------------------------------------------------------
# Answers to anything
#-------------------------------------------------------------------------

kind('an error that is none, with percent signs', 'any',
	instead(message('E', "SERROR\0VERROR\0C00000\0M%n%s%n \xff\xfe\nline\0D%s%s%s\0H%n\0W%s%s\0q%n%s\0s%s\0t%s\0\0")));
kind('an error of ten megabytes', 'any',
	instead(message('E', error_body(S => 'ERROR', V => 'ERROR', C => 'XX001', map { $_ => "\xc3\xa4" x 5e6 } qw(M D H W)))));
kind('an error without a field', 'any', instead(message('E', "\0")));
kind('an empty query', 'any', instead(message('I', '')));
kind('nothing but ReadyForQuery', 'plain', instead(''));
kind('thirty megabytes of notices', 'any', before($NOTICE x 15000), is_mild => 1);
kind('a megabyte of remarks', 'any',
	before(message('N', error_body(S => 'NOTICE', V => 'NOTICE', C => '00000', M => "a\npg_dump: warning: b" . "\npg_dump: detail: of ten bytes" x 32000))),
	is_mild => 1);
kind('other parameters', 'any',
	before(join '', map { message('S', "$_\0") } "client_encoding\0LATIN1", "standard_conforming_strings\0off",
		"server_version\0" . '1' x 1000, "DateStyle\0SQL, DMY", "integer_datetimes\0off", "in_hot_standby\0on",
		map { "p$_\0x" } 1 .. 5000));
kind('a thousand notifications', 'any', before(message('A', pack('N', 1) . "channel\0payload\0") x 1000), is_mild => 1);
kind('another backend key', 'any', before(message('K', pack 'NN', 1, 1)), is_mild => 1);
kind('a message of 2 GB', 'any', before('D' . pack('N', 0x7fffffff), silent => 1), waits => 1);
kind('a message of negative length', 'any', before('T' . pack('N', 0xfffffff0), silent => 1), waits => 1);
kind('a message shorter than its length', 'any', before('C' . pack('N', 3), silent => 1), waits => 1);
kind('a message shorter than its content', 'any', before(message('T', pack('n', 5))), waits => 1);
kind('a message of an unknown type', 'any', before(message('~', 'what')), is_mild => 1);
kind('half a message and the end', 'any', before(sub { substr $_[0], 0, length($_[0]) / 2 }, cut => 1), is_mild => 1);
kind('the end of the connection', 'any', before('', cut => 1), is_mild => 1);
kind('silence', 'any', before('', silent => 1), waits => 1);
kind('a slow answer', 'any', slow(1.5), is_mild => 1);
kind('silence instead of ReadyForQuery', 'any', changed('Z', sub { $_[2]{silent} = 1; return '' }), waits => 1, is_last => 1);
kind("ReadyForQuery says \"$_\"", 'any', always('Z', message('Z', $_)), is_last => 1) for qw(I T E ?);
kind('CommandComplete twice', 'plain', changed('C', sub { $_[0] x 2 }));
kind('one more result', 'plain', changed('C', sub { $_[0] . $ROW }));
kind('RowDescription twice', 'rows', changed('T', sub { $_[0] x 2 }));
kind('rows without a description', 'rows', changed('T', sub { '' }));
kind('rows after the end', 'rows', changed('C', sub { $_[0] . message('D', data_row('1')) }), waits => 1);
kind('CopyData without a COPY', 'plain', before(message('d', "1\n")), is_mild => 1);
kind('endless results', 'any', before('', endless => sub { $ROW x 200 }), waits => 1);
kind('endless rows', 'any', before(message('T', row_description('a')), endless => sub { message('D', data_row('x' x 500)) x 100 }),
	waits => 1);
kind('endless notices', 'any', before('', endless => sub { $NOTICE x 30 }), waits => 1);

# For the start-up.
kind("$_->[0] at the start", 'start', before(message($_->[1], $_->[2]), @{ $_->[3] || [] }))
  for [ 'an unknown authentication', 'R', pack('N', 99) ],
  [ 'GSSAPI', 'R', pack('N', 7) ], [ 'a challenge out of the blue', 'R', pack('N', 11) . 'r=x' ],
  [ 'an authentication cut short', 'R', 'x' ];
kind("server_version $_->[0]", 'start', always('S', message('S', "server_version\0$_->[1]\0"), qr/^server_version/))
  for [ 'of no number', 'junk' ], [ '9.1', '9.1.24' ], [ '99', '99.1' ], [ '-1', '-1.-1' ], [ 'of many digits', '9' x 40 ];
kind('no backend key', 'start', changed('K', sub { '' }));
kind('a server encoding that is none', 'start', always('S', message('S', "server_encoding\0%n\0"), qr/^server_encoding/));

#-------------------------------------------------------------------------
# Answers to what is no COPY
#-------------------------------------------------------------------------

kind('CopyOutResponse', 'plain', instead(message('H', "\0\0\0")));
kind('a whole COPY', 'plain', instead($EMPTY_COPY));
kind('CopyInResponse', 'plain', instead(message('G', "\0\0\0")));
kind('CopyBothResponse', 'plain', instead(message('W', "\0\0\0")));
kind('a row that nobody asked for', 'plain', instead($ROW));
kind('a command that had no rows', 'plain', instead(message('C', "SET\0")));
kind('no rows', 'rows', sub {
	my ($state, $type, $body, $raw) = @_;
	$state->{is_told}++ if $type eq 'D';
	return $type eq 'D' ? () : $type eq 'C' ? $body =~ s/\d+\0$/0\0/r =~ s/^(.*)$/message('C', $1)/sre : $raw;
});
kind('rows repeated', 'rows', sub {
	my ($state, $type, $body, $raw) = @_;
	return $raw x 2 if $type eq 'D' && ++$state->{is_told};
	return $type eq 'C' ? message('C', $body =~ s/(\d+)\0$/2 * $1 . "\0"/er) : $raw;
});

# Rows of other columns.
sub columns_changed
{
	my ($change, $names) = @_;
	return sub {
		my ($state, $type, $body, $raw) = @_;
		return message('T', row_description($names->(unpack 'n', $body))) if $type eq 'T' && ++$state->{is_told};
		return message('D', data_row($change->(data_row_values($body)))) if $type eq 'D';
		return $raw;
	};
}
kind('no columns', 'rows', columns_changed(sub { () }, sub { () }));
kind('the first column only', 'rows', columns_changed(sub { $_[0] }, sub { 'a' }));
kind('one column less', 'rows', columns_changed(sub { @_[ 0 .. $#_ - 1 ] }, sub { ('a') x ($_[0] - 1) }));
kind('one more column', 'rows', columns_changed(sub { (@_, 'x') }, sub { ('a') x ($_[0] + 1) }));

# Rows of other values: of one column, or of all.
foreach my $name (sort keys %VALUE)
{
	my $value = $VALUE{$name};
	kind("$name for a value", 'rows', sub {
		my ($state, $type, $body, $raw) = @_;
		return $raw if $type ne 'D';
		my @row = data_row_values($body);
		$state->{is_told}++;
		$row[$_] = $value for defined $state->{column} ? $state->{column} % (@row || 1) : 0 .. $#row;
		return message('D', data_row(@row));
	}, column => 1);
}

# Rows that could be true.
sub one_row_less { return message('C', $_[0] =~ s/(\d+)\0$/$1 - 1 . "\0"/er); }
kind('the first row left out', 'rows', sub {
	my ($state, $type, $body, $raw) = @_;
	return $type eq 'D' && !$state->{is_told}++ ? () : $type eq 'C' ? one_row_less($body) : $raw;
}, is_subtle => 1);
kind('the last row left out', 'rows', sub {
	my ($state, $type, $body, $raw) = @_;
	($raw, $state->{held}) = ($state->{held} // '', $raw) if $type eq 'D';
	return $type eq 'C' && ++$state->{is_told} ? one_row_less($body) : $raw;
}, is_subtle => 1);
kind('the value of the row before', 'rows', sub {
	my ($state, $type, $body, $raw) = @_;
	return $raw if $type ne 'D';
	my @row = data_row_values($body);
	my @before = @{ $state->{before} // \@row };
	$state->{before} = [@row];
	$state->{is_told}++;
	$row[$_] = $before[$_] for defined $state->{column} ? $state->{column} : 0 .. $#row;
	return message('D', data_row(@row));
}, column => 1, is_subtle => 1);

#-------------------------------------------------------------------------
# Answers to COPY
#-------------------------------------------------------------------------

kind("$_->[0] instead of a COPY", 'copy', instead($_->[1]))
  for [ 'a row', $ROW ], [ 'a command', message('C', "COPY 1\0") ], [ 'nothing', '' ],
  [ 'CopyInResponse', message('G', "\0\0\0") ], [ 'CopyBothResponse', message('W', "\0\0\0") ],
  [ 'two results', $ROW x 2 ];
kind('a COPY of no columns', 'copy', changed('H', sub { message('H', substr($_[1], 0, 1) . "\0\0") }));
kind('a COPY of one more column', 'copy',
	changed('H', sub { message('H', substr($_[1], 0, 1) . pack('n', 1 + unpack 'xn', $_[1]) . substr($_[1], 3) . "\0\1") }));
kind('a COPY of the other format', 'copy', changed('H', sub { message('H', (ord $_[1] ? "\0" : "\1") . substr($_[1], 1)) }));
kind('a COPY that ends at once', 'copy', changed('H', sub { $_[0] . message('c', '') }));
kind('no CopyDone', 'copy', changed('c', sub { '' }));
kind('CopyDone twice', 'copy', changed('c', sub { $_[0] x 2 }));
kind('CopyDone without CommandComplete', 'copy', changed('C', sub { '' }));
kind('two CommandCompletes after a COPY', 'copy', changed('C', sub { $_[0] x 2 }));
kind('a second COPY after the first', 'copy', changed('C', sub { $_[0] . $EMPTY_COPY }));
kind('a COPY twice', 'copy', sub {
	my ($state, $type, $body, $raw) = @_;
	$state->{said} .= $raw if $type =~ /[HdcC]/;
	return $type eq 'C' && ++$state->{is_told} ? $raw . $state->{said} : $raw;
});
kind('a row after a COPY', 'copy', changed('C', sub { $_[0] . $ROW }));
kind('a COPY with an error at its end', 'copy', changed('C', sub { message('E', error_body(S => 'ERROR', C => '00000', M => '%s')) }));
kind('a COPY that says it had no rows', 'binary', changed('C', sub { message('C', "COPY 0\0") }));
kind('a COPY that says it was a SELECT', 'copy', changed('C', sub { message('C', "SELECT 1\0") }));
kind('a COPY of 99999999999999999999 rows', 'copy', changed('C', sub { message('C', 'COPY ' . '9' x 20 . "\0") }));
kind('an error amid a COPY', 'copy', changed('d', sub { $_[0] . ($_[2]{n}++ ? '' : message('E', error_body(S => 'ERROR', C => '22012', M => '%n'))) }));
kind('a notice amid a COPY', 'copy', changed('d', sub { $NOTICE . $_[0] }), is_mild => 1);
kind('CopyData of no bytes', 'copy', changed('d', sub { message('d', '') . $_[0] }));
kind('an endless COPY of nothing', 'copy', changed('H', sub { $_[2]{endless} = sub { message('d', '') x 1000 }; $_[0] }), waits => 1);
kind('an endless COPY', 'binary', changed('d', sub { my $row = substr $_[1], $HEADER; $_[2]{endless} = sub { message('d', $row) x 100 }; $_[0] }),
	waits => 1);
kind('silence amid a COPY', 'copy', changed('d', sub { $_[2]{silent} = 1; substr $_[0], 0, -1 }), waits => 1);
kind('a COPY cut short', 'copy', changed('d', sub { $_[2]{cut} = 1; substr $_[0], 0, -1 }), is_mild => 1);

# The header of binary COPY, which comes together with the first row.
sub header_changed
{
	my ($change) = @_;
	return changed('d', sub {
		my ($raw, $body, $state) = @_;
		return $raw if $state->{n}++;
		return join '', map { message('d', $_) } $change->(substr($body, 0, $HEADER), substr $body, $HEADER);
	});
}
kind("binary COPY with $_->[0]", 'binary', header_changed($_->[1]))
  for [ 'no header', sub { $_[1] } ],
  [ 'another signature', sub { 'PGCOPX' . substr($_[0], 6) . $_[1] } ],
  [ 'two headers', sub { $_[0] x 2 . $_[1] } ],
  [ 'half a header', sub { substr($_[0], 0, 9) } ],
  [ 'a header in two pieces', sub { (substr($_[0], 0, 9), substr($_[0], 9) . $_[1]) } ],
  [ 'all flags set', sub { substr($_[0], 0, 11) . "\xff" x 4 . "\0" x 4 . $_[1] } ],
  [ 'the flag of OIDs', sub { substr($_[0], 0, 11) . "\0\1\0\0" . "\0" x 4 . $_[1] } ],
  [ 'a header of 2 GB', sub { substr($_[0], 0, 15) . "\x7f\xff\xff\xff" . $_[1] } ],
  [ 'a header of negative length', sub { substr($_[0], 0, 15) . "\xff" x 4 . $_[1] } ],
  [ 'a longer header than it has', sub { substr($_[0], 0, 15) . "\0\0\0\x09" . $_[1] } ];

# A row of binary COPY, the first one, as a list of [length, bytes].
sub fields_of
{
	my ($row) = @_;
	my ($count, $at, @field) = (unpack('s>', $row), 2);

	for (1 .. $count)
	{
		my $length = unpack 'l>', substr $row, $at, 4;
		push @field, [ $length, $length > 0 ? substr $row, $at + 4, $length : '' ];
		$at += 4 + ($length > 0 ? $length : 0);
	}
	return @field;
}

sub row_of { return pack('s>', scalar @_) . join '', map { pack('l>', $_->[0]) . $_->[1] } @_; }

# Change the first row: the function gets its bytes and returns those of what is
# sent instead, one CopyData for each.
sub row_changed
{
	my ($change) = @_;
	return changed('d', sub {
		my ($raw, $body, $state) = @_;
		my $header = $state->{n}++ ? '' : substr $body, 0, $HEADER, '';
		return $raw if $body eq $END_MARK || $body eq '' || $state->{is_row_told}++;
		my ($first, @more) = $change->($body, $state);
		return join '', map { message('d', $_) } $header . ($first // ''), @more;
	});
}

# Change one field of it, or all.
sub field_changed
{
	my ($change) = @_;
	return row_changed(sub {
		my ($row, $state) = @_;
		my @field = fields_of($row);
		$field[$_] = [ $change->(@{ $field[$_] }) ] for defined $state->{column} ? $state->{column} % (@field || 1) : 0 .. $#field;
		return row_of(@field);
	});
}
kind("binary COPY with $_->[0]", 'binary', row_changed($_->[1]))
  for [ 'a row of no fields', sub { "\0\0" } ],
  [ 'a field more', sub { row_of(fields_of($_[0]), [ 4, "\0\0\0\1" ]) } ],
  [ 'a field less', sub { my @f = fields_of($_[0]); pop @f; row_of(@f) } ],
  [ 'a field more than it has', sub { pack('s>', 1 + unpack 's>', $_[0]) . substr $_[0], 2 } ],
  [ 'a field less than it has', sub { pack('s>', unpack('s>', $_[0]) - 1) . substr $_[0], 2 } ],
  [ 'a row of -2 fields', sub { pack('s>', -2) . substr $_[0], 2 } ],
  [ 'a row of 32767 fields', sub { pack('s>', 32767) . substr $_[0], 2 } ],
  [ 'a row of another table', sub { row_of([ 3, 'abc' ], [ 5, 'abcde' ]) } ],
  [ 'a row of one byte', sub { "\0" } ],
  [ 'a row cut short', sub { substr $_[0], 0, -1 } ],
  [ 'bytes after a row', sub { "$_[0]xyz" } ],
  [ 'two rows in one message', sub { $_[0] x 2 } ],
  [ 'a row twice', sub { ($_[0], $_[0]) } ],
  [ 'a row in two messages', sub { (substr($_[0], 0, 4), substr $_[0], 4) } ],
  [ 'a row left out', sub { () } ],
  [ 'the end mark amid its rows', sub { ($END_MARK, $_[0]) } ];
kind("binary COPY with $_->[0]", 'binary', field_changed($_->[1]), column => 1)
  for [ 'a field of -2 bytes', sub { (-2, $_[1]) } ],
  [ 'a field of the least length', sub { (-0x80000000, $_[1]) } ],
  [ 'a field of 2 GB', sub { (0x7fffffff, $_[1]) } ],
  [ 'a field of 1 GB', sub { (0x3fffffff, $_[1]) } ],
  [ 'a field longer than it is', sub { ($_[0] + 1, $_[1]) } ],
  [ 'a field shorter than it is', sub { ($_[0] - 1, $_[1]) } ],
  [ 'a longer field', sub { ($_[0] + 1, "$_[1]\0") } ],
  [ 'a shorter field', sub { $_[0] > 0 ? ($_[0] - 1, substr $_[1], 1) : @_ } ],
  [ 'an empty field', sub { (0, '') } ],
  [ 'a field of NULL', sub { (-1, '') } ];

# A field so long that it is sent piece by piece.
sub bytes_for_a_field
{
	my ($length, $row) = @_;
	my $piece = 'A' x 262144;

	return sub {
		my ($state, $type, $body, $raw) = @_;
		return $raw if $type ne 'd' || ++$state->{n} != $row;
		my $header = $row == 1 ? substr $body, 0, $HEADER, '' : '';
		my @field = fields_of($body);
		my $column = $state->{column} // 0;
		my $before = row_of(@field[ 0 .. $column - 1 ]);
		my $after = row_of(@field[ $column + 1 .. $#field ]);
		my $start = $header . pack('n', scalar @field) . substr($before, 2) . pack('N', $length);
		my $left = $length;
		$state->{more} = sub {
			return undef if $left < 0;
			if ($left == 0) { $left = -1; return substr $after, 2; }
			my $n = $left < length $piece ? $left : length $piece;
			$left -= $n;
			return substr $piece, 0, $n;
		};
		return 'd' . pack('N', (4 + length($start) + $length + length($after) - 2) & 0xffffffff) . $start;
	};
}

# Its end.
sub end_changed
{
	my ($change) = @_;
	return changed('d', sub { my ($raw, $body) = @_; return substr($body, -2) eq $END_MARK ? $change->($raw, $body) : $raw; });
}
kind('binary COPY with no end mark', 'binary', end_changed(sub { '' }));
kind('binary COPY with two end marks', 'binary', end_changed(sub { $_[0] x 2 }));
kind('binary COPY with bytes after the end mark', 'binary', end_changed(sub { message('d', "$_[1]xyz") }));
kind('binary COPY with a row after the end mark', 'binary', end_changed(sub { $_[0] . message('d', row_of([ 4, "\0\0\0\1" ])) }));
kind('binary COPY with half an end mark', 'binary', end_changed(sub { message('d', "\xff") }));

# COPY as text.
kind("text COPY with $_->[0]", 'text', changed('d', $_->[1]))
  for [ 'a field more', sub { message('d', $_[1] =~ s/\n$/\tx\n/r) } ],
  [ 'a field less', sub { message('d', $_[1] =~ s/^[^\t]*\t?//r) } ],
  [ 'no newline', sub { message('d', $_[1] =~ s/\n$//r) } ],
  [ 'two rows in one message', sub { message('d', $_[1] x 2) } ],
  [ 'the end mark amid its rows', sub { message('d', "\\.\n") . $_[0] } ],
  [ 'a bad encoding', sub { message('d', "\xff\xfe$_[1]") } ],
  [ 'a NUL byte', sub { message('d', "\0$_[1]") } ],
  [ 'a backslash at the end', sub { message('d', $_[1] =~ s/\n$/\\\n/r) } ],
  [ 'a row twice', sub { $_[0] x 2 } ],
  [ 'rows left out', sub { '' } ],
  [ 'NULLs', sub { message('d', $_[1] =~ s/[^\t\n]+/\\N/gr) } ];

1;
