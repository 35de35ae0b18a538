/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that the verbs of pg share: they read the name of the process group and ask for its members. */
#pragma once

#include <jansson.h>

#include "tools/view/ctl.h"
#include "tools/view/session.h"

#define PG_SCOPE_OPTION                                                                                      \
	{                                                                                                    \
		's', "scope", OPTION_VALUE, "SCOPE", "the scope of the process group (default pg)"           \
	}
#define PG_DETAILS                                                                                           \
	"A process group is a set of actors under a name, in a scope. It is there while it has members, "    \
	"see actor_pg_join() in actor.h.\n"

struct pg_name {
	const char *scope;
	const char *group; /* NULL: all process groups */
};

/*
 * Reads --scope and the first argument, if there is one. 0, or the exit status after the report that one of
 * them cannot be a name.
 */
int pg_of_args(const struct ctl *ctl, const struct args *args, struct pg_name *ret);

/*
 * Calls a method of the broker. @take_args: an array. 0, and *ret is the result; or the exit status after the
 * failure was reported.
 */
int pg_ask(
	const struct ctl *ctl, struct session *session, const char *method, json_t *take_args, json_t **ret);

/*
 * pg_members() - asks for the memberships, in the order of joining and in the form of --json
 * @ret: [{"ref":, "id":, "metadata":} …], at least one
 *
 * Return: 0, or the exit status after the failure was reported. It is a failure if there is no member.
 */
int pg_members(const struct ctl *ctl, struct session *session, const struct pg_name *pg, json_t **ret);
int pg_fail_nobody(const struct ctl *ctl, const struct pg_name *pg);
