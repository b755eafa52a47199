/*-------------------------------------------------------------------------
 *
 * referential.c
 *	  What happens to foreign keys that a subset of rows breaks.
 *
 * A key is broken by rows that are copied and refer to rows that are not.  With
 * 'follow' the former are left out too, which may break other keys, so that they are
 * followed in turn.  Otherwise they are counted, key by key: what each key loses by
 * the conditions of the two tables is all that there is to know.
 *
 * A key that rows of the source break already is NOT VALID there and here; such rows
 * are neither counted nor left out.  Where the rows that it refers to are not read at
 * all, they cannot be told from others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/finding.h"
#include "select/reference_sql.h"
#include "select/referential.h"

/* List at most this many keys in an error's detail. */
#define MOST_KEYS 50

/* A key and the number of rows that break it. */
typedef struct BrokenKey
{
	const ForeignKey *key;
	int64		orphans;
	bool		by_condition;	/* not only by exclude_table_data */
} BrokenKey;

static bool
loses_rows(const ReferentialRequest *request)
{
	ListCell   *lc;

	if (request->lacks_relations)
		return true;
	foreach(lc, request->relations)
	{
		const SourceRelation *relation = lfirst(lc);

		if (relation->row_condition != NULL ||
			(relation->relkind == RELKIND_RELATION &&
			 !relation->has_data_of_its_own && !relation->is_unreadable))
			return true;
	}
	return false;
}

static void
set_path(SourceSession *session, const char *path)
{
	const char *params[] = {path};

	pgcopy_rows_free(pgcopy_session_query_row(session,
											  "SELECT pg_catalog.set_config('search_path', $1, true)",
											  1, 1, params));
}

/* Is it an error that a condition, evaluated on a row, may throw? */
static bool
may_tell_values(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return false;
	}
	return error->sqlerrcode != ERRCODE_PROTOCOL_VIOLATION &&
		error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE;
}

static char *
name_of_table(const ReferenceGraph *graph, Oid oid)
{
	const SourceRelation *relation = pgcopy_reference_graph_find(graph, oid)->relation;

	return pstrdup(quote_qualified_identifier(relation->schema, relation->name));
}

/*
 * Throw an error of the source without the statement, which has the constants of
 * conditions, and without values of rows.
 */
static void
throw_concealed(const ReferenceGraph *graph, const ForeignKey *key, ErrorData *error)
{
	error->context = NULL;
	if (!pgcopy_session_threw(error) || !may_tell_values(error))
		ReThrowError(error);
	ereport(ERROR,
			(errcode(error->sqlerrcode),
			 errmsg("the source could not count the rows that break foreign key %s of %s",
					quote_identifier(key->name),
					name_of_table(graph, key->referencing)),
			 errdetail("Its message is not shown: it may tell values of rows."),
			 errhint("Check the conditions of row_filters for both tables of the key.")));
}

static int64
ask_count(SourceSession *session, const char *sql)
{
	SourceRows *rows = pgcopy_session_query_row(session, sql, 1, 0, NULL);
	int64		count = pgcopy_rows_get_size(rows, 0, 0);

	pgcopy_rows_free(rows);
	return count;
}

static int64
count_orphans(SourceSession *session, const ReferenceGraph *graph, const ForeignKey *key)
{
	MemoryContext caller = CurrentMemoryContext;
	const char *path = pgcopy_reference_count_path(graph, key);
	char	   *sql = pgcopy_reference_count_make(graph, key);
	volatile int64 count = 0;

	if (path != NULL)
		set_path(session, path);
	PG_TRY();
	{
		count = ask_count(session, sql);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		throw_concealed(graph, key, error);
	}
	PG_END_TRY();
	if (path != NULL)
		set_path(session, "");
	pfree(sql);
	return count;
}

/* Has the key rows to break it? */
static bool
has_referencing_rows(const ReferenceGraph *graph, const ForeignKey *key)
{
	ReferenceNode *node = pgcopy_reference_graph_find(graph, key->referencing);
	ListCell   *lc;

	if (list_member_ptr(node->keys, key))
		return true;
	foreach(lc, node->leaves)
	{
		if (list_member_ptr(((ReferenceNode *) lfirst(lc))->keys, key))
			return true;
	}
	return false;
}

/* Has a table, or a leaf of it, a condition? */
static bool
has_condition(const ReferenceNode *node)
{
	ListCell   *lc;

	if (node->relation->row_condition != NULL)
		return true;
	foreach(lc, node->leaves)
	{
		if (has_condition(lfirst(lc)))
			return true;
	}
	return false;
}

static char *
name_of_key(const ReferenceGraph *graph, const ForeignKey *key)
{
	return psprintf("%s of %s", quote_identifier(key->name), name_of_table(graph, key->referencing));
}

/*
 * A key with PERIOD may need several rows for one, which no comparison of rows with
 * rows can tell.
 */
static List *
find_temporal(const ReferenceGraph *graph)
{
	List	   *findings = NIL;
	ListCell   *lc;

	foreach(lc, graph->keys)
	{
		const ForeignKey *key = lfirst(lc);

		if (!key->is_temporal || !has_referencing_rows(graph, key) ||
			!pgcopy_reference_graph_find(graph, key->referenced)->is_affected)
			continue;
		findings = list_concat(findings, pgcopy_finding_list(&(Finding) {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_FEATURE_NOT_SUPPORTED,
			.object = name_of_table(graph, key->referencing),
			.message = psprintf("cannot copy a part of the rows that foreign key %s refers to",
								name_of_key(graph, key)),
			.detail = "It is a temporal key (PERIOD).",
			.hint = psprintf("Copy all rows of %s, or exclude %s.",
							 name_of_table(graph, key->referenced),
							 name_of_table(graph, key->referencing))
		}));
	}
	return findings;
}

/* Count the rows that break each key: List of BrokenKey *, without whole keys. */
static List *
find_broken(SourceSession *session, const ReferenceGraph *graph)
{
	List	   *broken = NIL;
	ListCell   *lc;

	foreach(lc, graph->keys)
	{
		const ForeignKey *key = lfirst(lc);
		const ReferenceNode *referenced = pgcopy_reference_graph_find(graph, key->referenced);
		BrokenKey  *entry;
		int64		orphans;

		CHECK_FOR_INTERRUPTS();
		if (!referenced->is_affected || !has_referencing_rows(graph, key))
			continue;
		orphans = count_orphans(session, graph, key);
		if (orphans == 0)
			continue;
		entry = palloc(sizeof(BrokenKey));
		entry->key = key;
		entry->orphans = orphans;
		entry->by_condition = has_condition(referenced);
		broken = lappend(broken, entry);
	}
	return broken;
}

static char *
count_of_rows(int64 count)
{
	return psprintf(INT64_FORMAT " row%s", count, count == 1 ? "" : "s");
}

static void
append_key(StringInfo detail, const ReferenceGraph *graph, const BrokenKey *entry)
{
	appendStringInfo(detail, "%s%s: %s, to %s.", detail->len > 0 ? "\n" : "",
					 name_of_key(graph, entry->key), count_of_rows(entry->orphans),
					 name_of_table(graph, entry->key->referenced));
}

/* One error of all keys that conditions break; NIL if there is none. */
static List *
make_error(const ReferenceGraph *graph, List *broken)
{
	StringInfoData detail;
	const BrokenKey *first = NULL;
	int			count = 0;
	ListCell   *lc;

	initStringInfo(&detail);
	foreach(lc, broken)
	{
		const BrokenKey *entry = lfirst(lc);

		if (!entry->by_condition)
			continue;
		if (count++ == 0)
			first = entry;
		if (count <= MOST_KEYS)
			append_key(&detail, graph, entry);
	}
	if (count == 0)
		return NIL;
	if (count > MOST_KEYS)
		appendStringInfo(&detail, "\n... and %d more.", count - MOST_KEYS);
	return pgcopy_finding_list(&(Finding) {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_FOREIGN_KEY_VIOLATION,
		.object = name_of_table(graph, first->key->referencing),
		.message = psprintf("row_filters break %d foreign key%s: rows that are copied refer to rows that are left out",
							count, count == 1 ? "" : "s"),
		.detail = detail.data,
		.hint = "Use referential => 'follow' to leave out these rows too, or referential => 'not valid' to copy them and leave the keys NOT VALID."
	});
}

static List *
make_not_valid_notice(const ReferenceGraph *graph, const BrokenKey *entry)
{
	bool		is_partitioned =
		pgcopy_reference_graph_find(graph, entry->key->referencing)->relation->relkind ==
		RELKIND_PARTITIONED_TABLE;

	return pgcopy_finding_list(&(Finding) {
		.level = FINDING_NOTICE,
		.object = name_of_table(graph, entry->key->referencing),
		.message = psprintf("foreign key %s %s: %s that %s copied refer%s to rows of %s that are left out",
							name_of_key(graph, entry->key),
							is_partitioned ? "is left out, as a partitioned table cannot have it NOT VALID" :
							"stays NOT VALID",
							count_of_rows(entry->orphans),
							entry->orphans == 1 ? "is" : "are",
							entry->orphans == 1 ? "s" : "",
							name_of_table(graph, entry->key->referenced)),
		.hint = is_partitioned ?
			"Repair the rows, then add the key. Or clone with referential => 'follow', which leaves them out." :
			"Repair the rows, then ALTER TABLE ... VALIDATE CONSTRAINT. Or clone with referential => 'follow', which leaves them out."
	});
}

/* An error if a key of tables that exist would refuse the rows; else NIL. */
static List *
make_refusal(const ReferenceGraph *graph, const BrokenKey *entry)
{
	char	   *here = entry->by_condition ?
		pgcopy_reference_here_find(graph, entry->key) : NULL;

	if (here == NULL)
		return NIL;
	return pgcopy_finding_list(&(Finding) {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_FOREIGN_KEY_VIOLATION,
		.object = name_of_table(graph, entry->key->referencing),
		.message = psprintf("foreign key %s of %s exists here and cannot stay NOT VALID: %s would refer to rows of %s that are left out",
							here, name_of_table(graph, entry->key->referencing),
							count_of_rows(entry->orphans),
							name_of_table(graph, entry->key->referenced)),
		.hint = "Use referential => 'follow' to leave out these rows too, or drop the key here."
	});
}

static ReferentialResult
count_all(SourceSession *session, const ReferenceGraph *graph,
		  const ReferentialRequest *request)
{
	ReferentialOption choice = request->choice;
	List	   *broken = find_broken(session, graph);
	ReferentialResult result = {NIL, NIL};
	ListCell   *lc;

	if (choice == REFERENTIAL_CHECK)
		result.findings = make_error(graph, broken);
	foreach(lc, broken)
	{
		const BrokenKey *entry = lfirst(lc);
		List	   *refusal;

		if (choice == REFERENTIAL_CHECK && entry->by_condition)
			continue;
		refusal = request->appends ? NIL : make_refusal(graph, entry);
		result.findings = list_concat(result.findings, refusal);
		if (refusal != NIL)
			continue;
		result.not_valid = lappend_oid(result.not_valid, entry->key->oid);
		result.findings = list_concat(result.findings,
									  make_not_valid_notice(graph, entry));
	}
	return result;
}

/* Tell which tables lose rows by their keys. */
static List *
tell_followed(const ReferenceGraph *graph)
{
	List	   *findings = NIL;

	for (int i = 0; i < graph->count; i++)
	{
		const ReferenceNode *node = &graph->nodes[i];
		StringInfoData names;
		ListCell   *lc;

		initStringInfo(&names);
		foreach(lc, node->keys)
		{
			const ForeignKey *key = lfirst(lc);

			if (pgcopy_reference_graph_find(graph, key->referenced)->is_affected)
				appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
								 quote_identifier(key->name));
		}
		if (names.len == 0)
			continue;
		findings = list_concat(findings, pgcopy_finding_list(&(Finding) {
			.level = FINDING_NOTICE,
			.object = name_of_table(graph, node->relation->oid),
			.message = psprintf("rows of %s that refer to rows left out are left out too (%s)",
								name_of_table(graph, node->relation->oid), names.data)
		}));
	}
	return findings;
}

ReferentialResult
pgcopy_referential_apply(SourceSession *session, const ReferentialRequest *request)
{
	ReferentialResult result = {NIL, NIL};
	ReferenceGraph *graph;

	if (!loses_rows(request))
		return result;
	graph = pgcopy_reference_graph_make(session, request->relations,
										request->lacks_relations);
	if (request->choice == REFERENTIAL_FOLLOW)
		pgcopy_reference_graph_follow(graph);
	result.findings = find_temporal(graph);
	if (result.findings != NIL)
		return result;
	pgcopy_reference_order_nodes(graph);
	if (request->choice != REFERENTIAL_FOLLOW)
		return count_all(session, graph, request);
	pgcopy_reference_sql_follow(graph);
	result.findings = tell_followed(graph);
	return result;
}
