// The sequential half of table/table.h.
#ifndef U2MOE_TABLE_TABLE_SEQUENTIAL_H_
#define U2MOE_TABLE_TABLE_SEQUENTIAL_H_

#include <array>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "table/table-io.h"
#include "util/fd-stream.h"
#include "util/places.h"

namespace u2moe {

// A Holder teaches the tables one type of value:
//   struct Holder {
//     using T = ...;
//     // From just after "key "; leaves the stream after the value. Throws DataError if this value
//     // is bad but the stream stands after it, Error if nothing after it can be read.
//     static void Read(std::istream &is, T *value);
//     // Throws DataError for a value that cannot be stored; nothing of it appears in the table.
//     static void Write(std::ostream &os, bool binary, const T &value);  // only for TableWriter
//     static void Skip(std::istream &is);  // optional: Read without holding the value
//     // Optional, for "[0:9]" in script lines. Throws DataError.
//     static void ExtractRange(const std::string &range, T *value);
//   };

namespace internal {

template <class Holder, class = void>
struct HasRange : std::false_type {};
template <class Holder>
struct HasRange<Holder, std::void_t<decltype(Holder::ExtractRange(
                            std::string(), static_cast<typename Holder::T *>(nullptr)))>>
    : std::true_type {};

template <class Holder, class = void>
struct HasSkip : std::false_type {};
template <class Holder>
struct HasSkip<Holder, std::void_t<decltype(Holder::Skip(std::declval<std::istream &>()))>>
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

// Goes to the end of the value. A value that is only bad in itself is not looked at.
template <class Holder>
void SkipArchiveValue(ArchiveReader *archive) {
  try {
    if constexpr (HasSkip<Holder>::value) {
      Holder::Skip(archive->Stream());
    } else {
      typename Holder::T value{};
      Holder::Read(archive->Stream(), &value);
    }
  } catch (const DataError &) {
  } catch (const Error &e) {
    archive->FailStream(e.what());
  }
}

template <class Holder>
void ReadScriptValue(ScriptValueSource *source, const ScriptEntry &entry,
                     typename Holder::T *value) {
  try {
    source->CheckNew(entry);
    Holder::Read(source->Open(entry), value);
    source->Finish();
    if (!entry.range.empty()) {
      if constexpr (HasRange<Holder>::value) {
        Holder::ExtractRange(entry.range, value);
      } else {
        throw Error("a range [", entry.range, "] cannot be taken from this type");
      }
    }
  } catch (const PlaceError &) {
    throw;
  } catch (const Error &e) {
    source->Fail(entry, e.what());
  }
}

// SequentialTableReader without option bg.
template <class Holder>
class EntryReader {
 public:
  using T = typename Holder::T;

  explicit EntryReader(const Rspecifier &spec) : spec_(spec) {
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
    if (archive_ && state_ != State::kRead) Skip();
    if (broken_) std::rethrow_exception(error_);
    Advance();
  }

  const std::string &Key() const { return key_; }

  std::string Where() const { return archive_ ? archive_->Where() : source_->Where(entry_); }

  T &Value() {
    if (state_ != State::kRead) Load();
    if (error_) std::rethrow_exception(error_);
    return value_;
  }

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
      if (error_) WarnAbsent(error_);
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
      WarnAbsent(std::current_exception());
      return false;
    }
    return true;
  }

  void Load() {
    state_ = State::kRead;
    Guard([this] {
      if (archive_) {
        ReadArchiveValue<Holder>(&*archive_, &value_);
      } else {
        ReadScriptValue<Holder>(&*source_, entry_, &value_);
      }
    });
  }

  void Skip() {
    state_ = State::kRead;
    Guard([this] { SkipArchiveValue<Holder>(&*archive_); });
  }

  // Keeps what fn throws for Value and Next. Only an Error may count as absent: memory that runs
  // out is no property of the table.
  template <class Fn>
  void Guard(Fn fn) {
    try {
      fn();
    } catch (const DataError &) {
      error_ = std::current_exception();
    } catch (const PlaceError &) {
      throw;
    } catch (const Error &) {
      error_ = std::current_exception();
      broken_ = true;
    } catch (...) {
      error_ = std::current_exception();
      broken_ = true;
      throw;
    }
  }

  Rspecifier spec_;
  std::optional<ArchiveReader> archive_;
  std::optional<ScriptReader> script_;
  std::optional<ScriptValueSource> source_;
  ScriptEntry entry_;
  std::string key_;
  T value_{};
  State state_ = State::kUnread;
  std::exception_ptr error_;
  bool done_ = false, broken_ = false;
};

// Reads entries in a thread of its own, a few ahead of the one that is looked at. Errors come out
// where EntryReader would throw them.
template <class Holder>
class ReadAhead {
 public:
  using T = typename Holder::T;

  // Opens the table in the caller's thread.
  explicit ReadAhead(const Rspecifier &spec) : reader_(spec) {
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error &e) {
      throw Error(spec.rxfilename, ": no thread for option bg: ", e.what());
    }
    try {
      Take();
    } catch (...) {
      Stop();
      throw;
    }
  }

  ~ReadAhead() { Stop(); }

  bool Done() const { return done_; }
  void Next() { Take(); }
  const std::string &Key() const { return current_.key; }
  const std::string &Where() const { return current_.where; }

  T &Value() {
    if (current_.error) std::rethrow_exception(current_.error);
    return current_.value;
  }

  void Close() {
    done_ = true;
    Stop();
    reader_.Close();
  }

 private:
  struct Item {
    std::string key, where;
    T value{};
    std::exception_ptr error;
  };
  static constexpr size_t kItems = 4;

  void Run() {
    const ReadCanceller::Scope scope(canceller_);
    std::exception_ptr failure;
    try {
      for (; !reader_.Done(); reader_.Next()) {
        Item item;
        item.key = reader_.Key();
        item.where = reader_.Where();
        try {
          item.value = std::move(reader_.Value());
        } catch (const Error &) {
          item.error = std::current_exception();
        }
        if (!Put(&item)) return;
      }
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    finished_ = true;
    failure_ = failure;
    changed_.notify_all();
  }

  bool Put(Item *item) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return stop_ || put_ - taken_ < kItems; });
    if (stop_) return false;
    std::swap(items_[put_++ % kItems], *item);
    changed_.notify_all();
    return true;
  }

  void Take() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return finished_ || put_ > taken_; });
    if (put_ > taken_) {
      std::swap(current_, items_[taken_++ % kItems]);
      changed_.notify_all();
      return;
    }
    if (failure_) std::rethrow_exception(failure_);
    done_ = true;
  }

  void Stop() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
      changed_.notify_all();
    }
    canceller_.Cancel();
    thread_.join();
  }

  EntryReader<Holder> reader_;  // used by the thread alone while it runs
  ReadCanceller canceller_;
  Item current_;
  bool done_ = false;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::array<Item, kItems> items_;
  size_t put_ = 0, taken_ = 0;
  bool stop_ = false, finished_ = false;
  std::exception_ptr failure_;

  std::thread thread_;
};

}  // namespace internal

// Reads a table from its beginning to its end. The constructor opens it and stands on the first
// entry. All functions but Value throw Error when the table cannot be read on. With option bg,
// entries are read ahead in a thread; values, order and errors are the same.
template <class Holder>
class SequentialTableReader {
 public:
  using T = typename Holder::T;

  explicit SequentialTableReader(const std::string &rspecifier) {
    const Rspecifier spec = ParseRspecifier(rspecifier);
    name_ = spec.rxfilename;
    if (spec.background) {
      ahead_ = std::make_unique<internal::ReadAhead<Holder>>(spec);
    } else {
      direct_ = std::make_unique<internal::EntryReader<Holder>>(spec);
    }
  }

  bool Done() const { return ahead_ ? ahead_->Done() : direct_->Done(); }

  void Next() {
    CHECK(!Done()) << "Next() after the end of " << name_;
    ahead_ ? ahead_->Next() : direct_->Next();
  }

  const std::string &Key() const { return ahead_ ? ahead_->Key() : direct_->Key(); }

  // The table, key and file of the entry, for messages: "feats.scp:3: key 'a' from a.ark:17".
  // Messages of Value() begin with it.
  std::string Where() const { return ahead_ ? ahead_->Where() : direct_->Where(); }

  // DataError: this value is bad, and Next() may be called. Error: the table cannot be read on.
  // Valid until the next call of Next.
  const T &Value() {
    CHECK(!Done()) << "Value() after the end of " << name_;
    return ahead_ ? ahead_->Value() : direct_->Value();
  }

  // The same, handed over: neither may be called again for this entry.
  T Take() {
    CHECK(!Done()) << "Take() after the end of " << name_;
    return std::move(ahead_ ? ahead_->Value() : direct_->Value());
  }

  // Closes before or after the end. Throws Error if a pipe failed.
  void Close() { ahead_ ? ahead_->Close() : direct_->Close(); }

 private:
  std::string name_;
  std::unique_ptr<internal::EntryReader<Holder>> direct_;  // one of the two
  std::unique_ptr<internal::ReadAhead<Holder>> ahead_;
};

}  // namespace u2moe

#endif  // U2MOE_TABLE_TABLE_SEQUENTIAL_H_
