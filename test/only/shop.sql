-- A small shop: some 60 objects that need each other in most of the ways there are.
CREATE SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;

CREATE SCHEMA shop;
CREATE SCHEMA audit;
CREATE SCHEMA report;
CREATE SCHEMA archive;
COMMENT ON SCHEMA shop IS 'what is sold';
ALTER DEFAULT PRIVILEGES IN SCHEMA archive GRANT SELECT ON TABLES TO PUBLIC;

CREATE TYPE shop.order_state AS ENUM ('new', 'paid', 'sent');
CREATE TYPE shop.address AS (street text, city text);
CREATE FUNCTION shop.is_email(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$SELECT $1 ~ '@'$$;
CREATE DOMAIN shop.email AS ext.citext CHECK (shop.is_email(VALUE::text));
CREATE SEQUENCE shop.order_no START 1000;

CREATE FUNCTION audit.log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO audit.trail (at, what) VALUES (now(), TG_OP);
	RETURN NULL;
END $$;
CREATE FUNCTION audit.ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE TABLE audit.trail (id bigserial PRIMARY KEY, at timestamptz, what text);

CREATE TABLE shop.customer (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	email shop.email NOT NULL UNIQUE,
	home shop.address,
	note text,
	changed timestamptz);
CREATE INDEX customer_note_idx ON shop.customer USING gin (note ext.gin_trgm_ops);
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN NEW.changed = pg_catalog.now(); RETURN NEW; END';
CREATE TRIGGER customer_touch BEFORE UPDATE ON shop.customer
	FOR EACH ROW EXECUTE FUNCTION shop.touch();
ALTER TABLE shop.customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON shop.customer USING (shop.is_email(email::text));

CREATE TABLE shop.product (id serial PRIMARY KEY, name text NOT NULL, price numeric CHECK (price > 0));
CREATE TABLE shop.orders (
	id bigint DEFAULT nextval('shop.order_no') PRIMARY KEY,
	customer int REFERENCES shop.customer,
	state shop.order_state DEFAULT 'new',
	placed date);
COMMENT ON COLUMN shop.orders.placed IS 'by the customer';
GRANT SELECT ON shop.orders TO PUBLIC;
CREATE STATISTICS shop.order_stat ON customer, state FROM shop.orders;
CREATE TRIGGER orders_audit AFTER INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION audit.log();
CREATE RULE order_gone AS ON DELETE TO shop.orders
	DO ALSO INSERT INTO audit.trail (at, what) VALUES (now(), 'gone');
CREATE TABLE shop.order_line (
	orders bigint REFERENCES shop.orders ON DELETE CASCADE,
	product int REFERENCES shop.product,
	quantity int,
	PRIMARY KEY (orders, product));

CREATE TABLE shop.event (at date NOT NULL, what text, orders bigint REFERENCES shop.orders)
	PARTITION BY RANGE (at);
CREATE TABLE shop.event_2024 PARTITION OF shop.event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE shop.event_2025 PARTITION OF shop.event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE shop.event_later PARTITION OF shop.event DEFAULT;
CREATE INDEX event_what_idx ON shop.event (what);

CREATE TABLE shop.person (id int PRIMARY KEY, name text);
CREATE TABLE shop.employee (boss int REFERENCES shop.person, PRIMARY KEY (id)) INHERITS (shop.person);

CREATE VIEW report.totals AS
	SELECT o.id, o.customer, sum(l.quantity * p.price) AS total
	FROM shop.orders AS o
	JOIN shop.order_line AS l ON l.orders = o.id
	JOIN shop.product AS p ON p.id = l.product
	GROUP BY o.id;
CREATE VIEW report.best AS
	SELECT c.email, t.total FROM report.totals AS t JOIN shop.customer AS c ON c.id = t.customer;
CREATE MATERIALIZED VIEW report.monthly AS
	SELECT date_trunc('month', placed) AS month, count(*) AS n FROM shop.orders GROUP BY 1;
CREATE UNIQUE INDEX monthly_idx ON report.monthly (month);
CREATE FUNCTION report.revenue(day date) RETURNS numeric BEGIN ATOMIC
	SELECT sum(t.total) FROM report.totals AS t JOIN shop.orders AS o USING (id) WHERE o.placed = day;
END;
CREATE FUNCTION report.customers() RETURNS SETOF shop.customer STABLE LANGUAGE sql AS
	'SELECT * FROM shop.customer';
CREATE FUNCTION report.free(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';

CREATE TABLE archive.orders (id bigint PRIMARY KEY, customer int REFERENCES shop.customer, state shop.order_state);
CREATE TABLE archive.note (id serial PRIMARY KEY, body text);

CREATE PUBLICATION of_orders FOR TABLE shop.orders, archive.note;
CREATE PUBLICATION of_archive FOR TABLES IN SCHEMA archive;
CREATE EVENT TRIGGER on_ddl ON ddl_command_end EXECUTE FUNCTION audit.ddl();

INSERT INTO shop.customer (email, home, note)
	SELECT 'user' || g || '@example.com', ROW ('street ' || g, text 'city')::shop.address, 'note ' || g FROM generate_series(1, 40) AS g;
INSERT INTO shop.product (name, price) SELECT 'product ' || g, g FROM generate_series(1, 20) AS g;
INSERT INTO shop.orders (customer, placed) SELECT g % 40 + 1, '2024-01-01'::date + g FROM generate_series(1, 300) AS g;
INSERT INTO shop.order_line SELECT id, id % 20 + 1, 2 FROM shop.orders;
INSERT INTO shop.event SELECT '2024-06-01'::date + g * 5, 'event ' || g, 1000 + g FROM generate_series(1, 150) AS g;
INSERT INTO shop.person VALUES (1, 'a person');
INSERT INTO shop.employee VALUES (2, 'an employee', 1);
INSERT INTO archive.orders VALUES (1, 1, 'sent');
INSERT INTO archive.note (body) VALUES ('a note'), ('another');
REFRESH MATERIALIZED VIEW report.monthly;
SELECT lo_from_bytea(4711, 'a large object');
