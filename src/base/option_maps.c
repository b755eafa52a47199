/*-------------------------------------------------------------------------
 *
 * option_maps.c
 *	  Options that say where things go, together with others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/options.h"

static void
check_schema_map(const JobOptions *options)
{
	ListCell   *lc;

	foreach(lc, options->schema_map)
	{
		const OptionPair *pair = lfirst(lc);

		if (pair->value[0] == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("schema_map maps \"%s\" to an empty name", pair->key),
					 errhint("Give the name of a schema, without quotes: '{\"sales\": \"archive_sales\"}'.")));
		if (strlen(pair->value) >= NAMEDATALEN)
			ereport(ERROR,
					(errcode(ERRCODE_NAME_TOO_LONG),
					 errmsg("schema_map: the name \"%s\" is too long", pair->value),
					 errhint("A name may have %d bytes.", NAMEDATALEN - 1)));
	}
}

void
pgcopy_options_check_maps(const JobOptions *options)
{
	check_schema_map(options);
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
