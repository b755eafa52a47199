/*-------------------------------------------------------------------------
 *
 * query.h
 *	  Prepared SQL on pgcopy.*, run as the extension's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_QUERY_H
#define PGCOPY_QUERY_H

#include "executor/spi.h"
#include "nodes/pg_list.h"
#include "utils/array.h"

#define CATALOG_MAX_ARGS 24

/* One statement: text and argument types are constant, the plan is made once
 * per process. */
typedef struct CatalogQuery
{
	const char *sql;
	int			nargs;
	Oid			types[CATALOG_MAX_ARGS];
	SPIPlanPtr	plan;
} CatalogQuery;

/* What begin() changed and end() puts back. */
typedef struct CatalogScope
{
	Oid			user;
	int			security_context;
	int			guc_nest_level;
} CatalogScope;

/* The owner of the extension; errors out when it is not installed. */
extern Oid	pgcopy_query_owner(void);

extern void pgcopy_query_begin(CatalogScope *scope);
extern void pgcopy_query_end(const CatalogScope *scope);

/* The values of a query's arguments, in order.  A text that is 0 is NULL. */
#define QUERY_ARGS(...) ((Datum[]) {__VA_ARGS__})

extern Datum pgcopy_query_text_arg(const char *text);
extern Datum pgcopy_query_array_arg(const List *list, Oid type);

/*
 * Run a query between begin() and end().  Returns the number of rows; rows that
 * come back are in SPI_tuptable.
 */
extern uint64 pgcopy_query_run(CatalogQuery *query, Datum *values);

/* The same for one query alone whose rows nobody looks at. */
extern uint64 pgcopy_query_do(CatalogQuery *query, Datum *values);

/*
 * The same for one query alone, whose rows are read in the current memory
 * context: a list of what "read" makes of each; that of the first row, or NULL
 * where there is none; integers of the first column, as a list or an array.
 */
typedef void *(*QueryReadRow) (int row);

extern List *pgcopy_query_fetch(CatalogQuery *query, Datum *values,
								QueryReadRow read);
extern void *pgcopy_query_fetch_one(CatalogQuery *query, Datum *values,
									QueryReadRow read);
extern List *pgcopy_query_fetch_ints(CatalogQuery *query, Datum *values);
extern int64 *pgcopy_query_fetch_array(CatalogQuery *query, Datum *values,
									   int *count);

/* The integer or boolean in the first column of the first row; 0: no row. */
extern int64 pgcopy_query_fetch_int64(CatalogQuery *query, Datum *values);

/*
 * Call write(i, arg) for 0 to n - 1, between begin() and end(), and each in
 * memory of its own: for rows that come by the thousand.
 */
typedef void (*CatalogWriter) (int i, void *arg);
extern void pgcopy_query_write_rows(int n, CatalogWriter write, void *arg);

/* Text of a column of the rows of the last query, NULL for NULL; copied. */
extern char *pgcopy_query_text(int row, const char *column);
extern int64 pgcopy_query_int64(int row, const char *column);
extern bool pgcopy_query_bool(int row, const char *column);
extern bool pgcopy_query_is_null(int row, const char *column);
extern ArrayType *pgcopy_query_array(int row, const char *column);

#endif							/* PGCOPY_QUERY_H */
