#include "decode/wfst-trellis.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace u2moe {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kPruneScale = 0.1f;  // of the lattice beam: changes below it are not followed back
constexpr size_t kMostComposedBytes = size_t{256} << 20;

}  // namespace

WfstTrellis::WfstTrellis(const WfstGraph *graph, ComposedWfstGraph *composed,
                         const TrellisOptions &opts, const ContextGraph *context,
                         int32_t blank_label)
    : graph_(graph),
      composed_(composed),
      opts_(opts),
      context_(context),
      blank_label_(blank_label),
      levels_(static_cast<size_t>(graph->NumEpsilonLevels())) {
  Begin();
}

WfstTrellis::WfstTrellis(const WfstGraph *graph, const TrellisOptions &opts,
                         const ContextGraph *context, int32_t blank_label)
    : WfstTrellis(graph, nullptr, opts, context, blank_label) {}

WfstTrellis::WfstTrellis(ComposedWfstGraph *graph, const TrellisOptions &opts,
                         const ContextGraph *context, int32_t blank_label)
    : WfstTrellis(graph, graph, opts, context, blank_label) {}

void WfstTrellis::Begin() {
  if (composed_ != nullptr && composed_->Bytes() > kMostComposedBytes) composed_->Forget();
  frames_.clear();
  frames_.emplace_back();
  states_.clear();
  contexts_.clear();
  map_.Clear();
  context_map_.Clear();
  for (auto &level : levels_) level.clear();
  bool is_new = false;
  Reach(&frames_[0], graph_->Start(), context_ == nullptr ? 0 : context_->Begin(), 0, &is_new);
  frames_[0].tokens[0].best = ~0;
  PassEpsilons(opts_.beam);
}

bool WfstTrellis::Advance(const float *costs) {
  if (NumFrames() > 0 && NumFrames() % opts_.prune_interval == 0) Prune();
  const float limit = context_ == nullptr ? PassEmitting<false>(costs) : PassEmitting<true>(costs);
  PassEpsilons(limit);
  return !states_.empty();
}

// The token of a state in this frame, a new one of cost `cost` where it has none.
int32_t WfstTrellis::Reach(Frame *frame, int32_t state, int32_t context, float cost, bool *is_new) {
  int32_t *token = context_ == nullptr
                       ? map_.Find(state)
                       : context_map_.Find(static_cast<int64_t>(context) << 32 | state);
  *is_new = *token < 0;
  if (*is_new) {
    *token = static_cast<int32_t>(states_.size());
    states_.push_back(state);
    if (context_ != nullptr) contexts_.push_back(context);
    frame->tokens.push_back({cost, 0, 0});
    const int32_t level = graph_->EpsilonLevel(state);
    if (level >= 0) levels_[static_cast<size_t>(level)].push_back(*token);
  }
  return *token;
}

WfstTrellis::Cutoff WfstTrellis::FindCutoff(const std::vector<Token> &tokens) {
  Cutoff c{kInfinity, kInfinity, opts_.beam, -1};
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].cost < c.best) c.best = tokens[i].cost, c.best_token = static_cast<int32_t>(i);
  }
  c.limit = c.best + opts_.beam;
  const size_t most = static_cast<size_t>(opts_.max_active),
               least = static_cast<size_t>(opts_.min_active);
  if (tokens.size() <= least) {
    c.limit = kInfinity;
    for (const Token &t : tokens) c.beam = std::max(c.beam, t.cost - c.best + opts_.beam_delta);
    return c;
  }
  // Only where more than max_active or fewer than min_active are within the beam are they sorted.
  size_t below = 0, within = 0;
  for (const Token &t : tokens) below += t.cost < c.limit, within += t.cost <= c.limit;
  if (below <= most && within > least) return c;
  costs_.clear();
  for (const Token &t : tokens) costs_.push_back(t.cost);
  const auto nth = costs_.begin() + static_cast<std::ptrdiff_t>(below > most ? most : least);
  std::nth_element(costs_.begin(), nth, costs_.end());
  if (below > most || *nth > c.limit) {
    c.limit = *nth;
    c.beam = *nth - c.best + opts_.beam_delta;
  }
  return c;
}

template <bool kContext>
float WfstTrellis::PassEmitting(const float *costs) {
  const Cutoff cutoff = FindCutoff(frames_.back().tokens);
  states_.swap(previous_states_);
  states_.clear();
  map_.Clear();
  if (kContext) {
    contexts_.swap(previous_contexts_);
    contexts_.clear();
    context_map_.Clear();
  }
  const size_t size = frames_.back().tokens.size();
  frames_.emplace_back();
  Frame *frame = &frames_.back();
  const std::vector<Token> &tokens = frames_[frames_.size() - 2].tokens;
  frame->tokens.reserve(size + size / 4);
  frame->emitting.reserve(size + size / 4);
  frame->offset = cutoff.best;
  float limit = kInfinity;
  if (cutoff.best_token < 0) return limit;
  // What an arc costs beside its sound: with hot words also what its token is paid.
  const auto graph_cost = [&](const WfstGraph::Arc &arc, size_t token, int32_t *context) {
    if (!kContext) return arc.weight;
    *context = previous_contexts_[token];
    if (!WfstGraph::BeginsToken(arc, previous_states_[token], blank_label_)) return arc.weight;
    return arc.weight - static_cast<float>(context_->Step(*context, arc.ilabel - 1, context));
  };
  // The best token first, for a bound on the others.
  int32_t context = 0;
  const size_t best_token = static_cast<size_t>(cutoff.best_token);
  Expand(previous_states_[best_token]);
  for (const WfstGraph::Arc &arc : graph_->Emitting(previous_states_[best_token])) {
    const float graph = graph_cost(arc, best_token, &context);
    limit = std::min(limit, graph + costs[arc.ilabel] + cutoff.beam);
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].cost > cutoff.limit) continue;
    const float from = tokens[i].cost - cutoff.best;
    Expand(previous_states_[i]);
    for (const WfstGraph::Arc &arc : graph_->Emitting(previous_states_[i])) {
      const float graph = graph_cost(arc, i, &context);
      const float cost = from + (graph + costs[arc.ilabel]);
      if (!(cost < limit)) continue;
      limit = std::min(limit, cost + cutoff.beam);
      bool is_new = false;
      const int32_t to = Reach(frame, arc.next, context, cost, &is_new);
      Token *token = &frame->tokens[static_cast<size_t>(to)];
      const bool better = is_new || cost < token->cost;
      if (!better && !opts_.lattice) continue;
      const Link link{static_cast<int32_t>(i), to, graph_->IndexOf(arc), graph, costs[arc.ilabel]};
      if (better) token->cost = cost;
      if (is_new || opts_.lattice) {
        if (better) token->best = static_cast<int32_t>(frame->emitting.size());
        frame->emitting.push_back(link);
      } else {
        frame->emitting[static_cast<size_t>(token->best)] = link;
      }
    }
  }
  return limit;
}

// State after state in the topological order of epsilons, so that each is looked at once, when its
// cost is final.
void WfstTrellis::PassEpsilons(float limit) {
  Frame *frame = &frames_.back();
  for (std::vector<int32_t> &level : levels_) {
    for (const int32_t from : level) {
      const float from_cost = frame->tokens[static_cast<size_t>(from)].cost;
      if (!(from_cost < limit)) continue;
      const int32_t context = context_ == nullptr ? 0 : contexts_[static_cast<size_t>(from)];
      Expand(states_[static_cast<size_t>(from)]);
      for (const WfstGraph::Arc &arc : graph_->Epsilons(states_[static_cast<size_t>(from)])) {
        const float cost = from_cost + arc.weight;
        if (!(cost < limit)) continue;
        bool is_new = false;
        const int32_t to = Reach(frame, arc.next, context, cost, &is_new);
        Token *token = &frame->tokens[static_cast<size_t>(to)];
        const bool better = is_new || cost < token->cost;
        if (better) {
          token->cost = cost;
          token->best = ~static_cast<int32_t>(frame->epsilons.size());
        }
        if (better || opts_.lattice)
          frame->epsilons.push_back({from, to, graph_->IndexOf(arc), arc.weight, 0});
      }
    }
    level.clear();
  }
}

void WfstTrellis::Prune() {
  for (Token &t : frames_.back().tokens) t.extra = 0;
  const float delta = opts_.lattice ? kPruneScale * opts_.lattice_beam : 0;
  for (size_t f = frames_.size() - 1; f-- > 0;) {
    const bool settled = frames_[f].pruned && !PruneFrame(f, delta);
    if (settled) break;
    if (!frames_[f].pruned) PruneFrame(f, delta);
    frames_[f].pruned = true;
  }
}

// Drops from frame f the tokens without a future, and the links from them. Returns whether a token
// became worse by more than delta, so that those before it must be looked at again.
bool WfstTrellis::PruneFrame(size_t f, float delta) {
  Frame *cur = &frames_[f], *next = &frames_[f + 1];
  extras_.assign(cur->tokens.size(), kInfinity);
  const float beam = opts_.lattice ? opts_.lattice_beam : kInfinity;
  // The way a token came by stays as long as the token; rounding must not take it.
  const auto look = [&](const Link &l, const Token &to, float to_extra, float offset,
                        bool is_best) {
    const float extra = std::max(0.f, to_extra + (cur->tokens[static_cast<size_t>(l.from)].cost -
                                                  offset + (l.graph + l.acoustic) - to.cost));
    const bool keep = is_best || (opts_.lattice && extra <= beam);
    float *from = &extras_[static_cast<size_t>(l.from)];
    if (keep) *from = std::min(*from, is_best ? std::min(extra, to_extra) : extra);
    return keep;
  };
  size_t kept = 0;
  for (size_t i = 0; i < next->emitting.size(); ++i) {
    const Link l = next->emitting[i];
    Token *to = &next->tokens[static_cast<size_t>(l.to)];
    const bool is_best = to->best == static_cast<int32_t>(i);
    if (!look(l, *to, to->extra, next->offset, is_best)) continue;
    if (is_best) to->best = static_cast<int32_t>(kept);
    next->emitting[kept++] = l;
  }
  next->emitting.resize(kept);
  for (size_t i = cur->epsilons.size(); i-- > 0;) {
    Link *l = &cur->epsilons[i];
    const Token &to = cur->tokens[static_cast<size_t>(l->to)];
    const float extra = extras_[static_cast<size_t>(l->to)];
    if (!(extra < kInfinity) || !look(*l, to, extra, 0, to.best == ~static_cast<int32_t>(i)))
      l->from = -1;
  }
  // The tokens move together, and the links follow.
  moved_.assign(cur->tokens.size(), -1);
  bool changed = false;
  size_t alive = 0;
  for (size_t i = 0; i < extras_.size(); ++i) {
    Token t = cur->tokens[i];
    changed |= std::fabs(extras_[i] - t.extra) > delta;
    if (!(extras_[i] < kInfinity)) continue;
    t.extra = extras_[i];
    moved_[i] = static_cast<int32_t>(alive);
    cur->tokens[alive++] = t;
  }
  cur->tokens.resize(alive);
  for (Link &l : next->emitting) l.from = moved_[static_cast<size_t>(l.from)];
  const auto follow = [&](std::vector<Link> *links, bool epsilons) {
    size_t n = 0;
    for (size_t i = 0; i < links->size(); ++i) {
      Link l = (*links)[i];
      l.to = moved_[static_cast<size_t>(l.to)];
      if (l.to < 0 || l.from < 0) continue;
      if (epsilons) l.from = moved_[static_cast<size_t>(l.from)];
      int32_t *best = &cur->tokens[static_cast<size_t>(l.to)].best;
      const int32_t before = static_cast<int32_t>(i), after = static_cast<int32_t>(n);
      if (*best == (epsilons ? ~before : before)) *best = epsilons ? ~after : after;
      (*links)[n++] = l;
    }
    links->resize(n);
    links->shrink_to_fit();
  };
  follow(&cur->emitting, false);
  follow(&cur->epsilons, true);
  cur->tokens.shrink_to_fit();
  return changed;
}

// The graph's are all 0 where no token is in a final state.
WfstTrellis::Finals WfstTrellis::FinalCosts(bool at_end) const {
  Finals finals;
  finals.graph.assign(states_.size(), 0);
  finals.bias.assign(states_.size(), 0);
  if (!at_end) return finals;
  for (size_t i = 0; i < states_.size(); ++i) {
    finals.graph[i] = graph_->Final(states_[i]);
    finals.reached |= finals.graph[i] < kInfinity;
    if (context_ != nullptr) finals.bias[i] = -static_cast<float>(context_->Finish(contexts_[i]));
  }
  if (!finals.reached) std::fill(finals.graph.begin(), finals.graph.end(), 0.f);
  return finals;
}

WfstTrellis::Path WfstTrellis::BestPath(bool at_end) const {
  Path path;
  const Finals finals = FinalCosts(at_end);
  path.reached_final = finals.reached;
  const std::vector<Token> &last = frames_.back().tokens;
  int32_t token = -1;
  float best = kInfinity;
  for (size_t i = 0; i < last.size(); ++i) {
    const float cost = last[i].cost + (finals.graph[i] + finals.bias[i]);
    if (cost < best) best = cost, token = static_cast<int32_t>(i);
  }
  if (token < 0) return path;
  path.final = finals.graph[static_cast<size_t>(token)];
  path.final_bias = finals.bias[static_cast<size_t>(token)];
  for (size_t f = frames_.size() - 1;;) {
    const int32_t link = frames_[f].tokens[static_cast<size_t>(token)].best;
    const bool epsilon = link < 0;
    if (f == 0 && token == 0) break;
    const Link &l = epsilon ? frames_[f].epsilons[static_cast<size_t>(~link)]
                            : frames_[f].emitting[static_cast<size_t>(link)];
    path.arcs.push_back({l.arc, epsilon ? -1 : static_cast<int32_t>(f) - 1, l.graph, l.acoustic});
    token = l.from;
    if (!epsilon) --f;
  }
  std::reverse(path.arcs.begin(), path.arcs.end());
  return path;
}

// For each token, how much worse than the best path the best one through it is.
std::vector<std::vector<float>> WfstTrellis::Extras(const Finals &finals) const {
  std::vector<std::vector<float>> extras(frames_.size());
  const std::vector<Token> &last = frames_.back().tokens;
  float best = kInfinity;
  for (size_t i = 0; i < last.size(); ++i) {
    extras.back().push_back(last[i].cost + (finals.graph[i] + finals.bias[i]));
    best = std::min(best, extras.back().back());
  }
  for (float &extra : extras.back()) extra -= best;
  for (size_t f = frames_.size(); f-- > 0;) {
    std::vector<float> *cur = &extras[f];
    const Frame &frame = frames_[f];
    cur->resize(frame.tokens.size(), kInfinity);
    const auto pass = [&](const Link &l, float to_extra, float to_cost, float offset) {
      float *from = &(*cur)[static_cast<size_t>(l.from)];
      const float way = frame.tokens[static_cast<size_t>(l.from)].cost - offset +
                        (l.graph + l.acoustic) - to_cost;
      *from = std::min(*from, to_extra + way);
    };
    if (f + 1 < frames_.size()) {
      const Frame &next = frames_[f + 1];
      for (const Link &l : next.emitting) {
        const size_t to = static_cast<size_t>(l.to);
        pass(l, extras[f + 1][to], next.tokens[to].cost, next.offset);
      }
    }
    for (size_t i = frame.epsilons.size(); i-- > 0;) {
      const Link &l = frame.epsilons[i];
      const size_t to = static_cast<size_t>(l.to);
      pass(l, (*cur)[to], frame.tokens[to].cost, 0);
    }
  }
  return extras;
}

Lattice WfstTrellis::RawLattice(bool at_end, Span<int32_t> pause, int32_t pause_label) const {
  CHECK(opts_.lattice);
  CHECK_EQ(pause.size(), frames_.size());
  Lattice lattice;
  const Finals finals = FinalCosts(at_end);
  if (states_.empty()) return lattice;
  const std::vector<std::vector<float>> extras = Extras(finals);
  const auto alive = [&](float extra) { return extra <= opts_.lattice_beam; };
  // The state in which a token arrives, and that from which it goes on, behind the pause.
  std::vector<std::vector<int>> arrive(frames_.size()), leave(frames_.size());
  for (size_t f = 0; f < frames_.size(); ++f) {
    for (const float extra : extras[f]) {
      int state = alive(extra) ? lattice.AddState() : -1;
      arrive[f].push_back(state);
      for (int32_t n = 0; state >= 0 && n < pause[f]; ++n) {
        const int to = lattice.AddState();
        lattice.AddArc(state, LatticeArc(pause_label, 0, LatticeWeight(0, 0), to));
        state = to;
      }
      leave[f].push_back(state);
    }
  }
  const auto add = [&](const Link &l, const std::vector<int> &from, const std::vector<int> &to,
                       float extra) {
    const int a = from[static_cast<size_t>(l.from)], b = to[static_cast<size_t>(l.to)];
    if (a < 0 || b < 0 || !alive(extra)) return;
    const WfstGraph::Arc &arc = graph_->ArcAt(l.arc);
    lattice.AddArc(a, LatticeArc(arc.ilabel, arc.olabel, LatticeWeight(l.graph, l.acoustic), b));
  };
  for (size_t f = 0; f < frames_.size(); ++f) {
    const auto extra = [&](const Link &l, const Frame &from, float offset) {
      const size_t to = static_cast<size_t>(l.to);
      return extras[f][to] + (from.tokens[static_cast<size_t>(l.from)].cost - offset +
                              (l.graph + l.acoustic) - frames_[f].tokens[to].cost);
    };
    for (const Link &l : frames_[f].emitting)
      add(l, leave[f - 1], arrive[f], extra(l, frames_[f - 1], frames_[f].offset));
    for (const Link &l : frames_[f].epsilons) add(l, arrive[f], arrive[f], extra(l, frames_[f], 0));
  }
  lattice.SetStart(arrive[0][0]);
  for (size_t i = 0; i < finals.graph.size(); ++i) {
    const float final = finals.graph[i] + finals.bias[i];
    const int state = leave.back()[i];
    if (state >= 0 && final < kInfinity) lattice.SetFinal(state, LatticeWeight(final, 0));
  }
  fst::Connect(&lattice);
  fst::TopSort(&lattice);
  RequireSound(lattice, "the lattice");
  return lattice;
}

}  // namespace u2moe
