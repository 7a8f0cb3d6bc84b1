// Order after order: read, sort by context and word, append. The contexts of the order that is
// being read are all there by then, but for those that the file lacks.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "lm/arpa-reader.h"
#include "lm/ngram-trie.h"
#include "util/text.h"

namespace u2moe {

class NgramTrieBuilder {
 public:
  explicit NgramTrieBuilder(const std::string &rxfilename) : reader_(rxfilename) {}

  NgramTrie Build(NgramTrieNotes *notes);

 private:
  // An n-gram of the order that is being read; its context is the number of a shorter one.
  struct Raw {
    int32_t context, word;
    float logp, backoff;
    int64_t line;
  };
  // One whose context is not there.
  struct Orphan {
    std::vector<int32_t> words;
    Raw raw;
  };
  using Key = std::pair<int32_t, int32_t>;  // context and word

  static Key KeyOf(const Raw &raw) { return {raw.context, raw.word}; }
  static float Natural(double log10) { return static_cast<float>(log10 * std::log(10.0)); }

  void Take(const ArpaNgram &n);
  void EndOrder();
  void AdoptOrphans();
  void AddContexts(size_t order, std::vector<Key> keys);
  void CheckDuplicates() const;
  void Link();
  // The number of the n-gram of the first `size` words, -1: none.
  int32_t Locate(const std::vector<int32_t> &words, size_t size) const;
  int32_t Longest(int32_t context, int32_t word) const;
  void CheckSize(size_t more) const;

  ArpaReader reader_;
  NgramTrie trie_;
  size_t order_ = 0;    // that is being read
  size_t highest_ = 0;  // of which there are n-grams
  std::vector<size_t>
      begin_;  // [n]: number of the first n-gram of order n; [order_]: those to come
  std::vector<Raw> raws_;
  std::vector<Orphan> orphans_;
  std::vector<int32_t> last_words_;  // the context of the n-gram before, and its number
  int32_t last_context_ = 0;
  int64_t contexts_added_ = 0;
};

NgramTrie NgramTrie::Read(const std::string &rxfilename, NgramTrieNotes *notes) {
  return NgramTrieBuilder(rxfilename).Build(notes);
}

NgramTrie NgramTrieBuilder::Build(NgramTrieNotes *notes) {
  for (int n = 1; n <= reader_.Order(); ++n) {
    if (reader_.Count(n) > 0) highest_ = static_cast<size_t>(n);
  }
  // The empty context, and the end.
  trie_.ngrams_.push_back({-1, 0, 0});
  trie_.contexts_ = {{0, 1}, {0, 1}};
  begin_ = {0, 1};
  order_ = 1;
  ArpaNgram n;
  while (reader_.Next(&n)) {
    while (order_ < n.words.size()) EndOrder();
    Take(n);
  }
  EndOrder();
  trie_.order_ = static_cast<int>(highest_);
  trie_.bos_ = reader_.Bos();
  trie_.eos_ = reader_.Eos();
  trie_.unk_ = reader_.Unk();
  Link();
  if (notes != nullptr) {
    *notes = NgramTrieNotes();
    for (int i = 1; i <= reader_.Order(); ++i) notes->ngrams.push_back(reader_.Count(i));
    notes->contexts_added = contexts_added_;
    notes->rounded_down = reader_.RoundedDown();
  }
  trie_.words_ = reader_.TakeWords();
  trie_.ngrams_.shrink_to_fit();
  trie_.contexts_.shrink_to_fit();
  return std::move(trie_);
}

int32_t NgramTrieBuilder::Locate(const std::vector<int32_t> &words, size_t size) const {
  int32_t found = 0;
  for (size_t i = 0; i < size && found >= 0; ++i) found = trie_.FindNgram(found, words[i]);
  return found;
}

void NgramTrieBuilder::CheckSize(size_t more) const {
  constexpr size_t kLargest = std::numeric_limits<int32_t>::max();
  if (trie_.ngrams_.size() + more < kLargest) return;
  throw Error(reader_.Where(raws_.back().line), "more than ", kLargest,
              " n-grams; prune the model");
}

void NgramTrieBuilder::Take(const ArpaNgram &n) {
  Raw raw{0, n.words.back(), Natural(n.log10_prob), Natural(n.log10_backoff), n.line};
  const size_t size = n.words.size() - 1;
  // Most files are sorted, so that the context is mostly that of the n-gram before.
  if (last_words_.size() != size ||
      !std::equal(last_words_.begin(), last_words_.end(), n.words.begin())) {
    last_words_.assign(n.words.begin(), n.words.end() - 1);
    last_context_ = Locate(last_words_, size);
  }
  raw.context = last_context_;
  if (raw.context >= 0) {
    raws_.push_back(raw);
  } else {
    orphans_.push_back({n.words, raw});
  }
  if (raws_.size() % (1 << 20) == 1) CheckSize(raws_.size() + orphans_.size());
}

void NgramTrieBuilder::CheckDuplicates() const {
  for (size_t i = 1; i < raws_.size(); ++i) {
    if (KeyOf(raws_[i - 1]) != KeyOf(raws_[i])) continue;
    const auto [first, second] = std::minmax(raws_[i - 1].line, raws_[i].line);
    throw Error(reader_.Where(second), "the ", order_, "-gram that ends in '",
                Printable(reader_.Words().Word(raws_[i].word)), "' was in line ", first,
                " already; remove one of the two");
  }
}

void NgramTrieBuilder::EndOrder() {
  AdoptOrphans();
  const auto by_key = [](const Raw &a, const Raw &b) { return KeyOf(a) < KeyOf(b); };
  if (!std::is_sorted(raws_.begin(), raws_.end(), by_key)) {
    std::sort(raws_.begin(), raws_.end(), by_key);
  }
  CheckDuplicates();
  std::vector<NgramTrie::ContextNode> &contexts = trie_.contexts_;
  contexts.pop_back();
  size_t next = 0;
  const auto number = [&](size_t i) { return static_cast<int32_t>(begin_[order_] + i); };
  for (size_t c = begin_[order_ - 1]; c < begin_[order_]; ++c) {
    contexts[c].first = number(next);
    while (next < raws_.size() && raws_[next].context == static_cast<int32_t>(c)) ++next;
  }
  trie_.ngrams_.reserve(trie_.ngrams_.size() + raws_.size());
  for (const Raw &raw : raws_) trie_.ngrams_.push_back({raw.word, raw.logp, 0});
  const int32_t end = number(raws_.size());
  if (order_ < highest_) {
    for (const Raw &raw : raws_) contexts.push_back({raw.backoff, end});
  }
  contexts.push_back({0, end});
  begin_.push_back(static_cast<size_t>(end));
  raws_ = {};
  last_words_ = {};
  last_context_ = 0;
  ++order_;
}

// Adds what is missing of the orphans' contexts, shorter ones first, and makes ordinary n-grams of
// the orphans.
void NgramTrieBuilder::AdoptOrphans() {
  if (orphans_.empty()) return;
  for (size_t size = 2; size < order_; ++size) {
    std::vector<Key> missing;
    for (const Orphan &o : orphans_) {
      const int32_t context = Locate(o.words, size - 1);
      if (trie_.FindNgram(context, o.words[size - 1]) < 0) {
        missing.emplace_back(context, o.words[size - 1]);
      }
    }
    std::sort(missing.begin(), missing.end());
    missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
    if (!missing.empty()) AddContexts(size, std::move(missing));
  }
  for (Orphan &o : orphans_) {
    o.raw.context = Locate(o.words, order_ - 1);
    raws_.push_back(o.raw);
  }
  orphans_ = {};
}

// Puts n-grams of an order that is complete in their places. Their probabilities become known in
// Link(), and are NaN until then. All numbers from there on rise.
void NgramTrieBuilder::AddContexts(size_t order, std::vector<Key> keys) {
  raws_.reserve(raws_.size() + keys.size());
  CheckSize(raws_.size() + keys.size());
  contexts_added_ += static_cast<int64_t>(keys.size());
  const int32_t more = static_cast<int32_t>(keys.size());
  const size_t begin = begin_[order], end = begin_[order + 1];
  std::vector<NgramTrie::Ngram> ngrams(trie_.ngrams_.begin(),
                                       trie_.ngrams_.begin() + static_cast<std::ptrdiff_t>(begin));
  std::vector<NgramTrie::ContextNode> contexts(
      trie_.contexts_.begin(), trie_.contexts_.begin() + static_cast<std::ptrdiff_t>(begin));
  std::vector<int32_t> moved(end - begin);  // new numbers of this order's n-grams
  size_t key = 0;
  for (size_t c = begin_[order - 1]; c < begin; ++c) {
    const size_t first = static_cast<size_t>(trie_.contexts_[c].first);
    const size_t last = static_cast<size_t>(trie_.contexts_[c + 1].first);
    contexts[c].first = static_cast<int32_t>(ngrams.size());
    const auto add = [&](size_t next) {
      ngrams.push_back({keys[key].second, std::numeric_limits<float>::quiet_NaN(), 0});
      contexts.push_back({0, trie_.contexts_[next].first + more});
      ++key;
    };
    const auto is_next = [&](int32_t word) {
      return key < keys.size() && keys[key].first == static_cast<int32_t>(c) &&
             keys[key].second < word;
    };
    for (size_t i = first; i < last; ++i) {
      while (is_next(trie_.ngrams_[i].word)) add(i);
      moved[i - begin] = static_cast<int32_t>(ngrams.size());
      ngrams.push_back(trie_.ngrams_[i]);
      contexts.push_back({trie_.contexts_[i].backoff, trie_.contexts_[i].first + more});
    }
    while (is_next(std::numeric_limits<int32_t>::max())) add(last);
  }
  for (size_t i = end; i < trie_.ngrams_.size(); ++i) ngrams.push_back(trie_.ngrams_[i]);
  for (size_t i = end; i < trie_.contexts_.size(); ++i) {
    contexts.push_back({trie_.contexts_[i].backoff, trie_.contexts_[i].first + more});
  }
  trie_.ngrams_ = std::move(ngrams);
  trie_.contexts_ = std::move(contexts);
  for (size_t n = order + 1; n < begin_.size(); ++n) begin_[n] += keys.size();
  for (Raw &raw : raws_) {
    raw.context =
        order + 1 == order_ ? moved[static_cast<size_t>(raw.context) - begin] : raw.context + more;
  }
}

// The longest n-gram of the end of a context and this word; the context itself may be taken.
int32_t NgramTrieBuilder::Longest(int32_t context, int32_t word) const {
  int32_t found = trie_.FindNgram(context, word);
  for (; found < 0; found = trie_.FindNgram(context, word)) context = trie_.Link(context);
  return found;
}

// Shorter n-grams first, so that what a longer one needs is there.
void NgramTrieBuilder::Link() {
  for (size_t n = 2; n < begin_.size() - 1; ++n) {
    for (size_t c = begin_[n - 1]; c < begin_[n]; ++c) {
      const int32_t context = static_cast<int32_t>(c), shorter = trie_.Link(context);
      for (int32_t i = trie_.contexts_[c].first; i < trie_.contexts_[c + 1].first; ++i) {
        NgramTrie::Ngram *ngram = &trie_.ngrams_[static_cast<size_t>(i)];
        ngram->link = trie_.StateOf(Longest(shorter, ngram->word));
        if (!std::isnan(ngram->logp)) continue;
        int32_t next = 0;
        ngram->logp =
            static_cast<float>(trie_.Backoff(context) + trie_.Score(shorter, ngram->word, &next));
      }
    }
  }
}

}  // namespace u2moe
