#include "score/matched-pairs.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {
namespace {

// What one hypothesis did around each word of the reference.
struct WordErrors {
  std::vector<int64_t> inserted;  // before each word, and at the end
  std::vector<bool> wrong;        // each word

  explicit WordErrors(const ScoredUtterance &u) : inserted(1, 0) {
    for (const Edit edit : u.edits) {
      if (edit == Edit::kInsertion) {
        ++inserted.back();
      } else {
        wrong.push_back(edit != Edit::kCorrect);
        inserted.push_back(0);
      }
    }
    const EditCounts &c = u.counts;
    CHECK(static_cast<int64_t>(u.edits.size()) == c.RefLength() + c.insertions)
        << "the result has no alignment";
  }
};

// Adds the differences of the segments of one utterance.
void AddSegments(const WordErrors &a, const WordErrors &b, int min_correct,
                 std::vector<int64_t> *differences) {
  int64_t difference = 0;
  int correct = 0;    // neighbouring words, since the last error
  bool open = false;  // there was an error, and not yet enough correct words behind it
  for (size_t k = 0; k < a.inserted.size(); ++k) {
    if (a.inserted[k] + b.inserted[k] > 0) {
      difference += b.inserted[k] - a.inserted[k];
      open = true;
      correct = 0;
    }
    if (k == a.wrong.size()) break;
    if (a.wrong[k] || b.wrong[k]) {
      difference += b.wrong[k] - a.wrong[k];
      open = true;
      correct = 0;
    } else if (++correct >= min_correct && open) {
      differences->push_back(difference);
      difference = 0;
      open = false;
    }
  }
  if (open) differences->push_back(difference);
}

}  // namespace

MatchedPairs MatchedPairsTest(const WerResult &first, const WerResult &second, int min_correct) {
  CHECK(min_correct > 0);
  if (first.utterances.size() != second.utterances.size()) {
    throw Error("the first hypothesis has ", first.utterances.size(),
                " scored utterances, the second ", second.utterances.size());
  }
  std::vector<int64_t> differences;
  for (size_t i = 0; i < first.utterances.size(); ++i) {
    const ScoredUtterance &u = first.utterances[i], &v = second.utterances[i];
    if (u.key != v.key || u.counts.RefLength() != v.counts.RefLength()) {
      throw Error("utterance ", u.key, " of the first hypothesis faces ", v.key,
                  " of the second; both must be scored on the same references");
    }
    if (u.counts.Errors() + v.counts.Errors() == 0) continue;
    AddSegments(WordErrors(u), WordErrors(v), min_correct, &differences);
  }
  MatchedPairs result;
  result.segments = static_cast<int64_t>(differences.size());
  if (differences.empty()) return result;
  const auto n = static_cast<double>(differences.size());
  for (const int64_t d : differences) result.mean += static_cast<double>(d);
  result.mean /= n;
  double squares = 0;
  for (const int64_t d : differences) {
    const double off = static_cast<double>(d) - result.mean;
    squares += off * off;
  }
  const auto [low, high] = std::minmax_element(differences.begin(), differences.end());
  if (*low == *high) return result;
  result.deviation = std::sqrt(squares / (n - 1));
  result.z = result.mean / (result.deviation / std::sqrt(n));
  result.p = std::erfc(std::fabs(result.z) / std::sqrt(2.0));
  return result;
}

std::vector<double> HolmAdjusted(const std::vector<double> &p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return p[i] < p[j]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (size_t k = 0; k < order.size(); ++k) {
    largest = std::max(largest, std::min(1.0, p[order[k]] * static_cast<double>(p.size() - k)));
    adjusted[order[k]] = largest;
  }
  return adjusted;
}

}  // namespace u2moe
