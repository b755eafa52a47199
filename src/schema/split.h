/*-------------------------------------------------------------------------
 *
 * split.h
 *	  Split the text of a dump into statements.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SPLIT_H
#define PGCOPY_SPLIT_H

#include "nodes/pg_list.h"

/* What pg_restore --verbose writes before each entry of the archive. */
typedef struct SplitEntry
{
	int			toc_id;			/* 0: the preamble */
	Oid			class_oid;
	Oid			object_oid;
	List	   *dependencies;	/* integer list of toc ids */
} SplitEntry;

typedef struct Splitter
{
	const char *at;				/* where the next statement is looked for */
	const char *end;
	SplitEntry	entry;			/* of the last statement */
} Splitter;

/* Begin; the text need not be terminated. */
extern void pgcopy_split_begin(Splitter *splitter, const char *text,
							   size_t length);

/*
 * Find the next statement: *start and *length, without semicolon.  Returns
 * false at the end.  splitter->entry becomes its entry; the list of
 * dependencies, shared by the statements of an entry, is made in the current
 * memory context.
 */
extern bool pgcopy_split_next(Splitter *splitter, const char **start,
							  size_t *length);

/*
 * Copy a statement with its long strings made empty: they do not decide what it
 * does, and the grammar takes several times their memory.  *longest: bytes of
 * the longest one, or 0.
 */
extern char *pgcopy_split_outline(const char *start, size_t length,
								  size_t *longest);

#endif							/* PGCOPY_SPLIT_H */
