/*-------------------------------------------------------------------------
 *
 * stream_needs.c
 *	  What a source must have, and its role may do, so that it can be followed.
 *
 * All is looked for before anything is made there, and told at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "source/inventory.h"
#include "source/names.h"
#include "stream/fence.h"
#include "stream/publication.h"
#include "stream/slot.h"
#include "stream/stream_needs.h"

#define VERSION_WITH_TRUNCATE 110000
#define VERSION_WITH_WAL_STATISTICS 140000
#define VERSION_WITH_ROW_FILTERS 150000

/* Of the job: its slot and a temporary one; and their senders. */
#define SLOTS 2
#define SENDERS 2

/* How many names a finding lists. */
#define SHOWN_NAMES 20

#define WAL_LEVEL_HINT \
	"Set wal_level = logical on the source and restart it (Amazon: rds.logical_replication = 1;" \
	" Google Cloud SQL: cloudsql.logical_decoding = on; Azure: the server parameter wal_level)."

#define ROLE_HINT \
	"On the source: ALTER ROLE ... REPLICATION (Amazon: GRANT rds_replication)."

static const char settings_sql[] =
"SELECT pg_catalog.current_setting('wal_level'), pg_catalog.pg_is_in_recovery(),"
" pg_catalog.current_setting('max_replication_slots')::pg_catalog.int8,"
" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots),"
" pg_catalog.current_setting('max_wal_senders')::pg_catalog.int8,"
" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication),"
" COALESCE(NULLIF(pg_catalog.current_setting('max_slot_wal_keep_size', true), '-1'), ''),"
" COALESCE(NULLIF(pg_catalog.current_setting('idle_replication_slot_timeout', true), '0'), '')";

/* How many minutes it takes, at the rate since statistics began, to write that. */
static const char minutes_sql[] =
"SELECT pg_catalog.ceil(pg_catalog.pg_size_bytes($1) / 60.0 / NULLIF(w.wal_bytes, 0)"
"  * GREATEST(pg_catalog.date_part('epoch', pg_catalog.now() - w.stats_reset), 1)"
"   ::pg_catalog.numeric)"
" FROM pg_catalog.pg_stat_wal AS w";

static const char may_create_sql[] =
"SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')";

static const char not_owned_sql[] =
"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition"
" AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.deptype = 'e'"
"  AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid)"
" AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')";

static const char forced_sql[] =
"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" JOIN pg_catalog.pg_roles AS r ON r.oid = c.relowner"
" WHERE c.relkind = 'r' AND c.relpersistence = 'p'"
" AND c.relrowsecurity AND c.relforcerowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls";

/* Changes are made as the owner, who may have taken rights from himself. */
static const char powerless_sql[] =
"SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" JOIN pg_catalog.pg_roles AS r ON r.oid = c.relowner"
" WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND NOT r.rolsuper"
" AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
" AND NOT (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')"
"  AND pg_catalog.has_table_privilege(r.oid, c.oid, 'INSERT')"
"  AND pg_catalog.has_table_privilege(r.oid, c.oid, 'UPDATE')"
"  AND pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE')"
"  AND pg_catalog.has_table_privilege(r.oid, c.oid, 'TRUNCATE'))";

typedef struct Settings
{
	char	   *wal_level;
	bool		is_standby;
	int64		slots;
	int64		slots_used;
	int64		senders;
	int64		senders_used;
	char	   *keep_size;		/* "" no limit */
	char	   *idle_timeout;	/* "" none */
} Settings;

static List *
add(List *findings, FindingLevel level, int sqlerrcode, char *message, const char *hint)
{
	Finding		finding = {
		.level = level,
		.sqlerrcode = sqlerrcode,
		.message = message,
		.hint = hint
	};

	return list_concat(findings, pgcopy_finding_list(&finding));
}

static void
read_settings(SourceSession *session, Settings *settings)
{
	SourceRows *rows = pgcopy_session_query_row(session, settings_sql, 8, 0, NULL);

	settings->wal_level = pstrdup(pgcopy_rows_get(rows, 0, 0));
	settings->is_standby = pgcopy_rows_get_bool(rows, 0, 1);
	settings->slots = pgcopy_rows_get_size(rows, 0, 2);
	settings->slots_used = pgcopy_rows_get_size(rows, 0, 3);
	settings->senders = pgcopy_rows_get_size(rows, 0, 4);
	settings->senders_used = pgcopy_rows_get_size(rows, 0, 5);
	settings->keep_size = pstrdup(pgcopy_rows_get(rows, 0, 6));
	settings->idle_timeout = pstrdup(pgcopy_rows_get(rows, 0, 7));
	pgcopy_rows_free(rows);
}

static List *
check_wal_level(const Settings *settings)
{
	if (strcmp(settings->wal_level, "logical") == 0)
		return NIL;
	return add(NIL, FINDING_ERROR, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   psprintf("wal_level of the source is \"%s\", not \"logical\"", settings->wal_level),
			   WAL_LEVEL_HINT);
}

static List *
check_version(SourceSession *session, const Settings *settings)
{
	int			version = pgcopy_session_version(session);
	List	   *findings = NIL;

	if (settings->is_standby)
		findings = add(findings, FINDING_ERROR, ERRCODE_FEATURE_NOT_SUPPORTED,
					   "the source is a standby, which cannot be followed",
					   "Follow its primary.");
	if (version < VERSION_WITH_TRUNCATE)
		findings = add(findings, FINDING_NOTICE, 0,
					   "a source before PostgreSQL 11 does not tell of TRUNCATE",
					   "Let nobody run TRUNCATE, VACUUM FULL or CLUSTER there until the cutover: they look alike, and the cutover refuses after them.");
	return findings;
}

static List *
check_room(const char *what, const char *setting, int64 limit, int64 used, int needed)
{
	if (limit - used >= needed)
		return NIL;
	return add(NIL, FINDING_ERROR, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
			   psprintf("the source has no room for %d more %s", needed, what),
			   psprintf("%s is " INT64_FORMAT " there, and " INT64_FORMAT " are in use: raise it and restart the source, or remove what is not needed (pg_replication_slots, pg_stat_replication).",
						setting, limit, used));
}

/* How soon that much WAL is written, in words; "" if that is not known. */
static const char *
tell_rate(SourceSession *session, const char *keep_size)
{
	SourceRows *rows;
	const char *minutes;

	if (pgcopy_session_version(session) < VERSION_WITH_WAL_STATISTICS)
		return "";
	rows = pgcopy_session_query_row(session, minutes_sql, 1, 1, &keep_size);
	minutes = pgcopy_rows_get_or_null(rows, 0, 0);
	minutes = minutes == NULL ? "" :
		psprintf(", as it did within %s minutes on average", minutes);
	pgcopy_rows_free(rows);
	return minutes;
}

/* Which limits the slot's WAL has: a long clone may exceed them. */
static List *
find_limits(SourceSession *session, const Settings *settings)
{
	List	   *findings = NIL;

	if (settings->keep_size[0] != '\0')
		findings = add(findings, FINDING_NOTICE, 0,
					   psprintf("the source keeps at most %s of WAL for the job (max_slot_wal_keep_size): if it writes more while the copy runs%s, the target cannot follow",
								settings->keep_size, tell_rate(session, settings->keep_size)),
					   "Raise it if the source writes that much before the target follows; a reload suffices.");
	else
		findings = add(findings, FINDING_NOTICE, 0,
					   "the source keeps all WAL that it writes until the target has it",
					   "Look at its free disk space; pgcopy_follow shows how much it keeps.");
	if (settings->idle_timeout[0] != '\0')
		findings = add(findings, FINDING_NOTICE, 0,
					   psprintf("the source gives up a slot that nobody reads for %s (idle_replication_slot_timeout), and nobody reads it while the copy runs",
								settings->idle_timeout),
					   "Set it to 0 until the target follows; a reload suffices.");
	return findings;
}

List *
pgcopy_stream_needs_check_settings(SourceSession *session)
{
	Settings	settings;
	List	   *findings;

	read_settings(session, &settings);
	findings = list_concat(check_wal_level(&settings), check_version(session, &settings));
	findings = list_concat(findings,
						   check_room("replication slots", "max_replication_slots",
									  settings.slots, settings.slots_used, SLOTS));
	findings = list_concat(findings,
						   check_room("replication connections", "max_wal_senders",
									  settings.senders, settings.senders_used, SENDERS));
	return list_concat(findings, find_limits(session, &settings));
}

/* Ask for names of relations among those that are cloned. */
static List *
ask_names(SourceSession *session, const StreamNeeds *needs, const char *sql)
{
	SourceRows *rows = pgcopy_session_query(session,
											psprintf("%s %s ORDER BY 1", sql,
													 pgcopy_inventory_restriction("c.oid", needs->only)),
											1, needs->only != NULL ? 1 : 0, &needs->only);
	List	   *names = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		names = lappend(names, pstrdup(pgcopy_rows_get(rows, i, 0)));
	pgcopy_rows_free(rows);
	return names;
}

/* Rights to publish each table. */
static List *
check_publishing(SourceSession *session, const StreamNeeds *needs)
{
	SourceRows *rows = pgcopy_session_query_row(session, may_create_sql, 1, 0, NULL);
	List	   *names = ask_names(session, needs, not_owned_sql);
	List	   *findings = NIL;

	if (!pgcopy_rows_get_bool(rows, 0, 0))
		findings = add(findings, FINDING_ERROR, ERRCODE_INSUFFICIENT_PRIVILEGE,
					   "the source's role may not create a publication",
					   "On the source, GRANT CREATE ON DATABASE to it, or give publication => 'name', which an administrator has made.");
	pgcopy_rows_free(rows);
	if (names != NIL)
		findings = add(findings, FINDING_ERROR, ERRCODE_INSUFFICIENT_PRIVILEGE,
					   psprintf("the source's role does not own what is to be published: %s",
								pgcopy_names_list(names, SHOWN_NAMES)),
					   "Connect to the source as their owner or a superuser, or give publication => 'name', which an administrator has made.");
	return findings;
}

/* What the fence of the cutover needs can still be granted: tell it now. */
static List *
find_fence_rights(SourceSession *session, const StreamNeeds *needs)
{
	List	   *findings = pgcopy_fence_check(session, needs->only, false);
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);

		finding->level = FINDING_NOTICE;
		finding->message = psprintf("for the cutover: %s", finding->message);
	}
	return findings;
}

/* Tell at which tables' changes the stream would stop, if it writes as their owners. */
static List *
find_stops(SourceSession *session, const StreamNeeds *needs, const char *sql,
		   const char *message, const char *hint)
{
	List	   *names = COMPAT_APPLIES_AS_TABLE_OWNER ?
		ask_names(session, needs, sql) : NIL;

	if (names == NIL)
		return NIL;
	return add(NIL, FINDING_NOTICE, 0,
			   psprintf("%s: %s", message, pgcopy_names_list(names, SHOWN_NAMES)), hint);
}

/* What owners of tables may not do, or the stream not as they. */
static List *
find_owners(SourceSession *session, const StreamNeeds *needs)
{
	List	   *findings = find_stops(session, needs, forced_sql,
									  "the stream stops at the first change of tables with FORCE ROW LEVEL SECURITY, unless their owners have BYPASSRLS here",
									  "Give the owners BYPASSRLS here, or set NO FORCE ROW LEVEL SECURITY here until the cutover.");

	if (!needs->with_privileges)
		return findings;
	return list_concat(findings,
					   find_stops(session, needs, powerless_sql,
								  "the stream stops at the first change that the owner of a table may not make",
								  "GRANT ALL on them to their owners, or use no_privileges => true."));
}

/* Who writes now: the slot comes when their transactions have ended. */
static List *
find_writers(SourceSession *session)
{
	List	   *writers = pgcopy_slot_holders(session);

	if (writers == NIL)
		return NIL;
	return add(NIL, FINDING_NOTICE, 0,
			   psprintf("the copy begins when these transactions of the source's server have ended: %s",
						pgcopy_names_list(writers, SHOWN_NAMES)),
			   NULL);
}

/* Try the replication protocol: only that shows what pg_hba.conf and poolers allow. */
static List *
try_replication(const StreamNeeds *needs)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *volatile findings = NIL;

	PG_TRY();
	{
		pgcopy_session_close(pgcopy_slot_connect(needs->conninfo, needs->application_name));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
		findings = add(NIL, FINDING_ERROR, error->sqlerrcode,
					   psprintf("cannot use the replication protocol with the source: %s",
								error->message),
					   error->hint != NULL ? error->hint : ROLE_HINT);
	}
	PG_END_TRY();
	return findings;
}

static bool
has_error(const List *findings)
{
	ListCell   *lc;

	foreach(lc, findings)
	{
		if (((const Finding *) lfirst(lc))->level == FINDING_ERROR)
			return true;
	}
	return false;
}

List *
pgcopy_stream_needs_check(SourceSession *session, const StreamNeeds *needs)
{
	List	   *settings = pgcopy_stream_needs_check_settings(session);
	List	   *findings = NIL;

	/* that checks the same, one by one */
	if (!has_error(settings))
		findings = try_replication(needs);
	findings = list_concat(settings, findings);
	findings = list_concat(findings, needs->publication != NULL ?
						   pgcopy_publication_check(session, needs->publication) :
						   check_publishing(session, needs));
	if (needs->has_row_filters && pgcopy_session_version(session) < VERSION_WITH_ROW_FILTERS)
		findings = add(findings, FINDING_ERROR, ERRCODE_FEATURE_NOT_SUPPORTED,
					   "a source before PostgreSQL 15 cannot publish a part of a table's rows",
					   "Leave out row_filters, or leave out these tables by exclude_tables.");
	if (has_error(findings))
		return findings;
	findings = list_concat(findings, find_fence_rights(session, needs));
	findings = list_concat(findings, find_owners(session, needs));
	return list_concat(findings, find_writers(session));
}
