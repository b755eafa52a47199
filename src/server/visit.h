/*-------------------------------------------------------------------------
 *
 * visit.h
 *	  Errands in other databases of this server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_VISIT_H
#define PGCOPY_VISIT_H

#include "run/server_area.h"

/* A visit to make.  The area is the coordinator's, of handle "server". */
typedef struct Visit
{
	ServerArea *area;
	uint32		server;
	int			seat;
	Oid			database;
	Oid			owner;
} Visit;

/*
 * Coordinator: send a process to the database for the errand of its seat, and
 * wait for its end.  Returns false if no process slot is free.  The report of
 * the seat has what it found, with a message if it failed.  Interruptible,
 * outside a transaction.
 */
extern bool pgcopy_visit_make(const Visit *visit);

/* Read the options of the jobs, as the order has them. */
extern void pgcopy_visit_read_options(const char *json, JobOptions *options);

extern PGDLLEXPORT void pgcopy_visit_main(Datum arg);

#endif							/* PGCOPY_VISIT_H */
