\echo Use "CREATE EXTENSION pgcopy_index" to load this file. \quit

-- Run a CREATE INDEX, or an ADD PRIMARY KEY or UNIQUE as its index, as a job does.
-- built_by: fast, server; NULL: there was nothing to build.
CREATE FUNCTION pgcopy_index_create(sql text, OUT built_by text, OUT reason text)
LANGUAGE c STRICT AS 'MODULE_PATHNAME';

-- How two indexes differ in what is on their pages, but for LSN and checksum, or in
-- relpages and reltuples; NULL if they do not.
CREATE FUNCTION pgcopy_index_differ(a regclass, b regclass)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME';

-- Make a page look as if somebody had written to it, whatever locks others hold.
CREATE FUNCTION pgcopy_index_touch(heap regclass, block int)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME';
