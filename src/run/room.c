/*-------------------------------------------------------------------------
 *
 * room.c
 *	  Does the source have room for a session beside the leader's?
 *
 * pg_dump reports a refused session in its own words, in the source's
 * language.  So connect again here to get an SQLSTATE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "run/process.h"
#include "run/leader.h"

/* The fewest sessions that a job needs: the leader's and pg_dump's. */
#define LEAST_SESSIONS 2

/* Does the source refuse one more session because there are too many? */
static bool
has_no_room(const SourceConninfo *conninfo)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool is_refused = false;

	PG_TRY();
	{
		pgcopy_session_close(pgcopy_session_open(conninfo, "pgcopy look"));
	}
	PG_CATCH();
	{
		if (pgcopy_process_is_cancelled())
			PG_RE_THROW();
		is_refused = geterrcode() == ERRCODE_TOO_MANY_CONNECTIONS;
		MemoryContextSwitchTo(caller);
		FlushErrorState();
	}
	PG_END_TRY();
	return is_refused;
}

/* Fetch the smaller CONNECTION LIMIT of role and database; -1: none. */
static int
fetch_limit(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query_row(session,
											"SELECT coalesce(pg_catalog.min(l.n), -1) FROM ("
											"SELECT rolconnlimit AS n FROM pg_catalog.pg_roles"
											" WHERE rolname OPERATOR(pg_catalog.=) current_user "
											"UNION ALL SELECT datconnlimit FROM pg_catalog.pg_database"
											" WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
											") AS l WHERE l.n OPERATOR(pg_catalog.>=) 0",
											1, 0, NULL);

	return (int) pgcopy_rows_get_int64(rows, 0, 0);
}

void
pgcopy_room_check(SourceSession *session, const SourceConninfo *conninfo,
				  int copiers)
{
	int			limit;

	if (!has_no_room(conninfo))
		return;
	limit = fetch_limit(session);
	if (limit >= 0 && limit < LEAST_SESSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the source has no room for pg_dump beside the leader's session"),
				 errdetail("The CONNECTION LIMIT of the role or database is %d there.",
						   limit),
				 errhint("A job needs at least %d sessions, and %d for all its copiers: raise the limit with ALTER ROLE or ALTER DATABASE on the source.",
						 LEAST_SESSIONS, copiers + 1)));
	ereport(ERROR,
			(errcode(ERRCODE_TOO_MANY_CONNECTIONS),
			 errmsg("the source has no room for pg_dump beside the leader's session"),
			 errdetail("Other sessions use up its connection limits."),
			 errhint("A job needs at least %d sessions, and %d for all its copiers: raise max_connections of the source or the CONNECTION LIMIT of the role or database.",
					 LEAST_SESSIONS, copiers + 1)));
}
