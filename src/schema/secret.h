/*-------------------------------------------------------------------------
 *
 * secret.h
 *	  Keep the secrets of a statement out of the error it ends with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_SECRET_H
#define PGCOPY_SECRET_H

/*
 * Replace by dots what a statement has in strings and its error repeats.  The
 * new texts are in the current memory context.
 */
extern void pgcopy_secret_conceal(ErrorData *error, const char *sql);

#endif							/* PGCOPY_SECRET_H */
