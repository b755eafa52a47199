/*-------------------------------------------------------------------------
 *
 * notice.h
 *	  pgcopy.notice: what users should know about a job besides errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_NOTICE_H
#define PGCOPY_NOTICE_H

#include "nodes/pg_list.h"

/* A setting of this server that makes a job slow. */
typedef struct SettingNotice
{
	const char *setting;
	const char *suggestion;
	const char *message;
	const char *hint;			/* the statement that sets it */
} SettingNotice;

/* Delete the notices about settings; each attempt checks them again. */
extern void pgcopy_notice_clear(int64 job);

/* Insert a notice about a setting, with its current value. */
extern void pgcopy_notice_insert(int64 job, const SettingNotice *notice);

/*
 * Insert any other notice and write it to the server log, unless the job has it
 * already.  object and hint may be NULL.
 */
extern void pgcopy_notice_tell(int64 job, const char *object,
							   const char *message, const char *hint);

/* Whether a replication slot or a standby needs this server's WAL. */
extern bool pgcopy_notice_is_wal_read(void);

/*
 * Read the properties of this database: a List of DatabaseProperty
 * (base/properties.h) in the current memory context.
 */
extern List *pgcopy_notice_properties(void);

#endif							/* PGCOPY_NOTICE_H */
