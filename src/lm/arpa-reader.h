// Back-off n-gram models in the ARPA format, n-gram by n-gram. A file, with its lines between bars:
//
//   |\data\|
//   |ngram 1=4|                       as many lines as the model has orders, from 1 on
//   |ngram 2=3|
//
//   |\1-grams:|
//   |-0.3 </s>|                       log10 P(word), words, and log10 of the back-off weight
//   |-99 <s> -0.1|                    (0 where absent), between blanks or tabs
//   ...
//   |\end\|
#ifndef U2MOE_LM_ARPA_READER_H_
#define U2MOE_LM_ARPA_READER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lm/vocabulary.h"
#include "util/io.h"

namespace u2moe {

struct ArpaNgram {
  std::vector<int32_t> words;  // ids in the reader's Words(), in reading order
  double log10_prob = 0;       // at most 0, and not below -1e4
  double log10_backoff = 0;    // of magnitude up to 1e4; 0 where the file has none
  int64_t line = 0;
};

// Reads front to back, and trusts no number of the file: memory grows with the words that were
// really there. Every failure is an Error with file, line and remedy. Strict: the orders 1, 2, ...
// up to kMaxOrder each have one line in \data\ and one section, in this order, with exactly as many
// n-grams as promised (none may stand for a section of none); each word of a longer n-gram is a
// 1-gram; <s> and </s> are there; \end\ ends it, and only blank lines follow. Blank lines within
// are passed over. Probabilities and back-off weights are numbers, not NaN, and probabilities are
// not above 1.
//
// What real tools write is understood: irstlm's spaces in "ngram  1=   12", a probability that
// rounding put above 1 by less than kRounding (taken as 1, counted), "-inf" for -99. irstlm's
// iARPA and the binary models of irstlm and KenLM are refused with the command that converts them.
//
// Whether an n-gram occurs twice (1-grams apart) and whether its history is there is not looked at,
// since that takes memory: see NgramTrie.
class ArpaReader {
 public:
  static constexpr int kMaxOrder = 16;
  static constexpr double kRounding = 1e-4;  // of a log10 probability
  static constexpr const char *kBos = "<s>";
  static constexpr const char *kEos = "</s>";

  // Opens a file, a pipe ("gunzip -c lm.arpa.gz |") or "-" and reads \data\.
  explicit ArpaReader(const std::string &rxfilename);

  int Order() const { return static_cast<int>(counts_.size()); }
  // What \data\ promises for order n, from 1 to Order(). Only a promise: reserve nothing for it.
  int64_t Count(int n) const { return counts_[static_cast<size_t>(n) - 1]; }

  // The next n-gram, by rising order, else in the order of the file. False at the end, once all of
  // the file has been checked; then the input is closed (a command that fails throws).
  bool Next(ArpaNgram *ngram);

  // Complete as soon as an n-gram of order 2 or the end has been read.
  const LmVocabulary &Words() const { return words_; }
  LmVocabulary TakeWords() { return std::move(words_); }
  // Ids; known when Words() is complete. The unknown word is "<unk>" or "<UNK>", -1: there is none.
  int32_t Bos() const { return bos_; }
  int32_t Eos() const { return eos_; }
  int32_t Unk() const { return unk_; }

  // How many probabilities were taken as 1 although the file has slightly more.
  int64_t RoundedDown() const { return rounded_down_; }

  std::string Where(int64_t line) const;  // "lm.arpa:12: ", for messages

 private:
  bool ReadLine();      // into line_, without white space at its ends; false at the end
  bool NextTextLine();  // the same, passing over blank lines
  void ReadHeader();
  void ReadCount();     // "ngram 1=12"
  void BeginSection();  // at the line that ended the section before
  void EndSection() const;
  void EndOfWords();
  void ReadEnd();
  void ParseNgram(ArpaNgram *ngram);
  double ParseLog(std::string_view field, const char *what) const;
  template <class... Args>
  [[noreturn]] void Fail(const Args &...args) const;

  Input input_;
  std::string line_;
  int64_t number_ = 0;  // of line_
  std::vector<int64_t> counts_;
  size_t order_ = 0;  // of the section that is being read, 0: none yet
  int64_t seen_ = 0;  // n-grams of it so far
  bool done_ = false;
  std::vector<std::string_view> fields_;
  LmVocabulary words_;
  int32_t bos_ = -1, eos_ = -1, unk_ = -1;
  int64_t rounded_down_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_LM_ARPA_READER_H_
