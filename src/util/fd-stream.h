#ifndef U2MOE_UTIL_FD_STREAM_H_
#define U2MOE_UTIL_FD_STREAM_H_

#include <sys/types.h>

#include <cstdint>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

namespace u2moe {

// A file descriptor that is closed with its owner.
class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  ~OwnedFd() { Close(); }
  OwnedFd(const OwnedFd &) = delete;
  OwnedFd &operator=(const OwnedFd &) = delete;
  void Reset(int fd);
  int Get() const { return fd_; }
  int Close();  // the result of close(), 0 if there is nothing to close

 private:
  int fd_;
};

// Lets another thread end the reads of a thread that waits for a slow pipe.
class ReadCanceller {
 public:
  ReadCanceller();  // throws Error
  void Cancel();    // from any thread; lasting

  // While this lives, reads through any FdStreambuf in the thread that made it fail with ECANCELED
  // after Cancel.
  class Scope {
   public:
    explicit Scope(const ReadCanceller &canceller);
    ~Scope();
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;
  };

 private:
  OwnedFd event_;
};

// A stream buffer on a file descriptor, for one direction, that counts bytes and remembers errno.
// Does not own the descriptor.
class FdStreambuf : public std::streambuf {
 public:
  explicit FdStreambuf(int fd);

  int64_t Position() const;   // bytes read or written through this buffer, from the last Seek
  bool Seek(int64_t offset);  // reading only; stays in the buffer if it can
  // The next n bytes, fewer at the end of the data; nothing is moved. n: at most a few.
  std::string_view Peek(size_t n);
  int LastError() const { return error_; }
  bool AtEof() const { return eof_; }

 protected:
  int_type underflow() override;
  std::streamsize xsgetn(char *s, std::streamsize n) override;
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char *s, std::streamsize n) override;
  int sync() override;
  // Within a regular file, from where it stands; else -1, with nothing moved. By 0: as Position.
  pos_type seekoff(off_type off, std::ios_base::seekdir dir, std::ios_base::openmode) override;

 private:
  ssize_t ReadSome(char *s, size_t n);
  bool WriteAll(const char *s, size_t n);

  int fd_, error_ = 0;
  bool eof_ = false;
  int64_t transferred_ = 0;  // position of the descriptor
  std::vector<char> buffer_;
};

// A child running `/bin/sh -c command`, with its stdin or stdout on a pipe.
class ChildProcess {
 public:
  // to_child: we write and it reads. Throws Error.
  ChildProcess(const std::string &command, bool to_child);
  ~ChildProcess();
  ChildProcess(const ChildProcess &) = delete;
  ChildProcess &operator=(const ChildProcess &) = delete;

  int Fd() const { return fd_.Get(); }
  int Wait();  // closes the pipe; the status of waitpid

 private:
  OwnedFd fd_;
  pid_t pid_ = -1;
};

// "" for success, else e.g. "ended with exit status 3", "was killed by signal 9 (Killed)".
std::string DescribeStatus(int status);

}  // namespace u2moe

#endif  // U2MOE_UTIL_FD_STREAM_H_
