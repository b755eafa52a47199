/*-------------------------------------------------------------------------
 *
 * login.c
 *	  How pg_dump connects to the source: as our session did.
 *
 * It must not connect elsewhere, as another role, or with weaker checks.  So it
 * gets the options that libpq resolved for our session (from service file,
 * environment and defaults too), with the one host, address and port in use.
 *
 * Secrets are not in the child's arguments, its environment or on disk.  The
 * password is in a memory file, descriptor 3 of the child, in the form of a
 * password file; other secret options are in descriptor 4, in the form of a
 * service file.
 *
 * A job whose owner may use only a password of its own gets no other
 * credentials of this server: no client certificate (source/conninfo.c), no
 * Kerberos tickets; and the source must ask for the password.  libpq 16 ensures
 * that (require_auth); for older ones a login without a password is tried and
 * must fail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "port.h"

#include "schema/child.h"
#include "schema/login.h"

#define SECRET_SERVICE	"pgcopy"

/* The major version that introduced require_auth. */
#define VERSION_WITH_REQUIRE_AUTH 16

/*
 * Options for the session on the source, after the user's own to override them:
 * split.c relies on the form of strings, and lc_monetary may be another one here.
 */
#define SESSION_OPTIONS \
	"-c standard_conforming_strings=on -c quote_all_identifiers=off" \
	" -c lc_monetary=C"

/* A path that can never exist. */
#define NO_FILE			"/dev/null/none"

#define MAX_VARIABLES	16

/* Variables of this server that Kerberos and OpenSSL read. */
static const char *const own_variables[] = {
	"KRB5CCNAME", "KRB5_CONFIG", "KRB5_CLIENT_KTNAME", "SSL_CERT_FILE",
	"SSL_CERT_DIR", "OPENSSL_CONF"
};

typedef struct Environment
{
	const char *variables[MAX_VARIABLES + 1];
	int			count;
} Environment;

static const char *
get_option(const DumpRequest *request, const char *keyword)
{
	for (int i = 0; request->keywords[i] != NULL; i++)
	{
		if (strcmp(request->keywords[i], keyword) == 0)
			return request->values[i];
	}
	return NULL;
}

/* Secret options besides the password. */
static bool
is_secret(const char *keyword)
{
	return strcmp(keyword, "sslpassword") == 0 ||
		strcmp(keyword, "oauth_client_secret") == 0 ||
		strcmp(keyword, "scram_client_key") == 0 ||
		strcmp(keyword, "scram_server_key") == 0;
}

static void
append_option(StringInfo text, const char *keyword, const char *value)
{
	appendStringInfo(text, "%s%s='", text->len > 0 ? " " : "", keyword);
	for (const char *p = value; *p; p++)
	{
		if (*p == '\'' || *p == '\\')
			appendStringInfoChar(text, '\\');
		appendStringInfoChar(text, *p);
	}
	appendStringInfoChar(text, '\'');
}

/*
 * Leave "options" out if our session has the right settings without them:
 * poolers refuse them.
 */
static void
append_session_options(StringInfo text, const DumpRequest *request)
{
	const char *options = get_option(request, "options");

	if (request->needs_settings)
		options = options ? psprintf("%s %s", options, SESSION_OPTIONS) :
			SESSION_OPTIONS;
	if (options != NULL)
		append_option(text, "options", options);
}

static char *
make_conninfo(const DumpRequest *request, int tool_version, bool has_secrets)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; request->keywords[i] != NULL; i++)
	{
		const char *keyword = request->keywords[i];

		if (strcmp(keyword, "password") != 0 && strcmp(keyword, "options") != 0 &&
			!is_secret(keyword))
			append_option(&text, keyword, request->values[i]);
	}
	append_session_options(&text, request);
	if (request->needs_password && tool_version >= VERSION_WITH_REQUIRE_AUTH &&
		get_option(request, "require_auth") == NULL)
		append_option(&text, "require_auth", "password,md5,scram-sha-256");
	if (has_secrets)
		append_option(&text, "service", SECRET_SERVICE);
	return text.data;
}

static void
check_is_one_line(const char *value)
{
	if (strpbrk(value, "\r\n") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a password with a line break cannot be given to pg_dump"),
				 errhint("Clone as a role of the source with another password.")));
}

static int
make_secret_file(const char *name, StringInfo text)
{
	int			fd = pgcopy_child_memory_file(name);

	pgcopy_child_memory_write(fd, text->data, text->len);
	memset(text->data, 0, text->len);
	return fd;
}

/* Write the password as a password file; returns -1 if there is none. */
static int
make_password_file(const DumpRequest *request)
{
	const char *password = get_option(request, "password");
	StringInfoData line;

	if (password == NULL)
		return -1;
	check_is_one_line(password);
	initStringInfo(&line);
	appendStringInfoString(&line, "*:*:*:*:");
	for (const char *p = password; *p; p++)
	{
		if (*p == ':' || *p == '\\')
			appendStringInfoChar(&line, '\\');
		appendStringInfoChar(&line, *p);
	}
	appendStringInfoChar(&line, '\n');
	return make_secret_file("pgcopy password", &line);
}

/* Write the other secrets as a service file; returns -1 if there are none. */
static int
make_secrets_file(const DumpRequest *request)
{
	StringInfoData text;
	bool		has_secrets = false;

	initStringInfo(&text);
	appendStringInfoString(&text, "[" SECRET_SERVICE "]\n");
	for (int i = 0; request->keywords[i] != NULL; i++)
	{
		if (!is_secret(request->keywords[i]))
			continue;
		check_is_one_line(request->values[i]);
		appendStringInfo(&text, "%s=%s\n", request->keywords[i],
						 request->values[i]);
		has_secrets = true;
	}
	return has_secrets ? make_secret_file("pgcopy service", &text) : -1;
}

static void
add_variable(Environment *environment, const char *name, const char *value)
{
	if (value == NULL)
		return;
	if (environment->count >= MAX_VARIABLES)
		elog(ERROR, "too many variables");
	environment->variables[environment->count++] = psprintf("%s=%s", name, value);
}

/*
 * Make the environment that every tool gets.  LC_ALL: archive.c knows messages
 * in English only.  HOME: a server may run without it (Debian), and libpq in
 * our own session finds the home directory as here.
 */
static Environment *
make_environment(void)
{
	Environment *environment = palloc0(sizeof(Environment));
	char		home[MAXPGPATH];

	add_variable(environment, "LC_ALL", "C");
	add_variable(environment, "LD_LIBRARY_PATH", getenv("LD_LIBRARY_PATH"));
	if (get_home_path(home))
		add_variable(environment, "HOME", home);
	return environment;
}

const char *const *
pgcopy_login_no_environment(void)
{
	return make_environment()->variables;
}

ToolLogin *
pgcopy_login_create(const DumpRequest *request, int tool_version,
					bool with_password)
{
	ToolLogin  *login = palloc0(sizeof(ToolLogin));
	Environment *environment = make_environment();

	login->password_fd = with_password ? make_password_file(request) : -1;
	login->secrets_fd = make_secrets_file(request);
	login->conninfo = make_conninfo(request, tool_version, login->secrets_fd >= 0);

	add_variable(environment, "PGPASSFILE",
				 login->password_fd >= 0 ? "/proc/self/fd/3" : NO_FILE);
	add_variable(environment, "PGSERVICEFILE",
				 login->secrets_fd >= 0 ? "/proc/self/fd/4" : NO_FILE);
	if (request->needs_password)
	{
		add_variable(environment, "KRB5CCNAME", "FILE:" NO_FILE);
		add_variable(environment, "KRB5_CLIENT_KTNAME", "FILE:" NO_FILE);
	}
	else
	{
		for (int i = 0; i < lengthof(own_variables); i++)
			add_variable(environment, own_variables[i], getenv(own_variables[i]));
	}
	login->environment = environment->variables;
	return login;
}

bool
pgcopy_login_needs_trial(const DumpRequest *request, int tool_version)
{
	return request->needs_password && tool_version < VERSION_WITH_REQUIRE_AUTH;
}
