/*-------------------------------------------------------------------------
 *
 * output.c
 *	  Write the pages of a new index: WAL, file, checkpoints.
 *
 * From 17 on the server's bulk writer does all this.  Before, a batch of pages
 * is logged as full images in one record and written past the shared buffers,
 * in the order of blocks.  New blocks of a batch are one write of the kernel, a
 * third of the cost of one by one (5.0 and 1.8 us a block; allocating them first
 * saves nothing).  A page of a higher level gets its block long before it is
 * full; zeros are written there.
 *
 * The writes do not tell the checkpointer; the end does, once for each segment
 * of the file.  A checkpoint that began before that has missed them, and replay
 * would begin behind their WAL.  So the end syncs the file if there was one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/pg_class.h"
#include "pgstat.h"
#include "port/pg_iovec.h"
#include "storage/fd.h"
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

/* Fewer blocks are written one by one. */
#define FEW_BLOCKS 4

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

/* Write blocks at the end of a segment, all at once. */
static void
append(IndexOutput *output, struct iovec *pieces, int count)
{
	Relation	index = output->index;
	BlockNumber segment = output->length / RELSEG_SIZE;
	off_t		offset = (off_t) (output->length % RELSEG_SIZE) * BLCKSZ;
	char	   *base = pgcopy_relation_path(index);
	char	   *path = segment == 0 ? base : psprintf("%s.%u", base, segment);
	int			fd = OpenTransientFile(path, O_RDWR | PG_BINARY);
	ssize_t		written = -1;

	if (fd >= 0)
	{
		errno = 0;
		pgstat_report_wait_start(WAIT_EVENT_DATA_FILE_EXTEND);
		written = pg_pwritev(fd, pieces, count, offset);
		pgstat_report_wait_end();
		/* as FileWrite() does: a short write without an error is a full disk */
		if (written >= 0 && written != (ssize_t) count * BLCKSZ)
			errno = ENOSPC;
	}
	if (written != (ssize_t) count * BLCKSZ)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not extend file \"%s\": %m", path),
				 errhint("Check free disk space.")));
	CloseTransientFile(fd);
	if (path != base)
		pfree(path);
	pfree(base);
	output->length += count;
}

/*
 * Write pages of the batch, from the given one on, to the end of the file; return
 * how many.  Blocks before them whose pages are not full yet become zeros.  The
 * server's function creates segments, and is as good for few blocks.
 */
static int
extend(IndexOutput *output, int first)
{
	static PGAlignedBlock zeros;
	struct iovec pieces[BATCH_PAGES];
	int			count = 0;
	int			page = first;

	while (page < output->count && count < BATCH_PAGES &&
		   (count == 0 || (output->length + count) % RELSEG_SIZE != 0))
	{
		bool		is_hole = output->length + count < output->blocks[page];

		pieces[count].iov_base = is_hole ? zeros.data : output->pages[page++];
		pieces[count++].iov_len = BLCKSZ;
	}
	if (output->length % RELSEG_SIZE != 0 && count >= FEW_BLOCKS)
		append(output, pieces, count);
	else
	{
		smgrextend(RelationGetSmgr(output->index), MAIN_FORKNUM, output->length++,
				   pieces[0].iov_base, true);
		return pieces[0].iov_base == zeros.data ? 0 : 1;
	}
	return page - first;
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
		PageSetChecksumInplace(output->pages[i], output->blocks[i]);
	for (int i = 0; i < output->count;)
	{
		if (output->blocks[i] >= output->length)
			i += extend(output, i);
		else
		{
			smgrwrite(RelationGetSmgr(output->index), MAIN_FORKNUM, output->blocks[i],
					  output->pages[i], true);
			i++;
		}
	}
	for (int i = 0; i < output->count; i++)
		output->free_pages[output->free_count++] = output->pages[i];
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
