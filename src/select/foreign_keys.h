/*-------------------------------------------------------------------------
 *
 * foreign_keys.h
 *	  The foreign keys of the source, ready to be compared in SQL there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_FOREIGN_KEYS_H
#define PGCOPY_FOREIGN_KEYS_H

#include "nodes/pg_list.h"
#include "source/session.h"

/* One column of a key: "referenced" cast collation operator "referencing" cast. */
typedef struct KeyColumn
{
	char	   *referencing;	/* names, unquoted */
	char	   *referenced;
	char	   *operator;		/* OPERATOR(schema.name) */
	char	   *referencing_cast;	/* "::schema.type", or "" */
	char	   *referenced_cast;
	char	   *collation;		/* " COLLATE schema.name", or "" */
	bool		is_composite;	/* IS NULL looks into its values */
} KeyColumn;

typedef struct ForeignKey
{
	Oid			oid;
	char	   *name;
	Oid			referencing;
	Oid			referenced;
	bool		is_valid;		/* all rows are known to hold it */
	bool		is_temporal;	/* PERIOD: one row may need several */
	List	   *columns;		/* KeyColumn * */
} ForeignKey;

/*
 * Read all of them in the order of OIDs, as a List of ForeignKey.  Of a partitioned
 * table's there is one, not those that partitions have from it.
 */
extern List *pgcopy_foreign_keys_read(SourceSession *session);

/* A partition and its parent. */
typedef struct PartitionLink
{
	Oid			partition;
	Oid			parent;
} PartitionLink;

/* Read those of all tables, as a List of PartitionLink. */
extern List *pgcopy_foreign_keys_partitions(SourceSession *session);

#endif							/* PGCOPY_FOREIGN_KEYS_H */
