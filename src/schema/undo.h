/*-------------------------------------------------------------------------
 *
 * undo.h
 *	  What statements have built on tables, taken away again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_UNDO_H
#define PGCOPY_UNDO_H

/*
 * Whether a statement of post-data that was run has to be run again when all
 * tables are read again.  *drop: what takes away first what it has built, in
 * the current memory context; NULL: nothing is there that would not go along
 * with something else.
 */
extern bool pgcopy_undo_is_needed(const char *sql, char **drop);

#endif							/* PGCOPY_UNDO_H */
