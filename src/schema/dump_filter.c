/*-------------------------------------------------------------------------
 *
 * dump_filter.c
 *	  Tell pg_dump by name which schemas and relations to leave out.
 *
 * Few patterns stand for many names (name_pattern.c): for the schemas that are left
 * out whole, and for the relations left out of each other schema.  Schemas with the
 * same pattern share it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/hsearch.h"

#include "schema/dump_filter.h"
#include "schema/name_pattern.h"

/* What all switches may be long together: the kernel allows 2 MB at least. */
#define MOST_SWITCHES (1536 * 1024)

/* A pattern for relations, and the schemas in which it leaves some out. */
typedef struct SharedPattern
{
	const char *pattern;		/* key */
	List	   *schemas;
} SharedPattern;

typedef struct Filter
{
	bool		is_exact;
	List	   *shared;			/* SharedPattern * */
	HTAB	   *by_pattern;
	List	   *switches;
	int64		bytes;
} Filter;

typedef struct PatternEntry
{
	char	   *key;
	SharedPattern *shared;
} PatternEntry;

static uint32
hash_pattern(const void *key, Size keysize)
{
	const char *pattern = *(const char *const *) key;

	return string_hash(pattern, strlen(pattern) + 1);
}

static int
match_patterns(const void *a, const void *b, Size keysize)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static HTAB *
make_hash(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(char *),.entrysize = sizeof(PatternEntry),
		.hash = hash_pattern,.match = match_patterns,.hcxt = CurrentMemoryContext
	};

	return hash_create("pgcopy patterns", 256, &ctl,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

static void
share_pattern(Filter *filter, char *pattern, const char *schema)
{
	bool		is_found;
	PatternEntry *entry = hash_search(filter->by_pattern, &pattern, HASH_ENTER, &is_found);

	if (!is_found)
	{
		entry->shared = palloc0(sizeof(SharedPattern));
		entry->shared->pattern = pattern;
		filter->shared = lappend(filter->shared, entry->shared);
	}
	entry->shared->schemas = lappend(entry->shared->schemas, unconstify(char *, schema));
}

static void
add_switch(Filter *filter, char *text)
{
	filter->bytes += strlen(text) + sizeof(char *) + 1;
	if (filter->bytes > MOST_SWITCHES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many tables are left out to tell pg_dump their names"),
				 errdetail("Their names take more than %d kB.", MOST_SWITCHES / 1024),
				 errhint("Leave out whole schemas, or include fewer tables.")));
	filter->switches = lappend(filter->switches, text);
}

/* Leave out relations of one schema. */
static void
filter_relations(Filter *filter, const char *schema, List *kept, List *left)
{
	ListCell   *lc;

	foreach(lc, pgcopy_name_pattern_make_shorter(kept, left, filter->is_exact))
		share_pattern(filter, lfirst(lc), schema);
}

/* Leave out schemas.  Privileges on what is in pg_catalog are dumped. */
static void
filter_schemas(Filter *filter, List *kept, List *left)
{
	ListCell   *lc;

	kept = lappend(list_copy(kept), "pg_catalog");
	foreach(lc, pgcopy_name_pattern_make_shorter(kept, left, filter->is_exact))
		add_switch(filter, psprintf("--exclude-schema=%s", (char *) lfirst(lc)));
}

static void
add_shared(Filter *filter)
{
	ListCell   *lc;

	foreach(lc, filter->shared)
	{
		SharedPattern *shared = lfirst(lc);
		ListCell   *schema;

		foreach(schema, pgcopy_name_pattern_make(shared->schemas, false))
			add_switch(filter, psprintf("--exclude-table=%s.%s",
										(char *) lfirst(schema), shared->pattern));
	}
}

static int
compare_dump_names(const ListCell *a, const ListCell *b)
{
	const DumpName *x = lfirst(a);
	const DumpName *y = lfirst(b);
	int			order = strcmp(x->schema, y->schema);

	if (order != 0)
		return order;
	return (x->name != NULL) - (y->name != NULL);	/* schemas before what they hold */
}

List *
pgcopy_dump_filter_make(List *names, bool is_exact)
{
	Filter		filter = {.is_exact = is_exact};
	List	   *sorted = list_copy(names);
	List	   *schemas[2] = {NIL, NIL};	/* left, kept */
	List	   *relations[2] = {NIL, NIL};
	const DumpName *schema = NULL;
	ListCell   *lc;

	filter.by_pattern = make_hash();
	list_sort(sorted, compare_dump_names);
	foreach(lc, sorted)
	{
		const DumpName *name = lfirst(lc);

		if (name->name == NULL)
		{
			schema = name;
			schemas[name->is_kept] = lappend(schemas[name->is_kept],
											 unconstify(char *, name->schema));
		}
		else if (schema != NULL && schema->is_kept)
			relations[name->is_kept] = lappend(relations[name->is_kept],
											   unconstify(char *, name->name));
		if (lnext(sorted, lc) != NULL &&
			strcmp(((DumpName *) lfirst(lnext(sorted, lc)))->schema, name->schema) == 0)
			continue;
		filter_relations(&filter, name->schema, relations[true], relations[false]);
		relations[false] = relations[true] = NIL;
	}
	filter_schemas(&filter, schemas[true], schemas[false]);
	add_shared(&filter);
	hash_destroy(filter.by_pattern);
	return filter.switches;
}
