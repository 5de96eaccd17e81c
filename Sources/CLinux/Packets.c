#define _GNU_SOURCE 1
#include "CLinux.h"

#include <string.h>

union rights_buffer {
  struct cmsghdr aligned;
  char bytes[CMSG_SPACE(sizeof(int) * SLUICE_PACKET_DESCRIPTORS_MAX)];
};

ssize_t sluice_send_packet(
  int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count
) {
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  union rights_buffer control;
  if (descriptor_count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * descriptor_count);
  }
  return sendmsg(socket, &message, sluice_send_flags);
}

ssize_t sluice_receive_packet(
  int socket, void *bytes, size_t capacity, int *descriptors, size_t *descriptor_count,
  enum sluice_packet_loss *loss
) {
  struct iovec part = {.iov_base = bytes, .iov_len = capacity};
  union rights_buffer control;
  struct msghdr message = {
    .msg_iov = &part,
    .msg_iovlen = 1,
    .msg_control = control.bytes,
    .msg_controllen = sizeof control.bytes,
  };
  *descriptor_count = 0;
  *loss = SLUICE_PACKET_WHOLE;
  ssize_t count = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) return count;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  for (; header != NULL; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t size = header->cmsg_len - CMSG_LEN(0);
    memcpy(descriptors + *descriptor_count, CMSG_DATA(header), size);
    *descriptor_count += size / sizeof(int);
  }
  if (message.msg_flags & MSG_CTRUNC) *loss = SLUICE_PACKET_LOST_DESCRIPTORS;
  if (message.msg_flags & MSG_TRUNC) *loss = SLUICE_PACKET_LOST_BYTES;
  return count;
}
