\echo Use "CREATE EXTENSION pgcopy_queue" to load this file. \quit

-- Hand out two foreign keys and their validations for each of so many tables;
-- returns the processor time a table took, in microseconds.
CREATE FUNCTION pgcopy_queue_foreign_keys(tables integer)
RETURNS double precision LANGUAGE c STRICT AS 'MODULE_PATHNAME';

-- Do made-up tables (t), indexes (i, on the table before them) and statements
-- of post-data (s).  An item fails until the one whose number it lacks is done;
-- so does whatever lacks a number that there is not.  "objects": what fails says
-- that it did not find an object.  Returns numbers in the order they were done,
-- then, behind a bar, those given up; and how often one was tried at most.
CREATE FUNCTION pgcopy_queue_held(kinds text, turns integer[], lacks integer[], jobs integer, objects boolean,
                                  OUT outcome text, OUT attempts integer)
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pgcopy_queue_held_items';
