#include "util/fd-stream.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/error.h"

extern char **environ;

namespace u2moe {
namespace {

constexpr size_t kBufferSize = 1 << 16;

thread_local int cancel_event = -1;

// Whether reading may go on; otherwise sets errno.
bool WaitUnlessCancelled(int fd) {
  if (cancel_event < 0) return true;
  pollfd fds[2] = {{fd, POLLIN, 0}, {cancel_event, POLLIN, 0}};
  if (poll(fds, 2, -1) < 0) return false;
  if (fds[1].revents == 0) return true;
  errno = ECANCELED;
  return false;
}

}  // namespace

void OwnedFd::Reset(int fd) {
  Close();
  fd_ = fd;
}

int OwnedFd::Close() {
  const int fd = std::exchange(fd_, -1);
  return fd < 0 ? 0 : close(fd);
}

ReadCanceller::ReadCanceller() : event_(eventfd(0, EFD_CLOEXEC)) {
  if (event_.Get() < 0) throw Error("cannot make an eventfd: ", std::strerror(errno));
}

void ReadCanceller::Cancel() {
  const uint64_t one = 1;
  while (write(event_.Get(), &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

ReadCanceller::Scope::Scope(const ReadCanceller &canceller) {
  cancel_event = canceller.event_.Get();
}

ReadCanceller::Scope::~Scope() { cancel_event = -1; }

FdStreambuf::FdStreambuf(int fd) : fd_(fd), buffer_(kBufferSize) {
  setg(buffer_.data(), buffer_.data(), buffer_.data());
}

int64_t FdStreambuf::Position() const {
  if (pptr()) return transferred_ + (pptr() - pbase());
  return transferred_ - (egptr() - gptr());
}

bool FdStreambuf::Seek(int64_t offset) {
  const int64_t begin = transferred_ - (egptr() - eback());
  eof_ = false;
  if (offset >= begin && offset <= transferred_) {
    setg(eback(), eback() + (offset - begin), egptr());
    return true;
  }
  if (lseek(fd_, offset, SEEK_SET) < 0) {
    error_ = errno;
    return false;
  }
  transferred_ = offset;
  setg(buffer_.data(), buffer_.data(), buffer_.data());
  return true;
}

std::string_view FdStreambuf::Peek(size_t n) {
  size_t have = static_cast<size_t>(egptr() - gptr());
  if (have < n) {
    std::memmove(buffer_.data(), gptr(), have);
    while (have < n) {
      const ssize_t got = ReadSome(buffer_.data() + have, buffer_.size() - have);
      if (got <= 0) break;
      have += static_cast<size_t>(got);
    }
    setg(buffer_.data(), buffer_.data(), buffer_.data() + have);
  }
  return std::string_view(gptr(), std::min(n, have));
}

FdStreambuf::pos_type FdStreambuf::seekoff(off_type off, std::ios_base::seekdir dir,
                                           std::ios_base::openmode) {
  const pos_type failed(off_type{-1});
  if (pptr() || dir != std::ios_base::cur) return failed;
  if (off > egptr() - gptr() || off < eback() - gptr()) {
    // Where the descriptor stands is asked, not assumed: it may be a standard input that a shell
    // has read from.
    struct stat st;
    const off_type rest = off - (egptr() - gptr());
    const off_t now = lseek(fd_, 0, SEEK_CUR);
    if (now < 0 || fstat(fd_, &st) != 0 || !S_ISREG(st.st_mode) || rest > st.st_size - now ||
        rest < -now || lseek(fd_, rest, SEEK_CUR) < 0) {
      return failed;
    }
    transferred_ += rest;
    setg(buffer_.data(), buffer_.data(), buffer_.data());
    eof_ = false;
  } else {
    setg(eback(), gptr() + off, egptr());
  }
  return pos_type(Position());
}

ssize_t FdStreambuf::ReadSome(char *s, size_t n) {
  ssize_t got;
  do {
    got = WaitUnlessCancelled(fd_) ? read(fd_, s, n) : -1;
  } while (got < 0 && errno == EINTR);
  if (got < 0) error_ = errno;
  if (got == 0) eof_ = true;
  if (got > 0) transferred_ += got;
  return got;
}

FdStreambuf::int_type FdStreambuf::underflow() {
  if (gptr() < egptr()) return traits_type::to_int_type(*gptr());
  const ssize_t got = ReadSome(buffer_.data(), buffer_.size());
  setg(buffer_.data(), buffer_.data(), buffer_.data() + std::max<ssize_t>(got, 0));
  return got > 0 ? traits_type::to_int_type(*gptr()) : traits_type::eof();
}

std::streamsize FdStreambuf::xsgetn(char *s, std::streamsize n) {
  std::streamsize done = 0;
  while (done < n) {
    const std::streamsize left = n - done;
    if (gptr() == egptr()) {
      if (left >= static_cast<std::streamsize>(kBufferSize)) {  // no detour through the buffer
        setg(buffer_.data(), buffer_.data(), buffer_.data());
        const ssize_t got = ReadSome(s + done, static_cast<size_t>(left));
        if (got <= 0) break;
        done += got;
        continue;
      }
      if (traits_type::eq_int_type(underflow(), traits_type::eof())) break;
    }
    const std::streamsize part = std::min<std::streamsize>(left, egptr() - gptr());
    std::memcpy(s + done, gptr(), static_cast<size_t>(part));
    setg(eback(), gptr() + part, egptr());
    done += part;
  }
  return done;
}

bool FdStreambuf::WriteAll(const char *s, size_t n) {
  while (n > 0) {
    const ssize_t put = write(fd_, s, n);
    if (put < 0) {
      if (errno == EINTR) continue;
      error_ = errno;
      return false;
    }
    s += put;
    n -= static_cast<size_t>(put);
    transferred_ += put;
  }
  return true;
}

int FdStreambuf::sync() {
  if (!pptr()) return 0;
  const bool ok = error_ == 0 && WriteAll(pbase(), static_cast<size_t>(pptr() - pbase()));
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return ok ? 0 : -1;
}

FdStreambuf::int_type FdStreambuf::overflow(int_type c) {
  if (!pptr()) setp(buffer_.data(), buffer_.data() + buffer_.size());
  if (sync() != 0) return traits_type::eof();
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  return sputc(traits_type::to_char_type(c));
}

std::streamsize FdStreambuf::xsputn(const char *s, std::streamsize n) {
  if (n == 0) return 0;  // s may be null
  if (!pptr()) setp(buffer_.data(), buffer_.data() + buffer_.size());
  if (n > epptr() - pptr()) {
    if (sync() != 0) return 0;
    if (n >= static_cast<std::streamsize>(kBufferSize)) {
      return WriteAll(s, static_cast<size_t>(n)) ? n : 0;
    }
  }
  std::memcpy(pptr(), s, static_cast<size_t>(n));
  pbump(static_cast<int>(n));
  return n;
}

ChildProcess::ChildProcess(const std::string &command, bool to_child) {
  std::string copy = command;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    throw Error("cannot make a pipe for the command '", command, "': ", std::strerror(errno));
  }
  const int ours = to_child ? 1 : 0;
  fd_.Reset(ends[ours]);
  OwnedFd theirs(ends[1 - ours]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs.Get(), to_child ? 0 : 1);
  // Tools ignore SIGPIPE; the commands they start must not inherit that.
  posix_spawnattr_t attr;
  posix_spawnattr_init(&attr);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attr, &defaults);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);

  char shell[] = "/bin/sh", option[] = "-c";
  char *argv[] = {shell, option, copy.data(), nullptr};
  const int error = posix_spawn(&pid_, shell, &actions, &attr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attr);
  if (error != 0) {
    pid_ = -1;
    throw Error("cannot start /bin/sh for the command '", command, "': ", std::strerror(error));
  }
}

ChildProcess::~ChildProcess() { Wait(); }

int ChildProcess::Wait() {
  fd_.Close();
  if (pid_ < 0) return 0;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

std::string DescribeStatus(int status) {
  if (WIFSIGNALED(status)) {
    return Cat("was killed by signal ", WTERMSIG(status), " (", strsignal(WTERMSIG(status)), ")");
  }
  const int code = WEXITSTATUS(status);
  if (code == 0) return "";
  return Cat("ended with exit status ", code, code == 127 ? " (command not found)" : "");
}

}  // namespace u2moe
