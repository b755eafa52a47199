\echo Use "CREATE EXTENSION pgcopy_stream" to load this file. \quit

-- Sessions of this backend to the source: "ordinary", "reader" and "replication", each
-- opened by the first call that needs it, and closed by the last function or an error.

-- Create a slot.  too_large: the source could not export.
CREATE FUNCTION stream_slot(conninfo text, name text, temporary bool, exports bool,
    OUT snapshot text, OUT lsn pg_lsn, OUT too_large bool)
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_slot';

-- Take a snapshot by lock; NULL: the locks were not to be had.  It lives in "reader".
CREATE FUNCTION stream_by_lock(conninfo text, tables text[], lock_ms int, OUT snapshot text, OUT lsn pg_lsn)
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_by_lock';

CREATE FUNCTION stream_look(conninfo text, name text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_look';

CREATE FUNCTION stream_drop_slot(conninfo text, name text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_drop_slot';

-- One line each.
CREATE FUNCTION stream_holders(conninfo text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_holders';

-- Tables as OIDs, with their schemas, names and row filters ("": none).
CREATE FUNCTION stream_publish(conninfo text, name text, oids oid[], tables text[], inserts_only bool)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_publish';
CREATE FUNCTION stream_check(conninfo text, name text, oids oid[], tables text[])
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_check';

CREATE FUNCTION stream_unpublish(conninfo text, name text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_unpublish';
CREATE FUNCTION stream_published(conninfo text, name text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_published';

-- Lines: oid, relreplident, can be restored, index or "", updates, bytes, what is wrong.
CREATE FUNCTION stream_identities(conninfo text, "only" text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_identities';
-- An index, "" for FULL.
CREATE FUNCTION stream_set_identity(conninfo text, "table" oid, index text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_set_identity';
CREATE FUNCTION stream_restore_identity(conninfo text, "table" oid, replident text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_stream_restore_identity';

CREATE FUNCTION stream_close()
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'pgcopy_stream_close_all';
