/*-------------------------------------------------------------------------
 *
 * carry.h
 *	  What the files that carry changes share with each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CARRY_H
#define PGCOPY_CARRY_H

#include "lib/stringinfo.h"

#include "run/follow.h"

/* What a leader knows beside the catalog; lost with it. */
typedef struct Carry
{
	List	   *choices;		/* by OID; see carry.c */

	/* carry_large_objects.c: what a look at the source's large objects has seen */
	bool		has_looked;
	int64		seen_xmin;		/* transactions from this one on were not all seen */
	char	   *seen_counters;	/* of the catalogs, or NULL */
} Carry;

/* The leader's, made when it is first asked for. */
extern Carry *pgcopy_carry_state(Leader *leader);

/* A size, for people. */
extern char *pgcopy_carry_size(int64 bytes);

/*
 * The link's session, opened if it is not.  Called in a transaction.
 */
extern SourceSession *pgcopy_carry_session(Leader *leader);

/*
 * carry_large_objects.c: bring those that the job has created to what the source's
 * are, and create new ones.  Called outside a transaction.
 */
extern void pgcopy_carry_large_objects(Leader *leader, bool is_in_fence, StringInfo report);

#endif							/* PGCOPY_CARRY_H */
