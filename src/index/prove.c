/*-------------------------------------------------------------------------
 *
 * prove.c
 *	  Prove that sorted records are in the server's order.
 *
 * strxfrm() and strcoll() do not always agree.  So after sorting by keys of the
 * one, and before a page is written, every record is compared with the next one by
 * the server's own comparison: n calls where a sort takes n log n.  An order that
 * holds for all neighbours holds for all.  Records with different keys must differ
 * for the server too, or they would have to be in the order of their rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "index/compare.h"
#include "index/record.h"

static bool
has_same_key(const Record *left, const Record *right)
{
	return left->key_length == right->key_length &&
		memcmp(RECORD_KEY(left), RECORD_KEY(right), left->key_length) == 0;
}

/* Does the server have them in this order, too? */
static bool
is_right(const Comparison *comparison, const Record *left, const Record *right)
{
	int			order = pgcopy_compare_tuples(comparison, RECORD_TUPLE(left),
											  RECORD_TUPLE(right));

	return order < 0 || (order == 0 && has_same_key(left, right));
}

const char *
pgcopy_prove_order(const Records *records)
{
	Comparison *comparison = pgcopy_compare_begin(records->build->index);
	const Record *last = pgcopy_record_get(records, 0);
	const Record *record;

	for (size_t i = 1; (record = pgcopy_record_get(records, i)) != NULL; i++)
	{
		if ((i & 0xFFF) == 0)
			CHECK_FOR_INTERRUPTS();
		if (!is_right(comparison, last, record))
			return "strxfrm() and strcoll() disagree";
		last = record;
	}
	return NULL;
}
