#include "graph/lexicon.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;

bool IsGraphSymbol(const std::string &word) {
  return word == WordTable::kEpsilon || IsDisambigSymbol(word) || word == "<s>" || word == "</s>";
}

// For each pronunciation the disambiguation symbol that ends it, 0: none.
std::vector<int32_t> Disambiguate(const Lexicon &lexicon, int32_t *largest) {
  std::map<std::vector<int32_t>, int32_t> count, used;
  std::set<std::vector<int32_t>> beginnings;
  for (const Pronunciation &p : lexicon) ++count[p.tokens];
  for (const auto &[tokens, n] : count) {
    for (size_t length = 1; length < tokens.size(); ++length)
      beginnings.emplace(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(length));
  }
  std::vector<int32_t> symbols;
  *largest = 0;
  for (const Pronunciation &p : lexicon) {
    const bool unique = count[p.tokens] == 1 && beginnings.count(p.tokens) == 0;
    symbols.push_back(unique ? 0 : ++used[p.tokens]);
    *largest = std::max(*largest, symbols.back());
  }
  return symbols;
}

class LexiconBuilder {
 public:
  LexiconBuilder(const LexiconFstOptions &opts, int32_t largest)
      : opts_(opts), silence_end_(largest + 1) {}

  StdVectorFst Run(const Lexicon &lexicon, const WordTable &words,
                   const std::vector<int32_t> &symbols) {
    begin_ = out_.AddState();
    out_.SetStart(begin_);
    end_ = begin_;
    if (opts_.separator >= 0) {
      end_ = out_.AddState();
      const float p = opts_.separator_prob;
      out_.AddArc(end_, StdArc(opts_.separator + 1, 0, 0 - std::log(p), begin_));
      if (p < 1) out_.AddArc(end_, StdArc(0, 0, -std::log(1 - p), begin_));
    }
    out_.SetFinal(begin_, 0);
    out_.SetFinal(end_, 0);
    AddBackoff();
    AddSilence();
    for (size_t i = 0; i < lexicon.size(); ++i) {
      const int32_t word = words.Find(lexicon[i].word);
      if (word < 0) {
        throw DataError("the word '", Printable(lexicon[i].word),
                        "' of the lexicon is not in the symbol table of words");
      }
      std::vector<int32_t> labels;
      for (const int32_t token : lexicon[i].tokens) labels.push_back(token + 1);
      if (symbols[i] > 0) labels.push_back(Disambig(symbols[i]));
      AddChain(begin_, labels, word, lexicon[i].cost);
    }
    fst::ArcSort(&out_, fst::OLabelCompare<StdArc>());
    RequireSound(out_, "the lexicon's graph");
    return std::move(out_);
  }

 private:
  int32_t Disambig(int32_t k) const { return opts_.num_tokens + 1 + k; }

  // A word from begin_ to wherever words end: with optional silence at two places, with and without
  // it, so that no epsilon is needed.
  void AddChain(int from, const std::vector<int32_t> &labels, int32_t word, float cost) {
    int state = from;
    for (size_t i = 0; i < labels.size(); ++i) {
      const bool last = i + 1 == labels.size();
      const int32_t olabel = i == 0 ? word : 0;
      const float weight = i == 0 ? cost : 0;
      if (last && opts_.silence >= 0) {
        out_.AddArc(state, StdArc(labels[i], olabel, weight + no_silence_, end_));
        out_.AddArc(state, StdArc(labels[i], olabel, weight + with_silence_, silence_));
        return;
      }
      const int to = last ? end_ : out_.AddState();
      out_.AddArc(state, StdArc(labels[i], olabel, weight, to));
      state = to;
    }
  }

  // The language model may back off before a word and before the end: in one place each.
  void AddBackoff() {
    if (opts_.backoff < 0) return;
    out_.AddArc(begin_, StdArc(Disambig(0), opts_.backoff, 0.f, begin_));
    if (end_ == begin_) return;
    const int last = out_.AddState();
    out_.SetFinal(last, 0);
    out_.AddArc(end_, StdArc(Disambig(0), opts_.backoff, 0.f, last));
    out_.AddArc(last, StdArc(Disambig(0), opts_.backoff, 0.f, last));
  }

  // Before the first word it goes from a start of its own, after words from silence_.
  void AddSilence() {
    if (opts_.silence < 0) return;
    no_silence_ = -std::log(1 - opts_.silence_prob);
    with_silence_ = -std::log(opts_.silence_prob);
    silence_ = out_.AddState();
    const int ending = out_.AddState();
    out_.AddArc(silence_, StdArc(opts_.silence + 1, 0, 0.f, ending));
    out_.AddArc(ending, StdArc(Disambig(silence_end_), 0, 0.f, end_));
    const int start = out_.AddState();
    out_.SetStart(start);
    out_.AddArc(start, StdArc(0, 0, no_silence_, begin_));
    out_.AddArc(start, StdArc(0, 0, with_silence_, silence_));
  }

  const LexiconFstOptions &opts_;
  int32_t silence_end_;  // the disambiguation symbol behind silence
  StdVectorFst out_;
  int begin_ = -1, end_ = -1;  // words begin and end here; one state but for a separator
  int silence_ = -1;
  float no_silence_ = 0, with_silence_ = 0;
};

}  // namespace

Lexicon ReadLexicon(const std::string &rxfilename, const UnitTable &units, int32_t blank,
                    bool with_probs) {
  Input input(rxfilename);
  input.SkipByteOrderMark();
  Lexicon lexicon;
  std::set<std::pair<std::string, std::vector<int32_t>>> seen;
  int64_t number = 0;
  for (std::string line; std::getline(input.Stream(), line);) {
    ++number;
    const std::vector<std::string> fields = SplitFields(line);
    if (fields.empty()) continue;
    Pronunciation p;
    p.word = fields[0];
    const auto fail = [&](const auto &...what) {
      throw Error(rxfilename, ":", number, ": word '", Printable(p.word), "': ", what...);
    };
    if (!IsValidUtf8(line)) fail("bytes that are not UTF-8");
    if (IsGraphSymbol(p.word)) fail("is a symbol of graphs; no word may be called so");
    size_t first = 1;
    if (with_probs) {
      double prob = 0;
      if (fields.size() < 2 || !ParseNumber(fields[1], &prob) || !(prob > 0 && prob <= 1))
        fail("a probability above 0 and up to 1 was expected in the second field");
      p.cost = static_cast<float>(-std::log(prob));
      first = 2;
    }
    if (first >= fields.size()) fail("has no pronunciation");
    for (size_t i = first; i < fields.size(); ++i) {
      const int32_t token = units.Find(fields[i]);
      if (token < 0) {
        fail("the unit '", Printable(fields[i]), "' is not in the unit table",
             with_probs ? "" : "; is this a lexicon with probabilities (--lexicon-probs)?");
      }
      if (token == blank) fail("the blank cannot be part of a word");
      p.tokens.push_back(token);
    }
    if (!seen.emplace(p.word, p.tokens).second) fail("this pronunciation is there twice");
    lexicon.push_back(std::move(p));
  }
  input.Finish();
  if (lexicon.empty()) throw Error(rxfilename, ": no words; expected lines such as 'word w o r d'");
  return lexicon;
}

int64_t RemoveOthers(const WordTable &words, Lexicon *lexicon) {
  const auto end = std::remove_if(lexicon->begin(), lexicon->end(),
                                  [&](const Pronunciation &p) { return words.Find(p.word) < 0; });
  const int64_t removed = lexicon->end() - end;
  lexicon->erase(end, lexicon->end());
  return removed;
}

Lexicon SpellLexicon(const WordTable &words, const Speller &spell, bool skip, int64_t *skipped) {
  Lexicon lexicon;
  *skipped = 0;
  for (const std::string &word : words.Words()) {
    if (IsGraphSymbol(word)) continue;
    try {
      Pronunciation p;
      p.word = word;
      p.tokens = spell({word});
      if (p.tokens.empty()) throw DataError("the word '", Printable(word), "' has no units");
      lexicon.push_back(std::move(p));
    } catch (const DataError &) {
      if (!skip) throw;
      ++*skipped;
    }
  }
  if (lexicon.empty()) throw DataError("no word can be written with these units");
  return lexicon;
}

int32_t FindSeparator(const Lexicon &lexicon, const Speller &spell) {
  const Pronunciation &first = lexicon.front(), &last = lexicon.back();
  const std::vector<int32_t> both = spell({first.word, last.word});
  const size_t one = first.tokens.size(), two = last.tokens.size();
  const bool fits = both.size() >= one + two && both.size() <= one + two + 1 &&
                    std::equal(first.tokens.begin(), first.tokens.end(), both.begin()) &&
                    std::equal(last.tokens.rbegin(), last.tokens.rend(), both.rbegin());
  if (!fits) {
    throw DataError("the words '", Printable(first.word), "' and '", Printable(last.word),
                    "' side by side are not spelled as each is alone; give a --lexicon");
  }
  return both.size() == one + two ? -1 : both[one];
}

StdVectorFst MakeLexiconFst(const Lexicon &lexicon, const WordTable &words,
                            const LexiconFstOptions &opts, int32_t *num_disambig) {
  int32_t largest = 0;
  const std::vector<int32_t> symbols = Disambiguate(lexicon, &largest);
  LexiconBuilder builder(opts, largest);
  StdVectorFst out = builder.Run(lexicon, words, symbols);
  *num_disambig = largest + 1 + (opts.silence >= 0);
  return out;
}

}  // namespace u2moe
