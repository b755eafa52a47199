/*-------------------------------------------------------------------------
 *
 * undo.h
 *	  What statements have built on tables, taken away again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_UNDO_H
#define PGCOPY_UNDO_H

#include "catalog/objectaddress.h"
#include "schema/apply.h"

typedef enum UndoAction
{
	UNDO_NOTHING,				/* it stays as it is */
	UNDO_LATER,					/* it will go along with something larger */
	UNDO_AGAIN,					/* run it again: that is right in any case */
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
	Oid			table;			/* that the object is on; InvalidOid: a domain */
	ObjectAddress object;		/* where the action is UNDO_DROP or UNDO_LATER */
} Undo;

/*
 * Find what to do about a statement that was run in this form.  Only an object
 * on one of these tables is ever found.
 */
extern Undo pgcopy_undo_find(const UndoTables *tables, const char *sql,
							 ApplyForm form);

/*
 * Drop the object, in the current transaction.  Throws where something else
 * depends on it or it is part of something larger.
 */
extern void pgcopy_undo_drop(const Undo *undo);

/* Delete the rows of a table that a transaction has inserted. */
extern void pgcopy_undo_rows(Oid relid, TransactionId xid);

#endif							/* PGCOPY_UNDO_H */
