/*-------------------------------------------------------------------------
 *
 * needs_functions.c
 *	  CREATE FUNCTION and CREATE PROCEDURE: language, library, settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "commands/defrem.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "schema/needs_private.h"

static const char is_untrusted_sql[] =
"SELECT NOT l.lanpltrusted FROM pg_catalog.pg_language AS l"
" WHERE l.lanname::pg_catalog.text = $1";

static const char may_use_sql[] =
"SELECT pg_catalog.has_language_privilege(l.oid, 'USAGE')"
" FROM pg_catalog.pg_language AS l WHERE l.lanname::pg_catalog.text = $1";

static const char is_here_sql[] =
"SELECT true FROM pg_catalog.pg_language AS l WHERE l.lanname::pg_catalog.text = $1";

/* The extension of a language that is not here has the same name. */
static const char comes_untrusted_sql[] =
"SELECT v.superuser AND NOT v.trusted"
" FROM pg_catalog.pg_available_extensions AS a"
" JOIN pg_catalog.pg_available_extension_versions AS v"
"  ON v.name = a.name AND v.version = a.default_version"
" WHERE a.name::pg_catalog.text = $1";

static DefElem *
find_option(CreateFunctionStmt *create, const char *name)
{
	ListCell   *lc;

	foreach(lc, create->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

/* Return the text of AS: a library, or the name of a function. */
static const char *
first_of_as(CreateFunctionStmt *create)
{
	DefElem    *as = find_option(create, "as");

	if (as == NULL || as->arg == NULL || !IsA(as->arg, List))
		return NULL;
	return strVal(linitial((List *) as->arg));
}

static bool
is_file(const char *directory, const char *name)
{
	static const char *const endings[] = {"", ".so", ".dylib", ".dll"};

	for (int i = 0; i < lengthof(endings); i++)
	{
		if (access(psprintf("%s%s%s", directory, name, endings[i]), R_OK) == 0)
			return true;
	}
	return false;
}

/*
 * The server looks in dynamic_library_path for a name without directories, from 18
 * on also without $libdir.
 */
static bool
has_library(const char *name)
{
	if (strncmp(name, "$libdir/", 8) == 0)
		name += 8;
	else if (strchr(name, '/') != NULL)
		return is_file("", name);
	return strcmp(Dynamic_library_path, "$libdir") != 0 ||
		is_file(psprintf("%s/", pkglib_path), name);
}

static void
check_body(Needs *needs, CreateFunctionStmt *create, const char *language,
		   const char *label)
{
	const char *as = first_of_as(create);

	if (as == NULL)
		return;
	if (strcmp(language, "c") == 0)
	{
		if (pgcopy_needs_report_is_first(needs, NEED_LIBRARY, as) && !has_library(as))
			pgcopy_needs_report_add(needs, NEED_LIBRARY, psprintf("%s (%s)", as, label));
	}
	else if (strcmp(language, "internal") == 0)
	{
		if (!OidIsValid(fmgr_internal_function(as)))
			pgcopy_needs_report_add(needs, NEED_INTERNAL_FUNCTION,
									psprintf("%s (%s)", as, label));
	}
}

/* Is the language for superusers only? */
static bool
is_untrusted(Needs *needs, const char *language)
{
	if (pgcopy_needs_here_is(is_here_sql, language, NULL))
		return pgcopy_needs_here_is(is_untrusted_sql, language, NULL);
	return pgcopy_needs_created_find(needs, 'e', NULL, language) != NULL &&
		pgcopy_needs_here_is(comes_untrusted_sql, language, NULL);
}

static void
check_rights(Needs *needs, CreateFunctionStmt *create, const char *language,
			 const char *label)
{
	DefElem    *leakproof = find_option(create, "leakproof");

	if (is_untrusted(needs, language) || find_option(create, "support") != NULL ||
		(leakproof != NULL && defGetBoolean(leakproof)))
		pgcopy_needs_report_add(needs, NEED_SUPERUSER, label);
	else if (pgcopy_needs_here_is(is_here_sql, language, NULL) &&
			 !pgcopy_needs_here_is(may_use_sql, language, NULL))
		pgcopy_needs_report_add(needs, NEED_LANGUAGE_USAGE, quote_identifier(language));
}

typedef struct Setting
{
	const char *name;
	const char *value;
} Setting;

/* AttemptWork: check what ALTER FUNCTION ... SET checks. */
static void
rehearse_setting(void *arg)
{
	const Setting *setting = arg;

	(void) GUCArrayAdd(NULL, setting->name, setting->value);
}

/* The library of an extension that the dump creates may define it. */
static bool
comes_with_extension(Needs *needs, const char *setting)
{
	const char *dot = strchr(setting, '.');
	char	   *name;

	if (dot == NULL)
		return false;
	name = pnstrdup(setting, dot - setting);
	return pgcopy_needs_created_find(needs, 'e', NULL, name) != NULL &&
		!OidIsValid(get_extension_oid(name, true));
}

static void
check_setting(Needs *needs, VariableSetStmt *set, const char *label)
{
	Setting		setting = {.name = set->name};
	char	   *message;
	int			sqlerrcode;

	if (set->kind != VAR_SET_VALUE || comes_with_extension(needs, set->name))
		return;
	setting.value = ExtractSetVariableArgs(set);
	if (!pgcopy_needs_report_is_first(needs, NEED_SETTING,
									  psprintf("%s = %s", setting.name, setting.value)))
		return;
	message = pgcopy_needs_here_rehearse(rehearse_setting, &setting, &sqlerrcode);
	if (message != NULL)
		pgcopy_needs_report_add(needs, NEED_SETTING, psprintf("%s (%s)", message, label));
}

void
pgcopy_needs_functions_note(Needs *needs, CreateFunctionStmt *create,
							const DumpStatement *statement)
{
	char	   *label = pgcopy_needs_report_label(statement);
	DefElem    *option = find_option(create, "language");
	const char *language = option != NULL ? strVal(option->arg) : "sql";
	ListCell   *lc;

	check_body(needs, create, language, label);
	if (!needs->is_superuser)
		check_rights(needs, create, language, label);
	foreach(lc, create->options)
	{
		option = lfirst_node(DefElem, lc);
		if (strcmp(option->defname, "set") == 0)
			check_setting(needs, castNode(VariableSetStmt, option->arg), label);
	}
}
