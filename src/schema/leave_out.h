/*-------------------------------------------------------------------------
 *
 * leave_out.h
 *	  Leave statements out of a dump: what belongs to this extension.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LEAVE_OUT_H
#define PGCOPY_LEAVE_OUT_H

#include "schema/dump.h"
#include "source/own.h"

/*
 * Return the statements (DumpStatement, in dump order) that are cloned, in a new
 * list.  schema_here: the schema of the extension in this database.
 */
extern List *pgcopy_leave_out(List *statements, const SourceOwn *own,
							  const char *schema_here);

#endif							/* PGCOPY_LEAVE_OUT_H */
