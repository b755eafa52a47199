/*-------------------------------------------------------------------------
 *
 * key.c
 *	  The columns of an index, and in which order their values are.
 *
 * What decides is the procedure that compares, not the type, but for text, whose
 * operator classes other types can take.  A procedure that is not known here, of
 * an operator class of somebody's own, compares for itself.  A domain is its base
 * type.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "access/tupmacs.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "index/collate.h"
#include "index/key.h"

#define MAX_WORDS 4				/* of 8 bytes, in a key; words.c */

#define TEXT_KIND (-1)			/* by collation */
#define BPCHAR_KIND (-2)

static const struct
{
	Oid			procedure;
	int			kind;
	int			length;			/* of the type; -1: varlena */
}			orders[] = {
	{F_BTINT2CMP, KEY_INT2, 2},
	{F_BTINT4CMP, KEY_INT4, 4},
	{F_DATE_CMP, KEY_INT4, 4},
	{F_BTINT8CMP, KEY_INT8, 8},
	{F_CASH_CMP, KEY_INT8, 8},
	{F_TIME_CMP, KEY_INT8, 8},
	{F_TIMESTAMP_CMP, KEY_INT8, 8},
	{F_TIMESTAMPTZ_CMP, KEY_INT8, 8},
	{F_BTBOOLCMP, KEY_UINT1, 1},
	{F_BTCHARCMP, KEY_UINT1, 1},
	{F_BTOIDCMP, KEY_UINT4, 4},
	{F_PG_LSN_CMP, KEY_UINT8, 8},
	{F_XID8CMP, KEY_UINT8, 8},
	{F_ENUM_CMP, KEY_ENUM, 4},
	{F_BTFLOAT4CMP, KEY_FLOAT4, 4},
	{F_BTFLOAT8CMP, KEY_FLOAT8, 8},
	{F_UUID_CMP, KEY_UUID, 16},
	{F_NUMERIC_CMP, KEY_NUMERIC, -1},
	{F_MACADDR_CMP, KEY_BYTES, 6},
	{F_MACADDR8_CMP, KEY_BYTES, 8},
	{F_TIMETZ_CMP, KEY_TIMETZ, 12},
	{F_INTERVAL_CMP, KEY_INTERVAL, 16},
	{F_BTTEXT_PATTERN_CMP, KEY_TEXT, -1},
	{F_BTBPCHAR_PATTERN_CMP, KEY_BPCHAR, -1},
	{F_BTTEXTCMP, TEXT_KIND, -1},
	{F_BPCHARCMP, BPCHAR_KIND, -1},
	{F_BYTEACMP, KEY_BYTEA, -1},
	{F_NETWORK_CMP, KEY_INET, -1}
};

/* Text: by bytes, by what strxfrm() says, or by the server's comparison. */
static const char *
find_text_kind(KeyKind kind, KeyColumn *column)
{
	switch (pgcopy_collate_order(column->collation))
	{
		case COLLATE_BYTES:
			column->kind = kind;
			break;
		case COLLATE_TRANSFORMED:
			column->kind = kind;
			column->transformer = pgcopy_collate_begin(column->collation);
			break;
		case COLLATE_COMPARED:
			column->kind = KEY_COMPARED;
			break;
		case COLLATE_UNKNOWN:
			return "nondeterministic collation";
	}
	return NULL;
}

static bool
is_by_text(int kind)
{
	return kind < 0 || kind == KEY_TEXT || kind == KEY_BPCHAR;
}

/*
 * Text has no zero bytes.  A type that only can be read as text may have them, and use
 * its operator classes.
 */
static bool
is_text(Oid type)
{
	Oid			base = getBaseType(type);

	return base == TEXTOID || base == VARCHAROID || base == BPCHAROID;
}

/* Returns why the server must sort, or NULL. */
static const char *
find_kind(Oid procedure, Oid type, KeyColumn *column)
{
	for (int i = 0; i < lengthof(orders); i++)
	{
		if (orders[i].procedure != procedure)
			continue;
		if (orders[i].length != column->length)
			return "layout of a column";
		if (is_by_text(orders[i].kind) && !is_text(type))
			break;
		if (orders[i].kind < 0)
			return find_text_kind(orders[i].kind == TEXT_KIND ? KEY_TEXT : KEY_BPCHAR,
								  column);
		column->kind = (KeyKind) orders[i].kind;
		return NULL;
	}
	column->kind = KEY_COMPARED;
	return NULL;
}

/*
 * Find where the attributes are in rows without nulls: each has a place of its own
 * up to the first of varying length.
 */
static void
find_offsets(TupleDesc heap, KeyDescription *keys)
{
	uint32		offset = 0;
	int			attribute;

	for (attribute = 0; attribute < keys->last; attribute++)
	{
		Form_pg_attribute form = TupleDescAttr(heap, attribute);

		if (form->attlen < 0)
			break;
		offset = att_align_nominal(offset, form->attalign);
		for (int i = 0; i < keys->ncolumns; i++)
			if (keys->columns[i].attribute == attribute + 1)
				keys->columns[i].offset = offset;
		offset += form->attlen;
	}
	keys->first_varying = attribute;
	keys->varying_offset = offset;
	keys->all_placed = attribute == keys->last && !keys->is_evaluated;
	keys->need.attributes = keys->last;
	if (keys->all_placed)
		keys->need.bytes = MAXALIGN(SizeofHeapTupleHeader) + offset;
}

/* Returns false if the values of an attribute are stored otherwise in the index. */
static bool
is_stored_alike(Relation heap, AttrNumber attribute, Form_pg_attribute here)
{
	Form_pg_attribute there = TupleDescAttr(RelationGetDescr(heap), attribute - 1);

	return here->attlen == there->attlen && here->attalign == there->attalign &&
		here->attbyval == there->attbyval && !there->attisdropped;
}

static const char *
describe_column(Relation heap, Relation index, int number, KeyDescription *keys)
{
	KeyColumn  *column = &keys->columns[number];
	Form_pg_attribute here = TupleDescAttr(RelationGetDescr(index), number);

	if (column->attribute < 0)
		return "system column";
	column->length = here->attlen;
	column->align = here->attalign;
	column->not_null = column->attribute > 0 &&
		pgcopy_attribute_is_never_null(RelationGetDescr(heap), column->attribute - 1);
	column->offset = -1;
	if (here->attlen < -1 ||
		(column->attribute > 0 && !is_stored_alike(heap, column->attribute, here)))
		return "layout of a column";
	column->by_server = here->attlen == -1 && here->attstorage == TYPSTORAGE_PLAIN;
	column->kind = KEY_PAYLOAD;
	if (number >= keys->nkeys)
		return NULL;
	column->descending = (index->rd_indoption[number] & INDOPTION_DESC) != 0;
	column->nulls_first = (index->rd_indoption[number] & INDOPTION_NULLS_FIRST) != 0;
	column->collation = index->rd_indcollation[number];
	return find_kind(index_getprocid(index, number + 1, BTORDER_PROC), here->atttypid,
					 column);
}

/* Four words at most; what hardly ever packs well, a uuid, with 16 bytes in all. */
static bool
fits_words(const KeyDescription *keys)
{
	int			words = 0;
	int			bytes = 0;
	bool		has_uuid = false;

	if (keys->ncolumns != keys->nkeys)
		return false;
	for (int i = 0; i < keys->nkeys; i++)
	{
		const KeyColumn *column = &keys->columns[i];

		if (column->kind >= KEY_NUMERIC)
			return false;
		has_uuid |= column->kind == KEY_UUID;
		words += column->kind == KEY_UUID ? 2 : 1;
		bytes += column->length;
	}
	return words <= MAX_WORDS && (!has_uuid || bytes <= 16);
}

const char *
pgcopy_key_describe(Relation heap, Relation index, const IndexInfo *info,
					KeyDescription *keys)
{
	const char *reason;

	memset(keys, 0, sizeof(KeyDescription));
	if (info->ii_ExclusionOps != NULL)
		return "exclusion constraint";
	if (info->ii_Concurrent)
		return "concurrent build";
	keys->ncolumns = info->ii_NumIndexAttrs;
	keys->nkeys = info->ii_NumIndexKeyAttrs;
	keys->is_evaluated = info->ii_Expressions != NIL || info->ii_Predicate != NIL;
	for (int i = 0; i < keys->ncolumns; i++)
	{
		keys->columns[i].attribute = info->ii_IndexAttrNumbers[i];
		reason = describe_column(heap, index, i, keys);
		if (reason != NULL)
			return reason;
		keys->last = Max(keys->last, keys->columns[i].attribute);
		keys->are_compared |= keys->columns[i].kind == KEY_COMPARED;
		keys->are_transformed |= keys->columns[i].transformer != NULL;
		/* among rows with the same first column, comparing is cheaper */
		keys->are_compared |= i > 0 && i < keys->nkeys && keys->are_transformed &&
			keys->columns[0].transformer == NULL;
	}
	find_offsets(RelationGetDescr(heap), keys);
	keys->are_words = fits_words(keys);
	return NULL;
}
