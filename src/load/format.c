/*-------------------------------------------------------------------------
 *
 * format.c
 *	  Which columns can travel in binary.
 *
 * Those can whose type is exact: its binary form is the whole value and means the
 * same on every server from 10 to 18.  These are the types of the lists below,
 * enums, which are sent as their label, and arrays, composites, ranges, multiranges
 * and domains of exact types: decode/parts.c replaces the OIDs that they have on
 * the wire.  All others come as text: reg* types are OIDs, xml rewrites
 * declarations, tsquery's receive function stores operands in another order than
 * its input function, that of int2vector and oidvector refuses an empty one, those of
 * PostGIS refuse a line of one point and an open ring, which its functions make and
 * its input functions take, and a type of an unknown extension may hold anything.
 *
 * A source can send any bytes, so a type is in the lists only if its receive
 * function checks all that it reads.  That of tsvector does not: only a column of
 * this type itself is binary, as decode/decode.c has the checks that are missing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "load/columns.h"
#include "load/load.h"

static const Oid exact_types[] = {
	BOOLOID, BYTEAOID, CHAROID, NAMEOID, INT8OID, INT2OID, INT4OID, TEXTOID,
	OIDOID, JSONOID, JSONBOID, POINTOID, LSEGOID, PATHOID, BOXOID, POLYGONOID,
	LINEOID, CIRCLEOID, FLOAT4OID, FLOAT8OID, MACADDROID, MACADDR8OID,
	INETOID, CIDROID, BPCHAROID, VARCHAROID, DATEOID, TIMEOID, TIMESTAMPOID,
	TIMESTAMPTZOID, INTERVALOID, TIMETZOID, BITOID, VARBITOID, NUMERICOID,
	UUIDOID, MONEYOID, PG_LSNOID, XIDOID, XID8OID,
	CIDOID, TIDOID, REFCURSOROID
};

/*
 * Types of extensions, if both sides have the same version of it and the same
 * encoding: hstore's send function converts strings, but not their lengths.
 */
static const struct
{
	const char *extension;
	const char *type;
}			exact_extension_types[] = {
	{"citext", "citext"},
	{"cube", "cube"},
	{"hstore", "hstore"},
	{"ltree", "lquery"},
	{"ltree", "ltree"},
	{"ltree", "ltxtquery"}
};

static bool is_exact(Oid type, bool has_same_version);

static bool
is_exact_builtin(Oid type)
{
	for (int i = 0; i < lengthof(exact_types); i++)
	{
		if (exact_types[i] == type)
			return true;
	}
	return false;
}

static Form_pg_type
get_form(HeapTuple tuple, Oid type)
{
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	return (Form_pg_type) GETSTRUCT(tuple);
}

static Oid
get_extension(Oid type)
{
	return type < FirstGenbkiObjectId ? InvalidOid :
		getExtensionOfObject(TypeRelationId, type);
}

static bool
is_exact_base(Oid type, Oid extension)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Form_pg_type form = get_form(tuple, type);
	char	   *name = OidIsValid(extension) ? get_extension_name(extension) : NULL;
	bool		found = false;

	for (int i = 0; name != NULL && i < lengthof(exact_extension_types); i++)
		found |= strcmp(name, exact_extension_types[i].extension) == 0 &&
			strcmp(NameStr(form->typname), exact_extension_types[i].type) == 0 &&
			OidIsValid(form->typreceive);
	ReleaseSysCache(tuple);
	return found;
}

static bool
is_exact_composite(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	bool		exact = true;

	for (int i = 0; i < desc->natts && exact; i++)
		exact = TupleDescAttr(desc, i)->attisdropped ||
			is_exact(TupleDescAttr(desc, i)->atttypid, false);
	ReleaseTupleDesc(desc);
	return exact;
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
		Form_pg_type form = get_form(tuple, type);

		is_member = OidIsValid(get_extension(type));
		type = form->typbasetype;
		ReleaseSysCache(tuple);
	}
	return is_member;
}

/*
 * Is the binary form of the type exact?  has_same_version: if an extension owns
 * it, the source has the type of the same version.  Of the types that it consists
 * of, that is not known.
 */
static bool
is_exact(Oid type, bool has_same_version)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);
	Oid			extension = get_extension(base);

	check_stack_depth();
	if (is_domain_of_extension(type) ||
		base == INT2VECTOROID || base == OIDVECTOROID)
		return false;
	if (is_exact_builtin(base))
		return true;
	if (OidIsValid(element))
		return is_exact(element, has_same_version && base == type);
	if (OidIsValid(extension) && !(has_same_version && base == type))
		return false;
	switch (get_typtype(base))
	{
		case TYPTYPE_ENUM:
			return true;
		case TYPTYPE_COMPOSITE:
			return is_exact_composite(base);
		case TYPTYPE_RANGE:
			return is_exact(get_range_subtype(base), false);
		case TYPTYPE_MULTIRANGE:
			return is_exact(get_multirange_range(base), false);
		default:
			return is_exact_base(base, extension);
	}
}

static char *
get_extension_version(Oid extension)
{
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		is_null = true;
	Datum		version = (Datum) 0;
	char	   *result;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(relation, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		version = heap_getattr(tuple, Anum_pg_extension_extversion,
							   RelationGetDescr(relation), &is_null);
	result = is_null ? pstrdup("") : TextDatumGetCString(version);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return result;
}

/* Return the words for a type that source/inventory.c has for those of the source. */
static char *
describe_type(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Form_pg_type form = get_form(tuple, type);
	char	   *name = psprintf("%s.%s", get_namespace_name(form->typnamespace),
								NameStr(form->typname));
	Oid			owner = get_extension(form->typlen == -1 && OidIsValid(form->typelem) ?
									  form->typelem : type);

	ReleaseSysCache(tuple);
	if (!OidIsValid(owner))
		return name;
	return psprintf("%s of %s %s in %s", name, get_extension_name(owner),
					get_extension_version(owner), GetDatabaseEncodingName());
}

Bitmapset *
pgcopy_load_choose_text(Relation relation, List *columns, List *types)
{
	AttrNumber *map = pgcopy_columns_map(relation, columns);
	Bitmapset  *as_text = NULL;
	ListCell   *cell;

	foreach(cell, types)
	{
		int			i = foreach_current_index(cell);
		Oid			type = TupleDescAttr(RelationGetDescr(relation),
										 map[i] - 1)->atttypid;

		if ((type != TSVECTOROID && !is_exact(type, true)) ||
			strcmp(describe_type(type), lfirst(cell)) != 0)
			as_text = bms_add_member(as_text, i);
	}
	return as_text;
}
