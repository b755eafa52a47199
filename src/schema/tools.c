/*-------------------------------------------------------------------------
 *
 * tools.c
 *	  Find pg_dump and pg_restore and their version.
 *
 * They are in the directory of the server's executable, or where pgcopy.pg_dump
 * says.  PATH is not used: it cannot be trusted, and on Debian leads to a
 * wrapper that chooses a version.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "port.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/settings.h"
#include "schema/child.h"
#include "schema/login.h"
#include "schema/tools.h"

/* Works in any session, also in one that has not loaded this library yet. */
#define HINT_SET "ALTER DATABASE %s SET pgcopy.pg_dump = '/path/to/pg_dump'"
#define HINT_INSTALL \
	"Install the client programs of the source's version on this server, then " HINT_SET "."

static const char *
this_database(void)
{
	return quote_identifier(get_database_name(MyDatabaseId));
}

/* The path of a program in the same directory. */
static char *
path_beside(const char *path, const char *program)
{
	char		directory[MAXPGPATH];

	strlcpy(directory, path, sizeof(directory));
	get_parent_directory(directory);
	return psprintf("%s/%s", directory, program);
}

static void
check_is_executable(const char *path)
{
	if (access(path, X_OK) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FILE),
			 errmsg("could not find program \"%s\": %m", path),
			 errhint("Install PostgreSQL's client programs on this server, or say where they are, as a superuser: " HINT_SET ".",
					 this_database())));
}

/* Parse the major version in "pg_dump (PostgreSQL) 15.4 (Debian ...)", or 0. */
static int
parse_version(const char *line)
{
	const char *number = strstr(line, "(PostgreSQL) ");

	return number ? atoi(number + strlen("(PostgreSQL) ")) : 0;
}

/* The version of a program, as long as its file stays the same. */
typedef struct KnownVersion
{
	dev_t		device;
	ino_t		inode;
	time_t		changed;
	int			version;		/* 0: not known */
} KnownVersion;

/* Run a program with --version. */
static int
run_version(const char *path)
{
	const char *argv[] = {path, "--version", NULL};
	ChildCommand command = {argv, pgcopy_login_no_environment(), -1, -1, -1, -1};
	StringInfoData errors;
	const char *text;
	char		line[256];
	size_t		length;
	int			status;
	int			version = 0;

	initStringInfo(&errors);
	command.stdout_fd = pgcopy_child_memory_file("pgcopy version");
	status = pgcopy_child_run(&command, &errors);
	text = pgcopy_child_memory_map(command.stdout_fd, &length);
	length = Min(length, sizeof(line) - 1);
	memcpy(line, text, length);
	line[length] = '\0';
	if (status == 0)
		version = parse_version(line);
	if (version == 0)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not get the version of \"%s\"", path),
				 errdetail_internal("%s", errors.len > 0 ? pgcopy_child_words(&errors) :
									status != 0 ? wait_result_to_str(status) :
									"It did not print a version."),
				 errhint("Say where PostgreSQL's own pg_dump is, as a superuser: " HINT_SET ".",
						 this_database())));
	return version;
}

/* The same, from memory if the file is known. */
static int
ask_version(const char *path, KnownVersion *known)
{
	struct stat file;

	if (stat(path, &file) != 0)
		return run_version(path);
	if (known->version == 0 || known->device != file.st_dev ||
		known->inode != file.st_ino || known->changed != file.st_ctime)
	{
		known->version = run_version(path);
		known->device = file.st_dev;
		known->inode = file.st_ino;
		known->changed = file.st_ctime;
	}
	return known->version;
}

DumpTools *
pgcopy_tools_find(int source_version)
{
	static KnownVersion known_dump;
	static KnownVersion known_restore;

	DumpTools  *tools = palloc0(sizeof(DumpTools));
	int			source_major = source_version / 10000;
	int			restore_version;

	if (pgcopy_setting_pg_dump != NULL && pgcopy_setting_pg_dump[0] != '\0')
		tools->pg_dump = pstrdup(pgcopy_setting_pg_dump);
	else
		tools->pg_dump = path_beside(my_exec_path, "pg_dump");
	tools->pg_restore = path_beside(tools->pg_dump, "pg_restore");
	check_is_executable(tools->pg_dump);
	check_is_executable(tools->pg_restore);

	tools->major_version = ask_version(tools->pg_dump, &known_dump);
	restore_version = ask_version(tools->pg_restore, &known_restore);
	if (restore_version != tools->major_version)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pg_dump and pg_restore are of different versions"),
				 errdetail("\"%s\" is version %d, \"%s\" is version %d.",
						   tools->pg_dump, tools->major_version,
						   tools->pg_restore, restore_version),
				 errhint(HINT_INSTALL, this_database())));
	if (tools->major_version < source_major)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pg_dump is older than the source"),
				 errdetail("\"%s\" is version %d, the source is version %d.",
						   tools->pg_dump, tools->major_version, source_major),
				 errhint(HINT_INSTALL, this_database())));
	return tools;
}

void
pgcopy_tools_check(int source_version)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy tools",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);

	(void) pgcopy_tools_find(source_version);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
}
