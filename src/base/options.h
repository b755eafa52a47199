/*-------------------------------------------------------------------------
 *
 * options.h
 *	  The options of a job: those of pgcopy_clone().
 *
 * To add one: a member of JobOptions, an entry in options.c, an argument of the
 * same name in the SQL script, a line in README.md.  The test c_arguments shows
 * what is missing, and the line for README.md.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_OPTIONS_H
#define PGCOPY_OPTIONS_H

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
	bool		large_objects;
	int			foreign_keys;	/* ForeignKeysOption */
	int			on_error;		/* OnErrorOption */
	int			format;			/* FormatOption */
	char	   *search_path;	/* "": see the meaning */
} JobOptions;

/* An option as the documentation shows it. */
typedef struct OptionLine
{
	const char *name;
	const char *type;			/* in SQL */
	const char *default_value;	/* as a literal in SQL */
	const char *allowed;
	const char *meaning;
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
