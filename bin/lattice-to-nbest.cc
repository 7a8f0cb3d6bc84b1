#include <optional>

#include "base/log.h"
#include "base/main.h"
#include "lattice/lattice-paths.h"
#include "lattice/lattice-tables.h"
#include "pipeline/nbest-table.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "The n best paths of each lattice, as lattices of one path each or as tables.\n\n"
      "Usage: lattice-to-nbest [options] <lattice-rspecifier> [<lattice-wspecifier>]\n"
      "  Keys are <utterance>-<n>, n from 1 (best), as many as the lattice has. The scales count "
      "only\n"
      "  where paths compete.\n"
      "  e.g. lattice-to-nbest --n=10 ark:lat.ark ark:nbest.lat\n"
      "       lattice-to-nbest --n=10 --tokens=ark:nbest.ark --scores=ark:scores.ark \\\n"
      "         --lm-scores=ark:lm.ark ark:lat.ark\n");
  CostScaleOptions scales;
  int32_t n = 1, blank = 0;
  std::string tokens_name, words_name, scores_name, lm_scores_name;
  scales.Register(&po);
  po.Register("n", &n, "the largest number of paths of an utterance");
  po.Register("blank", &blank, "id of the blank, for --tokens");
  po.RegisterOutput("tokens", &tokens_name,
                    "wspecifier for token ids, int32 vectors: what the input labels of a CTC graph "
                    "(token plus 1 for each frame) stand for");
  po.RegisterOutput("words", &words_name, "wspecifier for word ids, int32 vectors");
  po.RegisterOutput("scores", &scores_name,
                    "wspecifier for acoustic scores, float vectors of one natural-log probability");
  po.RegisterOutput(
      "lm-scores", &lm_scores_name,
      "wspecifier for graph scores, of language model, lexicon and topology, likewise");
  RegisterLatticeLimit(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 1, 2, InputArgs{1})) return 0;
  if (n < 1) throw UsageError("--n=", n, ": must be 1 or more");

  SequentialCompactLatticeReader reader(po.Arg(0));
  std::optional<CompactLatticeWriter> lattices;
  std::optional<Int32VectorWriter> tokens, words;
  std::optional<VectorWriter> scores, lm_scores;
  if (po.NumArgs() > 1) lattices.emplace(po.Arg(1));
  if (!tokens_name.empty()) tokens.emplace(tokens_name);
  if (!words_name.empty()) words.emplace(words_name);
  if (!scores_name.empty()) scores.emplace(scores_name);
  if (!lm_scores_name.empty()) lm_scores.emplace(lm_scores_name);
  int64_t num_paths = 0;
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      const std::vector<LatticePath> paths = NBestPaths(reader.Value(), n, scales.Scales());
      if (paths.empty()) throw DataError("the lattice has no path");
      for (size_t i = 0; i < paths.size(); ++i) {
        const LatticePath &path = paths[i];
        const std::string key = NbestKey(reader.Key(), i + 1);
        if (lattices) {
          CompactLattice lattice;
          LatticeOfPath(path, &lattice);
          lattices->Write(key, lattice);
        }
        if (tokens) tokens->Write(key, TokensOfLabels(path.labels, blank));
        if (words) words->Write(key, path.words);
        if (scores) scores->Write(key, {static_cast<float>(-path.acoustic_cost)});
        if (lm_scores) lm_scores->Write(key, {static_cast<float>(-path.graph_cost)});
      }
      num_paths += static_cast<int64_t>(paths.size());
    });
  }
  reader.Close();
  if (lattices) lattices->Close();
  if (tokens) tokens->Close();
  if (words) words->Close();
  if (scores) scores->Close();
  if (lm_scores) lm_scores->Close();
  LOG_INFO << "wrote " << num_paths << " paths";
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
