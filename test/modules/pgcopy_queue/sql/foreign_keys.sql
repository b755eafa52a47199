SET client_min_messages = warning;
CREATE EXTENSION pgcopy_queue;

-- the least of three, since others use the processors too
SELECT min(pgcopy_queue_foreign_keys(20000)) / min(pgcopy_queue_foreign_keys(2000)) < 4
       AS does_not_grow_with_their_number
  FROM generate_series(1, 3);
