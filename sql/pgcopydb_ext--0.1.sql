/* pgcopydb_ext 0.1; src/README.md explains the words used here */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pgcopydb_ext" to load this file. \quit

-- A role that may CREATE in the extension's schema could add an operator that
-- matches better than PostgreSQL's.  So names are looked up in pg_catalog only,
-- and our own are qualified.
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA pgcopy;

COMMENT ON SCHEMA pgcopy IS 'pgcopydb_ext: jobs and their items; use the views pgcopy_* to look at them';

--
-- The tables of jobs.  Written by src/catalog only, read through the views below.
-- Not marked for dumping: a job belongs to this server, and may hold a password
-- until it is done.
--

CREATE TABLE pgcopy.job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state text NOT NULL CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['queued', 'planning', 'pre-data', 'copying', 'post-data', 'following', 'cutover', 'done', 'failed', 'cancelled'])),
    phase text,
    owner oid NOT NULL,
    source text NOT NULL,
    conninfo text,
    source_search_path text,
    options jsonb NOT NULL CHECK (pg_catalog.jsonb_typeof(options) OPERATOR(pg_catalog.=) 'object'),
    server_database oid,
    server_clone bigint,
    created timestamptz NOT NULL DEFAULT pg_catalog.now(),
    queued timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    started timestamptz,
    ended timestamptz,
    attempt integer NOT NULL DEFAULT 0,
    auto_resumed_done bigint,
    control bigint,
    message text,
    percent integer NOT NULL DEFAULT 0,
    tables_done integer NOT NULL DEFAULT 0,
    tables_total integer,
    indexes_done integer NOT NULL DEFAULT 0,
    indexes_total integer,
    rows_done bigint NOT NULL DEFAULT 0,
    bytes_done bigint NOT NULL DEFAULT 0,
    bytes_total bigint
) WITH (fillfactor = 50);

COMMENT ON TABLE pgcopy.job IS 'one row per order to clone; conninfo is secret, needed to resume the job, and wiped when it is done';
COMMENT ON COLUMN pgcopy.job.source_search_path IS 'search_path of a session of the source database; NULL: not asked yet';
COMMENT ON COLUMN pgcopy.job.options IS 'values of the options in pgcopy_options; a missing one has its default';
COMMENT ON COLUMN pgcopy.job.server_clone IS 'the server clone that the job belongs to, ordered in the database with the OID server_database; NULL: none';
COMMENT ON COLUMN pgcopy.job.auto_resumed_done IS 'number of items done when the server last resumed the job by itself; NULL: not since pgcopy_resume()';

-- No index: an unlogged one is broken after CREATE DATABASE ... TEMPLATE and a crash.
CREATE UNLOGGED TABLE pgcopy.auto_resumed (
    job bigint NOT NULL
);

COMMENT ON TABLE pgcopy.auto_resumed IS 'jobs that the server has resumed by itself without a crash since; a crash empties this unlogged table';

CREATE TABLE pgcopy.snapshot (
    job bigint NOT NULL,
    no integer NOT NULL,
    name text NOT NULL,
    taken timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    released timestamptz,
    content text,
    lsn pg_lsn,
    exact oid[],
    PRIMARY KEY (job, no)
);

COMMENT ON TABLE pgcopy.snapshot IS 'snapshots of the source that a job has read under; content: the transactions it sees, to recognize it; lsn: what it sees was committed before; exact: the tables of the source that this holds for, NULL: all';

CREATE TABLE pgcopy.relation (
    job bigint NOT NULL,
    no integer NOT NULL,
    source_oid oid NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    local_schema text NOT NULL,
    relkind "char" NOT NULL,
    target_oid oid,
    is_ours boolean NOT NULL DEFAULT true,
    carry "char" NOT NULL DEFAULT '-' CHECK (carry OPERATOR(pg_catalog.=) ANY (ARRAY['s', 'i', 'a', '-'])),
    updates_before bigint,
    through_root boolean NOT NULL DEFAULT false,
    was_here boolean NOT NULL DEFAULT false,
    heap_bytes bigint NOT NULL DEFAULT 0,
    toast_bytes bigint NOT NULL DEFAULT 0,
    columns text[] NOT NULL DEFAULT '{}',
    types text[] NOT NULL DEFAULT '{}',
    condition text,
    split_key text,
    split_bounds bigint[] NOT NULL DEFAULT '{}',
    row_condition text,
    column_expressions text[],
    expression_path text,
    row_with text,
    row_join text,
    statistics_rows bigint,
    PRIMARY KEY (job, no)
) WITH (fillfactor = 90);

COMMENT ON TABLE pgcopy.relation IS 'tables, partitioned tables, materialized views and sequences of the source in the job''s snapshot; is_ours: created here by this job; was_here: a job without pre-data adds to it';

COMMENT ON COLUMN pgcopy.relation.local_schema IS 'the schema that it has here: schema_name, or what schema_map says';

COMMENT ON COLUMN pgcopy.relation.carry IS 'how changes of the source arrive: s: by the stream; i: by the stream, inserts only; a: copied again in the cutover; -: there are none, or nobody follows';
COMMENT ON COLUMN pgcopy.relation.updates_before IS 'of a table that is carried by inserts only: rows updated and deleted on the source before, by its statistics';

COMMENT ON COLUMN pgcopy.relation.types IS 'type of each of the columns on the source, as schema.name, with extension and version';

COMMENT ON COLUMN pgcopy.relation.row_condition IS 'the rows that are copied, as SQL on the source; NULL: all';

COMMENT ON COLUMN pgcopy.relation.column_expressions IS 'what is copied instead of each of the columns, as SQL on the source; NULL: the column';

COMMENT ON COLUMN pgcopy.relation.expression_path IS 'search_path that condition and expressions need; NULL: an empty one';

COMMENT ON COLUMN pgcopy.relation.row_with IS 'named queries that row_join needs, as SQL on the source';

COMMENT ON COLUMN pgcopy.relation.row_join IS 'what the table is joined with for row_condition, as SQL on the source';

COMMENT ON COLUMN pgcopy.relation.statistics_rows IS 'the source''s statistics of all columns are here; rows that came with them (-1: not known); NULL: they are not, ANALYZE makes them';

COMMENT ON COLUMN pgcopy.relation.split_bounds IS 'first keys of all chunks but the first, if chunks are ranges of split_key instead of blocks';

CREATE TABLE pgcopy.item (
    job bigint NOT NULL,
    no integer NOT NULL,
    kind text NOT NULL,
    stage integer NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    relation integer,
    referenced integer,
    schema_name text,
    object_name text,
    depends integer[] NOT NULL DEFAULT '{}',
    turn integer NOT NULL DEFAULT 0,
    with_path boolean NOT NULL DEFAULT false,
    cost bigint NOT NULL DEFAULT 1,
    range_start bigint,
    range_end bigint,
    bytes_total bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    snapshot integer,
    format text,
    xid xid8,
    dirty_from xid8,
    pid integer,
    rows_done bigint NOT NULL DEFAULT 0,
    bytes_done bigint NOT NULL DEFAULT 0,
    built_by text,
    built_reason text,
    started timestamptz,
    finished timestamptz,
    PRIMARY KEY (job, no)
) WITH (fillfactor = 70);

COMMENT ON TABLE pgcopy.item IS 'the units of work and of resume; "done" commits in the same transaction as the work';
COMMENT ON COLUMN pgcopy.item.turn IS 'begins when the copies of lower turns are through: 0: at once, as rows of an extension''s configuration; 1: rows of other tables; 2: rows with values that functions compute; 3: what functions build from rows. In pre-data, blocks of statements may run side by side: 4: begins one; 5: belongs to that of the item before it';
COMMENT ON COLUMN pgcopy.item.with_path IS 'runs under the search_path of the source: under an empty one it did not find something';
COMMENT ON COLUMN pgcopy.item.dirty_from IS 'failed attempts may have left rows of this or later transactions; NULL: none';
COMMENT ON COLUMN pgcopy.item.built_by IS 'who has built the index: fast: this extension, as setting pgcopy.index_builds says; server: CREATE INDEX; NULL: there was none to build';
COMMENT ON COLUMN pgcopy.item.built_reason IS 'why it had to be the server; NULL: it had not';
COMMENT ON COLUMN pgcopy.item.range_start IS 'first block of a chunk, or number of the chunk if the relation has a split_key; first large object; first sequence, by number in pgcopy.relation';
COMMENT ON COLUMN pgcopy.item.range_end IS 'block after the chunk, or number of the next chunk (NULL: to the end); last large object; last sequence';

CREATE TABLE pgcopy.statement (
    job bigint NOT NULL,
    no integer NOT NULL,
    sql text NOT NULL,
    form integer NOT NULL,
    has_secret boolean NOT NULL,
    default_tablespace text NOT NULL,
    default_table_access_method text NOT NULL,
    session_authorization text,
    check_function_bodies boolean NOT NULL,
    PRIMARY KEY (job, no)
);

COMMENT ON TABLE pgcopy.statement IS 'the statements that items run, with the settings in force at their place in the dump';
COMMENT ON COLUMN pgcopy.statement.has_secret IS 'the statement may hold a password: its text is never shown, and wiped when the job is done';

CREATE TABLE pgcopy.large_object (
    job bigint NOT NULL,
    item integer NOT NULL,
    xid xid8 NOT NULL,
    first oid[] NOT NULL,
    count integer[] NOT NULL,
    PRIMARY KEY (job, item)
);

COMMENT ON TABLE pgcopy.large_object IS 'the large objects that an item has created here in transaction xid, as runs: first OID and number of consecutive ones; only these are ever removed; kept until the job is done';

CREATE TABLE pgcopy.error (
    job bigint NOT NULL,
    no integer GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    attempt integer NOT NULL,
    phase text,
    item integer,
    is_final boolean NOT NULL,
    sqlstate text NOT NULL,
    object text,
    message text NOT NULL,
    detail text,
    hint text,
    context text,
    statement text,
    PRIMARY KEY (job, no)
);

COMMENT ON TABLE pgcopy.error IS 'every error of every job; is_final: not tried again';

CREATE TABLE pgcopy.notice (
    job bigint NOT NULL,
    no integer GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    setting text,
    value text,
    suggestion text,
    object text,
    message text NOT NULL,
    hint text,
    PRIMARY KEY (job, no)
);

COMMENT ON TABLE pgcopy.notice IS 'what users should know about a job besides errors: settings of this server that make it slow, and what is not cloned as it is on the source';
COMMENT ON COLUMN pgcopy.notice.setting IS 'a setting of this server, with its value and a better one for the job; NULL: the notice is about something else';
COMMENT ON COLUMN pgcopy.notice.object IS 'what it is about, the first few if there are many; NULL: see the message';

CREATE TABLE pgcopy.follow (
    job bigint PRIMARY KEY,
    name text NOT NULL,
    publication text NOT NULL,
    is_our_publication boolean NOT NULL,
    on_source boolean NOT NULL DEFAULT false,
    start_lsn pg_lsn,
    subscription oid,
    confirmed pg_lsn,
    timeline integer,
    counters text,
    lost text,
    guard text NOT NULL DEFAULT 'none' CHECK (guard OPERATOR(pg_catalog.=) ANY (ARRAY['none', 'set'])),
    guard_before text,
    fence text NOT NULL DEFAULT 'none' CHECK (fence OPERATOR(pg_catalog.=) ANY (ARRAY['none', 'set'])),
    fence_before text,
    changes_seen text,
    picture text[],
    cutover_lsn pg_lsn,
    pause interval,
    steps jsonb,
    opened timestamptz
);

COMMENT ON TABLE pgcopy.follow IS 'one row per job that follows its source; each effect on the source is noted here, and committed, before it is made';
COMMENT ON COLUMN pgcopy.follow.name IS 'of the slot and of what is made on the source, and of the subscription here; no other job of any server has it';
COMMENT ON COLUMN pgcopy.follow.on_source IS 'something of the job may be on the source: slot, publication, replica identities';
COMMENT ON COLUMN pgcopy.follow.start_lsn IS 'the slot sends what was committed from here on';
COMMENT ON COLUMN pgcopy.follow.subscription IS 'OID of the subscription; NULL: not made yet; stays when it is dropped';
COMMENT ON COLUMN pgcopy.follow.confirmed IS 'the slot was confirmed up to here when the leader last looked: all before is here';
COMMENT ON COLUMN pgcopy.follow.timeline IS 'of this server at that look: another one says that it was restored, or failed over';
COMMENT ON COLUMN pgcopy.follow.counters IS 'tells whether the source has lost its counters of rows since they were noted (pgcopy.relation.updates_before); NULL: none are compared';
COMMENT ON COLUMN pgcopy.follow.lost IS 'why the slot does not have all changes any more; NULL: it has';
COMMENT ON COLUMN pgcopy.follow.guard IS 'sessions of others may be read-only here: default_transaction_read_only of this database is ours';
COMMENT ON COLUMN pgcopy.follow.guard_before IS 'what that setting of the database was; NULL: it had none';
COMMENT ON COLUMN pgcopy.follow.fence IS 'the same on the source; stays after a cutover';
COMMENT ON COLUMN pgcopy.follow.changes_seen IS 'how the definitions on the source differ from those that were cloned; NULL: not at all';
COMMENT ON COLUMN pgcopy.follow.picture IS 'those that were cloned: objects and definitions by turns';
COMMENT ON COLUMN pgcopy.follow.cutover_lsn IS 'all that was committed on the source before this is here';
COMMENT ON COLUMN pgcopy.follow.pause IS 'from the first refused write on the source to the open target';
COMMENT ON COLUMN pgcopy.follow.steps IS 'of the cutover, up to the open target: pairs of name and microseconds, in their order';
COMMENT ON COLUMN pgcopy.follow.opened IS 'when the target was opened; from then on the job only cleans up';

CREATE TABLE pgcopy.identity (
    job bigint NOT NULL,
    source_oid oid NOT NULL,
    identity_before "char" NOT NULL,
    PRIMARY KEY (job, source_oid)
);

COMMENT ON TABLE pgcopy.identity IS 'tables of the source that a job sets a replica identity on; identity_before: what pg_class.relreplident was; noted, and committed, before it is set, and until it is back';

CREATE TABLE pgcopy.server_clone (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state text NOT NULL CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['running', 'done', 'failed', 'cancelled'])),
    owner oid NOT NULL,
    source text NOT NULL,
    conninfo text,
    options jsonb NOT NULL,
    properties_of_new boolean NOT NULL,
    has_roles boolean NOT NULL DEFAULT false,
    created timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ended timestamptz,
    control bigint,
    message text
);

COMMENT ON TABLE pgcopy.server_clone IS 'one row per order to clone a whole server, where it was given; conninfo is secret, needed to resume it, and wiped when it is done';
COMMENT ON COLUMN pgcopy.server_clone.properties_of_new IS 'jobs in databases that this order has created have database_properties';
COMMENT ON COLUMN pgcopy.server_clone.has_roles IS 'the roles of the source''s server have been created';

CREATE TABLE pgcopy.server_database (
    server_clone bigint NOT NULL,
    no integer NOT NULL,
    name text NOT NULL,
    state text NOT NULL CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['pending', 'creating', 'queued', 'running', 'done', 'failed', 'cancelled', 'left out'])),
    is_new boolean NOT NULL DEFAULT false,
    job bigint,
    encoding text NOT NULL,
    provider text NOT NULL,
    "collate" text NOT NULL,
    ctype text NOT NULL,
    locale text,
    icu_rules text,
    owner text NOT NULL,
    tablespace text,
    bytes bigint NOT NULL,
    started timestamptz,
    ended timestamptz,
    message text,
    percent integer NOT NULL DEFAULT 0,
    tables_done integer NOT NULL DEFAULT 0,
    tables_total integer,
    rows_done bigint NOT NULL DEFAULT 0,
    bytes_done bigint NOT NULL DEFAULT 0,
    bytes_total bigint,
    PRIMARY KEY (server_clone, no)
) WITH (fillfactor = 50);

COMMENT ON TABLE pgcopy.server_database IS 'the databases of the source''s server that an order names, the largest first, with the number of the job in each';
COMMENT ON COLUMN pgcopy.server_database.is_new IS 'this order has created the database here, or was about to';
COMMENT ON COLUMN pgcopy.server_database.tablespace IS 'of the database here; NULL: the default';

REVOKE ALL ON ALL TABLES IN SCHEMA pgcopy FROM PUBLIC;

--
-- Figures of running jobs, from their leaders' shared memory.
--
-- The views call these functions with the rights of their reader, so everybody
-- may call them.  They show only jobs of roles that the caller is a member of.
--

CREATE FUNCTION pgcopy.live(job bigint,
    OUT leader_pid integer, OUT percent integer,
    OUT tables_done integer, OUT indexes_done integer,
    OUT rows_done bigint, OUT bytes_done bigint,
    OUT bytes_per_second bigint, OUT eta interval, OUT wait_message text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pgcopy_live'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION pgcopy.live(bigint) IS 'figures of a running job; no row if it does not run';

CREATE FUNCTION pgcopy.live_workers(job bigint,
    OUT slot integer, OUT pid integer, OUT item integer,
    OUT rows_done bigint, OUT bytes_done bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pgcopy_live_workers'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION pgcopy.live_workers(bigint) IS 'leader (slot NULL) and workers of a running job, with the item each works on and what it has read of it';

CREATE FUNCTION pgcopy.live_follow(job bigint,
    OUT subscription name, OUT tables integer, OUT tables_waiting integer,
    OUT applied_lsn pg_lsn, OUT source_lsn pg_lsn, OUT lag_bytes bigint, OUT lag interval,
    OUT retained_bytes bigint, OUT wal_status text, OUT lost_in interval,
    OUT errors bigint, OUT last_error text, OUT worker_pid integer)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pgcopy_live_follow'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION pgcopy.live_follow(bigint) IS 'how far the target of a job that follows is behind; without its leader what this server knows of the subscription; no row if there is none';

CREATE FUNCTION pgcopy.is_interrupted(job bigint) RETURNS boolean
AS 'MODULE_PATHNAME', 'pgcopy_is_interrupted'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION pgcopy.is_interrupted(bigint) IS 'whether a job has not ended but its processes are gone; NULL if there is no such job';

CREATE FUNCTION pgcopy.bar(percent integer) RETURNS text
AS 'MODULE_PATHNAME', 'pgcopy_bar'
LANGUAGE C STRICT STABLE PARALLEL RESTRICTED;

COMMENT ON FUNCTION pgcopy.bar(integer) IS 'percent (0 to 100) as a bar of 20 blocks (# and . if the encoding of server or client has none)';

-- '1.2 GB': pg_size_pretty() would show four digits.
CREATE FUNCTION pgcopy.size(bytes numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE
    WHEN bytes IS NULL THEN NULL
    WHEN bytes < 1000 THEN bytes::bigint || ' B'
    WHEN bytes < 1000 * 1024 THEN round(bytes / 1024)::text || ' kB'
    WHEN bytes < 1000 * 1048576.0 THEN round(bytes / 1048576)::text || ' MB'
    WHEN bytes < 1000 * 1073741824.0 THEN round(bytes / 1073741824, 1)::text || ' GB'
    ELSE round(bytes / 1099511627776, 2)::text || ' TB' END $$;

COMMENT ON FUNCTION pgcopy.size(numeric) IS 'bytes to read, in units of 1024';

-- '1.2/2.8 GB', both in the unit of the second.
CREATE FUNCTION pgcopy.size_of(done numeric, total numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE
    WHEN total < 1000 THEN done::bigint || '/' || total::bigint || ' B'
    WHEN total < 1000 * 1024 THEN round(done / 1024) || '/' || round(total / 1024) || ' kB'
    WHEN total < 1000 * 1048576.0 THEN round(done / 1048576) || '/' || round(total / 1048576) || ' MB'
    WHEN total < 1000 * 1073741824.0 THEN round(done / 1073741824, 1) || '/' || round(total / 1073741824, 1) || ' GB'
    ELSE round(done / 1099511627776, 2) || '/' || round(total / 1099511627776, 2) || ' TB' END $$;

COMMENT ON FUNCTION pgcopy.size_of(numeric, numeric) IS 'bytes done of a total to read, both in one unit of 1024';

-- '4m 12s'
CREATE FUNCTION pgcopy.duration(duration interval) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE
    WHEN s.s < 60 THEN s.s || 's'
    WHEN s.s < 3600 THEN s.s / 60 || 'm ' || lpad((s.s % 60)::text, 2, '0') || 's'
    WHEN s.s < 86400 THEN s.s / 3600 || 'h ' || lpad((s.s / 60 % 60)::text, 2, '0') || 'm'
    ELSE s.s / 86400 || 'd ' || lpad((s.s / 3600 % 24)::text, 2, '0') || 'h' END
  FROM (SELECT round(extract(epoch FROM duration))::bigint AS s) AS s $$;

COMMENT ON FUNCTION pgcopy.duration(interval) IS 'a duration to read, in its two largest units';

-- The end of a message is what to type next, so the middle is what goes.
CREATE FUNCTION pgcopy.shorten(message text, ending text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE
    WHEN length(s.said) + length(ending) <= 180 THEN s.said
    ELSE left(s.said, greatest(177 - length(ending), 60) * 2 / 3) || '...' ||
         right(s.said, greatest(177 - length(ending), 60) / 3) END || ending
  FROM (SELECT btrim(regexp_replace(message, '\s+', ' ', 'g')) AS said) AS s $$;

COMMENT ON FUNCTION pgcopy.shorten(text, text) IS 'message and ending on one line; of a long message the middle is left out, of the ending nothing';

--
-- Who is in the way.  With the rights of the reader: whose queries you may not
-- see is named without them.
--

CREATE FUNCTION pgcopy.blocker(pid integer) RETURNS text
AS 'MODULE_PATHNAME', 'pgcopy_blocker'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION pgcopy.blocker(integer) IS 'who blocks a process that waits for a lock: session, autovacuum or prepared transaction, its role, age and query; NULL: nobody';

CREATE FUNCTION pgcopy.waits_for(pid integer, wait_event_type text, wait_event text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE
    WHEN wait_event_type = 'Lock' THEN 'a lock: blocked by ' || pgcopy.blocker(pid)
    WHEN wait_event = 'SyncRep'
    THEN 'a standby of synchronous_standby_names = ' || quote_literal(current_setting('synchronous_standby_names')) END $$;

COMMENT ON FUNCTION pgcopy.waits_for(integer, text, text) IS 'what a process waits for that somebody could end, in words; NULL: nothing of that kind';

CREATE FUNCTION pgcopy.hold_up(job bigint) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT COALESCE('worker ' || w.slot, 'the leader') || ' waits for ' || pgcopy.waits_for(w.pid, a.wait_event_type, a.wait_event)
  FROM pgcopy.live_workers(job) AS w
  JOIN pg_stat_activity AS a ON a.pid = w.pid
 WHERE a.wait_event = 'SyncRep'
    OR CASE WHEN a.wait_event_type = 'Lock'
            THEN EXISTS (SELECT FROM pg_locks AS l
                          WHERE l.pid = w.pid AND NOT l.granted
                            AND l.waitstart < clock_timestamp() - interval '3 s') END
 ORDER BY w.slot NULLS FIRST
 LIMIT 1 $$;

COMMENT ON FUNCTION pgcopy.hold_up(bigint) IS 'the first process of a running job that somebody has kept waiting for seconds, and who; NULL: none';

--
-- Jobs
--

CREATE FUNCTION @extschema@.pgcopy_clone(
    source text,
    table_jobs integer DEFAULT 4,
    index_jobs integer DEFAULT 4,
    split_tables_larger_than text DEFAULT 'auto',
    no_owner boolean DEFAULT false,
    no_privileges boolean DEFAULT false,
    no_comments boolean DEFAULT false,
    no_tablespaces boolean DEFAULT false,
    large_objects boolean DEFAULT NULL,
    foreign_keys text DEFAULT 'validate',
    on_error text DEFAULT 'stop',
    format text DEFAULT 'auto',
    statistics text DEFAULT 'copy',
    search_path text DEFAULT '',
    include_schemas text[] DEFAULT '{}',
    exclude_schemas text[] DEFAULT '{}',
    include_tables text[] DEFAULT '{}',
    exclude_tables text[] DEFAULT '{}',
    exclude_table_data text[] DEFAULT '{}',
    exclude_indexes text[] DEFAULT '{}',
    include_extensions text[] DEFAULT '{}',
    exclude_extensions text[] DEFAULT '{}',
    exclude text[] DEFAULT '{}',
    row_filters jsonb DEFAULT '{}',
    column_values jsonb DEFAULT '{}',
    referential text DEFAULT 'check',
    sections text[] DEFAULT '{pre-data,data,post-data}',
    schema_map jsonb DEFAULT '{}',
    tablespace_map jsonb DEFAULT '{}',
    truncate boolean DEFAULT false,
    append boolean DEFAULT false,
    drop_if_exists boolean DEFAULT false,
    roles "any" DEFAULT false,
    database_properties boolean DEFAULT false,
    follow boolean DEFAULT false,
    without_identity text DEFAULT 'auto',
    publication text DEFAULT '',
    protect_target boolean DEFAULT true)
RETURNS bigint
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_clone IS
'clone the source (connection string, URI or foreign server) into this database; returns the job''s number; the job starts when the transaction commits; see the view pgcopy_options for the other arguments';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_clone FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_cancel(job bigint, cleanup boolean DEFAULT false) RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_cancel(bigint, boolean) IS 'stop a job; returns whether it was running, queued or interrupted; error if there is no such job; cleanup: wait for its end, and remove what it has made on the source and here to follow it';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_cancel(bigint, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_resume(job bigint, consistent boolean DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_resume(bigint, boolean) IS
'continue a job that failed, was cancelled or interrupted; returns its number; it starts when the transaction commits; consistent decides if the snapshot is gone and some tables were read: false keeps them and reads the rest under a new snapshot, true reads all tables again';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_resume(bigint, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_wait(job bigint, timeout interval DEFAULT NULL, verbose boolean DEFAULT false) RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_wait(bigint, interval, boolean) IS 'wait until a job has ended, or follows its source with little lag, or the timeout (NULL: none) is over; returns its state; verbose: tells by NOTICE how far it is, and at the end the first error. Its statement holds a snapshot while it waits: for hours, call it again and again with a timeout';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_wait(bigint, interval, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_cutover(job bigint, fence text DEFAULT 'read only',
    rehearse boolean DEFAULT false, max_pause interval DEFAULT '10 s',
    grace interval DEFAULT '1 s', terminate boolean DEFAULT true,
    ignore_changes boolean DEFAULT false, refresh text DEFAULT 'before',
    OUT state text, OUT lsn pg_lsn, OUT pause interval, OUT report text)
RETURNS record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_cutover IS
'end following: make the source read-only, wait until all is here, open the target for writing, clean up on the source; returns the state of the job, the position up to which the source was taken over, how long writes were refused, and what was done when. fence: ''read only'' ends the sessions on the source, those in a transaction after grace (terminate => false: gives up instead); ''lock'' only locks the tables while it takes, for applications that have stopped. rehearse: only reports what it would meet. Whatever goes wrong before the target is open, a cancel or a pause longer than max_pause, leaves both sides as they were, and is an error';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_cutover FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_follow_add(job bigint, "table" text) RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_follow_add(bigint, text) IS 'let a job that follows its source carry one more table, which the source has got since, or a partition: it is here as it is there, and empty; its rows are copied, and its changes follow; returns false if the job carries it already';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_follow_add(bigint, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_drop(job bigint, force boolean DEFAULT false) RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_drop(bigint, boolean) IS 'delete a job that has ended, with its items and errors, and with what it has made on the source and here to follow it; what it copied stays; error if it runs, or if it has something on a source that cannot be reached; force: tell the SQL to run there instead';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_drop(bigint, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_options_from_ini(ini text) RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT STABLE PARALLEL SAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_options_from_ini(text) IS
'translate a filter file of pgcopydb (its text, in the INI format) into the SQL that calls pgcopy_clone() with the same filters; error that names the line if there is a section that pgcopydb does not have';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_options_from_ini(text) FROM PUBLIC;

--
-- The options of pgcopy_clone(), from the table in src/base/option_table.c.
--

CREATE FUNCTION pgcopy.options(OUT name text, OUT type text,
    OUT default_value text, OUT allowed text, OUT meaning text,
    OUT pgcopydb text, OUT pg_dump text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pgcopy_options'
LANGUAGE C STRICT STABLE PARALLEL RESTRICTED;

COMMENT ON FUNCTION pgcopy.options() IS 'the options of pgcopy_clone()';

CREATE VIEW @extschema@.pgcopy_options AS
SELECT o.name, o.type, o.default_value, o.allowed, o.meaning, o.pgcopydb, o.pg_dump
  FROM pgcopy.options() AS o;

COMMENT ON VIEW @extschema@.pgcopy_options IS 'the options of pgcopy_clone(): type, default, allowed values, meaning, and what does the same in pgcopydb ([section] of its filter file) and pg_dump';

--
-- Views.  Each shows the jobs of roles that its reader is a member of.
--

CREATE VIEW @extschema@.pgcopy_jobs WITH (security_barrier) AS
SELECT j.id AS job,
       CASE WHEN j.is_lost THEN 'interrupted' ELSE j.state END AS state,
       j.phase,
       CASE WHEN j.state OPERATOR(pg_catalog.=) ANY (ARRAY['following', 'cutover', 'done']) THEN 100
            ELSE GREATEST(l.percent, j.percent) END AS percent,
       GREATEST(l.tables_done, j.tables_done) AS tables_done,
       j.tables_total,
       GREATEST(l.indexes_done, j.indexes_done) AS indexes_done,
       j.indexes_total,
       COALESCE(l.rows_done, j.rows_done) AS rows_done,
       COALESCE(l.bytes_done, j.bytes_done) AS bytes_done,
       j.bytes_total,
       l.bytes_per_second,
       l.eta,
       f.lag_bytes,
       f.lag,
       f.retained_bytes,
       j.created, j.started, j.ended,
       COALESCE(j.ended, pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.-) j.started AS elapsed,
       j.attempt,
       l.leader_pid,
       (SELECT pg_catalog.count(*) FROM pgcopy.error AS e
         WHERE e.job OPERATOR(pg_catalog.=) j.id AND e.is_final) AS errors,
       (SELECT e.message FROM pgcopy.error AS e
         WHERE e.job OPERATOR(pg_catalog.=) j.id AND e.is_final
         ORDER BY e.no LIMIT 1) AS first_error,
       (SELECT pg_catalog.count(*) FROM pgcopy.notice AS n
         WHERE n.job OPERATOR(pg_catalog.=) j.id) AS notices,
       COALESCE(l.wait_message, j.message) AS message,
       j.source,
       pg_catalog.current_database() AS database,
       pg_catalog.pg_get_userbyid(j.owner) AS owner,
       j.options AS arguments
  FROM (SELECT r.*,
               r.ended IS NULL AND pgcopy.is_interrupted(r.id) AS is_lost
          FROM pgcopy.job AS r
         WHERE pg_catalog.pg_has_role(current_user, r.owner, 'MEMBER')) AS j
  LEFT JOIN LATERAL pgcopy.live(j.id) AS l ON j.ended IS NULL AND NOT j.is_lost
  LEFT JOIN LATERAL pgcopy.live_follow(j.id) AS f
         ON j.state OPERATOR(pg_catalog.=) ANY (ARRAY['following', 'cutover']);

COMMENT ON VIEW @extschema@.pgcopy_jobs IS 'jobs, for programs: counts, bytes, bytes per second, how far a target that follows is behind, times, first error, arguments; state interrupted: its processes are gone';

CREATE VIEW @extschema@.pgcopy_follow WITH (security_barrier) AS
SELECT f.job,
       CASE WHEN j.is_lost THEN 'interrupted' ELSE j.state END AS state,
       l.subscription,
       CASE WHEN f.on_source THEN f.name END AS slot,
       l.tables, l.tables_waiting,
       l.applied_lsn, l.source_lsn, l.lag_bytes, l.lag,
       l.retained_bytes,
       CASE WHEN f.lost IS NOT NULL THEN 'lost' ELSE l.wal_status END AS wal_status,
       l.lost_in,
       l.errors, l.last_error, l.worker_pid,
       f.changes_seen AS changes,
       f.lost,
       f.guard OPERATOR(pg_catalog.=) 'set' AS is_target_read_only,
       f.fence OPERATOR(pg_catalog.=) 'set' AS is_source_read_only,
       f.opened, f.pause
  FROM (SELECT r.id, r.state, r.ended IS NULL AND pgcopy.is_interrupted(r.id) AS is_lost
          FROM pgcopy.job AS r
         WHERE pg_catalog.pg_has_role(current_user, r.owner, 'MEMBER')) AS j
  JOIN pgcopy.follow AS f ON f.job OPERATOR(pg_catalog.=) j.id
  LEFT JOIN LATERAL pgcopy.live_follow(j.id) AS l ON true;

COMMENT ON VIEW @extschema@.pgcopy_follow IS 'jobs that follow their source, for programs: lag, WAL that the source keeps and until when, errors of apply, changes of definitions on the source (changes), what is left on the source (slot, is_source_read_only); without a leader (interrupted, cancelled) only what this server knows';

CREATE VIEW @extschema@.pgcopy_progress WITH (security_barrier) AS
SELECT v.job,
       v.state,
       v.percent,
       pgcopy.bar(v.percent) AS progress,
       v.tables_done || '/' || COALESCE(v.tables_total::text, '?') AS tables,
       v.indexes_done || '/' || COALESCE(v.indexes_total::text, '?') AS indexes,
       CASE WHEN v.bytes_total IS NULL THEN ''
            WHEN v.ended IS NOT NULL OR v.percent OPERATOR(pg_catalog.=) 100 THEN pgcopy.size(v.bytes_done)
            ELSE pgcopy.size_of(v.bytes_done, GREATEST(v.bytes_total, v.bytes_done)) END AS copied,
       CASE WHEN w.job IS NOT NULL AND v.percent OPERATOR(pg_catalog.=) 100 THEN ''
            WHEN v.ended IS NOT NULL AND v.bytes_done > 0
            THEN pgcopy.size(v.bytes_done / GREATEST(pg_catalog.date_part('epoch', v.elapsed), 0.001)::numeric) || '/s'
            WHEN v.bytes_per_second > 0 THEN pgcopy.size(v.bytes_per_second) || '/s'
            ELSE '' END AS rate,
       CASE WHEN v.ended IS NULL THEN COALESCE(pgcopy.duration(v.eta), '') ELSE '' END AS eta,
       CASE WHEN v.state OPERATOR(pg_catalog.=) ANY (ARRAY['following', 'cutover']) AND v.message OPERATOR(pg_catalog.<>) ''
            THEN pgcopy.shorten(v.message, '')
            WHEN v.errors > 0 AND v.state OPERATOR(pg_catalog.=) 'done'
            THEN 'took ' || pgcopy.duration(v.elapsed) || ', ' || v.errors
                 || CASE WHEN v.errors OPERATOR(pg_catalog.=) 1 THEN ' error' ELSE ' errors' END || ': SELECT * FROM pgcopy_errors WHERE is_final'
            WHEN v.state OPERATOR(pg_catalog.=) 'failed'
            THEN pgcopy.shorten(COALESCE(v.first_error, 'failed'),
                     CASE WHEN v.errors > 1 THEN ', and ' || (v.errors - 1) || ' more: SELECT * FROM pgcopy_errors' ELSE '' END ||
                     '; then SELECT pgcopy_resume(' || v.job ||
                     CASE WHEN w.lost IS NOT NULL THEN ', consistent => true) or pgcopy_drop(' || v.job || ')'
                          WHEN w.on_source AND w.start_lsn IS NOT NULL
                          THEN ') or pgcopy_drop(' || v.job || '): its slot keeps WAL on the source' ELSE ')' END)
            WHEN v.state OPERATOR(pg_catalog.=) 'cancelled'
            THEN COALESCE(v.message, 'to go on: SELECT pgcopy_resume(' || v.job || ')')
            WHEN v.state OPERATOR(pg_catalog.=) 'interrupted' AND v.message IS NOT NULL
            THEN pgcopy.shorten(v.message, '')
            WHEN v.state OPERATOR(pg_catalog.=) 'interrupted' AND v.phase OPERATOR(pg_catalog.=) 'following'
            THEN 'the target still follows, but nobody watches it: SELECT pgcopy_resume(' || v.job || ')'
            WHEN v.state OPERATOR(pg_catalog.=) 'interrupted' AND v.phase OPERATOR(pg_catalog.=) 'cutover'
            THEN 'a cutover was interrupted; to undo or finish it: SELECT pgcopy_resume(' || v.job || ')'
            WHEN v.state OPERATOR(pg_catalog.=) 'interrupted' AND v.started IS NULL
            THEN 'its leader did not start, see the server log: SELECT pgcopy_resume(' || v.job || ')'
            WHEN v.state OPERATOR(pg_catalog.=) 'interrupted'
            THEN 'its processes are gone'
                 || CASE WHEN EXISTS (SELECT FROM pgcopy.follow AS f
                                       WHERE f.job OPERATOR(pg_catalog.=) v.job AND f.start_lsn IS NOT NULL)
                         THEN ', its slot on the source keeps WAL' ELSE '' END
                 || ': SELECT pgcopy_resume(' || v.job || ')'
            WHEN v.first_error IS NOT NULL THEN pgcopy.shorten(v.first_error, '')
            WHEN v.ended IS NOT NULL AND w.opened IS NOT NULL
            THEN 'open since ' || pg_catalog.date_trunc('second', w.opened) || ', pause '
                 || pg_catalog.round(pg_catalog.date_part('epoch', w.pause)::numeric, 3) || ' s'
                 || CASE WHEN w.fence OPERATOR(pg_catalog.=) 'set' THEN '; the source is read-only' ELSE '' END
            WHEN v.ended IS NOT NULL AND v.started IS NOT NULL
            THEN 'took ' || pgcopy.duration(v.elapsed) || CASE WHEN n.others THEN ', but SELECT * FROM pgcopy_notices' ELSE '' END
            WHEN v.message OPERATOR(pg_catalog.<>) '' THEN pgcopy.shorten(v.message, '')
            ELSE COALESCE(pgcopy.shorten(h.hold_up, ''),
                     CASE WHEN n.others THEN 'see SELECT * FROM pgcopy_notices'
                          WHEN v.notices > 0 THEN 'slow settings: SELECT * FROM pgcopy_notices'
                          ELSE '' END) END AS message
  FROM @extschema@.pgcopy_jobs AS v
  LEFT JOIN pgcopy.follow AS w ON w.job OPERATOR(pg_catalog.=) v.job
 CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM pgcopy.notice AS o
                        WHERE o.job OPERATOR(pg_catalog.=) v.job AND o.setting IS NULL) AS others) AS n
 CROSS JOIN LATERAL (
        SELECT CASE WHEN v.leader_pid IS NOT NULL THEN pgcopy.hold_up(v.job) END AS hold_up) AS h
 ORDER BY v.job;

COMMENT ON VIEW @extschema@.pgcopy_progress IS 'jobs, to watch: SELECT * FROM pgcopy_progress \watch 1';

CREATE VIEW @extschema@.pgcopy_tables WITH (security_barrier) AS
SELECT t.job, t.schema_name, t.table_name,
       CASE WHEN t.chunks_failed > 0 THEN 'failed'
            WHEN t.chunks_skipped > 0 THEN 'skipped'
            WHEN t.chunks_done OPERATOR(pg_catalog.=) t.chunks_total THEN 'copied'
            WHEN t.chunks_running > 0 OR t.chunks_done > 0
            THEN CASE WHEN t.has_ended THEN 'stopped' ELSE 'copying' END
            ELSE 'pending' END AS state,
       t.format,
       t.chunks_done, t.chunks_total,
       t.rows_done, t.bytes_done, t.bytes_total,
       t.percent,
       pgcopy.bar(t.percent) AS bar,
       t.duration,
       t.attempts
  FROM (SELECT i.job, r.local_schema AS schema_name, r.table_name,
               j.ended IS NOT NULL AS has_ended,
               pg_catalog.max(i.format) AS format,
               pg_catalog.count(*) FILTER (WHERE i.state OPERATOR(pg_catalog.=) 'done')::integer AS chunks_done,
               pg_catalog.count(*) FILTER (WHERE i.state OPERATOR(pg_catalog.=) 'running')::integer AS chunks_running,
               pg_catalog.count(*) FILTER (WHERE i.state OPERATOR(pg_catalog.=) 'failed')::integer AS chunks_failed,
               pg_catalog.count(*) FILTER (WHERE i.state OPERATOR(pg_catalog.=) 'skipped')::integer AS chunks_skipped,
               pg_catalog.count(*)::integer AS chunks_total,
               pg_catalog.sum(i.rows_done + COALESCE(w.rows_done, 0))::bigint AS rows_done,
               pg_catalog.sum(i.bytes_done + COALESCE(w.bytes_done, 0))::bigint AS bytes_done,
               pg_catalog.sum(i.bytes_total)::bigint AS bytes_total,
               CASE WHEN pg_catalog.bool_and(i.state OPERATOR(pg_catalog.=) 'done') THEN 100
                    ELSE LEAST(99, pg_catalog.sum(CASE
                             WHEN i.state OPERATOR(pg_catalog.=) 'done' THEN i.cost
                             WHEN w.bytes_done IS NOT NULL THEN LEAST(i.cost, w.bytes_done)
                             ELSE 0 END) * 100 / GREATEST(pg_catalog.sum(i.cost), 1)) END::integer AS percent,
               pg_catalog.max(COALESCE(i.finished, CASE WHEN i.state OPERATOR(pg_catalog.=) 'running' THEN COALESCE(j.ended, pg_catalog.clock_timestamp()) END))
                   OPERATOR(pg_catalog.-) pg_catalog.min(i.started) AS duration,
               pg_catalog.max(i.attempts) AS attempts
          FROM pgcopy.job AS j
          JOIN pgcopy.item AS i ON i.job OPERATOR(pg_catalog.=) j.id AND i.kind OPERATOR(pg_catalog.=) 'table'
          JOIN pgcopy.relation AS r ON r.job OPERATOR(pg_catalog.=) i.job AND r.no OPERATOR(pg_catalog.=) i.relation
          LEFT JOIN (SELECT k.id AS job, l.item, l.rows_done, l.bytes_done
                       FROM pgcopy.job AS k, LATERAL pgcopy.live_workers(k.id) AS l
                      WHERE k.ended IS NULL) AS w
                 ON w.job OPERATOR(pg_catalog.=) i.job AND w.item OPERATOR(pg_catalog.=) i.no
                AND i.state OPERATOR(pg_catalog.=) 'running'
         WHERE pg_catalog.pg_has_role(current_user, j.owner, 'MEMBER')
         GROUP BY i.job, j.ended, r.no, r.local_schema, r.table_name) AS t;

COMMENT ON VIEW @extschema@.pgcopy_tables IS 'tables of each job: state, format, chunks, rows, bytes received, attempts';

CREATE VIEW @extschema@.pgcopy_indexes WITH (security_barrier) AS
SELECT i.job, i.schema_name, i.object_name AS index_name, i.kind,
       r.local_schema AS table_schema, r.table_name,
       CASE WHEN i.state OPERATOR(pg_catalog.=) 'running' AND j.ended IS NOT NULL
            THEN 'stopped' ELSE i.state END AS state,
       CASE WHEN i.state OPERATOR(pg_catalog.=) 'running' THEN p.phase END AS phase,
       CASE WHEN i.state OPERATOR(pg_catalog.=) 'done' THEN 100
            WHEN p.blocks_total > 0 THEN LEAST(99, p.blocks_done * 100 / p.blocks_total)::integer
            ELSE 0 END AS percent,
       COALESCE(i.finished, CASE WHEN i.state OPERATOR(pg_catalog.=) 'running' THEN COALESCE(j.ended, pg_catalog.clock_timestamp()) END)
           OPERATOR(pg_catalog.-) i.started AS duration,
       i.built_by, i.built_reason
  FROM pgcopy.job AS j
  JOIN pgcopy.item AS i ON i.job OPERATOR(pg_catalog.=) j.id
       AND i.kind OPERATOR(pg_catalog.=) ANY (ARRAY['index', 'constraint', 'foreign key', 'validate'])
  LEFT JOIN pgcopy.relation AS r ON r.job OPERATOR(pg_catalog.=) i.job AND r.no OPERATOR(pg_catalog.=) i.relation
  LEFT JOIN pg_catalog.pg_stat_progress_create_index AS p
         ON p.pid OPERATOR(pg_catalog.=) i.pid AND i.state OPERATOR(pg_catalog.=) 'running'
        AND p.relid OPERATOR(pg_catalog.=) r.target_oid
 WHERE pg_catalog.pg_has_role(current_user, j.owner, 'MEMBER');

COMMENT ON VIEW @extschema@.pgcopy_indexes IS 'indexes and constraints of each job, with the phase of those being built, and who has built them';
COMMENT ON COLUMN @extschema@.pgcopy_indexes.built_by IS 'fast: this extension; server: CREATE INDEX; NULL: not yet, or there was nothing to build';
COMMENT ON COLUMN @extschema@.pgcopy_indexes.built_reason IS 'why the server has built it';

CREATE VIEW @extschema@.pgcopy_workers WITH (security_barrier) AS
SELECT j.id AS job, w.pid,
       CASE WHEN w.slot IS NULL THEN 'leader' ELSE 'worker ' || w.slot END AS process,
       i.kind AS doing, i.schema_name, i.object_name,
       CASE WHEN i.no IS NOT NULL THEN pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) i.started END AS since,
       w.rows_done, w.bytes_done,
       a.wait_event_type, a.wait_event,
       CASE WHEN a.wait_event_type OPERATOR(pg_catalog.=) 'Lock'
            THEN pg_catalog.pg_blocking_pids(w.pid) END AS blocked_by,
       pgcopy.waits_for(w.pid, a.wait_event_type, a.wait_event) AS waits_for
  FROM pgcopy.job AS j
  CROSS JOIN LATERAL pgcopy.live_workers(j.id) AS w
  LEFT JOIN pgcopy.item AS i ON i.job OPERATOR(pg_catalog.=) j.id AND i.no OPERATOR(pg_catalog.=) w.item
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid OPERATOR(pg_catalog.=) w.pid
 WHERE j.ended IS NULL
   AND pg_catalog.pg_has_role(current_user, j.owner, 'MEMBER');

COMMENT ON VIEW @extschema@.pgcopy_workers IS 'processes of each running job: what each does, since when, what it waits for; blocked_by: the pids of those who block it (0: a prepared transaction); waits_for: the same in words, with role, age and query';

CREATE VIEW @extschema@.pgcopy_errors WITH (security_barrier) AS
SELECT e.job, e.no, e.at, e.attempt, e.phase, e.item, i.kind, e.is_final, e.sqlstate,
       e.object, e.message, e.detail, e.hint, e.context, e.statement
  FROM pgcopy.job AS j
  JOIN pgcopy.error AS e ON e.job OPERATOR(pg_catalog.=) j.id
  LEFT JOIN pgcopy.item AS i ON i.job OPERATOR(pg_catalog.=) e.job AND i.no OPERATOR(pg_catalog.=) e.item
 WHERE pg_catalog.pg_has_role(current_user, j.owner, 'MEMBER')
 ORDER BY e.job, e.no;

COMMENT ON VIEW @extschema@.pgcopy_errors IS 'every error of each job; is_final: not tried again';

CREATE VIEW @extschema@.pgcopy_notices WITH (security_barrier) AS
SELECT n.job, n.at, n.setting, n.value, n.suggestion, n.message, n.object, n.hint
  FROM pgcopy.job AS j
  JOIN pgcopy.notice AS n ON n.job OPERATOR(pg_catalog.=) j.id
 WHERE pg_catalog.pg_has_role(current_user, j.owner, 'MEMBER')
 ORDER BY n.job, n.no;

COMMENT ON VIEW @extschema@.pgcopy_notices IS 'what is not cloned as it is on the source (object, message, hint), warnings of pg_dump, and settings of this server that make a job slow, each with its value when the job began and a better one';

CREATE VIEW pgcopy.step WITH (security_barrier) AS
SELECT i.job, i.kind, i.state, i.started, i.finished, i.bytes_done, i.rows_done,
       (j.options OPERATOR(pg_catalog.->>) 'table_jobs')::integer AS table_jobs,
       (j.options OPERATOR(pg_catalog.->>) 'index_jobs')::integer AS index_jobs,
       j.started AS job_started,
       COALESCE(j.ended, pg_catalog.clock_timestamp()) AS job_ended
  FROM pgcopy.job AS j
  JOIN pgcopy.item AS i ON i.job OPERATOR(pg_catalog.=) j.id
 WHERE pg_catalog.pg_has_role(current_user, j.owner, 'MEMBER')
   AND NOT (i.kind OPERATOR(pg_catalog.=) 'large objects' AND i.range_start IS NULL);

COMMENT ON VIEW pgcopy.step IS 'items for pgcopy_summary(), of the jobs that a role may see';

CREATE VIEW pgcopy.cutover_step WITH (security_barrier) AS
SELECT f.job, s.no, s.step OPERATOR(pg_catalog.->>) 0 AS step,
       pg_catalog.make_interval(secs => (s.step OPERATOR(pg_catalog.->>) 1)::double precision OPERATOR(pg_catalog./) 1e6) AS took
  FROM pgcopy.job AS j
  JOIN pgcopy.follow AS f ON f.job OPERATOR(pg_catalog.=) j.id
  CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(f.steps) WITH ORDINALITY AS s(step, no)
 WHERE pg_catalog.pg_has_role(current_user, j.owner, 'MEMBER');

COMMENT ON VIEW pgcopy.cutover_step IS 'steps of cutovers for pgcopy_summary(), of the jobs that a role may see';

CREATE VIEW pgcopy.visible WITH (security_barrier) AS
SELECT j.id AS job
  FROM pgcopy.job AS j
 WHERE pg_catalog.pg_has_role(current_user, j.owner, 'MEMBER');

COMMENT ON VIEW pgcopy.visible IS 'jobs that a role may see, for pgcopy_summary()';

CREATE FUNCTION pgcopy.check_job(job bigint, is_visible boolean) RETURNS boolean
AS 'MODULE_PATHNAME', 'pgcopy_check_job'
LANGUAGE C STABLE PARALLEL RESTRICTED;

COMMENT ON FUNCTION pgcopy.check_job(bigint, boolean) IS 'true; the error of all functions if the job is NULL or cannot be seen';

CREATE FUNCTION @extschema@.pgcopy_summary(job bigint)
RETURNS TABLE (step text, connection text, items bigint, wall_clock interval,
               cumulative interval, bytes text, rate text, concurrency integer)
LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
WITH kinds(kind, ord, step, connection) AS (VALUES
    ('role', 0, 'Create roles', 'target'),
    ('pre-data', 1, 'Create schema (pre-data)', 'target'),
    ('truncate', 1, 'Empty tables', 'target'),
    ('table', 2, 'COPY tables', 'both'),
    ('large objects', 3, 'Large objects', 'both'),
    ('index', 4, 'CREATE INDEX', 'target'),
    ('constraint', 5, 'Constraints', 'target'),
    ('analyze', 6, 'ANALYZE', 'target'),
    ('foreign key', 7, 'Foreign keys', 'target'),
    ('validate', 8, 'Validate foreign keys', 'target'),
    ('sequences', 9, 'Reset sequences', 'both'),
    ('post-data', 10, 'Finalize schema (post-data)', 'target'),
    ('refresh', 11, 'Refresh materialized views', 'target'),
    ('final', 12, 'Event triggers, subscriptions', 'target'),
    ('database', 13, 'Database properties', 'target')),
steps AS (
    SELECT s.kind, count(*) AS items,
           max(s.finished) - min(s.started) AS wall,
           sum(s.finished - s.started) AS cumulative,
           sum(s.bytes_done) AS bytes,
           CASE WHEN s.kind IN ('table', 'large objects') THEN min(s.table_jobs)
                WHEN s.kind IN ('role', 'pre-data', 'truncate', 'post-data', 'final', 'database') THEN 1
                ELSE min(s.index_jobs) END AS concurrency
      FROM pgcopy.step AS s
     WHERE s.job = pgcopy_summary.job AND s.state = 'done'
     GROUP BY s.kind),
total AS (
    SELECT min(s.job_ended) - min(s.job_started) AS wall,
           sum(s.finished - s.started) AS cumulative,
           sum(s.bytes_done) AS bytes, count(*) AS items,
           min(s.table_jobs) + min(s.index_jobs) AS concurrency
      FROM pgcopy.step AS s
     WHERE s.job = pgcopy_summary.job)
SELECT r.step, r.connection, r.items, r.wall, r.cumulative,
       CASE WHEN r.bytes > 0 THEN pgcopy.size(r.bytes) END,
       CASE WHEN r.bytes > 0 THEN pgcopy.size(r.bytes / greatest(extract(epoch FROM r.wall), 0.001)) || '/s' END,
       r.concurrency
  FROM (SELECT k.ord, k.step, k.connection, s.items, s.wall, s.cumulative, s.bytes, s.concurrency
          FROM kinds AS k JOIN steps AS s USING (kind)
         UNION ALL
        SELECT 20 + c.no, 'Cutover: ' || c.step, 'both', 1, c.took, c.took, NULL, 1
          FROM pgcopy.cutover_step AS c WHERE c.job = pgcopy_summary.job
         UNION ALL
        SELECT 99, 'Total wall clock', 'both', t.items, t.wall, t.cumulative, t.bytes, t.concurrency
          FROM total AS t WHERE t.items > 0) AS r
 WHERE pgcopy.check_job(pgcopy_summary.job, EXISTS (
       SELECT FROM pgcopy.visible AS v WHERE v.job = pgcopy_summary.job))
 ORDER BY r.ord
$$;

COMMENT ON FUNCTION @extschema@.pgcopy_summary(bigint) IS 'steps of a job with wall clock, cumulative time, bytes received, rate and concurrency; error if there is no such job';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_summary(bigint) FROM PUBLIC;

GRANT SELECT ON pgcopy.step, pgcopy.cutover_step, pgcopy.visible, @extschema@.pgcopy_jobs, @extschema@.pgcopy_follow, @extschema@.pgcopy_progress, @extschema@.pgcopy_tables, @extschema@.pgcopy_indexes, @extschema@.pgcopy_workers, @extschema@.pgcopy_errors, @extschema@.pgcopy_notices, @extschema@.pgcopy_options TO PUBLIC;
GRANT USAGE ON SCHEMA pgcopy TO PUBLIC;

--
-- Whole servers
--

CREATE FUNCTION @extschema@.pgcopy_clone_server(
    source text,
    databases text[] DEFAULT NULL,
    table_jobs integer DEFAULT 4,
    index_jobs integer DEFAULT 4,
    split_tables_larger_than text DEFAULT 'auto',
    no_owner boolean DEFAULT false,
    no_privileges boolean DEFAULT false,
    no_comments boolean DEFAULT false,
    no_tablespaces boolean DEFAULT false,
    large_objects boolean DEFAULT NULL,
    foreign_keys text DEFAULT 'validate',
    on_error text DEFAULT 'stop',
    format text DEFAULT 'auto',
    statistics text DEFAULT 'copy',
    search_path text DEFAULT '',
    include_schemas text[] DEFAULT '{}',
    exclude_schemas text[] DEFAULT '{}',
    include_tables text[] DEFAULT '{}',
    exclude_tables text[] DEFAULT '{}',
    exclude_table_data text[] DEFAULT '{}',
    exclude_indexes text[] DEFAULT '{}',
    include_extensions text[] DEFAULT '{}',
    exclude_extensions text[] DEFAULT '{}',
    exclude text[] DEFAULT '{}',
    row_filters jsonb DEFAULT '{}',
    column_values jsonb DEFAULT '{}',
    referential text DEFAULT 'check',
    sections text[] DEFAULT '{pre-data,data,post-data}',
    schema_map jsonb DEFAULT '{}',
    tablespace_map jsonb DEFAULT '{}',
    truncate boolean DEFAULT false,
    append boolean DEFAULT false,
    drop_if_exists boolean DEFAULT false,
    roles "any" DEFAULT 'all'::text,
    database_properties boolean DEFAULT NULL)
RETURNS TABLE(database name, job bigint)
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_clone_server IS
'clone the databases of the source''s server that match one of the patterns (NULL: all): creates those that are missing here, with this extension and the roles, and orders a job in each; acts at once, whatever becomes of the transaction; see the view pgcopy_server_progress';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_clone_server FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_resume_server(server_clone bigint DEFAULT NULL, consistent boolean DEFAULT NULL)
RETURNS TABLE(database name, job bigint)
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_resume_server(bigint, boolean) IS
'continue a server clone (NULL: your latest) that failed, was cancelled or interrupted: orders what is missing and resumes jobs that have stopped; consistent: as for pgcopy_resume()';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_resume_server(bigint, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_cancel_server(server_clone bigint DEFAULT NULL) RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_cancel_server(bigint) IS 'stop a server clone (NULL: your latest) and its jobs; returns whether it had not ended; error if there is none';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_cancel_server(bigint) FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_wait_server(server_clone bigint DEFAULT NULL, timeout interval DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_wait_server(bigint, interval) IS 'wait until a server clone (NULL: your latest) has ended or the timeout (NULL: none) is over; returns its state';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_wait_server(bigint, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.pgcopy_drop_server(server_clone bigint DEFAULT NULL) RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgcopy_drop_server(bigint) IS 'delete the record of a server clone (NULL: your latest) that has ended; its databases and their jobs stay; error if it runs';

REVOKE ALL ON FUNCTION @extschema@.pgcopy_drop_server(bigint) FROM PUBLIC;

CREATE FUNCTION pgcopy.server_live(server_clone bigint, no integer,
    OUT state text, OUT percent integer, OUT tables_done integer, OUT tables_total integer,
    OUT rows_done bigint, OUT bytes_done bigint, OUT bytes_total bigint,
    OUT bytes_per_second bigint, OUT eta_seconds bigint, OUT message text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pgcopy_server_live'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION pgcopy.server_live(bigint, integer) IS 'figures of the job in a database of a running server clone; no row if it does not run';

CREATE FUNCTION pgcopy.server_is_interrupted(server_clone bigint) RETURNS boolean
AS 'MODULE_PATHNAME', 'pgcopy_server_is_interrupted'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION pgcopy.server_is_interrupted(bigint) IS 'whether a server clone has not ended but its coordinator is gone; NULL if there is no such one';

CREATE VIEW @extschema@.pgcopy_server_progress WITH (security_barrier) AS
SELECT v.server_clone,
       v.database,
       v.job,
       v.state,
       v.percent,
       pgcopy.bar(v.percent) AS progress,
       CASE WHEN v.state OPERATOR(pg_catalog.=) 'left out' THEN ''
            ELSE v.tables_done || '/' || COALESCE(v.tables_total::text,
                 CASE WHEN v.state OPERATOR(pg_catalog.=) 'done' THEN '0' ELSE '?' END) END AS tables,
       CASE WHEN v.bytes_total IS NULL THEN ''
            WHEN v.ended IS NOT NULL OR v.percent OPERATOR(pg_catalog.=) 100 THEN pgcopy.size(v.bytes_done)
            ELSE pgcopy.size_of(v.bytes_done, GREATEST(v.bytes_total, v.bytes_done)) END AS copied,
       CASE WHEN v.ended IS NOT NULL AND v.started IS NOT NULL AND v.bytes_done > 0
            THEN pgcopy.size(v.bytes_done / GREATEST(pg_catalog.date_part('epoch', v.ended OPERATOR(pg_catalog.-) v.started), 0.001)::numeric) || '/s'
            WHEN v.bytes_per_second > 0 THEN pgcopy.size(v.bytes_per_second) || '/s'
            ELSE '' END AS rate,
       COALESCE(pgcopy.duration(pg_catalog.make_interval(secs => v.eta_seconds)), '') AS eta,
       CASE WHEN v.state OPERATOR(pg_catalog.=) 'failed'
            THEN pgcopy.shorten(COALESCE(v.message, 'failed'), '; then SELECT * FROM pgcopy_resume_server(' || v.server_clone || ')')
            WHEN v.state OPERATOR(pg_catalog.=) ANY (ARRAY['cancelled', 'interrupted'])
            THEN 'to go on: SELECT * FROM pgcopy_resume_server(' || v.server_clone || ')'
            WHEN v.state OPERATOR(pg_catalog.=) 'done' AND v.started IS NOT NULL
            THEN 'took ' || pgcopy.duration(v.ended OPERATOR(pg_catalog.-) v.started)
            ELSE COALESCE(pgcopy.shorten(v.message, ''), '') END AS message
  FROM (SELECT c.id AS server_clone, d.no, d.name::name AS database, d.job,
               CASE WHEN c.is_lost AND d.ended IS NULL AND d.state OPERATOR(pg_catalog.<>) 'left out' THEN 'interrupted'
                    WHEN d.state OPERATOR(pg_catalog.=) 'running' THEN COALESCE(l.state, d.state)
                    ELSE d.state END AS state,
               CASE WHEN d.state OPERATOR(pg_catalog.=) 'done' THEN 100
                    ELSE GREATEST(l.percent, d.percent) END AS percent,
               GREATEST(l.tables_done, d.tables_done) AS tables_done,
               COALESCE(NULLIF(l.tables_total, 0), NULLIF(d.tables_total, 0)) AS tables_total,
               GREATEST(l.bytes_done, d.bytes_done) AS bytes_done,
               COALESCE(NULLIF(l.bytes_total, 0), NULLIF(d.bytes_total, 0)) AS bytes_total,
               l.bytes_per_second, l.eta_seconds, d.started, d.ended,
               COALESCE(l.message, d.message) AS message
          FROM (SELECT r.id, r.ended IS NULL AND pgcopy.server_is_interrupted(r.id) AS is_lost
                  FROM pgcopy.server_clone AS r
                 WHERE pg_catalog.pg_has_role(current_user, r.owner, 'MEMBER')) AS c
          JOIN pgcopy.server_database AS d ON d.server_clone OPERATOR(pg_catalog.=) c.id
          LEFT JOIN LATERAL pgcopy.server_live(c.id, d.no) AS l
                 ON d.state OPERATOR(pg_catalog.=) 'running' AND NOT c.is_lost) AS v
 ORDER BY v.server_clone, v.no;

COMMENT ON VIEW @extschema@.pgcopy_server_progress IS 'the databases of each server clone that was ordered here, to watch: SELECT * FROM pgcopy_server_progress \watch 1';

GRANT SELECT ON @extschema@.pgcopy_server_progress TO PUBLIC;

--
-- Refuse to drop the extension, or what a job's owner owns, while a job runs.
--

CREATE FUNCTION pgcopy.guard() RETURNS event_trigger
AS 'MODULE_PATHNAME', 'pgcopy_guard'
LANGUAGE C;

COMMENT ON FUNCTION pgcopy.guard() IS 'refuses to drop what a job needs that runs, or that has something on its source';

REVOKE ALL ON FUNCTION pgcopy.guard() FROM PUBLIC;

CREATE EVENT TRIGGER pgcopy_guard ON ddl_command_start
    WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED', 'DROP SCHEMA')
    EXECUTE FUNCTION pgcopy.guard();
ALTER EVENT TRIGGER pgcopy_guard ENABLE ALWAYS;

COMMENT ON EVENT TRIGGER pgcopy_guard IS 'pgcopydb_ext: refuses to drop what a job needs that runs, or that has something on its source; cancel or drop the job first';

--
-- A foreign server can be the source; its user mapping holds the password.
--

CREATE FUNCTION @extschema@.pgcopydb_fdw_validator(options text[], catalog oid) RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;

COMMENT ON FUNCTION @extschema@.pgcopydb_fdw_validator(text[], oid) IS 'checks the options of a pgcopydb_fdw server or user mapping, which are those of libpq';

REVOKE ALL ON FUNCTION @extschema@.pgcopydb_fdw_validator(text[], oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER pgcopydb_fdw VALIDATOR @extschema@.pgcopydb_fdw_validator;

COMMENT ON FOREIGN DATA WRAPPER pgcopydb_fdw IS 'for servers that pgcopy_clone() takes as source by name; has no foreign tables';
