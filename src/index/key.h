/*-------------------------------------------------------------------------
 *
 * key.h
 *	  The columns of an index, and in which order their values are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_KEY_H
#define PGCOPY_KEY_H

#include "access/attnum.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

#include "index/scan.h"

/* What orders the values of a column.  Those before KEY_NUMERIC can be words. */
typedef enum KeyKind
{
	KEY_INT2,
	KEY_INT4,					/* date too */
	KEY_INT8,					/* times, money */
	KEY_UINT1,					/* bool, "char" */
	KEY_UINT4,					/* oid */
	KEY_UINT8,					/* pg_lsn, xid8 */
	KEY_ENUM,					/* as oids, if all are even */
	KEY_FLOAT4,
	KEY_FLOAT8,
	KEY_UUID,
	KEY_NUMERIC,
	KEY_BYTES,					/* of a fixed length: macaddr */
	KEY_TIMETZ,
	KEY_INTERVAL,
	KEY_TEXT,					/* by bytes, no zeros among them */
	KEY_BPCHAR,					/* as text, but for trailing blanks */
	KEY_BYTEA,					/* by bytes, also zeros */
	KEY_INET,
	KEY_COMPARED,				/* only the server's comparison knows; compare.c */
	KEY_PAYLOAD					/* INCLUDE: any value, no order */
} KeyKind;

typedef struct KeyColumn
{
	KeyKind		kind;
	AttrNumber	attribute;		/* of the heap; 0: an expression */
	int16		length;			/* -1: varlena */
	char		align;
	bool		descending;
	bool		nulls_first;
	bool		not_null;
	bool		by_server;		/* index_form_tuple() makes all tuples: storage */
	int			offset;			/* in rows without nulls; -1: it varies */
	Oid			collation;
	struct Transformer *transformer;	/* makes keys of text; NULL: bytes do */
} KeyColumn;

typedef struct KeyDescription
{
	int			ncolumns;
	int			nkeys;			/* the columns after these are payload */
	int			last;			/* the highest attribute of the heap */
	int			first_varying;	/* the first attribute whose place varies, from 0 */
	int			varying_offset; /* it begins there, or behind padding */
	ScanNeed	need;			/* of rows of the heap */
	bool		all_placed;		/* all columns have an offset */
	bool		are_compared;	/* a column is KEY_COMPARED */
	bool		are_transformed;	/* a column has a transformer: prove the order */
	bool		is_evaluated;	/* has a predicate or expressions */
	bool		are_words;		/* the keys fit into words, and there is no payload */
	struct Evaluation *evaluation;	/* of a predicate or expressions, else NULL */
	KeyColumn	columns[INDEX_MAX_KEYS];
} KeyDescription;

/* Describe the columns of an index; returns why the server must build it, or NULL. */
extern const char *pgcopy_key_describe(Relation heap, Relation index,
									   const IndexInfo *info, KeyDescription *keys);

#endif							/* PGCOPY_KEY_H */
