/*-------------------------------------------------------------------------
 *
 * needs_server.c
 *	  What a server has for all its databases, or is built and installed with:
 *	  tablespaces, access methods, locales, files, libraries.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <locale.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_ts_template.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/seclabel.h"
#include "mb/pg_wchar.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/pg_locale.h"
#include "utils/syscache.h"

#include "schema/needs_private.h"

static const char has_tablespace_sql[] =
"SELECT true FROM pg_catalog.pg_tablespace AS t WHERE t.spcname::pg_catalog.text = $1";

/* Everybody may use the database's own. */
static const char may_use_tablespace_sql[] =
"SELECT pg_catalog.has_tablespace_privilege(t.oid, 'CREATE')"
"  OR t.oid = (SELECT d.dattablespace FROM pg_catalog.pg_database AS d"
"   WHERE d.datname = pg_catalog.current_database())"
" FROM pg_catalog.pg_tablespace AS t WHERE t.spcname::pg_catalog.text = $1";

static const char has_access_method_sql[] =
"SELECT true FROM pg_catalog.pg_am AS a WHERE a.amname::pg_catalog.text = $1";

/* Servers that have the provider use it for a collation of their own. */
static const char has_builtin_sql[] =
"SELECT EXISTS (SELECT FROM pg_catalog.pg_collation AS c"
" WHERE c.collprovider = 'b')";

static void
check_tablespace(Needs *needs, const char *tablespace)
{
	if (tablespace == NULL || tablespace[0] == '\0' ||
		!pgcopy_needs_report_is_first(needs, NEED_TABLESPACE, tablespace))
		return;
	if (!pgcopy_needs_here_is(has_tablespace_sql, tablespace, NULL))
		pgcopy_needs_report_add(needs, NEED_TABLESPACE, quote_identifier(tablespace));
	else if (!pgcopy_needs_here_is(may_use_tablespace_sql, tablespace, NULL))
		pgcopy_needs_report_add(needs, NEED_TABLESPACE_CREATE, quote_identifier(tablespace));
}

/* An extension that is not here yet may bring it. */
static void
check_access_method(Needs *needs, const char *name)
{
	if (name == NULL || needs->creates_extension ||
		pgcopy_needs_created_find(needs, 'a', NULL, name) != NULL ||
		!pgcopy_needs_report_is_first(needs, NEED_ACCESS_METHOD, name))
		return;
	if (!pgcopy_needs_here_is(has_access_method_sql, name, NULL))
		pgcopy_needs_report_add(needs, NEED_ACCESS_METHOD, quote_identifier(name));
}

/* The parameters of a collation, NULL if not given. */
typedef struct CollationOptions
{
	const char *provider;
	const char *collate;
	const char *ctype;
} CollationOptions;

static CollationOptions
read_collation(DefineStmt *define)
{
	CollationOptions options = {.provider = "libc"};
	ListCell   *lc;

	foreach(lc, define->definition)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "provider") == 0)
			options.provider = defGetString(option);
		else if (strcmp(option->defname, "lc_collate") == 0)
			options.collate = defGetString(option);
		else if (strcmp(option->defname, "lc_ctype") == 0)
			options.ctype = defGetString(option);
		else if (strcmp(option->defname, "locale") == 0)
			options.collate = options.ctype = defGetString(option);
	}
	return options;
}

/* AttemptWork: check what CREATE COLLATION checks of libc's locales. */
static void
rehearse_collation(void *arg)
{
	const CollationOptions *options = arg;

	if (options->collate == NULL || options->ctype == NULL)
		return;
	if (!check_locale(LC_COLLATE, options->collate, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("locale \"%s\" does not exist", options->collate)));
	if (!check_locale(LC_CTYPE, options->ctype, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("locale \"%s\" does not exist", options->ctype)));
	check_encoding_locale_matches(GetDatabaseEncoding(), options->collate, options->ctype);
}

/* Return why the provider is of no use, or NULL. */
static const char *
check_provider(const char *provider)
{
	if (pg_strcasecmp(provider, "libc") == 0)
		return NULL;
	if (pg_strcasecmp(provider, "icu") == 0)
	{
#ifdef USE_ICU
		return is_encoding_supported_by_icu(GetDatabaseEncoding()) ? NULL :
			"ICU does not support this database's encoding";
#else
		return "this server is built without ICU";
#endif
	}
	return pgcopy_needs_here_is(has_builtin_sql, NULL, NULL) ? NULL :
		"this server does not know the provider";
}

static void
check_collation(Needs *needs, DefineStmt *define, const DumpStatement *statement)
{
	CollationOptions options = read_collation(define);
	const char *message = check_provider(options.provider);
	int			sqlerrcode;

	if (message == NULL && pg_strcasecmp(options.provider, "libc") == 0)
		message = pgcopy_needs_here_rehearse(rehearse_collation, &options, &sqlerrcode);
	if (message != NULL)
		pgcopy_needs_report_add(needs, NEED_COLLATION,
								psprintf("%s (%s)",
										 quote_qualified_identifier(statement->schema,
																	statement->name), message));
}

typedef struct Dictionary
{
	Oid			template_oid;
	List	   *options;
} Dictionary;

/* AttemptWork: let the template read the options and files. */
static void
rehearse_dictionary(void *arg)
{
	const Dictionary *dictionary = arg;
	HeapTuple	tuple = SearchSysCache1(TSTEMPLATEOID,
										ObjectIdGetDatum(dictionary->template_oid));
	Oid			init;

	if (!HeapTupleIsValid(tuple))
		return;
	init = ((Form_pg_ts_template) GETSTRUCT(tuple))->tmplinit;
	ReleaseSysCache(tuple);
	if (OidIsValid(init))
		(void) OidFunctionCall1(init, PointerGetDatum(copyObject(dictionary->options)));
}

/* Only of the server's own templates: others come with the dump. */
static void
check_dictionary(Needs *needs, DefineStmt *define, const DumpStatement *statement)
{
	Dictionary	dictionary = {0};
	ListCell   *lc;
	char	   *message;
	int			sqlerrcode;

	foreach(lc, define->definition)
	{
		DefElem    *option = lfirst_node(DefElem, lc);
		List	   *names;

		if (strcmp(option->defname, "template") != 0)
		{
			dictionary.options = lappend(dictionary.options, option);
			continue;
		}
		names = defGetQualifiedName(option);
		if (list_length(names) == 2 && strcmp(strVal(linitial(names)), "pg_catalog") == 0)
			dictionary.template_oid = get_ts_template_oid(names, true);
	}
	if (!OidIsValid(dictionary.template_oid))
		return;
	message = pgcopy_needs_here_rehearse(rehearse_dictionary, &dictionary, &sqlerrcode);
	if (message != NULL)
		pgcopy_needs_report_add(needs, NEED_DICTIONARY,
								psprintf("%s (%s)",
										 quote_qualified_identifier(statement->schema,
																	statement->name), message));
}

/* AttemptWork: label an object that cannot be; the provider is looked up first. */
static void
rehearse_label(void *arg)
{
	SecLabelStmt label = *(SecLabelStmt *) arg;

	label.objtype = OBJECT_SCHEMA;
	label.object = (Node *) makeString("pg_pgcopy no schema");
	label.label = NULL;
	(void) ExecSecLabelStmt(&label);
}

/* The library of an extension that is not here yet may be its provider. */
static void
check_label(Needs *needs, SecLabelStmt *label)
{
	int			sqlerrcode;

	if (label->provider == NULL || needs->creates_extension ||
		!pgcopy_needs_report_is_first(needs, NEED_LABEL_PROVIDER, label->provider))
		return;
	(void) pgcopy_needs_here_rehearse(rehearse_label, label, &sqlerrcode);
	if (sqlerrcode == ERRCODE_INVALID_PARAMETER_VALUE)
		pgcopy_needs_report_add(needs, NEED_LABEL_PROVIDER, label->provider);
}

void
pgcopy_needs_server_note(Needs *needs, Node *node, const DumpStatement *statement)
{
	check_tablespace(needs, statement->settings->default_tablespace);
	check_access_method(needs, statement->settings->default_table_access_method);
	if (IsA(node, IndexStmt))
		check_access_method(needs, ((IndexStmt *) node)->accessMethod);
	else if (IsA(node, SecLabelStmt))
		check_label(needs, (SecLabelStmt *) node);
	else if (IsA(node, DefineStmt))
	{
		DefineStmt *define = (DefineStmt *) node;

		if (define->kind == OBJECT_COLLATION)
			check_collation(needs, define, statement);
		else if (define->kind == OBJECT_TSDICTIONARY)
			check_dictionary(needs, define, statement);
	}
}
