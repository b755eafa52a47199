/*-------------------------------------------------------------------------
 *
 * testpoint.c
 *	  Named points where a test can make a process stop, fail or die.
 *
 * pgcopy.test_point names a point as "what moment", pgcopy.test_action says what
 * happens there, pgcopy.test_hit at which arrival of a process (0: every one).
 * Each process counts for itself.  A test sets them with ALTER DATABASE before
 * leader and workers start.
 *
 *	"planning locked"		snapshot and locks are taken, pg_dump is next
 *	"planning stored"		the plan is committed, or the job is ready to go on
 *	"tree rerouted"			a tree is to be routed, its items start over
 *	"KIND begun"			"running" is committed, nothing is done
 *	"KIND done"				work and "done" are written, not committed
 *	"KIND committed"		committed, and only this process knows
 *	"taking back map cleared"	pages of a failed load are next
 *	"index surveyed"		ranges of keys are planned, nothing is written
 *	"index refilled"		more of a run is to be read from a temporary file
 *	"index worker"			a parallel worker of a build begins to read
 *	"index sorted"			it has sorted its keys and told so, none is sent
 *	"index filled"			our own build has all rows; last pages are not written
 *	"index written"			all is written, the checkpointer does not know of it
 *
 * At some points a process can lie:
 *
 *	"index strxfrm"			what strxfrm() says is wrong
 *	"index sample"			the sample has seen one row only
 *	"index dealt"			several processes read blocks in turn, not as they can
 *
 * KIND is the kind of an item as in pgcopy.item, or "chunk" for a part of a
 * table.
 *
 * A process stops by waiting for an advisory lock that the test holds and sees
 * in pg_locks.  It can be cancelled and terminated like any that waits for a
 * lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef PGCOPY_TESTPOINTS

#include <signal.h>

#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "base/testpoint.h"

/* The lock, as in test/perl/PgCopyScene.pm. */
#define HOLD_CLASS 471100
#define HOLD_KEY 100
#define HOLD_TWO_KEYS 2			/* as pg_advisory_lock(int, int) */

typedef enum TestAction
{
	ACTION_STOP,
	ACTION_ERROR,
	ACTION_FATAL,
	ACTION_KILL,
	ACTION_LIE
} TestAction;

static const struct config_enum_entry action_names[] = {
	{"stop", ACTION_STOP, false},
	{"error", ACTION_ERROR, false},
	{"fatal", ACTION_FATAL, false},
	{"kill", ACTION_KILL, false},
	{"lie", ACTION_LIE, false},
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
							   "The point at which a process does what pgcopy.test_action says.",
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
							"The arrival at the point at which a process acts; 0: every one.",
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

/* Wait until the test releases the lock. */
static void
wait_for_release(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, HOLD_CLASS, HOLD_KEY, HOLD_TWO_KEYS);
	PG_TRY();
	{
		(void) LockAcquire(&tag, ShareLock, true, false);
	}
	PG_CATCH();
	{
		/* it may be granted at the moment when the wait is interrupted */
		LockErrorCleanup();
		if (pgcopy_lock_held_by_me(&tag, ShareLock))
			(void) LockRelease(&tag, ShareLock, true);
		PG_RE_THROW();
	}
	PG_END_TRY();
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
		case ACTION_LIE:
			break;
	}
}

bool
pgcopy_testpoint_lies(const char *point)
{
	return setting_action == ACTION_LIE && strcmp(point, setting_point) == 0;
}

bool
pgcopy_testpoint_is_set(void)
{
	return setting_point[0] != '\0';
}

#endif							/* PGCOPY_TESTPOINTS */
