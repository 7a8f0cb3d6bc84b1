#include "base/log.h"
#include "base/main.h"
#include "feat/cmvn.h"
#include "tensor/kaldi-tables.h"
#include "util/io.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text-tables.h"

namespace u2moe {
namespace {

void PerSpeaker(const std::string &spk2utt, const std::string &feats, DoubleMatrixWriter *writer,
                UtteranceTally *tally) {
  SequentialTokenVectorReader speakers(spk2utt);
  RandomAccessMatrixReader reader(feats);
  for (; !speakers.Done(); speakers.Next()) {
    const std::string speaker = speakers.Key();
    DoubleMatrix stats;
    for (const std::string &utterance : speakers.Value()) {
      tally->Try(utterance, [&] { AccumulateCmvn(reader.Value(utterance), &stats); });
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
  std::string spk2utt;
  bool binary = true;
  po.Register("spk2utt", &spk2utt,
              "rspecifier of the utterances of each speaker: one matrix per speaker");
  po.Register("binary", &binary, "write a single file in binary; false: as text");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2)) return 0;
  const std::string &feats = po.Arg(0), &out = po.Arg(1);

  if (IsTable(out)) {
    DoubleMatrixWriter writer(out);
    if (!spk2utt.empty()) {
      PerSpeaker(spk2utt, feats, &writer, &tally);
    } else {
      SequentialMatrixReader reader(feats);
      for (; !reader.Done(); reader.Next()) {
        tally.Try(reader, [&] {
          DoubleMatrix stats;
          AccumulateCmvn(reader.Value(), &stats);
          writer.Write(reader.Key(), stats);
        });
      }
      reader.Close();
    }
    writer.Close();
    return tally.Finish();
  }

  if (!spk2utt.empty()) throw UsageError("--spk2utt needs a table as output, such as ark:", out);
  SequentialMatrixReader reader(feats);
  DoubleMatrix stats;
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] { AccumulateCmvn(reader.Value(), &stats); });
  }
  reader.Close();
  const int status = tally.Finish();
  if (stats.data.empty()) return 1;
  Output output(out);
  DoubleMatrixHolder::Write(output.Stream(), binary, stats);
  output.Close();
  LOG_INFO << "Statistics over " << stats.data[static_cast<size_t>(stats.cols) - 1] << " frames.";
  return status;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
