/*-------------------------------------------------------------------------
 *
 * session.h
 *	  A connection to the source, owned by a memory context.
 *
 * session.c opens and closes it, session_query.c runs SQL, rows.c has what comes
 * back, session_options.c says what another client needs, session_abandon.c
 * ends what an error has left.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SESSION_H
#define PGCOPY_SESSION_H

#include "source/conninfo.h"

typedef struct SourceSession SourceSession;
typedef struct SourceRows SourceRows;

struct pg_conn;
struct pg_result;

/*
 * Open a session with every setting of DESIGN section 7, client_encoding
 * being this database's.  A pooler that gives no session of its own is refused
 * (0A000) before anything is set.  It goes away with the memory context that is
 * current here, on ERROR and on FATAL, what runs in it being cancelled first.
 * Errors carry the source's SQLSTATE where there is one (28P01, 3D000, ...),
 * else 08001, always with a hint and never with a secret.
 */
extern SourceSession *pgcopy_session_open(const SourceConninfo *conninfo,
										  const char *application_name);
extern void pgcopy_session_close(SourceSession *session);

/* The whole time that connecting may take, ms; -1: no limit. */
extern long pgcopy_session_connect_time(const SourceConninfo *conninfo);

/*
 * Have somebody told when an answer takes more than a second, and every ten
 * seconds from then on: for how long it has; 0 when it is there.  What is called
 * must not use the session.
 */
typedef void (*SessionWaits) (void *arg, int seconds);
extern void pgcopy_session_on_wait(SourceSession *session, SessionWaits waits,
								   void *arg);

/* The number of its process on the source, also through a pooler. */
extern int	pgcopy_session_pid(const SourceSession *session);

/*
 * False once the connection is known to be lost, or the source has broken the
 * protocol.  Reads no network.
 */
extern bool pgcopy_session_is_alive(const SourceSession *session);

/*
 * Whether the source has said something unasked: most likely why it ends the
 * session.  Asks the socket only.
 */
extern bool pgcopy_session_has_news(const SourceSession *session);
extern int	pgcopy_session_version(const SourceSession *session);	/* 150004 */

/*
 * What another client needs to be the same one: the options of this very
 * connection as libpq has resolved them, with its one host, address and port
 * and the password it uses; without those that are at libpq's own default or
 * name us.  Parallel, NULL-terminated, in the current memory context; secret.
 */
extern void pgcopy_session_options(const SourceSession *session,
								   const char ***keywords,
								   const char ***values);

/* The one host that it is connected to. */
extern void pgcopy_session_address(const SourceSession *session,
								   SourceAddress *address);

/* Whether standard_conforming_strings was on before we set it. */
extern bool pgcopy_session_has_standard_strings(const SourceSession *session);

/*
 * Run SQL.  Interruptible; a failure of the source is thrown here with its
 * own SQLSTATE, message, detail, hint and context, and the context line
 * "on the source: <sql>".  A lost connection is 08006, unless the source said
 * why it ended the session (57P01, 57P02 ...).
 */
extern void pgcopy_session_exec(SourceSession *session, const char *sql);
/*
 * The same, but a failure with one of these SQLSTATEs (0: none) returns false
 * instead.  What it does to an open transaction is the caller's to mend.
 */
extern bool pgcopy_session_try(SourceSession *session, const char *sql,
							   int accepted, int or_accepted, int or_this);
/*
 * Ask something, to see whether it answers, without waiting for that.  Until it
 * has, which may be asked for with a timeout, the session takes nothing else.
 * Both throw as above.
 */
extern void pgcopy_session_ask(SourceSession *session);
extern bool pgcopy_session_has_answered(SourceSession *session,
										long timeout_ms);

/*
 * End what an error has left half read: ask the source to stop it and read the
 * rest away, so that the session takes queries again.  An open transaction has
 * failed then.  A session that is lost, or does not stop soon, is closed.
 */
extern void pgcopy_session_abandon(SourceSession *session);

/*
 * Ask one statement whose answer has so many columns.  The first may have any
 * number of rows, up to 1 GB; the second has exactly one.  Any other answer is
 * an error (08P01), and so is text in a bad encoding (22021).  Rows live in the
 * memory context that is current here.
 */
extern SourceRows *pgcopy_session_query(SourceSession *session,
										const char *sql, int columns,
										int nparams, const char *const *params);
extern SourceRows *pgcopy_session_query_row(SourceSession *session,
											const char *sql, int columns,
											int nparams, const char *const *params);

/*
 * Values, counted from 0.  All but the first two throw on NULL, and on a text
 * that is not what they return: a number, 0 to 2^48, 1 to 2^32 - 1, t or f, one
 * of the characters allowed.
 */
extern int	pgcopy_rows_count(const SourceRows *rows);
extern bool pgcopy_rows_is_null(const SourceRows *rows, int row, int column);
extern const char *pgcopy_rows_get_or_null(const SourceRows *rows, int row, int column);
extern const char *pgcopy_rows_get(const SourceRows *rows, int row, int column);
extern int64 pgcopy_rows_get_int64(const SourceRows *rows, int row, int column);
extern int64 pgcopy_rows_get_size(const SourceRows *rows, int row, int column);
extern Oid	pgcopy_rows_get_oid(const SourceRows *rows, int row, int column);
extern bool pgcopy_rows_get_bool(const SourceRows *rows, int row, int column);
extern char pgcopy_rows_get_char(const SourceRows *rows, int row, int column,
								 const char *allowed);
extern void pgcopy_rows_free(SourceRows *rows);

/* Throw that the rows are not what was asked for (08P01). */
extern void pgcopy_rows_throw(const SourceRows *rows,
							  const char *detail) pg_attribute_noreturn();

/*
 * For pooler.c and the copy stream (stream.c) only.  The result is the session's, NULL
 * after the last one and when the connection is lost.
 */
extern struct pg_conn *pgcopy_session_conn(SourceSession *session);
extern void pgcopy_session_send(SourceSession *session, const char *sql,
								int nparams, const char *const *params);
/* Wait at most so long, ms (-1: no limit), until the next result would not be waited for. */
extern bool pgcopy_session_await_result(SourceSession *session,
										const char *sql, long limit);
extern struct pg_result *pgcopy_session_next_result(SourceSession *session,
													const char *sql);
extern void pgcopy_session_violation(SourceSession *session, const char *sql,
									 const char *detail) pg_attribute_noreturn();
extern void pgcopy_session_throw(SourceSession *session,
								 const struct pg_result *result,
								 const char *sql) pg_attribute_noreturn();

#endif							/* PGCOPY_SESSION_H */
