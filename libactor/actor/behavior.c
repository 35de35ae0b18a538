/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/behavior.h"

#include <errno.h>
#include <stdlib.h>

#include "libactor/base/base.h"
#include "libactor/util/list.h"
#include "libactor/util/sized.h"

#define FIRST_BYTES offsetof(struct actor_behavior, on_pg) /* the size in version 0.1 */

struct behavior_copy {
	struct list link; /* group->behaviors */
	const struct actor_behavior *of;
	struct actor_behavior copy;
};

int behavior_known(actor_group *group, const struct actor_behavior **behavior, size_t behavior_bytes)
{
	struct behavior_copy *copy;
	int r = *behavior ? sized_check(*behavior, behavior_bytes, FIRST_BYTES, sizeof(**behavior)) : -EINVAL;

	if (r < 0 || behavior_bytes >= sizeof(**behavior))
		return r;
	list_for_each(it, &group->behaviors) {
		copy = container_of(it, struct behavior_copy, link);
		if (copy->of == *behavior) {
			*behavior = &copy->copy;
			return 0;
		}
	}
	copy = calloc(1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	copy->of = *behavior;
	r = sized_read(&copy->copy, sizeof(copy->copy), *behavior, behavior_bytes, FIRST_BYTES);
	if (r < 0) {
		free(copy);
		return r;
	}
	list_append(&group->behaviors, &copy->link);
	*behavior = &copy->copy;
	return 0;
}

void behaviors_free(actor_group *group)
{
	struct list *it;

	while ((it = list_pop(&group->behaviors)))
		free(container_of(it, struct behavior_copy, link));
}
