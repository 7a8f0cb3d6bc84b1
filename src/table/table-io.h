// What the tables of table/table.h stand on, whatever the type of their values.
#ifndef U2MOE_TABLE_TABLE_IO_H_
#define U2MOE_TABLE_TABLE_IO_H_

#include <cstdint>
#include <exception>
#include <istream>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "util/io.h"
#include "util/script-reader.h"
#include "util/table-specifier.h"

namespace u2moe {
namespace internal {

// Says what option p leaves out.
void WarnAbsent(const std::exception_ptr &error);

// Says that a table has a key twice: `first` is the other place, such as "line 3".
std::string KeyTwice(const std::string &key, const std::string &first);

// Of one value in a file of its own: throws Error with the cause, a pipe's status, and what to do
// if the file is an archive.
[[noreturn]] void FailObject(Input *input, const std::string &cause);

// Opens the values that script lines point to. An archive stays open for the next line's offset.
class ScriptValueSource {
 public:
  explicit ScriptValueSource(std::string script) : script_(std::move(script)) {}
  std::istream &Open(const ScriptEntry &entry);
  void Finish();
  [[noreturn]] void Fail(const ScriptEntry &entry, const std::string &cause);
  // Throws DataError for a key that an earlier line of the script has.
  void CheckNew(const ScriptEntry &entry) const;
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
  int64_t Position() const { return position_; }  // of the key, in bytes

 private:
  Input input_;
  bool sorted_, first_ = true;
  std::string key_;
  int64_t position_ = 0;
};

// What a TableWriter writes to, for all types.
class EntryWriter {
 public:
  explicit EntryWriter(const std::string &wspecifier);
  ~EntryWriter();
  bool Binary() const { return spec_.binary; }
  bool Wants(const std::string &key) const;  // false: not in the script, and option p
  // Throws DataError, with nothing written, for a key with a space, or one that was written before
  // where that would make a script of no use or lose a file: in all tables but an archive alone.
  void Write(const std::string &key, const std::string &value);
  void Close();

 private:
  std::string name_;
  Wspecifier spec_;
  std::optional<Output> archive_, script_;
  std::string script_lines_;
  std::unordered_map<std::string, std::string> files_;  // of an scp alone
  std::unordered_set<size_t> written_;                  // hashes of keys
  int64_t num_repeated_ = 0;
  std::string repeated_;  // the first of them
  bool closed_ = false;
};

}  // namespace internal
}  // namespace u2moe

#endif  // U2MOE_TABLE_TABLE_IO_H_
