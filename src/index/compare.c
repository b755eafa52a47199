/*-------------------------------------------------------------------------
 *
 * compare.c
 *	  Index tuples in the server's own order: compare and sort.
 *
 * All that is said here about an order is said by the comparison functions of
 * the index's operator classes, through SortSupport, as CREATE INDEX asks them.
 * Two things are made of that:
 *
 * 1. A sort for orders that no key of ours follows.  Where SortSupport has an
 *    abbreviated key for a column, or the value is one, tuples are sorted by it
 *    first; those with the same word are compared in full.
 * 2. A proof for keys that may be wrong: tuples are in order if all neighbours
 *    are.
 *
 * Tuples that compare equal stay in the order in which they came, which must be
 * that of their rows' addresses, as the server has it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sortsupport.h"

#include "base/compat.h"
#include "index/compare.h"
#include "index/record.h"

/* The first look at whether abbreviated keys are worth it, in tuples. */
#define FIRST_LOOK 1024

/* Fewer tuples are compared in full at once. */
#define FEW_TUPLES 8

#define SIGN UINT64CONST(0x8000000000000000)

typedef enum WordKind
{
	WORD_NONE,					/* always 0 */
	WORD_ABBREVIATED,
	WORD_UNSIGNED,				/* the value itself, as the next two */
	WORD_SIGNED,
	WORD_INT32
} WordKind;

/* Makes the words of one column. */
typedef struct WordMaker
{
	WordKind	kind;
	SortSupportData sort;
	int64		made;
	int64		next_look;		/* when to ask whether they are worth it */
} WordMaker;

struct Comparison
{
	TupleDesc	descriptor;
	int			columns;
	SortSupport sorts;			/* full comparisons, by column */
	WordMaker  *words;			/* by column */
};

/* Prepare SortSupport for one column, as tuplesort_begin_index_btree() does. */
static void
prepare_column(Relation index, int column, bool abbreviate, SortSupport sort)
{
	int16		option = index->rd_indoption[column];

	sort->ssup_cxt = CurrentMemoryContext;
	sort->ssup_collation = index->rd_indcollation[column];
	sort->ssup_nulls_first = (option & INDOPTION_NULLS_FIRST) != 0;
	sort->ssup_attno = column + 1;
	sort->abbreviate = abbreviate;
	pgcopy_prepare_index_sort(index, (option & INDOPTION_DESC) != 0, sort);
}

static WordKind
word_kind_of(SortSupport sort)
{
	if (sort->abbrev_converter != NULL)
		return pgcopy_compares_unsigned(sort) ? WORD_ABBREVIATED : WORD_NONE;
	if (pgcopy_compares_unsigned(sort))
		return WORD_UNSIGNED;
	if (pgcopy_compares_signed(sort))
		return WORD_SIGNED;
	if (pgcopy_compares_int32(sort))
		return WORD_INT32;
	return WORD_NONE;
}

/* Prepare for an index; belongs to the current memory context. */
Comparison *
pgcopy_compare_begin(Relation index)
{
	Comparison *comparison = palloc0(sizeof(Comparison));

	comparison->descriptor = RelationGetDescr(index);
	comparison->columns = IndexRelationGetNumberOfKeyAttributes(index);
	comparison->sorts = palloc0(sizeof(SortSupportData) * comparison->columns);
	comparison->words = palloc0(sizeof(WordMaker) * comparison->columns);
	for (int i = 0; i < comparison->columns; i++)
	{
		WordMaker  *maker = &comparison->words[i];

		prepare_column(index, i, false, &comparison->sorts[i]);
		prepare_column(index, i, true, &maker->sort);
		maker->kind = word_kind_of(&maker->sort);
		maker->next_look = FIRST_LOOK;
	}
	return comparison;
}

/* Give words up if the server would give its abbreviated keys up. */
static void
look_at_words(WordMaker *maker)
{
	maker->next_look *= 2;
	if (maker->sort.abbrev_abort != NULL &&
		maker->sort.abbrev_abort((int) Min(maker->made, INT_MAX), &maker->sort))
		maker->kind = WORD_NONE;
}

static uint64
word_of_value(WordMaker *maker, Datum value)
{
	switch (maker->kind)
	{
		case WORD_NONE:
			break;
		case WORD_ABBREVIATED:
			if (++maker->made == maker->next_look)
				look_at_words(maker);
			return maker->sort.abbrev_converter(value, &maker->sort);
		case WORD_UNSIGNED:
			return value;
		case WORD_SIGNED:
			return (uint64) DatumGetInt64(value) ^ SIGN;
		case WORD_INT32:
			return (uint64) (int64) DatumGetInt32(value) ^ SIGN;
	}
	return 0;
}

/* Of two tuples that differ in the word of a column, the smaller one is first. */
static uint64
word_of_column(Comparison *comparison, int column, IndexTuple tuple)
{
	WordMaker  *maker = &comparison->words[column];
	SortSupport sort = &maker->sort;
	bool		is_null;
	Datum		value;
	uint64		word;

	if (maker->kind == WORD_NONE)
		return 0;
	value = index_getattr(tuple, column + 1, comparison->descriptor, &is_null);
	if (is_null)
		return sort->ssup_nulls_first ? 0 : PG_UINT64_MAX;
	word = word_of_value(maker, value);
	return sort->ssup_reverse ? ~word : word;
}

/*
 * Return the word by which pgcopy_compare_sort() wants to find a tuple.  Call it
 * for each.  May allocate in the current memory context.
 */
uint64
pgcopy_compare_word(Comparison *comparison, IndexTuple tuple)
{
	return word_of_column(comparison, 0, tuple);
}

/* Words may have been given up by now: then those that were made mean nothing. */
bool
pgcopy_compare_has_words(const Comparison *comparison)
{
	return comparison->words[0].kind != WORD_NONE;
}

static int
compare_from(const Comparison *comparison, int column,
			 IndexTuple left, IndexTuple right)
{
	for (int i = column; i < comparison->columns; i++)
	{
		Datum		x,
					y;
		bool		x_is_null,
					y_is_null;
		int			order;

		x = index_getattr(left, i + 1, comparison->descriptor, &x_is_null);
		y = index_getattr(right, i + 1, comparison->descriptor, &y_is_null);
		order = ApplySortComparator(x, x_is_null, y, y_is_null,
									&comparison->sorts[i]);
		if (order != 0)
			return order;
	}
	return 0;
}

/* Compare two tuples as the index does, but for the addresses of their rows. */
int
pgcopy_compare_tuples(const Comparison *comparison,
					  IndexTuple left, IndexTuple right)
{
	return compare_from(comparison, 0, left, right);
}

static inline IndexTuple
tuple_of(const SortPair *pair)
{
	return RECORD_TUPLE(RECORD_OF(*pair));
}

static inline bool
is_after(const Comparison *comparison, int column, const SortPair *left,
		 const SortPair *right)
{
	return compare_from(comparison, column, tuple_of(left),
						tuple_of(right)) > 0;
}

static void
insert_sorted(const Comparison *comparison, int column, SortPair *tuples,
			  size_t count)
{
	for (size_t i = 1; i < count; i++)
	{
		SortPair	tuple = tuples[i];
		size_t		place = i;

		while (place > 0 &&
			   is_after(comparison, column, &tuples[place - 1], &tuple))
		{
			tuples[place] = tuples[place - 1];
			place--;
		}
		tuples[place] = tuple;
	}
}

/*
 * Sort tuples that do not differ before this column, by merging: that takes about
 * the fewest comparisons possible, which are what costs, and one for each tuple if
 * they are in order already.
 */
static void
sort_by_merging(const Comparison *comparison, int column, SortPair *tuples,
				SortPair *scratch, size_t count)
{
	size_t		middle = count / 2;
	SortPair   *left = scratch,
			   *left_end = scratch + middle,
			   *right = tuples + middle,
			   *right_end = tuples + count;

	if (count <= 6)
	{
		insert_sorted(comparison, column, tuples, count);
		return;
	}
	CHECK_FOR_INTERRUPTS();
	sort_by_merging(comparison, column, tuples, scratch, middle);
	sort_by_merging(comparison, column, right, scratch, count - middle);
	if (!is_after(comparison, column, right - 1, right))
		return;
	memcpy(scratch, tuples, middle * sizeof(SortPair));
	while (left < left_end && right < right_end)
		*tuples++ = is_after(comparison, column, left, right) ? *right++ : *left++;
	memcpy(tuples, left, (left_end - left) * sizeof(SortPair));
}

/* Are tuples with the same word equal in the column, so that the next one decides? */
static bool
are_words_exact(const Comparison *comparison, int column, const SortPair *tuples,
				size_t count)
{
	WordKind	kind = comparison->words[column].kind;

	if (kind == WORD_NONE || kind == WORD_ABBREVIATED)
		return false;
	/* the word of null may be that of a value, too */
	for (size_t i = 0; i < count; i++)
		if (IndexTupleHasNulls(tuple_of(&tuples[i])))
			return false;
	return true;
}

static void sort_from(Comparison *comparison, int column, SortPair *tuples,
					  SortPair *scratch, size_t count);

/* Sort tuples with the same word. */
static void
sort_group(Comparison *comparison, int column, SortPair *tuples,
		   SortPair *scratch, size_t count)
{
	if (count < FEW_TUPLES || !are_words_exact(comparison, column, tuples, count))
		sort_by_merging(comparison, column, tuples, scratch, count);
	else if (++column < comparison->columns)
	{
		for (size_t i = 0; i < count; i++)
			tuples[i].key = word_of_column(comparison, column,
										   tuple_of(&tuples[i]));
		sort_from(comparison, column, tuples, scratch, count);
	}
}

/* Sort tuples that do not differ before this column and have its words. */
static void
sort_from(Comparison *comparison, int column, SortPair *tuples,
		  SortPair *scratch, size_t count)
{
	uint64		least = PG_UINT64_MAX;
	uint64		most = 0;

	/* words may have been given up half way */
	if (comparison->words[column].kind == WORD_NONE)
	{
		sort_by_merging(comparison, column, tuples, scratch, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
	{
		least = Min(least, tuples[i].key);
		most = Max(most, tuples[i].key);
	}
	pgcopy_sort_pairs(tuples, scratch, count, least, most);
	for (size_t i = 0, next; i < count; i = next)
	{
		CHECK_FOR_INTERRUPTS();
		for (next = i + 1; next < count && tuples[next].key == tuples[i].key;)
			next++;
		if (next - i > 1)
			sort_group(comparison, column, tuples + i, scratch, next - i);
	}
}

/*
 * Sort records by their tuples, which come in the order of their rows' addresses, with
 * their words as keys.  "scratch" has room for as many.
 */
void
pgcopy_compare_sort(Comparison *comparison, SortPair *records, SortPair *scratch,
					size_t count)
{
	if (count > 1)
		sort_from(comparison, 0, records, scratch, count);
}
