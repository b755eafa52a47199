/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The pgcopy.* settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SETTINGS_H
#define PGCOPY_SETTINGS_H

extern char *pgcopy_setting_pg_dump;	/* path of pg_dump, "" = the server's own
										 * bin directory; superuser only */
extern int	pgcopy_setting_max_attempts;	/* of one item */
extern int	pgcopy_setting_source_retry_timeout;	/* seconds; 0: do not wait */
extern bool pgcopy_setting_auto_resume;
extern bool pgcopy_setting_split_by_ctid;	/* where the source can */
extern int	pgcopy_setting_maintenance_work_mem;	/* kB, of all builds of a job
													 * together; 0: the server's */

extern int	pgcopy_setting_max_definitions_size;	/* MB; 0: by this machine's
													 * memory */

extern void pgcopy_settings_define(void);	/* from _PG_init */

#endif							/* PGCOPY_SETTINGS_H */
