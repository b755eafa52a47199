/*-------------------------------------------------------------------------
 *
 * child.c
 *	  Run a program and wait for it, interruptibly.
 *
 * fork and exec, without a shell.  OpenPipeStream() and popen() cannot be
 * interrupted while pg_dump waits for a lock, and pclose() during an abort
 * waits for the child.
 *
 * The child gets descriptors 0 to 2, up to two more for secrets, and no others
 * (the server may have files open without O_CLOEXEC); default signal handlers,
 * no signal blocked; the environment given here.  It stays in this backend's
 * process group, so an immediate shutdown reaches it, and gets SIGTERM if this
 * backend dies.
 *
 * On SIGTERM pg_dump cancels its query on the source.  SIGKILL would leave that
 * session waiting for its lock, so it comes second.  A before_shmem_exit
 * callback ends the child too: FATAL (pg_terminate_backend) does not pass
 * through PG_CATCH.
 *
 * Output goes to memory files, so that only stderr has to be watched.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libpq/pqsignal.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "schema/child.h"

#define ERRORS_KEPT		(64 * 1024)
#define WORDS_SHOWN		4000
#define WARNINGS_KEPT	(1024 * 1024)
#define GRACE_TIME		1000	/* ms between SIGTERM and SIGKILL */
#define POLL_TIME		10		/* ms */
#define PIPE_SIZE		(1024 * 1024)	/* what Linux allows everybody */
#define LIFTED			10		/* a descriptor above all that the child gets */

typedef struct RunningChild
{
	pid_t		pid;			/* 0 once it is reaped */
	int			stderr_fd;
	int			status;
	int			room;			/* bytes of stderr kept before some are dropped */
} RunningChild;

typedef struct Mapping
{
	void	   *address;
	size_t		length;
} Mapping;

static void
close_with_context(void *arg)
{
	close((int) (intptr_t) arg);
	ReleaseExternalFD();
}

static void
unmap_with_context(void *arg)
{
	Mapping    *mapping = arg;

	munmap(mapping->address, mapping->length);
}

int
pgcopy_child_memory_file(const char *name)
{
	MemoryContextCallback *callback = palloc0(sizeof(*callback));
	int			fd;

	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many files are open in this process")));
	fd = memfd_create(name, MFD_CLOEXEC);
	if (fd < 0)
	{
		ReleaseExternalFD();
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create an in-memory file: %m")));
	}
	callback->func = close_with_context;
	callback->arg = (void *) (intptr_t) fd;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);

	/* libpq requires this of a password file */
	if (fchmod(fd, S_IRUSR | S_IWUSR) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not set permissions of an in-memory file: %m")));
	return fd;
}

void
pgcopy_child_memory_write(int fd, const char *data, size_t length)
{
	while (length > 0)
	{
		ssize_t		written = write(fd, data, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not write to an in-memory file: %m")));
		data += written;
		length -= written;
	}
}

int64
pgcopy_child_memory_size(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat an in-memory file: %m")));
	return st.st_size;
}

const char *
pgcopy_child_memory_map(int fd, size_t *length)
{
	MemoryContextCallback *callback = palloc0(sizeof(*callback));
	Mapping    *mapping = palloc0(sizeof(*mapping));

	*length = pgcopy_child_memory_size(fd);
	if (*length == 0)
		return "";

	mapping->length = *length;
	mapping->address = mmap(NULL, *length, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapping->address == MAP_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not map an in-memory file: %m")));
	callback->func = unmap_with_context;
	callback->arg = mapping;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return mapping->address;
}

/* In the child: close all descriptors from "first" on. */
static void
close_from(int first)
{
	int			limit;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned int) first, ~0U, 0U) == 0)
		return;
#endif
	limit = (int) sysconf(_SC_OPEN_MAX);
	for (int fd = first; fd < limit; fd++)
		close(fd);
}

/* In the child: make writes fail with EFBIG, without SIGXFSZ, beyond a size. */
static void
limit_output(int64 bytes)
{
	struct rlimit limit = {.rlim_cur = bytes,.rlim_max = bytes};

	if (bytes == 0)
		return;
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		_exit(127);
}

/*
 * In the child, between fork and exec: only system calls and other
 * async-signal-safe functions.
 *
 * Duplicate all descriptors to high numbers first, so that moving one into
 * place cannot overwrite another.
 */
static void
become_program(const ChildCommand *command, int stderr_fd, pid_t parent)
{
	int			wanted[] = {
		command->stdin_fd, command->stdout_fd, stderr_fd,
		command->secret_fd, command->second_secret_fd
	};
	sigset_t	none;

	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);

	if (wanted[0] < 0)
		wanted[0] = open("/dev/null", O_RDONLY);
	for (int i = 0; i < lengthof(wanted); i++)
		if (wanted[i] >= 0)
			wanted[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, LIFTED);
	for (int i = 0; i < lengthof(wanted); i++)
	{
		if (wanted[i] < 0)
			close(i);			/* may be a file of the server */
		else if (dup2(wanted[i], i) < 0)
			_exit(127);
	}
	close_from(lengthof(wanted));

	limit_output(command->stdout_limit);
	(void) prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);

	execve(command->argv[0], (char *const *) command->argv,
		   (char *const *) command->envp);
	_exit(127);
}

/* Reap the child if it has ended; returns true once it is reaped. */
static bool
is_reaped(RunningChild *child)
{
	pid_t		reaped;

	if (child->pid == 0)
		return true;
	do
	{
		reaped = waitpid(child->pid, &child->status, WNOHANG);
	} while (reaped < 0 && errno == EINTR);
	if (reaped == 0)
		return false;
	if (reaped < 0)
		child->status = -1;		/* reaped elsewhere */
	child->pid = 0;
	return true;
}

/*
 * End and reap the child.  Runs during the clean-up of an error or the exit of
 * the process: throws nothing and does not handle interrupts.
 */
static void
end_child(int code, Datum arg)
{
	RunningChild *child = (RunningChild *) DatumGetPointer(arg);
	TimestampTz started = GetCurrentTimestamp();
	bool		is_killed = false;

	if (!is_reaped(child))
		kill(child->pid, SIGTERM);
	while (!is_reaped(child))
	{
		(void) WaitLatch(NULL, WL_TIMEOUT | WL_POSTMASTER_DEATH, POLL_TIME,
						 PG_WAIT_EXTENSION);
		if (is_killed ||
			!TimestampDifferenceExceeds(started, GetCurrentTimestamp(), GRACE_TIME))
			continue;
		if (!is_reaped(child))
			kill(child->pid, SIGKILL);
		is_killed = true;
	}

	/* not before: a child that cannot write would die of SIGPIPE */
	if (child->stderr_fd >= 0)
		close(child->stderr_fd);
	child->stderr_fd = -1;
}

/* Whether a line of pg_dump or pg_restore is more than progress. */
static bool
is_remark(const char *line, size_t length)
{
	return memmem(line, length, ": warning: ", 11) != NULL ||
		memmem(line, length, ": error: ", 9) != NULL ||
		memmem(line, length, ": detail: ", 10) != NULL ||
		memmem(line, length, ": hint: ", 8) != NULL;
}

/*
 * Drop the progress reports (--verbose: a line for each object) from all but
 * the last part of stderr.
 */
static void
drop_progress(RunningChild *child, StringInfo errors)
{
	char	   *end = errors->data + errors->len;
	char	   *recent = end - ERRORS_KEPT / 2;
	char	   *from = errors->data;
	char	   *to = errors->data;

	while (from < recent)
	{
		char	   *newline = memchr(from, '\n', end - from);
		size_t		length = (newline ? newline + 1 : end) - from;

		if (to - errors->data < WARNINGS_KEPT && is_remark(from, length))
		{
			memmove(to, from, length);
			to += length;
		}
		from += length;
	}
	memmove(to, from, end - from);
	errors->len = (to - errors->data) + (end - from);
	errors->data[errors->len] = '\0';
	child->room = errors->len + ERRORS_KEPT / 2;
}

/* Read from stderr.  Returns false at its end. */
static bool
read_errors(RunningChild *child, StringInfo errors)
{
	char		buffer[4096];
	ssize_t		got = read(child->stderr_fd, buffer, sizeof(buffer));

	if (got < 0)
		return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
	if (got == 0)
		return false;
	appendBinaryStringInfo(errors, buffer, got);
	if (errors->len > child->room)
		drop_progress(child, errors);
	return true;
}

/* Read stderr to its end, then wait until the child has ended. */
static void
wait_for_child(RunningChild *child, StringInfo errors)
{
	bool		is_open = true;

	while (is_open || !is_reaped(child))
	{
		int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
		int			rc;

		events |= is_open ? WL_SOCKET_READABLE : WL_TIMEOUT;
		rc = WaitLatchOrSocket(MyLatch, events,
							   is_open ? child->stderr_fd : PGINVALID_SOCKET,
							   is_open ? -1L : POLL_TIME, PG_WAIT_EXTENSION);
		if (rc & WL_LATCH_SET)
			ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (rc & WL_SOCKET_READABLE)
			is_open = read_errors(child, errors);
	}
}

/* Fork and exec.  The caller has armed end_child(). */
static void
start_child(const ChildCommand *command, RunningChild *child)
{
	pid_t		parent = getpid();
	sigset_t	all;
	sigset_t	before;
	int			ends[2];
	pid_t		pid;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create a pipe: %m")));
	child->stderr_fd = ends[0];
	/* the child goes on while nobody reads; if this is refused, it waits sooner */
	(void) fcntl(ends[0], F_SETPIPE_SZ, PIPE_SIZE);

	/* block signals: no handler of this backend may run in the child */
	sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
	{
		/* the child's own end must block */
		(void) fcntl(ends[1], F_SETFL, 0);
		become_program(command, ends[1], parent);
	}
	if (pid > 0)
		child->pid = pid;
	(void) sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (pid < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start \"%s\": %m", command->argv[0])));
}

int
pgcopy_child_run(const ChildCommand *command, StringInfo errors)
{
	RunningChild *child = palloc0(sizeof(RunningChild));

	Assert(command->stdout_fd >= 0);
	child->stderr_fd = -1;
	child->room = ERRORS_KEPT;
	PG_ENSURE_ERROR_CLEANUP(end_child, PointerGetDatum(child));
	{
		start_child(command, child);
		if (command->meanwhile.run != NULL)
			command->meanwhile.run(command->meanwhile.arg);
		wait_for_child(child, errors);
	}
	PG_END_ENSURE_ERROR_CLEANUP(end_child, PointerGetDatum(child));

	close(child->stderr_fd);
	return child->status;
}

char *
pgcopy_child_clean(const char *text, size_t length)
{
	char	   *result = pnstrdup(text, length);

	if (!pg_verifymbstr(result, strlen(result), true))
		for (char *p = result; *p; p++)
			if (IS_HIGHBIT_SET(*p))
				*p = '?';
	return result;
}

char *
pgcopy_child_words(const StringInfo errors)
{
	char	   *words = errors->data;
	int			length = errors->len;
	char	   *newline;

	while (length > 0 && isspace((unsigned char) words[length - 1]))
		length--;
	if (length <= WORDS_SHOWN)
		return pgcopy_child_clean(words, length);

	/* why it failed is at the end; begin with a whole line, if there is one */
	words += length - WORDS_SHOWN;
	length = WORDS_SHOWN;
	newline = memchr(words, '\n', length);
	if (newline == NULL)
		return psprintf("...%s", pgcopy_child_clean(words, length));
	length -= newline + 1 - words;
	return psprintf("...\n%s", pgcopy_child_clean(newline + 1, length));
}
