/*-------------------------------------------------------------------------
 *
 * existing.c
 *	  What of post-data is here already.
 *
 * An index, constraint, trigger ... is here if this database has one of the same
 * definition on the relation of the same name, whatever its own name is.  Each one
 * here stands for one of the source, first those of the same name.  Of a constraint
 * that is not here its index may be, by name and definition: it takes that, as a job
 * that crashed between the two has left it.
 *
 * What belongs to one that has another name here (its comment, its place in an
 * index of a parent) is left as it is.  Statements that may run twice do so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/finding.h"
#include "schema/apply.h"
#include "schema/dump.h"
#include "schema/existing_private.h"
#include "source/names.h"

/* How many names a finding lists. */
#define SHOWN_NAMES 10

/* A statement that makes something. */
typedef struct Maker
{
	DumpStatement *statement;
	ObjectDefinition object;
	ObjectHere *match;			/* or NULL */
} Maker;

typedef struct Existing
{
	HTAB	   *here;
	List	   *makers;			/* Maker * */
	Bitmapset  *renamed;		/* entries that have another name here */
	List	   *conflicts;		/* texts */
	List	   *missing;
	List	   *names;			/* of what has another name here */
} Existing;

/* Tags of statements that pgcopy_existing_parse() may know. */
static const char *const makers_tags[] = {
	"CREATE INDEX", "ALTER TABLE", "ALTER DOMAIN", "CREATE TRIGGER", "CREATE RULE",
	"CREATE POLICY", "CREATE STATISTICS", "CREATE MATERIALIZED VIEW",
	"CREATE EVENT TRIGGER", "CREATE PUBLICATION", "ALTER PUBLICATION",
	"CREATE SUBSCRIPTION"
};

static bool
may_make(const DumpStatement *statement)
{
	for (int i = 0; i < lengthof(makers_tags); i++)
	{
		if (strcmp(statement->tag, makers_tags[i]) == 0)
			return true;
	}
	return false;
}

static void
read_makers(Existing *existing, List *statements)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);
		Maker		maker = {.statement = statement};
		Maker	   *copy;

		CHECK_FOR_INTERRUPTS();
		if (!statement->is_post_data || !may_make(statement))
			continue;
		maker.object = pgcopy_existing_parse(statement->text, statement->length);
		if (maker.object.kind == OBJECT_KIND_NONE)
			continue;
		copy = palloc(sizeof(Maker));
		*copy = maker;
		existing->makers = lappend(existing->makers, copy);
	}
}

static bool
is_match(const Maker *maker, const ObjectHere *here, bool by_name)
{
	bool		has_name = strcmp(here->object.name, maker->object.name) == 0;

	if (here->is_taken || (by_name && !has_name))
		return false;
	if (maker->object.definition == NULL)
		return has_name;
	if (maker->object.kind == OBJECT_KIND_INDEX && !here->is_valid)
		return false;
	return equal(here->object.definition, maker->object.definition);
}

static void
note_match(Existing *existing, Maker *maker, ObjectHere *here)
{
	DumpStatement *statement = maker->statement;

	here->is_taken = true;
	maker->match = here;
	statement->presence = statement->class == STATEMENT_FOREIGN_KEY &&
		statement->wants_validation && !here->is_valid ? IS_HERE_NOT_VALID : IS_HERE;
	if (strcmp(here->object.name, maker->object.name) == 0)
		return;
	existing->renamed = bms_add_member(existing->renamed, statement->toc_id);
	existing->names = lappend(existing->names,
							  psprintf("%s (here %s)", pgcopy_existing_parse_words(&maker->object),
									   quote_identifier(here->object.name)));
}

static void
find_match(Existing *existing, Maker *maker, bool by_name)
{
	ListCell   *lc;

	foreach(lc, pgcopy_existing_read_find(existing->here, &maker->object))
	{
		if (!is_match(maker, lfirst(lc), by_name))
			continue;
		note_match(existing, maker, lfirst(lc));
		return;
	}
}

/* Find the index of a constraint that is not here itself. */
static void
find_index_of(Existing *existing, Maker *maker)
{
	Maker		index = {.statement = maker->statement};
	ListCell   *lc;

	index.object = pgcopy_existing_parse_index(maker->statement->text,
											   maker->statement->length);
	foreach(lc, pgcopy_existing_read_find(existing->here, &index.object))
	{
		ObjectHere *here = lfirst(lc);

		if (!is_match(&index, here, true))
			continue;
		here->is_taken = true;
		maker->statement->presence = INDEX_IS_HERE;
		return;
	}
}

/* Constraints first: no index must take what one of them can have. */
static void
match_all(Existing *existing)
{
	ListCell   *lc;

	foreach(lc, existing->makers)
	{
		CHECK_FOR_INTERRUPTS();
		find_match(existing, lfirst(lc), true);
	}
	foreach(lc, existing->makers)
	{
		Maker	   *maker = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (maker->match != NULL || maker->object.kind == OBJECT_KIND_INDEX)
			continue;
		find_match(existing, maker, false);
		if (maker->match == NULL && maker->statement->class == STATEMENT_INDEX_CONSTRAINT)
			find_index_of(existing, maker);
	}
	foreach(lc, existing->makers)
	{
		Maker	   *maker = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (maker->match == NULL && maker->object.kind == OBJECT_KIND_INDEX)
			find_match(existing, maker, false);
	}
}

static Oid
find_relation(const char *schema, const char *name)
{
	Oid			namespace = get_namespace_oid(schema, true);

	return OidIsValid(namespace) ? get_relname_relid(name, namespace) : InvalidOid;
}

/* Does a constraint make an index of its name? */
static bool
makes_index(const ObjectDefinition *object)
{
	if (object->kind == OBJECT_KIND_INDEX)
		return true;
	if (object->kind != OBJECT_KIND_CONSTRAINT)
		return false;
	switch (castNode(Constraint, object->definition)->contype)
	{
		case CONSTR_PRIMARY:
		case CONSTR_UNIQUE:
		case CONSTR_EXCLUSION:
			return true;
		default:
			return false;
	}
}

static bool
is_primary_key(const ObjectDefinition *object)
{
	return object->kind == OBJECT_KIND_CONSTRAINT && object->definition != NULL &&
		castNode(Constraint, object->definition)->contype == CONSTR_PRIMARY;
}

/* Is something here in the way of what has not been found? */
static bool
is_in_the_way(const Existing *existing, const Maker *maker)
{
	const ObjectDefinition *object = &maker->object;
	ListCell   *lc;

	if (makes_index(object) && maker->statement->presence != INDEX_IS_HERE &&
		OidIsValid(find_relation(object->schema, object->name)))
		return true;
	foreach(lc, pgcopy_existing_read_find(existing->here, object))
	{
		const ObjectHere *here = lfirst(lc);

		if (strcmp(here->object.name, object->name) == 0 ||
			(is_primary_key(object) && is_primary_key(&here->object)))
			return true;
	}
	return false;
}

/* Does a statement of post-data make the relation? */
static bool
is_made(const Existing *existing, const char *schema, const char *name)
{
	ListCell   *lc;

	foreach(lc, existing->makers)
	{
		const ObjectDefinition *object = &((Maker *) lfirst(lc))->object;

		if (object->kind == OBJECT_KIND_MATVIEW && strcmp(object->schema, schema) == 0 &&
			strcmp(object->name, name) == 0)
			return true;
	}
	return false;
}

static void
note_if_missing(Existing *existing, const char *schema, const char *name)
{
	char	   *text;
	ListCell   *lc;

	if (schema == NULL || name == NULL || OidIsValid(find_relation(schema, name)) ||
		is_made(existing, schema, name))
		return;
	text = quote_qualified_identifier(schema, name);
	foreach(lc, existing->missing)
	{
		if (strcmp(lfirst(lc), text) == 0)
			return;
	}
	existing->missing = lappend(existing->missing, text);
}

static void
check_rest(Existing *existing)
{
	ListCell   *lc;

	foreach(lc, existing->makers)
	{
		Maker	   *maker = lfirst(lc);

		if (maker->match != NULL)
			continue;
		note_if_missing(existing, maker->statement->table_schema,
						maker->statement->table_name);
		note_if_missing(existing, maker->statement->referenced_schema,
						maker->statement->referenced_name);
		if (is_in_the_way(existing, maker))
			existing->conflicts = lappend(existing->conflicts,
										  pgcopy_existing_parse_words(&maker->object));
	}
}

static bool
depends_on_renamed(const Existing *existing, const DumpStatement *statement)
{
	ListCell   *lc;

	foreach(lc, statement->dependencies)
	{
		if (bms_is_member(lfirst_int(lc), existing->renamed))
			return true;
	}
	return false;
}

/* Find an index by its name on the source. */
static Oid
find_index(const Existing *existing, const RangeVar *index)
{
	ListCell   *lc;

	foreach(lc, existing->makers)
	{
		const Maker *maker = lfirst(lc);

		if (maker->match != NULL && makes_index(&maker->object) &&
			strcmp(maker->object.schema, index->schemaname) == 0 &&
			strcmp(maker->object.name, index->relname) == 0)
			return find_relation(index->schemaname, maker->match->object.name);
	}
	return find_relation(index->schemaname, index->relname);
}

/* ALTER INDEX ... ATTACH PARTITION of one that is attached. */
static bool
is_attached(const Existing *existing, const DumpStatement *statement)
{
	AlterTableStmt *alter = (AlterTableStmt *)
		pgcopy_apply_parse(pnstrdup(statement->text, statement->length))->stmt;
	AlterTableCmd *cmd;
	Oid			part;

	if (!IsA(alter, AlterTableStmt) || alter->relation->schemaname == NULL)
		return false;
	cmd = linitial_node(AlterTableCmd, alter->cmds);
	if (cmd->subtype != AT_AttachPartition ||
		((PartitionCmd *) cmd->def)->name->schemaname == NULL)
		return false;
	part = find_index(existing, ((PartitionCmd *) cmd->def)->name);
	return OidIsValid(part) && get_rel_relispartition(part) &&
		get_partition_parent(part, false) == find_index(existing, alter->relation);
}

/* Mark what goes with objects that are here. */
static void
mark_others(Existing *existing, List *statements)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!statement->is_post_data || statement->presence != NOT_HERE)
			continue;
		if (bms_is_member(statement->toc_id, existing->renamed) ||
			(statement->class == STATEMENT_COMMENT &&
			 depends_on_renamed(existing, statement)) ||
			(strcmp(statement->tag, "ALTER INDEX") == 0 &&
			 is_attached(existing, statement)))
			statement->presence = IS_HERE;
	}
}

static List *
report(List *names, const Finding *texts, const char *one)
{
	Finding		finding = *texts;
	char	   *list = pgcopy_names_list(names, SHOWN_NAMES);

	if (names == NIL)
		return NIL;
	if (finding.level == FINDING_NOTICE)
		finding.object = list;
	else
	{
		finding.message = psprintf(list_length(names) == 1 ? one : texts->message,
								   list_length(names));
		finding.detail = psprintf("%s: %s.", texts->detail, list);
	}
	return pgcopy_finding_list(&finding);
}

static List *
report_all(const Existing *existing)
{
	static const Finding missing = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_UNDEFINED_TABLE,
		.message = "%d relations that post-data builds on do not exist here",
		.detail = "Missing",
		.hint = "Create them first: sections => '{pre-data}' does."
	};
	static const Finding conflict = {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_DUPLICATE_OBJECT,
		.message = "%d objects of the source exist here with another definition",
		.detail = "Different",
		.hint = "Drop or rename them here, and clone again."
	};
	static const Finding renamed = {
		.level = FINDING_NOTICE,
		.message = "these objects are here under another name, which they keep, with their comments",
		.hint = "ALTER ... RENAME them if the names matter."
	};
	List	   *findings = report(existing->missing, &missing,
								  "%d relation that post-data builds on does not exist here");

	findings = list_concat(findings,
						   report(existing->conflicts, &conflict,
								  "%d object of the source exists here with another definition"));
	return list_concat(findings, report(existing->names, &renamed, NULL));
}

List *
pgcopy_existing_mark(List *statements)
{
	Existing	existing = {0};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	List	   *findings;
	int			nest_level;

	if (statements == NIL)
		return NIL;
	context = AllocSetContextCreate(caller, "pgcopy existing", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	nest_level = NewGUCNestLevel();
	(void) set_config_option("standard_conforming_strings", "on", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	existing.here = pgcopy_existing_read();
	read_makers(&existing, statements);
	match_all(&existing);
	check_rest(&existing);
	mark_others(&existing, statements);
	AtEOXact_GUC(true, nest_level);
	MemoryContextSwitchTo(caller);
	findings = report_all(&existing);
	MemoryContextDelete(context);
	return findings;
}
