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
extern Oid	pgcopy_catalog_owner(void);

extern void pgcopy_catalog_begin(CatalogScope *scope);
extern void pgcopy_catalog_end(const CatalogScope *scope);

/*
 * Run a query between begin() and end().  nulls: NULL, or one char per
 * argument, 'n' for NULL.  Returns the number of rows; rows that come back are
 * in SPI_tuptable.
 */
extern uint64 pgcopy_catalog_run(CatalogQuery *query, Datum *values,
								 const char *nulls);

/*
 * The same for one query alone whose rows nobody looks at.
 */
extern uint64 pgcopy_catalog_do(CatalogQuery *query, Datum *values,
								const char *nulls);

/*
 * Call write(i, arg) for 0 to n - 1, between begin() and end(), and each in
 * memory of its own: for rows that come by the thousand.
 */
typedef void (*CatalogWriter) (int i, void *arg);
extern void pgcopy_catalog_write_rows(int n, CatalogWriter write, void *arg);

/* Text of a column of the rows of the last query, NULL for NULL; copied. */
extern char *pgcopy_catalog_text(int row, const char *column);
extern int64 pgcopy_catalog_int64(int row, const char *column);
extern bool pgcopy_catalog_bool(int row, const char *column);
extern bool pgcopy_catalog_is_null(int row, const char *column);

#endif							/* PGCOPY_QUERY_H */
