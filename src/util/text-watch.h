// What nobody sees in transcripts, told once: characters without a glyph, which make other words of
// those that look the same, and white space that is neither space nor tab.
#ifndef U2MOE_UTIL_TEXT_WATCH_H_
#define U2MOE_UTIL_TEXT_WATCH_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace u2moe {

// How often something was seen, and in which utterance first.
class Sightings {
 public:
  void Add(const std::string &what, const std::string &utterance);
  bool Empty() const { return seen_.empty(); }
  // Logs "<table>: <what> <consequence> 3 times, first in utterance u1" for each of the first ones,
  // then how many there are besides; as a warning or as information.
  void Log(const std::string &table, const std::string &consequence, bool warn) const;

 private:
  std::vector<std::pair<std::string, std::string>> order_;  // what, first utterance
  std::map<std::string, int64_t> seen_;
};

//   TextWatch watch("ark:text");
//   for (...) watch.Look(key, line);
//   watch.Report();
class TextWatch {
 public:
  explicit TextWatch(std::string table) : table_(std::move(table)) {}

  // A transcript as it stands in the table, not cut into words. What is not UTF-8 is passed over.
  void Look(const std::string &key, std::string_view line);
  // One line each for a code point that was seen, with its name, count and first utterance:
  // invisible ones and wrong keys as warnings, white space as information.
  void Report() const;

 private:
  std::string table_;
  Sightings keys_, invisible_, spaces_;
};

}  // namespace u2moe

#endif  // U2MOE_UTIL_TEXT_WATCH_H_
