-- Wrong arguments are errors before there is a job.
\set SHOW_CONTEXT never
SELECT pgcopy_clone(NULL);
SELECT pgcopy_clone('dbname=x', table_jobs => 0);
SELECT pgcopy_clone('dbname=x', index_jobs => -3);
SELECT pgcopy_clone('dbname=x', table_jobs => 65);
SELECT pgcopy_clone('dbname=x', table_jobs => NULL);
SELECT pgcopy_clone('dbname=x', split_tables_larger_than => '-1 GB');
SELECT pgcopy_clone('dbname=x', split_tables_larger_than => 'much');
SELECT pgcopy_clone('dbname=x', on_error => 'panic');
SELECT pgcopy_clone('dbname=x', foreign_keys => '');
SELECT pgcopy_clone('dbname=x', format => 'BINARY');
SELECT pgcopy_clone('');
SELECT pgcopy_clone('no_such_server');
SELECT pgcopy_clone('dbname=x no_such_option=1');
BEGIN READ ONLY;
SELECT pgcopy_clone('dbname=x');
ROLLBACK;

-- Jobs that are not there.
SELECT pgcopy_cancel(99);
SELECT pgcopy_wait(99);
SELECT pgcopy_wait(NULL);
SELECT pgcopy_drop(99);
SELECT pgcopy_resume(99);
SELECT pgcopy_resume(NULL);
SELECT pgcopy_cancel(NULL);
SELECT count(*) FROM pgcopy_jobs;

-- A role that cannot log in cannot run a job; one without the right is refused.
CREATE ROLE regress_pgcopy_group;
GRANT EXECUTE ON FUNCTION pgcopy_clone TO regress_pgcopy_group;
SET ROLE regress_pgcopy_group;
SELECT pgcopy_clone('dbname=x');
SELECT pgcopy_wait(1);
RESET ROLE;
DROP OWNED BY regress_pgcopy_group;
DROP ROLE regress_pgcopy_group;

-- Servers and user mappings of pgcopydb_fdw take libpq's options.
\set VERBOSITY terse
CREATE SERVER regress_old FOREIGN DATA WRAPPER pgcopydb_fdw OPTIONS (host 'h', nonsense '1');
CREATE SERVER regress_old FOREIGN DATA WRAPPER pgcopydb_fdw OPTIONS (host 'h', password 'p');
CREATE SERVER regress_old FOREIGN DATA WRAPPER pgcopydb_fdw OPTIONS (host 'h', dbname 'd');
SELECT pgcopy_clone('regress_old');
CREATE USER MAPPING FOR CURRENT_USER SERVER regress_old OPTIONS (host 'h');
DROP SERVER regress_old CASCADE;
