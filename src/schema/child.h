/*-------------------------------------------------------------------------
 *
 * child.h
 *	  Run a program and wait for it, interruptibly.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CHILD_H
#define PGCOPY_CHILD_H

#include "lib/stringinfo.h"

typedef struct ChildCommand
{
	const char *const *argv;	/* NULL-terminated; argv[0] is a full path */
	const char *const *envp;	/* NULL-terminated; all the child gets */
	int			stdin_fd;		/* -1: nothing to read */
	int			stdout_fd;		/* a memory file */
	int			secret_fd;		/* becomes descriptor 3, or -1 */
	int			second_secret_fd;	/* becomes descriptor 4, or -1 */
	int64		stdout_limit;	/* bytes that stdout may hold; 0: any number */
} ChildCommand;

/*
 * Run a program to its end.  Returns its wait status; what it wrote to stderr
 * (the last 64 kB of it, and all warnings) is appended to *errors.  On ERROR and on FATAL the
 * child is ended first: SIGTERM, and SIGKILL a second later.
 */
extern int	pgcopy_child_run(const ChildCommand *command, StringInfo errors);

/*
 * What a program wrote to stderr, fit to be shown: without white space at the
 * end, not too long, and valid in this database's encoding.
 */
extern char *pgcopy_child_words(const StringInfo errors);

/* A copy of some text, valid in this database's encoding. */
extern char *pgcopy_child_clean(const char *text, size_t length);

/*
 * Make a file that is only in memory, readable by this user alone, closed
 * with the current memory context.
 */
extern int	pgcopy_child_memory_file(const char *name);

/* Append to it.  Throws when there is no room. */
extern void pgcopy_child_memory_write(int fd, const char *data, size_t length);

extern int64 pgcopy_child_memory_size(int fd);

/*
 * Map a memory file for reading, for as long as the current memory context
 * lives, also when the file is closed before.  Returns "" for an empty one.
 */
extern const char *pgcopy_child_memory_map(int fd, size_t *length);

#endif							/* PGCOPY_CHILD_H */
