// A list of the only words that a search may find, as an automaton over their spellings.
#ifndef U2MOE_DECODE_ALLOWED_WORDS_H_
#define U2MOE_DECODE_ALLOWED_WORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/span.h"
#include "decode/hot-words.h"
#include "util/options.h"

namespace u2moe {

// Const: threads share one. It accepts the spellings of one word after another: with a boundary
// token between them (letters with a unit for the space; one more may stand at the end) or without
// one (word pieces, which begin words by themselves, and scripts without spaces). A state stands
// for all ways to have read the tokens so far as words.
class AllowedWords {
 public:
  // Spellings are not empty, and hold no boundary (CHECK). boundary: the token between two words,
  // -1: none. Throws Error for spellings that run into one another in too many ways (more than
  // 2^22 states).
  AllowedWords(const std::vector<std::vector<int32_t>> &spellings, int32_t boundary);

  int32_t Begin() const { return 0; }
  // The state after one more token; -1: no word goes on, or begins, with it.
  int32_t Step(int32_t state, int32_t token) const;
  // Whether the tokens so far are whole words; none are, too.
  bool MayEnd(int32_t state) const { return states_[static_cast<size_t>(state)].may_end; }
  // The tokens that may come, rising.
  Span<const int32_t> Tokens(int32_t state) const {
    const State *s = &states_[static_cast<size_t>(state)];
    return {tokens_.data() + s[0].first, static_cast<size_t>(s[1].first - s[0].first)};
  }
  // How many of the tokens are whole words, as many as can be.
  size_t WholeWords(const std::vector<int32_t> &tokens) const;

  int32_t NumStates() const { return static_cast<int32_t>(states_.size()) - 1; }

 private:
  struct State {
    int32_t first = 0;  // of tokens_ and next_; they end where those of the next state begin
    bool may_end = false;
  };
  std::vector<State> states_;  // and one more
  std::vector<int32_t> tokens_, next_;
};

struct AllowedWordsOptions {
  std::string file;

  void Register(OptionParser *po);
  std::string ToString() const;  // ", allowed words FILE", "" without a file
};

// The words of a file, separated by white space, each once. Throws Error for what is not UTF-8,
// with file and line, and for a file without words.
std::vector<std::string> ReadAllowedWords(const std::string &rxfilename);

// Of the file: words that the model cannot spell are left out, with a warning that names word and
// unit. Throws Error where none is left.
AllowedWords MakeAllowedWords(const AllowedWordsOptions &opts, const SearchUnits &units);

}  // namespace u2moe

#endif  // U2MOE_DECODE_ALLOWED_WORDS_H_
