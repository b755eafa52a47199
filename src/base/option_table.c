/*-------------------------------------------------------------------------
 *
 * option_table.c
 *	  All there is to know about each option of pgcopy_clone().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/option_table.h"

/* Limit of table_jobs and of index_jobs. */
#define MAX_JOBS 64

#define JOBS_HINT "A good start is the number of processor cores."
#define SPLIT_HINT \
	"Give split_tables_larger_than a size like '1GB', '0' to copy each table in one piece, or 'auto'."

#define PATH_HINT "Name schemas as SET search_path does: 'app, public'."
#define SCHEMAS_HINT "Give patterns such as '{app,\"audit_*\"}'; see \"Only a part\" in README.md."
#define TABLES_HINT \
	"Give patterns such as '{public.orders,audit.*}'; see \"Only a part\" in README.md."
#define EXTENSIONS_HINT "Give patterns such as '{hstore,postgis*}'."
#define ROWS_HINT \
	"Give an object such as '{\"public.orders\": \"created_at > now() - interval ''90 days''\"}'."
#define COLUMNS_HINT \
	"Give an object such as '{\"public.users\": {\"email\": \"''user'' || id\", \"phone\": null}}'."
#define MAP_HINT "Give an object such as '{\"old\": \"new\"}'."

static const char *const foreign_keys_words[] = {
	[FOREIGN_KEYS_VALIDATE] = "validate",
	[FOREIGN_KEYS_NOT_VALID] = "not valid",
	NULL
};

static const char *const on_error_words[] = {
	[ON_ERROR_STOP] = "stop",
	[ON_ERROR_CONTINUE] = "continue",
	NULL
};

static const char *const format_words[] = {
	[FORMAT_OPTION_AUTO] = "auto",
	[FORMAT_OPTION_BINARY] = "binary",
	[FORMAT_OPTION_TEXT] = "text",
	NULL
};

static const char *const statistics_words[] = {
	[STATISTICS_ANALYZE] = "analyze",
	[STATISTICS_COPY] = "copy",
	[STATISTICS_NONE] = "none",
	NULL
};

/* In the order of EXCLUDE_*. */
static const char *const exclude_words[] = {
	"event triggers", "publications", "subscriptions", "policies", "security labels",
	"comments", "extension comments", "rules", "triggers", "statistics",
	"materialized view rows", "user mappings", "large objects",
	NULL
};

/* In the order of SECTION_*. */
static const char *const sections_words[] = {
	"pre-data", "data", "post-data",
	NULL
};

static const char *const referential_words[] = {
	[REFERENTIAL_CHECK] = "check",
	[REFERENTIAL_FOLLOW] = "follow",
	[REFERENTIAL_NOT_VALID] = "not valid",
	NULL
};

static const char *const roles_words[] = {
	[ROLES_NONE] = "false",
	[ROLES_NAMED] = "true",
	[ROLES_ALL] = "all",
	NULL
};

static const char *const without_identity_words[] = {
	[WITHOUT_IDENTITY_AUTO] = "auto",
	[WITHOUT_IDENTITY_SET] = "set",
	[WITHOUT_IDENTITY_COPY] = "copy",
	[WITHOUT_IDENTITY_INSERTS] = "inserts",
	NULL
};

#define MEMBER(name) offsetof(JobOptions, name)

static const JobOption job_options[] = {
	{"table_jobs", OPTION_INT, MEMBER(table_jobs), "4",
		"tables, chunks of tables and ranges of large objects copied at the same time",
		.min = 1, .max = MAX_JOBS, .hint = JOBS_HINT,
		.pgcopydb = "--table-jobs", .pg_dump = "--jobs"},
	{"index_jobs", OPTION_INT, MEMBER(index_jobs), "4",
		"indexes, constraints, ANALYZEs, validations, refreshes at the same time",
		.min = 1, .max = MAX_JOBS, .hint = JOBS_HINT,
		.pgcopydb = "--index-jobs", .pg_dump = "--jobs of pg_restore"},
	{"split_tables_larger_than", OPTION_SPLIT, MEMBER(split_bytes), "auto",
		"a table with more bytes than this, TOAST included, is copied in chunks by several workers "
		"(by blocks; from sources before 14 by ranges of an integer key); 0: never; auto: a table "
		"that would keep one worker busy while others idle is, in chunks of some tens of MB or more",
		.hint = SPLIT_HINT,
		.pgcopydb = "--split-tables-larger-than"},
	{"no_owner", OPTION_BOOL, MEMBER(no_owner), "false",
		"objects belong to who runs the clone",
		.pgcopydb = "--no-owner", .pg_dump = "--no-owner"},
	{"no_privileges", OPTION_BOOL, MEMBER(no_privileges), "false",
		"leave out GRANT and REVOKE",
		.pgcopydb = "--no-acl", .pg_dump = "--no-privileges"},
	{"no_comments", OPTION_BOOL, MEMBER(no_comments), "false",
		"leave out comments",
		.pgcopydb = "--no-comments", .pg_dump = "--no-comments"},
	{"no_tablespaces", OPTION_BOOL, MEMBER(no_tablespaces), "false",
		"everything goes into the database's default tablespace",
		.pgcopydb = "--no-tablespaces", .pg_dump = "--no-tablespaces"},
	{"large_objects", OPTION_MAYBE, MEMBER(large_objects), NULL,
		"copy large objects; NULL: unless include_schemas or include_tables is given",
		.pgcopydb = "--skip-large-objects", .pg_dump = "--large-objects, --no-large-objects"},
	{"foreign_keys", OPTION_WORD, MEMBER(foreign_keys), "validate",
		"validate: check their rows; not valid: leave them NOT VALID, to be validated later",
		.words = foreign_keys_words},
	{"on_error", OPTION_WORD, MEMBER(on_error), "stop",
		"stop: at the first error; continue: finish all that does not depend on what failed",
		.words = on_error_words,
		.pgcopydb = "--fail-fast", .pg_dump = "--exit-on-error"},
	{"format", OPTION_WORD, MEMBER(format), "auto",
		"how rows travel; auto: binary, and a column that is not exact in it as its text; "
		"binary: an error for a table with such a column; text: all as text",
		.words = format_words,
		.pgcopydb = "--use-copy-binary"},
	{"statistics", OPTION_WORD, MEMBER(statistics), "copy",
		"the planner's statistics; analyze: ANALYZE of each table once its rows are here; copy: those of "
		"the source, and ANALYZE for tables whose statistics cannot come; none: left to autovacuum",
		.words = statistics_words,
		.pg_dump = "--statistics, --no-statistics"},
	{"search_path", OPTION_PATH, MEMBER(search_path), "",
		"what rows, indexes and refreshes evaluate runs under it; '': under an empty one, "
		"and what finds no object then under that of the source's database",
		.hint = PATH_HINT},
	{"include_schemas", OPTION_LIST, MEMBER(include_schemas), "{}",
		"clone only what is in these schemas, and what that needs",
		.hint = SCHEMAS_HINT,
		.pgcopydb = "[include-only-schema]", .pg_dump = "--schema"},
	{"exclude_schemas", OPTION_LIST, MEMBER(exclude_schemas), "{}",
		"leave out these schemas, and what cannot be without them",
		.hint = SCHEMAS_HINT,
		.pgcopydb = "[exclude-schema]", .pg_dump = "--exclude-schema"},
	{"include_tables", OPTION_LIST, MEMBER(include_tables), "{}",
		"clone only these tables, views and sequences, and what they need",
		.hint = TABLES_HINT,
		.pgcopydb = "[include-only-table]", .pg_dump = "--table"},
	{"exclude_tables", OPTION_LIST, MEMBER(exclude_tables), "{}",
		"leave out these tables, views and sequences, and what cannot be without them",
		.hint = TABLES_HINT,
		.pgcopydb = "[exclude-table]", .pg_dump = "--exclude-table"},
	{"exclude_table_data", OPTION_LIST, MEMBER(exclude_table_data), "{}",
		"clone these tables without their rows",
		.hint = TABLES_HINT,
		.pgcopydb = "[exclude-table-data]", .pg_dump = "--exclude-table-data"},
	{"exclude_indexes", OPTION_LIST, MEMBER(exclude_indexes), "{}",
		"leave out these indexes, their constraints, and foreign keys that need them",
		.hint = TABLES_HINT,
		.pgcopydb = "[exclude-index]"},
	{"include_extensions", OPTION_LIST, MEMBER(include_extensions), "{}",
		"of extensions, clone only these and those that are needed; it leaves out nothing else",
		.hint = EXTENSIONS_HINT,
		.pgcopydb = "[include-only-extension]", .pg_dump = "--extension"},
	{"exclude_extensions", OPTION_LIST, MEMBER(exclude_extensions), "{}",
		"leave out these extensions, and what cannot be without them",
		.hint = EXTENSIONS_HINT,
		.pgcopydb = "[exclude-extension], --skip-extensions", .pg_dump = "--exclude-extension"},
	{"exclude", OPTION_WORDS, MEMBER(exclude), "{}",
		"leave out these kinds of objects",
		.words = exclude_words,
		.pgcopydb = "--skip-ext-comments",
		.pg_dump = "--no-publications, --no-subscriptions, --no-security-labels, --no-policies"},
	{"row_filters", OPTION_PAIRS, MEMBER(row_filters), "{}",
		"by table: copy only the rows for which this condition holds on the source",
		.hint = ROWS_HINT},
	{"column_values", OPTION_NESTED_PAIRS, MEMBER(column_values), "{}",
		"by table and column: copy this expression, evaluated on the source, or null instead of the column",
		.hint = COLUMNS_HINT},
	{"referential", OPTION_WORD, MEMBER(referential), "check",
		"foreign keys that row_filters break; check: an error with the number of orphans; "
		"follow: leave out the rows that refer to those left out; "
		"not valid: leave these keys NOT VALID",
		.words = referential_words},
	{"sections", OPTION_WORDS, MEMBER(sections), "{pre-data,data,post-data}",
		"what to clone: definitions, rows, what follows them",
		.words = sections_words,
		.pgcopydb = "pgcopydb copy", .pg_dump = "--section"},
	{"schema_map", OPTION_PAIRS, MEMBER(schema_map), "{}",
		"by schema of the source: the schema to clone it into",
		.hint = MAP_HINT},
	{"tablespace_map", OPTION_PAIRS, MEMBER(tablespace_map), "{}",
		"by tablespace of the source: the tablespace to use instead",
		.hint = MAP_HINT},
	{"truncate", OPTION_BOOL, MEMBER(truncate), "false",
		"sections without pre-data: empty the tables before rows are copied"},
	{"append", OPTION_BOOL, MEMBER(append), "false",
		"sections without pre-data: add rows to tables that have some",
		.pg_dump = "--data-only"},
	{"drop_if_exists", OPTION_BOOL, MEMBER(drop_if_exists), "false",
		"drop what will be created again; an error if anything else depends on it",
		.pgcopydb = "--drop-if-exists", .pg_dump = "--clean --if-exists"},
	{"roles", OPTION_WORD_OR_BOOL, MEMBER(roles), "false",
		"create missing roles; true: those that cloned objects name; all: all of the source's server",
		.words = roles_words,
		.pgcopydb = "--roles", .pg_dump = "pg_dumpall --roles-only"},
	{"database_properties", OPTION_BOOL, MEMBER(database_properties), "false",
		"clone settings, comment, owner, privileges and connection limit of the database itself",
		.pgcopydb = "without --skip-db-properties", .pg_dump = "--create"},
	{"follow", OPTION_BOOL, MEMBER(follow), "false",
		"after the copy, keep up with the source by logical replication until pgcopy_cutover()",
		.pgcopydb = "--follow"},
	{"without_identity", OPTION_WORD, MEMBER(without_identity), "auto",
		"follow: tables whose updates cannot be replicated: set a replica identity on the source; copy "
		"them again in the cutover; replicate inserts only; auto: copy them if all together are at "
		"most 64 MB, else refuse",
		.words = without_identity_words},
	{"publication", OPTION_NAME, MEMBER(publication), "",
		"follow: a publication of the source that is there already; '': make one",
		.hint = "Give the name of a publication, without quotes."},
	{"protect_target", OPTION_BOOL, MEMBER(protect_target), "true",
		"follow: sessions of others are read-only here until the cutover"},
};

const JobOption *
pgcopy_option_table(int *count)
{
	*count = lengthof(job_options);
	return job_options;
}
