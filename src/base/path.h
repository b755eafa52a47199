/*-------------------------------------------------------------------------
 *
 * path.h
 *	  A search_path that somebody else has written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PATH_H
#define PGCOPY_PATH_H

/* Whether it is a list of names, as SET search_path wants it; "" is. */
extern bool pgcopy_path_is_valid(const char *path);

/*
 * Return the path to use in its place: the same schemas, with pg_catalog before
 * and pg_temp behind them.  NULL if it is not valid.
 */
extern char *pgcopy_path_make_safe(const char *path);

#endif							/* PGCOPY_PATH_H */
