/*-------------------------------------------------------------------------
 *
 * charge.c
 *	  A database in the charge of the coordinator: its state, and errands there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "server/coordinator.h"
#include "server/visit.h"

bool
pgcopy_charge_is(const Charge *charge, const char *state)
{
	return strcmp(charge->database->state, state) == 0;
}

static void
set_state(Charge *charge, const char *state)
{
	charge->database->state = unconstify(char *, state);
}

void
pgcopy_charge_note(Coordinator *coordinator, Charge *charge, const char *state,
				   const ServerReport *report)
{
	if (report->job != 0)
		charge->database->job = report->job;
	set_state(charge, state);
	pgcopy_process_begin_transaction();
	pgcopy_server_store(coordinator->clone->id, charge->database,
						report->message[0] == '\0' ? NULL : report->message,
						&report->totals);
	pgcopy_process_end_transaction();
}

void
pgcopy_charge_note_error(Coordinator *coordinator, Charge *charge, const char *message)
{
	set_state(charge, SERVER_FAILED);
	pgcopy_process_begin_transaction();
	pgcopy_server_move_database(coordinator->clone->id, charge->database->no,
								SERVER_FAILED, message);
	pgcopy_process_end_transaction();
}

bool
pgcopy_charge_visit(Coordinator *coordinator, Charge *charge, ServerErrand errand,
					ServerReport *report)
{
	ServerSeat *seat = &coordinator->area->seats[charge->seat];
	Visit		visit = {
		.area = coordinator->area,
		.server = coordinator->handle,
		.seat = charge->seat,
		.database = charge->oid,
		.owner = coordinator->clone->owner
	};

	seat->errand = errand;
	seat->choice = coordinator->choice;
	seat->is_new = charge->database->is_new;
	seat->with_roles = charge == coordinator->scout;
	if (!pgcopy_visit_make(&visit))
		return false;
	pgcopy_server_area_read(coordinator->area, charge->seat, report);
	return true;
}
