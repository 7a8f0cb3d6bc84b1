// Where bytes come from and go to. A name on the command line is a file, "-" for standard input or
// output, "command |" or "| command" for a pipe through /bin/sh, or, for reading, "file:offset".
// Failures carry the name, the cause and, for pipes, the command and its exit status.
#ifndef U2MOE_UTIL_IO_H_
#define U2MOE_UTIL_IO_H_

#include <cstdint>
#include <istream>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "util/place.h"

namespace u2moe {

// Splits "file:offset" in two; a name without a final ":digits" has offset -1.
struct FileAndOffset {
  std::string path;
  int64_t offset;
};
FileAndOffset SplitOffset(const std::string &rxfilename);

// Throws UsageError for an output that whoever reads it would take for "file:offset".
void RefuseOffset(const std::string &wxfilename);

bool IsPipe(const std::string &xfilename);  // "command |" or "| command"

// UTF-8's, which may stand at the beginning of a text, and nowhere else.
constexpr char kByteOrderMark[] = "\xef\xbb\xbf";
namespace internal {
[[noreturn]] void FailByteOrderMark(const std::string &where);
}
// Throws Error if a line or key that is not the first begins with one. `where()`, a string, begins
// the message; it is asked for only then, since this looks at every line of a table.
template <class Where>
void RefuseByteOrderMark(std::string_view text, const Where &where) {
  if (text.substr(0, sizeof kByteOrderMark - 1) == kByteOrderMark)
    internal::FailByteOrderMark(where());
}

// Throws the Error that Output would, as far as it can be known without writing: no such folder, or
// a folder or file that is not ours to write. `place` is FindPlace(wxfilename, false).
void RequireWritable(const std::string &wxfilename, const Place &place);

class Input {
 public:
  // Opens; throws Error, or UsageError for a name that is no rxfilename ("ark:x", "| command", "").
  explicit Input(const std::string &rxfilename);
  ~Input();
  Input(Input &&) noexcept;
  Input &operator=(Input &&) noexcept;

  std::istream &Stream();
  const std::string &Name() const;

  // Bytes consumed so far, pipes included; for files, the position in the file.
  int64_t Position() const;
  // Moves to a byte of a regular file; throws Error past its end or for anything else than a file.
  void Seek(int64_t offset);

  // At the beginning of a text: passes over the byte order mark of UTF-8; throws Error for a second
  // one after it, and for that of UTF-16.
  void SkipByteOrderMark();

  // Closes. Throws Error if reading had failed or if the command ended with a non-zero status; a
  // command that was cut off because not all of its output was wanted is no error. Idempotent.
  void Close();
  // Close after all that was wanted has been read: what a command still writes is read off, so that
  // its exit status is its own.
  void Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A file is written under a temporary name in the same directory and gets its final name only in
// Close, when all of it is on disk. Without Close nothing appears under the final name, and what
// was begun is removed, also by SIGINT, SIGTERM and SIGHUP; only SIGKILL and a crash leave a
// .<name>.tmp-<process>-<number> behind. Devices, named pipes and open descriptors (/dev/stdout,
// /dev/fd/3) are written directly. Through symbolic links, the file appears where they lead. One
// that is replaced keeps its mode and, where the system lets us, its owner and group. Throws
// PlaceError where an input or another output is (util/places.h).
class Output {
 public:
  explicit Output(const std::string &wxfilename);
  ~Output();
  Output(Output &&) noexcept;
  Output &operator=(Output &&) noexcept;

  std::ostream &Stream();
  const std::string &Name() const;
  int64_t Position() const;  // bytes written so far

  // Throws Error if a write has failed, with the cause (disk full, pipe closed).
  void Check();
  void Flush();

  // Makes the file durable and gives it its final name; waits for a command and throws Error if its
  // status is not zero. Idempotent.
  void Close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace u2moe

#endif  // U2MOE_UTIL_IO_H_
