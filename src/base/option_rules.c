/*-------------------------------------------------------------------------
 *
 * option_rules.c
 *	  What is wrong with options that are right one by one.
 *
 * Each option alone is checked where it is set (options.c), but for lengths of names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/options.h"

static void
check_sections(const JobOptions *options)
{
	if (options->sections == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sections must not be empty"),
				 errhint("Give at least one of 'pre-data', 'data', 'post-data'.")));
}

/* Options for tables that exist: does the job load into such tables? */
static void
check_loads_existing(const JobOptions *options, const char *name)
{
	if ((options->sections & SECTION_DATA) && !(options->sections & SECTION_PRE_DATA))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s contradicts sections", name),
			 options->sections & SECTION_PRE_DATA ?
			 errdetail("With section pre-data the job creates its tables, so they are empty.") :
			 errdetail("Without section data no rows are copied."),
			 errhint("Leave out %s, or use sections => '{data}' or '{data,post-data}'.", name)));
}

static void
check_existing_rows(const JobOptions *options)
{
	if (options->truncate && options->append)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("truncate contradicts append"),
				 errhint("Use truncate to empty the tables first, or append to keep the rows that they have.")));
	if (options->truncate)
		check_loads_existing(options, "truncate");
	if (options->append)
		check_loads_existing(options, "append");
}

static void
check_schema_map(const JobOptions *options)
{
	ListCell   *lc;

	foreach(lc, options->schema_map)
	{
		const OptionPair *pair = lfirst(lc);

		if (strlen(pair->value) >= NAMEDATALEN)
			ereport(ERROR,
					(errcode(ERRCODE_NAME_TOO_LONG),
					 errmsg("schema_map: the name \"%s\" is too long", pair->value),
					 errhint("A name may have %d bytes.", NAMEDATALEN - 1)));
	}
}

static void
check_places(const JobOptions *options)
{
	if (options->tablespace_map != NIL && options->no_tablespaces)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tablespace_map contradicts no_tablespaces"),
				 errhint("With no_tablespaces everything goes into the database's default tablespace.")));
	if (options->drop_if_exists && !(options->sections & SECTION_PRE_DATA))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("drop_if_exists contradicts sections"),
				 errdetail("Without section pre-data the job creates nothing again."),
				 errhint("Leave out drop_if_exists, or add 'pre-data' to sections.")));
}

static void
refuse_with_follow(const char *name, const char *why, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s contradicts follow", name),
			 errdetail("%s", why),
			 errhint("%s", hint)));
}

/* Logical replication carries whole rows, as they are, into tables of the same names. */
static void
check_follow(const JobOptions *options)
{
	if (options->sections != SECTIONS_ALL)
		refuse_with_follow("sections", "A target that follows needs all sections: indexes identify the rows that change.",
						   "Leave out sections.");
	if (options->schema_map != NIL)
		refuse_with_follow("schema_map", "Changes arrive in the schemas that they have on the source.",
						   "Leave out schema_map, and rename schemas after pgcopy_cutover().");
	if (options->column_values != NIL)
		refuse_with_follow("column_values", "Changes arrive with the values that they have on the source.",
						   "Leave out column_values, or leave out the columns' tables by exclude_tables.");
	if (options->referential == REFERENTIAL_FOLLOW)
		refuse_with_follow("referential => 'follow'", "Which rows are left out depends on other rows, which change.",
						   "Use referential => 'not valid'.");
	if (options->on_error == ON_ERROR_CONTINUE)
		refuse_with_follow("on_error => 'continue'", "Changes cannot arrive in what has failed.",
						   "Leave out on_error, and leave out by exclude_tables what cannot be cloned.");
}

/* Options that mean something only to a job that follows. */
static void
check_no_follow(const JobOptions *options)
{
	const char *name = options->without_identity != WITHOUT_IDENTITY_AUTO ? "without_identity" :
		options->publication[0] != '\0' ? "publication" :
		!options->protect_target ? "protect_target" : NULL;

	if (name != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s needs follow => true", name),
				 errhint("Leave out %s, or add follow => true.", name)));
}

void
pgcopy_option_rules_check(const JobOptions *options)
{
	check_sections(options);
	check_existing_rows(options);
	check_schema_map(options);
	check_places(options);
	if (options->follow)
		check_follow(options);
	else
		check_no_follow(options);
}
