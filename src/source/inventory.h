/*-------------------------------------------------------------------------
 *
 * inventory.h
 *	  The relations and indexes of the source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_INVENTORY_H
#define PGCOPY_INVENTORY_H

#include "nodes/pg_list.h"
#include "storage/block.h"
#include "source/session.h"

/* A table, partitioned table, view, materialized view or sequence. */
typedef struct SourceRelation
{
	Oid			oid;
	char	   *schema;
	char	   *name;
	char	   *local_schema;	/* of one that a job has stored; else NULL */
	char		relkind;		/* r, p, m, v, S */
	bool		is_partition;
	bool		has_children;	/* by inheritance; may be out of date */
	bool		has_data_of_its_own;	/* relkind r, and it can be read */
	bool		is_unreadable;	/* unlogged, on a standby */
	Oid			parent;			/* of a partition, or InvalidOid */
	int64		heap_bytes;		/* main fork */
	int64		toast_bytes;
	BlockNumber blocks;
	List	   *columns;		/* char *: what COPY sends, in order, unquoted */
	List	   *types;			/* char *: their types: "schema.name", and of an extension's
								 * " of extension version"; unquoted */

	/* of configuration tables and sequences of an extension, else NULL */
	char	   *config_condition;	/* may be "" */
	List	   *config_references;	/* Oid: other tables its foreign keys need */
	bool		is_extension_member;

	/* set by partition.c: rows may belong into another leaf here */
	bool		through_root;

	/* set by plan/chunks.c, then by pgcopy_keyrange_choose() */
	int			wanted_chunks;
	char	   *split_key;		/* column; NULL: by ctid or not at all */
	List	   *split_bounds;	/* char *: first keys of all chunks but the first */
} SourceRelation;

/* Read what pg_dump would dump, as a List of SourceRelation in the order of OIDs. */
extern List *pgcopy_inventory_relations(SourceSession *session);

/* Find a relation in such a list; NULL if there is none. */
extern SourceRelation *pgcopy_inventory_find(List *relations, Oid oid);

/*
 * partition.c: set through_root of each partitioned relation that may divide
 * its rows in another way here, and of all leaves below.  Call it in a
 * transaction.
 */
extern void pgcopy_partition_mark(SourceSession *session, List *relations);

/* An index, under its constraint's OID if it has one. */
typedef struct SourceIndex
{
	Oid			oid;
	int64		bytes;
} SourceIndex;

/* Read all indexes, in the order of OIDs.  Returns how many. */
extern int	pgcopy_inventory_indexes(SourceSession *session,
									 SourceIndex **indexes);

/* Return the size of an index; 0 if it is not there. */
extern int64 pgcopy_inventory_index_bytes(const SourceIndex *indexes, int n,
										  Oid oid);

/* Return the OIDs of relations first to end - 1 as an array literal. */
extern char *pgcopy_inventory_oids_literal(List *relations, int first, int end);

/* Consecutive large objects. */
typedef struct LargeObjectRange
{
	Oid			first;
	Oid			last;			/* inclusive */
	int64		count;
	int64		bytes;			/* estimate */
} LargeObjectRange;

/* Would a definition's text have amounts of money in the source's own form? */
extern bool pgcopy_inventory_prints_money(SourceSession *session);

/* Quote a name, in any case: the source may have other reserved words. */
extern char *pgcopy_inventory_quoted(const char *name);

/* Quote a relation's qualified name. */
extern char *pgcopy_inventory_quoted_name(const SourceRelation *relation);

/*
 * Describe the session that blocks the source's process "pid", for a message; NULL
 * if none does.  "session" must be another one.
 */
extern char *pgcopy_inventory_blocker(SourceSession *session, int pid);

#endif							/* PGCOPY_INVENTORY_H */
