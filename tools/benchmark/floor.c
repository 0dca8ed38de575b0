/* What the kernel asks of any server: an epoll loop that answers every request with the same 32 bytes and keeps
   nothing. It counts requests by their '*', which values must not contain; good for `tools/bench floor` only.
   Usage: floor PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, INPUT = 65536, REPLIES = 1024 };

static const char reply[] = "$32\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
static char replies[REPLIES * (sizeof reply - 1)];

static int listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 511)) {
        perror("floor");
        exit(1);
    }
    return fd;
}

static void watch(int poller, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void answer(int fd) {
    static char input[INPUT];
    ssize_t length = recv(fd, input, sizeof input, 0);
    size_t requests = 0;
    if (length <= 0) {
        close(fd);
        return;
    }
    for (ssize_t at = 0; at < length; at++) requests += input[at] == '*';
    if (requests > REPLIES) requests = REPLIES;
    if (send(fd, replies, requests * (sizeof reply - 1), MSG_NOSIGNAL) < 0) close(fd);
}

int main(int count, char **arguments) {
    int listener, poller = epoll_create1(0), one = 1;
    if (count != 2) return fputs("usage: floor PORT\n", stderr), 2;
    for (int number = 0; number < REPLIES; number++)
        memcpy(replies + number * (sizeof reply - 1), reply, sizeof reply - 1);
    listener = listen_on(atoi(arguments[1]));
    watch(poller, listener);
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int number = 0; number < ready; number++) {
            if (events[number].data.fd != listener) {
                answer(events[number].data.fd);
                continue;
            }
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            watch(poller, fd);
        }
    }
}
