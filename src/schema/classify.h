/*-------------------------------------------------------------------------
 *
 * classify.h
 *	  What a statement does, by its parse tree.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CLASSIFY_H
#define PGCOPY_CLASSIFY_H

#include "nodes/parsenodes.h"
#include "schema/dump.h"

/*
 * Fill in class, tag, names and has_secret of a statement.  The names are
 * those of the parse tree, not copies.
 */
extern void pgcopy_classify_statement(Node *node, DumpStatement *statement);

/* The constraint an ALTER TABLE adds, when that is all it does; or NULL. */
extern Constraint *pgcopy_classify_added_constraint(Node *node);

#endif							/* PGCOPY_CLASSIFY_H */
