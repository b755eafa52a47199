/*-------------------------------------------------------------------------
 *
 * databases.h
 *	  The databases of the source's server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DATABASES_H
#define PGCOPY_DATABASES_H

#include "source/session.h"

typedef struct SourceDatabase
{
	const char *name;
	const char *encoding;
	const char *provider;		/* libc, icu or builtin */
	const char *collate;
	const char *ctype;
	const char *locale;			/* of icu or builtin, else NULL */
	const char *icu_rules;		/* or NULL */
	const char *owner;
	const char *tablespace;
	bool		is_template;
	bool		may_connect;	/* the database is valid and allows connections */
	int64		bytes;			/* 0: the source's role may not know */
} SourceDatabase;

/*
 * Open a session with the string's own database or, where that is not there or
 * does not let us in, with postgres or template1.
 */
extern SourceSession *pgcopy_databases_open(const SourceConninfo *conninfo, Oid owner,
											const char *application_name);

/* List the databases, the largest first, in the current memory context. */
extern List *pgcopy_databases_list(SourceSession *session);

#endif							/* PGCOPY_DATABASES_H */
