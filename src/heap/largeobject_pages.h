/*-------------------------------------------------------------------------
 *
 * largeobject_pages.h
 *	  Insert pages of large objects into pg_largeobject.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LARGEOBJECT_PAGES_H
#define PGCOPY_LARGEOBJECT_PAGES_H

typedef struct LargeObjectWriter LargeObjectWriter;

/*
 * Create a writer in the current memory context, which must be current in each
 * call.  For one transaction.
 */
extern LargeObjectWriter *pgcopy_largeobject_pages_open(void);

/* Add a page of up to LOBLKSIZE bytes that the object does not have yet. */
extern void pgcopy_largeobject_pages_put(LargeObjectWriter *writer, Oid oid,
										 int32 page, const char *data,
										 int length);

/* Write the remaining pages and free everything. */
extern void pgcopy_largeobject_pages_close(LargeObjectWriter *writer);

#endif							/* PGCOPY_LARGEOBJECT_PAGES_H */
