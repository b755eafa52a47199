/*-------------------------------------------------------------------------
 *
 * server.h
 *	  pgcopy.server_clone and pgcopy.server_database: orders to clone whole
 *	  servers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SERVER_H
#define PGCOPY_SERVER_H

#include "base/compat.h"
#include "catalog/job.h"

/* An order to clone a server. */
typedef struct ServerClone
{
	int64		id;
	char	   *state;			/* "running", "done", "failed" or "cancelled" */
	Oid			owner;
	char	   *source;			/* printable */
	char	   *conninfo;		/* secret, without a database; NULL once it is done */
	char	   *options;		/* of the jobs, JSON */
	bool		properties_of_new;	/* database_properties for new databases */
	bool		has_roles;		/* the roles are here */
	TimestampTz created;
} ServerClone;

/* A database of it. */
typedef struct ServerDatabase
{
	int			no;				/* from 1; the largest first */
	char	   *name;
	char	   *state;			/* see SERVER_* */
	bool		is_new;			/* this server clone has created it */
	int64		job;			/* 0: none yet */

	/* of the source; those that it has not are NULL */
	char	   *encoding;
	char	   *provider;		/* libc, icu or builtin */
	char	   *collate;
	char	   *ctype;
	char	   *locale;			/* of icu or builtin */
	char	   *icu_rules;
	char	   *owner;
	char	   *tablespace;
	int64		bytes;
} ServerDatabase;

/* States of a database before and beside those of its job. */
#define SERVER_PENDING		"pending"	/* nothing is done */
#define SERVER_CREATING		"creating"	/* it is about to be created, or has been */
#define SERVER_QUEUED		"queued"	/* has a job, which waits for its turn */
#define SERVER_RUNNING		"running"
#define SERVER_DONE			"done"
#define SERVER_FAILED		"failed"
#define SERVER_CANCELLED	"cancelled"
#define SERVER_LEFT_OUT		"left out"

/*
 * Insert an order, running, with its databases: a JSON array of objects with the
 * columns of pgcopy.server_database; returns its number.  id, state, has_roles and created are
 * not read.
 */
extern int64 pgcopy_server_insert(const ServerClone *clone, const char *databases);

/* Fetch an order; NULL if there is none.  Latest: that the current user may see; 0: none. */
extern ServerClone *pgcopy_server_fetch(int64 id);
extern int64 pgcopy_server_latest(void);

/* Throw that there is no such order, or none that may be seen (42704). */
extern void pgcopy_server_throw_missing(int64 id) pg_attribute_noreturn();

/* Its databases, ServerDatabase, in order. */
extern List *pgcopy_server_databases(int64 id);

/* Move an order to a state; done: wipes conninfo.  message may be NULL. */
extern void pgcopy_server_move(int64 id, const char *state, const char *message);
extern void pgcopy_server_set_control(int64 id, uint32 control);
extern void pgcopy_server_set_roles(int64 id);

/* Move a database to a state; message NULL: none. */
extern void pgcopy_server_move_database(int64 id, int no, const char *state,
										const char *message);

/* The same, with the number and figures of its job. */
extern void pgcopy_server_store(int64 id, const ServerDatabase *database,
								const char *message, const JobTotals *totals);

/* The database is about to be created by this order. */
extern void pgcopy_server_mark_new(int64 id, int no);

/* Move all databases that have not ended to cancelled: nobody else will. */
extern void pgcopy_server_cancel_rest(int64 id);

extern void pgcopy_server_delete(int64 id);

/* The handle of the area of a running order that the current user may see; 0: none. */
extern uint32 pgcopy_server_find_control(int64 id);

/* The orders that have not ended, ServerClone. */
extern List *pgcopy_server_unended(void);

/* The schema of the extension here. */
extern char *pgcopy_server_schema(void);

/*
 * How many background workers of the server are neither of a job in one of these
 * databases (OIDs) nor this process.
 */
extern int	pgcopy_server_count_others(const List *databases);

#endif							/* PGCOPY_SERVER_H */
