/*-------------------------------------------------------------------------
 *
 * apply.c
 *	  Run statements of the dump in this server.
 *
 * Statements run as those of an extension's script do: through parse analysis
 * and planner if they hold a query, else straight through ProcessUtility.
 *
 * Of a statement with a secret, log_statement, pg_stat_activity, the log, error
 * contexts and modules such as pg_stat_statements see at most the command tag.
 * Strings of it that an error quotes are replaced by dots (secret.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "catalog/namespace.h"
#include "parser/analyze.h"
#include "parser/parse_utilcmd.h"
#include "parser/parser.h"
#include "pgstat.h"
#include "tcop/cmdtag.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "schema/apply.h"
#include "schema/constraint.h"
#include "schema/drop.h"

#define CONTEXT_SHOWN	400		/* bytes of a statement in an error context */

/*
 * Settings that pg_restore makes, and others that the dump's text relies on.  Our
 * processes have no timeouts.
 */
static const struct
{
	const char *name;
	const char *value;
}			session_settings[] = {
	{"default_transaction_read_only", "off"},
	{"default_transaction_deferrable", "off"},
	{"default_transaction_isolation", "read committed"},
	{"search_path", ""},
	{"standard_conforming_strings", "on"},
	{"escape_string_warning", "off"},
	{"backslash_quote", "safe_encoding"},
	{"transform_null_equals", "off"},
	{"array_nulls", "on"},
	{"xmloption", "content"},
	{"client_min_messages", "warning"},
	{"check_function_bodies", "off"},
	{"row_security", "off"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"lc_monetary", "C"}
};

/* For the error context. */
typedef struct RunningStatement
{
	const char *sql;
	const char *tag;
	bool		has_secret;
	IndexOutcome *outcome;
} RunningStatement;

static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value,
							 superuser() ? PGC_SUSET : PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
pgcopy_apply_begin_session(void)
{
	for (int i = 0; i < lengthof(session_settings); i++)
		SetConfigOption(session_settings[i].name, session_settings[i].value,
						PGC_USERSET, PGC_S_SESSION);
}

static void
apply_settings(const DumpSettings *settings)
{
	set_locally("search_path", "");
	set_locally("check_function_bodies",
				settings->check_function_bodies ? "on" : "off");
	set_locally("row_security", settings->row_security ? "on" : "off");
	set_locally("default_tablespace", settings->default_tablespace);
	if (settings->default_table_access_method != NULL)
		set_locally("default_table_access_method",
					settings->default_table_access_method);

	/* last: the new role may not be allowed to set the others */
	if (settings->session_authorization != NULL)
		set_locally("session_authorization", settings->session_authorization);
}

static void
describe_statement(void *arg)
{
	const RunningStatement *running = arg;
	int			length;

	if (running->has_secret)
	{
		errcontext("SQL statement \"%s\" (its text is not shown)", running->tag);
		return;
	}
	length = strlen(running->sql);
	if (length <= CONTEXT_SHOWN)
	{
		errcontext("SQL statement \"%s\"", running->sql);
		return;
	}
	length = pg_mbcliplen(running->sql, length, CONTEXT_SHOWN);
	errcontext("SQL statement \"%.*s...\"", length, running->sql);
}

static void
run_planned(PlannedStmt *planned, const char *text)
{
	QueryDesc  *query;

	if (planned->utilityStmt != NULL)
	{
		ProcessUtility(planned, text, false, PROCESS_UTILITY_QUERY,
					   NULL, NULL, None_Receiver, NULL);
		return;
	}
	query = CreateQueryDesc(planned, text, GetActiveSnapshot(), InvalidSnapshot,
							None_Receiver, NULL, NULL, 0);
	ExecutorStart(query, 0);
	pgcopy_executor_run(query);
	ExecutorFinish(query);
	ExecutorEnd(query);
	FreeQueryDesc(query);
}

/* A statement that needs no parse analysis */
typedef struct UtilityStatement
{
	Node	   *node;
	const char *text;
} UtilityStatement;

static void
run_utility(void *arg)
{
	const UtilityStatement *statement = arg;
	PlannedStmt *planned = makeNode(PlannedStmt);

	planned->commandType = CMD_UTILITY;
	planned->canSetTag = true;
	planned->utilityStmt = statement->node;
	planned->stmt_location = -1;
	run_planned(planned, statement->text);
}

/* Run a statement that holds a query (CREATE MATERIALIZED VIEW, SELECT). */
static void
run_analyzed(RawStmt *raw, const char *text)
{
	List	   *list = pg_analyze_and_rewrite_fixedparams(raw, text, NULL, 0, NULL);
	ListCell   *lc;

	list = pg_plan_queries(list, text, CURSOR_OPT_PARALLEL_OK, NULL);
	foreach(lc, list)
	{
		run_planned(lfirst_node(PlannedStmt, lc), text);
		CommandCounterIncrement();
	}
}

/*
 * Set the search_path that a statement runs under.  The expressions of an index
 * are still read under the empty one, where they mean what pg_dump has written:
 * under another one a function or operator that fits the arguments better
 * could take the place of one of pg_catalog.
 */
static Node *
set_path(Node *node, const char *text, const char *search_path)
{
	if (IsA(node, IndexStmt))
	{
		IndexStmt  *index = castNode(IndexStmt, node);
		Oid			table = RangeVarGetRelid(index->relation, ShareLock, false);

		node = (Node *) transformIndexStmt(table, index, text);
		CommandCounterIncrement();
	}
	set_locally("search_path", search_path);
	return node;
}

RawStmt *
pgcopy_apply_parse(const char *sql)
{
	List	   *trees = raw_parser(sql, RAW_PARSE_DEFAULT);

	if (list_length(trees) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("expected one statement, found %d", list_length(trees))));
	return linitial_node(RawStmt, trees);
}

static void
parse_and_run(RunningStatement *running, ApplyForm form, const char *search_path)
{
	RawStmt    *raw = pgcopy_apply_parse(running->sql);
	const char *text = running->sql;
	UtilityStatement statement;

	running->tag = GetCommandTagName(CreateCommandTag(raw->stmt));
	if (running->has_secret)
		text = running->tag;
	if (IsA(raw->stmt, TransactionStmt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("transaction control is not allowed in a dump")));
	if (pgcopy_apply_is_needless(raw->stmt))
		return;

	/* The view gets the rows that its owner sees, as on the source. */
	if (IsA(raw->stmt, RefreshMatViewStmt))
		set_locally("row_security", "on");

	if (form == APPLY_DROP)
	{
		pgcopy_drop_run(raw->stmt);
		CommandCounterIncrement();
		return;
	}
	raw->stmt = pgcopy_constraint_rewrite(raw->stmt, form);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (search_path != NULL)
		raw->stmt = set_path(raw->stmt, text, search_path);
	statement = (UtilityStatement) {raw->stmt, text};
	if (analyze_requires_snapshot(raw))
		run_analyzed(raw, text);
	else if (IsA(raw->stmt, IndexStmt))
		pgcopy_index_build_during(run_utility, &statement,
								  castNode(IndexStmt, raw->stmt)->idxname,
								  running->outcome);
	else if (IsA(raw->stmt, CreateStmt))
		pgcopy_index_build_during(run_utility, &statement, NULL, NULL);
	else if (form == APPLY_VALIDATE_CONSTRAINT)
		pgcopy_constraint_validate(castNode(AlterTableStmt, raw->stmt), run_utility,
								   &statement);
	else
		run_utility(&statement);
	if (form == APPLY_VALIDATE_CONSTRAINT)
		pgcopy_constraint_mark_validated(castNode(AlterTableStmt, raw->stmt));
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommandCounterIncrement();
}

static void
rethrow_without(const char *sql, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	pgcopy_secret_conceal(error, sql);
	ReThrowError(error);
}

void
pgcopy_apply_statement(const char *sql, const DumpSettings *settings,
					   ApplyForm form, bool has_secret, IndexOutcome *outcome)
{
	RunningStatement running = {sql, "...", has_secret, outcome};
	const char *query_before = debug_query_string;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy apply",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	ErrorContextCallback callback;
	int			nest_level;

	Assert(IsTransactionState());
	Assert(!InLocalUserIdChange()); /* not as the extension's owner */
	callback.callback = describe_statement;
	callback.arg = &running;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	debug_query_string = has_secret ? NULL : sql;
	pgstat_report_activity(STATE_RUNNING, has_secret ? "" : sql);
	nest_level = NewGUCNestLevel();
	PG_TRY();
	{
		apply_settings(settings);
		parse_and_run(&running, form, settings->search_path);
	}
	PG_CATCH();
	{
		/* else the log would show the text as the error's STATEMENT */
		debug_query_string = query_before;
		if (has_secret)
			rethrow_without(sql, before);
		PG_RE_THROW();
	}
	PG_END_TRY();
	AtEOXact_GUC(true, nest_level);
	debug_query_string = query_before;

	error_context_stack = callback.previous;
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
}
