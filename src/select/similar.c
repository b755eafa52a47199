/*-------------------------------------------------------------------------
 *
 * similar.c
 *	  Names that a user may have meant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/varlena.h"

#include "select/similar.h"

#define MOST_NAMES 3

/* levenshtein takes no longer ones, in characters */
#define LONGEST_NAME 255

/* One letter in four may be wrong. */
static int
get_limit(const char *wanted)
{
	return Max(2, (int) strlen(wanted) / 4);
}

static int
get_distance(const char *wanted, const char *name, int limit)
{
	int			length = strlen(name);

	if (length > LONGEST_NAME)
		return limit + 1;
	return varstr_levenshtein_less_equal(wanted, strlen(wanted), name, length,
										 1, 1, 1, limit, false);
}

char *
pgcopy_similar_names(const char *wanted, List *names)
{
	const char *best[MOST_NAMES];
	int			distances[MOST_NAMES];
	int			count = 0;
	int			limit = get_limit(wanted);
	StringInfoData text;
	ListCell   *lc;

	if (strlen(wanted) > LONGEST_NAME)
		return NULL;
	foreach(lc, names)
	{
		int			distance = get_distance(wanted, lfirst(lc), limit);
		int			at = count;

		CHECK_FOR_INTERRUPTS();
		while (at > 0 && distances[at - 1] > distance)
			at--;
		if (distance > limit || at == MOST_NAMES)
			continue;
		count = Min(count + 1, MOST_NAMES);
		for (int i = count - 1; i > at; i--)
		{
			best[i] = best[i - 1];
			distances[i] = distances[i - 1];
		}
		best[at] = lfirst(lc);
		distances[at] = distance;
	}
	initStringInfo(&text);
	for (int i = 0; i < count && distances[i] <= distances[0] + 1; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "", best[i]);
	return count > 0 ? text.data : NULL;
}

char *
pgcopy_similar_hint(const char *wanted, List *names)
{
	char	   *similar = pgcopy_similar_names(wanted, names);

	return similar != NULL ? psprintf("Did you mean %s?", similar) : NULL;
}
