/*-------------------------------------------------------------------------
 *
 * subset_private.h
 *	  What the files of a subset share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SUBSET_PRIVATE_H
#define PGCOPY_SUBSET_PRIVATE_H

#include "select/expression.h"
#include "select/subset.h"

/* An expression and where it was given, for messages. */
typedef struct SubsetExpression
{
	const char *option;
	const char *key;
	const char *column;			/* or NULL: a condition */
	SourceExpression *expression;
} SubsetExpression;

typedef struct SubsetColumn
{
	const char *name;
	const char *generated;		/* words for why it has no value of its own, or NULL */
	bool		is_only_here;	/* the source lacks it */
	bool		is_not_null;
	Oid			type;			/* under all domains */
	char	   *cast;			/* its name, quoted */
	const SubsetExpression *value;	/* or NULL: the column */
} SubsetColumn;

typedef struct SubsetTable
{
	Oid			oid;
	const char *schema;
	const char *name;
	char		relkind;
	Oid			parent;			/* of a partition */
	const SubsetExpression *filter; /* or NULL */
	bool		has_values;
	bool		is_chosen;
	const void *met_by;			/* the match that has met it last, while keys are matched */
	List	   *key_columns;	/* char *: of a partitioned table, that divide its rows */
	List	   *given;			/* SubsetExpression *: values, until columns are known */
	List	   *columns;		/* SubsetColumn *, if something was given */
	const char *path;			/* that it needs, or NULL */
} SubsetTable;

typedef struct Subset
{
	SourceSession *session;
	const JobOptions *options;
	bool		in_transaction;
	const Selection *selection; /* NULL: all */
	List	   *relations;		/* SourceRelation *; NIL: not known yet */
	SourceMoment moment;
	const char *path;			/* beside the empty one; NULL: none */
	List	   *tables;			/* SubsetTable *: all, in the order of OIDs */
	List	   *chosen;			/* those that something is given for */
	List	   *expressions;	/* SubsetExpression *: all */
	List	   *findings;
} Subset;

/* Add an error or a notice about what was given, before whose message it is named. */
extern void pgcopy_subset_add(Subset *subset, const SubsetExpression *given,
							  const Finding *finding);

/* "row_filters of public.orders" */
extern const char *pgcopy_subset_describe(const SubsetExpression *given);

extern SubsetTable *pgcopy_subset_find(const Subset *subset, Oid oid);
extern char *pgcopy_subset_table_name(const SubsetTable *table);

/* subset_read.c: the tables of the source, their columns, its time. */
extern void pgcopy_subset_read_tables(Subset *subset);
extern void pgcopy_subset_read_columns(Subset *subset);
extern void pgcopy_subset_read_moment(Subset *subset);

/*
 * subset_agree.c: throw if these are not those of the inventory, if that is known.
 * Columns: before others of this database are added.
 */
extern void pgcopy_subset_agree_tables(const Subset *subset);
extern void pgcopy_subset_agree_columns(const Subset *subset);

/* OIDs of partitioned tables whose key has columns that get other values below them. */
extern List *pgcopy_subset_read_moving(Subset *subset);

/* The called functions that are volatile, as CalledFunction *. */
extern List *pgcopy_subset_read_volatile(Subset *subset);

/* subset_match.c: choose what keys mean. */
extern void pgcopy_subset_match(Subset *subset);

/*
 * subset_here.c: add a column to a table that only its namesake here has; NULL if
 * there is none, or if the job creates the table.
 */
extern SubsetColumn *pgcopy_subset_here_find(const Subset *subset, SubsetTable *table,
											 const char *name);

/* subset_check.c: let the source check all that is given for the chosen tables. */
extern void pgcopy_subset_check_tables(Subset *subset);

#endif							/* PGCOPY_SUBSET_PRIVATE_H */
