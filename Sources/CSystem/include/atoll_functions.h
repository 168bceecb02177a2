// What the supervisor opens for the back-ends of virtio functions. Failure is -errno.
#pragma once
int atoll_is_disk(int fd);                       // a regular file or a block device: 1, 0 or -errno
int atoll_path_kind(const char *path);           // 2 a folder that is no link, 1 something else, 0 nothing
long atoll_tap_name(int fd, char *name, unsigned long capacity);  // of the interface that a tap descriptor belongs to
// As atoll_unix_connect, but never waits: -EAGAIN if the listener's queue is full. The socket is non-blocking.
int atoll_unix_connect_now(const char *path);
// The path without links and relative parts, with its final zero; its length.
long atoll_absolute_path(const char *path, char *out, unsigned long capacity);
int atoll_remove_socket(const char *path);       // nothing else: -EINVAL
int atoll_remove_folder(const char *path);
// If this process is root, gives a file or folder to the user that root's children are ("nobody").
int atoll_give_to_children(const char *path);
// Whether the user that this process' children are may make files in a folder: 1, 0 or -errno.
int atoll_children_may_write(const char *path);
