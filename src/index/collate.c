/*-------------------------------------------------------------------------
 *
 * collate.c
 *	  What is known of a collation's order, and sort keys that follow it.
 *
 * The server compares strings of one deterministic collation by strcoll() or
 * by ICU, and those that it finds equal by their bytes.  Here is decided how
 * that order can be had for less:
 *
 * 1. A collation that is "C" orders by bytes.  So does a libc locale without
 *    rules, as C.UTF-8 of glibc: there strcoll() is strcmp().  The locale
 *    itself is asked; its name says nothing.
 * 2. Under a libc locale with rules, strxfrm() makes keys.  It is known to
 *    disagree with strcoll() now and then.  So a key is a guess: who sorts by
 *    it proves every neighbouring pair (compare.h).
 * 3. ICU is asked through the server only, which trusts its sort keys.
 * 4. Under a nondeterministic collation strings that differ can be equal.
 *    Those are the server's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <langinfo.h>

#include "catalog/pg_collation.h"
#include "utils/memutils.h"
#include "utils/pg_locale.h"

#include "base/compat.h"
#include "base/testpoint.h"
#include "index/collate.h"

struct Transformer
{
	pg_locale_t locale;			/* or NULL: the process's own */
	char	   *text;			/* the value and a zero byte */
	Size		text_room;
	bool		lies;			/* a test wants wrong keys */
};

/* Is strcoll() strcmp() under this locale?  NULL: the process's own. */
static bool
has_no_rules(pg_locale_t locale)
{
#ifdef __GLIBC__
	union
	{
		const char *string;
		uint32		word;		/* of numbers, glibc writes these bits only */
	}			rules;

	rules.string = locale == NULL ? nl_langinfo(_NL_COLLATE_NRULES) :
		nl_langinfo_l(_NL_COLLATE_NRULES, locale->info.lt);
	return rules.word == 0;
#else
	return false;
#endif
}

/*
 * Return who knows the order of strings under this collation.
 *
 * May load the collation, and raises what the server raises where that fails.
 */
CollationOrder
pgcopy_collate_order(Oid collation)
{
	pg_locale_t locale;

	if (!OidIsValid(collation))
		return COLLATE_UNKNOWN;
	if (pgcopy_collation_is_c(collation))
		return COLLATE_BYTES;
	locale = pg_newlocale_from_collation(collation);
	if (locale != NULL && !locale->deterministic)
		return COLLATE_UNKNOWN;
	if (locale != NULL && locale->provider != COLLPROVIDER_LIBC)
		return COLLATE_COMPARED;
	return has_no_rules(locale) ? COLLATE_BYTES : COLLATE_TRANSFORMED;
}

/* Make keys for a collation whose order is COLLATE_TRANSFORMED. */
Transformer *
pgcopy_collate_begin(Oid collation)
{
	Transformer *transformer = palloc0(sizeof(Transformer));

	transformer->locale = pg_newlocale_from_collation(collation);
	transformer->text_room = 1024;
	transformer->text = palloc(transformer->text_room);
	transformer->lies = pgcopy_testpoint_lies("index strxfrm");
	return transformer;
}

/* Return the value as a C string, valid until the next call. */
static const char *
zero_terminated(Transformer *transformer, const char *value, int length)
{
	if ((Size) length >= transformer->text_room)
	{
		transformer->text_room = (Size) length * 2;
		transformer->text = repalloc(transformer->text, transformer->text_room);
	}
	memcpy(transformer->text, value, length);
	transformer->text[length] = '\0';
	return transformer->text;
}

/*
 * Write the key of a value, and return its length; -1 if there is no room.
 *
 * Keys compare by memcmp(), none is a prefix of another, and other keys may
 * follow.  A key is what strxfrm() says, which holds no zero byte, and the
 * value itself, for those that it calls equal; each with a zero byte.
 */
int
pgcopy_collate_key(Transformer *transformer, const char *value, int length,
				   unsigned char *key, int room)
{
	const char *text = zero_terminated(transformer, value, length);
	int			rest = room - (length + 1);
	size_t		used;

	if (rest <= 0)
		return -1;
	if (transformer->locale == NULL)
		used = strxfrm((char *) key, text, rest);
	else
		used = strxfrm_l((char *) key, text, rest, transformer->locale->info.lt);
	if (used >= (size_t) rest)
		return -1;
	if (unlikely(transformer->lies) && used > 0 && length % 5 == 0)
		key[0] ^= 0x80;
	key[used++] = '\0';
	memcpy(key + used, text, length + 1);
	return (int) used + length + 1;
}
