/*-------------------------------------------------------------------------
 *
 * undo.c
 *	  Undo what statements have built on tables.
 *
 * A table cannot be emptied and loaded again while its indexes or keys are
 * attached to those of a parent, or a foreign key of a partitioned table refers
 * to it.  So indexes, constraints and statistics are dropped (those of
 * partitions with the parent's), and they, their comments and properties are
 * made again.  Views, triggers, rules and policies stay; event triggers come
 * last anyway.
 *
 * The statement has the name of what it has built, and the table's OID shows
 * whose it is: an object of that name counts only on a table that the job has
 * created.  Objects that others have made under other names stay, and are in
 * the way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/index.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "schema/classify.h"
#include "schema/undo.h"

static const Undo nothing = {UNDO_NOTHING};
static const Undo again = {UNDO_AGAIN};

static Undo
drop_object(Oid table, Oid class, Oid object, bool is_part)
{
	Undo		undo = {
		.action = is_part ? UNDO_LATER : UNDO_DROP,
		.table = table
	};

	ObjectAddressSet(undo.object, class, object);
	return undo;
}

/* Find a table by name; InvalidOid if it is not one of the job's. */
static Oid
find_table(const UndoTables *tables, const RangeVar *name)
{
	Oid			relid = RangeVarGetRelid(name, NoLock, true);

	return OidIsValid(relid) &&
		bsearch(&relid, tables->oids, tables->count, sizeof(Oid), oid_cmp) ?
		relid : InvalidOid;
}

/* An attached index goes with its parent's.  If it is gone, build it again. */
static Undo
undo_index(Oid table, const char *name)
{
	Oid			index = get_relname_relid(name, get_rel_namespace(table));

	if (!OidIsValid(index) || IndexGetRelation(index, true) != table)
		return again;
	return drop_object(table, RelationRelationId, index, has_superclass(index));
}

/* Copy the row of a constraint. */
static FormData_pg_constraint
fetch_constraint(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	FormData_pg_constraint form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for constraint %u", constraint);
	form = *(Form_pg_constraint) GETSTRUCT(tuple);
	ReleaseSysCache(tuple);
	return form;
}

static Undo
undo_constraint(Oid table, const char *name)
{
	Oid			constraint = get_relation_constraint_oid(table, name, true);

	if (!OidIsValid(constraint))
		return again;
	return drop_object(table, ConstraintRelationId, constraint,
					   fetch_constraint(constraint).coninhcount > 0);
}

static Undo
undo_added_constraint(Oid table, const char *name, ApplyForm form)
{
	if (form == APPLY_VALIDATE_CONSTRAINT)
		return again;
	if (form == APPLY_INDEX_OF_CONSTRAINT)
		return undo_index(table, name);
	return undo_constraint(table, name);
}

static Undo
undo_statistics(Oid table, List *name)
{
	Oid			statistics = get_statistics_object_oid(name, true);
	HeapTuple	tuple = SearchSysCache1(STATEXTOID, ObjectIdGetDatum(statistics));
	bool		is_on_table;

	if (!HeapTupleIsValid(tuple))
		return again;
	is_on_table = ((Form_pg_statistic_ext) GETSTRUCT(tuple))->stxrelid == table;
	ReleaseSysCache(tuple);
	return is_on_table ?
		drop_object(table, StatisticExtRelationId, statistics, false) : again;
}

/*
 * A constraint that is added to a domain after the data is NOT VALID: the rows
 * may violate it.
 */
static Undo
undo_alter_domain(const AlterDomainStmt *statement)
{
	Oid			domain;
	Oid			constraint;

	if (statement->def == NULL || !IsA(statement->def, Constraint))
		return nothing;
	domain = LookupTypeNameOid(NULL, makeTypeNameFromNameList(statement->typeName),
							   true);
	if (!OidIsValid(domain))
		return again;
	constraint = get_domain_constraint_oid(domain,
										   ((Constraint *) statement->def)->conname,
										   true);
	return OidIsValid(constraint) ?
		drop_object(InvalidOid, ConstraintRelationId, constraint, false) : again;
}

/*
 * ALTER INDEX, and properties that name an index, run again.  Row security
 * goes: where it is forced, the owner could not delete rows.
 */
static Undo
undo_alter_table(const UndoTables *tables, const AlterTableStmt *statement)
{
	AlterTableType type = linitial_node(AlterTableCmd, statement->cmds)->subtype;
	Oid			table;

	if (type == AT_EnableRowSecurity)
	{
		table = find_table(tables, statement->relation);
		return OidIsValid(table) ?
			drop_object(table, RelationRelationId, table, false) : nothing;
	}
	return statement->objtype == OBJECT_INDEX || type == AT_ReplicaIdentity ||
		type == AT_ClusterOn ? again : nothing;
}

/* Comments on objects that are built again. */
static Undo
undo_comment(const CommentStmt *statement)
{
	switch (statement->objtype)
	{
		case OBJECT_INDEX:
		case OBJECT_TABCONSTRAINT:
		case OBJECT_DOMCONSTRAINT:
		case OBJECT_STATISTIC_EXT:
			return again;
		default:
			return nothing;
	}
}

/* The table on which a statement builds something, or NULL. */
static const RangeVar *
find_parent(Node *node, const Constraint *constraint)
{
	if (constraint != NULL)
		return ((AlterTableStmt *) node)->relation;
	if (IsA(node, IndexStmt))
		return ((IndexStmt *) node)->relation;
	if (IsA(node, CreateStatsStmt))
		return linitial_node(RangeVar, ((CreateStatsStmt *) node)->relations);
	return NULL;
}

static Undo
undo_built_on(Oid table, Node *node, const Constraint *constraint, ApplyForm form)
{
	if (!OidIsValid(table))
		return nothing;
	if (constraint != NULL)
		return undo_added_constraint(table, constraint->conname, form);
	if (IsA(node, IndexStmt))
		return undo_index(table, ((IndexStmt *) node)->idxname);
	return undo_statistics(table, ((CreateStatsStmt *) node)->defnames);
}

Undo
pgcopy_undo_find(const UndoTables *tables, const char *sql, ApplyForm form)
{
	Node	   *node = pgcopy_apply_parse(sql)->stmt;
	Constraint *constraint = pgcopy_classify_added_constraint(node);
	const RangeVar *parent = find_parent(node, constraint);

	Assert(IsTransactionState());
	if (parent != NULL)
		return undo_built_on(find_table(tables, parent), node, constraint, form);
	switch (nodeTag(node))
	{
		case T_AlterTableStmt:
			return undo_alter_table(tables, (AlterTableStmt *) node);
		case T_AlterDomainStmt:
			return undo_alter_domain((AlterDomainStmt *) node);
		case T_CommentStmt:
			return undo_comment((CommentStmt *) node);
		case T_AlterObjectDependsStmt:
			return ((AlterObjectDependsStmt *) node)->objectType == OBJECT_INDEX ?
				again : nothing;
		default:
			return nothing;
	}
}

static char *
quote_relation(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  name);
}

static char *
write_drop_constraint(Oid constraint)
{
	FormData_pg_constraint form = fetch_constraint(constraint);
	const char *name = quote_identifier(NameStr(form.conname));

	if (OidIsValid(form.contypid))
		return psprintf("ALTER DOMAIN %s DROP CONSTRAINT %s",
						format_type_be_qualified(form.contypid), name);
	return psprintf("ALTER TABLE %s DROP CONSTRAINT %s",
					quote_relation(form.conrelid), name);
}

/* Write the statement, with current names.  The table is locked. */
static char *
write_drop(const Undo *undo)
{
	if (undo->object.classId == ConstraintRelationId)
		return write_drop_constraint(undo->object.objectId);
	if (undo->object.classId == StatisticExtRelationId)
		return psprintf("DROP STATISTICS %s",
						getObjectIdentity(&undo->object, false));
	if (undo->object.objectId == undo->table)
		return psprintf("ALTER TABLE %s DISABLE ROW LEVEL SECURITY",
						quote_relation(undo->table));
	return psprintf("DROP INDEX %s", quote_relation(undo->object.objectId));
}

static void
run_sql(const char *sql)
{
	DumpSettings settings = {
		.default_tablespace = "",
		.default_table_access_method = "heap"
	};

	pgcopy_apply_statement(sql, &settings, APPLY_AS_WRITTEN, false, NULL);
	UpdateActiveSnapshotCommandId();
}

/*
 * Lock the object and its table, and look again: while the lock was waited for,
 * somebody may have dropped it.
 */
static bool
lock_object(const Undo *undo)
{
	Oid			object = undo->object.objectId;

	if (OidIsValid(undo->table))
		LockRelationOid(undo->table, AccessExclusiveLock);
	switch (undo->object.classId)
	{
		case ConstraintRelationId:
			return SearchSysCacheExists1(CONSTROID, ObjectIdGetDatum(object));
		case StatisticExtRelationId:
			return SearchSysCacheExists1(STATEXTOID, ObjectIdGetDatum(object));
	}
	Assert(undo->object.classId == RelationRelationId);
	if (object != undo->table)
		LockRelationOid(object, AccessExclusiveLock);
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(object));
}

void
pgcopy_undo_drop(const Undo *undo)
{
	Assert(undo->action == UNDO_DROP || undo->action == UNDO_LATER);
	Assert(ActiveSnapshotSet());
	if (lock_object(undo))
		run_sql(write_drop(undo));
}

void
pgcopy_undo_rows(Oid relid, TransactionId xid)
{
	Assert(TransactionIdIsNormal(xid));
	run_sql(psprintf("DELETE FROM %s%s WHERE xmin OPERATOR(pg_catalog.=) '%u'::pg_catalog.xid",
					 get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					 quote_relation(relid), xid));
}

void
pgcopy_undo_all_rows(Oid relid)
{
	run_sql(psprintf("DELETE FROM ONLY %s", quote_relation(relid)));
}
