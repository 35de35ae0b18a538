/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of actor.h for its errors. Other errors have the system's texts. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "actor/actor.h"

const char *actor_strerror(int r)
{
	const char *text;

	if (r == INT_MIN)
		return "unknown error";
	r = r < 0 ? -r : r;
	switch (r) {
	case 0:
		return "success";
	case EINVAL:
		return "invalid argument, or called where it may not be";
	case ESRCH:
		return "no such actor or name";
	case ECONNRESET:
		return "the target ended before it answered";
	case ENOTCONN:
		return "no node is running, it went away, or it no longer knows this process";
	case ETIMEDOUT:
		return "timed out";
	case EREMOTEIO:
		return "the target answered with an error";
	case EDEADLK:
		return "a call to oneself or in a circle";
	case ECANCELED:
		return "the calling actor was killed";
	case EBUSY:
		return "the target's mailbox stayed full";
	case EAGAIN:
		return "would have to wait, outside a handler";
	case ENOBUFS:
		return "the daemon has no place for this group; its log says why";
	case EEXIST:
		return "the name is taken";
	case EMSGSIZE:
		return "more than a message can carry";
	case EPROTO:
		return "malformed, or other types than expected";
	case ERANGE:
		return "a number does not fit";
	case EALREADY:
		return "answered before";
	case ESHUTDOWN:
		return "the target works off what it has, and takes nothing new";
	case EPIPE:
		return "nobody takes the items of the stream any more";
	case EOPNOTSUPP:
		return "the caller takes no stream";
	case EPERM:
		return "not permitted";
	case E2BIG:
		return "the program asks for what this version of the library does not know";
	case ENOEXEC:
		return "the program could not be run";
	}
	text = strerrordesc_np(r);
	return text ? text : "unknown error";
}
