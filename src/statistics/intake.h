/*-------------------------------------------------------------------------
 *
 * intake.h
 *	  Ask the source for statistics of tables, and write them here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_INTAKE_H
#define PGCOPY_INTAKE_H

#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"

/* Columns of the answer. */
#define INTAKE_COLUMNS	16

typedef struct IntakeTable
{
	Oid			source_oid;
	const char *schema;			/* on the source */
	const char *name;
	Oid			relid;			/* here */
	bool		is_inherited;	/* of a partitioned table, not of a plain one */
	int64		rows;			/* loaded here; -1: not known */

	/* of intake.c; zero at first */
	bool		is_begun;
	bool		is_refused;		/* something was not as it must be */
	Bitmapset  *missing;		/* columns here that no statistics have come for */
} IntakeTable;

/* The query for the statistics of a list of IntakeTable *, of a source of this version. */
extern char *pgcopy_intake_sql(const List *tables, int version);

/*
 * Before the first row: expect times and intervals as sessions to the source write them.
 * Returns the nest level for AtEOXact_GUC(), which undoes this, as an abort does.
 */
extern int	pgcopy_intake_begin(void);

/*
 * Take a row of the answer: check it and write it, in the current transaction.
 * "arg" is the list.  What is odd refuses its table, and throws nothing.
 */
extern void pgcopy_intake_take(void *arg, const char *const *values);

/*
 * After the last row: whether all columns of a table have statistics now.  Of one
 * without rows here none are missing.
 */
extern bool pgcopy_intake_is_complete(IntakeTable *table);

/*
 * enough.c: whether statistics of columns are all that ANALYZE would make of a table, and
 * nobody has replaced them since it was made.
 */
extern bool pgcopy_enough_for(Oid relid);

/*
 * Report what ANALYZE would: the number of rows, to the planner unless an index build
 * has, and to autovacuum.  rows -1: an index build has.
 */
extern void pgcopy_enough_report(Oid relid, int64 rows);

/* Whether the relation knows its number of rows. */
extern bool pgcopy_enough_is_counted(Oid relid);

/* Report rows that nobody has analyzed, so that autovacuum does. */
extern void pgcopy_enough_leave(Oid relid, int64 rows);

#endif							/* PGCOPY_INTAKE_H */
