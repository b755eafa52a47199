/*-------------------------------------------------------------------------
 *
 * settle.c
 *	  Remove what a job that follows has made: here, and on the source.
 *
 * First the subscription's worker is stopped, so that it does not take the slot.  Then the source:
 * walsender, slot, publications, replica identities, the fence's setting.  Then the
 * subscription is dropped: how far it was is forgotten for good, even if the
 * transaction rolls back, and with a slot it would apply changes twice.  Each step
 * does nothing if there is nothing to do, so that settling can be repeated.
 * What is here is the job's owner's, so it is changed as he: whoever may drop the job
 * may be no more than a member of his role.
 *
 * The source does not take part in the caller's transaction.  If that rolls back, the
 * subscription is back and the job's row says, as it must, that something may be on
 * the source: the next settling looks again, and a resume finds that the slot is gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/attempt.h"
#include "replica/replica_guard.h"
#include "replica/subscription.h"
#include "run/follow.h"
#include "source/session.h"
#include "stream/fence.h"
#include "stream/publication.h"
#include "stream/slot.h"

/* Seconds that cleaning up waits for a silent source. */
static const int longest_silence = 30;

static void
restore_identities(SourceSession *session, int64 job)
{
	ListCell   *lc;

	foreach(lc, pgcopy_follow_relations(job))
	{
		const FollowRelation *relation = lfirst(lc);

		if (relation->identity_before == '\0')
			continue;
		pgcopy_identity_restore(session, relation->source_oid, relation->identity_before);
		pgcopy_follow_forget_identity(job, relation->source_oid);
	}
}

void
pgcopy_settle_stream(SourceSession *session, const Follow *follow)
{
	pgcopy_slot_drop(session, follow->name);
	if (follow->is_our_publication)
		pgcopy_publication_drop(session, follow->name);
	pgcopy_publication_drop(session, pgcopy_follow_inserts_name(follow));
}

void
pgcopy_settle_source(SourceSession *session, const Follow *follow, bool with_fence)
{
	pgcopy_slot_drop_matching(session, pgcopy_subscription_copy_slots(follow->subscription));
	pgcopy_settle_stream(session, follow);
	pgcopy_follow_set_start(follow->job, InvalidXLogRecPtr);
	restore_identities(session, follow->job);
	if (with_fence && follow->is_fenced)
	{
		pgcopy_fence_lift(session, pgcopy_follow_fence_name(follow), follow->fence_before);
		pgcopy_follow_set_fence(follow->job, false, NULL);
	}
	pgcopy_publication_drop(session, pgcopy_follow_fence_name(follow));
	pgcopy_follow_set_on_source(follow->job, false);
}

/* Who the caller is, while what is here is changed as the job's owner. */
typedef struct SettleScope
{
	Oid			user;
	int			security_context;
	bool		is_read_only;
} SettleScope;

/*
 * Our own guard may have made the caller's transaction read-only.  If what comes throws,
 * the end of the (sub)transaction sets all back.
 */
static void
begin_here(SettleScope *scope, Oid owner)
{
	GetUserIdAndSecContext(&scope->user, &scope->security_context);
	SetUserIdAndSecContext(owner, scope->security_context | SECURITY_LOCAL_USERID_CHANGE);
	scope->is_read_only = XactReadOnly;
	XactReadOnly = false;
}

static void
end_here(const SettleScope *scope)
{
	XactReadOnly = scope->is_read_only;
	SetUserIdAndSecContext(scope->user, scope->security_context);
}

/* Remove what is here.  Once the target is open nothing is. */
static void
settle_here(const Job *job, const Follow *follow)
{
	SettleScope scope;

	begin_here(&scope, job->owner);
	pgcopy_subscription_drop(follow->name);
	if (follow->is_guarded)
	{
		pgcopy_replica_guard_lift(follow->guard_before);
		pgcopy_follow_set_guard(follow->job, false, NULL);
	}
	end_here(&scope);
}

/* Stop the subscription, if there is one. */
static void
disable_here(const Job *job, const Follow *follow)
{
	Oid			subscription = pgcopy_subscription_find(follow->name);
	SettleScope scope;

	if (!OidIsValid(subscription))
		return;
	begin_here(&scope, job->owner);
	pgcopy_subscription_disable(subscription, follow->name);
	end_here(&scope);
}

typedef struct SettleWork
{
	const Job  *job;
	const Follow *follow;
} SettleWork;

/* AttemptWork: settle on the source. */
static void
connect_and_settle(void *arg)
{
	const Job  *job = ((SettleWork *) arg)->job;
	const Follow *follow = ((SettleWork *) arg)->follow;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy settle",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SourceConninfo *conninfo = pgcopy_conninfo_resolve(job->conninfo, job->owner);
	SourceSession *session =
		pgcopy_session_open(conninfo, psprintf("pgcopy job " INT64_FORMAT " clean-up", job->id));

	pgcopy_session_on_wait(session, pgcopy_session_give_up, (void *) &longest_silence);
	pgcopy_settle_source(session, follow, !follow->is_open);
	pgcopy_session_close(session);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

static void
throw_with_hint(ErrorData *error, int64 job)
{
	const char *ours =
		psprintf("The job keeps all that it knows.  If the source will never be back: SELECT pgcopy_drop("
				 INT64_FORMAT ", force => true)", job);

	error->hint = error->hint == NULL ? pstrdup(ours) : psprintf("%s  %s", error->hint, ours);
	ThrowErrorData(error);
}

/* What ALTER TABLE ... REPLICA IDENTITY says; an index is set only where there was none. */
static const char *
identity_words(char identity)
{
	return identity == 'f' ? "FULL" : identity == 'd' ? "DEFAULT" : "NOTHING";
}

/* A relation that no plan has yet is known by its number alone. */
static void
append_identity(StringInfo sql, const FollowRelation *relation)
{
	if (relation->name != NULL)
		appendStringInfo(sql, "ALTER TABLE IF EXISTS %s REPLICA IDENTITY %s;\n",
						 quote_qualified_identifier(relation->schema, relation->name),
						 identity_words(relation->identity_before));
	else
		appendStringInfo(sql, "DO $$BEGIN EXECUTE format('ALTER TABLE %%s REPLICA IDENTITY %s', %u::regclass); END$$;\n",
						 identity_words(relation->identity_before), relation->source_oid);
}

/* The setting was the source's word: take no more of it than a boolean. */
static void
append_fence(StringInfo sql, const char *before)
{
	bool		is_on;

	appendStringInfoString(sql, "DO $$BEGIN EXECUTE format('ALTER DATABASE %I ");
	if (before != NULL && parse_bool(before, &is_on))
		appendStringInfo(sql, "SET default_transaction_read_only = %s", is_on ? "on" : "off");
	else
		appendStringInfoString(sql, "RESET default_transaction_read_only");
	appendStringInfoString(sql, "', current_database()); END$$;\n");
}

/* Write the SQL that does on the source what pgcopy_settle_source() does. */
static char *
write_sql(const Follow *follow)
{
	StringInfoData sql;
	char	   *slot = quote_literal_cstr(follow->name);
	bool		is_fenced = follow->is_fenced && !follow->is_open;
	ListCell   *lc;

	initStringInfo(&sql);
	if (is_fenced)
		appendStringInfoString(&sql, "SET default_transaction_read_only = off;\n");
	appendStringInfo(&sql, "SELECT pg_terminate_backend(active_pid), pg_sleep(1) FROM pg_replication_slots"
					 " WHERE slot_name = %s AND active;\n", slot);
	appendStringInfo(&sql, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
					 " WHERE slot_name = %s OR slot_name ~ %s;\n", slot,
					 quote_literal_cstr(pgcopy_subscription_copy_slots(follow->subscription)));
	if (follow->is_our_publication)
		appendStringInfo(&sql, "DROP PUBLICATION IF EXISTS %s;\n", quote_identifier(follow->name));
	appendStringInfo(&sql, "DROP PUBLICATION IF EXISTS %s;\n",
					 quote_identifier(pgcopy_follow_inserts_name(follow)));
	if (follow->is_fenced)
		appendStringInfo(&sql, "DROP PUBLICATION IF EXISTS %s;\n",
						 quote_identifier(pgcopy_follow_fence_name(follow)));
	foreach(lc, pgcopy_follow_relations(follow->job))
	{
		const FollowRelation *relation = lfirst(lc);

		if (relation->identity_before != '\0')
			append_identity(&sql, relation);
	}
	if (is_fenced)
		append_fence(&sql, follow->fence_before);
	return sql.data;
}

char *
pgcopy_settle(const Job *job, bool is_forced)
{
	Follow	   *follow = pgcopy_follow_fetch(job->id);
	ErrorData  *error = NULL;
	char	   *sql = NULL;
	SettleWork	work = {.job = job,.follow = follow};
	SettleScope scope;

	if (follow == NULL)
		return NULL;
	begin_here(&scope, job->owner);
	pgcopy_subscription_stop(follow->name);
	end_here(&scope);
	if (follow->on_source)
		error = pgcopy_attempt_run(connect_and_settle, &work);
	if (error != NULL && (!is_forced || error->sqlerrcode == ERRCODE_QUERY_CANCELED))
		throw_with_hint(error, job->id);
	if (error != NULL)
	{
		sql = write_sql(follow);
		pgcopy_follow_set_on_source(job->id, false);
	}
	settle_here(job, follow);
	return sql;
}

char *
pgcopy_settle_tell(const Follow *follow)
{
	if (!follow->on_source || follow->start_lsn == InvalidXLogRecPtr)
		return NULL;
	return psprintf("job " INT64_FORMAT " keeps slot \"%s\" on the source, which keeps WAL there%s: SELECT pgcopy_resume("
					INT64_FORMAT "), or SELECT pgcopy_drop(" INT64_FORMAT ")",
					follow->job, follow->name,
					follow->is_fenced && !follow->is_open ?
					", and may have left the source's database read-only" : "",
					follow->job, follow->job);
}

void
pgcopy_settle_pause(const Job *job)
{
	Follow	   *follow = pgcopy_follow_fetch(job->id);

	if (follow == NULL || follow->is_open)
		return;
	disable_here(job, follow);
	pgcopy_job_set_message(job->id, pgcopy_settle_tell(follow));
}
