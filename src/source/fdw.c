/*-------------------------------------------------------------------------
 *
 * fdw.c
 *	  Foreign servers as sources, and the validator of pgcopydb_fdw.
 *
 * A foreign server holds connection options, its user mapping the user and the
 * secrets.  The wrapper has no handler: it cannot read foreign tables.  Servers
 * of other wrappers will do if libpq knows all their options.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "source/conninfo_options.h"

extern PGDLLEXPORT Datum pgcopydb_fdw_validator(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(pgcopydb_fdw_validator);

/* Whether objects of a catalog may have an option. */
static bool
is_valid_in(const SourceOption *option, Oid catalog)
{
	bool		belongs_to_user = option->is_secret ||
		strcmp(option->keyword, "user") == 0;

	if (option->is_debug || strcmp(option->keyword, "client_encoding") == 0)
		return false;
	if (catalog == UserMappingRelationId)
		return belongs_to_user;
	if (catalog == ForeignServerRelationId)
		return !belongs_to_user;
	return false;
}

static char *
list_valid_options(const SourceOption *options, Oid catalog)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (; options->keyword != NULL; options++)
	{
		if (is_valid_in(options, catalog))
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
							 options->keyword);
	}
	return buf.data;
}

Datum
pgcopydb_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *given = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	SourceOption *known = pgcopy_conninfo_options_known();
	ListCell   *lc;

	foreach(lc, given)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		SourceOption *option = pgcopy_conninfo_options_find(known, def->defname);
		char	   *valid;

		if (option != NULL && is_valid_in(option, catalog))
			continue;
		valid = list_valid_options(known, catalog);
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("invalid option \"%s\"", def->defname),
				 valid[0] != '\0'
				 ? errhint("Valid options in this context are: %s", valid)
				 : errhint("There are no valid options in this context.")));
	}
	PG_RETURN_VOID();
}

/* Set the options given to one object. */
static void
add_options(SourceOption *options, List *given, Oid given_by,
			const char *server)
{
	ListCell   *lc;

	foreach(lc, given)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		SourceOption *option = pgcopy_conninfo_options_find(options, def->defname);

		if (option == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid connection option \"%s\"", def->defname),
					 errdetail("Foreign server \"%s\" has an option that is not a connection option.",
							   server),
					 errhint("Create a separate server for cloning, with FOREIGN DATA WRAPPER pgcopydb_fdw.")));
		option->value = defGetString(def);
		option->given_by = given_by;
	}
}

static void
check_usage(ForeignServer *server, Oid owner)
{
	Datum		may_use = DirectFunctionCall3(has_server_privilege_id_id,
											  ObjectIdGetDatum(owner),
											  ObjectIdGetDatum(server->serverid),
											  CStringGetTextDatum("USAGE"));

	if (!DatumGetBool(may_use))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for foreign server %s",
						server->servername),
				 errhint("GRANT USAGE ON FOREIGN SERVER %s TO %s;",
						 quote_identifier(server->servername),
						 quote_identifier(GetUserNameFromId(owner, false)))));
}

static void
check_user_mapping(ForeignServer *server, Oid owner)
{
	if (SearchSysCacheExists2(USERMAPPINGUSERSERVER,
							  ObjectIdGetDatum(owner),
							  ObjectIdGetDatum(server->serverid)) ||
		SearchSysCacheExists2(USERMAPPINGUSERSERVER,
							  ObjectIdGetDatum(InvalidOid),
							  ObjectIdGetDatum(server->serverid)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("foreign server \"%s\" has no user mapping for \"%s\"",
					server->servername, GetUserNameFromId(owner, false)),
			 errhint("CREATE USER MAPPING FOR %s SERVER %s OPTIONS (user '...', password '...');",
					 quote_identifier(GetUserNameFromId(owner, false)),
					 quote_identifier(server->servername))));
}

/*
 * Options of the server need the rights of its owner, those of the user mapping
 * the rights of the role that uses it.
 */
SourceOption *
pgcopy_conninfo_options_from_server(const char *name, Oid owner)
{
	ForeignServer *server = GetForeignServerByName(name, true);
	SourceOption *options = pgcopy_conninfo_options_known();

	if (server == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the source is neither a connection string nor the name of a foreign server"),
				 errhint("Write it as \"host=... dbname=... user=...\" or \"postgresql://user@host/dbname\", or create the server with CREATE SERVER ... FOREIGN DATA WRAPPER pgcopydb_fdw.")));
	check_usage(server, owner);
	check_user_mapping(server, owner);
	add_options(options, GetForeignDataWrapper(server->fdwid)->options,
				server->owner, server->servername);
	add_options(options, server->options, server->owner, server->servername);
	add_options(options, GetUserMapping(owner, server->serverid)->options,
				owner, server->servername);
	return options;
}
