\echo Use "CREATE EXTENSION pgcopy_selection" to load this file. \quit

-- Lines: what, classid, objid, and a text, divided by tabs.
CREATE FUNCTION select_text(conninfo text, names text[], "values" text[])
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_selection_text';

-- What a clone with these options would clone of a source.  what is kept or left
-- for an object, rows for a table whose rows are cloned, unvalidated for a foreign
-- key, dumped or not dumped for a relation, large objects, relations (the array),
-- notice, ms (how long it took).
CREATE FUNCTION select_objects(conninfo text, options jsonb DEFAULT '{}')
RETURNS TABLE (what text, classid oid, objid oid, object text) LANGUAGE sql AS $$
    SELECT l[1], l[2]::oid, l[3]::oid, l[4]
      FROM string_to_table(select_text(conninfo, (SELECT coalesce(array_agg(key ORDER BY key), '{}') FROM jsonb_each_text(options)),
                                       (SELECT coalesce(array_agg(value ORDER BY key), '{}') FROM jsonb_each_text(options))), E'\n') AS t(line),
           string_to_array(line, E'\t') AS l
     WHERE line <> ''
$$;
