/*-------------------------------------------------------------------------
 *
 * drop.c
 *	  Drop what a job creates again.
 *
 * The list is made while the job is planned and stored as the text of a statement,
 * a VALUES of catalog, number, type and identity.  Since it is run long after, or
 * by a resume, each object is looked at again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_transform.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "base/compat.h"
#include "schema/drop.h"
#include "schema/dumpsettings.h"
#include "source/drops.h"

DumpStatement *
pgcopy_drop_make_statement(List *objects)
{
	DumpStatement *statement = palloc0(sizeof(DumpStatement));
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, objects)
	{
		const DropObject *object = lfirst(lc);

		appendStringInfo(&text, "%s\n('%u', '%u', %s, %s)", text.len > 0 ? "," : "VALUES",
						 object->class_oid, object->object_oid,
						 quote_literal_cstr(object->type), quote_literal_cstr(object->identity));
	}
	statement->class = STATEMENT_PLAIN;
	statement->tag = pstrdup("DROP");
	statement->name = psprintf("%d existing objects", list_length(objects));
	statement->text = text.data;
	statement->length = text.len;
	statement->settings = pgcopy_dumpsettings_initial();
	return statement;
}

static char *
get_column(List *row, int column)
{
	return pgcopy_const_string(castNode(A_Const, list_nth(row, column)));
}

static bool
is_same(const ObjectAddress *address, const char *type, const char *identity)
{
	return strcmp(getObjectTypeDescription(address, false), type) == 0 &&
		strcmp(getObjectIdentity(address, false), identity) == 0;
}

/* The owner; the bootstrap superuser, which is not recorded, if there is none. */
static Oid
find_owner(const ObjectAddress *address)
{
	Relation	catalog = table_open(SharedDependRelationId, AccessShareLock);
	Oid			owner = BOOTSTRAP_SUPERUSERID;
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_shdepend_dbid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(MyDatabaseId));
	ScanKeyInit(&keys[1], Anum_pg_shdepend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(address->classId));
	ScanKeyInit(&keys[2], Anum_pg_shdepend_objid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(address->objectId));
	scan = systable_beginscan(catalog, SharedDependDependerIndexId, true, NULL, 3, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_shdepend depend = (Form_pg_shdepend) GETSTRUCT(tuple);

		if (depend->deptype == SHARED_DEPENDENCY_OWNER)
			owner = depend->refobjid;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return owner;
}

static bool
owns(Oid class_oid, Oid oid)
{
	ObjectAddress address;

	ObjectAddressSet(address, class_oid, oid);
	return has_privs_of_role(GetUserId(), find_owner(&address));
}

/* Who owns nothing himself belongs to a type or a server, as for DROP. */
static bool
may_drop(const ObjectAddress *address)
{
	Oid			oid = address->objectId;
	Relation	catalog;
	HeapTuple	tuple;
	bool		may = false;

	if (address->classId != CastRelationId && address->classId != TransformRelationId &&
		address->classId != UserMappingRelationId)
		return owns(address->classId, oid);
	catalog = table_open(address->classId, AccessShareLock);
	tuple = get_catalog_object_by_oid(catalog, get_object_attnum_oid(address->classId), oid);
	if (HeapTupleIsValid(tuple) && address->classId == CastRelationId)
	{
		Form_pg_cast cast = (Form_pg_cast) GETSTRUCT(tuple);

		may = owns(TypeRelationId, cast->castsource) || owns(TypeRelationId, cast->casttarget);
	}
	else if (HeapTupleIsValid(tuple) && address->classId == TransformRelationId)
		may = owns(TypeRelationId, ((Form_pg_transform) GETSTRUCT(tuple))->trftype);
	else if (HeapTupleIsValid(tuple))
	{
		Form_pg_user_mapping mapping = (Form_pg_user_mapping) GETSTRUCT(tuple);

		may = mapping->umuser == GetUserId() ||
			owns(ForeignServerRelationId, mapping->umserver);
	}
	table_close(catalog, AccessShareLock);
	return may;
}

static void
check_object(const ObjectAddress *address, const char *type, const char *identity)
{
	if (!is_same(address, type, identity))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s %s is not what it was when the job was planned", type, identity),
				 errdetail("It is %s %s now.", getObjectTypeDescription(address, false),
						   getObjectIdentity(address, false)),
				 errhint("Clone again.")));
	if (!may_drop(address))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of %s %s to drop it", type, identity)));
}

void
pgcopy_drop_run(Node *statement)
{
	ObjectAddresses *addresses = new_object_addresses();
	ListCell   *lc;

	foreach(lc, castNode(SelectStmt, statement)->valuesLists)
	{
		List	   *row = lfirst(lc);
		ObjectAddress address;

		CHECK_FOR_INTERRUPTS();
		ObjectAddressSet(address, (Oid) strtoul(get_column(row, 0), NULL, 10),
						 (Oid) strtoul(get_column(row, 1), NULL, 10));
		if (getObjectIdentity(&address, true) == NULL)
			continue;
		check_object(&address, get_column(row, 2), get_column(row, 3));
		add_exact_object_address(&address, addresses);
	}
	performMultipleDeletions(addresses, DROP_RESTRICT, 0);
	free_object_addresses(addresses);
}
