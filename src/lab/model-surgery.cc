#include "lab/model-surgery.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "model/config-fields.h"
#include "modelfile/model-file.h"
#include "util/text.h"

namespace u2moe {
namespace {

bool Equal(const FeedForwardConfig &a, const FeedForwardConfig &b) {
  bool equal = true;
  ForEachField(&a, [&](const char *, auto field, FieldKind) { equal &= a.*field == b.*field; });
  return equal;
}

void Join(std::vector<FeedForwardConfig> *layers, FeedForwardConfig *ffn) {
  if (layers->empty()) return;
  for (const FeedForwardConfig &layer : *layers) {
    if (!Equal(layer, layers->front())) return;
  }
  *ffn = layers->front();
  layers->clear();
}

}  // namespace

std::string FeedForwardPlace::Name() const {
  if (part == Part::kEncoder)
    return Cat("encoder.encoders.", block, ".feed_forward", macaron ? "_macaron" : "");
  return Cat("decoder.", part == Part::kLeftDecoder ? "left" : "right", "_decoder.decoders.", block,
             ".feed_forward");
}

const FeedForwardConfig &FeedForwardPlace::Config(const ModelConfig &config) const {
  return part == Part::kEncoder ? config.encoder.FeedForwardOf(block, macaron)
                                : config.decoder.FeedForwardOf(block);
}

FeedForwardConfig *FeedForwardPlace::MutableConfig(ModelConfig *config) const {
  if (part != Part::kEncoder) return &config->decoder.layers.at(static_cast<size_t>(block));
  return &config->encoder.layers.at(2 * static_cast<size_t>(block) + (macaron ? 0 : 1));
}

std::vector<FeedForwardPlace> FeedForwardPlaces(const ModelConfig &config) {
  using Part = FeedForwardPlace::Part;
  std::vector<FeedForwardPlace> places;
  for (int32_t b = 0; b < config.encoder.num_blocks; ++b) {
    for (const bool macaron : {true, false}) places.push_back({Part::kEncoder, b, macaron});
  }
  for (const bool right : {false, true}) {
    for (int32_t b = 0; b < config.decoder.NumBlocks(right); ++b)
      places.push_back({right ? Part::kRightDecoder : Part::kLeftDecoder, b, false});
  }
  return places;
}

std::vector<FeedForwardPlace> ChoosePlaces(const ModelConfig &config, const std::string &part) {
  bool macaron = false, last = false, decoders = false;
  for (const std::string &word : Split(part, ',')) {
    const bool all = word == "all", encoder = all || word == "encoder";
    if (!encoder && word != "macaron" && word != "last" && word != "decoders") {
      throw UsageError("--part=", part, ": '", Printable(word),
                       "' is none of all, encoder, macaron, last, decoders");
    }
    macaron |= encoder || word == "macaron";
    last |= encoder || word == "last";
    decoders |= all || word == "decoders";
  }
  std::vector<FeedForwardPlace> places = FeedForwardPlaces(config);
  places.erase(std::remove_if(places.begin(), places.end(),
                              [&](const FeedForwardPlace &p) {
                                if (p.part != FeedForwardPlace::Part::kEncoder) return !decoders;
                                return p.macaron ? !macaron : !last;
                              }),
               places.end());
  return places;
}

void SpellOutLayers(ModelConfig *config) {
  EncoderConfig *e = &config->encoder;
  DecoderConfig *d = &config->decoder;
  if (e->layers.empty()) e->layers.assign(2 * static_cast<size_t>(e->num_blocks), e->ffn);
  const int32_t blocks = std::max(d->num_blocks, d->num_reverse_blocks);
  if (d->layers.empty()) d->layers.assign(static_cast<size_t>(blocks), d->ffn);
}

void JoinLayers(ModelConfig *config) {
  Join(&config->encoder.layers, &config->encoder.ffn);
  Join(&config->decoder.layers, &config->decoder.ffn);
}

TensorsByName::TensorsByName(AsrModel *model) {
  ForEachParam(model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    CHECK(tensors_.emplace(name, t).second) << name;
  });
}

Tensor &TensorsByName::operator[](const std::string &name) const {
  const auto it = tensors_.find(name);
  CHECK(it != tensors_.end()) << name;
  return *it->second;
}

std::unique_ptr<AsrModel> Reshaped(AsrModel *from, ModelConfig config, uint64_t seed) {
  JoinLayers(&config);
  CheckConfig(config);
  auto to = std::make_unique<AsrModel>(config);
  InitModel(to.get(), seed);
  const TensorsByName old(from);
  ForEachParam(to.get(), [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    const auto it = old.All().find(name);
    if (it != old.All().end() && it->second->Shape() == t->Shape()) *t = *it->second;
  });
  return to;
}

void CheckSameShape(const AsrModel &a, const AsrModel &b) {
  using nlohmann::json;
  const json x = json::parse(ModelOptions(a.Config()).ToJson()),
             y = json::parse(ModelOptions(b.Config()).ToJson());
  for (const auto &item : x.items()) {
    if (y.at(item.key()) == item.value()) continue;
    throw UsageError("the two models differ in ", item.key(), ": ", item.value().dump(), " and ",
                     y.at(item.key()).dump(), "; they must have one shape");
  }
  for (const FeedForwardPlace &p : FeedForwardPlaces(a.Config())) {
    if (Equal(p.Config(a.Config()), p.Config(b.Config()))) continue;
    throw UsageError("the two models differ in ", p.Name(), "; they must have one shape");
  }
}

void CopyFeedForward(const TensorsByName &from, const std::string &from_scope,
                     const TensorsByName &to, const std::string &to_scope) {
  for (const char *name : {".w_1.weight", ".w_1.bias", ".w_2.weight", ".w_2.bias"}) {
    CHECK_EQ(from.Has(from_scope + name), to.Has(to_scope + name)) << from_scope << name;
    if (!from.Has(from_scope + name)) continue;
    const Tensor &source = from[from_scope + name];
    CHECK(source.Shape() == to[to_scope + name].Shape()) << to_scope << name;
    to[to_scope + name] = source;
  }
}

Tensor TakeRows(const Tensor &t, const std::vector<int64_t> &rows) {
  std::vector<int64_t> shape = t.Shape();
  shape[0] = static_cast<int64_t>(rows.size());
  Tensor taken(shape);
  const int64_t size = t.Size() / t.Dim(0);
  for (size_t i = 0; i < rows.size(); ++i)
    std::copy_n(t.Data() + rows[i] * size, size, taken.Data() + static_cast<int64_t>(i) * size);
  return taken;
}

Tensor TakeRows(ConstView x, const std::vector<int64_t> &rows, size_t begin, size_t end) {
  Tensor taken(static_cast<int64_t>(end - begin), x.Cols());
  for (size_t i = begin; i < end; ++i)
    std::copy_n(x.Row(rows[i]), x.Cols(), taken.View().Row(static_cast<int64_t>(i - begin)));
  return taken;
}

void CopyNeurons(const TensorsByName &from, const std::string &layer, const TensorsByName &to,
                 int64_t number, const std::vector<int64_t> &neurons) {
  const std::string expert = Cat(layer, ".experts.", number);
  to[expert + ".w_1.weight"] = TakeRows(from[layer + ".w_1.weight"], neurons);
  const Tensor &w_2 = from[layer + ".w_2.weight"];
  Tensor &columns = to[expert + ".w_2.weight"];
  for (int64_t d = 0; d < w_2.Rows(); ++d) {
    for (size_t i = 0; i < neurons.size(); ++i)
      columns(d, static_cast<int64_t>(i)) = w_2(d, neurons[i]);
  }
  if (from.Has(layer + ".w_1.bias"))
    to[expert + ".w_1.bias"] = TakeRows(from[layer + ".w_1.bias"], neurons);
  if (!to.Has(layer + ".neurons")) return;
  for (size_t i = 0; i < neurons.size(); ++i)
    to[layer + ".neurons"](number, static_cast<int64_t>(i)) = static_cast<float>(neurons[i]);
}

std::string ContentHash(AsrModel *model) {
  uint64_t hash = 0;
  const auto add = [&hash](uint64_t word) { hash = Mix64(hash * 3 + word); };
  ForEachParam(model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    add(name.size());
    for (const char c : name) add(static_cast<unsigned char>(c));
    for (const int64_t dim : t->Shape()) add(static_cast<uint64_t>(dim));
    for (int64_t i = 0; i < t->Size(); ++i) {
      uint32_t bits;
      std::memcpy(&bits, t->Data() + i, sizeof bits);
      add(bits);
    }
  });
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace u2moe
