/*-------------------------------------------------------------------------
 *
 * testpoint.h
 *	  Named points where a test can make a process stop, fail or die.
 *
 * They exist only in a library built with "make TESTPOINTS=1".  Otherwise their
 * arguments are not evaluated.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_TESTPOINT_H
#define PGCOPY_TESTPOINT_H

#ifdef PGCOPY_TESTPOINTS

/* Reach the point "what moment"; may wait, throw, or not return. */
extern void pgcopy_testpoint_reach(const char *what, const char *moment);

/* Is a lie wanted at this point? */
extern bool pgcopy_testpoint_lies(const char *point);

/* Is any point wanted? */
extern bool pgcopy_testpoint_is_set(void);

/* Call it before MarkGUCPrefixReserved(). */
extern void pgcopy_testpoint_define_settings(void);

#define PGCOPY_TEST_POINT(what, moment) pgcopy_testpoint_reach(what, moment)

#else

#define pgcopy_testpoint_define_settings() ((void) 0)
#define pgcopy_testpoint_lies(point) false
#define pgcopy_testpoint_is_set() false
#define PGCOPY_TEST_POINT(what, moment) ((void) 0)

#endif

#endif							/* PGCOPY_TESTPOINT_H */
