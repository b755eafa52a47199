/*-------------------------------------------------------------------------
 *
 * chosen.c
 *	  What the leader's job clones: the selection, made by the source's catalogs.
 *
 * It is made before the checks, so that these count only what is cloned, and again
 * under each new snapshot: the catalogs may have changed between.  A resumed job
 * makes it again from its options.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "run/leader.h"
#include "schema/dump_filter.h"
#include "source/conversion.h"
#include "source/inventory.h"
#include "source/listing.h"
#include "source/snapshot.h"

static bool
has_object(const void *arg, Oid class_oid, Oid object_oid)
{
	return pgcopy_selection_has(arg, class_oid, object_oid);
}

static bool
has_rows(const void *arg, Oid relation)
{
	return pgcopy_selection_has_rows(arg, relation);
}

/* Make it, into a memory context of its own. */
static void
make_selection(Leader *leader, SourceSession *session)
{
	MemoryContext caller;

	leader->selection = NULL;
	leader->listing = NIL;
	if (!pgcopy_selection_is_wanted(&leader->job->options))
		return;
	if (leader->selection_context == NULL)
		leader->selection_context = AllocSetContextCreate(leader->context, "pgcopy selection",
														  ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(leader->selection_context);
	caller = MemoryContextSwitchTo(leader->selection_context);
	leader->selection = pgcopy_selection_make(session, &leader->job->options);
	leader->filter = (ObjectFilter) {
		.has = has_object,.has_rows = has_rows,.arg = leader->selection
	};
	leader->listing = pgcopy_listing_relations(session);
	MemoryContextSwitchTo(caller);
}

const char *
pgcopy_chosen_make(Leader *leader)
{
	SourceSession *session = pgcopy_link_session(leader->link);
	bool		is_ours = pgcopy_snapshot_begin_current(session);

	make_selection(leader, session);
	if (is_ours)
		pgcopy_snapshot_release(session);
	return pgcopy_chosen_relations(leader);
}

const char *
pgcopy_chosen_under_snapshot(void *arg, SourceSession *session)
{
	Leader	   *leader = arg;

	make_selection(leader, session);
	return pgcopy_chosen_relations(leader);
}

const ObjectFilter *
pgcopy_chosen_filter(const Leader *leader)
{
	return leader->selection != NULL ? &leader->filter : NULL;
}

const char *
pgcopy_chosen_relations(const Leader *leader)
{
	return leader->selection != NULL ?
		pgcopy_selection_relations(leader->selection) : NULL;
}

bool
pgcopy_chosen_has_large_objects(const Leader *leader)
{
	const JobOptions *options = &leader->job->options;

	return options->large_objects != 0 && (options->exclude & EXCLUDE_LARGE_OBJECTS) == 0 &&
		(leader->selection == NULL || pgcopy_selection_has_large_objects(leader->selection));
}

char *
pgcopy_chosen_relations_with_rows(const Leader *leader)
{
	StringInfoData text;
	ListCell   *lc;

	if (leader->selection == NULL)
		return NULL;
	initStringInfo(&text);
	foreach(lc, leader->listing)
	{
		const ListedObject *object = lfirst(lc);

		if (object->class_oid == RelationRelationId &&
			pgcopy_filter_has(&leader->filter, object->class_oid, object->object_oid) &&
			pgcopy_filter_has_rows(&leader->filter, object->object_oid))
			appendStringInfo(&text, "%c%u", text.len == 0 ? '{' : ',', object->object_oid);
	}
	appendStringInfoString(&text, text.len > 0 ? "}" : "{}");
	return text.data;
}

List *
pgcopy_chosen_dump_filter(const Leader *leader, SourceSession *session)
{
	List	   *names = NIL;
	ListCell   *lc;

	if (leader->selection == NULL)
		return NIL;
	foreach(lc, leader->listing)
	{
		const ListedObject *object = lfirst(lc);
		DumpName   *name = palloc(sizeof(DumpName));
		bool		is_schema = object->class_oid == NamespaceRelationId;

		name->schema = is_schema ? object->name : object->schema;
		name->name = is_schema ? NULL : object->name;

		/* pg_dump knows of a member what to dump, its extension's entry decides */
		name->is_kept = object->is_member ||
			pgcopy_filter_has(&leader->filter, object->class_oid, object->object_oid);
		names = lappend(names, name);
	}
	return pgcopy_dump_filter_make(names, pgcopy_conversion_keeps_characters(session));
}

List *
pgcopy_chosen_unknown(const Leader *leader, SourceSession *session)
{
	List	   *unknown = NIL;
	ListCell   *lc;

	if (leader->selection == NULL)
		return NIL;
	foreach(lc, list_concat_copy(leader->listing, pgcopy_listing_by_name(session)))
	{
		ListedObject *object = lfirst(lc);

		if (object->class_oid != NamespaceRelationId &&
			!(object->class_oid == RelationRelationId && object->is_member) &&
			!pgcopy_filter_has(&leader->filter, object->class_oid, object->object_oid))
			unknown = lappend(unknown, object);
	}
	return unknown;
}

void
pgcopy_chosen_mark(const Leader *leader, List *relations)
{
	ListCell   *lc;

	if (leader->selection == NULL)
		return;
	foreach(lc, relations)
	{
		SourceRelation *relation = lfirst(lc);

		if (!relation->has_data_of_its_own ||
			pgcopy_selection_has_rows(leader->selection, relation->oid))
			continue;
		relation->is_left_empty = relation->lacks_rows = true;
		relation->has_data_of_its_own = false;
		relation->heap_bytes = 0;
		relation->toast_bytes = 0;
		relation->blocks = 0;
	}
	pgcopy_partition_mark_lacking(pgcopy_link_session(leader->link), relations,
								  pgcopy_chosen_relations(leader));
}

List *
pgcopy_chosen_notices(const Leader *leader)
{
	return leader->selection != NULL ? pgcopy_selection_notices(leader->selection) : NIL;
}
