#include <iostream>

#include "base/error.h"
#include "base/main.h"
#include "modelfile/model-report.h"
#include "util/options.h"
#include "util/places.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Prints a model's shape, number of parameters, units, feature options and history.\n\n"
      "Usage: nnet-info [options] <model>\n"
      "  e.g. nnet-info --json=true exp/final.safetensors\n"
      "       nnet-info --print=features exp/final.safetensors > fbank.conf\n");
  bool as_json = false;
  std::string print = "all";
  po.Register("json", &as_json, "one JSON object in place of text");
  po.Register(
      "print", &print,
      "all; features: a --config file for compute-fbank-feats; units: a units.txt; bpe-model: "
      "SentencePiece's model of the word pieces");
  po.AddPlaces([](Places *places) { places->Print("the description"); });
  if (!po.Parse(argc, argv, 1, 1, InputArgs{1})) return 0;
  if (print != "all" && print != "features" && print != "units" && print != "bpe-model") {
    throw UsageError("--print=", print, ": expected all, features, units or bpe-model");
  }

  if (print != "all") {
    const ModelInfo info = ReadModelInfo(po.Arg(0));
    if (print == "features" ? info.features.empty()
        : print == "units"  ? info.units.empty()
                            : info.bpe_model.empty()) {
      throw DataError(po.Arg(0), " holds no ", print, "; it was made without");
    }
    if (print == "bpe-model") std::cout << info.bpe_model;
    for (const auto &[name, value] : info.features) {
      if (print == "features") std::cout << name << "=" << value << "\n";
    }
    for (size_t i = 0; print == "units" && i < info.units.size(); ++i) {
      std::cout << info.units[i] << " " << i << "\n";
    }
    return 0;
  }
  ModelInfo info;
  std::unique_ptr<AsrModel> model = ReadModel(po.Arg(0), &info, PackedWeights::kAllow);
  std::cout << (as_json ? ModelReportJson(model.get(), info) : ModelReportText(model.get(), info));
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
