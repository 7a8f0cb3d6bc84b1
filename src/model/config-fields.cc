#include "model/config-fields.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "util/text.h"

namespace u2moe {

using nlohmann::json;

std::string FieldText(bool v) { return v ? "true" : "false"; }
std::string FieldText(int32_t v) { return std::to_string(v); }
std::string FieldText(float v) { return NumberToString(v); }
std::string FieldText(const std::string &v) { return v; }
std::string FieldText(Activation v) { return ToString(v); }
std::string FieldText(ConvNorm v) {
  return v == ConvNorm::kLayerNorm ? "layer-norm" : "batch-norm";
}

bool FieldFromText(const std::string &text, bool *v) {
  *v = text == "true";
  return *v || text == "false";
}
bool FieldFromText(const std::string &text, int32_t *v) { return ParseNumber(text, v); }
bool FieldFromText(const std::string &text, float *v) {
  return ParseNumber(text, v) && std::isfinite(*v);
}
bool FieldFromText(const std::string &text, std::string *v) {
  *v = text;
  return !text.empty();
}
bool FieldFromText(const std::string &text, Activation *v) {
  *v = text == "relu" ? Activation::kRelu : Activation::kSwish;
  return text == ToString(*v);
}
bool FieldFromText(const std::string &text, ConvNorm *v) {
  *v = text == "batch-norm" ? ConvNorm::kBatchNorm : ConvNorm::kLayerNorm;
  return text == FieldText(*v);
}

json FieldJson(bool v) { return v; }
json FieldJson(int32_t v) { return v; }
// The shortest decimal of the float, not the long one of its exact value.
json FieldJson(float v) { return json::parse(NumberToString(v)); }
json FieldJson(const std::string &v) { return v; }
json FieldJson(Activation v) { return FieldText(v); }
json FieldJson(ConvNorm v) { return FieldText(v); }

bool FieldFromJson(const json &j, bool *v) {
  return j.is_boolean() ? (*v = j.get<bool>(), true) : false;
}
bool FieldFromJson(const json &j, int32_t *v) {
  if (!j.is_number_integer() || (j.is_number_unsigned() && j.get<uint64_t>() > INT32_MAX))
    return false;
  const int64_t value = j.get<int64_t>();
  *v = static_cast<int32_t>(value);
  return *v == value;
}
bool FieldFromJson(const json &j, float *v) {
  if (!j.is_number()) return false;
  *v = static_cast<float>(j.get<double>());
  return std::isfinite(*v);
}
bool FieldFromJson(const json &j, std::string *v) {
  return j.is_string() ? (*v = j.get<std::string>(), true) : false;
}
bool FieldFromJson(const json &j, Activation *v) {
  return j.is_string() && FieldFromText(j.get<std::string>(), v);
}
bool FieldFromJson(const json &j, ConvNorm *v) {
  return j.is_string() && FieldFromText(j.get<std::string>(), v);
}

}  // namespace u2moe
