#include "util/io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/signal-cleanup.h"
#include "util/fd-stream.h"
#include "util/places.h"
#include "util/text.h"

namespace u2moe {
namespace {

// A name that only a table can open, or that a shell has mangled, gets an explanation.
void RefuseStrangeName(const std::string &name, bool reading) {
  const char *what = reading ? "input" : "output";
  if (name.empty()) throw UsageError("the ", what, " name is empty; '-' is the standard ", what);
  if (IsSpace(name.front()) || IsSpace(name.back())) {
    throw UsageError("the ", what, " name '", name, "' has a space at an end; remove it");
  }
  if (name.front() == '|' && name.back() == '|') {
    throw UsageError("'", name, "': a command has one '|', after it to read, before it to write");
  }
  if (reading && name.front() == '|') {
    throw UsageError("'", name, "' would write to a command; to read from one, write 'command |'");
  }
  if (!reading && name.back() == '|') {
    throw UsageError("'", name, "' would read from a command; to write to one, write '| command'");
  }
  if (!reading) RefuseOffset(name);
  const bool table = StartsWith(name, "ark:") || StartsWith(name, "ark,") ||
                     StartsWith(name, "scp:") || StartsWith(name, "scp,");
  if (table && access(name.c_str(), F_OK) != 0) {
    throw UsageError("'", name, "' names a table, but a plain ", what, " file is expected here");
  }
}

std::string CommandOf(const std::string &name) {
  std::string_view s = name;
  if (s.front() == '|') s.remove_prefix(1);
  if (s.back() == '|') s.remove_suffix(1);
  return std::string(Trim(s));
}

std::string DirectoryOf(const std::string &path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// What gets the final name: where a link leads, else the name as it was given.
std::string WrittenPath(const std::string &name, const Place &place) {
  struct stat link;
  return lstat(name.c_str(), &link) == 0 && S_ISLNK(link.st_mode) ? place.path : name;
}

[[noreturn]] void FailToBegin(const std::string &name, const std::string &path, int error) {
  throw Error("cannot write ", name, name == path ? "" : Cat(", a link to ", path), ": ",
              std::strerror(error),
              error == ENOENT ? Cat("; does the directory ", DirectoryOf(path), " exist?")
              : error == EACCES || error == EROFS
                  ? Cat("; an output is begun under another name beside its own, so the directory ",
                        DirectoryOf(path), " must be writable")
                  : std::string());
}

// Why a file may be missing, as utils/validate_data_dir.sh says it of wav.scp's files.
std::string MissingHint(const std::string &path) {
  if (path[0] == '~') return "; nobody expands \"~\", write the whole path";
  char folder[PATH_MAX];
  std::string hint;
  if (path[0] != '/' && getcwd(folder, sizeof folder)) hint = Cat(" in ", folder);
  if (path.find(' ') != path.npos) hint += "; a command needs a \"|\" at its end";
  return hint;
}

std::string TemporaryName(const std::string &path) {
  static std::atomic<int> counter{0};
  const size_t slash = path.rfind('/');
  const std::string base = slash == path.npos ? path : path.substr(slash + 1);
  return (slash == path.npos ? "" : path.substr(0, slash + 1)) + "." + base.substr(0, 200) +
         ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(counter++);
}

// As the file that will be replaced. What the system does not let us keep, the new file goes
// without; a group of other people then gets no more than everybody.
void KeepOwnerAndMode(int fd, const struct stat &old) {
  struct stat now;
  mode_t mode = old.st_mode & 0777;
  if (fstat(fd, &now) == 0 && (now.st_uid != old.st_uid || now.st_gid != old.st_gid) &&
      fchown(fd, old.st_uid, old.st_gid) != 0 && now.st_gid != old.st_gid &&
      fchown(fd, static_cast<uid_t>(-1), old.st_gid) != 0) {
    mode &= ~((mode & 070) & ~((mode & 7) << 3));
  }
  if (fchmod(fd, mode) != 0) {  // a file system without modes
  }
}

}  // namespace

void internal::FailByteOrderMark(const std::string &where) {
  throw Error(where, ": a byte order mark (EF BB BF) in the middle of the file, as two files with ",
              "marks leave it when they are joined; remove it: sed -i 's/\\xEF\\xBB\\xBF//' FILE");
}

FileAndOffset SplitOffset(const std::string &rxfilename) {
  const size_t colon = rxfilename.rfind(':');
  int64_t offset = -1;
  if (colon != rxfilename.npos && colon > 0 && colon + 1 < rxfilename.size() &&
      rxfilename.find_first_not_of("0123456789", colon + 1) == rxfilename.npos) {
    if (!ParseNumber(std::string_view(rxfilename).substr(colon + 1), &offset)) {
      throw Error(rxfilename, ": the offset after ':' is too large");
    }
    return {rxfilename.substr(0, colon), offset};
  }
  return {rxfilename, -1};
}

void RefuseOffset(const std::string &wxfilename) {
  if (IsPipe(wxfilename) || SplitOffset(wxfilename).offset < 0) return;
  throw UsageError(
      "the output name '", wxfilename, "' ends in ':' and digits, which is a place ",
      "within a file, and a file of that name could not be read; give it another name");
}

void RequireWritable(const std::string &wxfilename, const Place &place) {
  if (!place.known || place.fd >= 0) return;
  const std::string path = WrittenPath(wxfilename, place);
  struct stat st;
  const bool exists = stat(path.c_str(), &st) == 0;
  if (exists && S_ISDIR(st.st_mode)) {
    throw Error("cannot write ", wxfilename, ": it is a directory");
  }
  if (exists && !S_ISREG(st.st_mode)) return;
  if (exists && access(path.c_str(), W_OK) != 0) {
    throw Error("cannot write ", wxfilename, wxfilename == path ? "" : Cat(", a link to ", path),
                ": ", std::strerror(errno),
                "; the file that is there may only be read: remove it, or chmod u+w it");
  }
  if (access(DirectoryOf(path).c_str(), W_OK | X_OK) != 0) FailToBegin(wxfilename, path, errno);
}

bool IsPipe(const std::string &name) {
  return !name.empty() && (name.front() == '|' || name.back() == '|');
}

struct Input::Impl {
  explicit Impl(const std::string &rxfilename) : name(rxfilename) {
    RefuseStrangeName(name, true);
    int64_t offset = -1;
    int fd = 0;
    if (IsPipe(name)) {
      child = std::make_unique<ChildProcess>(CommandOf(name), false);
      fd = child->Fd();
    } else if (name == "-") {
      PlaceRegister::Read(name, FindPlace(name, true));
    } else {
      const FileAndOffset place = SplitOffset(name);
      path = place.path;
      offset = place.offset;
      OpenFile();
      fd = file.Get();
    }
    buffer = std::make_unique<FdStreambuf>(fd);
    stream.rdbuf(buffer.get());
    // Memory that runs out within an operation of the stream must not look like the end of data.
    stream.exceptions(std::ios::badbit);
    if (offset >= 0) Seek(offset);
  }

  void OpenFile() {
    file.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat st;
    if (file.Get() < 0 || fstat(file.Get(), &st) != 0) {
      const int error = errno;
      throw Error("cannot open ", path, ": ", std::strerror(error),
                  error == ENOENT ? MissingHint(path) : std::string());
    }
    if (S_ISDIR(st.st_mode)) throw Error("cannot read ", path, ": it is a directory");
    regular = S_ISREG(st.st_mode);
    Place place;
    if (!regular) place = FindPlace(path, true);
    place.Set(st);
    PlaceRegister::Read(path, place);
  }

  void SkipByteOrderMark() {
    const std::string_view head = buffer->Peek(3);
    if (head == kByteOrderMark) {
      stream.ignore(3);
      RefuseByteOrderMark(buffer->Peek(3), [&] { return Cat(name, ", byte 3"); });
      return;
    }
    if (StartsWith(head, "\xff\xfe") || StartsWith(head, "\xfe\xff")) {
      throw Error(name, ": begins with UTF-16's byte order mark; convert it: iconv -f UTF-16 -t ",
                  "UTF-8");
    }
  }

  void Seek(int64_t offset) {
    if (!regular) throw Error(name, ": offsets need a regular file");
    struct stat st;
    if (fstat(file.Get(), &st) == 0 && offset > st.st_size) {
      throw Error(path, ": offset ", offset, " is past the end of the file (", st.st_size,
                  " bytes); was the archive replaced after its script was written?");
    }
    if (!buffer->Seek(offset)) throw Error(path, ": cannot seek: ", std::strerror(errno));
    stream.clear();
  }

  void Close() {
    if (closed) return;
    closed = true;
    const int error = buffer->LastError();
    const bool cut_off = !buffer->AtEof();
    file.Close();
    if (child) {
      const std::string status = DescribeStatus(child->Wait());
      if (!status.empty() && !cut_off) throw Error("the command '", CommandOf(name), "' ", status);
    }
    if (error != 0 && error != ECANCELED) {
      throw Error("cannot read ", name, ": ", std::strerror(error));
    }
  }

  std::string name, path;
  OwnedFd file;
  bool regular = false, closed = false;
  std::unique_ptr<ChildProcess> child;
  std::unique_ptr<FdStreambuf> buffer;
  std::istream stream{nullptr};
};

Input::Input(const std::string &rxfilename) : impl_(std::make_unique<Impl>(rxfilename)) {}
Input::~Input() = default;
Input::Input(Input &&) noexcept = default;
Input &Input::operator=(Input &&) noexcept = default;
std::istream &Input::Stream() { return impl_->stream; }
const std::string &Input::Name() const { return impl_->name; }
int64_t Input::Position() const { return impl_->buffer->Position(); }
void Input::Seek(int64_t offset) { impl_->Seek(offset); }
void Input::SkipByteOrderMark() { impl_->SkipByteOrderMark(); }
void Input::Close() { impl_->Close(); }

void Input::Finish() {
  if (impl_->child) impl_->stream.ignore(std::numeric_limits<std::streamsize>::max());
  impl_->Close();
}

// Gone with its owner, unless it was kept under another name.
class TemporaryFile {
 public:
  ~TemporaryFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  // Returns the descriptor, or -1 with errno set. Throws nothing once the file is there.
  int Open(std::string path, mode_t mode) {
    cleanup_.emplace(path);
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    const int error = errno;
    if (fd >= 0) {
      path_ = std::move(path);
    } else {
      cleanup_.reset();
    }
    errno = error;
    return fd;
  }
  bool Exists() const { return !path_.empty(); }
  bool Keep(const std::string &name) {
    if (rename(path_.c_str(), name.c_str()) != 0) return false;
    path_.clear();
    cleanup_.reset();
    return true;
  }

 private:
  std::string path_;
  std::optional<SignalCleanup> cleanup_;  // ends after the file
};

struct Output::Impl {
  explicit Impl(const std::string &wxfilename) : name(wxfilename) {
    RefuseStrangeName(name, false);
    int fd = 1;
    if (IsPipe(name)) {
      child = std::make_unique<ChildProcess>(CommandOf(name), true);
      fd = child->Fd();
    } else {
      const Place place = FindPlace(name, false);
      writing.emplace(name, place);
      if (place.fd >= 0) {
        OpenDescriptor(place.fd);
      } else {
        OpenFile(place);
      }
      fd = place.fd == STDOUT_FILENO ? STDOUT_FILENO : file.Get();
    }
    buffer = std::make_unique<FdStreambuf>(fd);
    stream.rdbuf(buffer.get());
  }

  // A shell's redirection decides where this goes, and whether it is appended.
  void OpenDescriptor(int fd) {
    if (fd == STDOUT_FILENO) return;
    file.Reset(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (file.Get() < 0) throw Error("cannot write ", name, ": ", std::strerror(errno));
  }

  void OpenFile(const Place &place) {
    RequireWritable(name, place);
    final_path = WrittenPath(name, place);
    struct stat st;
    const bool exists = stat(final_path.c_str(), &st) == 0;
    if (exists && !S_ISREG(st.st_mode)) {
      file.Reset(open(final_path.c_str(), O_WRONLY | O_CLOEXEC));
      if (file.Get() < 0) throw Error("cannot write ", name, ": ", std::strerror(errno));
      return;
    }
    // No longer open to anybody than the file it replaces.
    file.Reset(temporary.Open(TemporaryName(final_path), exists ? st.st_mode & 0700 : 0666));
    if (file.Get() < 0) FailToBegin(name, final_path, errno);
    if (exists) KeepOwnerAndMode(file.Get(), st);
  }

  void Check() {
    if (!stream.good() || buffer->LastError() != 0) {
      const int error = buffer->LastError();
      if (child && error == EPIPE) {  // why the command is gone says more
        closed = true;
        file.Close();
        const std::string status = DescribeStatus(child->Wait());
        if (!status.empty()) throw Error("the command '", CommandOf(name), "' ", status);
      }
      throw Error("cannot write ", name, ": ", error != 0 ? std::strerror(error) : "write failed");
    }
  }

  void Close() {
    if (closed) return;
    closed = true;
    stream.flush();
    int error = buffer->LastError();
    if (!stream.good() && error == 0) error = EIO;
    if (error == 0 && temporary.Exists() && fsync(file.Get()) != 0) error = errno;
    if (file.Close() != 0 && error == 0) error = errno;
    if (child) {
      const std::string status = DescribeStatus(child->Wait());
      if (!status.empty()) throw Error("the command '", CommandOf(name), "' ", status);
    }
    if (error == 0 && temporary.Exists()) {
      if (temporary.Keep(final_path)) {
        writing->Replaced(final_path);
      } else {
        error = errno;
      }
    }
    writing.reset();
    if (error != 0) throw Error("cannot write ", name, ": ", std::strerror(error));
  }

  std::string name, final_path;
  std::optional<PlaceRegister::Writing> writing;
  TemporaryFile temporary;
  OwnedFd file;
  bool closed = false;
  std::unique_ptr<ChildProcess> child;
  std::unique_ptr<FdStreambuf> buffer;
  std::ostream stream{nullptr};
};

Output::Output(const std::string &wxfilename) : impl_(std::make_unique<Impl>(wxfilename)) {}
Output::~Output() = default;
Output::Output(Output &&) noexcept = default;
Output &Output::operator=(Output &&) noexcept = default;
std::ostream &Output::Stream() { return impl_->stream; }
const std::string &Output::Name() const { return impl_->name; }
int64_t Output::Position() const { return impl_->buffer->Position(); }
void Output::Check() { impl_->Check(); }
void Output::Close() { impl_->Close(); }

void Output::Flush() {
  impl_->stream.flush();
  impl_->Check();
}

}  // namespace u2moe
