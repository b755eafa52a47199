/*-------------------------------------------------------------------------
 *
 * undo.c
 *	  What statements have built on tables, taken away again.
 *
 * Indexes and keys of partitioned tables hold those of their partitions, and a
 * foreign key of a partitioned table holds the table it refers to: none of these
 * can be emptied and loaded anew under them.  They go, partitions' ones along
 * with the parent's, and so do comments and properties of indexes, which have to
 * be said again.  Views, triggers, rules and policies can stay.  So do event
 * triggers, which come last of all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "schema/apply.h"
#include "schema/classify.h"
#include "schema/undo.h"

/* An index of a partition goes along with its parent's; gone, it is to be made. */
static UndoAction
drop_index(const IndexStmt *statement, char **drop)
{
	const char *schema = statement->relation->schemaname;
	Oid			index = get_relname_relid(statement->idxname,
										  get_namespace_oid(schema, true));

	if (!OidIsValid(index))
		return UNDO_AGAIN;
	if (has_superclass(index))
		return UNDO_LATER;
	*drop = psprintf("DROP INDEX %s",
					 quote_qualified_identifier(schema, statement->idxname));
	return UNDO_DROP;
}

static bool
is_inherited(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for constraint %u", constraint);
	result = ((Form_pg_constraint) GETSTRUCT(tuple))->coninhcount > 0;
	ReleaseSysCache(tuple);
	return result;
}

static char *
quote_table(const RangeVar *table)
{
	return quote_qualified_identifier(table->schemaname, table->relname);
}

static UndoAction
drop_constraint(const RangeVar *table, const char *name, char **drop)
{
	Oid			relid = RangeVarGetRelid(table, NoLock, true);
	Oid			constraint = OidIsValid(relid) ?
		get_relation_constraint_oid(relid, name, true) : InvalidOid;

	if (!OidIsValid(constraint))
		return UNDO_AGAIN;
	if (is_inherited(constraint))
		return UNDO_LATER;
	*drop = psprintf("ALTER TABLE %s DROP CONSTRAINT %s",
					 quote_table(table), quote_identifier(name));
	return UNDO_DROP;
}

/*
 * A constraint of a domain that is added after the data is NOT VALID: the rows
 * need not keep to it.
 */
static UndoAction
undo_alter_domain(const AlterDomainStmt *statement, char **drop)
{
	const char *name;

	if (statement->def == NULL || !IsA(statement->def, Constraint))
		return UNDO_NOTHING;
	name = ((Constraint *) statement->def)->conname;
	*drop = psprintf("ALTER DOMAIN %s DROP CONSTRAINT IF EXISTS %s",
					 NameListToQuotedString(statement->typeName),
					 quote_identifier(name));
	return UNDO_DROP;
}

/*
 * ATTACH PARTITION and SET STATISTICS of an index, and what refers to one.  Row
 * security would keep an owner it is forced upon from emptying the table.
 */
static UndoAction
undo_alter_table(const AlterTableStmt *statement, char **drop)
{
	AlterTableType type = linitial_node(AlterTableCmd, statement->cmds)->subtype;

	if (type == AT_EnableRowSecurity)
	{
		*drop = psprintf("ALTER TABLE %s DISABLE ROW LEVEL SECURITY",
						 quote_table(statement->relation));
		return UNDO_DROP;
	}
	return statement->objtype == OBJECT_INDEX || type == AT_ReplicaIdentity ||
		type == AT_ClusterOn ? UNDO_AGAIN : UNDO_NOTHING;
}

/* Comments on what is built anew. */
static UndoAction
undo_comment(const CommentStmt *statement)
{
	switch (statement->objtype)
	{
		case OBJECT_INDEX:
		case OBJECT_TABCONSTRAINT:
		case OBJECT_DOMCONSTRAINT:
		case OBJECT_STATISTIC_EXT:
			return UNDO_AGAIN;
		default:
			return UNDO_NOTHING;
	}
}

UndoAction
pgcopy_undo(const char *sql, char **drop)
{
	Node	   *node = pgcopy_apply_parse(sql)->stmt;
	Constraint *constraint = pgcopy_classify_added_constraint(node);

	*drop = NULL;
	if (constraint != NULL)
		return drop_constraint(((AlterTableStmt *) node)->relation,
							   constraint->conname, drop);
	switch (nodeTag(node))
	{
		case T_IndexStmt:
			return drop_index((IndexStmt *) node, drop);
		case T_AlterTableStmt:
			return undo_alter_table((AlterTableStmt *) node, drop);
		case T_AlterDomainStmt:
			return undo_alter_domain((AlterDomainStmt *) node, drop);
		case T_CommentStmt:
			return undo_comment((CommentStmt *) node);
		case T_AlterObjectDependsStmt:
			return ((AlterObjectDependsStmt *) node)->objectType == OBJECT_INDEX ?
				UNDO_AGAIN : UNDO_NOTHING;
		default:
			return UNDO_NOTHING;
	}
}
