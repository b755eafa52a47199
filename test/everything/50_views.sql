-- Views, materialized views, rules, triggers, policies.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE VIEW ev.plain AS SELECT id, t AS "T t" FROM ev.texts;
CREATE VIEW ev.needs_key AS SELECT k.a, k.b, k.c, count(*) FROM ev.keys k GROUP BY k.a, k.b;
CREATE VIEW ev.on_needs_key AS SELECT a, count FROM ev.needs_key;
CREATE RECURSIVE VIEW ev.numbers_to_ten (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM numbers_to_ten WHERE n < 10;
CREATE VIEW ev.barrier WITH (security_barrier = true, security_invoker = true) AS SELECT * FROM ev.parent WHERE a > 3;
CREATE VIEW ev.checked AS SELECT a, b FROM ev.with_options WHERE a > 0 WITH CASCADED CHECK OPTION;
CREATE VIEW ev.checked_local WITH (check_option = local) AS SELECT a FROM ev.checked;
ALTER VIEW ev.checked ALTER a SET DEFAULT 5;
CREATE VIEW ev.no_columns_view AS SELECT;
CREATE VIEW "Ev ""Odd"" Schema"."View ""v""" AS SELECT 'x''y\z'::text AS "Out ""c""", '%s'::text AS "p%";
CREATE VIEW ev.circle_a AS SELECT 1 AS x;
CREATE VIEW ev.circle_b AS SELECT x FROM ev.circle_a;
CREATE OR REPLACE VIEW ev.circle_a AS SELECT x FROM ev.circle_b;
CREATE VIEW ev.uses_types AS SELECT p, (p).a, ARRAY[c] AS cs FROM ev.user_types;
CREATE VIEW ev.catalog_view AS SELECT oid, relname FROM pg_catalog.pg_class;
COMMENT ON VIEW ev.plain IS 'a view';
COMMENT ON COLUMN ev.plain."T t" IS 'a column of a view';
ALTER VIEW ev.plain OWNER TO ev_owner;

CREATE MATERIALIZED VIEW ev.summary WITH (fillfactor = 90) AS SELECT region, count(*) AS n, sum(amount) AS s FROM ev.sales GROUP BY region;
CREATE UNIQUE INDEX summary_idx ON ev.summary (region);
CREATE MATERIALIZED VIEW ev2.on_summary AS SELECT sum(n) AS n FROM ev.summary;
CREATE MATERIALIZED VIEW ev.a_third AS SELECT n + 1 AS n FROM ev2.on_summary;
CREATE VIEW ev.view_on_matview AS SELECT n * 2 AS n FROM ev.a_third;
CREATE MATERIALIZED VIEW ev.over_view AS SELECT n FROM ev.view_on_matview;
CREATE INDEX ON ev.over_view (n) WHERE n > 0;
CLUSTER ev.summary USING summary_idx;
CREATE MATERIALIZED VIEW ev.needs_key_too AS SELECT a, count FROM ev.on_needs_key;
CREATE MATERIALIZED VIEW ev.unpopulated AS SELECT id FROM ev.texts WITH NO DATA;
CREATE INDEX ON ev.unpopulated (id);
CREATE MATERIALIZED VIEW ev.needs_path_view USING ev_heap AS SELECT ev.needs_path(t) AS t FROM ev.texts WHERE id < 20;
CREATE FUNCTION ev.reads_a_view() RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = ev AS $$ BEGIN RETURN (SELECT count(*) FROM a_third); END $$;
CREATE MATERIALIZED VIEW ev.hidden_dependency AS SELECT count(*) AS n FROM ev.keys;
COMMENT ON MATERIALIZED VIEW ev.summary IS 'a materialized view';
ALTER MATERIALIZED VIEW ev.summary ALTER n SET STATISTICS 99;

-- rules: none may fire during the load
CREATE TABLE ev.rule_log (what text);
CREATE RULE log_insert AS ON INSERT TO ev.rule_log WHERE new.what = 'x' DO ALSO INSERT INTO ev.defaults (a) VALUES (1);
CREATE RULE "never ""delete""" AS ON DELETE TO ev.rule_log DO INSTEAD NOTHING;
CREATE RULE redirected AS ON INSERT TO ev.typed2 DO INSTEAD INSERT INTO ev.rule_log VALUES ('typed2');
CREATE RULE view_insert AS ON INSERT TO ev.plain DO INSTEAD INSERT INTO ev.texts (id, t) VALUES (new.id, new."T t");
CREATE RULE view_update AS ON UPDATE TO ev.plain DO INSTEAD (UPDATE ev.texts SET t = new."T t" WHERE id = old.id; INSERT INTO ev.rule_log VALUES (old."T t"));
ALTER TABLE ev.rule_log DISABLE RULE log_insert;
ALTER TABLE ev.typed2 ENABLE ALWAYS RULE redirected;
COMMENT ON RULE view_insert ON ev.plain IS 'a rule';
INSERT INTO ev.rule_log VALUES ('first');

-- triggers: none may fire during the load
CREATE FUNCTION ev.must_not_fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO ev.rule_log VALUES ('a trigger fired: ' || tg_name);
	RETURN NULL;
END $$;
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OF t, v OR DELETE ON ev.texts FOR EACH ROW WHEN (pg_trigger_depth() < 5) EXECUTE FUNCTION ev.must_not_fire('arg', 'o''dd', '\');
CREATE TRIGGER "After ""Stmt""" AFTER INSERT ON ev.numbers REFERENCING NEW TABLE AS "New Rows" FOR EACH STATEMENT EXECUTE FUNCTION ev.must_not_fire();
CREATE TRIGGER on_truncate BEFORE TRUNCATE ON ev.texts EXECUTE FUNCTION ev.must_not_fire();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON ev.keys FROM ev.tree DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ev.must_not_fire();
CREATE TRIGGER disabled_one AFTER INSERT ON ev.keys EXECUTE FUNCTION ev.must_not_fire();
CREATE TRIGGER always_one BEFORE INSERT ON ev.keys FOR EACH ROW EXECUTE FUNCTION ev.must_not_fire();
CREATE TRIGGER replica_one BEFORE INSERT ON ev.keys FOR EACH ROW EXECUTE FUNCTION ev.must_not_fire();
ALTER TABLE ev.keys DISABLE TRIGGER disabled_one;
ALTER TABLE ev.keys ENABLE ALWAYS TRIGGER always_one;
ALTER TABLE ev.keys ENABLE REPLICA TRIGGER replica_one;
CREATE TRIGGER on_partitioned AFTER INSERT OR UPDATE ON ev.sales FOR EACH ROW EXECUTE FUNCTION ev.must_not_fire();
ALTER TABLE ev.sales_2021 DISABLE TRIGGER on_partitioned;
CREATE TRIGGER before_by_colour BEFORE INSERT ON ev.by_colour FOR EACH ROW EXECUTE FUNCTION ev.must_not_fire();
CREATE TRIGGER on_view INSTEAD OF DELETE ON ev.plain FOR EACH ROW EXECUTE FUNCTION ev.must_not_fire();
CREATE TRIGGER on_foreign BEFORE INSERT ON ev.remote FOR EACH ROW EXECUTE FUNCTION ev.must_not_fire();
CREATE TRIGGER of_extension AFTER INSERT OR UPDATE OR DELETE ON ev.serials FOR EACH ROW EXECUTE FUNCTION ext.triggered_change_notification();
COMMENT ON TRIGGER before_row ON ev.texts IS 'a trigger';

-- row security
ALTER TABLE ev.parent ENABLE ROW LEVEL SECURITY;
ALTER TABLE ev.texts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "see ""some""" ON ev.parent FOR SELECT TO ev_reader, "ev_Odd ""Role""" USING (a > 5);
CREATE POLICY restrictive ON ev.parent AS RESTRICTIVE FOR INSERT TO PUBLIC WITH CHECK (b IS NOT NULL);
CREATE POLICY everything ON ev.texts USING (id IN (SELECT a FROM ev.keys)) WITH CHECK (true);
COMMENT ON POLICY restrictive ON ev.parent IS 'a policy';
