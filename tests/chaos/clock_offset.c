/* Loaded into a server before the C library: its clock is CLOCK_OFFSET_S seconds off, as a host's can be that lost NTP.
 *
 * Only the time of day is moved; the monotonic clock, by which the server's timers run, is left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long offset_s(void) {
    const char *said = getenv("CLOCK_OFFSET_S");
    return said == NULL ? 0 : atol(said);
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int (*real)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int outcome = real(now, zone);
    if (outcome == 0 && now != NULL) now->tv_sec += offset_s();
    return outcome;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int outcome = real(clock, now);
    if (outcome == 0 && clock == CLOCK_REALTIME) now->tv_sec += offset_s();
    return outcome;
}

time_t time(time_t *at) {
    time_t (*real)(time_t *) = dlsym(RTLD_NEXT, "time");
    time_t now = real(NULL) + offset_s();
    if (at != NULL) *at = now;
    return now;
}
