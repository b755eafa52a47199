/*-------------------------------------------------------------------------
 *
 * link.h
 *	  The link to the source: one session, its snapshot, and what to do when
 *	  they are lost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LINK_H
#define PGCOPY_LINK_H

#include "link/link_state.h"
#include "nodes/pg_list.h"
#include "source/session.h"

/* After how many seconds of silence of the source people are told. */
#define SILENCE_NOTED 10

typedef struct SourceLink SourceLink;

/*
 * What a link needs of its owner, and tells it.  Copied; the strings must live
 * as long as the link does.
 */
typedef struct LinkOwner
{
	const char *conninfo;		/* as the user wrote it; secret */
	Oid			role;			/* whose credentials it uses */
	const char *name;			/* of the session on the source */
	const char *look_name;		/* of one that looks who blocks it */
	void	   *arg;			/* of the functions below */

	/* These may be NULL.  A new session has reached the source here. */
	void		(*set_address) (void *arg, const SourceAddress *address);
	/* Tell people what is waited for, or that nothing is: NULL. */
	void		(*tell) (void *arg, const char *message);

	/* Whether the user wants the work to end. */
	bool		(*is_cancelled) (void);

	/*
	 * What follows is for links that import or find a snapshot, read in
	 * attempts, or are looked after.
	 */

	/*
	 * The session holds the snapshot under this name, in a transaction; or it
	 * does not any more: NULL, outside.
	 */
	void		(*set_snapshot) (void *arg, const char *name);
	/* The names under which others hold it: a List of char *. */
	List	   *(*get_snapshots) (void *arg);
	/* Throw: this has changed on the source since the snapshot was taken. */
	void		(*report_changed) (void *arg, const char *what);
	/* Record why the source or the session was lost.  Outside a transaction. */
	void		(*record) (void *arg, const ErrorData *error);
	/* Transactions.  The last one is called when an ERROR has been flushed. */
	void		(*begin) (void *arg);
	void		(*commit) (void *arg);
	void		(*abort) (void *arg);
	/* Wait for the latch, at most so many ms; interruptibly. */
	void		(*wait) (long timeout);
} LinkOwner;

/* In the current memory context; its session is closed when that goes. */
extern SourceLink *pgcopy_link_create(const LinkOwner *owner);

extern LinkState pgcopy_link_state(const SourceLink *link);

/* The session, or NULL; what it was opened with, as long as it is open. */
extern SourceSession *pgcopy_link_session(const SourceLink *link);
extern const SourceConninfo *pgcopy_link_conninfo(const SourceLink *link);

/* Whether the session holds a snapshot; whether one is to be found again. */
extern bool pgcopy_link_has_snapshot(const SourceLink *link);
extern bool pgcopy_link_keeps_snapshot(const SourceLink *link);

/* Open a session.  In a transaction. */
extern void pgcopy_link_open(SourceLink *link);

/* Close the session, snapshot and locks with it, whatever the state is. */
extern void pgcopy_link_close(SourceLink *link);

/* All rows are here: close it, and do not wait for a source that is away. */
extern void pgcopy_link_let_go(SourceLink *link);

/*
 * Begin to read through the session: under a savepoint of its snapshot, or in a
 * session of its own where there is none.  Harmless when that has begun.  The
 * end of it gives the session back as it was, in the midst of an answer or not.
 */
extern SourceSession *pgcopy_link_begin_reading(SourceLink *link);
extern void pgcopy_link_end_reading(SourceLink *link);

/*
 * Export a snapshot, read what relations there are and lock them.  Returns its
 * name; NULL when the source has changed meanwhile, *what says where.
 */
extern char *pgcopy_link_take_snapshot(SourceLink *link, List **relations,
									   char **what);

/*
 * Import a snapshot that somebody else holds, and lock what it sees.  content:
 * what it sees, where that is known (source/snapshot.h); NULL takes any.  False
 * when it is gone.
 */
extern bool pgcopy_link_import_snapshot(SourceLink *link, const char *name,
										const char *content);

/*
 * From now on find the snapshot again when the session is lost.  Returns what
 * it sees, as text.
 */
extern const char *pgcopy_link_keep_snapshot(SourceLink *link);

/*
 * Begin a transaction of the session with the snapshot of the first of these
 * names that still stands for it.  Returns the name under which this session
 * holds it, or NULL.  Needs no link.
 */
extern char *pgcopy_link_find_snapshot(SourceSession *session, List *names,
									   const char *content);

/* What came of an attempt to read the source at one moment. */
typedef enum LinkReading
{
	READING_DONE,
	READING_CHANGED,			/* the source has, meanwhile: try again */
	READING_AWAY,				/* the source is: try again when it is back */
	READING_GONE				/* the snapshot is */
} LinkReading;

/*
 * One attempt, from pgcopy_link_open() on, in a transaction.  Returns anything
 * but AWAY, with *what for CHANGED: nothing that it has done stays then.
 */
typedef LinkReading (*LinkAttempt) (void *arg, char **what);

/*
 * Attempts, as often as the source may change and as long as it may be away.
 * Returns DONE or GONE.  Outside a transaction.
 */
extern LinkReading pgcopy_link_read(SourceLink *link, LinkAttempt attempt,
									void *arg);

/*
 * Look after the link, often: ask the session whether it is alive, replace one
 * that is lost, with the snapshot where one is to be kept, and wait for a source
 * that is away.  Returns the state that comes of it.  Throws when the source has
 * been away too long or too often.  Outside a transaction.
 */
extern LinkState pgcopy_link_look_after(SourceLink *link);

/* The session has just answered, or need not be asked before its time. */
extern void pgcopy_link_note_seen(SourceLink *link);

/* Somebody could not reach the source: do not wait for that time. */
extern void pgcopy_link_doubt(SourceLink *link);

/*
 * The snapshot is gone and all is to start over.  False when the source was
 * lost too often for that.
 */
extern bool pgcopy_link_start_over(SourceLink *link);

#endif							/* PGCOPY_LINK_H */
