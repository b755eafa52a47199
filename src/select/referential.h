/*-------------------------------------------------------------------------
 *
 * referential.h
 *	  What happens to foreign keys that a subset of rows breaks: the option
 *	  referential.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_REFERENTIAL_H
#define PGCOPY_REFERENTIAL_H

#include "base/options.h"
#include "source/inventory.h"

typedef struct ReferentialRequest
{
	List	   *relations;		/* SourceRelation: what is cloned, in the order of OIDs,
								 * with row_condition set; a table whose rows are left
								 * out has no data of its own */
	bool		lacks_relations;	/* the source has others */
	bool		appends;		/* to tables that have rows, of which we know nothing */
	ReferentialOption choice;
} ReferentialRequest;

typedef struct ReferentialResult
{
	List	   *findings;		/* Finding * */
	List	   *not_valid;		/* Oid: keys of the source that rows here will break */
} ReferentialResult;

/*
 * With 'follow', set row_with, row_join, row_condition and bytes_beside of tables
 * that refer to what loses rows.  Else count the rows that would break a key: an
 * error with 'check', if a condition is the reason; not_valid otherwise, unless the
 * tables exist and enforce a key, which is an error, too.
 *
 * Asks the source nothing if all rows of all relations are copied.  Counting reads
 * both tables of a key.  Needs a transaction with the snapshot that is read later.
 */
extern ReferentialResult pgcopy_referential_apply(SourceSession *session,
												  const ReferentialRequest *request);

#endif							/* PGCOPY_REFERENTIAL_H */
