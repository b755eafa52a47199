/*-------------------------------------------------------------------------
 *
 * pgcopy_everything.c
 *	  Two providers of security labels that accept whatever they are given.
 *
 * Only for tests.  Labels are refused where their provider is not known, so
 * this has to be in shared_preload_libraries of source and target.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/seclabel.h"
#include "fmgr.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

static void
accept_label(const ObjectAddress *object, const char *label)
{
}

void
_PG_init(void)
{
	register_label_provider("pgcopy_dummy", accept_label);
	register_label_provider("pgcopy \"odd\"", accept_label);
}
