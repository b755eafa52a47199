/*-------------------------------------------------------------------------
 *
 * chosen.c
 *	  What the leader's job clones: the selection, made by the source's catalogs.
 *
 * It is made before the checks, so that these count only what is cloned, and again
 * under each new snapshot: the catalogs may have changed between.  A resumed job
 * makes it again from its options if it takes a new snapshot, and knows its relations
 * otherwise.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_subscription.h"
#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/notice.h"
#include "catalog/relation.h"
#include "run/leader.h"
#include "schema/dump.h"
#include "schema/dump_filter.h"
#include "select/agree.h"
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
	bool		is_ours = pgcopy_selection_is_wanted(&leader->job->options) &&
		pgcopy_snapshot_begin_current(session);

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

const char *
pgcopy_chosen_planned(const Leader *leader)
{
	StringInfoData text;
	ListCell   *lc;

	if (!pgcopy_selection_is_wanted(&leader->job->options))
		return NULL;
	initStringInfo(&text);
	foreach(lc, pgcopy_relation_fetch_range(leader->job->id, 1, PG_INT32_MAX))
		appendStringInfo(&text, "%c%u", text.len == 0 ? '{' : ',',
						 ((JobRelation *) lfirst(lc))->source_oid);
	appendStringInfoString(&text, text.len > 0 ? "}" : "{}");
	return text.data;
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

int
pgcopy_chosen_exclusions(const Leader *leader)
{
	int			exclude = leader->job->options.exclude;

	/* all or none: an ordinary role cannot see them */
	if (!pgcopy_filter_has(pgcopy_chosen_filter(leader), SubscriptionRelationId, InvalidOid))
		exclude |= EXCLUDE_SUBSCRIPTIONS;
	return exclude;
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
	pgcopy_agree_selection(leader->selection, relations);
	foreach(lc, relations)
	{
		SourceRelation *relation = lfirst(lc);

		if (!relation->has_data_of_its_own ||
			pgcopy_selection_has_rows(leader->selection, relation->oid))
			continue;
		relation->is_left_empty = true;
		relation->has_data_of_its_own = false;
		relation->heap_bytes = 0;
		relation->toast_bytes = 0;
		relation->blocks = 0;
	}
}

/* Is a statement about one of these entries, a comment on it? */
static bool
is_about(const DumpStatement *statement, const Bitmapset *entries)
{
	ListCell   *lc;

	if (OidIsValid(statement->class_oid))
		return false;
	foreach(lc, statement->dependencies)
	{
		if (bms_is_member(lfirst_int(lc), entries))
			return true;
	}
	return false;
}

/* Must a foreign key stay NOT VALID? */
static bool
is_unvalidated(const Leader *leader, const DumpStatement *statement)
{
	return statement->class == STATEMENT_FOREIGN_KEY && statement->wants_validation &&
		pgcopy_selection_foreign_key_is_unvalidated(leader->selection, statement->object_oid);
}

/* pg_dump adds a key of a partitioned table without ONLY. */
static bool
is_of_partitioned(const DumpStatement *statement)
{
	static const char only[] = "ALTER TABLE ONLY ";

	return statement->length < strlen(only) ||
		memcmp(statement->text, only, strlen(only)) != 0;
}

/* A partitioned table cannot have a key that is NOT VALID. */
static void
tell_left_key(const Leader *leader, const DumpStatement *statement)
{
	pgcopy_notice_tell(leader->job->id,
					   psprintf("foreign key %s on %s", quote_identifier(statement->name),
								quote_qualified_identifier(statement->table_schema,
														   statement->table_name)),
					   psprintf("left out: rows of %s are left out, and a foreign key of a partitioned table cannot stay NOT VALID",
								quote_qualified_identifier(statement->referenced_schema,
														   statement->referenced_name)),
					   NULL);
}

List *
pgcopy_chosen_release_keys(const Leader *leader, List *statements)
{
	List	   *kept = NIL;
	Bitmapset  *gone = NULL;
	ListCell   *lc;

	/* what is followed loses the rows that would violate them */
	if (leader->selection == NULL ||
		leader->job->options.referential == REFERENTIAL_FOLLOW)
		return statements;
	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (is_unvalidated(leader, statement))
		{
			statement->wants_validation = false;
			if (is_of_partitioned(statement))
			{
				tell_left_key(leader, statement);
				gone = bms_add_member(gone, statement->toc_id);
				continue;
			}
		}
		if (!is_about(statement, gone))
			kept = lappend(kept, statement);
	}
	bms_free(gone);
	return kept;
}

List *
pgcopy_chosen_notices(const Leader *leader)
{
	return leader->selection != NULL ? pgcopy_selection_notices(leader->selection) : NIL;
}
