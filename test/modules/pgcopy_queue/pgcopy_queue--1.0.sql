\echo Use "CREATE EXTENSION pgcopy_queue" to load this file. \quit

-- Hand out two foreign keys and their validations for each of so many tables;
-- returns the processor time a table took, in microseconds.
CREATE FUNCTION pgcopy_queue_foreign_keys(tables integer)
RETURNS double precision LANGUAGE c STRICT AS 'MODULE_PATHNAME';
