/*-------------------------------------------------------------------------
 *
 * advise.c
 *	  Advise on settings of this server that slow a job down.
 *
 * Advise only what pays for this job: a database that fits into max_wal_size
 * gains nothing from a larger one.  Sizes come from the plan, so the user
 * learns before the first row is read, and can still cancel, change the
 * setting and resume.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "postmaster/bgwriter.h"
#include "replication/logicallauncher.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "catalog/notice.h"
#include "run/leader.h"
#include "run/work.h"

#define KB INT64CONST(1024)
#define MB (1024 * KB)
#define GB (1024 * MB)

/* Count an item as large from this cost on, in bytes. */
#define LARGE_ITEM MB

/* Fewer checkpoints than this do no harm. */
#define FEW_CHECKPOINTS 8

/* Never advise a larger max_wal_size. */
#define LARGEST_MAX_WAL_SIZE (64 * GB)

/* The work that is left. */
typedef struct Workload
{
	int64		logged_bytes;	/* of tables that write WAL */
	int64		unsplit_bytes;	/* of tables worth a TRUNCATE */
	int64		indexed_bytes;	/* read and sorted, by all builds */
	int64		largest_need;	/* kB, of one build */
	int			large_copies;
	int			large_builds;
} Workload;

static void
add_item(Workload *load, const QueueItem *item)
{
	int64		need = pgcopy_queue_memory_need(item);

	if (item->kind == ITEM_TABLE)
	{
		load->large_copies += item->cost >= LARGE_ITEM;
		if (XLogIsNeeded() || item->is_chunk)
			load->logged_bytes += item->bytes_total;
		if (!item->is_chunk && item->bytes_total >= WORK_TRUNCATE_PAYS_FROM)
			load->unsplit_bytes += item->bytes_total;
	}
	if (item->kind == ITEM_INDEX)
	{
		load->large_builds += item->cost >= LARGE_ITEM;
		load->indexed_bytes += item->cost * 2;
		load->largest_need = Max(load->largest_need, need);
	}
}

static Workload
measure(Leader *leader)
{
	Workload	load = {0};

	for (int no = 1; no <= pgcopy_queue_size(leader->queue); no++)
	{
		QueueItem  *item = pgcopy_queue_item(leader->queue, no);

		if (item->state != ITEM_DONE)
			add_item(&load, item);
	}
	return load;
}

static char *
format_bytes(int64 bytes)
{
	return text_to_cstring(DatumGetTextPP(DirectFunctionCall1(pg_size_pretty,
															  Int64GetDatum(bytes))));
}

/* Format the next power of two as a setting: "4GB", "512MB". */
static char *
format_setting(int64 bytes)
{
	int64		value = MB;

	while (value < bytes)
		value *= 2;
	return value >= GB ? psprintf(INT64_FORMAT "GB", value / GB) :
		psprintf(INT64_FORMAT "MB", value / MB);
}

/*
 * The statement that changes a setting.  One of ours is known to the server only
 * where this library is loaded, so ALTER SYSTEM would refuse it in a new session.
 */
static const char *
make_statement(const char *setting, const char *suggestion)
{
	if (strncmp(setting, "pgcopy.", strlen("pgcopy.")) == 0)
		return psprintf("ALTER DATABASE %s SET %s = '%s'",
						quote_identifier(get_database_name(MyDatabaseId)),
						setting, suggestion);
	return psprintf("ALTER SYSTEM SET %s = '%s'", setting, suggestion);
}

static void
tell(Leader *leader, const char *setting, const char *suggestion,
	 const char *message)
{
	SettingNotice notice = {
		.setting = setting,
		.suggestion = suggestion,
		.message = message,
		.hint = make_statement(setting, suggestion)
	};

	pgcopy_notice_insert(leader->job->id, &notice);
	ereport(LOG,
			(errmsg("pgcopy job " INT64_FORMAT ": %s", leader->job->id, message),
			 errhint("Set \"%s\" to '%s'.", setting, suggestion)));
}

/* A checkpoint starts after max_wal_size / (1 + target). */
static void
advise_max_wal_size(Leader *leader, const Workload *load)
{
	int64		max_wal_size = max_wal_size_mb * MB;
	int64		distance = max_wal_size / (1 + CheckPointCompletionTarget);
	int64		wanted = Min(load->logged_bytes / 2, LARGEST_MAX_WAL_SIZE);

	if (load->logged_bytes / distance < FEW_CHECKPOINTS || wanted < 2 * max_wal_size)
		return;
	tell(leader, "max_wal_size", format_setting(wanted),
		 psprintf("tables of %s write at least as much WAL, with a checkpoint every %s; a larger max_wal_size needs as much room on disk, and no restart",
				  format_bytes(load->logged_bytes), format_bytes(distance)));
}

/* Advise minimal WAL if nobody reads it. */
static void
advise_wal_level(Leader *leader, const Workload *load)
{
	if (!XLogIsNeeded() || XLogArchivingActive() ||
		load->unsplit_bytes < max_wal_size_mb * MB || pgcopy_notice_is_wal_read())
		return;
	tell(leader, "wal_level", "minimal",
		 psprintf("tables of %s would write no WAL, and indexes neither, where no standby, slot or archive needs it; wal_level = minimal needs max_wal_senders = 0 and a restart, and a new base backup afterwards",
				  format_bytes(load->unsplit_bytes)));
}

static void
advise_wal_compression(Leader *leader, const Workload *load)
{
	if (!XLogIsNeeded() || load->indexed_bytes / 4 < max_wal_size_mb * MB)
		return;
	if (pgcopy_wal_compression_is_slow())
		tell(leader, "wal_compression", PGCOPY_FAST_WAL_COMPRESSION,
			 "index builds write whole pages to the WAL, and pglz can take longer to compress them than they take to build");
}

/* Advise more memory only if the largest sort is far from fitting. */
static void
advise_memory(Leader *leader, const Workload *load)
{
	int64		budget = pgcopy_share_budget() * KB;
	int64		machine = (int64) sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	int64		sorted_bytes = load->largest_need * KB;
	int64		wanted = Min(sorted_bytes, machine / 8);

	if (sorted_bytes / 4 < budget || wanted < 2 * budget)
		return;
	tell(leader, "pgcopy.maintenance_work_mem", format_setting(wanted),
		 psprintf("all index builds together may use %s, but one of them sorts %s: they will sort on disk",
				  format_bytes(budget), format_bytes(sorted_bytes)));
}

static void
advise_worker_slots(Leader *leader, const Workload *load)
{
	int			wanted = 1 + Min(leader->job->options.table_jobs, load->large_copies) +
		Min(leader->job->options.index_jobs, load->large_builds);
	int			others = max_logical_replication_workers > 0 ? 1 : 0;

	if (max_worker_processes >= wanted + others)
		return;
	tell(leader, "max_worker_processes", psprintf("%d", wanted + others + 8),
		 psprintf("the job has work for %d processes at a time, with table_jobs = %d and index_jobs = %d; parallel queries and replication need some too; a change needs a restart",
				  wanted, leader->job->options.table_jobs, leader->job->options.index_jobs));
}

void
pgcopy_advise_run(Leader *leader)
{
	Workload	load = measure(leader);

	Assert(IsTransactionState());
	pgcopy_notice_clear(leader->job->id);
	advise_max_wal_size(leader, &load);
	advise_wal_level(leader, &load);
	advise_wal_compression(leader, &load);
	advise_memory(leader, &load);
	advise_worker_slots(leader, &load);
}
