-- features_18.sql
--	  What PostgreSQL 18 brought, as far as a clone has to carry it; see features_16.sql.
CREATE SCHEMA features_18;
SET search_path = features_18;

-- generated columns that are computed when they are read, beside stored ones
CREATE TABLE computed (a int, b int GENERATED ALWAYS AS (a * 2), c int GENERATED ALWAYS AS (a * 3) STORED, d text,
	e text GENERATED ALWAYS AS (upper(d)) VIRTUAL, PRIMARY KEY (a), CHECK (b < 1000000));
INSERT INTO computed (a, d) SELECT g, 'row ' || g FROM generate_series(1, 1000) g;
CREATE TABLE computed_parts (a int, b int GENERATED ALWAYS AS (a + 1), c text) PARTITION BY RANGE (a);
CREATE TABLE computed_parts_1 PARTITION OF computed_parts FOR VALUES FROM (0) TO (100);
CREATE TABLE computed_parts_2 (c text, b int GENERATED ALWAYS AS (a + 2), a int);
ALTER TABLE computed_parts ATTACH PARTITION computed_parts_2 FOR VALUES FROM (100) TO (300);
INSERT INTO computed_parts (a, c) SELECT g, g FROM generate_series(1, 250) g;

-- NOT NULL constraints: named, of a parent only, not valid
CREATE TABLE strict (a int CONSTRAINT strict_must_be NOT NULL, b int CONSTRAINT "not here below" NOT NULL NO INHERIT, c int, d int NOT NULL);
CREATE TABLE strict_child (e int CONSTRAINT own NOT NULL) INHERITS (strict);
INSERT INTO strict VALUES (1, 2, NULL, 4);
INSERT INTO strict_child VALUES (1, NULL, 3, 4, 5);
ALTER TABLE strict ADD CONSTRAINT strict_later NOT NULL c NOT VALID;
COMMENT ON CONSTRAINT strict_must_be ON strict IS 'a comment on a not-null constraint';

-- replica identities over columns that are NOT NULL for new rows only
CREATE TABLE known (id int, t text);
INSERT INTO known SELECT nullif(g, 10), 'row ' || g FROM generate_series(1, 10) g;
ALTER TABLE known ADD CONSTRAINT known_id_there NOT NULL id NOT VALID;
CREATE UNIQUE INDEX known_id ON known (id);
ALTER TABLE known REPLICA IDENTITY USING INDEX known_id;
CREATE TABLE known_child () INHERITS (known);
CREATE UNIQUE INDEX known_child_id ON known_child (id);
ALTER TABLE known_child REPLICA IDENTITY USING INDEX known_child_id;
INSERT INTO known_child VALUES (11, 'row of a child');
CREATE TABLE known_parts (id int) PARTITION BY RANGE (id);
CREATE TABLE known_parts_1 PARTITION OF known_parts FOR VALUES FROM (0) TO (100);
ALTER TABLE known_parts ADD CONSTRAINT known_parts_there NOT NULL id NOT VALID;
CREATE UNIQUE INDEX known_parts_id ON known_parts (id);
ALTER TABLE known_parts REPLICA IDENTITY USING INDEX known_parts_id;
ALTER TABLE known_parts_1 REPLICA IDENTITY USING INDEX known_parts_1_id_idx;
INSERT INTO known_parts SELECT generate_series(1, 10);

-- constraints that are not enforced
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent SELECT generate_series(1, 10);
CREATE TABLE loose (id int PRIMARY KEY, parent int CONSTRAINT loose_parent REFERENCES parent NOT ENFORCED,
	n int CONSTRAINT loose_check CHECK (n > 0) NOT ENFORCED);
INSERT INTO loose SELECT g, g * 100, -g FROM generate_series(1, 10) g;

-- temporal keys
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;
CREATE TABLE rooms (id int, during daterange, name text, PRIMARY KEY (id, during WITHOUT OVERLAPS));
CREATE TABLE bookings (id int PRIMARY KEY, room int, during daterange, UNIQUE (room, during WITHOUT OVERLAPS),
	FOREIGN KEY (room, PERIOD during) REFERENCES rooms (id, PERIOD during));
INSERT INTO rooms SELECT g, daterange('2026-01-01', '2027-01-01'), 'room ' || g FROM generate_series(1, 50) g;
INSERT INTO bookings SELECT g, 1 + g % 50, daterange('2026-01-01'::date + g / 50 * 2, '2026-01-02'::date + g / 50 * 2) FROM generate_series(1, 500) g;
CREATE TABLE rooms_parts (id int, during daterange, PRIMARY KEY (id, during WITHOUT OVERLAPS)) PARTITION BY LIST (id);
CREATE TABLE rooms_parts_1 PARTITION OF rooms_parts FOR VALUES IN (1);
INSERT INTO rooms_parts VALUES (1, '[2026-01-01,2026-02-01)'), (1, '[2026-02-01,)');

-- foreign keys of partitioned tables that are not valid
CREATE TABLE owners (id int PRIMARY KEY);
CREATE TABLE owned (id int, owner int) PARTITION BY LIST (id);
CREATE TABLE owned_1 PARTITION OF owned FOR VALUES IN (1);
INSERT INTO owned VALUES (1, 5);
ALTER TABLE owned ADD CONSTRAINT owned_owner FOREIGN KEY (owner) REFERENCES owners NOT VALID;

-- uuidv7, casefold, the collation of full Unicode
CREATE COLLATION unicode_fast (provider = builtin, locale = 'PG_UNICODE_FAST');
CREATE TABLE folded (id uuid PRIMARY KEY DEFAULT uuidv7(), a text COLLATE unicode_fast, UNIQUE (a));
INSERT INTO folded (a) SELECT 'Stra' || chr(223) || 'e ' || g FROM generate_series(1, 100) g;
CREATE INDEX folded_a ON folded (casefold(a));

-- default privileges on large objects
ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO features_reader;
DO $$ BEGIN PERFORM lo_from_bytea(4000018, 'a large object'); END $$;

-- RETURNING old and new, in a body
CREATE FUNCTION changed(wanted int) RETURNS SETOF text LANGUAGE sql
BEGIN ATOMIC
	UPDATE loose SET n = n + 1 WHERE id = wanted RETURNING WITH (OLD AS o, NEW AS n) o.n || ' ' || n.n;
END;

CREATE PUBLICATION features_18 FOR TABLE computed (a, c, d) WITH (publish_generated_columns = stored);
RESET search_path;
