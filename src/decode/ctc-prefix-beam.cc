#include "decode/ctc-prefix-beam.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/check.h"
#include "base/error.h"
#include "base/log-add.h"

namespace u2moe {
CtcPrefixBeamSearch::CtcPrefixBeamSearch(int32_t beam, int32_t blank, float blank_penalty,
                                         const PrefixBeamExtras &extras)
    : beam_(beam), extras_(extras), frames_(blank, blank_penalty) {
  CHECK_GE(beam, 1);
  if (extras.context != nullptr) max_gain_ += extras.context->MaxGain();
  if (extras.lm != nullptr) max_gain_ += extras.lm->MaxGain();
  if (extras.Any()) max_gain_ += 1e-6;  // sums in another order are rounded otherwise
  Begin();
}

void CtcPrefixBeamSearch::Begin() {
  frames_.Begin();
  nodes_.assign(1, Node{-1, -1, -1, -1, 0});
  times_.assign(1, Time{0, -1});
  Hypothesis empty{};
  empty.nonblank = kZero;  // blank, total and both best alignments: log 1
  hyps_.assign(1, empty);
  if (!extras_.Any()) return;
  Extra extra;
  if (extras_.context != nullptr) extra.context = extras_.context->Begin();
  if (extras_.lm != nullptr) extra.lm = extras_.lm->Begin();
  if (extras_.words != nullptr) extra.words = extras_.words->Begin();
  node_extras_.assign(1, extra);
  tried_.clear();
  visited_.clear();
}

void CtcPrefixBeamSearch::Step(ConstView logp) {
  frames_.CheckShape(logp);
  if (extras_.Any() && logp.Rows() > 0 && logp.Cols() != extras_.num_units) {
    throw DataError("log-posteriors of ", logp.Cols(), " units, but the unit table has ",
                    extras_.num_units, "; do they belong to one model?");
  }
  for (int64_t t = 0; t < logp.Rows(); ++t, frames_.Advance()) {
    StepFrame(frames_.Prepare(logp.Row(t)));
  }
}

void CtcPrefixBeamSearch::StepFrame(const float *logp) {
  FindTopTokens(logp);
  choices_.clear();
  ChooseStays();
  if (extras_.Any()) {
    ChooseExtensions<true>();
  } else {
    ChooseExtensions<false>();
  }
  if (choices_.empty()) {
    throw DataError("frame ", frames_.Frame(), ": no allowed word has a probability above 0 here");
  }
  Advance();
}

void CtcPrefixBeamSearch::FindTopTokens(const float *logp) {
  const std::vector<float> &maxima = frames_.GroupMaxima(logp);
  if (extras_.words != nullptr) return TakeAllowedTokens(logp);
  const size_t wanted = static_cast<size_t>(std::min<int64_t>(beam_, frames_.Cols()));
  // The wanted-th largest maximum of a group: at least so many values are not below it.
  float threshold = -std::numeric_limits<float>::infinity();
  if (maxima.size() > wanted) {
    thresholds_ = maxima;
    const auto nth = thresholds_.begin() + static_cast<std::ptrdiff_t>(wanted) - 1;
    std::nth_element(thresholds_.begin(), nth, thresholds_.end(), std::greater<float>());
    threshold = *nth;
  }
  // Of the values that equal it the first ones are enough; those above it are in few groups.
  tokens_.clear();
  size_t num_equal = 0;
  for (size_t g = 0; g < maxima.size(); ++g) {
    if (maxima[g] < threshold || (maxima[g] == threshold && num_equal >= wanted)) continue;
    const auto [begin, end] = frames_.GroupColumns(g);
    for (int64_t j = begin; j < end; ++j) {
      if (logp[j] < threshold || std::isinf(logp[j])) continue;
      if (logp[j] == threshold && num_equal++ >= wanted) continue;
      tokens_.push_back({logp[j], static_cast<int32_t>(j)});
    }
  }
  const size_t kept = std::min(wanted, tokens_.size());
  std::partial_sort(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(kept),
                    tokens_.end(), BetterToken());
  tokens_.resize(kept);
  if (extras_.context != nullptr && !extras_.wenet) AdmitContextTokens(logp);
}

// Those that begin or continue a phrase, behind the others and ordered as they are.
void CtcPrefixBeamSearch::AdmitContextTokens(const float *logp) {
  const ContextGraph &context = *extras_.context;
  const int32_t now = frames_.Frame() + 1;
  tried_.resize(static_cast<size_t>(frames_.Cols()), 0);
  visited_.resize(static_cast<size_t>(context.NumStates()), 0);
  const std::ptrdiff_t kept = static_cast<std::ptrdiff_t>(tokens_.size());
  tried_[static_cast<size_t>(frames_.Blank())] = now;
  for (const Token &token : tokens_) tried_[static_cast<size_t>(token.id)] = now;
  for (const Hypothesis &hyp : hyps_) {
    int32_t state = node_extras_[static_cast<size_t>(hyp.node)].context;
    for (; visited_[static_cast<size_t>(state)] != now; state = context.Shorter(state)) {
      visited_[static_cast<size_t>(state)] = now;
      for (const int32_t id : context.Tokens(state)) {
        if (id >= frames_.Cols() || tried_[static_cast<size_t>(id)] == now) continue;
        tried_[static_cast<size_t>(id)] = now;
        if (!std::isinf(logp[id])) tokens_.push_back({logp[id], id});
      }
    }
  }
  std::sort(tokens_.begin() + kept, tokens_.end(), BetterToken());
}

// Blank, repetitions, and what a prefix may go on with.
void CtcPrefixBeamSearch::TakeAllowedTokens(const float *logp) {
  const int32_t now = frames_.Frame() + 1;
  tried_.resize(static_cast<size_t>(frames_.Cols()), 0);
  visited_.resize(static_cast<size_t>(extras_.words->NumStates()), 0);
  tokens_.clear();
  const auto take = [&](int32_t id) {
    if (id < 0 || id >= frames_.Cols() || tried_[static_cast<size_t>(id)] == now) return;
    tried_[static_cast<size_t>(id)] = now;
    if (!std::isinf(logp[id])) tokens_.push_back({logp[id], id});
  };
  take(frames_.Blank());
  for (const Hypothesis &hyp : hyps_) {
    take(nodes_[static_cast<size_t>(hyp.node)].token);
    const int32_t state = node_extras_[static_cast<size_t>(hyp.node)].words;
    if (visited_[static_cast<size_t>(state)] == now) continue;
    visited_[static_cast<size_t>(state)] = now;
    for (const int32_t id : extras_.words->Tokens(state)) take(id);
  }
  std::sort(tokens_.begin(), tokens_.end(), BetterToken());
}

int64_t CtcPrefixBeamSearch::Order(int64_t rank, int64_t hyp, bool extension) const {
  return 2 * (rank * static_cast<int64_t>(hyps_.size()) + hyp) + extension;
}

double CtcPrefixBeamSearch::From(const Hypothesis &hyp, int32_t token) const {
  return nodes_[static_cast<size_t>(hyp.node)].token == token ? hyp.blank : hyp.total;
}

// The same label goes on: *a a -> *a.
void CtcPrefixBeamSearch::AddRepetition(const Hypothesis &hyp, double p, Stay *stay) const {
  stay->nonblank = LogAdd(stay->nonblank, hyp.nonblank + p);
  if (stay->best_nonblank < hyp.best_nonblank + p) {
    stay->best_nonblank = hyp.best_nonblank + p;
    if (stay->token_logp < p) {
      stay->token_logp = p;
      stay->times_nonblank = {times_[static_cast<size_t>(hyp.times_nonblank)].previous, true};
    }
  }
}

// A new label.
void CtcPrefixBeamSearch::AddExtension(const Hypothesis &hyp, int32_t token, double p,
                                       Stay *stay) const {
  const bool repeats = nodes_[static_cast<size_t>(hyp.node)].token == token;
  const double best = (repeats ? hyp.best_blank : hyp.Best()) + p;
  stay->nonblank = LogAdd(stay->nonblank, From(hyp, token) + p);
  if (stay->best_nonblank < best) {
    stay->best_nonblank = best;
    stay->token_logp = p;
    stay->times_nonblank = {repeats ? hyp.times_blank : hyp.Times(), true};
  }
}

// The prefixes of the beam themselves. Their alignments come from up to three sides: a blank, a
// repetition, and a shorter prefix of the beam whose extension they are.
void CtcPrefixBeamSearch::ChooseStays() {
  const int64_t size = static_cast<int64_t>(hyps_.size());
  ranks_.resize(static_cast<size_t>(frames_.Cols()), -1);
  for (size_t r = 0; r < tokens_.size(); ++r) {
    ranks_[static_cast<size_t>(tokens_[r].id)] = static_cast<int32_t>(r);
  }
  children_.assign(tokens_.size(), -1);
  siblings_.assign(hyps_.size(), -1);
  stays_.assign(hyps_.size(), Stay());
  const int32_t blank_rank = ranks_[static_cast<size_t>(frames_.Blank())];
  for (int64_t i = 0; i < size; ++i) {
    const Hypothesis &hyp = hyps_[static_cast<size_t>(i)];
    const Node &node = nodes_[static_cast<size_t>(hyp.node)];
    Stay *stay = &stays_[static_cast<size_t>(i)];
    if (blank_rank >= 0) {
      const double p = tokens_[static_cast<size_t>(blank_rank)].logp;
      stay->blank = hyp.total + p;
      stay->best_blank = hyp.Best() + p;
      stay->times_blank = {hyp.Times(), false};
      stay->order = Order(blank_rank, i, false);
    }
    const int32_t rank = node.token < 0 ? -1 : ranks_[static_cast<size_t>(node.token)];
    if (rank >= 0) {
      const double p = tokens_[static_cast<size_t>(rank)].logp;
      const int64_t parent = nodes_[static_cast<size_t>(node.parent)].hyp;
      // In the order of the beam: sums and ties depend on it.
      for (const int64_t h : {std::min(i, parent), std::max(i, parent)}) {
        if (h < 0) continue;
        const Hypothesis &from = hyps_[static_cast<size_t>(h)];
        if ((h == i ? from.nonblank : From(from, node.token)) == kZero) continue;
        if (h == i) {
          AddRepetition(from, p, stay);
        } else {
          AddExtension(from, node.token, p, stay);
        }
        stay->order = std::min(stay->order, Order(rank, h, h != i));
      }
      if (parent >= 0) {
        siblings_[static_cast<size_t>(i)] = children_[static_cast<size_t>(rank)];
        children_[static_cast<size_t>(rank)] = static_cast<int32_t>(i);
      }
    }
    stay->total = LogAdd(stay->blank, stay->nonblank);
    if (stay->total > kZero) {
      Choose({stay->total + hyp.extra, stay->order, static_cast<int32_t>(i), -1});
    }
  }
  for (const Token &token : tokens_) ranks_[static_cast<size_t>(token.id)] = -1;
}

// Prefixes that are new in the beam. Tokens and prefixes are sorted, so most are passed over.
template <bool kExtras>
void CtcPrefixBeamSearch::ChooseExtensions() {
  const auto too_bad = [this](double score) {
    return choices_.size() == static_cast<size_t>(beam_) && score < choices_.front().score;
  };
  // No extension of a prefix by a token of log-probability p is better than this.
  const double max_gain = max_gain_;
  const auto bound = [max_gain](const Hypothesis &hyp, double p) {
    return kExtras ? hyp.Score() + p + max_gain : hyp.total + p;
  };
  const int64_t size = static_cast<int64_t>(hyps_.size());
  for (size_t r = 0; r < tokens_.size(); ++r) {
    const double p = tokens_[r].logp;
    const int32_t token = tokens_[r].id;
    if (token == frames_.Blank()) continue;
    if (too_bad(bound(hyps_[0], p))) break;
    for (int64_t h = 0; h < size; ++h) {
      const Hypothesis &hyp = hyps_[static_cast<size_t>(h)];
      if (too_bad(bound(hyp, p))) break;
      const double from = From(hyp, token);
      if (from == kZero) continue;
      int32_t child = children_[r];
      while (child >= 0 &&
             nodes_[static_cast<size_t>(hyps_[static_cast<size_t>(child)].node)].parent !=
                 hyp.node) {
        child = siblings_[static_cast<size_t>(child)];
      }
      if (child >= 0) continue;  // in the beam already: see ChooseStays
      if (kExtras && extras_.words != nullptr &&
          extras_.words->Step(node_extras_[static_cast<size_t>(hyp.node)].words, token) < 0)
        continue;
      double score = from + p;
      if (kExtras) score += Extend(hyp.node, token).Sum();
      Choose({score, Order(static_cast<int64_t>(r), h, true), static_cast<int32_t>(h),
              static_cast<int32_t>(r)});
    }
  }
}

void CtcPrefixBeamSearch::Choose(const Choice &c) {
  if (choices_.size() == static_cast<size_t>(beam_)) {
    if (!Better()(c, choices_.front())) return;
    std::pop_heap(choices_.begin(), choices_.end(), Better());
    choices_.back() = c;
  } else {
    choices_.push_back(c);
  }
  std::push_heap(choices_.begin(), choices_.end(), Better());
}

CtcPrefixBeamSearch::Hypothesis CtcPrefixBeamSearch::Chosen(const Choice &c) {
  const Hypothesis &from = hyps_[static_cast<size_t>(c.hyp)];
  Stay local;
  const Stay *s = &local;
  Hypothesis h;
  h.node = from.node;
  if (c.rank < 0) {
    s = &stays_[static_cast<size_t>(c.hyp)];
  } else {
    const Token &token = tokens_[static_cast<size_t>(c.rank)];
    AddExtension(from, token.id, token.logp, &local);
    local.total = local.nonblank;
    h.node = ChildNode(from.node, token.id);
  }
  h.blank = s->blank;
  h.nonblank = s->nonblank;
  h.total = s->total;
  h.extra = extras_.Any() ? node_extras_[static_cast<size_t>(h.node)].Sum() : 0;
  h.best_blank = s->best_blank;
  h.best_nonblank = s->best_nonblank;
  h.times_blank = WriteTimes(s->times_blank);
  h.times_nonblank = WriteTimes(s->times_nonblank);
  return h;
}

void CtcPrefixBeamSearch::Advance() {
  std::sort_heap(choices_.begin(), choices_.end(), Better());
  next_hyps_.clear();
  for (const Choice &c : choices_) next_hyps_.push_back(Chosen(c));
  for (const Hypothesis &h : hyps_) nodes_[static_cast<size_t>(h.node)].hyp = -1;
  hyps_.swap(next_hyps_);
  for (size_t i = 0; i < hyps_.size(); ++i) {
    nodes_[static_cast<size_t>(hyps_[i].node)].hyp = static_cast<int32_t>(i);
  }
}

int32_t CtcPrefixBeamSearch::ChildNode(int32_t node, int32_t token) {
  for (int32_t c = nodes_[static_cast<size_t>(node)].first_child; c >= 0;
       c = nodes_[static_cast<size_t>(c)].next_sibling) {
    if (nodes_[static_cast<size_t>(c)].token == token) return c;
  }
  const int32_t child = static_cast<int32_t>(nodes_.size());
  nodes_.push_back({node, token, -1, nodes_[static_cast<size_t>(node)].first_child, -1});
  nodes_[static_cast<size_t>(node)].first_child = child;
  if (extras_.Any()) node_extras_.push_back(Extend(node, token));
  return child;
}

CtcPrefixBeamSearch::Extra CtcPrefixBeamSearch::Extend(int32_t node, int32_t token) {
  const Extra &from = node_extras_[static_cast<size_t>(node)];
  Extra to;
  if (extras_.context != nullptr) {
    to.bias = from.bias + extras_.context->Step(from.context, token, &to.context);
  }
  if (extras_.words != nullptr) to.words = extras_.words->Step(from.words, token);
  if (extras_.lm == nullptr) return to;
  if (!extras_.lm->OverWords()) {
    to.language = from.language + extras_.lm->ScoreUnit(from.lm, token, &to.lm);
  } else if (extras_.lm->EndsWord(token)) {
    EndWord(node);
    to.language = from.word_language;
    to.lm = from.word_lm;
  } else {
    to.language = from.language;
    to.lm = from.lm;
  }
  return to;
}

void CtcPrefixBeamSearch::EndWord(int32_t node) {
  Extra *extra = &node_extras_[static_cast<size_t>(node)];
  if (extra->word_lm >= 0) return;
  std::vector<const std::string *> parts;
  for (int32_t k = node; k != 0; k = nodes_[static_cast<size_t>(k)].parent) {
    const int32_t token = nodes_[static_cast<size_t>(k)].token;
    parts.push_back(&extras_.lm->Text(token));
    if (extras_.lm->EndsWord(token)) break;
  }
  std::string word;
  for (size_t i = parts.size(); i-- > 0;) word += *parts[i];
  extra->word_language = extra->language + extras_.lm->ScoreWord(extra->lm, word, &extra->word_lm);
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
    h.acoustic_score = hyps_[i].total;
    if (extras_.Any()) {
      const Extra &extra = node_extras_[static_cast<size_t>(hyps_[i].node)];
      h.language_score = extra.language;
      h.bias_score = extra.bias;
    }
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

std::vector<CtcHypothesis> CtcPrefixBeamSearch::WholeWords(std::vector<CtcHypothesis> hyps) const {
  std::vector<CtcHypothesis> whole;
  for (CtcHypothesis &h : hyps) {
    if (extras_.words->WholeWords(h.tokens) == h.tokens.size()) whole.push_back(h);
  }
  if (!whole.empty()) return whole;
  CtcHypothesis &best = hyps.front();
  const size_t length = extras_.words->WholeWords(best.tokens);
  best.tokens.resize(length);
  best.times.resize(length);
  return {best};
}

std::vector<CtcHypothesis> CtcPrefixBeamSearch::End(int n) {
  if (!extras_.Any()) return NBest(n);
  std::vector<CtcHypothesis> result = NBest(beam_);
  for (size_t i = 0; i < result.size(); ++i) {
    const int32_t node = hyps_[i].node;
    Extra *extra = &node_extras_[static_cast<size_t>(node)];
    CtcHypothesis *h = &result[i];
    if (extras_.context != nullptr) {
      const double last = extras_.context->Finish(extra->context);
      h->bias_score = extras_.wenet ? last : h->bias_score + last;
    }
    if (extras_.lm == nullptr) continue;
    int32_t state = extra->lm;
    if (extras_.lm->OverWords()) {
      EndWord(node);
      h->language_score = extra->word_language;
      state = extra->word_lm;
    }
    h->language_score += extras_.lm->ScoreEnd(state);
  }
  if (!extras_.wenet || extras_.lm != nullptr) {
    std::stable_sort(
        result.begin(), result.end(),
        [](const CtcHypothesis &a, const CtcHypothesis &b) { return a.Score() > b.Score(); });
  }
  if (extras_.words != nullptr) result = WholeWords(std::move(result));
  if (result.size() > static_cast<size_t>(std::max(n, 0))) {
    result.resize(static_cast<size_t>(std::max(n, 0)));
  }
  return result;
}

}  // namespace u2moe
