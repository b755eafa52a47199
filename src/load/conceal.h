/*-------------------------------------------------------------------------
 *
 * conceal.h
 *	  Errors of the source that may tell what must not leave it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONCEAL_H
#define PGCOPY_CONCEAL_H

#include "load/table.h"

/*
 * Is the error one of evaluating what a user wants of the table?  Then its texts may
 * have values of rows and columns that are not to be copied.
 */
extern bool pgcopy_conceal_applies(const LoadTable *table, const ErrorData *error);

/*
 * Take the source's words and the statement out of an error of reading a subset.
 * "where" begins our own lines of the context.  column: whose expression failed, or
 * NULL.
 */
extern void pgcopy_conceal_error(const LoadTable *table, ErrorData *error,
								 const char *where, const char *column);

#endif							/* PGCOPY_CONCEAL_H */
