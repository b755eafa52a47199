/*-------------------------------------------------------------------------
 *
 * login.h
 *	  How pg_dump gets to the source: as the very client that our session is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LOGIN_H
#define PGCOPY_LOGIN_H

#include "schema/dump.h"

typedef struct ToolLogin
{
	const char *conninfo;		/* for the command line, nothing secret in it */
	const char *const *environment;
	int			password_fd;	/* to be descriptor 3, or -1 */
	int			secrets_fd;		/* to be descriptor 4, or -1 */
} ToolLogin;

/*
 * What a tool of that major version is given to connect to the source.  In the
 * current memory context, which closes the files.  with_password is false for
 * the trial of whether the source asks for it.
 */
extern ToolLogin *pgcopy_login_create(const DumpRequest *request,
									  int tool_version, bool with_password);

/* Whether only such a trial shows that the source asks for the password. */
extern bool pgcopy_login_needs_trial(const DumpRequest *request,
									 int tool_version);

/* The environment of a tool that connects to nobody. */
extern const char *const *pgcopy_login_no_environment(void);

#endif							/* PGCOPY_LOGIN_H */
