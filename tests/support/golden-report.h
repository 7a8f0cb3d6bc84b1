// The table of the worst deviations from the golden vectors, one line of the tests' output per row.
#ifndef U2MOE_TESTS_SUPPORT_GOLDEN_REPORT_H_
#define U2MOE_TESTS_SUPPORT_GOLDEN_REPORT_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

namespace u2moe {

// |got - want|, infinite where one of them is NaN: std::max would pass over a NaN.
inline double Deviation(double got, double want) {
  const double d = std::fabs(got - want);
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

// The largest |difference| that a test has seen between us and `file` of the golden vectors, and
// the tolerance it was held to. `set` is a word: what was compared (whole, chunk, streaming...).
// Fails where worst is above the tolerance. tools/dev/golden-table.sh collects the lines.
inline void ReportGolden(const std::string &set, const std::string &file, double worst,
                         double tolerance) {
  std::printf("golden: %s %s %.1e %.1e %.3f\n", set.c_str(), file.c_str(), worst, tolerance,
              tolerance > 0 ? worst / tolerance : 0.);
  EXPECT_LE(worst, tolerance) << set << " " << file;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_GOLDEN_REPORT_H_
