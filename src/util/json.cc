#include "util/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {

using nlohmann::json;

json ParseJson(std::string_view text, const std::string &source, int max_depth) {
  std::vector<std::set<std::string>> open;  // the keys of each open object; arrays have none
  auto watch = [&](int, json::parse_event_t event, json &parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        open.emplace_back();
        if (static_cast<int>(open.size()) > max_depth) {
          throw DataError(source, ": JSON nested deeper than ", max_depth, " levels");
        }
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        open.pop_back();
        break;
      case json::parse_event_t::key:
        if (!open.back().insert(parsed.get<std::string>()).second) {
          throw DataError(source, ": the key \"", Printable(parsed.get<std::string>(), 80),
                          "\" stands twice");
        }
        break;
      default:
        break;
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), watch);
  } catch (const json::exception &e) {
    throw DataError(source, ": not valid JSON: ", Printable(e.what(), 400));
  }
}

json ReadJsonStream(std::istream &is, const std::string &source, int64_t max_bytes) {
  std::string text;
  std::vector<char> block(1 << 16);
  while (is.read(block.data(), static_cast<std::streamsize>(block.size())), is.gcount() > 0) {
    text.append(block.data(), static_cast<size_t>(is.gcount()));
    if (static_cast<int64_t>(text.size()) > max_bytes) {
      throw DataError(source, ": larger than ", max_bytes,
                      " bytes, which no JSON file here should be");
    }
  }
  return ParseJson(text, source);
}

json ReadJson(const std::string &rxfilename) {
  Input input(rxfilename);
  input.SkipByteOrderMark();
  json value = ReadJsonStream(input.Stream(), rxfilename);
  input.Close();
  return value;
}

void CheckUnknown(const json &rest, const std::string &source) {
  for (const auto &item : rest.items()) {
    const json &v = item.value();
    const bool off = v.is_null() || v == json(false) || v == json(0) || v == json("") ||
                     ((v.is_array() || v.is_object()) && v.empty());
    if (!off) {
      throw DataError(source, ": unknown entry ", Printable(item.key(), 80), "=",
                      Printable(v.dump(), 80), "; was the model made by a newer u2moe?");
    }
    LOG_WARN << source << ": unknown entry " << Printable(item.key(), 80) << "=" << v.dump()
             << ", which is off; passed over";
  }
}

}  // namespace u2moe
