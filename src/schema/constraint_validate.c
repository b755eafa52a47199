/*-------------------------------------------------------------------------
 *
 * constraint_validate.c
 *	  Spare the server a query when it validates a foreign key.
 *
 * VALIDATE CONSTRAINT runs as any other statement: locks, rights, the mark in the
 * catalog and the errors are the server's.  It asks one query for the rows that break
 * the key (RI_Initial_Check(), utils/adt/ri_triggers.c):
 *
 *	SELECT fk.x FROM ONLY a fk LEFT OUTER JOIN ONLY b pk ON pk.y = fk.x
 *	 WHERE pk.y IS NULL AND fk.x IS NOT NULL
 *
 * When that is planned, the rows are read as fast as we can (index/references.c).  If
 * that proves that none breaks the key, the condition becomes false.  Else the query is
 * run as it is, and the server finds what breaks the key, or that nothing does.
 *
 * What is proved is what the query asks, so nothing is believed of who asks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "base/settings.h"
#include "index/references.h"
#include "schema/constraint.h"

/* The table whose key is validated, while it is. */
static Oid	validated_table;
static planner_hook_type next_hook;

/* Is it a column of a table of the query, of a type that we can read? */
static bool
get_column(const Query *query, Node *node, ReferenceColumn *column)
{
	Var		   *var = (Var *) node;
	RangeTblEntry *table;

	if (!IsA(node, Var) || var->varlevelsup != 0 || var->varattno <= 0)
		return false;
	if (var->vartype != INT2OID && var->vartype != INT4OID && var->vartype != INT8OID)
		return false;
	table = rt_fetch(var->varno, query->rtable);
	if (table->rtekind != RTE_RELATION || table->inh || table->securityQuals != NIL ||
		table->tablesample != NULL || table->relkind != RELKIND_RELATION)
		return false;
	column->table = table->relid;
	column->number = var->varattno;
	return true;
}

static bool
is_null_test(Node *node, NullTestType type, const Var *column)
{
	NullTest   *test = (NullTest *) node;
	Var		   *var;

	if (!IsA(node, NullTest) || test->nulltesttype != type || !IsA(test->arg, Var))
		return false;
	var = (Var *) test->arg;
	return var->varlevelsup == 0 && var->varno == column->varno &&
		var->varattno == column->varattno;
}

/* Return the two columns of "x = y", NIL if it is something else. */
static List *
get_equal(Node *node)
{
	OpExpr	   *equal = (OpExpr *) node;

	if (node == NULL || !IsA(node, OpExpr) || list_length(equal->args) != 2 ||
		get_op_opfamily_strategy(equal->opno, INTEGER_BTREE_FAM_OID) != BTEqualStrategyNumber)
		return NIL;
	return equal->args;
}

/* Does the query ask what breaks a key of the table?  Finds the columns of the key. */
static bool
asks_for_broken(const Query *query, ReferenceColumn *from, ReferenceColumn *to)
{
	JoinExpr   *join;
	BoolExpr   *both;
	List	   *equal;

	if (query->commandType != CMD_SELECT || query->jointree == NULL ||
		list_length(query->jointree->fromlist) != 1)
		return false;
	join = linitial(query->jointree->fromlist);
	both = (BoolExpr *) query->jointree->quals;
	if (!IsA(join, JoinExpr) || join->jointype != JOIN_LEFT ||
		!IsA(join->larg, RangeTblRef) || !IsA(join->rarg, RangeTblRef) ||
		both == NULL || !IsA(both, BoolExpr) || both->boolop != AND_EXPR ||
		list_length(both->args) != 2)
		return false;
	equal = get_equal(join->quals);
	if (equal == NIL || !get_column(query, linitial(equal), to) ||
		!get_column(query, lsecond(equal), from))
		return false;
	return from->table == validated_table &&
		((Var *) linitial(equal))->varno == ((RangeTblRef *) join->rarg)->rtindex &&
		((Var *) lsecond(equal))->varno == ((RangeTblRef *) join->larg)->rtindex &&
		is_null_test(linitial(both->args), IS_NULL, linitial(equal)) &&
		is_null_test(lsecond(both->args), IS_NOT_NULL, lsecond(equal));
}

/* planner_hook_type. */
static PlannedStmt *
plan(Query *query, const char *text, int options, ParamListInfo parameters)
{
	ReferenceColumn from;
	ReferenceColumn to;

	if (asks_for_broken(query, &from, &to))
	{
		const char *reason = pgcopy_references_prove(&from, &to,
													 (Size) maintenance_work_mem * 1024);

		if (reason == NULL)
			query->jointree->quals = makeBoolConst(false, false);
		ereport(DEBUG1,
				(errmsg_internal("a foreign key of table \"%s\" is checked by %s",
								 get_rel_name(from.table),
								 reason == NULL ? "pgcopy" : "the server"),
				 reason != NULL ? errdetail_internal("%s", reason) : 0));
	}
	return next_hook != NULL ? next_hook(query, text, options, parameters) :
		standard_planner(query, text, options, parameters);
}

void
pgcopy_constraint_validate(const AlterTableStmt *validate, void (*run) (void *arg), void *arg)
{
	Assert(!OidIsValid(validated_table));
	if (pgcopy_setting_index_builds != INDEX_BUILDS_FAST)
	{
		run(arg);
		return;
	}
	validated_table = RangeVarGetRelid(validate->relation, NoLock, true);
	next_hook = planner_hook;
	planner_hook = plan;
	PG_TRY();
	{
		run(arg);
	}
	PG_FINALLY();
	{
		planner_hook = next_hook;
		next_hook = NULL;
		validated_table = InvalidOid;
	}
	PG_END_TRY();
}
