// What the device bus needs beside eventfds and memory. Failure is -errno.
#pragma once
// Makes `number` another descriptor of `fd`'s open file, atomically, whatever it was before; close-on-exec.
int atoll_replace_descriptor(int fd, int number);
