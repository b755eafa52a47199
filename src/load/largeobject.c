/*-------------------------------------------------------------------------
 *
 * largeobject.c
 *	  Large objects: content, owner, privileges, comment, labels, in bulk.
 *
 * One query each reads objects, privileges and labels.  The first tells which
 * objects to create; everything else the source sends must be about one of
 * these.  In one snapshot the answers agree, unless the source lies.
 *
 * SQL is built only from parsed numbers, quoted names and literals, and the two
 * known privileges.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "commands/alter.h"
#include "commands/comment.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "load/largeobject.h"

/* One privilege on an object, granted by one role to another. */
typedef struct Privilege
{
	const char *grantor;
	const char *grantee;		/* "": PUBLIC */
	const char *name;
	bool		is_grantable;
	bool		is_granted;		/* here */
} Privilege;

static void throw_bad_answer(const char *detail) pg_attribute_noreturn();

static void
throw_bad_answer(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the source gives contradictory answers about its large objects"),
			 errdetail_internal("%s", detail),
			 errhint("Check pg_largeobject_metadata on the source, and that no proxy changes its answers.")));
}

/* Return an OID list as an array literal. */
static char *
make_oid_array(List *oids)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	foreach(lc, oids)
		appendStringInfo(&text, "%s%u", text.len > 1 ? "," : "", lfirst_oid(lc));
	appendStringInfoChar(&text, '}');
	return text.data;
}

static LargeObjectRange *
get_range(const SourceRows *rows, int row, const LargeObjectRange *last)
{
	LargeObjectRange *range = palloc(sizeof(LargeObjectRange));

	range->first = pgcopy_rows_get_oid(rows, row, 0);
	range->last = pgcopy_rows_get_oid(rows, row, 1);
	range->count = pgcopy_rows_get_size(rows, row, 2);
	range->bytes = pgcopy_rows_get_size(rows, row, 3);
	if (range->first > range->last || (last != NULL && range->first <= last->last) ||
		range->count < 1)
		throw_bad_answer(psprintf("A range from %u to %u with " INT64_FORMAT " objects and " INT64_FORMAT " bytes is impossible.",
								  range->first, range->last, range->count, range->bytes));
	return range;
}

List *
pgcopy_largeobject_plan(SourceSession *session, List *firsts, List *lasts,
						int64 per_range)
{
	const char *params[] = {make_oid_array(firsts), make_oid_array(lasts)};
	List	   *ranges = NIL;
	SourceRows *rows;
	char	   *sql;

	Assert(per_range > 0 && list_length(firsts) == list_length(lasts));
	sql = psprintf("WITH numbered AS (SELECT m.oid, g.no,"
				   " (pg_catalog.row_number() OVER (PARTITION BY g.no ORDER BY m.oid) - 1) / "
				   INT64_FORMAT " AS part"
				   " FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]),"
				   " pg_catalog.unnest($2::pg_catalog.oid[])) WITH ORDINALITY AS g(first, last, no)"
				   " JOIN pg_catalog.pg_largeobject_metadata AS m"
				   " ON m.oid BETWEEN g.first AND g.last),"
				   " size AS (SELECT pg_catalog.pg_relation_size("
				   "'pg_catalog.pg_largeobject') AS bytes,"
				   " pg_catalog.count(*) AS objects"
				   " FROM pg_catalog.pg_largeobject_metadata)"
				   " SELECT pg_catalog.min(oid::bigint),"
				   " pg_catalog.max(oid::bigint), pg_catalog.count(*),"
				   " (size.bytes::numeric * pg_catalog.count(*)"
				   " / size.objects)::bigint"
				   " FROM numbered, size GROUP BY no, part, bytes, objects"
				   " ORDER BY 1", per_range);
	rows = pgcopy_session_query(session, sql, 4, lengthof(params), params);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		ranges = lappend(ranges, get_range(rows, i, ranges == NIL ? NULL : llast(ranges)));
	pgcopy_rows_free(rows);
	pfree(sql);
	return ranges;
}

static int
compare_oids(const void *a, const void *b)
{
	Oid			x = *(const Oid *) a;
	Oid			y = *(const Oid *) b;

	return x < y ? -1 : x > y;
}

/* Return the object of a row; throw if this copy has not created it. */
static Oid
get_created_oid(const LargeObjectCopy *copy, const SourceRows *rows, int row)
{
	Oid			oid = pgcopy_rows_get_oid(rows, row, 0);

	if (copy->count == 0 ||
		bsearch(&oid, copy->oids, copy->count, sizeof(Oid), compare_oids) == NULL)
		throw_bad_answer(psprintf("Large object %u was not listed before.", oid));
	return oid;
}

const char *
pgcopy_largeobject_restriction(const LargeObjectCopy *copy, const char *column)
{
	return copy->only == NULL ? "" :
		psprintf(" AND %s OPERATOR(pg_catalog.=) ANY (%s::pg_catalog.oid[])", column,
				 quote_literal_cstr(copy->only));
}

/* No column of the answer is NULL; "" is no comment. */
static SourceRows *
read_objects(SourceSession *session, const LargeObjectCopy *copy)
{
	char	   *sql;

	sql = psprintf("SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner),"
				   " COALESCE(pg_catalog.obj_description(m.oid, 'pg_largeobject'), '')"
				   " FROM pg_catalog.pg_largeobject_metadata m"
				   " WHERE m.oid BETWEEN %u AND %u%s ORDER BY m.oid",
				   copy->first, copy->last, pgcopy_largeobject_restriction(copy, "m.oid"));
	return pgcopy_session_query(session, sql, 3, 0, NULL);
}

/* Note which objects there are.  Throws unless ascending and in the range. */
static void
note_objects(LargeObjectCopy *copy, const SourceRows *rows)
{
	Oid			last = InvalidOid;

	copy->count = pgcopy_rows_count(rows);
	for (int i = 0; i < copy->count; i++)
	{
		Oid			oid = pgcopy_rows_get_oid(rows, i, 0);

		if (oid < copy->first || oid > copy->last || oid <= last)
			throw_bad_answer(psprintf("Large object %u is listed after %u, in the range from %u to %u.",
									  oid, last, copy->first, copy->last));
		copy->oids[i] = last = oid;
	}
}

static void
create_object(Oid oid)
{
	if (LargeObjectExists(oid))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("large object %u already exists", oid),
				 errdetail("This job did not create it, or it has been changed since."),
				 errhint("Remove it with SELECT lo_unlink(%u), or clone with large_objects => false.",
						 oid)));
	(void) LargeObjectCreate(oid);
	recordDependencyOnOwner(LargeObjectRelationId, oid, GetUserId());
	InvokeObjectPostCreateHook(LargeObjectRelationId, oid, 0);
}

static void
change_owner(Oid oid, const char *owner)
{
	Oid			role = get_role_oid(owner, true);
	Relation	metadata;

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", owner),
				 errdetail("It owns large object %u on the source.", oid),
				 errhint("Create the role, or use no_owner => true.")));
	if (role == GetUserId())
		return;
	if (!superuser() && !is_member_of_role(GetUserId(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot give large object %u to role \"%s\"",
						oid, owner),
				 errdetail("The job's owner is not a member of that role."),
				 errhint("Run the job as a superuser, or use no_owner => true.")));
	metadata = table_open(LargeObjectMetadataRelationId, RowExclusiveLock);
	pgcopy_alter_largeobject_owner(metadata, oid, role);
	table_close(metadata, RowExclusiveLock);
}

static void
create_objects(const LargeObjectCopy *copy, const SourceRows *rows)
{
	for (int i = 0; i < copy->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		create_object(copy->oids[i]);
	}
	CommandCounterIncrement();

	for (int i = 0; i < copy->count; i++)
	{
		const char *comment = pgcopy_rows_get(rows, i, 2);

		CHECK_FOR_INTERRUPTS();
		if (!copy->no_comments && comment[0] != '\0')
			CreateComments(copy->oids[i], LargeObjectRelationId, 0, comment);
		if (!copy->no_owner)
			change_owner(copy->oids[i], pgcopy_rows_get(rows, i, 1));
	}
	CommandCounterIncrement();
}

static void
run_statement(const char *sql)
{
	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "unexpected result of \"%s\"", sql);
}

/*
 * No column of the answer is NULL.  The privilege "", granted by nobody, means that
 * all privileges were revoked.
 */
static SourceRows *
read_privileges(SourceSession *session, const LargeObjectCopy *copy)
{
	char	   *sql;

	sql = psprintf("SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner),"
				   " CASE WHEN a.grantor IS NULL THEN ''"
				   " ELSE pg_catalog.pg_get_userbyid(a.grantor) END,"
				   " CASE WHEN a.grantee IS NULL OR a.grantee OPERATOR(pg_catalog.=) 0 THEN ''"
				   " ELSE pg_catalog.pg_get_userbyid(a.grantee) END,"
				   " COALESCE(a.privilege_type, ''), COALESCE(a.is_grantable, false)"
				   " FROM pg_catalog.pg_largeobject_metadata m"
				   " LEFT JOIN LATERAL pg_catalog.aclexplode(m.lomacl)"
				   " WITH ORDINALITY a ON true"
				   " WHERE m.oid BETWEEN %u AND %u%s AND m.lomacl IS NOT NULL"
				   " ORDER BY m.oid, a.ordinality",
				   copy->first, copy->last, pgcopy_largeobject_restriction(copy, "m.oid"));
	return pgcopy_session_query(session, sql, 6, 0, NULL);
}

/* Without owners, let the current user stand for the source's owner. */
static const char *
role_here(const char *role, const char *owner, const LargeObjectCopy *copy)
{
	return copy->no_owner && strcmp(role, owner) == 0 ?
		GetUserNameFromId(GetUserId(), false) : role;
}

static Privilege *
get_privilege(const LargeObjectCopy *copy, const SourceRows *rows, int row)
{
	const char *owner = pgcopy_rows_get(rows, row, 1);
	Privilege  *privilege = palloc0(sizeof(Privilege));

	privilege->grantor = role_here(pgcopy_rows_get(rows, row, 2), owner, copy);
	privilege->grantee = role_here(pgcopy_rows_get(rows, row, 3), owner, copy);
	privilege->name = pgcopy_rows_get(rows, row, 4);
	privilege->is_grantable = pgcopy_rows_get_bool(rows, row, 5);
	if (strcmp(privilege->name, "SELECT") != 0 &&
		strcmp(privilege->name, "UPDATE") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("unknown privilege \"%s\" on large object %u",
						privilege->name, pgcopy_rows_get_oid(rows, row, 0)),
				 errhint("Use no_privileges => true.")));
	return privilege;
}

/* May we act as this role?  Preflight has told what comes of it if not. */
static bool
can_act_as(const char *name)
{
	return superuser() || is_member_of_role(GetUserId(), get_role_oid(name, false));
}

/* May the grantor grant this yet?  All but the owner need the grant option. */
static bool
may_grant(List *privileges, const Privilege *privilege, const char *owner)
{
	ListCell   *lc;

	if (strcmp(privilege->grantor, owner) == 0 || !can_act_as(privilege->grantor))
		return true;
	foreach(lc, privileges)
	{
		Privilege  *other = lfirst(lc);

		if (other->is_granted && other->is_grantable &&
			strcmp(other->grantee, privilege->grantor) == 0 &&
			strcmp(other->name, privilege->name) == 0)
			return true;
	}
	return false;
}

/*
 * Grant as the original grantor, as pg_dump does by SET SESSION AUTHORIZATION.
 * If we may not act as that role, the owner becomes the grantor.
 */
static void
grant_one(Oid oid, Privilege *privilege, const char *owner)
{
	Oid			user;
	int			context;
	char	   *sql = psprintf("GRANT %s ON LARGE OBJECT %u TO %s%s",
							   privilege->name, oid,
							   privilege->grantee[0] == '\0' ? "PUBLIC" :
							   quote_identifier(privilege->grantee),
							   privilege->is_grantable ? " WITH GRANT OPTION" : "");

	GetUserIdAndSecContext(&user, &context);
	if (strcmp(privilege->grantor, owner) != 0 && can_act_as(privilege->grantor))
		SetUserIdAndSecContext(get_role_oid(privilege->grantor, false),
							   context | SECURITY_LOCAL_USERID_CHANGE);
	run_statement(sql);
	SetUserIdAndSecContext(user, context);
	privilege->is_granted = true;
}

/*
 * Grant all privileges on one object.  A later change to a grant keeps its old
 * place in the list, maybe before its grantor's own privilege, so repeat until
 * all are granted.
 */
static void
grant_all(Oid oid, List *privileges, const char *owner)
{
	int			left = list_length(privileges);

	while (left > 0)
	{
		int			before = left;
		Privilege  *waiting = NULL;
		ListCell   *lc;

		foreach(lc, privileges)
		{
			Privilege  *privilege = lfirst(lc);

			CHECK_FOR_INTERRUPTS();
			if (privilege->is_granted)
				continue;
			if (!may_grant(privileges, privilege, owner))
			{
				waiting = privilege;
				continue;
			}
			grant_one(oid, privilege, owner);
			left--;
		}
		if (left == before)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_GRANT_OPERATION),
					 errmsg("cannot grant %s on large object %u as role \"%s\"",
							waiting->name, oid, waiting->grantor),
					 errdetail("On the source it granted that without having the grant option."),
					 errhint("REVOKE it on the source, or use no_privileges => true.")));
	}
}

/*
 * Make the privileges those of the source: revoke all from the owner (nobody
 * else has any yet), then grant one by one.
 */
static void
grant_privileges(SourceSession *session, const LargeObjectCopy *copy)
{
	SourceRows *rows = read_privileges(session, copy);
	int			count = pgcopy_rows_count(rows);
	int			i = 0;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	while (i < count)
	{
		Oid			oid = get_created_oid(copy, rows, i);
		const char *owner = pgcopy_rows_get(rows, i, 1);
		List	   *privileges = NIL;

		owner = role_here(owner, owner, copy);
		for (; i < count && pgcopy_rows_get_oid(rows, i, 0) == oid; i++)
		{
			if (pgcopy_rows_get(rows, i, 2)[0] != '\0' ||
				pgcopy_rows_get(rows, i, 4)[0] != '\0')
				privileges = lappend(privileges, get_privilege(copy, rows, i));
		}
		run_statement(psprintf("REVOKE ALL ON LARGE OBJECT %u FROM %s",
							   oid, quote_identifier(owner)));
		grant_all(oid, privileges, owner);
		list_free_deep(privileges);
	}
	SPI_finish();
	pgcopy_rows_free(rows);
}

static void
set_labels(SourceSession *session, const LargeObjectCopy *copy)
{
	SourceRows *rows;
	char	   *sql;

	sql = psprintf("SELECT l.objoid, l.provider, l.label"
				   " FROM pg_catalog.pg_seclabel l"
				   " WHERE l.classoid ="
				   " 'pg_catalog.pg_largeobject'::pg_catalog.regclass"
				   " AND l.objoid BETWEEN %u AND %u%s"
				   " ORDER BY l.objoid, l.provider COLLATE \"C\"",
				   copy->first, copy->last, pgcopy_largeobject_restriction(copy, "l.objoid"));
	rows = pgcopy_session_query(session, sql, 3, 0, NULL);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		CHECK_FOR_INTERRUPTS();
		run_statement(psprintf("SECURITY LABEL FOR %s ON LARGE OBJECT %u IS %s",
							   quote_identifier(pgcopy_rows_get(rows, i, 1)),
							   get_created_oid(copy, rows, i),
							   quote_literal_cstr(pgcopy_rows_get(rows, i, 2))));
	}
	SPI_finish();
	pgcopy_rows_free(rows);
}

/* Copy one range.  Only copy->oids is allocated in the caller's context. */
static int64
copy_objects(SourceSession *session, LargeObjectCopy *copy, MemoryContext caller)
{
	SourceRows *rows = read_objects(session, copy);

	copy->oids = MemoryContextAllocHuge(caller,
										sizeof(Oid) * Max(pgcopy_rows_count(rows), 1));
	note_objects(copy, rows);
	create_objects(copy, rows);
	pgcopy_rows_free(rows);
	if (!copy->no_privileges)
		grant_privileges(session, copy);
	set_labels(session, copy);
	return pgcopy_largeobject_copy_content(session, copy);
}

LoadResult
pgcopy_largeobject_copy(SourceSession *session, LargeObjectCopy *copy)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcopy large objects",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	bool		has_snapshot = ActiveSnapshotSet();
	LoadResult	result;

	Assert(IsTransactionState() && copy->first <= copy->last);
	if (!has_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	copy->xid = U64FromFullTransactionId(GetCurrentFullTransactionId());
	result.bytes = copy_objects(session, copy, caller);
	result.rows = copy->count;
	if (!has_snapshot)
		PopActiveSnapshot();
	if (copy->progress != NULL)
		copy->progress(copy->progress_arg, result.rows, result.bytes);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return result;
}
