/*-------------------------------------------------------------------------
 *
 * timeouts.h
 *	  The timeouts that a role, a database or a server may set, of all versions.
 *
 * None may end our work, here or on the source: on both sides our processes set
 * them to 0, where they are known.  Those that are not here do not concern us:
 * deadlock_timeout is no limit, others belong to the server's own processes, and
 * wal_sender_timeout to who receives a stream.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_TIMEOUTS_H
#define PGCOPY_TIMEOUTS_H

/*
 * Expand to each(name) for all of them.  tcp_user_timeout would end sessions of the
 * source whose rows we are slow to read.
 */
#define PGCOPY_TIMEOUTS(each) \
	each("statement_timeout") \
	each("lock_timeout") \
	each("idle_in_transaction_session_timeout") \
	each("tcp_user_timeout")			/* 12 */ \
	each("idle_session_timeout")		/* 14 */ \
	each("transaction_timeout")			/* 17 */

#endif							/* PGCOPY_TIMEOUTS_H */
