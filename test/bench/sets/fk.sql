-- On top of what pgbench made, with its foreign keys: a history of :rows rows,
-- which refers to all three other tables.
INSERT INTO pgbench_history
SELECT t.tid, 1 + (t.tid - 1) / 10, 1 + i::bigint * 7919 % (SELECT count(*) FROM pgbench_accounts), i % 5000 - 2500,
       timestamp '2024-01-01 00:00:00' + i * interval '1 second'
  FROM generate_series(1, :rows) AS i,
       LATERAL (SELECT (1 + i % (SELECT count(*) FROM pgbench_tellers))::integer AS tid) AS t;
CREATE INDEX ON pgbench_history (aid);
