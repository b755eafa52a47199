\echo Use "CREATE EXTENSION pgcopy_changes" to load this file. \quit

CREATE FUNCTION changes_since(only_these text) RETURNS text
AS 'MODULE_PATHNAME' LANGUAGE C;
