/*-------------------------------------------------------------------------
 *
 * reroute.c
 *	  Route the rows of a tree of partitions after all.
 *
 * The plan routes rows wherever their leaf is not certain (source/partition.c).
 * If a leaf refuses a row nevertheless, its partition constraint is not what it
 * was on the source: an "immutable" function that is not, a library that
 * differs under the same version.  Then the whole tree starts over, and its
 * rows are routed from its root.
 *
 * The workers are stopped first: they may be loading other leaves of the tree,
 * or building their indexes.  Their items start again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/notice.h"
#include "catalog/relation.h"
#include "run/follow.h"
#include "run/leader.h"
#include "run/resume.h"

bool
pgcopy_reroute_is_due(Leader *leader, int no)
{
	JobItem    *item;
	int			root;

	/* changes that arrive are not routed */
	if (pgcopy_queue_item(leader->queue, no)->kind != ITEM_TABLE ||
		pgcopy_leader_follows(leader))
		return false;
	pgcopy_leader_begin(leader);
	item = pgcopy_item_fetch(leader->job->id, no);
	root = pgcopy_relation_find_root(leader->job->id, item->relation);
	if (root != 0 && item->referenced != root)
		leader->misplaced = no;
	pgcopy_leader_commit(leader);
	return leader->misplaced == no;
}

/* Find the leaf and the root, and say what will happen. */
static void
tell(Leader *leader, int *leaf, int *root)
{
	int64		job = leader->job->id;
	JobRelation *relation;

	pgcopy_leader_begin(leader);
	*leaf = pgcopy_item_fetch(job, leader->misplaced)->relation;
	*root = pgcopy_relation_find_root(job, *leaf);
	relation = pgcopy_relation_fetch(job, *root);
	pgcopy_notice_tell(job, psprintf("%s.%s", relation->local_schema, relation->name),
					   "rows belong into other partitions here than on the source; the table was started over, and its rows go through its root",
					   "If its key uses a function, make that return the same on both sides, whatever the settings.");
	pgcopy_leader_commit(leader);
}

void
pgcopy_reroute_run(Leader *leader)
{
	int			leaf;
	int			root;

	tell(leader, &leaf, &root);
	pgcopy_reset_tree(leader, leaf, root);
	leader->misplaced = 0;
}
