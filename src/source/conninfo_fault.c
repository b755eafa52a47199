/*-------------------------------------------------------------------------
 *
 * conninfo_fault.c
 *	  Say what is wrong with a connection string without showing it.
 *
 * Read the string again as libpq does, to find the first fault.  Show the name
 * of an unknown option only before any password: behind one it may be the rest
 * of a password with blanks in it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/conninfo_options.h"

#define FORM_HINT \
	"Write it as \"host=... port=... dbname=... user=... password=...\" or \"postgresql://user:password@host:port/dbname\"."

/*
 * Numbers.  libpq checks some of them only when it connects in one call, as
 * pg_dump does and a session does not.
 */
static const char *const number_options[] = {
	"connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval",
	"keepalives_count", "tcp_user_timeout", NULL
};

typedef struct StringFault
{
	const char *words;			/* what is wrong, NULL: an unknown option */
	const char *option;			/* its name, NULL: not to be shown */
	const char *after;			/* the option before it, or NULL */
} StringFault;

bool
pgcopy_conninfo_fault_is_uri(const char *text)
{
	return strncmp(text, "postgresql://", strlen("postgresql://")) == 0 ||
		strncmp(text, "postgres://", strlen("postgres://")) == 0;
}

bool
pgcopy_conninfo_fault_is_word(const char *text)
{
	return strpbrk(text, " \t\n\r\f\v'\\/@") == NULL;
}

static bool
is_option_name(const char *name)
{
	return name[0] != '\0' &&
		name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';
}

void
pgcopy_conninfo_fault_check_uri(const char *uri)
{
	const char *authority = strstr(uri, "://") + 3;
	const char *end = authority + strcspn(authority, "?");
	const char *path = authority + strcspn(authority, "/?");
	const char *p;
	int			in_authority = 0;
	int			in_path = 0;

	for (p = authority; p < end; p++)
	{
		if (*p == '@')
		{
			if (p < path)
				in_authority++;
			else
				in_path++;
		}
	}
	if (in_authority > 1 || in_path > 0)
		ereport(ERROR,
				(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
				 errmsg("malformed connection URI"),
				 errdetail("It has an \"@\" where none is allowed."),
				 errhint("In a URI, percent-encode the special characters of user and password: \"@\" is %%40, \"/\" is %%2F, \":\" is %%3A, \"?\" is %%3F.")));
}

/* Whether libpq takes it as a number: blanks around it are allowed. */
static bool
is_number(const char *value)
{
	char	   *end;
	long		number;

	errno = 0;
	number = strtol(value, &end, 10);
	return end != value && errno == 0 && end[strspn(end, " \t\n\r\f\v")] == '\0' &&
		number >= PG_INT32_MIN && number <= PG_INT32_MAX;
}

void
pgcopy_conninfo_fault_check_numbers(SourceOption *options)
{
	for (SourceOption *option = options; option->keyword != NULL; option++)
	{
		if (option->value == NULL || option->value[0] == '\0' ||
			!pgcopy_conninfo_is_one_of(option->keyword, number_options) ||
			is_number(option->value))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
				 errmsg("invalid value for connection option \"%s\"",
						option->keyword),
				 errhint("Use a whole number.")));
	}
}

/*
 * Skip one value, quoted or not, as libpq does.  Return NULL if a quoted one
 * does not end.
 */
static const char *
skip_value(const char *p)
{
	bool		is_quoted = (*p == '\'');

	if (is_quoted)
		p++;
	for (; *p != '\0'; p++)
	{
		if (is_quoted ? *p == '\'' : isspace((unsigned char) *p) != 0)
			return is_quoted ? p + 1 : p;
		if (*p == '\\' && p[1] != '\0')
			p++;
	}
	return is_quoted ? NULL : p;
}

static const char *
skip_blanks(const char *p)
{
	while (isspace((unsigned char) *p))
		p++;
	return p;
}

static StringFault
find_string_fault(const char *text, SourceOption *known)
{
	StringFault fault = {NULL, NULL, NULL};
	bool		after_secret = false;
	const char *p = skip_blanks(text);

	while (*p != '\0')
	{
		size_t		len = strcspn(p, "= \t\n\r\f\v");
		char	   *keyword = pnstrdup(p, len);
		SourceOption *option = pgcopy_conninfo_options_find(known, keyword);

		p = skip_blanks(p + len);
		if (*p != '=')
		{
			fault.words = "A word in it is not followed by \"=\".";
			return fault;
		}
		if (option == NULL)
		{
			fault.option = after_secret || !is_option_name(keyword) ? NULL : keyword;
			return fault;
		}
		after_secret |= option->is_secret;
		fault.after = option->keyword;
		p = skip_value(skip_blanks(p + 1));
		if (p == NULL)
		{
			fault.words = "A quoted value in it does not end.";
			return fault;
		}
		p = skip_blanks(p);
	}
	fault.words = "It cannot be parsed.";
	return fault;
}

static StringFault
find_uri_fault(const char *uri, SourceOption *known)
{
	StringFault fault = {"It is not a URI as libpq takes it.", NULL, NULL};
	const char *p = strchr(uri, '?');

	/* a password that is not encoded may contain the "?" */
	bool		after_secret = p != NULL && strchr(p, '@') != NULL;

	while (p != NULL)
	{
		size_t		len = strcspn(++p, "=&");
		char	   *keyword = pnstrdup(p, len);
		SourceOption *option = pgcopy_conninfo_options_find(known, keyword);

		if (p[len] != '=')
			return fault;
		if (option == NULL && strcmp(keyword, "ssl") != 0)
		{
			fault.words = NULL;
			fault.option = after_secret || !is_option_name(keyword) ? NULL : keyword;
			return fault;
		}
		after_secret |= option != NULL && option->is_secret;
		fault.after = keyword;
		p = strchr(p, '&');
	}
	return fault;
}

void
pgcopy_conninfo_fault_throw(const char *text, SourceOption *known)
{
	StringFault fault = pgcopy_conninfo_fault_is_uri(text) ?
		find_uri_fault(text, known) : find_string_fault(text, known);

	if (fault.words != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
				 errmsg("malformed connection string"),
				 errdetail_internal("%s", fault.words),
				 errhint(FORM_HINT "  Values with blanks need single quotes; in a URI, special characters must be percent-encoded.")));
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 fault.option != NULL
			 ? errmsg("invalid connection option \"%s\"", fault.option)
			 : errmsg("invalid connection option"),
			 fault.after != NULL
			 ? errdetail("It comes after option \"%s\".", fault.after) : 0,
			 errhint(FORM_HINT "  Values with blanks need single quotes.")));
}
