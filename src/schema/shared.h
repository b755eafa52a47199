/*-------------------------------------------------------------------------
 *
 * shared.h
 *	  Statements on what all databases of a server share: roles, databases.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SHARED_H
#define PGCOPY_SHARED_H

#include "schema/dump.h"

/*
 * Make a statement that is not of a dump: one or several, with semicolons in
 * between, which pgcopy_shared_run() runs.  In the current memory context; shares
 * the texts.
 */
extern DumpStatement *pgcopy_shared_statement(char *tag, char *name, char *script);

/* Quote the value of a setting, as the catalog has it, for SET. */
extern const char *pgcopy_shared_quote_setting(const char *name, const char *value);

/*
 * Run such a statement in the current transaction.  What this server or the
 * current user's rights do not allow is left out, but for CREATE ROLE, which is an
 * error; so is what may pass by itself.  A role that is here by now is left as it
 * is, with all that the script has on it.  Nothing of the script shows in logs,
 * errors or pg_stat_activity.  One job at a time makes roles: others wait until
 * this transaction ends.
 *
 * Returns what was left out and why: a List of Finding, notices.
 */
extern List *pgcopy_shared_run(const char *script, const DumpSettings *settings);

#endif							/* PGCOPY_SHARED_H */
