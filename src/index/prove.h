/*-------------------------------------------------------------------------
 *
 * prove.h
 *	  Prove that sorted records are in the server's order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_PROVE_H
#define PGCOPY_PROVE_H

#include "index/record.h"

/* Returns why the server must build the index, or NULL. */
extern const char *pgcopy_prove_order(const Records *records);

#endif							/* PGCOPY_PROVE_H */
