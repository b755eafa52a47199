/*-------------------------------------------------------------------------
 *
 * relation.h
 *	  pgcopy.relation: the relations of the source in a job's snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_RELATION_H
#define PGCOPY_RELATION_H

#include "nodes/pg_list.h"

typedef struct JobRelation
{
	int			no;
	Oid			source_oid;
	char	   *schema;
	char	   *name;
	char	   *local_schema;	/* here: see schema_map */
	char		relkind;
	Oid			target_oid;		/* InvalidOid until pre-data is done */
	bool		is_ours;		/* created here by this job's pre-data */
	bool		was_here;		/* not created by this job, which adds to it */
	char		carry;			/* CARRY_*: follow.h */
	int64		updates_before; /* of CARRY_INSERTS: see COMMENT ON COLUMN */
	bool		through_root;	/* rows are routed from the partition root */
	int64		heap_bytes;
	int64		toast_bytes;
	List	   *columns;		/* char * */
	List	   *types;			/* char *: of the columns, see inventory.h */
	char	   *condition;		/* for an extension's configuration, or NULL */
	char	   *row_condition;	/* these five as in inventory.h */
	List	   *column_expressions;
	char	   *expression_path;
	char	   *row_with;
	char	   *row_join;
	char	   *split_key;		/* column whose ranges the chunks are, or NULL */
	List	   *split_bounds;	/* char *, first keys of all chunks but the first */
	bool		has_statistics; /* those of the source are here */
	int64		statistics_rows;	/* rows that came with them; -1: not known */
} JobRelation;

/* Insert a row, between begin() and end() of query.h. */
extern void pgcopy_relation_insert(int64 job, const JobRelation *relation);

/*
 * Add a table whose changes the stream carries, or a sequence of one, to a job that
 * has a plan; does nothing if the job has it.
 */
typedef struct AddedRelation
{
	Oid			source_oid;
	Oid			target_oid;
	const char *schema;			/* on both sides */
	const char *name;
	char		relkind;
} AddedRelation;

extern void pgcopy_relation_add(int64 job, const AddedRelation *relation);

/* Fetch one; an internal error if there is none. */
extern JobRelation *pgcopy_relation_fetch(int64 job, int no);

/* Fetch those numbered first to last, of any kind. */
extern List *pgcopy_relation_fetch_range(int64 job, int first, int last);

/* Fetch those of a kind, and the plain tables whose changes arrive in this way. */
extern List *pgcopy_relation_fetch_kind(int64 job, char relkind);
extern List *pgcopy_relation_fetch_carried(int64 job, char carry);

/*
 * Whether it is a sequence to set to the source's value: one that this job has
 * created, or one of an extension's configuration.
 */
extern bool pgcopy_relation_is_set_here(const JobRelation *relation);

/* Fetch one by its local OID; NULL: the job has none. */
extern JobRelation *pgcopy_relation_find_target(int64 job, Oid relid);

/*
 * Note that statistics of the source are here, for a list of numbers; and, parallel, how
 * many rows each of these relations has (char *, -1: not known).
 */
extern void pgcopy_relation_set_statistics(int64 job, const List *numbers, const List *rows);

/* Find the local relations by name, once pre-data has created them. */
extern void pgcopy_relation_resolve_targets(int64 job);

/*
 * The number of the root of the partition tree that a relation is a leaf of, if
 * the job has created both; else 0.
 */
extern int	pgcopy_relation_find_root(int64 job, int no);

/*
 * Let the rows of all leaves of a tree be routed from its root: write that down
 * in the relations and their items, and let all that waits for the rows of one
 * leaf wait for those of all.
 */
extern void pgcopy_relation_route_tree(int64 job, int root);

/* The local OIDs of all relations that the job has created, ascending. */
extern Oid *pgcopy_relation_fetch_ours(int64 job, int *count);

#endif							/* PGCOPY_RELATION_H */
