#include <optional>
#include <vector>

#include "base/error.h"
#include "base/main.h"
#include "feat/cmvn.h"
#include "table/kaldi-tables.h"
#include "table/speaker-map.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

struct ApplyOptions {
  bool norm_means = true, norm_vars = false, reverse = false;
  std::string utt2spk, skip_dims;

  void Register(OptionParser *po) {
    po->Register("norm-means", &norm_means, "subtract the means");
    po->Register("norm-vars", &norm_vars, "divide by the standard deviations");
    po->Register("reverse", &reverse, "undo a normalisation with the same statistics");
    po->RegisterInput("utt2spk", &utt2spk,
                      "rspecifier of each utterance's speaker, the key of its statistics");
    po->Register("skip-dims", &skip_dims,
                 "dimensions to leave as they are, from 0, such as 13:14:15");
  }
  void Check() const {
    SkipDims();
    if (norm_vars && !norm_means) throw UsageError("--norm-vars=true needs --norm-means=true");
  }
  std::vector<int32_t> SkipDims() const { return ParseSkipDims(skip_dims, "--skip-dims="); }
};

// The transform of each utterance, from one matrix for all or from a table.
class TransformSource {
 public:
  TransformSource(const ApplyOptions &opts, const std::string &stats)
      : opts_(opts), skip_dims_(opts.SkipDims()), speakers_(opts.utt2spk) {
    if (IsTable(stats)) {
      table_.emplace(stats);
      return;
    }
    if (!opts.utt2spk.empty())
      throw UsageError("--utt2spk needs a table of statistics, such as ark:", stats);
    try {
      Make(ReadObject<DoubleMatrixHolder>(stats));
    } catch (const DataError &e) {
      throw Error(stats, ": ", e.what());  // no utterance can be done without it
    }
  }

  const CmvnTransform &For(const std::string &utterance) {
    if (!table_) return *transform_;
    const std::string key = speakers_.KeyOf(utterance);
    if (key != key_) {
      key_.clear();
      Make(table_->Value(key));
      key_ = key;
    }
    return *transform_;
  }

 private:
  void Make(const DoubleMatrix &stats) {
    transform_.emplace(stats, opts_.norm_means, opts_.norm_vars, skip_dims_);
  }

  ApplyOptions opts_;
  std::vector<int32_t> skip_dims_;
  SpeakerMap speakers_;
  std::optional<RandomAccessDoubleMatrixReader> table_;
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
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;
  opts.Check();

  TransformSource transforms(opts, po.Arg(0));
  TransformTable<MatrixHolder, MatrixHolder>(po.Arg(1), po.Arg(2), &tally,
                                             [&](const std::string &key, const Tensor &feats) {
                                               Tensor out = feats;
                                               if (opts.norm_means)
                                                 transforms.For(key).Apply(opts.reverse, out);
                                               return out;
                                             });
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
