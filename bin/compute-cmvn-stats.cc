#include <functional>
#include <optional>

#include "base/log.h"
#include "base/main.h"
#include "feat/cmvn.h"
#include "table/kaldi-tables.h"
#include "table/live-piece.h"
#include "table/table-loop.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

// Adds an utterance to *stats, with its weights if there are any.
using Accumulate =
    std::function<void(const std::string &key, const Tensor &feats, DoubleMatrix *stats)>;

void PerSpeaker(const std::string &spk2utt, const std::string &feats, const Accumulate &accumulate,
                DoubleMatrixWriter *writer, UtteranceTally *tally) {
  SequentialTokenVectorReader speakers(spk2utt);
  RandomAccessMatrixReader reader(feats);
  for (; !speakers.Done(); speakers.Next()) {
    const std::string speaker = speakers.Key();
    DoubleMatrix stats;
    for (const std::string &utterance : speakers.Value()) {
      tally->Try(utterance, [&] { accumulate(utterance, reader.Value(utterance), &stats); });
    }
    if (stats.data.empty()) {
      tally->Fail(speaker, "no statistics, since none of this speaker's utterances could be read");
    } else {
      writer->Write(speaker, stats);
    }
  }
  speakers.Close();
}

}  // namespace

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Statistics for mean and variance normalisation: of each utterance or speaker if the output "
      "is a\n"
      "table, of all utterances together if it is a file.\n\n"
      "Usage: compute-cmvn-stats [options] <feats-rspecifier> "
      "(<stats-wspecifier>|<stats-wxfilename>)\n"
      "  e.g. compute-cmvn-stats scp:feats.scp global_cmvn\n"
      "       compute-cmvn-stats --spk2utt=ark:spk2utt scp:feats.scp ark,scp:cmvn.ark,cmvn.scp\n");
  std::string spk2utt, weights;
  bool binary = true;
  po.RegisterInput("spk2utt", &spk2utt,
                   "rspecifier of the utterances of each speaker: one matrix per speaker");
  po.RegisterInput("weights", &weights,
                   "rspecifier of a vector per utterance: how much each frame counts");
  po.Register("binary", &binary, "write a single file in binary; false: as text");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  const std::string &feats = po.Arg(0), &out = po.Arg(1);

  std::optional<RandomAccessVectorReader> weight_reader;
  if (!weights.empty()) weight_reader.emplace(weights);
  const auto accumulate = [&](const std::string &key, const Tensor &x, DoubleMatrix *stats) {
    AccumulateCmvn(x, stats, weight_reader ? &weight_reader->Value(key) : nullptr);
  };

  if (IsTable(out)) {
    if (spk2utt.empty()) {
      TransformTable<MatrixHolder, DoubleMatrixHolder>(
          feats, out, &tally, [&](const std::string &key, const Tensor &x) {
            RefuseLivePiece(key);
            DoubleMatrix stats;
            accumulate(key, x, &stats);
            return stats;
          });
    } else {
      DoubleMatrixWriter writer(out);
      PerSpeaker(spk2utt, feats, accumulate, &writer, &tally);
      writer.Close();
    }
    return tally.Finish();
  }

  if (!spk2utt.empty()) throw UsageError("--spk2utt needs a table as output, such as ark:", out);
  SequentialMatrixReader reader(feats);
  DoubleMatrix stats;
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] { accumulate(reader.Key(), reader.Value(), &stats); });
  }
  reader.Close();
  const int status = tally.Finish();
  if (stats.data.empty()) return 1;
  WriteObject<DoubleMatrixHolder>(out, binary, stats);
  LOG_INFO << "Statistics over " << stats.data[static_cast<size_t>(stats.cols) - 1] << " frames.";
  return status;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
