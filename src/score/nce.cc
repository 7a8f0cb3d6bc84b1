#include "score/nce.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

// Of the words with what the map makes of them, in nats, and its derivatives by slope and offset.
struct CrossEntropy {
  double value = 0, d_slope = 0, d_offset = 0;
  double d_slope_slope = 0, d_slope_offset = 0, d_offset_offset = 0;
};

CrossEntropy CrossEntropyOf(const std::vector<JudgedWord> &words, double slope, double offset) {
  CrossEntropy h;
  for (const JudgedWord &word : words) {
    const double x = ConfidenceLogOdds(word.confidence);
    const double z = slope * x + offset;
    // log(1 + exp(-z)) for a right word, log(1 + exp(z)) for a wrong one.
    const double against = word.correct ? -z : z;
    h.value += std::max(against, 0.0) + std::log1p(std::exp(-std::fabs(against)));
    const double p = 1 / (1 + std::exp(-z)), d = p - (word.correct ? 1 : 0), curve = p * (1 - p);
    h.d_slope += d * x;
    h.d_offset += d;
    h.d_slope_slope += curve * x * x;
    h.d_slope_offset += curve * x;
    h.d_offset_offset += curve;
  }
  return h;
}

}  // namespace

JudgedUtterances JudgeWords(const std::vector<Transcript> &refs,
                            const std::map<std::string, std::vector<TimedWord>> &words,
                            const WerOptions &opts) {
  std::vector<Transcript> hyps;
  std::map<std::string, std::vector<double>> confidences;
  for (const auto &[recording, list] : words) {
    Transcript hyp{recording, {}};
    std::vector<double> &own = confidences[recording];
    for (const TimedWord &word : list) {
      if (word.confidence < 0) {
        throw DataError("recording ", Printable(recording, 200), ": the word '",
                        Printable(word.text), "' has no confidence");
      }
      for (std::string &unit : opts.Normalizer().Apply({word.text})) {
        hyp.words.push_back(std::move(unit));
        own.push_back(word.confidence);
      }
    }
    hyps.push_back(std::move(hyp));
  }
  JudgedUtterances judged;
  for (const ScoredUtterance &u : ScoreTranscripts(refs, hyps, opts, true).utterances) {
    judged.emplace_back();
    const std::vector<double> &own = confidences[u.key];
    for (const Edit edit : u.edits) {
      if (edit == Edit::kDeletion) continue;
      judged.back().push_back({own.at(judged.back().size()), edit == Edit::kCorrect});
    }
  }
  return judged;
}

std::vector<JudgedWord> AllWords(const JudgedUtterances &utterances) {
  std::vector<JudgedWord> words;
  for (const auto &u : utterances) words.insert(words.end(), u.begin(), u.end());
  return words;
}

double NormalizedCrossEntropy(const std::vector<JudgedWord> &words) {
  const auto n = static_cast<double>(words.size());
  const auto correct = static_cast<double>(
      std::count_if(words.begin(), words.end(), [](const JudgedWord &w) { return w.correct; }));
  if (correct == 0 || correct == n) return std::numeric_limits<double>::quiet_NaN();
  const double base = -correct * std::log(correct / n) - (n - correct) * std::log1p(-correct / n);
  return 1 - CrossEntropyOf(words, 1, 0).value / base;
}

std::vector<CalibrationBin> CalibrationTable(const std::vector<JudgedWord> &words, int num_bins) {
  std::vector<CalibrationBin> table(static_cast<size_t>(num_bins));
  for (size_t i = 0; i < table.size(); ++i) {
    table[i].low = static_cast<double>(i) / num_bins;
    table[i].high = static_cast<double>(i + 1) / num_bins;
  }
  for (const JudgedWord &word : words) {
    const auto i = static_cast<size_t>(word.confidence * num_bins);
    CalibrationBin &bin = table[std::min(i, table.size() - 1)];
    ++bin.words;
    bin.correct += word.correct;
    bin.mean += word.confidence;
  }
  for (CalibrationBin &bin : table) {
    if (bin.words > 0) bin.mean /= static_cast<double>(bin.words);
  }
  return table;
}

double CalibrationError(const std::vector<CalibrationBin> &table) {
  double sum = 0, words = 0;
  for (const CalibrationBin &bin : table) {
    const auto n = static_cast<double>(bin.words);
    sum += std::fabs(static_cast<double>(bin.correct) - n * bin.mean);
    words += n;
  }
  return words > 0 ? sum / words : 0;
}

ConfidenceMap FitConfidenceMap(const std::vector<JudgedWord> &words, bool with_offset) {
  constexpr double kPull = 0.01, kLeastSlope = 1e-3;
  double slope = 1, offset = 0;
  const auto cost = [&](double a, double b) {
    return CrossEntropyOf(words, a, b).value + kPull / 2 * ((a - 1) * (a - 1) + b * b);
  };
  for (int step = 0; step < 100; ++step) {
    const CrossEntropy h = CrossEntropyOf(words, slope, offset);
    const double ga = h.d_slope + kPull * (slope - 1), gb = h.d_offset + kPull * offset;
    const double aa = h.d_slope_slope + kPull, ab = h.d_slope_offset,
                 bb = h.d_offset_offset + kPull;
    double da, db = 0;
    if (with_offset) {
      const double det = aa * bb - ab * ab;
      da = -(bb * ga - ab * gb) / det;
      db = -(aa * gb - ab * ga) / det;
    } else {
      da = -ga / aa;
    }
    // Half the step until the cost falls: far from its least the curve is no parabola.
    const double before = cost(slope, offset);
    double share = 1;
    while (share > 1e-9 && cost(slope + share * da, offset + share * db) > before) share /= 2;
    if (share <= 1e-9) break;
    slope += share * da;
    offset += share * db;
    if (std::fabs(da) + std::fabs(db) < 1e-10) break;
  }
  ConfidenceMap map;
  map.slope = std::max(slope, kLeastSlope);
  map.offset = offset;
  return map;
}

ConfidenceMap ChooseConfidenceMap(const JudgedUtterances &utterances) {
  JudgedUtterances halves[2];
  for (size_t i = 0; i < utterances.size(); ++i) halves[i % 2].push_back(utterances[i]);
  const std::vector<JudgedWord> all = AllWords(utterances), even = AllWords(halves[0]),
                                odd = AllWords(halves[1]);
  if (all.empty()) throw Error("no words to fit a map of confidences on");
  const auto held_out = [&](bool with_offset) {
    double sum = 0;
    for (const auto &[fit, other] : {std::pair(&even, &odd), std::pair(&odd, &even)}) {
      const ConfidenceMap map = FitConfidenceMap(*fit, with_offset);
      sum += CrossEntropyOf(*other, map.slope, map.offset).value;
    }
    return sum;
  };
  return FitConfidenceMap(all, held_out(true) < held_out(false));
}

std::string SetDigest(const std::vector<Transcript> &set) {
  std::vector<std::string> lines;
  for (const Transcript &t : set) lines.push_back(t.key + '\n' + Join(t.words, "\n") + '\n');
  std::sort(lines.begin(), lines.end());
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const std::string &line : lines) {
    for (const char c : line) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    hash = (hash ^ 0xffu) * 1099511628211u;
  }
  char digits[24];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

}  // namespace u2moe
