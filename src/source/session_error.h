/*-------------------------------------------------------------------------
 *
 * session_error.h
 *	  What the source says when something fails, as errors of this server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SESSION_ERROR_H
#define PGCOPY_SESSION_ERROR_H

#include "source/conninfo.h"

struct pg_conn;
struct pg_result;

/* The SQLSTATE of a failed result, or 0 where it has none. */
extern int	pgcopy_session_error_sqlstate(const struct pg_result *result);

/*
 * Throw for a connection that did not come about.  The connection must have
 * been started with PQERRORS_VERBOSE.  What the message quotes of options that
 * are not printable is not shown.
 */
extern void pgcopy_session_error_connect(const struct pg_conn *conn,
										 const SourceConninfo *conninfo) pg_attribute_noreturn();

/* Throw for a result, or for a lost connection where there is none. */
extern void pgcopy_session_error_result(const struct pg_conn *conn,
										const struct pg_result *result,
										const char *sql) pg_attribute_noreturn();

/* Throw for an answer that does not fit the question, 08P01. */
extern void pgcopy_session_error_answer(const char *sql, const char *detail)
			pg_attribute_noreturn();

/* Throw for text that is not of this database's encoding, 22021. */
extern void pgcopy_session_error_encoding(const char *sql) pg_attribute_noreturn();

#endif							/* PGCOPY_SESSION_ERROR_H */
