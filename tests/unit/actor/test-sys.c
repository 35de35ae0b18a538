/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime answers for every actor, without its help (`$sys_…`), in one group without a node. */
#include "tests/unit/actor/runtime-world.h"

#include <malloc.h>

#include "libactor/actor/history.h"
#include "libactor/protocol/mp.h"

/* ---- an actor that can be looked at ---- */

struct seen {
	int64_t total;
	bool hides; /* its format_status fails */
	int n_downs;
};

static int seen_add(actor *self, const actor_msg *msg)
{
	struct seen *seen = actor_state(self);
	int64_t n;

	assert_int_equal(actor_msg_unpack(msg, "I", &n), 0);
	seen->total += n;
	return 0;
}

static int seen_total(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", ((struct seen *)actor_state(self))->total);
}

static int seen_hide(actor *self, const actor_msg *msg)
{
	((struct seen *)actor_state(self))->hides = true;
	return 0;
}

static int seen_wait(actor *self, const actor_msg *msg)
{
	note("begun ");
	actor_sleep(self, 20);
	note("over ");
	return 0;
}

static int seen_ask(actor *self, const actor_msg *msg)
{
	actor_ref whom;

	assert_int_equal(actor_msg_unpack(msg, "r", &whom), 0);
	note("ask:%d ", actor_call(self, actor_to(whom), "total", 5000, NULL, ""));
	return 0;
}

static int seen_watch(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref whom;
	bool link;

	assert_int_equal(actor_msg_unpack(msg, "rb", &whom, &link), 0);
	assert_int_equal(link ? actor_link(self, whom) : actor_monitor(self, whom, NULL), 0);
	return actor_reply(from, "");
}

/* Asks for its own state, which only its next turn could answer. */
static int seen_ask_itself(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_dest me = actor_to(actor_self(self));
	int state = actor_call(self, me, "$sys_state", 1000, NULL, "");
	int status = actor_call(self, me, "$sys_status", 1000, NULL, "");

	return actor_reply(from, "[ii]", state, status);
}

static int seen_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	((struct seen *)actor_state(self))->n_downs++;
	note("down:%s ", cause->reason);
	return 0;
}

static int seen_status(actor *self, actor_msg *ret)
{
	const struct seen *seen = actor_state(self);

	return seen->hides ? -EIO
			   : actor_msg_pack(ret, "{s:I,s:i}", "total", seen->total, "downs", seen->n_downs);
}

static void seen_terminate(actor *self, const struct actor_cause *cause)
{
	note("terminate:%s ", cause->reason);
}

static const struct actor_method seen_methods[] = {
	{.name = "add", .on_cast = seen_add},
	{.name = "total", .on_call = seen_total},
	{.name = "hide", .on_cast = seen_hide},
	{.name = "wait", .on_cast = seen_wait},
	{.name = "ask", .on_cast = seen_ask},
	{.name = "watch", .on_call = seen_watch},
	{.name = "ask_itself", .on_call = seen_ask_itself},
	{0},
};
static const struct actor_behavior seen_behavior = {.name = "seen",
	.state_size = sizeof(struct seen),
	.methods = seen_methods,
	.terminate = seen_terminate,
	.on_down = seen_down,
	.mailbox_max_messages = 4,
	.format_status = seen_status};

static actor_ref seen(actor *self)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, &seen_behavior, NULL, &ref), 0);
	return ref;
}

/* ---- what people read ---- */

struct status {
	actor_ref ref;
	const char *status, *method, *waits_in, *behavior;
	bool suspended;
	int64_t messages, bytes, handled, memory, links, monitors, watchers;
	actor_ref waits_for;
};

static actor_msg *sys(actor *self, actor_ref whom, const char *method)
{
	actor_msg *reply;
	int r = actor_call(self, actor_to(whom), method, 1000, &reply, "");

	if (r < 0)
		print_error("%s: %s: %s\n", method, actor_strerror(r), reply ? actor_msg_error(reply) : "-");
	assert_int_equal(r, 0);
	return reply;
}

static struct status status_read(const actor_msg *reply)
{
	struct status s = {.method = "-", .waits_in = "-"};
	int r = actor_msg_unpack(reply,
		"{s:r, s:s, s:s, s:b, s:s?, s:s?, s:r?, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "ref", &s.ref,
		"behavior", &s.behavior, "status", &s.status, "suspended", &s.suspended, "method", &s.method,
		"waits_in", &s.waits_in, "waits_for", &s.waits_for, "messages", &s.messages, "bytes",
		&s.bytes, "handled", &s.handled, "memory", &s.memory, "links", &s.links, "monitors",
		&s.monitors, "watchers", &s.watchers);

	assert_int_equal(r, 0);
	return s;
}

#define WITH_STATUS(self, whom, s)                                                                           \
	for (actor_msg *reply_##s = sys(self, whom, "$sys_status"); reply_##s;                               \
		reply_##s = actor_msg_free(reply_##s))                                                       \
		for (struct status s = status_read(reply_##s), *once_##s = &s; once_##s; once_##s = NULL)

static int64_t total_of(actor *self, actor_ref whom)
{
	actor_msg *reply;
	int64_t n;

	assert_int_equal(actor_call(self, actor_to(whom), "total", 1000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
	actor_msg_free(reply);
	return n;
}

static void add(actor *self, actor_ref whom, int n)
{
	assert_int_equal(actor_cast(self, actor_to(whom), "add", "i", n), 0);
}

/* ---- status ---- */

static void an_idle_actor(actor *self)
{
	actor_ref a = seen(self);

	add(self, a, 2);
	assert_int_equal(total_of(self, a), 2);
	WITH_STATUS(self, a, s)
	{
		assert_true(actor_ref_equal(s.ref, a));
		assert_string_equal(s.behavior, "seen");
		assert_string_equal(s.status, "idle");
		assert_string_equal(s.method, "-");
		assert_false(s.suspended);
		assert_int_equal(s.messages, 0);
		assert_int_equal(s.handled, 2);
		assert_in_range(s.memory, sizeof(struct seen) + sizeof(struct actor), 4096);
	}
}
static void test_status_says_what_an_actor_has_handled(void **state)
{
	story(an_idle_actor);
}

static void two_that_wait(actor *self)
{
	actor_ref sleeper = seen(self), caller = seen(self);

	assert_int_equal(actor_cast(self, actor_to(sleeper), "wait", ""), 0);
	assert_int_equal(actor_cast(self, actor_to(caller), "ask", "r", sleeper), 0);
	add(self, caller, 1);
	actor_sleep(self, 0);
	WITH_STATUS(self, sleeper, s)
	{
		assert_string_equal(s.status, "handling");
		assert_string_equal(s.method, "wait");
		assert_string_equal(s.waits_in, "time");
		assert_int_equal(s.messages, 1);
		assert_in_range(s.bytes, 1, 4096);
	}
	WITH_STATUS(self, caller, s)
	{
		assert_string_equal(s.status, "handling");
		assert_string_equal(s.method, "ask");
		assert_string_equal(s.waits_in, "call");
		assert_true(actor_ref_equal(s.waits_for, sleeper));
		assert_int_equal(s.messages, 1);
	}
	WITH_STATUS(self, actor_self(self), s)
	{
		assert_string_equal(s.status, "handling");
		assert_string_equal(s.method, "run");
	}
	assert_int_equal(total_of(self, caller), 1);
}
static void test_status_says_what_a_handler_waits_in_and_for_whom(void **state)
{
	story(two_that_wait);
	assert_string_equal(story_log, "begun over ask:0 terminate:shutdown terminate:shutdown ");
}

static void who_waits_for_room(actor *self)
{
	actor_ref full = seen(self);
	actor_ref w = worker(self);

	assert_int_equal(actor_call(self, actor_to(full), "$sys_suspend", 1000, NULL, ""), 0);
	for (int i = 0; i < 4; i++)
		add(self, full, 1);
	assert_int_equal(actor_cast(self, actor_to(w), "call_later", "rIs", full, (int64_t)0, "w"), 0);
	actor_sleep(self, 5);
	WITH_STATUS(self, w, s)
	assert_string_equal(s.waits_in, "room");
	WITH_STATUS(self, full, s)
	{
		assert_string_equal(s.status, "suspended");
		assert_int_equal(s.messages, 4);
	}
	assert_int_equal(actor_call(self, actor_to(full), "$sys_resume", 1000, NULL, ""), 0);
	assert_int_equal(total_of(self, full), 4);
	actor_sleep(self, 5);
}
static void test_a_full_mailbox_does_not_keep_a_request_out(void **state)
{
	story(who_waits_for_room);
}

static void strings_have(const char *text, const char *word)
{
	if (!strstr(text, word))
		fail_msg("'%s' is not in '%s'", word, text);
}

static void ties(actor *self)
{
	actor_ref a = seen(self), b = seen(self), c = seen(self);
	actor_ref linked = ACTOR_NOBODY, monitored = ACTOR_NOBODY, watcher = ACTOR_NOBODY;
	actor_msg *reply;

	assert_int_equal(actor_call(self, actor_to(a), "watch", 1000, NULL, "rb", b, true), 0);
	assert_int_equal(actor_call(self, actor_to(a), "watch", 1000, NULL, "rb", c, false), 0);
	WITH_STATUS(self, a, s)
	{
		assert_int_equal(s.links, 1);
		assert_int_equal(s.monitors, 1);
		assert_int_equal(s.watchers, 0);
	}
	reply = sys(self, a, "$sys_status");
	assert_int_equal(actor_msg_unpack(reply, "{s:[r] s:[r] s:[]}", "linked_with", &linked, "monitoring",
				 &monitored, "watched_by"),
		0);
	assert_true(actor_ref_equal(linked, b));
	assert_true(actor_ref_equal(monitored, c));
	actor_msg_free(reply);
	reply = sys(self, c, "$sys_status");
	assert_int_equal(actor_msg_unpack(reply, "{s:[] s:[] s:[r]}", "linked_with", "monitoring",
				 "watched_by", &watcher),
		0);
	assert_true(actor_ref_equal(watcher, a));
	actor_msg_free(reply);
	WITH_STATUS(self, b, s)
	{
		assert_int_equal(s.links, 1);
		assert_int_equal(s.watchers, 0);
	}
}
static void test_links_monitors_and_watchers_are_told_apart(void **state)
{
	story(ties);
}

/* ---- the list ---- */

static actor_ref its_group(actor *self)
{
	actor_ref group = actor_self(self);

	group.serial = 0;
	return group;
}

/* Returns the number of actors in the answer; *ret_after: 0 at the end of the list. */
static uint32_t actors_read(const actor_msg *reply, uint64_t serials[], uint64_t *ret_after)
{
	size_t size;
	const void *body = actor_msg_body(reply, &size);
	struct mp_reader r = mp_reader(body, size), map;
	const char *key;
	actor_ref ref;
	uint32_t n, n_actors = 0, pairs;
	size_t length;

	*ret_after = 0;
	assert_int_equal(mp_read_array(&r, &n), 0);
	for (uint32_t i = 0; i < n; i++) {
		if (mp_peek(&r) != MP_MAP) {
			assert_int_equal(i, n - 1);
			assert_int_equal(mp_read_uint(&r, ret_after), 0);
			continue;
		}
		map = r;
		assert_int_equal(mp_read_map(&map, &pairs), 0);
		assert_int_equal(mp_read_str(&map, &key, &length), 0);
		assert_int_equal(mp_read_ref(&map, &ref), 0);
		serials[n_actors++] = ref.serial;
		assert_int_equal(mp_skip(&r), 0);
	}
	assert_ptr_equal(r.at, r.end);
	return n_actors;
}

static void a_list(actor *self)
{
	actor_ref all[5];
	uint64_t serials[16], after = 0;
	uint32_t n = 0, n_calls = 0;
	actor_msg *reply;

	for (int i = 0; i < 5; i++)
		all[i] = seen(self);
	assert_int_equal(actor_kill(self, all[2]), 0);
	do {
		assert_int_equal(actor_call(self, actor_to(its_group(self)), "$sys_actors", 1000, &reply,
					 "iU", 2, after),
			0);
		n += actors_read(reply, serials + n, &after);
		actor_msg_free(reply);
		n_calls++;
	} while (after);
	assert_int_equal(n, 5); /* the driver, too */
	assert_int_equal(n_calls, 3);
	assert_int_equal(serials[0], actor_self(self).serial);
	assert_int_equal(serials[4], all[4].serial);
	/* any actor answers for its group */
	reply = sys(self, all[0], "$sys_actors");
	assert_int_equal(actors_read(reply, serials, &after), 5);
	assert_int_equal(after, 0);
	actor_msg_free(reply);
}
static void test_the_list_has_every_actor_once_and_goes_on_where_it_was_cut(void **state)
{
	story(a_list);
}

/* ---- suspend and resume ---- */

static void asleep(actor *self)
{
	actor_ref a = seen(self), b = seen(self);
	actor_msg *reply;
	const char *method = "-";

	reply = sys(self, a, "$sys_suspend");
	assert_int_equal(actor_msg_unpack(reply, "s?", &method), 0);
	assert_string_equal(method, "-");
	actor_msg_free(reply);
	add(self, a, 1);
	add(self, a, 2);
	assert_int_equal(actor_call(self, actor_to(a), "total", 5, NULL, ""), -ETIMEDOUT);
	assert_int_equal(total_of(self, b), 0);
	reply = sys(self, a, "$sys_state");
	actor_msg_free(reply);
	WITH_STATUS(self, a, s)
	{
		assert_string_equal(s.status, "suspended");
		assert_int_equal(s.messages, 3);
	}
	actor_msg_free(sys(self, a, "$sys_resume"));
	assert_int_equal(total_of(self, a), 3);
	WITH_STATUS(self, a, s)
	assert_false(s.suspended);
}
static void test_messages_wait_in_order_while_an_actor_is_suspended(void **state)
{
	story(asleep);
}

static void in_its_handler(actor *self)
{
	actor_ref a = seen(self);
	actor_msg *reply;
	const char *method;

	assert_int_equal(actor_cast(self, actor_to(a), "wait", ""), 0);
	add(self, a, 1);
	actor_sleep(self, 0);
	reply = sys(self, a, "$sys_suspend");
	assert_int_equal(actor_msg_unpack(reply, "s", &method), 0);
	assert_string_equal(method, "wait");
	actor_msg_free(reply);
	actor_sleep(self, 40);
	WITH_STATUS(self, a, s)
	{
		assert_string_equal(s.status, "suspended");
		assert_int_equal(s.messages, 1);
		assert_int_equal(s.handled, 1);
	}
}
static void test_a_handler_that_runs_is_finished_first(void **state)
{
	story(in_its_handler);
	assert_string_equal(story_log, "begun over terminate:shutdown ");
}

static void ends(actor *self)
{
	actor_ref stopped = seen(self), killed = seen(self), watcher = seen(self);

	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, NULL, "rb", stopped, false), 0);
	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, NULL, "rb", killed, false), 0);
	actor_msg_free(sys(self, stopped, "$sys_suspend"));
	actor_msg_free(sys(self, killed, "$sys_suspend"));
	add(self, stopped, 1);
	assert_int_equal(actor_stop(self, stopped, "enough"), 0);
	assert_int_equal(actor_kill(self, killed), 0);
	actor_sleep(self, 0);
	assert_int_equal(actor_call(self, actor_to(stopped), "$sys_resume", 1000, NULL, ""), -ESRCH);
	actor_sleep(self, 0);
	note("| ");
}
static void test_stop_and_kill_end_a_suspended_actor(void **state)
{
	story(ends);
	strings_have(story_log, "terminate:enough ");
	strings_have(story_log, "down:enough ");
	strings_have(story_log, "down:killed ");
	assert_non_null(strstr(strstr(story_log, "down:killed"), "| "));
}

/* ---- the state ---- */

static void a_state(actor *self)
{
	actor_ref a = seen(self), w = worker(self);
	int64_t total, downs;
	actor_msg *reply;
	int own = 0, status = 1;

	add(self, a, 7);
	assert_int_equal(total_of(self, a), 7);
	reply = sys(self, a, "$sys_state");
	assert_int_equal(actor_msg_unpack(reply, "{s:I,s:I}", "total", &total, "downs", &downs), 0);
	assert_int_equal(total, 7);
	actor_msg_free(reply);
	/* it comes before what waits */
	actor_msg_free(sys(self, a, "$sys_suspend"));
	add(self, a, 1);
	reply = sys(self, a, "$sys_state");
	assert_int_equal(actor_msg_unpack(reply, "{s:I,s:I}", "total", &total, "downs", &downs), 0);
	assert_int_equal(total, 7);
	actor_msg_free(reply);
	actor_msg_free(sys(self, a, "$sys_resume"));
	/* who has no hook, and whose hook fails, goes on */
	assert_int_equal(actor_call(self, actor_to(w), "$sys_state", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_method");
	actor_msg_free(reply);
	assert_int_equal(actor_cast(self, actor_to(a), "hide", ""), 0);
	assert_int_equal(actor_call(self, actor_to(a), "$sys_state", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "bad_result");
	actor_msg_free(reply);
	assert_int_equal(total_of(self, a), 8);
	/* its own turn could never come */
	assert_int_equal(actor_call(self, actor_to(a), "ask_itself", 1000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "[ii]", &own, &status), 0);
	assert_int_equal(own, -EDEADLK);
	assert_int_equal(status, 0);
	actor_msg_free(reply);
}
static void test_the_state_is_what_format_status_shows_and_comes_before_the_queue(void **state)
{
	story(a_state);
}

/* ---- the last messages ---- */

static void lasts(actor *self)
{
	actor_ref a = seen(self);
	const char *kind[3], *method[3];
	const void *args[3];
	size_t args_bytes[3];
	actor_msg *reply;
	bool was_nil = false;

	reply = sys(self, a, "$sys_last");
	was_nil = actor_msg_unpack(reply, "n") == 0;
	assert_true(was_nil);
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(a), "$sys_keep", 1000, NULL, "i", 3), 0);
	/* Fewer than could be kept are in order, too. */
	add(self, a, 0);
	assert_int_equal(total_of(self, a), 0);
	reply = sys(self, a, "$sys_last");
	assert_int_equal(
		actor_msg_unpack(reply, "[{s:s}{s:s}]", "method", &method[0], "method", &method[1]), 0);
	assert_string_equal(method[0], "add");
	assert_string_equal(method[1], "total");
	actor_msg_free(reply);
	for (int i = 0; i < 5; i++)
		add(self, a, i);
	assert_int_equal(total_of(self, a), 10);
	reply = sys(self, a, "$sys_last");
	assert_int_equal(actor_msg_unpack(reply, "[{s:s,s:s,s:y#}{s:s,s:s,s:y#}{s:s,s:s,s:y#}]", "kind",
				 &kind[0], "method", &method[0], "args", &args[0], &args_bytes[0], "kind",
				 &kind[1], "method", &method[1], "args", &args[1], &args_bytes[1], "kind",
				 &kind[2], "method", &method[2], "args", &args[2], &args_bytes[2]),
		0);
	assert_string_equal(kind[0], "cast");
	assert_string_equal(method[1], "add");
	assert_int_equal(args_bytes[0], 2);
	assert_memory_equal(args[0], "\x91\x03", 2);
	assert_memory_equal(args[1], "\x91\x04", 2);
	assert_string_equal(kind[2], "call");
	assert_string_equal(method[2], "total");
	actor_msg_free(reply);
	assert_int_equal(
		actor_call(self, actor_to(a), "$sys_keep", 1000, &reply, "i", HISTORY_MAX + 1), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "bad_args");
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(a), "$sys_keep", 1000, NULL, "i", 0), 0);
	reply = sys(self, a, "$sys_last");
	assert_int_equal(actor_msg_unpack(reply, "n"), 0);
	actor_msg_free(reply);
}
static void test_the_last_messages_are_kept_from_when_it_is_asked_for(void **state)
{
	story(lasts);
}

/* Asks that 1,024 messages of @who are kept; true: they are. */
static bool keeps_the_most(actor *self, actor_ref who)
{
	actor_msg *reply;
	int r = actor_call(self, actor_to(who), "$sys_keep", 1000, &reply, "i", HISTORY_MAX);

	if (r < 0)
		assert_string_equal(actor_msg_error(reply), "overloaded");
	actor_msg_free(reply);
	return r == 0;
}

static void keeps_of_many(actor *self)
{
	actor_ref all[1000];
	int n = 0;

	while (n < 1000) {
		all[n] = seen(self);
		if (!keeps_the_most(self, all[n]))
			break;
		n++;
	}
	assert_in_range(n, 100, 200); /* 64 MiB in all */
	/* Whose messages are forgotten, or who has ended, makes room; and who is refused keeps none. */
	assert_int_equal(actor_call(self, actor_to(all[0]), "$sys_keep", 1000, NULL, "i", 0), 0);
	assert_true(keeps_the_most(self, all[n]));
	assert_false(keeps_the_most(self, all[0]));
	assert_int_equal(actor_kill(self, all[1]), 0);
	actor_sleep(self, 1);
	assert_true(keeps_the_most(self, all[0]));
	assert_true(keeps_the_most(self, all[0])); /* its own room is its own again */
}
static void test_what_all_actors_keep_is_bounded(void **state)
{
	story(keeps_of_many);
}

static void one_without_end(actor *self)
{
	char method[201];
	actor_ref a = seen(self);
	const char *kept;
	actor_msg *reply;

	memset(method, 'm', 62);
	memcpy(method + 62, "\xc3\xa4\xc3\xa4", 5);
	assert_int_equal(actor_call(self, actor_to(a), "$sys_keep", 1000, NULL, "i", 1), 0);
	assert_int_equal(actor_cast(self, actor_to(a), method, "s#", (const char[300]){0}, (size_t)300), 0);
	actor_sleep(self, 0);
	reply = sys(self, a, "$sys_last");
	assert_int_equal(actor_msg_unpack(reply, "[{s:s,s:n}]", "method", &kept, "args"), 0);
	method[62] = 0;
	assert_string_equal(kept, method);
	actor_msg_free(reply);
}
static void test_a_long_name_is_cut_between_characters_and_a_large_body_is_left_out(void **state)
{
	story(one_without_end);
}

/* ---- what is refused ---- */

static void refusals(actor *self)
{
	actor_ref dead = seen(self), other = actor_self(self);
	actor_msg *reply;

	assert_int_equal(actor_call(self, actor_to(dead), "$sys_what", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_method");
	actor_msg_free(reply);
	assert_int_equal(
		actor_call(self, actor_to(its_group(self)), "$sys_status", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_method");
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(its_group(self)), "$sys_actors", 1000, &reply, "s", "x"),
		-EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "bad_args");
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(dead), "$sys_keep", 1000, &reply, ""), -EREMOTEIO);
	actor_msg_free(reply);
	assert_int_equal(actor_kill(self, dead), 0);
	actor_sleep(self, 0);
	assert_int_equal(actor_call(self, actor_to(dead), "$sys_status", 1000, NULL, ""), -ESRCH);
	other.serial = 0x7000;
	assert_int_equal(actor_call(self, actor_to(other), "$sys_suspend", 1000, NULL, ""), -ESRCH);
}
static void test_bad_requests_and_requests_to_nobody_are_answered(void **state)
{
	story(refusals);
}

/* An actor that is asked, and ends before the end of the turn. */
static void asked_at_its_end(actor *self)
{
	actor_ref a = seen(self);
	struct actor_answer answer;
	uint64_t id;

	assert_int_equal(actor_kill(self, a), 0);
	assert_int_equal(actor_request(self, actor_to(a), "$sys_status", 1000, &id, ""), 0);
	assert_int_equal(actor_request_wait(self, &id, 1, 1000, NULL, &answer), 0);
	assert_int_equal(answer.r, -ESRCH);
	actor_msg_free(answer.msg);
}
static void test_an_actor_that_ends_meanwhile_is_noproc(void **state)
{
	story(asked_at_its_end);
}

/* An actor that has a turn in each turn of the loop, until it is stopped. */
static int n_turns;

static int turner_turn(actor *self, const actor_msg *msg)
{
	n_turns++;
	return actor_send_after(self, 0, "turn", NULL, ""); /* timers fire once in a turn of the loop */
}

static void flood(actor *self)
{
	static const struct actor_method methods[] = {{.name = "turn", .on_cast = turner_turn}, {0}};
	static const struct actor_behavior turner = {.name = "turner", .methods = methods};
	enum { N = 6400, OF_A_TURN = 64 };
	static uint64_t ids[N];
	struct actor_answer answer;
	actor_ref a = seen(self), other;
	int before, turns = 0;

	assert_int_equal(actor_spawn(self, &turner, NULL, &other), 0);
	assert_int_equal(actor_cast(self, actor_to(other), "turn", ""), 0);
	for (int i = 0; i < N; i++)
		assert_int_equal(actor_request(self, actor_to(a), "$sys_status", 60000, &ids[i], ""), 0);
	before = n_turns;
	for (int i = N; i > 0; i--) { /* the last one first */
		assert_int_equal(actor_request_wait(self, &ids[i - 1], 1, 60000, NULL, &answer), 0);
		assert_int_equal(answer.r, 0);
		actor_msg_free(answer.msg);
		turns = turns ? turns : n_turns - before;
	}
	/* of each turn of the loop the requests have their share, and all others their turn */
	assert_in_range(turns, N / OF_A_TURN - 1, INT32_MAX);
	assert_int_equal(actor_kill(self, other), 0);
}
static void test_a_flood_of_requests_leaves_the_others_their_turns(void **state)
{
	story(flood);
}

/* Nothing else keeps the loop awake. */
static void flood_alone(actor *self)
{
	enum { N = 1000 };
	static uint64_t ids[N];
	struct actor_answer answer;
	actor_ref a = seen(self);

	for (int i = 0; i < N; i++)
		assert_int_equal(
			actor_request(self, actor_to(a), "$sys_status", ACTOR_FOREVER, &ids[i], ""), 0);
	for (int i = N; i > 0; i--) {
		assert_int_equal(actor_request_wait(self, &ids[i - 1], 1, ACTOR_FOREVER, NULL, &answer), 0);
		actor_msg_free(answer.msg);
	}
}
static void test_the_last_of_many_requests_is_answered_in_an_idle_group(void **state)
{
	story(flood_alone);
}

static size_t bytes_in_use(void)
{
	return mallinfo2().uordblks;
}

static void much(actor *self)
{
	actor_ref a = seen(self);
	size_t before = 0;

	for (int round = 0; round < 200; round++) {
		if (round == 20)
			before = bytes_in_use();
		actor_msg_free(sys(self, a, "$sys_status"));
		actor_msg_free(sys(self, a, "$sys_actors"));
		actor_msg_free(sys(self, a, "$sys_state"));
		assert_int_equal(actor_call(self, actor_to(a), "$sys_keep", 1000, NULL, "i", round % 5), 0);
		actor_msg_free(sys(self, a, "$sys_last"));
		actor_msg_free(sys(self, a, "$sys_suspend"));
		actor_msg_free(sys(self, a, "$sys_resume"));
	}
	assert_int_equal(actor_call(self, actor_to(a), "$sys_keep", 1000, NULL, "i", 19 % 5), 0);
	assert_in_range(bytes_in_use(), before / 2, before + 2048);
}
static void test_requests_keep_no_memory(void **state)
{
	story(much);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_says_what_an_actor_has_handled),
		cmocka_unit_test(test_status_says_what_a_handler_waits_in_and_for_whom),
		cmocka_unit_test(test_a_full_mailbox_does_not_keep_a_request_out),
		cmocka_unit_test(test_links_monitors_and_watchers_are_told_apart),
		cmocka_unit_test(test_the_list_has_every_actor_once_and_goes_on_where_it_was_cut),
		cmocka_unit_test(test_messages_wait_in_order_while_an_actor_is_suspended),
		cmocka_unit_test(test_a_handler_that_runs_is_finished_first),
		cmocka_unit_test(test_stop_and_kill_end_a_suspended_actor),
		cmocka_unit_test(test_the_state_is_what_format_status_shows_and_comes_before_the_queue),
		cmocka_unit_test(test_the_last_messages_are_kept_from_when_it_is_asked_for),
		cmocka_unit_test(test_what_all_actors_keep_is_bounded),
		cmocka_unit_test(test_a_long_name_is_cut_between_characters_and_a_large_body_is_left_out),
		cmocka_unit_test(test_bad_requests_and_requests_to_nobody_are_answered),
		cmocka_unit_test(test_an_actor_that_ends_meanwhile_is_noproc),
		cmocka_unit_test(test_a_flood_of_requests_leaves_the_others_their_turns),
		cmocka_unit_test(test_the_last_of_many_requests_is_answered_in_an_idle_group),
		cmocka_unit_test(test_requests_keep_no_memory),
	};

	return run_facts(tests);
}
