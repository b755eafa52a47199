/*-------------------------------------------------------------------------
 *
 * server_area.h
 *	  Shared memory of a server clone: its coordinator, the leaders of its jobs,
 *	  and viewers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SERVER_AREA_H
#define PGCOPY_SERVER_AREA_H

#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/lwlock.h"

#include "catalog/job.h"
#include "run/process.h"

#define SERVER_MESSAGE_LENGTH 1024

/* What a visitor is to do, see server/visit.c. */
typedef enum ServerErrand
{
	ERRAND_ORDER,				/* see that there is a job, and queue it if it has stopped */
	ERRAND_LOOK,				/* see how the job is */
	ERRAND_CANCEL				/* cancel the job if it has no leader */
} ServerErrand;

/* What visitors and leaders tell about a database. */
typedef struct ServerReport
{
	int64		job;			/* 0: there is none */
	JobState	state;
	bool		is_interrupted;
	bool		is_led;			/* has a leader, which may belong to nobody here */
	uint32		control;		/* the leader's segment, 0 if there is none */
	JobTotals	totals;
	char		message[SERVER_MESSAGE_LENGTH]; /* the error, or "" */
} ServerReport;

/* A database of a server clone. */
typedef struct ServerSeat
{
	/* written by the coordinator before it starts a process for the seat */
	NameData	name;
	ServerErrand errand;
	ResumeChoice choice;
	bool		is_new;			/* this server clone has created the database */
	bool		with_roles;		/* its job creates the roles of the server */

	/* the most workers of its leader; written by the coordinator */
	pg_atomic_uint32 limit;

	/* under the lock; written by visitors and the leader */
	ServerReport report;
} ServerSeat;

typedef struct ServerArea
{
	uint32		magic;
	int64		clone;			/* pgcopy.server_clone */
	Oid			database;		/* where that is */
	TimestampTz created;		/* when it was ordered */
	LWLock		lock;
	int			nseats;

	/*
	 * Texts behind the seats, for visitors: the source without a database
	 * (secret), the options of the jobs as JSON, the schema of the extension.
	 */
	Size		conninfo;
	Size		options;
	Size		schema;
	bool		properties_of_new;	/* database_properties for new databases */

	ServerSeat	seats[FLEXIBLE_ARRAY_MEMBER];
} ServerArea;

/* The texts of an area about to be made. */
typedef struct ServerTexts
{
	const char *conninfo;
	const char *options;
	const char *schema;
} ServerTexts;

/* Coordinator: create the segment, mapped for the life of the process. */
extern ServerArea *pgcopy_server_area_create(int64 clone, int nseats,
											 const ServerTexts *texts,
											 uint32 *handle);

/*
 * Visitor or leader: take the seat that the arguments name, if any, for the life
 * of the process.  Returns the area, NULL if there is none or it is gone.  The
 * functions below do nothing in a process without a seat.
 */
extern ServerArea *pgcopy_server_area_join(const ProcessArgs *args);

/* Tell what has become of the job; the message may be NULL. */
extern void pgcopy_server_area_tell_control(uint32 control);
extern void pgcopy_server_area_tell_state(JobState state);
extern void pgcopy_server_area_tell_totals(const JobTotals *totals);
extern void pgcopy_server_area_tell_error(const ErrorData *error);

/* Visitor: tell all at once. */
extern void pgcopy_server_area_tell(const ServerReport *report);

/* The most workers that the leader may have; -1: no limit. */
extern int	pgcopy_server_area_limit(void);

/* Coordinator: copy the report of a seat; or empty it, but for the job. */
extern void pgcopy_server_area_read(ServerArea *area, int seat, ServerReport *report);
extern void pgcopy_server_area_clear(ServerArea *area, int seat, int64 job);

/* Viewer: copy the report of a seat.  Returns false if the segment is gone. */
extern bool pgcopy_server_area_peek(uint32 handle, int64 clone, int seat,
									ServerReport *report);

/* A text of the area. */
#define SERVER_AREA_TEXT(area, member) ((const char *) (area) + (area)->member)

#endif							/* PGCOPY_SERVER_AREA_H */
