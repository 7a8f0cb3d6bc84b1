// Kaldi's tables: sequences of (key, value) in an archive (ark) or behind a script file (scp).
//
//   SequentialMatrixReader reader("scp:feats.scp");
//   MatrixWriter writer("ark,scp:out.ark,out.scp");
//   for (; !reader.Done(); reader.Next())
//     tally.Try(reader, [&] { writer.Write(reader.Key(), reader.Value()); });
//   writer.Close();
//
// rspecifier: {ark|scp}[,option...]:rxfilename with the options
//   s keys are sorted (LC_ALL=C)    cs values are asked for in sorted order    o each at most once
//   p what cannot be read counts as absent, with a warning
//   b, t (found from the data), bg (not needed): no effect
//   a leading n switches an option off: no, ns, ncs, np.
// wspecifier: {ark|scp|ark,scp}[,option...]:wxfilename[,script] with
//   b binary (default)   t text   f, nf flush after each entry or not
//   p skip keys that are not in the scp
#ifndef U2MOE_UTIL_TABLE_H_
#define U2MOE_UTIL_TABLE_H_

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "util/io.h"

namespace u2moe {

struct Rspecifier {
  bool is_script = false;
  std::string rxfilename;
  bool once = false, sorted = false, called_sorted = false, permissive = false;
};

struct Wspecifier {
  std::optional<std::string> archive, script;  // wxfilename of each
  bool binary = true, flush = false, permissive = false;
};

// Throw UsageError, naming what is wrong with the specifier.
Rspecifier ParseRspecifier(const std::string &rspecifier);
Wspecifier ParseWspecifier(const std::string &wspecifier);

// True if the name reads as a table ("ark:", "scp,t:" and so on) rather than as a plain file.
bool IsTable(const std::string &name);

// A Holder teaches the tables one type of value:
//   struct Holder {
//     using T = ...;
//     // From just after "key "; leaves the stream after the value. Throws DataError if this value
//     // is bad but the stream stands after it, Error if nothing after it can be read.
//     static void Read(std::istream &is, T *value);
//     // Throws DataError before anything is written.
//     static void Write(std::ostream &os, bool binary, const T &value);
//     // Optional: "[0:9]" in scp lines.
//     static void ExtractRange(const std::string &range, T *value);
//   };

namespace internal {

struct ScriptEntry {
  std::string key, xfilename, range;
  int64_t line = 0;
};

// The lines "key xfilename" of a script file, one after another.
class ScriptReader {
 public:
  explicit ScriptReader(const Rspecifier &spec);
  bool Next(ScriptEntry *entry);  // false at the end, where a pipe's status has been checked
  const std::string &Name() const { return input_.Name(); }
  void Close() { input_.Close(); }

 private:
  Input input_;
  bool sorted_;
  std::string previous_key_;
  int64_t line_ = 0;
};

// Opens the values that script lines point to. An archive stays open for the next line's offset.
class ScriptValueSource {
 public:
  explicit ScriptValueSource(std::string script) : script_(std::move(script)) {}
  std::istream &Open(const ScriptEntry &entry);
  void Finish();
  [[noreturn]] void Fail(const ScriptEntry &entry, const std::string &cause);
  std::string Where(const ScriptEntry &entry) const;

 private:
  std::string script_, open_path_;
  std::optional<Input> input_;
};

class ArchiveReader {
 public:
  explicit ArchiveReader(const Rspecifier &spec);
  // Reads the next key and what separates it from its value. False at the end, after checking a
  // pipe.
  bool NextKey();
  const std::string &Key() const { return key_; }
  std::istream &Stream() { return input_.Stream(); }
  [[noreturn]] void FailValue(const std::string &cause);   // throws DataError
  [[noreturn]] void FailStream(const std::string &cause);  // throws Error, with a pipe's status
  void Close() { input_.Close(); }
  std::string Where() const;

 private:
  Input input_;
  bool sorted_, first_ = true;
  std::string key_;
  int64_t position_ = 0;
};

template <class Holder, class = void>
struct HasRange : std::false_type {};
template <class Holder>
struct HasRange<Holder, std::void_t<decltype(Holder::ExtractRange(
                            std::string(), static_cast<typename Holder::T *>(nullptr)))>>
    : std::true_type {};

template <class Holder>
void ReadArchiveValue(ArchiveReader *archive, typename Holder::T *value) {
  try {
    Holder::Read(archive->Stream(), value);
  } catch (const DataError &e) {
    archive->FailValue(e.what());
  } catch (const Error &e) {
    archive->FailStream(e.what());
  }
}

template <class Holder>
void ReadScriptValue(ScriptValueSource *source, const ScriptEntry &entry,
                     typename Holder::T *value) {
  try {
    Holder::Read(source->Open(entry), value);
    source->Finish();
    if (!entry.range.empty()) {
      if constexpr (HasRange<Holder>::value) {
        Holder::ExtractRange(entry.range, value);
      } else {
        throw Error("a range [", entry.range, "] cannot be taken from this type");
      }
    }
  } catch (const Error &e) {
    source->Fail(entry, e.what());
  }
}

// Says what option p leaves out.
void WarnAbsent(const std::exception_ptr &error);

// What a TableWriter writes to, for all types.
class EntryWriter {
 public:
  explicit EntryWriter(const std::string &wspecifier);
  ~EntryWriter();
  bool Binary() const { return spec_.binary; }
  bool Wants(const std::string &key) const;  // false: not in the script, and option p
  void Write(const std::string &key, const std::string &value);
  void Close();

 private:
  std::string name_;
  Wspecifier spec_;
  std::optional<Output> archive_, script_;
  std::string script_lines_;
  std::unordered_map<std::string, std::string> files_;  // of an scp alone
  bool closed_ = false;
};

}  // namespace internal

// Reads a table from its beginning to its end. The constructor opens it and stands on the first
// entry. All functions but Value throw Error when the table cannot be read on.
template <class Holder>
class SequentialTableReader {
 public:
  using T = typename Holder::T;

  explicit SequentialTableReader(const std::string &rspecifier)
      : spec_(ParseRspecifier(rspecifier)) {
    if (spec_.is_script) {
      script_.emplace(spec_);
      source_.emplace(spec_.rxfilename);
    } else {
      archive_.emplace(spec_);
    }
    Advance();
  }

  bool Done() const { return done_; }

  void Next() {
    CHECK(!done_) << "Next() after the end of " << spec_.rxfilename;
    if (archive_ && state_ != State::kRead) Load();  // skips the value
    if (broken_) std::rethrow_exception(error_);
    Advance();
  }

  const std::string &Key() const { return key_; }

  // The table, key and file of the entry, for messages: "feats.scp:3: key 'a' from a.ark:17".
  // Messages of Value() begin with it.
  std::string Where() const { return archive_ ? archive_->Where() : source_->Where(entry_); }

  // DataError: this value is bad, and Next() may be called. Error: the table cannot be read on.
  // Valid until the next call of Next.
  const T &Value() {
    CHECK(!done_) << "Value() after the end of " << spec_.rxfilename;
    if (state_ != State::kRead) Load();
    if (error_) std::rethrow_exception(error_);
    return value_;
  }

  // Closes before or after the end. Throws Error if a pipe failed.
  void Close() {
    done_ = true;
    if (archive_) archive_->Close();
    if (script_) script_->Close();
  }

 private:
  enum class State { kUnread, kRead };

  // To the next key; with option p, to the next key whose value can be read.
  void Advance() {
    do {
      error_ = nullptr;
      state_ = State::kUnread;
      done_ = !NextKey();
      if (done_ || !spec_.permissive) return;
      Load();
      if (error_) internal::WarnAbsent(error_);
    } while (error_);
  }

  bool NextKey() {
    if (broken_) return false;  // option p: the rest of a broken archive is absent
    try {
      if (archive_) {
        if (!archive_->NextKey()) return false;
        key_ = archive_->Key();
      } else {
        if (!script_->Next(&entry_)) return false;
        key_ = entry_.key;
      }
    } catch (const Error &) {
      if (!spec_.permissive || !archive_) throw;
      internal::WarnAbsent(std::current_exception());
      return false;
    }
    return true;
  }

  void Load() {
    state_ = State::kRead;
    try {
      if (archive_) {
        internal::ReadArchiveValue<Holder>(&*archive_, &value_);
      } else {
        internal::ReadScriptValue<Holder>(&*source_, entry_, &value_);
      }
    } catch (const DataError &) {
      error_ = std::current_exception();
    } catch (const Error &) {
      error_ = std::current_exception();
      broken_ = true;
    }
  }

  Rspecifier spec_;
  std::optional<internal::ArchiveReader> archive_;
  std::optional<internal::ScriptReader> script_;
  std::optional<internal::ScriptValueSource> source_;
  internal::ScriptEntry entry_;
  std::string key_;
  T value_;
  State state_ = State::kUnread;
  std::exception_ptr error_;
  bool done_ = false, broken_ = false;
};

// Looks values up by key. A script is read at once, its values when asked for. An archive is read
// until the key turns up, and what was passed is remembered: options s, cs and o keep that small.
template <class Holder>
class RandomAccessTableReader {
 public:
  using T = typename Holder::T;

  explicit RandomAccessTableReader(const std::string &rspecifier)
      : spec_(ParseRspecifier(rspecifier)) {
    if (!spec_.is_script) {
      archive_.emplace(spec_);
      return;
    }
    internal::ScriptReader script(spec_);
    source_.emplace(spec_.rxfilename);
    for (internal::ScriptEntry entry; script.Next(&entry);) {
      const auto [it, is_new] = script_.emplace(entry.key, entry);
      if (!is_new) {
        throw Error(spec_.rxfilename, ":", entry.line, ": key '", entry.key,
                    "' was already in line ", it->second.line, "; remove one of the two");
      }
    }
  }

  bool HasKey(const std::string &key) {
    Request(key);
    if (spec_.is_script) {
      if (script_.count(key) == 0) return false;
      if (!spec_.permissive) return true;
      const bool is_new = !loaded_ || *loaded_ != key;
      LoadFromScript(key);
      if (error_ && is_new) internal::WarnAbsent(error_);
      return !error_;
    }
    const Entry *entry = Find(key);
    return entry && !(entry->error && spec_.permissive);
  }

  // DataError if the key is absent or its value bad. Valid until the next call.
  const T &Value(const std::string &key) {
    Request(key);
    if (spec_.is_script) {
      if (script_.count(key) == 0) throw Missing(key);
      LoadFromScript(key);
      if (error_) std::rethrow_exception(error_);
      return value_;
    }
    Entry *entry = Find(key);
    if (!entry) throw Missing(key);
    if (entry->error) std::rethrow_exception(entry->error);
    if (spec_.once) to_forget_ = key;
    return entry->value;
  }

 private:
  struct Entry {
    T value;
    std::exception_ptr error;
  };

  DataError Missing(const std::string &key) const {
    return DataError("no entry for key '", key, "' in ", spec_.rxfilename,
                     "; make that table from the same list of utterances");
  }

  // Drops what the options say will not be asked for again.
  void Request(const std::string &key) {
    if (spec_.called_sorted) {
      if (key < requested_) {
        throw Error(spec_.rxfilename, ": key '", key, "' is asked for after '", requested_,
                    "', which option cs excludes; sort the first table with LC_ALL=C or drop cs");
      }
      entries_.erase(entries_.begin(), entries_.lower_bound(key));
      requested_ = key;
    }
    if (to_forget_ && *to_forget_ != key) {
      entries_.erase(*to_forget_);
      forgotten_.insert(*to_forget_);
      to_forget_.reset();
    }
    if (spec_.once && !spec_.is_script && forgotten_.count(key)) {
      throw Error(spec_.rxfilename, ": key '", key,
                  "' is asked for again, which option o excludes");
    }
  }

  Entry *Find(const std::string &key) {
    const auto it = entries_.find(key);
    if (it != entries_.end()) return &it->second;
    while (!end_ && !(spec_.sorted && last_key_ && *last_key_ >= key)) {
      Entry *entry = ReadOne();
      if (entry && *last_key_ == key) return entry;
    }
    return nullptr;
  }

  // Reads one more entry of the archive; null at the end or if it is not worth keeping.
  Entry *ReadOne() {
    Entry entry;
    try {
      if (!archive_->NextKey()) {
        end_ = true;
        return nullptr;
      }
      last_key_ = archive_->Key();
      try {
        internal::ReadArchiveValue<Holder>(&*archive_, &entry.value);
      } catch (const DataError &) {
        entry.error = std::current_exception();
        if (spec_.permissive) internal::WarnAbsent(entry.error);
      }
    } catch (const Error &) {
      if (!spec_.permissive) throw;
      internal::WarnAbsent(std::current_exception());
      end_ = true;
      return nullptr;
    }
    if (spec_.called_sorted && *last_key_ < requested_) return nullptr;
    const auto [it, is_new] = entries_.emplace(*last_key_, std::move(entry));
    if (!is_new || forgotten_.count(*last_key_)) {
      archive_->FailStream("the key is in the archive twice; remove one of the two");
    }
    return &it->second;
  }

  void LoadFromScript(const std::string &key) {
    if (loaded_ && *loaded_ == key) return;
    loaded_ = key;
    error_ = nullptr;
    try {
      internal::ReadScriptValue<Holder>(&*source_, script_.at(key), &value_);
    } catch (const Error &) {
      error_ = std::current_exception();
    }
  }

  Rspecifier spec_;
  std::string requested_;

  std::optional<internal::ArchiveReader> archive_;
  std::map<std::string, Entry> entries_;
  std::set<std::string> forgotten_;
  std::optional<std::string> last_key_, to_forget_;
  bool end_ = false;

  std::unordered_map<std::string, internal::ScriptEntry> script_;
  std::optional<internal::ScriptValueSource> source_;
  std::optional<std::string> loaded_;
  T value_;
  std::exception_ptr error_;
};

// Writes a table. Files get their final names in Close(); without it nothing appears under them.
template <class Holder>
class TableWriter {
 public:
  using T = typename Holder::T;

  explicit TableWriter(const std::string &wspecifier) : writer_(wspecifier) {}

  // Throws DataError, with nothing written, if the key has a space or the value cannot be stored;
  // Error if the output cannot be written.
  void Write(const std::string &key, const T &value) {
    if (!writer_.Wants(key)) return;
    std::ostringstream os;
    Holder::Write(os, writer_.Binary(), value);
    writer_.Write(key, os.str());
  }

  void Close() { writer_.Close(); }

 private:
  internal::EntryWriter writer_;
};

namespace internal {
// Throws Error with the cause, a pipe's status, and what to do if the file is an archive.
[[noreturn]] void FailObject(Input *input, const std::string &cause);
// Throws Error if a pipe ends with a failure after its value.
void FinishObject(Input *input);
}  // namespace internal

// One value in a file of its own, without key. Throws Error.
template <class Holder>
typename Holder::T ReadObject(const std::string &rxfilename) {
  Input input(rxfilename);
  typename Holder::T value;
  try {
    Holder::Read(input.Stream(), &value);
  } catch (const Error &e) {
    internal::FailObject(&input, e.what());
  }
  internal::FinishObject(&input);
  return value;
}

template <class Holder>
void WriteObject(const std::string &wxfilename, bool binary, const typename Holder::T &value) {
  Output output(wxfilename);
  Holder::Write(output.Stream(), binary, value);
  output.Close();
}

}  // namespace u2moe

#endif  // U2MOE_UTIL_TABLE_H_
