/*-------------------------------------------------------------------------
 *
 * needless.c
 *	  Statements of the dump that what is here has made needless.
 *
 * pg_dump writes CREATE EXTENSION IF NOT EXISTS, but neither the schema nor the
 * comment of an extension has such a form, and only its owner may comment.  Which
 * schemas may be here already is for source/preflight.c to say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "commands/comment.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/acl.h"

#include "base/compat.h"
#include "schema/apply.h"

static bool
has_schema(const CreateSchemaStmt *create)
{
	return create->schemaname != NULL && create->schemaElts == NIL &&
		OidIsValid(get_namespace_oid(create->schemaname, true));
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
