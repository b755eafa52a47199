/*-------------------------------------------------------------------------
 *
 * drift.c
 *	  Compare the source with the plan.
 *
 * Relations are compared by OID, name and columns, definitions by the text
 * that pg_dump writes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "catalog/survey.h"
#include "plan/plan.h"

/* Name at most this many differences. */
#define MOST_NAMES 5

typedef struct Differences
{
	int			count;
	StringInfoData names;
} Differences;

typedef struct TextEntry
{
	uint64		key;
	bool		is_seen;
} TextEntry;

typedef struct OidEntry
{
	Oid			key;
	JobRelation *relation;
	bool		is_seen;
} OidEntry;

static void
add_difference(Differences *found, const char *what, const char *name)
{
	if (found->count++ < MOST_NAMES)
		appendStringInfo(&found->names, "%s%s %s",
						 found->names.len == 0 ? "" : ", ", name, what);
}

static HTAB *
make_table(Size keysize, Size entrysize)
{
	HASHCTL		ctl = {
		.keysize = keysize,.entrysize = entrysize,.hcxt = CurrentMemoryContext
	};

	return hash_create("pgcopy drift", 1024, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* At the end of those of the plan may be some that the inventory does not list. */
static bool
have_same_columns(const JobRelation *planned, List *columns)
{
	ListCell   *x;
	ListCell   *y;

	if (list_length(planned->columns) < list_length(columns))
		return false;
	forboth(x, planned->columns, y, columns)
	{
		if (strcmp(lfirst(x), lfirst(y)) != 0)
			return false;
	}
	for (int i = list_length(columns); i < list_length(planned->columns); i++)
	{
		if (planned->column_expressions == NIL ||
			list_nth(planned->column_expressions, i) == NULL)
			return false;
	}
	return true;
}

static void
compare_relation(HTAB *planned, SourceRelation *source, Differences *found)
{
	OidEntry   *entry = hash_search(planned, &source->oid, HASH_FIND, NULL);
	const char *name = pgcopy_inventory_quoted_name(source);

	if (entry == NULL)
	{
		add_difference(found, "is new", name);
		return;
	}
	entry->is_seen = true;
	if (strcmp(entry->relation->schema, source->schema) != 0 ||
		strcmp(entry->relation->name, source->name) != 0)
		add_difference(found, "was renamed", name);
	else if (entry->relation->relkind != source->relkind ||
			 !have_same_columns(entry->relation, source->columns))
		add_difference(found, "has other columns", name);
}

static void
compare_relations(int64 job, List *relations, Differences *found)
{
	HTAB	   *planned = make_table(sizeof(Oid), sizeof(OidEntry));
	List	   *rows = pgcopy_relation_fetch_range(job, 1, PG_INT32_MAX);
	ListCell   *lc;

	foreach(lc, rows)
	{
		JobRelation *row = lfirst(lc);
		OidEntry   *entry = hash_search(planned, &row->source_oid, HASH_ENTER, NULL);

		entry->relation = row;
		entry->is_seen = false;
	}
	foreach(lc, relations)
		compare_relation(planned, lfirst(lc), found);
	foreach(lc, rows)
	{
		JobRelation *row = lfirst(lc);
		OidEntry   *entry = hash_search(planned, &row->source_oid, HASH_FIND, NULL);

		if (!entry->is_seen)
			add_difference(found, "is gone",
						   psprintf("\"%s\".\"%s\"", row->schema, row->name));
	}
	hash_destroy(planned);
}

static const char *
describe_statement(const DumpStatement *statement)
{
	const char *name = statement->name ? statement->name : statement->table_name;

	return psprintf("%s%s%s", statement->tag, name ? " " : "", name ? name : "");
}

static void
compare_statements(int64 job, List *statements, Differences *found)
{
	HTAB	   *planned = make_table(sizeof(uint64), sizeof(TextEntry));
	uint64	   *hashes;
	char	  **names;
	int			n = pgcopy_survey_statements(job, &hashes, &names);
	ListCell   *lc;

	for (int i = 0; i < n; i++)
	{
		TextEntry  *entry = hash_search(planned, &hashes[i], HASH_ENTER, NULL);

		entry->is_seen = false;
	}
	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);
		uint64		hash = pgcopy_survey_hash(statement->text, statement->length);
		TextEntry  *entry = hash_search(planned, &hash, HASH_FIND, NULL);

		if (entry != NULL)
			entry->is_seen = true;
		else
			add_difference(found, "is new or different", describe_statement(statement));
	}
	for (int i = 0; i < n; i++)
	{
		TextEntry  *entry = hash_search(planned, &hashes[i], HASH_FIND, NULL);

		if (entry->is_seen)
			continue;
		entry->is_seen = true;
		add_difference(found, "is gone or different", names[i]);
	}
	hash_destroy(planned);
}

void
pgcopy_drift_check(int64 job, List *relations, List *statements)
{
	Differences found = {0};

	Assert(IsTransactionState());
	initStringInfo(&found.names);
	compare_relations(job, relations, &found);
	compare_statements(job, statements, &found);
	if (found.count == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source has changed since job " INT64_FORMAT " was planned",
					job),
			 errdetail_plural("%d difference: %s%s.", "%d differences: %s%s.",
							  found.count, found.count, found.names.data,
							  found.count > MOST_NAMES ? " ..." : ""),
			 errhint("Clone again, into an empty database.")));
}
