/*-------------------------------------------------------------------------
 *
 * item.h
 *	  pgcopy.item and pgcopy.statement: the units of work of a job.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_ITEM_H
#define PGCOPY_ITEM_H

#include "nodes/pg_list.h"
#include "base/words.h"

/*
 * When an item is worked on.  Serial stages are run by the leader in the
 * order of item numbers, parallel ones by workers as dependencies allow.
 */
typedef enum ItemStage
{
	STAGE_PRE_DATA,				/* serial */
	STAGE_COPYING,				/* parallel */
	STAGE_POST_DATA,			/* serial */
	STAGE_LATE,					/* parallel: refresh, foreign keys on partitions */
	STAGE_FINAL					/* serial */
} ItemStage;

typedef struct JobItem
{
	int			no;
	ItemKind	kind;
	ItemStage	stage;
	ItemState	state;
	int			relation;		/* number in pgcopy.relation, 0: none */
	int			referenced;		/* the referenced table of a foreign key */
	char	   *schema;			/* for people; may be NULL */
	char	   *name;
	List	   *depends;		/* integer list of item numbers */
	int64		cost;			/* about as many bytes of reading and writing */
	int64		range_start;	/* see COMMENT ON COLUMN */
	int64		range_end;		/* -1: NULL */
	int64		bytes_total;
	int			attempts;
	int64		xid;			/* of the transaction that did it; 0: none yet */
	int64		dirty_from;		/* see COMMENT ON COLUMN; 0: NULL */
	bool		is_vacuumed;	/* not stored: VACUUM has come for it */
} JobItem;

/* What a statement item runs. Mirrors DumpStatement and ApplyForm. */
typedef struct ItemStatement
{
	char	   *sql;			/* when inserted, may lack the zero byte */
	size_t		length;
	int			form;
	bool		has_secret;
	char	   *default_tablespace;
	char	   *default_table_access_method;
	char	   *session_authorization;	/* NULL: none */
	bool		check_function_bodies;
} ItemStatement;

/*
 * Insert, both inside a catalog scope (query.h), as they come by the thousand.
 * Other commands of the transaction see a statement after the next
 * CommandCounterIncrement().
 */
extern void pgcopy_item_insert(int64 job, const JobItem *item);
extern void pgcopy_item_insert_statement(int64 job, int no,
										 const ItemStatement *statement);

/* All items of a job in order of their number, depends included. */
extern List *pgcopy_item_fetch_all(int64 job);
extern JobItem *pgcopy_item_fetch(int64 job, int no);
extern ItemStatement *pgcopy_item_fetch_statement(int64 job, int no);

/* Whether a chunk of the table, or the table, is done. */
extern bool pgcopy_item_is_part_of_done(int64 job, int relation);

/*
 * The transactions that have loaded what is done of all tables, without their
 * epochs; in the current memory context.
 */
extern TransactionId *pgcopy_item_fetch_loaded(int64 job, int *count);

/* State moves; each is one update by primary key in the current transaction. */
extern void pgcopy_item_mark_running(int64 job, int no, int snapshot);
extern void pgcopy_item_mark_done(int64 job, int no, const char *format,
								  int64 rows, int64 bytes);
extern void pgcopy_item_mark(int64 job, int no, ItemState state);

/* It was marked running and not begun: as if nobody had tried. */
extern void pgcopy_item_give_back(int64 job, int no);

/* As it was planned: nothing of it is done, nothing is left to clean. */
extern void pgcopy_item_reset(int64 job, int no);

/* The same with another name, range, size and cost: those of "item". */
extern void pgcopy_item_plan_again(int64 job, const JobItem *item);

/* There is nothing in this item to be done. */
extern void pgcopy_item_mark_empty(int64 job, int no);

#endif							/* PGCOPY_ITEM_H */
