/*-------------------------------------------------------------------------
 *
 * match.c
 *	  Find what the options name, and say what they do not find.
 *
 * Nothing that is this extension's own on the source counts as found.  Members of
 * extensions do: to include one is to include the extension, to exclude one is to
 * leave out its rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_event_trigger.h"
#include "catalog/pg_publication.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/finding.h"
#include "base/similar.h"
#include "select/graph.h"
#include "select/pattern.h"
#include "select/visible.h"
#include "source/names.h"

/* How many names a hint lists. */
#define SHOWN_NAMES 5

/* What is done to a node that an option's pattern matches. */
typedef void (*Match) (GraphNode *node, bool is_exact);

typedef struct PatternOption
{
	const char *name;
	const char *what;			/* "no %s of the source matches" */
	PatternKind kind;
	size_t		patterns;		/* offset in JobOptions: List of char * */
	size_t		nodes;			/* offset in Selection: what can match */
	bool		is_include;
	Match		match;
} PatternOption;

static void
include(GraphNode *node, bool is_exact)
{
	node->is_wanted = true;
	node->is_named |= is_exact;
}

static void
exclude(GraphNode *node, bool is_exact)
{
	node->is_excluded = true;
}

static void
exclude_tree(GraphNode *table)
{
	ListCell   *lc;

	table->is_excluded = true;
	foreach(lc, table->partitions)
		exclude_tree(lfirst(lc));
}

static void
leave_out_rows(GraphNode *table)
{
	ListCell   *lc;

	table->has_no_rows = true;
	foreach(lc, table->partitions)
		leave_out_rows(lfirst(lc));
}

static void
exclude_table(GraphNode *node, bool is_exact)
{
	if (node->extension != NULL)
		leave_out_rows(node);
	else
		exclude_tree(node);
}

static void
exclude_rows(GraphNode *node, bool is_exact)
{
	leave_out_rows(node);
}

#define OPTION(name) #name
#define MEMBER(name) offsetof(JobOptions, name)
#define NODES(name) offsetof(Selection, name)

static const PatternOption pattern_options[] = {
	{OPTION(include_schemas), "schema", PATTERN_SCHEMA, MEMBER(include_schemas),
	NODES(schemas), true, include},
	{OPTION(exclude_schemas), "schema", PATTERN_SCHEMA, MEMBER(exclude_schemas),
	NODES(schemas), false, exclude},
	{OPTION(include_tables), "table, view or sequence", PATTERN_QUALIFIED,
	MEMBER(include_tables), NODES(relations), true, include},
	{OPTION(exclude_tables), "table, view or sequence", PATTERN_QUALIFIED,
	MEMBER(exclude_tables), NODES(relations), false, exclude_table},
	{OPTION(exclude_table_data), "table, view or sequence", PATTERN_QUALIFIED,
	MEMBER(exclude_table_data), NODES(relations), false, exclude_rows},
	{OPTION(exclude_indexes), "index", PATTERN_QUALIFIED, MEMBER(exclude_indexes),
	NODES(indexes), false, exclude},
	{OPTION(include_extensions), "extension", PATTERN_PLAIN, MEMBER(include_extensions),
	NODES(extensions), true, include},
	{OPTION(exclude_extensions), "extension", PATTERN_PLAIN, MEMBER(exclude_extensions),
	NODES(extensions), false, exclude},
};

static List *
get_list(const void *structure, size_t offset)
{
	return *(List *const *) ((const char *) structure + offset);
}

static bool
matches(const NamePattern *pattern, const GraphNode *node, bool is_visible)
{
	return pgcopy_pattern_matches(pattern, node->schema != NULL ? node->schema->name : NULL,
								  node->name, is_visible);
}

/* As the user would write it. */
static char *
quote_node(const GraphNode *node)
{
	char	   *name = pstrdup(quote_identifier(node->name));

	if (node->schema == NULL || node->kind == NODE_EXTENSION)
		return name;
	return psprintf("%s.%s", quote_identifier(node->schema->name), name);
}

/*
 * List the nearest names: what would match in another schema, else what differs in
 * few characters.
 */
static List *
list_nearest(const NamePattern *pattern, const List *nodes)
{
	const char *exact = pgcopy_pattern_exact_name(pattern);
	int			limit = exact != NULL ? pgcopy_similar_limit(exact) : 0;
	List	   *same = NIL;
	List	   *near = NIL;
	ListCell   *lc;

	foreach(lc, nodes)
	{
		GraphNode  *node = lfirst(lc);
		int			distance;

		CHECK_FOR_INTERRUPTS();
		if (node->is_own || node->name == NULL)
			continue;
		if (matches(pattern, node, true) ||
			(exact != NULL && strcmp(exact, node->name) == 0))
			same = lappend(same, quote_node(node));
		else if (exact != NULL && same == NIL &&
				 (distance = pgcopy_similar_distance(exact, node->name, limit)) <= limit)
		{
			if (distance < limit)
				near = NIL;
			limit = distance;
			near = lappend(near, quote_node(node));
		}
	}
	return same != NIL ? same : near;
}

static Finding *
make_unmatched(const PatternOption *option, const NamePattern *pattern, const List *nodes)
{
	List	   *nearest = list_nearest(pattern, nodes);
	Finding    *finding = palloc0(sizeof(Finding));

	finding->level = FINDING_ERROR;
	finding->sqlerrcode = ERRCODE_UNDEFINED_OBJECT;
	finding->message = psprintf("%s: no %s of the source matches %s", option->name,
								option->what, pgcopy_pattern_text(pattern));
	if (nearest != NIL)
		finding->hint = psprintf("Did you mean %s?", pgcopy_names_list(nearest, SHOWN_NAMES));
	return finding;
}

/* Apply one pattern.  Returns how many nodes it matches. */
static int
apply_pattern(const PatternOption *option, const NamePattern *pattern, const List *nodes)
{
	int			count = 0;
	bool		is_exact = pgcopy_pattern_exact_name(pattern) != NULL;
	ListCell   *lc;

	foreach(lc, nodes)
	{
		GraphNode  *node = lfirst(lc);

		if (node->is_own || node->name == NULL || !matches(pattern, node, node->is_visible))
			continue;
		count++;
		option->match(node, is_exact);
	}
	CHECK_FOR_INTERRUPTS();
	return count;
}

/* Parse all patterns first: bad ones are told before the source is read. */
static List *
parse_patterns(const PatternOption *option, const JobOptions *options)
{
	List	   *patterns = NIL;
	ListCell   *lc;

	foreach(lc, get_list(options, option->patterns))
		patterns = lappend(patterns,
						   pgcopy_pattern_parse(option->name, lfirst(lc), option->kind));
	return patterns;
}

static void
note_visible(Selection *selection, SourceSession *session, List **patterns)
{
	VisibleRelations *visible = NULL;
	ListCell   *lc;

	for (int i = 0; i < lengthof(pattern_options); i++)
	{
		foreach(lc, patterns[i])
		{
			if (visible == NULL && pattern_options[i].kind == PATTERN_QUALIFIED &&
				!pgcopy_pattern_has_schema(lfirst(lc)))
				visible = pgcopy_visible_read(session);
		}
	}
	if (visible == NULL)
		return;
	foreach(lc, selection->relations)
		((GraphNode *) lfirst(lc))->is_visible =
			pgcopy_visible_has(visible, ((GraphNode *) lfirst(lc))->key.oid);
	foreach(lc, selection->indexes)
		((GraphNode *) lfirst(lc))->is_visible =
			pgcopy_visible_has(visible, ((GraphNode *) lfirst(lc))->key.oid);
}

/* Does all that this pattern includes go again by an exclude_*? */
static bool
is_contradicted(const NamePattern *pattern, const List *nodes)
{
	ListCell   *lc;

	foreach(lc, nodes)
	{
		GraphNode  *node = lfirst(lc);

		if (node->is_own || node->name == NULL || !matches(pattern, node, node->is_visible))
			continue;
		if (!node->is_excluded && !(node->schema != NULL && node->schema->is_excluded))
			return false;
	}
	return true;
}

static List *
list_contradictions(const Selection *selection, List **patterns)
{
	List	   *findings = NIL;

	for (int i = 0; i < lengthof(pattern_options); i++)
	{
		const PatternOption *option = &pattern_options[i];
		ListCell   *lc;

		foreach(lc, option->is_include ? patterns[i] : NIL)
		{
			Finding		finding = {
				.level = FINDING_ERROR,.sqlerrcode = ERRCODE_INVALID_PARAMETER_VALUE
			};

			if (!is_contradicted(lfirst(lc), get_list(selection, option->nodes)))
				continue;
			finding.message = psprintf("%s: all that %s matches is excluded", option->name,
									   pgcopy_pattern_text(lfirst(lc)));
			finding.hint = "Leave it out of either option.";
			findings = list_concat(findings, pgcopy_finding_list(&finding));
		}
	}
	return findings;
}

/* What is excluded by its kind. */
static bool
is_excluded_kind(const GraphNode *node, int exclude)
{
	Oid			class_oid = node->key.class_oid;

	switch (node->kind)
	{
		case NODE_TRIGGER:
			return exclude & EXCLUDE_TRIGGERS;
		case NODE_RULE:
			return exclude & EXCLUDE_RULES;
		case NODE_POLICY:
			return exclude & EXCLUDE_POLICIES;
		case NODE_STATISTICS:
			return exclude & EXCLUDE_STATISTICS;
		case NODE_MEMBER:
			return exclude & EXCLUDE_PUBLICATIONS;
		case NODE_DATABASE_WIDE:
			return (class_oid == PublicationRelationId && (exclude & EXCLUDE_PUBLICATIONS)) ||
				(class_oid == EventTriggerRelationId && (exclude & EXCLUDE_EVENT_TRIGGERS));
		case NODE_HIDDEN:
		case NODE_SCHEMA:
		case NODE_RELATION:
		case NODE_INDEX:
		case NODE_CONSTRAINT:
		case NODE_EXTENSION:
		case NODE_SUPPORT:
			return false;
	}
	return false;
}

void
pgcopy_match_options(Selection *selection, SourceSession *session)
{
	List	   *patterns[lengthof(pattern_options)];
	List	   *findings = NIL;
	ListCell   *lc;

	for (int i = 0; i < lengthof(pattern_options); i++)
		patterns[i] = parse_patterns(&pattern_options[i], selection->options);
	selection->nodes = pgcopy_graph_make();
	pgcopy_read_objects(selection, session);
	pgcopy_depend_read(selection, session);
	note_visible(selection, session, patterns);
	for (int i = 0; i < lengthof(pattern_options); i++)
	{
		const List *nodes = get_list(selection, pattern_options[i].nodes);

		foreach(lc, patterns[i])
		{
			if (apply_pattern(&pattern_options[i], lfirst(lc), nodes) == 0)
				findings = lappend(findings,
								   make_unmatched(&pattern_options[i], lfirst(lc), nodes));
		}
	}
	pgcopy_finding_throw(findings);
	pgcopy_finding_throw(list_contradictions(selection, patterns));
	foreach(lc, selection->all)
	{
		GraphNode  *node = lfirst(lc);

		node->is_excluded |= is_excluded_kind(node, selection->options->exclude);
	}
}
