/*-------------------------------------------------------------------------
 *
 * testpoint.c
 *	  Named points at which a test can make a process stop, fail or die.
 *
 * pgcopy.test_point names one point as "what moment", pgcopy.test_action says
 * what happens there, at the pgcopy.test_hit-th time that a process comes by
 * (0: each time).  Every process counts for itself.  A test sets them with ALTER
 * DATABASE, which leader and workers read when they start.
 *
 *	"planning locked"		snapshot and locks are there, pg_dump comes next
 *	"planning stored"		the plan is committed, or the job is ready to go on
 *	"KIND begun"			"running" is committed, nothing is done yet
 *	"KIND done"				all is done and marked so, and not committed
 *	"KIND committed"		nobody but this process knows yet
 *	"taking back map cleared"	pages of a failed load come next
 *
 * KIND is that of an item, as in pgcopy.item, and "chunk" for a part of a table.
 *
 * To stop is to wait for an advisory lock of the database: the test has it, sees
 * in pg_locks who waits, and lets go.  So a process that stands at a point can
 * be cancelled and terminated like one that waits for any lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef PGCOPY_TESTPOINTS

#include <signal.h>

#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/guc.h"

#include "base/testpoint.h"

/* The lock; test/perl/PgCopyScene.pm knows it too. */
#define HOLD_CLASS 471100
#define HOLD_KEY 100
#define HOLD_TWO_KEYS 2			/* as pg_advisory_lock(int, int) */

typedef enum TestAction
{
	ACTION_STOP,
	ACTION_ERROR,
	ACTION_FATAL,
	ACTION_KILL
} TestAction;

static const struct config_enum_entry action_names[] = {
	{"stop", ACTION_STOP, false},
	{"error", ACTION_ERROR, false},
	{"fatal", ACTION_FATAL, false},
	{"kill", ACTION_KILL, false},
	{NULL, 0, false}
};

static char *setting_point = NULL;
static int	setting_action = ACTION_STOP;
static int	setting_hit = 1;
static char *setting_sqlstate = NULL;

static bool
check_sqlstate(char **value, void **extra, GucSource source)
{
	return strlen(*value) == 5;
}

void
pgcopy_testpoint_define_settings(void)
{
	DefineCustomStringVariable("pgcopy.test_point",
							   "The point where a process does as pgcopy.test_action says.",
							   NULL,
							   &setting_point, "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE,
							   NULL, NULL, NULL);
	DefineCustomEnumVariable("pgcopy.test_action",
							 "What a process does at pgcopy.test_point.",
							 NULL,
							 &setting_action, ACTION_STOP, action_names,
							 PGC_SUSET, GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("pgcopy.test_hit",
							"At which time a process that comes by does it; 0: each time.",
							NULL,
							&setting_hit, 1, 0, INT_MAX,
							PGC_SUSET, GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE,
							NULL, NULL, NULL);
	DefineCustomStringVariable("pgcopy.test_sqlstate",
							   "The SQLSTATE of the error at pgcopy.test_point.",
							   NULL,
							   &setting_sqlstate, "XX000",
							   PGC_SUSET, GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE,
							   check_sqlstate, NULL, NULL);
}

/* Wait as long as somebody holds the lock. */
static void
wait_for_release(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, HOLD_CLASS, HOLD_KEY, HOLD_TWO_KEYS);
	(void) LockAcquire(&tag, ShareLock, true, false);
	(void) LockRelease(&tag, ShareLock, true);
}

static void
fail(int elevel, const char *point)
{
	const char *s = setting_sqlstate;

	ereport(elevel,
			(errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])),
			 errmsg("test point \"%s\"", point)));
}

void
pgcopy_testpoint_reach(const char *what, const char *moment)
{
	static int	hits = 0;
	char		point[NAMEDATALEN];

	snprintf(point, sizeof(point), "%s %s", what, moment);
	if (strcmp(point, setting_point) != 0)
		return;
	hits++;
	if (setting_hit != 0 && setting_hit != hits)
		return;

	switch ((TestAction) setting_action)
	{
		case ACTION_STOP:
			wait_for_release();
			break;
		case ACTION_ERROR:
			fail(ERROR, point);
			break;
		case ACTION_FATAL:
			fail(FATAL, point);
			break;
		case ACTION_KILL:
			kill(MyProcPid, SIGKILL);
			break;
	}
}

#endif							/* PGCOPY_TESTPOINTS */
