-- One table of :rows rows, three indexes.
CREATE TEMPORARY TABLE digits AS
SELECT n,
       (SELECT string_agg(lpad((random() * 99999999999)::bigint::text, 11, '0'), '-') FROM generate_series(1, 10 + n * 0)) AS c,
       (SELECT string_agg(lpad((random() * 99999999999)::bigint::text, 11, '0'), '-') FROM generate_series(1, 5 + n * 0)) AS pad
  FROM generate_series(0, 10006) AS n;
ANALYZE digits;

CREATE TABLE big (
    id bigserial,
    k integer NOT NULL,
    made timestamp with time zone NOT NULL,
    c character(120) NOT NULL,
    pad character(60) NOT NULL);
INSERT INTO big
SELECT i, 1 + (random() * (:rows - 1))::integer, timestamptz '2020-01-01 00:00:00+00' + random() * interval '2000 days', d.c, d.pad
  FROM generate_series(1, :rows) AS i JOIN digits AS d ON d.n = i % 10007;
SELECT setval('big_id_seq', :rows);
ALTER TABLE big ADD PRIMARY KEY (id);
CREATE INDEX big_k ON big (k);
CREATE INDEX big_made ON big (made);
