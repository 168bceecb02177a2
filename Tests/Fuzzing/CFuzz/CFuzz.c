#include "CFuzz.h"

// Declared by the clang documentation of libFuzzer ("Using libFuzzer as a library"), in no header.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const unsigned char *data, unsigned long size));

int atoll_fuzz_run(int argc, char **argv, int (*one)(const unsigned char *data, unsigned long size)) {
  return LLVMFuzzerRunDriver(&argc, &argv, one);
}
