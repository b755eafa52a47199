-- The states of a job: what may follow what, and how it is spelt.  The table in
-- the expected output is the specification; src/catalog/job_state.c has its picture.
SET client_min_messages = warning;
CREATE EXTENSION pgcopy_states;

-- From the state at the left to the one at the top.
SELECT f.state AS "from", t.state,
	CASE WHEN pgcopy_states_job_may_move(f.state, t.state) THEN 'may' ELSE '' END
FROM unnest(pgcopy_states_words('job state')) WITH ORDINALITY AS f (state, no),
	unnest(pgcopy_states_words('job state')) WITH ORDINALITY AS t (state, no)
ORDER BY f.no, t.no \crosstabview

SELECT state, pgcopy_states_job_has_ended(state) AS has_ended
FROM unnest(pgcopy_states_words('job state')) WITH ORDINALITY AS s (state, no) ORDER BY no;

-- Every word is found again where it stands, and no other word is found.
SELECT kind, no, word, pgcopy_states_parse_back(kind, word) AS parsed
FROM unnest(ARRAY['job state', 'item state', 'item kind']) WITH ORDINALITY AS k (kind, k),
	unnest(pgcopy_states_words(kind)) WITH ORDINALITY AS w (word, no)
ORDER BY k, no;
SELECT pgcopy_states_parse_back('job state', 'interrupted');
SELECT pgcopy_states_parse_back('item state', 'Done');
SELECT pgcopy_states_parse_back('item kind', '');

-- The table of jobs takes these words and no others.
CREATE EXTENSION pgcopydb_ext;
SELECT c.word AS only_table, w.word AS only_code
FROM (SELECT word[1] FROM pg_constraint,
		regexp_matches(pg_get_constraintdef(oid), '''([^'']+)''', 'g') AS word
	WHERE conrelid = 'pgcopy.job'::regclass AND conname = 'job_state_check') AS c (word)
FULL JOIN unnest(pgcopy_states_words('job state')) AS w (word) USING (word)
WHERE c.word IS NULL OR w.word IS NULL;
DROP EXTENSION pgcopydb_ext, pgcopy_states;
