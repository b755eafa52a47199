# chart.awk
#	  The results as a picture: file "machine" (lines of text), then the single
#	  values.  For each data set one bar per tool, the longest as long as there is
#	  room, with its median in seconds, and the floor as lines across.

BEGIN {
	FS = "\t"
	n_tools = split("ours pg_dump pgcopydb pgcopydb-split pgcopydb-binary", tools, " ")
	label["ours"] = "pgcopydb_ext"
	label["pg_dump"] = "pg_dump, pg_restore"
	label["pgcopydb"] = label_pgcopydb
	label["pgcopydb-split"] = "pgcopydb, split"
	label["pgcopydb-binary"] = "pgcopydb, binary"
	colour["ours"] = "#1f6feb"
	colour["pg_dump"] = "#9aa4ae"
	colour["pgcopydb"] = "#c28b5a"
	colour["pgcopydb-split"] = "#d9ad82"
	colour["pgcopydb-binary"] = "#e8c9a8"
	width = 760; left = 190; room = 470; bar = 16; gap = 3
}

FNR == 1		{ file = FILENAME; sub(/.*\//, "", file) }
file == "machine" { machine[++n_machine] = $0; next }
/^#/ || $1 ~ /^stream-/ { next }

{
	if (!($1 in seen)) { seen[$1] = 1; sets[++n_sets] = $1 }
	key = $1 SUBSEP $2
	runs[key]++
	if ($4 != "ok") { failed[key]++; next }
	value[key, ++n[key]] = $5
}

function median(key,	i, j, t, m, a)
{
	m = n[key]
	for (i = 1; i <= m; i++) a[i] = value[key, i] + 0
	for (i = 2; i <= m; i++)
		for (j = i; j > 1 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
	return m % 2 ? a[(m + 1) / 2] : (a[m / 2] + a[m / 2 + 1]) / 2
}

function is_good(key) { return (key in n) && !(key in failed) }

function escaped(text) { gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text); return text }

function text(x, y, class, what)
{
	body = body sprintf("<text x=\"%d\" y=\"%d\" class=\"%s\">%s</text>\n", x, y, class, escaped(what))
}

# One tool's bar at the present height.
function draw_bar(set, tool, longest,		key, length_)
{
	key = set SUBSEP tool
	text(left - 8, y + bar - 4, "label", label[tool])
	if (is_good(key)) {
		length_ = median(key) / longest * room
		body = body sprintf("<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", left, y, length_ < 1 ? 1 : length_, bar, colour[tool])
		text(left + length_ + 6, y + bar - 4, tool == "ours" ? "strong" : "value", sprintf("%.*f s", median(key) < 10 ? 2 : 1, median(key)))
	} else
		text(left + 6, y + bar - 4, "value", "failed")
	y += bar + gap
}

function draw_floor(set, what, name, top, longest,		key, x)
{
	key = set SUBSEP what
	if (!is_good(key) || median(key) > longest) return
	x = left + median(key) / longest * room
	body = body sprintf("<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" class=\"%s\"><title>%s: %.2f s</title></line>\n", x, top, x, y - gap, what, name, median(key))
}

function draw_set(set,		i, key, longest, top)
{
	longest = 0.001
	for (i = 1; i <= n_tools; i++) {
		key = set SUBSEP tools[i]
		if (is_good(key) && median(key) > longest) longest = median(key)
	}
	text(12, y + bar, "set", set)
	y += bar + 8
	top = y
	for (i = 1; i <= n_tools; i++)
		if ((set SUBSEP tools[i]) in runs) draw_bar(set, tools[i], longest)
	draw_floor(set, "send", "the source alone", top, longest)
	draw_floor(set, "indexes", "the indexes alone", top, longest)
	y += 12
}

END {
	y = 44
	text(12, 26, "title", "Seconds to clone a database (shorter is better)")
	for (s = 1; s <= n_sets; s++) draw_set(sets[s])
	body = body sprintf("<line x1=\"14\" y1=\"%d\" x2=\"14\" y2=\"%d\" class=\"send\"/>", y, y + 14)
	text(22, y + 11, "small", "the source alone, rows thrown away")
	body = body sprintf("<line x1=\"260\" y1=\"%d\" x2=\"260\" y2=\"%d\" class=\"indexes\"/>", y, y + 14)
	text(268, y + 11, "small", "the index builds alone")
	y += 32
	for (i = 1; i <= n_machine; i++) {
		line = machine[i]
		while (length(line) > 110) {
			cut = 110
			while (cut > 1 && substr(line, cut, 1) != " ") cut--
			text(12, y, "small", substr(line, 1, cut - 1))
			line = "    " substr(line, cut + 1)
			y += 15
		}
		text(12, y, "small", line)
		y += 15
	}
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\">\n", width, y + 4, width, y + 4
	print "<style>.title{font-size:17px;font-weight:bold}.set{font-size:14px;font-weight:bold}.label{font-size:12px;text-anchor:end}" \
		".value{font-size:12px}.strong{font-size:12px;font-weight:bold}.small{font-size:11px;fill:#59636e}" \
		".send{stroke:#1a7f37;stroke-width:1.5}.indexes{stroke:#cf222e;stroke-width:1.5;stroke-dasharray:3 2}</style>"
	printf "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, y + 4
	printf "%s</svg>\n", body
}
