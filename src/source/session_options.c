/*-------------------------------------------------------------------------
 *
 * session_options.c
 *	  The options of an open connection, for another client.
 *
 * libpq takes options from the connection string, a service file, the environment
 * and its defaults, and chooses one of several hosts.  With the result another
 * client connects to the same server in the same way; with the connection string
 * alone it may not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"

#include "source/conninfo_options.h"
#include "source/session_state.h"

/* Set by each client itself, or already looked up. */
static const char *const left_out[] = {
	"host", "hostaddr", "port", "password", "passfile", "service",
	"servicefile", "application_name", "fallback_application_name",
	"client_encoding", "replication", NULL
};

typedef struct Options
{
	const char **keywords;
	const char **values;
	int			count;
} Options;

static void
add_option(Options *options, const char *keyword, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	options->keywords[options->count] = pstrdup(keyword);
	options->values[options->count++] = pstrdup(value);
}

static bool
is_left_out(const PQconninfoOption *option)
{
	/* leave out defaults: an older libpq may not know the option, but behaves so */
	return option->val == NULL ||
		pgcopy_conninfo_is_one_of(option->keyword, left_out) ||
		(option->compiled != NULL && strcmp(option->val, option->compiled) == 0);
}

static void
add_all(Options *options, const PGconn *conn, const PQconninfoOption *resolved)
{
	const char *address = PQhostaddr(conn);
	int			n = 0;

	while (resolved[n].keyword != NULL)
		n++;
	options->keywords = palloc0(sizeof(char *) * (n + 5));
	options->values = palloc0(sizeof(char *) * (n + 5));
	for (int i = 0; i < n; i++)
	{
		if (!is_left_out(&resolved[i]))
			add_option(options, resolved[i].keyword, resolved[i].val);
	}
	add_option(options, "host", PQhost(conn));
	add_option(options, "hostaddr", address);
	add_option(options, "port", PQport(conn));
	add_option(options, "password", PQpass(conn));
}

void
pgcopy_session_options(const SourceSession *session, const char ***keywords,
					   const char ***values)
{
	Options		options = {0};
	PQconninfoOption *resolved = PQconninfo(session->conn);

	if (resolved == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	PG_TRY();
	{
		add_all(&options, session->conn, resolved);
	}
	PG_FINALLY();
	{
		PQconninfoFree(resolved);
	}
	PG_END_TRY();
	*keywords = options.keywords;
	*values = options.values;
}

void
pgcopy_session_address(const SourceSession *session, SourceAddress *address)
{
	strlcpy(address->host, PQhost(session->conn), sizeof(address->host));
	strlcpy(address->hostaddr, PQhostaddr(session->conn), sizeof(address->hostaddr));
	strlcpy(address->port, PQport(session->conn), sizeof(address->port));
}
