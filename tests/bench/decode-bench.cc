// Time of the CTC searches, one thread: `decode-bench [frames [units [beam]]]`. The least of many
// runs in CPU time of the thread, over three kinds of log-posteriors:
// - peaky: as trained models give them, most frames nearly all blank;
// - flat: Gaussian logits of deviation 2, a hard task for a search;
// - equal: every unit equally probable, where all comparisons are ties.
// Also prefix beam with 100 hot phrases, and with a model of 20 bigrams a unit.
// The bytes of a frame must be read once: "read" is the time of a plain sum over the same matrix.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "base/timer.h"
#include "decode/ctc-search.h"
#include "ops/elementwise.h"
#include "ops/softmax.h"
#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {
namespace {

Tensor LogPosteriors(const std::string &kind, int64_t frames, int64_t units) {
  Rng rng(1);
  Tensor x = Tensor::Zeros(frames, units);
  int64_t label = 0;
  for (int64_t t = 0; t < frames; ++t) {
    if (kind != "equal") {
      for (int64_t j = 0; j < units; ++j) x(t, j) = static_cast<float>(2 * rng.Normal());
    }
    if (kind != "peaky") continue;
    x(t, 0) += 14 + static_cast<float>(2 * rng.Normal());
    // A spike every few frames, with a rival that sounds alike.
    if (t % 5 == 2) label = rng.UniformInt(1, units - 1);
    if (t % 5 == 2 || (t % 5 == 3 && rng.Uniform() < 0.5)) {
      x(t, label) += 16 + static_cast<float>(3 * rng.Normal());
      x(t, 1 + label % (units - 1)) += 12 + static_cast<float>(3 * rng.Normal());
    }
  }
  LogSoftmaxForward(Context(), x, x);
  return x;
}

// A hundred hot phrases of four units, and a bigram model of the units, in files that are removed.
struct Extras {
  const std::string prefix = Cat("/tmp/decode-bench.", getpid());
  const std::string hot_words = prefix + ".hot", lm = prefix + ".arpa";
  SearchUnits units;

  explicit Extras(int64_t num_units) {
    for (int64_t i = 0; i < num_units; ++i) units.units.push_back(Cat("u", i));
    units.encode = [](const std::vector<std::string> &words) {
      std::vector<int32_t> ids;
      for (const std::string &w : words) ids.push_back(std::atoi(w.c_str() + 1));
      return ids;
    };
    Rng rng(2);
    const auto unit = [&] { return Cat("u", rng.UniformInt(1, num_units - 1)); };
    std::ofstream hot(hot_words);
    for (int i = 0; i < 100; ++i) {
      hot << unit() << ' ' << unit() << ' ' << unit() << ' ' << unit() << '\n';
    }
    std::set<std::string> bigrams;
    for (int64_t i = 0; i < 20 * num_units; ++i) bigrams.insert(unit() + ' ' + unit());
    std::ofstream arpa(lm);
    arpa << "\\data\\\nngram 1=" << num_units + 2 << "\nngram 2=" << bigrams.size()
         << "\n\n\\1-grams:\n-99 <s>\n-2 </s>\n";
    for (const std::string &u : units.units) arpa << "-3 " << u << " -0.5\n";
    arpa << "\n\\2-grams:\n";
    for (const std::string &b : bigrams) arpa << "-1.5 " << b << '\n';
    arpa << "\n\\end\\\n";
  }
  ~Extras() {
    std::remove(hot_words.c_str());
    std::remove(lm.c_str());
  }
};

double BestSeconds(const std::function<void()> &fn) {
  double best = 1e9;
  Timer total;
  for (int n = 0; n < 10 || total.Elapsed() < 0.5; ++n) {
    const double begin = ThreadCpuSeconds();
    fn();
    best = std::min(best, ThreadCpuSeconds() - begin);
  }
  return best;
}

}  // namespace

int Run(int argc, char *argv[]) {
  const int64_t frames = argc > 1 ? std::atoll(argv[1]) : 250;
  const int64_t units = argc > 2 ? std::atoll(argv[2]) : 5000;
  const int beam = argc > 3 ? std::atoi(argv[3]) : 10;
  std::printf("%s\n%lld frames, %lld units, beam %d\n", DescribeMachine().c_str(),
              static_cast<long long>(frames), static_cast<long long>(units), beam);
  const Extras extras(units);
  const double bytes = 4.0 * static_cast<double>(frames * units);
  for (const char *kind : {"peaky", "flat", "equal"}) {
    const Tensor x = LogPosteriors(kind, frames, units);
    const Context ctx;
    const auto print = [&](const char *name, double seconds) {
      std::printf("%-6s %-18s %8.3f ms %7.1f GB/s\n", kind, name, 1e3 * seconds,
                  1e-9 * bytes / seconds);
    };
    double sum = 0;
    print("read", BestSeconds([&] { sum += SumOfSquares(ctx, x); }));
    for (const char *method : {"greedy", "prefix-beam", "hot words", "unit n-grams"}) {
      CtcSearchOptions opts;
      opts.method = method == std::string("greedy") ? "greedy" : "prefix-beam";
      opts.prefix_beam.beam = beam;
      if (method == std::string("hot words")) opts.hot_words.file = extras.hot_words;
      if (method == std::string("unit n-grams")) opts.lm.file = extras.lm;
      opts.lm.units = "units";
      const auto resource = MakeSearchResource(opts, extras.units);
      const auto search = resource->NewSearch();
      size_t length = 0;
      print(method, BestSeconds([&] { length = CtcDecode(x, 1, search.get())[0].tokens.size(); }));
      if (sum < 0 || length > static_cast<size_t>(frames)) return 1;
    }
  }
  return 0;
}

}  // namespace u2moe

int main(int argc, char *argv[]) { return u2moe::Run(argc, argv); }
