#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "graph/word-table.h"
#include "lattice/lattice-paths.h"
#include "lattice/lattice-tables.h"
#include "lattice/posteriors.h"
#include "modelfile/model-tokenizer.h"
#include "pipeline/alignment-tool.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "The words of each lattice's best path with times and confidences. A confidence is the "
      "probability, of all paths,\n"
      "that the word stands in its place (as Kaldi's lattice-to-ctm-conf --decode-mbr=false); a "
      "time is that which\n"
      "ctc-align gives the same tokens.\n\n"
      "Usage: lattice-to-ctm-conf [options] <units.txt | model> <lattice-rspecifier> "
      "<transcript-wxfilename>\n"
      "  The lattices are those of ctc-decode, whose words are spelled with the units. Scales are "
      "best those of its search:\n"
      "  smaller ones make confidences less sure.\n"
      "  e.g. lattice-to-ctm-conf --word-symbol-table=words.txt final.safetensors ark:lat.ark "
      "hyp.ctm\n"
      "       lattice-to-ctm-conf --acoustic-scale=0.5 --confidence-digits=2 units.txt ark:lat.ark "
      "-\n");
  CostScaleOptions scale_opts;
  float inverse = 1;
  std::string symbols;
  TimedWordOptions opts;
  scale_opts.Register(&po);
  po.Register("inv-acoustic-scale", &inverse, "1 / acoustic-scale, as another way to give it");
  po.RegisterInput("word-symbol-table", &symbols,
                   "words.txt of the graph; without it words are their ids");
  opts.Register(&po);
  RegisterLatticeLimit(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;
  opts.Check();
  if (!(inverse > 0)) throw UsageError("--inv-acoustic-scale=", inverse, ": must be above 0");
  if (inverse != 1 && po.WasGiven("acoustic-scale")) {
    throw UsageError("give --acoustic-scale or --inv-acoustic-scale");
  }
  scale_opts.acoustic_scale /= inverse;
  const CostScales scales = scale_opts.Scales();

  const std::unique_ptr<Tokenizer> tokenizer = OpenTokenizer(po.Arg(0), opts.tokenizer, false);
  const WordAligner aligner(tokenizer.get(), opts.blank, opts.frame_times.Frames(po.Arg(0)),
                            opts.times);
  const ConfidenceMap map = opts.confidence_map.Read();
  const UtterancePlaces places(opts.segments);
  std::optional<WordTable> table;
  if (!symbols.empty()) table = WordTable::Read(symbols);
  SequentialCompactLatticeReader reader(po.Arg(1));
  TranscriptFiles transcript(opts.transcript, po.Arg(2));
  int64_t num_words = 0;
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      const Segment place = places.Find(reader.Key());
      const CompactLattice &lattice = reader.Value();
      const std::vector<LatticePath> paths = NBestPaths(lattice, 1, scales);
      if (paths.empty()) throw DataError("the lattice has no path");
      const LatticePath &best = paths[0];
      std::vector<int32_t> path = best.labels;
      for (int32_t &label : path) --label;  // to tokens
      AlignedWords aligned = aligner.Place(AlignmentOfPath(path, opts.blank),
                                           place.end < 0 ? -1 : place.end - place.start);
      if (aligned.words.size() != best.words.size()) {
        throw DataError("the tokens of the best path spell ", aligned.words.size(),
                        " words, and it has ", best.words.size(),
                        "; were the words of the graph spelled with the units of ", po.Arg(0), "?");
      }
      const std::vector<double> confidences = WordConfidences(lattice, best.words, scales);
      const std::vector<std::string> texts =
          table ? WordsOfIds(*table, best.words, symbols) : std::vector<std::string>();
      for (size_t i = 0; i < best.words.size(); ++i) {
        TimedWord &word = aligned.words[i];
        word.text = table ? texts[i] : Cat(best.words[i]);
        word.confidence = std::min(1.0, confidences[i]);  // sums of shares may pass it by a bit
      }
      map.Apply(&aligned.words);
      num_words += static_cast<int64_t>(best.words.size());
      transcript.Write(SegmentAt(place, reader.Key(), aligned.duration, std::move(aligned.words)));
    });
  }
  reader.Close();
  transcript.Close();
  LOG_INFO << "wrote " << num_words << " words";
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
