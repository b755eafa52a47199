#!/bin/sh
# initdb.sh
#	  Stands for initdb in tests: a copy of a cluster instead of a new one.
#
# To make a cluster takes a second, and PostgreSQL::Test::Cluster makes one for each
# server.  With the arguments and the locale that it nearly always has they are all
# alike, and $INITDB_TEMPLATE is one of them.  With others $INITDB makes it.  All
# copies have the same system identifier.  For chattr see spread_directories() in
# lib/setup.sh.

if [ "$1:$3:$4:$5:$#" = -D:-A:trust:-N:5 ] &&
	[ "${LC_ALL:-${LC_CTYPE:-$LANG}}:${LC_ALL:-${LC_COLLATE:-$LANG}}" = C.UTF-8:C.UTF-8 ]; then
	cp -a "$INITDB_TEMPLATE" "$2" || exit
	chattr +T "$2/base" > /dev/null 2>&1
	exit 0
fi
exec "$INITDB" "$@"
