/*-------------------------------------------------------------------------
 *
 * request.h
 *	  What the caller of pgcopy_clone_server() hands to the coordinator.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_REQUEST_H
#define PGCOPY_REQUEST_H

#include "run/process.h"
#include "storage/dsm.h"
#include "storage/lwlock.h"

/* A new order, or the number of one to go on with. */
typedef struct ServerOrder
{
	int64		clone;			/* 0: new */
	ResumeChoice choice;
	const char *conninfo;		/* without a database; secret.  NULL unless new, as
								 * the next three */
	const char *source;			/* printable */
	const char *options;		/* JSON */
	const char *databases;		/* for pgcopy_server_insert() */
	bool		properties_of_new;
} ServerOrder;

typedef struct ServerRequest ServerRequest;

/*
 * Caller: start a coordinator and wait until it has seen to all databases: each
 * has a job, or an error.  Interruptible; the coordinator goes on then.  Returns
 * the number of the server clone; throws what the coordinator threw.
 */
extern int64 pgcopy_request_run(const ServerOrder *order);

/* Coordinator: map the request; NULL if it is gone. */
extern ServerRequest *pgcopy_request_attach(uint32 handle, ServerOrder *order);

/* Coordinator: tell the caller.  The request is not used after the last two. */
extern void pgcopy_request_accept(ServerRequest *request, int64 clone);
extern void pgcopy_request_finish(ServerRequest *request);
extern void pgcopy_request_refuse(ServerRequest *request, const ErrorData *error);

#endif							/* PGCOPY_REQUEST_H */
