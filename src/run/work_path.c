/*-------------------------------------------------------------------------
 *
 * work_path.c
 *	  The search_path that an item runs under.
 *
 * It is empty, as in pg_dump's text.  Functions of CHECKs, generated columns,
 * indexes and views may name things without a schema all the same.  An item
 * that does not find something runs again under the path that sessions of the
 * source have, and goes on doing so, in a resumed job too.
 *
 * The option search_path takes the place of the source's path.  What evaluates
 * without text of the dump runs under it at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/compat.h"
#include "base/path.h"
#include "base/retry.h"
#include "catalog/notice.h"
#include "run/work.h"

static bool
is_given(const Job *job)
{
	return job->options.search_path[0] != '\0';
}

/* The path beside the empty one, as it is written; NULL if there is none. */
static const char *
find_path(const Job *job)
{
	return is_given(job) ? job->options.search_path : job->source_search_path;
}

char *
pgcopy_work_path_choose(const Job *job, const JobItem *item)
{
	const char *path = find_path(job);

	if (path == NULL)
		return NULL;
	if (item->with_path ||
		(is_given(job) && pgcopy_item_kind_traits(item->kind)->evaluates))
		return pgcopy_path_make_safe(path);
	return NULL;
}

bool
pgcopy_work_path_is_left(const Job *job, const JobItem *item)
{
	return find_path(job) != NULL && pgcopy_work_path_choose(job, item) == NULL;
}

bool
pgcopy_work_path_switch(const Job *job, const JobItem *item, RetryNeed need)
{
	if (need != NEED_OBJECTS)
		return false;
	if (pgcopy_work_path_is_left(job, item))
	{
		pgcopy_item_set_with_path(job->id, item->no, true);
		return true;
	}
	if (item->with_path)
		pgcopy_item_set_with_path(job->id, item->no, false);
	return false;
}

void
pgcopy_work_path_tell(const Job *job, const JobItem *item)
{
	const char *object = item->name;

	if (!item->with_path)
		return;
	if (item->schema != NULL && item->name != NULL)
		object = quote_qualified_identifier(item->schema, item->name);
	pgcopy_notice_tell(job->id, object,
					   psprintf("%s needs a search_path: done under %s, %s",
								pgcopy_work_describe(item),
								is_given(job) ? "the one given" : "that of the source",
								find_path(job)),
					   "ALTER FUNCTION ... SET search_path makes a function independent of it.");
}

/* Servers from 17 on set a path of their own for what they maintain. */
static bool
is_path_ignored(const JobItem *item)
{
	return COMPAT_MAINTAINS_UNDER_SAFE_PATH && item->kind != ITEM_TABLE &&
		pgcopy_item_kind_traits(item->kind)->evaluates;
}

const ErrorData *
pgcopy_work_path_hint(const Job *job, const JobItem *item,
					  const ErrorData *error)
{
	char	   *path = pgcopy_work_path_choose(job, item);
	ErrorData  *copy;

	if (path == NULL || pgcopy_retry_need(error->sqlerrcode) != NEED_OBJECTS)
		return error;
	copy = palloc(sizeof(ErrorData));
	*copy = *error;
	if (is_path_ignored(item))
		copy->hint = "This server evaluates it under its own search_path: ALTER FUNCTION ... SET search_path on the source helps.";
	else
		copy->hint = psprintf("It ran under search_path %s: if a function does not find something, give its schema by search_path => '...' of pgcopy_clone(), or by ALTER FUNCTION ... SET search_path on the source.",
							  find_path(job));
	return copy;
}
