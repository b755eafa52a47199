/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The pgcopy.* settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SETTINGS_H
#define PGCOPY_SETTINGS_H

/* pgcopy.index_builds: who builds indexes; index/index_build.h */
typedef enum IndexBuilds
{
	INDEX_BUILDS_FAST,
	INDEX_BUILDS_SERVER
} IndexBuilds;

extern char *pgcopy_setting_pg_dump;	/* path; "": in the server's bin directory */
extern int	pgcopy_setting_max_attempts;	/* of one item */
extern bool pgcopy_setting_allow_unsupported_newer_source;
extern int	pgcopy_setting_source_retry_timeout;	/* s; 0: do not wait */
extern bool pgcopy_setting_auto_resume;
extern bool pgcopy_setting_split_by_ctid;	/* where the source can (14) */
extern int	pgcopy_setting_maintenance_work_mem;	/* kB, for all builds of a job;
													 * 0: the server's */
extern int	pgcopy_setting_index_builds;	/* an IndexBuilds */
extern int	pgcopy_setting_max_definitions_size;	/* MB; 0: from this machine's
													 * memory */

/* Define them; called once, from _PG_init(). */
extern void pgcopy_settings_define(void);

#endif							/* PGCOPY_SETTINGS_H */
