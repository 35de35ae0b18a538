/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: shows the node's figures, for Prometheus and others */
#include <errno.h>
#include <stdlib.h>

#include "tools/commands/commands.h"
#include "tools/view/metrics.h"
#include "tools/view/output.h"
#include "tools/view/session.h"

#define GROUPS_DEFAULT 500
#define GROUPS_MAX     4096 /* the broker's own limit */

static int max_of_args(struct ctl *ctl, const struct args *args, uint64_t *ret)
{
	const char *text = args_value(args, "max");
	char *end;

	*ret = GROUPS_DEFAULT;
	if (!text)
		return 0;
	*ret = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || *ret > GROUPS_MAX)
		return ctl_fail(ctl, CTL_USAGE, "usage", "write a number from 0 to 4096",
			"'%s' is no number of groups", text);
	return 0;
}

static int print_text(struct ctl *ctl, const struct metrics *metrics, uint64_t max)
{
	struct buf text = BUF_INIT;
	int r;

	metrics_text(metrics, max, &text);
	r = buf_error(&text);
	if (!r)
		fwrite(text.data, 1, text.size_bytes, stdout);
	buf_deinit(&text);
	return r ? ctl_fail_errno(ctl, -r, NULL, "cannot write the metrics") : CTL_OK;
}

static int metrics_run(struct ctl *ctl, const struct args *args)
{
	const char *listen = args_value(args, "listen");
	struct metrics metrics;
	uint64_t max;
	int r, status;

	status = max_of_args(ctl, args, &max);
	if (status)
		return status;
	if (listen)
		return metrics_serve(ctl, listen, max);
	r = metrics_ask(ctl, max, ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS), &metrics);
	if (r)
		return session_fail_open(ctl, ACTOR_JOIN_BROKER, -r);
	if (ctl->json) {
		json_t *shown = json_pack("{sO?sO?sO?}", "broker", metrics.broker, "node", metrics.node,
			"children", metrics.children);

		output_json(ctl, shown);
		json_decref(shown);
	} else {
		status = print_text(ctl, &metrics, max);
	}
	metrics_deinit(&metrics);
	return status;
}

static const struct option_spec metrics_options[] = {
	{0, "listen", OPTION_VALUE, "ADDRESS",
		"serve them at GET /metrics: unix:PATH, or 127.0.0.1:PORT or [::1]:PORT"},
	{0, "max", OPTION_VALUE, "N", "groups with lines of their own (default 500, at most 4096)"},
	{0},
};

const struct command command_metrics = {
	.name = "metrics",
	.synopsis = "[--max N] [--listen ADDRESS]",
	.summary = "print counters of the node for Prometheus, or serve them",
	.examples = "  actorctl metrics\n"
		    "  actorctl metrics --listen 127.0.0.1:9464\n"
		    "  actorctl metrics --listen unix:/run/actor/metrics.ipc\n"
		    "  curl --unix-socket /run/actor/metrics.ipc http://localhost/metrics\n",
	.details =
		"The text is OpenMetrics. Messages between groups with a direct link do not go by the broker and are not counted.\n"
		"--listen serves until it is interrupted, asks the node at each request, and listens on this machine only: what is at\n"
		"127.0.0.1 every user of it may read, a Unix socket only its owner.\n",
	.options = metrics_options,
	.run = metrics_run,
};
