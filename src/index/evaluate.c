/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *	  What an index with a predicate or expressions holds of a row.
 *
 * The executor evaluates, row by row, as in heapam_index_build_range_scan().
 * Functions may raise, take locks and read tables.  They run as index_build() has
 * set it up: as the table's owner, in a restricted operation.  The scan holds a pin
 * on the row's page and no lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "utils/rel.h"

#include "index/evaluate.h"
#include "index/row.h"

struct Evaluation
{
	Oid			heap;
	TupleDesc	index;
	IndexInfo  *info;
	EState	   *estate;
	ExprContext *context;		/* its per-tuple memory holds the last row's values */
	TupleTableSlot *slot;
	ExprState  *predicate;		/* NULL: none */
	int64		rows;
	uint64		by_value[INDEX_MAX_KEYS];	/* where such values are */
};

/*
 * Begin.  An active snapshot is the caller's.  On an error what was begun goes with
 * the current memory context.
 */
Evaluation *
pgcopy_evaluate_begin(Relation heap, Relation index, IndexInfo *info)
{
	Evaluation *evaluation = palloc0(sizeof(Evaluation));

	evaluation->heap = RelationGetRelid(heap);
	evaluation->index = RelationGetDescr(index);
	evaluation->info = info;
	evaluation->estate = CreateExecutorState();
	evaluation->context = GetPerTupleExprContext(evaluation->estate);
	evaluation->slot = MakeSingleTupleTableSlot(RelationGetDescr(heap),
												&TTSOpsHeapTuple);
	evaluation->context->ecxt_scantuple = evaluation->slot;
	evaluation->predicate = ExecPrepareQual(info->ii_Predicate, evaluation->estate);
	return evaluation;
}

static void
store_row(Evaluation *evaluation, const ScanPage *page, int number,
		  HeapTuple row)
{
	row->t_tableOid = evaluation->heap;
	row->t_data = page->rows[number];
	row->t_len = ItemIdGetLength(PageGetItemId(page->page, page->offsets[number]));
	ItemPointerSet(&row->t_self, page->block, page->offsets[number]);
	ExecStoreHeapTuple(row, evaluation->slot, false);
}

static void
find_values(Evaluation *evaluation, const Datum *values, const bool *nulls,
			RowValues *found)
{
	found->has_nulls = false;
	for (int i = 0; i < evaluation->index->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(evaluation->index, i);

		found->nulls[i] = nulls[i];
		found->values[i] = NULL;
		if (nulls[i])
			found->has_nulls = true;
		else if (!column->attbyval)
			found->values[i] = DatumGetPointer(values[i]);
		else
		{
			char	   *to = (char *) &evaluation->by_value[i];

			store_att_byval(to, values[i], column->attlen);
			found->values[i] = to;
		}
	}
}

bool
pgcopy_evaluate_row(Evaluation *evaluation, const ScanPage *page, int number,
					RowValues *found)
{
	HeapTupleData row;
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	MemoryContext before;

	evaluation->rows++;
	ResetExprContext(evaluation->context);
	store_row(evaluation, page, number, &row);
	if (!ExecQual(evaluation->predicate, evaluation->context))
		return false;
	before = MemoryContextSwitchTo(evaluation->context->ecxt_per_tuple_memory);
	FormIndexDatum(evaluation->info, evaluation->slot, evaluation->estate,
				   values, nulls);
	MemoryContextSwitchTo(before);
	find_values(evaluation, values, nulls, found);
	return true;
}

int64
pgcopy_evaluate_rows(const Evaluation *evaluation)
{
	return evaluation->rows;
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
