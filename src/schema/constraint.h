/*-------------------------------------------------------------------------
 *
 * constraint.h
 *	  A constraint as written, made into the statements it is split into.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONSTRAINT_H
#define PGCOPY_CONSTRAINT_H

#include "nodes/parsenodes.h"
#include "schema/apply.h"

/*
 * The statement to run in place of "node" (an ALTER TABLE ... ADD CONSTRAINT
 * of the right kind), or node itself.  May change node.
 */
extern Node *pgcopy_constraint_rewrite(Node *node, ApplyForm form);

/*
 * After VALIDATE CONSTRAINT (as made above): mark as valid what hangs on a
 * foreign key that refers to a partitioned table, one constraint for each
 * partition.  VALIDATE leaves them out; added as written, they would be valid.
 */
extern void pgcopy_constraint_mark_validated(const AlterTableStmt *validate);

#endif							/* PGCOPY_CONSTRAINT_H */
