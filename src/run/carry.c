/*-------------------------------------------------------------------------
 *
 * carry.c
 *	  Choose how the changes of each relation arrive, while the target follows.
 *
 * The choice is made before the publication, which is made before the snapshot; so by
 * OIDs, and the relations that the snapshot sees must have been there.  It is stored
 * with the plan.
 *
 *	s	the stream has all changes
 *	i	the stream has INSERT and TRUNCATE, and the user says that is all there is
 *	a	copied again in the cutover: what cannot be published, or cannot be applied, as
 *		rows that may belong into another partition here
 *	-	nothing to carry: views, and tables whose rows are not wanted
 *
 * A published partitioned table publishes its partitions, also those to come, and an
 * UPDATE of one without identity fails on the source then.  So it is published only if
 * it has a primary key, which all partitions inherit, and all of them are carried in
 * one way; else they are published one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "run/carry.h"
#include "run/process.h"
#include "select/subset.h"
#include "source/inventory.h"
#include "source/snapshot.h"
#include "stream/publication.h"

/* Tables without identity are copied again by themselves up to this size, together. */
#define MOST_COPIED_AGAIN (64 * 1024 * 1024)

/* What copying again costs, for an estimate: bytes per second, and ms per table. */
#define AGAIN_BYTES_PER_SECOND (50 * 1024 * 1024)
#define AGAIN_TABLE_MS 10

#define NAMES_SHOWN 10

typedef struct CarryChoice
{
	Oid			oid;
	char		carry;
	int64		updates;
} CarryChoice;

/* Tables that have something in common: what to say of them. */
typedef struct TableGroup
{
	int			count;
	int64		bytes;
	StringInfoData names;
} TableGroup;

/* A choice in the making. */
typedef struct Choosing
{
	Leader	   *leader;
	SourceSession *session;
	List	   *relations;
	List	   *identities;		/* TableIdentity, by OID */
	TableGroup	faulty;			/* without identity, with what is wrong */
	TableGroup	again;
	TableGroup	inserts;
	TableGroup	scanned;		/* FULL: each change reads the table */
	TableGroup	by_leaves;		/* roots that are not published as a whole */
	TableGroup	empty;			/* rows are not wanted */
} Choosing;

Carry *
pgcopy_carry_state(Leader *leader)
{
	if (leader->carry == NULL)
		leader->carry = MemoryContextAllocZero(leader->context, sizeof(Carry));
	return leader->carry;
}

static void
add_to_group(TableGroup *group, const SourceRelation *relation, const char *remark)
{
	int64		bytes = relation->heap_bytes + relation->toast_bytes;

	if (group->count == 0)
		initStringInfo(&group->names);
	group->count++;
	group->bytes += bytes;
	if (group->count > NAMES_SHOWN)
		return;
	appendStringInfo(&group->names, "%s%s", group->count > 1 ? ", " : "",
					 quote_qualified_identifier(relation->schema, relation->name));
	if (remark != NULL)
		appendStringInfo(&group->names, " (%s, %s)", remark, pgcopy_carry_size(bytes));
}

/* The names of a group, the first few if there are many. */
static const char *
group_names(const TableGroup *group)
{
	return group->count > NAMES_SHOWN ?
		psprintf("%s and %d more", group->names.data, group->count - NAMES_SHOWN) :
		group->names.data;
}

char *
pgcopy_carry_size(int64 bytes)
{
	return TextDatumGetCString(DirectFunctionCall1(pg_size_pretty, Int64GetDatum(bytes)));
}

static int
compare_identity(const void *key, const void *cell)
{
	Oid			oid = *(const Oid *) key;
	const TableIdentity *identity = lfirst((const ListCell *) cell);

	return oid < identity->oid ? -1 : oid > identity->oid;
}

static TableIdentity *
find_identity(const Choosing *choosing, Oid oid)
{
	ListCell   *cell = choosing->identities == NIL ? NULL :
		bsearch(&oid, choosing->identities->elements, list_length(choosing->identities),
				sizeof(ListCell), compare_identity);

	return cell != NULL ? lfirst(cell) : NULL;
}

/* Is it a table whose updates cannot be published, while its rows are wanted? */
static bool
lacks_identity(const SourceRelation *relation, const TableIdentity *identity)
{
	return relation->has_data_of_its_own && relation->config_condition == NULL &&
		!relation->through_root && identity != NULL &&
		(identity->fault == IDENTITY_MISSING || identity->fault == IDENTITY_DEFERRABLE ||
		 identity->fault == IDENTITY_GENERATED || pgcopy_identity_lacks_part(identity->fault));
}

/* Commit, but stay in the caller's memory context. */
static void
commit_notes(void)
{
	MemoryContext caller = CurrentMemoryContext;

	pgcopy_process_end_transaction();
	pgcopy_process_begin_transaction();
	MemoryContextSwitchTo(caller);
}

/*
 * Note which tables get an identity, and which they had: tables without, if their
 * rows are wanted, unless what they have could not be put back.
 */
static List *
note_identities(Choosing *choosing)
{
	int64		job = choosing->leader->job->id;
	List	   *chosen = NIL;
	ListCell   *lc;

	foreach(lc, choosing->relations)
	{
		SourceRelation *relation = lfirst(lc);
		TableIdentity *identity = find_identity(choosing, relation->oid);

		if (!lacks_identity(relation, identity) || !identity->can_be_restored)
			continue;
		pgcopy_follow_note_identity(job, relation->oid, identity->replident);
		chosen = lappend(chosen, identity);
	}
	commit_notes();
	return chosen;
}

/* No index has all that a row filter may need. */
static bool
is_filtered(const Choosing *choosing, Oid oid)
{
	const SourceRelation *relation = pgcopy_inventory_find(choosing->relations, oid);

	return relation != NULL && relation->row_condition != NULL;
}

/*
 * Give the tables without identity one.  Rows that cannot be compared as a whole are
 * of no use: such a table gets back what it had.
 */
static void
set_identities(Choosing *choosing)
{
	List	   *chosen = note_identities(choosing);
	List	   *read_before = choosing->identities;
	ListCell   *lc;

	foreach(lc, chosen)
	{
		const TableIdentity *before = lfirst(lc);

		pgcopy_identity_set(choosing->session, before->oid,
							is_filtered(choosing, before->oid) ? NULL : before->index);
	}
	choosing->identities = pgcopy_identity_read(choosing->session,
												pgcopy_chosen_relations(choosing->leader));
	pgcopy_carry_filters_keep(read_before, choosing->identities);
	foreach(lc, chosen)
	{
		const TableIdentity *before = lfirst(lc);
		const TableIdentity *now = find_identity(choosing, before->oid);

		if (now != NULL && now->fault == IDENTITY_FINE)
			continue;
		pgcopy_identity_restore(choosing->session, before->oid, before->replident);
		pgcopy_follow_forget_identity(choosing->leader->job->id, before->oid);
	}
	commit_notes();
}

/* Choose for a table without identity, by the user's option. */
static char
choose_without_identity(const Choosing *choosing, const TableIdentity *identity)
{
	if (choosing->leader->job->options.without_identity == WITHOUT_IDENTITY_INSERTS)
		return CARRY_INSERTS;
	return CARRY_AGAIN;
}

static char
choose_table(const Choosing *choosing, const SourceRelation *relation)
{
	const TableIdentity *identity = find_identity(choosing, relation->oid);

	if (!relation->has_data_of_its_own)
		return CARRY_NOTHING;
	if (relation->config_condition != NULL || relation->through_root || identity == NULL)
		return CARRY_AGAIN;
	switch (identity->fault)
	{
		case IDENTITY_FINE:
			return CARRY_STREAM;
		case IDENTITY_MISSING:
		case IDENTITY_DEFERRABLE:
		case IDENTITY_GENERATED:
		case IDENTITY_LACKS_FILTER:
		case IDENTITY_LACKS_LARGE:
			return choose_without_identity(choosing, identity);
		case IDENTITY_NO_EQUALITY:
		case IDENTITY_UNLOGGED:
			return CARRY_AGAIN;
	}
	return CARRY_AGAIN;
}

/* Note what is to be told of a table. */
static void
note_table(Choosing *choosing, const SourceRelation *relation)
{
	const TableIdentity *identity = find_identity(choosing, relation->oid);

	if (relation->is_left_empty)
		add_to_group(&choosing->empty, relation, NULL);
	else if (relation->carry == CARRY_AGAIN && relation->config_condition != NULL)
		add_to_group(&choosing->again, relation, "configuration of an extension");
	else if (relation->carry == CARRY_AGAIN && relation->through_root)
		add_to_group(&choosing->again, relation, "its rows may belong into other partitions here");
	else if (relation->carry == CARRY_AGAIN)
		add_to_group(&choosing->again, relation, identity == NULL ? "unknown" :
					 pgcopy_identity_fault_text(identity->fault));
	else if (relation->carry == CARRY_INSERTS)
		add_to_group(&choosing->inserts, relation, pgcopy_identity_fault_text(identity->fault));
	else if (relation->carry == CARRY_STREAM && identity->replident == 'f' &&
			 identity->index == NULL && !(COMPAT_APPLIES_BY_ANY_INDEX && identity->has_index))
		add_to_group(&choosing->scanned, relation,
					 psprintf(INT64_FORMAT " updates and deletes so far", identity->updates));
}

static void
choose_tables(Choosing *choosing)
{
	ListCell   *lc;

	foreach(lc, choosing->relations)
	{
		SourceRelation *relation = lfirst(lc);
		const TableIdentity *identity = find_identity(choosing, relation->oid);

		relation->carry = choose_table(choosing, relation);
		relation->updates_before = identity != NULL ? identity->updates : 0;
		if (relation->relkind == RELKIND_RELATION)
			note_table(choosing, relation);
	}
}

/*
 * Ask for the partitioned tables that could be published as a whole: with a primary
 * key that is checked at once, and how many partitions each has.
 */
static SourceRows *
read_roots(SourceSession *session)
{
	return pgcopy_session_query(session,
								"SELECT c.oid, (SELECT pg_catalog.count(*)"
								" FROM pg_catalog.pg_inherits AS h"
								" WHERE h.inhparent OPERATOR(pg_catalog.=) c.oid)"
								" FROM pg_catalog.pg_class AS c"
								" WHERE c.relkind OPERATOR(pg_catalog.=) 'p'"
								" AND EXISTS (SELECT FROM pg_catalog.pg_index AS i"
								" WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid"
								" AND i.indisprimary AND i.indimmediate)", 2, 0, NULL);
}

/* Has the table a primary key, and do we clone so many partitions as it has? */
static bool
is_whole(const SourceRows *roots, Oid root, int partitions)
{
	for (int i = 0; i < pgcopy_rows_count(roots); i++)
	{
		if (pgcopy_rows_get_oid(roots, i, 0) == root)
			return pgcopy_rows_get_size(roots, i, 1) == partitions;
	}
	return false;
}

/*
 * Choose for a partitioned table what all its partitions have; CARRY_NOTHING if they
 * differ.
 */
static void
choose_root(Choosing *choosing, SourceRelation *root, const SourceRows *roots)
{
	int			partitions = 0;
	bool		differ = false;
	bool		has_filter = false;
	ListCell   *lc;

	root->carry = CARRY_STREAM;
	foreach(lc, choosing->relations)
	{
		SourceRelation *partition = lfirst(lc);

		if (partition->parent != root->oid)
			continue;
		if (partition->relkind == RELKIND_PARTITIONED_TABLE)
			choose_root(choosing, partition, roots);
		if (partitions++ == 0)
			root->carry = partition->carry;
		differ = differ || root->carry != partition->carry;
		has_filter = has_filter || partition->row_condition != NULL;
	}
	if (differ || (pgcopy_follow_is_sent(root->carry) &&
				   (has_filter || !is_whole(roots, root->oid, partitions))))
		root->carry = CARRY_NOTHING;
	if (!pgcopy_follow_is_sent(root->carry) && !OidIsValid(root->parent))
		add_to_group(&choosing->by_leaves, root, NULL);
}

static void
choose_roots(Choosing *choosing)
{
	SourceRows *roots = read_roots(choosing->session);
	ListCell   *lc;

	foreach(lc, choosing->relations)
	{
		SourceRelation *relation = lfirst(lc);

		if (relation->relkind != RELKIND_PARTITIONED_TABLE || OidIsValid(relation->parent))
			continue;
		choose_root(choosing, relation, roots);
	}
	pgcopy_rows_free(roots);
}

static List *
add_finding(List *findings, const Finding *finding)
{
	return list_concat(findings, pgcopy_finding_list(finding));
}

static List *
add_notice(List *findings, const TableGroup *group, const char *message, const char *hint)
{
	Finding		finding = {
		.level = FINDING_NOTICE,.message = message,.hint = hint
	};

	if (group->count == 0)
		return findings;
	finding.object = group_names(group);
	return add_finding(findings, &finding);
}

/* What stands in the way.  Tables without identity are looked for, not yet chosen. */
static List *
find_errors(Choosing *choosing)
{
	const JobOptions *options = &choosing->leader->job->options;
	List	   *findings = NIL;

	if (options->without_identity == WITHOUT_IDENTITY_AUTO &&
		choosing->faulty.bytes > MOST_COPIED_AGAIN)
		findings = add_finding(findings, &(Finding) {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			.message = psprintf("updates of %d tables, together %s, cannot be replicated",
								choosing->faulty.count,
								pgcopy_carry_size(choosing->faulty.bytes)),
			.detail = psprintf("They have no replica identity, or one that does not suffice: %s.",
							   group_names(&choosing->faulty)),
			.hint = "Give them primary keys on the source. Or use without_identity => 'set' to set a replica identity there for the time, 'copy' to copy them again in the cutover, 'inserts' if their rows are never updated or deleted; or leave them out with exclude_table_data."
		});
	return findings;
}

/* Seconds that copying a group again takes, a rough guess. */
static int64
guess_seconds(const TableGroup *group)
{
	return (group->bytes / (AGAIN_BYTES_PER_SECOND / 1000) +
			(int64) group->count * AGAIN_TABLE_MS + 999) / 1000;
}

static List *
tell_choice(const Choosing *choosing)
{
	List	   *findings = NIL;

	findings = add_notice(findings, &choosing->again,
						  psprintf("%d tables, together %s, are copied again in the cutover, which lasts about " INT64_FORMAT " s longer for it: no stream can carry their changes",
								   choosing->again.count,
								   pgcopy_carry_size(choosing->again.bytes),
								   guess_seconds(&choosing->again)),
						  "Give tables a primary key on the source, or use without_identity, to have their changes carried.");
	findings = add_notice(findings, &choosing->inserts,
						  "only INSERT and TRUNCATE of these tables are carried: the cutover refuses if rows were updated or deleted meanwhile",
						  NULL);
	findings = add_notice(findings, &choosing->scanned,
						  "each UPDATE and DELETE of these tables reads the whole table here: they have REPLICA IDENTITY FULL and no key",
						  "Give them a primary key, here is enough, or expect the target to stay behind.");
	findings = add_notice(findings, &choosing->by_leaves,
						  "the changes of these tables are carried partition by partition: new ones are not carried",
						  "Create no partitions on the source until the cutover is over.");
	return add_notice(findings, &choosing->empty,
					  "changes of these tables are not carried, as their rows are not cloned", NULL);
}

/* Keep the choice for other relations of the same OIDs. */
static void
keep_choice(Choosing *choosing)
{
	Carry	   *carry = pgcopy_carry_state(choosing->leader);
	MemoryContext caller = MemoryContextSwitchTo(choosing->leader->context);
	ListCell   *lc;

	list_free_deep(carry->choices);
	carry->choices = NIL;
	foreach(lc, choosing->relations)
	{
		const SourceRelation *relation = lfirst(lc);
		CarryChoice *choice = palloc(sizeof(CarryChoice));

		choice->oid = relation->oid;
		choice->carry = relation->carry;
		choice->updates = relation->updates_before;
		carry->choices = lappend(carry->choices, choice);
	}
	MemoryContextSwitchTo(caller);
}

/*
 * Note rows that would be routed, row filters, and what stands in their way: return
 * errors.  The job's snapshot has these anew; what is to be told of them is told then.
 */
static List *
look_at_rows(Choosing *choosing)
{
	Leader	   *leader = choosing->leader;
	bool		is_begun = pgcopy_snapshot_begin_current(choosing->session);
	List	   *findings;

	pgcopy_partition_mark(choosing->session, choosing->relations);
	findings = pgcopy_subset_apply(choosing->session, &leader->job->options,
								   leader->selection, choosing->relations);
	if (is_begun)
		pgcopy_snapshot_release(choosing->session);
	if (pgcopy_finding_error(findings) != NULL)
		return findings;
	return pgcopy_carry_filters_check(leader, choosing->relations, choosing->identities);
}

/* Find the tables without identity. */
static void
look_for_faults(Choosing *choosing)
{
	ListCell   *lc;

	foreach(lc, choosing->relations)
	{
		SourceRelation *relation = lfirst(lc);
		const TableIdentity *identity = find_identity(choosing, relation->oid);

		if (lacks_identity(relation, identity))
			add_to_group(&choosing->faulty, relation,
						 pgcopy_identity_fault_text(identity->fault));
	}
}

/* Without them the cutover could not tell whether a table was updated: return an error. */
static List *
note_counters(Choosing *choosing)
{
	Leader	   *leader = choosing->leader;
	Carry	   *carry = pgcopy_carry_state(leader);
	char	   *counters = NULL;

	carry->counters = NULL;
	if (leader->job->options.without_identity != WITHOUT_IDENTITY_INSERTS)
		return NIL;
	counters = pgcopy_identity_counters(choosing->session);
	if (counters != NULL)
		carry->counters = MemoryContextStrdup(leader->context, counters);
	return counters != NULL ? NIL : pgcopy_finding_list(&(Finding) {
		.level = FINDING_ERROR,
		.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		.message = "without_identity => 'inserts' needs track_counts on the source: by its counters the cutover sees that no row was updated",
		.hint = "Set it on there, or choose another without_identity."
	});
}

List *
pgcopy_carry_choose(Leader *leader, List *relations)
{
	Choosing	choosing = {
		.leader = leader,
		.session = pgcopy_link_session(leader->link),
		.relations = relations
	};
	List	   *findings;

	pgcopy_chosen_mark(leader, relations);
	findings = note_counters(&choosing);
	choosing.identities = pgcopy_identity_read(choosing.session,
											   pgcopy_chosen_relations(leader));
	findings = list_concat(findings, look_at_rows(&choosing));
	look_for_faults(&choosing);
	findings = list_concat(findings, find_errors(&choosing));
	if (findings != NIL)
		return findings;
	if (leader->job->options.without_identity == WITHOUT_IDENTITY_SET)
		set_identities(&choosing);
	choose_tables(&choosing);
	choose_roots(&choosing);
	keep_choice(&choosing);
	return tell_choice(&choosing);
}

static int
compare_choice(const void *key, const void *cell)
{
	Oid			oid = *(const Oid *) key;
	const CarryChoice *choice = lfirst((const ListCell *) cell);

	return oid < choice->oid ? -1 : oid > choice->oid;
}

bool
pgcopy_carry_mark(Leader *leader, List *relations, char **what)
{
	const List *choices = pgcopy_carry_state(leader)->choices;
	ListCell   *lc;

	foreach(lc, relations)
	{
		SourceRelation *relation = lfirst(lc);
		ListCell   *cell = choices == NIL ? NULL :
			bsearch(&relation->oid, choices->elements, list_length(choices),
					sizeof(ListCell), compare_choice);
		const CarryChoice *choice = cell != NULL ? lfirst(cell) : NULL;

		if (choice == NULL)
		{
			*what = psprintf("%s was created",
							 quote_qualified_identifier(relation->schema, relation->name));
			return false;
		}
		relation->carry = choice->carry;
		relation->updates_before = choice->updates;
	}
	return true;
}
