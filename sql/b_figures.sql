-- Figures for people.
SET client_min_messages = warning;
CREATE EXTENSION pgcopydb_ext;
SELECT p, pgcopy.bar(p) FROM unnest('{-5,0,2,3,50,97,99,100,200}'::int[]) AS p;
SELECT b, pgcopy.size(b) FROM unnest('{0,999,1000,1048576,5000000,1500000000,3000000000000}'::numeric[]) AS b;
SELECT pgcopy.size_of(17, 512), pgcopy.size_of(1200000000, 3000000000), pgcopy.size_of(0, 4000000);
SELECT pgcopy.duration(d) FROM unnest('{0 s,59 s,60 s,3725 s,100000 s,27 days}'::interval[]) AS d;
SELECT pgcopy.size(NULL), pgcopy.duration(NULL), pgcopy.bar(NULL);
-- A long message loses its middle, never its end; multi-byte characters count as one.
SELECT length(m), right(m, 32) FROM pgcopy.shorten(repeat('ü', 500), '; then SELECT pgcopy_resume(4711)') AS m;
SELECT pgcopy.shorten(repeat('a', 130) || repeat('b', 130) || ': SELECT pgcopy_resume(1)', '');
SELECT pgcopy.shorten(E'two\n\tlines ', ': SELECT 1'), pgcopy.shorten('', ''), pgcopy.shorten(NULL, '');
SELECT length(pgcopy.shorten(repeat('a', 147), '; then SELECT pgcopy_resume(4711)')), length(pgcopy.shorten(repeat('a', 148), '; then SELECT pgcopy_resume(4711)'));
-- Nobody is in the way.
SELECT pgcopy.blocker(pg_backend_pid()), pgcopy.blocker(-1), pgcopy.hold_up(1), pgcopy.waits_for(1, 'Client', 'ClientRead');
-- No job, no figures.
SELECT * FROM pgcopy.live(1);
SELECT * FROM pgcopy.live_workers(-1);
SELECT pgcopy.is_interrupted(1), pgcopy.is_interrupted(NULL);
