/*-------------------------------------------------------------------------
 *
 * pgcopy_stream.c
 *	  Slots, publications and replica identities without a job.
 *
 * What it calls is compiled in here.  Sessions are kept from one call to the next,
 * in a memory context that an error deletes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"

#include "stream/publication.h"
#include "stream/slot.h"

PG_MODULE_MAGIC;

PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_slot);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_by_lock);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_look);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_drop_slot);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_holders);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_publish);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_check);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_unpublish);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_published);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_identities);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_set_identity);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_restore_identity);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_stream_close_all);

#define OWN_NAME "pgcopy job 7 leader"

static MemoryContext sessions = NULL;
static SourceSession *ordinary = NULL;
static SourceSession *reader = NULL;
static SourceSession *replication = NULL;

static SourceConninfo *
resolve(FunctionCallInfo fcinfo)
{
	return pgcopy_conninfo_resolve(text_to_cstring(PG_GETARG_TEXT_PP(0)), GetUserId());
}

/* Open a session that outlives the call, unless one is open. */
static void
keep_open(SourceSession **session, FunctionCallInfo fcinfo,
		  SourceSession *(*open) (const SourceConninfo *conninfo, const char *name))
{
	MemoryContext caller = CurrentMemoryContext;

	if (*session != NULL && pgcopy_session_is_alive(*session))
		return;
	if (sessions == NULL)
		sessions = AllocSetContextCreate(TopMemoryContext, "pgcopy_stream",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(sessions);
	*session = open(resolve(fcinfo), OWN_NAME);
	MemoryContextSwitchTo(caller);
}

static SourceSession *
open_ordinary(FunctionCallInfo fcinfo)
{
	keep_open(&ordinary, fcinfo, pgcopy_session_open);
	return ordinary;
}

/* SessionWaits. */
static void
tell_wait(void *arg, int seconds)
{
	ereport(NOTICE, (errmsg("waiting for %d s", seconds)));
}

static Datum
make_pair(FunctionCallInfo fcinfo, const char *snapshot, XLogRecPtr lsn, bool too_large)
{
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {snapshot == NULL, lsn == InvalidXLogRecPtr, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "it returns no row");
	values[0] = snapshot != NULL ? CStringGetTextDatum(snapshot) : (Datum) 0;
	values[1] = LSNGetDatum(lsn);
	values[2] = BoolGetDatum(too_large);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
pgcopy_stream_slot(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			flags = (PG_GETARG_BOOL(2) ? SLOT_TEMPORARY : 0) |
		(PG_GETARG_BOOL(3) ? SLOT_EXPORTS : 0);
	char	   *snapshot = NULL;
	XLogRecPtr	lsn = InvalidXLogRecPtr;
	bool		is_made;

	keep_open(&replication, fcinfo, pgcopy_slot_connect);
	pgcopy_session_on_wait(replication, tell_wait, NULL);
	is_made = pgcopy_slot_create(replication, name, flags, &snapshot, &lsn);
	return make_pair(fcinfo, snapshot, lsn, !is_made);
}

static List *
get_texts(Datum datum)
{
	Datum	   *elements;
	List	   *texts = NIL;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(datum), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		texts = lappend(texts, TextDatumGetCString(elements[i]));
	return texts;
}

Datum
pgcopy_stream_by_lock(PG_FUNCTION_ARGS)
{
	XLogRecPtr	lsn = InvalidXLogRecPtr;
	char	   *snapshot;

	open_ordinary(fcinfo);
	keep_open(&reader, fcinfo, pgcopy_session_open);
	snapshot = pgcopy_slot_snapshot_by_lock(ordinary, reader, get_texts(PG_GETARG_DATUM(1)),
											PG_GETARG_INT32(2), &lsn);
	return make_pair(fcinfo, snapshot, lsn, false);
}

Datum
pgcopy_stream_look(PG_FUNCTION_ARGS)
{
	SlotStatus	status;

	pgcopy_slot_look(open_ordinary(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(1)), &status);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("exists %d active %d wal_status %s safe " INT64_FORMAT " retained " INT64_FORMAT " confirmed %X/%X source %X/%X reason %s",
											  status.exists, status.is_active,
											  status.wal_status, status.safe_wal_size,
											  status.retained_bytes,
											  LSN_FORMAT_ARGS(status.confirmed_flush),
											  LSN_FORMAT_ARGS(status.source_lsn),
											  status.reason)));
}

Datum
pgcopy_stream_drop_slot(PG_FUNCTION_ARGS)
{
	pgcopy_slot_drop(open_ordinary(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

Datum
pgcopy_stream_holders(PG_FUNCTION_ARGS)
{
	StringInfoData lines;
	ListCell   *lc;

	initStringInfo(&lines);
	foreach(lc, pgcopy_slot_holders(open_ordinary(fcinfo)))
		appendStringInfo(&lines, "%s\n", (char *) lfirst(lc));
	PG_RETURN_TEXT_P(cstring_to_text(lines.data));
}

/* Schema, name and filter of each table. */
static List *
get_tables(FunctionCallInfo fcinfo)
{
	List	   *texts = get_texts(PG_GETARG_DATUM(3));
	List	   *tables = NIL;
	Datum	   *oids;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(PG_GETARG_DATUM(2)), OIDOID, sizeof(Oid), true,
					  TYPALIGN_INT, &oids, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		PublishedTable *table = palloc(sizeof(PublishedTable));
		const char *filter = list_nth(texts, i * 3 + 2);

		table->oid = DatumGetObjectId(oids[i]);
		table->schema = list_nth(texts, i * 3);
		table->name = list_nth(texts, i * 3 + 1);
		table->row_filter = filter[0] != '\0' ? filter : NULL;
		tables = lappend(tables, table);
	}
	return tables;
}

Datum
pgcopy_stream_publish(PG_FUNCTION_ARGS)
{
	SourceSession *session = open_ordinary(fcinfo);

	pgcopy_session_on_wait(session, tell_wait, NULL);
	pgcopy_publication_create(session, text_to_cstring(PG_GETARG_TEXT_PP(1)),
							  get_tables(fcinfo), PG_GETARG_BOOL(4));
	PG_RETURN_VOID();
}

Datum
pgcopy_stream_check(PG_FUNCTION_ARGS)
{
	StringInfoData lines;
	ListCell   *lc;

	initStringInfo(&lines);
	foreach(lc, pgcopy_publication_check(open_ordinary(fcinfo),
										 text_to_cstring(PG_GETARG_TEXT_PP(1)),
										 get_tables(fcinfo)))
	{
		const Finding *finding = lfirst(lc);

		appendStringInfo(&lines, "%s: %s. %s%s\n",
						 finding->level == FINDING_ERROR ? "error" : "notice",
						 finding->message, finding->detail ? finding->detail : "",
						 finding->hint ? finding->hint : "");
	}
	PG_RETURN_TEXT_P(cstring_to_text(lines.data));
}

Datum
pgcopy_stream_unpublish(PG_FUNCTION_ARGS)
{
	pgcopy_publication_drop(open_ordinary(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

Datum
pgcopy_stream_published(PG_FUNCTION_ARGS)
{
	StringInfoData lines;
	ListCell   *lc;

	initStringInfo(&lines);
	foreach(lc, pgcopy_publication_relations(open_ordinary(fcinfo),
											 text_to_cstring(PG_GETARG_TEXT_PP(1))))
		appendStringInfo(&lines, "%u\n", lfirst_oid(lc));
	PG_RETURN_TEXT_P(cstring_to_text(lines.data));
}

Datum
pgcopy_stream_identities(PG_FUNCTION_ARGS)
{
	char	   *only = text_to_cstring(PG_GETARG_TEXT_PP(1));
	StringInfoData lines;
	ListCell   *lc;

	initStringInfo(&lines);
	foreach(lc, pgcopy_identity_read(open_ordinary(fcinfo), only[0] != '\0' ? only : NULL))
	{
		const TableIdentity *identity = lfirst(lc);

		appendStringInfo(&lines, "%u\t%c\t%d\t%s\t" INT64_FORMAT "\t" INT64_FORMAT "\t%s\n",
						 identity->oid, identity->replident, identity->can_be_restored,
						 identity->index ? identity->index : "", identity->updates,
						 identity->bytes, pgcopy_identity_fault_text(identity->fault));
	}
	PG_RETURN_TEXT_P(cstring_to_text(lines.data));
}

Datum
pgcopy_stream_set_identity(PG_FUNCTION_ARGS)
{
	char	   *index = text_to_cstring(PG_GETARG_TEXT_PP(2));
	SourceSession *session = open_ordinary(fcinfo);

	pgcopy_session_on_wait(session, tell_wait, NULL);
	pgcopy_identity_set(session, PG_GETARG_OID(1), index[0] != '\0' ? index : NULL);
	PG_RETURN_VOID();
}

Datum
pgcopy_stream_restore_identity(PG_FUNCTION_ARGS)
{
	pgcopy_identity_restore(open_ordinary(fcinfo), PG_GETARG_OID(1),
							text_to_cstring(PG_GETARG_TEXT_PP(2))[0]);
	PG_RETURN_VOID();
}

Datum
pgcopy_stream_close_all(PG_FUNCTION_ARGS)
{
	if (sessions != NULL)
		MemoryContextDelete(sessions);
	sessions = NULL;
	ordinary = NULL;
	reader = NULL;
	replication = NULL;
	PG_RETURN_VOID();
}
