/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/listing.h"

#include <string.h>

#include "libactor/protocol/names.h"
#include "tools/view/message.h"

#define PART_MAX 16384 /* the broker tells no more at once */

int listing_ask(
	const struct ctl *ctl, struct session *session, const char *method, json_t *take_head, json_t **ret)
{
	int64_t timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS);
	const actor_dest broker = actor_named(NAME_BROKER);
	json_t *all = json_array(), *after = json_string("");
	struct session_error error;
	int r;

	do {
		json_t *part = NULL, *last, *args = json_copy(take_head);

		json_array_append_new(args, json_integer(PART_MAX));
		json_array_append(args, after);
		r = session_ask(session, &broker, method, args, timeout_ms, &part, &error);
		last = json_array_get(part, json_array_size(part) - 1);
		json_decref(after);
		after = json_is_string(last) ? json_incref(last) : NULL;
		if (after)
			json_array_remove(part, json_array_size(part) - 1);
		json_array_extend(all, part);
		json_decref(part);
	} while (!r && after);
	json_decref(after);
	json_decref(take_head);
	if (!r) {
		*ret = all;
		return 0;
	}
	json_decref(all);
	return message_fail(ctl, "ask", NAME_BROKER, method, r, &error, timeout_ms);
}
