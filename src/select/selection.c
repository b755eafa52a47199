/*-------------------------------------------------------------------------
 *
 * selection.c
 *	  Which objects of the source a job clones.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_am.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_default_acl.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_language.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_transform.h"
#include "catalog/pg_user_mapping.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "select/graph.h"

bool
pgcopy_selection_is_wanted(const JobOptions *options)
{
	return options->include_schemas != NIL || options->exclude_schemas != NIL ||
		options->include_tables != NIL || options->exclude_tables != NIL ||
		options->exclude_table_data != NIL || options->exclude_indexes != NIL ||
		options->include_extensions != NIL || options->exclude_extensions != NIL ||
		options->exclude != 0;
}

static void
check_large_objects(const JobOptions *options)
{
	if (options->large_objects == true && (options->exclude & EXCLUDE_LARGE_OBJECTS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("large_objects and exclude contradict each other"),
				 errdetail("One asks for large objects, the other leaves them out."),
				 errhint("Leave one of the two out.")));
}

static char *
make_kept_relations(const Selection *selection)
{
	StringInfoData oids;
	ListCell   *lc;

	initStringInfo(&oids);
	appendStringInfoChar(&oids, '{');
	foreach(lc, selection->relations)
	{
		const GraphNode *node = lfirst(lc);

		if (node->is_kept)
			appendStringInfo(&oids, "%s%u", oids.len > 1 ? "," : "", node->key.oid);
	}
	appendStringInfoChar(&oids, '}');
	return oids.data;
}

Selection *
pgcopy_selection_make(SourceSession *session, const JobOptions *options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy selection",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Selection  *selection = palloc0(sizeof(Selection));

	selection->context = context;
	selection->options = memcpy(palloc(sizeof(JobOptions)), options, sizeof(JobOptions));
	selection->has_includes = options->include_schemas != NIL || options->include_tables != NIL;
	check_large_objects(options);
	pgcopy_match_options(selection, session);
	pgcopy_closure_run(selection);
	pgcopy_left_rows_decide(selection);
	pgcopy_consequences_tell(selection, session);
	selection->kept_relations = make_kept_relations(selection);
	MemoryContextSwitchTo(caller);
	return selection;
}

/* What the graph does not know: all or nothing of a kind. */
static bool
has_unknown(const Selection *selection, Oid class_oid)
{
	int			exclude = selection->options->exclude;

	switch (class_oid)
	{
		case SubscriptionRelationId:
			return !selection->has_includes && !(exclude & EXCLUDE_SUBSCRIPTIONS);
		case LargeObjectRelationId:
		case LargeObjectMetadataRelationId:
			return pgcopy_selection_has_large_objects(selection);
		case CastRelationId:
		case LanguageRelationId:
		case ForeignDataWrapperRelationId:
		case ForeignServerRelationId:
		case EventTriggerRelationId:
		case AccessMethodRelationId:
		case TransformRelationId:
		case DefaultAclRelationId:
		case PublicationRelationId:
			return !selection->has_includes;
	}
	return true;
}

bool
pgcopy_selection_has(const Selection *selection, Oid class_oid, Oid object_oid)
{
	const GraphNode *node;

	if (selection == NULL || !OidIsValid(class_oid))
		return true;
	if (class_oid == UserMappingRelationId && (selection->options->exclude & EXCLUDE_USER_MAPPINGS))
		return false;
	node = pgcopy_graph_find(selection, class_oid, object_oid);
	return node != NULL ? node->is_kept : has_unknown(selection, class_oid);
}

bool
pgcopy_selection_has_rows(const Selection *selection, Oid relation)
{
	const GraphNode *node;

	if (selection == NULL)
		return true;
	node = pgcopy_graph_find(selection, RelationRelationId, relation);
	return node != NULL && node->kind == NODE_RELATION && node->is_kept && !node->has_no_rows;
}

bool
pgcopy_selection_has_large_objects(const Selection *selection)
{
	const JobOptions *options;

	if (selection == NULL)
		return true;
	options = selection->options;
	if (options->exclude & EXCLUDE_LARGE_OBJECTS)
		return false;
	if (options->large_objects != LARGE_OBJECTS_AUTO)
		return options->large_objects;
	return !selection->has_includes;
}

bool
pgcopy_selection_foreign_key_is_unvalidated(const Selection *selection, Oid constraint)
{
	const GraphNode *node;

	if (selection == NULL)
		return false;
	node = pgcopy_graph_find(selection, ConstraintRelationId, constraint);
	return node != NULL && node->is_unvalidated;
}

const char *
pgcopy_selection_relations(const Selection *selection)
{
	return selection != NULL ? selection->kept_relations : NULL;
}

static int
compare_relations(const ListCell *a, const ListCell *b)
{
	const SelectedRelation *x = lfirst(a);
	const SelectedRelation *y = lfirst(b);
	int			order = strcmp(x->schema, y->schema);

	return order != 0 ? order : strcmp(x->name, y->name);
}

List *
pgcopy_selection_dump_relations(const Selection *selection)
{
	List	   *relations = NIL;
	ListCell   *lc;

	foreach(lc, selection->relations)
	{
		const GraphNode *node = lfirst(lc);
		SelectedRelation *relation;

		if (node->extension != NULL || node->schema == NULL)
			continue;
		relation = palloc(sizeof(SelectedRelation));
		relation->oid = node->key.oid;
		relation->schema = pstrdup(node->schema->name);
		relation->name = pstrdup(node->name);
		relation->is_kept = node->is_kept;
		relations = lappend(relations, relation);
	}
	list_sort(relations, compare_relations);
	return relations;
}

List *
pgcopy_selection_notices(const Selection *selection)
{
	return selection != NULL ? selection->notices : NIL;
}
