#include <algorithm>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/main.h"
#include "model/model-file.h"
#include "model/param-count.h"
#include "util/options.h"

namespace u2moe {
namespace {

using nlohmann::ordered_json;

ordered_json Describe(const ModelInfo &info, const ParamCounts &n) {
  ordered_json parameters = {{"total", n.total},
                             {"encoder", n.encoder},
                             {"ctc", n.ctc},
                             {"left_decoder", n.left_decoder},
                             {"right_decoder", n.right_decoder},
                             {"feed_forward", n.feed_forward},
                             {"gate", n.gate},
                             {"active_per_frame", n.active_per_frame},
                             {"active_per_token_left", n.active_left},
                             {"active_per_token_right", n.active_right},
                             {"active_total", n.active_per_frame + n.active_left + n.active_right},
                             {"buffers", n.buffers}};
  return {{"config", ordered_json::parse(ModelOptions(info.config).ToJson())},
          {"num_experts",
           std::max(info.config.encoder.ffn.num_experts, info.config.decoder.ffn.num_experts)},
          {"parameters", parameters},
          {"units", info.units},
          {"features", info.features},
          {"history", ordered_json::parse(info.history)}};
}

// 1229337 as 1,229,337.
std::string Grouped(int64_t value) {
  std::string s = std::to_string(value);
  for (int64_t at = static_cast<int64_t>(s.size()) - 3; at > 0; at -= 3)
    s.insert(static_cast<size_t>(at), ",");
  return s;
}

void PrintText(const ModelInfo &info, const ParamCounts &n) {
  std::cout << "# shape\n" << ModelOptions(info.config).ToString();
  std::cout << "\n# parameters\n";
  const std::pair<const char *, int64_t> rows[] = {
      {"total", n.total},
      {"encoder", n.encoder},
      {"CTC head", n.ctc},
      {"left-to-right decoder", n.left_decoder},
      {"right-to-left decoder", n.right_decoder},
      {"all feed-forward blocks", n.feed_forward},
      {"all gates", n.gate},
      {"active per frame (encoder, CTC)", n.active_per_frame},
      {"active per token (left-to-right)", n.active_left},
      {"active per token (right-to-left)", n.active_right}};
  for (const auto &[name, value] : rows) {
    std::cout << std::left << std::setw(34) << name << std::right << std::setw(16) << Grouped(value)
              << "\n";
  }
  std::cout << "\n# units: " << info.units.size() << "\n";
  for (const std::string &unit : info.units) std::cout << unit << " ";
  std::cout << (info.units.empty() ? "" : "\n") << "\n# features\n";
  for (const auto &[name, value] : info.features) std::cout << name << "=" << value << "\n";
  std::cout << "\n# history\n";
  for (const auto &step : ordered_json::parse(info.history)) std::cout << step.dump() << "\n";
}

}  // namespace

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
  const ParamCounts counts = CountParams(model.get());
  if (as_json) {
    std::cout << Describe(info, counts).dump(1) << "\n";
  } else {
    PrintText(info, counts);
  }
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
