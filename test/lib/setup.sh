# setup.sh
#	  What the demo, the check and the benchmarks have in common: the machine,
#	  a scratch directory, a PostgreSQL of our own in it, servers.
#
# Sourced by bash scripts, which then call
#
#	  setup_begin NAME		scratch directory, clean-up at every kind of end
#	  setup_packages		what apt has to bring
#	  setup_pgbouncer		a pooler for tests, when there can be one
#	  setup_postgres		a private copy of the packaged PostgreSQL, $BIN
#	  setup_tree			a copy of this checkout, $TREE
#	  setup_build ...		build and install it there; arguments go to make
#	  setup_small_disk		a disk to fill, when we may make one
#	  setup_server DIR ...	initdb and start; arguments are settings
#
# Promises:
#
# 1. Nothing outside the scratch directory changes, but for packages that were
#	 missing.  The system's PostgreSQL does not get the extension, no server that
#	 was there is touched, and the package's own cluster is not made.
# 2. Everything that serves or is built runs as user postgres when we are root
#	 (initdb refuses root), and as the caller otherwise.
# 3. At the end, also by Ctrl-C or SIGTERM, whatever runs inside the scratch
#	 directory is stopped and the directory removed.  KEEP=1 leaves its files.
#
# PGCOPY_TEST_MAJOR=17 takes another major's packages, where there are any.

CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SCRATCH=

# A clean, predictable environment, whatever the caller's is like.
for variable in "${!PG@}"; do
	[[ $variable = PGCOPY* ]] || unset "$variable"
done
unset PGCOPY_SMALL_DISK MAKEFLAGS MAKELEVEL MFLAGS PERL5LIB LANGUAGE LC_ALL
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8
# Who names a cache for compiled files gets them compiled by it, where it is installed.
[ -z "${CCACHE_DIR:-}" ] || PATH=/usr/lib/ccache:$PATH
PG_MAJOR=${PGCOPY_TEST_MAJOR:-15}
SYSTEM_BIN=/usr/lib/postgresql/$PG_MAJOR/bin
# The other compiler: the same one everywhere for 15, else what the release has.
OTHER_CC=clang
[ "$PG_MAJOR" != 15 ] || OTHER_CC=clang-14

if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
	BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m' CYAN=$'\e[36m' PLAIN=$'\e[0m'
	IS_TERMINAL=1
else
	BOLD= DIM= RED= GREEN= YELLOW= CYAN= PLAIN=
	IS_TERMINAL=
fi

title()	{ printf '\n%s%s%s\n' "$BOLD" "$*" "$PLAIN"; }
say()	{ printf '  %s\n' "$*"; }
good()	{ printf '  %s✔%s %s\n' "$GREEN" "$PLAIN" "$*"; }
bad()	{ printf '  %s✘%s %s\n' "$RED" "$PLAIN" "$*"; }
warn()	{ printf '  %s!%s %s\n' "$YELLOW" "$PLAIN" "$*"; }
die()	{ printf '%s%s%s\n' "$RED" "$*" "$PLAIN" >&2; exit 1; }

# Milliseconds since the epoch, and a duration since then for people.
now()	{ date +%s%3N; }
since()
{
	local ms=$(( $(now) - $1 ))

	if [ $ms -lt 60000 ]; then
		printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
	else
		printf '%d min %02d s' $((ms / 60000)) $((ms / 1000 % 60))
	fi
}

# Run a command in the background and wait for it: a trap fires at once then,
# not only when the command has ended.
patiently()
{
	"$@" &
	local pid=$!
	wait $pid
}

# Run a command quietly; when it fails, show the end of what it said.
quietly()
{
	local log=$SCRATCH/log/$1
	shift
	if ! patiently "$@" > "$log" 2>&1 < /dev/null; then
		bad "failed: $*"
		tail -n 40 "$log"
		return 1
	fi
}

# Run a command as the user that servers run as.
as_server()
{
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups -- \
			env --default-signal=INT,QUIT,PIPE HOME="$SCRATCH" USER=postgres LOGNAME=postgres "$@"
	else
		"$@"
	fi
}

#
# The scratch directory
#

setup_begin()
{
	local base

	for base in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
		# User postgres has to get there, and a socket's path is short.
		[ -d "$base" ] && [ -w "$base" ] && [ ${#base} -le 40 ] || continue
		[ "$(id -u)" != 0 ] || is_open_to_all "$base" || continue
		SCRATCH=$(mktemp -d "$base/pgcopy-$1.XXXXXX") && break
	done
	[ -n "$SCRATCH" ] || die "no scratch directory: neither ${TMPDIR:-/tmp} nor /tmp nor /var/tmp will do"

	trap 'setup_end' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap '' PIPE
	mkdir "$SCRATCH/log" "$SCRATCH/t"
	chmod 755 "$SCRATCH"
	spread_directories "$SCRATCH"
	export TMPDIR=$SCRATCH/t
	cd "$SCRATCH" || exit 1
}

# Let ext4 place each directory made in one of these in a block group of its own.  It
# places them side by side otherwise; and without a journal it does not use a file's
# inode again for minutes, but looks at all such inodes of the group for each new file:
# 0.7 ms instead of 0.02 where 8,000 files were removed, as by DROP DATABASE.  Other
# file systems do not know the flag, and need it not.
spread_directories()
{
	chattr +T "$@" > /dev/null 2>&1 || true
}

# Can every user get into a directory?
is_open_to_all()
{
	local dir=$1

	while :; do
		[ $(( 0$(stat -L -c %a "$dir") & 1 )) = 1 ] || return 1
		[ "$dir" != / ] || return 0
		dir=$(dirname "$dir")
	done
}

setup_end()
{
	local status=$?

	trap '' INT TERM HUP
	trap - EXIT
	# The demo may have hidden the cursor.
	[ -z "$IS_TERMINAL" ] || printf '\e[?25h\e[?7h%s' "$PLAIN"
	setup_restore_createcluster
	[ -n "$SCRATCH" ] || exit $status
	stop_what_is_inside
	cd /
	[ -z "${PGCOPY_SMALL_DISK:-}" ] || umount "$PGCOPY_SMALL_DISK"
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $SCRATCH"
	else
		rm -rf "$SCRATCH"
	fi
	exit $status
}

# The processes that have their working directory or program inside the scratch
# directory, this script and its ancestors apart.
processes_inside()
{
	local proc pid

	for proc in /proc/[0-9]*; do
		pid=${proc#/proc/}
		[ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ] || continue
		case "$(readlink "$proc/cwd" 2> /dev/null)|$(readlink "$proc/exe" 2> /dev/null)" in
			"$SCRATCH"/* | "$SCRATCH|"* | *"|$SCRATCH"/*) echo "$pid" ;;
		esac
	done
}

stop_what_is_inside()
{
	local pids signal tries

	# Make the postmasters stop their backends, then take what is left.
	for signal in QUIT TERM KILL; do
		for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
			pids=$(processes_inside)
			[ -n "$pids" ] || return 0
			[ $tries != 1 ] || kill -$signal $pids 2> /dev/null
			sleep 0.1
		done
	done
}

#
# Packages
#

# Does package $1 have to be installed?
is_missing()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" != installed ]
}

# Install what is missing of the packages named and of what we always need.
setup_packages()
{
	local started package missing=() server=

	command -v dpkg-query > /dev/null ||
		die "this needs Debian's package manager; elsewhere build with make PG_CONFIG=..., see README.md"
	for package in make gcc libc6-dev libpq-dev postgresql-server-dev-$PG_MAJOR postgresql-client-$PG_MAJOR \
		procps util-linux "$@"; do
		! is_missing $package || missing+=($package)
	done
	is_missing postgresql-$PG_MAJOR && server=postgresql-$PG_MAJOR

	if [ -z "$server" ] && [ ${#missing[@]} = 0 ]; then
		return 0
	fi
	if [ "$(id -u)" != 0 ]; then
		die "missing packages, install them as root (or run this as root, which does it):
  apt-get update && apt-get install --no-install-recommends $server ${missing[*]}"
	fi

	started=$(now)
	say "installing ${missing[*]} $server ${DIM}(apt, once)${PLAIN}"
	quietly apt-update apt_get update || die "apt-get update failed: is there a network?"
	# The package would make and start a cluster, and none is wanted.
	quietly apt-common apt_get install postgresql-common "${missing[@]}" || die "apt-get install failed"
	if [ -n "$server" ]; then
		setup_forbid_createcluster
		quietly apt-server apt_get install $server || die "apt-get install failed"
		setup_restore_createcluster
	fi
	good "packages installed ${DIM}$(since $started)${PLAIN}"
}

apt_get()
{
	DEBIAN_FRONTEND=noninteractive TMPDIR=/tmp apt-get -q -y -o DPkg::Lock::Timeout=300 \
		--no-install-recommends --no-upgrade "$@"
}

CREATECLUSTER=/etc/postgresql-common/createcluster.conf

setup_forbid_createcluster()
{
	[ -e $CREATECLUSTER ] || touch $CREATECLUSTER
	cp -p $CREATECLUSTER "$SCRATCH/createcluster.conf"
	echo 'create_main_cluster = false' >> $CREATECLUSTER
}

setup_restore_createcluster()
{
	[ -e "$SCRATCH/createcluster.conf" ] || return 0
	cp -p "$SCRATCH/createcluster.conf" $CREATECLUSTER
	rm -f "$SCRATCH/createcluster.conf"
}

SYSTEM_PGBOUNCER=/usr/sbin/pgbouncer

# Tell tests where pgbouncer is.  Installing its package would start a service and
# enable it for good, so where it is missing it is only unpacked in the scratch
# directory, with the libraries it wants; that needs no root either.
setup_pgbouncer()
{
	local dir=$SCRATCH/pgbouncer log=$SCRATCH/log/pgbouncer

	export PGCOPY_PGBOUNCER=$SYSTEM_PGBOUNCER
	[ ! -x $SYSTEM_PGBOUNCER ] || return 0
	mkdir "$dir"
	if patiently unpack_pgbouncer "$dir" > "$log" 2>&1 < /dev/null; then
		PGCOPY_PGBOUNCER=$dir/run
		good "pgbouncer unpacked ${DIM}in the scratch directory${PLAIN}"
	else
		warn "no pgbouncer, and apt does not bring it: tests with a pooler are skipped"
	fi
}

unpack_pgbouncer()
{
	local dir=$1 package libraries=

	cd "$dir" || return 1
	# The lists of a machine that was just made may be empty.
	unpack_package pgbouncer ||
		{ [ "$(id -u)" = 0 ] && apt_get update && unpack_package pgbouncer; } || return 1
	for package in $(dpkg-deb -f pgbouncer_*.deb Depends | tr ',' '\n' | sed 's/^ *//; s/[ (|].*//' | grep '^lib'); do
		! is_missing "$package" || unpack_package "$package" || return 1
	done
	libraries=$(find "$dir" -name 'lib*.so*' -printf '%h\n' | sort -u | tr '\n' ':')
	printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/usr/sbin/pgbouncer "$@"\n' "$libraries" "$dir" > run
	chmod -R go+rX "$dir"
	chmod 755 run
	./run --version
}

unpack_package()
{
	apt_get download "$1" && dpkg-deb -x "$1"_*.deb .
}

#
# A PostgreSQL of our own
#

# Copy the packaged PostgreSQL, which finds its parts relative to itself, so
# that the extension can be installed without touching the system's.
setup_postgres()
{
	local inst=$SCRATCH/inst

	[ -x $SYSTEM_BIN/postgres ] || die "$SYSTEM_BIN/postgres is missing: apt-get install postgresql-$PG_MAJOR"
	mkdir -p "$inst/usr/lib/postgresql" "$inst/usr/share/postgresql" "$inst/usr/include"
	cp -a /usr/lib/postgresql/$PG_MAJOR "$inst/usr/lib/postgresql/"
	cp -aL /usr/share/postgresql/$PG_MAJOR "$inst/usr/share/postgresql/"
	ln -s /usr/include/postgresql "$inst/usr/include/postgresql"

	BIN=$inst/usr/lib/postgresql/$PG_MAJOR/bin
	PG_CONFIG=$BIN/pg_config
	export PATH=$BIN:$PATH
	[ "$($PG_CONFIG --sharedir)" = "$inst/usr/share/postgresql/$PG_MAJOR" ] ||
		die "the copied PostgreSQL does not find itself; is $SCRATCH a real path?"
	# An extension of that name in the system is not the one under test.
	rm -f "$inst"/usr/share/postgresql/*/extension/pgcopydb_ext* "$inst"/usr/lib/postgresql/*/lib/pgcopydb_ext.so
	give_away "$inst"
}

# Copy this checkout, which user postgres may not be able to read.
setup_tree()
{
	TREE=$SCRATCH/tree
	mkdir "$TREE"
	(cd "$CHECKOUT" && tar -c --exclude='*.o' --exclude='*.so' --exclude='*.bc' --exclude=.git \
		--exclude=tmp_check --exclude=results --exclude=scratch .) | tar -x -C "$TREE" --no-same-owner
	chmod -R u+rwX,go+rX "$TREE"
	give_away "$TREE"
}

# Let the servers' user own files.
give_away()
{
	[ "$(id -u)" != 0 ] || chown -R postgres:postgres "$@" "$SCRATCH" 2> /dev/null || chown -R postgres: "$@"
}

# Build and install into the private copy.
setup_build()
{
	as_server make -C "$TREE" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" "$@"
}

#
# Servers
#

# A TCP port of 127.0.0.1 that nobody listens on.
free_port()
{
	local port tries

	for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		port=$((10300 + RANDOM % 20000))
		(exec 3<> /dev/tcp/127.0.0.1/$port) 2> /dev/null || { echo $port; return 0; }
	done
	die "no free port on 127.0.0.1"
}

# Make and start a server in $SCRATCH/NAME, socket in $SCRATCH; its port is in
# $PORT then.  The other arguments are settings.
setup_server()
{
	local name=$1 dir=$SCRATCH/$1 setting tries
	shift

	quietly "initdb-$name" as_server initdb -D "$dir" -U postgres -A trust --no-sync \
		-E UTF8 --locale=C.UTF-8 || die "initdb failed"
	spread_directories "$dir/base"
	for tries in 1 2 3; do
		PORT=$(free_port)
		{
			echo "port = $PORT"
			echo "unix_socket_directories = '$SCRATCH'"
			echo "listen_addresses = '127.0.0.1'"
			for setting in "$@"; do echo "$setting"; done
		} > "$SCRATCH/$name.conf"
		cat "$SCRATCH/$name.conf" >> "$dir/postgresql.conf"
		if patiently as_server pg_ctl start -s -w -t 60 -D "$dir" -l "$dir.log" > "$SCRATCH/log/start-$name" 2>&1 < /dev/null; then
			return 0
		fi
		# Somebody else was faster on that port.
		grep -qs 'Address already in use' "$dir.log" || break
	done
	tail -n 20 "$dir.log" "$SCRATCH/log/start-$name"
	die "server $name does not start"
}

# A disk of its own that is soon full, in $PGCOPY_SMALL_DISK; only root can make
# one.
setup_small_disk()
{
	local dir=$SCRATCH/small

	[ "$(id -u)" = 0 ] || return 0
	mkdir "$dir"
	mount -t tmpfs -o size=40m tmpfs "$dir" 2> /dev/null || return 0
	export PGCOPY_SMALL_DISK=$dir
	give_away "$dir"
}

stop_server()
{
	as_server pg_ctl stop -s -w -m fast -D "$SCRATCH/$1" > /dev/null 2>&1
}
