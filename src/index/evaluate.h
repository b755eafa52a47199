/*-------------------------------------------------------------------------
 *
 * evaluate.h
 *	  What an index with a predicate or expressions holds of a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_EVALUATE_H
#define PGCOPY_EVALUATE_H

#include "access/htup.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

typedef struct Evaluation Evaluation;

extern Evaluation *pgcopy_evaluate_begin(Relation heap, IndexInfo *info);
extern bool pgcopy_evaluate_row(Evaluation *evaluation, HeapTuple row,
								Datum *values, bool *nulls);
extern void pgcopy_evaluate_end(Evaluation *evaluation);

#endif							/* PGCOPY_EVALUATE_H */
