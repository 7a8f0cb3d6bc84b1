#ifndef U2MOE_UTIL_FD_STREAM_H_
#define U2MOE_UTIL_FD_STREAM_H_

#include <sys/types.h>

#include <cstdint>
#include <streambuf>
#include <string>
#include <vector>

namespace u2moe {

// A stream buffer on a file descriptor, for one direction, that counts bytes and remembers errno.
// Does not own the descriptor.
class FdStreambuf : public std::streambuf {
 public:
  explicit FdStreambuf(int fd);

  int64_t Position() const;   // bytes read or written through this buffer, from the last Seek
  bool Seek(int64_t offset);  // reading only; stays in the buffer if it can
  int LastError() const { return error_; }
  bool AtEof() const { return eof_; }

 protected:
  int_type underflow() override;
  std::streamsize xsgetn(char *s, std::streamsize n) override;
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char *s, std::streamsize n) override;
  int sync() override;

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

  int Fd() const { return fd_; }
  void CloseFd();
  int Wait();  // the status of waitpid

 private:
  int fd_ = -1;
  pid_t pid_ = -1;
};

// "" for success, else e.g. "ended with exit status 3", "was killed by signal 9 (Killed)".
std::string DescribeStatus(int status);

}  // namespace u2moe

#endif  // U2MOE_UTIL_FD_STREAM_H_
