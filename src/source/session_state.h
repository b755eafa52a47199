/*-------------------------------------------------------------------------
 *
 * session_state.h
 *	  What a session is made of, for the files of this room that talk to libpq.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SESSION_STATE_H
#define PGCOPY_SESSION_STATE_H

#include "lib/ilist.h"
#include "nodes/pg_list.h"
#include "base/compat.h"
#include "source/session.h"

struct pg_conn;
struct pg_result;

struct SourceSession
{
	dlist_node	node;			/* in the list of open sessions unless conn is NULL */
	struct pg_conn *conn;		/* NULL once closed */
	int			version;
	int			pid;			/* of its process, as the process says */
	bool		has_standard_strings;	/* before we set it */
	bool		has_savepoint;	/* before the locks of a series */
	bool		is_broken;		/* an answer broke the protocol: do not use again */

	/* of the current query; pgcopy_session_query_forget() resets them */
	struct pg_result *result;
	struct pg_result *failure;	/* the first one */
	int			results;		/* so far, rows apart */
	int			rows;			/* of the answer to pgcopy_session_ask() */
	int			columns;		/* of the last result; -1: it has no rows */
	int			notices;		/* and notifications */

	List	   *ahead;			/* what will be asked: ahead.c */
	MemoryContext ahead_context;	/* holds it; NULL if there was none yet */

	SessionWaits waits;			/* see pgcopy_session_on_wait(); or NULL */
	void	   *waits_arg;
	MemoryContextCallback callback;
};

/* Called with a result that is one row; must copy what it keeps. */
typedef void (*RowTaker) (void *arg, const struct pg_result *row);

/* Called with the end of a statement's answer, which has succeeded. */
typedef void (*ResultTaker) (void *arg, const struct pg_result *result);

/* Without params there may be several statements in sql. */
typedef struct SourceQuery
{
	const char *sql;
	int			nparams;
	const char *const *params;
	bool		is_command;		/* of the replication protocol: its tag counts no rows */
	int			accepted;		/* an SQLSTATE that is no error, or 0 */
	ResultTaker take_result;	/* or NULL; gets the argument of the RowTaker */
} SourceQuery;

/*
 * session.c: wait until the socket is ready or timeout_ms is over (-1: no
 * limit).  Returns whether it is ready.  Interruptible.
 */
extern bool pgcopy_session_wait(SourceSession *session, int events,
								long timeout_ms);

/* As pgcopy_session_open(), but ask and set nothing yet. */
extern SourceSession *pgcopy_session_connect(const SourceConninfo *conninfo,
											 const char *application_name);

/* session_query.c: free what is left of the last query. */
extern void pgcopy_session_query_forget(SourceSession *session);

/*
 * Send a query and read all its results, "take" (or NULL) getting each row.
 * Returns the first failure, which belongs to the session, or NULL.  Throws if
 * the connection is lost or the protocol is broken.
 */
extern struct pg_result *pgcopy_session_query_run(SourceSession *session,
												  const SourceQuery *query,
												  RowTaker take, void *arg);

/* The same for a query that has been sent. */
extern struct pg_result *pgcopy_session_query_read(SourceSession *session,
												   const SourceQuery *query,
												   RowTaker take, void *arg);

/*
 * rows.c: what takes the rows of an answer, by pgcopy_rows_take(), a RowTaker; and
 * when the whole answer has been read, verify them.
 */
extern SourceRows *pgcopy_rows_make(SourceSession *session, const char *sql,
									int columns, bool is_row);
extern void pgcopy_rows_take(void *arg, const struct pg_result *row);
extern void pgcopy_rows_finish(SourceRows *rows);
extern Size pgcopy_rows_bytes(const SourceRows *rows);

/*
 * ahead.c: the answer to a question that was foreseen; NULL if it was not, or has to
 * be asked by itself.
 */
extern SourceRows *pgcopy_ahead_take(SourceSession *session, const SourceQuery *query,
									 int columns);

/* session_settings.c: set what every session needs. */
extern void pgcopy_session_settings_apply(SourceSession *session,
										  const SourceConninfo *conninfo);

/*
 * Set it again for the transaction that has just begun, and throw if that runs
 * in another process than the session (0A000).  Takes the transaction's snapshot.
 */
extern void pgcopy_session_settings_apply_again(SourceSession *session);

/* The same in a batch: a statement of one row, which is freed here. */
struct SourceBatch;
extern void pgcopy_session_settings_add_again(struct SourceBatch *batch);
extern void pgcopy_session_settings_check(const SourceSession *session, SourceRows *rows);

/*
 * One statement that sets all for a new session if the process has this number, else
 * nothing; some platforms refuse it.
 */
extern char *pgcopy_session_settings_sql(const SourceConninfo *conninfo, int pid);

/*
 * session_cancel.c: cancel what a connection runs, whether or not that works.
 * Takes two seconds at most, throws nothing.
 */
extern void pgcopy_session_cancel(struct pg_conn *conn);

/*
 * pooler.c: throw unless the connection has a process of the source for itself
 * until it is closed (0A000).  Set what every session needs, and note the number of
 * the process.
 */
extern void pgcopy_pooler_settle(SourceSession *session,
								 const SourceConninfo *conninfo,
								 const char *application_name);

/* Ask for that number only. */
extern int	pgcopy_pooler_ask_pid(SourceSession *session, const SourceConninfo *conninfo);

/* Throw that it has none; "detail" says what shows that. */
extern void pgcopy_pooler_refuse(const char *detail) pg_attribute_noreturn();

/* What to do if something between us and the server does not let replication pass. */
#define REPLICATION_POOLER_HINT \
	"Connect to the server itself, not to its pooler, which does not pass replication on."

/* session_error.c: return the SQLSTATE of a failed result, 0 if it has none. */
extern int	pgcopy_session_error_sqlstate(const struct pg_result *result);

/*
 * Throw that a connection failed.  It must have been started with
 * PQERRORS_VERBOSE.
 */
extern void pgcopy_session_error_connect(const struct pg_conn *conn,
										 const SourceConninfo *conninfo) pg_attribute_noreturn();

/* Throw that the source does not ask for the password that the job's owner needs. */
extern void pgcopy_session_error_password(void) pg_attribute_noreturn();

/* Throw the error in a result; NULL: that the connection is lost. */
extern void pgcopy_session_error_result(const struct pg_conn *conn,
										const struct pg_result *result,
										const char *sql) pg_attribute_noreturn();

/* Throw for an answer that does not fit the question (08P01). */
extern void pgcopy_session_error_answer(const char *sql, const char *detail)
			pg_attribute_noreturn();

/* Throw for text that is not in this database's encoding (22021). */
extern void pgcopy_session_error_encoding(const char *sql) pg_attribute_noreturn();

#endif							/* PGCOPY_SESSION_STATE_H */
