/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/story.h"

#include <stdio.h>
#include <string.h>

char story_log[8192];
bool story_stays;

void note(const char *format, ...)
{
	size_t at = strlen(story_log);
	va_list args;

	va_start(args, format);
	vsnprintf(story_log + at, sizeof(story_log) - at, format, args);
	va_end(args);
}

int driver_run(actor *self, const actor_msg *msg)
{
	uint64_t address;

	assert_int_equal(actor_msg_unpack(msg, "U", &address), 0);
	((story_fn)(uintptr_t)address)(self);
	if (!story_stays)
		actor_group_stop(actor_group_of(self));
	return 0;
}

int driver_end(actor *self, const actor_msg *msg)
{
	actor_group_stop(actor_group_of(self));
	return 0;
}

int driver_init(actor *self, const void *arg)
{
	return actor_cast(
		self, actor_to(actor_self(self)), "run", "U", (uint64_t)(uintptr_t) * (const story_fn *)arg);
}

static const struct actor_method driver_methods[] = {DRIVER_METHODS, {0}};
const struct actor_behavior story_driver = {.name = "driver", .methods = driver_methods, .init = driver_init};

actor_group *story_group(const struct actor_behavior *driver, story_fn fn)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	story_log[0] = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, driver, &fn, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	return group;
}

void story_of(const struct actor_behavior *driver, story_fn fn)
{
	actor_group_free(story_group(driver, fn));
}
