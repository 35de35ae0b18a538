/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/supervisor/node-world.h"

int from_token[8];
bool with_broker;
size_t max_processes;
uint64_t charged_group;

static uint64_t caller_group(const void *from)
{
	return charged_group;
}

struct node *fresh_node(void)
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

int setup(void **arg)
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

int teardown(void **arg)
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

/* The value of @key in the map of a child, as text. */
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
		f->down_pid = a->pid;
		snprintf(f->down_name, sizeof(f->down_name), "%s", a->text);
		break;
	case NODE_SPAWN: {
		struct child *child = node_child_by_group(f->node, a->group);

		word(f, "spawn(%s,%llu)", child ? child->name : "?", (unsigned long long)a->group);
		break;
	}
	case NODE_TERM:
		word(f, "term(%llu,%llu%s)", (unsigned long long)a->group, (unsigned long long)a->number,
			a->signo == SIGTERM  ? ""
			: a->signo == SIGINT ? ",SIGINT"
					     : ",?");
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

const char *turn(struct fixture *f)
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

void spec_make(struct child_spec *spec, const char *name, enum actor_restart restart)
{
	const char **argv = calloc(2, sizeof(char *));

	argv[0] = strdup("/bin/true");
	*spec = CHILD_SPEC_DEFAULT;
	spec->name = name ? strdup(name) : NULL;
	spec->argv = argv;
	spec->restart = restart;
	spec->stop_timeout_ms = 1000;
}

void spawn(struct fixture *f, const char *name, enum actor_restart restart, enum node_wait wait)
{
	struct child_spec spec;

	spec_make(&spec, name, restart);
	node_spawn(f->node, &spec, caller, FROM(1), wait, 5000, f->now_ns);
}

struct keeper_slot slot_of(struct fixture *f, uint64_t group, enum keeper_stage stage)
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

void runs(struct fixture *f, uint64_t group)
{
	struct keeper_slot slot = slot_of(f, group, KEEPER_RUNNING);

	node_slot(f->node, &slot, NULL, f->now_ns);
}

void ends(struct fixture *f, uint64_t group, int code, int status)
{
	struct keeper_slot slot = slot_of(f, group, KEEPER_EXITED);

	slot.code = code;
	slot.status = status;
	node_slot(f->node, &slot, NULL, f->now_ns);
}

void fails(struct fixture *f, uint64_t group, int error)
{
	struct keeper_slot slot = slot_of(f, group, KEEPER_FAILED);

	slot.error = error;
	slot.step = KEEPER_STEP_EXEC;
	node_slot(f->node, &slot, NULL, f->now_ns);
}

void advance(struct fixture *f, uint64_t ms)
{
	f->now_ns += ms * MS;
	node_timer(f->node, f->now_ns);
}

const char *state_of(struct fixture *f, const char *name)
{
	struct child *child = node_child_by_name(f->node, name);

	return child ? child_state_name(child) : "none";
}

const char *field(struct fixture *f, const char *name, const char *key)
{
	struct buf b = BUF_INIT;
	const char *text;

	node_put_child(f->node, &b, node_child_by_name(f->node, name), f->now_ns, SIZE_MAX);
	text = value_of(&b, key);
	buf_deinit(&b);
	return text;
}

void die(struct fixture *f)
{
	node_free(f->node);
	f->node = fresh_node();
	assert_int_equal(node_state_load(f->node, f->state[0].data, f->state[0].size_bytes), 0);
	node_start(f->node, f->now_ns);
	node_reserved(f->node, f->next_group += 5000, 1024, f->now_ns);
}
