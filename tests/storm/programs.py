"""The programs of a storm's configuration: what behaves in which way. A number in each makes it another one by a reload."""

LOOP = "while :; do sleep 0.1; done"
PROGRAMS = {
    "steady": ('[ "sleep", "9999%d" ]', ""),
    "shell": ('[ "sh", "-c", "sh -c \\"%s # %%d\\"; true" ]' % LOOP, ""),
    "deaf": ('[ "sh", "-c", "trap \'\' TERM; %s # %%d" ]' % LOOP, "stop_timeout_s = 1;"),
    "daemon": ('[ "sh", "-c", "setsid sleep 8888%d & exec sleep 9999" ]', ""),
    "zombie": ('[ "sh", "-c", "(sleep 0.2 & exec setsid sleep 7777%d) & wait" ]', "stop_timeout_s = 1;"),
    "flappy": ('[ "sh", "-c", "sleep 0.%d; exit 1" ]', ""),
    "oneshot": ('[ "sh", "-c", "sleep 0.1; exit $((%d - %d))" ]', 'restart = "on-failure";'),
    "after": ('[ "sleep", "6666%d" ]', 'depends_on = [ "steady", "oneshot" ];'),
    "talker": ('[ "sh", "-c", "while :; do echo talk %d; sleep 0.05; done" ]', ""),
    "manual": ('[ "sleep", "5555%d" ]', "autostart = false;"),
}


def program(name, variant):
    """Its entry in the list of programs."""
    command, more = PROGRAMS[name]
    return '{ name = "%s"; command = %s; %s }' % (name, command % ((variant,) * command.count("%d")), more)
