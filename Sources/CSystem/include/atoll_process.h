// Starting a confined process, watching it, and closing its own door behind it. Failure is -errno.
#pragma once

// The steps of a start, in order: what failed when atoll_spawn does. Sandbox/SandboxError.swift has the words.
enum atoll_step {
  ATOLL_STEP_REQUEST = 1,   // the request itself: too many or bad descriptors, too long arguments
  ATOLL_STEP_CHANNEL,       // the socket over which the child reports
  ATOLL_STEP_CLONE,         // clone3 with the new namespaces
  ATOLL_STEP_MAP_IDS,       // uid_map and gid_map, written from outside
  ATOLL_STEP_DESCRIPTORS,   // moving inherited descriptors to their numbers, closing all others
  ATOLL_STEP_TREES,         // opening what the new root is to hold, as the user who started us
  ATOLL_STEP_IDS,           // becoming the mapped user and group
  ATOLL_STEP_SESSION,       // setsid
  ATOLL_STEP_HOST_NAME,     // empty host and domain name
  ATOLL_STEP_ROOT,          // a read-only root with the requested entries, old root detached
  ATOLL_STEP_CAPABILITIES,  // no capability in any set, secure bits locked
  ATOLL_STEP_PRIVILEGES,    // no_new_privs
  ATOLL_STEP_LANDLOCK,      // Landlock domain: to execute the program file, and what the root's entries are for
  ATOLL_STEP_LIMITS,        // resource limits
  ATOLL_STEP_PARENT,        // death together with the parent
  ATOLL_STEP_SIGNALS,       // default dispositions, empty mask
  ATOLL_STEP_FILTER,        // seccomp, first phase
  ATOLL_STEP_EXECUTE,       // execveat
};

struct atoll_spawn_request {
  const char *arguments;      // argv, each string ended by a zero, one after the other
  int argument_count;         // 1 to 96
  int executable;             // descriptor of the program file
  const int *sources;         // inherited descriptors: numbers here...
  const int *targets;         // ...and there
  int descriptor_count;       // 0 to 16
  int confined;               // 0: plain clone and exec, and everything below is ignored but new_session and death_signal
  int new_session;
  int death_signal;           // what the process gets when its parent dies
  const void *filter;         // struct sock_filter[]
  unsigned filter_count;
  long open_files, processes, data_bytes, locked_bytes;  // limits
  int writes_files;           // 0: file size limit 0
  // What the root holds: each entry a letter and two strings, source and absolute target. r: bind for reading, w: for writing,
  // d: device node, l: symbolic link (source is its text), f: folder, t: folder in memory, p: proc.
  const char *root;
  int root_count;             // 0 to 32
  const char *path;           // of the program in that root; null: `executable` is executed
  int host_network;           // stays in the host's network namespace
  int confines_itself;        // may make user namespaces; no Landlock
};

// Where the program's descriptor is when execveat runs: above every profile's open_files, so that after exec no
// descriptor can ever have this number again, and a filter that allows execveat of this number allows it once.
enum { ATOLL_EXECUTABLE_FD = 767, ATOLL_CHANNEL_FD = 766 };

// Starts the process and waits until its exec succeeded: the pid, with *pidfd open, or -errno with *step set.
int atoll_spawn(const struct atoll_spawn_request *request, int *pidfd, int *step);
int atoll_pidfd_signal(int pidfd, int signal);
// Reaps. *signalled: -1 still running (only if !wait), 0 the result is its exit status, 1 the result is the signal.
int atoll_pidfd_wait(int pidfd, int wait, int *signalled);
int atoll_effective_user(void);

// A memfd's content can no longer change in any way.
int atoll_memfd_seal_all(int fd);
