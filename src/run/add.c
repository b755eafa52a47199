/*-------------------------------------------------------------------------
 *
 * add.c
 *	  Follow one more table, which the source has got since it was cloned.
 *
 * The table is published, and gets a row in pg_subscription_rel by which PostgreSQL copies
 * its rows and hands it over to the stream, as for any table of a subscription.  That is
 * right whatever has happened to it before: a partition may have been attached with rows,
 * and what the stream has skipped is copied too.  So the table must be empty here.
 *
 *	1	pgcopy.follow is locked, which holds up a cutover before its mark; one that has
 *		its mark is waited for, and its end refused
 *	2	the source publishes the table, unless a partitioned table of it is published
 *	3	the row here is committed; what the stream skips between 2 and 3 is copied
 *
 * After a crash between 2 and 3 the table is sent and not applied: that stops a cutover,
 * and adding it again does the rest.  Sequences of the table's columns are carried too,
 * as of now.
 *
 * A partition that is not here is created by the leader, since the stream stops at it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/testpoint.h"
#include "catalog/notice.h"
#include "catalog/relation.h"
#include "replica/subscription.h"
#include "run/add.h"
#include "schema/apply.h"
#include "source/inventory.h"
#include "stream/publication.h"

static const char find_sql[] =
"SELECT c.oid FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE n.nspname = $1 AND c.relname = $2";

/* Sequences that belong to columns of $1. */
static const char sequences_sql[] =
"SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_depend AS d"
" JOIN pg_catalog.pg_class AS c ON c.oid = d.objid AND c.relkind = 'S'"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
" AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
" AND d.refobjid = $1::pg_catalog.oid AND d.deptype IN ('a', 'i') ORDER BY c.oid";

/* What partition $1 is of, and its bounds. */
static const char partition_sql[] =
"SELECT n.nspname, p.relname, pg_catalog.pg_get_expr(c.relpartbound, c.oid)"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = c.oid"
" JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = p.relnamespace"
" WHERE c.oid = $1::pg_catalog.oid AND c.relispartition";

/* What others may do with table $1; no role: PUBLIC. */
static const char grants_sql[] =
"SELECT x.grantee = 0::pg_catalog.oid, r.rolname, x.privilege_type, x.is_grantable"
" FROM pg_catalog.pg_class AS c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS x"
" LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = x.grantee"
" WHERE c.oid = $1::pg_catalog.oid AND x.grantee <> c.relowner"
" ORDER BY r.rolname, x.privilege_type";

/* Privileges that are granted here too. */
static const char *const privileges[] = {
	"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"
};

static char *
write_oid(Oid oid)
{
	return psprintf("%u", oid);
}

static Oid
find_here(const char *schema, const char *name)
{
	Oid			namespace = get_namespace_oid(schema, true);

	return OidIsValid(namespace) ? get_relname_relid(name, namespace) : InvalidOid;
}

static SourceRelation *
find_on_source(SourceSession *session, const char *schema, const char *name)
{
	const char *params[] = {schema, name};
	SourceRows *rows = pgcopy_session_query(session, find_sql, 1, lengthof(params), params);
	Oid			oid = pgcopy_rows_count(rows) > 0 ? pgcopy_rows_get_oid(rows, 0, 0) : InvalidOid;
	List	   *found = NIL;

	pgcopy_rows_free(rows);
	if (OidIsValid(oid))
		found = pgcopy_inventory_relations(session, psprintf("{%u}", oid));
	if (found == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the source has no table %s that can be cloned",
						quote_qualified_identifier(schema, name))));
	return linitial(found);
}

/* Throw unless the source can publish all changes of the table. */
static void
check_source(SourceSession *session, const SourceRelation *relation)
{
	const TableIdentity *identity;
	List	   *identities;

	if (relation->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not a plain table on the source",
						pgcopy_inventory_quoted_name(relation)),
				 errhint("Of a partitioned table, add the partitions, one by one.")));
	identities = pgcopy_identity_read(session, psprintf("{%u}", relation->oid));
	identity = identities == NIL ? NULL : linitial(identities);
	if (identity == NULL || identity->fault != IDENTITY_FINE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("changes of %s cannot be followed", pgcopy_inventory_quoted_name(relation)),
				 errdetail("On the source it %s.", identity == NULL ? "is not a table with rows" :
						   pgcopy_identity_fault_text(identity->fault)),
				 errhint("Give it a primary key, there and here.")));
}

static bool
has_rows(Relation relation)
{
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(relation, snapshot, 0, NULL);
	bool		result = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	return result;
}

/* Throw unless the table is here, with all columns and without rows.  It stays locked. */
static void
check_here(const SourceRelation *source, Oid table)
{
	Relation	relation;
	ListCell   *lc;

	relation = table_open(table, ShareRowExclusiveLock);
	if (relation->rd_rel->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not a plain table here", pgcopy_inventory_quoted_name(source))));
	foreach(lc, source->columns)
	{
		if (get_attnum(table, lfirst(lc)) == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("%s has no column %s here", pgcopy_inventory_quoted_name(source),
							quote_identifier(lfirst(lc))),
					 errhint("Create the table as it is on the source.")));
	}
	if (has_rows(relation))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s has rows here", pgcopy_inventory_quoted_name(source)),
				 errhint("All its rows are copied from the source: TRUNCATE it first, in a session with SET default_transaction_read_only = off.")));
	table_close(relation, NoLock);
}

/* Have the source send the table, unless it does. */
static void
publish(SourceSession *session, const Follow *follow, const SourceRelation *relation)
{
	PublishedTable table = {
		.oid = relation->oid,.schema = relation->schema,.name = relation->name
	};

	if (list_member_oid(pgcopy_handover_sent(session, follow), relation->oid))
		return;
	if (!follow->is_our_publication)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("publication \"%s\" of the source does not send %s",
						follow->publication, pgcopy_inventory_quoted_name(relation)),
				 errhint("On the source: ALTER PUBLICATION %s ADD TABLE %s",
						 quote_identifier(follow->publication),
						 pgcopy_inventory_quoted_name(relation))));
	pgcopy_publication_add(session, follow->name, list_make1(&table));
}

/* Let the cutover carry the sequences of a table's columns too. */
static void
store_sequences(SourceSession *session, int64 job, const SourceRelation *table)
{
	const char *param = write_oid(table->oid);
	SourceRows *rows = pgcopy_session_query(session, sequences_sql, 3, 1, &param);

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		const char *schema = pgcopy_rows_get(rows, i, 1);
		const char *name = pgcopy_rows_get(rows, i, 2);
		Oid			here = find_here(schema, name);

		if (!OidIsValid(here) || get_rel_relkind(here) != RELKIND_SEQUENCE)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("sequence %s is not here", quote_qualified_identifier(schema, name)),
					 errdetail("It belongs to %s on the source.",
							   pgcopy_inventory_quoted_name(table)),
					 errhint("Create the table as it is on the source.")));
		pgcopy_relation_add(job, &(AddedRelation) {
			.source_oid = pgcopy_rows_get_oid(rows, i, 0),
			.target_oid = here,
			.schema = schema,
			.name = name,
			.relkind = RELKIND_SEQUENCE
		});
	}
	pgcopy_rows_free(rows);
}

bool
pgcopy_add_table(const Follow *follow, SourceSession *session, const char *schema,
				 const char *name)
{
	Oid			here = find_here(schema, name);
	SourceRelation *relation;

	Assert(IsTransactionState());
	if (!OidIsValid(here))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table %s is not here", quote_qualified_identifier(schema, name)),
				 errhint("Create it as it is on the source, without rows, in a session with SET default_transaction_read_only = off.")));
	if (list_member_oid(pgcopy_subscription_relations(follow->subscription), here))
		return false;
	relation = find_on_source(session, schema, name);
	check_source(session, relation);
	check_here(relation, here);
	store_sequences(session, follow->job, relation);
	publish(session, follow, relation);
	PGCOPY_TEST_POINT("add", "published");
	pgcopy_subscription_copy_relation(follow->subscription, here);
	pgcopy_relation_add(follow->job, &(AddedRelation) {
		.source_oid = relation->oid,
		.target_oid = here,
		.schema = schema,
		.name = name,
		.relkind = RELKIND_RELATION
	});
	return true;
}

static void
run(const char *sql)
{
	DumpSettings settings = {
		.default_tablespace = "",.default_table_access_method = "heap"
	};

	pgcopy_apply_statement(sql, &settings, APPLY_AS_WRITTEN, false, NULL);
}

/* Is it one statement that creates a partition?  Its bounds are the source's word. */
static bool
is_partition_statement(const char *sql)
{
	const Node *node = pgcopy_apply_parse(sql)->stmt;

	return IsA(node, CreateStmt) && ((const CreateStmt *) node)->partbound != NULL;
}

/* Create a partition as it is on the source.  Returns false if it is none. */
static bool
create_partition(SourceSession *session, const SourceRelation *leaf)
{
	const char *param = write_oid(leaf->oid);
	SourceRows *rows = pgcopy_session_query(session, partition_sql, 3, 1, &param);
	char	   *name = quote_qualified_identifier(leaf->schema, leaf->name);
	Oid			parent = pgcopy_rows_count(rows) != 1 ? InvalidOid :
		find_here(pgcopy_rows_get(rows, 0, 0), pgcopy_rows_get(rows, 0, 1));
	char	   *sql;
	Relation	relation;

	if (!OidIsValid(parent) || get_rel_relkind(parent) != RELKIND_PARTITIONED_TABLE)
		return false;
	sql = psprintf("CREATE TABLE %s PARTITION OF %s %s", name,
				   quote_qualified_identifier(pgcopy_rows_get(rows, 0, 0),
											  pgcopy_rows_get(rows, 0, 1)),
				   pgcopy_rows_get(rows, 0, 2));
	if (!is_partition_statement(sql))
		pgcopy_rows_throw(rows, "The bounds of a partition are none.");
	pgcopy_rows_free(rows);
	run(sql);
	relation = table_open(parent, NoLock);
	run(psprintf("ALTER TABLE %s OWNER TO %s", name,
				 quote_identifier(GetUserNameFromId(relation->rd_rel->relowner, false))));
	table_close(relation, NoLock);
	return true;
}

/* The privilege, if we grant it: the source's word is not SQL to be run. */
static const char *
find_privilege(const char *word)
{
	for (int i = 0; i < lengthof(privileges); i++)
	{
		if (strcmp(privileges[i], word) == 0)
			return privileges[i];
	}
	return NULL;
}

/* Grant what is granted on the source, to the roles that are here. */
static void
grant_privileges(SourceSession *session, const SourceRelation *leaf)
{
	const char *param = write_oid(leaf->oid);
	SourceRows *rows = pgcopy_session_query(session, grants_sql, 4, 1, &param);

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		const char *role = pgcopy_rows_get_or_null(rows, i, 1);
		const char *privilege = find_privilege(pgcopy_rows_get(rows, i, 2));
		bool		is_public = pgcopy_rows_get_bool(rows, i, 0);

		if (privilege == NULL ||
			(!is_public && (role == NULL || !OidIsValid(get_role_oid(role, true)))))
			continue;
		run(psprintf("GRANT %s ON TABLE %s TO %s%s", privilege,
					 quote_qualified_identifier(leaf->schema, leaf->name),
					 is_public ? "PUBLIC" : quote_identifier(role),
					 pgcopy_rows_get_bool(rows, i, 3) ? " WITH GRANT OPTION" : ""));
	}
	pgcopy_rows_free(rows);
}

/* Returns false if it is no partition. */
static bool
create_with_privileges(Leader *leader, SourceSession *session, const SourceRelation *leaf)
{
	if (!create_partition(session, leaf))
		return false;
	if (!leader->job->options.no_privileges)
		grant_privileges(session, leaf);
	return true;
}

/* Follow a partition that the source has got, and create it if it is not here. */
static void
add_partition(Leader *leader, SourceSession *session, const SourceRelation *leaf)
{
	int64		job = leader->job->id;
	const Follow *follow;

	pgcopy_leader_begin(leader);
	follow = pgcopy_follow_lock(job);
	if ((OidIsValid(find_here(leaf->schema, leaf->name)) ||
		 create_with_privileges(leader, session, leaf)) &&
		pgcopy_add_table(follow, session, leaf->schema, leaf->name))
		pgcopy_notice_tell(job, quote_qualified_identifier(leaf->schema, leaf->name),
						   "a partition that the source has got is followed too", NULL);
	pgcopy_leader_commit(leader);
}

/* Returns the error, in the leader's memory context. */
static ErrorData *
try_partition(Leader *leader, SourceSession *session, const SourceRelation *leaf)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		add_partition(leader, session, leaf);
	}
	PG_CATCH();
	{
		error = pgcopy_leader_catch(leader);
	}
	PG_END_TRY();
	return error;
}

char *
pgcopy_add_partitions(Leader *leader, SourceSession *session, List *relations)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *reason = NULL;
	ListCell   *lc;

	Assert(!IsTransactionState());
	foreach(lc, relations)
	{
		const SourceRelation *leaf = lfirst(lc);
		ErrorData  *error = leaf->is_partition ? try_partition(leader, session, leaf) : NULL;

		MemoryContextSwitchTo(caller);
		if (error == NULL)
			continue;
		if (reason == NULL)
			reason = psprintf("%s: %s", pgcopy_inventory_quoted_name(leaf), error->message);
		FreeErrorData(error);
	}
	return reason;
}
