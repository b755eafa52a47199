/*-------------------------------------------------------------------------
 *
 * column_options.h
 *	  Options of columns that this server does not know.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_COLUMN_OPTIONS_H
#define PGCOPY_COLUMN_OPTIONS_H

#include "nodes/parsenodes.h"
#include "schema/dump.h"

/* What was left out of a dump, and is told. */
typedef struct ColumnOptions
{
	int			count;
	List	   *shown;			/* char *: the first of them */
} ColumnOptions;

/*
 * Leave out of a statement the options that this server does not know.  Its text is
 * changed in the current memory context if others are left.  Returns false if none
 * is: then there is nothing to run.
 *
 * Any other statement stays as it is.  node: its parse tree, which points into a text
 * of "length" bytes; if the statement's has another length, it stays, too.
 */
extern bool pgcopy_column_options_keep(ColumnOptions *left_out, const Node *node,
									   size_t length, DumpStatement *statement);

/* Add what was left out to the warnings of a dump. */
extern void pgcopy_column_options_tell(const ColumnOptions *left_out, SourceDump *dump);

#endif							/* PGCOPY_COLUMN_OPTIONS_H */
