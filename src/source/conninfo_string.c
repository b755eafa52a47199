/*-------------------------------------------------------------------------
 *
 * conninfo_string.c
 *	  A connection string to another database of the same source.
 *
 * A foreign server is known only in the database where it was made, so what it
 * stands for is handed on as a string.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "source/conninfo.h"

static void
append_option(StringInfo string, const char *keyword, const char *value)
{
	appendStringInfo(string, "%s%s='", string->len > 0 ? " " : "", keyword);
	for (; *value != '\0'; value++)
	{
		if (*value == '\'' || *value == '\\')
			appendStringInfoChar(string, '\\');
		appendStringInfoChar(string, *value);
	}
	appendStringInfoChar(string, '\'');
}

char *
pgcopy_conninfo_string_make(const SourceConninfo *conninfo)
{
	StringInfoData string;

	initStringInfo(&string);
	for (int i = 0; conninfo->keywords[i] != NULL; i++)
	{
		if (strcmp(conninfo->keywords[i], "dbname") != 0)
			append_option(&string, conninfo->keywords[i], conninfo->values[i]);
	}
	return string.data;
}

char *
pgcopy_conninfo_string_add_database(const char *string, const char *database)
{
	StringInfoData result;

	initStringInfo(&result);
	appendStringInfoString(&result, string);
	append_option(&result, "dbname", database);
	return result.data;
}
