#include "decode/ctc-align.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "decode/frame-source.h"
#include "util/ctc-topology.h"

namespace u2moe {
namespace {

constexpr double kNoPath = -std::numeric_limits<double>::infinity();

// Viterbi along the chain. Scores are kept at the beginnings of blocks of about sqrt(T) frames;
// going back, the steps of one block at a time are found anew.
class ChainViterbi {
 public:
  ChainViterbi(ConstView logp, const CtcChain &chain)
      : logp_(logp),
        chain_(chain),
        num_states_(static_cast<size_t>(chain.NumStates())),
        block_(std::max<int64_t>(1, std::llround(std::sqrt(static_cast<double>(logp.Rows()))))) {}

  // The state of each frame; empty where no path has a probability.
  std::vector<int64_t> Run() {
    const int64_t frames = logp_.Rows();
    std::vector<double> scores(num_states_, kNoPath);
    for (int64_t t = 0; t < frames; ++t) {
      if (t % block_ == 0) begins_.push_back(scores);
      Step(t, &scores, nullptr);
    }
    std::vector<int64_t> states(static_cast<size_t>(frames), -1);
    int64_t state = static_cast<int64_t>(num_states_) - 1;
    if (state > 0 && scores[static_cast<size_t>(state) - 1] > scores[static_cast<size_t>(state)])
      --state;
    if (scores[static_cast<size_t>(state)] == kNoPath) return {};
    std::vector<uint8_t> back(static_cast<size_t>(block_) * num_states_);
    for (int64_t begin = (frames - 1) / block_ * block_; begin >= 0; begin -= block_) {
      const int64_t end = std::min(begin + block_, frames);
      scores = begins_[static_cast<size_t>(begin / block_)];
      for (int64_t t = begin; t < end; ++t) Step(t, &scores, Back(&back, t - begin));
      for (int64_t t = end - 1; t >= begin; --t) {
        states[static_cast<size_t>(t)] = state;
        state -= Back(&back, t - begin)[state];
      }
    }
    return states;
  }

 private:
  uint8_t *Back(std::vector<uint8_t> *back, int64_t row) const {
    return back->data() + static_cast<size_t>(row) * num_states_;
  }

  // From the scores after frame t - 1 to those after t. back, if given: how many states back each
  // came from; the fewest of equal ones.
  void Step(int64_t t, std::vector<double> *scores, uint8_t *back) const {
    const float *row = logp_.Row(t);
    // Only these can be reached, and can still reach the end.
    const int64_t last = std::min(static_cast<int64_t>(num_states_) - 1, 2 * t + 1);
    double *s = scores->data();
    for (int64_t state = last; state >= 0; --state) {
      double best = t == 0 ? (state < 2 ? 0 : kNoPath) : s[state];
      uint8_t from = 0;
      if (t > 0 && state > 0 && s[state - 1] > best) {
        best = s[state - 1];
        from = 1;
      }
      if (t > 0 && chain_.MaySkip(state) && s[state - 2] > best) {
        best = s[state - 2];
        from = 2;
      }
      s[state] = best + static_cast<double>(row[chain_.Symbol(state)]);
      if (back != nullptr) back[state] = from;
    }
  }

  ConstView logp_;
  const CtcChain &chain_;
  size_t num_states_;
  int64_t block_;
  std::vector<std::vector<double>> begins_;
};

void CheckLogProbs(ConstView logp, int32_t blank) {
  CtcFrameSource frames(blank, 0);
  frames.Begin();
  frames.CheckShape(logp);
  for (int64_t t = 0; t < logp.Rows(); ++t, frames.Advance()) frames.GroupMaxima(logp.Row(t));
}

void CheckTokens(ConstView logp, Span<int32_t> tokens, int32_t blank) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == blank) throw DataError("token ", i + 1, " of the transcript is the blank");
    if (tokens[i] < 0 || (logp.Rows() > 0 && tokens[i] >= logp.Cols())) {
      throw DataError("token ", i + 1, " of the transcript, ", tokens[i], ", is outside the ",
                      logp.Cols(), " columns of the log-posteriors; do they belong to one model?");
    }
  }
  const int64_t needed = CtcMinFrames(tokens),
                repeats = needed - static_cast<int64_t>(tokens.size());
  if (needed > logp.Rows()) {
    throw DataError("the transcript needs ", needed, " frames, for ", tokens.size(), " tokens and ",
                    repeats, " blanks between equal ones, and there are ", logp.Rows(),
                    "; is it the transcript of another recording?");
  }
}

}  // namespace

std::vector<int32_t> CtcAlignment::Path(int32_t blank) const {
  std::vector<int32_t> path(frame_log_probs.size(), blank);
  for (const AlignedToken &t : tokens)
    std::fill(path.begin() + t.begin, path.begin() + t.end, t.token);
  return path;
}

CtcAlignment AlignmentOfPath(Span<int32_t> path, int32_t blank) {
  CtcAlignment result;
  result.frame_log_probs.assign(path.size(), 0);
  for (size_t t = 0; t < path.size(); ++t) {
    if (path[t] == blank) continue;
    const auto frame = static_cast<int32_t>(t);
    if (t == 0 || path[t] != path[t - 1]) {
      result.tokens.push_back({path[t], frame, frame + 1, frame, 0, 0});
    } else {
      ++result.tokens.back().end;
    }
  }
  return result;
}

CtcAlignment AlignCtc(ConstView logp, Span<int32_t> tokens, int32_t blank) {
  CtcAlignment result;
  CheckTokens(logp, tokens, blank);
  if (logp.Rows() == 0) return result;
  CheckLogProbs(logp, blank);
  const CtcChain chain(tokens, blank);
  const std::vector<int64_t> states = ChainViterbi(logp, chain).Run();
  if (states.empty()) {
    throw DataError("no alignment of the ", tokens.size(), " tokens with the ", logp.Rows(),
                    " frames has a probability above 0");
  }
  for (size_t t = 0; t < states.size(); ++t) {
    const int32_t symbol = chain.Symbol(states[t]), frame = static_cast<int32_t>(t);
    const float log_prob = logp(frame, symbol);
    result.frame_log_probs.push_back(log_prob);
    result.score += log_prob;
    if (states[t] % 2 == 0) continue;
    if (t == 0 || states[t] != states[t - 1]) {
      result.tokens.push_back({symbol, frame, frame, frame, 0, log_prob});
    }
    AlignedToken &token = result.tokens.back();
    token.end = frame + 1;
    token.log_prob += log_prob;
    if (log_prob > token.peak_log_prob) {
      token.peak = frame;
      token.peak_log_prob = log_prob;
    }
  }
  for (AlignedToken &token : result.tokens) token.log_prob /= token.end - token.begin;
  return result;
}

}  // namespace u2moe
