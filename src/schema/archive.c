/*-------------------------------------------------------------------------
 *
 * archive.c
 *	  The source's schema in an archive of pg_dump, and its text.
 *
 * No secret is in the child's arguments, in its environment or on disk.  The
 * password is in a memory file that the child knows as descriptor 3, in the
 * form of a password file; other secret options are in one that it knows as
 * descriptor 4, in the form of a service file.
 *
 * The child finds no ~/.pgpass and no default certificates, unless the job's
 * owner is a superuser: they are the server's, not the owner's.
 *
 * The tools run with LC_ALL=C, so their own words can be recognized in what
 * they say; the source's words may be in any language, so a lock that was not
 * had is recognized by the query that failed and by the time it took.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/settings.h"
#include "schema/archive.h"
#include "schema/child.h"
#include "schema/warnings.h"

#define SECRET_SERVICE	"pgcopy"
#define DETAIL_SHOWN	4000
#define MAX_ARGUMENTS	32
#define MEGABYTE		INT64CONST(1048576)

/*
 * Options for the source's session, after the user's own so that they win.
 * The text is read here with standard_conforming_strings on.
 */
#define SESSION_OPTIONS \
	"-c standard_conforming_strings=on -c quote_all_identifiers=off"

typedef struct Arguments
{
	const char *words[MAX_ARGUMENTS];
	int			count;
} Arguments;

static void
add_argument(Arguments *arguments, const char *word)
{
	if (arguments->count >= MAX_ARGUMENTS - 1)
		elog(ERROR, "too many arguments");
	arguments->words[arguments->count++] = word;
	arguments->words[arguments->count] = NULL;
}

static void
add_argument_if(Arguments *arguments, bool wanted, const char *word)
{
	if (wanted)
		add_argument(arguments, word);
}

/* The value of an option of the request, or NULL; the last one counts. */
static const char *
get_option(const DumpRequest *request, const char *keyword)
{
	const char *result = NULL;

	for (int i = 0; request->keywords[i] != NULL; i++)
		if (strcmp(request->keywords[i], keyword) == 0 &&
			request->values[i] != NULL && request->values[i][0] != '\0')
			result = request->values[i];
	return result;
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

/*
 * Whether pg_dump is told the very address the session is connected to.  Not
 * with several hosts: libpq wants as many addresses.  Should pg_dump end up at
 * another of them, it does not find the snapshot there.
 */
static bool
is_pinned(const DumpRequest *request)
{
	const char *host = get_option(request, "host");

	return request->hostaddr != NULL &&
		(host == NULL || strchr(host, ',') == NULL);
}

/* Options that are not passed on as they are. */
static bool
is_replaced(const DumpRequest *request, const char *keyword)
{
	if (strcmp(keyword, "password") == 0 || strcmp(keyword, "options") == 0)
		return true;
	if (strcmp(keyword, "passfile") == 0)
		return get_option(request, "password") != NULL;
	if (strcmp(keyword, "hostaddr") == 0)
		return is_pinned(request);
	return is_secret(keyword);
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

/* The connection string for the command line: nothing secret in it. */
static char *
make_conninfo(const DumpRequest *request, bool has_service)
{
	const char *options = get_option(request, "options");
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; request->keywords[i] != NULL; i++)
	{
		const char *value = request->values[i];

		if (value != NULL && value[0] != '\0' &&
			!is_replaced(request, request->keywords[i]))
			append_option(&text, request->keywords[i], value);
	}
	if (is_pinned(request))
		append_option(&text, "hostaddr", request->hostaddr);
	append_option(&text, "options",
				  options ? psprintf("%s %s", options, SESSION_OPTIONS) :
				  SESSION_OPTIONS);
	if (has_service)
		append_option(&text, "service", SECRET_SERVICE);
	return text.data;
}

static void
check_is_one_line(const char *value)
{
	if (strpbrk(value, "\r\n") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a password with a line break cannot be given to pg_dump")));
}

/* The password in the form of a password file, or -1 if there is none. */
static int
make_password_file(const DumpRequest *request)
{
	const char *password = get_option(request, "password");
	StringInfoData line;
	int			fd;

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
	fd = pgcopy_child_memory_file("pgcopy password");
	pgcopy_child_memory_write(fd, line.data, line.len);
	memset(line.data, 0, line.len);
	return fd;
}

/* The other secrets in the form of a service file, or -1. */
static int
make_service_file(const DumpRequest *request)
{
	StringInfoData text;
	int			secrets = 0;
	int			fd;

	initStringInfo(&text);
	appendStringInfoString(&text, "[" SECRET_SERVICE "]\n");
	for (int i = 0; request->keywords[i] != NULL; i++)
	{
		const char *value = request->values[i];

		if (!is_secret(request->keywords[i]) || value == NULL || !value[0])
			continue;
		check_is_one_line(value);
		appendStringInfo(&text, "%s=%s\n", request->keywords[i], value);
		secrets++;
	}
	if (secrets == 0)
		return -1;
	fd = pgcopy_child_memory_file("pgcopy service");
	pgcopy_child_memory_write(fd, text.data, text.len);
	memset(text.data, 0, text.len);
	return fd;
}

/* All of the child's environment. */
static const char *const *
make_environment(bool has_password, bool has_service)
{
	const char *home = getenv("HOME");
	const char **result = palloc0(sizeof(char *) * 6);
	int			n = 0;

	if (home == NULL || !IsTransactionState() || !superuser())
		home = "/nonexistent";
	result[n++] = "LC_ALL=C";
	result[n++] = psprintf("HOME=%s", home);
	if (has_password)
		result[n++] = "PGPASSFILE=/proc/self/fd/3";
	else if (strcmp(home, "/nonexistent") == 0)
		result[n++] = "PGPASSFILE=/nonexistent";
	if (has_service)
		result[n++] = "PGSERVICEFILE=/proc/self/fd/4";
	return result;
}

/* What a child said, fit to be shown: valid in this database's encoding. */
static char *
clean_text(const StringInfo errors)
{
	int			length = errors->len;

	while (length > 0 && isspace((unsigned char) errors->data[length - 1]))
		length--;
	if (length > DETAIL_SHOWN)
		length = pg_mbcliplen(errors->data, length, DETAIL_SHOWN);
	return pgcopy_warnings_clean(errors->data, length);
}

/* The first line with an error in it, without the program's name. */
static char *
first_error(const char *text)
{
	const char *at = strstr(text, "error: ");

	if (at == NULL)
		at = strstr(text, "fatal: ");
	at = at ? at + strlen("error: ") : text;
	return pnstrdup(at, strcspn(at, "\n"));
}

static bool
says(const char *text, const char *words)
{
	return strstr(text, words) != NULL;
}

/* The SQLSTATE of what pg_dump said, as far as that can be known. */
static int
guess_sqlstate(const char *text, bool took_lock_wait)
{
	if (says(text, "LOCK TABLE ") &&
		(took_lock_wait || says(text, "statement timeout") ||
		 says(text, "does not exist") || says(text, "could not open relation")))
		return ERRCODE_LOCK_NOT_AVAILABLE;
	if (says(text, "server version mismatch"))
		return ERRCODE_FEATURE_NOT_SUPPORTED;
	if (says(text, "permission denied") || says(text, "must be owner"))
		return ERRCODE_INSUFFICIENT_PRIVILEGE;
	if (says(text, "max_locks_per_transaction"))
		return ERRCODE_OUT_OF_MEMORY;
	if (says(text, "password authentication failed") ||
		says(text, "no password supplied"))
		return ERRCODE_INVALID_PASSWORD;
	/* a snapshot goes with our own session, which has exported it */
	if (says(text, "SET TRANSACTION SNAPSHOT") ||
		says(text, "connection to server") ||
		says(text, "could not connect") ||
		says(text, "server closed the connection") ||
		says(text, "no connection to the server") ||
		says(text, "terminating connection"))
		return ERRCODE_CONNECTION_FAILURE;
	return ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
}

static const char *
hint_for(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_LOCK_NOT_AVAILABLE:
			return "Wait until the other session on the source has ended its transaction, and try again.";
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return "Connect to the source as a role that may read all that is to be cloned.";
		case ERRCODE_OUT_OF_MEMORY:
			return "Raise max_locks_per_transaction on the source.";
		case ERRCODE_INVALID_PASSWORD:
			return "pg_dump connects by itself, with the password of the connection string.";
		case ERRCODE_CONNECTION_FAILURE:
			return "Check that the source lets this server in, and look into its log.";
		default:
			return "See the detail for what it said.";
	}
}

/* Bytes that the definitions of a source may have. */
static int64
definitions_limit(void)
{
	int64		machine = (int64) sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);

	if (pgcopy_setting_max_definitions_size > 0)
		return pgcopy_setting_max_definitions_size * MEGABYTE;
	return Min(machine / 8, 1024 * MEGABYTE);
}

/* pg_dump has failed because its file may not grow any more. */
static void
check_definitions_size(const ChildCommand *command)
{
	if (command->stdout_limit == 0 ||
		pgcopy_child_memory_size(command->stdout_fd) < command->stdout_limit)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("the definitions of the source are larger than " INT64_FORMAT " MB",
					command->stdout_limit / MEGABYTE),
			 errdetail("While a job is planned, they take twice as much of this server's memory."),
			 errhint("If there is enough, set \"pgcopy.max_definitions_size\" to more.  Otherwise look for very long functions, views or comments on the source.")));
}

/*
 * Run a tool; throw what it says when it fails, and note what it says when it
 * does not.  A tool that reads an archive tells its progress too.
 */
static void
run_tool(const char *name, const ChildCommand *command, int lock_wait_ms,
		 SourceDump *dump)
{
	TimestampTz started = GetCurrentTimestamp();
	StringInfoData errors;
	char	   *text;
	int			status;
	int			sqlstate;
	bool		took_lock_wait;

	initStringInfo(&errors);
	status = pgcopy_child_run(command, &errors);
	if (status == 0)
	{
		pgcopy_warnings_add(dump, name, command->stdin_fd >= 0, &errors);
		return;
	}

	check_definitions_size(command);
	text = clean_text(&errors);
	took_lock_wait = lock_wait_ms > 0 &&
		TimestampDifferenceExceeds(started, GetCurrentTimestamp(), lock_wait_ms);
	sqlstate = guess_sqlstate(text, took_lock_wait);
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("%s failed: %s", name,
					text[0] ? first_error(text) : wait_result_to_str(status)),
			 text[0] ? errdetail_internal("%s", text) : 0,
			 errhint("%s", hint_for(sqlstate))));
}

/* What both tools are told to leave out. */
static void
add_exclusions(Arguments *arguments, const DumpRequest *request)
{
	add_argument_if(arguments, request->no_privileges, "--no-privileges");
	add_argument_if(arguments, request->no_comments, "--no-comments");
	add_argument_if(arguments, request->no_security_labels, "--no-security-labels");
	add_argument_if(arguments, request->no_publications, "--no-publications");
	add_argument_if(arguments, request->no_subscriptions, "--no-subscriptions");
}

int
pgcopy_archive_dump(const DumpTools *tools, const DumpRequest *request,
					SourceDump *dump)
{
	Arguments	arguments = {{NULL}, 0};
	ChildCommand command;
	int			password = make_password_file(request);
	int			service = make_service_file(request);
	int			archive = pgcopy_child_memory_file("pgcopy archive");

	add_argument(&arguments, tools->pg_dump);
	add_argument(&arguments, "--format=custom");
	add_argument(&arguments, "--compress=0");
	add_argument(&arguments, "--no-blobs");
	add_argument(&arguments, "--section=pre-data");
	add_argument(&arguments, "--section=post-data");
	add_argument(&arguments, "--no-password");
	add_argument(&arguments, psprintf("--encoding=%s",
									  pg_encoding_to_char(GetDatabaseEncoding())));
	if (request->snapshot != NULL)
		add_argument(&arguments, psprintf("--snapshot=%s", request->snapshot));
	if (request->lock_wait_ms > 0)
		add_argument(&arguments, psprintf("--lock-wait-timeout=%d",
										  request->lock_wait_ms));
	add_exclusions(&arguments, request);
	add_argument(&arguments, psprintf("--dbname=%s",
									  make_conninfo(request, service >= 0)));

	command.argv = arguments.words;
	command.envp = make_environment(password >= 0, service >= 0);
	command.stdin_fd = -1;
	command.stdout_fd = archive;
	command.stdout_limit = definitions_limit();
	command.secret_fd = password;
	command.second_secret_fd = service;
	run_tool("pg_dump", &command, request->lock_wait_ms, dump);
	return archive;
}

int
pgcopy_archive_restore(const DumpTools *tools, const DumpRequest *request,
					   SourceDump *dump, int archive, const char *section)
{
	Arguments	arguments = {{NULL}, 0};
	ChildCommand command;
	int			text = pgcopy_child_memory_file("pgcopy text");

	/* The child shares the place in the file with us. */
	if (lseek(archive, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not go back in a file in memory: %m")));

	add_argument(&arguments, tools->pg_restore);
	add_argument(&arguments, "--verbose");
	add_argument(&arguments, "--file=-");
	add_argument(&arguments, psprintf("--section=%s", section));
	add_argument_if(&arguments, request->no_owner, "--no-owner");
	add_argument_if(&arguments, request->no_tablespaces, "--no-tablespaces");
	add_exclusions(&arguments, request);

	command.argv = arguments.words;
	command.envp = make_environment(false, false);
	command.stdin_fd = archive;
	command.stdout_fd = text;
	command.stdout_limit = 0;
	command.secret_fd = -1;
	command.second_secret_fd = -1;
	run_tool("pg_restore", &command, 0, dump);
	return text;
}
