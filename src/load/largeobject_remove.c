/*-------------------------------------------------------------------------
 *
 * largeobject_remove.c
 *	  Take back large objects that the job has created, and no others.
 *
 * A number says nothing: somebody may have removed our object and made another
 * one of that number.  PostgreSQL keeps no mark of the creation itself, but
 * rows know the transaction that wrote them, also when they are frozen, and
 * VACUUM FULL does not change that.  So an object is ours when its row in
 * pg_largeobject_metadata, or one of its pages, bears the transaction of the
 * item: who removes an object takes all of these rows away.
 *
 * What cannot be known: an object of ours whose privileges or owner were changed
 * and whose pages were all written again, or of which there are none, looks like
 * a stranger's.  It stays, and the copy then says that the number is taken.  The
 * other way round, numbers of transactions come again after 4 billion of them: a
 * stranger's object would have to bear our number and our transaction's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"

#include "load/largeobject.h"

/* Whether a row of object "oid" was written by a transaction. */
static bool
has_row_of(Oid catalog, Oid index, AttrNumber column, Oid oid, TransactionId xid)
{
	Relation	relation = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		result = false;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(oid));
	scan = systable_beginscan(relation, index, true, NULL, 1, &key);
	while (!result && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		result = TransactionIdEquals(HeapTupleHeaderGetRawXmin(tuple->t_data), xid);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return result;
}

static bool
is_ours(Oid oid, TransactionId xid)
{
	return has_row_of(LargeObjectMetadataRelationId,
					  LargeObjectMetadataOidIndexId,
					  Anum_pg_largeobject_metadata_oid, oid, xid) ||
		has_row_of(LargeObjectRelationId, LargeObjectLOidPNIndexId,
				   Anum_pg_largeobject_loid, oid, xid);
}

/* The lock is the one that lo_unlink() takes: who it is cannot change behind it. */
int
pgcopy_largeobject_remove(const Oid *oids, int count, uint64 xid, Oid *kept)
{
	int			strangers = 0;

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		LockDatabaseObject(LargeObjectRelationId, oids[i], 0, AccessExclusiveLock);
		if (!LargeObjectExists(oids[i]))
			continue;
		if (is_ours(oids[i], (TransactionId) xid))
			(void) DirectFunctionCall1(be_lo_unlink, ObjectIdGetDatum(oids[i]));
		else if (strangers++ == 0)
			*kept = oids[i];
	}
	return strangers;
}
