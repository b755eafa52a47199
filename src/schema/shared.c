/*-------------------------------------------------------------------------
 *
 * shared.c
 *	  Statements on what all databases of a server share: roles, databases.
 *
 * They are scripts of our own, one for each role, so that a role arrives whole or
 * not at all.  Each statement runs under a savepoint: settings, labels and
 * memberships that this server does not know are no reason to lack the role.
 *
 * Jobs in several databases may make the same roles.  A lock of ours, on no object
 * that others lock, lets one of them make roles at a time; whoever comes second
 * finds the role.  CREATE ROLE by somebody else meanwhile is an error that we catch.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "base/attempt.h"
#include "base/finding.h"
#include "schema/apply.h"
#include "schema/shared.h"

/* Marks our lock: no other locks a part of a role. */
#define LOCK_PART 1

DumpStatement *
pgcopy_shared_statement(char *tag, char *name, char *script)
{
	DumpStatement *statement = palloc0(sizeof(DumpStatement));
	DumpSettings *settings = palloc0(sizeof(DumpSettings));

	settings->default_tablespace = pstrdup("");
	settings->default_table_access_method = pstrdup("heap");
	statement->class = STATEMENT_PLAIN;
	statement->tag = tag;
	statement->name = name;
	statement->text = script;
	statement->length = strlen(script);
	statement->has_secret = true;
	statement->settings = settings;
	return statement;
}

/* The catalog has lists of names as text that is quoted already. */
const char *
pgcopy_shared_quote_setting(const char *name, const char *value)
{
	StringInfoData text;
	List	   *names;
	ListCell   *lc;

	if ((GetConfigOptionFlags(name, true) & GUC_LIST_QUOTE) == 0 ||
		!SplitGUCList(pstrdup(value), ',', &names) || names == NIL)
		return quote_literal_cstr(value);
	initStringInfo(&text);
	foreach(lc, names)
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "",
						 quote_literal_cstr(lfirst(lc)));
	return text.data;
}

typedef struct SharedStatement
{
	const char *sql;
	const DumpSettings *settings;
} SharedStatement;

/* AttemptWork */
static void
run_statement(void *arg)
{
	const SharedStatement *statement = arg;

	pgcopy_apply_statement(statement->sql, statement->settings, APPLY_AS_WRITTEN, true, NULL);
}

/* Run one statement under a savepoint.  Returns its error, or NULL. */
static ErrorData *
try_statement(const char *sql, const DumpSettings *settings)
{
	SharedStatement statement = {.sql = sql,.settings = settings};

	return pgcopy_attempt_run(run_statement, &statement);
}

/* Does the error say that this server or the role's rights do not allow it? */
static bool
is_refusal(const ErrorData *error)
{
	static const int classes[] = {
		ERRCODE_FEATURE_NOT_SUPPORTED,
		ERRCODE_INVALID_GRANTOR,
		ERRCODE_INVALID_ROLE_SPECIFICATION,
		ERRCODE_DATA_EXCEPTION,
		ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION,
		ERRCODE_CONFIG_FILE_ERROR
	};

	if (error->sqlerrcode == ERRCODE_CANT_CHANGE_RUNTIME_PARAM)
		return true;
	for (int i = 0; i < lengthof(classes); i++)
	{
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TO_CATEGORY(classes[i]))
			return true;
	}
	return false;
}

static const char *
spec_name(const RoleSpec *spec)
{
	return spec != NULL && spec->roletype == ROLESPEC_CSTRING ?
		quote_identifier(spec->rolename) : "all roles";
}

static char *
describe_membership(const GrantRoleStmt *grant)
{
	const AccessPriv *granted = linitial_node(AccessPriv, grant->granted_roles);

	return psprintf("membership of %s in %s",
					spec_name(linitial_node(RoleSpec, grant->grantee_roles)),
					quote_identifier(granted->priv_name));
}

/* Say what a statement is about. */
static char *
describe(Node *node)
{
	switch (nodeTag(node))
	{
		case T_AlterRoleStmt:
			return psprintf("the password of role %s", spec_name(((AlterRoleStmt *) node)->role));
		case T_AlterRoleSetStmt:
			return psprintf("setting %s of role %s%s",
							quote_identifier(((AlterRoleSetStmt *) node)->setstmt->name),
							spec_name(((AlterRoleSetStmt *) node)->role),
							((AlterRoleSetStmt *) node)->database ? " in this database" : "");
		case T_CommentStmt:
			return pstrdup("the comment");
		case T_SecLabelStmt:
			return psprintf("the security label of provider %s",
							quote_identifier(((SecLabelStmt *) node)->provider));
		case T_GrantRoleStmt:
			return describe_membership((GrantRoleStmt *) node);
		case T_AlterDatabaseSetStmt:
			return psprintf("setting %s of the database",
							quote_identifier(((AlterDatabaseSetStmt *) node)->setstmt->name));
		case T_AlterDatabaseStmt:
			return pstrdup("the connection limit");
		case T_AlterOwnerStmt:
			return psprintf("the owner %s", spec_name(((AlterOwnerStmt *) node)->newowner));
		case T_GrantStmt:
			return pstrdup("a privilege on the database");
		default:
			return pstrdup("a statement");
	}
}

static List *
tell_refusal(Node *node, const char *object, const ErrorData *error)
{
	Finding		finding = {
		.level = FINDING_NOTICE,
		.object = object,
		.message = psprintf("%s is left out: %s", describe(node), error->message),
		.hint = error->hint
	};

	return pgcopy_finding_list(&finding);
}

/* Has a role that is here the attributes that it would have been made with? */
static bool
has_attributes(Form_pg_authid role, const CreateRoleStmt *create)
{
	const struct
	{
		const char *name;
		bool		value;
	}			attributes[] = {
		{"superuser", role->rolsuper},
		{"inherit", role->rolinherit},
		{"createrole", role->rolcreaterole},
		{"createdb", role->rolcreatedb},
		{"canlogin", role->rolcanlogin},
		{"isreplication", role->rolreplication},
		{"bypassrls", role->rolbypassrls}
	};
	ListCell   *lc;

	foreach(lc, create->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		for (int i = 0; i < lengthof(attributes); i++)
		{
			if (strcmp(option->defname, attributes[i].name) == 0 &&
				defGetBoolean(option) != attributes[i].value)
				return false;
		}
	}
	return true;
}

/* Somebody else has made the role since the job was planned: tell if it differs. */
static List *
compare_role(const CreateRoleStmt *create)
{
	HeapTuple	tuple = SearchSysCache1(AUTHNAME, CStringGetDatum(create->role));
	Finding		finding = {
		.level = FINDING_NOTICE,
		.object = quote_identifier(create->role),
		.message = psprintf("role %s was made by somebody else after the job was planned, with other attributes than on the source",
							quote_identifier(create->role)),
		.hint = "Compare it with that of the source."
	};
	bool		is_same;

	if (!HeapTupleIsValid(tuple))
		return NIL;
	is_same = has_attributes((Form_pg_authid) GETSTRUCT(tuple), create);
	ReleaseSysCache(tuple);
	return is_same ? NIL : pgcopy_finding_list(&finding);
}

/*
 * Make a role, unless it is here.  Returns whether it was made: else the rest of
 * its script is not for us.
 */
static bool
create_role(const CreateRoleStmt *create, const char *sql, const DumpSettings *settings)
{
	ErrorData  *error;

	LockSharedObject(AuthIdRelationId, BOOTSTRAP_SUPERUSERID, LOCK_PART, ExclusiveLock);
	if (OidIsValid(get_role_oid(create->role, true)))
		return false;
	error = try_statement(sql, settings);
	if (error == NULL)
		return true;
	if (error->sqlerrcode != ERRCODE_DUPLICATE_OBJECT &&
		error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION)
		ReThrowError(error);
	return false;
}

static const char *
find_object(Node *node, const char *object)
{
	if (IsA(node, CreateRoleStmt))
		return quote_identifier(((CreateRoleStmt *) node)->role);
	return object;
}

List *
pgcopy_shared_run(const char *script, const DumpSettings *settings)
{
	List	   *notices = NIL;
	const char *object = NULL;
	ListCell   *lc;

	foreach(lc, raw_parser(script, RAW_PARSE_DEFAULT))
	{
		const RawStmt *raw = lfirst_node(RawStmt, lc);
		const char *start = script + raw->stmt_location;
		char	   *sql = pnstrdup(start, raw->stmt_len > 0 ? raw->stmt_len : strlen(start));
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		object = find_object(raw->stmt, object);
		if (IsA(raw->stmt, CreateRoleStmt))
		{
			if (!create_role((CreateRoleStmt *) raw->stmt, sql, settings))
				return compare_role((CreateRoleStmt *) raw->stmt);
			continue;
		}
		error = try_statement(sql, settings);
		if (error != NULL && !is_refusal(error))
			ReThrowError(error);
		if (error != NULL)
			notices = list_concat(notices, tell_refusal(raw->stmt, object, error));
	}
	return notices;
}
