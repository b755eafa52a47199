/*-------------------------------------------------------------------------
 *
 * constraint.c
 *	  Split ADD CONSTRAINT into statements that can run at different times.
 *
 * A primary key or unique constraint becomes CREATE UNIQUE INDEX, which takes
 * only a SHARE lock, so that the indexes of a table are built at the same time;
 * then ADD CONSTRAINT ... USING INDEX, which is quick.  A foreign key becomes
 * ADD ... NOT VALID and VALIDATE CONSTRAINT.
 *
 * Parse nodes are changed, not text, so no clause and no quote can be lost.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "utils/fmgroids.h"

#include "base/compat.h"
#include "schema/classify.h"
#include "schema/constraint.h"

/* Make index columns with default order and operator class. */
static List *
make_index_columns(List *names)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		IndexElem  *column = makeNode(IndexElem);

		column->name = strVal(lfirst(lc));
		column->ordering = SORTBY_DEFAULT;
		column->nulls_ordering = SORTBY_NULLS_DEFAULT;
		result = lappend(result, column);
	}
	return result;
}

/*
 * Make the CREATE UNIQUE INDEX.  USING INDEX adds what makes it primary or
 * deferrable.
 */
static Node *
make_index(const AlterTableStmt *alter, const Constraint *constraint)
{
	IndexStmt  *index = makeNode(IndexStmt);

	index->idxname = constraint->conname;
	index->relation = copyObject(alter->relation);
	index->relation->inh = true;
	index->accessMethod = constraint->access_method ?
		constraint->access_method : DEFAULT_INDEX_TYPE;
	index->tableSpace = constraint->indexspace;
	index->indexParams = make_index_columns(constraint->keys);
	index->indexIncludingParams = make_index_columns(constraint->including);
	index->options = constraint->options;
	index->unique = true;
	pgcopy_copy_nulls_not_distinct(index, constraint);
	return (Node *) index;
}

/* Make it ADD CONSTRAINT name ... USING INDEX name. */
static void
use_index(Constraint *constraint)
{
	constraint->indexname = constraint->conname;
	constraint->keys = NIL;
	constraint->including = NIL;
	constraint->options = NIL;
	constraint->indexspace = NULL;
	constraint->access_method = NULL;
	pgcopy_clear_nulls_not_distinct(constraint);
}

static Node *
make_validate(const AlterTableStmt *alter, const Constraint *constraint)
{
	AlterTableStmt *validate = makeNode(AlterTableStmt);
	AlterTableCmd *cmd = makeNode(AlterTableCmd);

	cmd->subtype = AT_ValidateConstraint;
	cmd->name = constraint->conname;
	validate->relation = alter->relation;
	validate->objtype = alter->objtype;
	validate->cmds = list_make1(cmd);
	return (Node *) validate;
}

Node *
pgcopy_constraint_rewrite(Node *node, ApplyForm form)
{
	AlterTableStmt *alter = (AlterTableStmt *) node;
	Constraint *constraint;

	if (form == APPLY_AS_WRITTEN)
		return node;

	constraint = pgcopy_classify_added_constraint(node);
	if (constraint == NULL || constraint->conname == NULL)
		elog(ERROR, "statement does not add a named constraint");

	switch (form)
	{
		case APPLY_AS_WRITTEN:
		case APPLY_DROP:
			break;
		case APPLY_INDEX_OF_CONSTRAINT:
			return make_index(alter, constraint);
		case APPLY_CONSTRAINT_USING_INDEX:
			use_index(constraint);
			break;
		case APPLY_FOREIGN_KEY_NOT_VALID:
			constraint->skip_validation = true;
			constraint->initially_valid = false;
			break;
		case APPLY_VALIDATE_CONSTRAINT:
			return make_validate(alter, constraint);
	}
	return node;
}

/* Mark the children of a constraint as valid, recursively. */
static void
mark_children(Relation catalog, Oid parent)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_conparentid,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(parent));
	scan = systable_beginscan(catalog, ConstraintParentIndexId, true,
							  NULL, 1, &key);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		if (!form->convalidated)
		{
			HeapTuple	copy = heap_copytuple(tuple);

			((Form_pg_constraint) GETSTRUCT(copy))->convalidated = true;
			CatalogTupleUpdate(catalog, &copy->t_self, copy);
			heap_freetuple(copy);
		}
		mark_children(catalog, form->oid);
	}
	systable_endscan(scan);
}

void
pgcopy_constraint_mark_validated(const AlterTableStmt *validate)
{
	const AlterTableCmd *cmd = linitial_node(AlterTableCmd, validate->cmds);
	Oid			relid = RangeVarGetRelid(validate->relation, NoLock, false);
	Relation	catalog;

	Assert(IsTransactionState());
	Assert(cmd->subtype == AT_ValidateConstraint);
	CommandCounterIncrement();
	catalog = table_open(ConstraintRelationId, RowExclusiveLock);
	mark_children(catalog, get_relation_constraint_oid(relid, cmd->name, false));
	table_close(catalog, RowExclusiveLock);
}
