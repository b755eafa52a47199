-- :objects large objects of 32 bytes to 6 kB.
SELECT count(lo_from_bytea(0, substring(p.bytes FROM 1 + i % 50000 FOR 32 + (i * 7919::bigint % 6000)::integer)))
  FROM generate_series(1, :objects) AS i,
       (SELECT string_agg(decode(md5(random()::text), 'hex'), '') AS bytes FROM generate_series(1, 4096)) AS p;
