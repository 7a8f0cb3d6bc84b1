#ifndef U2MOE_GRAPH_WORD_TABLE_H_
#define U2MOE_GRAPH_WORD_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace u2moe {

// The words of a graph and their labels, Kaldi's words.txt: lines "word id", where <eps> has 0.
// Other ids need not be without gaps. Unlike a UnitTable it is no model's.
class WordTable {
 public:
  static constexpr const char *kEpsilon = "<eps>";
  static constexpr const char *kDisambig = "#0";  // on the back-off arcs of a language model

  WordTable();  // of <eps> alone

  // Throws Error with file and line for an id below 0 or beyond 2^31 - 1, for a word or an id that
  // occurs twice, and where 0 is not <eps>.
  static WordTable Read(const std::string &rxfilename);
  void Write(const std::string &wxfilename) const;

  // The id of the word, which is the largest and one if it was not there.
  int32_t Add(const std::string &word);
  int32_t Find(const std::string &word) const;  // -1: not there
  const std::string *Word(int32_t id) const;    // null: not there
  std::vector<std::string> Words() const;       // in the order of the file
  size_t Size() const { return entries_.size(); }
  int32_t LargestId() const { return largest_; }

 private:
  struct Entry {
    std::string word;
    int32_t id;
  };
  void Insert(const std::string &word, int32_t id);

  std::vector<Entry> entries_;  // in the order of the file
  std::unordered_map<std::string, int32_t> ids_;
  std::unordered_map<int32_t, size_t> places_;  // by id, in entries_
  int32_t largest_ = 0;
};

// A word for messages, with its id; by its id alone where the table (which may be null) lacks it.
std::string WordName(const WordTable *words, int32_t id);

// Whether a symbol is one of Kaldi's disambiguation symbols: # and digits, or #nonterm...
bool IsDisambigSymbol(std::string_view symbol);

}  // namespace u2moe

#endif  // U2MOE_GRAPH_WORD_TABLE_H_
