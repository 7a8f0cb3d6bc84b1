#include "base/log.h"
#include "base/main.h"
#include "modelfile/model-average.h"
#include "util/options.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Averages the weights of models of one shape, such as the checkpoints of one training.\n\n"
      "Usage: nnet-average [options] <model-1> [<model-2> ...] <model-out>\n"
      "  The result is the last argument, as in Kaldi; in earlier versions it was the first.\n"
      "  e.g. nnet-average exp/18.safetensors exp/19.safetensors exp/final.safetensors\n");
  if (!po.Parse(argc, argv, 2, -1, InputArgs{-1})) return 0;

  std::vector<std::string> inputs;
  for (int i = 0; i + 1 < po.NumArgs(); ++i) inputs.push_back(po.Arg(i));
  const std::string result = po.Arg(po.NumArgs() - 1);
  CheckAverageResult(inputs, result);
  ModelInfo info;
  std::unique_ptr<AsrModel> model = AverageModels(inputs, &info);
  WriteModel(result, std::move(model), info);
  LOG_INFO << "Averaged " << inputs.size() << " models into " << result << ".";
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
