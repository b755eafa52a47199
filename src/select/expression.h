/*-------------------------------------------------------------------------
 *
 * expression.h
 *	  An SQL expression that a user has given for the source.
 *
 * It is read by this server's lexer and parser, which know no table: what its
 * names mean is for the source to say (subset_check.c).
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_EXPRESSION_H
#define PGCOPY_EXPRESSION_H

#include "nodes/pg_list.h"

/*
 * One moment of the source, as literals for the functions that tell the time, which
 * differ between the sessions of a job.
 */
typedef struct SourceMoment
{
	const char *timestamptz;
	const char *timestamp;
	const char *date;
	const char *timetz;
	const char *time;
} SourceMoment;

/* A function that an expression calls; schema: NULL if it names none. */
typedef struct CalledFunction
{
	const char *schema;
	const char *name;
} CalledFunction;

typedef struct SourceExpression
{
	char	   *text;			/* with the moment in place of now() and the like */
	bool		has_moment;		/* such a place was found */
	bool		has_moving_literal; /* 'now', 'today' ...: not replaced */
	bool		is_literal;		/* nothing but a string, whose type is not known yet */
	bool		is_null;		/* NULL, maybe with a cast */
	List	   *functions;		/* CalledFunction * */

	/* if it is no single expression or has a subselect: why; else NULL */
	int			sqlerrcode;
	const char *problem;
} SourceExpression;

/*
 * Read an expression into the current memory context.  source_version: a newer
 * source may know syntax that this server does not; what only its parser can tell is
 * not looked for then.
 */
extern SourceExpression *pgcopy_expression_read(const char *text, int source_version,
												const SourceMoment *moment);

#endif							/* PGCOPY_EXPRESSION_H */
