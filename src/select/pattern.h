/*-------------------------------------------------------------------------
 *
 * pattern.h
 *	  Names of objects as users describe them: pg_dump's patterns, and "~/regex/".
 *
 * What the characters of a pattern mean is at the head of pattern.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PATTERN_H
#define PGCOPY_PATTERN_H

typedef struct NamePattern NamePattern;

typedef enum PatternKind
{
	PATTERN_SCHEMA,				/* of the name of a schema */
	PATTERN_QUALIFIED,			/* schema.name, or name: what is visible */
	PATTERN_PLAIN				/* of a name that is in no schema: an extension's */
} PatternKind;

/*
 * Parse a pattern into the current memory context, which owns it.  Throws 22023,
 * or 2201B for an invalid regular expression, with the option's name and the
 * text.  Interruptible.
 */
extern NamePattern *pgcopy_pattern_parse(const char *option, const char *text,
										 PatternKind kind);

/*
 * Does it match?  schema: NULL for the other kinds than PATTERN_QUALIFIED.
 * is_visible: without a schema a session at the source finds this object, see
 * visible.h; a pattern without a schema matches no other.  Interruptible.
 */
extern bool pgcopy_pattern_matches(const NamePattern *pattern, const char *schema,
								   const char *name, bool is_visible);

/* As the user has written it. */
extern const char *pgcopy_pattern_text(const NamePattern *pattern);

/* Does it name a schema, so that is_visible does not matter? */
extern bool pgcopy_pattern_has_schema(const NamePattern *pattern);

/*
 * The one name that it stands for, without a schema; NULL if it may be several.
 */
extern const char *pgcopy_pattern_exact_name(const NamePattern *pattern);

#endif							/* PGCOPY_PATTERN_H */
