/*-------------------------------------------------------------------------
 *
 * constraint.h
 *	  Split ADD CONSTRAINT into statements that can run at different times.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONSTRAINT_H
#define PGCOPY_CONSTRAINT_H

#include "nodes/parsenodes.h"
#include "schema/apply.h"

/*
 * Make the statement to run in place of "node", an ALTER TABLE ... ADD
 * CONSTRAINT unless form is APPLY_AS_WRITTEN.  May change node and return it.
 */
extern Node *pgcopy_constraint_rewrite(Node *node, ApplyForm form);

/*
 * Call "run", which validates the foreign key of "validate" (made above), and spare
 * the server the work where we can do it faster.
 */
extern void pgcopy_constraint_validate(const AlterTableStmt *validate,
									   void (*run) (void *arg), void *arg);

/*
 * After VALIDATE CONSTRAINT (as made above) of a foreign key to a partitioned
 * table: mark as valid the constraints of its partitions.  VALIDATE leaves
 * these out, while ADD FOREIGN KEY makes them valid.
 */
extern void pgcopy_constraint_mark_validated(const AlterTableStmt *validate);

#endif							/* PGCOPY_CONSTRAINT_H */
