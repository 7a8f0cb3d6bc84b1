#include "decode/wfst-hot-words.h"

#include <map>
#include <utility>

namespace u2moe {
namespace {

// Phrases that begin with the same `depth` tokens, and the states after them.
struct Beginning {
  std::vector<int32_t> states;
  std::vector<size_t> phrases;
  size_t depth;
};

}  // namespace

std::vector<bool> ReadablePhrases(const WfstGraph &graph, const std::vector<ContextPhrase> &phrases,
                                  int32_t blank_label) {
  std::vector<bool> readable(phrases.size(), false);
  std::vector<int32_t> seen(static_cast<size_t>(graph.NumStates()), -1);
  int32_t round = 0;
  std::vector<Beginning> work(1);
  for (int32_t s = 0; s < graph.NumStates(); ++s) work[0].states.push_back(s);
  for (size_t p = 0; p < phrases.size(); ++p) work[0].phrases.push_back(p);
  work[0].depth = 0;
  for (; !work.empty(); ++round) {
    Beginning b = std::move(work.back());
    work.pop_back();
    std::map<int32_t, Beginning> next;  // by input label
    for (const size_t p : b.phrases) {
      if (phrases[p].tokens.size() == b.depth) {
        readable[p] = true;
      } else {
        next[phrases[p].tokens[b.depth] + 1].phrases.push_back(p);
      }
    }
    if (next.empty()) continue;
    // States that are reached without another token; the list grows as it is walked.
    std::vector<int32_t> states;
    const auto reach = [&](int32_t state) {
      if (std::exchange(seen[static_cast<size_t>(state)], round) != round) states.push_back(state);
    };
    for (const int32_t state : b.states) reach(state);
    for (size_t i = 0; i < states.size(); ++i) {
      const int32_t state = states[i];
      for (const WfstGraph::Arc &arc : graph.Epsilons(state)) reach(arc.next);
      for (const WfstGraph::Arc &arc : graph.Emitting(state)) {
        if (!WfstGraph::BeginsToken(arc, state, blank_label)) {
          reach(arc.next);
          continue;
        }
        const auto found = next.find(arc.ilabel);
        if (found != next.end()) found->second.states.push_back(arc.next);
      }
    }
    for (auto &[label, after] : next) {
      after.depth = b.depth + 1;
      if (!after.states.empty()) work.push_back(std::move(after));
    }
  }
  return readable;
}

}  // namespace u2moe
