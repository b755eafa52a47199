\echo Use "CREATE EXTENSION pgcopy_states" to load this file. \quit

-- The words of a kind, in the order of its enum.
CREATE FUNCTION pgcopy_states_words(kind text)
RETURNS text[] LANGUAGE c STRICT AS 'MODULE_PATHNAME';

-- The word that stands at the position where a word is found.
CREATE FUNCTION pgcopy_states_parse_back(kind text, word text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME';

CREATE FUNCTION pgcopy_states_job_may_move(from_state text, to_state text)
RETURNS boolean LANGUAGE c STRICT AS 'MODULE_PATHNAME';

CREATE FUNCTION pgcopy_states_job_has_ended(state text)
RETURNS boolean LANGUAGE c STRICT AS 'MODULE_PATHNAME';

CREATE FUNCTION pgcopy_states_link_may_move(from_state text, to_state text)
RETURNS boolean LANGUAGE c STRICT AS 'MODULE_PATHNAME';

CREATE FUNCTION pgcopy_states_link_has_session(state text)
RETURNS boolean LANGUAGE c STRICT AS 'MODULE_PATHNAME';

CREATE FUNCTION pgcopy_states_link_has_snapshot(state text)
RETURNS boolean LANGUAGE c STRICT AS 'MODULE_PATHNAME';
