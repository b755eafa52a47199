-- Items that lack something, in a queue that nobody works on.
-- Two tables, the second is needed by the first: at most one more attempt.
SELECT * FROM pgcopy_queue_held('tt', '{1,1}', '{2,0}', 1, false);

-- A chain is as many rounds; with one or many jobs alike.
SELECT jobs, outcome FROM unnest('{1,2,4}'::integer[]) AS jobs,
  pgcopy_queue_held('tttt', '{1,1,1,1}', '{2,3,4,0}', jobs, false);

-- A cycle ends, and so does what lacks what never comes: one more attempt if
-- something was done since the first, else none.
SELECT * FROM pgcopy_queue_held('ttt', '{1,1,1}', '{2,1,0}', 1, false);
SELECT * FROM pgcopy_queue_held('ttt', '{1,1,1}', '{99,0,0}', 2, false);
SELECT * FROM pgcopy_queue_held('t', '{1}', '{99}', 1, false);

-- Indexes of a table that is given up are skipped; others stand.
SELECT * FROM pgcopy_queue_held('titi', '{1,0,1,0}', '{99,0,0,0}', 1, false);

-- Values that name an index wait for it, those that name a view for the
-- statements of post-data; and for what comes of that.
SELECT * FROM pgcopy_queue_held('tti', '{1,1,0}', '{3,0,0}', 2, true);
SELECT * FROM pgcopy_queue_held('tits', '{1,0,1,0}', '{4,0,0,0}', 2, true);
SELECT * FROM pgcopy_queue_held('titss', '{1,0,1,0,0}', '{4,0,5,0,2}', 2, true);
SELECT * FROM pgcopy_queue_held('tits', '{1,0,1,0}', '{99,0,0,2}', 2, true);
-- Missing rows do not come of builds: given up before them.
SELECT * FROM pgcopy_queue_held('tits', '{1,0,1,0}', '{99,0,0,0}', 2, false);

-- Turns: configuration first, computed rows after others, computed indexes last,
-- though a held table does not keep its turn from ending.
SELECT * FROM pgcopy_queue_held('tttti', '{2,1,0,1,3}', '{0,0,0,0,0}', 4, false);
SELECT * FROM pgcopy_queue_held('tttti', '{2,1,0,1,3}', '{0,0,4,0,0}', 4, false);
SELECT * FROM pgcopy_queue_held('ttti', '{2,1,1,3}', '{0,99,0,0}', 1, false);
-- An index that must be built for a table to be loaded comes before its turn.
SELECT * FROM pgcopy_queue_held('tti', '{1,1,3}', '{3,0,0}', 2, true);
