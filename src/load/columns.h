/*-------------------------------------------------------------------------
 *
 * columns.h
 *	  Map the source's columns to local attributes, and ask for them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_COLUMNS_H
#define PGCOPY_COLUMNS_H

#include "access/attnum.h"
#include "utils/relcache.h"
#include "load/table.h"

/*
 * Return the attribute number of each column, found by name.  Throws if one is
 * missing, generated or named twice.
 */
extern AttrNumber *pgcopy_columns_map(Relation relation, List *columns);

/* Return the COPY statement for the source. */
extern char *pgcopy_columns_copy_statement(const LoadTable *table);

#endif							/* PGCOPY_COLUMNS_H */
