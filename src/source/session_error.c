/*-------------------------------------------------------------------------
 *
 * session_error.c
 *	  Throw the source's errors as errors of this server.
 *
 * libpq has no function for the SQLSTATE of a refused connection, but its verbose
 * message has it:
 *
 *		... failed: FATAL:  28P01: password authentication failed for ...
 *		LOCATION:  auth_failed, auth.c:338
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "mb/pg_wchar.h"

#include "source/session_state.h"

/* How much of a statement an error shows. */
#define SHOWN_SQL_BYTES 400

/* How much of a text of the source is kept, in bytes. */
#define LONGEST_TEXT	10000

/*
 * Copy a text of the source.  Before the session is set up its encoding is
 * unknown: if it is not ours, keep the ASCII part only.
 */
static char *
copy_text(const char *text)
{
	char	   *copy;
	char	   *p;
	size_t		length;

	if (text == NULL || text[0] == '\0')
		return NULL;
	length = strlen(text);
	if (length <= LONGEST_TEXT)
		copy = pchomp(text);
	else
		copy = psprintf("%.*s ...", pg_mbcliplen(text, (int) Min(length, PG_INT32_MAX), LONGEST_TEXT),
						text);
	if (pg_verifymbstr(copy, strlen(copy), true))
		return copy;
	for (p = copy; *p != '\0'; p++)
	{
		if (IS_HIGHBIT_SET(*p))
			*p = '?';
	}
	return copy;
}

static bool
is_sqlstate(const char *text)
{
	return text != NULL &&
		strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") >= 5;
}

/* Turn a text into an SQLSTATE; success and warnings are no errors. */
static int
make_sqlstate(const char *text)
{
	if (!is_sqlstate(text) || strncmp(text, "00", 2) == 0 ||
		strncmp(text, "01", 2) == 0 || strncmp(text, "02", 2) == 0)
		return ERRCODE_PROTOCOL_VIOLATION;
	return MAKE_SQLSTATE(text[0], text[1], text[2], text[3], text[4]);
}

int
pgcopy_session_error_sqlstate(const PGresult *result)
{
	const char *text = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return text != NULL ? make_sqlstate(text) : 0;
}

/*
 * Find the last "severity:  SQLSTATE: " in a verbose message, or NULL.  With
 * sslmode=prefer there are several attempts; the last one counts.
 */
static char *
find_sqlstate(char *message)
{
	char	   *found = NULL;
	char	   *p = message;

	while ((p = strstr(p, ":  ")) != NULL)
	{
		p += 3;
		if (is_sqlstate(p) && strncmp(p + 5, ": ", 2) == 0)
			found = p;
	}
	return found;
}

static const char *
hint_for_connect(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_INVALID_PASSWORD:
			return "Check user and password in the connection string or in the user mapping.";
		case ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION:
			return "Check the user's name, and that pg_hba.conf of the source lets this server's address in.";
		case ERRCODE_UNDEFINED_DATABASE:
			return "Check the database's name; \"psql -l\" on the source lists them.";
		case ERRCODE_TOO_MANY_CONNECTIONS:
			return "Raise max_connections of the source or the connection limit of the role or database, or use fewer table_jobs.";
		case ERRCODE_CANNOT_CONNECT_NOW:
			return "The source is starting up, shutting down or does not accept connections; try again later.";
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return "GRANT CONNECT on the database to the user.";
		default:
			return "Check that the source is up, and that host and port are right and reachable from this server.";
	}
}

/* The same for a session that speaks the replication protocol, where it differs. */
static const char *
hint_for_replication(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION:
			return "Check that pg_hba.conf of the source lets the user into this database from this server's address: a line for the word \"replication\" is for another kind of connection.";
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return "On the source, ALTER ROLE ... REPLICATION, or grant the role that a managed service has for it, such as rds_replication.";
		case ERRCODE_TOO_MANY_CONNECTIONS:
			return "Raise max_wal_senders of the source, or the connection limit of the role or database.";
		case ERRCODE_PROTOCOL_VIOLATION:
		case ERRCODE_FEATURE_NOT_SUPPORTED:
		case ERRCODE_UNDEFINED_OBJECT:
			return REPLICATION_POOLER_HINT;
		default:
			return hint_for_connect(sqlstate);
	}
}

void
pgcopy_session_error_password(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
			 errmsg("password is required"),
			 errdetail("Non-superusers cannot connect if the source does not ask for a password."),
			 errhint("Have pg_hba.conf of the source ask for a password (scram-sha-256) from this server's address.")));
}

/*
 * Whether libpq has refused how the source authenticates (from 16 on).  Its message
 * names what was required, in every language.
 */
static bool
is_requirement_unmet(const SourceConninfo *conninfo, const char *message)
{
	const char *methods = pgcopy_conninfo_get(conninfo, "require_auth");

	return methods != NULL && methods[0] != '\0' && message != NULL &&
		strstr(message, methods) != NULL;
}

static void
throw_requirement_unmet(const SourceConninfo *conninfo, const char *message)
{
	if (conninfo->needs_password)
		pgcopy_session_error_password();
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("could not connect to the source: %s",
					pgcopy_conninfo_conceal(conninfo, message)),
			 errhint("Have pg_hba.conf of the source ask for what require_auth of the connection string demands.")));
}

void
pgcopy_session_error_connect(const PGconn *conn,
							 const SourceConninfo *conninfo)
{
	char	   *message = copy_text(PQerrorMessage(conn));
	char	   *state = message != NULL ? find_sqlstate(message) : NULL;
	bool		is_replication = pgcopy_conninfo_get(conninfo, "replication") != NULL;
	int			sqlstate = ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;

	if (state != NULL)
	{
		sqlstate = make_sqlstate(state);
		message = state + strlen("XXXXX: ");
		message[strcspn(message, "\n")] = '\0';	/* the primary line */
	}
	else if (PQconnectionNeedsPassword(conn))
		sqlstate = ERRCODE_INVALID_PASSWORD;
	else if (is_requirement_unmet(conninfo, message))
		throw_requirement_unmet(conninfo, message);

	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("could not connect to the source: %s",
					message != NULL ? pgcopy_conninfo_conceal(conninfo, message)
					: "unknown error"),
			 conninfo->printable[0] != '\0'
			 ? errdetail("The source is \"%s\".", conninfo->printable) : 0,
			 errhint("%s", is_replication ? hint_for_replication(sqlstate)
					 : hint_for_connect(sqlstate))));
}

/* Return the beginning of a statement, for a context line. */
static const char *
shorten_sql(const char *sql)
{
	int			len = strlen(sql);

	if (len <= SHOWN_SQL_BYTES)
		return sql;
	return psprintf("%.*s ...", pg_mbcliplen(sql, len, SHOWN_SQL_BYTES), sql);
}

static void
throw_lost(const PGconn *conn, const char *sql)
{
	char	   *message = copy_text(PQerrorMessage(conn));

	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("lost connection to the source"),
			 message != NULL ? errdetail_internal("%s", message) : 0,
			 errhint("Check the source's server log, and the network between it and this server."),
			 errcontext("on the source: %s", shorten_sql(sql))));
}

void
pgcopy_session_error_answer(const char *sql, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROTOCOL_VIOLATION),
			 errmsg("unexpected answer from the source"),
			 errdetail_internal("%s", detail),
			 errhint("Connect to PostgreSQL directly, or through a proxy that passes its answers on unchanged."),
			 errcontext("on the source: %s", shorten_sql(sql))));
}

void
pgcopy_session_error_encoding(const char *sql)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
			 errmsg("the source sent text that is not valid in encoding \"%s\"",
					GetDatabaseEncodingName()),
			 errhint("A name or a comment there has bytes that are invalid in its encoding."),
			 errcontext("on the source: %s", shorten_sql(sql))));
}

void
pgcopy_session_error_result(const PGconn *conn, const PGresult *result,
							const char *sql)
{
	int			sqlstate = pgcopy_session_error_sqlstate(result);
	char	   *message = copy_text(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
	char	   *detail = copy_text(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
	char	   *hint = copy_text(PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
	char	   *context = copy_text(PQresultErrorField(result, PG_DIAG_CONTEXT));

	if (sqlstate == 0 && PQstatus(conn) == CONNECTION_BAD)
		throw_lost(conn, sql);
	if (message == NULL)
		message = copy_text(PQresultErrorMessage(result));
	if (message == NULL)
		message = copy_text(PQerrorMessage(conn));
	if (message == NULL)
		pgcopy_session_error_answer(sql, "It is neither rows nor an error.");

	ereport(ERROR,
			(errcode(sqlstate != 0 ? sqlstate : ERRCODE_PROTOCOL_VIOLATION),
			 errmsg_internal("%s", message),
			 detail != NULL ? errdetail_internal("%s", detail) : 0,
			 hint != NULL ? errhint("%s", hint) : 0,
			 context != NULL ? errcontext("%s", context) : 0,
			 errcontext("on the source: %s", shorten_sql(sql))));
}

/* ErrorData has the file that threw, without its directory from 14 on. */
bool
pgcopy_session_threw(const ErrorData *error)
{
	const char *ours = strrchr(__FILE__, '/');
	const char *name = error->filename != NULL ? strrchr(error->filename, '/') : NULL;

	ours = ours != NULL ? ours + 1 : __FILE__;
	name = name != NULL ? name + 1 : error->filename;
	return name != NULL && strcmp(name, ours) == 0;
}
