/*-------------------------------------------------------------------------
 *
 * carry.h
 *	  How the changes of each relation arrive, and what no stream carries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CARRY_H
#define PGCOPY_CARRY_H

#include "lib/stringinfo.h"

#include "catalog/follow.h"
#include "run/leader.h"

/*
 * Choose how the changes of each relation arrive, before the publication is
 * made, and note it in the relations (SourceRelation).  The link's session is open and
 * in no transaction.  Sets the replica identities that the user lets us set, and for
 * that commits and begins a transaction here; memory contexts stay.  Returns what to
 * tell: List of Finding *.  With an error among them nothing was set.
 */
extern List *pgcopy_carry_choose(Leader *leader, List *relations);

/*
 * Note the choice in other relations: those that the job's snapshot sees.  Returns
 * false, with *what, if one was not there when it was made.
 */
extern bool pgcopy_carry_mark(Leader *leader, List *relations, char **what);

/*
 * The publication's tables, by carry: List of PublishedTable *.  relations: noted by
 * one of the above.
 */
extern List *pgcopy_carry_published(Leader *leader, List *relations, char carry);

/*
 * Copy again what the stream does not carry, and set sequences and large objects, by
 * the link's session, which sees the source as it is within the fence (in no
 * transaction, or in one at READ COMMITTED).  Called outside a transaction; commits its
 * own, so that an aborted cutover leaves newer rows of such tables.  Lines about what
 * was done are appended to report.
 */
extern void pgcopy_carry_again(Leader *leader, StringInfo report);

/* The same before the fence, for what need not be done in it: large objects. */
extern void pgcopy_carry_before(Leader *leader, StringInfo report);

/*
 * What pgcopy_carry_again() would copy: relations, bytes.  Called outside a
 * transaction.
 */
extern void pgcopy_carry_measure(Leader *leader, int *relations, int64 *bytes);

/*
 * Whether tables that are carried by inserts only have been updated since: *updated has
 * their names, for a message; NULL: no.  *unknown: why the source's counters do not tell;
 * NULL: they do.  Called in a transaction; into the current memory context.
 */
extern void pgcopy_carry_find_updated(Leader *leader, char **updated, char **unknown);

/*
 * The rest is for the files that carry changes.
 */

/* What a leader knows beside the catalog; lost with it. */
struct Carry
{
	List	   *choices;		/* by OID; see carry.c */
	char	   *counters;		/* that go with them: pgcopy_identity_counters(); or NULL */

	/* carry_large_objects.c: what a look at the source's large objects has seen */
	bool		has_looked;
	int64		seen_xmin;		/* transactions from this one on were not all seen */
	char	   *seen_counters;	/* of the catalogs, or NULL */
};

/* The leader's, made when it is first asked for. */
extern Carry *pgcopy_carry_state(Leader *leader);

/*
 * carry_filters.c: ask the source whether it publishes these relations by their row
 * filters, which become the texts that it has stored.  The session is in no
 * transaction.  Returns errors; notes in the identities (TableIdentity) those that do
 * not suffice.  And note the same in identities that were read again.
 */
extern List *pgcopy_carry_filters_check(Leader *leader, List *relations,
										List *identities);
extern void pgcopy_carry_filters_keep(List *before, List *identities);

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
