/*-------------------------------------------------------------------------
 *
 * subset.h
 *	  Which rows are copied, and what instead of some columns: the options
 *	  row_filters and column_values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SUBSET_H
#define PGCOPY_SUBSET_H

#include "base/finding.h"
#include "base/options.h"
#include "select/selection.h"
#include "source/inventory.h"

/*
 * Throw what is wrong with them, all of it.  The session must not be in a
 * transaction; each table is locked for a moment in ACCESS SHARE mode.  selection:
 * what is cloned, NULL: all.
 */
extern void pgcopy_subset_check(SourceSession *session, const JobOptions *options,
								const Selection *selection);

/*
 * Set row_condition, column_expressions and expression_path of these relations, and
 * through_root of partitioned ones whose rows may move.  Returns errors and
 * notices.  The session must be in a transaction, and hold the tables' locks.
 * relations: what is cloned, in the order of their OIDs; selection: as above.
 */
extern List *pgcopy_subset_apply(SourceSession *session, const JobOptions *options,
								 const Selection *selection, List *relations);

#endif							/* PGCOPY_SUBSET_H */
