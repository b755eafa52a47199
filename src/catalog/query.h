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

/* A constant statement, planned once per process. */
typedef struct CatalogQuery
{
	const char *sql;
	int			nargs;
	Oid			types[CATALOG_MAX_ARGS];
	SPIPlanPtr	plan;
} CatalogQuery;

/* What pgcopy_query_begin() changes and pgcopy_query_end() restores. */
typedef struct CatalogScope
{
	Oid			user;
	int			security_context;
	int			guc_nest_level;
	bool		is_read_only;
} CatalogScope;

/* The owner of the extension; throws 42704 if it is not installed. */
extern Oid	pgcopy_query_owner(void);

/* Switch to the extension's owner and connect to SPI; and back. */
extern void pgcopy_query_begin(CatalogScope *scope);
extern void pgcopy_query_end(const CatalogScope *scope);

/* The arguments of a query, in order.  (Datum) 0 for a text is NULL. */
#define QUERY_ARGS(...) ((Datum[]) {__VA_ARGS__})
#define QUERY_JOB(job) QUERY_ARGS(Int64GetDatum(job))
#define QUERY_ITEM(job, no) QUERY_ARGS(Int64GetDatum(job), Int32GetDatum(no))

/* type: TEXTOID for a list of char *, INT4OID for one of integers. */
extern Datum pgcopy_query_text_arg(const char *text);
extern Datum pgcopy_query_array_arg(const List *list, Oid type);

/*
 * Run a query between begin() and end().  Returns the number of rows; those of
 * a result are in SPI_tuptable.
 */
extern uint64 pgcopy_query_run(CatalogQuery *query, Datum *values);

/* Run one query with begin() and end(), and drop its result. */
extern uint64 pgcopy_query_do(CatalogQuery *query, Datum *values);

/*
 * Run one query with begin() and end() and read its rows in the current memory
 * context: all of them, or the first, by "read" (NULL if there is none); or the
 * first column, as integers that are not negative or as numbers of 32 bits.
 */
typedef void *(*QueryReadRow) (int row);

extern List *pgcopy_query_fetch(CatalogQuery *query, Datum *values,
								QueryReadRow read);
extern void *pgcopy_query_fetch_one(CatalogQuery *query, Datum *values,
									QueryReadRow read);
extern List *pgcopy_query_fetch_ints(CatalogQuery *query, Datum *values);
extern uint32 *pgcopy_query_fetch_array(CatalogQuery *query, Datum *values,
										int *count);

/* The integer or boolean in the first column of the first row; 0: no row. */
extern int64 pgcopy_query_fetch_int64(CatalogQuery *query, Datum *values);

/* A QueryReadRow: the text in the first column. */
extern void *pgcopy_query_read_text(int row);

/*
 * Call write(i, arg) for 0 to n - 1 between begin() and end(), each in a memory
 * context that is reset after it.
 */
typedef void (*CatalogWriter) (int i, void *arg);
extern void pgcopy_query_write_rows(int n, CatalogWriter write, void *arg);

/*
 * A column of a row of the last query.  Texts are copied into the context that
 * was current at begin(), NULL for NULL; a number that is NULL is 0; an array
 * must not be NULL and lasts until end().  A pg_lsn is a number too.
 */
extern char *pgcopy_query_text(int row, const char *column);
extern int64 pgcopy_query_int64(int row, const char *column);
extern bool pgcopy_query_bool(int row, const char *column);
extern bool pgcopy_query_is_null(int row, const char *column);
extern ArrayType *pgcopy_query_array(int row, const char *column);

#endif							/* PGCOPY_QUERY_H */
