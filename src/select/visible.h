/*-------------------------------------------------------------------------
 *
 * visible.h
 *	  Relations of the source that are found without their schema.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_VISIBLE_H
#define PGCOPY_VISIBLE_H

#include "source/session.h"

typedef struct VisibleRelations VisibleRelations;

/*
 * Read which relations and indexes a session of the source finds by their name
 * alone: by the search_path of its database or of this role, not by the empty one
 * that our sessions have.  Into the current memory context.
 */
extern VisibleRelations *pgcopy_visible_read(SourceSession *session);

extern bool pgcopy_visible_has(const VisibleRelations *visible, Oid relation);

#endif							/* PGCOPY_VISIBLE_H */
