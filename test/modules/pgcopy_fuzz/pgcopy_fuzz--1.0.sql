\echo Use "CREATE EXTENSION pgcopy_fuzz" to load this file. \quit

-- Rounds of images made from the samples (text, as the type's input takes
-- them); returns how many images the two disagree about.
CREATE FUNCTION pgcopy_fuzz(type regtype, typmod integer, samples text[],
							rounds integer, seed bigint)
RETURNS bigint LANGUAGE c STRICT AS 'MODULE_PATHNAME';

-- Rounds of texts of all kinds; returns how many our compression and the
-- server's disagree about.
CREATE FUNCTION pgcopy_fuzz_compress(rounds integer, seed bigint)
RETURNS bigint LANGUAGE c STRICT AS 'MODULE_PATHNAME';

-- One image; what the decoder makes of it, as text, or its error code.
CREATE FUNCTION pgcopy_fuzz_decode(type regtype, typmod integer, image bytea)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME';

-- Not a test: the decoder's time as a fraction of the receive function's.
CREATE FUNCTION pgcopy_fuzz_cost(type regtype, typmod integer, samples text[], rounds integer)
RETURNS double precision LANGUAGE c STRICT AS 'MODULE_PATHNAME';

-- Lengths around and beyond 1 GB, of bytes that are not there; returns how many
-- were not refused.  NULL: no address space for them.
CREATE FUNCTION pgcopy_fuzz_lengths(type regtype, typmod integer)
RETURNS integer LANGUAGE c STRICT AS 'MODULE_PATHNAME';

-- The length of the longest bytea after it was decoded.  NULL: no address space.
CREATE FUNCTION pgcopy_fuzz_longest()
RETURNS integer LANGUAGE c STRICT AS 'MODULE_PATHNAME';
