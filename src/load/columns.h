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
#include "source/series.h"

/*
 * Return the attribute number of each column, found by name.  Throws if one is
 * missing, generated or named twice.
 */
extern AttrNumber *pgcopy_columns_map(Relation relation, List *columns);

/* Does a user want only some rows, or other values? */
extern bool pgcopy_columns_is_subset(const LoadTable *table);

/*
 * Set the search_path that the table's conditions and expressions need, until the end
 * of a transaction or a savepoint that fails.
 */
extern void pgcopy_columns_use_path(SourceSession *session, const LoadTable *table);

/* Return how to ask the source for the table's rows, without a lock. */
extern CopyRequest *pgcopy_columns_request(const LoadTable *table);

/* Return a query for the ctid of a row, counted from 1 as COPY sends them. */
extern char *pgcopy_columns_ctid_query(const LoadTable *table, int64 row);

/* Return a COPY statement for one column, from 0, of the row with this ctid. */
extern char *pgcopy_columns_value_statement(const LoadTable *table, int column,
											const char *ctid);

#endif							/* PGCOPY_COLUMNS_H */
