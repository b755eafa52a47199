/*-------------------------------------------------------------------------
 *
 * here.c
 *	  Tables of this database that a job loads or builds on, but does not create.
 *
 * The rows of a table go into its namesake.  Those of a partition go through the
 * topmost parent that is a partitioned table here with this partition, for the
 * bounds may differ; if there is no namesake, into that of the nearest parent.  So
 * a tree of the source may be one table here, and a table of the source a tree.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/sqltext.h"
#include "schema/here_private.h"
#include "source/names.h"

/* How many names a finding lists. */
#define SHOWN_NAMES 10

void
pgcopy_here_note(List **names, char *name)
{
	ListCell   *lc;

	foreach(lc, *names)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return;
	}
	*names = lappend(*names, name);
}

char *
pgcopy_here_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

List *
pgcopy_here_report(List *names, const Finding *texts, const char *one)
{
	int			count = list_length(names);
	Finding		finding = *texts;

	if (count == 0)
		return NIL;
	finding.level = FINDING_ERROR;
	finding.message = psprintf(count == 1 ? one : texts->message, count);
	finding.detail = psprintf("%s: %s.", texts->detail,
							  pgcopy_names_list(names, SHOWN_NAMES));
	return pgcopy_finding_list(&finding);
}

/* Nobody's rows go into what is the system's or this extension's own. */
static bool
is_guarded(Oid relid)
{
	return relid < FirstNormalObjectId ||
		(OidIsValid(relid) &&
		 getExtensionOfObject(RelationRelationId, relid) == get_extension_oid("pgcopydb_ext", true));
}

/* As if it were not here, if it is guarded. */
static void
find_namesake(const HereRequest *request, SourceRelation *relation)
{
	Oid			schema;

	relation->local_schema =
		unconstify(char *, pgcopy_sqltext_map(request->schema_map, relation->schema));
	schema = get_namespace_oid(relation->local_schema, true);
	relation->here = OidIsValid(schema) ?
		get_relname_relid(relation->name, schema) : InvalidOid;
	if (is_guarded(relation->here))
		relation->here = InvalidOid;
	relation->here_kind = OidIsValid(relation->here) ?
		get_rel_relkind(relation->here) : '\0';
}

static bool
is_table(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE;
}

/* Is the local table a partition, at any depth, of this one? */
static bool
is_partition_of(Oid relid, Oid parent)
{
	return get_rel_relispartition(relid) &&
		list_member_oid(get_partition_ancestors(relid), parent);
}

/*
 * Find the relation of the source whose namesake takes the rows of this one;
 * NULL if nothing does.
 */
static SourceRelation *
find_taker(List *relations, SourceRelation *relation)
{
	SourceRelation *taker = is_table(relation->here_kind) ? relation : NULL;
	SourceRelation *parent = relation;

	while (OidIsValid(parent->parent) &&
		   (parent = pgcopy_inventory_find(relations, parent->parent)) != NULL)
	{
		if (!is_table(parent->here_kind))
			continue;
		if (taker == NULL || is_partition_of(taker->here, parent->here))
			taker = parent;
	}
	return taker;
}

static HereTarget *
find_target(List **targets, const SourceRelation *taker)
{
	HereTarget *target;
	ListCell   *lc;

	/* the last ones first: partitions of a tree follow each other */
	for (int i = list_length(*targets) - 1; i >= 0 && i >= list_length(*targets) - 8; i--)
	{
		target = list_nth(*targets, i);
		if (target->relid == taker->here)
			return target;
	}
	foreach(lc, taker->relkind == RELKIND_PARTITIONED_TABLE ? *targets : NIL)
	{
		target = lfirst(lc);
		if (target->relid == taker->here)
			return target;
	}
	target = palloc0(sizeof(HereTarget));
	target->relid = taker->here;
	target->relkind = taker->here_kind;
	target->relation = taker->oid;
	*targets = lappend(*targets, target);
	return target;
}

/* Find who takes the rows of a table; note what is missing or no table. */
static void
match_rows(const HereRequest *request, SourceRelation *relation, List **targets,
		   List **missing, List **others)
{
	SourceRelation *taker = find_taker(request->relations, relation);
	HereTarget *target;

	if (taker == NULL)
	{
		char	   *name = quote_qualified_identifier(relation->local_schema,
														  relation->name);

		pgcopy_here_note(OidIsValid(relation->here) ? others : missing, name);
		return;
	}
	relation->rows_go_to = taker->oid;
	target = find_target(targets, taker);
	target->senders = lappend(target->senders, relation);
	target->has_rows_to_come |= relation->blocks > 0;
}

static List *
report_missing(List *missing, List *others)
{
	static const Finding none = {
		.sqlerrcode = ERRCODE_UNDEFINED_TABLE,
		.message = "%d tables of the source do not exist here",
		.detail = "Missing",
		.hint = "Create them first: sections => '{pre-data}' does. Or leave them out: exclude_tables."
	};
	static const Finding no_table = {
		.sqlerrcode = ERRCODE_WRONG_OBJECT_TYPE,
		.message = "%d relations here have the names of tables of the source, but are no tables",
		.detail = "Relations",
		.hint = "Rename them here, or leave out the tables: exclude_tables."
	};

	return list_concat(pgcopy_here_report(pgcopy_here_names_add_nearest(missing), &none,
										  "%d table of the source does not exist here"),
					   pgcopy_here_report(others, &no_table,
										  "%d relation here has the name of a table of the source, but is no table"));
}

/* Sequences that nobody has here keep no value: that is no obstacle. */
static List *
tell_sequences(List *names)
{
	Finding		finding = {
		.level = FINDING_NOTICE,
		.message = "these sequences of the source do not exist here; their values are not copied",
		.hint = "Set by hand what takes their place here, beyond the largest value of its column: setval()."
	};

	if (names == NIL)
		return NIL;
	finding.object = pgcopy_names_list(names, SHOWN_NAMES);
	return pgcopy_finding_list(&finding);
}

static List *
match_all(const HereRequest *request, List **targets)
{
	List	   *missing = NIL;
	List	   *others = NIL;
	List	   *sequences = NIL;
	ListCell   *lc;

	foreach(lc, request->relations)
	{
		SourceRelation *relation = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		find_namesake(request, relation);
	}
	foreach(lc, request->with_data ? request->relations : NIL)
	{
		SourceRelation *relation = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (relation->config_condition != NULL || relation->is_extension_member)
			continue;
		if (relation->has_data_of_its_own)
			match_rows(request, relation, targets, &missing, &others);
		else if (relation->relkind == RELKIND_SEQUENCE &&
				 relation->here_kind != RELKIND_SEQUENCE)
			sequences = lappend(sequences, quote_qualified_identifier(relation->local_schema,
																	  relation->name));
	}
	return list_concat(report_missing(missing, others), tell_sequences(sequences));
}

List *
pgcopy_here_match(const HereRequest *request, List **trees)
{
	List	   *targets = NIL;
	List	   *findings;

	*trees = NIL;
	findings = match_all(request, &targets);
	if (!request->with_data)
		return findings;
	findings = list_concat(findings, pgcopy_here_columns_check(targets));
	findings = list_concat(findings, pgcopy_here_state_check(request, targets));
	return list_concat(findings, pgcopy_here_keys_check(request, targets, trees));
}
