/*-------------------------------------------------------------------------
 *
 * ahead.c
 *	  Ask the source ahead: all that will be asked next, in one message.
 *
 * Who knows what a part of the program will ask says so with pgcopy_ahead_foresee().
 * When the first of these questions is asked, all are sent, and the answers wait
 * until theirs is asked.  So nobody who asks has to know, and a question that was
 * not foreseen, or is put in other words, only costs its own round trip.
 *
 * An answer is given once.  All are forgotten with the next command of the session,
 * so that none crosses the begin or end of a transaction, and what is asked under a
 * snapshot is answered under it.
 *
 * A question that fails spoils those behind it.  Outside a transaction they are asked
 * again one by one as their time comes, and fail then as they would have; in one,
 * which has failed, the error is thrown at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq-fe.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"

#include "source/ahead.h"
#include "source/batch.h"
#include "source/session_state.h"

typedef struct Foreseen
{
	const char *sql;
	int			columns;
	int			nparams;
	const char **params;
	SourceRows *rows;			/* NULL: not asked yet */
} Foreseen;

static const char *
copy_or_null(const char *value)
{
	return value != NULL ? pstrdup(value) : NULL;
}

void
pgcopy_ahead_foresee(SourceSession *session, const char *sql, int columns, int nparams,
					 const char *const *params)
{
	MemoryContext caller;
	Foreseen   *foreseen;

	if (session->ahead_context == NULL)
		session->ahead_context = AllocSetContextCreate(GetMemoryChunkContext(session),
													   "pgcopy foreseen questions",
													   ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(session->ahead_context);
	foreseen = palloc0(sizeof(Foreseen));
	foreseen->sql = pstrdup(sql);
	foreseen->columns = columns;
	foreseen->nparams = nparams;
	foreseen->params = palloc(sizeof(char *) * Max(nparams, 1));
	for (int i = 0; i < nparams; i++)
		foreseen->params[i] = copy_or_null(params[i]);
	session->ahead = lappend(session->ahead, foreseen);
	MemoryContextSwitchTo(caller);
}

void
pgcopy_ahead_forget(SourceSession *session)
{
	if (session->ahead == NIL)
		return;
	session->ahead = NIL;
	MemoryContextReset(session->ahead_context);
}

static bool
is_same_value(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_same(const Foreseen *foreseen, const SourceQuery *query, int columns)
{
	if (foreseen->columns != columns || foreseen->nparams != query->nparams ||
		strcmp(foreseen->sql, query->sql) != 0)
		return false;
	for (int i = 0; i < query->nparams; i++)
	{
		if (!is_same_value(foreseen->params[i], query->params[i]))
			return false;
	}
	return true;
}

static Foreseen *
find_foreseen(SourceSession *session, const SourceQuery *query, int columns)
{
	ListCell   *lc;

	foreach(lc, session->ahead)
	{
		if (is_same(lfirst(lc), query, columns))
			return lfirst(lc);
	}
	return NULL;
}

/* All that has not been asked. */
static List *
list_open(SourceSession *session)
{
	List	   *open = NIL;
	ListCell   *lc;

	foreach(lc, session->ahead)
	{
		if (((Foreseen *) lfirst(lc))->rows == NULL)
			open = lappend(open, lfirst(lc));
	}
	return open;
}

/* What has failed and those behind it have no answer. */
static void
give_up_from(SourceSession *session, List *open, int first)
{
	for (int i = first; i < list_length(open); i++)
		session->ahead = list_delete_ptr(session->ahead, list_nth(open, i));
}

/* Ask all that has not been asked. */
static void
ask_open(SourceSession *session)
{
	MemoryContext caller = MemoryContextSwitchTo(session->ahead_context);
	List	   *open = list_open(session);
	SourceBatch *batch = pgcopy_batch_begin(session);
	ListCell   *lc;
	int			done;

	foreach(lc, open)
	{
		const Foreseen *foreseen = lfirst(lc);

		pgcopy_batch_add_query(batch, foreseen->sql, foreseen->columns, foreseen->nparams,
							   foreseen->params);
	}
	done = pgcopy_batch_run(batch);
	if (done < list_length(open) &&
		(!pgcopy_session_is_alive(session) ||
		 PQtransactionStatus(session->conn) != PQTRANS_IDLE))
		pgcopy_batch_throw(batch);
	for (int i = 0; i < done; i++)
		((Foreseen *) list_nth(open, i))->rows = pgcopy_batch_rows(batch, i);
	give_up_from(session, open, done);
	MemoryContextSwitchTo(caller);
}

void
pgcopy_ahead_ask(SourceSession *session)
{
	if (list_open(session) != NIL)
		ask_open(session);
}

SourceRows *
pgcopy_ahead_take(SourceSession *session, const SourceQuery *query, int columns)
{
	Foreseen   *foreseen = find_foreseen(session, query, columns);

	if (foreseen == NULL)
		return NULL;
	if (foreseen->rows == NULL && list_length(list_open(session)) > 1)
		ask_open(session);
	if (!list_member_ptr(session->ahead, foreseen))
		return NULL;
	session->ahead = list_delete_ptr(session->ahead, foreseen);
	return foreseen->rows;
}
