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

/* Work of this process while a program runs; run: NULL if there is none. */
typedef struct Meanwhile
{
	void		(*run) (void *arg);
	void	   *arg;
} Meanwhile;

typedef struct ChildCommand
{
	const char *const *argv;	/* NULL-terminated; argv[0]: not searched in PATH */
	const char *const *envp;	/* NULL-terminated; all the child gets */
	int			stdin_fd;		/* -1: /dev/null */
	int			stdout_fd;		/* a memory file */
	int			secret_fd;		/* becomes descriptor 3, or -1 */
	int			second_secret_fd;	/* becomes descriptor 4, or -1 */
	int64		stdout_limit;	/* bytes that it may write there; 0: no limit */
	Meanwhile	meanwhile;		/* called while it runs */
} ChildCommand;

/*
 * Run a program.  Returns its wait status, -1 if that is not known.  Appends
 * its stderr to *errors: about the last 32 kB, and up to 1 MB of earlier
 * warnings and errors.  Interruptible.  On ERROR, of "meanwhile" too, and FATAL the
 * child gets SIGTERM, SIGKILL after a second, and is reaped.
 */
extern int	pgcopy_child_run(const ChildCommand *command, StringInfo errors);

/*
 * A program's stderr to show in a message: trimmed, its last 4000 bytes if there
 * are more, valid in this database's encoding.
 */
extern char *pgcopy_child_words(const StringInfo errors);

/* Copy a text; if it is not valid in this database's encoding, as ASCII. */
extern char *pgcopy_child_clean(const char *text, size_t length);

/*
 * Make a file in memory, readable by this user only.  It is closed with the
 * current memory context.
 */
extern int	pgcopy_child_memory_file(const char *name);

/* Append to a memory file. */
extern void pgcopy_child_memory_write(int fd, const char *data, size_t length);

extern int64 pgcopy_child_memory_size(int fd);

/*
 * Map a memory file for reading until the current memory context goes, even if
 * the file is closed before.  Returns "" for an empty one.
 */
extern const char *pgcopy_child_memory_map(int fd, size_t *length);

#endif							/* PGCOPY_CHILD_H */
