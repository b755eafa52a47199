/*-------------------------------------------------------------------------
 *
 * drop.h
 *	  Drop what a job creates again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DROP_H
#define PGCOPY_DROP_H

#include "nodes/parsenodes.h"
#include "schema/dump.h"

/*
 * Make a statement that stands for dropping objects, a List of DropObject *; run it as
 * APPLY_DROP.  Its text is the list of them.
 */
extern DumpStatement *pgcopy_drop_make_statement(List *objects);

/*
 * Drop the objects of such a statement, as if by DROP ... RESTRICT of all of them.
 * What is gone meanwhile is skipped; what is another object under its number, or now
 * belongs to another role, is an error.
 */
extern void pgcopy_drop_run(Node *statement);

#endif							/* PGCOPY_DROP_H */
