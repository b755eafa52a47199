/*-------------------------------------------------------------------------
 *
 * server_area.c
 *	  Shared memory of a server clone: its coordinator, the leaders of its jobs,
 *	  and viewers.
 *
 * One dynamic segment per running server clone, with a seat for each database.
 * Processes of several databases map it: it is how they hear of each other,
 * since nobody can read the tables of another database.  It is a cache.  What
 * must survive is in pgcopy.server_database where the clone was ordered, and in
 * pgcopy.job of each database.
 *
 * The segment outlives its coordinator as long as leaders are attached, who go
 * on without one.  Views find its handle in pgcopy.server_clone; a stale one may
 * belong to another segment, so the magic and the number are checked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/shmem.h"

#include "run/server_area.h"

#define SERVER_AREA_MAGIC 0x70677376

/* It only names waits; see control.c. */
#define SERVER_AREA_TRANCHE LWTRANCHE_PARALLEL_QUERY_DSA

/* The area and the seat of this process. */
static ServerArea *joined_area = NULL;
static ServerSeat *taken_seat = NULL;

static Size
seats_size(int nseats)
{
	return add_size(offsetof(ServerArea, seats),
					mul_size(sizeof(ServerSeat), nseats));
}

/* Append a text to the segment; returns its offset. */
static Size
put_text(ServerArea *area, Size *end, const char *text)
{
	Size		offset = *end;

	strcpy((char *) area + offset, text);
	*end += strlen(text) + 1;
	return offset;
}

ServerArea *
pgcopy_server_area_create(int64 clone, int nseats, const ServerTexts *texts,
						  uint32 *handle)
{
	Size		end = seats_size(nseats);
	Size		size = end + strlen(texts->conninfo) + strlen(texts->options) +
		strlen(texts->schema) + 3;
	dsm_segment *segment = dsm_create(size, 0);
	ServerArea *area = dsm_segment_address(segment);

	dsm_pin_mapping(segment);
	memset(area, 0, size);
	LWLockInitialize(&area->lock, SERVER_AREA_TRANCHE);
	area->clone = clone;
	area->database = MyDatabaseId;
	area->nseats = nseats;
	area->conninfo = put_text(area, &end, texts->conninfo);
	area->options = put_text(area, &end, texts->options);
	area->schema = put_text(area, &end, texts->schema);
	for (int i = 0; i < nseats; i++)
		pg_atomic_init_u32(&area->seats[i].limit, 0);
	pg_write_barrier();
	area->magic = SERVER_AREA_MAGIC;
	*handle = dsm_segment_handle(segment);
	return area;
}

/* Is the mapped segment the area of this server clone? */
static bool
is_area_of(dsm_segment *segment, int64 clone)
{
	ServerArea *area = dsm_segment_address(segment);
	Size		length = dsm_segment_map_length(segment);

	return length >= offsetof(ServerArea, seats) &&
		area->magic == SERVER_AREA_MAGIC &&
		area->clone == clone &&
		length >= seats_size(area->nseats);
}

ServerArea *
pgcopy_server_area_join(const ProcessArgs *args)
{
	dsm_segment *segment;

	if (args->server == 0 || (segment = dsm_attach(args->server)) == NULL)
		return NULL;
	if (!is_area_of(segment, args->server_clone))
	{
		dsm_detach(segment);
		return NULL;
	}
	dsm_pin_mapping(segment);
	joined_area = dsm_segment_address(segment);
	Assert(args->seat >= 0 && args->seat < joined_area->nseats);
	taken_seat = &joined_area->seats[args->seat];
	return joined_area;
}

void
pgcopy_server_area_tell_control(uint32 control)
{
	if (taken_seat == NULL)
		return;
	LWLockAcquire(&joined_area->lock, LW_EXCLUSIVE);
	taken_seat->report.control = control;
	LWLockRelease(&joined_area->lock);
}

void
pgcopy_server_area_tell_state(JobState state)
{
	if (taken_seat == NULL)
		return;
	LWLockAcquire(&joined_area->lock, LW_EXCLUSIVE);
	taken_seat->report.state = state;
	LWLockRelease(&joined_area->lock);
}

void
pgcopy_server_area_tell_totals(const JobTotals *totals)
{
	if (taken_seat == NULL)
		return;
	LWLockAcquire(&joined_area->lock, LW_EXCLUSIVE);
	taken_seat->report.totals = *totals;
	LWLockRelease(&joined_area->lock);
}

void
pgcopy_server_area_tell_error(const ErrorData *error)
{
	int			length = strlen(error->message);

	if (taken_seat == NULL)
		return;
	if (length >= SERVER_MESSAGE_LENGTH)
		length = pg_mbcliplen(error->message, length, SERVER_MESSAGE_LENGTH - 1);
	LWLockAcquire(&joined_area->lock, LW_EXCLUSIVE);
	memcpy(taken_seat->report.message, error->message, length);
	taken_seat->report.message[length] = '\0';
	LWLockRelease(&joined_area->lock);
}

void
pgcopy_server_area_tell(const ServerReport *report)
{
	if (taken_seat == NULL)
		return;
	LWLockAcquire(&joined_area->lock, LW_EXCLUSIVE);
	taken_seat->report = *report;
	LWLockRelease(&joined_area->lock);
}

int
pgcopy_server_area_limit(void)
{
	return taken_seat == NULL ? -1 : (int) pg_atomic_read_u32(&taken_seat->limit);
}

void
pgcopy_server_area_read(ServerArea *area, int seat, ServerReport *report)
{
	LWLockAcquire(&area->lock, LW_SHARED);
	*report = area->seats[seat].report;
	LWLockRelease(&area->lock);
}

void
pgcopy_server_area_clear(ServerArea *area, int seat, int64 job)
{
	LWLockAcquire(&area->lock, LW_EXCLUSIVE);
	memset(&area->seats[seat].report, 0, sizeof(ServerReport));
	area->seats[seat].report.job = job;
	LWLockRelease(&area->lock);
}

bool
pgcopy_server_area_peek(uint32 handle, int64 clone, int seat, ServerReport *report)
{
	dsm_segment *segment;
	bool		is_found;

	if (dsm_find_mapping(handle) != NULL)
		return false;			/* the caller is a process of the clone */
	segment = dsm_attach(handle);
	if (segment == NULL)
		return false;
	is_found = is_area_of(segment, clone) &&
		seat >= 0 && seat < ((ServerArea *) dsm_segment_address(segment))->nseats;
	if (is_found)
		pgcopy_server_area_read(dsm_segment_address(segment), seat, report);
	dsm_detach(segment);
	return is_found;
}
