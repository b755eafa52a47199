# table.awk
#	  The results as a table: files "about", "frozen" and "fast" (set, text), then
#	  the single values.

BEGIN {
	FS = "\t"
	order = "ours pg_dump pgcopydb pgcopydb-split pgcopydb-binary ours-server copy send indexes indexes-ours"
	n_order = split(order, tools, " ")
	label["ours"] = "pgcopydb_ext"
	label["ours-server"] = "pgcopydb_ext, server"
	label["pg_dump"] = "pg_dump, pg_restore"
	label["pgcopydb"] = label_pgcopydb
	label["pgcopydb-split"] = "pgcopydb, split"
	label["pgcopydb-binary"] = "pgcopydb, binary"
	label["copy"] = "  its one COPY"
	label["send"] = "  source alone"
	label["indexes"] = "  indexes alone"
	label["indexes-ours"] = "  indexes alone, ours"
	# At most, of the best peer; for one stream, of the source alone.
	goal["sysbench"] = 0.38
	goal["big"] = 0.35
	goal["mixed"] = 0.33
	goal["many"] = 0.45
	goal["wide"] = 0.48
	goal["fk"] = 0.42
	goal["far"] = 0.60
	goal["blobs"] = 0.50
	goal["stream-sysbench"] = 1.35
	goal["stream-mixed"] = 1.40
	# At most, of the processor time that the server needs to build the indexes.
	build_goal["sysbench"] = build_goal["big"] = 0.35
	build_goal["mixed"] = 0.25
	file = 0
}

FNR == 1		{ file = FILENAME; sub(/.*\//, "", file) }
file == "about"	{ about[$1] = $2; next }
file == "frozen" { frozen[$1] = $2; next }
file == "fast"	{ fast[$1] = $2; next }
/^#/			{ next }

{
	if (!($1 in seen)) { seen[$1] = 1; sets[++n_sets] = $1 }
	key = $1 SUBSEP $2
	runs[key]++
	if ($2 !~ /^(copy|builds)/) { measured += $5 * cores; other += $10 }
	if ($4 != "ok") { failed[key]++; next }
	n[key]++
	for (column = 5; column <= 10; column++)
		value[key, column, n[key]] = $column
}

# The median of a column of one tool on one set; also sets low and high.
function median(key, column,	i, j, t, m, a)
{
	m = n[key]
	for (i = 1; i <= m; i++) a[i] = value[key, column, i] + 0
	for (i = 2; i <= m; i++)
		for (j = i; j > 1 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
	low = a[1]
	high = a[m]
	return m % 2 ? a[(m + 1) / 2] : (a[m / 2] + a[m / 2 + 1]) / 2
}

function is_good(set, tool) { return ((set SUBSEP tool) in n) && !((set SUBSEP tool) in failed) }

function wal_text(bytes) { return bytes < 10485760 ? sprintf("%.1f MB", bytes / 1048576) : sprintf("%.0f MB", bytes / 1048576) }

# What a set's ratio is to: the fastest peer, or the source alone.
function best_peer(set,		i, t, best)
{
	best = ""
	if (set ~ /^stream-/)
		return is_good(set, "send") ? "send" : ""
	for (i = 2; i <= 5; i++)
		if (is_good(set, tools[i]) && (best == "" || median(set SUBSEP tools[i], 5) < median(set SUBSEP best, 5)))
			best = tools[i]
	return best
}

function print_set(set,		i, key, t, span, ratio, best)
{
	best = best_peer(set)
	printf "\n%s: %s\n", set, about[set]
	printf "  %-24s %9s  %-17s %6s %8s %8s %8s %8s %10s\n", "", "seconds", "(from - to)", "ratio",
		"CPU src", "CPU tgt", "client", "other", "WAL tgt"
	for (i = 1; i <= n_order; i++) {
		key = set SUBSEP tools[i]
		if (!(key in runs)) continue
		if (!is_good(set, tools[i])) {
			printf "  %-24s %9s  in %d of %d runs\n", label[tools[i]], "failed", failed[key], runs[key]
			continue
		}
		t = median(key, 5)
		span = sprintf("(%.2f - %.2f)", low, high)
		ratio = best == "" ? "" : sprintf("%.2f", t / median(set SUBSEP best, 5))
		if (tools[i] == "copy") {
			printf "  %-24s %9.2f  %-17s %6s\n", label["copy"], t, span, ratio
			continue
		}
		printf "  %-24s %9.2f  %-17s %6s %8.1f %8.1f %8.1f %8.1f %10s\n", label[tools[i]], t, span, ratio,
			median(key, 6), median(key, 7), median(key, 8), median(key, 10), wal_text(median(key, 9))
	}
	if (set in frozen) printf "  clean pages: %s\n", frozen[set]
	print_builds(set)
}

# Our index builds against the server's: alone, and within clones.
function print_builds(set,		ours, server, ratio)
{
	if (is_good(set, "indexes") && is_good(set, "indexes-ours")) {
		ours = median(set SUBSEP "indexes-ours", 7)
		server = median(set SUBSEP "indexes", 7)
		ratio = (server > 0) ? ours / server : 1
		printf "  index builds: CPU %.2f s, by the server %.2f s: ratio %.2f", ours, server, ratio
		if (set in build_goal)
			printf ", at most %.2f%s", build_goal[set], ratio <= build_goal[set] ? "" : " (missed)"
		ours = median(set SUBSEP "indexes-ours", 5)
		server = median(set SUBSEP "indexes", 5)
		printf "; %.2f s, by the server %.2f s: ratio %.2f\n", ours, server, (server > 0 ? ours / server : 1)
	}
	if (is_good(set, "builds") && is_good(set, "builds-server")) {
		ours = median(set SUBSEP "builds", 5)
		server = median(set SUBSEP "builds-server", 5)
		printf "  within the clones, all builds: %.2f s, by the server %.2f s: ratio %.2f; we built %s\n",
			ours, server, (server > 0 ? ours / server : 1), fast[set]
	}
}

function print_summary(		i, set, ours, best, name, ratio)
{
	printf "\n%-16s %10s %10s  %-20s %6s %8s  %s\n", "data set", "ours", "best peer", "", "ratio", "at most", ""
	for (i = 1; i <= n_sets; i++) {
		set = sets[i]
		# One stream is compared by its COPY, without planning and ANALYZE.
		ours = set ~ /^stream-/ ? "copy" : "ours"
		best = best_peer(set)
		if (!is_good(set, ours) || best == "") {
			printf "%-16s %10s %10s\n", set, is_good(set, ours) ? sprintf("%.2f s", median(set SUBSEP ours, 5)) : "failed", "-"
			continue
		}
		ratio = median(set SUBSEP ours, 5) / median(set SUBSEP best, 5)
		name = label[best]
		sub(/^ */, "", name)
		printf "%-16s %8.2f s %8.2f s  %-20s %6.2f %8s  %s\n", set, median(set SUBSEP ours, 5), median(set SUBSEP best, 5),
			name, ratio, set in goal ? sprintf("%.2f", goal[set]) : "",
			!(set in goal) || ratio <= goal[set] ? "" : (ratio <= 1 || set ~ /^stream-/ ? "missed" : "slower")
	}
}

END {
	for (s = 1; s <= n_sets; s++) print_set(sets[s])
	print_summary()
	if (measured > 0)
		printf "\nOther processes used %.0f %% of the processor time there was%s.\n", 100 * other / measured,
			(other > 0.15 * measured ? ": this machine was not quiet, do not trust the seconds" : "")
}
