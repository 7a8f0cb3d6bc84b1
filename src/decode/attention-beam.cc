#include "decode/attention-beam.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "base/check.h"
#include "base/error.h"
#include "decode/allowed-words.h"

namespace u2moe {

void AttentionBeamOptions::Register(OptionParser *po) {
  po->Register("beam", &beam, "hypotheses kept per step");
  po->Register("nbest", &nbest,
               "hypotheses written per utterance, at most --beam; above 1 the keys are "
               "<utterance>-<n>, n from 1 (best)");
  po->Register("ctc-weight", &ctc_weight,
               "share of the CTC prefix score, from 0 (the decoder alone) to 1; that of the "
               "decoder is the rest");
  po->Register(
      "pre-beam", &pre_beam,
      "labels that the decoder proposes for each hypothesis, beside its end, and CTC scores; "
      "0: one and a half times --beam");
  po->Register("length-bonus", &length_bonus, "natural-log units added to the score per label");
  po->Register("length-penalty", &length_penalty,
               "at the end scores are divided by (number of labels)^this, as WeNet does; not "
               "together with --length-bonus");
  po->Register("max-length-ratio", &max_length_ratio,
               "a hypothesis ends, or is cut off, after this times as many labels as there are "
               "encoder frames");
}

void AttentionBeamOptions::Check() const {
  if (beam < 1) throw UsageError("--beam=", beam, ": must be at least 1");
  if (nbest < 1) throw UsageError("--nbest=", nbest, ": must be at least 1");
  if (nbest > beam) {
    throw UsageError("--nbest=", nbest, ": more than --beam=", beam, " hypotheses are never kept");
  }
  if (!(ctc_weight >= 0 && ctc_weight <= 1)) {
    throw UsageError("--ctc-weight=", ctc_weight, ": must be from 0 to 1");
  }
  if (pre_beam < 0) throw UsageError("--pre-beam=", pre_beam, ": must not be negative");
  if (!std::isfinite(length_bonus)) {
    throw UsageError("--length-bonus=", length_bonus, ": must be a number");
  }
  if (!std::isfinite(length_penalty)) {
    throw UsageError("--length-penalty=", length_penalty, ": must be a number");
  }
  if (length_bonus != 0 && length_penalty != 0) {
    throw UsageError("--length-bonus=", length_bonus, " and --length-penalty=", length_penalty,
                     ": give one of them");
  }
  if (!(max_length_ratio > 0 && max_length_ratio <= 100)) {
    throw UsageError("--max-length-ratio=", max_length_ratio, ": must be above 0, at most 100");
  }
}

std::string AttentionBeamOptions::ToString() const {
  std::string s =
      Cat(ctc_weight > 0 ? "joint CTC/attention search, CTC weight " : "attention search",
          ctc_weight > 0 ? Cat(ctc_weight) : "", ", beam ", beam);
  if (length_bonus != 0) s += Cat(", length bonus ", length_bonus);
  if (length_penalty != 0) s += Cat(", length penalty ", length_penalty);
  if (max_length_ratio != 1) s += Cat(", at most ", max_length_ratio, " labels per frame");
  return s;
}

int64_t AttentionBeamOptions::MaxLength(int64_t num_frames) const {
  return std::max<int64_t>(
      1, std::llround(static_cast<double>(max_length_ratio) * static_cast<double>(num_frames)));
}

namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

class Beam {
 public:
  Beam(const AttentionBeamOptions &opts, const CtcPrefixScorer *ctc, LabelDecoder *decoder,
       const AllowedWords *words)
      : opts_(opts),
        weight_(opts.ctc_weight),
        ctc_(weight_ > 0 ? ctc : nullptr),
        decoder_(decoder),
        words_(words),
        end_(decoder->EndLabel()) {
    CHECK(weight_ == 0 || ctc != nullptr);
    places_.emplace_back();
    if (words_ != nullptr) places_[0].words = words_->Begin();
    if (ctc_ != nullptr) places_[0].state = std::make_shared<CtcPrefixScorer::State>(ctc_->Start());
  }

  // One more label for each hypothesis that has not ended; false where there is none, or where
  // CTC has no room left for the words that were begun.
  bool Step() {
    std::vector<int32_t> labels, parents;
    for (Place &p : places_) {
      if (p.ended) continue;
      p.row = static_cast<int64_t>(labels.size());
      p.node = num_nodes_ + static_cast<int32_t>(labels.size());
      labels.push_back(p.tokens.empty() ? end_ : p.tokens.back());
      parents.push_back(p.parent_node);
    }
    if (labels.empty()) return false;
    num_nodes_ += static_cast<int32_t>(labels.size());
    const ConstView logp = decoder_->Extend(labels, parents);
    CHECK_EQ(logp.Rows(), static_cast<int64_t>(labels.size()));
    candidates_.clear();
    for (size_t i = 0; i < places_.size(); ++i) {
      if (places_[i].ended) {
        candidates_.push_back({places_[i].score, places_[i].attention, places_[i].ctc, i, -1});
      } else {
        Propose(i, logp.Row(places_[i].row), logp.Cols());
      }
    }
    if (words_ != nullptr && candidates_.empty()) return false;
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate &a, const Candidate &b) { return a.score > b.score; });
    if (candidates_.size() > static_cast<size_t>(opts_.beam)) {
      candidates_.resize(static_cast<size_t>(opts_.beam));
    }
    Advance();
    return true;
  }

  // Whether no hypothesis can still come before the n-th best that ended. Those that go on have
  // `steps` labels to come at most.
  bool Decided(int64_t steps) const {
    if (opts_.length_penalty != 0) return false;
    const double gain =
        std::max(0.0, static_cast<double>(opts_.length_bonus)) * static_cast<double>(steps);
    int32_t ended = 0;
    double nth = kImpossible;
    for (const Place &p : places_) {
      if (p.ended && ++ended == opts_.nbest) nth = p.score;
    }
    if (ended < opts_.nbest) return false;
    return std::all_of(places_.begin(), places_.end(),
                       [&](const Place &p) { return p.ended || p.score + gain < nth; });
  }

  std::vector<AttentionHypothesis> Best() const {
    std::vector<AttentionHypothesis> best;
    const auto whole = [this](const Place &p) {
      return words_ == nullptr || p.ended || words_->MayEnd(p.words);
    };
    const bool any_whole = std::any_of(places_.begin(), places_.end(), whole);
    for (const Place &p : places_) {
      if (any_whole && !whole(p)) continue;
      AttentionHypothesis h;
      h.tokens = p.tokens;
      h.attention = p.attention;
      h.ctc = p.ctc;
      h.ended = p.ended;
      h.total = p.score;
      if (opts_.length_penalty != 0) {
        h.total /= std::pow(std::max(1.0, static_cast<double>(p.tokens.size())),
                            static_cast<double>(opts_.length_penalty));
      }
      best.push_back(std::move(h));
    }
    std::stable_sort(best.begin(), best.end(),
                     [](const auto &a, const auto &b) { return a.total > b.total; });
    if (best.size() > static_cast<size_t>(opts_.nbest)) {
      best.resize(static_cast<size_t>(opts_.nbest));
    }
    if (!any_whole) {
      best.resize(1);
      best[0].tokens.resize(words_->WholeWords(best[0].tokens));
    }
    return best;
  }

 private:
  struct Place {
    std::vector<int32_t> tokens;
    double attention = 0, ctc = 0, score = 0;
    bool ended = false;
    int32_t words = 0;                                    // the state of words_
    int32_t parent_node = -1, node = -1;                  // in the decoder's tree
    int64_t row = -1;                                     // of this step's log-probabilities
    std::shared_ptr<const CtcPrefixScorer::State> state;  // until it has ended
  };
  struct Candidate {
    double score, attention, ctc;
    size_t place;
    int32_t label;  // -1: the hypothesis as it is
  };

  double Score(double attention, double ctc, size_t labels) const {
    double score = weight_ < 1 ? (1 - weight_) * attention : 0.0;
    if (weight_ > 0) score += weight_ * ctc;
    return score + static_cast<double>(opts_.length_bonus) * static_cast<double>(labels);
  }

  // The labels that the decoder likes best of those that may come, so many beside the end, which
  // is always among them if it may come.
  void TakeLabels(const Place &place, const float *logp, int64_t vocab) {
    const int64_t wanted = weight_ == 0         ? opts_.beam
                           : opts_.pre_beam > 0 ? opts_.pre_beam
                                                : (3 * int64_t{opts_.beam} + 1) / 2;
    bool may_end = true;
    labels_.clear();
    if (words_ == nullptr) {
      labels_.resize(static_cast<size_t>(vocab));
      std::iota(labels_.begin(), labels_.end(), 0);
    } else {
      for (const int32_t token : words_->Tokens(place.words)) {
        CHECK_LT(token, vocab);
        if (token != end_) labels_.push_back(token);
      }
      may_end = words_->MayEnd(place.words);
      if (may_end) labels_.push_back(end_);
    }
    const auto kept = static_cast<std::ptrdiff_t>(
        std::min(wanted + may_end, static_cast<int64_t>(labels_.size())));
    std::partial_sort(
        labels_.begin(), labels_.begin() + kept, labels_.end(),
        [logp](int32_t a, int32_t b) { return logp[a] != logp[b] ? logp[a] > logp[b] : a < b; });
    labels_.resize(static_cast<size_t>(kept));
    if (may_end && std::find(labels_.begin(), labels_.end(), end_) == labels_.end())
      labels_.back() = end_;
  }

  void Propose(size_t place, const float *logp, int64_t vocab) {
    const Place &p = places_[place];
    for (int64_t c = 0; c < vocab; ++c) {
      if (std::isnan(logp[c])) {
        throw DataError("the decoder's log-probability of label ", c, " after ", p.tokens.size(),
                        " labels is NaN; is the encoder output of the same model?");
      }
    }
    TakeLabels(p, logp, vocab);
    prefix_scores_.assign(labels_.size(), 0.0);
    if (ctc_ != nullptr) ctc_->Score(*p.state, labels_, prefix_scores_.data());
    for (size_t i = 0; i < labels_.size(); ++i) {
      const int32_t label = labels_[i];
      const bool ends = label == end_;
      const double attention = p.attention + static_cast<double>(logp[label]);
      const double ctc = ctc_ == nullptr ? 0.0 : ends ? ctc_->End(*p.state) : prefix_scores_[i];
      const double score = Score(attention, ctc, p.tokens.size() + (ends ? 0 : 1));
      if (score > kImpossible) candidates_.push_back({score, attention, ctc, place, label});
    }
  }

  void Advance() {
    if (candidates_.empty()) {
      throw DataError(
          "no hypothesis has a probability above 0; is the encoder output of the same "
          "model?");
    }
    std::vector<Place> next;
    for (const Candidate &c : candidates_) {
      const Place &from = places_[c.place];
      next.push_back({from.tokens, c.attention, c.ctc, c.score, true, 0, -1, -1, -1, nullptr});
      Place &p = next.back();
      if (c.label < 0 || c.label == end_) continue;
      p.ended = false;
      p.tokens.push_back(c.label);
      if (words_ != nullptr) p.words = words_->Step(from.words, c.label);
      p.parent_node = from.node;
      if (ctc_ != nullptr) {
        p.state = std::make_shared<CtcPrefixScorer::State>(ctc_->Extend(*from.state, c.label));
      }
    }
    places_ = std::move(next);
  }

  const AttentionBeamOptions &opts_;
  const double weight_;
  const CtcPrefixScorer *ctc_;
  LabelDecoder *decoder_;
  const AllowedWords *words_;  // or null
  const int32_t end_;
  int32_t num_nodes_ = 0;
  std::vector<Place> places_;  // best first
  std::vector<Candidate> candidates_;
  std::vector<int32_t> labels_;
  std::vector<double> prefix_scores_;
};

// What CTC says of a hypothesis that was found without it.
double CtcScore(const CtcPrefixScorer &ctc, const AttentionHypothesis &h) {
  CtcPrefixScorer::State state = ctc.Start();
  double prefix = 0;
  for (const int32_t label : h.tokens) {
    ctc.Score(state, {label}, &prefix);
    if (prefix == kImpossible) return prefix;  // the blank among others
    state = ctc.Extend(state, label);
  }
  return h.ended ? ctc.End(state) : prefix;
}

}  // namespace

std::vector<AttentionHypothesis> AttentionBeamSearch(const AttentionBeamOptions &opts,
                                                     int64_t num_frames, const CtcPrefixScorer *ctc,
                                                     LabelDecoder *decoder,
                                                     const AllowedWords *words) {
  CHECK(ctc == nullptr || ctc->NumFrames() == num_frames);
  Beam beam(opts, ctc, decoder, words);
  const int64_t max_length = opts.MaxLength(num_frames);
  for (int64_t step = 0; step < max_length && !beam.Decided(max_length - step); ++step) {
    if (!beam.Step()) break;
  }
  std::vector<AttentionHypothesis> best = beam.Best();
  if (ctc != nullptr && opts.ctc_weight == 0) {
    for (AttentionHypothesis &h : best) h.ctc = CtcScore(*ctc, h);
  }
  return best;
}

}  // namespace u2moe
