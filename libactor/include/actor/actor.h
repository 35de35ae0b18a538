/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor — message passing between crash-isolated actors
 *
 * An actor is state, a mailbox and a behavior; it handles one message at a time. Actors live in a *group*:
 * one operating-system process, so a crash ends one group and nobody else. Groups of one node find each other
 * through its broker and then talk directly.
 *
 * This file has the rules for all of it. What there is stands in the parts that it includes; programs include
 * this one.
 *
 * Threads.  Everything here belongs to the thread that runs the group (actor_group_run), unless a function
 *           says otherwise. Handlers run there one at a time; no locks are needed in an actor. A handler may
 *           wait (actor_call): it alone is parked, others go on.
 * Errors.   0 or positive is success, a negative errno is failure:
 *           -EINVAL      misuse
 *           -ENOMEM      out of memory
 *           -ESRCH       no such actor or name (noproc)
 *           -ECONNRESET  the target ended before it answered
 *           -ENOTCONN    no node is running, it went away, or it no longer knows this process
 *           -ETIMEDOUT   the time is over; nothing is said about the target
 *           -EREMOTEIO   the target answered with a named error (actor_msg_error)
 *           -EDEADLK     a call to oneself or in a circle
 *           -ECANCELED   the calling actor was killed
 *           -EBUSY       the target's mailbox stayed full
 *           -EAGAIN      would have to wait, outside a handler
 *           -ENOBUFS     the daemon has no place for this group; its log says why
 *           -EEXIST      the name is taken
 *           -EMSGSIZE    too large
 *           -EPROTO      bad bytes
 *           -ERANGE      a number does not fit
 *           -EALREADY    answered twice
 *           -EPERM       not permitted
 *           -EDQUOT      the broker keeps no more for this group (a limit of names, memberships, watches)
 * Memory.   Strings and arrays passed in are borrowed for the call. What is returned through ret_msg is freed
 *           with actor_msg_free.
 * Names.    Of actors, methods and errors: 1 to 255 bytes of UTF-8 without control characters, else -EINVAL.
 * Bytes.    Bodies are msgpack: the arguments of a message are an array, a result is one value
 *           (docs/protocol.md).
 * Limits.   A body: ACTOR_BODY_MAX_BYTES, nested at most 64 deep (the array of arguments counts). A mailbox:
 *           see struct actor_behavior. What is larger is refused where it is made: -EMSGSIZE to the sender,
 *           the error `too_big` to the caller when it is an answer. Answers that a group has not read: beyond
 *           4 MiB what it asks next waits, unhandled, until it has read them (32 MiB; then its link is ended,
 *           with a line in the log); beyond 64 MiB its calls are answered with the error `overloaded`.
 * Stacks.   Handlers run on stacks of 256 KiB (reserved; memory is what is touched), not on the thread's 8
 *           MiB. A behavior or a group may want more: stack_size_bytes. Running over the end is a SIGSEGV;
 *           under actor_main() stderr says "stack overflow", the actor, its method and the functions (of any
 *           program that was not stripped). From 16,000 stacks on they have no guard; what ran over the end
 *           of one of those ends in abort() later.
 * Structs.  A behavior, the options of a group, and what is said and heard of a process may grow by fields at
 *           their ends. Functions that take one are inline here and hand on its size as this header has it
 *           (…_sized), so a program that was built before a field came does not know it and need not. A
 *           library that is older than the header refuses a field that it does not know, if it is not zero:
 *           -E2BIG. Other languages call the _sized functions.
 */
#ifndef ACTOR_ACTOR_H
#define ACTOR_ACTOR_H

#define ACTOR_VERSION "0.1.0"

#include <actor/types.h>    /* refs, handles */
#include <actor/cause.h>    /* why something ended */
#include <actor/dest.h>     /* where something is sent */
#include <actor/message.h>  /* bodies and their formats */
#include <actor/behavior.h> /* methods, callbacks; spawn, stop, kill */
#include <actor/send.h>     /* cast, call, request, reply, flush */
#include <actor/name.h>     /* register, whereis, watch */
#include <actor/pg.h>       /* process groups */
#include <actor/monitor.h>  /* monitors, links, exits */
#include <actor/timer.h>    /* timers, sleep */
#include <actor/process.h>  /* programs that the node runs */
#include <actor/group.h>    /* this process; actor_main() */
#include <actor/outside.h>  /* descriptors, inlets, offload */
#include <actor/client.h>   /* blocking, without actors */

#endif
