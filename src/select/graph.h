/*-------------------------------------------------------------------------
 *
 * graph.h
 *	  The source's objects and what they need, for select/ only.
 *
 * A node is an object.  An edge says that one object cannot be without another:
 * what pg_depend says, and the reverse for parts that cannot be left out of what
 * they belong to (a view's query, a column's default, a member of an extension).
 * Parts that can be left out, such as indexes, have an owner instead.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_GRAPH_H
#define PGCOPY_GRAPH_H

#include "nodes/pg_list.h"
#include "select/selection.h"
#include "utils/hsearch.h"

/* What a node is, as far as a selection treats it differently. */
typedef enum NodeKind
{
	NODE_HIDDEN,				/* of another object: its row type, a default ... */
	NODE_SCHEMA,
	NODE_RELATION,				/* r p v m f S */
	NODE_INDEX,
	NODE_CONSTRAINT,			/* p u x f; checks are hidden */
	NODE_TRIGGER,
	NODE_RULE,					/* but those of views */
	NODE_POLICY,
	NODE_STATISTICS,
	NODE_MEMBER,				/* of a publication */
	NODE_EXTENSION,
	NODE_SUPPORT,				/* all others that have a schema */
	NODE_DATABASE_WIDE			/* all others that have none */
} NodeKind;

typedef struct NodeKey
{
	Oid			class_oid;
	Oid			oid;
} NodeKey;

typedef struct GraphNode GraphNode;
typedef struct Edge Edge;

struct Edge
{
	GraphNode	   *node;
	Edge	   *next;
	bool		is_ownership;	/* of a sequence that only belongs to a table's column */
};

struct GraphNode
{
	NodeKey		key;
	NodeKind	kind;
	char		subkind;		/* relkind, contype; 0: none */
	bool		is_partition;
	bool		is_partial;		/* a constraint of a partition: goes with its parent's */
	const char *name;			/* of schemas, relations, indexes, extensions */
	GraphNode	   *schema;			/* NULL: none, or one of the system */
	GraphNode	   *owner;			/* what this part belongs to */
	GraphNode	   *extension;		/* that it is a member of */
	GraphNode	   *parent;			/* of a partition */
	GraphNode	   *index;			/* of a constraint */
	GraphNode	   *references;		/* the table that a foreign key references */
	Edge	   *needs;
	Edge	   *needed_by;
	List	   *partitions;		/* GraphNode *: its own, not theirs */

	/* what is asked for */
	bool		is_own;			/* this extension on the source, or needs it */
	bool		is_visible;		/* a relation that is found without its schema;
								 * a schema that was asked for */
	bool		is_wanted;		/* to be cloned, unless it is excluded */
	bool		is_named;		/* by an include_* without a wildcard */
	bool		is_excluded;	/* by an option */
	bool		is_unwanted;	/* gone, unless a table needs it */

	/* what comes of it */
	bool		is_rescued;		/* unwanted, but a table needs it */
	bool		is_gone;
	bool		is_kept;
	bool		descends;		/* a partitioned table whose partitions are kept */
	bool		has_no_rows;	/* exclude_table_data */
	bool		is_unvalidated; /* a foreign key */
	int			visit;			/* of a search */
	GraphNode	   *cause;			/* why it is gone, */
	GraphNode	   *taken_by;		/* or kept */
};

struct Selection
{
	MemoryContext context;		/* owns all of it */
	const JobOptions *options;
	HTAB	   *nodes;			/* GraphNode */
	List	   *all;			/* the same, in the order of reading */
	List	   *relations;		/* those of NODE_RELATION */
	List	   *indexes;
	List	   *schemas;
	List	   *extensions;
	bool		has_includes;	/* of schemas or tables */
	List	   *notices;
	char	   *kept_relations;	/* text of an oid[] */
};

/* graph.c: nodes are found or made; an edge's node is never itself. */
extern HTAB *pgcopy_graph_make(void);
extern GraphNode *pgcopy_graph_enter(Selection *selection, Oid class_oid, Oid oid,
									 NodeKind kind);
extern void pgcopy_graph_add_edge(Selection *selection, GraphNode *from, GraphNode *to,
								  bool is_ownership);
/* Order all nodes by their keys, so that nothing depends on how the source stores its catalogs. */
extern void pgcopy_graph_sort(Selection *selection);
extern GraphNode *pgcopy_graph_find(const Selection *selection, Oid class_oid, Oid oid);

/* read.c: read the source's objects; depend.c: what they need. */
extern void pgcopy_read_objects(Selection *selection, SourceSession *session);
extern void pgcopy_depend_read(Selection *selection, SourceSession *session);

/* match.c: find what the options name.  Throws for what they do not find. */
extern void pgcopy_match_options(Selection *selection, SourceSession *session);

/* closure.c: decide what is gone and what is kept. */
extern void pgcopy_closure_run(Selection *selection);
/* parts.c: the same for parts that can be left out. */
extern void pgcopy_parts_keep(Selection *selection);
/* Keep a node and all it needs; the needs are not gone. */
extern void pgcopy_closure_keep(Selection *selection, GraphNode *node, GraphNode *taken_by);

/* consequences.c: throw for what is half, make the notices. */
extern void pgcopy_consequences_tell(Selection *selection, SourceSession *session);

/* left_rows.c: whose rows are left out, and what that means for foreign keys. */
extern void pgcopy_left_rows_decide(Selection *selection);

static inline bool
pgcopy_node_is_sequence(const GraphNode *node)
{
	return node->kind == NODE_RELATION && node->subkind == 'S';
}

/* Does it have rows, or stand for such? */
static inline bool
pgcopy_node_is_table(const GraphNode *node)
{
	return node->kind == NODE_RELATION && strchr("rpf", node->subkind) != NULL;
}

/* A part that can be left out. */
static inline bool
pgcopy_node_is_part(const GraphNode *node)
{
	return node->kind >= NODE_INDEX && node->kind <= NODE_MEMBER;
}

#endif							/* PGCOPY_GRAPH_H */
