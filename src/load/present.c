/*-------------------------------------------------------------------------
 *
 * present.c
 *	  Rows that are in a table before the load.
 *
 * An extension's script, or whoever has used the extension here, has filled its
 * configuration table with rows that the source may send too.  A row that is here
 * already is not inserted again.  If the table has no key, equal rows are counted:
 * two on the source and one here make two.
 *
 * Rows are equal if all columns that the source sends have the same bytes: types
 * need no operator for that.  In memory is a hash of each row here and its place;
 * the row itself is read from the table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "load/columns.h"
#include "load/present.h"

typedef struct PresentRow
{
	uint64		hash;
	ItemPointerData tid;
	bool		is_taken;
} PresentRow;

struct PresentRows
{
	Relation	relation;
	int			columns;
	AttrNumber *map;			/* of the columns to compare */
	PresentRow *rows;			/* by hash */
	Size		count;
	Size		size;
	TupleTableSlot *found;
	Datum	   *values;			/* of the row to look for, in a tuple's form */
	bool	   *nulls;
	MemoryContext row_context;
};

static uint64
hash_row(const PresentRows *present, const Datum *values, const bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(present->relation);
	uint64		hash = 0;

	for (int i = 0; i < present->columns; i++)
	{
		int			at = present->map[i] - 1;
		Form_pg_attribute att = TupleDescAttr(desc, at);

		hash = hash_combine64(hash, nulls[at] ? PG_UINT64_MAX :
							  datum_image_hash(values[at], att->attbyval, att->attlen));
	}
	return hash;
}

static bool
is_equal_column(const PresentRows *present, AttrNumber attnum)
{
	TupleTableSlot *found = present->found;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(present->relation), attnum - 1);
	int			at = attnum - 1;

	if (present->nulls[at] || found->tts_isnull[at])
		return present->nulls[at] && found->tts_isnull[at];
	return datum_image_eq(present->values[at], found->tts_values[at],
						  att->attbyval, att->attlen);
}

static bool
is_equal_row(const PresentRows *present)
{
	for (int i = 0; i < present->columns; i++)
	{
		if (!is_equal_column(present, present->map[i]))
			return false;
	}
	return true;
}

/* Fetch a row of the table into "found"; false if the snapshot does not see it. */
static bool
fetch_row(PresentRows *present, ItemPointer tid, Snapshot snapshot)
{
	if (!table_tuple_fetch_row_version(present->relation, tid, snapshot, present->found))
		return false;
	slot_getallattrs(present->found);
	return true;
}

static void
note_row(PresentRows *present, TupleTableSlot *slot)
{
	PresentRow *row;

	if (present->count == present->size)
	{
		present->size *= 2;
		present->rows = repalloc_huge(present->rows, sizeof(PresentRow) * present->size);
	}
	row = &present->rows[present->count++];
	row->hash = hash_row(present, slot->tts_values, slot->tts_isnull);
	row->tid = slot->tts_tid;
	row->is_taken = false;
}

static int
compare_rows(const void *a, const void *b)
{
	uint64		x = ((const PresentRow *) a)->hash;
	uint64		y = ((const PresentRow *) b)->hash;

	return x < y ? -1 : x > y;
}

static void
read_rows(PresentRows *present)
{
	TableScanDesc scan = table_beginscan(present->relation, GetActiveSnapshot(), 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, present->found))
	{
		MemoryContext old = MemoryContextSwitchTo(present->row_context);

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(present->found);
		note_row(present, present->found);
		MemoryContextSwitchTo(old);
		MemoryContextReset(present->row_context);
	}
	table_endscan(scan);
	ExecClearTuple(present->found);
	qsort(present->rows, present->count, sizeof(PresentRow), compare_rows);
}

PresentRows *
pgcopy_present_open(Relation relation, List *columns)
{
	PresentRows *present = palloc0(sizeof(PresentRows));
	int			natts = RelationGetNumberOfAttributes(relation);

	present->relation = relation;
	present->columns = list_length(columns);
	present->map = pgcopy_columns_map(relation, columns);
	present->size = 64;
	present->rows = palloc(sizeof(PresentRow) * present->size);
	present->values = palloc0(sizeof(Datum) * (natts + 1));
	present->nulls = palloc0(sizeof(bool) * (natts + 1));
	present->found = table_slot_create(relation, NULL);
	present->row_context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy present row",
												 ALLOCSET_DEFAULT_SIZES);
	read_rows(present);
	if (present->count > 0)
		return present;
	pgcopy_present_close(present);
	return NULL;
}

/* Take over the row to look for, in the form that values have in a tuple. */
static void
set_row(PresentRows *present, TupleTableSlot *slot)
{
	TupleDesc	desc = RelationGetDescr(present->relation);

	heap_deform_tuple(heap_form_tuple(desc, slot->tts_values, slot->tts_isnull), desc,
					  present->values, present->nulls);
}

/* Find the first row here with that hash; present->count if there is none. */
static Size
find_hash(const PresentRows *present, uint64 hash)
{
	Size		first = 0;
	Size		end = present->count;

	while (first < end)
	{
		Size		middle = first + (end - first) / 2;

		if (present->rows[middle].hash < hash)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

bool
pgcopy_present_take(PresentRows *present, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(present->row_context);
	bool		is_here = false;
	uint64		hash;

	set_row(present, slot);
	hash = hash_row(present, present->values, present->nulls);
	for (Size i = find_hash(present, hash);
		 i < present->count && present->rows[i].hash == hash && !is_here; i++)
	{
		PresentRow *row = &present->rows[i];

		if (row->is_taken || !fetch_row(present, &row->tid, GetActiveSnapshot()))
			continue;
		is_here = row->is_taken = is_equal_row(present);
	}
	ExecClearTuple(present->found);
	MemoryContextSwitchTo(old);
	MemoryContextReset(present->row_context);
	return is_here;
}

/* List the columns in which the row here is another. */
static char *
list_differences(const PresentRows *present)
{
	TupleDesc	desc = RelationGetDescr(present->relation);
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < present->columns; i++)
	{
		if (!is_equal_column(present, present->map[i]))
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
							 NameStr(TupleDescAttr(desc, present->map[i] - 1)->attname));
	}
	return names.data;
}

/* Throw that "found", which has the same key in the index, differs. */
static void
throw_difference(PresentRows *present, ResultRelInfo *target, int index, EState *estate,
				 TupleTableSlot *slot)
{
	Relation	relation = present->relation;
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	char	   *key;

	GetPerTupleExprContext(estate)->ecxt_scantuple = slot;
	FormIndexDatum(target->ri_IndexRelationInfo[index], slot, estate, values, nulls);
	key = BuildIndexValueDescription(target->ri_IndexRelationDescs[index], values, nulls);
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("a row of \"%s.%s\" is here already, with other values than on the source",
					get_namespace_name(RelationGetNamespace(relation)),
					RelationGetRelationName(relation)),
			 key != NULL ?
			 errdetail("Key %s has other values in: %s.", key, list_differences(present)) :
			 errdetail("It has other values in: %s.", list_differences(present)),
			 errhint("Delete the row here, or give it the values that it has on the source, and resume the job.")));
}

void
pgcopy_present_check_keys(PresentRows *present, ResultRelInfo *target, EState *estate,
						  TupleTableSlot *slot)
{
	for (int i = 0; i < target->ri_NumIndices; i++)
	{
		Relation	index = target->ri_IndexRelationDescs[i];
		ItemPointerData tid;

		if (!index->rd_index->indisunique || !index->rd_index->indimmediate ||
			pgcopy_exec_check_index(target, slot, estate, &tid,
									list_make1_oid(RelationGetRelid(index))))
			continue;
		if (!fetch_row(present, &tid, SnapshotAny))
			continue;
		set_row(present, slot);
		if (!is_equal_row(present))
			throw_difference(present, target, i, estate, slot);
		ExecClearTuple(present->found);
	}
}

void
pgcopy_present_close(PresentRows *present)
{
	ExecDropSingleTupleTableSlot(present->found);
	MemoryContextDelete(present->row_context);
	pfree(present->rows);
	pfree(present->map);
	pfree(present->values);
	pfree(present->nulls);
	pfree(present);
}
