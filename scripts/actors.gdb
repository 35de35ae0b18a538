# Commands for gdb, for a running group or its core: gdb -x scripts/actors.gdb -p PID. They need x86-64 and a build with debug symbols.
#
#   actors [GROUP]          shows every actor: serial, behavior, waiting messages, the method it is in, and whether it is parked
#   parked SERIAL [GROUP]   shows where a parked actor waits, innermost frame first
#
# GROUP is an expression of type actor_group *. Without it the group of actor_main() is shown. Nothing in the process is changed.

define actors
  if $argc == 0
    set $actors_group = program_group
  else
    set $actors_group = $arg0
  end
  set $i = 0
  while $i < $actors_group->actors.n_entries
    set $a = (struct actor *)$actors_group->actors.entries[$i].item
    if $a
      printf "%lx  %s  %u wait", $a->ref.serial, $a->behavior->name, $a->mailbox.n_messages
      if $a->method
        printf "  in method %s", $a->method
      end
      if $a->task.stack
        printf "  parked"
      end
      printf "\n"
    end
    set $i = $i + 1
  end
end

# context_jump() (loop/stack.c) has pushed: control words, r15 r14 r13 r12 rbx, rbp, and the address where the actor goes on. Every function keeps
# its frame pointer.
define parked
  if $argc == 1
    set $actors_group = program_group
  else
    set $actors_group = $arg1
  end
  set $a = (struct actor *)$actors_group->actors.entries[($arg0 & 0xffffffff) - 1].item
  if !$a || !$a->task.stack
    printf "it is not parked\n"
  else
    set $at = (unsigned long *)$a->task.stack->context.sp
    set $frame = (unsigned long *)$at[6]
    set $where = $at[7]
    while $frame
      info line *$where
      set $where = $frame[1]
      set $frame = (unsigned long *)$frame[0]
    end
  end
end
