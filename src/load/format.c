/*-------------------------------------------------------------------------
 *
 * format.c
 *	  Whether a table's rows can travel in binary.
 *
 * They can if the type of every column is in the list below (its binary form
 * is the whole value and means the same on every server from 10 to 18), an
 * array or domain of such a type, or an enum, which is sent as its label.  All
 * others are sent as text: reg* types, composites and other arrays have OIDs on
 * the wire, xml rewrites declarations, and types of extensions are unknown.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "load/load.h"

static const Oid exact_types[] = {
	BOOLOID, BYTEAOID, CHAROID, NAMEOID, INT8OID, INT2OID, INT4OID, TEXTOID,
	OIDOID, JSONOID, JSONBOID, POINTOID, LSEGOID, PATHOID, BOXOID, POLYGONOID,
	LINEOID, CIRCLEOID, FLOAT4OID, FLOAT8OID, MACADDROID, MACADDR8OID,
	INETOID, CIDROID, BPCHAROID, VARCHAROID, DATEOID, TIMEOID, TIMESTAMPOID,
	TIMESTAMPTZOID, INTERVALOID, TIMETZOID, BITOID, VARBITOID, NUMERICOID,
	UUIDOID, INT4RANGEOID, NUMRANGEOID, TSRANGEOID, TSTZRANGEOID,
	DATERANGEOID, INT8RANGEOID
};

static bool
is_exact_builtin(Oid type)
{
	int			i;

	for (i = 0; i < lengthof(exact_types); i++)
	{
		if (exact_types[i] == type)
			return true;
	}
	return false;
}

static bool
is_exact(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element;

	if (is_exact_builtin(base))
		return true;
	if (base < FirstGenbkiObjectId)
	{
		element = get_element_type(base);
		return OidIsValid(element) && is_exact_builtin(element);
	}
	return get_typtype(base) == TYPTYPE_ENUM;
}

CopyFormat
pgcopy_load_choose_format(Relation relation)
{
	TupleDesc	desc = RelationGetDescr(relation);
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || att->attgenerated)
			continue;
		if (!is_exact(att->atttypid))
			return FORMAT_TEXT;
	}
	return FORMAT_BINARY;
}
