#include <optional>

#include "base/error.h"
#include "base/main.h"
#include "feat/cmvn.h"
#include "tensor/kaldi-tables.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text-tables.h"

namespace u2moe {
namespace {

struct ApplyOptions {
  bool norm_means = true, norm_vars = false, reverse = false;
  std::string utt2spk;

  void Register(OptionParser *po) {
    po->Register("norm-means", &norm_means, "subtract the means");
    po->Register("norm-vars", &norm_vars, "divide by the standard deviations");
    po->Register("reverse", &reverse, "undo a normalisation with the same statistics");
    po->Register("utt2spk", &utt2spk,
                 "rspecifier of each utterance's speaker, the key of its statistics");
  }
  void Check() const {
    if (norm_vars && !norm_means) throw UsageError("--norm-vars=true needs --norm-means=true");
  }
};

// The transform of each utterance, from one matrix for all or from a table.
class TransformSource {
 public:
  TransformSource(const ApplyOptions &opts, const std::string &stats) : opts_(opts) {
    if (IsTable(stats)) {
      table_.emplace(stats);
      if (!opts.utt2spk.empty()) speakers_.emplace(opts.utt2spk);
      return;
    }
    if (!opts.utt2spk.empty())
      throw UsageError("--utt2spk needs a table of statistics, such as ark:", stats);
    const DoubleMatrix global = ReadObject<DoubleMatrixHolder>(stats);
    try {
      transform_.emplace(global, opts.norm_means, opts.norm_vars);
    } catch (const DataError &e) {
      throw Error(stats, ": ", e.what());  // no utterance can be done without it
    }
  }

  const CmvnTransform &For(const std::string &utterance) {
    if (!table_) return *transform_;
    std::string key = utterance;
    if (speakers_) {
      const auto &speaker = speakers_->Value(utterance);
      if (speaker.size() != 1)
        throw DataError("--utt2spk gives ", speaker.size(), " speakers, not one");
      key = speaker[0];
    }
    if (key != key_) {
      transform_.emplace(table_->Value(key), opts_.norm_means, opts_.norm_vars);
      key_ = key;
    }
    return *transform_;
  }

 private:
  ApplyOptions opts_;
  std::optional<RandomAccessDoubleMatrixReader> table_;
  std::optional<RandomAccessTokenVectorReader> speakers_;
  std::optional<CmvnTransform> transform_;
  std::string key_;  // of transform_
};

}  // namespace

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Normalises features with the statistics of compute-cmvn-stats.\n\n"
      "Usage: apply-cmvn [options] (<stats-rspecifier>|<stats-rxfilename>) <feats-rspecifier> "
      "<feats-wspecifier>\n"
      "  e.g. apply-cmvn --norm-vars=true global_cmvn scp:feats.scp ark:normalised.ark\n"
      "       apply-cmvn --utt2spk=ark:utt2spk scp:cmvn.scp scp:feats.scp ark:-\n");
  ApplyOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3)) return 0;
  opts.Check();

  TransformSource transforms(opts, po.Arg(0));
  SequentialMatrixReader reader(po.Arg(1));
  MatrixWriter writer(po.Arg(2));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      Tensor feats = reader.Value();
      transforms.For(reader.Key()).Apply(opts.reverse, feats);
      writer.Write(reader.Key(), feats);
    });
  }
  reader.Close();
  writer.Close();
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
