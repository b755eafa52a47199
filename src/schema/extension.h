/*-------------------------------------------------------------------------
 *
 * extension.h
 *	  Statements of the dump that an extension here has made needless.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_EXTENSION_H
#define PGCOPY_EXTENSION_H

#include "nodes/nodes.h"

/*
 * Whether to leave the statement out: CREATE SCHEMA of a schema that an extension
 * here is in, or COMMENT ON EXTENSION with the comment that it has, or on one of
 * another owner's (source/preflight_extensions.c tells).
 */
extern bool pgcopy_extension_has_made(const Node *node);

#endif							/* PGCOPY_EXTENSION_H */
