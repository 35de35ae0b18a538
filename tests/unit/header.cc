/* SPDX-License-Identifier: Apache-2.0 */
// The public headers compile as C++, and the functions that they declare are found in the library.
#include <actor/actor.h>
#include <actor/overload.h>
#include <actor/pool.h>
#include <actor/port.h>
#include <actor/supervisor.h>
#include <actor/test.h>
#include <actor/trace.h>

int main()
{
	char text[ACTOR_REF_TEXT_MAX];
	actor_ref ref, nobody = {};

	if (actor_ref_parse(actor_ref_format(nobody, text), &ref) < 0)
		return 1;
	return actor_ref_is_nobody(ref) && actor_ref_equal(ref, nobody) ? 0 : 1;
}
