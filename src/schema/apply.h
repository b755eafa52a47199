/*-------------------------------------------------------------------------
 *
 * apply.h
 *	  Run statements of the dump, and what else items do, inside this server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_APPLY_H
#define PGCOPY_APPLY_H

#include "nodes/parsenodes.h"
#include "schema/dump.h"
#include "source/session.h"

/* In what form a statement is run. */
typedef enum ApplyForm
{
	APPLY_AS_WRITTEN,
	APPLY_INDEX_OF_CONSTRAINT,	/* ADD PRIMARY KEY -> CREATE UNIQUE INDEX */
	APPLY_CONSTRAINT_USING_INDEX,	/* ADD PRIMARY KEY -> ... USING INDEX */
	APPLY_FOREIGN_KEY_NOT_VALID,
	APPLY_VALIDATE_CONSTRAINT	/* ADD FOREIGN KEY -> VALIDATE CONSTRAINT */
} ApplyForm;

/* Session-wide: what the preamble of a dump sets. Once per process. */
extern void pgcopy_apply_begin_session(void);

/*
 * Run one statement in the current transaction.  Leaves the settings as it
 * found them (except session_authorization: reset before return).  A
 * statement with a secret leaves no trace in logs or pg_stat_activity.
 */
extern void pgcopy_apply_statement(const char *sql,
								   const DumpSettings *settings,
								   ApplyForm form, bool has_secret);

/* The parse tree of text that must be one statement. */
extern RawStmt *pgcopy_apply_parse(const char *sql);

/*
 * analyze.c: ANALYZE one table (no partitions with it), and report it as
 * vacuumed.  Does nothing for a parent of foreign tables.
 */
extern void pgcopy_analyze_table(Oid relid);

/*
 * vacuum.c: whether a table of ours has pages that are not frozen, as failed
 * loads leave them; has_frozen_toast: its TOAST relation was loaded frozen too.
 */
extern bool pgcopy_vacuum_is_wanted(Oid relid, bool has_frozen_toast);

/*
 * VACUUM one table with its TOAST relation and all indexes.  The second does
 * nothing when somebody has it locked.  Called outside a transaction, and leave
 * none open.
 */
extern void pgcopy_vacuum_table(Oid relid);
extern void pgcopy_vacuum_try_table(Oid relid);

/*
 * sequence.c: read last_value and is_called of the sequences (a List of
 * SourceRelation of relkind S) from the source and set them on the sequences of
 * the same name here, in the current transaction.  Not MVCC: what is read is
 * the value of the moment.
 */
extern void pgcopy_sequence_copy(SourceSession *session, List *sequences);

/*
 * secret.c: replace by dots what a statement has in strings and its error
 * repeats.  The new texts are in the current memory context.
 */
extern void pgcopy_secret_conceal(ErrorData *error, const char *sql);

#endif							/* PGCOPY_APPLY_H */
