#include "waits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "member.h"

struct wait {
	struct list by_queue;
	struct list by_member; /* member.waits */
	struct member *member;
	bool routed;
	size_t size_bytes;
	uint8_t bytes[];
};

void waits_init(struct waits *waits)
{
	*waits = (struct waits){0};
	list_init(&waits->due);
}

int waits_add(struct member *member, struct list *queue, const struct wire_frame *frame, bool routed)
{
	struct wait *wait;

	if (!quota_take(member, QUOTA_WAITING, sizeof(*wait) + frame->raw_bytes))
		return -EDQUOT;
	wait = malloc(sizeof(*wait) + frame->raw_bytes);
	if (!wait) {
		quota_give(member, QUOTA_WAITING, sizeof(*wait) + frame->raw_bytes);
		return -ENOMEM;
	}
	*wait = (struct wait){.member = member, .routed = routed, .size_bytes = frame->raw_bytes};
	memcpy(wait->bytes, frame->raw, frame->raw_bytes);
	list_append(queue, &wait->by_queue);
	list_append(&member->waits, &wait->by_member);
	member->broker->waits.n++;
	member->n_waits_routed += routed;
	return 0;
}

static void wait_unlink(struct wait *wait)
{
	list_remove(&wait->by_queue);
	list_remove(&wait->by_member);
	wait->member->broker->waits.n--;
	wait->member->n_waits_routed -= wait->routed;
	quota_give(wait->member, QUOTA_WAITING, sizeof(*wait) + wait->size_bytes);
}

void waits_release(struct broker *broker, struct list *queue)
{
	list_splice(&broker->waits.due, queue);
}

void waits_run(struct broker *broker)
{
	while (!list_is_empty(&broker->waits.due)) {
		struct wait *wait = container_of(broker->waits.due.next, struct wait, by_queue);
		struct wire_frame frame;
		size_t used;

		wait_unlink(wait);
		if (!wait->member->doomed && wire_parse(wait->bytes, wait->size_bytes, &frame, &used) == 1)
			broker_frame(broker, wait->member, &frame);
		free(wait);
	}
}

void waits_forget(struct member *member)
{
	list_for_each_safe(it, &member->waits) {
		struct wait *wait = container_of(it, struct wait, by_member);

		wait_unlink(wait);
		free(wait);
	}
}
