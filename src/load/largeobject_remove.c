/*-------------------------------------------------------------------------
 *
 * largeobject_remove.c
 *	  Remove large objects that the job has created, and no others.
 *
 * An OID alone proves nothing: somebody may have removed our object and created
 * another with the same OID.  But rows keep the xid that wrote them, even when
 * frozen or rewritten by VACUUM FULL, and removing an object removes its rows.
 * So an object is ours if its row in pg_largeobject_metadata, or one of its
 * pages, has the xid of the item's transaction.
 *
 * Two errors are left.  Our object looks foreign once its owner or privileges
 * have changed and all its pages, if any, were rewritten: it stays, and the
 * copy reports a duplicate.  A foreign object looks ours if it has our OID and,
 * after xids have wrapped around, our xid.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"

#include "load/largeobject.h"

/* Return whether a transaction wrote any row of object "oid". */
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

/* Lock as lo_unlink() does, so that no object is replaced after the check. */
int
pgcopy_largeobject_remove(const Oid *oids, int count, uint64 xid, Oid *kept)
{
	int			strangers = 0;

	Assert(IsTransactionState());
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
