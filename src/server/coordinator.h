/*-------------------------------------------------------------------------
 *
 * coordinator.h
 *	  The coordinator of a server clone, and what its files offer each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_COORDINATOR_H
#define PGCOPY_COORDINATOR_H

#include "catalog/server.h"
#include "run/server_area.h"
#include "server/request.h"

/* A database, as the coordinator sees it. */
typedef struct Charge
{
	ServerDatabase *database;
	int			seat;
	Oid			oid;			/* of the database here */
	BackgroundWorkerHandle *leader; /* NULL: none of ours */
	bool		has_stranger;	/* a leader that somebody else has started */
	TimestampTz look_at;		/* then: when to look again */
} Charge;

typedef struct Coordinator
{
	ServerClone *clone;
	ServerRequest *request;		/* NULL once its caller has been answered */
	ResumeChoice choice;
	ServerArea *area;
	uint32		handle;			/* of the area */
	int			ncharges;
	Charge	   *charges;
	Charge	   *scout;			/* its job creates the roles; NULL: none does */
	JobOptions	options;
	TimestampTz start_at;		/* no process slot was free: try again then */
	bool		lacks_slots;	/* the last process could not be sent for a while */
} Coordinator;

/*
 * dispatch.c: see that each database is there and has a job that is queued, or note
 * why not.
 */
extern void pgcopy_dispatch_order(Coordinator *coordinator);

/* Run the jobs, as many at a time as there are process slots. */
extern void pgcopy_dispatch_run(Coordinator *coordinator);

/* Cancel all that runs or waits, and note it. */
extern void pgcopy_dispatch_cancel(Coordinator *coordinator);

/* Note the state of a database, with the report of its seat and a message. */
extern void pgcopy_charge_note(Coordinator *coordinator, Charge *charge, const char *state,
							   const ServerReport *report);
extern void pgcopy_charge_note_error(Coordinator *coordinator, Charge *charge,
									 const char *message);

/* Is it in this state? */
extern bool pgcopy_charge_is(const Charge *charge, const char *state);

/* Send a process on an errand; returns false if no process slot is free. */
extern bool pgcopy_charge_visit(Coordinator *coordinator, Charge *charge,
								ServerErrand errand, ServerReport *report);

extern PGDLLEXPORT void pgcopy_coordinator_main(Datum arg);

#endif							/* PGCOPY_COORDINATOR_H */
