# cache.sh
#	  The cache of other majors of PostgreSQL, and how to get inside it.
#
# Sourced after test/lib/setup.sh.  In the cache folder, /var/cache/pgcopydb_ext or
# PGCOPY_VERSIONS_CACHE, are
#
#	  room-13, room-17, room-18		Debian releases that have this major, each with
#								its server, headers and compilers: to chroot into
#	  npm-10 and others		server binaries of majors that no release has
#	  ccache				what was compiled there
#	  lock					shared by those who use it, taken by who removes something
#	  fetching				taken by who adds something
#
# Promises:
#
# 1. Mounts are made in a mount namespace of our own, so nobody else sees them and
#	 they end with our last process, however that ends.
# 2. Nothing is removed while something is mounted in it.

CACHE=${PGCOPY_VERSIONS_CACHE:-/var/cache/pgcopydb_ext}

# Why there is nothing to chroot into; empty when there is.
NO_ROOMS=

# Which suites have a major: the first that does.
suites_of()
{
	case $1 in
		13) echo bullseye ;;
		17) echo trixie ;;
		18) echo sid forky ;;
	esac
}

ROOM_MAJORS='13 17 18'
NPM_MAJORS='10 11 12 14 16'

room_of()	{ echo "$CACHE/room-$1"; }
npm_of()	{ echo "$CACHE/npm-$1"; }
has_room()	{ [ -z "$NO_ROOMS" ] && [ -e "$(room_of "$1")/.ready" ]; }
has_npm()	{ [ -e "$(npm_of "$1")/.ready" ]; }

# Go on in a mount namespace of our own, in this process; arguments are the script and
# its arguments.  Without the right to do that, go on and say why in $NO_ROOMS.
enter_namespace()
{
	[ -z "${PGCOPY_VERSIONS_NAMESPACE:-}" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		NO_ROOMS='not root: only root can mount and chroot, so releases of Debian are left out'
	elif ! unshare --mount --propagation private true 2> /dev/null; then
		NO_ROOMS='this root may not mount (CAP_SYS_ADMIN; in a container: --privileged), so releases of Debian are left out'
	else
		exec unshare --mount --propagation private env PGCOPY_VERSIONS_NAMESPACE=1 bash "$@"
	fi
}

# In a namespace of our own, whatever shares it is ours, whoever its parent is now and
# whatever root directory it has.
if [ -n "${PGCOPY_VERSIONS_NAMESPACE:-}" ]; then
	processes_inside()
	{
		local ours proc pid

		ours=$(readlink /proc/self/ns/mnt)
		for proc in /proc/[0-9]*; do
			pid=${proc#/proc/}
			[ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ] || continue
			[ "$(readlink "$proc/ns/mnt" 2> /dev/null)" != "$ours" ] || echo "$pid"
		done
	}
fi

# Make the cache folder and lock it: "shared" to use it, "alone" to remove what others
# may use.
lock_cache()
{
	local how=-s

	mkdir -p "$CACHE" 2> /dev/null && [ -w "$CACHE" ] ||
		die "the cache $CACHE cannot be written: run this as root, or name another one in PGCOPY_VERSIONS_CACHE"
	chmod 755 "$CACHE"
	[ -n "${LOCKED:-}" ] || exec 9>> "$CACHE/lock"
	LOCKED=1
	[ "$1" = shared ] || how=-x
	flock -n $how 9 || { say "waiting for another run to end, which uses $CACHE"; patiently flock $how 9; }
}

# Nobody fetches at the same time; who waited may find what he wanted.
lock_fetching()
{
	exec 8>> "$CACHE/fetching"
	flock -n 8 || { say 'waiting for another run, which fetches'; patiently flock 8; }
}

unlock_fetching()
{
	exec 8>&-
}

# What is mounted below a directory, the last first.
mounts_below()
{
	awk -v dir="$1/" 'index($5 "/", dir) == 1 { print $5 }' /proc/self/mountinfo | tac
}

# Remove directories of the cache; never through a mount.
remove_cached()
{
	local dir mount

	for dir in "$@"; do
		[ -e "$dir" ] || continue
		while read -r mount; do
			umount "$mount" 2> /dev/null || umount -l "$mount" || die "$mount cannot be unmounted, so $dir stays"
		done < <(mounts_below "$dir")
		[ -z "$(mounts_below "$dir")" ] || die "something is still mounted in $dir, so it stays"
		rm -rf --one-file-system "$dir"
	done
}

# Mount what programs in a room need, and the scratch directory at its place, which is
# in a tmpfs so that no trace of it is left in the room.
mount_room()
{
	local room=$1 dir

	for dir in proc dev; do
		mountpoint -q "$room/$dir" || mount --rbind "/$dir" "$room/$dir" || return 1
	done
	# the scratch directory may be inside another one
	dir=$room$(dirname "$SCRATCH")
	while [ ! -d "$dir" ]; do dir=$(dirname "$dir"); done
	[ "$dir" != "$room" ] || dir=$room$(dirname "$SCRATCH")
	mkdir -p "$dir"
	mountpoint -q "$dir" || mount -t tmpfs -o mode=1777 tmpfs "$dir" || return 1
	mkdir -p "$room$SCRATCH" "$room$CACHE/ccache" "$CACHE/ccache"
	chown postgres: "$CACHE/ccache"
	mountpoint -q "$room$SCRATCH" || mount --bind "$SCRATCH" "$room$SCRATCH" || return 1
	mountpoint -q "$room$CACHE/ccache" || mount --bind "$CACHE/ccache" "$room$CACHE/ccache"
}

unmount_room()
{
	local mount

	while read -r mount; do
		umount -l "$mount" || return 1
	done < <(mounts_below "$1")
}

# Run a command where a major is at home: 15 here, another one in its room.
at_home()
{
	local major=$1
	shift
	if [ "$major" = 15 ]; then
		env PGCOPY_TEST_MAJOR=15 "$@"
	else
		chroot "$(room_of "$major")" env PGCOPY_TEST_MAJOR="$major" "$@"
	fi
}
