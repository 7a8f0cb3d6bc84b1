// CPU time of the search of a decoding graph, one thread:
//
//   wfst-bench <TLG.fst> <logp-rspecifier> [beam [max-active [min-active]]]
//
// Prints "best-path <seconds>" and "lattice <seconds>" (the search with all that a lattice needs,
// not its determinisation), the least of two runs over all utterances, and for each utterance
// "score <key> <natural-log score>". tests/bench/wfst_peers.py compares it with kaldi-decoder.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/timer.h"
#include "decode/ctc-search.h"
#include "table/kaldi-tables.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  if (argc < 3) return 2;
  CtcSearchOptions opts;
  opts.method = "wfst";
  opts.wfst.graph = argv[1];
  if (argc > 3) opts.wfst.beam = static_cast<float>(std::atof(argv[3]));
  if (argc > 4) opts.wfst.max_active = std::atoi(argv[4]);
  if (argc > 5) opts.wfst.min_active = std::atoi(argv[5]);
  std::map<std::string, Tensor> logp;
  for (SequentialMatrixReader reader(argv[2]); !reader.Done(); reader.Next())
    logp.emplace(reader.Key(), Tensor::Copy(reader.Value()));
  for (const bool lattice : {false, true}) {
    opts.wfst.lattice = lattice;
    const auto resource = MakeSearchResource(opts);
    const auto search = resource->NewSearch();
    double best = 1e9;
    for (int run = 0; run < 2; ++run) {
      const double begin = ThreadCpuSeconds();
      for (const auto &[key, matrix] : logp) {
        const CtcHypothesis h = CtcDecode(matrix, 1, search.get())[0];
        if (run == 0 && !lattice) std::printf("score %s %.9g\n", key.c_str(), h.Score());
      }
      best = std::min(best, ThreadCpuSeconds() - begin);
    }
    std::printf("%s %.6f\n", lattice ? "lattice" : "best-path", best);
  }
  return 0;
}

}  // namespace u2moe

int main(int argc, char *argv[]) { return u2moe::Run(argc, argv); }
