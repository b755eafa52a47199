/*-------------------------------------------------------------------------
 *
 * extension.c
 *	  Statements of the dump that an extension here has made needless.
 *
 * pg_dump writes CREATE EXTENSION IF NOT EXISTS, but neither the schema nor the
 * comment of an extension has such a form, and only its owner may comment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "commands/comment.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/acl.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "schema/extension.h"

/* Whether any extension, this one too, is in the schema. */
static bool
holds_extension(Oid schema)
{
	Relation	catalog = table_open(ExtensionRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	bool		is_found = false;
	HeapTuple	tuple;

	while (!is_found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		is_found = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace == schema;
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return is_found;
}

static bool
has_schema(const CreateSchemaStmt *create)
{
	Oid			schema = create->schemaname != NULL ?
		get_namespace_oid(create->schemaname, true) : InvalidOid;

	return OidIsValid(schema) && create->schemaElts == NIL && holds_extension(schema);
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
pgcopy_extension_has_made(const Node *node)
{
	if (IsA(node, CreateSchemaStmt))
		return has_schema((const CreateSchemaStmt *) node);
	if (IsA(node, CommentStmt) && ((const CommentStmt *) node)->objtype == OBJECT_EXTENSION)
		return has_comment((const CommentStmt *) node);
	return false;
}
