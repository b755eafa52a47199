/*-------------------------------------------------------------------------
 *
 * inventory.h
 *	  What the source holds, in a fixed number of set-based queries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_INVENTORY_H
#define PGCOPY_INVENTORY_H

#include "nodes/pg_list.h"
#include "storage/block.h"
#include "source/session.h"

/* A table, partitioned table, materialized view or sequence of the source. */
typedef struct SourceRelation
{
	Oid			oid;
	char	   *schema;
	char	   *name;
	char		relkind;		/* r, p, m, v, S */
	bool		is_partition;
	bool		has_children;	/* by inheritance; may be out of date */
	bool		has_data_of_its_own;	/* r, and not a foreign table */
	bool		through_root;	/* leaf under a hash partition by enum */
	Oid			parent;			/* of a partition */
	int64		heap_bytes;		/* main fork */
	int64		toast_bytes;
	BlockNumber blocks;
	List	   *columns;		/* char *: what COPY sends, in order, unquoted */

	/*
	 * Tables and sequences of extensions that are marked as configuration:
	 * rows are appended, the sequence's value is set.  NULL when not one.
	 */
	char	   *config_condition;	/* may be "" */
	List	   *config_references;	/* Oid: other tables its foreign keys need */
	bool		is_extension_member;

	/* How it is split, where the planner asks for that; see keyrange.h. */
	int			wanted_chunks;
	char	   *split_key;		/* column, NULL: by ctid or not at all */
	List	   *split_bounds;	/* char *, first keys of all chunks but the first */
} SourceRelation;

/* All of them, in the order of their oids. */
extern List *pgcopy_inventory_relations(SourceSession *session);

/* Whether one of these relations has that oid. */
extern bool pgcopy_inventory_has(List *relations, Oid oid);

/* An index on a table, or the constraint it belongs to, and its size there. */
typedef struct SourceIndex
{
	Oid			oid;
	int64		bytes;
} SourceIndex;

/* All of them, in the order of their oids; returns how many. */
extern int	pgcopy_inventory_indexes(SourceSession *session,
									 SourceIndex **indexes);

/* How large the index of that oid is; 0 when there is none. */
extern int64 pgcopy_inventory_index_bytes(const SourceIndex *indexes, int n,
										  Oid oid);

/* The oids of some of these relations, first to end - 1, as an array literal. */
extern char *pgcopy_inventory_oids_literal(List *relations, int first, int end);

/* Large objects with numbers next to each other. */
typedef struct LargeObjectRange
{
	Oid			first;
	Oid			last;			/* inclusive */
	int64		count;
	int64		bytes;			/* estimate */
} LargeObjectRange;

/* "name" quoted for the source, always: it may know other reserved words */
extern char *pgcopy_inventory_quoted(const char *name);

/* "schema"."name" quoted for the source */
extern char *pgcopy_inventory_quoted_name(const SourceRelation *relation);

/*
 * On whom a session of the source waits for a lock, for people; NULL when for
 * nobody.  To be asked through another session.
 */
extern char *pgcopy_inventory_blocker(SourceSession *session, int pid);

#endif							/* PGCOPY_INVENTORY_H */
