#include <iostream>

#include "base/main.h"
#include "model/model-report.h"
#include "util/options.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Prints a model's shape, number of parameters, units, feature options and history.\n\n"
      "Usage: nnet-info [options] <model>\n"
      "  e.g. nnet-info --json=true exp/final.safetensors\n");
  bool as_json = false;
  po.Register("json", &as_json, "one JSON object in place of text");
  if (!po.Parse(argc, argv, 1, 1)) return 0;

  ModelInfo info;
  std::unique_ptr<AsrModel> model = ReadModel(po.Arg(0), &info);
  std::cout << (as_json ? ModelReportJson(model.get(), info) : ModelReportText(model.get(), info));
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
