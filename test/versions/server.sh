# server.sh
#	  Make and start the servers that are cloned from.
#
#	  bash server.sh DIRECTORY TREE SETTING ...
#			where a major is at home, see cache.sh: that one, with the module
#			pgcopy_everything of TREE
#	  SERVER_BIN=directory	take this server instead, which has no headers for a module
#	  STANDBY_OF=port		a copy of that server, with the same module, which follows it
#
# The server's files are in DIRECTORY/server, its port in DIRECTORY/port, its socket in
# DIRECTORY.

set -u
. "$(dirname "$0")/../lib/setup.sh"

SCRATCH=$1
TREE=$2
shift 2
mkdir -p "$SCRATCH/log" "$SCRATCH/t"
export TMPDIR=$SCRATCH/t
cd "$SCRATCH" || exit 1

if [ -n "${SERVER_BIN:-}" ]; then
	BIN=$SERVER_BIN
	PATH=$BIN:$PATH
else
	BIN=$SYSTEM_BIN
	PATH=$BIN:$PATH
	PG_CONFIG=$BIN/pg_config
	# A copy of 13 would not find itself: the module goes into its room.
	[ "$PG_MAJOR" -lt 14 ] || setup_postgres
	cp -a "$TREE/test/modules/pgcopy_everything" "$SCRATCH/module"
	quietly module make -C "$SCRATCH/module" PG_CONFIG="$PG_CONFIG" with_llvm=no clean install || exit 1
	set -- "$@" "shared_preload_libraries = 'pgcopy_everything'"
fi
give_away "$SCRATCH"

if [ -n "${STANDBY_OF:-}" ]; then
	quietly backup as_server pg_basebackup -h 127.0.0.1 -p "$STANDBY_OF" -U postgres -D "$SCRATCH/server" -c fast -R || exit 1
else
	quietly initdb as_server initdb -D "$SCRATCH/server" -U postgres -A trust --no-sync -E UTF8 --locale=C || exit 1
fi
for tries in 1 2 3; do
	PORT=$(free_port)
	printf '%s\n' "port = $PORT" "unix_socket_directories = '$SCRATCH'" "listen_addresses = '127.0.0.1'" "$@" >> "$SCRATCH/server/postgresql.conf"
	if patiently as_server pg_ctl start -s -w -t 60 -D "$SCRATCH/server" -l "$SCRATCH/server.log" > "$SCRATCH/log/start" 2>&1 < /dev/null; then
		echo "$PORT" > "$SCRATCH/port"
		exit 0
	fi
	grep -qs 'Address already in use' "$SCRATCH/server.log" || break
done
tail -n 20 "$SCRATCH/server.log" "$SCRATCH/log/start"
exit 1
