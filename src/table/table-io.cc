#include "table/table-io.h"

#include <exception>
#include <functional>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "table/entry-being-read.h"
#include "util/places.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr size_t kMaxKeyBytes = 4096;

// In parts: it is put together for each entry of a table, and asked for hardly ever.
struct EntryPlace {
  std::string script_entry;  // whole; or else
  std::string archive, key;
  int64_t position = 0;
};
thread_local EntryPlace entry_being_read;

std::string ArchiveEntry(const std::string &archive, const std::string &key, int64_t position) {
  return Cat(archive, ": key '", Printable(key, 200), "' at byte ", position);
}

// Kaldi's archives of the formats people mix up with them.
std::string ForeignFormat(std::string_view head) {
  if (StartsWith(head, "RIFF")) return "it is a WAV file; list it in a script file (wav.scp)";
  if (StartsWith(head, "fLaC")) return "it is a FLAC file; list it in a script file (wav.scp)";
  if (StartsWith(head, "\x1f\x8b")) return "it is compressed; read it as 'ark:gunzip -c FILE |'";
  if (StartsWith(head, "PK\x03\x04")) return "it is a zip file";
  if (StartsWith(head, "\x93NUMPY")) return "it is a NumPy file";
  return "it is no Kaldi archive";
}

// A file whose value is expected at its first byte, but which begins "key \0B" or "key [".
bool LooksLikeArchive(const std::string &path) {
  try {
    Input input(path);
    std::string head(kMaxKeyBytes, '\0');
    input.Stream().read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<size_t>(input.Stream().gcount()));
    const size_t space = head.find_first_of(" \t");
    if (space == head.npos || space == 0 || head.find('\0') < space) return false;
    const std::string_view value = std::string_view(head).substr(space + 1);
    return StartsWith(value, std::string_view("\0B", 2)) || StartsWith(Trim(value), "[");
  } catch (const Error &) {
    return false;
  }
}

// For the end of a message about a value that could not be read: what closing its input says, and
// whether a command wrote nothing.
std::string CloseStatus(Input *input) {
  const bool silent = IsPipe(input->Name()) && input->Position() == 0;
  try {
    input->Close();
  } catch (const Error &e) {
    return Cat("; ", e.what());
  }
  return silent ? "; the command wrote nothing, but ended with status 0: try it alone" : "";
}

}  // namespace

std::string EntryBeingRead() {
  const EntryPlace &e = entry_being_read;
  if (!e.script_entry.empty() || e.archive.empty()) return e.script_entry;
  return ArchiveEntry(e.archive, e.key, e.position);
}

namespace internal {

void WarnAbsent(const std::exception_ptr &error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error &e) {
    LOG_WARN << e.what() << "; left out, as option p asks";
  }
}

void FailObject(Input *input, const std::string &cause) {
  const std::string &rxfilename = input->Name();
  if (!IsPipe(rxfilename) && rxfilename != "-" && SplitOffset(rxfilename).offset < 0 &&
      LooksLikeArchive(rxfilename)) {
    throw Error(rxfilename,
                ": an archive where a file with one value is expected; write ark:", rxfilename,
                " for all of it");
  }
  throw Error(rxfilename, ": ", cause, CloseStatus(input));
}

std::string KeyTwice(const std::string &key, const std::string &first) {
  return Cat("key '", Printable(key, 200), "' was already in ", first, "; remove one of the two");
}

void ScriptValueSource::CheckNew(const ScriptEntry &entry) const {
  if (entry.earlier_line == 0) return;
  throw DataError(script_, ":", entry.line, ": ",
                  KeyTwice(entry.key, Cat("line ", entry.earlier_line)));
}

std::istream &ScriptValueSource::Open(const ScriptEntry &entry) {
  entry_being_read.script_entry = Where(entry);
  const FileAndOffset file =
      IsPipe(entry.xfilename) ? FileAndOffset{"", -1} : SplitOffset(entry.xfilename);
  if (file.offset < 0) {
    input_.reset();
    input_.emplace(entry.xfilename);
    open_path_ = "";
    return input_->Stream();
  }
  if (!input_ || file.path != open_path_) {
    input_.reset();
    input_.emplace(file.path);
    open_path_ = file.path;
  }
  input_->Seek(file.offset);
  if (file.offset > 0) {
    // In an archive the space after the key stands before each value.
    input_->Seek(file.offset - 1);
    const int c = input_->Stream().get();
    if (c >= 0 && !IsSpace(static_cast<char>(c))) {
      throw Error(
          "no value begins at this byte, as none is preceded by a key and a space; was the ",
          "archive written again after the script? Make both together with ",
          "ark,scp:ARCHIVE,SCRIPT");
    }
  }
  return input_->Stream();
}

void ScriptValueSource::Finish() {
  if (!open_path_.empty()) return;
  input_->Finish();
  input_.reset();
}

void ScriptValueSource::Fail(const ScriptEntry &entry, const std::string &cause) {
  std::string message = Cat(Where(entry), ": ", cause);
  if (input_ && IsPipe(entry.xfilename)) {
    message += CloseStatus(&*input_);
  }
  input_.reset();
  open_path_.clear();
  if (!IsPipe(entry.xfilename) && entry.xfilename != "-") {
    const FileAndOffset file = SplitOffset(entry.xfilename);
    if (LooksLikeArchive(entry.xfilename)) {
      message += file.offset < 0 ? "; the file is an archive, so the line needs an offset like " +
                                       entry.xfilename + ":123"
                                 : "; a key stands at this byte: an offset is that of the value "
                                   "after the key and its space";
      message += "; make script and archive together with ark,scp:ARCHIVE,SCRIPT";
    } else if (file.offset > 0 && message.find("ark,scp:") == message.npos) {
      message +=
          "; does a value begin at this byte? If the archive was written again after the script, "
          "make both together with ark,scp:ARCHIVE,SCRIPT";
    }
  }
  throw DataError(message);
}

std::string ScriptValueSource::Where(const ScriptEntry &entry) const {
  return Cat(script_, ":", entry.line, ": key '", entry.key, "' from ", entry.xfilename);
}

ArchiveReader::ArchiveReader(const Rspecifier &spec)
    : input_(spec.rxfilename), sorted_(spec.sorted) {}

bool ArchiveReader::NextKey() {
  if (first_) input_.SkipByteOrderMark();
  std::streambuf *buffer = input_.Stream().rdbuf();
  int c = buffer->sgetc();
  while (c >= 0 && IsSpace(static_cast<char>(c))) c = buffer->snextc();
  if (c < 0) {
    input_.Close();
    return false;
  }
  const bool first = std::exchange(first_, false);
  position_ = input_.Position();
  std::string key;
  while (c >= 0 && !IsSpace(static_cast<char>(c))) {
    key += static_cast<char>(c);
    c = buffer->snextc();
    if (key.size() > kMaxKeyBytes || static_cast<unsigned char>(key.back()) < 0x20) {
      for (c = buffer->sgetc(); c >= 0 && key.size() < 8; c = buffer->snextc()) {
        key += static_cast<char>(c);  // enough to tell what file it is
      }
      throw Error(input_.Name(), ": expected a key at byte ", position_, ", found '",
                  Printable(key), "'; ",
                  first ? ForeignFormat(key) : "the archive is corrupt here; make it again");
    }
  }
  if (!first) RefuseByteOrderMark(key, [&] { return Cat(input_.Name(), ", byte ", position_); });
  const std::string previous = std::exchange(key_, key);
  if (c < 0) {
    FailStream("the file ends within this key; it is truncated, or no archive; make it again");
  }
  if (c != '\n') buffer->sbumpc();
  if (sorted_ && !first && key_ <= previous) {
    throw Error(Where(), ": comes after '", previous,
                "', which is not sorted, as option s promises; sort with LC_ALL=C, or drop the s");
  }
  entry_being_read.script_entry.clear();
  entry_being_read.archive = input_.Name();
  entry_being_read.key = key_;
  entry_being_read.position = position_;
  return true;
}

std::string ArchiveReader::Where() const { return ArchiveEntry(input_.Name(), key_, position_); }

void ArchiveReader::FailValue(const std::string &cause) { throw DataError(Where(), ": ", cause); }

void ArchiveReader::FailStream(const std::string &cause) {
  std::string status;
  try {
    input_.Close();
  } catch (const Error &e) {
    status = Cat("; ", e.what());
  }
  throw Error(Where(), ": ", cause, status);
}

EntryWriter::EntryWriter(const std::string &wspecifier)
    : name_(wspecifier), spec_(ParseWspecifier(wspecifier)) {
  if (spec_.archive) {
    const Place place = FindPlace(*spec_.archive, false);
    if (spec_.script && (place.fd >= 0 || S_ISFIFO(place.type))) {
      throw UsageError("'", wspecifier, "': script lines cannot point into a stream; name a file");
    }
    archive_.emplace(*spec_.archive);
    if (spec_.script) script_.emplace(*spec_.script);
    return;
  }
  Rspecifier script;
  script.rxfilename = *spec_.script;
  ScriptReader reader(script);
  for (ScriptEntry entry; reader.Next(&entry);) {
    const std::string where = Cat(*spec_.script, ":", entry.line);
    if (!files_.emplace(entry.key, entry.xfilename).second) {
      throw Error(where, ": ", KeyTwice(entry.key, Cat("line ", entry.earlier_line)));
    }
    try {
      RefuseOffset(entry.xfilename);
    } catch (const UsageError &e) {
      throw UsageError(where, ": ", e.what());
    }
    PlaceRegister::Reserve(Cat(where, " (key '", entry.key, "')"),
                           FindPlace(entry.xfilename, false));
  }
}

EntryWriter::~EntryWriter() {
  if (!closed_ && std::uncaught_exceptions() == 0) {
    LOG_WARN << name_ << " was not closed, so nothing of it is kept";
  }
}

bool EntryWriter::Wants(const std::string &key) const {
  return archive_ || !spec_.permissive || files_.count(key) > 0;
}

void EntryWriter::Write(const std::string &key, const std::string &value) {
  CHECK(!closed_) << "Write() after Close() of " << name_;
  if (key.empty() || key.size() > kMaxKeyBytes) {
    throw DataError(name_, ": a key of ", key.size(), " bytes cannot be written");
  }
  for (char c : key) {
    if (static_cast<unsigned char>(c) <= 0x20) {
      throw DataError(name_, ": the key '", Printable(key), "' has a space or control character");
    }
  }
  // What is flushed entry by entry may go on for days, and nothing is remembered for a warning.
  const bool remembered = spec_.script || !spec_.flush;
  if (remembered && !written_.insert(std::hash<std::string>()(key)).second) {
    if (spec_.script) {
      throw DataError(name_, ": the key '", key,
                      "' was written before, and a script has each key once; give the entries keys "
                      "of their own, or write an archive alone");
    }
    if (num_repeated_++ == 0) repeated_ = key;
  }
  if (archive_) {
    std::ostream &os = archive_->Stream();
    os << key << ' ';
    if (script_) {
      script_lines_ +=
          key + ' ' + *spec_.archive + ':' + std::to_string(archive_->Position()) + '\n';
    }
    os << value;
    archive_->Check();
    if (spec_.flush) archive_->Flush();
    return;
  }
  const auto it = files_.find(key);
  if (it == files_.end()) {
    throw Error(name_, ": no line for key '", key,
                "'; add one, or write scp,p: to leave such keys out");
  }
  Output output(it->second);
  output.Stream() << value;
  output.Close();
}

void EntryWriter::Close() {
  if (closed_) return;
  closed_ = true;
  if (num_repeated_ > 0) {
    LOG_WARN << name_ << ": " << num_repeated_ << " entries have a key that was written before ('"
             << repeated_ << "'); a tool that looks keys up refuses such a table";
  }
  if (archive_) archive_->Close();
  if (script_) {
    // Only now, so that whoever reads the script can open the archive.
    script_->Stream() << script_lines_;
    script_->Close();
  }
}

}  // namespace internal
}  // namespace u2moe
