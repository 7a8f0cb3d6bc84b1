#include "decode/word-time-fit.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"
#include "base/quantile.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr int kShareSteps = 10;  // of 0.05

double Median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return SortedQuantile(x, 0.5);
}

std::vector<double> Absolute(const std::vector<double> &x) {
  std::vector<double> result;
  for (const double v : x) result.push_back(std::abs(v));
  std::sort(result.begin(), result.end());
  return result;
}

std::string Describe(const std::vector<double> &errors) {
  const auto ms = [](double seconds) { return Cat(std::llround(1000 * seconds), " ms"); };
  const std::vector<double> absolute = Absolute(errors);
  return Cat("median ", ms(SortedQuantile(absolute, 0.5)), ", p90 ",
             ms(SortedQuantile(absolute, 0.9)), ", bias ", ms(Median(errors)));
}

}  // namespace

void WordTimeFitter::Add(const std::vector<TimedWord> &words, const std::vector<WordFrames> &frames,
                         const std::vector<TimedWord> &reference) {
  CHECK_EQ(words.size(), frames.size());
  for (size_t i = 0; i < std::max(words.size(), reference.size()); ++i) {
    if (i < words.size() && i < reference.size() &&
        FoldCase(words[i].text) == FoldCase(reference[i].text))
      continue;
    const auto name = [i](const std::vector<TimedWord> &list) {
      return i < list.size() ? "'" + Printable(list[i].text) + "'" : std::string("none");
    };
    throw DataError("word ", i + 1, " is ", name(words), ", and ", name(reference),
                    " in the reference");
  }
  for (size_t i = 0; i < words.size(); ++i) {
    begins_.push_back({frames[i].begin, frames[i].gap_before, reference[i].begin});
    ends_.push_back({frames[i].end, frames[i].gap_after, reference[i].end});
  }
}

void WordTimeFitter::FitEdges(const std::vector<Edge> &edges, double sign, double *share,
                              double *offset) {
  double least = -1;
  for (int step = 0; step <= kShareSteps; ++step) {
    const double s = step / 20.0;
    std::vector<double> missing;
    for (const Edge &edge : edges)
      missing.push_back(edge.reference - (edge.time + sign * s * edge.gap));
    const double o = std::round(1000 * Median(missing)) / 1000;
    double sum = 0;
    for (const double m : missing) sum += std::abs(m - o);
    if (least >= 0 && sum >= least) continue;
    least = sum;
    *share = s;
    *offset = o;
  }
}

WordTimeOptions WordTimeFitter::Fit() const {
  if (begins_.empty()) throw DataError("no word with a known time: there is nothing to fit");
  WordTimeOptions opts;
  FitEdges(begins_, -1, &opts.begin_share, &opts.begin_offset);
  FitEdges(ends_, 1, &opts.end_share, &opts.end_offset);
  return opts;
}

void WordTimeErrors::Add(const std::vector<TimedWord> &words,
                         const std::vector<TimedWord> &reference) {
  CHECK_EQ(words.size(), reference.size());
  for (size_t i = 0; i < words.size(); ++i) {
    begins_.push_back(words[i].begin - reference[i].begin);
    ends_.push_back(words[i].end - reference[i].end);
  }
}

double WordTimeErrors::AbsoluteQuantile(double q) const {
  std::vector<double> all = begins_;
  all.insert(all.end(), ends_.begin(), ends_.end());
  return SortedQuantile(Absolute(all), q);
}

std::string WordTimeErrors::ToString() const {
  std::vector<double> all = begins_;
  all.insert(all.end(), ends_.begin(), ends_.end());
  return Cat(begins_.size(), " words: begins ", Describe(begins_), "; ends ", Describe(ends_),
             "; all ", Describe(all));
}

}  // namespace u2moe
