#include "decode/allowed-words.h"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

// The spellings as a tree; node 0 is the beginning of a word.
struct SpellingTree {
  struct Node {
    std::map<int32_t, int32_t> children;
    bool is_word = false;
  };
  std::vector<Node> nodes;

  explicit SpellingTree(const std::vector<std::vector<int32_t>> &spellings) : nodes(1) {
    for (const std::vector<int32_t> &spelling : spellings) {
      CHECK(!spelling.empty());
      int32_t node = 0;
      for (const int32_t token : spelling) {
        const auto [it, is_new] = nodes[static_cast<size_t>(node)].children.emplace(
            token, static_cast<int32_t>(nodes.size()));
        node = it->second;
        if (is_new) nodes.emplace_back();
      }
      nodes[static_cast<size_t>(node)].is_word = true;
    }
  }
};

}  // namespace

AllowedWords::AllowedWords(const std::vector<std::vector<int32_t>> &spellings, int32_t boundary) {
  constexpr size_t kMaxStates = size_t{1} << 22;
  const SpellingTree tree(spellings);
  // A state is a set of nodes, rising, in the order in which they are found.
  std::vector<std::vector<int32_t>> sets(1, std::vector<int32_t>(1, 0));
  std::map<std::vector<int32_t>, int32_t> numbers;
  numbers.emplace(sets[0], 0);
  for (size_t s = 0; s < sets.size(); ++s) {
    State state;
    state.first = static_cast<int32_t>(tokens_.size());
    std::map<int32_t, std::vector<int32_t>> next;
    bool begins = false;
    const std::vector<int32_t> set = sets[s];
    for (const int32_t n : set) {
      const SpellingTree::Node &node = tree.nodes[static_cast<size_t>(n)];
      for (const auto &[token, child] : node.children) {
        CHECK_NE(token, boundary);
        next[token].push_back(child);
      }
      begins |= node.is_word;
      state.may_end |= node.is_word || n == 0;
    }
    if (begins && boundary >= 0) next[boundary].push_back(0);
    if (begins && boundary < 0) {
      for (const auto &[token, child] : tree.nodes[0].children) next[token].push_back(child);
    }
    states_.push_back(state);
    for (auto &[token, nodes] : next) {
      std::sort(nodes.begin(), nodes.end());
      nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
      const auto [it, is_new] = numbers.emplace(nodes, static_cast<int32_t>(sets.size()));
      if (is_new) sets.push_back(nodes);
      tokens_.push_back(token);
      next_.push_back(it->second);
    }
    if (sets.size() > kMaxStates) {
      throw Error("the allowed words run into one another in too many ways: more than ", kMaxStates,
                  " states");
    }
  }
  states_.push_back({static_cast<int32_t>(tokens_.size()), false});
}

int32_t AllowedWords::Step(int32_t state, int32_t token) const {
  const Span<const int32_t> tokens = Tokens(state);
  const int32_t *found = std::lower_bound(tokens.begin(), tokens.end(), token);
  if (found == tokens.end() || *found != token) return -1;
  return next_[static_cast<size_t>(found - tokens_.data())];
}

size_t AllowedWords::WholeWords(const std::vector<int32_t> &tokens) const {
  size_t whole = 0;
  int32_t state = Begin();
  for (size_t i = 0; i < tokens.size(); ++i) {
    state = Step(state, tokens[i]);
    if (state < 0) break;
    if (MayEnd(state)) whole = i + 1;
  }
  return whole;
}

void AllowedWordsOptions::Register(OptionParser *po) {
  po->RegisterInput("allowed-words", &file,
                    "file of the only words that may be found, separated by white space; in a "
                    "graph of words those of its own that stand there");
}

std::string AllowedWordsOptions::ToString() const {
  return file.empty() ? "" : ", allowed words " + file;
}

std::vector<std::string> ReadAllowedWords(const std::string &rxfilename) {
  Input input(rxfilename);
  input.SkipByteOrderMark();
  std::vector<std::string> words;
  std::unordered_set<std::string> seen;
  std::string line;
  for (int64_t number = 1; std::getline(input.Stream(), line); ++number) {
    if (!IsValidUtf8(line)) {
      throw Error(rxfilename, ":", number, ": not UTF-8: ", Printable(line),
                  "; convert the file with iconv -t UTF-8");
    }
    for (std::string &word : SplitWords(line)) {
      if (seen.insert(word).second) words.push_back(std::move(word));
    }
  }
  input.Close();
  if (words.empty()) throw Error(rxfilename, ": no words; expected those that may be found");
  return words;
}

AllowedWords MakeAllowedWords(const AllowedWordsOptions &opts, const SearchUnits &units) {
  const std::vector<std::string> words = ReadAllowedWords(opts.file);
  std::vector<std::vector<int32_t>> spellings;
  for (const std::string &word : words) {
    try {
      std::vector<int32_t> spelling = units.encode({word});
      if (spelling.empty()) throw DataError("no unit of the model is in it");
      const int32_t boundary = units.Boundary();
      if (boundary >= 0 && std::count(spelling.begin(), spelling.end(), boundary) > 0)
        throw DataError("it holds the unit of the space");
      spellings.push_back(std::move(spelling));
    } catch (const DataError &e) {
      LOG_WARN << opts.file << ": allowed word '" << Printable(word)
               << "' is left out: " << e.what();
    }
  }
  if (spellings.empty()) {
    throw Error(opts.file, ": the model can spell none of the ", words.size(), " allowed words");
  }
  LOG_INFO << opts.file << ": " << spellings.size() << " allowed words, "
           << words.size() - spellings.size() << " left out";
  return AllowedWords(spellings, units.Boundary());
}

}  // namespace u2moe
