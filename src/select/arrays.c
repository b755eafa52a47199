/*-------------------------------------------------------------------------
 *
 * arrays.c
 *	  Arrays that the source has sent: many values in one message.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

#include "select/arrays.h"

/* As many elements as there are commas, and one. */
static int
count_elements(const char *text)
{
	int			n = 1;

	if (text[1] == '}')
		return 0;
	for (; *text != '\0'; text++)
		n += *text == ',';
	return n;
}

static const char *
read_oid(const SourceRows *rows, const char *at, Oid *oid)
{
	uint64		number = 0;
	const char *from = at;

	while (*at >= '0' && *at <= '9' && number <= PG_UINT32_MAX)
		number = number * 10 + (*at++ - '0');
	if (at == from || number > PG_UINT32_MAX)
		pgcopy_rows_throw(rows, "It has an array with something else than numbers.");
	*oid = (Oid) number;
	return at;
}

Oid *
pgcopy_arrays_oids(const SourceRows *rows, int row, int column, int *n)
{
	const char *at = pgcopy_rows_get(rows, row, column);
	Oid		   *oids;

	if (at[0] != '{')
		pgcopy_rows_throw(rows, "It has something else than an array.");
	*n = count_elements(at);
	oids = palloc_extended(sizeof(Oid) * Max(*n, 1), MCXT_ALLOC_HUGE);
	at++;
	for (int i = 0; i < *n; i++)
	{
		at = read_oid(rows, at, &oids[i]);
		if (*at != (i < *n - 1 ? ',' : '}'))
			pgcopy_rows_throw(rows, "It has an array with something else than numbers.");
		at++;
	}
	if (*n == 0)
		at++;
	if (*at != '\0')
		pgcopy_rows_throw(rows, "Something follows an array.");
	CHECK_FOR_INTERRUPTS();
	return oids;
}

char **
pgcopy_arrays_texts(const SourceRows *rows, int row, int column, int *n)
{
	const char *literal = pgcopy_rows_get(rows, row, column);
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;

	array = DatumGetArrayTypeP(OidInputFunctionCall(F_ARRAY_IN, unconstify(char *, literal),
													TEXTOID, -1));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, n);
	texts = palloc_extended(sizeof(char *) * Max(*n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			pgcopy_rows_throw(rows, "It has an array with a NULL.");
		texts[i] = TextDatumGetCString(elements[i]);
	}
	CHECK_FOR_INTERRUPTS();
	return texts;
}

void
pgcopy_arrays_query(ArrayColumns *columns, SourceSession *session, const char *sql,
					const char *forms)
{
	memset(columns, 0, sizeof(ArrayColumns));
	columns->rows = pgcopy_session_query(session, sql, strlen(forms), 0, NULL);
	if (pgcopy_rows_count(columns->rows) != 1)
		pgcopy_rows_throw(columns->rows, "It does not have one row.");
	for (int i = 0; forms[i] != '\0'; i++)
	{
		int			n = columns->n;

		if (forms[i] == 'o')
			columns->oids[i] = pgcopy_arrays_oids(columns->rows, 0, i, &n);
		else if (forms[i] == 'n')
			columns->names = pgcopy_arrays_texts(columns->rows, 0, i, &n);
		else
		{
			columns->letters = pgcopy_rows_get(columns->rows, 0, i);
			if (strlen(columns->letters) != (Size) n * (forms[i] - '0'))
				pgcopy_rows_throw(columns->rows, "Its columns differ in length.");
		}
		if (i > 0 && n != columns->n)
			pgcopy_rows_throw(columns->rows, "Its columns differ in length.");
		columns->n = n;
	}
}
