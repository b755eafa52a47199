/*-------------------------------------------------------------------------
 *
 * session_replication.c
 *	  A session that speaks the replication protocol with the source's database.
 *
 * Its process is a walsender.  That takes commands such as CREATE_REPLICATION_SLOT,
 * and SQL in simple queries: a query with parameters is refused.
 *
 * Poolers either refuse such a connection, pass it on to a process of its own, or
 * drop the option and give an ordinary session.  The last is found by the first
 * command, and so there is nothing to share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/session_state.h"

#define FIRST_COMMAND	"IDENTIFY_SYSTEM"

/* Throw if it is an ordinary session, for which that is an error of syntax. */
static void
check_protocol(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_command(session, FIRST_COMMAND, 4,
											  ERRCODE_SYNTAX_ERROR);

	if (rows == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the connection to the source does not speak the replication protocol"),
				 errhint(REPLICATION_POOLER_HINT)));
	pgcopy_rows_free(rows);
}

SourceSession *
pgcopy_session_open_replication(const SourceConninfo *conninfo,
								const char *application_name)
{
	const SourceConninfo *options = pgcopy_conninfo_for_replication(conninfo);
	SourceSession *session = pgcopy_session_connect(options, application_name);

	PG_TRY();
	{
		session->pid = pgcopy_pooler_ask_pid(session, conninfo);
		check_protocol(session);
		pgcopy_session_settings_apply(session, conninfo);
	}
	PG_CATCH();
	{
		pgcopy_session_close(session);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return session;
}
