/*-------------------------------------------------------------------------
 *
 * output.c
 *	  Write the pages of a new index: WAL, file, checkpoints.
 *
 * From 17 on the server's bulk writer does all this.  Before, a batch of pages
 * is logged as full images in one record and written past the shared buffers,
 * in the order of blocks: a page is written twice only if a page of a higher
 * level got its block long before it was full.
 *
 * The writes do not tell the checkpointer; the end does, once for each segment
 * of the file.  A checkpoint that began before that has missed them, and replay
 * would begin behind their WAL.  So the end syncs the file if there was one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/pg_class.h"
#include "storage/checksum.h"
#include "storage/smgr.h"
#include "storage/sync.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/testpoint.h"
#include "index/output.h"

#ifdef PGCOPY_HAS_BULK_WRITE

#include "storage/bulk_write.h"

struct IndexOutput
{
	BulkWriteState *state;
};

IndexOutput *
pgcopy_output_begin(Relation index)
{
	IndexOutput *output = palloc(sizeof(IndexOutput));

	Assert(index->rd_rel->relpersistence != RELPERSISTENCE_TEMP);
	output->state = smgr_bulk_start_rel(index, MAIN_FORKNUM);
	return output;
}

Page
pgcopy_output_page(IndexOutput *output)
{
	return (Page) smgr_bulk_get_buf(output->state);
}

void
pgcopy_output_write(IndexOutput *output, Page page, BlockNumber block)
{
	smgr_bulk_write(output->state, block, (BulkWriteBuffer) page, true);
}

void
pgcopy_output_end(IndexOutput *output)
{
	PGCOPY_TEST_POINT("index", "written");
	smgr_bulk_finish(output->state);
	pfree(output);
}

#else

/* As many pages as a WAL record takes without being asked for more. */
#define BATCH_PAGES 32

/* One unfinished page for each level, and the metapage. */
#define MAX_PAGES (BATCH_PAGES + 32)

/* What direct I/O asks for, and what the kernel copies fastest. */
#define PAGE_ALIGNMENT 4096

struct IndexOutput
{
	Relation	index;
	bool		needs_wal;
	XLogRecPtr	redo;			/* of the last checkpoint when we began */
	BlockNumber length;			/* of the file, in blocks */

	/* pages to be written, by block */
	int			count;
	BlockNumber blocks[BATCH_PAGES];
	Page		pages[BATCH_PAGES];

	/* pages nobody uses */
	int			free_count;
	Page		free_pages[MAX_PAGES];
	void	   *memory;			/* of all pages */
};

IndexOutput *
pgcopy_output_begin(Relation index)
{
	IndexOutput *output = palloc0(sizeof(IndexOutput));
	char	   *pages;

	Assert(index->rd_rel->relpersistence != RELPERSISTENCE_TEMP);
	output->index = index;
	output->needs_wal = RelationNeedsWAL(index);
	output->redo = GetRedoRecPtr();
	output->memory = palloc(MAX_PAGES * BLCKSZ + PAGE_ALIGNMENT);
	pages = (char *) TYPEALIGN(PAGE_ALIGNMENT, output->memory);
	/* the lowest on top: small indexes touch little memory */
	for (int i = MAX_PAGES - 1; i >= 0; i--)
		output->free_pages[output->free_count++] = pages + i * BLCKSZ;
	return output;
}

Page
pgcopy_output_page(IndexOutput *output)
{
	if (output->free_count == 0)
		elog(ERROR, "too many pages in use");
	return output->free_pages[--output->free_count];
}

/* Write one page; the file may end before it. */
static void
write_page(IndexOutput *output, Page page, BlockNumber block)
{
	static PGAlignedBlock zeros;
	SMgrRelation file = RelationGetSmgr(output->index);

	while (output->length < block)
		smgrextend(file, MAIN_FORKNUM, output->length++, zeros.data, true);
	PageSetChecksumInplace(page, block);
	if (block < output->length)
		smgrwrite(file, MAIN_FORKNUM, block, page, true);
	else
	{
		smgrextend(file, MAIN_FORKNUM, block, page, true);
		output->length++;
	}
}

static void
write_batch(IndexOutput *output)
{
	if (output->count == 0)
		return;
	if (output->needs_wal)
		log_newpages(&pgcopy_relation_file(output->index), MAIN_FORKNUM, output->count,
					 output->blocks, output->pages, true);
	for (int i = 0; i < output->count; i++)
	{
		write_page(output, output->pages[i], output->blocks[i]);
		output->free_pages[output->free_count++] = output->pages[i];
	}
	output->count = 0;
}

void
pgcopy_output_write(IndexOutput *output, Page page, BlockNumber block)
{
	int			i;

	if (output->count == BATCH_PAGES)
		write_batch(output);
	for (i = output->count; i > 0 && output->blocks[i - 1] > block; i--)
	{
		output->blocks[i] = output->blocks[i - 1];
		output->pages[i] = output->pages[i - 1];
	}
	output->blocks[i] = block;
	output->pages[i] = page;
	output->count++;
}

/*
 * Have the next checkpoint sync all segments, as register_dirty_segment() of
 * md.c does.  Returns false if the checkpointer's queue is full.
 */
static bool
register_segments(IndexOutput *output)
{
	FileTag		tag;

	memset(&tag, 0, sizeof(tag));
	tag.handler = SYNC_HANDLER_MD;
	tag.forknum = MAIN_FORKNUM;
	pgcopy_set_tag_file(&tag, output->index);
	for (BlockNumber block = 0; block < output->length; block += RELSEG_SIZE)
	{
		tag.segno = block / RELSEG_SIZE;
		if (!RegisterSyncRequest(&tag, SYNC_REQUEST, false))
			return false;
	}
	return true;
}

/*
 * Register, then look: a checkpoint that we do not see yet absorbs requests after
 * it has moved the redo pointer, so it finds ours.
 */
static void
make_durable(IndexOutput *output)
{
	bool		is_registered = register_segments(output);
	bool		is_logged_after_redo = !output->needs_wal || GetRedoRecPtr() == output->redo;

	if (is_registered && is_logged_after_redo)
		return;
	smgrimmedsync(RelationGetSmgr(output->index), MAIN_FORKNUM);
	ereport(DEBUG1,
			(errmsg_internal("synced index \"%s\", because %s",
							 RelationGetRelationName(output->index),
							 is_registered ? "a checkpoint has begun meanwhile" :
							 "the checkpointer's queue is full")));
}

void
pgcopy_output_end(IndexOutput *output)
{
	write_batch(output);
	PGCOPY_TEST_POINT("index", "written");
	make_durable(output);
	pfree(output->memory);
	pfree(output);
}

#endif
