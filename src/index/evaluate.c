/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *	  What an index with a predicate or expressions holds of a row.
 *
 * The executor evaluates, row by row, as in heapam_index_build_range_scan().
 * Functions may raise, take locks and read tables: callers hold a pin on the
 * row's page and no lock, and run as index_build() has set it up, as the
 * table's owner and in a restricted operation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/index.h"
#include "executor/executor.h"
#include "utils/rel.h"

#include "index/evaluate.h"

struct Evaluation
{
	IndexInfo  *info;
	EState	   *estate;
	ExprContext *context;		/* per-tuple memory holds the last row's values */
	TupleTableSlot *slot;
	ExprState  *predicate;		/* or NULL */
};

/*
 * Begin.  An active snapshot is the caller's.  On an error what was begun goes
 * with the current memory context.
 */
Evaluation *
pgcopy_evaluate_begin(Relation heap, IndexInfo *info)
{
	Evaluation *evaluation = palloc0(sizeof(Evaluation));

	evaluation->info = info;
	evaluation->estate = CreateExecutorState();
	evaluation->context = GetPerTupleExprContext(evaluation->estate);
	evaluation->slot = MakeSingleTupleTableSlot(RelationGetDescr(heap),
												&TTSOpsHeapTuple);
	evaluation->context->ecxt_scantuple = evaluation->slot;
	evaluation->predicate = ExecPrepareQual(info->ii_Predicate, evaluation->estate);
	return evaluation;
}

/*
 * Evaluate one row.  Returns false if the index does not hold it, else the
 * values of all columns, which live until the next call.
 */
bool
pgcopy_evaluate_row(Evaluation *evaluation, HeapTuple row,
					Datum *values, bool *nulls)
{
	MemoryContext caller;

	ResetExprContext(evaluation->context);
	ExecStoreHeapTuple(row, evaluation->slot, false);
	if (!ExecQual(evaluation->predicate, evaluation->context))
		return false;
	caller = MemoryContextSwitchTo(evaluation->context->ecxt_per_tuple_memory);
	FormIndexDatum(evaluation->info, evaluation->slot, evaluation->estate,
				   values, nulls);
	MemoryContextSwitchTo(caller);
	return true;
}

void
pgcopy_evaluate_end(Evaluation *evaluation)
{
	ExecDropSingleTupleTableSlot(evaluation->slot);
	FreeExecutorState(evaluation->estate);

	/* these were in the state's memory */
	evaluation->info->ii_ExpressionsState = NIL;
	evaluation->info->ii_PredicateState = NULL;
	pfree(evaluation);
}
