/* A baseline of the live benchmark: accepts watchers, then calls send() for each five times a second. No parsing, no
 * protocol but a fixed answer to the handshake: the least work that is possible. Usage: send_floor PORT BYTES */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS_MAX 20000
#define TICK_MS 200

static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
static int sockets[SOCKETS_MAX];
static int count;

static long long now_ms(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void accept_watcher(int listener) {
  int one = 1;
  int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (peer < 0 || count == SOCKETS_MAX) return;
  char request[4096];
  /* the watchers send their request at once and in one piece */
  if (recv(peer, request, sizeof request, 0) <= 0) {
    close(peer);
    return;
  }
  setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  send(peer, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
  sockets[count++] = peer;
}

static void send_tick(long seq, int bytes) {
  static char frame[65536];
  int size = snprintf(frame + 4, sizeof frame - 4, "{\"type\":\"tick\",\"seq\":%ld,\"at_ms\":%lld,\"rest\":\"", seq,
                      now_ms(CLOCK_REALTIME));
  while (size < bytes - 2) frame[4 + size++] = '.';
  frame[4 + size++] = '"';
  frame[4 + size++] = '}';
  frame[0] = (char)0x81;
  frame[1] = 126;
  frame[2] = (char)(size >> 8);
  frame[3] = (char)(size & 0xff);
  for (int i = 0; i < count; i++) send(sockets[i], frame, size + 4, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("send_floor");
    return 1;
  }
  long seq = 0;
  long long next = now_ms(CLOCK_MONOTONIC) + TICK_MS;
  for (;;) {
    long long left = next - now_ms(CLOCK_MONOTONIC);
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    if (left > 0 && poll(&waiting, 1, (int)left) > 0) {
      accept_watcher(listener);
      continue;
    }
    send_tick(++seq, atoi(argv[2]));
    next += TICK_MS;
  }
}
