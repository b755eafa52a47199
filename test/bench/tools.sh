# tools.sh
#	  The ways to clone a database that are compared, and what is measured beside
#	  them.  Each is run by measure(), with a fresh database at the target, and
#	  returns 0 when it says that it has done it.

tool_label()
{
	case $1 in
		ours)				echo 'pgcopydb_ext' ;;
		ours-server)		echo 'pgcopydb_ext, server' ;;
		pg_dump)			echo 'pg_dump, pg_restore' ;;
		pgcopydb)			echo "pgcopydb $PGCOPYDB_VERSION" ;;
		pgcopydb-split)		echo "pgcopydb, split" ;;
		pgcopydb-binary)	echo "pgcopydb, binary" ;;
		send)				echo 'source alone' ;;
		indexes)			echo 'indexes alone' ;;
		indexes-ours)		echo 'indexes alone, ours' ;;
	esac
}

run_ours()
{
	clone_ours "table_jobs => $JOBS, index_jobs => $JOBS"
}

# The same; the database has the setting.
run_ours_server()		{ run_ours; }

run_ours_stream()
{
	clone_ours "table_jobs => 1, index_jobs => 1, split_tables_larger_than => '0'"
}

clone_ours()
{
	local job

	limited psql -XqAt -v ON_ERROR_STOP=1 -d "$TARGET" -c "SELECT pgcopy_clone('$SOURCE', $1)" || return
	job=$(tail -n 1 "$SCRATCH/log/output")
	limited psql -XqAt -v ON_ERROR_STOP=1 -d "$TARGET" -c "SELECT pgcopy_wait($job)" || return
	[ "$(tail -n 1 "$SCRATCH/log/output")" = done ] ||
		{ target_sql -c 'SELECT state, message FROM pgcopy_progress' >> "$STEP_LOG" 2>&1; return 1; }
}

run_pg_dump()
{
	limited pg_dump -Fd -Z0 -j "$JOBS" -f "$SCRATCH/dump" -d "$SOURCE" &&
		limited pg_restore -j "$JOBS" -d "$TARGET" "$SCRATCH/dump" &&
		limited vacuumdb -q -z -j "$JOBS" -d "$TARGET"
}

run_pgcopydb()			{ clone_pgcopydb; }
run_pgcopydb_split()	{ clone_pgcopydb --split-tables-larger-than "${SPLIT_MB}MB"; }
run_pgcopydb_binary()
{
	if [ -n "$SPLITS" ]; then
		clone_pgcopydb --use-copy-binary --split-tables-larger-than "${SPLIT_MB}MB"
	else
		clone_pgcopydb --use-copy-binary
	fi
}

clone_pgcopydb()
{
	local option jobs=()

	for option in table-jobs index-jobs restore-jobs large-objects-jobs; do
		! pgcopydb_has $option || jobs+=(--$option "$JOBS")
	done
	limited "$PGCOPYDB" clone --source "$SOURCE" --target "$TARGET" --dir "$SCRATCH/dump" "${jobs[@]}" "$@"
}

pgcopydb_has()
{
	grep -q -e "--$1\b" "$SCRATCH/log/pgcopydb-help"
}

# The source sends everything to nowhere.
run_send()
{
	limited_together "$SOURCE" "$SCRATCH"/send.[0-9]* 7> /dev/null
}

# The indexes of a finished clone, built again by the server or by us.
run_indexes()
{
	limited_together "$TARGET" "$SCRATCH"/indexes.[0-9]*
}

# The tools that make sense for the present data set.
tools_for_set()
{
	local tool

	for tool in $TOOLS; do
		case $tool in
			pgcopydb)			[ -n "$PGCOPYDB" ] || continue ;;
			pgcopydb-split)		[ -n "$PGCOPYDB" ] && [ -n "$SPLITS" ] && pgcopydb_has split-tables-larger-than || continue ;;
			pgcopydb-binary)	[ -n "$PGCOPYDB" ] && pgcopydb_has use-copy-binary || continue ;;
		esac
		echo "$tool"
	done
}
