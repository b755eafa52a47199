/*-------------------------------------------------------------------------
 *
 * classify.h
 *	  What a statement does, from its parse tree.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CLASSIFY_H
#define PGCOPY_CLASSIFY_H

#include "nodes/parsenodes.h"
#include "schema/dump.h"

/*
 * Fill in class, tag, names and has_secret of a statement.  Names point into
 * the parse tree.
 */
extern void pgcopy_classify_statement(Node *node, DumpStatement *statement);

/* The constraint that an ALTER TABLE adds if it does nothing else; or NULL. */
extern Constraint *pgcopy_classify_added_constraint(Node *node);

#endif							/* PGCOPY_CLASSIFY_H */
