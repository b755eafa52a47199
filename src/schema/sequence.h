/*-------------------------------------------------------------------------
 *
 * sequence.h
 *	  Sequences: read from the source in bulk, set here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SEQUENCE_H
#define PGCOPY_SEQUENCE_H

#include "nodes/pg_list.h"
#include "source/session.h"

/*
 * Read last_value and is_called of the sequences (a List of SourceRelation of
 * relkind S) from the source and set them on the sequences of the same name
 * here, in the current transaction.  Not MVCC: what is read is the value of
 * the moment.
 */
extern void pgcopy_sequence_copy(SourceSession *session, List *sequences);

#endif							/* PGCOPY_SEQUENCE_H */
