/*-------------------------------------------------------------------------
 *
 * record_runs.c
 *	  Records that do not fit into memory: sorted runs in a file, merged.
 *
 * When memory is full, what is in it is sorted and written to a temporary file; then
 * the scan goes on.  So rows are read once, expressions are evaluated once, and all
 * that could prevent the build is known before the first page is written.  Runs are in
 * the order of their rows: of equal keys that of the earlier run is first.
 *
 * Merging is a tournament of the next records of all runs: after one is taken, the next
 * of its run plays again where it has won.  That are the fewest comparisons possible,
 * which cost most if the server makes them.
 *
 * The file is one of the server's temporary files: it counts for temp_file_limit, is
 * in temp_tablespaces, and goes with the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/tablespace.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "base/testpoint.h"
#include "index/record.h"

/* Bytes of half a reader's room */
#define LEAST_HALF ((Size) 8 * 1024)
#define MOST_HALF ((Size) 512 * 1024)

/* A file that grows at its end, through a buffer. */
typedef struct RunFile
{
	File		file;
	off_t		size;			/* with what is in the buffer */
	char	   *buffer;
	Size		buffered;
} RunFile;

/*
 * Reads one run.  Its halves are filled in turn, so that a record stays until the one
 * after the next is read.
 */
typedef struct RunReader
{
	File		file;
	off_t		next;
	off_t		end;
	char	   *halves[2];
	int			current;		/* the half that "record" is in */
	char	   *record;			/* the next one */
	char	   *filled;
} RunReader;

/* The next record of a run, with the first bytes of its key. */
typedef struct MergeEntry
{
	uint64		word;
	const Record *record;		/* NULL: there is none */
} MergeEntry;

typedef struct RecordRuns
{
	RunFile		keys;			/* one run behind the other */
	RunFile		nulls;			/* of the only key: in the order of rows */
	off_t	   *ends;			/* of runs */
	int			count;

	Size		half;
	RunReader  *readers;		/* of runs */
	RunReader	null_reader;

	const Comparison *comparison;	/* as of records */
	bool		has_words;
	MergeEntry *entries;		/* of runs */
	int		   *losers;			/* of matches: i plays who wins 2i and 2i + 1 */
	int			winner;
	bool		is_given;
} RecordRuns;

static Size
least_half(const Records *records)
{
	return Max(LEAST_HALF, records->largest + RECORD_SLACK);
}

/* Can so many runs be merged within the memory limit?  Nulls need a reader too. */
static bool
is_mergeable(const Records *records, double runs)
{
	IndexMemory *memory = records->build->memory;
	Size		limit = pgcopy_memory_used(memory) + pgcopy_memory_left(memory);
	Size		width = 2 * least_half(records) + sizeof(RunReader) + sizeof(MergeEntry) +
	sizeof(int) + sizeof(off_t);

	return (runs + 1) * width + RECORD_RESERVE <= limit;
}

/* A record here is a little more than the server keeps in its files. */
static bool
is_within_file_limit(const Records *records)
{
	double		bytes = records->arena_size;

	if (records->runs != NULL)
		bytes += records->runs->keys.size + records->runs->nulls.size;
	return temp_file_limit < 0 || bytes / 1024 <= temp_file_limit;
}

static RecordRuns *
begin_runs(Records *records)
{
	RecordRuns *runs = pgcopy_memory_alloc(records->build->memory, sizeof(RecordRuns));

	if (runs != NULL)
	{
		PrepareTempTablespaces();
		runs->keys.file = OpenTemporaryFile(false);
		runs->nulls.file = OpenTemporaryFile(false);
	}
	return runs;
}

static void
write_file(RunFile *file, const char *bytes, Size size, off_t offset)
{
	CHECK_FOR_INTERRUPTS();
	errno = 0;
	if (FileWrite(file->file, (char *) bytes, size, offset,
				  WAIT_EVENT_BUFFILE_WRITE) != (int) size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write to file \"%s\": %m", FilePathName(file->file))));
}

static void
flush(RunFile *file)
{
	if (file->buffered > 0)
		write_file(file, file->buffer, file->buffered, file->size - file->buffered);
	file->buffered = 0;
}

static void
put_record(RunFile *file, const Record *record)
{
	Size		size = pgcopy_record_size(record);

	if (size > RECORD_RESERVE - file->buffered)
		flush(file);
	if (size > RECORD_RESERVE)
		write_file(file, (const char *) record, size, file->size);
	else
	{
		memcpy(file->buffer + file->buffered, record, size);
		file->buffered += size;
	}
	file->size += size;
}

static void
write_run(RecordRuns *runs, const Records *records)
{
	for (size_t i = 0; i < records->count; i++)
	{
		if (i + RECORD_AHEAD < records->count)
			pgcopy_record_prefetch(RECORD_OF(records->pairs[i + RECORD_AHEAD]));
		put_record(&runs->keys, RECORD_OF(records->pairs[i]));
	}
	flush(&runs->keys);
	runs->ends[runs->count++] = runs->keys.size;
	for (size_t i = 0; i < records->null_count; i++)
		put_record(&runs->nulls, (const Record *) (uintptr_t) records->nulls[i]);
	flush(&runs->nulls);
}

const char *
pgcopy_record_runs_add(Records *records, double expected)
{
	IndexMemory *memory = records->build->memory;
	RecordRuns *runs = records->runs;
	off_t	   *ends;
	char	   *buffer;

	if (!is_mergeable(records, runs == NULL ? expected : runs->count + 1))
		return REASON_MEMORY;
	if (!is_within_file_limit(records))
		return "temp_file_limit";
	if (runs == NULL)
		runs = records->runs = begin_runs(records);
	if (runs == NULL || pgcopy_record_sort(records) != NULL)
		return REASON_MEMORY;
	ends = pgcopy_memory_realloc(memory, runs->ends, (runs->count + 1) * sizeof(off_t));
	if (ends == NULL)
		return REASON_MEMORY;
	runs->ends = ends;
	buffer = pgcopy_memory_alloc(memory, RECORD_RESERVE);
	if (buffer == NULL)
		return REASON_MEMORY;
	runs->keys.buffer = buffer;
	runs->nulls.buffer = buffer;
	write_run(runs, records);
	pgcopy_memory_free(memory, buffer);
	records->build->runs = runs->count;
	return NULL;
}

/* Fill the other half, behind what is left in this one. */
static void
refill(RunReader *reader, Size half)
{
	char	   *to = reader->halves[1 - reader->current];
	Size		left = reader->filled - reader->record;
	Size		size = Min((off_t) (half - RECORD_SLACK - left), reader->end - reader->next);
	int			got;

	CHECK_FOR_INTERRUPTS();
	PGCOPY_TEST_POINT("index", "refilled");
	memcpy(to, reader->record, left);
	got = FileRead(reader->file, to + left, size, reader->next, WAIT_EVENT_BUFFILE_READ);
	if (got < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", FilePathName(reader->file))));
	if (got != (int) size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": read %d of %zu",
						FilePathName(reader->file), got, size)));
	reader->next += size;
	reader->current = 1 - reader->current;
	reader->record = to;
	reader->filled = to + left + size;
}

/* Is a whole record there? */
static bool
has_record(const RunReader *reader)
{
	Size		left = reader->filled - reader->record;

	return left >= sizeof(Record) &&
		left >= pgcopy_record_size((const Record *) reader->record);
}

static const Record *
read_record(RunReader *reader, Size half)
{
	const Record *record;

	if (unlikely(!has_record(reader)))
	{
		if (reader->next == reader->end)
			return NULL;
		refill(reader, half);
	}
	record = (const Record *) reader->record;
	reader->record += pgcopy_record_size(record);
	return record;
}

static void
begin_reading(RunReader *reader, const RunFile *file, off_t start, off_t end)
{
	reader->file = file->file;
	reader->next = start;
	reader->end = end;
	reader->record = reader->halves[0];
	reader->filled = reader->halves[0];
	reader->current = 0;
}

/* Is the next record of one run before that of another? */
static inline bool
is_before(const RecordRuns *runs, int run, int other)
{
	const MergeEntry *a = &runs->entries[run];
	const MergeEntry *b = &runs->entries[other];
	int			order;

	if (a->word != b->word)
		return a->word < b->word;
	if (a->record == NULL || b->record == NULL)
		return a->record != NULL;
	order = pgcopy_record_compare(runs->comparison, a->record, b->record);
	return order != 0 ? order < 0 : run < other;
}

/* Take the next record of a run. */
static void
advance(RecordRuns *runs, int run)
{
	MergeEntry *entry = &runs->entries[run];

	entry->record = read_record(&runs->readers[run], runs->half);
	if (entry->record == NULL)
		entry->word = PG_UINT64_MAX;
	else
		entry->word = runs->has_words ? pgcopy_record_word(entry->record, 0) : 0;
}

/* Play a match, and those before it; returns who wins. */
static int
play(RecordRuns *runs, int match)
{
	int			left,
				right;

	if (match >= runs->count)
		return match - runs->count;
	left = play(runs, 2 * match);
	right = play(runs, 2 * match + 1);
	runs->losers[match] = is_before(runs, left, right) ? right : left;
	return runs->losers[match] == left ? right : left;
}

/* Play those matches again that the last winner has won. */
static void
replay(RecordRuns *runs)
{
	int			winner = runs->winner;

	for (int match = (runs->count + winner) / 2; match > 0; match /= 2)
	{
		int			loser = runs->losers[match];

		if (is_before(runs, loser, winner))
		{
			runs->losers[match] = winner;
			winner = loser;
		}
	}
	runs->winner = winner;
}

void
pgcopy_record_runs_rewind(RecordRuns *runs)
{
	for (int i = 0; i < runs->count; i++)
	{
		begin_reading(&runs->readers[i], &runs->keys, i == 0 ? 0 : runs->ends[i - 1],
					  runs->ends[i]);
		advance(runs, i);
	}
	runs->winner = play(runs, 1);
	runs->is_given = false;
}

const Record *
pgcopy_record_runs_next(RecordRuns *runs)
{
	if (runs->is_given)
	{
		advance(runs, runs->winner);
		replay(runs);
	}
	runs->is_given = true;
	return runs->entries[runs->winner].record;
}

const Record *
pgcopy_record_runs_next_null(RecordRuns *runs)
{
	return read_record(&runs->null_reader, runs->half);
}

/* Share all memory among the readers. */
const char *
pgcopy_record_runs_merge(Records *records)
{
	IndexMemory *memory = records->build->memory;
	RecordRuns *runs = records->runs;
	char	   *room;

	runs->readers = pgcopy_memory_alloc(memory, runs->count * sizeof(RunReader));
	runs->entries = pgcopy_memory_alloc(memory, runs->count * sizeof(MergeEntry));
	runs->losers = pgcopy_memory_alloc(memory, runs->count * sizeof(int));
	runs->comparison = records->comparison;
	runs->has_words = runs->comparison == NULL || pgcopy_compare_has_words(runs->comparison);
	runs->half = (pgcopy_memory_left(memory) - LEAST_HALF) / (2 * (runs->count + 1));
	runs->half = Max(Min(runs->half, MOST_HALF) / LEAST_HALF * LEAST_HALF,
					 MAXALIGN(least_half(records)));
	room = pgcopy_memory_alloc(memory, 2 * (runs->count + 1) * runs->half);
	if (runs->readers == NULL || runs->entries == NULL || runs->losers == NULL || room == NULL)
		return REASON_MEMORY;
	for (int i = 0; i <= runs->count; i++)
	{
		RunReader  *reader = i < runs->count ? &runs->readers[i] : &runs->null_reader;

		reader->halves[0] = room + 2 * i * runs->half;
		reader->halves[1] = reader->halves[0] + runs->half;
	}
	begin_reading(&runs->null_reader, &runs->nulls, 0, runs->nulls.size);
	return NULL;
}

void
pgcopy_record_runs_end(Records *records)
{
	if (records->runs == NULL)
		return;
	FileClose(records->runs->keys.file);
	FileClose(records->runs->nulls.file);
}
