/*-------------------------------------------------------------------------
 *
 * follow.c
 *	  pgcopy.follow: what a job that follows its source has made, here and there.
 *
 * Only this file writes the table, and pgcopy.identity.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"

#include "catalog/follow.h"
#include "catalog/query.h"

/* Bytes of chance in a name: jobs of any server may follow one source. */
#define NAME_BYTES 6

static CatalogQuery insert_follow = {
	"INSERT INTO pgcopy.follow (job, name, publication, is_our_publication) "
	"VALUES ($1, $2, COALESCE(NULLIF($3, ''), $2), $3 = '')",
	3, {INT8OID, TEXTOID, TEXTOID}
};

#define SELECT_FOLLOW \
	"SELECT job, name, publication, is_our_publication, on_source, start_lsn, subscription, lost, " \
	"confirmed, timeline, counters, " \
	"guard_before, fence_before, changes_seen, cutover_lsn, guard = 'set' AS is_guarded, fence = 'set' AS is_fenced, " \
	"opened IS NOT NULL AS is_open FROM pgcopy.follow WHERE job = $1"

static CatalogQuery select_follow = {
	SELECT_FOLLOW,
	1, {INT8OID}
};

static CatalogQuery lock_follow = {
	SELECT_FOLLOW " FOR UPDATE",
	1, {INT8OID}
};

static CatalogQuery set_on_source = {
	"UPDATE pgcopy.follow SET on_source = $2 WHERE job = $1",
	2, {INT8OID, BOOLOID}
};

static CatalogQuery set_start = {
	"UPDATE pgcopy.follow SET start_lsn = NULLIF($2, '0/0'), lost = NULL, "
	"picture = NULL, changes_seen = NULL, confirmed = NULL, timeline = NULL, counters = NULL WHERE job = $1",
	2, {INT8OID, LSNOID}
};

static CatalogQuery set_confirmed = {
	"UPDATE pgcopy.follow SET confirmed = $2, timeline = $3 WHERE job = $1",
	3, {INT8OID, LSNOID, INT4OID}
};

static CatalogQuery set_counters = {
	"UPDATE pgcopy.follow SET counters = $2 WHERE job = $1",
	2, {INT8OID, TEXTOID}
};

static CatalogQuery set_subscription = {
	"UPDATE pgcopy.follow SET subscription = NULLIF($2, 0) WHERE job = $1",
	2, {INT8OID, OIDOID}
};

static CatalogQuery set_lost = {
	"UPDATE pgcopy.follow SET lost = $2 WHERE job = $1",
	2, {INT8OID, TEXTOID}
};

static CatalogQuery set_changes = {
	"UPDATE pgcopy.follow SET changes_seen = $2 "
	"WHERE job = $1 AND changes_seen IS DISTINCT FROM $2",
	2, {INT8OID, TEXTOID}
};

static CatalogQuery set_guard = {
	"UPDATE pgcopy.follow SET guard = CASE WHEN $2 THEN 'set' ELSE 'none' END, "
	"guard_before = $3 WHERE job = $1",
	3, {INT8OID, BOOLOID, TEXTOID}
};

static CatalogQuery set_fence = {
	"UPDATE pgcopy.follow SET fence = CASE WHEN $2 THEN 'set' ELSE 'none' END, "
	"fence_before = $3 WHERE job = $1",
	3, {INT8OID, BOOLOID, TEXTOID}
};

static CatalogQuery set_cutover = {
	"UPDATE pgcopy.follow SET cutover_lsn = NULLIF($2, '0/0') WHERE job = $1",
	2, {INT8OID, LSNOID}
};

static CatalogQuery set_open = {
	"UPDATE pgcopy.follow SET opened = clock_timestamp(), "
	"pause = make_interval(secs => $2 / 1e6), steps = $3::jsonb WHERE job = $1",
	3, {INT8OID, INT8OID, TEXTOID}
};

static CatalogQuery select_unsettled = {
	"SELECT job FROM pgcopy.follow WHERE on_source ORDER BY job"
};

static CatalogQuery select_is_guarded = {
	"SELECT EXISTS (SELECT FROM pgcopy.follow WHERE guard = 'set') AS is_guarded"
};

static CatalogQuery set_picture = {
	"UPDATE pgcopy.follow SET picture = $2 WHERE job = $1",
	2, {INT8OID, TEXTARRAYOID}
};

static CatalogQuery select_picture = {
	"SELECT p.text FROM pgcopy.follow AS f, unnest(f.picture) WITH ORDINALITY AS p(text, no) "
	"WHERE f.job = $1 ORDER BY p.no",
	1, {INT8OID}
};

/*
 * Before the plan is stored there are no relations, but there may be identities of
 * some that are not known by number yet.
 */
static CatalogQuery select_relations = {
	"SELECT r.no, r.source_oid, r.target_oid, r.schema_name, r.table_name, r.relkind, "
	"r.through_root, r.carry, d.identity_before, r.heap_bytes + r.toast_bytes AS bytes "
	"FROM pgcopy.relation AS r LEFT JOIN pgcopy.identity AS d "
	"ON d.job = r.job AND d.source_oid = r.source_oid "
	"WHERE r.job = $1 AND r.relkind IN ('r', 'p', 'm') "
	"UNION ALL SELECT 0, d.source_oid, NULL, NULL, NULL, 'r', false, '-', "
	"d.identity_before, 0 FROM pgcopy.identity AS d WHERE d.job = $1 AND NOT EXISTS "
	"(SELECT FROM pgcopy.relation AS r WHERE r.job = d.job AND r.source_oid = d.source_oid) "
	"ORDER BY 1, 2",
	1, {INT8OID}
};

/* By itself: joined with the others it could be run for each of many thousands. */
static CatalogQuery select_positions = {
	"SELECT i.relation AS no, max(s.lsn) AS lsn FROM pgcopy.item AS i "
	"JOIN pgcopy.snapshot AS s ON s.job = i.job AND s.no = i.snapshot "
	"WHERE i.job = $1 AND i.kind = 'table' AND s.lsn IS NOT NULL "
	"GROUP BY i.relation ORDER BY i.relation",
	1, {INT8OID}
};

/* The first one is what it was. */
static CatalogQuery insert_identity = {
	"INSERT INTO pgcopy.identity (job, source_oid, identity_before) VALUES ($1, $2, $3) "
	"ON CONFLICT DO NOTHING",
	3, {INT8OID, OIDOID, CHAROID}
};

static CatalogQuery delete_identity = {
	"DELETE FROM pgcopy.identity WHERE job = $1 AND source_oid = $2",
	2, {INT8OID, OIDOID}
};

static CatalogQuery select_old_rows = {
	"SELECT count(*) FROM pgcopy.item AS i "
	"JOIN pgcopy.snapshot AS s ON s.job = i.job AND s.no = i.snapshot "
	"JOIN pgcopy.follow AS f ON f.job = i.job "
	"WHERE i.job = $1 AND i.kind = 'table' AND i.state = 'done' AND s.lsn < f.start_lsn",
	1, {INT8OID}
};

static CatalogQuery select_inexact = {
	"SELECT r.no FROM pgcopy.relation AS r JOIN pgcopy.snapshot AS s ON s.job = r.job "
	"WHERE r.job = $1 AND s.no = $2 AND s.exact IS NOT NULL AND r.relkind = 'r' "
	"AND r.carry IN ('s', 'i') AND r.source_oid NOT IN (SELECT unnest(e.exact) "
	"  FROM pgcopy.snapshot AS e WHERE e.job = $1 AND e.no = $2) ORDER BY r.no",
	2, {INT8OID, INT4OID}
};

static CatalogQuery select_left = {
	"SELECT r.source_oid FROM pgcopy.relation AS r WHERE r.job = $1 AND r.no IN "
	"(SELECT i.relation FROM pgcopy.item AS i WHERE i.job = $1 AND i.kind = 'table' "
	"  AND i.state <> 'done') ORDER BY r.source_oid",
	1, {INT8OID}
};

/* A name that no other job of any server has. */
static char *
make_name(int64 job)
{
	uint8		chance[NAME_BYTES];
	char		hex[2 * NAME_BYTES + 1];

	if (!pg_strong_random(chance, sizeof(chance)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bytes")));
	for (int i = 0; i < NAME_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", chance[i]);
	return psprintf("pgcopy_%s_" INT64_FORMAT, hex, job);
}

void
pgcopy_follow_insert(int64 job, const char *publication)
{
	pgcopy_query_do(&insert_follow,
					QUERY_ARGS(Int64GetDatum(job), CStringGetTextDatum(make_name(job)),
							   CStringGetTextDatum(publication)));
}

static XLogRecPtr
read_lsn(int row, const char *column)
{
	return (XLogRecPtr) pgcopy_query_int64(row, column);
}

static void *
read_follow(int row)
{
	Follow	   *follow = palloc(sizeof(Follow));

	follow->job = pgcopy_query_int64(row, "job");
	follow->name = pgcopy_query_text(row, "name");
	follow->publication = pgcopy_query_text(row, "publication");
	follow->is_our_publication = pgcopy_query_bool(row, "is_our_publication");
	follow->on_source = pgcopy_query_bool(row, "on_source");
	follow->start_lsn = read_lsn(row, "start_lsn");
	follow->subscription = (Oid) pgcopy_query_int64(row, "subscription");
	follow->lost = pgcopy_query_text(row, "lost");
	follow->confirmed = read_lsn(row, "confirmed");
	follow->timeline = (int) pgcopy_query_int64(row, "timeline");
	follow->counters = pgcopy_query_text(row, "counters");
	follow->is_guarded = pgcopy_query_bool(row, "is_guarded");
	follow->guard_before = pgcopy_query_text(row, "guard_before");
	follow->is_fenced = pgcopy_query_bool(row, "is_fenced");
	follow->fence_before = pgcopy_query_text(row, "fence_before");
	follow->changes_seen = pgcopy_query_text(row, "changes_seen");
	follow->cutover_lsn = read_lsn(row, "cutover_lsn");
	follow->is_open = pgcopy_query_bool(row, "is_open");
	return follow;
}

Follow *
pgcopy_follow_fetch(int64 job)
{
	return pgcopy_query_fetch_one(&select_follow, QUERY_JOB(job), read_follow);
}

Follow *
pgcopy_follow_lock(int64 job)
{
	return pgcopy_query_fetch_one(&lock_follow, QUERY_JOB(job), read_follow);
}

char *
pgcopy_follow_inserts_name(const Follow *follow)
{
	return psprintf("%s" FOLLOW_INSERTS_SUFFIX, follow->name);
}

char *
pgcopy_follow_fence_name(const Follow *follow)
{
	return psprintf("%s" FOLLOW_FENCE_SUFFIX, follow->name);
}

void
pgcopy_follow_set_on_source(int64 job, bool on_source)
{
	pgcopy_query_do(&set_on_source,
					QUERY_ARGS(Int64GetDatum(job), BoolGetDatum(on_source)));
}

void
pgcopy_follow_set_start(int64 job, XLogRecPtr lsn)
{
	pgcopy_query_do(&set_start, QUERY_ARGS(Int64GetDatum(job), LSNGetDatum(lsn)));
}

void
pgcopy_follow_set_confirmed(int64 job, XLogRecPtr lsn, int timeline)
{
	pgcopy_query_do(&set_confirmed, QUERY_ARGS(Int64GetDatum(job), LSNGetDatum(lsn),
											   Int32GetDatum(timeline)));
}

void
pgcopy_follow_set_counters(int64 job, const char *counters)
{
	pgcopy_query_do(&set_counters,
					QUERY_ARGS(Int64GetDatum(job), pgcopy_query_text_arg(counters)));
}

void
pgcopy_follow_set_subscription(int64 job, Oid subscription)
{
	pgcopy_query_do(&set_subscription,
					QUERY_ARGS(Int64GetDatum(job), ObjectIdGetDatum(subscription)));
}

void
pgcopy_follow_set_lost(int64 job, const char *why)
{
	pgcopy_query_do(&set_lost, QUERY_ARGS(Int64GetDatum(job), pgcopy_query_text_arg(why)));
}

void
pgcopy_follow_set_changes(int64 job, const char *changes)
{
	pgcopy_query_do(&set_changes,
					QUERY_ARGS(Int64GetDatum(job), pgcopy_query_text_arg(changes)));
}

void
pgcopy_follow_set_guard(int64 job, bool is_set, const char *before)
{
	pgcopy_query_do(&set_guard, QUERY_ARGS(Int64GetDatum(job), BoolGetDatum(is_set),
										   pgcopy_query_text_arg(before)));
}

bool
pgcopy_follow_is_guarded(void)
{
	return pgcopy_query_fetch_int64(&select_is_guarded, NULL) != 0;
}

void
pgcopy_follow_set_picture(int64 job, const List *texts)
{
	pgcopy_query_do(&set_picture, QUERY_ARGS(Int64GetDatum(job),
											 pgcopy_query_array_arg(texts, TEXTOID)));
}

List *
pgcopy_follow_fetch_picture(int64 job)
{
	return pgcopy_query_fetch(&select_picture, QUERY_JOB(job), pgcopy_query_read_text);
}

void
pgcopy_follow_set_fence(int64 job, bool is_set, const char *before)
{
	pgcopy_query_do(&set_fence, QUERY_ARGS(Int64GetDatum(job), BoolGetDatum(is_set),
										   pgcopy_query_text_arg(before)));
}

void
pgcopy_follow_set_cutover(int64 job, XLogRecPtr lsn)
{
	pgcopy_query_do(&set_cutover, QUERY_ARGS(Int64GetDatum(job), LSNGetDatum(lsn)));
}

void
pgcopy_follow_set_open(int64 job, int64 pause, const char *steps)
{
	pgcopy_query_do(&set_open, QUERY_ARGS(Int64GetDatum(job), Int64GetDatum(pause),
										  pgcopy_query_text_arg(steps)));
}

static void *
read_job(int row)
{
	int64	   *job = palloc(sizeof(int64));

	*job = pgcopy_query_int64(row, "job");
	return job;
}

List *
pgcopy_follow_unsettled(void)
{
	return pgcopy_query_fetch(&select_unsettled, NULL, read_job);
}

bool
pgcopy_follow_has_old_rows(int64 job)
{
	return pgcopy_query_fetch_int64(&select_old_rows, QUERY_JOB(job)) > 0;
}

List *
pgcopy_follow_list_inexact(int64 job, int snapshot)
{
	return pgcopy_query_fetch_ints(&select_inexact, QUERY_ITEM(job, snapshot));
}

List *
pgcopy_follow_list_left(int64 job)
{
	int			count;
	uint32	   *oids = pgcopy_query_fetch_array(&select_left, QUERY_JOB(job), &count);
	List	   *left = NIL;

	for (int i = 0; i < count; i++)
		left = lappend_oid(left, oids[i]);
	pfree(oids);
	return left;
}

static void *
read_relation(int row)
{
	FollowRelation *relation = palloc0(sizeof(FollowRelation));

	relation->no = (int) pgcopy_query_int64(row, "no");
	relation->source_oid = (Oid) pgcopy_query_int64(row, "source_oid");
	relation->target_oid = (Oid) pgcopy_query_int64(row, "target_oid");
	relation->schema = pgcopy_query_text(row, "schema_name");
	relation->name = pgcopy_query_text(row, "table_name");
	relation->relkind = (char) pgcopy_query_int64(row, "relkind");
	relation->through_root = pgcopy_query_bool(row, "through_root");
	relation->carry = (char) pgcopy_query_int64(row, "carry");
	relation->identity_before = (char) pgcopy_query_int64(row, "identity_before");
	relation->bytes = pgcopy_query_int64(row, "bytes");
	return relation;
}

typedef struct Position
{
	int			no;				/* of the relation */
	XLogRecPtr	lsn;
} Position;

static void *
read_position(int row)
{
	Position   *position = palloc(sizeof(Position));

	position->no = (int) pgcopy_query_int64(row, "no");
	position->lsn = read_lsn(row, "lsn");
	return position;
}

List *
pgcopy_follow_relations(int64 job)
{
	List	   *relations = pgcopy_query_fetch(&select_relations, QUERY_JOB(job), read_relation);
	List	   *positions = pgcopy_query_fetch(&select_positions, QUERY_JOB(job), read_position);
	ListCell   *next = list_head(positions);
	ListCell   *lc;

	foreach(lc, relations)
	{
		FollowRelation *relation = lfirst(lc);

		while (next != NULL && ((Position *) lfirst(next))->no < relation->no)
			next = lnext(positions, next);
		if (next != NULL && ((Position *) lfirst(next))->no == relation->no)
			relation->lsn = ((Position *) lfirst(next))->lsn;
	}
	list_free_deep(positions);
	return relations;
}

void
pgcopy_follow_note_identity(int64 job, Oid source_oid, char identity)
{
	pgcopy_query_do(&insert_identity,
					QUERY_ARGS(Int64GetDatum(job), ObjectIdGetDatum(source_oid),
							   CharGetDatum(identity)));
}

void
pgcopy_follow_forget_identity(int64 job, Oid source_oid)
{
	pgcopy_query_do(&delete_identity,
					QUERY_ARGS(Int64GetDatum(job), ObjectIdGetDatum(source_oid)));
}
