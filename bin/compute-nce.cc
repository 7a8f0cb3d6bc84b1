#include <cmath>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "pipeline/tuning-set.h"
#include "score/nce.h"
#include "score/wer.h"
#include "transcript/confidence-map.h"
#include "transcript/ctm-reader.h"
#include "util/io.h"
#include "util/options.h"
#include "util/places.h"

namespace u2moe {
namespace {

void Print(const char *name, const std::vector<JudgedWord> &words) {
  constexpr int kBins = 10;
  const std::vector<CalibrationBin> table = CalibrationTable(words, kBins);
  int64_t correct = 0;
  double sum = 0;
  for (const JudgedWord &word : words) {
    correct += word.correct;
    sum += word.confidence;
  }
  const double mean = words.empty() ? 0 : sum / static_cast<double>(words.size());
  char line[160];
  std::snprintf(line, sizeof line,
                "%s %.3f of %zu words, %lld right; mean confidence %.3f, calibration error %.3f\n",
                name, NormalizedCrossEntropy(words), words.size(), static_cast<long long>(correct),
                mean, CalibrationError(table));
  std::cout << line;
  for (const CalibrationBin &bin : table) {
    if (bin.words == 0) continue;
    std::snprintf(line, sizeof line, "  %.1f to %.1f: %lld words, %.3f right, mean %.3f\n", bin.low,
                  bin.high, static_cast<long long>(bin.words),
                  static_cast<double>(bin.correct) / static_cast<double>(bin.words), bin.mean);
    std::cout << line;
  }
}

int Run(int argc, char *argv[]) {
  OptionParser po(
      "How much the confidences of a CTM file say: normalised cross entropy (NIST's NCE) and "
      "calibration, before and after a map\n"
      "of the confidences, which it can fit. Recordings are the keys of the references.\n\n"
      "Usage: compute-nce [options] <ref-rspecifier> <ctm-rxfilename>\n"
      "  e.g. compute-nce --fit=confidence.conf --not-for=ark:data/eval/text ark:data/dev/text "
      "exp/dev.ctm\n"
      "       compute-nce --config=confidence.conf ark:data/eval/text exp/eval.ctm\n");
  WerOptions opts;
  opts.mode = "all";  // a recording without words has no line
  opts.align = "sclite";
  opts.Register(&po);
  ConfidenceMap map;
  map.Register(&po);
  std::string fit, not_for;
  po.RegisterOutput("fit", &fit,
                    "configuration file for the slope and offset with the least cross entropy on "
                    "this set, which must not be the one that is reported");
  po.RegisterInput("not-for", &not_for,
                   "with --fit: rspecifier of the texts that will be reported; it is an error if "
                   "they are those fitted on");
  po.AddPlaces([](Places *places) { places->Print("the table"); });
  if (!po.Parse(argc, argv, 2, 2, InputArgs{2})) return 0;
  opts.Check();
  map.Check();
  if (opts.Unit() != ScoreUnit::kWord) {
    throw UsageError("confidences are those of words; leave --cer and --char out");
  }
  if (fit.empty() && !not_for.empty()) throw UsageError("--not-for needs --fit");

  const std::vector<Transcript> refs = ReadTranscripts(po.Arg(0));
  const std::string digest = SetDigest(refs);
  if (!not_for.empty()) RefuseSameSet(refs, po.Arg(0), ReadTranscripts(not_for), not_for);
  if (!fit.empty() && not_for.empty()) {
    LOG_WARN << "nothing says which texts will be reported; --not-for makes sure that they are "
                "others";
  }
  if (fit.empty() && digest == map.fitted_on) {
    throw UsageError(po.Arg(0),
                     " is the set that the map was fitted on (--confidence-fitted-on), "
                     "where it looks better than it is; report another");
  }
  const JudgedUtterances judged = JudgeWords(refs, ReadCtm(po.Arg(1)), opts);
  std::vector<JudgedWord> words = AllWords(judged);
  Print("NCE", words);
  if (std::isnan(NormalizedCrossEntropy(words)))
    LOG_WARN << "where all words are right, or none is, there is no NCE";
  if (!fit.empty()) {
    map = ChooseConfidenceMap(judged);
    map.fitted_on = digest;
    Output out(fit);
    out.Stream() << map.ToConfig();
    out.Close();
  }
  if (map.IsIdentity()) return 0;
  for (JudgedWord &word : words) word.confidence = map.Apply(word.confidence);
  Print(fit.empty() ? "NCE mapped" : "NCE of the fit, on its own set,", words);
  return 0;
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
