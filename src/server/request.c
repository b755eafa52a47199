/*-------------------------------------------------------------------------
 *
 * request.c
 *	  What the caller of pgcopy_clone_server() hands to the coordinator.
 *
 * The coordinator writes the order in a transaction of its own: databases that
 * it creates cannot be taken back if the caller rolls back, so the record of
 * them must not be either.  The order goes through a segment of shared memory,
 * because it has a password.  If the caller is interrupted while it waits, the
 * clone is cancelled.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/resowner.h"

#include "server/request.h"

#define REQUEST_MAGIC 0x70677271
#define REQUEST_TRANCHE LWTRANCHE_PARALLEL_QUERY_DSA
#define REQUEST_TEXT 1024
#define LONGEST_LOOK 100		/* ms */

struct ServerRequest
{
	uint32		magic;
	LWLock		lock;			/* of the next ones, written by the coordinator */
	int64		clone;			/* in: 0 or to go on with; out */
	bool		is_finished;
	bool		is_refused;
	int			sqlerrcode;
	char		message[REQUEST_TEXT];
	char		hint[REQUEST_TEXT];

	/* written by the caller before the coordinator starts */
	ResumeChoice choice;
	bool		properties_of_new;
	Size		conninfo;		/* offsets of texts; 0: none */
	Size		source;
	Size		options;
	Size		databases;
};

static Size
text_size(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

/* Append a text; returns its offset. */
static Size
put_text(ServerRequest *request, Size *end, const char *text)
{
	Size		offset = *end;

	if (text == NULL)
		return 0;
	strcpy((char *) request + offset, text);
	*end += text_size(text);
	return offset;
}

static ServerRequest *
create_request(const ServerOrder *order, dsm_segment **segment)
{
	Size		end = sizeof(ServerRequest);
	Size		size = end + text_size(order->conninfo) + text_size(order->source) +
		text_size(order->options) + text_size(order->databases);
	ServerRequest *request;

	*segment = dsm_create(size, 0);
	request = dsm_segment_address(*segment);
	memset(request, 0, sizeof(ServerRequest));
	LWLockInitialize(&request->lock, REQUEST_TRANCHE);
	request->clone = order->clone;
	request->choice = order->choice;
	request->properties_of_new = order->properties_of_new;
	request->conninfo = put_text(request, &end, order->conninfo);
	request->source = put_text(request, &end, order->source);
	request->options = put_text(request, &end, order->options);
	request->databases = put_text(request, &end, order->databases);
	request->magic = REQUEST_MAGIC;
	return request;
}

static void
throw_refused(const ServerRequest *request)
{
	ereport(ERROR,
			(errcode(request->sqlerrcode),
			 errmsg("%s", request->message),
			 request->hint[0] != '\0' ? errhint("%s", request->hint) : 0));
}

/* Has the coordinator finished?  Throws if it has refused. */
static bool
is_finished(ServerRequest *request)
{
	ServerRequest copy;

	LWLockAcquire(&request->lock, LW_SHARED);
	copy = *request;
	LWLockRelease(&request->lock);
	if (copy.is_refused)
		throw_refused(&copy);
	return copy.is_finished;
}

/* Wait until the coordinator has finished, or throw. */
static void
await_coordinator(ServerRequest *request, BackgroundWorkerHandle *handle)
{
	long		pause = 5;
	pid_t		pid;

	for (;;)
	{
		bool		has_stopped = GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED;

		if (is_finished(request))
			return;
		if (has_stopped)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("the coordinator of the server clone exited before it had ordered all jobs"),
					 errhint("See the server log for the reason, then SELECT * FROM pgcopy_resume_server().")));
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 pause, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		pause = Min(pause * 2, LONGEST_LOOK);
	}
}

/* The caller is interrupted, or ends: what it has ordered must not go on unseen. */
static void
cancel_coordinator(int code, Datum arg)
{
	BackgroundWorkerHandle *handle = (BackgroundWorkerHandle *) DatumGetPointer(arg);
	pid_t		pid;

	if (GetBackgroundWorkerPid(handle, &pid) != BGWH_STARTED)
		TerminateBackgroundWorker(handle);
	else if (kill(pid, SIGINT) != 0 && errno != ESRCH)
		ereport(LOG,
				(errmsg("could not signal process %d: %m", (int) pid)));
}

int64
pgcopy_request_run(const ServerOrder *order)
{
	dsm_segment *segment;
	ServerRequest *request = create_request(order, &segment);
	BackgroundWorkerHandle *handle;
	int64		clone;
	ProcessArgs args = {
		.database = MyDatabaseId,
		.owner = GetUserId(),
		.control = dsm_segment_handle(segment)
	};

	if (!pgcopy_process_start_coordinator(&args, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("cannot start the coordinator of the server clone: no background worker slot is free"),
				 errhint("Raise max_worker_processes (now %d), or try again when other workers have ended.",
						 max_worker_processes)));
	PG_ENSURE_ERROR_CLEANUP(cancel_coordinator, PointerGetDatum(handle));
	{
		await_coordinator(request, handle);
	}
	PG_END_ENSURE_ERROR_CLEANUP(cancel_coordinator, PointerGetDatum(handle));
	clone = request->clone;
	dsm_detach(segment);
	return clone;
}

static const char *
get_text(const ServerRequest *request, Size offset)
{
	return offset == 0 ? NULL : pstrdup((const char *) request + offset);
}

ServerRequest *
pgcopy_request_attach(uint32 handle, ServerOrder *order)
{
	dsm_segment *segment = dsm_attach(handle);
	ServerRequest *request;

	if (segment == NULL)
		return NULL;
	request = dsm_segment_address(segment);
	if (dsm_segment_map_length(segment) < sizeof(ServerRequest) ||
		request->magic != REQUEST_MAGIC)
		return NULL;
	dsm_pin_mapping(segment);
	order->clone = request->clone;
	order->choice = request->choice;
	order->properties_of_new = request->properties_of_new;
	order->conninfo = get_text(request, request->conninfo);
	order->source = get_text(request, request->source);
	order->options = get_text(request, request->options);
	order->databases = get_text(request, request->databases);
	return request;
}

void
pgcopy_request_accept(ServerRequest *request, int64 clone)
{
	LWLockAcquire(&request->lock, LW_EXCLUSIVE);
	request->clone = clone;
	LWLockRelease(&request->lock);
}

void
pgcopy_request_finish(ServerRequest *request)
{
	LWLockAcquire(&request->lock, LW_EXCLUSIVE);
	request->is_finished = true;
	LWLockRelease(&request->lock);
}

static void
copy_text(char *to, const char *text)
{
	int			length = text == NULL ? 0 : strlen(text);

	if (length >= REQUEST_TEXT)
		length = pg_mbcliplen(text, length, REQUEST_TEXT - 1);
	if (length > 0)
		memcpy(to, text, length);
	to[length] = '\0';
}

void
pgcopy_request_refuse(ServerRequest *request, const ErrorData *error)
{
	LWLockAcquire(&request->lock, LW_EXCLUSIVE);
	request->sqlerrcode = error->sqlerrcode;
	copy_text(request->message, error->message);
	copy_text(request->hint, error->hint);
	request->is_refused = true;
	LWLockRelease(&request->lock);
}
