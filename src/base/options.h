/*-------------------------------------------------------------------------
 *
 * options.h
 *	  The options of a job: those of pgcopy_clone().
 *
 * To add one: a member of JobOptions, an entry in option_table.c, an argument of the
 * same name in the SQL script, a line in README.md.  The test c_arguments shows
 * what is missing, and the line for README.md.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_OPTIONS_H
#define PGCOPY_OPTIONS_H

#include "nodes/pg_list.h"

#include "base/option_value.h"

typedef enum ForeignKeysOption
{
	FOREIGN_KEYS_VALIDATE,
	FOREIGN_KEYS_NOT_VALID
} ForeignKeysOption;

typedef enum OnErrorOption
{
	ON_ERROR_STOP,
	ON_ERROR_CONTINUE
} OnErrorOption;

typedef enum FormatOption
{
	FORMAT_OPTION_AUTO,
	FORMAT_OPTION_BINARY,
	FORMAT_OPTION_TEXT
} FormatOption;

typedef enum ReferentialOption
{
	REFERENTIAL_CHECK,
	REFERENTIAL_FOLLOW,
	REFERENTIAL_NOT_VALID
} ReferentialOption;

typedef enum RolesOption
{
	ROLES_NONE,
	ROLES_NAMED,				/* that what is cloned names */
	ROLES_ALL
} RolesOption;

/* What becomes of tables whose updates the stream cannot carry. */
typedef enum WithoutIdentityOption
{
	WITHOUT_IDENTITY_AUTO,		/* copy again if they are small, else refuse */
	WITHOUT_IDENTITY_SET,		/* set a replica identity on the source */
	WITHOUT_IDENTITY_COPY,		/* copy again in the cutover */
	WITHOUT_IDENTITY_INSERTS	/* carry INSERT and TRUNCATE only */
} WithoutIdentityOption;

/* How the planner's statistics come about. */
typedef enum StatisticsOption
{
	STATISTICS_ANALYZE,
	STATISTICS_COPY,			/* the source's; ANALYZE where they cannot come */
	STATISTICS_NONE
} StatisticsOption;

/* Sections, a set of bits. */
#define SECTION_PRE_DATA	(1 << 0)
#define SECTION_DATA		(1 << 1)
#define SECTION_POST_DATA	(1 << 2)
#define SECTIONS_ALL		(SECTION_PRE_DATA | SECTION_DATA | SECTION_POST_DATA)

/* Kinds of objects to exclude, a set of bits in the order of the words in option_table.c. */
#define EXCLUDE_EVENT_TRIGGERS		(1 << 0)
#define EXCLUDE_PUBLICATIONS		(1 << 1)
#define EXCLUDE_SUBSCRIPTIONS		(1 << 2)
#define EXCLUDE_POLICIES			(1 << 3)
#define EXCLUDE_SECURITY_LABELS		(1 << 4)
#define EXCLUDE_COMMENTS			(1 << 5)
#define EXCLUDE_EXTENSION_COMMENTS	(1 << 6)
#define EXCLUDE_RULES				(1 << 7)
#define EXCLUDE_TRIGGERS			(1 << 8)
#define EXCLUDE_STATISTICS			(1 << 9)
#define EXCLUDE_MATVIEW_ROWS		(1 << 10)
#define EXCLUDE_USER_MAPPINGS		(1 << 11)
#define EXCLUDE_LARGE_OBJECTS		(1 << 12)

/* Values of large_objects. */
#define LARGE_OBJECTS_AUTO (-1) /* unless something is included */

/* Values of split_bytes besides a size. */
#define SPLIT_NEVER 0
#define SPLIT_AUTO (-1)

typedef struct JobOptions
{
	int			table_jobs;
	int			index_jobs;
	int64		split_bytes;	/* split_tables_larger_than */
	bool		no_owner;
	bool		no_privileges;
	bool		no_comments;
	bool		no_tablespaces;
	int			large_objects;	/* false, true or LARGE_OBJECTS_AUTO */
	int			foreign_keys;	/* ForeignKeysOption */
	int			on_error;		/* OnErrorOption */
	int			format;			/* FormatOption */
	int			statistics;		/* StatisticsOption */
	char	   *search_path;	/* "": see the meaning */

	/* what is cloned; lists of char *, patterns */
	List	   *include_schemas;
	List	   *exclude_schemas;
	List	   *include_tables;
	List	   *exclude_tables;
	List	   *exclude_table_data;
	List	   *exclude_indexes;
	List	   *include_extensions;
	List	   *exclude_extensions;
	int			exclude;		/* EXCLUDE_* */
	int			sections;		/* SECTION_* */

	/* which rows; lists of OptionPair *, keys are patterns */
	List	   *row_filters;	/* value: a condition */
	List	   *column_values;	/* pairs: column, expression or NULL */
	int			referential;	/* ReferentialOption */

	/* where it goes; lists of OptionPair *: source, target */
	List	   *schema_map;
	List	   *tablespace_map;
	bool		truncate;
	bool		append;
	bool		drop_if_exists;

	int			roles;			/* RolesOption */
	bool		database_properties;

	/* online migration */
	bool		follow;
	int			without_identity;	/* WithoutIdentityOption */
	char	   *publication;	/* one that is there; "": make one */
	bool		protect_target; /* read-only for others while it follows */
} JobOptions;

/*
 * option_rules.c: throw 22023, with both names, if options contradict each other, and
 * 42622 for a name of schema_map that is too long.
 */
extern void pgcopy_option_rules_check(const JobOptions *options);

/* Does the job need pg_dump?  Rows alone do not. */
#define pgcopy_options_need_dump(options) \
	(((options)->sections & (SECTION_PRE_DATA | SECTION_POST_DATA)) != 0)

/* An option as the documentation shows it. */
typedef struct OptionLine
{
	const char *name;
	const char *type;			/* in SQL */
	const char *default_value;	/* as a literal in SQL */
	const char *allowed;
	const char *meaning;
	const char *pgcopydb;		/* counterparts, or "" */
	const char *pg_dump;
} OptionLine;

/* Give every option its default. */
extern void pgcopy_options_set_defaults(JobOptions *options);

/*
 * Set an option; value is the output of its SQL type.  Throws 22004 if it is
 * NULL, another data exception if it is not valid.
 */
extern void pgcopy_options_set(JobOptions *options, const char *name,
							   const char *value);

/*
 * Set an option from what a job has stored.  Ignores an unknown name: another
 * version may have written it.  The context of an error names the option.
 */
extern void pgcopy_options_restore(JobOptions *options, const char *name,
								   const char *value);

/* Write the options as a JSON object, to store with the job. */
extern char *pgcopy_options_to_json(const JobOptions *options);

/* Describe option number i, from 0.  Returns false after the last one. */
extern bool pgcopy_options_describe(int i, OptionLine *line);

#endif							/* PGCOPY_OPTIONS_H */
