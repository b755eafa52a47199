/*-------------------------------------------------------------------------
 *
 * conversion.h
 *	  Which definitions of the source this database's encoding cannot express.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONVERSION_H
#define PGCOPY_CONVERSION_H

#include "base/finding.h"
#include "source/session.h"

/*
 * Find the objects with a name or a text that does not convert: a List of one
 * Finding, an error that names the first of them, or NIL.  Reads what pg_dump
 * reads, so call it after a conversion has failed, in a transaction, with a
 * session that has none.
 */
extern List *pgcopy_conversion_find(SourceSession *session);

/*
 * Whether a text of the source has as many characters here as there: not if one
 * side takes bytes for characters, or pairs of characters may become one.
 */
extern bool pgcopy_conversion_keeps_characters(SourceSession *session);

/* conversion_text.c: how texts of the source reach this database. */
typedef struct Conversion
{
	int			from;			/* encodings */
	int			to;
	Oid			proc;			/* InvalidOid: bytes stay, but must be valid */
} Conversion;

extern Conversion pgcopy_conversion_make(int from);

/* Whether all of a text arrives. */
extern bool pgcopy_conversion_arrives(const Conversion *conversion,
									  const char *text, int length);

/*
 * Return the beginning of a text in this database's encoding, with \xNN for each
 * byte of what does not arrive.
 */
extern char *pgcopy_conversion_show(const Conversion *conversion,
									const char *text, int length);

#endif							/* PGCOPY_CONVERSION_H */
