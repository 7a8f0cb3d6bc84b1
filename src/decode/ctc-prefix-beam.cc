#include "decode/ctc-prefix-beam.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace u2moe {
namespace {

// log(e^a + e^b)
double LogAdd(double a, double b) {
  if (a < b) std::swap(a, b);
  if (std::isinf(b)) return a;
  return a + std::log1p(std::exp(b - a));
}

}  // namespace

CtcPrefixBeamSearch::CtcPrefixBeamSearch(int32_t beam, int32_t blank, float blank_penalty)
    : beam_(beam), frames_(blank, blank_penalty) {
  CHECK_GE(beam, 1);
  Begin();
}

void CtcPrefixBeamSearch::Begin() {
  frames_.Begin();
  nodes_.assign(1, Node{-1, -1, -1, -1});
  times_.assign(1, Time{0, -1});
  Hypothesis empty{};
  empty.nonblank = kZero;  // blank, total and both best alignments: log 1
  hyps_.assign(1, empty);
}

void CtcPrefixBeamSearch::Step(ConstView logp) {
  frames_.CheckShape(logp);
  for (int64_t t = 0; t < logp.Rows(); ++t, frames_.Advance()) {
    StepFrame(frames_.Prepare(logp.Row(t)));
  }
}

void CtcPrefixBeamSearch::StepFrame(const float *logp) {
  FindTopTokens(logp);
  Expand();
  Prune();
}

void CtcPrefixBeamSearch::FindTopTokens(const float *logp) {
  const int64_t cols = frames_.Cols();
  const size_t wanted = static_cast<size_t>(std::min<int64_t>(beam_, cols));
  // A heap whose front is the worst token kept.
  auto better = [](const Token &a, const Token &b) {
    return a.logp != b.logp ? a.logp > b.logp : a.id < b.id;
  };
  tokens_.clear();
  int64_t j = 0;
  for (; tokens_.size() < wanted; ++j) {
    frames_.CheckValue(logp[j], j);
    tokens_.push_back({logp[j], static_cast<int32_t>(j)});
  }
  std::make_heap(tokens_.begin(), tokens_.end(), better);
  float worst = tokens_.front().logp;
  constexpr int64_t kBlock = 32;
  for (; j < cols; j += kBlock) {
    const int64_t end = std::min(j + kBlock, cols);
    // Nearly all blocks hold nothing that enters the list; this loop has no branch, and a NaN
    // enters.
    int any = 0;
    for (int64_t i = j; i < end; ++i) any |= !(logp[i] <= worst);
    if (!any) continue;
    for (int64_t i = j; i < end; ++i) {
      if (logp[i] <= worst) continue;
      frames_.CheckValue(logp[i], i);
      std::pop_heap(tokens_.begin(), tokens_.end(), better);
      tokens_.back() = {logp[i], static_cast<int32_t>(i)};
      std::push_heap(tokens_.begin(), tokens_.end(), better);
      worst = tokens_.front().logp;
    }
  }
  std::sort_heap(tokens_.begin(), tokens_.end(), better);
  while (!tokens_.empty() && std::isinf(tokens_.back().logp)) tokens_.pop_back();
  if (tokens_.empty()) frames_.FailNoMass();
}

// The candidate for hyps_[hyp]'s own prefix.
CtcPrefixBeamSearch::Candidate *CtcPrefixBeamSearch::Stay(int32_t hyp) {
  int32_t &index = stay_[static_cast<size_t>(hyp)];
  if (index < 0) {
    index = static_cast<int32_t>(candidates_.size());
    candidates_.emplace_back();
    candidates_.back().parent = hyp;
    candidates_.back().token = -1;
  }
  return &candidates_[static_cast<size_t>(index)];
}

// The candidate for hyps_[hyp] followed by token. Nothing but a prefix of the beam that stays as it
// is can be the same label sequence.
CtcPrefixBeamSearch::Candidate *CtcPrefixBeamSearch::Extend(int32_t hyp, int32_t token) {
  const int32_t node = hyps_[static_cast<size_t>(hyp)].node;
  for (size_t i = 0; i < hyps_.size(); ++i) {
    const Node &other = nodes_[static_cast<size_t>(hyps_[i].node)];
    if (other.parent == node && other.token == token) return Stay(static_cast<int32_t>(i));
  }
  candidates_.emplace_back();
  candidates_.back().parent = hyp;
  candidates_.back().token = token;
  return &candidates_.back();
}

void CtcPrefixBeamSearch::Expand() {
  candidates_.clear();
  stay_.assign(hyps_.size(), -1);
  for (const Token &token : tokens_) {
    const double p = token.logp;
    for (int32_t h = 0; h < static_cast<int32_t>(hyps_.size()); ++h) {
      const Hypothesis &hyp = hyps_[static_cast<size_t>(h)];
      if (token.id == frames_.Blank()) {
        Candidate *c = Stay(h);
        c->blank = hyp.total + p;
        c->best_blank = hyp.Best() + p;
        c->times_blank = {hyp.Times(), false};
        continue;
      }
      const bool repeats = nodes_[static_cast<size_t>(hyp.node)].token == token.id;
      if (repeats && hyp.nonblank > kZero) {  // the same label goes on: *a a -> *a
        Candidate *c = Stay(h);
        c->nonblank = LogAdd(c->nonblank, hyp.nonblank + p);
        if (c->best_nonblank < hyp.best_nonblank + p) {
          c->best_nonblank = hyp.best_nonblank + p;
          if (c->token_logp < p) {
            c->token_logp = p;
            c->times_nonblank = {times_[static_cast<size_t>(hyp.times_nonblank)].previous, true};
          }
        }
      }
      // A new label; after the same label only from the blank between them: *a - a -> *a a.
      const double from = repeats ? hyp.blank : hyp.total;
      if (from == kZero) continue;
      const double best_from = repeats ? hyp.best_blank : hyp.Best();
      Candidate *c = Extend(h, token.id);
      c->nonblank = LogAdd(c->nonblank, from + p);
      if (c->best_nonblank < best_from + p) {
        c->best_nonblank = best_from + p;
        c->token_logp = p;
        c->times_nonblank = {repeats ? hyp.times_blank : hyp.Times(), true};
      }
    }
  }
}

void CtcPrefixBeamSearch::Prune() {
  order_.resize(candidates_.size());
  for (size_t i = 0; i < candidates_.size(); ++i) {
    Candidate &c = candidates_[i];
    c.total = LogAdd(c.blank, c.nonblank);
    order_[i] = static_cast<int32_t>(i);
  }
  const size_t kept = std::min(candidates_.size(), static_cast<size_t>(beam_));
  std::partial_sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(kept),
                    order_.end(), [this](int32_t a, int32_t b) {
                      const double x = candidates_[static_cast<size_t>(a)].total;
                      const double y = candidates_[static_cast<size_t>(b)].total;
                      return x != y ? x > y : a < b;
                    });
  next_hyps_.clear();
  for (size_t i = 0; i < kept; ++i) {
    const Candidate &c = candidates_[static_cast<size_t>(order_[i])];
    const int32_t parent = hyps_[static_cast<size_t>(c.parent)].node;
    Hypothesis h;
    h.node = c.token < 0 ? parent : ChildNode(parent, c.token);
    h.blank = c.blank;
    h.nonblank = c.nonblank;
    h.total = c.total;
    h.best_blank = c.best_blank;
    h.best_nonblank = c.best_nonblank;
    h.times_blank = WriteTimes(c.times_blank);
    h.times_nonblank = WriteTimes(c.times_nonblank);
    next_hyps_.push_back(h);
  }
  hyps_.swap(next_hyps_);
}

int32_t CtcPrefixBeamSearch::ChildNode(int32_t node, int32_t token) {
  for (int32_t c = nodes_[static_cast<size_t>(node)].first_child; c >= 0;
       c = nodes_[static_cast<size_t>(c)].next_sibling) {
    if (nodes_[static_cast<size_t>(c)].token == token) return c;
  }
  const int32_t child = static_cast<int32_t>(nodes_.size());
  nodes_.push_back({node, token, -1, nodes_[static_cast<size_t>(node)].first_child});
  nodes_[static_cast<size_t>(node)].first_child = child;
  return child;
}

int32_t CtcPrefixBeamSearch::WriteTimes(TimeRef ref) {
  if (!ref.append) return ref.base;
  times_.push_back({ref.base, frames_.Frame()});
  return static_cast<int32_t>(times_.size()) - 1;
}

std::vector<CtcHypothesis> CtcPrefixBeamSearch::NBest(int n) const {
  std::vector<CtcHypothesis> result;
  for (size_t i = 0; i < hyps_.size() && i < static_cast<size_t>(std::max(n, 0)); ++i) {
    CtcHypothesis h;
    h.score = hyps_[i].total;
    for (int32_t k = hyps_[i].node; k != 0; k = nodes_[static_cast<size_t>(k)].parent) {
      h.tokens.push_back(nodes_[static_cast<size_t>(k)].token);
    }
    for (int32_t k = hyps_[i].Times(); k != 0; k = times_[static_cast<size_t>(k)].previous) {
      h.times.push_back(times_[static_cast<size_t>(k)].frame);
    }
    std::reverse(h.tokens.begin(), h.tokens.end());
    std::reverse(h.times.begin(), h.times.end());
    result.push_back(std::move(h));
  }
  return result;
}

std::vector<CtcHypothesis> CtcPrefixBeamSearch::End(int n) { return NBest(n); }

}  // namespace u2moe
