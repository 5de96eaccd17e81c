#define _GNU_SOURCE 1
#include "CLinux.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

int sluice_accept(int listener, int flags, uint64_t *upper, uint64_t *lower) {
  struct sockaddr_storage peer;
  socklen_t size = sizeof peer;
  peer.ss_family = AF_UNSPEC;
  int accepted = accept4(listener, (struct sockaddr *)&peer, &size, flags);
  *upper = *lower = 0;
  if (accepted < 0) return accepted;
  if (peer.ss_family == AF_INET) {
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&peer;
    *lower = 0xFFFF00000000 | ntohl(ipv4->sin_addr.s_addr);
  } else if (peer.ss_family == AF_INET6) {
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&peer;
    uint64_t halves[2];
    memcpy(halves, &ipv6->sin6_addr, sizeof halves);
    *upper = be64toh(halves[0]);
    *lower = be64toh(halves[1]);
  }
  return accepted;
}

char **sluice_environment(void) { return environ; }

int sluice_epoll_wait(int epoll, struct epoll_event *events, int count, uint64_t nanoseconds) {
  struct timespec timeout = {
    .tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
  int result = epoll_pwait2(epoll, events, count, &timeout, NULL);
  if (result >= 0 || errno != ENOSYS) return result;
  uint64_t milliseconds = (nanoseconds + 999999) / 1000000;
  return epoll_wait(epoll, events, count, milliseconds > INT_MAX ? INT_MAX : (int)milliseconds);
}

int sluice_unsent_bytes(int socket) {
  int count = 0;
  return ioctl(socket, SIOCOUTQ, &count) == 0 ? count : 0;
}

void sluice_reset_on_close(int socket) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void sluice_bind_without_port(int socket) {
  int on = 1;
  setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
}

// Fails on a Unix socket, whose output is the peer's as soon as it is sent.
void sluice_limit_unacknowledged(int socket, unsigned milliseconds) {
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

void sluice_set_process_name(const char *name) { prctl(PR_SET_NAME, name); }

void sluice_set_timer_slack(unsigned long nanoseconds) {
  prctl(PR_SET_TIMERSLACK, nanoseconds);
}

int sluice_peer_credentials(int socket, pid_t *process, uid_t *user, gid_t *group) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  *process = peer.pid;
  *user = peer.uid;
  *group = peer.gid;
  return 0;
}

int sluice_terminal_size(int descriptor, uint16_t *columns, uint16_t *rows) {
  struct winsize size;
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0) return -1;
  *columns = size.ws_col;
  *rows = size.ws_row;
  return 0;
}
