#include "model/layer-list.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "model/config-fields.h"
#include "util/text.h"

namespace u2moe {
namespace {

// "name=value" of the fields in which a layer differs, with commas.
std::string Difference(const FeedForwardConfig &layer, const FeedForwardConfig &ffn) {
  std::vector<std::string> parts;
  ForEachField(&layer, [&](const char *name, auto field, FieldKind) {
    if (layer.*field != ffn.*field) parts.push_back(Cat(name, "=", FieldText(layer.*field)));
  });
  return Join(parts, ",");
}

std::string Trimmed(std::string_view text) { return std::string(Trim(text)); }

// One entry of a list.
class Entry {
 public:
  Entry(const std::string &option, const std::string &text)
      : where_(Cat(option, ": the entry '", Printable(text, 80), "': ")) {
    const size_t colon = text.find(':');
    if (text.empty()) Fail("is empty");
    if (colon == text.npos) Fail("has no ':' between blocks and settings");
    blocks_ = Trimmed(std::string_view(text).substr(0, colon));
    settings_ = text.substr(colon + 1);
  }

  // For each layer of `places` whether the entry speaks of it.
  std::vector<bool> Layers(const LayerPlaces &places) {
    bool macaron = true, last = true;
    if (const size_t dot = blocks_.find('.'); dot != blocks_.npos) {
      const std::string which = Trimmed(std::string_view(blocks_).substr(dot + 1));
      if (!places.encoder) {
        Fail("a decoder block has one feed-forward layer, so '.", Printable(which),
             "' must be left out");
      }
      if (which != "macaron" && which != "last")
        Fail("'", Printable(which), "' is neither macaron nor last");
      macaron = which == "macaron";
      last = !macaron;
      blocks_ = Trimmed(std::string_view(blocks_).substr(0, dot));
    }
    std::vector<bool> chosen(static_cast<size_t>(places.num_blocks) *
                             static_cast<size_t>(places.PerBlock()));
    for (const std::string &part : Split(blocks_, ',')) {
      const auto [first, end] = Range(Trimmed(part), places.num_blocks);
      for (size_t b = first; b < end; ++b) {
        if (!places.encoder) {
          chosen[b] = true;
          continue;
        }
        if (macaron) chosen[2 * b] = true;
        if (last) chosen[2 * b + 1] = true;
      }
    }
    return chosen;
  }

  void Apply(FeedForwardConfig *layer) const {
    for (const std::string &part : Split(settings_, ',')) {
      const size_t equals = part.find('=');
      if (equals == part.npos) Fail("'", Printable(part), "' is no name=value");
      const std::string name = Trimmed(std::string_view(part).substr(0, equals)),
                        text = Trimmed(std::string_view(part).substr(equals + 1));
      bool known = false;
      std::vector<std::string> names;
      ForEachField(layer, [&](const char *field_name, auto field, FieldKind) {
        names.emplace_back(field_name);
        if (name != field_name) return;
        known = true;
        auto value = layer->*field;
        if (!FieldFromText(text, &value))
          Fail("'", Printable(text), "' is no value of ", field_name);
        layer->*field = value;
      });
      if (!known) {
        Fail("'", Printable(name), "' is no setting of a layer; there are ", Join(names, ", "));
      }
    }
  }

 private:
  // "all", "3" or "3-5" as [begin, end).
  std::pair<size_t, size_t> Range(const std::string &text, int32_t num_blocks) const {
    if (text == "all") return {0, static_cast<size_t>(num_blocks)};
    const size_t dash = text.find('-');
    int32_t first = 0, last = 0;
    const std::string begin = Trimmed(std::string_view(text).substr(0, dash));
    const std::string end =
        dash == text.npos ? begin : Trimmed(std::string_view(text).substr(dash + 1));
    if (!ParseNumber(begin, &first) || !ParseNumber(end, &last) || first < 0 || last < first) {
      Fail("'", Printable(text), "' is neither a block, as 3, nor a range, as 3-5, nor all");
    }
    if (last >= num_blocks) Fail("there is no block ", last, "; they are 0 to ", num_blocks - 1);
    return {static_cast<size_t>(first), static_cast<size_t>(last) + 1};
  }

  template <class... Args>
  [[noreturn]] void Fail(const Args &...what) const {
    throw UsageError(where_, what...);
  }

  std::string where_, blocks_, settings_;
};

}  // namespace

const char kLayersHelp[] =
    "feed-forward layers of the encoder that differ from the others, e.g. "
    "all.macaron:num-experts=0;0-2,5:num-experts=4,router=topk-softmax: entries with ';', each of "
    "blocks (numbers from 0, ranges, all), .macaron or .last for one layer of an encoder block, "
    "and "
    "settings; the last entry counts";

std::vector<FeedForwardConfig> ParseLayers(const std::string &option, const std::string &text,
                                           const FeedForwardConfig &ffn,
                                           const LayerPlaces &places) {
  if (Trim(text).empty()) return {};
  std::vector<FeedForwardConfig> layers(
      static_cast<size_t>(places.num_blocks) * static_cast<size_t>(places.PerBlock()), ffn);
  for (const std::string &part : Split(text, ';')) {
    Entry entry(option, Trimmed(part));
    const std::vector<bool> chosen = entry.Layers(places);
    for (size_t i = 0; i < layers.size(); ++i) {
      if (chosen[i]) entry.Apply(&layers[i]);
    }
  }
  const bool differs = std::any_of(layers.begin(), layers.end(), [&](const auto &layer) {
    return !Difference(layer, ffn).empty();
  });
  return differs ? layers : std::vector<FeedForwardConfig>();
}

std::string LayersToString(const std::vector<FeedForwardConfig> &layers,
                           const FeedForwardConfig &ffn, const LayerPlaces &places) {
  // What is said, of which blocks, in the order in which it is said first.
  std::vector<std::pair<std::string, std::vector<size_t>>> entries;
  const auto add = [&](size_t block, const std::string &which, const std::string &difference) {
    if (difference.empty()) return;
    const std::string said = which + ":" + difference;
    auto it = std::find_if(entries.begin(), entries.end(),
                           [&](const auto &entry) { return entry.first == said; });
    if (it == entries.end()) it = entries.insert(it, {said, {}});
    it->second.push_back(block);
  };
  const size_t per_block = static_cast<size_t>(places.PerBlock());
  for (size_t b = 0; (b + 1) * per_block <= layers.size(); ++b) {
    const std::string first = Difference(layers[b * per_block], ffn),
                      last = Difference(layers[(b + 1) * per_block - 1], ffn);
    add(b, first == last ? "" : ".macaron", first);
    if (first != last) add(b, ".last", last);
  }
  std::vector<std::string> texts;
  for (const auto &[said, blocks] : entries) {
    std::vector<std::string> ranges;
    for (size_t i = 0; i < blocks.size();) {
      size_t j = i;
      while (j + 1 < blocks.size() && blocks[j + 1] == blocks[j] + 1) ++j;
      ranges.push_back(i == j ? Cat(blocks[i]) : Cat(blocks[i], "-", blocks[j]));
      i = j + 1;
    }
    const bool all = blocks.size() == static_cast<size_t>(places.num_blocks);
    texts.push_back((all ? "all" : Join(ranges, ",")) + said);
  }
  return Join(texts, ";");
}

}  // namespace u2moe
