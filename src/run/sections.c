/*-------------------------------------------------------------------------
 *
 * sections.c
 *	  What a job does of what a whole clone would do, and on what it builds.
 *
 * pre-data and post-data are those of pg_dump, with two differences: what cannot
 * run before post-data is of post-data (schema/postpone.c), so pg_dump is asked for
 * both if it is asked at all; and large objects are all data.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "utils/builtins.h"

#include "base/finding.h"
#include "run/sections.h"
#include "schema/dump.h"
#include "schema/here.h"
#include "source/inventory.h"
#include "source/names.h"

/* How many names a notice lists. */
#define SHOWN_NAMES 10

List *
pgcopy_sections_choose(const JobOptions *options, List *statements)
{
	List	   *chosen = NIL;
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);
		int			section = statement->is_post_data ?
			SECTION_POST_DATA : SECTION_PRE_DATA;

		if (options->sections & section)
			chosen = lappend(chosen, statement);
	}
	return chosen;
}

/* Data alone does not refresh materialized views: as in pg_dump, post-data does. */
static List *
tell_stale_views(const JobOptions *options, List *relations)
{
	Finding		finding = {
		.level = FINDING_NOTICE,
		.message = "these materialized views are not refreshed: that is of section post-data",
		.hint = "REFRESH MATERIALIZED VIEW them, or use sections => '{data,post-data}'."
	};
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, options->sections == SECTION_DATA ? relations : NIL)
	{
		const SourceRelation *relation = lfirst(lc);

		if (relation->relkind == RELKIND_MATVIEW && relation->here_kind == RELKIND_MATVIEW)
			names = lappend(names, quote_qualified_identifier(relation->local_schema,
															  relation->name));
	}
	if (names == NIL)
		return NIL;
	finding.object = pgcopy_names_list(names, SHOWN_NAMES);
	return pgcopy_finding_list(&finding);
}

List *
pgcopy_sections_match(const JobOptions *options, List *relations, List *statements,
					  List **trees)
{
	HereRequest request = {
		.relations = relations,
		.schema_map = options->schema_map,
		.with_data = (options->sections & SECTION_DATA) != 0,
		.truncates = options->truncate,
		.appends = options->append
	};
	List	   *findings;

	*trees = NIL;
	if (options->sections & SECTION_PRE_DATA)
		return NIL;
	findings = pgcopy_here_match(&request, trees);
	findings = list_concat(findings, tell_stale_views(options, relations));
	return list_concat(findings, pgcopy_existing_mark(statements));
}
