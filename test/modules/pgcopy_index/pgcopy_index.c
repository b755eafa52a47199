/*-------------------------------------------------------------------------
 *
 * pgcopy_index.c
 *	  Index builds without a job, and a comparison of indexes page by page.
 *
 * What runs the statement is compiled in here, from the point on where a worker
 * hands it to schema/apply.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "base/settings.h"
#include "index/index_build.h"
#include "schema/apply.h"
#include "schema/constraint.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_index_create);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_index_differ);
PGDLLEXPORT PG_FUNCTION_INFO_V1(pgcopy_index_touch);

/* Where two relations differ. */
typedef struct Difference
{
	int			pages;			/* that differ */
	BlockNumber block;			/* the first one */
	int			offset;			/* of its first byte */
	uint8		a;				/* the bytes there */
	uint8		b;
} Difference;

void
_PG_init(void)
{
	pgcopy_settings_define();
}

/* As in a job, the search_path is empty while the statement runs. */
Datum
pgcopy_index_create(PG_FUNCTION_ARGS)
{
	char	   *sql = text_to_cstring(PG_GETARG_TEXT_PP(0));
	RawStmt    *raw = pgcopy_apply_parse(sql);
	DumpSettings settings = {
		.default_tablespace = GetConfigOptionByName("default_tablespace", NULL, false)
	};
	IndexOutcome outcome = {0};
	Datum		values[2] = {0};
	bool		nulls[2] = {false};
	TupleDesc	desc;

	pgcopy_apply_statement(sql, &settings,
						   IsA(raw->stmt, IndexStmt) ? APPLY_AS_WRITTEN : APPLY_INDEX_OF_CONSTRAINT,
						   false, &outcome);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	nulls[0] = outcome.builder == INDEX_NOT_BUILT;
	nulls[1] = outcome.reason == NULL;
	if (!nulls[0])
		values[0] = CStringGetTextDatum(outcome.builder == INDEX_BUILT_FAST ? "fast" : "server");
	if (!nulls[1])
		values[1] = CStringGetTextDatum(outcome.reason);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

static void
copy_page(Relation relation, ForkNumber fork, BlockNumber block, char *page)
{
	Buffer		buffer = ReadBufferExtended(relation, fork, block, RBM_NORMAL, NULL);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(page, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);

	/* not compared */
	memset(&((PageHeader) page)->pd_lsn, 0, sizeof(PageXLogRecPtr));
	((PageHeader) page)->pd_checksum = 0;
}

static void
compare_pages(Relation a, Relation b, ForkNumber fork, BlockNumber blocks, Difference *difference)
{
	PGAlignedBlock page_a;
	PGAlignedBlock page_b;

	for (BlockNumber block = 0; block < blocks; block++)
	{
		int			offset = 0;

		CHECK_FOR_INTERRUPTS();
		copy_page(a, fork, block, page_a.data);
		copy_page(b, fork, block, page_b.data);
		if (memcmp(page_a.data, page_b.data, BLCKSZ) == 0)
			continue;
		if (difference->pages++ > 0)
			continue;
		while (page_a.data[offset] == page_b.data[offset])
			offset++;
		difference->block = block;
		difference->offset = offset;
		difference->a = (uint8) page_a.data[offset];
		difference->b = (uint8) page_b.data[offset];
	}
}

/* Say how one fork differs; unlogged indexes have an init fork too. */
static void
compare_fork(Relation a, Relation b, ForkNumber fork, StringInfo said)
{
	bool		has_a = smgrexists(RelationGetSmgr(a), fork);
	bool		has_b = smgrexists(RelationGetSmgr(b), fork);
	BlockNumber blocks_a = has_a ? RelationGetNumberOfBlocksInFork(a, fork) : 0;
	BlockNumber blocks_b = has_b ? RelationGetNumberOfBlocksInFork(b, fork) : 0;
	Difference	difference = {0};

	if (has_a != has_b)
		appendStringInfo(said, "%s fork: only one has it; ", forkNames[fork]);
	if (blocks_a != blocks_b)
		appendStringInfo(said, "%s fork: %u and %u pages; ", forkNames[fork], blocks_a, blocks_b);
	compare_pages(a, b, fork, Min(blocks_a, blocks_b), &difference);
	if (difference.pages > 0)
		appendStringInfo(said, "%s fork: %d of %u pages differ, first page %u at byte %d: %02x, %02x; ",
						 forkNames[fork], difference.pages, Min(blocks_a, blocks_b),
						 difference.block, difference.offset, difference.a, difference.b);
}

Datum
pgcopy_index_differ(PG_FUNCTION_ARGS)
{
	Relation	a = index_open(PG_GETARG_OID(0), AccessShareLock);
	Relation	b = index_open(PG_GETARG_OID(1), AccessShareLock);
	StringInfoData said;

	initStringInfo(&said);
	for (int fork = 0; fork <= MAX_FORKNUM; fork++)
		compare_fork(a, b, (ForkNumber) fork, &said);
	if (a->rd_rel->relpages != b->rd_rel->relpages)
		appendStringInfo(&said, "relpages %d and %d; ", a->rd_rel->relpages, b->rd_rel->relpages);
	if (a->rd_rel->reltuples != b->rd_rel->reltuples)
		appendStringInfo(&said, "reltuples %g and %g; ", a->rd_rel->reltuples, b->rd_rel->reltuples);
	index_close(a, AccessShareLock);
	index_close(b, AccessShareLock);
	if (said.len == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(said.data, said.len - strlen("; ")));
}

Datum
pgcopy_index_touch(PG_FUNCTION_ARGS)
{
	Relation	heap = relation_open(PG_GETARG_OID(0), AccessShareLock);
	Buffer		buffer = ReadBuffer(heap, PG_GETARG_INT32(1));

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	PageClearAllVisible(BufferGetPage(buffer));
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
	relation_close(heap, AccessShareLock);
	PG_RETURN_VOID();
}
