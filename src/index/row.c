/*-------------------------------------------------------------------------
 *
 * row.c
 *	  Where the values of an index are in a row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "index/row.h"

void
pgcopy_row_walk(const KeyDescription *keys, TupleDesc heap, HeapTupleHeader row,
				RowValues *found)
{
	const char *base = (const char *) row + row->t_hoff;
	bool		has_nulls = (row->t_infomask & HEAP_HASNULL) != 0;
	const char *places[MaxHeapAttributeNumber];
	uint32		offset = has_nulls ? 0 : keys->varying_offset;

	for (int i = has_nulls ? 0 : keys->first_varying; i < keys->last; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(heap, i);

		places[i] = NULL;
		if (has_nulls && att_isnull(i, row->t_bits))
			continue;
		offset = att_align_pointer(offset, attribute->attalign, attribute->attlen,
								   base + offset);
		places[i] = base + offset;
		offset = att_addlength_pointer(offset, attribute->attlen, base + offset);
	}
	found->has_nulls = false;
	for (int i = 0; i < keys->ncolumns; i++)
	{
		if (!has_nulls && keys->columns[i].offset >= 0)
			found->values[i] = base + keys->columns[i].offset;
		else
			found->values[i] = places[keys->columns[i].attribute - 1];
		found->nulls[i] = found->values[i] == NULL;
		found->has_nulls |= found->nulls[i];
	}
}
