#include "util/places.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "util/io.h"
#include "util/script-reader.h"
#include "util/table-specifier.h"

namespace u2moe {
namespace {

std::string NameOf(const Place &place) {
  return place.fd == STDOUT_FILENO  ? "standard output"
         : place.fd == STDIN_FILENO ? "standard input"
         : !place.path.empty()      ? place.path
                                    : Cat("descriptor ", place.fd);
}

[[noreturn]] void FailSameOutput(const std::string &a, const std::string &b, const Place &place) {
  throw PlaceError(a, " and ", b, " would both be written to ", NameOf(place),
                   "; give each output a place of its own");
}

[[noreturn]] void FailWritesOver(const std::string &output, const std::string &input) {
  throw PlaceError(output, " would be written over an input, ", input,
                   "; give the output another name");
}

[[noreturn]] void FailReadTwice(const std::string &a, const std::string &b, const Place &place) {
  throw PlaceError(place.fd == STDIN_FILENO ? "standard input" : Cat("the pipe ", NameOf(place)),
                   " is read twice, ", a == b ? Cat("as ", a) : Cat("by ", a, " and ", b),
                   "; put one of the two into a file");
}

// Of a file, in 64 bits: they are remembered for each file of a script.
uint64_t IdOf(const Place &place) {
  const uint64_t mixed = (static_cast<uint64_t>(place.inode) + 0x9e3779b97f4a7c15u) *
                         (2 * static_cast<uint64_t>(place.device) + 1);
  return mixed ^ (mixed >> 29);
}

// The lines of a script that can be read a second time. What is wrong with one, whoever reads it
// next says.
void ForEachLine(const std::string &script,
                 const std::function<void(const std::string &, const std::string &)> &fn) {
  try {
    if (!S_ISREG(FindPlace(script, true).type) || script == "-") return;
    Rspecifier spec;
    spec.rxfilename = script;
    internal::ScriptReader reader(spec);
    for (internal::ScriptEntry entry; reader.Next(&entry);) {
      fn(Cat(script, ":", entry.line, " (key '", entry.key, "')"), entry.xfilename);
    }
  } catch (const PlaceError &) {
    throw;
  } catch (const Error &) {
  }
}

struct Register {
  std::mutex mutex;
  bool watching = false;
  std::unordered_set<uint64_t> read;                      // files
  std::vector<std::pair<std::string, Place>> streams;     // standard input and pipes
  std::vector<std::pair<std::string, Place>> open;        // outputs, few at a time
  std::unordered_map<uint64_t, std::string> output_ids;   // open and reserved: no input
  std::unordered_map<std::string, std::string> reserved;  // path -> what
};

Register &TheRegister() {
  static Register *const instance = new Register;  // outlives all outputs
  return *instance;
}

}  // namespace

void Places::ReadFile(const std::string &what, const std::string &name) {
  Place place;
  try {
    place = FindPlace(name, true);
  } catch (const Error &) {
    return;  // whoever opens it says what is wrong
  }
  if (place.known) inputs_.push_back({what, name, place, false});
}

void Places::WriteFile(const std::string &what, const std::string &name, bool in_place) {
  Place place;
  try {
    place = FindPlace(name, false);
  } catch (const Error &) {
    return;
  }
  if (place.known) outputs_.push_back({what, name, place, in_place});
}

void Places::Read(const std::string &what, const std::string &name) {
  if (!IsTable(name)) return ReadFile(what, name);
  try {
    const Rspecifier spec = ParseRspecifier(name);
    ReadFile(what, spec.rxfilename);
    if (spec.is_script) input_scripts_.push_back(spec.rxfilename);
  } catch (const UsageError &) {
  }
}

void Places::Write(const std::string &what, const std::string &name) {
  if (!IsTable(name)) return WriteFile(what, name, false);
  Wspecifier spec;
  try {
    spec = ParseWspecifier(name);
  } catch (const UsageError &) {
    return;
  }
  if (!spec.archive) {  // the script says where the values go
    output_scripts_.push_back(*spec.script);
    return ReadFile(what, *spec.script);
  }
  WriteFile(spec.script ? "the archive of " + what : what, *spec.archive, false);
  if (spec.script) WriteFile("the script of " + what, *spec.script, false);
}

void Places::WriteInPlace(const std::string &what, const std::string &name) {
  WriteFile(what, name, true);
}

// Each file that an output script names is complete before the next value is read, so that one
// which a later line of an input script names would be lost before anybody could notice.
void Places::CheckScripts() const {
  std::unordered_map<uint64_t, std::string> read;
  if (!output_scripts_.empty()) {
    for (const std::string &script : input_scripts_) {
      ForEachLine(script, [&](const std::string &where, const std::string &xfilename) {
        const Place place = FindPlace(xfilename, true);
        if (place.IsFile()) read.emplace(IdOf(place), Cat(xfilename, " of ", where));
      });
    }
  }
  if (read.empty()) return;
  for (const std::string &script : output_scripts_) {
    ForEachLine(script, [&](const std::string &where, const std::string &xfilename) {
      const Place place = FindPlace(xfilename, false);
      const auto input = place.IsFile() ? read.find(IdOf(place)) : read.end();
      if (input != read.end()) FailWritesOver(where, input->second);
    });
  }
}

void Places::Check() const {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const Entry &output = outputs_[i];
    for (size_t j = 0; j < i; ++j) {
      if (SameOutput(outputs_[j].place, output.place)) {
        FailSameOutput(outputs_[j].what, output.what, output.place);
      }
    }
    for (const Entry &input : inputs_) {
      if (WritesOver(output.place, input.place)) FailWritesOver(output.what, input.what);
    }
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (SharesBytes(inputs_[j].place, inputs_[i].place)) {
        FailReadTwice(inputs_[j].what, inputs_[i].what, inputs_[i].place);
      }
    }
  }
  CheckScripts();
  for (const Entry &output : outputs_) {
    if (output.in_place) continue;  // the tool may make its folder
    RequireWritable(output.name, output.place);
    PlaceRegister::Reserve(output.what, output.place);
  }
}

void PlaceRegister::Watch() {
  Register &r = TheRegister();
  const std::lock_guard<std::mutex> lock(r.mutex);
  r.watching = true;
}

void PlaceRegister::Forget() {
  Register &r = TheRegister();
  const std::lock_guard<std::mutex> lock(r.mutex);
  r.watching = false;
  r.read.clear();
  r.streams.clear();
  r.open.clear();
  r.output_ids.clear();
  r.reserved.clear();
}

void PlaceRegister::Read(const std::string &name, const Place &place) {
  Register &r = TheRegister();
  const std::lock_guard<std::mutex> lock(r.mutex);
  if (!r.watching || !place.known) return;
  if (place.fd == STDIN_FILENO || S_ISFIFO(place.type)) {
    for (const auto &[other, stream] : r.streams) {
      if (SharesBytes(stream, place)) FailReadTwice(other, name, place);
    }
    r.streams.emplace_back(name, place);
  }
  if (!place.IsFile()) return;
  const auto output = r.output_ids.find(IdOf(place));
  if (output != r.output_ids.end()) FailWritesOver(output->second, name);
  r.read.insert(IdOf(place));
}

void PlaceRegister::Reserve(const std::string &what, const Place &place) {
  Register &r = TheRegister();
  const std::lock_guard<std::mutex> lock(r.mutex);
  if (!r.watching || !place.known || S_ISCHR(place.type)) return;
  for (const auto &[other, open] : r.open) {
    if (SameOutput(open, place)) FailSameOutput(other, what, place);
  }
  if (place.fd < 0) {
    const auto [it, is_new] = r.reserved.emplace(place.path, what);
    if (!is_new) FailSameOutput(it->second, what, place);
  }
  if (!place.IsFile()) return;
  if (r.read.count(IdOf(place))) {
    throw PlaceError(what, " would be written over ", NameOf(place),
                     ", which this command has read; give the output another name");
  }
  const auto [it, is_new] = r.output_ids.emplace(IdOf(place), what);
  if (!is_new) FailSameOutput(it->second, what, place);
}

PlaceRegister::Writing::Writing(const std::string &name, const Place &place) : place_(place) {
  Register &r = TheRegister();
  const std::lock_guard<std::mutex> lock(r.mutex);
  if (!r.watching || !place.known) return;
  for (const auto &[other, open] : r.open) {
    if (SameOutput(open, place)) FailSameOutput(other, name, place);
  }
  if (place.IsFile()) {
    if (r.read.count(IdOf(place))) {
      throw PlaceError(name, " would be written over ", NameOf(place),
                       ", which this command has read; give the output another name");
    }
    r.output_ids.emplace(IdOf(place), name);
  }
  r.open.emplace_back(name, place);
  entered_ = true;
}

PlaceRegister::Writing::~Writing() {
  if (!entered_) return;
  Register &r = TheRegister();
  const std::lock_guard<std::mutex> lock(r.mutex);
  const auto open = std::find_if(r.open.begin(), r.open.end(), [&](const auto &entry) {
    return entry.second.fd == place_.fd && entry.second.path == place_.path;
  });
  if (open != r.open.end()) r.open.erase(open);
  if (place_.IsFile() && !r.reserved.count(place_.path)) r.output_ids.erase(IdOf(place_));
}

void PlaceRegister::Writing::Replaced(const std::string &path) {
  struct stat st;
  if (!entered_ || stat(path.c_str(), &st) != 0) return;
  Register &r = TheRegister();
  const std::lock_guard<std::mutex> lock(r.mutex);
  // The old file's number may become that of any new file, and the new file's may have been that of
  // one that was read and is gone.
  if (place_.IsFile()) r.output_ids.erase(IdOf(place_));
  place_.Set(st);
  r.read.erase(IdOf(place_));
  const auto reserved = r.reserved.find(place_.path);
  if (reserved != r.reserved.end()) r.output_ids.emplace(IdOf(place_), reserved->second);
}

}  // namespace u2moe
