/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The pgcopy.* settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "datatype/timestamp.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "base/settings.h"
#include "base/testpoint.h"

char	   *pgcopy_setting_pg_dump = NULL;
int			pgcopy_setting_max_attempts = 5;
int			pgcopy_setting_source_retry_timeout = 300;
bool		pgcopy_setting_auto_resume = true;
int			pgcopy_setting_maintenance_work_mem = 0;
int			pgcopy_setting_max_definitions_size = 0;
bool		pgcopy_setting_split_by_ctid = true;
bool		pgcopy_setting_allow_unsupported_newer_source = false;
int			pgcopy_setting_index_builds = INDEX_BUILDS_FAST;

static const struct config_enum_entry index_builds[] = {
	{"fast", INDEX_BUILDS_FAST, false},
	{"server", INDEX_BUILDS_SERVER, false},
	{NULL, 0, false}
};

static void
define_settings_of_builds(void)
{
	DefineCustomIntVariable("pgcopy.maintenance_work_mem",
							"Memory for all index builds of a job together.",
							"Zero means the server's maintenance_work_mem.",
							&pgcopy_setting_maintenance_work_mem,
							0, 0, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);

	DefineCustomEnumVariable("pgcopy.index_builds",
							 "Who builds the indexes of a job.",
							 "\"fast\" builds B-trees of newly loaded tables itself where that gives "
							 "what the server would build, \"server\" leaves all to CREATE INDEX.",
							 &pgcopy_setting_index_builds,
							 INDEX_BUILDS_FAST,
							 index_builds,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
}

static void
define_settings_of_source(void)
{
	DefineCustomStringVariable("pgcopy.pg_dump",
							   "Path of the pg_dump program that reads the source's schema.",
							   "Empty means the one in the server's own bin directory; "
							   "pg_restore is taken from the same directory.",
							   &pgcopy_setting_pg_dump,
							   "",
							   PGC_SUSET,
							   GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);

	DefineCustomIntVariable("pgcopy.source_retry_timeout",
							"Maximum time that a job waits for a source that is away.",
							"Zero means that the job fails at once.",
							&pgcopy_setting_source_retry_timeout,
							300, 0, 7 * SECS_PER_DAY,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);

	DefineCustomIntVariable("pgcopy.max_definitions_size",
							"Maximum size of the definitions of a source.",
							"Planning a job takes twice as much memory. "
							"Zero means 1 GB, or an eighth of this machine's memory if that is less.",
							&pgcopy_setting_max_definitions_size,
							0, 0, 1024 * 1024,
							PGC_SUSET, GUC_UNIT_MB, NULL, NULL, NULL);

	DefineCustomBoolVariable("pgcopy.split_by_ctid",
							 "Split tables by blocks if the source is PostgreSQL 14 or later.",
							 "If off, they are split by ranges of an integer key, as those of older sources are.",
							 &pgcopy_setting_split_by_ctid,
							 true,
							 PGC_SUSET,
							 GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);

	DefineCustomBoolVariable("pgcopy.allow_unsupported_newer_source",
							 "Try to clone a source of a newer major version than this server's.",
							 "This is not supported: what this server does not know fails on the way.",
							 &pgcopy_setting_allow_unsupported_newer_source,
							 false,
							 PGC_SUSET,
							 GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);
}

void
pgcopy_settings_define(void)
{
	DefineCustomIntVariable("pgcopy.max_attempts",
							"Maximum number of attempts for one item.",
							"Only errors that may pass by themselves lead to another attempt.",
							&pgcopy_setting_max_attempts,
							5, 1, 100,
							PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomBoolVariable("pgcopy.auto_resume",
							 "Resume interrupted jobs after a server start.",
							 "Takes effect only if the library is in shared_preload_libraries.",
							 &pgcopy_setting_auto_resume,
							 true,
							 PGC_SIGHUP,
							 0,
							 NULL, NULL, NULL);

	define_settings_of_source();
	define_settings_of_builds();
	pgcopy_testpoint_define_settings();
	MarkGUCPrefixReserved("pgcopy");
}
