/*-------------------------------------------------------------------------
 *
 * pgcopy_states.c
 *	  The states of a job and of the link to its source, for SQL to look at.
 *
 * Their tables are compiled in here, so there is no need of a job.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/item_kind.h"
#include "base/words.h"
#include "catalog/job.h"
#include "link/link_state.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(pgcopy_states_words);
PG_FUNCTION_INFO_V1(pgcopy_states_parse_back);
PG_FUNCTION_INFO_V1(pgcopy_states_job_may_move);
PG_FUNCTION_INFO_V1(pgcopy_states_job_has_ended);
PG_FUNCTION_INFO_V1(pgcopy_states_link_may_move);
PG_FUNCTION_INFO_V1(pgcopy_states_link_has_session);
PG_FUNCTION_INFO_V1(pgcopy_states_link_has_snapshot);

/* An enum that has words. */
typedef struct Words
{
	const char *kind;
	int			count;
	const char *(*name) (int no);
	int			(*parse) (const char *word);
} Words;

/*
 * The word of a member.  When the compiler misses a new member here, see to the
 * count in all_words too.
 */
static const char *
name_job_state(int no)
{
	switch ((JobState) no)
	{
		case JOB_QUEUED:
		case JOB_PLANNING:
		case JOB_PRE_DATA:
		case JOB_COPYING:
		case JOB_POST_DATA:
		case JOB_FOLLOWING:
		case JOB_CUTOVER:
		case JOB_DONE:
		case JOB_FAILED:
		case JOB_CANCELLED:
			return pgcopy_words_of_job_state((JobState) no);
	}
	elog(ERROR, "no job state %d", no);
}

static const char *
name_item_state(int no)
{
	switch ((ItemState) no)
	{
		case ITEM_PENDING:
		case ITEM_RUNNING:
		case ITEM_DONE:
		case ITEM_FAILED:
		case ITEM_SKIPPED:
			return pgcopy_words_of_item_state((ItemState) no);
	}
	elog(ERROR, "no item state %d", no);
}

static const char *
name_item_kind(int no)
{
	switch ((ItemKind) no)
	{
		case ITEM_PRE_DATA:
		case ITEM_TABLE:
		case ITEM_LARGE_OBJECTS:
		case ITEM_INDEX:
		case ITEM_CONSTRAINT:
		case ITEM_ANALYZE:
		case ITEM_FOREIGN_KEY:
		case ITEM_VALIDATE:
		case ITEM_SEQUENCE:
		case ITEM_POST_DATA:
		case ITEM_REFRESH:
		case ITEM_TRUNCATE:
		case ITEM_FINAL:
		case ITEM_ROLE:
		case ITEM_DATABASE:
			return pgcopy_item_kind_traits((ItemKind) no)->name;
	}
	elog(ERROR, "no item kind %d", no);
}

static const char *
name_link_state(int no)
{
	return pgcopy_link_state_name((LinkState) no);
}

static int
parse_job_state(const char *word)
{
	return pgcopy_words_parse_job_state(word);
}

static int
parse_item_state(const char *word)
{
	return pgcopy_words_parse_item_state(word);
}

static int
parse_item_kind(const char *word)
{
	return pgcopy_item_kind_parse(word);
}

/* States of a link stand in no table, so only tests read them. */
static int
parse_link_state(const char *word)
{
	for (int i = 0; i < LINK_STATES; i++)
	{
		if (strcmp(pgcopy_link_state_name((LinkState) i), word) == 0)
			return i;
	}
	elog(ERROR, "no link state \"%s\"", word);
}

static const Words all_words[] = {
	{"job state", JOB_CANCELLED + 1, name_job_state, parse_job_state},
	{"item state", ITEM_SKIPPED + 1, name_item_state, parse_item_state},
	{"item kind", ITEM_KINDS, name_item_kind, parse_item_kind},
	{"link state", LINK_STATES, name_link_state, parse_link_state},
};

static const Words *
find_words(text *kind)
{
	for (int i = 0; i < lengthof(all_words); i++)
	{
		if (strcmp(all_words[i].kind, text_to_cstring(kind)) == 0)
			return &all_words[i];
	}
	elog(ERROR, "nothing has the kind \"%s\"", text_to_cstring(kind));
}

Datum
pgcopy_states_words(PG_FUNCTION_ARGS)
{
	const Words *words = find_words(PG_GETARG_TEXT_PP(0));
	Datum	   *names = palloc(words->count * sizeof(Datum));

	for (int i = 0; i < words->count; i++)
		names[i] = CStringGetTextDatum(words->name(i));
	PG_RETURN_ARRAYTYPE_P(construct_array(names, words->count, TEXTOID, -1,
										  false, TYPALIGN_INT));
}

Datum
pgcopy_states_parse_back(PG_FUNCTION_ARGS)
{
	const Words *words = find_words(PG_GETARG_TEXT_PP(0));
	int			no = words->parse(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_RETURN_TEXT_P(cstring_to_text(words->name(no)));
}

static JobState
get_job_state(FunctionCallInfo fcinfo, int arg)
{
	return pgcopy_words_parse_job_state(text_to_cstring(PG_GETARG_TEXT_PP(arg)));
}

Datum
pgcopy_states_job_may_move(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(pgcopy_job_may_move(get_job_state(fcinfo, 0),
									   get_job_state(fcinfo, 1)));
}

Datum
pgcopy_states_job_has_ended(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(pgcopy_job_has_ended(get_job_state(fcinfo, 0)));
}

static LinkState
get_link_state(FunctionCallInfo fcinfo, int arg)
{
	return parse_link_state(text_to_cstring(PG_GETARG_TEXT_PP(arg)));
}

Datum
pgcopy_states_link_may_move(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(pgcopy_link_state_may_move(get_link_state(fcinfo, 0),
											  get_link_state(fcinfo, 1)));
}

Datum
pgcopy_states_link_has_session(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(pgcopy_link_state_has_session(get_link_state(fcinfo, 0)));
}

Datum
pgcopy_states_link_has_snapshot(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(pgcopy_link_state_has_snapshot(get_link_state(fcinfo, 0)));
}
