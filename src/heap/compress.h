/*-------------------------------------------------------------------------
 *
 * compress.h
 *	  pglz_compress(), byte for byte, but faster.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_COMPRESS_H
#define PGCOPY_COMPRESS_H

#include "common/pg_lzcompress.h"

/* A work area of 24 kB. */
typedef struct Compressor Compressor;

/* Allocate in the current memory context; the caller may pfree() it. */
extern Compressor *pgcopy_compress_create(void);

/*
 * Do what pglz_compress(source, length, dest, PGLZ_strategy_default) does:
 * return the result's length, or -1 if it would not be a quarter shorter.
 * "dest" has room for PGLZ_MAX_OUTPUT(length) bytes.
 */
extern int32 pgcopy_compress_pglz(Compressor *compressor, const char *source,
								  int32 length, char *dest);

#endif							/* PGCOPY_COMPRESS_H */
