# roles => true: the roles that the clone names are made, with what they are members
# of, as they are on the source: attributes, memberships with their grantors, settings,
# comments, labels and passwords, which work and which nobody sees on the way.  What
# is here already stays and its differences are told.  What the job's role may not
# give, and what this server does not know, is left out and told.  'all': all roles.
# Without the option missing roles are one error.  Jobs in several databases may make
# the same roles at a time, and a resumed job goes on.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";
use PgCopy;
use PgCopyScene;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('roles',
	source_conf => "shared_preload_libraries = 'pgcopy_everything'\n",
	target_conf => <<'EOC');
listen_addresses = '127.0.0.1'
shared_preload_libraries = 'pg_stat_statements, auto_explain'
log_statement = all
log_min_duration_statement = 0
log_min_messages = debug5
log_min_error_statement = debug5
debug_print_parse = on
debug_print_plan = on
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
pg_stat_statements.track = all
EOC
{
	open my $hba, '>', $target->data_dir . '/pg_hba.conf' or die;
	print $hba "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
	close $hba;
	$target->reload;
}

sub drop_roles
{
	my ($node, @roles) = @_;
	$node->safe_psql('postgres', join ' ', map { s/"/""/gr =~ s/.*/DROP ROLE IF EXISTS "$&";/sr } @roles);
	return;
}

# The notices of a job as "object | message" lines.
sub notices
{
	my ($db, $job, $pattern) = @_;
	return $target->safe_psql($db, "SELECT object || ' | ' || message FROM pgcopy_notices
		WHERE job = $job AND message ~ " . quote_literal($pattern // 'role|membership|password|left out') . ' ORDER BY at, message');
}

# All that there is to know of some roles, without passwords.
my $facts = <<'EOQ';
SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls,
	r.rolconnlimit, r.rolvaliduntil AT TIME ZONE 'UTC', r.rolconfig, shobj_description(r.oid, 'pg_authid'),
	(SELECT string_agg(m.roleid::regrole || ' ' || m.admin_option || ' ' || m.grantor::regrole, ', ' ORDER BY m.roleid::regrole::text)
		FROM pg_auth_members m WHERE m.member = r.oid)
FROM pg_roles r WHERE r.rolname !~ '^pg_' AND r.oid >= 16384
EOQ

# What a database needs whose name this is.
new_database($source, 'app');
create_holds($source, 'app');
my $long = 'x' x 59 . "\x{c3}\x{b6}" . '"' . 'y';    # 63 bytes
my $sqllong = $long =~ s/"/""/gr;
$source->safe_psql('postgres', <<EOQ);
SET client_min_messages = error;
CREATE ROLE company NOLOGIN;
CREATE ROLE staff NOLOGIN NOINHERIT ROLE company;
CREATE ROLE boss SUPERUSER CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS CONNECTION LIMIT 7 VALID UNTIL '2040-02-03 04:05:06+07' PASSWORD 'b0ss-s3cret';
GRANT company TO staff_lead_missing_here_placeholder;
EOQ
done_testing();
