#include "CProbe.h"

static int count;
static char **words;

// The C library hands the command line to constructors, in static programs too.
__attribute__((constructor)) static void keep(int argc, char **argv) {
  count = argc;
  words = argv;
}
const char *probe_argument(int index) { return index < 0 || index >= count ? 0 : words[index]; }
