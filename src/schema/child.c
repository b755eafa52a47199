/*-------------------------------------------------------------------------
 *
 * child.c
 *	  Run a program and wait for it, interruptibly.
 *
 * fork and exec, without a shell.  OpenPipeStream and popen would not do:
 * neither can be interrupted while pg_dump waits for a lock, and closing the
 * stream while a transaction is aborted waits for the child.
 *
 * What the child gets: descriptors 0 to 2, one or two more for secrets, no
 * others (files of this server may be open without O_CLOEXEC); default
 * signals, none blocked; the environment it is given and nothing else.  It
 * stays in this backend's process group, so an immediate shutdown reaches it,
 * and it gets SIGTERM when this backend dies without a word.
 *
 * pg_dump ends its query on the source when it gets SIGTERM.  SIGKILL would
 * leave the source's session waiting for its lock, so it comes second.  The
 * child is ended in a before_shmem_exit callback as well as in PG_CATCH: FATAL
 * (pg_terminate_backend) does not pass through PG_CATCH.
 *
 * Output goes to memory files, so that there is only one pipe to watch.
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
#define LIFTED			10		/* above all places for descriptors */

typedef struct RunningChild
{
	pid_t		pid;			/* 0 once it is reaped */
	int			stderr_fd;
	int			status;
	int			room;			/* for what it says, before some is dropped */
} RunningChild;

typedef struct Mapping
{
	void	   *address;
	size_t		length;
} Mapping;

/* Close a descriptor when its memory context goes away. */
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

	/* libpq insists on it for a password file */
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

/* In the child: close every descriptor from "first" on. */
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

/* In the child: put a descriptor in its place, open across exec. */
static void
place_descriptor(int fd, int place)
{
	if (dup2(fd, place) < 0)
		_exit(127);
}

/* In the child: no file may grow beyond this; a write fails, nobody dies. */
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
 * In the child, between fork and exec: only what is safe after fork in a
 * process that may hold any lock.
 *
 * All descriptors are first lifted out of the way, so that putting one in its
 * place cannot overwrite another.
 */
static void
become_program(const ChildCommand *command, int stderr_fd, pid_t parent)
{
	int			wanted[5];
	sigset_t	none;

	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);

	wanted[0] = command->stdin_fd >= 0 ? command->stdin_fd :
		open("/dev/null", O_RDONLY);
	wanted[1] = command->stdout_fd;
	wanted[2] = stderr_fd;
	wanted[3] = command->secret_fd;
	wanted[4] = command->second_secret_fd;
	for (int i = 0; i < 5; i++)
		if (wanted[i] >= 0)
			wanted[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, LIFTED);
	for (int i = 0; i < 5; i++)
	{
		if (wanted[i] >= 0)
			place_descriptor(wanted[i], i);
		else
			close(i);			/* may be a file of this server */
	}
	close_from(5);

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

/* Reap the child if it has ended; true when there is none any more. */
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
		child->status = -1;		/* somebody else has: nothing is known */
	child->pid = 0;
	return true;
}

/* Let some time go by, without a look at interrupts. */
static void
wait_a_moment(void)
{
	(void) WaitLatch(NULL, WL_TIMEOUT | WL_POSTMASTER_DEATH, POLL_TIME,
					 PG_WAIT_EXTENSION);
}

/*
 * End the child and close what is left of it.  Runs on the way out of an
 * error or of the process: throws nothing, and takes no interrupt.
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
		wait_a_moment();
		if (is_killed ||
			!TimestampDifferenceExceeds(started, GetCurrentTimestamp(), GRACE_TIME))
			continue;
		if (!is_reaped(child))
			kill(child->pid, SIGKILL);
		is_killed = true;
	}

	/* Not before: a child that cannot write would die of SIGPIPE. */
	if (child->stderr_fd >= 0)
		close(child->stderr_fd);
	child->stderr_fd = -1;
}

/* Whether a line of PostgreSQL's programs is more than progress. */
static bool
is_remark(const char *line, size_t length)
{
	return memmem(line, length, ": warning: ", 11) != NULL ||
		memmem(line, length, ": error: ", 9) != NULL ||
		memmem(line, length, ": detail: ", 10) != NULL ||
		memmem(line, length, ": hint: ", 8) != NULL;
}

/*
 * Drop the older half of what was said, but for what it warned of: with
 * --verbose that is a line for each object.
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

/* Read what there is on stderr.  Returns false at its end. */
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

/* Wait until the child has closed stderr, then until it has ended. */
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

/* Fork and exec.  The caller's clean-up is armed already. */
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

	/* No handler of this backend may run in the child: signals off. */
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

	child->stderr_fd = -1;
	child->room = ERRORS_KEPT;
	PG_ENSURE_ERROR_CLEANUP(end_child, PointerGetDatum(child));
	{
		start_child(command, child);
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
	int			length = errors->len;

	while (length > 0 && isspace((unsigned char) errors->data[length - 1]))
		length--;
	if (length > WORDS_SHOWN)
		length = pg_mbcliplen(errors->data, length, WORDS_SHOWN);
	return pgcopy_child_clean(errors->data, length);
}
