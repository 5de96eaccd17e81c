#define _GNU_SOURCE 1
#include "CLinux.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int sluice_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int sluice_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int sluice_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int sluice_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

pid_t sluice_reap(int *status, int *signal) {
  int how = 0;
  pid_t process;
  do process = waitpid(-1, &how, WNOHANG);
  while (process < 0 && errno == EINTR);
  *status = WIFEXITED(how) ? WEXITSTATUS(how) : 0;
  *signal = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
  return process;
}
