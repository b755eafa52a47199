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

/* A work area of 24 kB. */
typedef struct Compressor Compressor;

/* In the current memory context; pfree() it. */
extern Compressor *pgcopy_compress_create(void);

/*
 * What pglz_compress(source, length, dest, PGLZ_strategy_default) does: the
 * length of the result, or -1 when the source cannot be made a quarter smaller.
 * The destination has room for PGLZ_MAX_OUTPUT(length) bytes.
 */
extern int32 pgcopy_compress_pglz(Compressor *compressor, const char *source,
								  int32 length, char *dest);

#endif							/* PGCOPY_COMPRESS_H */
