/* Stands between a process and the files below one directory, by LD_PRELOAD.
 *
 * Every call that changes something there is an operation and has a letter:
 *
 *   W write    T change of length    S sync of a file    D sync of a directory
 *   C create   U unlink              R rename            L link
 *
 * Operations are counted from 1. What happens at one of them, and what is written down, is said by the environment:
 *
 *   TENURE_FAULT_DIRECTORY   the directory, absolute and without symbolic links
 *   TENURE_FAULT_OPERATIONS  letters of the operations that count and fail; all of them if unset
 *   TENURE_FAULT_AT          the number of the operation that something happens to
 *   TENURE_FAULT_WHAT        kill-before, kill-after, kill-within, fail, short, lie
 *   TENURE_FAULT_ERROR       the number of the error of "fail"
 *   TENURE_FAULT_ONWARD      if set, later operations fail, too
 *   TENURE_FAULT_TRACE       a file outside of the directory that every operation is written to once it is done,
 *                            and what the process says on its standard output (A), files that it opens (O), syncs that
 *                            fail (E)
 *
 * A record of the trace: letter, inode, offset, length of path, length of bytes, path, bytes; numbers little-endian.
 * Calls go to the kernel directly, so nothing here depends on how the C library names its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if !defined(__LP64__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "written for 64-bit little-endian Linux"
#endif

enum what { NOTHING, KILL_BEFORE, KILL_AFTER, KILL_WITHIN, FAIL, SHORT, LIE };

static const char *directory, *operations = "WTSDCURL";
static long at, counted;
static enum what what;
static int error_number = EIO, onward, trace = -1;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    static const char *const names[] = {"nothing", "kill-before", "kill-after", "kill-within", "fail", "short", "lie"};
    const char *text = getenv("TENURE_FAULT_WHAT");
    for (int i = 0; text && i < 7; i++)
        if (!strcmp(text, names[i])) what = i;
    if ((text = getenv("TENURE_FAULT_OPERATIONS"))) operations = text;
    if ((text = getenv("TENURE_FAULT_AT"))) at = atol(text);
    if ((text = getenv("TENURE_FAULT_ERROR"))) error_number = atoi(text);
    onward = getenv("TENURE_FAULT_ONWARD") != NULL;
    if ((text = getenv("TENURE_FAULT_TRACE")))
        trace = syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    directory = getenv("TENURE_FAULT_DIRECTORY");
}

static int below(const char *path) {
    if (!directory) return 0;
    size_t length = strlen(directory);
    return !strncmp(path, directory, length) && (path[length] == '/' || path[length] == 0);
}

/* The path of an open file, and whether it is below the directory. */
static int watched(int file, char path[PATH_MAX]) {
    char link[64];
    if (!directory) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* The same for a name, which may be relative to an open directory. */
static int named(int from, const char *name, char path[PATH_MAX]) {
    char link[64] = "/proc/self/cwd";
    ssize_t length = 0;
    if (!directory) return 0;
    if (name[0] != '/') {
        if (from != AT_FDCWD) snprintf(link, sizeof link, "/proc/self/fd/%d", from);
        length = readlink(link, path, PATH_MAX - 1);
        if (length < 0 || length >= PATH_MAX - 1) return 0;
        path[length++] = '/';
    }
    if (snprintf(path + length, PATH_MAX - length, "%s", name) >= PATH_MAX - length) return 0;
    return below(path);
}

static void record(char letter, uint64_t inode, uint64_t offset, const char *path, const void *bytes, uint32_t size) {
    uint32_t length = strlen(path);
    struct iovec parts[] = {{&letter, 1}, {&inode, 8}, {&offset, 8}, {&length, 4}, {&size, 4},
                            {(void *)path, length}, {(void *)bytes, size}};
    if (trace >= 0) syscall(SYS_writev, trace, parts, 7);
}

static uint64_t inode_of(int file) {
    struct stat status;
    return fstat(file, &status) ? 0 : status.st_ino;
}

/* What happens to the operation that is about to begin. */
static enum what happens(char letter) {
    if (!strchr(operations, letter)) return NOTHING;
    counted++;
    enum what now = counted == at ? what : onward && at && counted > at ? (what == SHORT ? FAIL : what) : NOTHING;
    if (now == KILL_BEFORE || (now == KILL_WITHIN && letter != 'W')) raise(SIGKILL);
    if (now == FAIL) errno = error_number;
    return now;
}

#define BEGIN(letter)                     \
    pthread_mutex_lock(&turn);            \
    long result = -1;                     \
    const enum what now = happens(letter)
#define END                               \
    const int error = errno;              \
    if (now == KILL_AFTER) raise(SIGKILL);\
    pthread_mutex_unlock(&turn);          \
    errno = error;                        \
    return result

/* Every way to write: `offset` is -1 where the file says where. */
static ssize_t put(int file, const struct iovec *parts, int many, int64_t offset) {
    char path[PATH_MAX];
    if (file == 1 && trace >= 0) {
        pthread_mutex_lock(&turn);
        ssize_t said = syscall(SYS_writev, file, parts, many);
        for (ssize_t left = said, i = 0; left > 0 && i < many; left -= parts[i].iov_len, i++)
            record('A', 0, 0, "", parts[i].iov_base, (size_t)left < parts[i].iov_len ? (size_t)left : parts[i].iov_len);
        pthread_mutex_unlock(&turn);
        return said;
    }
    if (!watched(file, path))
        return offset < 0 ? syscall(SYS_writev, file, parts, many) : syscall(SYS_pwritev, file, parts, many, offset, 0L);
    size_t size = 0;
    for (int i = 0; i < many; i++) size += parts[i].iov_len;
    char *bytes = malloc(size + 1), *end = bytes;
    for (int i = 0; i < many; i++) end = mempcpy(end, parts[i].iov_base, parts[i].iov_len);
    BEGIN('W');
    if (now != FAIL) {
        if (now == SHORT || now == KILL_WITHIN) size /= 2;
        if (offset < 0) {
            int append = fcntl(file, F_GETFL) & O_APPEND;
            offset = lseek(file, 0, append ? SEEK_END : SEEK_CUR);
            result = syscall(SYS_write, file, bytes, size);
        } else {
            result = syscall(SYS_pwrite64, file, bytes, size, offset);
        }
        if (now == KILL_WITHIN) raise(SIGKILL);
        if (result > 0) record('W', inode_of(file), offset, path, bytes, result);
    }
    free(bytes);
    END;
}

ssize_t write(int file, const void *bytes, size_t size) {
    struct iovec part = {(void *)bytes, size};
    return put(file, &part, 1, -1);
}
ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) {
    struct iovec part = {(void *)bytes, size};
    return put(file, &part, 1, offset);
}
ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) { return pwrite(file, bytes, size, offset); }
ssize_t writev(int file, const struct iovec *parts, int many) { return put(file, parts, many, -1); }
ssize_t pwritev(int file, const struct iovec *parts, int many, off_t offset) { return put(file, parts, many, offset); }
ssize_t pwritev64(int file, const struct iovec *parts, int many, off64_t offset) { return put(file, parts, many, offset); }

/* Copies within the kernel would not be seen: whoever asks falls back to reading and writing. */
ssize_t copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t size, unsigned flags) {
    char path[PATH_MAX];
    if (watched(to, path)) { errno = ENOSYS; return -1; }
    return syscall(SYS_copy_file_range, from, a, to, b, size, flags);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
    char path[PATH_MAX];
    if (watched(to, path)) { errno = ENOSYS; return -1; }
    return syscall(SYS_sendfile, to, from, offset, size);
}

int ftruncate(int file, off_t length) {
    char path[PATH_MAX];
    if (!watched(file, path)) return syscall(SYS_ftruncate, file, length);
    BEGIN('T');
    if (now != FAIL) {
        result = syscall(SYS_ftruncate, file, length);
        if (!result) record('T', inode_of(file), length, path, "", 0);
    }
    END;
}
int ftruncate64(int file, off64_t length) { return ftruncate(file, length); }

int posix_fallocate(int file, off_t offset, off_t length) {
    struct stat status;
    if (fstat(file, &status)) return errno;
    if (offset + length <= status.st_size) return 0;
    return ftruncate(file, offset + length) ? errno : 0;
}
int posix_fallocate64(int file, off64_t offset, off64_t length) { return posix_fallocate(file, offset, length); }

static int synced(int file, long call) {
    char path[PATH_MAX];
    struct stat status;
    if (!watched(file, path)) return syscall(call, file);
    char letter = !fstat(file, &status) && S_ISDIR(status.st_mode) ? 'D' : 'S';
    BEGIN(letter);
    if (now == LIE) result = 0;
    else if (now == FAIL) {
        if (letter == 'S') record('E', status.st_ino, 0, path, "", 0);
        errno = error_number;
    } else {
        result = syscall(call, file);
        if (!result) record(letter, status.st_ino, 0, path, "", 0);
    }
    END;
}
int fsync(int file) { return synced(file, SYS_fsync); }
int fdatasync(int file) { return synced(file, SYS_fdatasync); }

static int opened(int from, const char *name, int flags, unsigned mode) {
    char path[PATH_MAX];
    if (!named(from, name, path)) return syscall(SYS_openat, from, name, flags, mode);
    int creates = (flags & O_CREAT) && syscall(SYS_faccessat, from, name, F_OK);
    if (!creates) {
        int file = syscall(SYS_openat, from, name, flags, mode);
        if (file >= 0) {
            pthread_mutex_lock(&turn);
            record('O', inode_of(file), 0, path, "", 0);
            if (flags & O_TRUNC) record('T', inode_of(file), 0, path, "", 0);
            pthread_mutex_unlock(&turn);
        }
        return file;
    }
    BEGIN('C');
    if (now != FAIL) {
        result = syscall(SYS_openat, from, name, flags, mode);
        if (result >= 0) record('C', inode_of(result), 0, path, "", 0);
    }
    END;
}

#define MODE(flags)                                                   \
    unsigned mode = 0;                                                \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                            \
        va_list rest;                                                 \
        va_start(rest, flags);                                        \
        mode = va_arg(rest, unsigned);                                \
        va_end(rest);                                                 \
    }
int open(const char *name, int flags, ...) { MODE(flags) return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags) return opened(AT_FDCWD, name, flags, mode); }
int openat(int from, const char *name, int flags, ...) { MODE(flags) return opened(from, name, flags, mode); }
int openat64(int from, const char *name, int flags, ...) { MODE(flags) return opened(from, name, flags, mode); }

int unlinkat(int from, const char *name, int flags) {
    char path[PATH_MAX];
    if (!named(from, name, path)) return syscall(SYS_unlinkat, from, name, flags);
    BEGIN('U');
    if (now != FAIL) {
        result = syscall(SYS_unlinkat, from, name, flags);
        if (!result) record('U', 0, 0, path, "", 0);
    }
    END;
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int renameat(int from, const char *name, int to, const char *other) {
    char path[PATH_MAX], target[PATH_MAX];
    if (!named(to, other, target) || !named(from, name, path))
        return syscall(SYS_renameat2, from, name, to, other, 0);
    BEGIN('R');
    if (now != FAIL) {
        result = syscall(SYS_renameat2, from, name, to, other, 0);
        if (!result) record('R', 0, 0, path, target, strlen(target));
    }
    END;
}
int rename(const char *name, const char *other) { return renameat(AT_FDCWD, name, AT_FDCWD, other); }

int linkat(int from, const char *name, int to, const char *other, int flags) {
    char path[PATH_MAX], target[PATH_MAX];
    if (!named(to, other, target) || !named(from, name, path))
        return syscall(SYS_linkat, from, name, to, other, flags);
    BEGIN('L');
    if (now != FAIL) {
        result = syscall(SYS_linkat, from, name, to, other, flags);
        if (!result) record('L', 0, 0, path, target, strlen(target));
    }
    END;
}
int link(const char *name, const char *other) { return linkat(AT_FDCWD, name, AT_FDCWD, other, 0); }
