/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port [--name NAME]: publishes topics and numbers
 *   actorctl call publisher say '"weather"' 21      says something: a topic and a number
 * port listen PORT [TOPIC]: prints what is published at PORT, of one topic or of all
 *
 * The port's name is NAME.port (publisher.port). A publisher does not know its listeners. A listener in
 * another process says which topic it wants, and gets only that topic.
 */
#include <actor/actor.h>
#include <actor/port.h>
#include <stdio.h>
#include <string.h>

/* ---- the publisher ---- */

struct publisher {
	actor_port *port;
};

static int publisher_init(actor *self, const void *arg)
{
	struct publisher *publisher = actor_state(self);
	char name[256];

	snprintf(name, sizeof(name), "%s.port", (const char *)arg);
	return actor_port_new(
		self, &publisher->port, &(struct actor_port_options){.name = name, .queue_max = 100});
}

static void publisher_terminate(actor *self, const struct actor_cause *cause)
{
	struct publisher *publisher = actor_state(self);

	publisher->port = actor_port_free(self, publisher->port);
}

static int publisher_say(actor *self, const actor_msg *msg, actor_from *from)
{
	struct publisher *publisher = actor_state(self);
	const char *topic;
	int64_t n;

	if (actor_msg_unpack(msg, "sI", &topic, &n) < 0)
		return actor_reply_error(from, "bad_args", "say wants a topic and a number");
	return actor_reply(from, "i", actor_port_publish(self, publisher->port, "sI", topic, n));
}

static const struct actor_method publisher_methods[] = {
	{.name = "say",
		.on_call = publisher_say,
		.args = "topic:str n:int",
		.doc = "answers how many listen to it"},
	{0},
};

static const struct actor_behavior publisher = {
	.name = "publisher",
	.state_size = sizeof(struct publisher),
	.methods = publisher_methods,
	.init = publisher_init,
	.terminate = publisher_terminate,
};

/* ---- the listener ---- */

struct listener {
	const char *port, *topic;
};

static int listener_init(actor *self, const void *arg)
{
	const struct listener *listener = arg;
	struct actor_port_subscription wanted = {.method = "heard"};
	actor_msg *filter = NULL;
	int r;

	r = actor_msg_new(&filter);
	if (r == 0 && listener->topic) {
		r = actor_msg_pack(filter, "{s:[[iss]]}", "where", 0, "=", listener->topic);
		wanted.filter = actor_msg_body(filter, &wanted.filter_bytes);
	}
	if (r == 0)
		r = actor_port_subscribe(self, actor_named(listener->port), &wanted, NULL);
	actor_msg_free(filter);
	return r;
}

static int listener_heard(actor *self, const actor_msg *msg)
{
	const char *topic;
	int64_t n;

	if (actor_msg_unpack(msg, "sI", &topic, &n) == 0)
		printf("%s %lld\n", topic, (long long)n);
	fflush(stdout);
	return 0;
}

static int listener_lagged(actor *self, const actor_msg *msg)
{
	uint64_t id, lost;

	if (actor_msg_unpack(msg, "UU*", &id, &lost) == 0)
		printf("%llu were lost\n", (unsigned long long)lost);
	fflush(stdout);
	return 0;
}

static const struct actor_method listener_methods[] = {
	{.name = "heard", .on_cast = listener_heard},
	{.name = "lagged", .on_cast = listener_lagged},
	{0},
};

static const struct actor_behavior listener = {
	.name = "listener", .methods = listener_methods, .init = listener_init};

int main(int argc, char **argv)
{
	const char *name = argc == 3 && !strcmp(argv[1], "--name") ? argv[2] : "publisher";

	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "listen"))
		return actor_main(&listener, &(struct listener){argv[2], argc == 4 ? argv[3] : NULL}, NULL);
	if (argc != 1 && name != argv[2])
		return fprintf(stderr, "usage: port [--name NAME] | port listen PORT [TOPIC]\n"), 2;
	return actor_main(&publisher, name, name);
}
