// Kaldi's tables: sequences of (key, value) in an archive (ark) or behind a script file (scp).
//
//   SequentialMatrixReader reader("scp:feats.scp");
//   MatrixWriter writer("ark,scp:out.ark,out.scp");
//   for (; !reader.Done(); reader.Next())
//     tally.Try(reader, [&] { writer.Write(reader.Key(), reader.Value()); });
//   writer.Close();
//
// Names of tables: util/table-specifier.h. Threads: one reader or writer belongs to one thread.
#ifndef U2MOE_TABLE_TABLE_H_
#define U2MOE_TABLE_TABLE_H_

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
#include "table/table-io.h"
#include "table/table-sequential.h"
#include "util/io.h"

namespace u2moe {

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
        throw Error(spec_.rxfilename, ":", entry.line, ": ",
                    internal::KeyTwice(entry.key, Cat("line ", it->second.line)));
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

  // The keys of the table, an archive read to its end; without those that options o or cs dropped.
  std::set<std::string> Keys() {
    std::set<std::string> keys;
    for (const auto &item : script_) keys.insert(item.first);
    while (!spec_.is_script && !end_) ReadOne();
    for (const auto &item : entries_) keys.insert(item.first);
    return keys;
  }

 private:
  struct Entry {
    T value{};
    std::exception_ptr error;
    int64_t position = 0;  // of the key, in bytes
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
      entry.position = archive_->Position();
      if (spec_.called_sorted && *last_key_ < requested_) {
        internal::SkipArchiveValue<Holder>(&*archive_);
        return nullptr;
      }
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
    const auto [it, is_new] = entries_.emplace(*last_key_, std::move(entry));
    if (!is_new || forgotten_.count(*last_key_)) {
      archive_->FailStream(internal::KeyTwice(
          *last_key_, is_new ? "an entry before it" : Cat("byte ", it->second.position)));
    }
    return &it->second;
  }

  void LoadFromScript(const std::string &key) {
    if (loaded_ && *loaded_ == key) return;
    loaded_.reset();
    error_ = nullptr;
    try {
      internal::ReadScriptValue<Holder>(&*source_, script_.at(key), &value_);
    } catch (const PlaceError &) {
      throw;
    } catch (const Error &) {
      error_ = std::current_exception();
    }
    loaded_ = key;
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
  T value_{};
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
    os.exceptions(std::ios::badbit);  // else memory that runs out would cut the value short
    Holder::Write(os, writer_.Binary(), value);
    writer_.Write(key, os.str());
  }

  void Close() { writer_.Close(); }

 private:
  internal::EntryWriter writer_;
};

// One value in a file of its own, without key. Throws Error.
template <class Holder>
typename Holder::T ReadObject(const std::string &rxfilename) {
  Input input(rxfilename);
  typename Holder::T value{};
  try {
    Holder::Read(input.Stream(), &value);
  } catch (const Error &e) {
    internal::FailObject(&input, e.what());
  }
  input.Finish();
  return value;
}

template <class Holder>
void WriteObject(const std::string &wxfilename, bool binary, const typename Holder::T &value) {
  Output output(wxfilename);
  Holder::Write(output.Stream(), binary, value);
  output.Close();
}

}  // namespace u2moe

#endif  // U2MOE_TABLE_TABLE_H_
