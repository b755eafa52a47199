/*-------------------------------------------------------------------------
 *
 * version.h
 *	  The version of the extension: of its library, its SQL objects, its jobs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_VERSION_H
#define PGCOPY_VERSION_H

#include "fmgr.h"

/* Of this library; default_version in pgcopydb_ext.control is the same. */
#define PGCOPY_VERSION "0.2"

/*
 * Throw 55000 unless the SQL objects of this database are of the library's version;
 * the hint says which of both is to be brought up.
 */
extern void pgcopy_version_check(void);

/*
 * The same, and throw 55000 unless the job was ordered with this version; the hint says
 * what to do with it.
 */
extern void pgcopy_version_check_job(int64 id);

/* Lock the tables of jobs and server clones, so that nobody orders or reads one. */
extern void pgcopy_version_lock_jobs(void);

/*
 * pgcopy_init_materialized_srf() for a function that returns so many columns.  Throws
 * if its SQL declaration has another number: it is of another version.
 */
extern void pgcopy_version_begin_rows(FunctionCallInfo fcinfo, int columns);

#endif							/* PGCOPY_VERSION_H */
