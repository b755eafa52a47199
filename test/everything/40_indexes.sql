-- Indexes, constraints, foreign keys, statistics.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE FUNCTION ev.needs_path(text) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = ev, pg_temp
	AS $$ BEGIN RETURN upper($1) || plus_one(1); END $$;
CREATE INDEX ON ev.texts (ev.needs_path(t));
CREATE INDEX ON ev.texts (lower(t), (length(v)) DESC NULLS LAST) WHERE id % 2 = 0 AND t <> '''';
ALTER INDEX ev.texts_lower_length_idx ALTER COLUMN 2 SET STATISTICS 444;
CREATE INDEX "texts ""odd"" idx" ON ev.texts USING btree (v text_pattern_ops, c COLLATE "C" DESC) INCLUDE (n, "char") WITH (fillfactor = 55, deduplicate_items = off);
CREATE UNIQUE INDEX texts_nnd ON ev.texts (id, v) NULLS NOT DISTINCT;
CREATE INDEX texts_hash ON ev.texts USING hash (t) WITH (fillfactor = 60);
CREATE INDEX texts_trgm ON ev.texts USING gist (t ext.gist_trgm_ops (siglen = 32));
CREATE INDEX texts_trgm_gin ON ev.texts USING gin (t ext.gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX texts_brin ON ev.texts USING brin (id int4_minmax_multi_ops (values_per_range = 16), v) WITH (pages_per_range = 4, autosummarize = on);
CREATE INDEX texts_bloom ON ev.texts USING bloom (id, t) WITH (length = 80, col1 = 2);
CREATE INDEX texts_gin_mixed ON ev.texts USING gin (id, v);
CREATE INDEX jsons_gin ON ev.jsons USING gin (jb jsonb_path_ops);
CREATE INDEX arrays_gin ON ev.arrays USING gin (i);
CREATE INDEX shapes_gist ON ev.shapes USING gist (b, c);
CREATE INDEX shapes_spgist ON ev.shapes USING spgist (p);
CREATE INDEX networks_spgist ON ev.networks USING spgist (i inet_ops);
CREATE INDEX ranges_gist ON ev.ranges USING gist (i4, t);
CREATE INDEX searches_gin ON ev.searches USING gin (v);
CREATE INDEX ext_ltree ON ev.extension_types USING gist (l "Ext.Odd ""x""".gist_ltree_ops (siglen = 100));
CREATE INDEX abs_idx ON ev.numbers USING btree (i4 ev.abs_ops) WHERE i4 > 0;
CREATE OPERATOR CLASS ev.am_ops DEFAULT FOR TYPE int USING ev_btree AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE INDEX collated_idx ON ev.collated (g COLLATE "C", c COLLATE ev.german);
CREATE INDEX ON ev."Upper" ("Col", "q""q", "p%sct", "new
line");
CREATE INDEX "Idx ""odd"";
\! echo x" ON ev."new
line
\! echo not a command" (a);
CREATE INDEX ON "Ev ""Odd"" Schema"."Tab ""le""" ("V");
CREATE INDEX long_definition ON ev.many_columns ((c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11 + c12 + c13 + c14 + c15 + c16 + c17 + c18 + c19 + c20))
	WHERE c1 NOT IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20) AND c150 IS NULL AND ev.plus_one(c300) > 0;
DO $$ BEGIN
	EXECUTE 'CREATE INDEX long_definition_6kb ON ev.many_columns (id) WHERE ' ||
		(SELECT string_agg(format('c%s IS NOT NULL', g), ' OR ') FROM generate_series(1, 299) g);
END $$;
CREATE INDEX ON ev.unlogged (t);
CREATE INDEX on_own_am ON ev.own_am (b);
CREATE INDEX ON ev.no_columns ((1));
COMMENT ON INDEX ev.texts_hash IS 'an index';

-- an index left invalid on the source is not dumped
CREATE INDEX never_valid ON ev.texts (c);
UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'ev.never_valid'::regclass;

-- clustered, replica identities
CREATE INDEX with_options_cluster ON ev.with_options (a);
CLUSTER ev.with_options USING with_options_cluster;
ALTER TABLE ev.child ADD PRIMARY KEY (c);
ALTER TABLE ev.child CLUSTER ON child_pkey;
ALTER TABLE ev.same_name ALTER a SET NOT NULL;
CREATE UNIQUE INDEX same_name_ident ON ev.same_name (a);
ALTER TABLE ev.same_name REPLICA IDENTITY USING INDEX same_name_ident;
ALTER TABLE ev.serials REPLICA IDENTITY USING INDEX serials_pkey;
ALTER TABLE ev2.same_name REPLICA IDENTITY FULL;
ALTER TABLE ev.empty_table REPLICA IDENTITY NOTHING;

-- constraints
CREATE TABLE ev.keys (a int, b int, c text, d int4range, e int,
	CONSTRAINT keys_pk PRIMARY KEY (a, b) INCLUDE (c) WITH (fillfactor = 80),
	CONSTRAINT "keys ""uq"" deferrable" UNIQUE (b) DEFERRABLE INITIALLY DEFERRED,
	CONSTRAINT keys_uq_nnd UNIQUE NULLS NOT DISTINCT (e),
	CONSTRAINT keys_uq_deferrable UNIQUE (a) DEFERRABLE,
	CONSTRAINT keys_ex EXCLUDE USING gist (d WITH &&, a WITH =) WHERE (a > 0),
	CONSTRAINT keys_ex_deferrable EXCLUDE (e WITH =) INCLUDE (c) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO ev.keys SELECT g, g, 'c' || g, int4range(g, g + 2), nullif(g, 50) FROM generate_series(1, 100) g;
COMMENT ON CONSTRAINT keys_pk ON ev.keys IS 'a primary key';
COMMENT ON CONSTRAINT keys_ex ON ev.keys IS 'an exclusion constraint';
COMMENT ON INDEX ev.keys_pk IS 'the index of a primary key';
ALTER TABLE ev.keys ALTER a SET STATISTICS 77;
ALTER TABLE ev.checks ADD CONSTRAINT not_valid_yet CHECK (a < 1) NOT VALID;
COMMENT ON CONSTRAINT positive ON ev.checks IS 'a check';

-- keys and indexes of partitioned tables
ALTER TABLE ev.sales ADD CONSTRAINT sales_positive CHECK (id > 0);
CREATE INDEX sales_amount ON ev.sales (amount, lower(region));
CREATE INDEX only_parent ON ONLY ev.sales (extra);
CREATE INDEX only_leaf ON ev.sales_2021 (extra);
ALTER INDEX ev.only_parent ATTACH PARTITION ev.only_leaf;
ALTER TABLE ev.generated_part ADD PRIMARY KEY (a);
ALTER TABLE ev.by_colour_0 ADD UNIQUE (c, v);
CREATE TABLE ev.orders (id int, at date, note text, PRIMARY KEY (id, at), UNIQUE (at, id, note)) PARTITION BY RANGE (at);
CREATE TABLE ev.orders_old PARTITION OF ev.orders FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE TABLE ev2.orders_new PARTITION OF ev.orders DEFAULT;
INSERT INTO ev.orders SELECT g, date '2019-12-01' + g, 'n' || g FROM generate_series(1, 60) g;
CLUSTER ev.orders_old USING orders_old_pkey;

-- foreign keys: self, cycle, across schemas, to and from partitioned tables
CREATE TABLE ev.tree (id int PRIMARY KEY, parent int REFERENCES ev.tree ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO ev.tree SELECT g, g / 2 FROM generate_series(0, 200) g;
CREATE TABLE ev.egg (id int PRIMARY KEY, hen int);
CREATE TABLE ev2.hen (id int PRIMARY KEY, egg int REFERENCES ev.egg ON UPDATE CASCADE);
INSERT INTO ev.egg SELECT g, g FROM generate_series(1, 50) g;
INSERT INTO ev2.hen SELECT g, g FROM generate_series(1, 50) g;
ALTER TABLE ev.egg ADD CONSTRAINT "egg → hen" FOREIGN KEY (hen) REFERENCES ev2.hen ON DELETE SET DEFAULT DEFERRABLE;
CREATE TABLE ev.refers (a int, b int, c int, at date, id int, x int,
	CONSTRAINT full_match FOREIGN KEY (a, b) REFERENCES ev.keys (a, b) MATCH FULL ON DELETE RESTRICT,
	CONSTRAINT some_columns FOREIGN KEY (c, b) REFERENCES ev.keys (a, b) ON DELETE SET NULL (c) ON UPDATE SET NULL,
	CONSTRAINT to_partitioned FOREIGN KEY (id, at) REFERENCES ev.orders ON DELETE CASCADE);
INSERT INTO ev.refers SELECT g, g, NULL, date '2019-12-01' + g, g, g FROM generate_series(1, 60) g;
ALTER TABLE ev.refers ADD CONSTRAINT violated_not_valid FOREIGN KEY (x) REFERENCES ev.empty_referenced NOT VALID;
COMMENT ON CONSTRAINT full_match ON ev.refers IS 'a foreign key';
CREATE TABLE ev.lines (id int, at date, line int, parent int REFERENCES ev.tree, PRIMARY KEY (id, at, line),
	CONSTRAINT lines_orders FOREIGN KEY (id, at) REFERENCES ev.orders) PARTITION BY HASH (id);
CREATE TABLE ev.lines_0 PARTITION OF ev.lines FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE ev.lines_1 PARTITION OF ev.lines FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY RANGE (line);
CREATE TABLE ev2.lines_1_a PARTITION OF ev.lines_1 FOR VALUES FROM (0) TO (2);
CREATE TABLE ev2.lines_1_b PARTITION OF ev.lines_1 DEFAULT;
INSERT INTO ev.lines SELECT g, date '2019-12-01' + g, l, g + l FROM generate_series(1, 60) g, generate_series(1, 3) l;
ALTER TABLE ev.lines_0 ADD CONSTRAINT leaf_only FOREIGN KEY (line) REFERENCES ev.egg;
ALTER TABLE ev.serials ADD CONSTRAINT to_unique_index FOREIGN KEY (c) REFERENCES ev.same_name (a) NOT VALID;

-- extended statistics
CREATE STATISTICS ev.stat_plain (ndistinct, mcv) ON id, v FROM ev.texts;
CREATE STATISTICS ev2."Stat ""odd""" ON (lower(t)), (ev.plus_one(id)), v FROM ev.texts;
CREATE STATISTICS ev.stat_part (dependencies) ON region, at FROM ev.sales;
ALTER STATISTICS ev.stat_plain SET STATISTICS 555;
ALTER STATISTICS ev.stat_plain OWNER TO ev_owner;
COMMENT ON STATISTICS ev.stat_plain IS 'some statistics';
