/*-------------------------------------------------------------------------
 *
 * option_rules.h
 *	  Which options contradict each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_OPTION_RULES_H
#define PGCOPY_OPTION_RULES_H

#include "base/options.h"

/* Throw 22023, with both arguments' names, if they contradict each other. */
extern void pgcopy_options_check(const JobOptions *options);

#endif							/* PGCOPY_OPTION_RULES_H */
