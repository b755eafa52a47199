/*-------------------------------------------------------------------------
 *
 * live.c
 *	  Live figures for the views: pgcopy.live(), live_workers(), live_follow(),
 *	  is_interrupted(), bar(); and who is in the way: blocker().
 *
 * Who is in the way is asked with the rights of the caller, who may not see what
 * others run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "api/live.h"
#include "base/blocker.h"
#include "catalog/follow.h"
#include "catalog/job.h"
#include "catalog/version.h"
#include "replica/applied.h"

extern PGDLLEXPORT Datum pgcopy_live(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_live);
extern PGDLLEXPORT Datum pgcopy_live_workers(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_live_workers);
extern PGDLLEXPORT Datum pgcopy_live_follow(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_live_follow);
extern PGDLLEXPORT Datum pgcopy_is_interrupted(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_is_interrupted);
extern PGDLLEXPORT Datum pgcopy_bar(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_bar);
extern PGDLLEXPORT Datum pgcopy_blocker(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgcopy_blocker);

#define LIVE_COLUMNS 9
#define LIVE_WORKERS_COLUMNS 5
#define LIVE_FOLLOW_COLUMNS 13

#define BAR_BLOCKS 20

/*
 * The segment's handle comes from the catalog, never from an argument, so
 * nobody can attach to other shared memory.
 */
ControlView *
pgcopy_live_peek(int64 job)
{
	uint32		handle;

	if (RecoveryInProgress())
		return NULL;			/* the handle is the primary's */
	if (!pgcopy_job_find_own(job, &handle) || handle == 0)
		return NULL;
	return pgcopy_control_peek(handle, job);
}

static Datum
make_interval_of_seconds(int64 seconds)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = seconds * USECS_PER_SEC;
	return IntervalPGetDatum(interval);
}

Datum
pgcopy_live(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ControlView *view;
	ControlTotals *totals;
	Datum		values[LIVE_COLUMNS] = {0};
	bool		nulls[LIVE_COLUMNS] = {false};

	pgcopy_version_begin_rows(fcinfo, LIVE_COLUMNS);
	view = pgcopy_live_peek(PG_GETARG_INT64(0));
	if (view == NULL)
		return (Datum) 0;

	totals = &view->totals;
	values[0] = Int32GetDatum(view->leader.pid);
	values[1] = Int32GetDatum(totals->percent);
	values[2] = Int32GetDatum(totals->tables_done);
	values[3] = Int32GetDatum(totals->indexes_done);
	values[4] = Int64GetDatum(totals->rows_done);
	values[5] = Int64GetDatum(totals->bytes_done);
	values[6] = Int64GetDatum(totals->bytes_per_second);
	nulls[6] = totals->bytes_per_second < 0;
	values[7] = make_interval_of_seconds(totals->eta_seconds);
	nulls[7] = totals->eta_seconds < 0;
	values[8] = CStringGetTextDatum(totals->message);
	nulls[8] = totals->message[0] == '\0';
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}

/* Add a row of live_workers(); number 0 is the leader. */
static void
put_process(ReturnSetInfo *rsinfo, int number, const ControlViewSlot *slot)
{
	Datum		values[LIVE_WORKERS_COLUMNS] = {0};
	bool		nulls[LIVE_WORKERS_COLUMNS] = {false};

	values[0] = Int32GetDatum(number);
	nulls[0] = number == 0;
	values[1] = Int32GetDatum(slot->pid);
	values[2] = Int32GetDatum(slot->item);
	values[3] = Int64GetDatum(slot->rows);
	values[4] = Int64GetDatum(slot->bytes);
	nulls[2] = nulls[3] = nulls[4] = slot->item == 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
pgcopy_live_workers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ControlView *view;

	pgcopy_version_begin_rows(fcinfo, LIVE_WORKERS_COLUMNS);
	view = pgcopy_live_peek(PG_GETARG_INT64(0));
	if (view == NULL)
		return (Datum) 0;

	put_process(rsinfo, 0, &view->leader);
	for (int i = 0; i < view->nslots; i++)
	{
		if (view->slots[i].pid != 0)
			put_process(rsinfo, i + 1, &view->slots[i]);
	}
	return (Datum) 0;
}

/* The figures of a leader, by the numbers of their columns. */
static void
put_figures(const ControlFollow *figures, Datum *values, bool *nulls)
{
	Interval   *lag = palloc0(sizeof(Interval));

	values[1] = Int32GetDatum(figures->tables);
	values[2] = Int32GetDatum(figures->tables_waiting);
	values[3] = LSNGetDatum(figures->applied_lsn);
	nulls[3] = figures->applied_lsn == InvalidXLogRecPtr;
	values[4] = LSNGetDatum(figures->source_lsn);
	nulls[4] = figures->source_lsn == InvalidXLogRecPtr;
	values[5] = Int64GetDatum(figures->lag_bytes);
	nulls[5] = nulls[4];
	lag->time = figures->lag_ms * 1000;
	values[6] = IntervalPGetDatum(lag);
	nulls[6] = figures->lag_ms < 0;
	values[7] = Int64GetDatum(figures->retained_bytes);
	nulls[7] = nulls[4];
	values[8] = CStringGetTextDatum(figures->wal_status);
	nulls[8] = figures->wal_status[0] == '\0';
	values[9] = make_interval_of_seconds(figures->lost_in_seconds);
	nulls[9] = figures->lost_in_seconds < 0;
	values[10] = Int64GetDatum(figures->errors);
	nulls[10] = figures->errors < 0;
	values[11] = CStringGetTextDatum(figures->last_error);
	nulls[11] = figures->last_error[0] == '\0';
	values[12] = Int32GetDatum(figures->worker_pid);
	nulls[12] = figures->worker_pid == 0;
}

/* What this server knows of a subscription that no leader looks after. */
static void
look_here(Oid subscription, const Applied *applied, ControlFollow *figures)
{
	char	   *error = pgcopy_applied_last_error(subscription);

	memset(figures, 0, sizeof(*figures));
	figures->applied_lsn = Max(applied->ended, applied->committed);
	figures->lag_ms = -1;
	figures->lost_in_seconds = -1;
	figures->tables = applied->tables;
	figures->tables_waiting = applied->waiting;
	figures->worker_pid = applied->pid;
	figures->errors = applied->errors;
	strlcpy(figures->last_error, error ? error : "", sizeof(figures->last_error));
}

Datum
pgcopy_live_follow(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		job = PG_GETARG_INT64(0);
	uint32		handle;
	ControlView *view;
	Follow	   *follow;
	Applied		applied;
	ControlFollow here;
	Datum		values[LIVE_FOLLOW_COLUMNS] = {0};
	bool		nulls[LIVE_FOLLOW_COLUMNS] = {false};

	pgcopy_version_begin_rows(fcinfo, LIVE_FOLLOW_COLUMNS);
	if (RecoveryInProgress() || !pgcopy_job_find_own(job, &handle))
		return (Datum) 0;
	follow = pgcopy_follow_fetch(job);
	if (follow == NULL || !OidIsValid(follow->subscription))
		return (Datum) 0;
	pgcopy_applied_look(follow->subscription, &applied);
	if (!applied.exists)
		return (Datum) 0;
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(follow->name));
	view = pgcopy_live_peek(job);
	if (view != NULL && view->follow.is_valid)
		put_figures(&view->follow, values, nulls);
	else
	{
		look_here(follow->subscription, &applied, &here);
		put_figures(&here, values, nulls);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}

/*
 * Is the job interrupted?  A view cannot tell: its snapshot may predate the end
 * of the job.
 */
Datum
pgcopy_is_interrupted(PG_FUNCTION_ARGS)
{
	int64		job = PG_GETARG_INT64(0);
	uint32		handle;

	if (!pgcopy_job_find_own(job, &handle))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(pgcopy_job_is_interrupted(job));
}

/*
 * Can the client show block characters?  If its encoding lacks one, the whole
 * row would fail.
 */
static bool
can_show_blocks(void)
{
	return GetDatabaseEncoding() == PG_UTF8 &&
		(pg_get_client_encoding() == PG_UTF8 ||
		 pg_get_client_encoding() == PG_SQL_ASCII);
}

/* Draw a progress bar in half blocks. */
Datum
pgcopy_bar(PG_FUNCTION_ARGS)
{
	int			percent = Min(Max(PG_GETARG_INT32(0), 0), 100);
	bool		is_utf8 = can_show_blocks();
	int			halves = percent * BAR_BLOCKS * 2 / 100;
	StringInfoData bar;

	initStringInfo(&bar);
	for (int i = 0; i < BAR_BLOCKS; i++)
	{
		if (halves >= 2 * (i + 1))
			appendStringInfoString(&bar, is_utf8 ? "\xe2\x96\x88" : "#");
		else if (halves == 2 * i + 1)
			appendStringInfoString(&bar, is_utf8 ? "\xe2\x96\x8c" : "=");
		else
			appendStringInfoString(&bar, is_utf8 ? "\xe2\x96\x91" : ".");
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(bar.data, bar.len));
}

/*
 * Run a query with one parameter.  Returns the text in its first column, in the
 * current memory context; NULL for NULL or no row.
 */
static char *
fetch_text(const char *sql, Oid type, Datum value)
{
	MemoryContext caller = CurrentMemoryContext;
	int			nest_level = NewGUCNestLevel();
	char	   *text = NULL;
	char	   *result = NULL;

	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(sql, 1, &type, &value, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not ask who is in the way");
	if (SPI_processed > 0)
		text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (text != NULL)
		result = MemoryContextStrdup(caller, text);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(true, nest_level);
	return result;
}

char *
pgcopy_live_hold_up(int64 job)
{
	return fetch_text("SELECT pgcopy.hold_up($1)", INT8OID, Int64GetDatum(job));
}

Datum
pgcopy_blocker(PG_FUNCTION_ARGS)
{
	char	   *blocker = fetch_text(BLOCKER_SQL, INT4OID, PG_GETARG_DATUM(0));

	if (blocker == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(blocker));
}
