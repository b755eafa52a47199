-- The states of the link to the source: what may follow what.  The table in the
-- expected output is the specification; src/link/link_state.c has its picture.
SET client_min_messages = warning;
CREATE EXTENSION pgcopy_states;

-- From the state at the left to the one at the top.
SELECT f.state AS "from", t.state,
	CASE WHEN pgcopy_states_link_may_move(f.state, t.state) THEN 'may' ELSE '' END
FROM unnest(pgcopy_states_words('link state')) WITH ORDINALITY AS f (state, no),
	unnest(pgcopy_states_words('link state')) WITH ORDINALITY AS t (state, no)
ORDER BY f.no, t.no \crosstabview

-- Every state has a word of its own.
SELECT state, pgcopy_states_parse_back('link state', state) AS parsed,
	pgcopy_states_link_has_session(state) AS has_session,
	pgcopy_states_link_has_snapshot(state) AS has_snapshot
FROM unnest(pgcopy_states_words('link state')) WITH ORDINALITY AS s (state, no) ORDER BY no;

-- No state is a dead end: each leads to all others in the end.  And none holds a
-- snapshot without a session.
WITH RECURSIVE way (origin, state) AS (
	SELECT state, state FROM unnest(pgcopy_states_words('link state')) AS s (state)
	UNION
	SELECT origin, next FROM way, unnest(pgcopy_states_words('link state')) AS n (next)
	WHERE pgcopy_states_link_may_move(state, next))
SELECT origin, array_agg(state ORDER BY state) AS leads_to FROM way GROUP BY origin
HAVING count(*) < cardinality(pgcopy_states_words('link state'));
SELECT state FROM unnest(pgcopy_states_words('link state')) AS s (state)
WHERE pgcopy_states_link_has_snapshot(state) AND NOT pgcopy_states_link_has_session(state);
DROP EXTENSION pgcopy_states;
