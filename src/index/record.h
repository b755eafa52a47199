/*-------------------------------------------------------------------------
 *
 * record.h
 *	  Keys of any width: the tuple of each row, and its key as bytes in order.
 *
 * Where only the server's comparison knows the order (compare.c), the key is a word by
 * which to compare first, if there is one, and the tuples are compared.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_RECORD_H
#define PGCOPY_RECORD_H

#include "port/pg_bswap.h"

#include "index/build.h"
#include "index/compare.h"
#include "index/sort.h"

/* The tuple follows, then the key, if it is not a part of the tuple. */
typedef struct Record
{
	uint32		key_length;
	uint32		tuple_size:14,
				key_offset:14,	/* from the tuple's start */
				is_plain:1,		/* no value is compressed */
				has_null:1;		/* in the key */
} Record;

#define RECORD_TUPLE(record) ((IndexTuple) ((char *) (record) + sizeof(Record)))
#define RECORD_KEY(record) \
	((unsigned char *) (record) + sizeof(Record) + (record)->key_offset)
#define RECORD_OF(pair) ((Record *) (uintptr_t) (pair).value)

/* So many bytes behind a record can be read, and mean nothing. */
#define RECORD_SLACK 8

/* Memory that is left free while records are collected, besides that to sort them */
#define RECORD_RESERVE ((Size) 64 * 1024)

#define RECORD_AHEAD 12			/* records to fetch before they are needed */

typedef struct Records
{
	IndexBuild *build;
	Comparison *comparison;		/* of tuples; NULL: keys are in order as bytes */
	bool		in_place;		/* the bytes of the only value are the key */
	MemoryContext row_context;	/* for values that are not as they are */
	const ScanPage *page;		/* of the heap, while it is scanned */

	/* Records in the order of rows, with the first bytes of their keys. */
	SortPair   *pairs;
	size_t		count;
	size_t		capacity;
	bool		in_order;		/* of keys too */

	/* Those of the only key that are null. */
	uint64	   *nulls;
	size_t		null_count;
	size_t		null_capacity;

	struct RecordChunk *chunks; /* room for records, and the piece in use */
	struct RecordChunk *chunk;
	char	   *next;			/* the next one goes here */
	char	   *end;
	Size		arena_size;		/* of all room so far */
	Size		largest;		/* record so far */

	/* What did not fit into memory (record_runs.c); NULL: all is in the arrays. */
	struct RecordRuns *runs;
	uint64		before;			/* so many rows are there */
} Records;

/* Bytes from one record to the next */
static inline Size
pgcopy_record_size(const Record *record)
{
	return MAXALIGN(sizeof(Record) +
					Max(record->tuple_size, record->key_offset + record->key_length));
}

/* Its first two cache lines */
static inline void
pgcopy_record_prefetch(const Record *record)
{
	__builtin_prefetch(record);
	__builtin_prefetch((const char *) record + 64);
}

/* A value without its header */
typedef struct RecordValue
{
	bool		is_null;
	const char *data;
	uint32		length;
} RecordValue;

/*
 * 8 bytes of the key as a number, from "depth" on; zeros behind its end.
 */
static inline uint64
pgcopy_record_word(const Record *record, uint32 depth)
{
	uint64		word;

	if (depth >= record->key_length)
		return 0;
	memcpy(&word, RECORD_KEY(record) + depth, sizeof(word));
	word = pg_ntoh64(word);
	if (record->key_length - depth < sizeof(word))
		word &= PG_UINT64_MAX << (64 - 8 * (record->key_length - depth));
	return word;
}

/* Which is first, but for their rows? */
static inline int
pgcopy_record_compare(const Comparison *comparison, const Record *a, const Record *b)
{
	int			order;

	if (comparison != NULL)
		return pgcopy_compare_tuples(comparison, RECORD_TUPLE(a), RECORD_TUPLE(b));
	order = memcmp(RECORD_KEY(a), RECORD_KEY(b), Min(a->key_length, b->key_length));
	return order != 0 ? order :
		(a->key_length > b->key_length) - (a->key_length < b->key_length);
}

/* record_key.c: at most so many bytes does the key of these values need. */
extern Size pgcopy_record_key_room(const KeyDescription *keys, const RecordValue *values);

/* Write the key and return its end; may set a reason why it is wrong. */
extern unsigned char *pgcopy_record_key_write(const KeyDescription *keys,
											  const RecordValue *values,
											  unsigned char *key, const char **reason);

/* record_sort.c: sort by key, then row; returns a reason, or NULL. */
extern const char *pgcopy_record_sort(Records *records);

/*
 * record_runs.c: sort what is in the arrays and write it to a file; "expected" times, as
 * it looks.  Then merge all of that.  Both return a reason, or NULL.  Between them the
 * memory for records is freed.
 */
extern const char *pgcopy_record_runs_add(Records *records, double expected);
extern const char *pgcopy_record_runs_merge(Records *records);
extern void pgcopy_record_runs_end(Records *records);

/* The next record in order; the one before stays in memory.  NULL behind the last. */
extern void pgcopy_record_runs_rewind(struct RecordRuns *runs);
extern const Record *pgcopy_record_runs_next(struct RecordRuns *runs);
extern const Record *pgcopy_record_runs_next_null(struct RecordRuns *runs);

/*
 * Return record i in the order of keys, NULL behind the last: after sorting, for i from
 * 0 on.
 */
static inline const Record *
pgcopy_record_get(const Records *records, size_t i)
{
	if (records->runs != NULL)
	{
		if (i == 0)
			pgcopy_record_runs_rewind(records->runs);
		return pgcopy_record_runs_next(records->runs);
	}
	if (i + RECORD_AHEAD < records->count)
		pgcopy_record_prefetch(RECORD_OF(records->pairs[i + RECORD_AHEAD]));
	return i < records->count ? RECORD_OF(records->pairs[i]) : NULL;
}

/* prove.c: returns why the sorted records are not in the server's order, or NULL. */
extern const char *pgcopy_prove_order(const Records *records);

/* record_write.c */
extern void pgcopy_record_write(Records *records);

#endif							/* PGCOPY_RECORD_H */
