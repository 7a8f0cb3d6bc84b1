#include <functional>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

// Writes matrices as they are, or compressed.
class FeatsWriter {
 public:
  FeatsWriter(const std::string &wspecifier, std::optional<CompressionMethod> method)
      : method_(method) {
    method ? void(compressed_.emplace(wspecifier)) : void(plain_.emplace(wspecifier));
  }
  void Write(const std::string &key, const Tensor &feats) {
    compressed_ ? compressed_->Write(key, CompressAndWarn("utterance " + key, feats, *method_))
                : plain_->Write(key, feats);
  }
  void Close() { compressed_ ? compressed_->Close() : plain_->Close(); }

 private:
  std::optional<CompressionMethod> method_;
  std::optional<MatrixWriter> plain_;
  std::optional<CompressedMatrixWriter> compressed_;
};

const Tensor &Values(const Tensor &feats) { return feats; }
const Tensor &Values(const HtkMatrix &feats) { return feats.values; }

using Sink = std::function<void(const std::string &key, const Tensor &feats)>;

template <class Reader>
void ReadAll(const std::string &rspecifier, UtteranceTally *tally, const Sink &sink) {
  Reader reader(rspecifier);
  for (; !reader.Done(); reader.Next()) {
    tally->Try(reader, [&] { sink(reader.Key(), Values(reader.Value())); });
  }
}

}  // namespace

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies feature matrices: a table to a table, or one file to one file. Converts between "
      "text,\n"
      "binary, Kaldi's compressed form and, when reading, doubles, HTK's and Sphinx's files.\n\n"
      "Usage: copy-feats [options] <feats-rspecifier> <feats-wspecifier>\n"
      "   or: copy-feats [options] <feats-rxfilename> <feats-wxfilename>\n"
      "  e.g. copy-feats --compress scp:feats.scp ark,scp:small.ark,small.scp\n");
  bool binary = true, compress = false, htk_in = false, sphinx_in = false;
  int32_t method_number = 1;
  std::string num_frames_wspecifier;
  po.Register("binary", &binary, "write binary, where no table specifier says so");
  po.Register("compress", &compress, "write compressed matrices, which is lossy");
  po.Register("compression-method", &method_number,
              "with --compress: 1 automatic, 2 one byte between percentiles of the column (1 takes "
              "it above 8 rows, else 3), 3 two bytes over the values' interval, 4 two bytes -32768 "
              "to 32767, 5 one byte over the values' interval, 6 one byte 0 to 255, 7 one byte 0 "
              "to 1");
  po.Register("htk-in", &htk_in, "read files of HTK's format");
  po.Register("sphinx-in", &sphinx_in, "read files of Sphinx's format, 13 numbers per frame");
  po.RegisterOutput(
      "write-num-frames", &num_frames_wspecifier,
      "wspecifier for the number of frames of each utterance, e.g. ark,t:utt2num_frames");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;

  if (htk_in && sphinx_in) throw UsageError("--htk-in and --sphinx-in exclude one another");
  std::optional<CompressionMethod> method;
  if (compress) method = ToCompressionMethod(method_number);
  const std::string &in = po.Arg(0), &out = po.Arg(1);
  if (IsTable(in) != IsTable(out)) {
    throw UsageError("give two tables or two files, not one of each: ", in, " ", out);
  }
  if (!IsTable(in)) {
    const Tensor feats = htk_in      ? ReadObject<HtkMatrixHolder>(in).values
                         : sphinx_in ? ReadObject<SphinxMatrixHolder>(in)
                                     : ReadObject<MatrixHolder>(in);
    method ? WriteObject<CompressedMatrixHolder>(out, binary, CompressAndWarn(in, feats, *method))
           : WriteObject<MatrixHolder>(out, binary, feats);
    LOG_INFO << "Copied features to " << out;
    return 0;
  }
  FeatsWriter writer(out, method);
  std::optional<Int32Writer> num_frames;
  if (!num_frames_wspecifier.empty()) num_frames.emplace(num_frames_wspecifier);
  const Sink sink = [&](const std::string &key, const Tensor &feats) {
    writer.Write(key, feats);
    if (num_frames) num_frames->Write(key, static_cast<int32_t>(feats.Rows()));
  };
  htk_in      ? ReadAll<SequentialHtkMatrixReader>(in, &tally, sink)
  : sphinx_in ? ReadAll<SequentialSphinxMatrixReader>(in, &tally, sink)
              : ReadAll<SequentialMatrixReader>(in, &tally, sink);
  writer.Close();
  if (num_frames) num_frames->Close();
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
