/*-------------------------------------------------------------------------
 *
 * extend.c
 *	  Add blocks to a relation, many at a time.
 *
 * From 16 on the server does this itself, and what a file system answers is its
 * own affair (file_extend_method).  Older servers add block by block and write
 * each as zeros first.  Here, as in 16, the file system allocates the space
 * instead.  If it cannot, or claims to be full, zeros are written after
 * all: that may still succeed, and else the server's own error names the file.
 *
 * Blocks added under the extension lock are ours; the lock is not needed to
 * fill them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>

#include "storage/bufmgr.h"
#include "storage/fd.h"
#include "storage/lmgr.h"
#include "storage/smgr.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "heap/heap.h"

#ifdef PGCOPY_HAS_EXTEND_BY

int
pgcopy_heap_extend(Relation relation, BufferAccessStrategy strategy,
				   int blocks, Buffer *buffers)
{
	uint32		extended;

	Assert(blocks > 0 && blocks <= HEAP_MAX_EXTEND);
	(void) ExtendBufferedRelBy(BMR_REL(relation), MAIN_FORKNUM, strategy, 0,
							   blocks, buffers, &extended);
	return (int) extended;
}

#else

/* Fewer blocks are cheaper to write than to allocate. */
#define FEW_BLOCKS	8

/* Allocate blocks at the end of a segment; false if they must be written. */
static bool
allocate_blocks(Relation relation, BlockNumber first, int blocks)
{
	BlockNumber segment = first / RELSEG_SIZE;
	char	   *base = relpathbackend(relation->rd_node, relation->rd_backend,
									  MAIN_FORKNUM);
	char	   *path = segment == 0 ? base : psprintf("%s.%u", base, segment);
	int			fd = OpenTransientFile(path, O_RDWR | PG_BINARY);
	int			error;

	if (fd < 0)
		return false;
	do
		error = posix_fallocate(fd, (off_t) (first % RELSEG_SIZE) * BLCKSZ,
								(off_t) blocks * BLCKSZ);
	while (error == EINTR);
	CloseTransientFile(fd);
	if (error == EINVAL || error == EOPNOTSUPP || error == ENOSPC)
		return false;
	if (error != 0)
	{
		errno = error;
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not extend file \"%s\": %m", path)));
	}
	if (path != base)
		pfree(path);
	pfree(base);
	return true;
}

static void
write_blocks(Relation relation, BlockNumber first, int blocks)
{
	PGAlignedBlock zeros;
	int			i;

	memset(zeros.data, 0, BLCKSZ);
	for (i = 0; i < blocks; i++)
		smgrextend(RelationGetSmgr(relation), MAIN_FORKNUM, first + i,
				   zeros.data, false);
}

int
pgcopy_heap_extend(Relation relation, BufferAccessStrategy strategy,
				   int blocks, Buffer *buffers)
{
	BlockNumber first;
	int			i;

	Assert(blocks > 0 && blocks <= HEAP_MAX_EXTEND);
	LockRelationForExtension(relation, ExclusiveLock);
	first = RelationGetNumberOfBlocks(relation);
	/* write the first block of a segment, to create its file */
	if (first % RELSEG_SIZE == 0)
		blocks = 1;
	blocks = Min(blocks, RELSEG_SIZE - first % RELSEG_SIZE);
	if (blocks < FEW_BLOCKS || !allocate_blocks(relation, first, blocks))
		write_blocks(relation, first, blocks);
	UnlockRelationForExtension(relation, ExclusiveLock);

	for (i = 0; i < blocks; i++)
	{
		buffers[i] = ReadBufferExtended(relation, MAIN_FORKNUM, first + i,
										RBM_ZERO_AND_LOCK, strategy);
		LockBuffer(buffers[i], BUFFER_LOCK_UNLOCK);
	}
	return blocks;
}

#endif
