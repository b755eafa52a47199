/*-------------------------------------------------------------------------
 *
 * depend.c
 *	  Read what the source's objects need into a graph.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_user_mapping.h"
#include "miscadmin.h"

#include "select/arrays.h"
#include "select/graph.h"
#include "source/own.h"

/* More levels of partitions than anybody has. */
#define DEEPEST_TREE 1000

#define CLASS(catalog) "'pg_catalog." catalog "'::pg_catalog.regclass::pg_catalog.oid"

/*
 * Schemas are known from their objects, and what constraints belong to from these.
 * DEPENDS ON EXTENSION is no need.  In order: of several that need an object, the
 * same one is named each time.
 */
static const char depend_sql[] =
"SELECT " ARRAY_OF("d.classid") ", " ARRAY_OF("d.objid") ","
" " ARRAY_OF("d.refclassid") ", " ARRAY_OF("d.refobjid") ","
" " LETTERS_OF("d.deptype::pg_catalog.text")
" FROM (SELECT * FROM pg_catalog.pg_depend ORDER BY objid, refobjid) AS d"
" WHERE d.objid >= 16384 AND d.refobjid >= 16384 AND d.deptype NOT IN ('p', 'x')"
" AND d.refclassid <> " CLASS("pg_namespace")
" AND NOT (d.classid = " CLASS("pg_constraint") " AND d.deptype = 'a')"
" AND NOT (d.classid = " CLASS("pg_trigger") " AND d.deptype = 'i')"
" AND NOT (d.classid = " CLASS("pg_class") " AND d.refclassid = " CLASS("pg_constraint") ")";

static const char partitions_sql[] =
"SELECT " ARRAY_OF("i.inhrelid") ", " ARRAY_OF("i.inhparent")
" FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid"
" WHERE c.relispartition";

/* The rest of pg_depend that is about objects that go with others. */
static GraphNode *
find_end(Selection *selection, Oid class_oid, Oid oid)
{
	GraphNode  *node = pgcopy_graph_find(selection, class_oid, oid);

	if (node != NULL)
		return node->is_partial ? NULL : node;
	/* a temporary table, TOAST; a trigger of a foreign key */
	if (class_oid == RelationRelationId || class_oid == TriggerRelationId)
		return NULL;
	return pgcopy_graph_enter(selection, class_oid, oid, NODE_HIDDEN);
}

/*
 * Can "to" not be without this part of it?  A view without its query, a column
 * without its default ...
 */
static bool
is_inseparable(const GraphNode *from, char deptype)
{
	if (deptype == 'i' || deptype == 'e')
		return true;
	if (from->key.class_oid == UserMappingRelationId)
		return true;
	return deptype == 'a' && from->kind == NODE_HIDDEN &&
		(from->key.class_oid == AttrDefaultRelationId ||
		 from->key.class_oid == AccessMethodOperatorRelationId ||
		 from->key.class_oid == AccessMethodProcedureRelationId);
}

static void
add_dependency(Selection *selection, GraphNode *from, GraphNode *to, char deptype)
{
	bool		is_owned = deptype == 'a' && pgcopy_node_is_sequence(from) &&
		to->kind == NODE_RELATION;

	if (deptype == 'e')
		from->extension = to;
	/* the constructor of a range type, its cast to multiranges */
	if (deptype == 'i' && (from->kind == NODE_SUPPORT || from->kind == NODE_DATABASE_WIDE))
		from->kind = NODE_HIDDEN;
	if (is_owned || (deptype == 'i' && pgcopy_node_is_sequence(from)))
		from->owner = to;
	pgcopy_graph_add_edge(selection, from, to, is_owned);
	if (is_owned || is_inseparable(from, deptype))
		pgcopy_graph_add_edge(selection, to, from, is_owned);
}

static void
read_dependencies(Selection *selection, SourceSession *session)
{
	ArrayColumns columns;

	pgcopy_arrays_query(&columns, session, depend_sql, "oooo1");
	for (int i = 0; i < columns.n; i++)
	{
		GraphNode  *from = find_end(selection, columns.oids[0][i], columns.oids[1][i]);
		GraphNode  *to = find_end(selection, columns.oids[2][i], columns.oids[3][i]);

		if (from != NULL && to != NULL)
			add_dependency(selection, from, to, columns.letters[i]);
	}
	pgcopy_rows_free(columns.rows);
}

static GraphNode *
find_relation(const Selection *selection, Oid oid)
{
	return pgcopy_graph_find(selection, RelationRelationId, oid);
}

static void
read_partitions(Selection *selection, SourceSession *session)
{
	ArrayColumns columns;

	pgcopy_arrays_query(&columns, session, partitions_sql, "oo");
	for (int i = 0; i < columns.n; i++)
	{
		GraphNode  *child = find_relation(selection, columns.oids[0][i]);
		GraphNode  *parent = find_relation(selection, columns.oids[1][i]);

		if (child == NULL || parent == NULL || child->kind != parent->kind)
			continue;
		if (child->parent != NULL)
			pgcopy_rows_throw(columns.rows, "It has a partition of two tables.");
		child->parent = parent;
		/* an index has no choice to hand down */
		if (child->kind == NODE_RELATION)
			parent->partitions = lappend(parent->partitions, child);
	}
	pgcopy_rows_free(columns.rows);
}

/* Trees are searched by recursion, so they are no circle and not deep. */
static void
check_partitions(const Selection *selection)
{
	ListCell   *lc;

	foreach(lc, selection->relations)
	{
		const GraphNode *node = lfirst(lc);
		int			depth = 0;

		CHECK_FOR_INTERRUPTS();
		for (const GraphNode *parent = node->parent; parent != NULL; parent = parent->parent)
		{
			if (++depth > DEEPEST_TREE)
				ereport(ERROR,
						(errcode(ERRCODE_PROTOCOL_VIOLATION),
						 errmsg("the source has partitions of more than %d levels", DEEPEST_TREE)));
		}
	}
}

static void
note_own(Selection *selection, SourceSession *session)
{
	const SourceOwn *own = pgcopy_own_read(session);
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		node->is_own = pgcopy_own_has(own, node->key.class_oid, node->key.oid);
	}
}

void
pgcopy_depend_read(Selection *selection, SourceSession *session)
{
	read_dependencies(selection, session);
	read_partitions(selection, session);
	check_partitions(selection);
	note_own(selection, session);
	pgcopy_graph_sort(selection);
}
