-- What the planner makes of an inventory: which items, in which stage, after
-- which others.  There is no source, no job and no process.
SET client_min_messages = warning;
CREATE EXTENSION pgcopy_plan;

-- Write down a table with the statement that creates it.
CREATE PROCEDURE add_table(_oid oid, _name text, _mb bigint DEFAULT 1, _kind "char" DEFAULT 'r', _parent oid DEFAULT 0,
                           _through_root boolean DEFAULT false) LANGUAGE sql AS $$
    INSERT INTO relation (oid, name, mb, kind, parent, through_root)
    VALUES (_oid, _name, _mb, _kind, _parent, _through_root);
    INSERT INTO statement (tag, relation, name, is_post_data)
    VALUES (CASE _kind WHEN 'S' THEN 'CREATE SEQUENCE' WHEN 'm' THEN 'CREATE MATERIALIZED VIEW' ELSE 'CREATE TABLE' END,
            _oid, _name, false);
$$;
CREATE PROCEDURE forget() LANGUAGE sql AS 'TRUNCATE relation, statement, large_objects RESTART IDENTITY';

-- A primary key is an index, then a constraint on it; ANALYZE comes when both
-- stand, foreign keys after the ANALYZE of both tables: added, then validated.
CALL add_table(1, 'customer');
CALL add_table(2, 'orders');
INSERT INTO statement (class, tag, name, on_table, referenced, depends) VALUES
    ('index constraint', 'ALTER TABLE', 'customer_pkey', 'customer', NULL, '{1}'),
    ('index constraint', 'ALTER TABLE', 'orders_pkey', 'orders', NULL, '{2}'),
    ('index', 'CREATE INDEX', 'orders_date', 'orders', NULL, '{2}'),
    ('foreign key', 'ALTER TABLE', 'orders_customer', 'orders', 'customer', '{2,3}');
SELECT * FROM plan();

-- A foreign key that is NOT VALID on the source stays so, and all of them do
-- when the user says so.
UPDATE statement SET validate = false WHERE class = 'foreign key';
SELECT kind, object, depends FROM plan() WHERE kind IN ('foreign key', 'validate');
UPDATE statement SET validate = true WHERE class = 'foreign key';
SELECT kind, object, depends FROM plan(validate => false) WHERE kind IN ('foreign key', 'validate');

-- Exclusion constraints build their own index; statistics and CLUSTER ON come
-- with the constraints.
CALL forget();
CALL add_table(1, 't');
INSERT INTO statement (class, tag, name, on_table, depends) VALUES
    ('whole constraint', 'ALTER TABLE', 't_excl', 't', '{1}'),
    ('index', 'CREATE INDEX', 't_a', 't', '{1}'),
    ('follow-up', 'ALTER TABLE', 't_a', 't', '{3}'),
    ('statistics', 'CREATE STATISTICS', 't_stat', 't', '{1}');
SELECT * FROM plan();

-- Privileges come last, those of pre-data too, and replica identities by an index
-- before them; event triggers, and what alters them, end the job.
CALL forget();
CALL add_table(1, 't');
INSERT INTO statement (class, tag, name, is_post_data, depends) VALUES
    ('acl', 'GRANT', 't', false, '{1}');
INSERT INTO statement (class, tag, name, depends) VALUES
    ('event trigger', 'CREATE EVENT TRIGGER', 'guard', '{}'),
    ('plain', 'ALTER EVENT TRIGGER', 'guard', '{3}'),
    ('comment', 'COMMENT', 'guard', '{3}'),
    ('subscription', 'CREATE SUBSCRIPTION', 'feed', '{}'),
    ('replica identity', 'ALTER TABLE', 't', '{1}'),
    ('plain', 'CREATE TRIGGER', 'log', '{1}'),
    ('acl', 'ALTER DEFAULT PRIVILEGES', NULL, '{}');
SELECT * FROM plan();

-- Materialized views are refreshed and analyzed late, in the order of the dump;
-- what depends on them comes after them.
CALL forget();
CALL add_table(1, 't');
CALL add_table(2, 'view', 1, 'm');
CALL add_table(3, 'view_of_view', 1, 'm');
INSERT INTO statement (class, tag, name, on_table, depends) VALUES
    ('index', 'CREATE INDEX', 'view_a', 'view', '{2}'),
    ('refresh', 'REFRESH MATERIALIZED VIEW', 'view', 'view', '{2}'),
    ('refresh', 'REFRESH MATERIALIZED VIEW', 'view_of_view', 'view_of_view', '{3,5}'),
    ('plain', 'CREATE TRIGGER', 'after_refresh', 't', '{6}');
SELECT * FROM plan();

-- Partitions are loaded and indexed one by one, keys of the whole tree come
-- after the copying, and its statistics at the end.  A foreign key to the tree
-- is late, one of the tree stays as written.
CALL forget();
CALL add_table(1, 'tree', 0, 'p');
CALL add_table(2, 'leaf_1', 1, 'r', 1);
CALL add_table(3, 'leaf_2', 1, 'r', 1);
CALL add_table(4, 'other');
INSERT INTO statement (class, tag, name, on_table, referenced, depends) VALUES
    ('plain', 'ALTER TABLE', 'tree_pkey', 'tree', NULL, '{1}'),
    ('index constraint', 'ALTER TABLE', 'leaf_1_pkey', 'leaf_1', NULL, '{2}'),
    ('index constraint', 'ALTER TABLE', 'leaf_2_pkey', 'leaf_2', NULL, '{3}'),
    ('plain', 'ALTER INDEX', 'leaf_1_pkey', 'leaf_1', NULL, '{5,6}'),
    ('plain', 'ALTER INDEX', 'leaf_2_pkey', 'leaf_2', NULL, '{5,7}'),
    ('foreign key', 'ALTER TABLE', 'other_tree', 'other', 'tree', '{4,5}'),
    ('foreign key', 'ALTER TABLE', 'tree_other', 'tree', 'other', '{1,4}');
SELECT * FROM plan();

-- Rows are routed from the topmost relation that may divide them in another way.
-- Leaves are indexed when the rows of all leaves below that are there.
CALL forget();
CALL add_table(1, 'tree', 0, 'p');
CALL add_table(2, 'branch', 0, 'p', 1, true);
CALL add_table(3, 'leaf_1', 500, 'r', 2, true);
CALL add_table(4, 'leaf_2', 1, 'r', 2, true);
INSERT INTO statement (class, tag, name, on_table, depends) VALUES
    ('index', 'CREATE INDEX', 'leaf_1_a', 'leaf_1', '{3}');
SELECT * FROM plan(1, '100MB') WHERE stage = 'copying';

-- A parent by inheritance is analyzed twice: alone, and with its children.
CALL forget();
CALL add_table(1, 'parent');
CALL add_table(2, 'child');
UPDATE relation SET has_children = true WHERE oid = 1;
SELECT stage, kind, object, depends FROM plan() WHERE kind = 'analyze';

-- Extensions: rows of configuration tables are copied in the order that their
-- foreign keys want; nothing else comes after them.  In a circle somebody is
-- first.  A sequence that is configuration is set.
CALL forget();
INSERT INTO relation (oid, name, mb, kind, condition, reference) VALUES
    (1, 'config_a', 1, 'r', '', 2),
    (2, 'config_b', 1, 'r', 'WHERE mine', 3),
    (3, 'config_c', 1, 'r', '', NULL),
    (4, 'circle_a', 1, 'r', '', 5),
    (5, 'circle_b', 1, 'r', '', 4),
    (6, 'config_seq', 0, 'S', '', NULL);
CALL add_table(7, 'own_seq', 0, 'S');
CALL add_table(8, 't');
SELECT * FROM plan();
SELECT count(*) FROM plan(4, '1kB') WHERE object LIKE 'config%';

-- Large objects: an item for each range.
CALL forget();
INSERT INTO large_objects VALUES (16384, 18383, 2000), (20000, 20000, 1);
SELECT * FROM plan();

-- A table that is larger than the size given is split, TOAST counts; into as
-- many chunks as that takes, and at least four for each copier.  All of it is
-- covered, and its indexes wait for all chunks.
CALL forget();
CALL add_table(1, 'large', 400);
CALL add_table(2, 'small', 100);
UPDATE relation SET toast_mb = 1 WHERE oid = 2;
INSERT INTO statement (class, tag, name, on_table, depends) VALUES
    ('index', 'CREATE INDEX', 'large_a', 'large', '{1}');
SELECT * FROM plan(1, '101MB');
SELECT object, count(*) FROM plan(1, '100MB') WHERE kind = 'table' GROUP BY object ORDER BY object;
SELECT object, count(*) FROM plan(4, '101MB') WHERE kind = 'table' GROUP BY object ORDER BY object;
SELECT object, count(*) FROM plan(4, '4MB') WHERE kind = 'table' GROUP BY object ORDER BY object;
SELECT object, count(*) FROM plan(4, '0') WHERE kind = 'table' GROUP BY object ORDER BY object;

-- Never more chunks than blocks.
UPDATE relation SET mb = 0, toast_mb = 300 WHERE oid = 2;
SELECT object, count(*) FROM plan(4, '1MB') WHERE kind = 'table' AND object = 'small' GROUP BY object;

-- Chunks by key where the source cannot read ranges of blocks: as many as there
-- are bounds and one more, and a table without bounds stays whole.
UPDATE relation SET bounds = '{100,200}' WHERE oid = 1;
SELECT object, range FROM plan(4, '10MB', can_read_blocks => false) WHERE kind = 'table';

-- 'auto': chunks of each table by copiers.
CREATE FUNCTION auto(jobs integer) RETURNS TABLE (chunks text) LANGUAGE sql AS $$
    SELECT string_agg(object || ' ' || count, ', ' ORDER BY object)
      FROM (SELECT object, count(*) FROM plan(jobs, 'auto') WHERE kind = 'table' GROUP BY object) AS t
$$;

-- One large table: four chunks for each copier, or as many as are not much
-- smaller than 32 MB; the same number for each copier.
CALL forget();
CALL add_table(1, 'large', 640);
CALL add_table(2, 'small', 10);
SELECT jobs, auto(jobs) FROM unnest('{1,2,4,8,64}'::integer[]) AS jobs;
UPDATE relation SET mb = 32 WHERE oid = 1;
SELECT jobs, auto(jobs) FROM unnest('{2,64}'::integer[]) AS jobs;

-- Tables of one size are split where their number does not fill the copiers.
CALL forget();
DO $$ BEGIN FOR i IN 0..9 LOOP CALL add_table(i + 1, 'table_' || i, 100); END LOOP; END $$;
SELECT jobs, auto(jobs) FROM unnest('{1,2,4}'::integer[]) AS jobs;

-- 300 GB of 10 TB: no chunk is larger than 1 GB, also with one copier.
CALL forget();
CALL add_table(1, 'hot', 300 * 1024);
DO $$ BEGIN FOR i IN 0..9 LOOP CALL add_table(i + 2, 'table_' || i, 1000 * 1024); END LOOP; END $$;
CALL add_table(100, 'less', 1000);
SELECT object, count(*) FROM plan(8, 'auto') WHERE kind = 'table' AND object IN ('hot', 'less', 'table_1') GROUP BY object ORDER BY object;
SELECT object, count(*) FROM plan(1, 'auto') WHERE kind = 'table' AND object IN ('hot', 'less', 'table_1') GROUP BY object ORDER BY object;

-- Functions may read other tables: values that they compute are loaded, and what
-- they index is built, when the others' rows are here.  A CHECK fails by itself
-- and waits then.
CALL forget();
CALL add_table(1, 'plain');
CALL add_table(2, 'checked');
CALL add_table(3, 'computed');
CALL add_table(4, 'identity');
INSERT INTO statement (tag, name, is_post_data) VALUES ('CREATE FUNCTION', 'f', false);
UPDATE statement SET depends = '{5}' WHERE name IN ('checked', 'computed', 'identity');
UPDATE statement SET body = 'CREATE TABLE (a int GENERATED ALWAYS AS (f(b)) STORED' WHERE name = 'computed';
UPDATE statement SET body = 'CREATE TABLE (a int GENERATED ALWAYS AS IDENTITY' WHERE name = 'identity';
UPDATE statement SET body = 'GENERATED ALWAYS AS (' WHERE name = 'plain';
INSERT INTO statement (class, tag, name, on_table, depends) VALUES
    ('index', 'CREATE INDEX', 'by_f', 'plain', '{1,5}'),
    ('index', 'CREATE INDEX', 'by_a', 'plain', '{1}'),
    ('whole constraint', 'ALTER TABLE', 'excl', 'plain', '{1,5}');
SELECT no, kind, object FROM plan() WHERE kind IN ('table', 'index', 'constraint');

-- A job that follows: keys stand before changes come, and their rows are looked at
-- beside them.  A key waits for the cutover if not all changes of both tables come by
-- the stream, and so do triggers that a replica fires, and event triggers.
CALL forget();
CALL add_table(1, 'streamed');
CALL add_table(2, 'inserts');
CALL add_table(3, 'again');
CALL add_table(4, 'tree', 0, 'p');
CALL add_table(5, 'leaf', 1, 'r', 4);
CALL add_table(6, 'mixed', 0, 'p');
CALL add_table(7, 'empty');
UPDATE relation SET carry = (CASE name WHEN 'inserts' THEN 'i' WHEN 'again' THEN 'a' WHEN 'mixed' THEN '-'
                                       WHEN 'empty' THEN '-' ELSE 's' END)::"char";
INSERT INTO statement (class, tag, name, on_table, referenced, depends) VALUES
    ('index constraint', 'ALTER TABLE', 'streamed_pkey', 'streamed', NULL, '{1}'),
    ('foreign key', 'ALTER TABLE', 'inserts_streamed', 'inserts', 'streamed', '{1,2,8}'),
    ('foreign key', 'ALTER TABLE', 'again_streamed', 'again', 'streamed', '{1,3,8}'),
    ('comment', 'COMMENT', 'again_streamed', 'again', NULL, '{10}'),
    ('foreign key', 'ALTER TABLE', 'streamed_tree', 'streamed', 'tree', '{1,4}'),
    ('foreign key', 'ALTER TABLE', 'streamed_mixed', 'streamed', 'mixed', '{1,6}'),
    ('foreign key', 'ALTER TABLE', 'tree_again', 'tree', 'again', '{3,4}'),
    ('foreign key', 'ALTER TABLE', 'tree_streamed', 'tree', 'streamed', '{1,4}'),
    ('foreign key', 'ALTER TABLE', 'streamed_empty', 'streamed', 'empty', '{1,7}'),
    ('comment', 'COMMENT', 'tree_again', 'tree', NULL, '{14}'),
    ('plain', 'CREATE TRIGGER', 'log', 'streamed', NULL, '{1}'),
    ('replica trigger', 'ALTER TABLE', 'streamed', 'streamed', NULL, '{18}'),
    ('event trigger', 'CREATE EVENT TRIGGER', 'guard', NULL, NULL, '{}'),
    ('subscription', 'CREATE SUBSCRIPTION', 'feed', NULL, NULL, '{}');
SELECT no, stage, kind, object, depends FROM plan(follow => true) WHERE kind NOT IN ('pre-data', 'table', 'analyze');

-- Who does not follow has all of it as ever.
SELECT stage, kind, object FROM plan() WHERE kind NOT IN ('pre-data', 'table', 'analyze');

-- A table that no statement creates is no plan.
CALL forget();
INSERT INTO relation (oid, name) VALUES (1, 'stray');
SELECT * FROM plan();
DROP EXTENSION pgcopy_plan CASCADE;
