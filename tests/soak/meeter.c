/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meeter NAME LEDGER: an actor program that meets others, and writes down what came of it. For meetings.py.
 *
 * `meet` makes a visitor, which is an actor, for each meeting. The visitor watches its target, sends it
 * numbered notes, asks how many have arrived, and stays to hear of the target's end. Each line of the ledger
 * is appended in one write, so a killed process has written all that it knew. The lines are:
 *   begin VISITOR TARGET                     a visitor is on its way: a `call` line will follow
 *   sent VISITOR TARGET COUNT ERROR          COUNT notes were accepted; ERROR says why not all
 *   call VISITOR TARGET ERROR NOTED SENT TOOK-MS TIMEOUT-MS
 *   down VISITOR TARGET REASON
 *   stale VISITOR TARGET NAME                after `down` the name still led to the dead target
 *   hole VISITOR EXPECTED CAME               the receiver says that notes are missing
 *
 * `read` makes a reader, which is an actor, for each stream. The reader asks its target for numbers, in
 * order, and may cancel before the end. At the target another actor tells the numbers, so that the first one
 * is free. The lines are:
 *   open READER TARGET                       a stream is asked for: a `read` line will follow
 *   read READER TARGET ERROR CAME VALUE WANTED TOOK-MS TIMEOUT-MS   (VALUE ended it; -1: none did)
 *   tell TELLER READER                       a teller has begun: a `told` line will follow
 *   told TELLER READER ERROR
 */
#include <actor/actor.h>
#include <actor/stream.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VISITORS_MAX 65536 /* the notes of at most so many visitors are counted */

struct meeting {
	actor_ref target;
	int64_t n;
	int64_t timeout_ms;
	int64_t sent;
	char name[256]; /* looked up when the target has ended; may be empty */
};

static struct sender {
	char key[ACTOR_REF_TEXT_MAX];
	int64_t n;
} senders[VISITORS_MAX];
static size_t n_senders;
static int ledger_fd;

static void __attribute__((format(printf, 1, 2))) ledger(const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (write(ledger_fd, line, (size_t)n) != n)
		abort();
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct sender *sender_of(const char *key)
{
	for (size_t i = n_senders; i > 0; i--)
		if (!strcmp(senders[i - 1].key, key))
			return &senders[i - 1];
	if (n_senders == VISITORS_MAX)
		abort();
	snprintf(senders[n_senders].key, sizeof(senders[0].key), "%s", key);
	return &senders[n_senders++];
}

/* ---- the visitor ---- */

static int visitor_init(actor *self, const void *arg)
{
	*(struct meeting *)actor_state(self) = *(const struct meeting *)arg;
	return actor_send_after(self, 0, "go", NULL, "");
}

static int visitor_go(actor *self, const actor_msg *msg)
{
	struct meeting *meeting = actor_state(self);
	char me[ACTOR_REF_TEXT_MAX], target[ACTOR_REF_TEXT_MAX];
	actor_msg *reply;
	int64_t start_ms, noted = -1;
	int r = 0;

	actor_ref_format(actor_self(self), me);
	actor_ref_format(meeting->target, target);
	if (actor_monitor(self, meeting->target, NULL) < 0)
		return -ENOMEM;
	while (meeting->sent < meeting->n && r == 0) {
		r = actor_cast(self, actor_to(meeting->target), "note", "sI", me, meeting->sent + 1);
		if (r == 0)
			meeting->sent++;
	}
	ledger("sent %s %s %lld %d\n", me, target, (long long)meeting->sent, r);
	start_ms = now_ms();
	r = actor_call(self, actor_to(meeting->target), "ask", meeting->timeout_ms, &reply, "s", me);
	if (r == 0 && actor_msg_unpack(reply, "I", &noted) < 0)
		noted = -2;
	actor_msg_free(reply);
	ledger("call %s %s %d %lld %lld %lld %lld\n", me, target, r, (long long)noted,
		(long long)meeting->sent, (long long)(now_ms() - start_ms), (long long)meeting->timeout_ms);
	return 0;
}

static int visitor_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	char me[ACTOR_REF_TEXT_MAX], target[ACTOR_REF_TEXT_MAX];
	struct meeting *meeting = actor_state(self);
	actor_ref found = ACTOR_NOBODY;

	ledger("down %s %s %s\n", actor_ref_format(actor_self(self), me), actor_ref_format(who, target),
		cause->reason);
	if (meeting->name[0] && actor_whereis(self, meeting->name, &found) == 0 &&
		actor_ref_equal(found, meeting->target))
		ledger("stale %s %s %s\n", me, target, meeting->name);
	return 0;
}

static const struct actor_method visitor_methods[] = {{.name = "go", .on_cast = visitor_go}, {0}};

static const struct actor_behavior visitor = {
	.name = "visitor",
	.state_size = sizeof(struct meeting),
	.methods = visitor_methods,
	.init = visitor_init,
	.on_down = visitor_down,
};

/* ---- the reader of a stream, and who tells it ---- */

struct reading {
	actor_ref target;
	int64_t wanted;
	int64_t timeout_ms;
	int64_t cancel_after; /* so many items; negative: never */
};

static int reader_init(actor *self, const void *arg)
{
	*(struct reading *)actor_state(self) = *(const struct reading *)arg;
	return actor_send_after(self, 0, "go", NULL, "");
}

static int reader_go(actor *self, const actor_msg *msg)
{
	const struct reading *reading = actor_state(self);
	const struct actor_stream_window window = {.items = 16};
	char me[ACTOR_REF_TEXT_MAX], target[ACTOR_REF_TEXT_MAX];
	int64_t start_ms = now_ms(), came = 0, value = -1, n;
	actor_msg *item = NULL;
	uint64_t stream;
	int r;

	actor_ref_format(actor_self(self), me);
	actor_ref_format(reading->target, target);
	r = actor_stream_open(self, actor_to(reading->target), "count", reading->timeout_ms, window, &stream,
		"sI", me, reading->wanted);
	while (r == 0 && (r = actor_stream_next(self, stream, ACTOR_FOREVER, &item)) == 1) {
		if (actor_msg_unpack(item, "I", &n) < 0 || n != came + 1)
			ledger("hole %s %lld %lld\n", me, (long long)came + 1, (long long)n);
		came++;
		actor_msg_free(item);
		item = NULL;
		r = 0;
		if (came == reading->cancel_after) {
			actor_stream_cancel(self, stream);
			r = -ECANCELED;
		}
	}
	if (r == 0 && actor_msg_unpack(item, "I", &value) < 0)
		value = -2;
	actor_msg_free(item);
	ledger("read %s %s %d %lld %lld %lld %lld %lld\n", me, target, r, (long long)came, (long long)value,
		(long long)reading->wanted, (long long)(now_ms() - start_ms), (long long)reading->timeout_ms);
	return actor_stop(self, actor_self(self), "normal");
}

static const struct actor_method reader_methods[] = {{.name = "go", .on_cast = reader_go}, {0}};

static const struct actor_behavior reader = {
	.name = "reader",
	.state_size = sizeof(struct reading),
	.methods = reader_methods,
	.init = reader_init,
};

struct telling {
	actor_from *from;
	int64_t n;
	char reader[ACTOR_REF_TEXT_MAX];
};

static int teller_init(actor *self, const void *arg)
{
	*(struct telling *)actor_state(self) = *(const struct telling *)arg;
	return actor_send_after(self, 0, "go", NULL, "");
}

static int teller_go(actor *self, const actor_msg *msg)
{
	struct telling *telling = actor_state(self);
	char me[ACTOR_REF_TEXT_MAX];
	int r = 0;

	for (int64_t i = 1; i <= telling->n && r == 0; i++)
		r = actor_stream_send(self, telling->from, ACTOR_FOREVER, "I", i);
	if (r == 0)
		r = actor_reply(telling->from, "I", telling->n);
	else
		actor_from_free(telling->from);
	ledger("told %s %s %d\n", actor_ref_format(actor_self(self), me), telling->reader, r);
	return actor_stop(self, actor_self(self), "normal");
}

static const struct actor_method teller_methods[] = {{.name = "go", .on_cast = teller_go}, {0}};

static const struct actor_behavior teller = {
	.name = "teller",
	.state_size = sizeof(struct telling),
	.methods = teller_methods,
	.init = teller_init,
};

/* ---- the first actor ---- */

static int meeter_read(actor *self, const actor_msg *msg)
{
	char who[ACTOR_REF_TEXT_MAX], target[ACTOR_REF_TEXT_MAX];
	struct reading reading;
	actor_ref ref;
	int r;

	if (actor_msg_unpack(msg, "rIII", &reading.target, &reading.wanted, &reading.timeout_ms,
		    &reading.cancel_after) < 0)
		return -EINVAL;
	r = actor_spawn(self, &reader, &reading, &ref);
	if (r == 0)
		ledger("open %s %s\n", actor_ref_format(ref, who), actor_ref_format(reading.target, target));
	return r;
}

static int meeter_count(actor *self, const actor_msg *msg, actor_from *from)
{
	struct telling telling = {0};
	char who[ACTOR_REF_TEXT_MAX];
	const char *key;
	actor_ref ref;
	int r;

	if (!actor_from_wants_stream(from) || actor_msg_unpack(msg, "sI", &key, &telling.n) < 0)
		return actor_reply_error(from, "bad_args", "count wants a reader and a number, in a stream");
	snprintf(telling.reader, sizeof(telling.reader), "%s", key);
	telling.from = actor_from_keep(from);
	if (!telling.from)
		return -ENOMEM;
	r = actor_spawn(self, &teller, &telling, &ref);
	if (r == 0)
		ledger("tell %s %s\n", actor_ref_format(ref, who), key);
	return r;
}

static int meeter_meet(actor *self, const actor_msg *msg)
{
	char who[ACTOR_REF_TEXT_MAX], target[ACTOR_REF_TEXT_MAX];
	struct meeting meeting = {0};
	const char *name = "";
	actor_ref ref;
	int r;

	if (actor_msg_unpack(msg, "rIIs?", &meeting.target, &meeting.n, &meeting.timeout_ms, &name) < 0)
		return -EINVAL;
	snprintf(meeting.name, sizeof(meeting.name), "%s", name);
	r = actor_spawn(self, &visitor, &meeting, &ref);
	if (r == 0)
		ledger("begin %s %s\n", actor_ref_format(ref, who), actor_ref_format(meeting.target, target));
	return r;
}

static int meeter_busy(actor *self, const actor_msg *msg)
{
	int ms;

	if (actor_msg_unpack(msg, "i", &ms) < 0)
		return -EINVAL;
	usleep((useconds_t)ms * 1000); /* the whole process does nothing else meanwhile */
	return 0;
}

static int meeter_note(actor *self, const actor_msg *msg)
{
	struct sender *sender;
	const char *key;
	int64_t n;

	if (actor_msg_unpack(msg, "sI", &key, &n) < 0)
		return -EINVAL;
	sender = sender_of(key);
	if (n != sender->n + 1)
		ledger("hole %s %lld %lld\n", key, (long long)sender->n + 1, (long long)n);
	sender->n = n;
	return 0;
}

static int meeter_ask(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *key;

	if (actor_msg_unpack(msg, "s", &key) < 0)
		return actor_reply_error(from, "bad_args", "ask wants a visitor");
	return actor_reply(from, "I", sender_of(key)->n);
}

static const struct actor_method methods[] = {
	{.name = "meet", .on_cast = meeter_meet},
	{.name = "busy", .on_cast = meeter_busy},
	{.name = "note", .on_cast = meeter_note},
	{.name = "ask", .on_call = meeter_ask},
	{.name = "read", .on_cast = meeter_read},
	{.name = "count", .on_call = meeter_count},
	{0},
};

static const struct actor_behavior behavior = {.name = "meeter", .methods = methods};

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	ledger_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (ledger_fd < 0)
		return 2;
	return actor_main(&behavior, NULL, argv[1]);
}
