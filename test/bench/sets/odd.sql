-- One table of :rows rows: ten plain columns, and one that is not exact in binary.
CREATE TYPE odd_pair AS (kind regtype, note text);
CREATE TABLE odd (
    id bigint,
    n integer NOT NULL,
    at timestamp with time zone NOT NULL,
    name text NOT NULL,
    amount numeric(14, 2),
    ratio double precision,
    flag boolean NOT NULL,
    day date,
    key uuid NOT NULL,
    doc jsonb,
    body bytea,
    words tsvector,
    o odd_pair);
INSERT INTO odd
SELECT i, (random() * 1000000)::integer, timestamptz '2020-01-01 00:00:00+00' + random() * interval '2000 days',
       'name ' || (random() * 50000)::integer,
       CASE WHEN i % 20 <> 0 THEN (random() * 1000000)::numeric(14, 2) END,
       random() * 1e6, i % 3 = 0, date '2020-01-01' + (random() * 2000)::integer,
       md5(i::text || random()::text)::uuid,
       jsonb_build_object('id', i, 'name', 'customer ' || i % 5000, 'price', round((random() * 1000)::numeric, 2)),
       decode(md5(i::text) || md5(random()::text), 'hex'),
       to_tsvector('simple', 'customer ' || i % 5000 || ' wants some ' || md5(i::text) || ' and ' || i % 77),
       ROW((ARRAY['integer', 'text', 'numeric']::regtype[])[1 + i % 3], 'note ' || i % 1000)::odd_pair
  FROM generate_series(1, :rows) AS i;
