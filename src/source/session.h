/*-------------------------------------------------------------------------
 *
 * session.h
 *	  A connection to the source, owned by a memory context.
 *
 * session.c opens and closes it, session_replication.c one for replication,
 * session_query.c runs SQL, session_patience.c what takes strong locks, rows.c has
 * the answers, session_options.c the options for another client, session_cancel.c
 * stops queries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SESSION_H
#define PGCOPY_SESSION_H

#include "access/xlogdefs.h"
#include "base/compat.h"
#include "source/conninfo.h"

typedef struct SourceSession SourceSession;
typedef struct SourceRows SourceRows;

struct pg_result;

/*
 * Open a session, with the settings of session_settings.c and this database's
 * encoding.  It closes with the memory context that is current here, also on
 * ERROR and FATAL; what it runs is cancelled first.  Throws the source's
 * SQLSTATE if there is one (28P01, 3D000, ...), else 08001, with a hint and
 * without secrets; 0A000 for a pooler that shares server sessions.
 */
extern SourceSession *pgcopy_session_open(const SourceConninfo *conninfo,
										  const char *application_name);
extern void pgcopy_session_close(SourceSession *session);

/*
 * session_replication.c: the same, but one that speaks the replication protocol with
 * the database.  It takes queries without parameters, and commands.
 */
extern SourceSession *pgcopy_session_open_replication(const SourceConninfo *conninfo,
													  const char *application_name);

/* Return how long connecting may take over all hosts, ms; -1: no limit. */
extern long pgcopy_session_connect_time(const SourceConninfo *conninfo);

/*
 * Call back after 1 s of waiting for an answer and every 10 s from then on, with
 * the seconds so far; after such a call once with 0 when the wait is over.  The
 * callback must not use the session.
 */
typedef void (*SessionWaits) (void *arg, int seconds);
extern void pgcopy_session_on_wait(SourceSession *session, SessionWaits waits,
								   void *arg);

/* A SessionWaits that throws 08006 once so many seconds have passed; arg: const int *. */
extern void pgcopy_session_give_up(void *arg, int seconds);

/* Return the process's number on the source, also through a pooler. */
extern int	pgcopy_session_pid(const SourceSession *session);

/*
 * Returns false once the connection is known to be lost, or the source has
 * broken the protocol.  Reads nothing from the network.
 */
extern bool pgcopy_session_is_alive(const SourceSession *session);

/* Whether a query has been sent whose answer has not been read to its end. */
extern bool pgcopy_session_is_busy(const SourceSession *session);

/*
 * Whether the source has sent something unasked, most likely why it ends the
 * session.  Polls the socket only.
 */
extern bool pgcopy_session_has_news(const SourceSession *session);
extern int	pgcopy_session_version(const SourceSession *session);	/* 150004 */

/*
 * Return the options of this connection as libpq has resolved them, for another
 * client: with the one host, address, port and password in use, without
 * defaults and names of ours.  Parallel, NULL-terminated, in the current memory
 * context; secret.
 */
extern void pgcopy_session_options(const SourceSession *session,
								   const char ***keywords,
								   const char ***values);

/* Return the host that the session is connected to. */
extern void pgcopy_session_address(const SourceSession *session,
								   SourceAddress *address);

/* Whether standard_conforming_strings was on before we set it. */
extern bool pgcopy_session_has_standard_strings(const SourceSession *session);

/*
 * Run SQL.  Interruptible.  Throws the source's error with its SQLSTATE,
 * message, detail, hint and context, and a context line "on the source: <sql>".
 * A lost connection is 08006, unless the source said why it ended the session
 * (57P01, 57P02 ...).
 */
extern void pgcopy_session_exec(SourceSession *session, const char *sql);

/*
 * The same, but return false for a failure with one of three SQLSTATEs (0:
 * none).  An open transaction has failed then.
 */
extern bool pgcopy_session_try(SourceSession *session, const char *sql,
							   int accepted, int or_accepted, int or_this);

/*
 * Ask which search_path a session of this database begins with, into the current
 * memory context: the database's setting, else this role's or the server's.  ""
 * if the answer is no path.
 */
extern char *pgcopy_session_search_path(SourceSession *session);

/* What it asks: one column, no parameters. */
extern const char pgcopy_session_path_sql[];

/*
 * session_patience.c: run one statement that takes strong locks in a database that is
 * in use, outside a transaction.  Waits only briefly for each lock, since others queue
 * behind it, and tries again until it has them all.
 */
extern void pgcopy_session_exec_patiently(SourceSession *session, const char *sql);

/*
 * Wait, interruptibly, for so many ms; less if the source sends something unasked.
 */
extern void pgcopy_session_pause(SourceSession *session, long ms);

/* Whether an error is one of the source's, or of the connection to it. */
extern bool pgcopy_session_threw(const ErrorData *error);

/*
 * Send a query that tells whether the source answers, and ask whether it has
 * (timeout_ms 0: do not wait; -1: no limit).  Until it has, the session takes no
 * other query.  Both throw as above.
 */
extern void pgcopy_session_ask(SourceSession *session);
extern bool pgcopy_session_has_answered(SourceSession *session,
										long timeout_ms);

/*
 * Recover a session after an error in the middle of an answer: cancel the query
 * and discard the rest.  An open transaction has failed then.  Closes the
 * session if the connection is lost or the query does not end in 10 s.
 */
extern void pgcopy_session_abandon(SourceSession *session);

/*
 * Run SQL while the process exits, after what the session runs now is cancelled:
 * within some ms, whether or not it works.
 */
extern void pgcopy_session_run_at_exit(SourceSession *session, const char *sql, long ms);

/*
 * Run one statement that returns so many columns.  The first takes any number of
 * rows up to 1 GB, the second exactly one of up to 1 MB.  Any other answer is an
 * error (08P01), and so is text in a bad encoding (22021).  The rows live in the
 * memory context that is current here.
 */
extern SourceRows *pgcopy_session_query(SourceSession *session,
										const char *sql, int columns,
										int nparams, const char *const *params);
extern SourceRows *pgcopy_session_query_row(SourceSession *session,
											const char *sql, int columns,
											int nparams, const char *const *params);

/*
 * Run a command of the replication protocol, or EXPLAIN: their tags count no rows.  It
 * returns one row, as above; NULL if it fails with the SQLSTATE "accepted" (0: none).
 */
extern SourceRows *pgcopy_session_command(SourceSession *session, const char *sql,
										  int columns, int accepted);

/*
 * Rows and columns count from 0.  From get() on they throw for NULL, and for a
 * text that is not of their type: a number, one from 0 to 2^48, one from 1 to
 * 2^32 - 1, a position in the WAL but 0/0, t or f, one of the characters allowed.
 */
extern int	pgcopy_rows_count(const SourceRows *rows);
extern bool pgcopy_rows_is_null(const SourceRows *rows, int row, int column);
extern const char *pgcopy_rows_get_or_null(const SourceRows *rows, int row, int column);
extern const char *pgcopy_rows_get(const SourceRows *rows, int row, int column);
extern int64 pgcopy_rows_get_int64(const SourceRows *rows, int row, int column);
extern int64 pgcopy_rows_get_size(const SourceRows *rows, int row, int column);
extern Oid	pgcopy_rows_get_oid(const SourceRows *rows, int row, int column);
extern XLogRecPtr pgcopy_rows_get_lsn(const SourceRows *rows, int row, int column);
extern bool pgcopy_rows_get_bool(const SourceRows *rows, int row, int column);
extern char pgcopy_rows_get_char(const SourceRows *rows, int row, int column,
								 const char *allowed);
extern void pgcopy_rows_free(SourceRows *rows);

/* Throw that the rows are not what was asked for (08P01). */
extern void pgcopy_rows_throw(const SourceRows *rows,
							  const char *detail) pg_attribute_noreturn();

/*
 * The rest is for pooler.c and stream.c, which read answers in their own way.
 *
 * Return the next result, which belongs to the session; NULL after the last one
 * or if the connection is lost.
 */
extern struct pg_result *pgcopy_session_next_result(SourceSession *session,
													const char *sql);
extern void pgcopy_session_send(SourceSession *session, const char *sql,
								int nparams, const char *const *params);

/* Wait up to "limit" ms (-1: no limit) until the next result is complete. */
extern bool pgcopy_session_await_result(SourceSession *session,
										const char *sql, long limit);

/* Throw that an answer breaks the protocol; the session is of no more use. */
extern void pgcopy_session_violation(SourceSession *session, const char *sql,
									 const char *detail) pg_attribute_noreturn();

#endif							/* PGCOPY_SESSION_H */
