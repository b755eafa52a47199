/*-------------------------------------------------------------------------
 *
 * sequence.c
 *	  Copy the values of sequences from the source.
 *
 * A sequence is a relation of one row, so one query reads many of them by UNION
 * ALL.  Snapshots do not apply to sequences.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_sequence.h"
#include "commands/sequence.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "schema/apply.h"
#include "source/inventory.h"
#include "source/snapshot.h"

#define SEQUENCES_PER_QUERY	200
#define NAMES_SHOWN			5

/*
 * Query the current names of sequences first to end - 1, and whether we may
 * read them; one row for each, in order.  By OID and through functions, as the
 * session's snapshot may be hours old.
 */
static SourceRows *
ask_names(SourceSession *session, List *sequences, int first, int end)
{
	const char *params[] = {pgcopy_inventory_oids_literal(sequences, first, end)};

	return pgcopy_session_query(session,
								"SELECT s.oid::pg_catalog.regclass::pg_catalog.text,"
								" pg_catalog.has_sequence_privilege(s.oid, 'SELECT')"
								" AND coalesce((SELECT pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')"
								" FROM pg_catalog.pg_class c"
								" WHERE c.oid OPERATOR(pg_catalog.=) s.oid), true)"
								" FROM pg_catalog.unnest($1::pg_catalog.oid[])"
								" WITH ORDINALITY s (oid, place)"
								" ORDER BY s.place", 2, 1, params);
}

/*
 * Throw if the source's role may not read all of them: the source would name
 * only the first, without its schema.
 */
static void
check_readable(SourceRows *names)
{
	StringInfoData list;
	int			count = 0;

	initStringInfo(&list);
	for (int i = 0; i < pgcopy_rows_count(names); i++)
	{
		if (pgcopy_rows_is_null(names, i, 1) ||
			pgcopy_rows_get_bool(names, i, 1))
			continue;
		if (++count <= NAMES_SHOWN)
			appendStringInfo(&list, "%s%s", count > 1 ? ", " : "",
							 pgcopy_rows_get(names, i, 0));
	}
	if (count == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the source's role may not read %d of its sequences", count),
			 errdetail("Not readable: %s%s.", list.data,
					   count > NAMES_SHOWN ? ", ..." : ""),
			 errhint("On the source, grant SELECT on them, and USAGE on their schemas, to the role of the connection.")));
}

static void
check_count(const SourceRows *rows, int wanted)
{
	int			count = pgcopy_rows_count(rows);

	if (count != wanted)
		pgcopy_rows_throw(rows,
						  psprintf("It was asked for %d sequences and answered for %d.",
								   wanted, count));
}

/*
 * Query place in the list, last_value and is_called of the sequences that still
 * exist.  Returns NULL if none does.
 */
static SourceRows *
read_sequences(SourceSession *session, SourceRows *names, List *sequences,
			   int first)
{
	StringInfoData sql;
	SourceRows *rows;
	int			asked = 0;

	initStringInfo(&sql);
	for (int i = 0; i < pgcopy_rows_count(names); i++)
	{
		const SourceRelation *sequence = list_nth(sequences, first + i);

		if (pgcopy_rows_is_null(names, i, 1))
		{
			ereport(WARNING,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("sequence %s has been dropped on the source",
							quote_qualified_identifier(sequence->schema,
													   sequence->name)),
					 errdetail("Here it keeps the value it was created with.")));
			continue;
		}
		asked++;
		appendStringInfo(&sql, "%sSELECT %d, last_value, is_called FROM %s",
						 sql.len > 0 ? " UNION ALL " : "", first + i,
						 pgcopy_rows_get(names, i, 0));
	}
	if (asked == 0)
		return NULL;
	rows = pgcopy_session_query(session, sql.data, 3, 0, NULL);
	check_count(rows, asked);
	return rows;
}

/* Find the sequence here that has the name of one of the source. */
static Oid
find_here(const SourceRelation *sequence)
{
	const char *schema = sequence->local_schema != NULL ?
		sequence->local_schema : sequence->schema;
	Oid			relid = get_relname_relid(sequence->name, get_namespace_oid(schema, true));

	if (!OidIsValid(relid) || get_rel_relkind(relid) != RELKIND_SEQUENCE)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no sequence %s in this database",
						quote_qualified_identifier(schema, sequence->name))));
	return relid;
}

static void
describe_sequence(void *arg)
{
	const SourceRelation *sequence = arg;

	errcontext("setting sequence %s",
			   quote_qualified_identifier(sequence->schema, sequence->name));
}

/* Read a sequence here as the source reads its own; needs no privilege. */
static void
read_here(Oid relid, int64 *last_value, bool *is_called)
{
	Relation	relation = relation_open(relid, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan = table_beginscan(relation, SnapshotAny, 0, NULL);
	bool		is_null;

	if (!table_scan_getnextslot(scan, ForwardScanDirection, slot))
		elog(ERROR, "sequence %u has no row", relid);
	*last_value = DatumGetInt64(slot_getattr(slot, SEQ_COL_LASTVAL, &is_null));
	*is_called = DatumGetBool(slot_getattr(slot, SEQ_COL_CALLED, &is_null));
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	relation_close(relation, AccessShareLock);
}

/*
 * Whether a sequence here need not be set: it has the source's value.  That of an
 * extension's configuration may also be further: rows of its table stay here, so it
 * must not go back.
 */
static bool
is_far_enough(Oid relid, const SourceRelation *sequence, int64 last_value, bool is_called)
{
	HeapTuple	tuple;
	Form_pg_sequence form;
	int64		here;
	bool		is_called_here;
	bool		is_further;

	read_here(relid, &here, &is_called_here);
	if (sequence->config_condition == NULL)
		return here == last_value && is_called_here == is_called;
	tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for sequence %u", relid);
	form = (Form_pg_sequence) GETSTRUCT(tuple);
	is_further = is_called_here && !form->seqcycle &&
		(form->seqincrement > 0 ? here > last_value : here < last_value);
	ReleaseSysCache(tuple);
	return is_further ||
		(here == last_value && (is_called_here || !is_called));
}

static void
set_sequence(SourceRelation *sequence, int64 last_value, bool is_called)
{
	ErrorContextCallback callback;
	Oid			relid;

	callback.callback = describe_sequence;
	callback.arg = sequence;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	relid = find_here(sequence);
	if (!is_far_enough(relid, sequence, last_value, is_called))
		(void) DirectFunctionCall3(setval3_oid,
								   ObjectIdGetDatum(relid),
								   Int64GetDatum(last_value),
								   BoolGetDatum(is_called));
	error_context_stack = callback.previous;
}

static void
copy_some(SourceSession *session, List *sequences, int first, int end)
{
	SourceRows *names = ask_names(session, sequences, first, end);
	SourceRows *rows;
	Bitmapset  *seen = NULL;

	check_count(names, end - first);
	check_readable(names);
	rows = read_sequences(session, names, sequences, first);
	pgcopy_rows_free(names);
	if (rows == NULL)
		return;
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		int64		place = pgcopy_rows_get_size(rows, i, 0);

		if (place < first || place >= end || bms_is_member((int) place, seen))
			pgcopy_rows_throw(rows, "It names a sequence that was not asked for, or one twice.");
		seen = bms_add_member(seen, (int) place);
		set_sequence(list_nth(sequences, (int) place),
					 pgcopy_rows_get_int64(rows, i, 1),
					 pgcopy_rows_get_bool(rows, i, 2));
	}
	pgcopy_rows_free(rows);
}

void
pgcopy_sequence_copy(SourceSession *session, List *sequences)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy sequences",
												  ALLOCSET_DEFAULT_SIZES);
	int			count = list_length(sequences);
	bool		is_begun = pgcopy_snapshot_begin_current(session);

	Assert(IsTransactionState());
	for (int first = 0; first < count; first += SEQUENCES_PER_QUERY)
	{
		MemoryContext before = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		copy_some(session, sequences, first,
				  Min(first + SEQUENCES_PER_QUERY, count));
		MemoryContextSwitchTo(before);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	if (is_begun)
		pgcopy_snapshot_release(session);
}
