/*-------------------------------------------------------------------------
 *
 * login.h
 *	  How pg_dump connects to the source: as our session did.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LOGIN_H
#define PGCOPY_LOGIN_H

#include "schema/dump.h"

typedef struct ToolLogin
{
	const char *conninfo;		/* for the command line, without secrets */
	const char *const *environment;
	int			password_fd;	/* to be descriptor 3, or -1 */
	int			secrets_fd;		/* to be descriptor 4, or -1 */
} ToolLogin;

/*
 * Make what a tool of that major version needs to connect to the source, in the
 * current memory context, which closes the files.  with_password is false to
 * try whether the source asks for it.
 */
extern ToolLogin *pgcopy_login_create(const DumpRequest *request,
									  int tool_version, bool with_password);

/* Whether that has to be tried, as libpq cannot require it. */
extern bool pgcopy_login_needs_trial(const DumpRequest *request,
									 int tool_version);

/* The environment of a tool that does not connect. */
extern const char *const *pgcopy_login_no_environment(void);

#endif							/* PGCOPY_LOGIN_H */
