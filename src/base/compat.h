/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between PostgreSQL 14 and 18; no other file asks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_COMPAT_H
#define PGCOPY_COMPAT_H

#if PG_VERSION_NUM < 140000 || PG_VERSION_NUM >= 190000
#error "pgcopydb_ext builds against PostgreSQL 14 to 18"
#endif

#define COMPAT_MAJOR_VERSION (PG_VERSION_NUM / 10000)

/* 16: postgres.h is without the access to variable-length values */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18: renamed, and moved to the front of a declaration */
#if PG_VERSION_NUM >= 180000
#define pg_attribute_noreturn() __attribute__((noreturn))
#endif

/* 15: pg_prng.h */
#if PG_VERSION_NUM < 150000
#define pgcopy_random_fraction() ((double) random() / MAX_RANDOM_VALUE)
#else
#include "common/pg_prng.h"
#define pgcopy_random_fraction() pg_prng_double(&pg_global_prng_state)
#endif

/* 15: EmitWarningsOnPlaceholders renamed */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 15: the timeline is not a variable any more.  Of a server that is not a standby. */
#if PG_VERSION_NUM < 150000
#define pgcopy_timeline() ThisTimeLineID
#else
#define pgcopy_timeline() GetWALInsertionTimeLine()
#endif

/* 16: generic checks instead of pg_xxx_aclcheck() and pg_xxx_ownercheck() */
#if PG_VERSION_NUM < 160000
#define pgcopy_database_aclcheck(oid, role, mode) \
	pg_database_aclcheck(oid, role, mode)
#define pgcopy_database_ownercheck(oid, role) pg_database_ownercheck(oid, role)
#define pgcopy_class_ownercheck(oid, role) pg_class_ownercheck(oid, role)
#define pgcopy_extension_ownercheck(oid, role) pg_extension_ownercheck(oid, role)
#else
#define pgcopy_database_aclcheck(oid, role, mode) \
	object_aclcheck(DatabaseRelationId, oid, role, mode)
#define pgcopy_database_ownercheck(oid, role) \
	object_ownercheck(DatabaseRelationId, oid, role)
#define pgcopy_class_ownercheck(oid, role) \
	object_ownercheck(RelationRelationId, oid, role)
#define pgcopy_extension_ownercheck(oid, role) \
	object_ownercheck(ExtensionRelationId, oid, role)
#endif

/* 16: rd_newRelfilenodeSubid renamed.  Was a table emptied in this transaction? */
#if PG_VERSION_NUM < 160000
#define pgcopy_has_new_storage(relation) \
	((relation)->rd_newRelfilenodeSubid != InvalidSubTransactionId)
#else
#define pgcopy_has_new_storage(relation) \
	((relation)->rd_newRelfilelocatorSubid != InvalidSubTransactionId)
#endif

/* 16: a membership without SET or without INHERIT */
#if PG_VERSION_NUM < 160000
#define pgcopy_can_set_role(member, role) is_member_of_role(member, role)
#else
#define pgcopy_can_set_role(member, role) member_can_set_role(member, role)
#endif

/* 16: memberships have more options; CREATEROLE gives what the role has itself */
#if PG_VERSION_NUM < 160000
#define COMPAT_MEMBERSHIP_HAS_OPTIONS false
#define pgcopy_may_give_createdb() true
#define pgcopy_may_give_replication() false
#define pgcopy_may_give_bypassrls() false
#else
#define COMPAT_MEMBERSHIP_HAS_OPTIONS true
#define pgcopy_may_give_createdb() have_createdb_privilege()
#define pgcopy_may_give_replication() has_rolreplication(GetUserId())
#define pgcopy_may_give_bypassrls() has_bypassrls_privilege(GetUserId())
#endif

/* 15: strings and nulls have nodes of their own in an A_Const */
#if PG_VERSION_NUM < 150000
#define pgcopy_const_is_string(constant) (nodeTag(&(constant)->val) == T_String)
#define pgcopy_const_string(constant) ((constant)->val.val.str)
#else
#define pgcopy_const_is_string(constant) \
	(!(constant)->isnull && nodeTag(&(constant)->val) == T_String)
#define pgcopy_const_string(constant) ((constant)->val.sval.sval)
#endif

/* 15: in c.h and array.h */
#if PG_VERSION_NUM < 150000
#define strtoi64(text, end, base) ((int64) strtoll(text, end, base))
#define strtou64(text, end, base) ((uint64) strtoull(text, end, base))
#define MaxArraySize ((Size) (MaxAllocSize / sizeof(Datum)))
#endif

/* 15: schemas in publications */
#if PG_VERSION_NUM < 150000
#define PublicationNamespaceRelationId 6237
#define pgcopy_is_schema_of_publication(spec) ((void) (spec), false)
#define pgcopy_publication_schema(spec) ((void) (spec), (char *) NULL)
#define pgcopy_publication_members(statement) ((statement)->tables)
#define pgcopy_publication_only_table(alter) \
	(list_length((alter)->tables) == 1 ? linitial_node(RangeVar, (alter)->tables) : NULL)
#else
#include "catalog/pg_publication_namespace.h"
#define pgcopy_publication_schema(spec) (((PublicationObjSpec *) (spec))->name)
#define pgcopy_publication_members(statement) ((statement)->pubobjects)
#define pgcopy_is_schema_of_publication(spec) \
	(((PublicationObjSpec *) (spec))->pubobjtype == PUBLICATIONOBJ_TABLES_IN_SCHEMA)
#define pgcopy_publication_only_table(alter) \
	(list_length((alter)->pubobjects) == 1 && \
	 linitial_node(PublicationObjSpec, (alter)->pubobjects)->pubtable != NULL ? \
	 linitial_node(PublicationObjSpec, (alter)->pubobjects)->pubtable->relation : NULL)
#define PGCOPY_HAS_SCHEMAS_IN_PUBLICATIONS 1
#endif

/* 15.0: SetSingleFuncCall(); 15.1: InitMaterializedSRF() */
#if PG_VERSION_NUM >= 150001
#define pgcopy_init_materialized_srf(fcinfo) InitMaterializedSRF(fcinfo, 0)
#elif PG_VERSION_NUM >= 150000
#define pgcopy_init_materialized_srf(fcinfo) SetSingleFuncCall(fcinfo, 0)
#else
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/tuplestore.h"

/*
 * Let a function return its rows in a tuplestore, rsinfo->setResult, that belongs to
 * the query.  Throws where its caller cannot take one.
 */
static inline void
pgcopy_init_materialized_srf(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	TupleDesc	desc;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a set of rows is returned where none can be taken"),
				 errhint("Call the function in FROM.")));
	caller = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setDesc = desc;
	rsinfo->setResult =
		tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
							  false, work_mem);
	MemoryContextSwitchTo(caller);
}
#endif

/* 15: pg_analyze_and_rewrite() split in three */
#if PG_VERSION_NUM < 150000
#define pg_analyze_and_rewrite_fixedparams(tree, text, types, n, env) \
	pg_analyze_and_rewrite(tree, text, types, n, env)
#endif

/* 15: locale providers of databases; 16: ICU rules; 17: builtin */
#if PG_VERSION_NUM < 150000
#define pgcopy_has_locale_providers() false
#define pgcopy_has_locale_provider(name) (strcmp(name, "libc") == 0)
#define pgcopy_check_icu_locale(locale) ((void) (locale))
#else
#define pgcopy_has_locale_providers() true
#ifdef USE_ICU
#define pgcopy_has_icu true
#else
#define pgcopy_has_icu false
#endif
#define pgcopy_has_locale_provider(name) \
	(strcmp(name, "libc") == 0 || (pgcopy_has_icu && strcmp(name, "icu") == 0) || \
	 (PG_VERSION_NUM >= 170000 && strcmp(name, "builtin") == 0))
#if PG_VERSION_NUM < 160000
#define pgcopy_check_icu_locale(locale) check_icu_locale(locale)
#else
#define pgcopy_check_icu_locale(locale) icu_validate_locale(locale)
#endif
#endif
#define pgcopy_has_icu_rules() (PG_VERSION_NUM >= 160000)

/* 15: NULLS NOT DISTINCT */
#if PG_VERSION_NUM < 150000
#define pgcopy_copy_nulls_not_distinct(index, constraint) ((void) 0)
#define pgcopy_clear_nulls_not_distinct(constraint) ((void) 0)
#else
#define pgcopy_copy_nulls_not_distinct(index, constraint) \
	((index)->nulls_not_distinct = (constraint)->nulls_not_distinct)
#define pgcopy_clear_nulls_not_distinct(constraint) \
	((constraint)->nulls_not_distinct = false)
#endif
#if PG_VERSION_NUM < 150000
#define pgcopy_nulls_not_distinct(info) false
#else
#define pgcopy_nulls_not_distinct(info) ((info)->ii_NullsNotDistinct)
#endif

/* 16: the memory context of vacuum() is the caller's; before, a child of PortalContext */
#if PG_VERSION_NUM < 160000
#define pgcopy_vacuum(relations, params, strategy) \
	vacuum(relations, params, strategy, false)
#else
#define pgcopy_vacuum(relations, params, strategy) \
	vacuum(relations, params, strategy, CurrentMemoryContext, false)
#endif

/* 18: WITHOUT OVERLAPS; the start time of a vacuum is reported */
#if PG_VERSION_NUM < 180000
#define pgcopy_is_without_overlaps(constraint) false
#define pgcopy_report_vacuum(relid, live) \
	pgstat_report_vacuum(relid, false, live, 0)
#else
#define pgcopy_is_without_overlaps(constraint) ((constraint)->without_overlaps)
#define pgcopy_report_vacuum(relid, live) \
	pgstat_report_vacuum(relid, false, live, 0, GetCurrentTimestamp())
#endif

/* 18: a function writes statistics of columns; the start time of an ANALYZE is reported */
#if PG_VERSION_NUM < 180000
#define pgcopy_report_analyze(relation, live) \
	pgstat_report_analyze(relation, live, 0, true)
#else
#define PGCOPY_HAS_RESTORE_STATISTICS 1
#define pgcopy_report_analyze(relation, live) \
	pgstat_report_analyze(relation, live, 0, true, GetCurrentTimestamp())
#endif

/* 15: counts of tables in shared memory; 16: renamed */
#if PG_VERSION_NUM < 150000
#define pgcopy_count_analyzed(entry) 0
#define pgcopy_count_live(entry) ((entry)->n_live_tuples)
#elif PG_VERSION_NUM < 160000
#define pgcopy_count_analyzed(entry) ((entry)->analyze_count + (entry)->autovac_analyze_count)
#define pgcopy_count_live(entry) ((entry)->n_live_tuples)
#else
#define pgcopy_count_analyzed(entry) ((entry)->analyze_count + (entry)->autoanalyze_count)
#define pgcopy_count_live(entry) ((entry)->live_tuples)
#endif

/* 15: it tells what it has set; 18: all-frozen pages are counted */
#if PG_VERSION_NUM < 150000
#define pgcopy_update_relation_counts(relation, pages, rows, visible, frozen, has_index) \
	vac_update_relstats(relation, pages, rows, visible, has_index, InvalidTransactionId, \
						InvalidMultiXactId, true)
#elif PG_VERSION_NUM < 180000
#define pgcopy_update_relation_counts(relation, pages, rows, visible, frozen, has_index) \
	vac_update_relstats(relation, pages, rows, visible, has_index, InvalidTransactionId, \
						InvalidMultiXactId, NULL, NULL, true)
#else
#define pgcopy_update_relation_counts(relation, pages, rows, visible, frozen, has_index) \
	vac_update_relstats(relation, pages, rows, visible, frozen, has_index, \
						InvalidTransactionId, InvalidMultiXactId, NULL, NULL, true)
#endif

/* 17: no target is NULL; 18: virtual generated columns have no statistics */
#if PG_VERSION_NUM < 170000
#define pgcopy_statistics_target(attribute, tuple) ((attribute)->attstattarget)
#else
#define pgcopy_statistics_target(attribute, tuple) \
	(heap_attisnull(tuple, Anum_pg_attribute_attstattarget, NULL) ? -1 : \
	 DatumGetInt16(SysCacheGetAttrNotNull(ATTNUM, tuple, Anum_pg_attribute_attstattarget)))
#endif
#if PG_VERSION_NUM < 180000
#define pgcopy_is_virtual(attribute) false
#else
#define pgcopy_is_virtual(attribute) \
	((attribute)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#endif

/* 17: wait event sets have a resource owner; ours go with a memory context */
#if PG_VERSION_NUM < 170000
#define pgcopy_create_wait_event_set(context, n) \
	CreateWaitEventSet(context, n)
#else
#define pgcopy_create_wait_event_set(context, n) CreateWaitEventSet(NULL, n)
#endif

/* 16: permissions outside of the range table; 18: unpruned relations */
#if PG_VERSION_NUM < 160000
#define pgcopy_exec_init_range_table(estate, pstate) \
	ExecInitRangeTable(estate, (pstate)->p_rtable)
#elif PG_VERSION_NUM < 180000
#define pgcopy_exec_init_range_table(estate, pstate) \
	ExecInitRangeTable(estate, (pstate)->p_rtable, (pstate)->p_rteperminfos)
#else
#define pgcopy_exec_init_range_table(estate, pstate) \
	ExecInitRangeTable(estate, (pstate)->p_rtable, (pstate)->p_rteperminfos, \
					   bms_make_singleton(1))
#endif

/* 16: "only summarizing indexes" */
#if PG_VERSION_NUM < 160000
#define pgcopy_exec_insert_index_tuples(rri, slot, estate) \
	ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL)
#else
#define pgcopy_exec_insert_index_tuples(rri, slot, estate) \
	ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL, false)
#endif

/* 18: a tuple to leave out of the check; an invalid one here */
#if PG_VERSION_NUM < 180000
#define pgcopy_exec_check_index(rri, slot, estate, conflict, indexes) \
	ExecCheckIndexConstraints(rri, slot, estate, conflict, indexes)
#else
#define pgcopy_exec_check_index(rri, slot, estate, conflict, indexes) \
	ExecCheckIndexConstraints(rri, slot, estate, conflict, \
							  &(ItemPointerData) {{0xFFFF, 0xFFFF}, 0}, indexes)
#endif

/* 16: the map from a root's rows to a partition's is made on demand */
#if PG_VERSION_NUM < 160000
#define pgcopy_root_to_leaf_map(leaf, estate) ((leaf)->ri_RootToPartitionMap)
#else
#define pgcopy_root_to_leaf_map(leaf, estate) \
	ExecGetRootToChildMap(leaf, estate)
#endif

/* 17: ShmemVariableCache renamed */
#if PG_VERSION_NUM < 170000
#define pgcopy_oldest_clog_xid() (ShmemVariableCache->oldestClogXid)
#else
#define pgcopy_oldest_clog_xid() (TransamVariables->oldestClogXid)
#endif

/* 16: "run as table owner" */
#if PG_VERSION_NUM < 160000
#define pgcopy_execute_truncate_guts(rels, relids, logged) \
	ExecuteTruncateGuts(rels, relids, logged, DROP_RESTRICT, false)
#else
#define pgcopy_execute_truncate_guts(rels, relids, logged) \
	ExecuteTruncateGuts(rels, relids, logged, DROP_RESTRICT, false, false)
#endif

/* 17: or a stronger one */
#if PG_VERSION_NUM < 170000
#define pgcopy_lock_held_by_me(tag, mode) LockHeldByMe(tag, mode)
#else
#define pgcopy_lock_held_by_me(tag, mode) LockHeldByMe(tag, mode, false)
#endif

/* 17: the class instead of the catalog, which is another one for large objects */
#if PG_VERSION_NUM < 170000
#define pgcopy_alter_largeobject_owner(metadata, oid, role) \
	AlterObjectOwner_internal(metadata, oid, role)
#else
#define pgcopy_alter_largeobject_owner(metadata, oid, role) \
	AlterObjectOwner_internal(LargeObjectRelationId, oid, role)
#endif

/* 18: always once */
#if PG_VERSION_NUM < 180000
#define pgcopy_executor_run(query) ExecutorRun(query, ForwardScanDirection, 0, true)
#else
#define pgcopy_executor_run(query) ExecutorRun(query, ForwardScanDirection, 0)
#endif

/* 17: the statement */
#if PG_VERSION_NUM < 170000
#define pgcopy_reindex_relation(relid, flags, params) reindex_relation(relid, flags, params)
#else
#define pgcopy_reindex_relation(relid, flags, params) \
	reindex_relation(NULL, relid, flags, params)
#endif

/* 16: relations are extended by many blocks */
#if PG_VERSION_NUM >= 160000
#define PGCOPY_HAS_EXTEND_BY 1
#endif

/* 16: relfilenodes renamed, also in what the checkpointer is told */
#if PG_VERSION_NUM < 160000
#define pgcopy_relation_file(relation) ((relation)->rd_node)
#define pgcopy_set_tag_file(tag, relation) ((tag)->rnode = (relation)->rd_node)
#define pgcopy_relation_path(relation) \
	relpathbackend((relation)->rd_node, (relation)->rd_backend, MAIN_FORKNUM)
#else
#define pgcopy_relation_file(relation) ((relation)->rd_locator)
#define pgcopy_set_tag_file(tag, relation) ((tag)->rlocator = (relation)->rd_locator)
#define pgcopy_relation_path(relation) \
	relpathbackend((relation)->rd_locator, (relation)->rd_backend, MAIN_FORKNUM)
#endif

/* 15: the receiver may be told at once */
#if PG_VERSION_NUM < 150000
#define pgcopy_queue_send(queue, size, data) shm_mq_send(queue, size, data, false)
#else
#define pgcopy_queue_send(queue, size, data) shm_mq_send(queue, size, data, false, true)
#endif

/* 17: new relations are written in bulk */
#if PG_VERSION_NUM >= 170000
#define PGCOPY_HAS_BULK_WRITE 1
#endif

/* 15: BTPageGetOpaque(); 18: the limit of an item is the same for all pages */
#if PG_VERSION_NUM < 150000
#define pgcopy_btree_opaque(page) ((BTPageOpaque) PageGetSpecialPointer(page))
#else
#define pgcopy_btree_opaque(page) BTPageGetOpaque(page)
#endif
#if PG_VERSION_NUM < 180000
#define pgcopy_btree_max_item(page) BTMaxItemSize(page)
#else
#define pgcopy_btree_max_item(page) BTMaxItemSize
#endif

/* 15: lz4 for full-page images in WAL; pglz is slow */
#if PG_VERSION_NUM >= 150000
#define pgcopy_wal_compression_is_slow() (wal_compression == WAL_COMPRESSION_PGLZ)
#else
#define pgcopy_wal_compression_is_slow() (wal_compression)
#endif
#if PG_VERSION_NUM >= 150000 && defined(USE_LZ4)
#define PGCOPY_FAST_WAL_COMPRESSION "lz4"
#else
#define PGCOPY_FAST_WAL_COMPRESSION "off"
#endif

/* 17: the lock on the subscription may be kept; 18: the caller may hold the workers' lock */
#if PG_VERSION_NUM < 170000
#define pgcopy_add_subscription_rel(subscription, relation, state, lsn) \
	AddSubscriptionRelState(subscription, relation, state, lsn)
#else
#define pgcopy_add_subscription_rel(subscription, relation, state, lsn) \
	AddSubscriptionRelState(subscription, relation, state, lsn, false)
#endif
#if PG_VERSION_NUM < 180000
#define pgcopy_workers_of_subscription(subscription, only_running) \
	logicalrep_workers_find(subscription, only_running)
#else
#define pgcopy_workers_of_subscription(subscription, only_running) \
	logicalrep_workers_find(subscription, only_running, false)
#endif

/* 15: shared memory is asked for in a hook; errors of subscriptions are counted */
#if PG_VERSION_NUM < 150000
#define pgcopy_on_shmem_request(previous, hook) ((previous) = NULL, (hook) ())
#define COMPAT_COUNTS_APPLY_ERRORS false
#else
#define pgcopy_on_shmem_request(previous, hook) \
	((previous) = shmem_request_hook, shmem_request_hook = (hook))
#define COMPAT_COUNTS_APPLY_ERRORS true
#endif

/* 16: apply workers have helpers, and apply as the owner of each table */
#if PG_VERSION_NUM < 160000
#define PGCOPY_NO_HELPER_SQL ""
#define COMPAT_APPLIES_AS_TABLE_OWNER false
#else
#define PGCOPY_NO_HELPER_SQL " AND leader_pid IS NULL"
#define COMPAT_APPLIES_AS_TABLE_OWNER true
#endif

/* 16: entries of sessions are also found by the number of the backend */
#if PG_VERSION_NUM < 160000
#define pgcopy_session_entry(index) pgstat_fetch_stat_local_beentry(index)
#else
#define pgcopy_session_entry(index) pgstat_get_local_beentry_by_index(index)
#endif

/* Expand to each(name) for all options of columns (attoptions) that a user may set. */
#define COMPAT_COLUMN_OPTIONS(each) each("n_distinct") each("n_distinct_inherited")

/* Apply finds rows of REPLICA IDENTITY FULL by any index, else by a primary key only. */
#define COMPAT_APPLIES_BY_ANY_INDEX (PG_VERSION_NUM >= 160000)

/* CREATE INDEX, REFRESH, ANALYZE run under a search_path of the server's own. */
#define COMPAT_MAINTAINS_UNDER_SAFE_PATH (PG_VERSION_NUM >= 170000)

/* 15: comparisons whose values are their own sort keys have names */
#if PG_VERSION_NUM < 150000
#define pgcopy_compares_unsigned(sort) false
#define pgcopy_compares_signed(sort) false
#define pgcopy_compares_int32(sort) false
#else
#define pgcopy_compares_unsigned(sort) ((sort)->comparator == ssup_datum_unsigned_cmp)
#define pgcopy_compares_signed(sort) ((sort)->comparator == ssup_datum_signed_cmp)
#define pgcopy_compares_int32(sort) ((sort)->comparator == ssup_datum_int32_cmp)
#endif

/* 18: a direction instead of a strategy */
#if PG_VERSION_NUM < 180000
#define pgcopy_prepare_index_sort(index, reverse, sort) \
	PrepareSortSupportFromIndexRel(index, (reverse) ? BTGreaterStrategyNumber : \
								   BTLessStrategyNumber, sort)
#else
#define pgcopy_prepare_index_sort(index, reverse, sort) \
	PrepareSortSupportFromIndexRel(index, reverse, sort)
#endif

/* 18: a NOT NULL that is not valid yet says nothing of the rows */
#if PG_VERSION_NUM < 180000
#define pgcopy_attribute_is_never_null(desc, i) (TupleDescAttr(desc, i)->attnotnull)
#else
#define pgcopy_attribute_is_never_null(desc, i) \
	(TupleDescCompactAttr(desc, i)->attnullability == ATTNULLABLE_VALID)
#endif

/* 18: and is left out where rows of the source are checked */
#if PG_VERSION_NUM < 180000
#define COMPAT_NOT_NULL_MAY_BE_INVALID false
#define pgcopy_attribute_is_unproven(desc, i) false
#else
#define COMPAT_NOT_NULL_MAY_BE_INVALID true
#define pgcopy_attribute_is_unproven(desc, i) \
	(TupleDescCompactAttr(desc, i)->attnullability == ATTNULLABLE_INVALID)
#endif

/* 18: renamed; computed columns in it are replaced by their expressions */
#if PG_VERSION_NUM < 180000
#define pgcopy_check_expressions ri_ConstraintExprs
#define pgcopy_check_expression(node, relation) ((Expr *) (node))
#else
#define pgcopy_check_expressions ri_CheckConstraintExprs
#define pgcopy_check_expression(node, relation) \
	((Expr *) expand_generated_columns_in_expr(node, relation, 1))
#endif

/* 18: a locale says itself whether it is C; there is one for every collation */
#if PG_VERSION_NUM < 180000
#define pgcopy_collation_is_c(collation) lc_collate_is_c(collation)
#else
#define pgcopy_collation_is_c(collation) \
	(pg_newlocale_from_collation(collation)->collate_is_c)
#endif

#endif							/* PGCOPY_COMPAT_H */
