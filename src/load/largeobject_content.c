/*-------------------------------------------------------------------------
 *
 * largeobject_content.c
 *	  Content of large objects, from the wire into pg_largeobject.
 *
 * Content comes by binary COPY: rows of pg_largeobject if the source's role may
 * read that catalog and its block size is ours, else pieces read by lo_get().
 * The writer (heap/largeobject_pages.c) checks no privilege, so this file does
 * not trust the source: content goes only into objects that this copy has
 * created, each page once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/large_object.h"

#include "base/compat.h"
#include "decode/decode.h"
#include "heap/largeobject_pages.h"
#include "load/largeobject.h"
#include "source/stream.h"

#define PIECE_BYTES		(1024 * 1024)	/* of lo_get() */
#define PIECE_PAGES		(PIECE_BYTES / LOBLKSIZE)
#define BINARY_HEADER	"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
#define BINARY_HEADER_LENGTH 19
#define BINARY_TRAILER	"\377\377"

typedef struct PageReader
{
	const LargeObjectCopy *copy;
	LargeObjectWriter *writer;
	bool		is_in_pages;	/* else in pieces of PIECE_BYTES */
	bool		has_begun;		/* the header was seen */
	bool		has_ended;		/* the trailer was seen */
	int64		rows;			/* so far */
	int			next;			/* where is_created() goes on in copy->oids */

	/* the last row */
	Oid			oid;
	int32		page;
	int			size;
} PageReader;

/* A row: one page, or a piece of many. */
typedef struct Piece
{
	Oid			oid;
	int32		page;
	int			size;
	const char *data;
} Piece;

static bool
can_read_pages(SourceSession *session)
{
	SourceRows *rows;
	bool		result;

	rows = pgcopy_session_query_row(session,
									"SELECT pg_catalog.has_table_privilege("
									"'pg_catalog.pg_largeobject', 'SELECT')"
									" AND pg_catalog.current_setting('block_size')"
									" OPERATOR(pg_catalog.=) '" CppAsString2(BLCKSZ) "'",
									1, 0, NULL);
	result = pgcopy_rows_get_bool(rows, 0, 0);
	pgcopy_rows_free(rows);
	return result;
}

/* Cut a piece into pages. */
static void
put_piece(LargeObjectWriter *writer, const Piece *piece)
{
	int32		page = piece->page;

	for (int at = 0; at < piece->size; at += LOBLKSIZE, page++)
		pgcopy_largeobject_pages_put(writer, piece->oid, page,
									 piece->data + at,
									 Min(piece->size - at, LOBLKSIZE));
}

/*
 * Ask for pages or pieces in order.  Pieces leave no gap: lo_get() gives zeros
 * where nothing was written.  A recursion makes the pieces of one object in
 * order, so that the source need not sort, and hold, the content.
 */
static char *
content_statement(const LargeObjectCopy *copy, bool is_in_pages)
{
	if (is_in_pages)
		return psprintf("COPY (SELECT loid, pageno, data"
						" FROM pg_catalog.pg_largeobject"
						" WHERE loid BETWEEN %u AND %u%s"
						" ORDER BY loid, pageno) TO STDOUT (FORMAT binary)",
						copy->first, copy->last, pgcopy_largeobject_restriction(copy, "loid"));
	return psprintf("COPY (SELECT m.oid, (p.n OPERATOR(pg_catalog.*) %d)::int4, p.piece"
					" FROM (SELECT oid FROM pg_catalog.pg_largeobject_metadata"
					" WHERE oid BETWEEN %u AND %u%s ORDER BY oid) m,"
					" LATERAL (WITH RECURSIVE pieces(n, piece) AS ("
					" SELECT 0::bigint, pg_catalog.lo_get(m.oid, 0, %d)"
					" UNION ALL SELECT n + 1,"
					" pg_catalog.lo_get(m.oid, (n + 1) * %d, %d) FROM pieces"
					" WHERE pg_catalog.octet_length(piece) = %d)"
					" SELECT n, piece FROM pieces"
					" WHERE pg_catalog.octet_length(piece) > 0) p"
					") TO STDOUT (FORMAT binary)",
					PIECE_PAGES, copy->first, copy->last,
					pgcopy_largeobject_restriction(copy, "oid"),
					PIECE_BYTES, PIECE_BYTES, PIECE_BYTES, PIECE_BYTES);
}

static void throw_bad_format(const char *what) pg_attribute_noreturn();

static void
throw_bad_format(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("invalid COPY data of large objects from the source"),
			 errdetail("%s", what),
			 errhint("Connect to the source directly, not through a proxy that changes its answers.")));
}

/*
 * Parse a row: field count 3, then OID, page number and content, each after its
 * length, none NULL.  The content starts at byte 22.
 */
static void
parse_row(const char *row, int length, Piece *piece)
{
	if (length < 22 || memcmp(row, "\0\3\0\0\0\4", 6) != 0 ||
		pgcopy_decode_read32(row + 10) != 4 ||
		pgcopy_decode_read32(row + 18) != (uint32) (length - 22))
		throw_bad_format("A row has an unexpected form.");
	piece->oid = pgcopy_decode_read32(row + 6);
	piece->page = (int32) pgcopy_decode_read32(row + 14);
	piece->size = length - 22;
	piece->data = row + 22;
}

/* Return whether a piece may follow the last row. */
static bool
is_in_order(const PageReader *reader, const Piece *piece)
{
	bool		is_same = piece->oid == reader->oid;

	if (piece->page < 0 || piece->oid < reader->oid)
		return false;
	if (reader->is_in_pages)
		return piece->size <= LOBLKSIZE &&
			(!is_same || piece->page > reader->page);
	if (piece->size == 0 || piece->size > PIECE_BYTES ||
		piece->page > PG_INT32_MAX - PIECE_PAGES)
		return false;
	return is_same ? reader->size == PIECE_BYTES && piece->page == reader->page + PIECE_PAGES :
		piece->page == 0;
}

/* Return whether this copy created the object.  Calls come in OID order. */
static bool
is_created(PageReader *reader, Oid oid)
{
	const LargeObjectCopy *copy = reader->copy;

	while (reader->next < copy->count && copy->oids[reader->next] < oid)
		reader->next++;
	return reader->next < copy->count && copy->oids[reader->next] == oid;
}

static void
put_row(PageReader *reader, const char *row, int length)
{
	Piece		piece;

	parse_row(row, length, &piece);
	if (!is_in_order(reader, &piece))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid page %d of large object %u on the source",
						piece.page, piece.oid),
				 errdetail("It has %d bytes and comes after page %d of large object %u.",
						   piece.size, reader->page, reader->oid),
				 errhint("Check pg_largeobject on the source.")));
	if (!is_created(reader, piece.oid))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the source has pages of large object %u, but no such large object",
						piece.oid),
				 errdetail("pg_largeobject has rows of it, pg_largeobject_metadata has none."),
				 errhint("On the source: DELETE FROM pg_largeobject AS l WHERE NOT EXISTS (SELECT FROM pg_largeobject_metadata AS m WHERE m.oid = l.loid).")));
	if (reader->is_in_pages)
		pgcopy_largeobject_pages_put(reader->writer, piece.oid, piece.page,
									 piece.data, piece.size);
	else
		put_piece(reader->writer, &piece);
	reader->oid = piece.oid;
	reader->page = piece.page;
	reader->size = piece.size;
}

/* Read one message: a row or the trailer; the header is before the first. */
static void
read_message(PageReader *reader, const char *data, int length)
{
	if (!reader->has_begun)
	{
		if (length < BINARY_HEADER_LENGTH ||
			memcmp(data, BINARY_HEADER, BINARY_HEADER_LENGTH) != 0)
			throw_bad_format("The header of the binary format is missing.");
		data += BINARY_HEADER_LENGTH;
		length -= BINARY_HEADER_LENGTH;
		reader->has_begun = true;
		if (length == 0)
			return;
	}
	if (reader->has_ended)
		throw_bad_format("There is more after the end mark.");
	if (length == 2 && memcmp(data, BINARY_TRAILER, 2) == 0)
		reader->has_ended = true;
	else
	{
		put_row(reader, data, length);
		reader->rows++;
	}
}

/* Read a COPY to its end; throw if the end mark is missing. */
static int64
read_pages(PageReader *reader, SourceSession *session)
{
	CopyStream *stream;
	char	   *data;
	int			length;
	int64		bytes;

	stream = pgcopy_stream_open(session, content_statement(reader->copy,
														   reader->is_in_pages));
	if (pgcopy_stream_columns(stream) != 3)
		throw_bad_format("The rows have an unexpected number of columns.");
	while ((length = pgcopy_stream_next(stream, &data)) >= 0)
		read_message(reader, data, length);
	if (!reader->has_ended)
		throw_bad_format("The end mark is missing, so there may be more.");
	bytes = pgcopy_stream_bytes(stream);
	pgcopy_stream_check_rows(stream, reader->rows);
	pgcopy_stream_close(stream);
	return bytes;
}

int64
pgcopy_largeobject_copy_content(SourceSession *session, const LargeObjectCopy *copy)
{
	PageReader	reader = {
		.copy = copy,
		.is_in_pages = can_read_pages(session),
		.page = -1
	};
	int64		bytes;

	reader.writer = pgcopy_largeobject_pages_open();
	bytes = read_pages(&reader, session);
	pgcopy_largeobject_pages_close(reader.writer);
	CommandCounterIncrement();
	return bytes;
}
