/*-------------------------------------------------------------------------
 *
 * word_merge.h
 *	  Merge sorted keys that other processes send.
 *
 * An entry is one number, key and row, or three: two halves of a key, and a row.  All
 * entries of a build differ, by their rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WORD_MERGE_H
#define PGCOPY_WORD_MERGE_H

#include "access/parallel.h"
#include "storage/shm_mq.h"

/* Entries in order, some of them there. */
typedef struct WordStream
{
	int			width;			/* numbers of an entry */
	const uint64 *next;
	const uint64 *end;

	/* Where more come from: a process, or two streams. */
	uint64		left;			/* entries that a process has not sent yet */
	ParallelContext *context;
	shm_mq_handle *queue;
	struct WordStream *a;
	struct WordStream *b;
	uint64	   *buffer;
} WordStream;

/*
 * Receive a message of this size from a process.  Throws its error if it has ended
 * before; the message is there until the next one is received.
 */
extern const void *pgcopy_word_merge_receive(ParallelContext *context, shm_mq_handle *queue,
											 Size *size);

/* Send entries; returns false if nobody wants them. */
extern bool pgcopy_word_merge_send(shm_mq_handle *queue, const uint64 *entries,
								   size_t count, int width);

/* Make one stream of several, of the same width; uses up the array. */
extern WordStream *pgcopy_word_merge(WordStream **streams, int count);

/* Get more entries if none is there; returns false at the end. */
extern bool pgcopy_word_merge_fill(WordStream *stream);

#endif							/* PGCOPY_WORD_MERGE_H */
