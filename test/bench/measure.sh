# measure.sh
#	  One measured step of the benchmark: its time, processor time on both sides,
#	  WAL of the target.
#
# CPU seconds are those of a server's processes: utime, stime, cutime and cstime of
# /proc/PID/stat, summed over the postmaster and all that descends from it.  A
# process that has ended is in the cutime of the one that waited for it (the
# postmaster waits for all its children, and a backend for its pg_dump), so nothing
# is lost and nothing counted twice.  CPU of the clients (psql, pg_dump, pgcopydb)
# is what the shell has waited for meanwhile.  What else the machine was busy with,
# by /proc/stat, is "other": the kernel's own threads, or a machine that is not quiet.

CLK_TCK=$(getconf CLK_TCK)

# CPU ticks of the process tree below $1, ended members included.
cpu_ticks()
{
	cat /proc/[0-9]*/stat 2> /dev/null | awk -v root="$1" '
		{
			pid = $1
			sub(/.*\) /, "")
			n++
			pids[n] = pid; parent[pid] = $2; ticks[pid] = $12 + $13 + $14 + $15
		}
		END {
			inside[root] = 1
			do {
				more = 0
				for (i = 1; i <= n; i++)
					if (!(pids[i] in inside) && (parent[pids[i]] in inside)) { inside[pids[i]] = 1; more = 1 }
			} while (more)
			for (i = 1; i <= n; i++)
				if (pids[i] in inside) sum += ticks[pids[i]]
			printf "%d\n", sum
		}'
}

# CPU ticks that the whole machine was busy, time stolen from it included.
busy_ticks()
{
	awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 + $9; exit }' /proc/stat
}

postmaster_of()
{
	head -n 1 "$SCRATCH/$1/postmaster.pid"
}

# Run a command with a limit, what it says in $STEP_LOG; its standard output goes
# to file descriptor 7.
limited()
{
	local left=$(( (STEP_DEADLINE - $(now)) / 1000 ))

	[ $left -gt 0 ] || { echo "no time left for: $1" >> "$STEP_LOG"; return 124; }
	timeout -k 5 "$left" "$@" >&7 2>> "$STEP_LOG" < /dev/null &
	wait $!
}

# The same for several scripts of SQL at the same time: $1 is the database's name
# for psql, the others are files.
limited_together()
{
	local where=$1 file pid pids=() status=0
	shift

	for file in "$@"; do
		[ -s "$file" ] || continue
		limited psql -XqAt -v ON_ERROR_STOP=1 -d "$where" -f "$file" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || status=$?
	done
	return $status
}

# Spread lines of "size|statement" over $1 files named $2.N, the largest first,
# each to the file that has least to do.
spread()
{
	rm -f "$2".[0-9]*
	awk -v n="$1" -v name="$2" '
		{
			bar = index($0, "|")
			least = 1
			for (i = 2; i <= n; i++) if (load[i] + 0 < load[least] + 0) least = i
			load[least] += substr($0, 1, bar - 1) + 8192
			print substr($0, bar + 1) > (name "." least)
		}'
}

# Wait until no client is left in the measured databases, so that their processor
# time has arrived in the postmaster's.
settle()
{
	local tries count

	for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		count=$({ source_sql postgres -c "SELECT count(*) FROM pg_stat_activity WHERE datname = '$DATABASE'"
			target_sql postgres -c "SELECT count(*) FROM pg_stat_activity WHERE datname = '$DATABASE' AND backend_type <> 'autovacuum worker'"
			} | awk '{ n += $1 } END { print n + 0 }')
		[ "$count" != 0 ] || return 0
		sleep 0.1
	done
}

# measure COMMAND ...: run a function of ours.  Sets SECONDS_USED, CPU_SOURCE,
# CPU_TARGET, CPU_CLIENT, CPU_OTHER, WAL_BYTES and STATUS.
measure()
{
	local source_pid target_pid source_cpu target_cpu busy wal begun ended TIMEFORMAT='%U %S'

	STEP_LOG=$SCRATCH/log/step
	: > "$STEP_LOG"
	source_pid=$(postmaster_of source)
	target_pid=$(postmaster_of target)
	settle
	source_cpu=$(cpu_ticks "$source_pid")
	target_cpu=$(cpu_ticks "$target_pid")
	wal=$(target_sql postgres -c "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
	STEP_DEADLINE=$(( $(now) + LIMIT * 1000 ))
	busy=$(busy_ticks)
	begun=$(now)
	{ time "$@" 7> "$SCRATCH/log/output" 2>> "$STEP_LOG"; } 2> "$SCRATCH/log/time"
	STATUS=$?
	ended=$(now)
	busy=$(( $(busy_ticks) - busy ))
	settle
	SECONDS_USED=$(awk -v ms=$((ended - begun)) 'BEGIN { printf "%.3f", ms / 1000 }')
	CPU_SOURCE=$(awk -v t=$(( $(cpu_ticks "$source_pid") - source_cpu )) -v hz="$CLK_TCK" 'BEGIN { printf "%.2f", t / hz }')
	CPU_TARGET=$(awk -v t=$(( $(cpu_ticks "$target_pid") - target_cpu )) -v hz="$CLK_TCK" 'BEGIN { printf "%.2f", t / hz }')
	CPU_CLIENT=$(awk '{ cpu = $1 + $2 } END { printf "%.2f", cpu }' "$SCRATCH/log/time")
	CPU_OTHER=$(awk -v t=$busy -v hz="$CLK_TCK" -v known="$CPU_SOURCE $CPU_TARGET $CPU_CLIENT" '
		BEGIN { split(known, k, " "); t = t / hz - k[1] - k[2] - k[3]; printf "%.2f", (t > 0 ? t : 0) }')
	WAL_BYTES=$(target_sql postgres -c "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn - $wal")
}
