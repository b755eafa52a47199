/*-------------------------------------------------------------------------
 *
 * selection.h
 *	  Which objects of the source a job clones.
 *
 * A selection is a value: made from the source's catalogs and the job's options,
 * by patterns and dependencies, in one transaction of the session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SELECTION_H
#define PGCOPY_SELECTION_H

#include "base/options.h"
#include "source/session.h"

typedef struct Selection Selection;

/* Whether these options select at all: without them everything is cloned. */
extern bool pgcopy_selection_is_wanted(const JobOptions *options);

/*
 * Make one in the current memory context.  Locks and reads nothing of the source
 * but its catalogs.  Throws for patterns that match nothing (42704, all of them,
 * with the nearest names), for contradictions and for objects that would be made
 * half (22023).
 */
extern Selection *pgcopy_selection_make(SourceSession *session, const JobOptions *options);

/*
 * Is this object of the source cloned?  True for one that no selection knows: what
 * belongs to others (a column default, an internal trigger) goes with these, and what
 * pg_dump lists without an OID goes with what it depends on.  NULL selects all.
 */
extern bool pgcopy_selection_has(const Selection *selection, Oid class_oid, Oid object_oid);

/* Are the rows of this table cloned?  False if the table is not. */
extern bool pgcopy_selection_has_rows(const Selection *selection, Oid relation);

/* Are large objects cloned? */
extern bool pgcopy_selection_has_large_objects(const Selection *selection);

/*
 * The OIDs of the cloned relations (tables, partitioned tables, views, materialized
 * views, sequences, foreign tables), as the literal of an oid[], to restrict queries on
 * the source by; NULL: all of them.
 */
extern const char *pgcopy_selection_relations(const Selection *selection);

/*
 * A relation as pg_dump must be told of it.  See pgcopy_selection_dump_relations().
 */
typedef struct SelectedRelation
{
	Oid			oid;
	char	   *schema;
	char	   *name;
	bool		is_kept;
} SelectedRelation;

/*
 * All relations of the source that pg_dump would dump without a filter, kept or not,
 * in the order of schema and name: List of SelectedRelation *.
 */
extern List *pgcopy_selection_dump_relations(const Selection *selection);

/*
 * Would this foreign key reference rows that are not cloned?  It is kept, but must
 * stay NOT VALID.
 */
extern bool pgcopy_selection_foreign_key_is_unvalidated(const Selection *selection,
														Oid constraint);

/* The consequences of what is left out: List of Finding *, all notices. */
extern List *pgcopy_selection_notices(const Selection *selection);

#endif							/* PGCOPY_SELECTION_H */
