/*-------------------------------------------------------------------------
 *
 * notice.h
 *	  pgcopy.notice: what people should know of a job that is no error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_NOTICE_H
#define PGCOPY_NOTICE_H

/* A setting of this server that makes a job slow. */
typedef struct SettingNotice
{
	const char *setting;
	const char *suggestion;
	const char *message;
} SettingNotice;

/* Forget those about settings, which are looked at anew by each attempt. */
extern void pgcopy_notice_clear(int64 job);

/* Note a setting, with its value as it is now. */
extern void pgcopy_notice_insert(int64 job, const SettingNotice *notice);

/*
 * Tell something else, in the current transaction: as a row, and in the server
 * log.  object and hint may be NULL.  What is there already is not told again.
 */
extern void pgcopy_notice_tell(int64 job, const char *object,
							   const char *message, const char *hint);

/* Whether a replication slot or a standby needs this server's WAL. */
extern bool pgcopy_notice_is_wal_read(void);

#endif							/* PGCOPY_NOTICE_H */
