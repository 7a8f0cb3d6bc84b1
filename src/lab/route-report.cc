#include "lab/route-report.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/signal-cleanup.h"
#include "moe/router-registry.h"
#include "pipeline/encode.h"
#include "tensor/transfer.h"
#include "util/io.h"
#include "util/place.h"

namespace u2moe {
namespace {

std::string Format(const char *format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

nlohmann::ordered_json ToJson(const std::string &name, const RouteStats &s) {
  nlohmann::ordered_json j{{"name", name}, {"rows", s.NumRows()}};
  for (int e = 0; e < s.NumExperts(); ++e) j["share"].push_back(s.Share(e));
  j["entropy"] = s.Entropy();
  j["max_over_mean_load"] = s.MaxLoad();
  for (int k = 0; k < s.NumChoices(); ++k) j["mean_gates"].push_back(s.MeanGate(k));
  j["mean_margin"] = s.MeanMargin();
  j["experts_per_row"] = s.ExpertsPerRow();
  j["second_skipped"] = s.SecondSkipped();
  j["exited"] = s.Exited();
  j["distinct_experts_per_chunk"] = s.DistinctPerChunk();
  j["dead_experts"] = s.DeadExperts().size();
  for (int a = 0; a < s.NumExperts(); ++a) {
    std::vector<double> row;
    for (int b = 0; b < s.NumExperts(); ++b) row.push_back(s.CoActivation(a, b));
    j["co_activation"].push_back(row);
  }
  return j;
}

}  // namespace

void RouteRecorder::OnRoute(ConstView logits, Span<int32_t> experts, Span<float> gates) {
  decisions_.push_back({Tensor::Copy(logits),
                        {experts.begin(), experts.end()},
                        {gates.begin(), gates.end()},
                        {},
                        drops_});
  drops_ = CapacityDrops();
}

void RouteReport::Add(const std::string &layer, const RouteRecorder::Decision &d, int64_t chunk,
                      const std::string &group, const FeedForwardConfig &mixture) {
  RouteStats one(static_cast<int>(d.logits.Cols()),
                 static_cast<int>(static_cast<int64_t>(d.experts.size()) / d.logits.Rows()),
                 RouterTraitsOf(mixture.router).gates_sum_to_one);
  one.Add(d.logits, d.experts, d.gates, chunk);
  if (stats_.count(layer) == 0) layers_.push_back(layer);
  stats_[layer].Add(one);
  if (d.drops.Any()) drops_[layer].Add(d.drops);
  if (!group.empty()) groups_[group][layer].Add(one);
}

UtteranceRoutes RouteUtterance(const Context &ctx, const AsrModel &model, ConstView feats,
                               const AttentionMask &mask, const std::vector<int32_t> *tokens,
                               bool skip_cost, const SequenceFacts &facts, bool capacity) {
  const ModelConfig &config = model.Config();
  for (int32_t token : tokens != nullptr ? *tokens : std::vector<int32_t>()) {
    if (token < 0 || token >= config.vocab_size) {
      throw DataError("token ", token, " is not a unit of the model (0 to ", config.vocab_size - 1,
                      "); were the tokens made with the model's units.txt?");
    }
  }
  CheckFinite("features", feats);
  RouteRecorder recorder(skip_cost);
  ForwardMode mode;
  mode.mask = mask;
  mode.routes = &recorder;
  mode.sequences = Span<SequenceFacts>(&facts, 1);
  mode.capacity = capacity;
  RaggedShape shape;
  UtteranceRoutes routes;
  Tensor &encoded = routes.encoded;
  model.Encoder().Forward(ctx, mode, MatrixOnDevice(ctx, feats), RaggedShape::Single(feats.Rows()),
                          &encoded, &shape, nullptr, nullptr);
  routes.encoder = recorder.Decisions();
  CHECK_EQ(routes.encoder.size(), EncoderMixtureNames(config).size());
  for (const bool right : {false, true}) {
    if (tokens == nullptr || (right && !model.HasRightDecoder())) continue;
    RouteRecorder decoder_recorder(skip_cost);
    Tensor logits;
    const DecoderInput input = MakeDecoderInput({*tokens}, {0}, config.sos, right);
    RouteCall call(&decoder_recorder);
    call.sequences = mode.sequences;
    call.capacity = capacity;
    (right ? model.RightDecoder() : model.LeftDecoder())
        .Forward(ctx, input, encoded, shape, nullptr, call, &logits, nullptr);
    CHECK_EQ(decoder_recorder.Decisions().size(), DecoderMixtureNames(config, right).size());
    (right ? routes.right : routes.left) = decoder_recorder.Decisions();
  }
  return routes;
}

std::vector<RouteRecorder::Decision> RouteReport::AddUtterance(
    const Context &ctx, const AsrModel &model, ConstView feats, const AttentionMask &mask,
    const std::vector<int32_t> *tokens, const std::vector<std::string> &labels,
    const SequenceFacts &facts, bool capacity) {
  const std::string group = labels.empty() ? "" : labels[0];
  UtteranceRoutes routes = RouteUtterance(ctx, model, feats, mask, tokens, false, facts, capacity);
  using Mixtures = std::vector<const FeedForwardConfig *>;
  Mixtures encoder, left, right;
  config_.encoder.ForEachMixture(
      [&](int32_t, bool, const FeedForwardConfig &c) { encoder.push_back(&c); });
  config_.decoder.ForEachMixture(false,
                                 [&](int32_t, const FeedForwardConfig &c) { left.push_back(&c); });
  config_.decoder.ForEachMixture(true,
                                 [&](int32_t, const FeedForwardConfig &c) { right.push_back(&c); });
  const auto add = [&](const std::vector<std::string> &names, const Mixtures &mixtures,
                       const std::vector<RouteRecorder::Decision> &decisions, int64_t chunk) {
    for (size_t i = 0; i < decisions.size(); ++i)
      Add(names[i], decisions[i], chunk, group, *mixtures[i]);
  };
  add(EncoderMixtureNames(config_), encoder, routes.encoder, mask.chunk);
  add(DecoderMixtureNames(config_, false), left, routes.left, 0);
  add(DecoderMixtureNames(config_, true), right, routes.right, 0);
  if (information_) AddInformation(ctx, model, routes, tokens, labels);
  ++num_utterances_;
  return std::move(routes.encoder);
}

void RouteReport::AddInformation(const Context &ctx, const AsrModel &model,
                                 const UtteranceRoutes &routes, const std::vector<int32_t> *tokens,
                                 const std::vector<std::string> &labels) {
  const auto add = [&](const char *part, const std::vector<std::string> &names,
                       const std::vector<RouteRecorder::Decision> &decisions,
                       const std::vector<int32_t> &units) {
    std::vector<RoutedRows> mixtures;
    for (const RouteRecorder::Decision &d : decisions) {
      mixtures.push_back({static_cast<int>(d.logits.Cols()),
                          static_cast<int>(static_cast<int64_t>(d.experts.size()) /
                                           std::max<int64_t>(1, d.logits.Rows())),
                          d.experts});
    }
    if (!mixtures.empty()) information_->Add(part, names, mixtures, units, labels);
  };
  if (!routes.encoder.empty()) {
    const Tensor logp = MoveToHost(model.CtcLogProbs(ctx, routes.encoded));
    std::vector<int32_t> best;  // the most probable unit of each frame
    for (int64_t t = 0; t < logp.Rows(); ++t) {
      const float *row = logp.View().Row(t);
      best.push_back(static_cast<int32_t>(std::max_element(row, row + logp.Cols()) - row));
    }
    add("encoder", EncoderMixtureNames(config_), routes.encoder, best);
  }
  if (tokens == nullptr) return;
  std::vector<int32_t> fed = {config_.sos};  // what each row of a decoder reads
  fed.insert(fed.end(), tokens->begin(), tokens->end());
  add("left decoder", DecoderMixtureNames(config_, false), routes.left, fed);
  std::reverse(fed.begin() + 1, fed.end());
  add("right decoder", DecoderMixtureNames(config_, true), routes.right, fed);
}

int RouteReport::NumDeadExperts() const {
  size_t dead = 0;
  for (const auto &[layer, s] : stats_) dead += s.DeadExperts().size();
  return static_cast<int>(dead);
}

void RouteReport::WriteText(std::ostream &os) const {
  size_t width = 5;
  int fewest = 0, most = 0;
  for (const std::string &layer : layers_) {
    const int experts = Stats(layer).NumExperts();
    fewest = fewest == 0 ? experts : std::min(fewest, experts);
    most = std::max(most, experts);
  }
  for (const std::string &layer : layers_) width = std::max(width, layer.size());
  os << num_utterances_ << " utterances; share of the assignments per expert, % (even: "
     << (fewest == most ? Format("%.1f", most == 0 ? 0 : 100.0 / most)
                        : Cat(Format("%.1f", 100.0 / most), " to ", Format("%.1f", 100.0 / fewest)))
     << "); entropy 1 is even; load is against an even one\n";
  const auto row = [&](const std::string &name, const RouteStats &s) {
    os << name << std::string(width - std::min(width, name.size()), ' ');
    for (int e = 0; e < s.NumExperts(); ++e) os << Format(" %5.1f", 100 * s.Share(e));
    os << Format("  entropy %.3f", s.Entropy()) << Format("  max load %.2f", s.MaxLoad())
       << "  gates";
    for (int k = 0; k < s.NumChoices(); ++k) os << Format(" %.3f", s.MeanGate(k));
    os << Format("  experts/row %.2f", s.ExpertsPerRow())
       << Format("  distinct/chunk %.2f", s.DistinctPerChunk()) << "  rows " << s.NumRows();
    for (int e : s.DeadExperts()) os << "  DEAD " << e;
    os << "\n";
  };
  for (const std::string &layer : layers_) row(layer, Stats(layer));
  for (const auto &[layer, drops] : drops_)
    os << layer << "  dropped at full experts " << drops.ToString() << "\n";
  for (const auto &[group, layers] : groups_) {
    os << "\n" << group << "\n";
    for (const std::string &layer : layers_) {
      if (layers.count(layer)) row(layer, layers.at(layer));
    }
  }
  if (information_) information_->WriteText(os << "\n");
}

void RouteReport::WriteJson(const std::string &wxfilename) const {
  Output out(wxfilename);
  WriteJson(out.Stream());
  out.Close();
}

void RouteReport::WriteJson(std::ostream &os) const {
  nlohmann::ordered_json j{{"utterances", num_utterances_}, {"layers", nlohmann::json::array()}};
  for (const std::string &layer : layers_) {
    j["layers"].push_back(ToJson(layer, Stats(layer)));
    const auto drops = drops_.find(layer);
    if (drops == drops_.end()) continue;
    j["layers"].back()["dropped"] = drops->second.Share();
    for (int i = 0; i < CapacityDrops::kParts; ++i)
      j["layers"].back()["dropped_by_tenth"].push_back(drops->second.Share(i));
  }
  for (const auto &[group, layers] : groups_) {
    for (const std::string &layer : layers_) {
      if (layers.count(layer)) j["groups"][group].push_back(ToJson(layer, layers.at(layer)));
    }
  }
  if (information_) j["information"] = information_->ToJson();
  os << j.dump(1) << "\n";
}

void RouteReport::WritePlot(const std::string &png_path) const {
  // gnuplot says nothing of a disk that is full, so its file gets its name when it is whole.
  // It begins beside its place, or, as gnuplot knows neither our pipes nor descriptors, elsewhere.
  const Place place = FindPlace(png_path, false);
  const bool beside = place.fd < 0 && !place.path.empty() && (place.type == 0 || place.IsFile());
  const std::string temporary =
      Cat(beside ? place.path : (std::filesystem::temp_directory_path() / "u2moe-plot").string(),
          ".tmp-", getpid());
  const SignalCleanup cleanup(temporary);
  std::string cause, whole;
  try {
    Output out("| gnuplot");
    WriteGnuplot(temporary, out.Stream());
    out.Close();
    std::ifstream in(temporary, std::ios::binary);
    const std::string png((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const std::string end("IEND\xae\x42\x60\x82", 8);
    if (png.size() < end.size() || png.compare(png.size() - end.size(), end.size(), end) != 0) {
      cause = "gnuplot did not write all of it; is the disk full?";
    }
    whole = png;
  } catch (const Error &e) {
    cause = Cat(e.what(), "; is gnuplot installed?");
  }
  unlink(temporary.c_str());
  if (!cause.empty()) throw Error("cannot write ", png_path, ": ", cause);
  Output out(png_path);
  out.Stream() << whole;
  out.Close();
}

void RouteReport::WriteGnuplot(const std::string &png_path, std::ostream &os) const {
  int num_experts = 1;
  for (const std::string &layer : layers_)
    num_experts = std::max(num_experts, Stats(layer).NumExperts());
  std::string quoted;  // gnuplot doubles a quote inside single quotes
  for (char c : png_path) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  // The first layer on top, as in the table.
  const auto height = [this](size_t i) { return layers_.size() - 1 - i; };
  os << "set terminal pngcairo size 900," << 160 + 28 * layers_.size() << " font ',10'\n"
     << "set output '" << quoted << "'\nset title 'Load per expert (1 is even)'\n"
     << "set xlabel 'expert'\nset xtics 1\nset xrange [-0.5:" << num_experts << "-0.5]\n"
     << "set yrange [-0.5:" << layers_.size() << "-0.5]\nset cbrange [0:]\n"
     << "set palette defined (0 'white', 1 'light-blue', 2 'khaki', 4 'orange')\nset ytics (";
  for (size_t i = 0; i < layers_.size(); ++i) {
    os << (i ? ", " : "") << "'" << layers_[i] << "' " << height(i);
  }
  os << ") noenhanced\nplot '-' using 1:2:3 with image notitle, "
     << "'-' using 1:2:(sprintf('%.2f', $3)) with labels notitle\n";
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t i = 0; i < layers_.size(); ++i) {
      const int there = Stats(layers_[i]).NumExperts();
      for (int e = 0; e < there; ++e)
        os << e << " " << height(i) << " " << Stats(layers_[i]).Load(e) << "\n";
      // An image has all of its points.
      for (int e = there; pass == 0 && e < num_experts; ++e)
        os << e << " " << height(i) << " NaN\n";
    }
    os << "e\n";
  }
}

}  // namespace u2moe
