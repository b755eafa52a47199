/*-------------------------------------------------------------------------
 *
 * consequences.c
 *	  Tell what is left out because of something else, and what comes along.
 *
 * One notice each for what was asked for, or is a part of what is kept, and for
 * what comes from a schema that was not asked for.  Nothing is told of what an
 * option names, and of what goes with its owner without saying: the indexes of a
 * table, the partitions, the members of an extension.
 *
 * What a user has included by name, and tables over an excluded extension, are
 * errors instead.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/finding.h"
#include "select/graph.h"

typedef enum ConsequenceKind
{
	LEFT_OUT,
	HALF,
	TAKEN_ALONG,
	NOT_VALIDATED,
	NOT_IDENTIFIED				/* published without its primary key */
} ConsequenceKind;

typedef struct Consequence
{
	ConsequenceKind kind;
	GraphNode  *node;
	GraphNode  *cause;
} Consequence;

/* What an object is called. */
typedef struct Description
{
	const char *kind;			/* "foreign key" */
	const char *identity;		/* "orders_customer_fkey on public.orders" */
} Description;

static const char describe_sql[] =
"SELECT i.type, i.identity FROM ROWS FROM ("
" pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[]))"
" WITH ORDINALITY AS u(classid, objid, place)"
" CROSS JOIN LATERAL pg_catalog.pg_identify_object(u.classid, u.objid, 0) AS i"
" ORDER BY u.place";

/* Return what people know: a table instead of its row type. */
static GraphNode *
find_known(GraphNode *node)
{
	int			steps = 0;

	while (node != NULL && node->kind == NODE_HIDDEN && ++steps < 1000)
	{
		if (node->cause != NULL)
			node = node->cause;
		else if (node->taken_by != NULL)
			node = node->taken_by;
		else
			node = node->owner;
	}
	return node != NULL && node->extension != NULL ? node->extension : node;
}

/* Return the excluded object at the end of the causes. */
static GraphNode *
find_root(GraphNode *node)
{
	int			steps = 0;

	while (!node->is_excluded && node->cause != NULL && ++steps < 1000000)
		node = node->cause;
	return node;
}

/* Return what has brought an extension here, which is not one of its members. */
static GraphNode *
find_taker(GraphNode *node)
{
	GraphNode  *taker = node->taken_by;
	int			steps = 0;

	while (taker != NULL && taker->extension == node && ++steps < 1000000)
		taker = taker->taken_by;
	return taker;
}

static void
add(List **consequences, ConsequenceKind kind, GraphNode *node, GraphNode *cause)
{
	Consequence *consequence = palloc(sizeof(Consequence));

	consequence->kind = kind;
	consequence->node = node;
	consequence->cause = find_known(cause);
	if (consequence->cause != NULL)
		*consequences = lappend(*consequences, consequence);
}

/* Is it a table that needs what an excluded extension has? */
static bool
needs_excluded_extension(GraphNode *node)
{
	GraphNode  *cause = find_known(node->cause);

	return pgcopy_node_is_table(node) && cause != NULL &&
		cause->kind == NODE_EXTENSION && cause->is_excluded && !cause->is_own;
}

/* Does the loss of a part go without saying: an index and its constraint, partitions? */
static bool
is_obvious(const GraphNode *part)
{
	const GraphNode *cause = find_known(part->cause);

	if (part->kind == NODE_INDEX && cause != NULL && cause->kind == NODE_CONSTRAINT)
		return true;
	return cause != NULL && pgcopy_node_is_part(cause) &&
		(part->kind == NODE_INDEX || part->kind == NODE_CONSTRAINT) && part->subkind != 'f' &&
		part->owner != NULL &&
		(cause->owner == part->owner || cause->owner == part->owner->parent);
}

static void
add_loss(List **consequences, GraphNode *node)
{
	if (node->is_excluded || node->kind == NODE_HIDDEN || node->kind == NODE_SCHEMA ||
		node->cause == NULL)
		return;
	if (pgcopy_node_is_part(node))
	{
		if (node->owner != NULL && node->owner->is_kept && !is_obvious(node))
			add(consequences, LEFT_OUT, node, node->cause);
		return;
	}
	if (!node->is_wanted || (node->owner != NULL && node->owner->is_gone) ||
		(node->parent != NULL && node->parent->is_gone && !node->is_named))
		return;
	if (node->is_named || needs_excluded_extension(node))
		add(consequences, HALF, node, find_root(node));
	else
		add(consequences, LEFT_OUT, node, node->cause);
}

static void
add_gain(const Selection *selection, List **consequences, GraphNode *node)
{
	if (node->taken_by == NULL || (node->is_wanted && !node->is_unwanted) ||
		node->extension != NULL ||
		(node->kind != NODE_RELATION && node->kind != NODE_SUPPORT &&
		 node->kind != NODE_EXTENSION))
		return;
	if (node->is_excluded ||
		(selection->has_includes && node->schema != NULL && !node->schema->is_visible &&
		 (node->owner == NULL || !node->owner->is_kept) && node->parent == NULL))
		add(consequences, TAKEN_ALONG, node, find_taker(node));
}

/* Is the table a member of a publication that is kept? */
static bool
is_published(const GraphNode *table)
{
	for (Edge *edge = table->needed_by; edge != NULL; edge = edge->next)
	{
		if (edge->node->kind == NODE_MEMBER && edge->node->is_kept)
			return true;
	}
	return false;
}

/* Note in is_visible of a schema, which schemas have none of, that it was asked for. */
static void
note_asked_schemas(const Selection *selection)
{
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		if (node->is_wanted && node->is_kept && node->schema != NULL)
			node->schema->is_visible = true;
	}
}

static List *
list_consequences(const Selection *selection)
{
	List	   *consequences = NIL;
	ListCell   *lc;

	note_asked_schemas(selection);
	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		if (node->is_gone)
			add_loss(&consequences, node);
		else if (node->is_kept)
			add_gain(selection, &consequences, node);
		/*
		 * One of a partitioned table cannot stay NOT VALID, and is left out
		 * (run/chosen.c); one that is followed is valid.
		 */
		if (node->is_unvalidated && node->owner->subkind != 'p' &&
			selection->options->referential != REFERENTIAL_FOLLOW)
			add(&consequences, NOT_VALIDATED, node, node->references);
		if (node->kind == NODE_CONSTRAINT && node->subkind == 'p' && node->is_gone &&
			node->owner != NULL && node->owner->is_kept && is_published(node->owner))
			add(&consequences, NOT_IDENTIFIED, node, node->owner);
	}
	return consequences;
}

static const char *
kind_of_relation(char relkind)
{
	switch (relkind)
	{
		case RELKIND_VIEW:
			return "view";
		case RELKIND_MATVIEW:
			return "materialized view";
		case RELKIND_SEQUENCE:
			return "sequence";
		case RELKIND_FOREIGN_TABLE:
			return "foreign table";
	}
	return "table";
}

static const char *
kind_of_constraint(char contype)
{
	switch (contype)
	{
		case 'p':
			return "primary key";
		case 'u':
			return "unique constraint";
		case 'x':
			return "exclusion constraint";
	}
	return "foreign key";
}

static const char *
quote_qualified(const GraphNode *node)
{
	return psprintf("%s.%s", node->schema != NULL ? quote_identifier(node->schema->name) : "?",
					quote_identifier(node->name));
}

/* Describe what the graph knows by name. */
static bool
describe_named(const GraphNode *node, Description *description)
{
	if (node->name == NULL || node->kind == NODE_DATABASE_WIDE)
		return false;
	if (node->kind == NODE_RELATION)
		description->kind = kind_of_relation(node->subkind);
	else if (node->kind == NODE_INDEX)
		description->kind = "index";
	else
		description->kind = node->kind == NODE_SCHEMA ? "schema" : "extension";
	description->identity = node->kind == NODE_RELATION || node->kind == NODE_INDEX ?
		quote_qualified(node) : pstrdup(quote_identifier(node->name));
	return true;
}

/* Describe nodes, in their order. */
static Description *
describe(SourceSession *session, const List *nodes)
{
	Description *descriptions = palloc0(sizeof(Description) * Max(list_length(nodes), 1));
	List	   *asked = NIL;
	StringInfoData classes;
	StringInfoData oids;
	const char *params[2];
	SourceRows *rows;
	ListCell   *lc;

	initStringInfo(&classes);
	initStringInfo(&oids);
	foreach(lc, nodes)
	{
		const GraphNode *node = lfirst(lc);
		char		separator = asked == NIL ? '{' : ',';

		if (describe_named(node, &descriptions[foreach_current_index(lc)]))
			continue;
		appendStringInfo(&classes, "%c%u", separator, node->key.class_oid);
		appendStringInfo(&oids, "%c%u", separator, node->key.oid);
		asked = lappend_int(asked, foreach_current_index(lc));
	}
	if (asked == NIL)
		return descriptions;
	appendStringInfoChar(&classes, '}');
	appendStringInfoChar(&oids, '}');
	params[0] = classes.data;
	params[1] = oids.data;
	rows = pgcopy_session_query(session, describe_sql, 2, 2, params);
	if (pgcopy_rows_count(rows) != list_length(asked))
		pgcopy_rows_throw(rows, "It does not describe each object.");
	foreach(lc, asked)
	{
		Description *description = &descriptions[lfirst_int(lc)];
		const GraphNode *node = list_nth(nodes, lfirst_int(lc));
		const char *kind = pgcopy_rows_get_or_null(rows, foreach_current_index(lc), 0);
		const char *identity = pgcopy_rows_get_or_null(rows, foreach_current_index(lc), 1);

		description->kind = node->kind == NODE_CONSTRAINT ? kind_of_constraint(node->subkind) :
			pstrdup(kind != NULL ? kind : "object");
		description->identity = identity != NULL ? pstrdup(identity) :
			psprintf("%u", node->key.oid);
	}
	pgcopy_rows_free(rows);
	return descriptions;
}

/* "orders_customer_fkey on public.orders" without the table. */
static const char *
get_short_name(const GraphNode *node, const char *identity)
{
	const char *suffix;
	int			length;

	if (node->owner == NULL || node->owner->kind != NODE_RELATION)
		return identity;
	suffix = psprintf(" on %s", quote_qualified(node->owner));
	length = strlen(identity) - strlen(suffix);
	return length > 0 && strcmp(identity + length, suffix) == 0 ?
		pnstrdup(identity, length) : identity;
}

/* "references public.customer, which is excluded" */
static const char *
explain_cause(const GraphNode *cause, const Description *description)
{
	const char *fate = cause->is_excluded ? "excluded" :
		cause->is_gone ? "left out" : "not included";

	if (cause->kind == NODE_RELATION)
		return psprintf("references %s, which is %s", description->identity, fate);
	return psprintf("needs %s %s, which is %s", description->kind, description->identity, fate);
}

static const char *
explain_gain(const GraphNode *node)
{
	if (node->schema != NULL && node->schema->is_excluded)
		return "its schema is excluded";
	return node->is_excluded ? "it is excluded" : "its schema is not included";
}

static Finding *
make_finding(const Consequence *consequence, const Description *node,
			 const Description *cause)
{
	Finding    *finding = palloc0(sizeof(Finding));
	const char *name = get_short_name(consequence->node, node->identity);

	finding->level = FINDING_NOTICE;
	finding->object = psprintf("%s %s", node->kind, node->identity);
	switch (consequence->kind)
	{
		case LEFT_OUT:
			finding->message = psprintf("%s %s left out: %s", node->kind, name,
										explain_cause(consequence->cause, cause));
			break;
		case HALF:
			finding->level = FINDING_ERROR;
			finding->sqlerrcode = ERRCODE_INVALID_PARAMETER_VALUE;
			finding->message = psprintf("%s %s would be made half: it %s", node->kind, name,
										explain_cause(consequence->cause, cause));
			finding->hint = psprintf("Exclude %s as well, or do not exclude %s.",
									 node->identity, cause->identity);
			break;
		case TAKEN_ALONG:
			finding->message = psprintf("%s %s is cloned although %s: %s %s needs it", node->kind,
										name, explain_gain(consequence->node), cause->kind,
										cause->identity);
			break;
		case NOT_VALIDATED:
			finding->message = psprintf("%s %s is left NOT VALID: rows of %s are left out",
										node->kind, name, cause->identity);
			break;
		case NOT_IDENTIFIED:
			finding->message = psprintf("published table %s loses its primary key %s",
										cause->identity, name);
			finding->hint = "Without a replica identity, its rows cannot be updated or deleted.";
			break;
	}
	return finding;
}

void
pgcopy_consequences_tell(Selection *selection, SourceSession *session)
{
	List	   *consequences = list_consequences(selection);
	List	   *nodes = NIL;
	Description *descriptions;
	ListCell   *lc;

	foreach(lc, consequences)
	{
		nodes = lappend(nodes, ((Consequence *) lfirst(lc))->node);
		nodes = lappend(nodes, ((Consequence *) lfirst(lc))->cause);
	}
	descriptions = describe(session, nodes);
	foreach(lc, consequences)
	{
		int			i = foreach_current_index(lc) * 2;

		CHECK_FOR_INTERRUPTS();
		selection->notices = lappend(selection->notices,
									 make_finding(lfirst(lc), &descriptions[i],
												  &descriptions[i + 1]));
	}
	pgcopy_finding_throw(selection->notices);
}
