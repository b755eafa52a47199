/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  Memory of one index build: counted, limited, in huge pages.
 *
 * Big pieces are mapped, so that they can grow without being copied and be in
 * huge pages: sorting reads them in no order.  A mapping begins at the boundary
 * of a huge page and has no more than was asked for.  Small pieces are palloc'd.
 *
 * A memory context knows nothing of mappings, so a callback of it ends them; it
 * is armed before there are any.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "utils/memutils.h"

#include "index/memory.h"

/* Smaller pieces are palloc'd. */
#define SMALLEST_MAPPING ((Size) 1024 * 1024)

#define HUGE_PAGE ((Size) 2 * 1024 * 1024)

/* A palloc'd piece begins behind this. */
typedef struct SmallPiece
{
	Size		size;			/* MAXALIGNed, without this */
} SmallPiece;

#define SMALL_HEADER MAXALIGN(sizeof(SmallPiece))
#define SMALL_OF(piece) ((SmallPiece *) ((char *) (piece) - SMALL_HEADER))

typedef struct Mapping
{
	char	   *start;
	Size		size;			/* multiple of the page size */
} Mapping;

struct IndexMemory
{
	MemoryContext context;
	Size		limit;
	Size		used;
	Size		peak;
	Mapping    *mappings;
	int			count;
	int			room;			/* of the array */
};

static void
unmap_all(void *argument)
{
	IndexMemory *memory = argument;

	for (int i = 0; i < memory->count; i++)
		(void) munmap(memory->mappings[i].start, memory->mappings[i].size);
	memory->count = 0;
}

IndexMemory *
pgcopy_memory_create(Size limit)
{
	IndexMemory *memory = palloc0(sizeof(IndexMemory));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	memory->context = CurrentMemoryContext;
	memory->limit = limit;
	memory->room = 16;
	memory->mappings = palloc(memory->room * sizeof(Mapping));
	callback->func = unmap_all;
	callback->arg = memory;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return memory;
}

void
pgcopy_memory_limit(IndexMemory *memory, Size limit)
{
	memory->limit = limit;
}

static void
count_used(IndexMemory *memory, Size more, Size less)
{
	memory->used = memory->used + more - less;
	memory->peak = Max(memory->peak, memory->used);
}

static void
throw_no_memory(Size size)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory"),
			 errdetail("Failed to map %zu bytes for an index build: %m.", size)));
}

/* Round up to whole pages, for a mapping. */
static Size
rounded(Size size)
{
	static Size page_size = 0;

	if (size < SMALLEST_MAPPING)
		return MAXALIGN(size);
	if (page_size == 0)
		page_size = (Size) sysconf(_SC_PAGESIZE);
	return TYPEALIGN(page_size, size);
}

static Mapping *
find_mapping(IndexMemory *memory, const void *start)
{
	for (int i = memory->count - 1; i >= 0; i--)
	{
		if (memory->mappings[i].start == (const char *) start)
			return &memory->mappings[i];
	}
	return NULL;
}

/* Reserve addresses from a huge page's boundary on; MAP_FAILED if there are none. */
static char *
map_aligned(Size size, int protection)
{
	char	   *start = mmap(NULL, size + HUGE_PAGE, protection,
							 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char	   *aligned;

	if (start == MAP_FAILED)
		return start;
	aligned = (char *) TYPEALIGN(HUGE_PAGE, start);
	if (aligned > start)
		(void) munmap(start, aligned - start);
	if (aligned < start + HUGE_PAGE)
		(void) munmap(aligned + size, start + HUGE_PAGE - aligned);
	return aligned;
}

static void
advise_huge_pages(char *start, Size size)
{
#ifdef MADV_HUGEPAGE
	/* Without huge pages it is slower, no more. */
	(void) madvise(start, size, MADV_HUGEPAGE);
#endif
}

static char *
add_mapping(IndexMemory *memory, Size size)
{
	Mapping    *mapping;

	/* have room for the entry first: nothing may throw once it is mapped */
	if (memory->count == memory->room)
	{
		memory->mappings = repalloc(memory->mappings,
									2 * memory->room * sizeof(Mapping));
		memory->room *= 2;
	}
	mapping = &memory->mappings[memory->count];
	mapping->size = size;
	mapping->start = map_aligned(size, PROT_READ | PROT_WRITE);
	if (mapping->start == MAP_FAILED)
		throw_no_memory(size);
	memory->count++;
	advise_huge_pages(mapping->start, size);
	return mapping->start;
}

static void
remove_mapping(IndexMemory *memory, Mapping *mapping)
{
	Mapping		removed = *mapping;

	*mapping = memory->mappings[--memory->count];
	(void) munmap(removed.start, removed.size);
}

/* Would the limit be passed? */
static bool
is_too_much(const IndexMemory *memory, Size more, Size less)
{
	return more > less && more - less > pgcopy_memory_left(memory);
}

void *
pgcopy_memory_alloc(IndexMemory *memory, Size size)
{
	void	   *piece;

	size = rounded(size);
	if (is_too_much(memory, size, 0))
		return NULL;
	if (size >= SMALLEST_MAPPING)
		piece = add_mapping(memory, size);
	else
	{
		SmallPiece *small = MemoryContextAllocZero(memory->context, SMALL_HEADER + size);

		small->size = size;
		piece = (char *) small + SMALL_HEADER;
	}
	count_used(memory, size, 0);
	return piece;
}

/* Change the size of a mapping, and its address if something is in the way. */
static void
resize_mapping(Mapping *mapping, Size size)
{
	char	   *start;

#ifdef MREMAP_FIXED
	start = mremap(mapping->start, mapping->size, size, 0);
	if (start == MAP_FAILED)
	{
		char	   *reserved = map_aligned(size, PROT_NONE);

		if (reserved == MAP_FAILED)
			throw_no_memory(size);
		start = mremap(mapping->start, mapping->size, size,
					   MREMAP_MAYMOVE | MREMAP_FIXED, reserved);
		if (start == MAP_FAILED)
		{
			int			saved_errno = errno;

			(void) munmap(reserved, size);
			errno = saved_errno;
			throw_no_memory(size);
		}
	}
#else
	start = map_aligned(size, PROT_READ | PROT_WRITE);
	if (start == MAP_FAILED)
		throw_no_memory(size);
	memcpy(start, mapping->start, Min(size, mapping->size));
	(void) munmap(mapping->start, mapping->size);
#endif
	mapping->start = start;
	mapping->size = size;
	advise_huge_pages(start, size);
}

static void *
resize_small(void *old, Size size)
{
	SmallPiece *small = repalloc(SMALL_OF(old), SMALL_HEADER + size);

	small->size = size;
	return (char *) small + SMALL_HEADER;
}

/* Copy a piece into one of the other kind. */
static void *
replace_piece(IndexMemory *memory, void *old, Size old_size, Size size)
{
	Size		limit = memory->limit;
	void	   *piece;

	/* for a moment there are both */
	memory->limit = limit + old_size;
	piece = pgcopy_memory_alloc(memory, size);
	memory->limit = limit;
	memcpy(piece, old, Min(old_size, size));
	pgcopy_memory_free(memory, old);
	return piece;
}

void *
pgcopy_memory_realloc(IndexMemory *memory, void *old, Size size)
{
	Mapping    *mapping;
	Size		old_size;

	if (old == NULL)
		return pgcopy_memory_alloc(memory, size);
	size = rounded(size);
	mapping = find_mapping(memory, old);
	old_size = mapping != NULL ? mapping->size : SMALL_OF(old)->size;
	if (is_too_much(memory, size, old_size))
		return NULL;

	if (mapping != NULL && size >= SMALLEST_MAPPING)
	{
		resize_mapping(mapping, size);
		count_used(memory, size, old_size);
		return mapping->start;
	}
	if (mapping == NULL && size < SMALLEST_MAPPING)
	{
		count_used(memory, size, old_size);
		return resize_small(old, size);
	}
	return replace_piece(memory, old, old_size, size);
}

void
pgcopy_memory_free(IndexMemory *memory, void *piece)
{
	Mapping    *mapping = find_mapping(memory, piece);

	if (mapping != NULL)
	{
		count_used(memory, 0, mapping->size);
		remove_mapping(memory, mapping);
	}
	else
	{
		count_used(memory, 0, SMALL_OF(piece)->size);
		pfree(SMALL_OF(piece));
	}
}

Size
pgcopy_memory_used(const IndexMemory *memory)
{
	return memory->used;
}

Size
pgcopy_memory_peak(const IndexMemory *memory)
{
	return memory->peak;
}

Size
pgcopy_memory_left(const IndexMemory *memory)
{
	return memory->limit > memory->used ? memory->limit - memory->used : 0;
}
