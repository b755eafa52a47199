use strict; use warnings; use PgCopy; use PostgreSQL::Test::Utils; use Test::More; use Time::HiRes qw(time);
my $TABLES = 5000;
my ($source, $target) = new_pair('m', source_conf => "wal_level = logical\nmax_wal_senders = 5\nmax_replication_slots = 5\nmax_locks_per_transaction = 1000\n", target_conf => "shared_preload_libraries = 'pgcopydb_ext'\nmax_locks_per_transaction=1000\n");
$source->safe_psql('postgres', "DO \$\$ BEGIN FOR i IN 1 .. $TABLES LOOP EXECUTE format('CREATE TABLE m%s (a int PRIMARY KEY, b text, c int, d text)', i); END LOOP; END \$\$;");
diag "created";
my $job = clone($target, conninfo($source), follow => 'true');
diag $target->safe_psql('postgres', "SELECT pgcopy_wait($job, '300 s')");
my $pid = $target->safe_psql('postgres', "SELECT leader_pid FROM pgcopy_jobs WHERE job = $job");
sub ticks { my @s = split / /, slurp_file("/proc/$pid/stat"); return $s[13] + $s[14]; }
sub mem { return slurp_file("/proc/$pid/status") =~ /RssAnon:\s+(\d+)/ ? $1 : 0; }
for my $round (1 .. 7) {
  my ($b, $at, $kb) = (ticks(), time(), mem());
  sleep 20;
  diag sprintf("round %d: %.2f s, cpu %d ticks, %.3f %%, mem %d kB, grew %d", $round, time()-$at, ticks()-$b, (ticks()-$b)/(time()-$at), mem(), mem()-$kb);
}
diag $target->safe_psql('postgres', "SELECT message, tables, lag_bytes FROM pgcopy_progress");
ok(1); done_testing();
