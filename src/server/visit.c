/*-------------------------------------------------------------------------
 *
 * visit.c
 *	  Errands in other databases of this server.
 *
 * A process is in one database for its life.  So the coordinator of a server
 * clone sends a process of its own to each database: it creates the extension,
 * stores the job and queues it, or looks what has become of it.  It tells by its
 * seat in the area of the clone.
 *
 * A job is ordered once: a later visit finds it by the number of the clone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/query.h"
#include "catalog/version.h"
#include "run/resume.h"
#include "server/visit.h"
#include "source/conninfo.h"

static CatalogQuery split_options = {
	"SELECT key, value FROM jsonb_each_text($1::jsonb)",
	1, {TEXTOID}
};

bool
pgcopy_visit_make(const Visit *visit)
{
	BackgroundWorkerHandle *handle;
	ProcessArgs args = {
		.database = visit->database,
		.owner = visit->owner,
		.server = visit->server,
		.server_clone = visit->area->clone,
		.seat = visit->seat
	};
	ServerReport report;

	pgcopy_server_area_clear(visit->area, visit->seat, 0);
	if (!pgcopy_process_start_visitor(&args, &handle))
		return false;
	(void) WaitForBackgroundWorkerShutdown(handle);
	pfree(handle);
	CHECK_FOR_INTERRUPTS();
	pgcopy_server_area_read(visit->area, visit->seat, &report);
	if (report.job == 0 && report.message[0] == '\0')
	{
		strlcpy(report.message, "the process sent to the database ended before it had reported: see the server log",
				SERVER_MESSAGE_LENGTH);
		LWLockAcquire(&visit->area->lock, LW_EXCLUSIVE);
		visit->area->seats[visit->seat].report = report;
		LWLockRelease(&visit->area->lock);
	}
	return true;
}

/* Run a statement as the role that ordered the clone. */
static void
run_here(const char *sql)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "\"%s\" failed", sql);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

/* Create the extension, in the schema that it has where the clone was ordered. */
static void
create_extension(const char *schema)
{
	if (OidIsValid(get_extension_oid("pgcopydb_ext", true)))
		return;
	if (!OidIsValid(get_namespace_oid(schema, true)))
		run_here(psprintf("CREATE SCHEMA %s", quote_identifier(schema)));
	run_here(psprintf("CREATE EXTENSION pgcopydb_ext SCHEMA %s", quote_identifier(schema)));
	CommandCounterIncrement();
}

void
pgcopy_visit_read_options(const char *json, JobOptions *options)
{
	CatalogScope scope;
	MemoryContext caller = CurrentMemoryContext;
	uint64		rows;

	pgcopy_options_set_defaults(options);
	pgcopy_query_begin(&scope);
	rows = pgcopy_query_run(&split_options, QUERY_ARGS(CStringGetTextDatum(json)));
	MemoryContextSwitchTo(caller);
	for (uint64 i = 0; i < rows; i++)
		pgcopy_options_restore(options, pgcopy_query_text(i, "key"),
							   pgcopy_query_text(i, "value"));
	pgcopy_query_end(&scope);
}

/* Store a job for this database; returns its number. */
static int64
insert_job(const ServerArea *area, const ServerSeat *seat)
{
	Job			job = {
		.owner = GetUserId(),
		.server_database = area->database,
		.server_clone = area->clone
	};

	job.conninfo = pgcopy_conninfo_string_add_database(SERVER_AREA_TEXT(area, conninfo),
													   NameStr(seat->name));
	job.source = pstrdup(pgcopy_conninfo_resolve(job.conninfo, job.owner)->printable);
	pgcopy_visit_read_options(SERVER_AREA_TEXT(area, options), &job.options);
	job.options.roles = seat->with_roles ? ROLES_ALL : ROLES_NONE;
	if (seat->is_new && area->properties_of_new)
		job.options.database_properties = true;
	return pgcopy_job_insert(&job);
}

/*
 * Queue a job that has stopped, as pgcopy_resume() does.  One that is done, has
 * a leader or is queued already stays as it is.
 */
static void
queue_job(int64 id, ResumeChoice choice)
{
	Job		   *job = pgcopy_job_fetch_locked(id);

	if (job->state == JOB_DONE || job->state == JOB_QUEUED || pgcopy_job_has_leader(id))
		return;
	pgcopy_version_check_job(id);
	pgcopy_job_read_options(job);
	pgcopy_resume_check(job, choice);
	pgcopy_job_allow_auto_resume(id);
	pgcopy_job_move(id, JOB_QUEUED);
}

static void
cancel_job(int64 id)
{
	Job		   *job = pgcopy_job_fetch_locked(id);

	if (!pgcopy_job_has_ended(job->state) && !pgcopy_job_has_leader(id))
		pgcopy_job_move(id, JOB_CANCELLED);
}

static int64
find_job(const ServerArea *area)
{
	return pgcopy_job_find_of_server(area->database, area->clone, area->created);
}

/* Look at the job, in a new transaction. */
static void
look(int64 id, ServerReport *report)
{
	Job		   *job;

	report->job = id;
	if (id == 0)
	{
		strlcpy(report->message, "its job is gone", SERVER_MESSAGE_LENGTH);
		return;
	}
	job = pgcopy_job_fetch(id);
	report->state = job->state;
	report->is_led = pgcopy_job_has_leader(id);
	report->is_interrupted = pgcopy_job_is_interrupted(id);
	pgcopy_job_read_totals(id, &report->totals, &report->control);
	if (job->state == JOB_FAILED)
	{
		JobFailure *failure = pgcopy_job_line_failure(id);

		if (failure != NULL)
			strlcpy(report->message, failure->message, SERVER_MESSAGE_LENGTH);
	}
}

static void
do_errand(const ServerArea *area, const ServerSeat *seat)
{
	ServerReport report = {0};
	int64		id = 0;

	pgcopy_process_begin_transaction();
	if (seat->errand == ERRAND_ORDER)
	{
		create_extension(SERVER_AREA_TEXT(area, schema));
		pgcopy_version_check();
	}
	if (OidIsValid(get_extension_oid("pgcopydb_ext", true)))
		id = find_job(area);
	if (id == 0 && seat->errand == ERRAND_ORDER)
		id = insert_job(area, seat);
	else if (id != 0 && seat->errand == ERRAND_ORDER)
		queue_job(id, seat->choice);
	else if (id != 0 && seat->errand == ERRAND_CANCEL)
		cancel_job(id);
	ForceSyncCommit();
	pgcopy_process_end_transaction();

	pgcopy_process_begin_transaction();
	look(id, &report);
	pgcopy_server_area_tell(&report);
	pgcopy_process_end_transaction();
}

void
pgcopy_visit_main(Datum arg)
{
	ProcessArgs args;
	ServerArea *area;

	pgcopy_process_begin(&args);
	area = pgcopy_server_area_join(&args);
	if (area == NULL)
		return;					/* the coordinator is gone */
	PG_TRY();
	{
		do_errand(area, &area->seats[args.seat]);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(TopMemoryContext);
		pgcopy_server_area_tell_error(CopyErrorData());
		PG_RE_THROW();
	}
	PG_END_TRY();
}
