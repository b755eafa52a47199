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

#endif							/* PGCOPY_CONSTRAINT_H */
