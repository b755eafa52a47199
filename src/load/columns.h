/*-------------------------------------------------------------------------
 *
 * columns.h
 *	  Which local attribute each column of the source goes to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_COLUMNS_H
#define PGCOPY_COLUMNS_H

#include "access/attnum.h"
#include "utils/relcache.h"
#include "load/table.h"

/* By name; an error where one is missing, generated or named twice. */
extern AttrNumber *pgcopy_columns_map(Relation relation, List *columns);

/* The COPY statement for the source. */
extern char *pgcopy_columns_copy_statement(const LoadTable *table);

#endif							/* PGCOPY_COLUMNS_H */
