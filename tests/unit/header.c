/* SPDX-License-Identifier: Apache-2.0 */
/* FIRST is included before everything else, so that header must stand alone. */
#include FIRST
#include <actor/actor.h>
#include <actor/overload.h>
#include <actor/pool.h>
#include <actor/port.h>
#include <actor/supervisor.h>
#include <actor/test.h>
#include <actor/trace.h>

int main(void)
{
	char text[ACTOR_REF_TEXT_MAX];
	actor_ref ref;

	if (actor_ref_parse(actor_ref_format(ACTOR_NOBODY, text), &ref) < 0)
		return 1;
	return actor_ref_is_nobody(ref) && actor_ref_equal(ref, ACTOR_NOBODY) ? 0 : 1;
}
