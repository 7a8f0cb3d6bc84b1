// The file of hot words and the options that go with it.
#ifndef U2MOE_DECODE_HOT_WORDS_H_
#define U2MOE_DECODE_HOT_WORDS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "decode/context-graph.h"
#include "util/options.h"
#include "util/unit-table.h"

namespace u2moe {

// Words to the ids of a model's units; throws DataError that names what the model has no unit for.
using UnitEncoder = std::function<std::vector<int32_t>(const std::vector<std::string> &words)>;

// The units of the log-posteriors, for what reads them: hot words and language models.
struct SearchUnits {
  std::vector<std::string> units;         // by token
  UnitEncoder encode;                     // for hot and allowed words only
  std::string space = UnitTable::kSpace;  // the unit between two words of letters, "": none

  // The token of `space`; -1 if there is none, and for word pieces, where words begin with U+2581
  // and a piece of its own that stands for it says nothing.
  int32_t Boundary() const;
};

struct HotWordsOptions {
  std::string file;
  float score = 3;
  std::string order = "admit";
  bool whole_words = true;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  bool Wenet() const { return order == "wenet"; }
  std::string ToString() const;  // ", hot words FILE (score 3, order admit)", "" without a file
};

// One phrase a line, as in WeNet's context list; after a tab, its own score instead of the given
// one, for each unit. Blank lines are passed over; white space separates words.
//
// A phrase for which the model lacks a unit is left out with a warning that names file, line,
// phrase and unit. One that stands there twice with one score is taken once, with a warning.
// Throws Error with file and line for two scores of one phrase, for what after the tab is not a
// number of magnitude up to 1000, and for a file without a phrase that can be used.
std::vector<ContextPhrase> ReadHotWords(const std::string &rxfilename, double score,
                                        const UnitEncoder &encode);

// The graph of phrases that were read from opts.file.
ContextGraph MakeContextGraph(const HotWordsOptions &opts,
                              const std::vector<ContextPhrase> &phrases, const SearchUnits &units);
// The graph of opts.file.
ContextGraph MakeContextGraph(const HotWordsOptions &opts, const SearchUnits &units);

}  // namespace u2moe

#endif  // U2MOE_DECODE_HOT_WORDS_H_
