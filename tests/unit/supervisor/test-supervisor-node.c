/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a node, in virtual time, with a keeper that does what the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/mp.h"
#include "spawner/node/node.h"
#include "tests/fact.h"

#define MS        UINT64_C(1000000)
#define NODE_ID   0xabcu
#define WORDS_MAX 4096

#define CLIENT(n) (UINT64_C(1) << 63 | (n)) /* a group that the broker admitted */

static const actor_ref caller = {NODE_ID, CLIENT(77), 5};

/* What came out, as words in order. */
struct fixture {
	struct node *node;
	uint64_t now_ns;
	uint64_t next_group;
	uint64_t seq;
	char words[WORDS_MAX];
	uint64_t last_notice;
	struct buf state[2]; /* the chunks of a state: snapshot and what followed, in one */
};

static int from_token[8]; /* addresses stand for callers */
#define FROM(n) (&from_token[n])
static bool with_broker;
static size_t max_processes;   /* 0: no limit */
static uint64_t charged_group; /* of whoever waits; 0: nobody */

static uint64_t caller_group(const void *from)
{
	return charged_group;
}

static struct node *fresh_node(void)
{
	struct node_config config = {
		.node_id = NODE_ID,
		.seed = 1,
		.broker = with_broker ? "/bin/broker" : NULL,
		.caller_group = caller_group,
		.max_processes = max_processes,
		.max_files = 1024,
	};
	struct node *node;

	assert_int_equal(node_new(&node, &config), 0);
	return node;
}

static int setup(void **arg)
{
	static struct fixture f;

	charged_group = 0;
	with_broker = false;
	max_processes = 0;
	f = (struct fixture){.now_ns = 1000 * 1000 * MS, .next_group = 100};
	f.node = fresh_node();
	node_start(f.node, f.now_ns);
	node_reserved(f.node, f.next_group, 1024, f.now_ns);
	node_synced(f.node, f.now_ns);
	*arg = &f;
	return 0;
}

static int teardown(void **arg)
{
	struct fixture *f = *arg;

	node_free(f->node);
	buf_deinit(&f->state[0]);
	return 0;
}

__attribute__((format(printf, 2, 3))) static void word(struct fixture *f, const char *format, ...)
{
	size_t n = strlen(f->words);
	va_list ap;

	if (n && n + 1 < WORDS_MAX)
		f->words[n++] = ' ';
	va_start(ap, format);
	vsnprintf(f->words + n, WORDS_MAX - n, format, ap);
	va_end(ap);
}

/* The value of a key of a child map, as text. */
static const char *value_of(const struct buf *body, const char *key)
{
	static char text[300];
	struct mp_reader r = mp_reader(body->data, body->size_bytes);
	uint32_t n;

	if (mp_read_map(&r, &n) < 0)
		return "(no map)";
	while (n--) {
		const char *k, *s;
		size_t k_len, len;
		uint64_t u;

		assert_int_equal(mp_read_str(&r, &k, &k_len), 0);
		if (mp_str_is(k, k_len, key)) {
			if (mp_read_str(&r, &s, &len) == 0)
				snprintf(text, sizeof(text), "%.*s", (int)len, s);
			else if (mp_read_uint(&r, &u) == 0)
				snprintf(text, sizeof(text), "%llu", (unsigned long long)u);
			else
				snprintf(text, sizeof(text), mp_peek(&r) == MP_NIL ? "nil" : "?");
			return text;
		}
		assert_int_equal(mp_skip(&r), 0);
	}
	return "(no key)";
}

static void act(struct fixture *f, struct node_action *a)
{
	struct node_notice notice;

	switch (a->kind) {
	case NODE_TELL:
		while (node_next_notice(f->node, a->group, &notice)) {
			word(f, "down(%llu,%llu,%s)", (unsigned long long)notice.group,
				(unsigned long long)notice.id, notice.cause->reason);
			f->last_notice = notice.number;
		}
		break;
	case NODE_GROUP_DOWN:
		word(f, "group_down(%llu)", (unsigned long long)a->group);
		break;
	case NODE_SPAWN: {
		struct child *child = node_child_by_group(f->node, a->group);

		word(f, "spawn(%s,%llu)", child ? child->name : "?", (unsigned long long)a->group);
		break;
	}
	case NODE_TERM:
		word(f, "term(%llu,%llu)", (unsigned long long)a->group, (unsigned long long)a->number);
		break;
	case NODE_SIGNAL:
		word(f, "signal(%llu,%d)", (unsigned long long)a->group, a->signo);
		break;
	case NODE_KILL_TREE:
		word(f, "kill(%llu)", (unsigned long long)a->group);
		break;
	case NODE_ACK:
		word(f, "ack(%llu)", (unsigned long long)a->group);
		break;
	case NODE_OWNER_WATCH:
		word(f, "owner(%llu)", (unsigned long long)a->number);
		break;
	case NODE_OWNER_UNWATCH:
		word(f, "unowner(%llu)", (unsigned long long)a->number);
		break;
	case NODE_REPLY:
		if (a->error)
			word(f, "error%d(%s)", (int)((int *)a->from - from_token), a->error);
		else if (mp_peek(&(struct mp_reader){a->body.data, a->body.data + a->body.size_bytes}) ==
			 MP_MAP)
			word(f, "reply%d(%s)", (int)((int *)a->from - from_token),
				value_of(&a->body, "state"));
		else
			word(f, "reply%d", (int)((int *)a->from - from_token));
		break;
	case NODE_STOPPED:
		word(f, "stopped");
		break;
	case NODE_RESERVE:
		word(f, "reserve");
		break;
	case NODE_CLEAN:
	case NODE_LOG:
	case _NODE_ACTION_N:
		break;
	}
	node_action_free(a);
}

/* One turn of the shell: early actions, the state, late actions. */
static const char *turn(struct fixture *f)
{
	struct node_action *a;

	f->words[0] = 0;
	while ((a = node_next_early(f->node)))
		act(f, a);
	if (node_state_is_dirty(f->node))
		node_state_put_changes(f->node, &f->state[0]);
	while ((a = node_next_late(f->node)))
		act(f, a);
	return f->words;
}

static void spec_make(struct spec *spec, const char *name, enum supervision_restart restart)
{
	*spec = (struct spec){
		.name = name ? strdup(name) : NULL,
		.argv = calloc(2, sizeof(char *)),
		.restart = restart,
		.backoff_min_ms = 100,
		.backoff_max_ms = 30000,
		.stop_timeout_ms = 1000,
	};
	spec->argv[0] = strdup("/bin/true");
}

static void spawn(struct fixture *f, const char *name, enum supervision_restart restart, enum node_wait wait)
{
	struct spec spec;

	spec_make(&spec, name, restart);
	node_spawn(f->node, &spec, caller, FROM(1), wait, 5000, f->now_ns);
}

static struct keeper_slot slot_of(struct fixture *f, uint64_t group, enum keeper_stage stage)
{
	struct keeper_slot slot = {
		.cookie = group,
		.group_id = group,
		.seq = ++f->seq,
		.pid = 1000 + (int)group,
		.stage = stage,
		.forked_ns = f->now_ns,
		.exec_ns = stage == KEEPER_RUNNING || stage == KEEPER_EXITED ? f->now_ns : 0,
		.exited_ns = stage == KEEPER_EXITED ? f->now_ns : 0,
		.code = CLD_EXITED,
	};

	return slot;
}

static void runs(struct fixture *f, uint64_t group)
{
	struct keeper_slot slot = slot_of(f, group, KEEPER_RUNNING);

	node_slot(f->node, &slot, NULL, f->now_ns);
}

static void ends(struct fixture *f, uint64_t group, int code, int status)
{
	struct keeper_slot slot = slot_of(f, group, KEEPER_EXITED);

	slot.code = code;
	slot.status = status;
	node_slot(f->node, &slot, NULL, f->now_ns);
}

static void fails(struct fixture *f, uint64_t group, int error)
{
	struct keeper_slot slot = slot_of(f, group, KEEPER_FAILED);

	slot.error = error;
	slot.step = KEEPER_STEP_EXEC;
	node_slot(f->node, &slot, NULL, f->now_ns);
}

static void advance(struct fixture *f, uint64_t ms)
{
	f->now_ns += ms * MS;
	node_timer(f->node, f->now_ns);
}

static const char *state_of(struct fixture *f, const char *name)
{
	struct child *child = node_child_by_name(f->node, name);

	return child ? child_state_name(child) : "none";
}

static const char *field(struct fixture *f, const char *name, const char *key)
{
	struct buf b = BUF_INIT;
	const char *text;

	node_put_child(f->node, &b, node_child_by_name(f->node, name), f->now_ns, SIZE_MAX);
	text = value_of(&b, key);
	buf_deinit(&b);
	return text;
}

/* kill -9 of the supervisor: a new one reads what was written. */
static void die(struct fixture *f)
{
	node_free(f->node);
	f->node = fresh_node();
	assert_int_equal(node_state_load(f->node, f->state[0].data, f->state[0].size_bytes), 0);
	node_start(f->node, f->now_ns);
	node_reserved(f->node, f->next_group += 5000, 1024, f->now_ns);
}

/* ---- starting ---- */

static void test_spawn_without_wait_answers_at_once(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "spawn(a,100) reply1(starting)");
}

static void test_spawn_up_answers_when_it_was_execed(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_UP);
	assert_string_equal(turn(f), "spawn(a,100)");
	runs(f, 100);
	assert_string_equal(turn(f), "reply1(up)");
	assert_string_equal(field(f, "a", "pid"), "1100");
	assert_string_equal(field(f, "a", "group"), "100");
}

static void test_up_is_answered_even_if_it_is_over_in_the_same_report(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_UP);
	turn(f);
	ends(f, 100, CLD_EXITED, 0);
	assert_string_equal(turn(f), "ack(100) reply1(up) group_down(100)");
	assert_string_equal(state_of(f, "a"), "down");
}

static void test_spawn_exit_answers_with_the_end(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_EXIT);
	turn(f);
	runs(f, 100);
	assert_string_equal(turn(f), "");
	ends(f, 100, CLD_EXITED, 7);
	assert_string_equal(turn(f), "ack(100) group_down(100) reply1(down)");
	assert_int_equal(node_child_by_name(f->node, "a")->last_exit.cause.code, 7);
}

static void test_a_job_that_is_asked_for_again_runs_once(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "a", SUPERVISION_TEMPORARY);
	spec.cookie = 77;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_EXIT, 0, f->now_ns);
	assert_string_equal(turn(f), "spawn(a,100)");
	runs(f, 100);
	turn(f);
	die(f);
	spec_make(&spec, "a", SUPERVISION_TEMPORARY); /* by somebody who got no answer */
	spec.cookie = 77;
	node_spawn(f->node, &spec, caller, FROM(2), NODE_WAIT_EXIT, 0, f->now_ns);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	assert_null(strstr(turn(f), "spawn"));
	ends(f, 100, CLD_EXITED, 7);
	assert_string_equal(turn(f), "ack(100) group_down(100) reply2(down)");
	spec_make(&spec, "a", SUPERVISION_TEMPORARY); /* and after its end */
	spec.cookie = 77;
	node_spawn(f->node, &spec, caller, FROM(3), NODE_WAIT_EXIT, 0, f->now_ns);
	assert_string_equal(turn(f), "reply3(down)");
	spec_make(&spec, "a", SUPERVISION_TEMPORARY);
	spec.cookie = 78;
	node_spawn(f->node, &spec, caller, FROM(4), NODE_WAIT_NONE, 0, f->now_ns);
	assert_non_null(strstr(turn(f), "spawn(a,"));
}

static void spawn_by_request(struct fixture *f, const char *name, uint64_t cookie, void *from)
{
	struct spec spec;

	spec_make(&spec, name, SUPERVISION_TEMPORARY);
	spec.cookie = cookie;
	node_spawn(f->node, &spec, caller, from, NODE_WAIT_EXIT, 0, f->now_ns);
}

/* Runs a job to its end. */
static void job_runs(struct fixture *f, const char *name, uint64_t cookie, void *from)
{
	uint64_t group;

	spawn_by_request(f, name, cookie, from);
	group = node_child_by_name(f->node, name)->group;
	turn(f);
	runs(f, group);
	ends(f, group, CLD_EXITED, 0);
	turn(f);
}

static void test_a_job_whose_name_another_has_by_now_does_not_run_again(void **arg)
{
	struct fixture *f = *arg;

	job_runs(f, "a", 77, FROM(1));
	job_runs(f, "a", 78, FROM(2));
	spawn_by_request(f, "a", 77, FROM(3));
	assert_string_equal(turn(f), "error3(ended)");
	die(f);
	node_synced(f->node, f->now_ns);
	turn(f);
	spawn_by_request(f, "a", 77, FROM(4));
	assert_string_equal(turn(f), "error4(ended)");
	spawn_by_request(f, "a", 78, FROM(5));
	assert_string_equal(turn(f), "reply5(down)");
}

static void test_a_job_that_was_removed_does_not_run_again_after_a_snapshot(void **arg)
{
	struct fixture *f = *arg;

	job_runs(f, "a", 77, FROM(1));
	node_remove(f->node, "a", false, FROM(2), f->now_ns);
	turn(f);
	buf_reset(&f->state[0], SIZE_MAX);
	node_state_put_all(f->node, &f->state[0]);
	die(f);
	node_synced(f->node, f->now_ns);
	turn(f);
	spawn_by_request(f, "a", 77, FROM(3));
	assert_string_equal(turn(f), "error3(ended)");
}

static void test_what_was_refused_before_it_started_can_be_asked_for_again(void **arg)
{
	struct fixture *f = *arg;

	charged_group = caller.group;
	job_runs(f, "z", 76, FROM(1));
	for (int i = 0; i < NODE_CLIENT_WAITERS_MAX; i++)
		node_wait(f->node, "z", NODE_WAIT_READY, 0, FROM(1), f->now_ns);
	turn(f);
	spawn_by_request(f, "a", 77, FROM(2));
	assert_string_equal(turn(f), "error2(overloaded)");
	node_client_gone(f->node, caller.group, f->now_ns);
	turn(f);
	charged_group = 0;
	spawn_by_request(f, "a", 77, FROM(3));
	assert_non_null(strstr(turn(f), "spawn(a,"));
}

/* Room for those that are asked for again within a while, not for all there ever were. */
static void test_requests_of_the_forgotten_are_bounded(void **arg)
{
	struct fixture *f = *arg;

	node_reserved(f->node, 10000, 2 * NODE_SPENT_MAX, f->now_ns);
	for (uint64_t i = 1; i <= NODE_SPENT_MAX + 2; i++) /* each forgets the one before */
		job_runs(f, "a", i, FROM(1));
	spawn_by_request(f, "a", 2, FROM(2));
	assert_string_equal(turn(f), "error2(ended)");
	spawn_by_request(f, "a", 1, FROM(3));
	assert_non_null(strstr(turn(f), "spawn(a,"));
}

static void test_ready_is_waited_for_by_those_who_ask(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "a", SUPERVISION_PERMANENT);
	spec.ready_actor = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_READY, 0, f->now_ns);
	runs(f, 100);
	assert_string_equal(turn(f), "spawn(a,100)");
	node_group_ready(f->node, 100, f->now_ns);
	assert_string_equal(turn(f), "reply1(ready)");
}

static void test_ready_that_comes_before_the_pid_is_told_with_it(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "a", SUPERVISION_PERMANENT);
	spec.ready_actor = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_READY, 0, f->now_ns);
	assert_string_equal(turn(f), "spawn(a,100)");
	node_group_ready(f->node, 100, f->now_ns);
	assert_string_equal(turn(f), "");
	runs(f, 100);
	assert_string_equal(turn(f), "reply1(ready)");
	assert_true(node_child_by_name(f->node, "a")->pid > 0);
}

static void test_an_end_before_it_was_ready_is_told_at_once(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "a", SUPERVISION_PERMANENT);
	spec.ready_actor = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_READY, 5000, f->now_ns);
	turn(f);
	ends(f, 100, CLD_EXITED, 127);
	assert_non_null(strstr(turn(f), "error1(ended)"));
	assert_string_equal(state_of(f, "a"), "backoff"); /* nobody owns it: it goes on by its restart type */
	node_wait(f->node, "a", NODE_WAIT_READY, 5000, FROM(2), f->now_ns);
	advance(f, 200);
	assert_string_equal(turn(f), "spawn(a,101)");
	ends(f, 101, CLD_EXITED, 127);
	assert_null(strstr(turn(f), "2(")); /* who waits for it to get there goes on waiting */
}

static void test_an_owned_one_that_ends_before_it_is_ready_is_given_up(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "a", SUPERVISION_PERMANENT);
	spec.ready_actor = spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_READY, 5000, f->now_ns);
	turn(f);
	ends(f, 100, CLD_EXITED, 127);
	assert_non_null(strstr(turn(f), "error1(ended)"));
	assert_string_equal(state_of(f, "a"), "none");
}

static void test_how_it_came_to_be_down_is_told(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "done", SUPERVISION_TRANSIENT, NODE_WAIT_NONE);
	spawn(f, "failed", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	spawn(f, "stopped", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "brief", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	spawn(f, "fails", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(field(f, "done", "outcome"), "nil");
	ends(f, 100, CLD_EXITED, 0);
	ends(f, 101, CLD_EXITED, 3);
	node_stop(f->node, "stopped", false, FROM(1), f->now_ns);
	ends(f, 102, CLD_KILLED, SIGTERM);
	node_stop(f->node, "brief", false, FROM(1), f->now_ns);
	ends(f, 103, CLD_KILLED, SIGTERM);
	ends(f, 104, CLD_EXITED, 1); /* is started again at once, then not so soon */
	ends(f, 105, CLD_EXITED, 1);
	turn(f);
	assert_string_equal(state_of(f, "fails"), "backoff");
	node_stop(f->node, "fails", false, FROM(1), f->now_ns); /* while it waits for its next start */
	turn(f);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(field(f, "done", "outcome"), "done");
		assert_string_equal(field(f, "failed", "outcome"), "failed");
		assert_string_equal(field(f, "stopped", "outcome"), "stopped");
		assert_string_equal(field(f, "brief", "outcome"), "stopped");
		assert_string_equal(field(f, "fails", "outcome"), "stopped");
		die(f);
		node_synced(f->node, f->now_ns);
	}
	node_child_start(f->node, "stopped", false, FROM(1), f->now_ns);
	assert_string_equal(field(f, "stopped", "outcome"), "nil");
}

static void test_one_that_goes_into_the_background_is_said_to(void **arg)
{
	struct fixture *f = *arg;
	struct keeper_slot slot;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	turn(f);
	slot = slot_of(f, 100, KEEPER_EXITED);
	slot.flags = KEEPER_SLOT_TREE_ENDED;
	node_slot(f->node, &slot, "a word on stderr", f->now_ns);
	assert_non_null(
		strstr(node_child_by_name(f->node, "a")->last_exit.cause.text, "run it in the foreground"));
	assert_true(node_child_by_name(f->node, "a")->last_exit.left);
	turn(f);
	die(f); /* and the next supervisor knows it too */
	runs(f, 101);
	node_synced(f->node, f->now_ns);
	turn(f);
	assert_true(node_child_by_name(f->node, "a")->last_exit.left);
	slot = slot_of(f, 101, KEEPER_EXITED);
	slot.status = 1;
	slot.flags = KEEPER_SLOT_TREE_ENDED;
	node_slot(f->node, &slot, "a word on stderr", f->now_ns);
	assert_string_equal(node_child_by_name(f->node, "a")->last_exit.cause.text, "a word on stderr");
	assert_false(node_child_by_name(f->node, "a")->last_exit.left);
}

static void test_what_is_known_of_a_failed_exec_is_told(void **arg)
{
	struct fixture *f = *arg;
	struct keeper_slot slot;

	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_UP);
	turn(f);
	slot = slot_of(f, 100, KEEPER_FAILED);
	slot.error = ENOENT;
	slot.step = KEEPER_STEP_EXEC;
	node_slot(f->node, &slot, "the interpreter is not there", f->now_ns);
	assert_string_equal(
		node_child_by_name(f->node, "a")->last_exit.cause.text, "the interpreter is not there");
	assert_int_equal(node_child_by_name(f->node, "a")->last_exit.cause.code, ENOENT);
}

static void test_a_program_without_readiness_is_ready_when_up(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_READY);
	runs(f, 100);
	assert_string_equal(turn(f), "spawn(a,100) reply1(up)");
}

static void test_a_wait_times_out(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_UP);
	turn(f);
	advance(f, 4999);
	assert_string_equal(turn(f), "");
	assert_int_equal(node_next_deadline(f->node), f->now_ns + MS);
	advance(f, 1);
	assert_string_equal(turn(f), "error1(timeout)");
	assert_true(node_next_deadline(f->node) == SUPERVISION_NEVER);
}

static void test_a_taken_name_is_refused(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	turn(f);
	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "error1(in_use)");
	assert_int_equal(node_count(f->node), 1);
}

static void test_names_are_made_from_the_program(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, NULL, SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, NULL, SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, NULL, SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	turn(f);
	assert_string_equal(state_of(f, "true"), "starting");
	assert_string_equal(state_of(f, "true.2"), "starting");
	assert_string_equal(state_of(f, "true.3"), "starting");
}

static void test_the_name_of_one_that_ended_is_free(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	ends(f, 100, CLD_EXITED, 3);
	turn(f);
	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "spawn(a,101) reply1(starting)");
	assert_int_equal(node_count(f->node), 1);
}

static void test_the_name_of_one_that_was_stopped_is_not(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	ends(f, 100, CLD_KILLED, SIGTERM);
	turn(f);
	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "error1(in_use)");
}

static void test_a_thousand_ended_ones_are_listed_the_oldest_go(void **arg)
{
	struct fixture *f = *arg;
	char name[16];

	for (int i = 0; i < 1010; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		spawn(f, name, SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
		ends(f, 100 + (uint64_t)i, CLD_EXITED, 0);
		turn(f);
		if (i % 500 == 400)
			node_reserved(f->node, 1124 + 1024 * (uint64_t)(i / 500), 1024, f->now_ns);
	}
	assert_int_equal(node_count(f->node), 1000);
	assert_string_equal(state_of(f, "t9"), "none");
	assert_string_equal(state_of(f, "t10"), "down");
}

static void test_one_that_is_removed_by_force_takes_no_place_of_the_ended(void **arg)
{
	struct fixture *f = *arg;
	char name[16];
	uint64_t group;

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		spawn(f, name, SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
		ends(f, 100 + (uint64_t)i, CLD_EXITED, 0);
		turn(f);
		if (i == 400)
			node_reserved(f->node, 1124, 1024, f->now_ns);
	}
	spawn(f, "forced", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	group = node_child_by_name(f->node, "forced")->group;
	runs(f, group);
	node_remove(f->node, "forced", true, FROM(2), f->now_ns);
	turn(f);
	ends(f, group, CLD_KILLED, SIGTERM);
	turn(f);
	assert_string_equal(state_of(f, "forced"), "none");
	assert_string_equal(state_of(f, "t0"), "down");
	assert_int_equal(node_count(f->node), 1000);
}

static void test_no_more_processes_than_descriptors_suffice_for(void **arg)
{
	struct fixture *f = *arg;

	teardown(arg);
	max_processes = 2;
	f->node = fresh_node();
	f->state[0] = (struct buf)BUF_INIT;
	node_start(f->node, f->now_ns);
	node_reserved(f->node, f->next_group, 1024, f->now_ns);
	node_synced(f->node, f->now_ns);
	turn(f);
	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	spawn(f, "b", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	turn(f);
	spawn(f, "c", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "error1(overloaded)");
	ends(f, 100, CLD_EXITED, 0);
	turn(f);
	spawn(f, "c", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	assert_non_null(strstr(turn(f), "spawn(c,"));
}

static void test_starts_wait_for_group_ids(void **arg)
{
	struct fixture *f = *arg;
	struct node *node = fresh_node();

	node_free(f->node);
	f->node = node;
	node_start(node, f->now_ns);
	node_synced(node, f->now_ns);
	assert_string_equal(turn(f), "reserve");
	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_UP);
	spawn(f, "b", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "reply1(starting)");
	node_remove(node, "b", true, FROM(2), f->now_ns); /* and its start with it */
	assert_string_equal(turn(f), "reply2");
	node_reserved(node, 500, 1024, f->now_ns);
	assert_string_equal(turn(f), "spawn(a,500)");
}

/* ---- ends and restarts ---- */

static void test_the_first_restart_is_immediate_then_it_backs_off(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	ends(f, 100, CLD_DUMPED, SIGSEGV);
	assert_string_equal(turn(f), "ack(100) group_down(100) spawn(a,101)");
	runs(f, 101);
	ends(f, 101, CLD_KILLED, SIGKILL);
	assert_string_equal(turn(f), "ack(101) group_down(101)");
	assert_string_equal(state_of(f, "a"), "backoff");
	assert_string_equal(field(f, "a", "pid"), "nil");
	assert_in_range(atoi(field(f, "a", "next_start_ms")), 79, 120);
	advance(f, 120);
	assert_string_equal(turn(f), "spawn(a,102)");
	assert_string_equal(field(f, "a", "restarts"), "2");
}

static void test_transient_comes_back_from_failure_only(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_TRANSIENT, NODE_WAIT_NONE);
	runs(f, 100);
	ends(f, 100, CLD_EXITED, 1);
	turn(f);
	assert_string_equal(state_of(f, "a"), "starting");
	runs(f, 101);
	ends(f, 101, CLD_EXITED, 0);
	turn(f);
	assert_string_equal(state_of(f, "a"), "down");
}

static void test_status_125_asks_not_to_be_restarted(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	ends(f, 100, CLD_EXITED, 125);
	turn(f);
	assert_string_equal(state_of(f, "a"), "down");
}

static void test_an_exec_failure_is_told_and_retried_later(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_UP);
	turn(f);
	fails(f, 100, ENOENT);
	assert_string_equal(turn(f), "ack(100) group_down(100) error1(exec)");
	assert_string_equal(state_of(f, "a"), "backoff");
	assert_int_equal(node_child_by_name(f->node, "a")->last_exit.cause.kind, ACTOR_EXIT_EXEC);
	assert_int_equal(node_child_by_name(f->node, "a")->last_exit.cause.code, ENOENT);
	advance(f, 120);
	assert_string_equal(turn(f), "spawn(a,101)");
}

static void test_an_exec_failure_without_backoff_still_waits(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "a", SUPERVISION_PERMANENT);
	spec.backoff_min_ms = spec.backoff_max_ms = 0;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	fails(f, 100, ENOENT);
	turn(f);
	assert_int_equal(node_next_deadline(f->node), f->now_ns + 100 * MS);
	advance(f, 100);
	assert_string_equal(turn(f), "spawn(a,101)");
	fails(f, 101, ENOENT);
	turn(f);
	node_stop(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "reply2(down)");
	advance(f, 1000);
	assert_string_equal(turn(f), "");
}

static void test_a_temporary_that_cannot_be_run_is_down(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_EXIT);
	fails(f, 100, EACCES);
	assert_string_equal(turn(f), "spawn(?,100) ack(100) group_down(100) error1(exec)");
	assert_string_equal(state_of(f, "a"), "down");
}

static void test_a_refused_spawn_is_a_failed_start(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_UP);
	turn(f);
	node_refused(f->node, 100, -ENOSPC, f->now_ns);
	assert_string_equal(turn(f), "group_down(100) error1(exec)");
	assert_string_equal(state_of(f, "a"), "backoff");
}

/* ---- commands ---- */

static void test_stop_is_term_then_after_the_grace_kill(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_stop(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(100,1000)");
	advance(f, 999);
	assert_string_equal(turn(f), "");
	advance(f, 1);
	assert_string_equal(turn(f), "kill(100)");
	ends(f, 100, CLD_KILLED, SIGKILL);
	assert_string_equal(turn(f), "ack(100) group_down(100) reply2(down)");
}

static void test_a_stopped_child_ended_by_term_says_shutdown(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 9, FROM(3));
	turn(f);
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(100,1000) reply2(stopping)");
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "ack(100) group_down(100) down(100,9,shutdown)");
}

static void test_restart_is_a_new_incarnation_that_costs_no_backoff(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_restart(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(100,1000)");
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "ack(100) group_down(100) spawn(a,101)");
	runs(f, 101);
	assert_string_equal(turn(f), "reply2(up)");
	assert_string_equal(field(f, "a", "restarts"), "0");
}

static void test_start_brings_a_stopped_one_back(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	ends(f, 100, CLD_KILLED, SIGTERM);
	turn(f);
	node_child_start(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "spawn(a,101)");
	runs(f, 101);
	assert_string_equal(turn(f), "reply2(up)");
	node_child_start(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "reply2(up)");
}

static void test_kill_9_goes_to_the_tree_other_signals_to_the_leader(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_kill(f->node, "a", SIGUSR1, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "signal(100,10) reply2");
	node_kill(f->node, "a", SIGKILL, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "kill(100) reply2");
	node_kill(f->node, "a", 4711, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "error2(bad_args)");
}

static void test_what_is_not_there_is_noproc(void **arg)
{
	struct fixture *f = *arg;

	node_stop(f->node, "x", true, FROM(2), f->now_ns);
	node_child_start(f->node, "x", true, FROM(2), f->now_ns);
	node_restart(f->node, "x", true, FROM(2), f->now_ns);
	node_kill(f->node, "x", 9, FROM(2), f->now_ns);
	node_remove(f->node, "x", true, FROM(2), f->now_ns);
	node_wait(f->node, "x", NODE_WAIT_UP, 0, FROM(2), f->now_ns);
	assert_string_equal(turn(f),
		"error2(no_name) error2(no_name) error2(no_name) error2(no_name) error2(no_name) error2(no_name)");
}

static void test_rm_wants_it_down_or_force(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_remove(f->node, "a", false, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "error2(running)");
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(3), f->now_ns);
	node_remove(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(100,1000)");
	ends(f, 100, CLD_EXITED, 0);
	assert_string_equal(turn(f), "ack(100) group_down(100) reply3(down) reply2");
	assert_int_equal(node_count(f->node), 0);
}

static void test_what_was_removed_does_not_come_back_with_the_next_supervisor(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	ends(f, 100, CLD_EXITED, 0);
	turn(f);
	node_remove(f->node, "a", false, FROM(3), f->now_ns);
	turn(f);
	die(f);
	node_synced(f->node, f->now_ns);
	turn(f);
	assert_null(node_child_by_name(f->node, "a"));
}

static void test_down_stops_all_then_says_so(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "b", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	runs(f, 101);
	turn(f);
	node_down(f->node, FROM(2), f->now_ns);
	/* youngest first, none waits for another */
	assert_string_equal(turn(f), "term(101,1000) term(100,1000)");
	spawn(f, "c", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "error1(stopping)");
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "ack(100) group_down(100)");
	ends(f, 101, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "ack(101) group_down(101) reply2 stopped");
}

static void test_the_broker_is_unlisted_comes_back_for_ever_and_goes_last(void **arg)
{
	struct fixture *f = *arg;
	struct node_config config = {.node_id = NODE_ID, .seed = 1, .broker = "/b/actor-broker"};

	node_free(f->node);
	assert_int_equal(node_new(&f->node, &config), 0);
	node_start(f->node, f->now_ns);
	node_reserved(f->node, 100, 1024, f->now_ns);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "spawn(broker,100)");
	assert_int_equal(node_count(f->node), 0);
	assert_null(node_child_by_name(f->node, "broker"));
	for (uint64_t group = 100; group < 120; group++) {
		runs(f, group);
		ends(f, group, CLD_EXITED, 125);
		turn(f);
		advance(f, 1000);
		turn(f);
	}
	runs(f, 120);
	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 121);
	turn(f);
	node_down(f->node, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(121,1000)");
	ends(f, 121, CLD_EXITED, 0);
	assert_string_equal(turn(f), "ack(121) group_down(121) term(120,2000)");
	ends(f, 120, CLD_EXITED, 0);
	assert_string_equal(turn(f), "ack(120) reply2 stopped");
}

/* The broker serves or not, and ends. How long until the next one is started? */
static uint64_t broker_dies(
	struct fixture *f, uint64_t group, bool ready, uint64_t lived_ms, int code, int status)
{
	char expected[32];
	uint64_t waited_ms;

	runs(f, group);
	if (ready)
		node_group_ready(f->node, group, f->now_ns);
	turn(f);
	advance(f, lived_ms);
	ends(f, group, code, status);
	snprintf(expected, sizeof(expected), "spawn(broker,%llu)", (unsigned long long)group + 1);
	for (waited_ms = 0; !strstr(turn(f), expected); waited_ms += 10) {
		assert_true(waited_ms < 10000);
		advance(f, 10);
	}
	return waited_ms;
}

static void test_a_broker_comes_back_at_once_unless_it_dies_before_it_serves(void **arg)
{
	struct node_config config = {.node_id = NODE_ID, .seed = 1, .broker = "/b/actor-broker"};
	struct fixture *f = *arg;
	uint64_t group;

	node_free(f->node);
	assert_int_equal(node_new(&f->node, &config), 0);
	node_start(f->node, f->now_ns);
	node_reserved(f->node, 100, 1024, f->now_ns);
	node_synced(f->node, f->now_ns);
	turn(f);
	for (group = 100; group < 120; group++) /* had served for a second, however it ended */
		assert_int_equal(broker_dies(f, group, true, 1000, group % 2 ? CLD_KILLED : CLD_EXITED,
					 group % 2 ? SIGSEGV : 1),
			0);
	for (; group < 140; group++) /* killed while it served */
		assert_true(broker_dies(f, group, true, 10, CLD_KILLED, SIGKILL) <= 120);
	assert_int_equal(broker_dies(f, group++, true, 1000, CLD_KILLED, SIGKILL), 0);
	for (; group < 150; group++) /* dies as soon as it serves */
		broker_dies(f, group, true, 10, CLD_KILLED, SIGSEGV);
	assert_in_range(broker_dies(f, group++, true, 10, CLD_KILLED, SIGSEGV), 640, 970);
	assert_int_equal(broker_dies(f, group++, true, 1000, CLD_KILLED, SIGKILL), 0);
	for (; group < 160; group++) /* dies at its start */
		broker_dies(f, group, false, 5000, CLD_EXITED, 1);
	assert_in_range(broker_dies(f, group, false, 5000, CLD_EXITED, 1), 640, 970);
}

/* ---- owners and monitors ---- */

static void test_an_owned_child_goes_with_its_owner(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "a", SUPERVISION_PERMANENT);
	spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	assert_string_equal(turn(f), "owner(1) spawn(a,100) reply1(starting)");
	runs(f, 100);
	node_owner_gone(f->node, 1, f->now_ns);
	assert_string_equal(turn(f), "term(100,1000)");
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "ack(100) group_down(100) unowner(1)");
	assert_int_equal(node_count(f->node), 0);
	node_owner_gone(f->node, 1, f->now_ns);
	assert_string_equal(turn(f), "");
}

static void test_an_owned_child_that_cannot_be_run_is_given_up(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "a", SUPERVISION_PERMANENT);
	spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_UP, 0, f->now_ns);
	turn(f);
	fails(f, 100, ENOENT);
	assert_string_equal(turn(f), "ack(100) group_down(100) error1(exec) unowner(1)");
	assert_int_equal(node_count(f->node), 0);
	assert_true(node_next_deadline(f->node) == SUPERVISION_NEVER);
}

static void test_each_monitor_goes_off_once(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "a", SUPERVISION_PERMANENT);
	spec.monitor = true;
	spec.monitor_id = 5;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	node_monitor(f->node, 100, caller, 6, FROM(2));
	node_monitor(f->node, 100, caller, 7, FROM(2));
	node_demonitor(f->node, caller, 7, FROM(2));
	runs(f, 100);
	turn(f);
	ends(f, 100, CLD_KILLED, SIGABRT);
	assert_string_equal(
		turn(f), "ack(100) group_down(100) down(100,5,signal) down(100,6,signal) spawn(a,101)");
	runs(f, 101);
	ends(f, 101, CLD_KILLED, SIGABRT);
	assert_string_equal(turn(f), "ack(101) group_down(101)");
}

static void test_monitors_of_the_gone_go_off_at_once_with_what_is_known(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	ends(f, 100, CLD_EXITED, 3);
	turn(f);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	node_monitor(f->node, 4711, caller, 2, FROM(2));
	assert_string_equal(turn(f), "reply2 reply2 down(100,1,exit) down(4711,2,noproc)");
}

static void test_the_monitors_of_a_dead_watcher_are_forgotten(void **arg)
{
	struct fixture *f = *arg;
	actor_ref watcher = {NODE_ID, 101, 1};

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "w", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	runs(f, 101);
	node_monitor(f->node, 100, watcher, 1, FROM(2));
	turn(f);
	ends(f, 101, CLD_EXITED, 0);
	turn(f);
	ends(f, 100, CLD_EXITED, 0);
	assert_string_equal(turn(f), "ack(100) group_down(100) spawn(a,102)");
}

/* ---- notices: told until they were handed over, whoever dies when ---- */

static void watched_end(struct fixture *f)
{
	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	turn(f);
	ends(f, 100, CLD_KILLED, SIGSEGV);
}

static void restarted(struct fixture *f)
{
	die(f);
	node_synced(f->node, f->now_ns);
}

static void test_a_notice_that_was_not_handed_over_is_told_by_the_next_supervisor(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	assert_string_equal(turn(f), "ack(100) group_down(100) down(100,1,signal)");
	for (int i = 0; i < 3; i++) {
		restarted(f);
		assert_string_equal(turn(f), "down(100,1,signal)");
	}
	assert_string_equal(turn(f), "");
}

static void test_a_notice_that_was_written_and_not_told_is_told_by_the_next_supervisor(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	node_state_put_changes(f->node, &f->state[0]); /* and it dies before the first late action */
	restarted(f);
	assert_string_equal(turn(f), "down(100,1,signal)");
}

static void test_a_notice_that_was_handed_over_is_not_told_again(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	turn(f);
	node_notices_handed(f->node, caller.group, f->last_notice);
	assert_true(node_state_is_dirty(f->node));
	assert_string_equal(turn(f), "");
	restarted(f);
	assert_string_equal(turn(f), "");
	node_notices_handed(f->node, caller.group, f->last_notice); /* of whom nothing is left: no matter */
}

static void test_a_notice_that_was_lost_on_the_way_is_told_again_before_later_ones(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	turn(f);
	node_monitor(f->node, 4711, caller, 2, FROM(2));
	node_notices_lost(f->node, caller.group);
	node_tell_again(f->node);
	assert_string_equal(turn(f), "reply2 down(100,1,signal) down(4711,2,noproc)");
	node_tell_again(f->node);
	assert_string_equal(turn(f), "");
	node_notices_handed(f->node, caller.group, f->last_notice - 1); /* the first one */
	node_notices_lost(f->node, caller.group);
	node_tell_again(f->node);
	assert_string_equal(turn(f), "down(4711,2,noproc)");
}

static void test_a_notice_that_was_taken_back_is_not_told_again(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	turn(f);
	node_demonitor(f->node, caller, 1, NULL);
	turn(f);
	restarted(f);
	assert_string_equal(turn(f), "");
}

static uint32_t n_groups_put(struct fixture *f, unsigned which)
{
	struct buf b = BUF_INIT;
	struct mp_reader r;
	uint32_t n;

	node_put_groups(f->node, &b);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(mp_read_array(&r, &n), 0);
	assert_int_equal(n, 4);
	while (which--)
		assert_int_equal(mp_skip(&r), 0);
	assert_int_equal(mp_read_array(&r, &n), 0);
	buf_deinit(&b);
	return n;
}

#define EXITS   1
#define CLIENTS 3

static void test_the_broker_is_owed_an_end_until_it_has_heard_of_it(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	node_free(f->node);
	with_broker = true;
	f->node = fresh_node();
	node_start(f->node, f->now_ns);
	node_reserved(f->node, 100, 1024, f->now_ns);
	node_synced(f->node, f->now_ns);
	turn(f); /* the broker is group 100 */
	spec_make(&spec, "a", SUPERVISION_TEMPORARY);
	spec.owned = true; /* so that it is forgotten at its end */
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	runs(f, 101);
	node_owner_gone(f->node, node_child_by_name(f->node, "a")->number, f->now_ns);
	ends(f, 101, CLD_KILLED, SIGSEGV);
	turn(f);
	assert_int_equal(node_count(f->node), 0);
	for (int i = 0; i < 2; i++) {
		restarted(f);
		turn(f);
		assert_int_equal(n_groups_put(f, EXITS), 1);
	}
	node_broker_told(f->node, node_last_number(f->node));
	turn(f);
	restarted(f);
	assert_int_equal(n_groups_put(f, EXITS), 0);
}

/* ---- what a caller made is charged to it and goes with it ---- */

static void test_what_a_caller_made_goes_with_it(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spec_make(&spec, "owned", SUPERVISION_PERMANENT);
	spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	runs(f, 100);
	runs(f, 101);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	charged_group = caller.group;
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(3), f->now_ns);
	charged_group = CLIENT(78);
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(4), f->now_ns);
	node_monitor(f->node, 100, (actor_ref){NODE_ID, CLIENT(78), 1}, 2, FROM(2));
	turn(f);
	assert_int_equal(n_groups_put(f, CLIENTS), 2);
	node_client_gone(f->node, caller.group, f->now_ns);
	assert_string_equal(turn(f), "error3(stopped) term(101,1000)");
	assert_int_equal(n_groups_put(f, CLIENTS), 1);
	node_stop(f->node, "a", false, NULL, f->now_ns);
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(
		turn(f), "term(100,1000) ack(100) group_down(100) down(100,2,shutdown) reply4(down)");
	node_notices_handed(f->node, CLIENT(78), f->last_notice);
	assert_int_equal(n_groups_put(f, CLIENTS), 0);
}

static void test_what_was_removed_is_not_its_owners_any_more(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "owned", SUPERVISION_TEMPORARY);
	spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	runs(f, 100);
	ends(f, 100, CLD_EXITED, 0);
	turn(f);
	if (node_child_by_name(f->node, "owned"))
		node_remove(f->node, "owned", false, FROM(2), f->now_ns);
	turn(f);
	assert_null(node_child_by_name(f->node, "owned"));
	assert_int_equal(n_groups_put(f, CLIENTS), 0);
	node_client_gone(f->node, caller.group, f->now_ns);
	assert_string_equal(turn(f), "");
}

static void test_notices_of_a_caller_that_is_gone_are_dropped(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	turn(f);
	node_client_gone(f->node, caller.group, f->now_ns);
	turn(f);
	restarted(f);
	assert_string_equal(turn(f), "");
}

static void test_what_comes_from_a_caller_after_its_end_makes_nothing(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_client_gone(f->node, caller.group, f->now_ns);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	charged_group = caller.group;
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(3), f->now_ns);
	assert_string_equal(turn(f), "error2(overloaded) error3(stopped)");
	assert_int_equal(n_groups_put(f, CLIENTS), 0);
	for (uint64_t i = 0; i < 2 * NODE_GONE_MAX; i++) /* that is not kept for ever */
		node_client_gone(f->node, CLIENT(1000 + i), f->now_ns);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	assert_string_equal(turn(f), "reply2");
}

static void test_clients_of_the_supervisor_before_are_gone(void **arg)
{
	struct fixture *f = *arg;
	actor_ref its = {NODE_ID, UINT64_C(3) << 62 | 5, 1};

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, its, 1, FROM(2));
	turn(f);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	turn(f);
	ends(f, 100, CLD_KILLED, SIGKILL);
	assert_null(strstr(turn(f), "down(100,1"));
}

static void test_a_watcher_that_ended_unseen_is_told_nothing(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, (actor_ref){NODE_ID, 99, 1}, 1, FROM(2)); /* of no group that is there */
	turn(f);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	turn(f);
	ends(f, 100, CLD_KILLED, SIGKILL);
	assert_null(strstr(turn(f), "down(100,1"));
}

static void test_a_caller_gets_as_much_as_one_may_have_and_others_get_theirs(void **arg)
{
	struct fixture *f = *arg;
	const actor_ref other = {NODE_ID, CLIENT(78), 1};

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	for (uint64_t id = 1; id <= NODE_CLIENT_WATCHES_MAX; id++)
		node_monitor(f->node, 100, (actor_ref){NODE_ID, caller.group, id % 10 + 1}, id, NULL);
	node_monitor(f->node, 100, caller, 1 << 20, FROM(1));
	node_monitor(f->node, 100, other, 1, FROM(2));
	assert_string_equal(turn(f), "error1(overloaded) reply2");
	node_demonitor(f->node, (actor_ref){NODE_ID, caller.group, 2}, 1, NULL);
	node_monitor(f->node, 100, caller, 1 << 20, FROM(1));
	assert_string_equal(turn(f), "reply1");

	charged_group = caller.group;
	for (int i = 0; i < NODE_CLIENT_WAITERS_MAX; i++)
		node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(3), f->now_ns);
	assert_string_equal(turn(f), "");
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(3), f->now_ns);
	assert_string_equal(turn(f), "error3(overloaded)");
	charged_group = other.group;
	node_wait(f->node, "a", NODE_WAIT_UP, 0, FROM(4), f->now_ns);
	assert_string_equal(turn(f), "reply4(up)");
}

static void test_the_same_monitor_twice_is_one(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	node_monitor(f->node, 100, caller, 1, FROM(2));
	turn(f);
	ends(f, 100, CLD_EXITED, 3);
	assert_string_equal(turn(f), "ack(100) group_down(100) down(100,1,exit)");
}

static void test_the_last_lines_are_in_the_cause(void **arg)
{
	struct fixture *f = *arg;
	struct keeper_slot slot;

	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	slot = slot_of(f, 100, KEEPER_EXITED);
	slot.status = 1;
	node_slot(f->node, &slot, "cannot open the door", f->now_ns);
	assert_string_equal(node_child_by_name(f->node, "a")->last_exit.cause.text, "cannot open the door");
}

/* ---- the supervisor dies ---- */

static void test_a_successor_goes_on_where_it_was(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "up", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "backoff", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "stopped", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "ended", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	ends(f, 100, CLD_KILLED, SIGSEGV); /* restarted as 104 */
	runs(f, 104);
	fails(f, 101, ENOENT);
	runs(f, 102);
	node_stop(f->node, "stopped", false, FROM(2), f->now_ns);
	ends(f, 102, CLD_EXITED, 0);
	ends(f, 103, CLD_EXITED, 9);
	turn(f);
	advance(f, 10);
	die(f);
	runs(f, 104);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "");
	assert_string_equal(state_of(f, "up"), "up");
	assert_string_equal(field(f, "up", "restarts"), "1");
	assert_string_equal(field(f, "up", "pid"), "1104");
	assert_string_equal(state_of(f, "backoff"), "backoff");
	assert_string_equal(state_of(f, "stopped"), "down");
	assert_string_equal(state_of(f, "ended"), "down");
	assert_int_equal(node_child_by_name(f->node, "ended")->last_exit.cause.code, 9);
	advance(f, 200);
	assert_string_equal(turn(f), "spawn(backoff,5100)");
	ends(f, 104, CLD_EXITED, 1); /* its second failure: no immediate restart */
	turn(f);
	assert_string_equal(state_of(f, "up"), "backoff");
	spawn(f, "ended", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "spawn(ended,5101) reply1(starting)");
}

static void test_exits_meanwhile_have_their_true_status(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 3, FROM(2));
	turn(f);
	die(f);
	ends(f, 100, CLD_DUMPED, SIGSEGV);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "ack(100) group_down(100) down(100,3,signal)");
	assert_true(node_child_by_name(f->node, "a")->last_exit.cause.core);
}

static void test_an_intent_the_keeper_may_not_have_heard_is_sent_again(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	turn(f);
	die(f);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "spawn(a,100)");
	assert_string_equal(state_of(f, "a"), "starting");
}

static void test_an_end_that_was_handled_is_only_acknowledged_again(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	ends(f, 100, CLD_EXITED, 0);
	turn(f);
	die(f);
	ends(f, 100, CLD_EXITED, 0);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "ack(100)");
	assert_int_equal(node_count(f->node), 1);
}

static void test_a_stop_under_way_goes_on(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "stop", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "restart", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "rm", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	runs(f, 101);
	runs(f, 102);
	node_stop(f->node, "stop", false, FROM(2), f->now_ns);
	node_restart(f->node, "restart", false, FROM(2), f->now_ns);
	node_remove(f->node, "rm", true, FROM(2), f->now_ns);
	turn(f);
	die(f);
	runs(f, 100);
	runs(f, 101);
	runs(f, 102);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "term(100,1000) term(101,1000) term(102,1000)");
	ends(f, 100, CLD_EXITED, 0);
	ends(f, 101, CLD_EXITED, 0);
	ends(f, 102, CLD_EXITED, 0);
	assert_string_equal(turn(f),
		"ack(100) group_down(100) ack(101) group_down(101) spawn(restart,5100) ack(102) group_down(102)");
	assert_string_equal(state_of(f, "stop"), "down");
	assert_string_equal(state_of(f, "rm"), "none");
}

static void test_a_node_going_down_goes_on_going_down(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_down(f->node, FROM(2), f->now_ns);
	turn(f);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	assert_true(node_is_stopping(f->node));
	turn(f);
	ends(f, 100, CLD_EXITED, 0);
	assert_string_equal(turn(f), "ack(100) group_down(100) stopped");
}

static void test_owners_and_monitors_outlive_the_supervisor(void **arg)
{
	struct fixture *f = *arg;
	struct spec spec;

	spec_make(&spec, "a", SUPERVISION_PERMANENT);
	spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 8, FROM(2));
	turn(f);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "owner(1)");
	node_owner_gone(f->node, 1, f->now_ns);
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(
		turn(f), "term(100,1000) ack(100) group_down(100) down(100,8,shutdown) unowner(1)");
}

static void test_without_a_state_processes_are_adopted(void **arg)
{
	struct fixture *f = *arg;
	struct keeper_slot slot = slot_of(f, 4, KEEPER_RUNNING);

	strcpy(slot.name, "web");
	node_slot(f->node, &slot, NULL, f->now_ns);
	slot.group_id = 5;
	node_slot(f->node, &slot, NULL, f->now_ns);
	assert_string_equal(turn(f), "");
	assert_string_equal(state_of(f, "web"), "up");
	assert_string_equal(state_of(f, "web.2"), "up");
	node_restart(f->node, "web", false, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "error2(adopted)");
	ends(f, 4, CLD_EXITED, 1);
	assert_string_equal(turn(f), "ack(4) group_down(4)");
	assert_string_equal(state_of(f, "web"), "down");
}

static void test_that_a_state_was_lost_outlives_the_supervisor(void **arg)
{
	struct fixture *f = *arg;

	assert_int_equal(node_state_lost_ns(f->node), 0);
	node_state_lost(f->node, f->now_ns);
	assert_true(node_state_is_dirty(f->node));
	turn(f);
	die(f);
	assert_true(node_state_lost_ns(f->node) == f->now_ns);
	node_synced(f->node, f->now_ns);
	turn(f);
	buf_reset(&f->state[0], 0);
	node_state_put_all(f->node, &f->state[0]);
	die(f);
	assert_true(node_state_lost_ns(f->node) == f->now_ns);
}

static void test_a_spoilt_state_is_refused_not_believed(void **arg)
{
	struct fixture *f = *arg;
	struct node *node;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 8, FROM(2));
	node_monitor(f->node, 100, caller, 9, FROM(2));
	node_monitor(f->node, 4711, caller, 10, FROM(2)); /* a notice */
	turn(f);
	node_demonitor(f->node, caller, 9, NULL);
	turn(f);
	for (size_t i = 0; i < f->state[0].size_bytes; i++) {
		uint8_t was = f->state[0].data[i];

		for (int bit = 0; bit < 8; bit++) {
			f->state[0].data[i] = (uint8_t)(was ^ 1 << bit);
			node = fresh_node();
			if (node_state_load(node, f->state[0].data, f->state[0].size_bytes) < 0) {
				node_forget(node);
				assert_int_equal(node_count(node), 0);
			}
			node_start(node, f->now_ns); /* whatever it read, it can live with */
			node_synced(node, f->now_ns);
			node_free(node);
		}
		f->state[0].data[i] = was;
		node = fresh_node(); /* cut short */
		if (node_state_load(node, f->state[0].data, i) < 0)
			node_forget(node);
		node_free(node);
	}
}

static void test_a_snapshot_holds_who_watches(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 8, FROM(2));
	turn(f);
	buf_reset(&f->state[0], SIZE_MAX);
	node_state_put_all(f->node, &f->state[0]);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	turn(f);
	ends(f, 100, CLD_KILLED, SIGKILL);
	assert_non_null(strstr(turn(f), "down(100,8,signal)"));
}

static void test_a_snapshot_says_the_same_as_its_changes(void **arg)
{
	struct fixture *f = *arg;
	struct buf all = BUF_INIT, again = BUF_INIT;
	struct node *node = fresh_node();

	spawn(f, "a", SUPERVISION_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "b", SUPERVISION_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 101, caller, 1, FROM(2));
	node_monitor(f->node, 100, caller, 2, FROM(2));
	node_monitor(f->node, 100, caller, 3, FROM(2));
	turn(f);
	node_demonitor(f->node, caller, 3, NULL);
	ends(f, 101, CLD_EXITED, 2);
	turn(f);
	node_state_put_all(f->node, &all);
	assert_int_equal(node_state_load(node, f->state[0].data, f->state[0].size_bytes), 0);
	node_start(node, f->now_ns);
	node_state_put_all(node, &again);
	assert_int_equal(all.size_bytes, again.size_bytes);
	assert_memory_equal(all.data, again.data, all.size_bytes);
	node_free(node);
	buf_deinit(&all);
	buf_deinit(&again);
}

/* ---- specs ---- */

static int parse(struct spec *spec, const char *json_like, size_t size, char *text)
{
	struct mp_reader r = mp_reader(json_like, size);

	return spec_parse(&r, spec, text);
}

static void test_a_spec_needs_argv_and_has_defaults(void **arg)
{
	char text[SPEC_TEXT_BYTES];
	struct spec spec;

	assert_int_equal(parse(&spec, "\x80", 1, text), -EINVAL);
	assert_int_equal(parse(&spec, "\x93\x01\x02\x03", 4, text), -EINVAL);
	assert_int_equal(parse(&spec,
				 "\x81\xa4"
				 "argv\x90",
				 7, text),
		-EINVAL);
	assert_int_equal(parse(&spec,
				 "\x81\xa4"
				 "argv\x91\xa0",
				 8, text),
		-EINVAL);
	assert_int_equal(parse(&spec,
				 "\x81\xa4"
				 "argv\x91\xa2/x",
				 10, text),
		0);
	assert_int_equal(spec.restart, SUPERVISION_PERMANENT);
	assert_int_equal(spec.backoff_min_ms, 100);
	assert_int_equal(spec.backoff_max_ms, 30000);
	assert_int_equal(spec.stop_timeout_ms, 10000);
	assert_false(spec.no_stamps);
	assert_string_equal(spec.argv[0], "/x");
	assert_null(spec.argv[1]);
	spec_deinit(&spec);
}

static void refused(const char *key, void (*put)(struct buf *b))
{
	char text[SPEC_TEXT_BYTES] = "";
	struct buf b = BUF_INIT;
	struct mp_reader r;
	struct spec spec;

	mp_put_map(&b, 2);
	mp_put_cstr(&b, "argv");
	mp_put_array(&b, 1);
	mp_put_cstr(&b, "x");
	mp_put_cstr(&b, key);
	put(&b);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(spec_parse(&r, &spec, text), -EINVAL);
	assert_non_null(strstr(text, key));
	buf_deinit(&b);
}

static void put_true(struct buf *b)
{
	mp_put_bool(b, true);
}
static void put_dollar(struct buf *b)
{
	mp_put_cstr(b, "$x");
}
static void put_nul(struct buf *b)
{
	mp_put_str(b, "a\0b", 3);
}
static void put_token(struct buf *b)
{
	mp_put_map(b, 1);
	mp_put_cstr(b, "ACTOR_TOKEN");
	mp_put_cstr(b, "x");
}
static void put_equals(struct buf *b)
{
	mp_put_map(b, 1);
	mp_put_cstr(b, "A=B");
	mp_put_cstr(b, "x");
}
static void put_huge(struct buf *b)
{
	mp_put_uint(b, UINT64_MAX);
}

static void put_argv(struct buf *b)
{
	mp_put_array(b, 1);
	mp_put_cstr(b, "y");
}

static void test_a_backoff_that_begins_above_the_usual_end_moves_that_end_and_no_other(void **arg)
{
	char text[SPEC_TEXT_BYTES] = "";
	struct spec spec;

	assert_int_equal(parse(&spec,
				 "\x82\xa4"
				 "argv\x91\xa2/x\xae"
				 "backoff_min_ms\xcd\xea\x60",
				 28, text),
		0);
	assert_int_equal(spec.backoff_min_ms, 60000);
	assert_int_equal(spec.backoff_max_ms, 60000);
	spec_deinit(&spec);
	assert_int_equal(parse(&spec,
				 "\x83\xa4"
				 "argv\x91\xa2/x\xae"
				 "backoff_min_ms\xcd\xea\x60\xae"
				 "backoff_max_ms\x01",
				 44, text),
		-EINVAL);
	assert_non_null(strstr(text, "backoff_max_ms"));
}

static void test_arguments_may_be_as_long_together_as_the_kernel_takes(void **arg)
{
	char *half = malloc(SPEC_BYTES_MAX / 2 + 1), text[SPEC_TEXT_BYTES] = "";
	struct buf b = BUF_INIT;
	struct mp_reader r;
	struct spec spec;

	assert_non_null(half);
	memset(half, 'x', SPEC_BYTES_MAX / 2);
	half[SPEC_BYTES_MAX / 2] = 0;
	for (uint32_t n = 1; n <= 2; n++) {
		buf_reset(&b, SIZE_MAX);
		mp_put_map(&b, 1);
		mp_put_cstr(&b, "argv");
		mp_put_array(&b, n);
		for (uint32_t i = 0; i < n; i++)
			mp_put_cstr(&b, half);
		r = mp_reader(b.data, b.size_bytes);
		assert_int_equal(spec_parse(&r, &spec, text), n == 1 ? 0 : -EINVAL);
		if (n == 1)
			spec_deinit(&spec);
	}
	assert_non_null(strstr(text, "argv"));
	buf_deinit(&b);
	free(half);
}

static void test_bad_specs_are_refused_by_the_key_that_is_wrong(void **arg)
{
	refused("argv", put_argv); /* twice */
	refused("name", put_true);
	refused("name", put_dollar);
	refused("name", put_nul);
	refused("cwd", put_dollar);
	refused("cwd", put_nul);
	refused("env", put_true);
	refused("env", put_token);
	refused("env", put_equals);
	refused("restart", put_dollar);
	refused("ready", put_dollar);
	refused("backoff_min_ms", put_huge);
	refused("backoff_max_ms", put_true);
	refused("stop_timeout_ms", put_huge);
	refused("stamps", put_dollar);
	refused("owned", put_dollar);
	refused("monitor", put_dollar);
	refused("argv", put_true);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_spawn_without_wait_answers_at_once),
		T(test_spawn_up_answers_when_it_was_execed),
		T(test_up_is_answered_even_if_it_is_over_in_the_same_report),
		T(test_spawn_exit_answers_with_the_end),
		T(test_a_job_that_is_asked_for_again_runs_once),
		T(test_a_job_whose_name_another_has_by_now_does_not_run_again),
		T(test_a_job_that_was_removed_does_not_run_again_after_a_snapshot),
		T(test_what_was_refused_before_it_started_can_be_asked_for_again),
		T(test_requests_of_the_forgotten_are_bounded),
		T(test_ready_is_waited_for_by_those_who_ask),
		T(test_ready_that_comes_before_the_pid_is_told_with_it),
		T(test_an_end_before_it_was_ready_is_told_at_once),
		T(test_an_owned_one_that_ends_before_it_is_ready_is_given_up),
		T(test_how_it_came_to_be_down_is_told),
		T(test_one_that_goes_into_the_background_is_said_to),
		T(test_what_is_known_of_a_failed_exec_is_told),
		T(test_a_program_without_readiness_is_ready_when_up),
		T(test_a_wait_times_out),
		T(test_a_taken_name_is_refused),
		T(test_names_are_made_from_the_program),
		T(test_the_name_of_one_that_ended_is_free),
		T(test_the_name_of_one_that_was_stopped_is_not),
		T(test_a_thousand_ended_ones_are_listed_the_oldest_go),
		T(test_one_that_is_removed_by_force_takes_no_place_of_the_ended),
		T(test_no_more_processes_than_descriptors_suffice_for),
		T(test_starts_wait_for_group_ids),
		T(test_the_first_restart_is_immediate_then_it_backs_off),
		T(test_transient_comes_back_from_failure_only),
		T(test_status_125_asks_not_to_be_restarted),
		T(test_an_exec_failure_is_told_and_retried_later),
		T(test_an_exec_failure_without_backoff_still_waits),
		T(test_a_temporary_that_cannot_be_run_is_down),
		T(test_a_refused_spawn_is_a_failed_start),
		T(test_stop_is_term_then_after_the_grace_kill),
		T(test_a_stopped_child_ended_by_term_says_shutdown),
		T(test_restart_is_a_new_incarnation_that_costs_no_backoff),
		T(test_start_brings_a_stopped_one_back),
		T(test_kill_9_goes_to_the_tree_other_signals_to_the_leader),
		T(test_what_is_not_there_is_noproc),
		T(test_rm_wants_it_down_or_force),
		T(test_what_was_removed_does_not_come_back_with_the_next_supervisor),
		T(test_down_stops_all_then_says_so),
		T(test_the_broker_is_unlisted_comes_back_for_ever_and_goes_last),
		T(test_a_broker_comes_back_at_once_unless_it_dies_before_it_serves),
		T(test_an_owned_child_goes_with_its_owner),
		T(test_an_owned_child_that_cannot_be_run_is_given_up),
		T(test_each_monitor_goes_off_once),
		T(test_monitors_of_the_gone_go_off_at_once_with_what_is_known),
		T(test_the_monitors_of_a_dead_watcher_are_forgotten),
		T(test_a_notice_that_was_not_handed_over_is_told_by_the_next_supervisor),
		T(test_a_notice_that_was_written_and_not_told_is_told_by_the_next_supervisor),
		T(test_a_notice_that_was_handed_over_is_not_told_again),
		T(test_a_notice_that_was_lost_on_the_way_is_told_again_before_later_ones),
		T(test_a_notice_that_was_taken_back_is_not_told_again),
		T(test_the_broker_is_owed_an_end_until_it_has_heard_of_it),
		T(test_what_a_caller_made_goes_with_it),
		T(test_what_was_removed_is_not_its_owners_any_more),
		T(test_notices_of_a_caller_that_is_gone_are_dropped),
		T(test_what_comes_from_a_caller_after_its_end_makes_nothing),
		T(test_clients_of_the_supervisor_before_are_gone),
		T(test_a_watcher_that_ended_unseen_is_told_nothing),
		T(test_a_caller_gets_as_much_as_one_may_have_and_others_get_theirs),
		T(test_the_same_monitor_twice_is_one),
		T(test_the_last_lines_are_in_the_cause),
		T(test_a_successor_goes_on_where_it_was),
		T(test_exits_meanwhile_have_their_true_status),
		T(test_an_intent_the_keeper_may_not_have_heard_is_sent_again),
		T(test_an_end_that_was_handled_is_only_acknowledged_again),
		T(test_a_stop_under_way_goes_on),
		T(test_a_node_going_down_goes_on_going_down),
		T(test_owners_and_monitors_outlive_the_supervisor),
		T(test_without_a_state_processes_are_adopted),
		T(test_that_a_state_was_lost_outlives_the_supervisor),
		T(test_a_spoilt_state_is_refused_not_believed),
		T(test_a_snapshot_holds_who_watches),
		T(test_a_snapshot_says_the_same_as_its_changes),
		T(test_a_spec_needs_argv_and_has_defaults),
		T(test_a_backoff_that_begins_above_the_usual_end_moves_that_end_and_no_other),
		T(test_arguments_may_be_as_long_together_as_the_kernel_takes),
		T(test_bad_specs_are_refused_by_the_key_that_is_wrong),
	};

	return run_facts(tests);
}
