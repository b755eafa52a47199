/*-------------------------------------------------------------------------
 *
 * version.c
 *	  The version of the extension: of its library, its SQL objects, its jobs.
 *
 * A package brings the library and the scripts; ALTER EXTENSION ... UPDATE
 * brings up the objects of one database.  In between, the library is newer than
 * the objects.  A session, or a server that preloads the library, keeps the one
 * that it has loaded, which may then be older than the objects.
 *
 * So the library must serve the objects of all versions: whoever looks at a job,
 * cancels, drops or waits for it needs no more than version 0.1 has.  A C symbol
 * keeps its arguments and columns; with others it gets another name.  Tables only
 * get columns, which are named only where pgcopy_version_check() has gone well.
 *
 * What begins work wants both to be of one version, and the job too: any version
 * may change what items and options mean.  Jobs of 0.1 have no version noted; nor
 * has one that a session with the library of 0.1 orders after the update.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "catalog/query.h"
#include "catalog/version.h"

#define FIRST_VERSION "0.1"

static CatalogQuery select_installed = {
	"SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pgcopydb_ext'"
};

static CatalogQuery select_of_job = {
	"SELECT COALESCE(version, '" FIRST_VERSION "') FROM pgcopy.job WHERE id = $1",
	1, {INT8OID}
};

static CatalogQuery select_has_ended = {
	"SELECT ended IS NOT NULL AS has_ended FROM pgcopy.job WHERE id = $1",
	1, {INT8OID}
};

static CatalogQuery lock_jobs = {
	"LOCK TABLE pgcopy.job, pgcopy.server_clone IN ACCESS EXCLUSIVE MODE"
};

/* Is a version older than that of this library?  0.9 is older than 0.10. */
static bool
is_older(const char *version)
{
	int			major = 0;
	int			minor = 0;
	int			our_major;
	int			our_minor;

	(void) sscanf(version, "%d.%d", &major, &minor);
	(void) sscanf(PGCOPY_VERSION, "%d.%d", &our_major, &our_minor);
	return major < our_major || (major == our_major && minor < our_minor);
}

void
pgcopy_version_check(void)
{
	const char *version = pgcopy_query_fetch_one(&select_installed, NULL,
												 pgcopy_query_read_text);

	if (version == NULL || strcmp(version, PGCOPY_VERSION) == 0)
		return;					/* what comes next says that there is none */
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("extension pgcopydb_ext is of version %s in database \"%s\", its library is of version %s",
					version, get_database_name(MyDatabaseId), PGCOPY_VERSION),
			 is_older(version) ?
			 errhint("Run ALTER EXTENSION pgcopydb_ext UPDATE in this database.") :
			 errhint("Connect again; if the library is preloaded, restart the server.")));
}

void
pgcopy_version_check_job(int64 id)
{
	const char *version;

	pgcopy_version_check();
	version = pgcopy_query_fetch_one(&select_of_job, QUERY_JOB(id), pgcopy_query_read_text);
	if (version == NULL || strcmp(version, PGCOPY_VERSION) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("job " INT64_FORMAT " was ordered with version %s of pgcopydb_ext, which version %s does not continue",
					id, version, PGCOPY_VERSION),
			 pgcopy_query_fetch_int64(&select_has_ended, QUERY_JOB(id)) ?
			 errhint("Run SELECT pgcopy_drop(" INT64_FORMAT "), then clone again, with drop_if_exists => true to replace what the job has made here.",
					 id) :
			 errhint("Run SELECT pgcopy_cancel(" INT64_FORMAT ") and SELECT pgcopy_drop(" INT64_FORMAT "), then clone again, with drop_if_exists => true to replace what the job has made here.",
					 id, id)));
}

void
pgcopy_version_lock_jobs(void)
{
	(void) pgcopy_query_do(&lock_jobs, NULL);
}

void
pgcopy_version_begin_rows(FunctionCallInfo fcinfo, int columns)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	pgcopy_init_materialized_srf(fcinfo);
	if (rsinfo->setDesc->natts == columns)
		return;
	pgcopy_version_check();
	elog(ERROR, "function with %d columns instead of %d", rsinfo->setDesc->natts, columns);
}
