/*-------------------------------------------------------------------------
 *
 * largeobject_pages.h
 *	  Pages of large objects into pg_largeobject.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LARGEOBJECT_PAGES_H
#define PGCOPY_LARGEOBJECT_PAGES_H

typedef struct LargeObjectWriter LargeObjectWriter;

/*
 * Lives in the current memory context, for one transaction.  Slots of rows are
 * made there as they are needed, so it must be current in each call.
 */
extern LargeObjectWriter *pgcopy_largeobject_pages_open(void);

/* Add a page of up to LOBLKSIZE bytes that the object does not have yet. */
extern void pgcopy_largeobject_pages_put(LargeObjectWriter *writer, Oid oid,
										 int32 page, const char *data,
										 int length);

/* Write what is left and let go of everything. */
extern void pgcopy_largeobject_pages_close(LargeObjectWriter *writer);

#endif							/* PGCOPY_LARGEOBJECT_PAGES_H */
