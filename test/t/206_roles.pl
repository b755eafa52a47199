# A source is followed by a role that owns nothing there: it may replicate and read, and
# an administrator has made the publication.  What is wrong with that publication, and
# what the role lacks for the cutover, is told before anything is made; the publication
# is his, and stays.  The password is nowhere to be found: in no log at any level, view,
# or statement that others see, also when the apply worker cannot connect.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyFaults;
use PgCopyScene;
use PgCopyTraffic;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = 'gaheim-s3cr3t';
my $log_all = "log_statement = all\nlog_min_messages = debug2\nlog_min_error_statement = debug2\nlog_replication_commands = on\n"
  . "log_connections = on\nshared_preload_libraries = 'pg_stat_statements";
my ($source, $target) = new_pair('roles', source_conf => $TRAFFIC_CONF . "$log_all'\nmax_slot_wal_keep_size = 1GB\n",
	target_conf => "$log_all, pgcopydb_ext'\npgcopy.auto_resume = off\nwal_retrieve_retry_interval = 500\n");
my $unheard = "SET log_statement = none; SET log_min_messages = panic; SET log_min_error_statement = panic;\n";

new_database($_, 'app') foreach $source, $target;
$target->safe_psql('app', 'CREATE EXTENSION pgcopydb_ext; CREATE EXTENSION pg_stat_statements');
new_database($target, 'whole');
$target->safe_psql('whole', 'CREATE EXTENSION pgcopydb_ext');
$source->safe_psql('app', $unheard . <<EOQ);
CREATE ROLE mover LOGIN REPLICATION PASSWORD '$secret';
EOQ
$source->safe_psql('app', <<'EOQ');
CREATE EXTENSION pg_stat_statements;
CREATE TABLE t (id int PRIMARY KEY, a text);
INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 1000) AS g;
CREATE TABLE part (id int, a int, PRIMARY KEY (id, a)) PARTITION BY LIST (a);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
INSERT INTO part SELECT g, 1 + g % 2 FROM generate_series(1, 100) AS g;
CREATE TABLE keyless (a int);
INSERT INTO keyless SELECT generate_series(1, 10);
CREATE TABLE unwanted (id int PRIMARY KEY);
INSERT INTO unwanted VALUES (1);
CREATE SEQUENCE s;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO mover;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO mover;
EOQ
my $app = conninfo($source, db => 'app', tcp => 1, user => 'mover', password => $secret);

# Order a clone; returns what is said.
sub order
{
	my ($options, $db) = @_;
	my ($out, $err);
	$target->psql($db // 'app', $unheard . 'SELECT pgcopy_clone(' . quote_literal($app) . ", follow => true, no_owner => true, no_privileges => true$options)",
		stdout => \$out, stderr => \$err);
	return "$out\n$err";
}

# Order one that fails, and forget it; returns its errors.
sub failure
{
	my ($options) = @_;
	my $text = order($options);
	my ($job) = $text =~ /^(\d+)$/m;

	return $text unless defined $job;
	is(wait_for_end($target, $job, db => 'app'), 'failed', 'the job fails');
	$text = $target->safe_psql('app', "SELECT message, detail, hint FROM pgcopy_errors WHERE job = $job");
	$target->safe_psql('app', "SELECT pgcopy_drop($job)");
	return $text;
}

sub left
{
	return $source->safe_psql('app', q(SELECT count(*) FROM pg_replication_slots UNION ALL SELECT count(*) FROM pg_publication WHERE pubname ~ '^pgcopy'));
}

#
# What is wrong with the publication
#
like(failure(''), qr/may not create a publication.*does not own what is to be published/s, 'the role cannot publish');
like(failure(", publication => 'mig'"), qr/ERROR:  publication "mig" does not exist on the source.*HINT:  CREATE PUBLICATION "mig"/s,
	'a publication that is not there is missed at once');
$source->safe_psql('app', q(CREATE PUBLICATION mig FOR TABLE t WITH (publish = 'insert, update')));
like(failure(", publication => 'mig'"), qr/does not publish all kinds of changes.*ALTER PUBLICATION "mig" SET \(publish = 'insert, update, delete, truncate'\)/s,
	'so is one that lacks kinds of changes');
$source->safe_psql('app', q(ALTER PUBLICATION mig SET (publish = 'insert, update, delete, truncate', publish_via_partition_root)));
like(failure(", publication => 'mig'"), qr/publishes partitions under the name of their root.*HINT/s, 'or partitions under another name');
$source->safe_psql('app', q(ALTER PUBLICATION mig SET (publish_via_partition_root = false)));
$source->safe_psql('app', q(ALTER PUBLICATION mig SET TABLE t WHERE (id > 1), part_1, unwanted (id)));
my $text = failure(", publication => 'mig'");
like($text, qr/lacks 1 tables of the job.*Missing: public\.part_2\./s, 'tables are missed');
like($text, qr/sends only some columns of public\.unwanted/, 'columns');
like($text, qr/sends only some rows of public\.t.*id > 1/s, 'and rows, all at once');
$source->safe_psql('app', q(DROP PUBLICATION mig; CREATE PUBLICATION mig FOR ALL TABLES));
like(failure(", publication => 'mig', exclude_tables => '{public.unwanted}'"),
	qr/has 1 tables that are not cloned: a change of one stops the stream.*Not cloned: public\.unwanted.*exclude_table_data/s,
	'what is not cloned must not be sent');
is(left(), "0\n0", 'and nothing was made on the source');

# What the cutover needs is told before.
my ($job) = order(", publication => 'mig'", 'whole') =~ /^(\d+)$/m;
ok(wait_until($target, "SELECT count(*) > 0 FROM pgcopy_notices WHERE job = $job AND message ~ '^for the cutover'", db => 'whole', job => $job),
	'all tables of the database are to be followed');
my $notices = $target->safe_psql('whole', "SELECT message, hint FROM pgcopy_notices WHERE job = $job");
like($notices, qr/for the cutover: the source's role may not lock 6 tables.*grant it TRUNCATE/, 'what the cutover needs is told before');
like($notices, qr/for the cutover: the source's role may not make the database read-only/, 'for either kind of fence');
like($notices, qr/keeps at most 1GB of WAL.* as it did within \d+ minutes on average/, 'and how fast the source writes what it keeps');
$target->safe_psql('whole', "SELECT pgcopy_cancel($job, cleanup => true); SELECT pgcopy_drop($job)");
is(left(), "0\n0", 'that job is forgotten');
is($source->safe_psql('app', 'SELECT count(*) FROM pg_publication'), 1, 'but for the publication, which is not ours');

#
# All the way by FOR ALL TABLES: what is sent and not wanted is not applied
#
($job) = order(", publication => 'mig', exclude_table_data => '{public.unwanted}'") =~ /^(\d+)$/m;
ok(wait_for_state($target, $job, 'following', db => 'app'), 'it follows') or BAIL_OUT('it does not follow');
is($source->safe_psql('app', 'SELECT string_agg(pubname, $$,$$) FROM pg_publication'), 'mig', 'nothing else is published');
$source->safe_psql('app', 'INSERT INTO t VALUES (0, $$new$$); INSERT INTO part VALUES (1000, 2); INSERT INTO keyless VALUES (11); INSERT INTO unwanted VALUES (2); SELECT nextval($$s$$)');
ok(wait_until($target, 'SELECT count(*) = 1 FROM part WHERE id = 1000', db => 'app', job => $job), 'changes arrive');
is($target->safe_psql('app', 'SELECT (SELECT count(*) FROM keyless), (SELECT count(*) FROM unwanted)'), '10|0', 'but those that come in another way, or not at all');

#
# The password, when the apply worker cannot connect
#
my $at = -s $target->logfile;
$source->safe_psql('app', $unheard . "ALTER ROLE mover PASSWORD 'another'");
$source->safe_psql('app', q(SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots));
ok($target->wait_for_log(qr/could not connect to the publisher.*password authentication failed/, $at), 'the apply worker cannot connect');
ok(wait_until($target, "SELECT worker_pid IS NULL FROM pgcopy_follow WHERE job = $job", db => 'app'), 'views show it');
sub find_secret
{
	my ($node) = @_;
	my @found;
	foreach my $table (qw(pgcopy_jobs pgcopy_progress pgcopy_follow pgcopy_errors pgcopy_notices pgcopy_workers pg_stat_activity pg_stat_statements pg_settings pg_stat_subscription))
	{
		my (undef, $out) = $node->psql('app', "SELECT count(*) FROM $table t WHERE t::text ~ 's3cr' || '3t'", on_error_stop => 0);
		push @found, $table if $out && $out ne '0';
	}
	push @found, $node->name . "'s log" if slurp_file($node->logfile) =~ /\Q$secret\E/;
	return join ' ', @found;
}
is(find_secret($target), '', 'no view, statement and log here has the password');
is(find_secret($source), '', 'nor on the source');
isnt($target->safe_psql('app', q(SELECT count(*) FROM pg_stat_statements WHERE query ~ '^(CREATE|ALTER) SUBSCRIPTION')), undef, 'statements are looked at');
$source->safe_psql('app', $unheard . "ALTER ROLE mover PASSWORD '$secret'");
$source->safe_psql('app', 'INSERT INTO t VALUES (-1, $$newer$$)');
ok(wait_until($target, 'SELECT count(*) = 1 FROM t WHERE id = -1', db => 'app', job => $job), 'it goes on by itself');

#
# The cutover
#
my %cutover = cutover($target, $job, db => 'app');
is($cutover{sqlstate}, '42501', 'the cutover needs rights') or diag(explain(\%cutover));
like($cutover{notices}, qr/may not lock 5 tables.*make the database read-only.*fence => 'lock'/s, 'which are named');
%cutover = cutover($target, $job, db => 'app', fence => 'lock');
is($cutover{sqlstate}, '42501', 'also with locks only') or diag(explain(\%cutover));
like("$cutover{message} $cutover{hint}", qr/may not lock.*grant it TRUNCATE/s, 'and how to grant them');
is($target->safe_psql('app', 'SELECT subenabled FROM pg_subscription'), 't', 'it follows on');
$source->safe_psql('app', 'GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO mover');
%cutover = cutover($target, $job, db => 'app', fence => 'lock');
is($cutover{state}, 'done', 'then it is through') or diag(explain(\%cutover));
is($target->safe_psql('app', 'SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM part), (SELECT count(*) FROM keyless), (SELECT count(*) FROM unwanted)'),
	'1002|101|11|0', 'with all rows');
is(join("\n", sequences_behind($source, $target, 'app')), '', 'and sequences');
is(left(), "0\n0", 'nothing of ours is left on the source');
is($source->safe_psql('app', 'SELECT count(*) FROM pg_publication'), 1, 'and the publication is still there');
is($target->safe_psql('app', 'SELECT count(*) FROM pg_subscription'), 0, 'no subscription is here');
is($target->safe_psql('app', "SELECT conninfo FROM pgcopy.job WHERE id = $job"), '', 'the connection string is wiped');
is(find_secret($_), '', 'the password was nowhere') foreach $source, $target;

#
# An ordinary role here, where the server lets one have subscriptions
#
new_database($source, 'small');
$source->safe_psql('small', <<'EOQ');
CREATE TABLE t (id int PRIMARY KEY, a text);
INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 1000) AS g;
CREATE TABLE keyless (a int);
INSERT INTO keyless SELECT generate_series(1, 10);
CREATE SEQUENCE s;
ALTER TABLE t OWNER TO mover;
ALTER TABLE keyless OWNER TO mover;
ALTER SEQUENCE s OWNER TO mover;
ALTER DATABASE small OWNER TO mover;
EOQ
$target->safe_psql('postgres', 'CREATE ROLE plain LOGIN; CREATE DATABASE small OWNER plain TEMPLATE template0');
$target->safe_psql('postgres', "ALTER ROLE plain SET $_") foreach 'log_statement = none', 'log_min_messages = panic', 'log_min_error_statement = panic';
$target->safe_psql('small', <<'EOQ');
CREATE EXTENSION pgcopydb_ext;
SELECT format('GRANT EXECUTE ON FUNCTION %s TO plain', p.oid::regprocedure) FROM pg_proc p WHERE proname ~ '^pgcopy_(clone|resume|cancel|drop|wait|cutover)$' \gexec
EOQ
my $small = conninfo($source, db => 'small', tcp => 1, user => 'mover', password => $secret);
my $ordered = "SELECT pgcopy_clone(" . quote_literal($small) . ', follow => true, no_owner => true, no_privileges => true)';
my ($rc, $out, $err) = $target->psql('small', $ordered, extra_params => [ '-U', 'plain' ]);
like($err, qr/role "plain" cannot follow a source.*HINT:/s, 'a role that may not subscribe cannot follow');
SKIP:
{
	my $may = $target->safe_psql('small', q(SELECT rolname FROM pg_roles WHERE rolname = 'pg_create_subscription'));
	skip 'only superusers have subscriptions here', 8 unless $may;
	$target->safe_psql('postgres', "GRANT $may TO plain");
	$job = clone($target, $small, db => 'small', user => 'plain', follow => 'true', no_owner => 'true', no_privileges => 'true', without_identity => 'set');
	ok(wait_for_state($target, $job, 'following', db => 'small'), 'with that role it follows')
	  or diag($target->safe_psql('small', "SELECT message, detail, hint FROM pgcopy_errors WHERE job = $job"));
	$source->safe_psql('small', 'INSERT INTO t SELECT g, repeat($$x$$, 500) FROM generate_series(1001, 3000) AS g; UPDATE t SET a = $$new$$ WHERE id < 10; DELETE FROM keyless WHERE a = 1; SELECT nextval($$s$$)');
	ok(wait_until($target, 'SELECT count(*) = 9 FROM keyless', db => 'small', job => $job), 'changes arrive, also of large transactions');
	is($target->safe_psql('small', q(SELECT string_agg(DISTINCT relowner::regrole::text, ',') FROM pg_class WHERE relname IN ('t', 'keyless'))), 'plain', 'in tables of his');
	%cutover = cutover($target, $job, db => 'small', user => 'plain', fence => 'lock');
	is($cutover{state}, 'done', 'and he can switch over') or diag(explain(\%cutover));
	is($target->safe_psql('small', q(SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM t WHERE a = 'new'), (SELECT count(*) FROM keyless))), '3000|9|9', 'with all rows');
	is(join("\n", sequences_behind($source, $target, 'small')), '', 'and sequences');
	is($target->safe_psql('small', 'SELECT count(*) FROM pg_subscription'), 0, 'no subscription is left');
	is(find_secret($_), '', 'the password was nowhere again') foreach $target;
}

#
# From 16 on changes are made as the owner of the table, who may have no right to
#
new_database($_, 'mute') foreach $source, $target;
$_->safe_psql('mute', 'CREATE ROLE mute') foreach $source, $target;
$source->safe_psql('mute', <<'EOQ');
CREATE TABLE told (id int PRIMARY KEY);
CREATE TABLE free (id int PRIMARY KEY);
ALTER TABLE told OWNER TO mute;
ALTER TABLE free OWNER TO mute;
REVOKE INSERT ON told FROM mute;
EOQ
$job = clone($target, conninfo($source, db => 'mute'), db => 'mute', follow => 'true');
ok(wait_for_state($target, $job, 'following', db => 'mute'), 'an owner has no rights: it follows');
my $told = $target->safe_psql('mute', "SELECT substring(message, 'the owner of a table may not make: (.*)') FROM pgcopy_notices WHERE job = $job AND message ~ 'the stream stops'");
$source->safe_psql('mute', 'INSERT INTO told VALUES (1)');
ok(wait_until($target, "SELECT EXISTS (SELECT FROM told) OR (SELECT errors > 0 FROM pgcopy_follow WHERE job = $job)", db => 'mute', job => $job), 'a change arrives or fails');
is($told, $target->safe_psql('mute', "SELECT CASE WHEN errors > 0 THEN 'public.told' ELSE '' END FROM pgcopy_follow WHERE job = $job"), 'that it fails was told before');
$target->safe_psql('mute', 'SET default_transaction_read_only = off; GRANT ALL ON told TO mute');
ok(wait_until($target, 'SELECT EXISTS (SELECT FROM told)', db => 'mute', job => $job), 'with the right it arrives');

$source->stop;
$target->stop;
done_testing();
