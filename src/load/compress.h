/*-------------------------------------------------------------------------
 *
 * compress.h
 *	  The server's own compression of values, byte for byte, but faster.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_COMPRESS_H
#define PGCOPY_COMPRESS_H

#include "common/pg_lzcompress.h"

#define COMPRESS_HASHES		8192
#define COMPRESS_HISTORY	4096

/* 24 kB of work area, which need not be initialized. */
typedef struct Compressor
{
	uint16		newest[COMPRESS_HASHES];
	uint16		before[COMPRESS_HISTORY];
} Compressor;

/*
 * What pglz_compress(source, length, dest, PGLZ_strategy_default) does: the
 * length of the result, or -1 when the source cannot be made a quarter smaller.
 * The destination has room for PGLZ_MAX_OUTPUT(length) bytes.
 */
extern int32 pgcopy_compress_pglz(Compressor *compressor, const char *source,
								  int32 length, char *dest);

#endif							/* PGCOPY_COMPRESS_H */
