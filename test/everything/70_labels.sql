-- Security labels, of every kind of object whose label pg_dump dumps (not those
-- of columns of composite types and of what belongs to an extension).  Their
-- providers are in the library pgcopy_everything.
\set ON_ERROR_STOP on
SET client_min_messages = error;

SECURITY LABEL FOR pgcopy_dummy ON SCHEMA ev IS 'of a schema';
SECURITY LABEL FOR pgcopy_dummy ON SCHEMA "Ev ""Odd"" Schema" IS E'it''s "quoted", 100% \\ and\nhas a second line\n\t-- Name: x; Type: TABLE;\n\\.\n\\restrict x\n;';
SECURITY LABEL FOR "pgcopy ""odd""" ON SCHEMA ev IS 'of another provider';
SECURITY LABEL FOR pgcopy_dummy ON TABLE ev.texts IS '';
SECURITY LABEL FOR pgcopy_dummy ON COLUMN ev.texts.id IS 'of a column';
SECURITY LABEL FOR "pgcopy ""odd""" ON COLUMN ev.texts.t IS E'grün\r\n\f';
SECURITY LABEL FOR pgcopy_dummy ON TABLE ev."Upper" IS 'of an odd name';
SECURITY LABEL FOR pgcopy_dummy ON COLUMN ev."Upper"."q""q" IS 'of an odd column';
SECURITY LABEL FOR pgcopy_dummy ON COLUMN ev.sales_2021.id IS 'of a partition''s column';
SECURITY LABEL FOR pgcopy_dummy ON TABLE ev.sales IS 'of a partitioned table';
SECURITY LABEL FOR pgcopy_dummy ON VIEW ev.plain IS 'of a view';
SECURITY LABEL FOR pgcopy_dummy ON MATERIALIZED VIEW ev.summary IS 'of a materialized view';
SECURITY LABEL FOR pgcopy_dummy ON FOREIGN TABLE ev.remote IS 'of a foreign table';
SECURITY LABEL FOR pgcopy_dummy ON SEQUENCE ev.seq_used IS 'of a sequence';
SECURITY LABEL FOR pgcopy_dummy ON TYPE ev.pair IS 'of a composite type';
SECURITY LABEL FOR pgcopy_dummy ON TYPE ev.colour IS 'of an enum';
SECURITY LABEL FOR pgcopy_dummy ON DOMAIN ev.positive IS 'of a domain';
SECURITY LABEL FOR pgcopy_dummy ON FUNCTION ev.log_ddl() IS 'of a function';
SECURITY LABEL FOR pgcopy_dummy ON PROCEDURE ev.proc(int, text) IS 'of a procedure';
SECURITY LABEL FOR pgcopy_dummy ON AGGREGATE ev.total(int) IS 'of an aggregate';
SECURITY LABEL FOR pgcopy_dummy ON LANGUAGE ev_plpgsql IS 'of a language';
SECURITY LABEL FOR pgcopy_dummy ON LARGE OBJECT 900001 IS E'of a large object;\n\\ it''s';
SECURITY LABEL FOR pgcopy_dummy ON LARGE OBJECT 900002 IS 'of a large object with an owner';
SECURITY LABEL FOR "pgcopy ""odd""" ON LARGE OBJECT 900002 IS '';
SECURITY LABEL FOR pgcopy_dummy ON PUBLICATION ev_all IS 'of a publication';
SECURITY LABEL FOR pgcopy_dummy ON SUBSCRIPTION ev_subscription IS 'of a subscription';
SECURITY LABEL FOR pgcopy_dummy ON EVENT TRIGGER ev_end IS 'of an event trigger';
SECURITY LABEL FOR pgcopy_dummy ON EVENT TRIGGER "ev ""drop""" IS 'of another one';
