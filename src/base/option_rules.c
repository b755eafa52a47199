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

void
pgcopy_option_rules_check(const JobOptions *options)
{
	check_sections(options);
	check_existing_rows(options);
	check_schema_map(options);
	check_places(options);
}
