#include <string>

#include "base/log.h"
#include "base/main.h"
#include "modelfile/cmvn-file.h"
#include "modelfile/model-tokenizer.h"
#include "modelfile/param-count.h"
#include "modelfile/wenet-import.h"
#include "util/options.h"
#include "util/text.h"

namespace u2moe {

// A list that does not name a mark, as WeNet's always do, may be that of another model.
void WarnOfUnitsAsMarks(const ModelInfo &info, const std::string &source) {
  for (const int32_t id : {info.config.blank, info.config.sos, info.config.eos}) {
    if (id < 0 || static_cast<size_t>(id) >= info.units.size()) continue;
    const std::string &unit = info.units[static_cast<size_t>(id)];
    if (unit.front() == '<' && unit.back() == '>') continue;
    LOG_WARN << source << ": the id " << id << " is that of <blank>, <sos> or <eos>, but of "
             << Printable(unit) << " by the units; do the files belong together?";
  }
}

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Makes a model of a WeNet configuration (train.yaml as JSON) and its weights in safetensors "
      "form.\n\n"
      "Usage: nnet-import [options] <config.json> <weights.safetensors> <model-out>\n"
      "  e.g. nnet-import --units=wenet/units.txt wenet/train.json wenet/final.safetensors "
      "model.safetensors\n"
      "       nnet-import --units=wenet/units.txt --bpe-model=wenet/bpe.model "
      "wenet/train.json \\\n"
      "         wenet/final.safetensors model.safetensors\n");
  std::string units, cmvn, bpe_model;
  po.RegisterInput(
      "units", &units,
      "file of 'unit id' lines; empty: the list in the configuration, if there is one");
  po.RegisterInput("bpe-model", &bpe_model,
                   "SentencePiece's model of the units, for tokenizer: bpe; stored");
  po.RegisterInput(
      "cmvn", &cmvn,
      "Kaldi's or WeNet's global CMVN statistics, in place of those in weights and configuration");
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;

  WenetConfig config =
      ReadWenetConfig(po.Arg(0), units.empty() ? std::vector<std::string>() : ReadUnits(units),
                      units, !bpe_model.empty());
  if (!bpe_model.empty()) {
    const std::string named = units.empty() ? po.Arg(0) : units;
    config.info.bpe_model = ReadFittingWordPieces(bpe_model, config.info.units, named);
    config.info.bpe_case = "upper";  // as WeNet's tokenizer does
  }
  WarnOfUnitsAsMarks(config.info, po.Arg(0));
  if (!cmvn.empty()) config.cmvn = ReadGlobalCmvn(cmvn);
  std::unique_ptr<AsrModel> model = ImportWenet(config, po.Arg(1));
  if (!cmvn.empty()) SetGlobalCmvn(*config.cmvn, cmvn, model.get());
  if (config.info.units.empty())
    LOG_WARN << po.Arg(0) << " names no units; give them with --units=units.txt";
  if (config.info.features.empty())
    LOG_WARN << po.Arg(0) << " has no feature options, so the model cannot check them";
  AddHistory("nnet-import", {{"config", po.Arg(0)}, {"weights", po.Arg(1)}}, &config.info);
  WriteModel(po.Arg(2), model.get(), config.info);
  LOG_INFO << "Wrote " << po.Arg(2) << ", " << CountParams(model.get()).total << " parameters.";
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
