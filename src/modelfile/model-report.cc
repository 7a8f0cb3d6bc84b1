#include "modelfile/model-report.h"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "modelfile/param-count.h"
#include "modelfile/quantize.h"
#include "text/word-piece-model.h"
#include "util/text.h"

namespace u2moe {
namespace {

using nlohmann::ordered_json;

// 1229337 as 1,229,337.
std::string Grouped(int64_t value) {
  std::string s = std::to_string(value);
  for (int64_t at = static_cast<int64_t>(s.size()) - 3; at > 0; at -= 3)
    s.insert(static_cast<size_t>(at), ",");
  return s;
}

}  // namespace

std::string ModelReportJson(AsrModel *model, const ModelInfo &info) {
  const ParamCounts n = CountParams(model);
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
  ordered_json weights = ordered_json::object();
  for (const auto &[kind, w] : WeightsByKind(model)) {
    weights[kind] = {{"format", ToString(w.format)},
                     {"packed", w.packed},
                     {"parameters", w.parameters},
                     {"bytes", w.bytes}};
  }
  ordered_json tokenizer = nullptr;
  if (!info.bpe_model.empty()) {
    const WordPieceModel pieces = ParseWordPieceModel(info.bpe_model, "tokenizer.bpe_model");
    tokenizer = {{"type", "bpe"},
                 {"case", info.bpe_case},
                 {"algorithm", pieces.algorithm},
                 {"normalizer", pieces.normalizer},
                 {"pieces", pieces.pieces.size()},
                 {"bytes", info.bpe_model.size()}};
  }
  int32_t most_experts = 0;
  info.config.ForEachMixture([&](const FeedForwardConfig &ffn) {
    most_experts = std::max(most_experts, ffn.num_experts);
  });
  const ordered_json report = {{"config", ordered_json::parse(ModelOptions(info.config).ToJson())},
                               {"num_experts", most_experts},
                               {"parameters", parameters},
                               {"weights", weights},
                               {"units", info.units},
                               {"tags", info.tags},
                               {"tokenizer", tokenizer},
                               {"features", info.features},
                               {"experts", ordered_json::parse(model->Policy().ToJson())},
                               {"history", ordered_json::parse(info.history)}};
  return report.dump(1) + "\n";
}

std::string ModelReportText(AsrModel *model, const ModelInfo &info) {
  const ParamCounts n = CountParams(model);
  std::ostringstream os;
  os << "# shape\n" << ModelOptions(info.config).ToString();
  os << "\n# parameters\n";
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
    os << std::left << std::setw(34) << name << std::right << std::setw(16) << Grouped(value)
       << "\n";
  }
  os << "\n# weights of linear maps: format, bytes\n";
  for (const auto &[kind, w] : WeightsByKind(model)) {
    os << std::left << std::setw(16) << kind << std::setw(18)
       << ToString(w.format) + (w.packed ? ", packed" : "") << std::right << std::setw(16)
       << Grouped(w.bytes) << "\n";
  }
  os << "\n# units: " << info.units.size() << "\n";
  for (const std::string &unit : info.units) os << unit << " ";
  os << (info.units.empty() ? "" : "\n");
  if (!info.tags.empty()) os << "\n# tags of utterances: " << Join(info.tags, ", ") << "\n";
  if (!info.bpe_model.empty()) {
    const WordPieceModel pieces = ParseWordPieceModel(info.bpe_model, "tokenizer.bpe_model");
    os << "\n# word pieces: SentencePiece (" << pieces.algorithm << ", " << pieces.normalizer
       << "), " << pieces.pieces.size() << " pieces, case " << info.bpe_case << ", "
       << Grouped(static_cast<int64_t>(info.bpe_model.size())) << " bytes\n";
  }
  os << "\n# features\n";
  for (const auto &[name, value] : info.features) os << name << "=" << value << "\n";
  if (info.config.HasMixtures()) {
    os << "\n# experts: " << model->Policy().ToString() << "\n";
    if (!model->Policy().IsPlain()) os << model->Policy().ToJson() << "\n";
  }
  os << "\n# history\n";
  for (const auto &step : ordered_json::parse(info.history)) os << step.dump() << "\n";
  return os.str();
}

}  // namespace u2moe
