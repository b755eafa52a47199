-- Our compression against the server's: not a byte of difference.
CREATE EXTENSION pgcopy_fuzz;
SELECT pgcopy_fuzz_compress(5000, 20261121) AS differences;
DROP EXTENSION pgcopy_fuzz;
