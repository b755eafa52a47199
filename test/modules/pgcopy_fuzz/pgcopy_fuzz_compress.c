/*-------------------------------------------------------------------------
 *
 * pgcopy_fuzz_compress.c
 *	  The same bytes through compress.c and the server's pglz_compress.
 *
 * Both must give the same result, byte by byte, and it must come back.  Inputs
 * are of every kind that matters to the history: noise, few letters, words,
 * runs, repetitions at all distances, up to several times what 16 bits count.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_lzcompress.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "fuzz_random.h"
#include "heap/compress.h"

PG_FUNCTION_INFO_V1(pgcopy_fuzz_compress);

#define LARGEST		300000
#define KINDS		7

/* Common ones more often than rare ones. */
static int
put_word(char *into)
{
	uint32		word = next_random(2000);
	int			letters;
	int			i;

	word = word * word / 2000;
	letters = 2 + word % 9;
	for (i = 0; i < letters; i++)
		into[i] = 'a' + (word * 7 + i * i * 3) % 26;
	into[letters] = ' ';
	return letters + 1;
}

static void
fill(char *bytes, int length, int kind)
{
	int			period = 1 + next_random(6000);
	int			i = 0;

	while (i < length)
	{
		switch (kind)
		{
			case 0:
				bytes[i++] = next_random(256);
				break;
			case 1:
				bytes[i++] = ' ' + next_random(64);
				break;
			case 2:
				bytes[i++] = 'a' + next_random(2);
				break;
			case 3:
				bytes[i++] = 'x';
				break;
			case 4:
				i += put_word(bytes + i);
				break;
			case 5:				/* a repetition with errors */
				bytes[i] = i < period || next_random(100) == 0 ?
					next_random(256) : bytes[i - period];
				i++;
				break;
			case 6:				/* repetitions at the edge of the window */
				bytes[i] = i < 5000 ? next_random(256) :
					bytes[i - 4085 - next_random(20)];
				i++;
				break;
		}
	}
}

static int
choose_length(void)
{
	static const int limits[] = {64, 600, 3000, 20000, LARGEST};

	return next_random(limits[next_random(lengthof(limits))]);
}

/* Returns how many of so many inputs came out in another way. */
Datum
pgcopy_fuzz_compress(PG_FUNCTION_ARGS)
{
	int			rounds = PG_GETARG_INT32(0);
	Compressor *compressor = pgcopy_compress_create();
	char	   *source = palloc(LARGEST + 16);
	char	   *ours = palloc(PGLZ_MAX_OUTPUT(LARGEST));
	char	   *theirs = palloc(PGLZ_MAX_OUTPUT(LARGEST));
	char	   *back = palloc(LARGEST + 16);
	int64		differences = 0;
	int			i;

	seed_random(PG_GETARG_INT64(1));
	for (i = 0; i < rounds; i++)
	{
		int			length = choose_length();
		int32		n;
		int32		expected;

		CHECK_FOR_INTERRUPTS();
		fill(source, length, i % KINDS);
		n = pgcopy_compress_pglz(compressor, source, length, ours);
		expected = pglz_compress(source, length, theirs, PGLZ_strategy_default);
		if (n != expected || (n > 0 && memcmp(ours, theirs, n) != 0) ||
			(n > 0 && pglz_decompress(ours, n, back, length, true) != length) ||
			(n > 0 && memcmp(back, source, length) != 0))
		{
			differences++;
			ereport(NOTICE,
					(errmsg("round %d: kind %d, %d bytes become %d instead of %d",
							i, i % KINDS, length, n, expected)));
		}
	}
	PG_RETURN_INT64(differences);
}
