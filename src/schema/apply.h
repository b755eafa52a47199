/*-------------------------------------------------------------------------
 *
 * apply.h
 *	  Run statements of the dump, and the other work of items, in this server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_APPLY_H
#define PGCOPY_APPLY_H

#include "index/index_build.h"
#include "nodes/parsenodes.h"
#include "schema/dump.h"
#include "source/session.h"

/* The form in which a statement is run; see constraint.c. */
typedef enum ApplyForm
{
	APPLY_AS_WRITTEN,
	APPLY_INDEX_OF_CONSTRAINT,	/* ADD PRIMARY KEY -> CREATE UNIQUE INDEX */
	APPLY_CONSTRAINT_USING_INDEX,	/* ADD PRIMARY KEY -> ... USING INDEX */
	APPLY_FOREIGN_KEY_NOT_VALID,
	APPLY_VALIDATE_CONSTRAINT,	/* ADD FOREIGN KEY -> VALIDATE CONSTRAINT */
	APPLY_DROP					/* see drop.h */
} ApplyForm;

/*
 * Set what the preamble of a dump sets, once per process.  Called outside a
 * transaction, or in one that commits: an abort would undo it.
 */
extern void pgcopy_apply_begin_session(void);

/*
 * Run one statement in the current transaction, and restore all settings.  A
 * statement with a secret does not show in logs, errors or pg_stat_activity.
 * "outcome", if not NULL, gets who has built the index of a statement that does.
 */
extern void pgcopy_apply_statement(const char *sql,
								   const DumpSettings *settings,
								   ApplyForm form, bool has_secret,
								   IndexOutcome *outcome);

/* Parse a text; throws 22023 unless it is one statement. */
extern RawStmt *pgcopy_apply_parse(const char *sql);

/*
 * analyze.c: ANALYZE one table without its partitions, and report it as
 * vacuumed.  Does nothing for an ancestor of foreign tables.  Returns the error
 * if a function that ANALYZE calls raises one; the table has no new statistics
 * then.
 */
extern ErrorData *pgcopy_analyze_table(Oid relid);

/*
 * vacuum.c: whether a table that was loaded frozen has pages that are not, as
 * failed loads leave them, in its TOAST relation too.
 */
extern bool pgcopy_vacuum_is_wanted(Oid relid);

/*
 * VACUUM one table with its TOAST relation and all indexes; "try" skips a table
 * that is locked.  Called outside a transaction, and leave none open.
 */
extern void pgcopy_vacuum_table(Oid relid);
extern void pgcopy_vacuum_try_table(Oid relid);

/*
 * sequence.c: read the current values of sequences (a List of SourceRelation)
 * from the source, and set those of the same name here to them.  Sequences have
 * no MVCC: the values may be newer than the job's snapshot.
 */
extern void pgcopy_sequence_copy(SourceSession *session, List *sequences);

/*
 * secret.c: replace by dots, in an error, what the statement has in strings.
 * New texts are made in the current memory context.
 */
extern void pgcopy_secret_conceal(ErrorData *error, const char *sql);

/*
 * needless.c: whether to leave the statement out: CREATE SCHEMA of one that is here
 * with an extension or without objects; COMMENT ON EXTENSION with the comment that it
 * has, or on an extension of another owner (source/preflight_extensions.c tells).
 */
extern bool pgcopy_apply_is_needless(const Node *node);

#endif							/* PGCOPY_APPLY_H */
