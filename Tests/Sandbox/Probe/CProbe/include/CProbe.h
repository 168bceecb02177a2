// What a process in a sandbox must not be able to do, one attempt per function, by bare system calls.
#pragma once
int probe_count(void);
const char *probe_name(int index);
// Tries attempt `index` against the process `outsider`: 0 if the forbidden thing HAPPENED, or -errno. May not return.
int probe_try(int index, int outsider);
// What the sandbox looks like from inside: the number of the first thing that is wrong, or 0. `probe_wrong` names it.
int probe_look(void);
const char *probe_wrong(int number);
// The command line, which Embedded Swift does not offer: argument `index`, null after the last.
const char *probe_argument(int index);
// What a root directory made of entries looks like: 0 if all is well, else the number of the first rule that does not hold.
int probe_root(void);
const char *probe_root_wrong(int number);
