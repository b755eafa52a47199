/*-------------------------------------------------------------------------
 *
 * conninfo.c
 *	  Turn what the user gave as "source" into connection options.
 *
 * A connection string, a URI and a foreign server all become an array of
 * SourceOption.  That is checked, and turned into the arrays that libpq takes
 * and a printable string.  Only the latter is ever shown.
 *
 * Never show libpq's message for a string that it cannot parse: the word it
 * quotes may be a part of the password.  conninfo_fault.c has our own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "access/xact.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "source/conninfo.h"
#include "source/conninfo_options.h"

/*
 * Tells which options of libpq may be used inside a server.  NULL on minor
 * versions that lack it.
 */
extern bool libpqsrv_is_valid_proxy_option(const char *keyword) __attribute__((weak));

/* A path that cannot exist keeps libpq from using its default certificate. */
#define NO_CERTIFICATE	"/dev/null/none"

/* Options that pgcopy_conninfo_pin() may add. */
#define MOST_PINNED		3

/* Set by each session itself. */
static const char *const overridden_options[] = {
	"client_encoding", "application_name", "fallback_application_name", NULL
};

/* Options that may be shown, in this order. */
static const char *const printable_options[] = {
	"service", "host", "hostaddr", "port", "dbname", "user", "sslmode", NULL
};

/* Checked here, because libpq's message for another value shows it. */
static const char *const ssl_modes[] = {
	"disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL
};

typedef struct OptionDefault
{
	const char *keyword;
	const char *value;
} OptionDefault;

/* Notice a dead network in about a minute. */
static const OptionDefault network_defaults[] = {
	{"connect_timeout", "10"},
	{"keepalives", "1"},
	{"keepalives_idle", "30"},
	{"keepalives_interval", "10"},
	{"keepalives_count", "3"},
	{"tcp_user_timeout", "30000"},
	{NULL, NULL}
};

/*
 * For owners that may not use this server's own credentials.  apply_defaults()
 * skips what this libpq does not know.
 */
static const OptionDefault password_defaults[] = {
	{"gssencmode", "disable"},
	{"sslcert", NO_CERTIFICATE},
	{"sslcertmode", "disable"},
	{"require_auth", "password,md5,scram-sha-256"},
	{NULL, NULL}
};

bool
pgcopy_conninfo_is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
	{
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

static SourceOption *
copy_options(const PQconninfoOption *parsed, Oid given_by)
{
	SourceOption *options;
	int			n = 0;

	while (parsed[n].keyword != NULL)
		n++;
	options = palloc0(sizeof(SourceOption) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		options[i].keyword = pstrdup(parsed[i].keyword);
		if (parsed[i].val != NULL)
			options[i].value = pstrdup(parsed[i].val);
		options[i].is_secret = strchr(parsed[i].dispchar, '*') != NULL;
		options[i].is_debug = strchr(parsed[i].dispchar, 'D') != NULL;
		options[i].given_by = given_by;
	}
	return options;
}

SourceOption *
pgcopy_conninfo_options_known(void)
{
	PQconninfoOption *parsed = PQconninfoParse("", NULL);
	SourceOption *options;

	if (parsed == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	options = copy_options(parsed, InvalidOid);
	PQconninfoFree(parsed);
	return options;
}

SourceOption *
pgcopy_conninfo_options_find(SourceOption *options, const char *keyword)
{
	for (; options->keyword != NULL; options++)
	{
		if (strcmp(options->keyword, keyword) == 0)
			return options;
	}
	return NULL;
}

const char *
pgcopy_conninfo_options_value(SourceOption *options, const char *keyword)
{
	SourceOption *option = pgcopy_conninfo_options_find(options, keyword);

	return option != NULL ? option->value : NULL;
}

/* Parse a connection string or URI. */
static SourceOption *
parse_string(const char *source, Oid owner)
{
	PQconninfoOption *parsed;
	SourceOption *options;

	if (pgcopy_conninfo_fault_is_uri(source))
		pgcopy_conninfo_fault_check_uri(source);
	parsed = PQconninfoParse(source, NULL);
	if (parsed == NULL)
		pgcopy_conninfo_fault_throw(source, pgcopy_conninfo_options_known());
	options = copy_options(parsed, owner);
	PQconninfoFree(parsed);
	return options;
}

/*
 * Whether libpq's programs would take a database name for a connection string.
 * It could hold a password, and dbname is shown.
 */
static bool
is_connection_string(const char *dbname)
{
	PQconninfoOption *parsed;

	if (pgcopy_conninfo_fault_is_uri(dbname))
		return true;
	if (strchr(dbname, '=') == NULL)
		return false;
	parsed = PQconninfoParse(dbname, NULL);
	if (parsed == NULL)
		return false;
	PQconninfoFree(parsed);
	return true;
}

/*
 * Throw for options that nobody may give.  Show no values: the rest of a
 * password that is not percent-encoded in a URI ends up in host or port.
 */
static void
check_options(SourceOption *options)
{
	const char *host = pgcopy_conninfo_options_value(options, "host");
	const char *port = pgcopy_conninfo_options_value(options, "port");
	const char *dbname = pgcopy_conninfo_options_value(options, "dbname");
	const char *sslmode = pgcopy_conninfo_options_value(options, "sslmode");
	SourceOption *option;

	for (option = options; option->keyword != NULL; option++)
	{
		if (option->value == NULL)
			continue;
		if (option->is_debug ||
			(libpqsrv_is_valid_proxy_option != NULL &&
			 !libpqsrv_is_valid_proxy_option(option->keyword)))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("connection option \"%s\" cannot be used here",
							option->keyword),
					 errhint("Leave the option out.")));
	}
	if (host != NULL && host[0] != '\0' && strchr(host + 1, '@') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
				 errmsg("invalid host in the connection string of the source"),
				 errhint("A host has no \"@\".  In a URI, percent-encode the special characters of the password.")));
	if (port != NULL && port[strspn(port, "0123456789,")] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
				 errmsg("invalid port in the connection string of the source"),
				 errhint("A port is a number.  In a URI, percent-encode \"/\", \"?\", \"@\" and other special characters of the password.")));
	if (sslmode != NULL && sslmode[0] != '\0' && !pgcopy_conninfo_is_one_of(sslmode, ssl_modes))
		ereport(ERROR,
				(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
				 errmsg("invalid sslmode in the connection string of the source"),
				 errhint("Use disable, allow, prefer, require, verify-ca or verify-full.")));
	if (dbname != NULL && is_connection_string(dbname))
		ereport(ERROR,
				(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
				 errmsg("connection option \"dbname\" must be a database name, not a connection string"),
				 errhint("Give the connection string itself as the source.")));
}

/* Append keyword=value, quoted if libpq needs that. */
static void
append_printable(StringInfo buf, const char *keyword, const char *value)
{
	const char *p;
	bool		is_plain = value[0] != '\0' &&
		strpbrk(value, " \t\n\r\f\v'\\") == NULL;

	appendStringInfo(buf, "%s%s=", buf->len > 0 ? " " : "", keyword);
	if (is_plain)
	{
		appendStringInfoString(buf, value);
		return;
	}
	appendStringInfoChar(buf, '\'');
	for (p = value; *p != '\0'; p++)
	{
		if (*p == '\'' || *p == '\\')
			appendStringInfoChar(buf, '\\');
		appendStringInfoChar(buf, *p);
	}
	appendStringInfoChar(buf, '\'');
}

static const char *
make_printable(SourceOption *options)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; printable_options[i] != NULL; i++)
	{
		SourceOption *option = pgcopy_conninfo_options_find(options,
															printable_options[i]);

		if (option != NULL && option->value != NULL && !option->is_secret)
			append_printable(&buf, option->keyword, option->value);
	}
	return buf.data;
}

static void
apply_defaults(SourceOption *options, const OptionDefault *defaults)
{
	for (; defaults->keyword != NULL; defaults++)
	{
		SourceOption *option = pgcopy_conninfo_options_find(options, defaults->keyword);

		if (option != NULL &&
			(option->value == NULL || option->value[0] == '\0'))
			option->value = defaults->value;
	}
}

/*
 * Make the arrays for libpq, with room for what pgcopy_conninfo_pin() adds.
 * Leave out empty values: to libpq they mean the same as none.
 */
static void
make_arrays(SourceConninfo *conninfo, SourceOption *options)
{
	SourceOption *option;
	int			n = 0;

	for (option = options; option->keyword != NULL; option++)
		n++;
	conninfo->keywords = palloc0(sizeof(char *) * (n + MOST_PINNED + 1));
	conninfo->values = palloc0(sizeof(char *) * (n + MOST_PINNED + 1));
	n = 0;
	for (option = options; option->keyword != NULL; option++)
	{
		if (option->value == NULL || option->value[0] == '\0' ||
			pgcopy_conninfo_is_one_of(option->keyword, overridden_options))
			continue;
		conninfo->keywords[n] = option->keyword;
		conninfo->values[n] = option->value;
		n++;
	}
}

SourceConninfo *
pgcopy_conninfo_resolve(const char *source, Oid owner)
{
	SourceConninfo *conninfo = palloc0(sizeof(SourceConninfo));
	SourceOption *options;

	Assert(IsTransactionState());
	if (source[strspn(source, " \t\n\r\f\v")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
				 errmsg("the connection string of the source is empty"),
				 errhint("Write it as \"host=... dbname=... user=...\" or \"postgresql://user@host/dbname\".")));

	/* the name last: anybody can name a server like somebody's string */
	if (pgcopy_conninfo_fault_is_uri(source) || strchr(source, '=') != NULL)
		options = parse_string(source, owner);
	else if (pgcopy_conninfo_fault_is_word(source) ||
			 OidIsValid(get_foreign_server_oid(source, true)))
		options = pgcopy_conninfo_options_from_server(source, owner);
	else
		pgcopy_conninfo_fault_throw(source, pgcopy_conninfo_options_known());

	check_options(options);
	pgcopy_conninfo_fault_check_numbers(options);
	pgcopy_conninfo_rights_check(options, owner);
	conninfo->printable = make_printable(options);
	conninfo->needs_password = !superuser_arg(owner);
	if (conninfo->needs_password)
		apply_defaults(options, password_defaults);
	apply_defaults(options, network_defaults);
	make_arrays(conninfo, options);
	return conninfo;
}

static void
set_value(SourceConninfo *conninfo, const char *keyword, const char *value)
{
	int			i;

	for (i = 0; conninfo->keywords[i] != NULL; i++)
	{
		if (strcmp(conninfo->keywords[i], keyword) == 0)
			break;
	}
	conninfo->keywords[i] = keyword;
	conninfo->values[i] = value;
}

void
pgcopy_conninfo_pin(SourceConninfo *conninfo, const SourceAddress *address)
{
	if (address->port[0] == '\0')
		return;
	set_value(conninfo, "host", pstrdup(address->host));
	set_value(conninfo, "hostaddr", pstrdup(address->hostaddr));
	set_value(conninfo, "port", pstrdup(address->port));
}

SourceConninfo *
pgcopy_conninfo_for_replication(const SourceConninfo *conninfo)
{
	SourceConninfo *copy = palloc(sizeof(SourceConninfo));
	int			n = 0;

	while (conninfo->keywords[n] != NULL)
		n++;
	*copy = *conninfo;
	copy->keywords = palloc0(sizeof(char *) * (n + 2));
	copy->values = palloc0(sizeof(char *) * (n + 2));
	memcpy(copy->keywords, conninfo->keywords, sizeof(char *) * n);
	memcpy(copy->values, conninfo->values, sizeof(char *) * n);
	set_value(copy, "replication", "database");
	return copy;
}

const char *
pgcopy_conninfo_get(const SourceConninfo *conninfo, const char *keyword)
{
	int			i;

	for (i = 0; conninfo->keywords[i] != NULL; i++)
	{
		if (strcmp(conninfo->keywords[i], keyword) == 0)
			return conninfo->values[i];
	}
	return NULL;
}

/* Messages are translated: count any non-ASCII byte as a quote. */
static bool
is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`' || IS_HIGHBIT_SET(c);
}

/* Whether a text is the value of an option that may be shown. */
static bool
is_printable_value(const SourceConninfo *conninfo, const char *text)
{
	for (int i = 0; conninfo->keywords[i] != NULL; i++)
	{
		if (pgcopy_conninfo_is_one_of(conninfo->keywords[i], printable_options) &&
			strcmp(conninfo->values[i], text) == 0)
			return true;
	}
	return false;
}

/* Replace a text with <by> wherever it is in quotes. */
static char *
replace_quoted(char *message, const char *text, const char *by)
{
	size_t		length = strlen(text);
	char	   *at = message;

	while ((at = strstr(at, text)) != NULL)
	{
		size_t		before = at - message;

		if (before > 0 && is_quote(at[-1]) && is_quote(at[length]))
		{
			message = psprintf("%.*s<%s>%s", (int) before, message, by, at + length);
			at = message + before + strlen(by) + 1;
		}
		at++;
	}
	return message;
}

char *
pgcopy_conninfo_conceal(const SourceConninfo *conninfo, const char *message)
{
	char	   *result = pstrdup(message);

	for (int i = 0; conninfo->keywords[i] != NULL; i++)
	{
		const char *keyword = conninfo->keywords[i];
		const char *value = conninfo->values[i];
		char	   *rest = pstrdup(value);
		char	   *word;

		if (pgcopy_conninfo_is_one_of(keyword, printable_options))
			continue;
		if (!is_printable_value(conninfo, value))
			result = replace_quoted(result, value, keyword);
		while ((word = strtok_r(rest, " \t\r\n,=", &rest)) != NULL)
		{
			if (!is_printable_value(conninfo, word))
				result = replace_quoted(result, word, keyword);
		}
	}
	return result;
}
