#include "base/log.h"
#include "base/main.h"
#include "model/model-average.h"
#include "util/options.h"
#include "util/places.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Averages the weights of models of one shape, such as the checkpoints of one training.\n\n"
      "Usage: nnet-average [options] <model-out> <model-in>...\n"
      "  e.g. nnet-average exp/final.safetensors exp/18.safetensors exp/19.safetensors\n");
  po.AddPlaces([&](Places *places) {
    places->Write(Cat("argument 1 (", po.Arg(0), ")"), po.Arg(0));
    for (int i = 1; i < po.NumArgs(); ++i) {
      places->Read(Cat("argument ", i + 1, " (", po.Arg(i), ")"), po.Arg(i));
    }
  });
  if (!po.Parse(argc, argv, 2, -1, InputArgs{InputArgs::kOwn})) return 0;

  std::vector<std::string> inputs;
  for (int i = 1; i < po.NumArgs(); ++i) inputs.push_back(po.Arg(i));
  ModelInfo info;
  std::unique_ptr<AsrModel> model = AverageModels(inputs, &info);
  WriteModel(po.Arg(0), std::move(model), info);
  LOG_INFO << "Averaged " << inputs.size() << " models into " << po.Arg(0) << ".";
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
