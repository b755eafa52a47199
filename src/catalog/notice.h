/*-------------------------------------------------------------------------
 *
 * notice.h
 *	  pgcopy.notice: what a setting of this server costs a job.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_NOTICE_H
#define PGCOPY_NOTICE_H

typedef struct JobNotice
{
	const char *setting;
	const char *suggestion;
	const char *message;
} JobNotice;

/* Forget those of an attempt before. */
extern void pgcopy_notice_clear(int64 job);

/* The setting's value is noted as it is now. */
extern void pgcopy_notice_insert(int64 job, const JobNotice *notice);

/* Whether a replication slot or a standby needs this server's WAL. */
extern bool pgcopy_notice_is_wal_read(void);

#endif							/* PGCOPY_NOTICE_H */
