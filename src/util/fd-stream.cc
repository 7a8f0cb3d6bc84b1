#include "util/fd-stream.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"

extern char **environ;

namespace u2moe {
namespace {

constexpr size_t kBufferSize = 1 << 16;

}  // namespace

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

ssize_t FdStreambuf::ReadSome(char *s, size_t n) {
  ssize_t got;
  do {
    got = read(fd_, s, n);
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
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Error("cannot make a pipe: ", std::strerror(errno));
  const int ours = to_child ? 1 : 0;

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1 - ours], to_child ? 0 : 1);
  // Tools ignore SIGPIPE; the commands they start must not inherit that.
  posix_spawnattr_t attr;
  posix_spawnattr_init(&attr);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attr, &defaults);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);

  std::string copy = command;
  char shell[] = "/bin/sh", option[] = "-c";
  char *argv[] = {shell, option, copy.data(), nullptr};
  const int error = posix_spawn(&pid_, shell, &actions, &attr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attr);
  close(ends[1 - ours]);
  if (error != 0) {
    close(ends[ours]);
    throw Error("cannot start /bin/sh for the command '", command, "': ", std::strerror(error));
  }
  fd_ = ends[ours];
}

ChildProcess::~ChildProcess() { Wait(); }

void ChildProcess::CloseFd() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

int ChildProcess::Wait() {
  CloseFd();
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
