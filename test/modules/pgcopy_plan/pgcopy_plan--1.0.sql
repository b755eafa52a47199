\echo Use "CREATE EXTENSION pgcopy_plan" to load this file. \quit

-- What the source holds.
CREATE TABLE relation (
    oid oid PRIMARY KEY,
    name text NOT NULL,
    kind "char" NOT NULL DEFAULT 'r',
    mb bigint NOT NULL DEFAULT 0,
    toast_mb bigint NOT NULL DEFAULT 0,
    parent oid NOT NULL DEFAULT 0,
    through_root boolean NOT NULL DEFAULT false,
    has_children boolean NOT NULL DEFAULT false,
    condition text,                                 -- configuration of an extension
    carry "char",                                   -- of a job that follows
    reference oid,                                  -- of its foreign key
    bounds bigint[]                                 -- of chunks by key
);

CREATE TABLE statement (
    toc integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    class text NOT NULL DEFAULT 'plain',
    tag text NOT NULL,
    relation oid NOT NULL DEFAULT 0,                -- that it creates
    name text,
    on_table text,
    referenced text,
    is_post_data boolean NOT NULL DEFAULT true,
    validate boolean NOT NULL DEFAULT true,
    body text NOT NULL DEFAULT '',
    depends integer[] NOT NULL DEFAULT '{}'         -- toc numbers
);

CREATE TABLE large_objects (
    first bigint PRIMARY KEY,
    last bigint NOT NULL,
    count bigint NOT NULL
);

-- The items of the plan, one a line.
CREATE FUNCTION plan_text(table_jobs integer, split_bytes bigint, can_read_blocks boolean, validate boolean,
                          follow boolean)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_plan_text';

CREATE FUNCTION plan(table_jobs integer DEFAULT 1, split text DEFAULT '0', can_read_blocks boolean DEFAULT true,
                     validate boolean DEFAULT true, follow boolean DEFAULT false)
RETURNS TABLE (no integer, stage text, kind text, object text, range text, depends text) LANGUAGE sql AS $$
    SELECT l[1]::integer, l[2], l[3], l[4], l[5], l[6]
      FROM string_to_table(plan_text(table_jobs, CASE split WHEN 'auto' THEN -1 ELSE pg_size_bytes(split) END,
                                     can_read_blocks, validate, follow), E'\n') AS t(line),
           string_to_array(line, E'\t', '') AS l
$$;
