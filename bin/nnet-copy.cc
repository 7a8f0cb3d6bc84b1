#include "base/main.h"
#include "modelfile/model-file.h"
#include "util/options.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies a model, checking all of it.\n\n"
      "Usage: nnet-copy [options] <model-in> <model-out>\n"
      "  e.g. nnet-copy --remove-history=true exp/final.safetensors release.safetensors\n");
  bool remove_history = false;
  po.Register("remove-history", &remove_history, "leave out what was done to the model");
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;

  ModelInfo info;
  std::unique_ptr<AsrModel> model = ReadModel(po.Arg(0), &info, PackedWeights::kAllow);
  if (remove_history) info.history = "[]";
  WriteModel(po.Arg(1), std::move(model), info);
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
