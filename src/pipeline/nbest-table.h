// N-best lists as two ordinary tables: token ids and scores, keyed <utterance>-<n>, n from 1
// (best). A one-best list may have the utterance's own id as its key.
#ifndef U2MOE_PIPELINE_NBEST_TABLE_H_
#define U2MOE_PIPELINE_NBEST_TABLE_H_

#include <cstdint>
#include <exception>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace u2moe {

struct NbestList {
  std::vector<std::vector<int32_t>> hyps;
  std::vector<double> scores;
  std::vector<double> language;  // of a language model; empty where there is no such table
};

// The key of the n-th best (from 1) hypothesis of an utterance.
std::string NbestKey(const std::string &utterance, size_t n);
// "utt-12" -> "utt"; "" if the key does not end in - and a number from 1 without leading zeros.
std::string UtteranceOfNbestKey(const std::string &key);

// All lists of two tables, in memory; the entries may stand in any order.
class NbestTable {
 public:
  // Entries that cannot be used, by themselves or because the other table has none, make their
  // utterance fail in Take. Throws Error if a table cannot be read to its end.
  // language_rspecifier: scores of a language model under the same keys, or "".
  NbestTable(const std::string &tokens_rspecifier, const std::string &scores_rspecifier,
             const std::string &language_rspecifier = "");

  // The list of an utterance, in the order of n; each list can be taken once. Throws DataError,
  // naming the key, if there is none, an entry is bad or one between others is missing.
  NbestList Take(const std::string &utterance);

  // Utterances whose lists were not asked for, sorted.
  std::vector<std::string> Rest() const;

 private:
  struct Entry {
    std::vector<int32_t> tokens;
    double score = 0, language = 0;
    bool has_tokens = false, has_score = false, has_language = false;
    std::exception_ptr error;
  };
  template <class Reader, class Fn>
  void Read(const std::string &rspecifier, bool Entry::*seen, Fn take);
  // Appends the entry to the list and forgets it; false if there is none.
  bool TakeEntry(const std::string &key, NbestList *list);

  // Reads a table of vectors of one value.
  void ReadScores(const std::string &rspecifier, bool Entry::*seen, double Entry::*value);

  std::string tokens_name_, scores_name_, language_name_;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, int64_t> counts_;  // entries <utterance>-<n>
  std::unordered_set<std::string> taken_;
  bool all_numbered_ = true;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_NBEST_TABLE_H_
