/*-------------------------------------------------------------------------
 *
 * split.h
 *	  The text of a dump, one statement at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SPLIT_H
#define PGCOPY_SPLIT_H

#include "nodes/pg_list.h"

/* What pg_restore -v says before each entry of the table of contents. */
typedef struct SplitEntry
{
	int			toc_id;			/* 0: the preamble */
	Oid			class_oid;
	Oid			object_oid;
	List	   *dependencies;	/* integer list of toc ids */
} SplitEntry;

typedef struct Splitter
{
	const char *at;				/* where reading goes on */
	const char *end;
	SplitEntry	entry;			/* of the statement last returned */
} Splitter;

/* The text need not end with a zero byte. */
extern void pgcopy_split_begin(Splitter *splitter, const char *text,
							   size_t length);

/*
 * Find the next statement: *start and *length, without its semicolon.
 * splitter->entry is the entry it belongs to; the list of dependencies is
 * made in the current memory context, once per entry.  False at the end.
 */
extern bool pgcopy_split_next(Splitter *splitter, const char **start,
							  size_t *length);

/*
 * A copy of a statement for the grammar, in which long strings are empty: what
 * a statement does never hangs on them, and the grammar takes several times
 * the memory of each.  *longest: bytes of the longest one.
 */
extern char *pgcopy_split_outline(const char *start, size_t length,
								  size_t *longest);

#endif							/* PGCOPY_SPLIT_H */
