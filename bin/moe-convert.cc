#include <map>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/main.h"
#include "lab/convert-model.h"
#include "modelfile/model-file.h"
#include "table/text-tables.h"
#include "table/utterance-reader.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Converts a model: dense layers to mixtures of experts, mixtures to others or to dense "
      "layers.\n\n"
      "Usage: moe-convert --method=<method> [options] <model-in> [<model-in-2>] <model-out>\n"
      "  e.g. moe-convert --method=upcycle --num-experts=8 dense.safetensors moe.safetensors\n"
      "  e.g. moe-convert --method=prune --num-experts=3 --part=encoder --feats=scp:dev/feats.scp "
      "final.safetensors small.safetensors\n"
      "Methods:\n" +
      ConversionHelp());
  ConvertOptions opts;
  std::string feats, tokens, labels;
  int32_t chunk_size = -1, left_chunks = -1;
  opts.Register(&po);
  po.RegisterInput("feats", &feats, "rspecifier of features, for methods that learn from data");
  po.RegisterInput("tokens", &tokens, "rspecifier of token ids, which the decoders are fed with");
  po.RegisterInput("labels", &labels,
                   "rspecifier of a label per utterance, such as ark:utt2lang, for read-me");
  po.Register("chunk-size", &chunk_size, "encoder frames per chunk; -1: whole utterances");
  po.Register("num-left-chunks", &left_chunks, "chunks of left context; -1: all");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 3, InputArgs{-1})) return 0;
  opts.Check(po);
  const int num_models = po.NumArgs() - 1;
  if (num_models != NumConvertedModels(opts.method)) {
    throw UsageError("--method=", opts.method, " reads ", NumConvertedModels(opts.method),
                     " model(s), not ", num_models);
  }
  if (feats.empty() && !(tokens.empty() && labels.empty()))
    throw UsageError("--tokens and --labels go with features: give --feats too");
  if (chunk_size == 0)
    throw UsageError("--chunk-size=0: must be at least 1, or -1 for whole utterances");

  ModelInfo info, other_info;
  const std::unique_ptr<AsrModel> model = ReadModel(po.Arg(0), &info);
  std::unique_ptr<AsrModel> other;
  if (num_models == 2) other = ReadModel(po.Arg(1), &other_info);
  if (other != nullptr &&
      (info.units != other_info.units || info.bpe_model != other_info.bpe_model))
    throw UsageError(po.Arg(1), " has other units than ", po.Arg(0));

  ConvertData data;
  data.mask = AttentionMask::Chunk(chunk_size, left_chunks);
  data.has_tokens = !tokens.empty();
  std::unique_ptr<RandomAccessTokenVectorReader> label_reader;
  std::string key;
  if (!labels.empty()) {
    label_reader = std::make_unique<RandomAccessTokenVectorReader>(labels);
    data.label = [&] { return Join(label_reader->Value(key), " "); };
  }
  data.for_each = [&](const ConvertData::Use &use) {
    std::unique_ptr<RandomAccessInt32VectorReader> token_reader;
    if (!tokens.empty()) token_reader = std::make_unique<RandomAccessInt32VectorReader>(tokens);
    UtteranceReader reader(feats);
    for (; !reader.Done(); reader.Next()) {
      key = reader.Key();
      tally.Try(reader, [&] {
        use(reader.Value(), token_reader ? &token_reader->Value(reader.Key()) : nullptr);
      });
    }
    reader.Close();
    if (tally.Finish() != 0) throw DataError("with these data no model is written");
  };
  const std::string hash = ContentHash(model.get());
  const Context ctx;
  const std::unique_ptr<AsrModel> converted =
      ConvertModel(ctx, opts, {model.get(), other.get(), feats.empty() ? nullptr : &data});
  std::map<std::string, std::string> step = {
      {"method", opts.method}, {"options", opts.ToString()}, {"model", po.Arg(0)}, {"hash", hash}};
  if (other != nullptr) {
    step["model-2"] = po.Arg(1);
    step["hash-2"] = ContentHash(other.get());
  }
  if (!feats.empty()) step["features"] = feats;
  AddHistory("moe-convert", step, &info);
  LOG_INFO << model->NumParams() << " parameters, " << model->NumActiveParams()
           << " in use, became " << converted->NumParams() << " and "
           << converted->NumActiveParams();
  WriteModel(po.Arg(po.NumArgs() - 1), converted.get(), info);
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
