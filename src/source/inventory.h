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
	char	   *local_schema;	/* here: of one that a job has stored, or has looked for
								 * (schema/here.c); else NULL */
	char		relkind;		/* r, p, m, v, S */
	bool		is_partition;
	bool		has_children;	/* by inheritance; may be out of date */
	bool		has_data_of_its_own;	/* relkind r, and it is to be read */
	bool		is_left_empty;	/* its rows are not wanted */
	bool		is_unreadable;	/* unlogged, on a standby */
	Oid			parent;			/* of a partition, or InvalidOid */
	int64		heap_bytes;		/* main fork */
	int64		toast_bytes;
	BlockNumber blocks;
	List	   *columns;		/* char *: what COPY sends, in order, unquoted; at their end
								 * may be some that have an expression, and that the
								 * inventory does not list */
	List	   *types;			/* char *: their types: "schema.name", and of an extension's
								 * " of extension version"; unquoted */

	/* set by generated.c, for jobs that do not create tables; else NIL */
	List	   *generated;		/* char *: generated columns, and */
	List	   *generated_types;

	/* of configuration tables and sequences of an extension, else NULL */
	char	   *config_condition;	/* may be "" */
	List	   *config_references;	/* Oid: other tables its foreign keys need; schema/here_keys.c
									 * sets it for tables that are here */
	bool		is_extension_member;

	/*
	 * Set by select/subset.c: which rows are copied and what instead of a column,
	 * final SQL for the source.  The table is read as FROM ONLY schema.name without
	 * an alias: a condition names columns bare, by "name" or by "schema"."name".  It
	 * is put in parentheses, on lines of its own, beside the range of a chunk and
	 * config_condition.
	 */
	char	   *row_condition;	/* boolean, or NULL: all rows */
	List	   *column_expressions; /* NIL, or parallel to columns: char * or NULL */
	char	   *expression_path;	/* search_path both need, or NULL: an empty one */

	/*
	 * Set by select/referential.c, for row_condition: final SQL for the source, whose
	 * names do not clash with those of the table.
	 */
	char	   *row_with;		/* "WITH name AS (...), ...", before SELECT; or NULL */
	char	   *row_join;		/* " JOIN ...", after the table's name in FROM; or NULL */
	int64		bytes_beside;	/* that each chunk reads besides its own; PG_INT64_MAX:
								 * the table must not be split */

	/* set by run/carry.c, for jobs that follow: see JobRelation; else '\0' */
	char		carry;
	int64		updates_before;

	/* set by partition.c: rows may belong into another leaf here */
	bool		through_root;

	/*
	 * Set by schema/here.c, for jobs that do not create the tables: OID and kind of
	 * the local namesake, or 0; of which relation of the source (this or a parent)
	 * the namesake takes the rows; whether they must come in one transaction.
	 */
	Oid			here;
	char		here_kind;
	Oid			rows_go_to;
	bool		in_one_piece;

	/* set by plan/chunks.c, then by pgcopy_keyrange_choose() */
	int			wanted_chunks;
	char	   *split_key;		/* column; NULL: by ctid or not at all */
	List	   *split_bounds;	/* char *: first keys of all chunks but the first */
} SourceRelation;

/*
 * Read what pg_dump would dump, as a List of SourceRelation in the order of OIDs.
 * only: the literal of an oid[]; nothing else is listed, locked or read, not even
 * its size.  NULL: all.
 */
extern List *pgcopy_inventory_relations(SourceSession *session, const char *only);

/* Say that it will be called (ahead.h). */
extern void pgcopy_inventory_foresee_relations(SourceSession *session, const char *only);

/*
 * generated.c: set the generated columns of relations.  Call it in a transaction that
 * sees them.
 */
extern void pgcopy_generated_read(SourceSession *session, List *relations);

/* The condition for such a list, as the query's $1; "" for NULL. */
extern const char *pgcopy_inventory_restriction(const char *column, const char *only);

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

/*
 * Read indexes, in the order of OIDs: those in "only" (their own or their
 * constraints' OIDs), NULL for all.  Returns how many.
 */
extern int	pgcopy_inventory_indexes(SourceSession *session, const char *only,
									 SourceIndex **indexes);

/* Say that all will be read (ahead.h). */
extern void pgcopy_inventory_foresee_indexes(SourceSession *session);

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
extern void pgcopy_inventory_foresee_money(SourceSession *session);

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
