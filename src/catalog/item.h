/*-------------------------------------------------------------------------
 *
 * item.h
 *	  pgcopy.item and pgcopy.statement: the items of a job.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ITEM_H
#define PGCOPY_ITEM_H

#include "nodes/pg_list.h"
#include "base/item_kind.h"
#include "base/words.h"

/*
 * When an item runs.  The leader runs serial stages in the order of item
 * numbers; workers run parallel ones as dependencies allow.
 */
typedef enum ItemStage
{
	STAGE_PRE_DATA,				/* serial */
	STAGE_COPYING,				/* parallel */
	STAGE_POST_DATA,			/* serial */
	STAGE_LATE,					/* parallel: see src/README.md */
	STAGE_FINAL,				/* serial */
	STAGE_CUTOVER,				/* serial, of jobs that follow: as the target opens */
	STAGE_OPEN					/* parallel: once it is open */
} ItemStage;

/*
 * Which copies must be through before an item of a parallel stage begins: those
 * of lower turns.  Through means done or given up, and for rows held back too.
 */
typedef enum ItemTurn
{
	TURN_AT_ONCE,				/* rows of an extension's configuration, and all
								 * that is not named below */
	TURN_ROWS,					/* of other tables */
	TURN_COMPUTED_ROWS,			/* with values that functions compute */
	TURN_COMPUTED_BUILDS,		/* what functions build from rows */

	/* In pre-data: what may run side by side (plan/plan_pre_data.c) */
	TURN_BLOCK,					/* begins a block */
	TURN_IN_BLOCK				/* runs behind the item before it */
} ItemTurn;

typedef struct JobItem
{
	int			no;
	ItemKind	kind;
	ItemStage	stage;
	ItemState	state;
	int			relation;		/* number in pgcopy.relation; 0: none */
	int			referenced;		/* relation a foreign key refers to; 0: none */
	char	   *schema;			/* to show; or NULL */
	char	   *name;
	List	   *depends;		/* integer list of item numbers */
	ItemTurn	turn;
	bool		with_path;		/* run under the source's search_path */
	int64		cost;			/* estimate, in bytes read and written */
	int64		range_start;	/* see COMMENT ON COLUMN */
	int64		range_end;		/* -1: NULL */
	int64		bytes_total;
	int			attempts;
	int64		xid;			/* (sub)transaction that did it; 0: none yet */
	int64		dirty_from;		/* see COMMENT ON COLUMN; 0: NULL */
	bool		is_vacuumed;	/* not stored: vacuumed after failed loads */
} JobItem;

/* The statement of an item, from a DumpStatement. */
typedef struct ItemStatement
{
	char	   *sql;			/* for inserting, need not be terminated */
	size_t		length;
	int			form;			/* ApplyForm */
	bool		has_secret;
	char	   *default_tablespace;
	char	   *default_table_access_method;
	char	   *session_authorization;	/* or NULL */
	bool		check_function_bodies;
} ItemStatement;

/*
 * Insert a row, between begin() and end() of query.h.  Other commands of the
 * transaction see a statement after the next CommandCounterIncrement().
 */
extern void pgcopy_item_insert(int64 job, const JobItem *item);
extern void pgcopy_item_insert_statement(int64 job, int no,
										 const ItemStatement *statement);

/* All items of a job, by number. */
extern List *pgcopy_item_fetch_all(int64 job);

/* One of them; an internal error if there is none. */
extern JobItem *pgcopy_item_fetch(int64 job, int no);

/* The item that copies a table's rows, the first if there are several; NULL: none. */
extern JobItem *pgcopy_item_fetch_copy_of(int64 job, int relation);

extern ItemStatement *pgcopy_item_fetch_statement(int64 job, int no);

/* Whether the table, or a chunk of it, is done. */
extern bool pgcopy_item_is_part_of_done(int64 job, int relation);

/* How many rows of a relation done items have copied. */
extern int64 pgcopy_item_sum_rows(int64 job, int relation);

/*
 * The transactions that loaded the tables and chunks that are done, without
 * their epochs; in the current memory context.
 */
extern TransactionId *pgcopy_item_fetch_loaded(int64 job, int *count);

/*
 * Each of the following is one update by primary key, in the current
 * transaction.
 *
 * snapshot: its number in pgcopy.snapshot, 0 if the item reads none.  format:
 * NULL if the item reads nothing by COPY.  mark_done() counts the item's time
 * from statement_timestamp(), which the caller sets when the item begins, and keeps
 * the current (sub)transaction, by which rows of the item are told from others.
 */
extern void pgcopy_item_mark_running(int64 job, int no, int snapshot);
extern void pgcopy_item_mark_done(int64 job, int no, const char *format,
								  int64 rows, int64 bytes);
extern void pgcopy_item_mark(int64 job, int no, ItemState state);

/* mark_done() of an item that has built an index; reason: see COMMENT ON, or NULL. */
extern void pgcopy_item_mark_built(int64 job, int no, const char *built_by,
								   const char *reason);

/* Whether the next attempt runs under the source's search_path. */
extern void pgcopy_item_set_with_path(int64 job, int no, bool with_path);

/* Take back mark_running() of an item that was not begun. */
extern void pgcopy_item_give_back(int64 job, int no);

/* Make it pending, never tried and not dirty. */
extern void pgcopy_item_reset(int64 job, int no);

/* Make it pending and never tried, planned as "item". */
extern void pgcopy_item_plan_again(int64 job, const JobItem *item);

/* Make it done, with nothing in it. */
extern void pgcopy_item_mark_empty(int64 job, int no);

#endif							/* PGCOPY_ITEM_H */
