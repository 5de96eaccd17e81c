// A second opinion on `sluice bench`: a WebSocket load generator that shares no code with it.
// One thread, epoll, closed loop. Prints one JSON object; whatever the server does wrong ends it
// with a message and exit status 1.
//
//     cc -O2 -Wall -Wextra -Werror -o load Tests/Benchmarks/load.c
//     ./load echo      127.0.0.1:8080 /echo       --connections 64 --in-flight 1 --size 20
//     ./load broadcast 127.0.0.1:8080 /channels/x --connections 500 --in-flight 16 --size 100
//     ./load connect   127.0.0.1:8080 /echo       --connections 64
//
// Others: --seconds 5, --warm-up 1, --pid PID for the server's CPU time, its children's included.
//
// echo: each connection has so many messages under way, and sends the next one for each that
// comes back. broadcast: one more connection publishes so many messages at once, and the next
// when every subscriber has all of them; each copy counts. connect: so many connections at a time, each opened,
// upgraded and closed with a close frame; latency is until the server's handshake has come.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { HEADER_MAX = 14, RECEIVE_SIZE = 256 * 1024, STALL_MS = 10000, CONTENT_OFFSETS = 65536 };
enum state { CONNECTING, UPGRADING, OPEN, CLOSING, CLOSED };

struct connection {
  int fd;
  enum state state;
  uint64_t sent, received;   // messages
  uint64_t *sent_ns;         // of message k at k % in_flight
  uint8_t *out, *partial;    // what is to be sent, and the beginning of what has not come whole
  size_t out_start, out_end, partial_size;
  bool wants_write;
};

static struct sockaddr_in address;
static const char *path;
static size_t size = 20, in_flight = 1, connection_count = 64;
static double seconds = 5, warm_up = 1;
static bool is_broadcast, is_connect, stopping;
static int epoll_fd;
static uint8_t *content, *receive_buffer;
static struct connection *connections, *publisher;
static size_t *copies_missing;  // of publication k at k % in_flight

static uint64_t message_count, open_count;
static uint64_t latency_max;
static uint32_t *latencies;  // by tenths of a microsecond, up to 1.6 s
enum { LATENCY_COUNT = 1 << 24 };

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "load: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  exit(1);
}

static void *allocate(size_t count, size_t each) {
  void *memory = calloc(count ? count : 1, each);
  if (!memory) fail("out of memory");
  return memory;
}

static uint64_t clock_ns(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) return 0;
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t random_bits(void) {  // xorshift64
  static uint64_t state = 0x9E3779B97F4A7C15;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}

// --- The server's CPU time ---

// All threads of the process and its children, also threads that have ended.
static uint64_t server_cpu_ns(int pid) {
  uint64_t total = clock_ns((~(unsigned)pid << 3) | 2);
  char name[300];
  snprintf(name, sizeof name, "/proc/%d/task", pid);
  DIR *tasks = opendir(name);
  if (!tasks) return total;
  for (struct dirent *task; (task = readdir(tasks));) {
    if (task->d_name[0] == '.') continue;
    snprintf(name, sizeof name, "/proc/%d/task/%.20s/children", pid, task->d_name);
    FILE *children = fopen(name, "r");
    int child;
    while (children && fscanf(children, "%d", &child) == 1) total += server_cpu_ns(child);
    if (children) fclose(children);
  }
  closedir(tasks);
  return total;
}

// --- Messages ---

static void count_message(uint64_t sent_ns, uint64_t now) {
  uint64_t latency = now - sent_ns;
  if (stopping) return;
  message_count++;
  if (latency > latency_max) latency_max = latency;
  latencies[latency / 100 < LATENCY_COUNT ? latency / 100 : LATENCY_COUNT - 1]++;
}

// What message `number` of a connection consists of: `size` bytes that are random, and others
// for each message.
static const uint8_t *content_of(const struct connection *connection, uint64_t number) {
  uint64_t sender = (uint64_t)((is_broadcast ? publisher : connection) - connections);
  return content + (sender * 8191 + number * 31) % CONTENT_OFFSETS;
}

// What is under way, and a request or pongs.
static size_t out_capacity(void) { return in_flight * (size + HEADER_MAX) + 4096; }

static void append_frame(
    struct connection *to, uint8_t opcode, const uint8_t *payload, size_t length) {
  uint8_t *out = to->out + to->out_end;
  *out++ = 0x80 | opcode;
  if (length < 126) {
    *out++ = 0x80 | (uint8_t)length;
  } else {
    int bytes = length < 65536 ? 2 : 8;
    *out++ = 0x80 | (bytes == 2 ? 126 : 127);
    while (bytes--) *out++ = (uint8_t)(length >> 8 * bytes);
  }
  uint64_t mask = random_bits() & 0xFFFFFFFF;
  mask |= mask << 32;
  memcpy(out, &mask, 4);
  out += 4;
  size_t done = 0;
  for (uint64_t word; done + 8 <= length; done += 8) {
    memcpy(&word, payload + done, 8);
    word ^= mask;
    memcpy(out + done, &word, 8);
  }
  for (; done < length; done++) out[done] = payload[done] ^ ((uint8_t *)&mask)[done % 8];
  to->out_end = (size_t)(out - to->out) + length;
}

static void flush(struct connection *connection) {
  while (connection->out_start < connection->out_end) {
    ssize_t count = send(
        connection->fd, connection->out + connection->out_start,
        connection->out_end - connection->out_start, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) fail("send: %s", strerror(errno));
    if (count < 0) break;
    connection->out_start += (size_t)count;
  }
  size_t left = connection->out_end - connection->out_start;
  memmove(connection->out, connection->out + connection->out_start, left);
  connection->out_start = 0, connection->out_end = left;
  if ((left > 0) == connection->wants_write) return;
  connection->wants_write = left > 0;
  struct epoll_event event = {.events = EPOLLIN | (left ? EPOLLOUT : 0), .data.ptr = connection};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

static void send_messages(struct connection *connection) {
  uint64_t now = clock_ns(CLOCK_MONOTONIC);
  for (; !stopping && connection->sent - connection->received < in_flight; connection->sent++) {
    append_frame(connection, 2, content_of(connection, connection->sent), size);
    connection->sent_ns[connection->sent % in_flight] = now;
    if (is_broadcast) copies_missing[connection->sent % in_flight] = connection_count;
  }
  flush(connection);
}

static void receive_message(struct connection *connection, const uint8_t *payload, uint64_t now) {
  struct connection *sender = is_broadcast ? publisher : connection;
  uint64_t number = connection->received;
  if (connection == publisher) fail("the publisher got a message");
  if (number >= sender->sent) fail("a message came that was not sent");
  if (memcmp(payload, content_of(connection, number), size) != 0)
    fail("message %llu has the wrong content", (unsigned long long)number);
  connection->received++;
  count_message(sender->sent_ns[number % in_flight], now);
  if (is_broadcast && --copies_missing[number % in_flight] == 0) publisher->received++;
}

// Returns how many bytes the first frame has; 0 when it has not come whole.
static size_t parse_frame(
    struct connection *connection, const uint8_t *bytes, size_t count, uint64_t now) {
  if (count < 2) return 0;
  bool is_close = connection->state == CLOSING, is_ping = bytes[0] == 0x89;
  if (is_close && connection->received) fail("something came after the close frame");
  if (bytes[0] != (is_close ? 0x88 : 0x82) && !is_ping) fail("a frame starts with %02x", bytes[0]);
  if (bytes[1] & 0x80) fail("a frame of the server's is masked");
  size_t extended = bytes[1] == 126 ? 2 : bytes[1] == 127 ? 8 : 0, header = 2 + extended;
  if (count < header) return 0;
  uint64_t length = extended ? 0 : bytes[1];
  for (size_t index = 0; index < extended; index++) length = length << 8 | bytes[2 + index];
  if (extended && length < (extended == 2 ? 126 : 65536)) fail("a length is not minimal");
  if (is_ping || is_close ? length > 125 : length != size)
    fail("a frame %02x has %llu bytes", bytes[0], (unsigned long long)length);
  if (count - header < length) return 0;
  if (is_ping) {
    if (connection->out_end + HEADER_MAX + length > out_capacity()) fail("too many pings");
    append_frame(connection, 10, bytes + header, (size_t)length);
    flush(connection);
  } else if (is_close) {
    if (length < 2 || bytes[2] != 1000 >> 8 || bytes[3] != (1000 & 0xFF))
      fail("closed with another code than 1000");
    connection->received = 1;
  } else {
    receive_message(connection, bytes + header, now);
  }
  return header + (size_t)length;
}

// --- Connections ---

static void open_connection(struct connection *connection) {
  int one = 1;
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connection->fd < 0) fail("socket: %s", strerror(errno));
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  connection->sent_ns[0] = clock_ns(CLOCK_MONOTONIC);
  if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 &&
      errno != EINPROGRESS)
    fail("connect: %s", strerror(errno));
  connection->state = CONNECTING;
  connection->wants_write = true;
  connection->partial_size = connection->out_end = 0;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0) fail("epoll_ctl");
}

static void send_request(struct connection *connection) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error) fail("connect: %s", strerror(error));
  connection->state = UPGRADING;
  connection->out_end = (size_t)sprintf(
      (char *)connection->out,
      "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      path, inet_ntoa(address.sin_addr), ntohs(address.sin_port));
  flush(connection);
}

// Returns how many bytes the response has; 0 when it has not come whole.
static size_t parse_response(
    struct connection *connection, const uint8_t *bytes, size_t count, uint64_t now) {
  const uint8_t *end = memmem(bytes, count, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t length = (size_t)(end - bytes) + 4;
  // The answer to that very key, RFC 6455 section 1.3.
  if (count < 13 || memcmp(bytes, "HTTP/1.1 101 ", 13) != 0 ||
      !memmem(bytes, length, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28))
    fail("the handshake failed: %.*s", (int)length, (const char *)bytes);
  connection->state = OPEN;
  open_count++;
  if (is_connect) {
    count_message(connection->sent_ns[0], now);
    append_frame(connection, 8, (const uint8_t *)"\x03\xE8", 2);
    connection->state = CLOSING;
    flush(connection);
  }
  return length;
}

static void end_of_input(struct connection *connection, int error) {
  if (!is_connect || connection->state != CLOSING || connection->received == 0)
    fail("the server closed a connection: %s", error ? strerror(error) : "end of input");
  close(connection->fd);
  connection->state = CLOSED;
  connection->received = 0;
  open_count--;
  if (!stopping) open_connection(connection);
}

static void receive(struct connection *connection) {
  size_t count = connection->partial_size, done = 0;
  memcpy(receive_buffer, connection->partial, count);
  ssize_t received = recv(connection->fd, receive_buffer + count, RECEIVE_SIZE, 0);
  if (received < 0 && errno == EAGAIN) return;
  if (received <= 0) return end_of_input(connection, received < 0 ? errno : 0);
  uint64_t now = clock_ns(CLOCK_MONOTONIC);
  count += (size_t)received;
  while (done < count) {
    size_t taken = connection->state == UPGRADING
                       ? parse_response(connection, receive_buffer + done, count - done, now)
                       : parse_frame(connection, receive_buffer + done, count - done, now);
    if (taken == 0) break;
    done += taken;
  }
  connection->partial_size = count - done;
  if (connection->partial_size > size + 4096) fail("the response is too long");
  memcpy(connection->partial, receive_buffer + done, count - done);
}

// Until `deadline`, or until `is_done` says so.
static void run(uint64_t deadline, bool is_sending, bool (*is_done)(void)) {
  for (;;) {
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (now >= deadline || (is_done && is_done())) return;
    struct epoll_event events[512];
    uint64_t wait_ms = (deadline - now) / 1000000 + 1;
    int count = epoll_wait(epoll_fd, events, 512, wait_ms < STALL_MS ? (int)wait_ms : STALL_MS);
    if (count == 0 && wait_ms >= STALL_MS) fail("nothing came for %d seconds", STALL_MS / 1000);
    for (int index = 0; index < count; index++) {
      struct connection *connection = events[index].data.ptr;
      if (connection->state == CONNECTING)
        send_request(connection);
      else if (events[index].events & EPOLLOUT)
        flush(connection);
      if (events[index].events & ~(uint32_t)EPOLLOUT) receive(connection);
      if (is_sending && !is_broadcast && !is_connect) send_messages(connection);
    }
    if (is_sending && is_broadcast && publisher->received == publisher->sent)
      send_messages(publisher);
  }
}

static bool all_open(void) { return open_count == connection_count + is_broadcast; }

static bool all_answered(void) {
  if (is_connect) {
    for (size_t index = 0; index < connection_count; index++)
      if (connections[index].state != CLOSED) return false;
    return true;
  }
  for (size_t index = 0; index < connection_count; index++)
    if (connections[index].received != (is_broadcast ? publisher : &connections[index])->sent)
      return false;
  return true;
}

static double percentile_us(double percent) {
  uint64_t rank = (uint64_t)((double)message_count * percent / 100 + 0.999999), passed = 0;
  for (size_t index = 0; index < LATENCY_COUNT; index++)
    if ((passed += latencies[index]) >= rank && passed > 0) return (double)index / 10;
  return 0;
}

static void parse_options(int count, char **values, int *pid) {
  static const struct option options[] = {
      {"connections", 1, 0, 'c'}, {"in-flight", 1, 0, 'n'}, {"size", 1, 0, 's'},
      {"seconds", 1, 0, 't'},     {"warm-up", 1, 0, 'w'},   {"pid", 1, 0, 'p'},
      {0, 0, 0, 0}};
  for (int option; (option = getopt_long(count, values, "", options, 0)) != -1;) {
    switch (option) {
    case 'c': connection_count = strtoul(optarg, 0, 10); break;
    case 'n': in_flight = strtoul(optarg, 0, 10); break;
    case 's': size = strtoul(optarg, 0, 10); break;
    case 't': seconds = strtod(optarg, 0); break;
    case 'w': warm_up = strtod(optarg, 0); break;
    case 'p': *pid = atoi(optarg); break;
    default: exit(2);
    }
  }
  char host[64];
  int port;
  if (count - optind != 3 || sscanf(values[optind + 1], "%63[^:]:%d", host, &port) != 2 ||
      inet_pton(AF_INET, host, &address.sin_addr) != 1 || !connection_count || !in_flight)
    fail("usage: load echo|broadcast|connect IPV4:PORT PATH [--connections N] [--in-flight N]"
         " [--size BYTES] [--seconds S] [--warm-up S] [--pid PID]");
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  path = values[optind + 2];
  if (strlen(path) > 1024) fail("the path is too long");
  is_broadcast = strcmp(values[optind], "broadcast") == 0;
  is_connect = strcmp(values[optind], "connect") == 0;
  if (!is_broadcast && !is_connect && strcmp(values[optind], "echo") != 0) fail("no such mode");
}

int main(int count, char **values) {
  int pid = 0;
  parse_options(count, values, &pid);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  receive_buffer = allocate(RECEIVE_SIZE + size + 4096, 1);
  latencies = allocate(LATENCY_COUNT, sizeof *latencies);
  content = allocate(CONTENT_OFFSETS + size, 1);
  for (size_t index = 0; index < CONTENT_OFFSETS + size; index++)
    content[index] = (uint8_t)(random_bits() >> 56);
  copies_missing = allocate(in_flight, sizeof *copies_missing);
  connections = allocate(connection_count + 1, sizeof *connections);
  if (is_broadcast) publisher = &connections[connection_count];
  for (size_t index = 0; index < connection_count + is_broadcast; index++) {
    connections[index].out = allocate(out_capacity(), 1);
    connections[index].partial = allocate(size + 4096, 1);
    connections[index].sent_ns = allocate(in_flight, sizeof(uint64_t));
    open_connection(&connections[index]);
  }
  if (!is_connect) run(UINT64_MAX, false, all_open);
  if (is_broadcast) send_messages(publisher);
  for (size_t index = 0; !is_broadcast && !is_connect && index < connection_count; index++)
    send_messages(&connections[index]);

  run(clock_ns(CLOCK_MONOTONIC) + (uint64_t)(warm_up * 1e9), true, 0);
  message_count = latency_max = 0;
  memset(latencies, 0, LATENCY_COUNT * sizeof *latencies);
  uint64_t start = clock_ns(CLOCK_MONOTONIC), server_start = pid ? server_cpu_ns(pid) : 0;
  uint64_t client_start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  run(start + (uint64_t)(seconds * 1e9), true, 0);
  uint64_t client_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - client_start;
  uint64_t server_ns = pid ? server_cpu_ns(pid) - server_start : 0;
  double elapsed = (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e9;
  double messages = (double)message_count;
  if (message_count == 0) fail("no message came in the time measured");
  // What is under way must still come.
  stopping = true;
  run(UINT64_MAX, true, all_answered);

  printf("{\"messages\": %.0f, \"seconds\": %.6f, \"messages_per_second\": %.1f,\n"
         " \"latency_us\": {\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f},\n",
         messages, elapsed, messages / elapsed, percentile_us(50), percentile_us(90),
         percentile_us(99), (double)latency_max / 1e3);
  if (pid) printf(" \"server_cpu_us_per_message\": %.4f,\n", (double)server_ns / 1e3 / messages);
  printf(" \"client_cpu_us_per_message\": %.4f}\n", (double)client_ns / 1e3 / messages);
  return 0;
}
