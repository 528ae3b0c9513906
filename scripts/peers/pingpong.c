/* The kernel's own ping-pong on this machine's loopback: one process sends a datagram, another sends it back, both with blocking
 * sockets and nothing else. Prints the median of the round trips in microseconds. With both on one core (taskset) no core has to
 * be woken, and the path itself is seen.
 * Build: cc -O2 -o pingpong pingpong.c        Run: ./pingpong SIZE [SECONDS]   (defaults: 64 bytes, 3 s; ends by itself) */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
enum { MOST = 1 << 22 };
static char buffer[65536];
static unsigned times[MOST];
static long long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }
static int compare(const void *a, const void *b) { unsigned x = *(unsigned *)a, y = *(unsigned *)b; return (x > y) - (x < y); }

int main(int argc, char **argv) {
    int size = argc > 1 ? atoi(argv[1]) : 64, count = 0;
    double duration = argc > 2 ? atof(argv[2]) : 3;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, there = here;
    socklen_t length = sizeof here;
    int ping = socket(AF_INET, SOCK_DGRAM, 0), pong = socket(AF_INET, SOCK_DGRAM, 0);
    bind(ping, (void *)&here, sizeof here); getsockname(ping, (void *)&here, &length);
    bind(pong, (void *)&there, sizeof there); getsockname(pong, (void *)&there, &length);
    connect(ping, (void *)&there, sizeof there); connect(pong, (void *)&here, sizeof here);
    pid_t child = fork();
    if (child == 0)
        for (ssize_t n; (n = recv(pong, buffer, sizeof buffer, 0)) >= 0;) send(pong, buffer, (size_t)n, 0);
    for (long long begun = now(), end = begun + (long long)(duration * 1e9); begun < end && count < MOST;) {
        if (send(ping, buffer, (size_t)size, 0) < 0 || recv(ping, buffer, sizeof buffer, 0) < 0) return 1;
        long long ended = now();
        times[count++] = (unsigned)(ended - begun);
        begun = ended;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    qsort(times, (size_t)count, sizeof *times, compare);
    printf("round trips %d, p50 %.3f us\n", count, times[count / 2] / 1e3);
    return 0;
}
