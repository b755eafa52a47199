-- :tables tables of 20 rows, a primary key each, and five of :rows rows, about 100
-- bytes each, with an index more.
SELECT format('CREATE TABLE far_%s (id integer PRIMARY KEY, k integer NOT NULL, name text)', i),
       format('INSERT INTO far_%s SELECT i, i * 7 %% 20, %L || i FROM generate_series(1, 20) AS i', i, 'row ')
  FROM generate_series(1, :tables) AS i \gexec
SELECT format('CREATE TABLE far_large_%s (id integer PRIMARY KEY, k integer NOT NULL, pad text NOT NULL)', i),
       format('INSERT INTO far_large_%s SELECT i, i * 7 %% 1000, md5(i::text) || md5((i + 1)::text) FROM generate_series(1, %s) AS i', i, :rows),
       format('CREATE INDEX far_large_%s_k ON far_large_%s (k)', i, i)
  FROM generate_series(1, 5) AS i \gexec
