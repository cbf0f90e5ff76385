/* Preloaded: once armed, it kills its process hard at the n-th call that changes a file, before the
   call or, where bytes are written, when half of them are. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

static int armed, left, half;

void kill_at(int call, int in_the_middle) {
    half = in_the_middle;
    left = call;
    armed = 1;
}

static int is_due(void) {
    return armed && __atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST) == 0;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(write);
    if (is_due()) {
        if (half) real(fd, bytes, size / 2);
        die();
    }
    return real(fd, bytes, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    REAL(pwrite);
    if (is_due()) {
        if (half) real(fd, bytes, size / 2, at);
        die();
    }
    return real(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    REAL(pwrite64);
    if (is_due()) {
        if (half) real(fd, bytes, size / 2, at);
        die();
    }
    return real(fd, bytes, size, at);
}

int fsync(int fd) {
    REAL(fsync);
    if (is_due()) die();
    return real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    if (is_due()) die();
    return real(fd);
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    if (is_due()) die();
    return real(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    if (is_due()) die();
    return real(fd, size);
}

int unlink(const char *path) {
    REAL(unlink);
    if (is_due()) die();
    return real(path);
}
