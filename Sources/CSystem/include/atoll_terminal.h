// The controlling terminal's modes. Failure is -errno.
#pragma once
// Bytes that atoll_terminal_save writes at most.
#define ATOLL_TERMINAL_STATE 128
// Copies the modes of terminal `fd` to `state`; -ENOTTY if it is none.
int atoll_terminal_save(int fd, unsigned char *state);
// Sets modes that atoll_terminal_save took, also from a background process group.
int atoll_terminal_restore(int fd, const unsigned char *state);
// Every key as it is typed, no echo, no signals; output is left as it is.
int atoll_terminal_raw(int fd);
