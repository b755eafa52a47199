/*-------------------------------------------------------------------------
 *
 * relation.h
 *	  pgcopy.relation: what the source holds, as a job's snapshot sees it.
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
	char		relkind;		/* r, p, m, v, S */
	Oid			target_oid;		/* InvalidOid before pre-data is through */
	bool		is_ours;		/* created here by this job's pre-data */
	bool		through_root;	/* rows are routed from the partition root */
	int64		heap_bytes;
	int64		toast_bytes;
	List	   *columns;		/* char * */
	char	   *condition;		/* of an extension's configuration, or NULL */
	char	   *split_key;		/* column that chunks are ranges of, or NULL */
	List	   *split_bounds;	/* char *, where its chunks but the first begin */
} JobRelation;

extern void pgcopy_relation_insert(int64 job, const JobRelation *relation);
extern JobRelation *pgcopy_relation_fetch(int64 job, int no);

/* Those of relkind S numbered first to last, both included. */
extern List *pgcopy_relation_fetch_range(int64 job, int first, int last);

/*
 * Whether it is a sequence that gets the source's value: one that this job
 * creates, or one that an extension keeps as configuration.
 */
extern bool pgcopy_relation_is_set_here(const JobRelation *relation);

/* Look up by name what pre-data has created; one statement for all. */
extern void pgcopy_relation_resolve_targets(int64 job);

/* The oids here of all relations that the job has created, ascending. */
extern Oid *pgcopy_relation_fetch_ours(int64 job, int *count);

#endif							/* PGCOPY_RELATION_H */
