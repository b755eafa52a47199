-- Wrong arguments are errors before there is a job.
\set SHOW_CONTEXT never
SELECT pgcopy_clone(NULL);
SELECT pgcopy_clone('dbname=x', table_jobs => 0);
SELECT pgcopy_clone('dbname=x', index_jobs => -3);
SELECT pgcopy_clone('dbname=x', table_jobs => 65);
SELECT pgcopy_clone('dbname=x', table_jobs => NULL);
SELECT pgcopy_clone('dbname=x', split_tables_larger_than => '-1 GB');
SELECT pgcopy_clone('dbname=x', split_tables_larger_than => 'much');
SELECT pgcopy_clone('dbname=x', split_tables_larger_than => 'AUTO');
SELECT pgcopy_clone('dbname=x', on_error => 'panic');
SELECT pgcopy_clone('dbname=x', no_owner => NULL);
SELECT pgcopy_clone('dbname=x', foreign_keys => '');
SELECT pgcopy_clone('dbname=x', format => 'BINARY');
SELECT pgcopy_clone('dbname=x', search_path => 'a,,b');
SELECT pgcopy_clone('dbname=x', search_path => NULL);
SELECT pgcopy_clone('');
SELECT pgcopy_clone('no_such_server');
SELECT pgcopy_clone('dbname=x no_such_option=1');
BEGIN READ ONLY;
SELECT pgcopy_clone('dbname=x');
ROLLBACK;

-- What contradicts follow, and what needs it.
SELECT pgcopy_clone('dbname=x', follow => true, sections => '{data}', append => true);
SELECT pgcopy_clone('dbname=x', follow => true, schema_map => '{"a": "b"}');
SELECT pgcopy_clone('dbname=x', follow => true, column_values => '{"public.users": {"phone": null}}');
SELECT pgcopy_clone('dbname=x', follow => true, referential => 'follow');
SELECT pgcopy_clone('dbname=x', follow => true, on_error => 'continue');
SELECT pgcopy_clone('dbname=x', follow => true, without_identity => 'guess');
SELECT pgcopy_clone('dbname=x', follow => true, publication => repeat('p', 64));
SELECT pgcopy_clone('dbname=x', without_identity => 'set');
SELECT pgcopy_clone('dbname=x', publication => 'p');
SELECT pgcopy_clone('dbname=x', protect_target => false);

-- What pgcopy_options has, the signature and README.md must have, and nothing
-- else; the comment leaves the options to the view.
\set readme `sed -n '/^<!-- options -->$/,/^<!-- end of options -->$/p' README.md`
CREATE TEMP TABLE expected AS
SELECT 'pgcopy_clone()' AS place, format('%s %s DEFAULT %s', name, type, default_value)
	|| CASE WHEN default_value LIKE '''%' OR default_value = 'NULL' THEN '::' || type ELSE '' END AS line
FROM pgcopy_options
UNION ALL
SELECT 'README.md', format('| `%s` | `%s` | %s | %s | %s | %s |', name, default_value, allowed, meaning, pgcopydb, pg_dump)
FROM pgcopy_options;
CREATE TEMP TABLE found AS
SELECT 'pgcopy_clone()' AS place, line
FROM regexp_split_to_table(pg_get_function_arguments('pgcopy_clone'::regproc), ', ') AS line
WHERE line <> 'source text'
UNION ALL
SELECT 'README.md', line FROM regexp_split_to_table(:'readme', '\n') AS line WHERE line ~ '^\| `';
\pset format unaligned
SELECT place, line AS lacks FROM (TABLE expected EXCEPT TABLE found) AS lacking;
SELECT place, line AS has_but_should_not FROM (TABLE found EXCEPT TABLE expected) AS needless;
-- pgcopy_clone_server() has all of them too, and differs in what is listed here.
SELECT line AS only_in_pgcopy_clone FROM regexp_split_to_table(pg_get_function_arguments('pgcopy_clone'::regproc), ', ') AS line
EXCEPT SELECT regexp_split_to_table(pg_get_function_arguments('pgcopy_clone_server'::regproc), ', ') ORDER BY 1;
SELECT line AS only_in_pgcopy_clone_server FROM regexp_split_to_table(pg_get_function_arguments('pgcopy_clone_server'::regproc), ', ') AS line
EXCEPT SELECT regexp_split_to_table(pg_get_function_arguments('pgcopy_clone'::regproc), ', ') ORDER BY 1;
\pset format aligned
SELECT obj_description('pgcopy_clone'::regproc) ~ 'pgcopy_options' AS comment_names_the_view;
SELECT name AS in_the_comment FROM pgcopy_options
WHERE obj_description('pgcopy_clone'::regproc) ~ ('\m' || name || '\M');

-- Jobs that are not there.
SELECT pgcopy_cancel(99);
SELECT pgcopy_wait(99);
SELECT pgcopy_wait(NULL);
SELECT pgcopy_drop(99);
SELECT pgcopy_resume(99);
SELECT pgcopy_resume(NULL);
SELECT pgcopy_cancel(NULL);
SELECT pgcopy_drop(NULL);
SELECT pgcopy_cutover(99);
SELECT pgcopy_cutover(NULL);
SELECT pgcopy_cutover(99, fence => 'wall');
SELECT pgcopy_cutover(99, refresh => 'never');
SELECT pgcopy_cutover(99, max_pause => '0');
SELECT pgcopy_cutover(99, grace => '-1 s');
SELECT pgcopy_cutover(99, terminate => NULL);
SELECT pgcopy_wait(0, verbose => true);
SELECT pgcopy_wait(-1, '0', NULL);
SELECT * FROM pgcopy_summary(99);
SELECT * FROM pgcopy_summary(NULL);
SELECT count(*) FROM pgcopy_jobs;

-- A role that cannot log in cannot run a job; one without the right is refused.
CREATE ROLE regress_pgcopy_group;
GRANT EXECUTE ON FUNCTION pgcopy_clone TO regress_pgcopy_group;
SET ROLE regress_pgcopy_group;
SELECT pgcopy_clone('dbname=x');
SELECT pgcopy_wait(1);
SELECT count(*) > 0 AS has_options FROM pgcopy_options;
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

-- pgcopydb's filter files, from its documentation and with what users write.
\pset format unaligned
\pset tuples_only on
SELECT pgcopy_options_from_ini('[include-only-table]
public.allcols
public.csv
public.serial
public.xzero

[exclude-index]
public.foo_gin_tsvector

[exclude-table-data]
public.csv
');
SELECT pgcopy_options_from_ini('[exclude-schema]
foo
bar
expected

[exclude-table]
"schema"."name"
schema.othername
err.errors
public.serial
public.~/^tmp_/
~/^log/.audit_log
~/archive/.~/_bak$/

[exclude-index]
schema.indexname

[exclude-table-data]
public.bar
nsitra.test1

[exclude-extension]
aiven_extras
');
SELECT pgcopy_options_from_ini('[include-only-schema]
public
  ; audit_ and a year
~/^audit_[0-9]{4}$/
[include-only-extension]
postgis
uuid-ossp
');
SELECT pgcopy_options_from_ini('; comments, values, white space, names that must be quoted
# and the other kind
[exclude-schema]' || E'\r\n' || '	Mixed Case  ; a comment
"Quoted = ; "
o''neil = a value
[ exclude-table ]
public.~/a=b ;\/c/ ; a comment
"a ; b"."c=d" = 1
; [exclude-index]
[exclude-index]
');
SELECT pgcopy_options_from_ini('[include-only-schema]
public
[include-only-table]
public.a');
SELECT pgcopy_options_from_ini('');
SELECT pgcopy_options_from_ini(E'\n[exclude-tables]\npublic.a');
SELECT pgcopy_options_from_ini('public.a');
SELECT pgcopy_options_from_ini('[exclude-table');
SELECT pgcopy_options_from_ini(E'[exclude-table]\n= a');
\pset tuples_only off
\pset format aligned
