/*-------------------------------------------------------------------------
 *
 * module.c
 *	  Initialize the library when the server loads it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/settings.h"
#include "replica/applied.h"
#include "run/process.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	pgcopy_settings_define();
	if (!process_shared_preload_libraries_in_progress)
		return;
	pgcopy_process_register_launcher();
	pgcopy_applied_keep_errors();
}
