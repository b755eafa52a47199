/*-------------------------------------------------------------------------
 *
 * needless.c
 *	  Statements of the dump that what is here has made needless.
 *
 * pg_dump writes CREATE EXTENSION IF NOT EXISTS, but neither the schema nor the
 * comment of an extension has such a form, and only its owner may comment.  What
 * source/preflight.c found may have changed, so a schema is looked at again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/comment.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "schema/apply.h"

/* Whether the schema holds an extension, or nothing that is no extension's. */
static bool
is_free(Oid schema)
{
	Relation	catalog = table_open(DependRelationId, AccessShareLock);
	bool		has_extension = false;
	bool		has_objects = false;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(schema));
	scan = systable_beginscan(catalog, DependReferenceIndexId, true, NULL, 2, keys);
	while (!has_extension && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);

		if (depend->classid == ExtensionRelationId)
			has_extension = true;
		else if (!OidIsValid(getExtensionOfObject(depend->classid, depend->objid)))
			has_objects = true;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return has_extension || !has_objects;
}

static bool
has_schema(const CreateSchemaStmt *create)
{
	Oid			schema = create->schemaname != NULL ?
		get_namespace_oid(create->schemaname, true) : InvalidOid;

	return OidIsValid(schema) && create->schemaElts == NIL && is_free(schema);
}

static bool
has_comment(const CommentStmt *comment)
{
	Oid			extension = get_extension_oid(strVal(comment->object), true);
	char	   *here;

	if (!OidIsValid(extension))
		return false;
	if (!pgcopy_extension_ownercheck(extension, GetUserId()))
		return true;
	here = GetComment(extension, ExtensionRelationId, 0);
	return here != NULL && comment->comment != NULL && strcmp(here, comment->comment) == 0;
}

bool
pgcopy_apply_is_needless(const Node *node)
{
	if (IsA(node, CreateSchemaStmt))
		return has_schema((const CreateSchemaStmt *) node);
	if (IsA(node, CommentStmt) && ((const CommentStmt *) node)->objtype == OBJECT_EXTENSION)
		return has_comment((const CommentStmt *) node);
	return false;
}
