/*-------------------------------------------------------------------------
 *
 * undo.c
 *	  What statements have built on tables, taken away again.
 *
 * Indexes and keys of partitioned tables hold those of their partitions, and a
 * foreign key of a partitioned table holds the table it refers to: none of these
 * can be emptied and loaded anew under them.  They go, partitions' ones along
 * with the parent's, and so do comments and properties of indexes, which have to
 * be said again.  Views, triggers, rules and policies can stay.
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

/* NULL: it is not there, or will go with that of a parent. */
static char *
drop_index(const IndexStmt *statement)
{
	const char *schema = statement->relation->schemaname;
	Oid			index = get_relname_relid(statement->idxname,
										  get_namespace_oid(schema, true));

	if (!OidIsValid(index) || has_superclass(index))
		return NULL;
	return psprintf("DROP INDEX %s",
					quote_qualified_identifier(schema, statement->idxname));
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
drop_constraint(const RangeVar *table, const char *name)
{
	Oid			relid = RangeVarGetRelid(table, NoLock, true);
	Oid			constraint = OidIsValid(relid) ?
		get_relation_constraint_oid(relid, name, true) : InvalidOid;

	if (!OidIsValid(constraint) || is_inherited(constraint))
		return NULL;
	return psprintf("ALTER TABLE %s DROP CONSTRAINT %s",
					quote_qualified_identifier(table->schemaname, table->relname),
					quote_identifier(name));
}

/* ATTACH PARTITION and SET STATISTICS of an index, and what refers to one. */
static bool
alters_index(const AlterTableStmt *statement)
{
	AlterTableType type = linitial_node(AlterTableCmd, statement->cmds)->subtype;

	return statement->objtype == OBJECT_INDEX ||
		type == AT_ReplicaIdentity || type == AT_ClusterOn;
}

bool
pgcopy_undo_is_needed(const char *sql, char **drop)
{
	Node	   *node = pgcopy_apply_parse(sql)->stmt;
	Constraint *constraint = pgcopy_classify_added_constraint(node);

	*drop = NULL;
	if (constraint != NULL)
		*drop = drop_constraint(((AlterTableStmt *) node)->relation,
								constraint->conname);
	else if (IsA(node, IndexStmt))
		*drop = drop_index((IndexStmt *) node);
	else if (IsA(node, CommentStmt))
	{
		ObjectType	type = ((CommentStmt *) node)->objtype;

		return type == OBJECT_INDEX || type == OBJECT_TABCONSTRAINT;
	}
	else
		return IsA(node, AlterTableStmt) && alters_index((AlterTableStmt *) node);
	return true;
}
