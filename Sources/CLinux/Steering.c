#define _GNU_SOURCE 1
#include "CLinux.h"

#include <errno.h>
#include <linux/filter.h>

#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif

int sluice_steer(int socket, const uint8_t *slots, size_t count) {
  struct sock_filter code[2 + 2 * SLUICE_STEERED_SLOTS_MAX];
  unsigned short length = 0;
  if (count == 0 || count > SLUICE_STEERED_SLOTS_MAX) {
    errno = EINVAL;
    return -1;
  }
  // Not the hash of the packet: it is 0 for all on interfaces that supply none.
  code[length++] =
    (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_RANDOM);
  code[length++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count);
  // A table: if it is `index`, return its slot; the last one without asking.
  for (size_t index = 0; index < count; index++) {
    if (index < count - 1)
      code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, index, 0, 1);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, slots[index]);
  }
  struct sock_fprog program = {.len = length, .filter = code};
  return setsockopt(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
}

int sluice_end_steering(int socket) {
  int unused = 0;
  return setsockopt(socket, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused);
}
