/*-------------------------------------------------------------------------
 *
 * link.h
 *	  The link to the source: a session, its snapshot, and what to do when
 *	  they are lost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_LINK_H
#define PGCOPY_LINK_H

#include "link/link_state.h"
#include "nodes/pg_list.h"
#include "source/session.h"

/* Report a silent source after this many seconds. */
#define SILENCE_NOTED 10

typedef struct SourceLink SourceLink;

/*
 * What a link asks of its owner and tells it.  The link copies the struct; the
 * strings must outlive the link.
 */
typedef struct LinkOwner
{
	const char *conninfo;		/* as the user wrote it; secret */
	Oid			role;			/* whose credentials it uses */
	const char *name;			/* of the session on the source */
	const char *look_name;		/* of a session that looks for a blocker */
	void	   *arg;			/* of the functions below */

	/* May be NULL. A new session has reached the source here. */
	void		(*set_address) (void *arg, const SourceAddress *address);
	/* May be NULL. Show what the link waits for; NULL: for nothing. */
	void		(*tell) (void *arg, const char *message);

	/* Has the user cancelled the work? */
	bool		(*is_cancelled) (void);

	/*
	 * Only for links that import or keep a snapshot, read in attempts, or are
	 * looked after.
	 */

	/*
	 * The session holds the snapshot under this name, in a transaction; NULL:
	 * it has lost it, outside a transaction.
	 */
	void		(*set_snapshot) (void *arg, const char *name);
	/* Names under which others hold the snapshot: List of char *. */
	List	   *(*get_snapshots) (void *arg);
	/*
	 * May be NULL: all.  Choose, by the catalogs as a new snapshot sees them, the
	 * relations to list and to lock: the literal of an oid[], or NULL for all.
	 */
	const char *(*choose) (void *arg, SourceSession *session);
	/*
	 * May be NULL: the link takes its own.  Give a new snapshot of the source by
	 * its name there, which lives until the link's session has imported it.
	 */
	char	   *(*give_snapshot) (void *arg);
	/* Throw: "what" has changed on the source since the snapshot. */
	void		(*report_changed) (void *arg, const char *what);
	/* Record why the session was lost.  Outside a transaction. */
	void		(*record) (void *arg, const ErrorData *error);
	/* Transactions.  "abort" runs after FlushErrorState(). */
	void		(*begin) (void *arg);
	void		(*commit) (void *arg);
	void		(*abort) (void *arg);
	/* Wait for the latch, interruptibly, for at most "timeout" ms. */
	void		(*wait) (long timeout);
} LinkOwner;

/* Create a link in the current memory context; its session closes with that. */
extern SourceLink *pgcopy_link_create(const LinkOwner *owner);

extern LinkState pgcopy_link_state(const SourceLink *link);

/* The open session and its connection string, or NULL. */
extern SourceSession *pgcopy_link_session(const SourceLink *link);
extern const SourceConninfo *pgcopy_link_conninfo(const SourceLink *link);

/*
 * Ask the source by a session of its own while the link's is busy.  Returns the answer,
 * in the current memory context; NULL: it has none, or there is no such session.
 */
typedef char *(*LinkQuestion) (SourceSession *session, SourceLink *link);
extern char *pgcopy_link_ask_beside(SourceLink *link, LinkQuestion question);

/*
 * Say what the session is asked for, for messages when that takes long, until it is
 * NULL again.  The string must live as long.
 */
extern void pgcopy_link_set_errand(SourceLink *link, const char *errand);

/* Does the session hold a snapshot?  Is a lost one to be found again? */
extern bool pgcopy_link_has_snapshot(const SourceLink *link);
extern bool pgcopy_link_keeps_snapshot(const SourceLink *link);

/* Open a session.  Called in a transaction. */
extern void pgcopy_link_open(SourceLink *link);

/* Close the session, its snapshot and its locks, in any state. */
extern void pgcopy_link_close(SourceLink *link);

/* Close the link once all rows are here, even if the source is away. */
extern void pgcopy_link_let_go(SourceLink *link);

/*
 * Begin to read: under a savepoint of the session's snapshot, or in a new
 * session if there is no snapshot to keep.  A second call does nothing.  Ending
 * restores the session, even in the middle of an answer.
 */
extern SourceSession *pgcopy_link_begin_reading(SourceLink *link);
extern void pgcopy_link_end_reading(SourceLink *link);

/*
 * Lock the present relations, export a snapshot, list what it sees of those that the
 * owner chooses, and lock that.  present: an oid[] to lock before the snapshot, NULL
 * for all.  Returns the snapshot's name, or NULL with *what if the source changed
 * meanwhile.
 */
extern char *pgcopy_link_take_snapshot(SourceLink *link, const char *present,
									   List **relations, char **what);

/* Whether what was chosen still is what the snapshot sees; *what as above. */
extern bool pgcopy_link_still_true(SourceLink *link, char **what);

/* Say that this will be asked, of what is so when the next question is (source/ahead.h). */
extern void pgcopy_link_foresee_true(SourceLink *link);

/*
 * Import a snapshot and lock what it sees. content: what it must see
 * (source/snapshot.h); NULL accepts any.  only: the relations to lock, an oid[]; NULL:
 * all.  Returns false if the snapshot is gone.
 */
extern bool pgcopy_link_import_snapshot(SourceLink *link, const char *name,
										const char *content, const char *only);

/*
 * Keep the snapshot: find it again if the session is lost.  Returns what it
 * sees, as text.
 */
extern const char *pgcopy_link_keep_snapshot(SourceLink *link);

/*
 * Begin a transaction with the first of these snapshots that still exists and
 * sees "content".  Returns the name under which this session holds it, or NULL.
 * Needs no link.
 */
extern char *pgcopy_link_find_snapshot(SourceSession *session, List *names,
									   const char *content);

/* The result of an attempt to read the source at one moment. */
typedef enum LinkOutcome
{
	ATTEMPT_DONE,
	ATTEMPT_CHANGED,			/* the source changed meanwhile: try again */
	ATTEMPT_AWAY,				/* the source is away: try again later */
	ATTEMPT_GONE				/* the snapshot is gone */
} LinkOutcome;

/*
 * One attempt, starting with pgcopy_link_open(), in a transaction.  Never
 * returns AWAY. For CHANGED it sets *what, and the caller rolls back.
 */
typedef LinkOutcome (*LinkAttempt) (void *arg, char **what);

/*
 * Repeat the attempt while the source changes or is away, within limits.
 * Returns DONE or GONE. Called outside a transaction.
 */
extern LinkOutcome pgcopy_link_read(SourceLink *link, LinkAttempt attempt,
									void *arg);

/*
 * Call often: ping the session, replace a lost one (with its snapshot if it is
 * kept), retry a source that is away.  Returns the resulting state; throws if
 * the source was away too long or too often.  Called outside a transaction.
 */
extern LinkState pgcopy_link_look_after(SourceLink *link);

/* The session has just answered: postpone the next ping. */
extern void pgcopy_link_note_seen(SourceLink *link);

/* Somebody could not reach the source: check the link at once. */
extern void pgcopy_link_doubt(SourceLink *link);

/* Start over after GONE. Returns false if the source was lost too often. */
extern bool pgcopy_link_start_over(SourceLink *link);

#endif							/* PGCOPY_LINK_H */
