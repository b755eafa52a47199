/*-------------------------------------------------------------------------
 *
 * output.h
 *	  Write the pages of a new index: WAL, file, checkpoints.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_OUTPUT_H
#define PGCOPY_OUTPUT_H

#include "storage/bufpage.h"
#include "utils/relcache.h"

typedef struct IndexOutput IndexOutput;

/*
 * Begin to write the main fork, which is empty.  The index is new in this
 * transaction, locked exclusively, and not temporary.  Belongs to the current
 * memory context.
 */
extern IndexOutput *pgcopy_output_begin(Relation index);

/* Return room for a page; its contents are undefined. */
extern Page pgcopy_output_page(IndexOutput *output);

/*
 * Write a page that pgcopy_output_page() gave; it is the output's from now on.
 * Every block up to the last one must be written once, in any order.
 */
extern void pgcopy_output_write(IndexOutput *output, Page page, BlockNumber block);

/* Write what is left, and see to it that a crash loses nothing. */
extern void pgcopy_output_end(IndexOutput *output);

#endif							/* PGCOPY_OUTPUT_H */
