/*-------------------------------------------------------------------------
 *
 * undo.h
 *	  Undo what statements have built on tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_UNDO_H
#define PGCOPY_UNDO_H

#include "catalog/objectaddress.h"
#include "schema/apply.h"

typedef enum UndoAction
{
	UNDO_NOTHING,				/* leave it */
	UNDO_LATER,					/* it goes with the object it is part of */
	UNDO_AGAIN,					/* run it again; nothing to drop */
	UNDO_DROP					/* drop the object, then run it again */
} UndoAction;

/* The relations that a job has created, ascending. */
typedef struct UndoTables
{
	int			count;
	Oid		   *oids;
} UndoTables;

typedef struct Undo
{
	UndoAction	action;
	Oid			table;			/* of the object; InvalidOid: on a domain */
	ObjectAddress object;		/* for UNDO_DROP and UNDO_LATER */
} Undo;

/*
 * Find how to undo a statement that was run in this form.  Apart from
 * constraints of domains, only objects on these tables are found.
 */
extern Undo pgcopy_undo_find(const UndoTables *tables, const char *sql,
							 ApplyForm form);

/*
 * Drop the object, in the current transaction.  Throws if something depends on
 * it or it is part of another object.
 */
extern void pgcopy_undo_drop(const Undo *undo);

/* Delete the rows that a transaction has inserted into a table or its partitions. */
extern void pgcopy_undo_rows(Oid relid, TransactionId xid);

/* Delete all rows of a table, but not those of its children. */
extern void pgcopy_undo_all_rows(Oid relid);

#endif							/* PGCOPY_UNDO_H */
