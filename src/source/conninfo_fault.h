/*-------------------------------------------------------------------------
 *
 * conninfo_fault.h
 *	  Say what is wrong with a connection string without showing it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONNINFO_FAULT_H
#define PGCOPY_CONNINFO_FAULT_H

#include "source/conninfo_options.h"

/* Begins with "postgresql://" or "postgres://". */
extern bool pgcopy_conninfo_fault_is_uri(const char *text);

/* Could be the name of a foreign server: no blanks in it. */
extern bool pgcopy_conninfo_fault_is_word(const char *text);

/*
 * Throw when a URI has an "@" or "/" where a password that is not
 * percent-encoded would put it: libpq takes the rest of the password for the
 * host, which is shown.
 */
extern void pgcopy_conninfo_fault_check_uri(const char *uri);

/* Throw for what should be a number and is none. */
extern void pgcopy_conninfo_fault_check_numbers(SourceOption *options);

/* Throw for a string that libpq cannot parse. */
extern void pgcopy_conninfo_fault_throw(const char *text,
										SourceOption *known) pg_attribute_noreturn();

#endif							/* PGCOPY_CONNINFO_FAULT_H */
