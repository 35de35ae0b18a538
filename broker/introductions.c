/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair is two groups that have, want or had a pipe, or of which one monitors the other. `up` of an end is
 * set when the broker told that end to make the pipe, or that end announced it. It is cleared when that end
 * says that the pipe is gone. A new pipe is begun only when `up` of both is clear. So no end ever has two
 * pipes with the same group, and no frame of an old pipe comes after one of a new pipe.
 *
 * No time-out ends an introduction: a group that does not answer is busy, and the asker waits. An
 * introduction ends when one of the two groups reports a failure, or when one of the two groups ends.
 *
 * A group that has a door is dialled there. It is told which group to expect, and at the same time the other
 * group is told where to dial. Two groups without doors (or of different users) make a socket for each pipe:
 * the listener is told first, and the dialer after the listener has said that it listens.
 */
#include "broker/introductions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

#define PATH_BYTES 4352

/*
 * An `admit` call that waits until the other group has said hello, since then the broker knows that group's
 * process. Each process that claims to be the other group has an entry of its own.
 */
struct admit {
	struct list pipe; /* pair_end.admits */
	actor_ref from;
	uint64_t id;
	uid_t uid;
	pid_t pid;
};

struct pair_end {
	struct list by_member; /* member.pairs */
	struct pair *pair;
	struct member *member;
	bool up;
	bool monitors; /* must be told when the other group ends */
	/*
	 * its `introduce` call waits until the other group is there and has no old pipe; the answer goes to
	 * ask_from
	 */
	bool asks;
	actor_ref ask_from;
	uint64_t ask_id;
	struct list admits; /* struct admit */
};

struct pair {
	struct hash_node node;  /* introductions.pairs */
	struct hash_node open;  /* introductions.open, while id is not 0 */
	struct pair_end end[2]; /* lower group id first */
	struct member *charged;
	/* id of the introduction, until both ends have said that the pipe is gone; 0: there is none */
	uint64_t id;
	int listener; /* index in end[] of the end that listens */
	bool waits;   /* the dialer was not told yet where to dial, or could not connect there */
	/*
	 * One of the two was told that the other has no place for a link with it. From then on both send
	 * through the broker. Were there a link later, its end would count frames that still wait in the
	 * broker as lost.
	 */
	bool routed;
};

void introductions_init(struct introductions *introductions, uint64_t incarnation)
{
	*introductions = (struct introductions){.n = incarnation << 32};
	hash_init(&introductions->pairs);
	hash_init(&introductions->open);
}

void introductions_deinit(struct introductions *introductions)
{
	hash_deinit(&introductions->pairs);
	hash_deinit(&introductions->open);
}

/* ---- pairs ---- */

static uint64_t pair_hash(const struct introductions *introductions, uint64_t a, uint64_t b)
{
	uint64_t key[2] = {a < b ? a : b, a < b ? b : a};

	return hash_of_bytes(&introductions->pairs, key, sizeof(key));
}

static struct pair *pair_find(const struct member *a, const struct member *b)
{
	const struct introductions *introductions = &a->broker->introductions;
	struct hash_node *node =
		hash_first(&introductions->pairs, pair_hash(introductions, a->group, b->group));

	for (; node; node = hash_next(node)) {
		struct pair *pair = container_of(node, struct pair, node);

		if ((pair->end[0].member == a && pair->end[1].member == b) ||
			(pair->end[0].member == b && pair->end[1].member == a))
			return pair;
	}
	return NULL;
}

static struct pair_end *pair_end_of(struct pair *pair, const struct member *member)
{
	return &pair->end[pair->end[1].member == member];
}

static struct pair_end *pair_other_end(struct pair *pair, const struct member *member)
{
	return &pair->end[pair->end[0].member == member];
}

static struct pair *pair_of_end(struct list *by_member)
{
	return container_of(by_member, struct pair_end, by_member)->pair;
}

/* @payer: one of the two, which is charged with it by now. NULL: out of memory, and it is not charged. */
static struct pair *pair_new_of(struct member *payer, struct member *member, struct member *other)
{
	struct introductions *introductions = &member->broker->introductions;
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair || hash_insert(&introductions->pairs, &pair->node,
			     pair_hash(introductions, member->group, other->group)) < 0) {
		free(pair);
		quota_give(payer, QUOTA_PAIRS, 1);
		return NULL;
	}
	pair->charged = payer;
	pair->end[0].member = member->group < other->group ? member : other;
	pair->end[1].member = member->group < other->group ? other : member;
	for (int i = 0; i < 2; i++) {
		pair->end[i].pair = pair;
		list_init(&pair->end[i].admits);
		list_append(&pair->end[i].member->pairs, &pair->end[i].by_member);
	}
	return pair;
}

static struct pair *pair_new(struct member *member, struct member *other)
{
	return quota_take(member, QUOTA_PAIRS, 1) ? pair_new_of(member, member, other) : NULL;
}

/*
 * An earlier broker had granted this pair to one of the two, and which of them is not known any more. So the
 * other pays if @member is at its limit, and no limit takes the pair away. There are no more of them than
 * there are groups.
 */
static struct pair *pair_new_granted(struct member *member, struct member *other)
{
	bool other_pays = !quota_has_room(member, QUOTA_PAIRS, 1) && quota_has_room(other, QUOTA_PAIRS, 1);
	struct member *payer = other_pays ? other : member;

	quota_take_granted(payer, QUOTA_PAIRS, 1);
	return pair_new_of(payer, member, other);
}

static void pair_close(struct introductions *introductions, struct pair *pair)
{
	if (pair->id)
		hash_remove(&introductions->open, &pair->open);
	pair->id = 0;
	pair->waits = false;
}

static void admit_free(struct pair_end *mine, struct admit *admit)
{
	list_remove(&admit->pipe);
	quota_give(mine->member, QUOTA_WAITING, sizeof(*admit));
	free(admit);
}

static void pair_free(struct introductions *introductions, struct pair *pair)
{
	pair_close(introductions, pair);
	hash_remove(&introductions->pairs, &pair->node);
	for (int i = 0; i < 2; i++) {
		list_remove(&pair->end[i].by_member);
		list_for_each_safe(it, &pair->end[i].admits)
			admit_free(&pair->end[i], container_of(it, struct admit, pipe));
	}
	quota_give(pair->charged, QUOTA_PAIRS, 1);
	free(pair);
}

static struct pair *pair_find_open(const struct member *member, uint64_t id)
{
	const struct introductions *introductions = &member->broker->introductions;
	struct hash_node *node = hash_first(&introductions->open, hash_of_u64(&introductions->open, id));

	for (; node; node = hash_next(node)) {
		struct pair *pair = container_of(node, struct pair, open);

		if (pair->id == id && (pair->end[0].member == member || pair->end[1].member == member))
			return pair;
	}
	return NULL;
}

/* ---- an introduction ---- */

/* The door of @listener that @dialer may dial. NULL: there is none. */
static const char *door_for(const struct pair_end *dialer, const struct pair_end *listener)
{
	const struct member *from = dialer->member, *to = listener->member;

	return to->door && (from->uid == to->uid || from->uid == 0) ? to->door : NULL;
}

/* Asks @member where its door is. */
static void ask_door(struct member *member)
{
	struct buf *body = broker_body(member->broker);

	mp_put_array(body, 0);
	member_cast(member, "door", body);
}

static void put_who(struct buf *body, const struct member *other)
{
	mp_put_uint(body, other->uid);
	mp_put_uint(body, (uint64_t)other->pid);
	mp_put_cstr(body, other->name);
}

static void cast_introduce(
	struct pair *pair, struct member *to, struct member *other, const char *role, const char *path)
{
	struct buf *body = broker_body(to->broker);

	mp_put_array(body, 7);
	mp_put_uint(body, pair->id);
	mp_put_cstr(body, role);
	mp_put_uint(body, other->group);
	mp_put_cstr(body, path);
	put_who(body, other);
	member_cast(to, "introduce", body);
}

static void cast_expect(struct pair *pair, struct member *to, struct member *other)
{
	struct buf *body = broker_body(to->broker);

	mp_put_array(body, 5);
	mp_put_uint(body, pair->id);
	mp_put_uint(body, other->group);
	put_who(body, other);
	member_cast(to, "expect", body);
}

/* The path of the socket that two groups without doors make for one pipe. */
static void pair_path(const struct pair *pair, char path[PATH_BYTES])
{
	const struct member *listener = pair->end[pair->listener].member,
			    *dialer = pair->end[!pair->listener].member;

	snprintf(path, PATH_BYTES, "%s/g/%" PRIu64 "/%" PRIu64 ".%" PRIu64 ".ipc",
		listener->broker->runtime_dir, listener->group, dialer->group, pair->id);
}

/*
 * Can the broker tell this end to make a pipe? If not, a group that asks for a pipe waits until it can, or
 * until this end is over. A group that is back after a restart of the broker must announce itself first,
 * since the announcement says where its door is.
 */
static bool end_is_there(const struct pair_end *end)
{
	return end->member->state == MEMBER_UP && !end->member->unannounced;
}

/*
 * Begins an introduction. @end has asked, so @end dials, unless only @end has a door. pair_tell() tells both
 * ends.
 */
static bool pair_open(struct pair *pair, struct pair_end *end)
{
	struct introductions *introductions = &end->member->broker->introductions;
	struct pair_end *other = &pair->end[end == &pair->end[0]];
	uint64_t id = introductions->n + 1;

	pair_close(introductions, pair);
	if (hash_insert(&introductions->open, &pair->open, hash_of_u64(&introductions->open, id)) < 0)
		return false;
	introductions->n = pair->id = id;
	if (!door_for(end, other) && door_for(other, end))
		other = end;
	pair->listener = other == &pair->end[1];
	return true;
}

static void tell_dialer(struct pair *pair)
{
	struct pair_end *listener = &pair->end[pair->listener], *dialer = &pair->end[!pair->listener];
	const char *door = door_for(dialer, listener);
	char path[PATH_BYTES];

	pair->waits = false;
	dialer->up = true;
	if (dialer->asks) /* the dialer has asked again before it was told where to dial */
		answer_nil(dialer->member, dialer->ask_from, dialer->ask_id);
	dialer->asks = false;
	if (!door)
		pair_path(pair, path);
	cast_introduce(pair, dialer->member, listener->member, door ? "join" : "dial", door ? door : path);
}

static void pair_tell(struct pair *pair)
{
	struct pair_end *listener = &pair->end[pair->listener], *dialer = &pair->end[!pair->listener];
	char path[PATH_BYTES];

	listener->up = true;
	if (door_for(dialer, listener)) {
		cast_expect(pair, listener->member, dialer->member);
		tell_dialer(pair);
		return;
	}
	pair->waits = true;
	pair_path(pair, path);
	cast_introduce(pair, listener->member, dialer->member, "listen", path);
}

static void tell_failed(struct member *member, const struct member *other, uint64_t id, struct wire_str text)
{
	struct buf *body = broker_body(member->broker);

	mp_put_array(body, 3);
	mp_put_uint(body, id);
	mp_put_uint(body, other->group);
	mp_put_str(body, text.s, text.len);
	member_cast(member, "introduce_failed", body);
}

static void refuse_admit(struct pair_end *mine, struct admit *admit, const char *error, const char *text)
{
	struct wire_frame call = {.type = WIRE_CALL, .from = admit->from, .id = admit->id};

	answer_refuse(mine->member, &call, error, text);
	admit_free(mine, admit);
}

/*
 * @group has ended, and may have dialled before. The broker that told @member to expect it has died with that
 * word unread, so what @group wrote is still at @member's door.
 * The cast `group_down` must follow.
 */
static bool admit_the_dead(
	struct member *member, uint64_t group, uid_t uid, pid_t pid, const struct wire_frame *call)
{
	struct wire_str name;
	struct buf *body;

	if (!broker_knew(member->broker, group, uid, pid, &name))
		return false;
	body = broker_body(member->broker);
	mp_put_array(body, 2);
	mp_put_uint(body, 0);
	mp_put_str(body, name.s, name.len);
	answer_result(member, call, body);
	return true;
}

/* @other, which is not at this end, has ended. */
static void end_admits(struct pair_end *mine, const struct member *other)
{
	list_for_each_safe(it, &mine->admits) {
		struct admit *admit = container_of(it, struct admit, pipe);
		struct wire_frame call = {.type = WIRE_CALL, .from = admit->from, .id = admit->id};

		if (admit_the_dead(mine->member, other->group, admit->uid, admit->pid, &call))
			admit_free(mine, admit);
		else
			refuse_admit(mine, admit, ERROR_NOPROC, "that group ended");
	}
}

static void answer_admit(struct pair_end *mine, struct admit *admit)
{
	const struct member *other = mine->pair->end[mine == &mine->pair->end[0]].member;
	struct wire_frame call = {.type = WIRE_CALL, .from = admit->from, .id = admit->id};
	struct buf *body;

	if (admit->uid != other->uid || (admit->pid && other->pid && admit->pid != other->pid)) {
		refuse_admit(mine, admit, ERROR_PERMISSION, "that group is another process");
		return;
	}
	mine->up = true;
	body = broker_body(mine->member->broker);
	mp_put_array(body, 2);
	mp_put_uint(body, mine->pair->id);
	mp_put_cstr(body, other->name);
	answer_result(mine->member, &call, body);
	admit_free(mine, admit);
	if (mine->asks)
		answer_nil(mine->member, mine->ask_from, mine->ask_id);
	mine->asks = false;
}

/*
 * To be called when an end of @pair has changed. Begins a pipe that waited for the change, or frees the pair
 * if nothing needs it.
 */
static void pair_settle_or_free(struct pair *pair)
{
	struct introductions *introductions = &pair->charged->broker->introductions;
	bool begun = false, wanted = false;

	for (int i = 0; i < 2; i++) {
		if (member_is_known(pair->end[!i].member)) {
			list_for_each_safe(it, &pair->end[i].admits)
				answer_admit(&pair->end[i], container_of(it, struct admit, pipe));
		}
		wanted = wanted || !list_is_empty(&pair->end[i].admits);
	}
	if (pair->end[0].up || pair->end[1].up)
		return;
	pair_close(introductions, pair);
	for (int i = 0; i < 2; i++) {
		struct pair_end *end = &pair->end[i];

		if (!end->asks)
			continue;
		if (!begun && !end_is_there(&pair->end[!i])) {
			wanted = true;
			continue;
		}
		begun = begun || pair_open(pair, end);
		end->asks = false;
		if (begun) {
			answer_nil(end->member, end->ask_from, end->ask_id);
		} else {
			struct wire_frame call = {
				.from = end->ask_from, .id = end->ask_id, .type = WIRE_CALL};

			answer_refuse(
				end->member, &call, ERROR_OVERLOADED, "out of memory for an introduction");
		}
	}
	if (begun)
		pair_tell(pair);
	else if (!wanted && !pair->routed && !pair->end[0].monitors && !pair->end[1].monitors)
		pair_free(introductions, pair);
}

/* ---- requests ---- */

static bool pair_has_link(const struct pair *pair)
{
	const struct pair_end *end = pair->end;

	return end[0].up || end[1].up || end[0].asks || end[1].asks;
}

/*
 * Must the two groups send through the broker? Each link costs the supervisor a descriptor. The supervisor
 * has descriptors set aside for its groups, and for limits.spawner_links clients. The frames of further
 * clients go through the broker.
 */
static bool pair_is_routed(struct pair *pair, const struct member *a, const struct member *b)
{
	const struct member *spawner = a->is_spawner ? a : b, *client = a->is_spawner ? b : a;
	size_t n = 0;

	if (pair->routed || !spawner->is_spawner || member_is_supervised(client) || pair_has_link(pair))
		return pair->routed;
	list_for_each(it, &spawner->pairs) {
		struct pair *other = pair_of_end(it);

		n += !member_is_supervised(pair_other_end(other, spawner)->member) && pair_has_link(other);
	}
	pair->routed = n >= spawner->broker->limits.spawner_links;
	return pair->routed;
}

void introductions_ask(struct member *asker, uint64_t group, const struct wire_frame *call)
{
	struct broker *broker = asker->broker;
	struct member *other = member_find(broker, group);
	struct pair *pair;
	struct pair_end *mine, *theirs;

	if (other == asker || group == broker->group) {
		answer_refuse(asker, call, ERROR_BAD_ARGS,
			"a group needs no link with itself, nor another one with the broker");
		return;
	}
	if (!other || other->left || other->exited) {
		answer_refuse(asker, call, ERROR_NOPROC, "no such group");
		return;
	}
	if (other->single || asker->single) {
		answer_refuse(
			asker, call, ERROR_SINGLE, "that group has one link only: send to it by the broker");
		return;
	}
	pair = pair_find(asker, other);
	if (!pair)
		pair = pair_new(asker, other);
	if (!pair) {
		answer_refuse(asker, call, ERROR_OVERLOADED, "too many links of this group");
		return;
	}
	if (pair_is_routed(pair, asker, other)) {
		answer_refuse(asker, call, ERROR_SINGLE,
			"the supervisor has no place for one more link: send to it by the broker");
		return;
	}
	mine = pair_end_of(pair, asker);

	/*
	 * Both ends asked, or @asker asked twice: @asker was already told to make the pipe, or will be. An
	 * old pipe cannot be meant, since a group gives its old pipe up before it asks.
	 */
	if (mine->up) {
		answer_nil(asker, call->from, call->id);
		return;
	}
	if (mine->asks)
		answer_nil(asker, mine->ask_from, mine->ask_id);
	mine->asks = true;
	mine->ask_from = call->from;
	mine->ask_id = call->id;
	/*
	 * @asker gave its end up. The other end sees that on the pipe. But if @asker was never let in at the
	 * door, the other end still expects @asker, and must be told.
	 */
	theirs = pair_other_end(pair, asker);
	if (!pair->waits && theirs->up && pair->id && theirs == &pair->end[pair->listener] &&
		door_for(mine, theirs) && end_is_there(theirs))
		tell_failed(other, asker, pair->id, wire_cstr("it gave the link up and asks again"));
	pair_settle_or_free(pair);
}

void introductions_came(struct member *member)
{
	list_for_each_safe(it, &member->pairs)
		pair_settle_or_free(pair_of_end(it));
}

void introductions_listening(struct member *listener, uint64_t id)
{
	struct pair *pair = pair_find_open(listener, id);

	if (!pair || !pair->waits || pair->end[pair->listener].member != listener)
		return;
	tell_dialer(pair);
}

void introductions_door(struct member *member)
{
	list_for_each_safe(it, &member->pairs) {
		struct pair *pair = pair_of_end(it);
		struct pair_end *listener = &pair->end[pair->listener], *dialer = &pair->end[!pair->listener];

		if (!pair->waits || listener->member != member)
			continue;
		if (door_for(dialer, listener)) {
			tell_dialer(pair);
			continue;
		}
		listener->up = false;
		if (pair_open(pair, dialer)) {
			pair_tell(pair);
		} else {
			tell_failed(dialer->member, member, pair->id,
				wire_cstr("out of memory for an introduction"));
			pair_settle_or_free(pair);
		}
	}
}

void introductions_admit(
	struct member *member, uint64_t group, uid_t uid, pid_t pid, const struct wire_frame *call)
{
	struct member *other = member_find(member->broker, group);
	struct pair_end *mine;
	struct admit *admit;
	struct pair *pair;

	if (!other && admit_the_dead(member, group, uid, pid, call)) {
		pauses_end_is_told(member, NULL, group);
		member_tell_end_of(member, group);
		return;
	}
	if (!other || other == member || other->single) {
		answer_refuse(member, call, ERROR_NOPROC, "no such group, or one with a single link");
		return;
	}
	pair = pair_find(member, other);
	if (!pair)
		pair = pair_new(member, other);
	if (!pair) {
		answer_refuse(member, call, ERROR_OVERLOADED, "too many links of this group");
		return;
	}
	if (pair_is_routed(pair, member, other)) {
		answer_refuse(member, call, ERROR_NOPROC, "no place for one more link with the supervisor");
		return;
	}
	mine = pair_end_of(pair, member);
	list_for_each_safe(it, &mine->admits) {
		admit = container_of(it, struct admit, pipe);
		/* pid 0: the process is not known, so it may be another one */
		if (pid && admit->uid == uid && admit->pid == pid)
			refuse_admit(mine, admit, ERROR_IN_USE, "the same process came again");
	}
	if (!quota_take(member, QUOTA_WAITING, sizeof(*admit))) {
		answer_refuse(member, call, ERROR_OVERLOADED, "too much of this group waits");
		return;
	}
	admit = malloc(sizeof(*admit));
	if (!admit) {
		quota_give(member, QUOTA_WAITING, sizeof(*admit));
		answer_refuse(member, call, ERROR_OVERLOADED, "out of memory");
		return;
	}
	*admit = (struct admit){.from = call->from, .id = call->id, .uid = uid, .pid = pid};
	list_append(&mine->admits, &admit->pipe);
	pair_settle_or_free(pair);
}

/*
 * The pipe is over at the end @mine, or never came up. @text says why; NULL: the other end sees by itself
 * that the pipe ended. Each end gives the pipe up, and asks again if it still has something to send.
 */
static void end_gives_up(struct pair_end *mine, struct pair_end *other, struct wire_str text)
{
	struct pair *pair = mine->pair;

	mine->up = false;
	/* an end that asks again gets a new pipe anyway */
	if (!other->asks && (pair->waits || (other->up && text.s)))
		tell_failed(other->member, mine->member, pair->id, text);
	pair_settle_or_free(pair);
}

void introductions_failed(struct member *member, uint64_t id, struct wire_str text)
{
	struct pair *pair = pair_find_open(member, id);
	struct pair_end *mine, *other;
	char who[MEMBER_WHO_MAX], who_other[MEMBER_WHO_MAX];

	if (!pair)
		return;
	mine = pair_end_of(pair, member);
	other = pair_other_end(pair, member);
	if (!mine->up)
		return;
	broker_complain(member->broker, member->pid, member->uid, "no link between %s and %s: %.*s",
		member_who(member, who), member_who(other->member, who_other),
		(int)(text.len < 200 ? text.len : 200), text.s);
	if (other != &pair->end[pair->listener] || !other->up || !door_for(mine, other)) {
		end_gives_up(mine, other, text);
		return;
	}
	/* the file of the door may have been removed: the listener checks, and says where its door is now */
	mine->up = false;
	pair->waits = true;
	ask_door(other->member);
}

void introductions_link_down(struct member *member, uint64_t group, uint64_t id)
{
	struct member *other = member_find(member->broker, group);
	struct pair *pair = other ? pair_find(member, other) : NULL;

	if (!pair || !pair_end_of(pair, member)->up || (id && pair->id && id != pair->id))
		return; /* the broker has forgotten that pipe already */
	end_gives_up(pair_end_of(pair, member), pair_other_end(pair, member),
		pair->waits ? wire_cstr("it gave the link up") : wire_str(NULL, 0));
}

int introductions_announce(struct member *member, struct member *other, bool has_link, bool monitors)
{
	struct pair *pair = pair_find(member, other);

	if (!pair)
		pair = member->unannounced ? pair_new_granted(member, other) : pair_new(member, other);
	if (!pair)
		return member->unannounced ? -ENOMEM : -EDQUOT;
	pair_end_of(pair, member)->up |= has_link;
	pair_end_of(pair, member)->monitors |= monitors;
	return 0;
}

/* ---- ends ---- */

bool introductions_is_monitored(const struct member *member)
{
	list_for_each(it, &member->pairs) {
		const struct pair_end *other = pair_other_end(pair_of_end(it), member);

		if (other->monitors && !other->up)
			return true;
	}
	return false;
}

void introductions_end(struct member *member, const struct buf *group_down)
{
	struct broker *broker = member->broker;

	list_for_each_safe(it, &member->pairs) {
		struct pair *pair = pair_of_end(it);
		struct pair_end *other = pair_other_end(pair, member);

		if (other->asks) {
			struct wire_frame call = {
				.type = WIRE_CALL, .from = other->ask_from, .id = other->ask_id};

			answer_refuse(other->member, &call, ERROR_NOPROC, "that group ended");
		}
		end_admits(other, member);
		if (group_down && other->member->mark != member->mark) {
			other->member->mark = member->mark;
			pauses_end_is_told(other->member, NULL, member->group);
			member_cast(other->member, "group_down", group_down);
		}
		pair_free(&broker->introductions, pair);
	}
}
