-- Tables like the sbtest of sysbench: :tables of them, :rows rows each, with
-- their two indexes when :indexes.
CREATE TEMPORARY TABLE digits AS
SELECT n,
       (SELECT string_agg(lpad((random() * 99999999999)::bigint::text, 11, '0'), '-') FROM generate_series(1, 10 + n * 0)) AS c,
       (SELECT string_agg(lpad((random() * 99999999999)::bigint::text, 11, '0'), '-') FROM generate_series(1, 5 + n * 0)) AS pad
  FROM generate_series(0, 10006) AS n;
ANALYZE digits;

SELECT format('CREATE TABLE sbtest%s (id serial, k integer NOT NULL DEFAULT 0, c character(120) NOT NULL DEFAULT %L, pad character(60) NOT NULL DEFAULT %L)', i, '', '')
  FROM generate_series(1, :tables) AS i \gexec
SELECT format('INSERT INTO sbtest%s SELECT i, 1 + (random() * %s)::integer, d.c, d.pad FROM generate_series(1, %s) AS i JOIN digits AS d ON d.n = i %% 10007', i, :rows - 1, :rows)
  FROM generate_series(1, :tables) AS i \gexec
SELECT format('SELECT setval(%L, %s)', 'sbtest' || i || '_id_seq', :rows)
  FROM generate_series(1, :tables) AS i \gexec
\if :indexes
SELECT format('ALTER TABLE sbtest%s ADD PRIMARY KEY (id)', i) FROM generate_series(1, :tables) AS i \gexec
SELECT format('CREATE INDEX k_%s ON sbtest%s (k)', i, i) FROM generate_series(1, :tables) AS i \gexec
\endif
