/*-------------------------------------------------------------------------
 *
 * parts.c
 *	  OIDs of types inside of binary values.
 *
 * Arrays name the type of their elements on the wire, composites that of each
 * column, by the source's OID.  Types of initdb's first phase have the same OID
 * everywhere.  All others get the OID that they have here, before array_recv and
 * record_recv do, and judge, everything else: not all versions of these take
 * another one.  The caller knows that the type is the same one by its name; a
 * built-in type is never taken for another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

#include "decode/parts.h"

#define ARRAY_DIMENSION 8		/* size, lower bound */

typedef enum PartsKind
{
	PARTS_ARRAY,
	PARTS_RECORD,
	PARTS_RANGE,
	PARTS_MULTIRANGE
} PartsKind;

struct TypeParts
{
	PartsKind	kind;
	int			count;			/* of a record: columns; else 1 */
	Oid		   *types;
	TypeParts **parts;			/* of each type; NULL: nothing to do */
};

/* A value, or what is left of it. */
typedef struct WireBytes
{
	char	   *next;
	char	   *end;
} WireBytes;

static TypeParts *
create_parts(PartsKind kind, int count)
{
	TypeParts  *parts = palloc0(sizeof(TypeParts));

	parts->kind = kind;
	parts->types = palloc0(sizeof(Oid) * (count + 1));
	parts->parts = palloc0(sizeof(TypeParts *) * (count + 1));
	return parts;
}

static void
add_part(TypeParts *parts, Oid type)
{
	parts->types[parts->count] = type;
	parts->parts[parts->count++] = pgcopy_parts_find(type);
}

static TypeParts *
find_columns(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	TypeParts  *parts = create_parts(PARTS_RECORD, desc->natts);

	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			add_part(parts, TupleDescAttr(desc, i)->atttypid);
	}
	ReleaseTupleDesc(desc);
	return parts;
}

static TypeParts *
find_part(PartsKind kind, Oid type)
{
	TypeParts  *parts = create_parts(kind, 1);

	add_part(parts, type);
	return parts;
}

/* Is an OID of the value to be replaced? */
static bool
is_needed(const TypeParts *parts)
{
	bool		has_oids = parts->kind == PARTS_ARRAY ||
		parts->kind == PARTS_RECORD;

	for (int i = 0; i < parts->count; i++)
	{
		if (parts->parts[i] != NULL ||
			(has_oids && parts->types[i] >= FirstGenbkiObjectId))
			return true;
	}
	return false;
}

TypeParts *
pgcopy_parts_find(Oid type)
{
	Oid			base = getBaseType(type);
	TypeParts  *parts;

	check_stack_depth();
	if (OidIsValid(get_element_type(base)))
		parts = find_part(PARTS_ARRAY, get_element_type(base));
	else if (get_typtype(base) == TYPTYPE_COMPOSITE)
		parts = find_columns(base);
	else if (get_typtype(base) == TYPTYPE_RANGE)
		parts = find_part(PARTS_RANGE, get_range_subtype(base));
	else if (get_typtype(base) == TYPTYPE_MULTIRANGE)
		parts = find_part(PARTS_MULTIRANGE, get_multirange_range(base));
	else
		return NULL;
	return is_needed(parts) ? parts : NULL;
}

/* Take a number of the wire; false at the end. */
static bool
take_int32(WireBytes *bytes, int32 *value)
{
	if (bytes->end - bytes->next < 4)
		return false;
	memcpy(value, bytes->next, 4);
	*value = (int32) pg_ntoh32((uint32) *value);
	bytes->next += 4;
	return true;
}

/* Take a type's OID, and replace it. */
static bool
take_type(WireBytes *bytes, Oid type)
{
	int32		sent;
	uint32		ours = pg_hton32(type);

	if (!take_int32(bytes, &sent))
		return false;
	if (type >= FirstGenbkiObjectId && (Oid) sent >= FirstGenbkiObjectId)
		memcpy(bytes->next - 4, &ours, 4);
	return true;
}

/* Take a value with its length word, and translate it. */
static bool
take_value(WireBytes *bytes, const TypeParts *parts)
{
	int32		length;

	if (!take_int32(bytes, &length))
		return false;
	if (length == -1)
		return true;
	if (length < 0 || length > bytes->end - bytes->next)
		return false;
	if (parts != NULL)
		pgcopy_parts_translate(parts, bytes->next, length);
	bytes->next += length;
	return true;
}

static void
translate_array(const TypeParts *parts, WireBytes *bytes)
{
	int32		dimensions;
	int32		flags;

	if (!take_int32(bytes, &dimensions) || !take_int32(bytes, &flags) ||
		!take_type(bytes, parts->types[0]) || parts->parts[0] == NULL ||
		dimensions < 0 ||
		dimensions > (bytes->end - bytes->next) / ARRAY_DIMENSION)
		return;
	bytes->next += dimensions * ARRAY_DIMENSION;
	while (take_value(bytes, parts->parts[0]))
		;
}

static void
translate_record(const TypeParts *parts, WireBytes *bytes)
{
	int32		columns;

	if (!take_int32(bytes, &columns) || columns != parts->count)
		return;
	for (int i = 0; i < columns; i++)
	{
		if (!take_type(bytes, parts->types[i]) ||
			!take_value(bytes, parts->parts[i]))
			return;
	}
}

static void
translate_range(const TypeParts *parts, WireBytes *bytes)
{
	char		flags;

	if (bytes->next == bytes->end)
		return;
	flags = *bytes->next++;
	if (RANGE_HAS_LBOUND(flags) && !take_value(bytes, parts->parts[0]))
		return;
	if (RANGE_HAS_UBOUND(flags))
		(void) take_value(bytes, parts->parts[0]);
}

static void
translate_multirange(const TypeParts *parts, WireBytes *bytes)
{
	int32		ranges;

	if (!take_int32(bytes, &ranges))
		return;
	while (take_value(bytes, parts->parts[0]))
		;
}

void
pgcopy_parts_translate(const TypeParts *parts, char *data, int length)
{
	WireBytes	bytes = {data, data + length};

	check_stack_depth();
	switch (parts->kind)
	{
		case PARTS_ARRAY:
			translate_array(parts, &bytes);
			break;
		case PARTS_RECORD:
			translate_record(parts, &bytes);
			break;
		case PARTS_RANGE:
			translate_range(parts, &bytes);
			break;
		case PARTS_MULTIRANGE:
			translate_multirange(parts, &bytes);
			break;
	}
}
