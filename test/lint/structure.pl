#!/usr/bin/perl
# structure.pl
#	  Check rules that concern several files of src/.
#
#	  structure.pl map			which rooms each room includes, as in src/README.md
#	  structure.pl layers		includes of a higher room
#	  structure.pl circles		more than two files of a room that include each other
#	  structure.pl names		global functions that are not named after their file
#	  structure.pl headers		headers with one prototype and nothing else
#	  structure.pl functions	functions with too many lines or arguments
#	  structure.pl messages		messages that README.md and doc/ quote and no code has
#
# Run it in the root of the project.  All but "map" print violations, one a line.
# A file and its header count as one: "run/queue".
use strict;
use warnings;

use File::Basename qw(basename);

# From the top: a room may include those after it, none before.
my @ROOMS = map { m!^\| `(\w+)/` ! ? $1 : () } lines_of('src/README.md');

my @FILES = sort(glob('src/*/*.c'), glob('src/*/*.h'));
my %TEXT = map { $_ => join("\n", lines_of($_)) } @FILES;

sub lines_of
{
	my ($file) = @_;

	open my $handle, '<', $file or die "$file: $!\n";
	chomp(my @lines = <$handle>);
	return @lines;
}

sub stem_of { $_[0] =~ m!^(?:src/)?(\w+/\w+)\.[ch]$! ? $1 : die "what is $_[0]?\n" }
sub room_of { $_[0] =~ m!^(?:src/)?(\w+)/! ? $1 : die "what is $_[0]?\n" }
sub includes_of { return grep { -e "src/$_" } $TEXT{$_[0]} =~ /^#\s*include "([^"]+)"/mg }

# Return a file's code without comments and strings.
sub code_of
{
	my $code = $TEXT{$_[0]};

	$code =~ s!/\*.*?\*/!my $lines = $& =~ tr/\n//; "\n" x $lines!gse;
	$code =~ s!"(?:[^"\\]|\\.)*"!""!g;
	return $code;
}

sub print_map
{
	my %uses;

	for my $file (@FILES)
	{
		$uses{ room_of($file) }{ room_of($_) } = 1 for includes_of($file);
	}
	for my $room (@ROOMS)
	{
		my @used = grep { $_ ne $room && $uses{$room}{$_} } @ROOMS;

		printf "%-8s -> %s\n", $room, join(' ', @used) || 'nothing';
	}
}

sub print_layers
{
	my %height = map { $ROOMS[$_] => $_ } 0 .. $#ROOMS;

	for my $room (sort keys %{ { map { room_of($_) => 1 } @FILES } })
	{
		print "src/$room is not in the table of rooms in src/README.md\n"
			if !defined $height{$room};
	}
	for my $file (@FILES)
	{
		for my $used (includes_of($file))
		{
			print "$file includes $used, of a higher room\n"
				if ($height{ room_of($used) } // -1) < ($height{ room_of($file) } // 99);
		}
	}
}

# Strongly connected components (Tarjan, SIAM J. Comput. 1, 1972).
sub print_circles
{
	my (%edges, %number, %low, %on_stack, @stack);
	my $next = 1;
	my $visit;

	for my $file (@FILES)
	{
		my $stem = stem_of($file);

		$edges{$stem} //= {};
		$edges{$stem}{ stem_of($_) } = 1 for grep { stem_of($_) ne $stem } includes_of($file);
	}
	$visit = sub {
		my ($node) = @_;

		$number{$node} = $low{$node} = $next++;
		push @stack, $node;
		$on_stack{$node} = 1;
		for my $other (sort keys %{ $edges{$node} })
		{
			if (!$number{$other})
			{
				$visit->($other);
				$low{$node} = $low{$other} if $low{$other} < $low{$node};
			}
			elsif ($on_stack{$other} && $number{$other} < $low{$node})
			{
				$low{$node} = $number{$other};
			}
		}
		return if $low{$node} != $number{$node};
		my @circle;
		do
		{
			push @circle, pop @stack;
			$on_stack{ $circle[-1] } = 0;
		} while $circle[-1] ne $node;
		print join(' ', sort @circle), "\n" if @circle > 2;
	};
	$number{$_} || $visit->($_) for sort keys %edges;
}

# SQL gives these functions their names.
sub sql_functions { return map { $_ => 1 } $TEXT{$_[0]} =~ /PG_FUNCTION_INFO_V1\((\w+)\)/g }

sub print_names
{
	my %declared;

	for my $header (grep { /\.h$/ } @FILES)
	{
		$declared{$_} = stem_of($header) for code_of($header) =~ /\b(pgcopy_\w+)\s*\(/g;
	}
	for my $file (grep { /\.c$/ } @FILES)
	{
		my %is_sql = sql_functions($file);

		for my $name (code_of($file) =~ /^(pgcopy_\w+)\([^;{]*\)\n\{/mg)
		{
			my @stems = (basename(stem_of($file)));

			# or after the header of this room that declares it
			push @stems, basename($declared{$name})
				if $declared{$name} && room_of($declared{$name}) eq room_of($file);
			next if $is_sql{$name} || grep { $name =~ /^pgcopy_\Q$_\E(_|$)/ } @stems;
			print "$file: $name\n";
		}
	}
}

sub print_headers
{
	for my $header (grep { /\.h$/ } @FILES)
	{
		my $code = code_of($header);
		my $prototypes = () = $code =~ /^extern /mg;

		print "$header\n" if $prototypes == 1 && $code !~ /^typedef /m && $code !~ /^#define \w+\(/m;
	}
}

# Nine of ten functions have at most 30 lines, all at most 65.
sub print_functions
{
	my @lengths;

	for my $file (grep { /\.c$/ } @FILES)
	{
		my $code = $TEXT{$file};

		while ($code =~ /^(\w+)\(([^;{]*?)\)\n\{\n(.*?)^\}/msg)
		{
			my ($name, $arguments, $body) = ($1, $2, $3);
			my $lines = $body =~ tr/\n//;
			my $count = 1 + ($arguments =~ tr/,//);

			push @lengths, $lines;
			print "$file: $name has $lines lines\n" if $lines > 65;
			print "$file: $name takes $count arguments\n" if $count > 5;
		}
	}
	@lengths = sort { $a <=> $b } @lengths;
	my $most = $lengths[ int(@lengths * 0.9) ] // 0;
	print "a tenth of the functions have more than $most lines\n" if $most > 30;
}

# Return all strings of the C code and the SQL script; % for what is formatted.
sub all_texts
{
	my $texts = '';

	for my $file (@FILES)
	{
		my $code = $TEXT{$file};

		$code =~ s/"\s*INT64_FORMAT\s*"/%/g;
		$code =~ s/"\s*\n\s*"//g;
		$texts .= "$1\n" while $code =~ /"((?:[^"\\\n]|\\.)*)"/g;
	}
	$texts .= join("\n", map { lines_of($_) } glob('sql/*--*.sql'));
	$texts =~ s/\\"/"/g;
	return $texts;
}

# Tables quote messages with N, M ... and "..." for what varies.
sub print_messages_of
{
	my ($file, $heading, $texts) = @_;
	my $inside = 0;

	for my $line (lines_of($file))
	{
		$inside = $line =~ /^## $heading/ if $line =~ /^## /;
		next if !$inside || $line !~ /^\| (.*?) \|/;
		for my $quoted ($1 =~ /`([^`]+)`/g)
		{
			next if $quoted =~ /^[a-z]+$/;	# a state
			my @missing = grep { length > 3 && index($texts, $_) < 0 }
			  map { s/^[\s:,]+|[\s:,]+$//gr } split /\.\.\.|\b[NMKJ]\b|\b\d+\b|"/, $quoted;

			print "$file: $quoted: $_\n" for @missing;
		}
	}
}

sub print_messages
{
	my $texts = all_texts();

	print_messages_of('README.md', 'Troubleshooting', $texts);
	print_messages_of('doc/online-migration.md', 'Messages', $texts);
}

my %VIEWS = (
	map => \&print_map,
	layers => \&print_layers,
	circles => \&print_circles,
	names => \&print_names,
	headers => \&print_headers,
	functions => \&print_functions,
	messages => \&print_messages);
my $view = $VIEWS{ $ARGV[0] // '' } or die "usage: structure.pl " . join('|', sort keys %VIEWS) . "\n";
$view->();
