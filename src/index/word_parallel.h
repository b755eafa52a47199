/*-------------------------------------------------------------------------
 *
 * word_parallel.h
 *	  Keys of fixed width, collected and sorted by several processes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WORD_PARALLEL_H
#define PGCOPY_WORD_PARALLEL_H

#include "storage/dsm.h"
#include "storage/shm_toc.h"

#include "index/word.h"

/* How many other processes are worth to be asked for; 0: none. */
extern int	pgcopy_word_parallel_plan(const IndexBuild *build);

/*
 * Build with so many other processes.  Returns a reason, or NULL; REASON_ALONE if none
 * of them could be had.
 */
extern const char *pgcopy_word_parallel_build(IndexBuild *build, int nworkers);
#define REASON_ALONE "no other process"

/* What these run; the server finds it by its name. */
extern PGDLLEXPORT void pgcopy_word_parallel_main(dsm_segment *segment, shm_toc *toc);

#endif							/* PGCOPY_WORD_PARALLEL_H */
