/*-------------------------------------------------------------------------
 *
 * word.h
 *	  Values of fixed width as numbers: those in order are values in order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_WORD_H
#define PGCOPY_WORD_H

#include "port/pg_bswap.h"

#include "index/build.h"
#include "index/sample.h"

#define MAX_WORDS 4				/* of a key */

/*
 * A range costs a scan, about 2.3 us a page and 15 ns a row.  Records, which are sorted
 * in runs in a file, cost about as much as five scans.  So there may be so many ranges,
 * and a scan must bring so many rows a page.
 */
#define MOST_RANGES 4
#define ROWS_FOR_RANGE 6

#define SIGN64 UINT64CONST(0x8000000000000000)
#define SIGN32 UINT64CONST(0x80000000)

/* Words that are not one to one with values, or not in their order */
typedef enum WordTrouble
{
	WORD_FINE,
	WORD_AMBIGUOUS,				/* -0, or another NaN than usual */
	WORD_ENUM					/* a value that was added later */
} WordTrouble;

/*
 * Return the number of a value, or of 8 bytes of it; sets trouble if there is one.
 * -0 and all NaNs get the number of what they are equal to.
 */
static inline uint64
pgcopy_word_read(KeyKind kind, const char *value, WordTrouble *trouble)
{
	uint16		word16;
	uint32		word32;
	uint64		word64;

	switch (kind)
	{
		case KEY_INT2:
			memcpy(&word16, value, 2);
			return word16 ^ 0x8000;
		case KEY_INT4:
			memcpy(&word32, value, 4);
			return word32 ^ SIGN32;
		case KEY_INT8:
			memcpy(&word64, value, 8);
			return word64 ^ SIGN64;
		case KEY_UINT1:
			return (unsigned char) *value;
		case KEY_UINT4:
			memcpy(&word32, value, 4);
			return word32;
		case KEY_UINT8:
			memcpy(&word64, value, 8);
			return word64;
		case KEY_ENUM:
			memcpy(&word32, value, 4);
			if (word32 & 1)
				*trouble = WORD_ENUM;
			return word32;
		case KEY_FLOAT4:
			memcpy(&word32, value, 4);
			if ((word32 & 0x7FFFFFFF) > 0x7F800000 && word32 != 0x7FC00000)
				*trouble = WORD_AMBIGUOUS, word32 = 0x7FC00000;
			if (word32 == SIGN32)
				*trouble = WORD_AMBIGUOUS, word32 = 0;
			return (word32 & SIGN32) ? (uint32) ~word32 : word32 | SIGN32;
		case KEY_FLOAT8:
			memcpy(&word64, value, 8);
			if ((word64 & ~SIGN64) > UINT64CONST(0x7FF0000000000000) &&
				word64 != UINT64CONST(0x7FF8000000000000))
				*trouble = WORD_AMBIGUOUS, word64 = UINT64CONST(0x7FF8000000000000);
			if (word64 == SIGN64)
				*trouble = WORD_AMBIGUOUS, word64 = 0;
			return (word64 & SIGN64) ? ~word64 : word64 | SIGN64;
		case KEY_UUID:
			memcpy(&word64, value, 8);
			return pg_ntoh64(word64);
		default:
			return 0;
	}
}

/* Write the value of a number. */
static inline void
pgcopy_word_write(KeyKind kind, uint64 word, char *value)
{
	uint16		word16 = (uint16) word;
	uint32		word32 = (uint32) word;

	switch (kind)
	{
		case KEY_INT2:
			word16 ^= 0x8000;
			memcpy(value, &word16, 2);
			break;
		case KEY_INT4:
			word32 ^= SIGN32;
			memcpy(value, &word32, 4);
			break;
		case KEY_INT8:
			word ^= SIGN64;
			memcpy(value, &word, 8);
			break;
		case KEY_UINT1:
			*value = (char) word;
			break;
		case KEY_UINT4:
		case KEY_ENUM:
			memcpy(value, &word32, 4);
			break;
		case KEY_UINT8:
			memcpy(value, &word, 8);
			break;
		case KEY_FLOAT4:
			word32 = (word32 & SIGN32) ? word32 & ~SIGN32 : ~word32;
			memcpy(value, &word32, 4);
			break;
		case KEY_FLOAT8:
			word = (word & SIGN64) ? word & ~SIGN64 : ~word;
			memcpy(value, &word, 8);
			break;
		case KEY_UUID:
			word = pg_hton64(word);
			memcpy(value, &word, 8);
			break;
		default:
			break;
	}
}

/* One word of a key: a column, or 8 bytes of it. */
typedef struct Word
{
	KeyKind		kind;
	int			column;
	int			offset;			/* in the value */
	bool		descending;
	uint64		least;			/* of all values that are not null */
	uint64		most;
} Word;

/*
 * The keys of all rows, in the order of rows, as arrays: one for each word, one
 * for addresses, and one for which columns are null, if any is.
 */
typedef struct Words
{
	IndexBuild *build;
	int			nwords;
	Word		words[MAX_WORDS];
	uint64	   *values[MAX_WORDS];
	uint64	   *rows;
	uint8	   *nulls;			/* bits of columns; NULL: none is null */
	uint8		null_columns;	/* those that are null in some row */
	bool		in_order;		/* and none is null */
	size_t		count;
	size_t		capacity;
	WordTrouble trouble;

	/* Over the memory limit, all rows are looked at and only the last one kept. */
	bool		is_survey;
	uint64		before;			/* so many rows are no longer in the arrays */
	Sample		sample;			/* of SampledWords */
} Words;

typedef struct SampledWords
{
	uint64		values[MAX_WORDS];
	uint8		nulls;
} SampledWords;

/*
 * words.c: put the rows of a page into the arrays, a ScanTake; all pages; free the
 * arrays that there are.
 */
extern const char *pgcopy_words_take(void *arg, const ScanPage *page);
extern const char *pgcopy_words_collect(IndexBuild *build, Words *words);
extern void pgcopy_words_free(Words *words);

/* word_ranges.c: build range by range after a survey; returns a reason, or NULL. */
extern const char *pgcopy_word_ranges_build(Words *words);

/* pack.c: sort the keys and write them; returns a reason, or NULL. */
extern const char *pgcopy_pack_and_write(Words *words);

#endif							/* PGCOPY_WORD_H */
