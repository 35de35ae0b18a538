/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/pg.h"

#include "libactor/protocol/names.h"
#include "tools/view/message.h"

int pg_of_args(const struct ctl *ctl, const struct args *args, struct pg_name *ret)
{
	const char *scope = args_value(args, "scope");
	int status = scope ? session_check_name(ctl, scope) : 0;

	if (!status && args->n_values)
		status = session_check_name(ctl, args->values[0]);
	*ret = (struct pg_name){scope ? scope : ACTOR_PG_SCOPE, args->n_values ? args->values[0] : NULL};
	return status;
}

int pg_ask(
	const struct ctl *ctl, struct session *session, const char *method, json_t *take_args, json_t **ret)
{
	int64_t timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS);
	const actor_dest broker = actor_named(NAME_BROKER);
	struct session_error error;
	int r = session_ask(session, &broker, method, take_args, timeout_ms, ret, &error);

	return r ? message_fail(ctl, "ask", NAME_BROKER, method, r, &error, timeout_ms) : 0;
}

int pg_members(const struct ctl *ctl, struct session *session, const struct pg_name *pg, json_t **ret)
{
	json_t *entries = NULL, *members;
	const json_t *entry;
	int status;
	size_t i;

	status = pg_ask(ctl, session, "pg_members", json_pack("[ss]", pg->scope, pg->group), &entries);
	if (status)
		return status;
	members = json_array();
	json_array_foreach(entries, i, entry)
		json_array_append_new(
			members, json_pack("{sOsOsO?}", "ref", json_array_get(entry, 0), "id",
					 json_array_get(entry, 1), "metadata", json_array_get(entry, 2)));
	json_decref(entries);
	if (json_array_size(members)) {
		*ret = members;
		return 0;
	}
	json_decref(members);
	return pg_fail_nobody(ctl, pg);
}

int pg_fail_nobody(const struct ctl *ctl, const struct pg_name *pg)
{
	return ctl_fail(ctl, CTL_NO_NAME, ERROR_NOPROC, "see actorctl pg ls",
		"no actor is a member of '%s' in scope '%s'", pg->group, pg->scope);
}
