// The parts of Linux that Swift's Glibc module does not import.
#ifndef SLUICE_CLINUX_H
#define SLUICE_CLINUX_H

#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>

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
static const int sluice_packet_socket = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
static const int sluice_packet_socket_type = SOCK_SEQPACKET;

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

// How many descriptors a packet may carry (unix(7), SCM_RIGHTS).
#define SLUICE_PACKET_DESCRIPTORS_MAX 64

enum sluice_packet_loss {
  SLUICE_PACKET_WHOLE,
  // It was longer than the room for it (MSG_TRUNC).
  SLUICE_PACKET_LOST_BYTES,
  // It had more descriptors than there was room for, here or in the table of this
  // process (MSG_CTRUNC).
  SLUICE_PACKET_LOST_DESCRIPTORS,
};

// sendmsg(2) of one packet with at most SLUICE_PACKET_DESCRIPTORS_MAX descriptors.
ssize_t sluice_send_packet(
  int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count);

// recvmsg(2) of one packet. There must be room for SLUICE_PACKET_DESCRIPTORS_MAX
// descriptors. Those that are told are the caller's, whatever was lost.
ssize_t sluice_receive_packet(
  int socket, void *bytes, size_t capacity, int *descriptors, size_t *descriptor_count,
  enum sluice_packet_loss *loss);

// posix_spawn_file_actions_addclosefrom_np(3), whose declaration needs _GNU_SOURCE.
int sluice_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

// pidfd_open(2), pidfd_send_signal(2): a process by descriptor. The descriptor is
// readable once the process has ended, and exec closes it.
int sluice_pidfd_open(pid_t process);
int sluice_pidfd_send_signal(int pidfd, int signal);

// Makes this process the parent of those of its descendants whose parents end
// (PR_SET_CHILD_SUBREAPER).
int sluice_become_subreaper(void);

// waitpid(2) for any child that has ended: its exit status, or the signal that has
// ended it, which is 0 otherwise. Returns 0 when none has, -1 when there are none.
pid_t sluice_reap(int *status, int *signal);

#define SLUICE_STEERED_SLOTS_MAX 256

// Gives a group of SO_REUSEPORT a program (SO_ATTACH_REUSEPORT_CBPF) that sends each new
// connection to one of these slots, at random. Detaching it brings the kernel's choice back.
int sluice_steer(int socket, const uint8_t *slots, size_t count);
int sluice_end_steering(int socket);

// Who has connected a Unix socket (SO_PEERCRED), whose struct needs _GNU_SOURCE.
int sluice_peer_credentials(int socket, pid_t *process, uid_t *user, gid_t *group);

// The size of a terminal (TIOCGWINSZ); -1 when the descriptor is none.
int sluice_terminal_size(int descriptor, uint16_t *columns, uint16_t *rows);

// The process's environment, whose end is a null pointer; NULL when there is none.
char **sluice_environment(void);

// What the calling thread is called, and the process if it is its first (PR_SET_NAME).
void sluice_set_process_name(const char *name);

// strerror_r in its POSIX form.
int sluice_strerror(int code, char *buffer, unsigned long size);

#endif
