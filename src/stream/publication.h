/*-------------------------------------------------------------------------
 *
 * publication.h
 *	  Publications and replica identities on the source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PUBLICATION_H
#define PGCOPY_PUBLICATION_H

#include "base/finding.h"
#include "source/session.h"

/* A table to publish: a partitioned one with all its partitions, present and to come. */
typedef struct PublishedTable
{
	Oid			oid;
	const char *schema;
	const char *name;
	const char *row_filter;		/* SQL, or NULL */
} PublishedTable;

/* The OIDs of a List of PublishedTable *, in its order. */
extern List *pgcopy_publication_oids(const List *tables);

/*
 * Create a publication of these tables (List of PublishedTable *), publish_via_
 * partition_root off, and commit it: 500 tables to a statement, each retried while
 * a table is locked.  inserts_only: publish = 'insert, truncate'.
 */
extern void pgcopy_publication_create(SourceSession *session, const char *name,
									  List *tables, bool inserts_only);

/* Add tables to it. */
extern void pgcopy_publication_add(SourceSession *session, const char *name, List *tables);

/* Drop one, if it exists. */
extern void pgcopy_publication_drop(SourceSession *session, const char *name);

/*
 * The relations that the stream sends with a publication's name: leaves of partition
 * trees, not their roots, and no members of extensions: OIDs, ascending.
 */
extern List *pgcopy_publication_relations(SourceSession *session, const char *name);

/* What the source says to publishing a part of a table. */
typedef struct PublishedPart
{
	ErrorData  *error;			/* why it is refused; NULL: it is not */
	const char *row_filter;		/* as it is stored: the same under any search_path */
	bool		is_in_identity; /* its columns are all in the replica identity */
	bool		has_large_values;	/* or may have: there is a TOAST table */
} PublishedPart;

/*
 * publication_filter.c: ask for it.  The filter's names are found by search_path (NULL:
 * an empty one).  The session is in no transaction; nothing stays.
 */
extern void pgcopy_publication_try_part(SourceSession *session, const PublishedTable *table,
										const char *search_path, PublishedPart *part);

/*
 * What is wrong with a publication that the DBA has made: List of Finding *.  First by
 * itself; then with the tables that are to be carried (List of PublishedTable *) and
 * all that are cloned (List of OIDs, ascending).
 */
extern List *pgcopy_publication_check(SourceSession *session, const char *name);
extern List *pgcopy_publication_check_tables(SourceSession *session, const char *name,
											 List *tables, const List *cloned);

/* Why a table's updates cannot be carried by the stream. */
typedef enum IdentityFault
{
	IDENTITY_FINE,
	IDENTITY_MISSING,			/* no primary key, none set, or NOTHING */
	IDENTITY_DEFERRABLE,		/* the primary key is */
	IDENTITY_GENERATED,			/* a generated column in it */
	IDENTITY_NO_EQUALITY,		/* FULL, with a type that has none */
	IDENTITY_UNLOGGED,

	/* found by run/carry_filters.c: it would do if all rows were published */
	IDENTITY_LACKS_FILTER,		/* columns of the row filter */
	IDENTITY_LACKS_LARGE		/* large values */
} IdentityFault;

#define pgcopy_identity_lacks_part(fault) \
	((fault) == IDENTITY_LACKS_FILTER || (fault) == IDENTITY_LACKS_LARGE)

typedef struct TableIdentity
{
	Oid			oid;
	char		replident;		/* pg_class.relreplident */
	IdentityFault fault;
	bool		can_be_restored;	/* after another is set; not if it is an index of no use */
	char	   *index;			/* one that could be set, its quoted name; or NULL */
	int64		updates;		/* n_tup_upd + n_tup_del so far */
	int64		bytes;			/* with TOAST and indexes' not */
	bool		has_index;		/* FULL: a row may be found by an index of some columns */
} TableIdentity;

/* Of plain tables and leaves of what "only" has (an oid[]; NULL: all): List, by OID. */
extern List *pgcopy_identity_read(SourceSession *session, const char *only);

/*
 * What tells whether the source's counters of updates go on from where they were: it is
 * another one once they were reset, or lost in a crash.  NULL: the source does not count.
 * To be asked before the counters when they are noted, after them when compared.
 */
extern char *pgcopy_identity_counters(SourceSession *session);

/* What to say of a fault: "has no primary key" ... */
extern const char *pgcopy_identity_fault_text(IdentityFault fault);

/*
 * Set REPLICA IDENTITY: by an index (quoted name), or FULL for NULL.  And set it back
 * to what relreplident was.  Both with a short lock_timeout and retries; the second
 * does nothing if the table is gone.
 */
extern void pgcopy_identity_set(SourceSession *session, Oid table, const char *index);
extern void pgcopy_identity_restore(SourceSession *session, Oid table, char replident);

#endif							/* PGCOPY_PUBLICATION_H */
