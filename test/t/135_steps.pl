# A clone in steps: pre-data, data and post-data as three jobs with the same other
# arguments make what one clone makes, whatever is left out, changed or renamed.
# Between the steps tables are those of this database: what they have and the source
# lacks gets its default or a value, and rows are added to them again and again.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('steps', target_conf => "max_worker_processes = 32\n");
new_database($source, 'shop');
$source->safe_psql('shop', slurp_file("$FindBin::Bin/../only/shop.sql"));
my $shop = conninfo($source, db => 'shop');

#-------------------------------------------------------------------------
# Three jobs and one
#-------------------------------------------------------------------------

my %nothing_global = (exclude => [ 'event triggers', 'publications', 'large objects' ]);
my @arguments = (
	[ 'all' ],
	[ 'one table', include_tables => ['shop.orders'] ],
	[ 'some schemas', include_schemas => [ 'shop', 'audit' ], exclude_tables => ['shop.event_2024'], exclude => ['triggers'] ],
	[ 'no rows of some, no index', exclude_table_data => ['shop.event'], exclude_indexes => ['shop.customer_email_key'] ],
	[ 'followed rows, masks', referential => 'follow', row_filters => '{"shop.customer": "id % 3 = 1"}',
		column_values => '{"shop.customer": {"note": "\'masked\'"}, "archive.note": {"body": null}}' ],
	[ 'keys that are broken', referential => 'not valid', row_filters => '{"shop.customer": "id > 10"}' ],
	[ 'other schemas', schema_map => '{"report": "Re \"port\"", "archive": "report"}' ],
	[ 'other schemas, a part, in text', schema_map => '{"archive": "old"}', include_schemas => ['archive'], format => 'text' ],
	[ 'bare', no_owner => 'true', no_privileges => 'true', no_comments => 'true', %nothing_global ]);

foreach my $case (@arguments)
{
	my ($what, %arguments) = @$case;
	my @steps = (['pre-data'], ['data'], ['post-data']);

	new_database($target, 'one', 'three');
	clone_ok($target, $shop, db => 'one', %arguments, name => "$what: one clone");
	foreach my $step (@steps)
	{
		clone_ok($target, $shop, db => 'three', %arguments, sections => $step, name => "$what: @$step")
			or diag($target->safe_psql('three', 'SELECT * FROM pgcopy_errors'));
	}
	assert_same($target, $target, source_db => 'one', db => 'three', name => "$what: three jobs make what one makes");
	$target->safe_psql('postgres', "DROP DATABASE $_") foreach 'one', 'three';
}
done_testing();
