/* SPDX-License-Identifier: Apache-2.0 */
/* The status of an actor: of ours from its struct, of another one by `$sys_status`. */
#include <errno.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/sys.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"

/* A runtime that lacks `life` has a `status` with fewer words. */
static int life_of_word(const char *word)
{
	for (int life = ACTOR_LIFE_DEAD + 1; life <= ACTOR_LIFE_STOPPING; life++)
		if (!strcmp(word, actor_life_word(life)))
			return life;
	return strcmp(word, "ending") ? ACTOR_LIFE_RUNNING : ACTOR_LIFE_STOPPING;
}

static int life_of_reply(const actor_msg *reply)
{
	const char *life = NULL, *status = NULL;
	int r = actor_msg_unpack(reply, "{s:s?, s:s?}", "life", &life, "status", &status);

	if (r < 0)
		return -EPROTO;
	return life ? life_of_word(life) : status ? life_of_word(status) : -EPROTO;
}

int actor_status(actor *self, actor_ref who, int64_t timeout_ms)
{
	actor_group *group = self ? self->group : NULL;
	const struct actor *found;
	actor_msg *reply;
	int r;

	if (!self || !who.serial)
		return -EINVAL;
	if (who.node != group->node)
		return ACTOR_LIFE_DEAD;
	if (who.group == group->id) {
		found = actor_find(group, who.serial);
		return found ? (int)sys_life(found) : ACTOR_LIFE_DEAD;
	}
	r = actor_call(self, actor_to(who), METHOD_SYS_STATUS, timeout_ms, &reply, "");
	if (r == 0)
		r = life_of_reply(reply);
	actor_msg_free(reply);
	return r == -ESRCH ? ACTOR_LIFE_DEAD : r;
}
