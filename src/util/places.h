// No two outputs of a command in one place, no output over an input, no stream read twice. Tools
// declare their places through OptionParser (RegisterInput, RegisterOutput, InputArgs, AddPlaces),
// which checks them before anything is opened. What is known only while a tool runs, such as the
// files that the lines of a script name, Input, Output and the tables tell PlaceRegister.
#ifndef U2MOE_UTIL_PLACES_H_
#define U2MOE_UTIL_PLACES_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "util/place.h"

namespace u2moe {

// Never the fault of one utterance: whoever turns an Error into a DataError lets this one pass.
class PlaceError : public UsageError {
 public:
  using UsageError::UsageError;
};

class Places {
 public:
  // `what` names it in messages: "argument 1 (ark:x)", "--json=x". A table is split into archive
  // and script; "" and what is no name at all are passed over (its reader or writer says so).
  void Read(const std::string &what, const std::string &name);
  void Write(const std::string &what, const std::string &name);
  // A file that the tool itself may read before it writes it, such as a checkpoint of its own.
  void WriteInPlace(const std::string &what, const std::string &name);
  // What the tool prints on standard output without being asked for a place.
  void Print(const std::string &what) { WriteFile(what, "-", false); }

  // Throws PlaceError, naming two of the above, and Error for an output that cannot be written,
  // before a tool has worked for it. Then reserves the outputs: PlaceRegister refuses
  // to read there.
  void Check() const;

 private:
  struct Entry {
    std::string what, name;
    Place place;
    bool in_place;
  };
  void CheckScripts() const;
  void ReadFile(const std::string &what, const std::string &name);
  void WriteFile(const std::string &what, const std::string &name, bool in_place);
  std::vector<Entry> inputs_, outputs_;
  std::vector<std::string> input_scripts_, output_scripts_;
};

// What this process has read and is writing, from Watch on. Any thread may call. All throw
// PlaceError.
class PlaceRegister {
 public:
  // Called by OptionParser::Parse. A program without command line, such as a test, may read what it
  // has written and write it again.
  static void Watch();
  static void Forget();  // all, and stops watching; for tests

  // An input is opened.
  static void Read(const std::string &name, const Place &place);
  // An output will be written, perhaps much later: nothing may read it from now on.
  static void Reserve(const std::string &what, const Place &place);

  // An output is written while this lives.
  class Writing {
   public:
    Writing(const std::string &name, const Place &place);
    ~Writing();
    Writing(const Writing &) = delete;
    Writing &operator=(const Writing &) = delete;
    // The output got its name, in place of what was there.
    void Replaced(const std::string &path);

   private:
    Place place_;
    bool entered_ = false;
  };
};

}  // namespace u2moe

#endif  // U2MOE_UTIL_PLACES_H_
