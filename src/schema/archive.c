/*-------------------------------------------------------------------------
 *
 * archive.c
 *	  The source's schema: an archive of pg_dump, and the text of it.
 *
 * The tools run with LC_ALL=C, so that their own messages can be recognized.
 * The source's messages may be in any language: a lock timeout is recognized by
 * the query that failed and the time it took.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/options.h"
#include "base/settings.h"
#include "schema/archive.h"
#include "schema/child.h"
#include "schema/login.h"

#define MEGABYTE		INT64CONST(1048576)
#define LONGEST_MESSAGE	1000

typedef struct Arguments
{
	const char **words;			/* NULL-terminated */
	int			count;
	int			room;
} Arguments;

static void
add_argument(Arguments *arguments, const char *word)
{
	if (arguments->words == NULL)
	{
		arguments->room = 32;
		arguments->words = palloc(sizeof(char *) * arguments->room);
	}
	else if (arguments->count + 1 >= arguments->room)
	{
		arguments->room *= 2;
		arguments->words = repalloc(arguments->words, sizeof(char *) * arguments->room);
	}
	arguments->words[arguments->count++] = word;
	arguments->words[arguments->count] = NULL;
}

static void
add_argument_if(Arguments *arguments, bool condition, const char *word)
{
	if (condition)
		add_argument(arguments, word);
}

/*
 * The first error message, without the program's name; NULL if there is none:
 * then the tool was ended from outside, or did not run.
 */
static char *
first_error(const StringInfo errors)
{
	const char *at = strstr(errors->data, "error: ");

	if (at == NULL)
		at = strstr(errors->data, "fatal: ");
	if (at == NULL)
		return NULL;
	at += strlen("error: ");
	return pgcopy_child_clean(at, Min(strcspn(at, "\n"), LONGEST_MESSAGE));
}

static bool
says(const char *text, const char *words)
{
	return strstr(text, words) != NULL;
}

/* Guess the SQLSTATE from what pg_dump said. */
static int
guess_sqlstate(const char *text, bool has_waited_for_lock)
{
	if (says(text, "LOCK TABLE ") &&
		(has_waited_for_lock || says(text, "statement timeout") ||
		 says(text, "does not exist") || says(text, "could not open relation")))
		return ERRCODE_LOCK_NOT_AVAILABLE;
	if (says(text, "conflict with recovery"))
		return ERRCODE_T_R_SERIALIZATION_FAILURE;
	if (says(text, "server version mismatch"))
		return ERRCODE_FEATURE_NOT_SUPPORTED;
	if (says(text, "permission denied") || says(text, "must be owner"))
		return ERRCODE_INSUFFICIENT_PRIVILEGE;
	if (says(text, "has no equivalent in encoding"))
		return ERRCODE_UNTRANSLATABLE_CHARACTER;
	if (says(text, "invalid byte sequence for encoding"))
		return ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
	if (says(text, "max_locks_per_transaction"))
		return ERRCODE_OUT_OF_MEMORY;
	if (says(text, "password authentication failed") ||
		says(text, "no password supplied"))
		return ERRCODE_INVALID_PASSWORD;
	/* a snapshot is lost with the session that exported it */
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
		case ERRCODE_UNTRANSLATABLE_CHARACTER:
		case ERRCODE_CHARACTER_NOT_IN_REPERTOIRE:
			return "Clone into a database with the encoding of the source.";
		case ERRCODE_INVALID_PASSWORD:
			return "pg_dump connects by itself, with the password of the connection string.";
		case ERRCODE_T_R_SERIALIZATION_FAILURE:
			return "Set hot_standby_feedback to on or max_standby_streaming_delay to -1 on the standby, and try again.";
		case ERRCODE_CONNECTION_FAILURE:
			return "Check that the source accepts connections from this server, and look at its log.";
		default:
			return "See the detail for what it said.";
	}
}

/* The hint for a tool that said nothing of its own. */
static const char *
hint_for_status(int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return "Somebody has killed it, or this machine's memory was used up: see the kernel's log.  Then try again.";
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return "The program could not be run: run it with --version as the server's operating system user.";
	return "Run it by hand, as the server's operating system user, to see more.";
}

/* The limit of the archive, in bytes. */
static int64
definitions_limit(void)
{
	int64		machine = (int64) sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);

	if (pgcopy_setting_max_definitions_size > 0)
		return pgcopy_setting_max_definitions_size * MEGABYTE;
	return Min(machine / 8, 1024 * MEGABYTE);
}

/* Throw if pg_dump has failed because the archive has reached its limit. */
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
			 errdetail("Planning a job takes twice as much of this server's memory."),
			 errhint("If this server has enough memory, ALTER DATABASE %s SET pgcopy.max_definitions_size = '" INT64_FORMAT "MB', or look for very long functions, views or comments on the source.",
					 quote_identifier(get_database_name(MyDatabaseId)),
					 2 * command->stdout_limit / MEGABYTE)));
}

static void
throw_password_not_asked(const char *said)
{
	ereport(ERROR,
			(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
			 errmsg("password is required"),
			 errdetail("The source must ask pg_dump for a password, as the job's owner is not a superuser, but it does not.%s%s",
					   said[0] ? "  pg_dump said: " : "", said),
			 errhint("Have pg_hba.conf of the source ask for a password (scram-sha-256) from this server's address.")));
}

/*
 * Run a tool; throw what it says if it fails, else add it to the warnings.  A
 * tool with an input is pg_restore, which reports progress too.
 */
static void
run_tool(const char *name, const ChildCommand *command, int lock_wait_ms,
		 SourceDump *dump)
{
	TimestampTz started = GetCurrentTimestamp();
	StringInfoData errors;
	char	   *text;
	char	   *error;
	int			status;
	int			sqlstate;

	initStringInfo(&errors);
	status = pgcopy_child_run(command, &errors);
	if (status == 0)
	{
		pgcopy_warnings_add(dump, name, command->stdin_fd >= 0, &errors);
		return;
	}

	check_definitions_size(command);
	text = pgcopy_child_words(&errors);
	if (says(text, "authentication method requirement"))
		throw_password_not_asked(text);
	error = first_error(&errors);
	sqlstate = guess_sqlstate(text, lock_wait_ms > 0 &&
							  TimestampDifferenceExceeds(started, GetCurrentTimestamp(),
														 lock_wait_ms));
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("%s failed: %s", name, error ? error : wait_result_to_str(status)),
			 text[0] ? errdetail_internal("%s", text) : 0,
			 errhint("%s", error ? hint_for(sqlstate) : hint_for_status(status))));
}

/* login: NULL if the tool does not connect. */
static ChildCommand
make_command(const Arguments *arguments, const ToolLogin *login, int stdout_fd)
{
	return (ChildCommand) {
		.argv = arguments->words,
		.envp = login ? login->environment : pgcopy_login_no_environment(),
		.stdin_fd = -1,
		.stdout_fd = stdout_fd,
		.secret_fd = login ? login->password_fd : -1,
		.second_secret_fd = login ? login->secrets_fd : -1
	};
}

static void
add_exclusions(Arguments *arguments, const DumpRequest *request)
{
	add_argument_if(arguments, request->no_privileges, "--no-privileges");
	add_argument_if(arguments, request->no_comments, "--no-comments");
}

/* Leave out kinds that pg_dump has a switch for: then it does not read them. */
static void
add_kinds(Arguments *arguments, int exclude)
{
	add_argument_if(arguments, (exclude & EXCLUDE_PUBLICATIONS) != 0, "--no-publications");
	add_argument_if(arguments, (exclude & EXCLUDE_SUBSCRIPTIONS) != 0, "--no-subscriptions");
	add_argument_if(arguments, (exclude & EXCLUDE_SECURITY_LABELS) != 0, "--no-security-labels");
}

/*
 * Throw unless pg_dump fails to connect without a password: else something
 * other than the password lets us in.  It dumps as little as possible, as it
 * may get in.
 */
static void
check_password_is_asked(const DumpTools *tools, const DumpRequest *request)
{
	ToolLogin  *login = pgcopy_login_create(request, tools->major_version, false);
	Arguments	arguments = {NULL};
	ChildCommand command;
	StringInfoData errors;
	char	   *text;

	add_argument(&arguments, tools->pg_dump);
	add_argument(&arguments, "--no-password");
	add_argument(&arguments, "--schema-only");
	add_argument(&arguments, "--schema=pg_catalog");
	add_argument(&arguments, psprintf("--dbname=%s", login->conninfo));
	command = make_command(&arguments, login,
						   pgcopy_child_memory_file("pgcopy trial"));
	initStringInfo(&errors);
	(void) pgcopy_child_run(&command, &errors);
	text = pgcopy_child_words(&errors);
	if (says(text, "no password supplied"))
		return;
	throw_password_not_asked(text);
}

int
pgcopy_archive_dump(const DumpTools *tools, const DumpRequest *request,
					SourceDump *dump)
{
	Arguments	arguments = {NULL};
	ChildCommand command;
	ToolLogin  *login = pgcopy_login_create(request, tools->major_version, true);
	ListCell   *lc;
	int			archive = pgcopy_child_memory_file("pgcopy archive");

	if (pgcopy_login_needs_trial(request, tools->major_version))
		check_password_is_asked(tools, request);

	add_argument(&arguments, tools->pg_dump);
	add_argument(&arguments, "--format=custom");
	add_argument(&arguments, "--compress=0");
	/*
	 * By its name: from 16 on pg_dump lets what is written to its standard output be
	 * appended, and its list of contents, written twice, is there twice.
	 */
	add_argument(&arguments, "--file=/proc/self/fd/1");
	add_argument(&arguments, "--no-sync");
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
	add_kinds(&arguments, request->exclude);
	foreach(lc, request->filter)
		add_argument(&arguments, lfirst(lc));
	add_argument(&arguments, psprintf("--dbname=%s", login->conninfo));

	command = make_command(&arguments, login, archive);
	command.stdout_limit = definitions_limit();
	command.meanwhile = request->meanwhile;
	run_tool("pg_dump", &command, request->lock_wait_ms, dump);
	return archive;
}

int
pgcopy_archive_restore(const DumpTools *tools, const DumpRequest *request,
					   SourceDump *dump, int archive, const ArchiveSection *section)
{
	Arguments	arguments = {NULL};
	ChildCommand command;
	int			text = pgcopy_child_memory_file("pgcopy text");

	/* the child shares the file position with us */
	if (lseek(archive, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind an in-memory file: %m")));

	add_argument(&arguments, tools->pg_restore);
	add_argument(&arguments, "--verbose");
	add_argument(&arguments, "--file=-");
	add_argument(&arguments, psprintf("--section=%s", section->name));
	add_argument_if(&arguments, request->no_owner, "--no-owner");
	add_argument_if(&arguments, request->no_tablespaces, "--no-tablespaces");
	add_exclusions(&arguments, request);

	command = make_command(&arguments, NULL, text);
	command.stdin_fd = archive;
	command.meanwhile = section->meanwhile;
	run_tool("pg_restore", &command, 0, dump);
	return text;
}
