#include "base/log.h"
#include "base/main.h"
#include "feat/fbank.h"
#include "model/cmvn-file.h"
#include "model/model-file.h"
#include "model/param-count.h"
#include "util/options.h"
#include "util/text.h"

namespace u2moe {
namespace {

// All options of compute-fbank-feats with that configuration; decoding adds no dither.
std::map<std::string, std::string> ReadFbankConfig(const std::string &path) {
  FbankOptions fbank;
  OptionParser po("");
  fbank.Register(&po);
  po.ReadConfigFile(path);
  fbank.frame.dither = 0;
  fbank.Check();
  std::map<std::string, std::string> features;
  for (const std::string &option : SplitWords(fbank.ToString())) {
    const size_t eq = option.find('=');
    features[option.substr(0, eq)] = option.substr(eq + 1);
  }
  return features;
}

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
      "       nnet-init --preset=moe-1b moe-1b.safetensors\n");
  ModelOptions options, given;
  std::string preset, units, cmvn, fbank_config;
  int64_t seed = 0;
  given.Register(&po);
  po.Register("preset", &preset,
              "begin with the shape dense-225m, moe-1b or dense-1b instead of a file's");
  po.Register("units", &units, "file of 'unit id' lines");
  po.Register("cmvn", &cmvn,
              "Kaldi's or WeNet's global CMVN statistics; empty: features are used as they are");
  po.Register("fbank-config", &fbank_config,
              "configuration of compute-fbank-feats that made the features; stored");
  po.Register("seed", &seed, "seed of the random weights");
  if (!po.Parse(argc, argv, 1, 2)) return 0;
  if (preset.empty() && po.NumArgs() < 2) throw UsageError("give a model.conf or a --preset");
  if (!preset.empty()) options = ModelOptions::Preset(preset);
  if (po.NumArgs() == 2) {
    OptionParser file("");
    options.Register(&file);
    file.ReadConfigFile(po.Arg(0));
  }
  const std::string out = po.Arg(po.NumArgs() - 1);
  options.TakeGiven(po, given);

  ModelInfo info;
  if (!units.empty()) {
    info.units = ReadUnits(units);
    if (!preset.empty()) options.vocab_size = given.vocab_size;  // the preset's yields to the units
    options.SetUnits(info.units);
  } else if (options.vocab_size == 0) {
    throw UsageError("give --units=units.txt, or a --vocab-size");
  } else {
    if (options.blank < 0) options.blank = 0;
    if (options.sos < 0) options.sos = options.vocab_size - 1;
    if (options.eos < 0) options.eos = options.vocab_size - 1;
  }
  info.config = options.Config();
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
