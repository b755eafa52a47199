/*-------------------------------------------------------------------------
 *
 * undo.h
 *	  What statements have built on tables, taken away again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_UNDO_H
#define PGCOPY_UNDO_H

typedef enum UndoAction
{
	UNDO_NOTHING,				/* it stays as it is */
	UNDO_LATER,					/* it will go along with something larger */
	UNDO_AGAIN,					/* run it again: that is right in any case */
	UNDO_DROP					/* run *drop, then it again */
} UndoAction;

/*
 * What to do about a statement of post-data that was run, when all tables are
 * read again.  *drop is made in the current memory context.
 */
extern UndoAction pgcopy_undo(const char *sql, char **drop);

#endif							/* PGCOPY_UNDO_H */
