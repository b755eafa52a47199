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

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "load/columns.h"
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

/*
 * Is the type a domain of an extension, or a domain over one?  Another version of
 * the extension may define it over another type.
 */
static bool
is_domain_of_extension(Oid type)
{
	bool		is_member = false;

	while (!is_member && get_typtype(type) == TYPTYPE_DOMAIN)
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for type %u", type);
		is_member = OidIsValid(getExtensionOfObject(TypeRelationId, type));
		type = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
		ReleaseSysCache(tuple);
	}
	return is_member;
}

/* Does the column have this type, given as "schema.name"? */
static bool
has_type(Form_pg_attribute att, const char *type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(att->atttypid));
	Form_pg_type form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", att->atttypid);
	form = (Form_pg_type) GETSTRUCT(tuple);
	name = psprintf("%s.%s", get_namespace_name(form->typnamespace),
					NameStr(form->typname));
	ReleaseSysCache(tuple);
	return strcmp(name, type) == 0;
}

CopyFormat
pgcopy_load_choose_format(Relation relation, List *columns, List *types)
{
	AttrNumber *map = pgcopy_columns_map(relation, columns);
	ListCell   *type;

	foreach(type, types)
	{
		Form_pg_attribute att =
			TupleDescAttr(RelationGetDescr(relation),
						  map[foreach_current_index(type)] - 1);

		if (!is_exact(att->atttypid) || !has_type(att, lfirst(type)) ||
			is_domain_of_extension(att->atttypid))
			return FORMAT_TEXT;
	}
	return FORMAT_BINARY;
}
