// The parts of Linux that Swift's Glibc module does not import.
#ifndef SLUICE_CLINUX_H
#define SLUICE_CLINUX_H

#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

// accept4(2), whose declaration needs _GNU_SOURCE. Tells the peer's address as
// the upper and lower half of an IPv6 address (IPv4-mapped for IPv4); both are 0
// for a Unix socket.
int sluice_accept(int listener, int flags, uint64_t *upper, uint64_t *lower);

// epoll_pwait2(2) without a signal mask: sleeps for at most so many nanoseconds.
// Where the kernel doesn't have it (before 5.11), for whole milliseconds, rounded up.
int sluice_epoll_wait(int epoll, struct epoll_event *events, int count, uint64_t nanoseconds);

// MSG_NOSIGNAL, SOCK_NONBLOCK and the like are enums in glibc's headers, and
// their Swift types differ between versions: plain integers here.
static const int sluice_send_flags = MSG_NOSIGNAL | MSG_DONTWAIT;
static const int sluice_receive_flags = MSG_DONTWAIT;
static const int sluice_accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
static const int sluice_socket_type = SOCK_STREAM;
static const int sluice_stream_socket = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

// What the kernel holds of a socket's output and the peer has not acknowledged
// (SIOCOUTQ); 0 when it cannot be told.
int sluice_unsent_bytes(int socket);

// Makes close(2) discard what is unsent, and send RST.
void sluice_reset_on_close(int socket);

// Lets a socket that is bound to an address take its port when it connects, so that
// one address has as many ports for each place that it connects to.
void sluice_bind_without_port(int socket);

// Ends a TCP connection whose peer takes nothing for so long (TCP_USER_TIMEOUT).
void sluice_limit_unacknowledged(int socket, unsigned milliseconds);

// How late the timed waits of this thread may end, in nanoseconds (PR_SET_TIMERSLACK).
void sluice_set_timer_slack(unsigned long nanoseconds);

// The size of a terminal (TIOCGWINSZ); -1 when the descriptor is none.
int sluice_terminal_size(int descriptor, uint16_t *columns, uint16_t *rows);

// The process's environment, whose end is a null pointer; NULL when there is none.
char **sluice_environment(void);

// strerror_r in its POSIX form.
int sluice_strerror(int code, char *buffer, unsigned long size);

#endif
