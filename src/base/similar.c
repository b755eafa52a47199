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

#include "base/similar.h"

#define MOST_NAMES 3

/* levenshtein takes no longer ones, in characters */
#define LONGEST_NAME 255

typedef struct SimilarNames
{
	char	   *names[MOST_NAMES];	/* the nearest first */
	int			distances[MOST_NAMES];
	int			count;
} SimilarNames;

/* One letter in four, two of a short name, but never more than half of them. */
int
pgcopy_similar_limit(const char *wanted)
{
	int			length = strlen(wanted);

	return Min(length / 2, Max(2, length / 4));
}

int
pgcopy_similar_distance(const char *wanted, const char *name, int limit)
{
	int			wanted_length = strlen(wanted);
	int			length = strlen(name);

	if (wanted_length > LONGEST_NAME || length > LONGEST_NAME)
		return limit + 1;
	return varstr_levenshtein_less_equal(wanted, wanted_length, name, length,
										 1, 1, 1, limit, true);
}

static void
add_name(SimilarNames *similar, char *name, int distance)
{
	int			at = similar->count;

	while (at > 0 && similar->distances[at - 1] > distance)
		at--;
	if (at == MOST_NAMES)
		return;
	similar->count = Min(similar->count + 1, MOST_NAMES);
	for (int i = similar->count - 1; i > at; i--)
	{
		similar->names[i] = similar->names[i - 1];
		similar->distances[i] = similar->distances[i - 1];
	}
	similar->names[at] = name;
	similar->distances[at] = distance;
}

static void
find_similar(const char *wanted, const List *names, SimilarNames *similar)
{
	int			limit = pgcopy_similar_limit(wanted);
	ListCell   *lc;

	similar->count = 0;
	foreach(lc, names)
	{
		int			distance = pgcopy_similar_distance(wanted, lfirst(lc), limit);

		CHECK_FOR_INTERRUPTS();
		if (distance <= limit)
			add_name(similar, lfirst(lc), distance);
	}
}

char *
pgcopy_similar_nearest(const char *wanted, const List *names)
{
	SimilarNames similar;

	find_similar(wanted, names, &similar);
	return similar.count > 0 ? similar.names[0] : NULL;
}

char *
pgcopy_similar_hint(const char *wanted, const List *names)
{
	SimilarNames similar;
	StringInfoData text;

	find_similar(wanted, names, &similar);
	if (similar.count == 0)
		return NULL;
	initStringInfo(&text);
	for (int i = 0; i < similar.count && similar.distances[i] <= similar.distances[0] + 1; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "", similar.names[i]);
	return psprintf("Did you mean %s?", text.data);
}
