#include "base/log.h"
#include "base/main.h"
#include "feat/feature-tool.h"
#include "modelfile/cmvn-file.h"
#include "modelfile/model-file.h"
#include "modelfile/model-tokenizer.h"
#include "modelfile/param-count.h"
#include "util/options.h"

namespace u2moe {
namespace {

struct InitOptions {
  ModelOptions model;
  std::string preset, units, cmvn, fbank_config, bpe_model;
  int64_t seed = 0;

  void Register(OptionParser *po) {
    model.Register(po);
    po->Register("preset", &preset,
                 "begin with the shape dense-225m, moe-1b or dense-1b instead of a file's");
    po->RegisterInput("units", &units, "file of 'unit id' lines");
    po->RegisterInput("bpe-model", &bpe_model,
                      "SentencePiece's model of the units, where they are word pieces; stored");
    po->RegisterInput(
        "cmvn", &cmvn,
        "Kaldi's or WeNet's global CMVN statistics; empty: features are used as they are");
    po->RegisterInput("fbank-config", &fbank_config,
                      "configuration of compute-fbank-feats that made the features; stored");
    po->Register("seed", &seed, "seed of the random weights");
  }
};

}  // namespace

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Makes a model with random weights. The shape is given by a file of name=value lines, by "
      "options, or both;\n"
      "options go before the file. Or it is one of the paper's, --preset=dense-225m, moe-1b or "
      "dense-1b.\n\n"
      "Usage: nnet-init [options] [<model.conf>] <model-out>\n"
      "  e.g. nnet-init --units=units.txt --cmvn=global_cmvn --fbank-config=conf/fbank.conf "
      "--seed=1 \\\n"
      "         conf/moe.conf exp/0.safetensors\n"
      "       nnet-init --preset=moe-1b --num-blocks=2 --model-dim=80 --units=units.txt "
      "cut.safetensors\n"
      "       nnet-init --preset=moe-1b --num-blocks=2 --model-dim=80 --units=units.txt \\\n"
      "         --layers='all.macaron:num-experts=0;1.last:num-experts=4' "
      "--decoder-layers=0:num-experts=0 mixed.safetensors\n");
  InitOptions given, file;
  given.Register(&po);
  if (!po.Parse(argc, argv, 1, 2, InputArgs{-1})) return 0;
  OptionParser file_po("");
  file.Register(&file_po);
  if (po.NumArgs() == 2) file_po.ReadForeignConfig(po.Arg(0));
  const auto choose = [&](const char *name, auto InitOptions::*field) {
    return po.WasGiven(name) ? given.*field : file.*field;
  };
  const std::string preset = choose("preset", &InitOptions::preset);
  const std::string units = choose("units", &InitOptions::units);
  const std::string cmvn = choose("cmvn", &InitOptions::cmvn);
  const std::string fbank_config = choose("fbank-config", &InitOptions::fbank_config);
  const std::string bpe_model = choose("bpe-model", &InitOptions::bpe_model);
  const int64_t seed = choose("seed", &InitOptions::seed);
  if (preset.empty() && po.NumArgs() < 2) throw UsageError("give a model.conf or a --preset");
  ModelOptions options;
  if (!preset.empty()) options = ModelOptions::Preset(preset);
  options.TakeGiven(file_po, file.model);
  const std::string out = po.Arg(po.NumArgs() - 1);
  options.TakeGiven(po, given.model);

  ModelInfo info;
  if (!units.empty()) {
    info.units = ReadUnits(units);
    if (!preset.empty()) {  // whose size yields to the units
      options.vocab_size = (po.WasGiven("vocab-size") ? given : file).model.vocab_size;
    }
    options.SetUnits(info.units);
  } else if (options.vocab_size == 0) {
    throw UsageError("give --units=units.txt, or a --vocab-size");
  } else {
    if (options.blank < 0) options.blank = 0;
    if (options.sos < 0) options.sos = options.vocab_size - 1;
    if (options.eos < 0) options.eos = options.vocab_size - 1;
  }
  if (!bpe_model.empty()) info.bpe_model = ReadFittingWordPieces(bpe_model, info.units, units);
  info.config = options.Config();
  CheckSettingsAreRead(info.config);
  CheckCanLearn(info.config, "nnet-init makes models to be trained");
  if (!fbank_config.empty()) info.features = ReadFbankConfig(fbank_config);
  CheckModelInfo(info);
  AsrModel model(info.config);
  InitBuffers(&model, static_cast<uint64_t>(seed));
  if (!cmvn.empty()) SetGlobalCmvn(ReadGlobalCmvn(cmvn), cmvn, &model);
  AddHistory("nnet-init", {{"seed", std::to_string(seed)}}, &info);
  WriteInitialModel(out, &model, info, static_cast<uint64_t>(seed));
  LOG_INFO << "Wrote " << out << ", " << CountParams(&model).total << " parameters.";
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
