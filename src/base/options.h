/*-------------------------------------------------------------------------
 *
 * options.h
 *	  What a job is ordered with: the options of pgcopy_clone().
 *
 * To add one: a member here, its line in the table of options.c, the argument
 * of the same name in the SQL script, its line in README.md.  The test
 * c_arguments shows what was forgotten, and the line for README.md.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_OPTIONS_H
#define PGCOPY_OPTIONS_H

/* The words of options, in the order of their enums. */
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

/* Of split_bytes, beside a size. */
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
} JobOptions;

/* A line of the table, for people. */
typedef struct OptionLine
{
	const char *name;
	const char *type;			/* in SQL */
	const char *default_value;	/* as a literal in SQL */
	const char *allowed;
	const char *meaning;
} OptionLine;

extern void pgcopy_options_set_defaults(JobOptions *options);

/*
 * Set the option of that name, or throw 22004 (value is NULL) or 22023.
 * value: as its SQL type writes it.
 */
extern void pgcopy_options_set(JobOptions *options, const char *name,
							   const char *value);

/*
 * The same with what a job has kept.  A name that is no option is left alone:
 * another version may have written it.  The context of an error has the name.
 */
extern void pgcopy_options_restore(JobOptions *options, const char *name,
								   const char *value);

/* As an object of JSON, to be kept. */
extern char *pgcopy_options_to_json(const JobOptions *options);

/* Describe the option at a position, from 0 on; false behind the last one. */
extern bool pgcopy_options_describe(int i, OptionLine *line);

#endif							/* PGCOPY_OPTIONS_H */
