/*-------------------------------------------------------------------------
 *
 * evaluate.h
 *	  What an index with a predicate or expressions holds of a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_EVALUATE_H
#define PGCOPY_EVALUATE_H

#include "nodes/execnodes.h"
#include "utils/relcache.h"

struct RowValues;
struct ScanPage;

typedef struct Evaluation Evaluation;

extern Evaluation *pgcopy_evaluate_begin(Relation heap, Relation index,
										 IndexInfo *info);

/*
 * Evaluate one row of a page.  Returns false if the index does not hold it, else
 * the values of all columns, which live until the next call.
 */
extern bool pgcopy_evaluate_row(Evaluation *evaluation, const struct ScanPage *page,
								int number, struct RowValues *found);

/* The rows so far, also those that the index does not hold. */
extern int64 pgcopy_evaluate_rows(const Evaluation *evaluation);

extern void pgcopy_evaluate_end(Evaluation *evaluation);

#endif							/* PGCOPY_EVALUATE_H */
