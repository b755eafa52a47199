/*-------------------------------------------------------------------------
 *
 * finding.c
 *	  What a check has found; the caller decides what to do about it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/finding.h"

List *
pgcopy_finding_list(const Finding *finding)
{
	Finding    *copy = palloc(sizeof(Finding));

	Assert(finding->message != NULL);
	*copy = *finding;
	return list_make1(copy);
}

static void
append_line(StringInfo text, const Finding *finding)
{
	appendStringInfo(text, "%s%s.", text->len > 0 ? "\n" : "", finding->message);
	if (finding->detail != NULL)
		appendStringInfo(text, " %s", finding->detail);
	if (finding->hint != NULL)
		appendStringInfo(text, " %s", finding->hint);
}

static ErrorData *
make_error(const Finding *finding)
{
	ErrorData  *error = palloc0(sizeof(ErrorData));

	error->elevel = ERROR;
	error->sqlerrcode = finding->sqlerrcode;
	error->message = pstrdup(finding->message);
	error->detail = finding->detail ? pstrdup(finding->detail) : NULL;
	error->hint = finding->hint ? pstrdup(finding->hint) : NULL;
	error->assoc_context = CurrentMemoryContext;
	return error;
}

ErrorData *
pgcopy_finding_error(const List *findings)
{
	ErrorData  *error = NULL;
	StringInfoData lines;
	int			count = 0;
	ListCell   *lc;

	initStringInfo(&lines);
	foreach(lc, findings)
	{
		const Finding *finding = lfirst(lc);

		if (finding->level != FINDING_ERROR)
			continue;
		if (count++ == 0)
			error = make_error(finding);
		append_line(&lines, finding);
	}
	if (count > 1)
	{
		error->detail = lines.data;
		error->hint = NULL;
	}
	return error;
}

void
pgcopy_finding_throw(const List *findings)
{
	ErrorData  *error = pgcopy_finding_error(findings);

	if (error != NULL)
		ThrowErrorData(error);
}
