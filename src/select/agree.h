/*-------------------------------------------------------------------------
 *
 * agree.h
 *	  Compare the inventory with what else the source says of its relations.
 *
 * By such answers a relation or its rows are left out, a condition goes to a table
 * and a value to a column.  A wrong one would let arrive what was to be left out or
 * masked, so none counts alone.  What is copied is what the inventory lists; all is
 * read under one snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_AGREE_H
#define PGCOPY_AGREE_H

#include "base/compat.h"
#include "select/selection.h"
#include "source/inventory.h"

/* Throw (XX001) that two answers about a relation differ. */
extern void pgcopy_agree_throw(const SourceRelation *relation,
							   const char *detail) pg_attribute_noreturn();

/* Throw it if a relation is not as another list has it.  parent: of a partition. */
extern void pgcopy_agree_relation(const SourceRelation *relation, const char *schema,
								  const char *name, char relkind, Oid parent);

/* Compare what a selection keeps: SourceRelation *. */
extern void pgcopy_agree_selection(const Selection *selection, List *relations);

#endif							/* PGCOPY_AGREE_H */
