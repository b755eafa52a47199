/*-------------------------------------------------------------------------
 *
 * sections.h
 *	  What a job does of what a whole clone would do, and on what it builds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SECTIONS_H
#define PGCOPY_SECTIONS_H

#include "base/options.h"

/* Return the statements of the dump that belong to the job's sections. */
extern List *pgcopy_sections_choose(const JobOptions *options, List *statements);

/*
 * For a job without pre-data: find the tables that are here already, and what of
 * post-data is (schema/here.h).  Sets fields of the relations and
 * statements, and *trees: what to empty first.  Returns what stands in the way, as a
 * List of Finding.  Needs a transaction and a snapshot.
 */
extern List *pgcopy_sections_match(const JobOptions *options, List *relations,
								   List *statements, List **trees);

#endif							/* PGCOPY_SECTIONS_H */
