/*-------------------------------------------------------------------------
 *
 * proven.c
 *	  Check rows of the source against constraints, but for those that are not valid.
 *
 * When a table is copied again, at a cutover or on resume, it has all constraints of
 * the source, also those that are NOT VALID there; then the rows that were on the
 * source before the constraint are right as they are.
 *
 * ExecConstraints() makes a list of expressions to check when it sees a relation first,
 * and takes one that is there.  We make it, without those of such constraints.  NOT NULL
 * can be NOT VALID from 18 on, and is not in the list: a row with a null there is checked
 * here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "rewrite/rewriteHandler.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "load/route.h"

/* Make the expressions of the checks, NULL for those that are not valid. */
static void
prepare_checks(ResultRelInfo *target, EState *estate)
{
	Relation	relation = target->ri_RelationDesc;
	TupleConstr *constr = RelationGetDescr(relation)->constr;
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	ExprState **checks = palloc0(sizeof(ExprState *) * constr->num_check);

	for (int i = 0; i < constr->num_check; i++)
	{
		Expr	   *expr;

		if (!constr->check[i].ccvalid)
			continue;
		expr = pgcopy_check_expression(stringToNode(constr->check[i].ccbin), relation);
		checks[i] = ExecPrepareExpr(expr, estate);
	}
	target->pgcopy_check_expressions = checks;
	MemoryContextSwitchTo(caller);
}

/* Is a null where a NOT NULL that is not valid forbids it? */
static bool
has_unproven_null(TupleDesc desc, TupleTableSlot *slot)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (pgcopy_attribute_is_unproven(desc, i) && slot_attisnull(slot, i + 1))
			return true;
	}
	return false;
}

/* Does a row fulfil all that is valid? */
static bool
is_proven(ResultRelInfo *target, TupleTableSlot *slot, EState *estate)
{
	TupleDesc	desc = RelationGetDescr(target->ri_RelationDesc);
	ExprContext *econtext = GetPerTupleExprContext(estate);

	for (int i = 0; i < desc->natts; i++)
	{
		if (pgcopy_attribute_is_never_null(desc, i) && slot_attisnull(slot, i + 1))
			return false;
	}
	econtext->ecxt_scantuple = slot;
	for (int i = 0; i < desc->constr->num_check; i++)
	{
		if (!ExecCheck(target->pgcopy_check_expressions[i], econtext))
			return false;
	}
	return true;
}

void
pgcopy_proven_check(ResultRelInfo *target, TupleTableSlot *slot, EState *estate)
{
	TupleDesc	desc = RelationGetDescr(target->ri_RelationDesc);

	if (desc->constr->num_check > 0 && target->pgcopy_check_expressions == NULL)
		prepare_checks(target, estate);
	if (COMPAT_NOT_NULL_MAY_BE_INVALID && desc->constr->has_not_null &&
		has_unproven_null(desc, slot) && is_proven(target, slot, estate))
		return;
	ExecConstraints(target, slot, estate);
}
