/*-------------------------------------------------------------------------
 *
 * map.h
 *	  Statements of the dump under other names of schemas and tablespaces.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_MAP_H
#define PGCOPY_MAP_H

#include "base/options.h"
#include "nodes/pg_list.h"

/*
 * Change the statements to what schema_map and tablespace_map say: their text, names
 * and settings.  New texts are made in the current memory context.  Returns the
 * list, with a CREATE SCHEMA for each target that the dump does not create.
 *
 * *findings gets what cannot be changed with certainty: errors, or notices if the
 * job goes on after errors, in which case it is left as it is.
 */
extern List *pgcopy_map_statements(List *statements, const JobOptions *options,
								   List **findings);

#endif							/* PGCOPY_MAP_H */
