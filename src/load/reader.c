/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  Read rows from a copy stream, as values in the order of a local relation.
 *
 * Binary is parsed here; the protocol puts one row into each message.  Text
 * goes through the server's COPY parser, NextCopyFrom().  Its callback has no
 * argument, so a static variable holds the reader during each call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/copy.h"
#include "commands/copyfrom_internal.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "decode/decode.h"
#include "load/columns.h"
#include "load/reader.h"

/* The last of its bytes is the NUL that ends the string. */
static const char binary_signature[11] = "PGCOPY\n\377\r\n";

#define BINARY_HEADER	19		/* signature, flags, extension length */

struct RowReader
{
	Relation	relation;
	CopyStream *stream;
	ExprContext *econtext;
	int			columns;
	AttrNumber *map;
	int64		row;			/* being read, or the last one */
	const char *column;

	/* binary */
	Decoder    *decoders;
	bool		has_header;
	int			defaults;
	AttrNumber *default_attnums;
	ExprState **default_exprs;

	/* text */
	CopyFromState copy;
	char	   *pending;
	int			pending_length;
};

static RowReader *text_reader;	/* for feed_text(), during next_text() */

static void
bad_format(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("invalid COPY data from the source"),
			 errdetail_internal("%s", detail)));
}

/* Find the defaults of local columns that the source does not send. */
static void
prepare_defaults(RowReader *reader)
{
	TupleDesc	desc = RelationGetDescr(reader->relation);
	bool	   *is_sent = palloc0(sizeof(bool) * (desc->natts + 1));
	int			i;

	reader->default_attnums = palloc(sizeof(AttrNumber) * (desc->natts + 1));
	reader->default_exprs = palloc(sizeof(ExprState *) * (desc->natts + 1));
	for (i = 0; i < reader->columns; i++)
		is_sent[reader->map[i] - 1] = true;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Expr	   *expr;

		if (is_sent[i] || att->attisdropped || att->attgenerated)
			continue;
		expr = (Expr *) build_column_default(reader->relation, i + 1);
		if (expr == NULL)
			continue;
		reader->default_attnums[reader->defaults] = i + 1;
		reader->default_exprs[reader->defaults++] =
			ExecInitExpr(expression_planner(expr), NULL);
	}
}

static void
prepare_binary(RowReader *reader, const Bitmapset *as_text)
{
	TupleDesc	desc = RelationGetDescr(reader->relation);
	int			i;

	reader->decoders = palloc0(sizeof(Decoder) * (reader->columns + 1));
	for (i = 0; i < reader->columns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, reader->map[i] - 1);

		if (bms_is_member(i, as_text))
			pgcopy_decode_init_text(&reader->decoders[i], att->atttypid,
									att->atttypmod);
		else
			pgcopy_decode_init(&reader->decoders[i], att->atttypid,
							   att->atttypmod,
							   att->attstorage == TYPSTORAGE_PLAIN);
	}
	prepare_defaults(reader);
}

/* Check the header before the first row; return where it ends. */
static char *
skip_header(RowReader *reader, char *data, const char *end)
{
	uint32		extension;

	if (end - data < BINARY_HEADER ||
		memcmp(data, binary_signature, sizeof(binary_signature)) != 0)
		bad_format("The header of the binary format is missing.");
	extension = pgcopy_decode_read32(data + 15);
	if (pgcopy_decode_read32(data + 11) != 0 || extension > end - data - BINARY_HEADER)
		bad_format("The header of the binary format is invalid.");
	reader->has_header = true;
	return data + BINARY_HEADER + extension;
}

static void
evaluate_defaults(RowReader *reader, Datum *values, bool *nulls)
{
	int			i;

	for (i = 0; i < reader->defaults; i++)
	{
		int			at = reader->default_attnums[i] - 1;

		values[at] = ExecEvalExpr(reader->default_exprs[i],
								  reader->econtext, &nulls[at]);
	}
}

static void
decode_row(RowReader *reader, char *data, char *end, Datum *values, bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(reader->relation);
	int			i;

	for (i = 0; i < reader->columns; i++)
	{
		Decoder    *decoder = &reader->decoders[i];
		int			at = reader->map[i] - 1;
		int32		length;

		reader->column = NameStr(TupleDescAttr(desc, at)->attname);
		if (end - data < 4)
			bad_format("The row ends too early.");
		length = (int32) pgcopy_decode_read32(data);
		data += 4;
		if (length == -1)
		{
			pgcopy_decode_null(decoder);
			continue;
		}
		if ((uint32) length > end - data)	/* or negative */
			bad_format("A field has an impossible length.");
		values[at] = pgcopy_decode_value(decoder, data, length);
		nulls[at] = false;
		data += length;
	}
	reader->column = NULL;
	if (data != end)
		bad_format("There is more after the last column of the row.");
}

/* Refuse a row too long for palloc(), which no server can send. */
static void
check_row_length(int length)
{
	if (unlikely(length > MaxAllocSize))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row of %d bytes is too long", length),
				 errdetail("The source sends more than the %zu bytes that a row can have.",
						   (Size) MaxAllocSize)));
}

static bool
next_binary(RowReader *reader, Datum *values, bool *nulls)
{
	char	   *data;
	char	   *end;
	int			length;
	int			columns;

	reader->row++;
	do
	{
		length = pgcopy_stream_next(reader->stream, &data);
		if (length < 0)
			bad_format("The end mark of the binary format is missing.");
		end = data + length;
		if (!reader->has_header)
			data = skip_header(reader, data, end);
	} while (data == end);

	if (end - data < 2)
		bad_format("The row ends too early.");
	columns = (int16) pgcopy_decode_read16(data);
	data += 2;
	if (columns == -1)
	{
		if (data != end || pgcopy_stream_next(reader->stream, &data) >= 0)
			bad_format("There is more after the end mark.");
		reader->row--;
		return false;
	}

	if (columns != reader->columns)
		bad_format("The row has an unexpected number of columns.");
	memset(values, 0, sizeof(Datum) * RelationGetNumberOfAttributes(reader->relation));
	memset(nulls, true, RelationGetNumberOfAttributes(reader->relation));
	decode_row(reader, data, end, values, nulls);
	check_row_length(length);
	if (reader->defaults > 0)
		evaluate_defaults(reader, values, nulls);
	return true;
}

/* Feed the server's COPY parser, which calls this for more. */
static int
feed_text(void *to, int at_least, int at_most)
{
	RowReader  *reader = text_reader;
	int			done = 0;

	while (done < at_least)
	{
		int			n;

		if (reader->pending_length == 0)
		{
			int			length = pgcopy_stream_next(reader->stream,
													&reader->pending);

			if (length < 0)
				break;
			reader->pending_length = length;
		}
		n = Min(reader->pending_length, at_most - done);
		memcpy((char *) to + done, reader->pending, n);
		reader->pending += n;
		reader->pending_length -= n;
		done += n;
	}
	return done;
}

static void
prepare_text(RowReader *reader, List *columns)
{
	List	   *names = NIL;
	List	   *options;
	ListCell   *cell;

	foreach(cell, columns)
		names = lappend(names, makeString(lfirst(cell)));
	options = list_make2(makeDefElem("format",
									 (Node *) makeString("text"), -1),
						 makeDefElem("encoding",
									 (Node *) makeString(pstrdup(GetDatabaseEncodingName())),
									 -1));
	reader->copy = BeginCopyFrom(NULL, reader->relation, NULL, NULL, false,
								 feed_text, names, options);
}

static bool
next_text(RowReader *reader, Datum *values, bool *nulls)
{
	bool		has_row;

	text_reader = reader;
	reader->row++;
	has_row = NextCopyFrom(reader->copy, reader->econtext, values, nulls);
	text_reader = NULL;
	if (has_row)
		return true;
	reader->row--;

	/* the parser's end mark need not be the end of the COPY */
	if (reader->pending_length > 0 ||
		pgcopy_stream_next(reader->stream, &reader->pending) >= 0)
		bad_format("There is more after the end mark.");
	return false;
}

RowReader *
pgcopy_reader_open(Relation relation, const LoadTable *table,
				   CopyStream *stream, ExprContext *econtext)
{
	RowReader  *reader = palloc0(sizeof(RowReader));

	reader->relation = relation;
	reader->stream = stream;
	reader->econtext = econtext;
	reader->columns = list_length(table->columns);
	reader->map = pgcopy_columns_map(relation, table->columns);
	if (table->format == FORMAT_TEXT)
		prepare_text(reader, table->columns);
	else
		prepare_binary(reader, table->as_text);
	return reader;
}

bool
pgcopy_reader_next(RowReader *reader, Datum *values, bool *nulls)
{
	if (reader->copy != NULL)
		return next_text(reader, values, nulls);
	return next_binary(reader, values, nulls);
}

int64
pgcopy_reader_row(const RowReader *reader)
{
	return reader->row;
}

const char *
pgcopy_reader_column(const RowReader *reader)
{
	if (reader->copy != NULL)
		return reader->copy->cur_attname;
	return reader->column;
}

void
pgcopy_reader_close(RowReader *reader)
{
	if (reader->copy != NULL)
		EndCopyFrom(reader->copy);
}
