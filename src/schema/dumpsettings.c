/*-------------------------------------------------------------------------
 *
 * dumpsettings.c
 *	  The settings in force at each statement of a dump.
 *
 * pg_restore writes SETs between statements.  Here statements run out of order
 * in many processes, so each has its own settings.  Those of the preamble are
 * ignored: apply.c makes the ones that matter here.  Any other setting is an
 * error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "schema/dumpsettings.h"

/* In the preambles of all versions of pg_restore, besides timeouts. */
static const char *const preamble_settings[] = {
	"client_encoding",
	"standard_conforming_strings",
	"escape_string_warning",
	"search_path",
	"xmloption",
	"client_min_messages",
	"default_with_oids"
};

DumpSettings *
pgcopy_dumpsettings_initial(void)
{
	DumpSettings *settings = palloc0(sizeof(DumpSettings));

	settings->default_tablespace = pstrdup("");
	settings->default_table_access_method = pstrdup("heap");
	return settings;
}

/* Whether a setting is a timeout: each version of pg_restore may have one more. */
static bool
is_timeout(const char *name)
{
	size_t		length = strlen(name);
	size_t		suffix = strlen("_timeout");

	return length > suffix && pg_strcasecmp(name + length - suffix, "_timeout") == 0;
}

static bool
is_of_preamble(const char *name)
{
	if (is_timeout(name))
		return true;
	for (int i = 0; i < lengthof(preamble_settings); i++)
		if (pg_strcasecmp(name, preamble_settings[i]) == 0)
			return true;
	return false;
}

static bool
read_bool(const char *name, const char *value)
{
	bool		result;

	if (value == NULL || !parse_bool(value, &result))
		elog(ERROR, "unexpected value of \"%s\" in a dump", name);
	return result;
}

static void
change_setting(DumpSettings *settings, const char *name, const char *value)
{
	if (strcmp(name, "default_tablespace") == 0)
		settings->default_tablespace = pstrdup(value ? value : "");
	else if (strcmp(name, "default_table_access_method") == 0)
		settings->default_table_access_method = pstrdup(value ? value : "heap");
	else if (strcmp(name, "session_authorization") == 0)
		settings->session_authorization = value ? pstrdup(value) : NULL;
	else if (strcmp(name, "check_function_bodies") == 0)
		settings->check_function_bodies = read_bool(name, value);
	else if (strcmp(name, "row_security") == 0)
		settings->row_security = read_bool(name, value);
	else
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the dump sets unrecognized configuration parameter \"%s\"", name),
				 errhint("Use a pg_dump of a version that this extension supports.")));
}

static bool
is_same_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool
is_same(const DumpSettings *a, const DumpSettings *b)
{
	return is_same_text(a->default_tablespace, b->default_tablespace) &&
		is_same_text(a->default_table_access_method,
					 b->default_table_access_method) &&
		is_same_text(a->session_authorization, b->session_authorization) &&
		a->check_function_bodies == b->check_function_bodies &&
		a->row_security == b->row_security;
}

bool
pgcopy_dumpsettings_track(Node *node, DumpSettings **current,
						  MemoryContext context)
{
	VariableSetStmt *set;
	DumpSettings changed = **current;
	MemoryContext before;
	char	   *value = NULL;

	if (!IsA(node, VariableSetStmt))
		return false;
	set = (VariableSetStmt *) node;
	if (set->name == NULL)
		elog(ERROR, "unexpected kind of SET in a dump");
	if (is_of_preamble(set->name))
		return true;

	if (set->kind == VAR_SET_VALUE)
		value = ExtractSetVariableArgs(set);
	before = MemoryContextSwitchTo(context);
	change_setting(&changed, set->name, value);
	if (!is_same(&changed, *current))
	{
		*current = palloc(sizeof(DumpSettings));
		**current = changed;
	}
	MemoryContextSwitchTo(before);
	return true;
}
