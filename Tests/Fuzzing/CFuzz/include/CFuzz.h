// libFuzzer's entry point for programs that have a main of their own.
#ifndef ATOLL_CFUZZ_H
#define ATOLL_CFUZZ_H

/// Runs libFuzzer with a program's arguments; calls `one` for each input. Returns the exit status.
int atoll_fuzz_run(int argc, char **argv, int (*one)(const unsigned char *data, unsigned long size));

#endif
