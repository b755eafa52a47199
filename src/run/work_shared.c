/*-------------------------------------------------------------------------
 *
 * work_shared.c
 *	  Items that change what belongs to the whole server: roles, the database.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/finding.h"
#include "base/retry.h"
#include "catalog/notice.h"
#include "run/work.h"
#include "schema/shared.h"

/* Run statements on roles or the database; tell what was left out of them. */
void
pgcopy_work_shared(const WorkPlace *place, const JobItem *item)
{
	ItemStatement *statement = pgcopy_item_fetch_statement(place->job->id, item->no);
	DumpSettings settings = {
		.default_tablespace = statement->default_tablespace,
		.default_table_access_method = statement->default_table_access_method,
		.session_authorization = statement->session_authorization
	};
	List	   *notices = pgcopy_shared_run(statement->sql, &settings);
	ListCell   *lc;

	foreach(lc, notices)
	{
		const Finding *finding = lfirst(lc);

		pgcopy_notice_tell(place->job->id, finding->object, finding->message,
						   finding->hint);
	}
	pgcopy_item_mark_done(place->job->id, item->no, NULL, 0, 0);
}
