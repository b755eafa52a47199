/*-------------------------------------------------------------------------
 *
 * here_keys.c
 *	  Foreign keys between tables that exist and are loaded.
 *
 * They are checked while rows arrive, so a table is loaded after those that it
 * references, and one that references itself in one piece.  No order suits a cycle.
 *
 * TRUNCATE empties tables with foreign keys between them only together: all of a
 * tree by one statement.  It never takes along a table that is not loaded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "schema/here_private.h"

/* A table that takes rows, or a partition of one. */
typedef struct MemberEntry
{
	Oid			key;
	int			target;			/* index */
} MemberEntry;

typedef enum VisitState
{
	NOT_VISITED,
	ON_PATH,
	VISITED
} VisitState;

typedef struct KeyGraph
{
	List	   *targets;
	HTAB	   *members;
	List	  **references;		/* per target: indexes of others */
	bool	   *is_own;			/* references itself */
	int		   *tree;			/* per target: another one of its tree, or itself */
	VisitState *visited;
	List	   *path;			/* indexes */
	List	   *cycles;			/* texts */
	List	   *outsiders;		/* texts: keys of tables that are not loaded */
} KeyGraph;

static void
add_member(KeyGraph *graph, Oid relid, int target)
{
	MemberEntry *entry = hash_search(graph->members, &relid, HASH_ENTER, NULL);

	entry->target = target;
}

static KeyGraph *
make_graph(List *targets)
{
	KeyGraph   *graph = palloc0(sizeof(KeyGraph));
	HASHCTL		ctl = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(MemberEntry),
		.hcxt = CurrentMemoryContext
	};
	int			n = Max(list_length(targets), 1);
	ListCell   *lc;
	ListCell   *part;

	graph->targets = targets;
	graph->members = hash_create("pgcopy loaded tables", 1024, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	graph->references = palloc0(sizeof(List *) * n);
	graph->is_own = palloc0(sizeof(bool) * n);
	graph->tree = palloc0(sizeof(int) * n);
	graph->visited = palloc0(sizeof(VisitState) * n);
	foreach(lc, targets)
	{
		HereTarget *target = lfirst(lc);
		int			i = foreach_current_index(lc);

		graph->tree[i] = i;
		add_member(graph, target->relid, i);
		foreach(part, target->relkind == RELKIND_PARTITIONED_TABLE ?
				find_all_inheritors(target->relid, AccessShareLock, NULL) : NIL)
			add_member(graph, lfirst_oid(part), i);
	}
	return graph;
}

static int
find_tree(KeyGraph *graph, int i)
{
	while (graph->tree[i] != i)
		i = graph->tree[i] = graph->tree[graph->tree[i]];
	return i;
}

static void
note_key(KeyGraph *graph, Form_pg_constraint key)
{
	MemberEntry *from = hash_search(graph->members, &key->conrelid, HASH_FIND, NULL);
	MemberEntry *to = hash_search(graph->members, &key->confrelid, HASH_FIND, NULL);

	if (to == NULL)
		return;
	if (from == NULL)
		pgcopy_here_note(&graph->outsiders,
						 psprintf("%s references %s (%s)", pgcopy_here_name(key->conrelid),
								  pgcopy_here_name(key->confrelid),
								  quote_identifier(NameStr(key->conname))));
	else if (from->target == to->target)
		graph->is_own[from->target] = true;
	else
	{
		graph->references[from->target] =
			list_append_unique_int(graph->references[from->target], to->target);
		graph->tree[find_tree(graph, from->target)] = find_tree(graph, to->target);
	}
}

static void
read_keys(KeyGraph *graph)
{
	Relation	catalog = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint key = (Form_pg_constraint) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (key->contype == CONSTRAINT_FOREIGN)
			note_key(graph, key);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

static HereTarget *
get_target(const KeyGraph *graph, int i)
{
	return list_nth(graph->targets, i);
}

/* Describe the end of the path, from "first" on. */
static void
note_cycle(KeyGraph *graph, int first)
{
	StringInfoData text;
	bool		is_in = false;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, graph->path)
	{
		is_in |= lfirst_int(lc) == first;
		if (is_in)
			appendStringInfo(&text, "%s references ",
							 pgcopy_here_name(get_target(graph, lfirst_int(lc))->relid));
	}
	appendStringInfoString(&text, pgcopy_here_name(get_target(graph, first)->relid));
	graph->cycles = lappend(graph->cycles, text.data);
}

/* Look for cycles among the tables that rows come for. */
static void
visit(KeyGraph *graph, int i)
{
	ListCell   *lc;

	if (graph->visited[i] == ON_PATH)
		note_cycle(graph, i);
	if (graph->visited[i] != NOT_VISITED || !get_target(graph, i)->has_rows_to_come)
		return;
	check_stack_depth();
	graph->visited[i] = ON_PATH;
	graph->path = lappend_int(graph->path, i);
	foreach(lc, graph->references[i])
		visit(graph, lfirst_int(lc));
	graph->path = list_delete_last(graph->path);
	graph->visited[i] = VISITED;
}

static int
count_senders_of_rows(const HereTarget *target)
{
	int			count = 0;
	ListCell   *lc;

	foreach(lc, target->senders)
		count += ((SourceRelation *) lfirst(lc))->blocks > 0;
	return count;
}

/* A table that references itself is one item; rows of several cannot be. */
static void
keep_in_one_piece(KeyGraph *graph, int i)
{
	HereTarget *target = get_target(graph, i);
	ListCell   *lc;

	if (!graph->is_own[i])
		return;
	foreach(lc, target->senders)
		((SourceRelation *) lfirst(lc))->in_one_piece = true;
	if (count_senders_of_rows(target) > 1)
		graph->cycles =
			lappend(graph->cycles,
					psprintf("%s references itself, and its rows come from several partitions",
							 pgcopy_here_name(target->relid)));
}

/* Let the senders of a table wait for those of the tables that it references. */
static void
set_order(KeyGraph *graph, int i)
{
	List	   *needed = NIL;
	ListCell   *lc;
	ListCell   *sender;

	foreach(lc, graph->references[i])
	{
		foreach(sender, get_target(graph, lfirst_int(lc))->senders)
			needed = lappend_oid(needed, ((SourceRelation *) lfirst(sender))->oid);
	}
	foreach(sender, get_target(graph, i)->senders)
		((SourceRelation *) lfirst(sender))->config_references = needed;
}

static List *
check_order(KeyGraph *graph)
{
	static const Finding cycle = {
		.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		.message = "%d cycles of foreign keys leave no order to load tables in",
		.detail = "Cycles",
		.hint = "Drop one of the foreign keys here first; sections => '{post-data}' creates it again when the rows are there."
	};

	for (int i = 0; i < list_length(graph->targets); i++)
	{
		visit(graph, i);
		keep_in_one_piece(graph, i);
		set_order(graph, i);
	}
	return pgcopy_here_report(graph->cycles, &cycle,
							  "%d cycle of foreign keys leaves no order to load tables in");
}

/* Append a table to the statement of its tree, or begin one. */
static void
add_to_tree(KeyGraph *graph, HereTree **tree_of, int i)
{
	HereTarget *target = get_target(graph, i);
	HereTree  **tree = &tree_of[find_tree(graph, i)];
	const char *only = target->relkind == RELKIND_RELATION ? "ONLY " : "";
	char	   *name = pgcopy_here_name(target->relid);

	if (*tree != NULL)
	{
		(*tree)->sql = psprintf("%s, %s%s", (*tree)->sql, only, name);
		return;
	}
	*tree = palloc0(sizeof(HereTree));
	(*tree)->schema = get_namespace_name(get_rel_namespace(target->relid));
	(*tree)->name = get_rel_name(target->relid);
	(*tree)->sql = psprintf("TRUNCATE TABLE %s%s", only, name);
}

static List *
make_trees(KeyGraph *graph)
{
	int			n = list_length(graph->targets);
	HereTree  **tree_of = palloc0(sizeof(HereTree *) * Max(n, 1));
	List	   *trees = NIL;

	for (int i = 0; i < n; i++)
		add_to_tree(graph, tree_of, i);
	for (int i = 0; i < n; i++)
	{
		if (tree_of[i] != NULL)
			trees = lappend(trees, tree_of[i]);
	}
	return trees;
}

List *
pgcopy_here_keys_check(const HereRequest *request, List *targets, List **trees)
{
	static const Finding outsider = {
		.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		.message = "cannot empty tables that are referenced by %d foreign keys of tables that are not loaded",
		.detail = "Foreign keys",
		.hint = "Load these tables too, drop the foreign keys, or use append => true."
	};
	KeyGraph   *graph = make_graph(targets);
	List	   *findings;

	read_keys(graph);
	findings = check_order(graph);
	if (!request->truncates)
		return findings;
	*trees = make_trees(graph);
	return list_concat(findings,
					   pgcopy_here_report(graph->outsiders, &outsider,
										  "cannot empty tables that are referenced by %d foreign key of a table that is not loaded"));
}
