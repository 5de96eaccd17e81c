// Without _GNU_SOURCE, so that strerror_r is POSIX's.
#define _POSIX_C_SOURCE 200809L
#include "CLinux.h"
#include <string.h>

int sluice_strerror(int code, char *buffer, unsigned long size) {
  return strerror_r(code, buffer, size);
}
