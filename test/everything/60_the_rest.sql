-- Privileges, publications, a subscription, event triggers (last: they would
-- see what comes after them).
\set ON_ERROR_STOP on
SET client_min_messages = error;

GRANT SELECT ON ALL TABLES IN SCHEMA ev2 TO ev_reader;
GRANT SELECT (id, t), UPDATE (t) ON ev.texts TO ev_reader;
GRANT INSERT (v), REFERENCES (id) ON ev.texts TO "ev_Odd ""Role""" WITH GRANT OPTION;
GRANT SELECT, INSERT ON ev."Upper" TO "ev-hyphen 'role' 100%", PUBLIC;
GRANT UPDATE ("q""q", "p%sct") ON ev."Upper" TO ev_writer;
REVOKE ALL ON ev.numbers FROM CURRENT_USER;
GRANT SELECT ON ev.numbers TO ev_writer;
REVOKE DELETE, TRUNCATE ON ev.sales FROM CURRENT_USER;
GRANT ALL ON ev.sales_2021 TO ev_owner;
SET ROLE "ev_Odd ""Role""";
GRANT SELECT ON ev."Upper" TO ev_reader WITH GRANT OPTION;
RESET ROLE;
SET ROLE ev_reader;
GRANT SELECT ON ev."Upper" TO "ev_aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff";
RESET ROLE;
GRANT USAGE ON SEQUENCE ev.seq_used TO ev_reader;
GRANT SELECT, UPDATE ON SEQUENCE ev."Seq ""odd"" 100%" TO ev_writer WITH GRANT OPTION;
REVOKE ALL ON SEQUENCE ev.seq_fresh FROM CURRENT_USER;
GRANT SELECT ON ev.summary, ev.plain, ev.remote TO ev_reader;
GRANT SELECT ON pg_catalog.pg_authid TO ev_reader;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO ev_reader;
REVOKE SELECT ON pg_catalog.pg_settings FROM PUBLIC;
GRANT SELECT ON pg_catalog.pg_settings TO ev_writer;

ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ev_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE ev_owner IN SCHEMA ev GRANT ALL ON TABLES TO "ev_Odd ""Role""" WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE ev_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE "ev_Odd ""Role""" REVOKE USAGE ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE ev_owner GRANT USAGE ON SCHEMAS TO ev_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE ev_owner IN SCHEMA "Ev ""Odd"" Schema" GRANT USAGE ON SEQUENCES TO PUBLIC;

CREATE PUBLICATION ev_all FOR ALL TABLES WITH (publish = 'insert, update', publish_via_partition_root = true);
CREATE PUBLICATION "Ev ""some""" FOR TABLE ev.serials (a, b), ONLY ev.parent, ev.keys WHERE (a > 10 AND c <> 'x''y');
CREATE PUBLICATION ev_schema FOR TABLES IN SCHEMA "Ev ""Odd"" Schema", CURRENT_SCHEMA, TABLE ev.parent WHERE (a < 3);
CREATE PUBLICATION ev_nothing;
COMMENT ON PUBLICATION ev_all IS 'a publication';
ALTER PUBLICATION ev_nothing OWNER TO ev_owner;
CREATE SUBSCRIPTION ev_subscription CONNECTION 'host=192.0.2.1 dbname=x password=ev-secret-subscription' PUBLICATION "Pub ""odd""", b
	WITH (connect = false, slot_name = 'ev_slot', binary = true, streaming = true, synchronous_commit = 'on');
COMMENT ON SUBSCRIPTION ev_subscription IS 'a subscription';

CREATE TABLE ev.ddl_log (tag text);
CREATE FUNCTION ev.log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO ev.ddl_log VALUES (tg_event || ' ' || tg_tag);
END $$;
CREATE FUNCTION ev.forbid_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'no % here', tg_tag;
END $$;
CREATE EVENT TRIGGER ev_end ON ddl_command_end EXECUTE FUNCTION ev.log_ddl();
CREATE EVENT TRIGGER "ev ""drop""" ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP FUNCTION') EXECUTE FUNCTION ev.log_ddl();
CREATE EVENT TRIGGER ev_rewrite ON table_rewrite EXECUTE FUNCTION ev.log_ddl();
CREATE EVENT TRIGGER ev_disabled ON ddl_command_start EXECUTE FUNCTION ev.log_ddl();
ALTER EVENT TRIGGER ev_disabled DISABLE;
CREATE EVENT TRIGGER ev_replica ON ddl_command_start EXECUTE FUNCTION ev.forbid_ddl();
ALTER EVENT TRIGGER ev_replica ENABLE REPLICA;
CREATE EVENT TRIGGER ev_forbid ON ddl_command_start WHEN TAG IN ('CREATE INDEX', 'ALTER TABLE', 'REFRESH MATERIALIZED VIEW', 'CREATE VIEW', 'COMMENT', 'GRANT') EXECUTE FUNCTION ev.forbid_ddl();
ALTER EVENT TRIGGER ev_end ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER ev_end IS 'an event trigger';
