#include "modelfile/config-json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "model/config-fields.h"
#include "util/json.h"
#include "util/text.h"

namespace u2moe {
namespace {

using nlohmann::json;

constexpr char kTraining[] = "training";

// The fields of c that differ from those of `otherwise`, or all that are not young if it is null.
template <class C>
json ToObject(const C &c, const C *otherwise) {
  const C defaults;
  json object = json::object();
  ForEachField(&c, [&](const char *name, auto field, FieldKind kind) {
    if (otherwise != nullptr ? c.*field == otherwise->*field
                             : kind.young && c.*field == defaults.*field) {
      return;
    }
    json *place = &object;
    if (kind.training) place = &object[kTraining];
    (*place)[name] = FieldJson(c.*field);
  });
  return object;
}

// What was found in a configuration beside what was read from it.
struct Findings {
  std::vector<std::string> absent;   // "encoder.num-heads=4"
  std::vector<std::string> unknown;  // "encoder.depth=3", of what may change results
  std::vector<std::string> passed;   // the same, of what may not

  void Warn(const std::string &source) const {
    if (!passed.empty()) {
      LOG_WARN << source << ": unknown here, and passed over, as it changes no results: "
               << Join(passed, ", ");
    }
    if (!absent.empty()) LOG_WARN << source << ": not given, and taken as " << Join(absent, ", ");
  }
};

bool IsOff(const json &v) {
  return v.is_null() || v == json(false) || v == json(0) || v == json("") ||
         ((v.is_array() || v.is_object()) && v.empty());
}

// One object of a configuration. What is read is taken out of it, so that the rest is unknown.
class Section {
 public:
  // path: of the object, such as "encoder."; "" for the whole.
  Section(json object, const std::string &source, const std::string &path, Findings *findings)
      : source_(source), path_(path), findings_(findings), object_(std::move(object)) {
    if (!object_.is_object())
      Fail(path.empty() ? "" : path.substr(0, path.size() - 1), "no object");
    training_ = Take(kTraining, json::object());
    if (!training_.is_object()) Fail(path_ + kTraining, "no object");
  }

  // The fields that are there, into c. partly: the others are no matter.
  template <class C>
  void Read(C *c, bool partly = false) {
    ForEachField(c, [&](const char *name, auto field, FieldKind kind) {
      json *place = kind.training ? &training_ : &object_;
      const auto it = place->find(name);
      const std::string path = path_ + (kind.training ? "training." : "") + name;
      if (it == place->end()) {
        if (!partly && !kind.young)
          findings_->absent.push_back(Cat(path, "=", FieldText(c->*field)));
        return;
      }
      if (!FieldFromJson(*it, &(c->*field)))
        Fail(path, Cat("wrong value ", Printable(it->dump(), 80)));
      place->erase(it);
    });
  }
  // The value of a key, which is taken out.
  json Take(const std::string &key, json otherwise) {
    const auto it = object_.find(key);
    if (it == object_.end()) return otherwise;
    json value = std::move(*it);
    object_.erase(it);
    return value;
  }
  Section Sub(const std::string &key) { return Element(Take(key, json::object()), key); }
  // An object that belongs to this one, such as key "layers.3".
  Section Element(json object, const std::string &key) {
    return {std::move(object), source_, path_ + key + ".", findings_};
  }
  void Finish() {
    for (const auto *place : {&object_, &training_}) {
      for (const auto &item : place->items()) {
        const std::string what =
            Cat(path_, place == &training_ ? "training." : "", Printable(item.key(), 80), "=",
                Printable(item.value().dump(), 80));
        const bool harmless = place == &training_ || IsOff(item.value());
        (harmless ? findings_->passed : findings_->unknown).push_back(what);
      }
    }
  }
  [[noreturn]] void Fail(const std::string &path, const std::string &what) const {
    throw DataError(source_, ": ", path, path.empty() ? "" : ": ", what);
  }

 private:
  std::string source_, path_;
  Findings *findings_;
  json object_, training_;
};

// "layers" of an encoder or decoder: for each block, one after the other, read(section, block).
template <class Read>
void ReadLayers(Section *section, const std::string &path, int32_t num_blocks, Read read) {
  json layers = section->Take("layers", json::array());
  if (!layers.is_array() ||
      (!layers.empty() && layers.size() != static_cast<size_t>(std::max(0, num_blocks)))) {
    section->Fail(path + "layers", Cat("expected a list of ", num_blocks, " blocks"));
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    Section block = section->Element(std::move(layers[i]), Cat("layers.", i));
    read(&block);
    block.Finish();
  }
}

void ReadEncoder(Section *section, EncoderConfig *e) {
  section->Read(e);
  Section ffn = section->Sub("feed-forward");
  ffn.Read(&e->ffn);
  ffn.Finish();
  ReadLayers(section, "encoder.", e->num_blocks, [e](Section *block) {
    for (const char *name : {"macaron", "last"}) {
      Section layer = block->Sub(name);
      e->layers.push_back(e->ffn);
      layer.Read(&e->layers.back(), true);
      layer.Finish();
    }
  });
  section->Finish();
}

void ReadDecoder(Section *section, DecoderConfig *d) {
  section->Read(d);
  Section ffn = section->Sub("feed-forward");
  ffn.Read(&d->ffn);
  ffn.Finish();
  ReadLayers(section, "decoder.", std::max(d->num_blocks, d->num_reverse_blocks),
             [d](Section *layer) {
               d->layers.push_back(d->ffn);
               layer->Read(&d->layers.back(), true);
             });
  section->Finish();
}

ModelConfig Parse(const std::string &text, const std::string &source,
                  const std::vector<std::string> &units, Findings *findings) {
  ModelConfig c;
  ModelOptions ids;
  if (!units.empty()) ids.SetUnits(units);
  c.vocab_size = ids.vocab_size, c.blank = ids.blank, c.sos = ids.sos, c.eos = ids.eos;
  Section top(ParseJson(text, source), source, "", findings);
  top.Read(&c);
  Section encoder = top.Sub("encoder");
  ReadEncoder(&encoder, &c.encoder);
  const FeedForwardConfig defaults = c.decoder.ffn;
  c.decoder.num_heads = c.encoder.num_heads;
  c.decoder.dropout = c.decoder.positional_dropout = c.encoder.dropout;
  c.decoder.ffn = c.encoder.ffn;
  c.decoder.ffn.activation = defaults.activation;
  ForEachField(&defaults, [&](const char *, auto field, FieldKind kind) {
    if (kind.young) c.decoder.ffn.*field = defaults.*field;  // what is not written is the default
  });
  Section decoder = top.Sub("decoder");
  ReadDecoder(&decoder, &c.decoder);
  if (c.decoder.num_reverse_blocks == 0) c.reverse_weight = 0;
  top.Finish();
  return c;
}

}  // namespace

std::string ConfigToJson(const ModelConfig &c) {
  json object = ToObject(c, static_cast<const ModelConfig *>(nullptr));
  json encoder = ToObject(c.encoder, static_cast<const EncoderConfig *>(nullptr));
  encoder["feed-forward"] =
      ToObject(c.encoder.ffn, static_cast<const FeedForwardConfig *>(nullptr));
  for (size_t i = 0; i + 1 < c.encoder.layers.size(); i += 2) {
    json block = json::object();
    for (const size_t j : {i, i + 1}) {
      json layer = ToObject(c.encoder.layers[j], &c.encoder.ffn);
      if (!layer.empty()) block[j == i ? "macaron" : "last"] = std::move(layer);
    }
    encoder["layers"].push_back(std::move(block));
  }
  json decoder = ToObject(c.decoder, static_cast<const DecoderConfig *>(nullptr));
  decoder["feed-forward"] =
      ToObject(c.decoder.ffn, static_cast<const FeedForwardConfig *>(nullptr));
  for (const FeedForwardConfig &layer : c.decoder.layers)
    decoder["layers"].push_back(ToObject(layer, &c.decoder.ffn));
  object["encoder"] = std::move(encoder);
  object["decoder"] = std::move(decoder);
  return object.dump();
}

ModelConfig ConfigFromJson(const std::string &text, int32_t version, const std::string &source,
                           const std::vector<std::string> &units) {
  try {
    if (version < kNestedConfigVersion) {
      ModelOptions options = ModelOptions::FromJson(text, source);
      const bool ids = options.blank >= 0 && options.sos >= 0 && options.eos >= 0;
      if (!units.empty() && (options.vocab_size == 0 || !ids)) options.SetUnits(units);
      return options.Config();
    }
    Findings findings;
    ModelConfig config;
    try {
      config = Parse(text, source, units, &findings);
    } catch (const DataError &) {
      findings.Warn(source);  // what is absent may be the reason
      throw;
    }
    findings.Warn(source);
    if (!findings.unknown.empty()) {
      throw DataError(source,
                      ": unknown here, and it may change results: ", Join(findings.unknown, ", "),
                      "; the model was made by a newer u2moe, so update this one");
    }
    CheckConfig(config);
    return config;
  } catch (const UsageError &e) {
    throw DataError(source, ": ", e.what());
  }
}

std::string UnknownInConfig(const std::string &text, const std::string &source) {
  Findings findings;
  try {
    Parse(text, source, {}, &findings);
  } catch (const DataError &e) {
    return e.what();  // what is known has another form
  }
  return Join(findings.unknown, ", ");
}

}  // namespace u2moe
