/*-------------------------------------------------------------------------
 *
 * preflight_private.h
 *	  Shared by preflight.c and the files that say what it compares.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PREFLIGHT_PRIVATE_H
#define PGCOPY_PREFLIGHT_PRIVATE_H

#include "source/preflight.h"

/* How to report objects.  The messages have one %d, for their number. */
typedef struct ObjectsReport
{
	int			sqlerrcode;
	const char *message_one;
	const char *message_many;
	const char *what;			/* introduces the names in the detail */
	const char *hint;
} ObjectsReport;

/* What source_sql is about. */
typedef enum ComparedObjects
{
	COMPARE_OBJECTS,			/* name, class and number of what is to be cloned for it to
								 * count; a name may come more than once */
	COMPARE_RELATIONS,			/* names of relations c; a condition on them can be added */
	COMPARE_ROWS,				/* the same, for relations whose rows are cloned */
	COMPARE_LARGE_OBJECTS		/* their names */
} ComparedObjects;

/* What is compared.  Each query returns names. */
typedef struct PreflightComparison
{
	ComparedObjects objects;
	int			from_version;	/* of the source; 0: all */
	int			before_version; /* the same */
	const char *source_sql;		/* NULL: ask only this server */
	const char *local_sql;		/* $1: what the source has named; NULL: all of it */
	bool		is_of_privileges;	/* matters where they are cloned */
	bool		is_notice;
	bool		stops_always;	/* even a job that goes on after errors */
	ObjectsReport report;
} PreflightComparison;

/* preflight_rights.c: what the source's role may not read; tables come first. */
extern const PreflightComparison *pgcopy_preflight_rights_comparisons(int *n);
extern const char *pgcopy_preflight_rights_roles_sql(void);

/* preflight_server.c: what this server and database have. */
extern const PreflightComparison *pgcopy_preflight_server_comparisons(int *n);

#endif							/* PGCOPY_PREFLIGHT_PRIVATE_H */
