-- :tables tables of 20 rows, a primary key and one index each.
SELECT format('CREATE TABLE many_%s (id integer PRIMARY KEY, k integer NOT NULL, name text, at timestamp with time zone DEFAULT now())', i),
       format('INSERT INTO many_%s SELECT i, i * 7 %% 20, %L || i FROM generate_series(1, 20) AS i', i, 'row '),
       format('CREATE INDEX many_%s_k ON many_%s (k)', i, i)
  FROM generate_series(1, :tables) AS i \gexec
