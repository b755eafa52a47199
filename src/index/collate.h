/*-------------------------------------------------------------------------
 *
 * collate.h
 *	  What is known of a collation's order, and sort keys that follow it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_COLLATE_H
#define PGCOPY_COLLATE_H

/* Who knows the order of strings under a collation */
typedef enum CollationOrder
{
	COLLATE_BYTES,				/* memcmp(), a prefix first */
	COLLATE_TRANSFORMED,		/* strxfrm(), to be proved */
	COLLATE_COMPARED,			/* the server's comparison alone */
	COLLATE_UNKNOWN			/* equal strings may differ in bytes */
} CollationOrder;

typedef struct Transformer Transformer;

extern CollationOrder pgcopy_collate_order(Oid collation);

extern Transformer *pgcopy_collate_begin(Oid collation);
extern int	pgcopy_collate_key(Transformer *transformer, const char *value,
							   int length, unsigned char *key, int room);

#endif							/* PGCOPY_COLLATE_H */
