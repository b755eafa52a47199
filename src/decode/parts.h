/*-------------------------------------------------------------------------
 *
 * parts.h
 *	  OIDs of types inside of binary values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PARTS_H
#define PGCOPY_PARTS_H

typedef struct TypeParts TypeParts;

/*
 * Return what the values of a type consist of, in the current memory context; NULL
 * if they have no OID on the wire that differs between databases.
 */
extern TypeParts *pgcopy_parts_find(Oid type);

/*
 * Replace the source's OIDs in a value by those of the types here.  Stops at what
 * does not look like a value: the receive function refuses it.
 */
extern void pgcopy_parts_translate(const TypeParts *parts, char *data, int length);

#endif							/* PGCOPY_PARTS_H */
