#include "decode/context-graph.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>

#include "base/check.h"

namespace u2moe {

struct ContextGraph::Builder {
  struct BuildNode {
    std::map<int32_t, int32_t> children;
    double paid = 0;  // in advance, by the phrases that go on from here; kWenet: as created
    double completion = 0;
    bool end = false;
  };
  std::vector<BuildNode> nodes = std::vector<BuildNode>(1);

  int32_t Child(int32_t node, int32_t token) {
    const auto [it, is_new] = nodes[static_cast<size_t>(node)].children.emplace(
        token, static_cast<int32_t>(nodes.size()));
    const int32_t child = it->second;
    if (is_new) nodes.emplace_back();
    return child;
  }
  void AddExact(const ContextPhrase &phrase, int32_t boundary);
  void AddWenet(const ContextPhrase &phrase);
};

void ContextGraph::Builder::AddExact(const ContextPhrase &phrase, int32_t boundary) {
  std::vector<int32_t> tokens = phrase.tokens;
  if (boundary >= 0) {
    tokens.insert(tokens.begin(), boundary);
    tokens.push_back(boundary);
  }
  const double total = phrase.score * static_cast<double>(phrase.tokens.size());
  double paid = boundary >= 0 ? -phrase.score : 0;
  int32_t node = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    node = Child(node, tokens[i]);
    paid += phrase.score;
    BuildNode *n = &nodes[static_cast<size_t>(node)];
    if (i + 1 < tokens.size()) {
      n->paid = std::max(n->paid, paid);
    } else {
      n->completion = n->end ? std::max(n->completion, total) : total;
      n->end = true;
    }
  }
}

void ContextGraph::Builder::AddWenet(const ContextPhrase &phrase) {
  int32_t node = 0;
  for (size_t i = 0; i < phrase.tokens.size(); ++i) {
    const double paid = nodes[static_cast<size_t>(node)].paid + phrase.score;
    const size_t before = nodes.size();
    node = Child(node, phrase.tokens[i]);
    if (nodes.size() == before) continue;
    nodes.back().paid = paid;
    nodes.back().end = i + 1 == phrase.tokens.size();
    if (nodes.back().end) nodes.back().completion = paid;
  }
}

ContextGraph::ContextGraph(const std::vector<ContextPhrase> &phrases,
                           const ContextGraphOptions &opts) {
  const bool exact = opts.scoring == ContextScoring::kExact;
  CHECK(exact || opts.boundary < 0) << "WeNet's scoring knows no boundaries";
  Builder builder;
  for (const ContextPhrase &phrase : phrases) {
    CHECK(!phrase.tokens.empty()) << "an empty phrase";
    if (exact) {
      builder.AddExact(phrase, opts.boundary);
    } else {
      builder.AddWenet(phrase);
    }
  }
  nodes_.resize(builder.nodes.size() + 1);
  for (size_t i = 0; i < builder.nodes.size(); ++i) {
    nodes_[i].first = static_cast<int32_t>(tokens_.size());
    nodes_[i].advance = builder.nodes[i].paid;
    nodes_[i].completion = builder.nodes[i].completion;
    for (const auto &[token, child] : builder.nodes[i].children) {
      tokens_.push_back(token);
      children_.push_back(child);
    }
  }
  nodes_.back().first = static_cast<int32_t>(tokens_.size());

  // By rising length, since what a node fails to is shorter.
  std::deque<int32_t> queue = {0};
  double highest = 0;
  while (!queue.empty()) {
    const int32_t node = queue.front();
    queue.pop_front();
    const Span<const int32_t> tokens = Tokens(node);
    for (size_t i = 0; i < tokens.size(); ++i) {
      const int32_t child =
          children_[static_cast<size_t>(nodes_[static_cast<size_t>(node)].first) + i];
      Node *c = &nodes_[static_cast<size_t>(child)];
      c->fail = node == 0 ? 0 : Go(Shorter(node), tokens[i]);
      const Node &shorter = nodes_[static_cast<size_t>(c->fail)];
      c->completion += shorter.completion;
      if (exact) c->advance = std::max(c->advance, shorter.advance);
      highest = std::max(highest, c->advance + c->completion);
      if (exact) {
        max_gain_ = std::max(
            max_gain_, c->advance + c->completion - nodes_[static_cast<size_t>(node)].advance);
      }
      queue.push_back(child);
    }
  }
  // In WeNet's scoring a state may have been paid less than what it fails to.
  if (!exact) {
    double lowest = 0;
    for (const Node &n : nodes_) lowest = std::min(lowest, n.advance);
    max_gain_ = highest - lowest;
  }
  boundary_ = opts.boundary;
  if (boundary_ >= 0) begin_ = Go(0, boundary_);
}

int32_t ContextGraph::Child(int32_t node, int32_t token) const {
  const Span<const int32_t> tokens = Tokens(node);
  const int32_t *found = std::lower_bound(tokens.begin(), tokens.end(), token);
  if (found == tokens.end() || *found != token) return -1;
  return children_[static_cast<size_t>(found - tokens_.data())];
}

int32_t ContextGraph::Go(int32_t state, int32_t token) const {
  while (true) {
    const int32_t child = Child(state, token);
    if (child >= 0) return child;
    if (state == 0) return 0;
    state = Shorter(state);
  }
}

double ContextGraph::Step(int32_t state, int32_t token, int32_t *next) const {
  *next = Go(state, token);
  const Node &to = nodes_[static_cast<size_t>(*next)];
  return to.advance - nodes_[static_cast<size_t>(state)].advance + to.completion;
}

double ContextGraph::Finish(int32_t state) const {
  double score = 0;
  if (boundary_ >= 0) score += Step(state, boundary_, &state);
  return score - nodes_[static_cast<size_t>(state)].advance;
}

}  // namespace u2moe
