/*-------------------------------------------------------------------------
 *
 * word_merge.c
 *	  Merge sorted keys that other processes send.
 *
 * Streams are merged by twos, some thousand entries at a time, as a tree.  Which of two
 * numbers is less nobody can foresee, so there is no branch on it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/compat.h"
#include "index/sort.h"
#include "index/word_merge.h"

#define ROOM 4096				/* entries of a buffer or a message */

#define TRIPLE_WIDTH 3

StaticAssertDecl(sizeof(SortTriple) == TRIPLE_WIDTH * sizeof(uint64), "no padding");

const void *
pgcopy_word_merge_receive(ParallelContext *context, shm_mq_handle *queue, Size *size)
{
	void	   *message;

	if (shm_mq_receive(queue, size, &message, false) != SHM_MQ_SUCCESS)
	{
		WaitForParallelWorkersToFinish(context);
		elog(ERROR, "a process that builds an index has ended too early");
	}
	return message;
}

bool
pgcopy_word_merge_send(shm_mq_handle *queue, const uint64 *entries, size_t count, int width)
{
	for (size_t sent = 0; sent < count; sent += ROOM)
	{
		Size		size = Min(ROOM, count - sent) * width * sizeof(uint64);

		if (pgcopy_queue_send(queue, size, entries + sent * width) != SHM_MQ_SUCCESS)
			return false;
	}
	return true;
}

static WordStream *
merge_two(WordStream *a, WordStream *b)
{
	WordStream *stream = palloc0(sizeof(WordStream));

	stream->width = a->width;
	stream->a = a;
	stream->b = b;
	stream->buffer = palloc(ROOM * a->width * sizeof(uint64));
	return stream;
}

WordStream *
pgcopy_word_merge(WordStream **streams, int count)
{
	while (count > 1)
	{
		int			merged = 0;

		for (int i = 0; i + 1 < count; i += 2)
			streams[merged++] = merge_two(streams[i], streams[i + 1]);
		if (count % 2 == 1)
			streams[merged++] = streams[count - 1];
		count = merged;
	}
	return streams[0];
}

static bool
fill_from_queue(WordStream *stream)
{
	Size		size;

	if (stream->left == 0)
		return false;
	stream->next = pgcopy_word_merge_receive(stream->context, stream->queue, &size);
	stream->end = stream->next + size / sizeof(uint64);
	if (size == 0 || size % (stream->width * sizeof(uint64)) != 0 ||
		size / (stream->width * sizeof(uint64)) > stream->left)
		elog(ERROR, "unexpected message of %zu bytes", size);
	stream->left -= size / (stream->width * sizeof(uint64));
	return true;
}

/* Take so many of the least numbers of both, none of which ends before. */
static uint64 *
merge_numbers(WordStream *a, WordStream *b, uint64 *to, size_t count)
{
	const uint64 *from_a = a->next;
	const uint64 *from_b = b->next;

	for (size_t i = 0; i < count; i++)
	{
		uint64		number_a = *from_a;
		uint64		number_b = *from_b;
		bool		is_a = number_a < number_b;

		*to++ = is_a ? number_a : number_b;
		from_a += is_a;
		from_b += !is_a;
	}
	a->next = from_a;
	b->next = from_b;
	return to;
}

static inline bool
is_less(const SortTriple *a, const SortTriple *b)
{
	if (a->high != b->high)
		return a->high < b->high;
	return a->low != b->low ? a->low < b->low : a->value < b->value;
}

static uint64 *
merge_triples(WordStream *a, WordStream *b, uint64 *to, size_t count)
{
	const SortTriple *from_a = (const SortTriple *) a->next;
	const SortTriple *from_b = (const SortTriple *) b->next;
	SortTriple *triples = (SortTriple *) to;

	for (size_t i = 0; i < count; i++)
		*triples++ = is_less(from_a, from_b) ? *from_a++ : *from_b++;
	a->next = (const uint64 *) from_a;
	b->next = (const uint64 *) from_b;
	return (uint64 *) triples;
}

static size_t
there(const WordStream *stream)
{
	return (stream->end - stream->next) / stream->width;
}

static uint64 *
copy(WordStream *from, uint64 *to, size_t count)
{
	count = Min(count, there(from)) * from->width;
	memcpy(to, from->next, count * sizeof(uint64));
	from->next += count;
	return to + count;
}

static bool
fill_from_two(WordStream *stream)
{
	WordStream *a = stream->a;
	WordStream *b = stream->b;
	uint64	   *to = stream->buffer;
	uint64	   *limit = to + ROOM * stream->width;

	while (to < limit)
	{
		size_t		room = (limit - to) / stream->width;
		bool		has_a = pgcopy_word_merge_fill(a);
		bool		has_b = pgcopy_word_merge_fill(b);

		if (has_a && has_b)
		{
			room = Min(room, Min(there(a), there(b)));
			to = stream->width == TRIPLE_WIDTH ? merge_triples(a, b, to, room) :
				merge_numbers(a, b, to, room);
		}
		else if (has_a || has_b)
			to = copy(has_a ? a : b, to, room);
		else
			break;
	}
	stream->next = stream->buffer;
	stream->end = to;
	return stream->next < stream->end;
}

bool
pgcopy_word_merge_fill(WordStream *stream)
{
	if (stream->next < stream->end)
		return true;
	CHECK_FOR_INTERRUPTS();
	if (stream->queue != NULL)
		return fill_from_queue(stream);
	return stream->a != NULL && fill_from_two(stream);
}
