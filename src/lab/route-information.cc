#include "lab/route-information.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "moe/routes.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr uint64_t kSeed = 20240416;
constexpr size_t kOtherUnits = 64;  // utterances whose units are kept for others

size_t PositionOf(int64_t row, int64_t num_rows) {
  return static_cast<size_t>(row * RouteInformation::kPositions / num_rows);
}

int32_t First(const RoutedRows &routed, int64_t row) {
  return routed.experts[static_cast<size_t>(row * routed.num_choices)];
}

double Ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

RouteInformation::Told ToldBy(const JointCounts &counts, const std::vector<JointCounts> &chance) {
  RouteInformation::Told told;
  told.information = counts.MutualInformation();
  told.corrected = counts.CorrectedInformation();
  told.entropy = counts.EntropyB();
  int as_much = 0;
  for (const JointCounts &c : chance) {
    const double information = c.MutualInformation();
    told.by_chance += information / static_cast<double>(chance.size());
    as_much += information >= told.information;
  }
  told.p = Ratio(1 + as_much, 1 + static_cast<int64_t>(chance.size()));
  told.beyond_chance = as_much == 0;
  return told;
}

// How often each expert worked on utterances of each label.
JointCounts ByLabel(const std::vector<std::vector<int32_t>> &utterances,
                    const std::vector<int32_t> &labels, size_t num_experts) {
  JointCounts counts(num_experts);
  for (size_t u = 0; u < utterances.size(); ++u) {
    for (size_t e = 0; e < num_experts; ++e)
      counts.Add(e, static_cast<size_t>(labels[u]), utterances[u][e]);
  }
  return counts;
}

}  // namespace

std::vector<std::string> LabelNames(const std::vector<std::string> &rspecifiers) {
  std::vector<std::string> names;
  for (const std::string &rspecifier : rspecifiers) {
    std::string name = rspecifier.substr(rspecifier.find_last_of("/:") + 1);
    if (StartsWith(name, "utt2")) name = name.substr(4);
    const bool taken =
        name == "unit" || name == "position" || std::count(names.begin(), names.end(), name) > 0;
    if (name.empty() || taken || name.find_first_of(" |\t") != std::string::npos)
      name = Cat("label", names.size() + 1);
    names.push_back(name);
  }
  return names;
}

double RouteInformation::Told::Share() const {
  return entropy <= 0 ? 0 : std::max(0.0, information - by_chance) / entropy;
}

RouteInformation::RouteInformation(std::vector<std::string> label_names)
    : label_names_(std::move(label_names)), label_ids_(label_names_.size()), rng_(kSeed) {}

RouteInformation::PartCounts *RouteInformation::FindPart(const std::string &name,
                                                         const std::vector<std::string> &names,
                                                         const std::vector<RoutedRows> &mixtures) {
  for (PartCounts &part : parts_) {
    if (part.name == name) {
      CHECK(part.names == names);
      return &part;
    }
  }
  PartCounts part;
  part.name = name;
  part.names = names;
  part.labels.resize(label_names_.size());
  for (size_t i = 0; i < mixtures.size(); ++i) {
    const size_t experts = static_cast<size_t>(mixtures[i].num_experts);
    MixtureCounts counts;
    counts.firsts.assign(experts, 0);
    counts.unit = counts.position = JointCounts(experts);
    counts.unit_by_chance.assign(kTurns, JointCounts(experts));
    counts.position_by_chance.assign(kTurns, JointCounts(experts));
    part.mixtures.push_back(std::move(counts));
    for (size_t j = i + 1; j < mixtures.size(); ++j) part.agreement.emplace_back(experts);
  }
  parts_.push_back(std::move(part));
  return &parts_.back();
}

void RouteInformation::AddMixture(const RoutedRows &routed, const std::vector<int32_t> &units,
                                  const std::vector<Turn> &turns, MixtureCounts *counts) {
  const int64_t rows = static_cast<int64_t>(units.size()), k = routed.num_choices;
  std::vector<int32_t> of_utterance(counts->firsts.size(), 0);
  for (int64_t t = 0; t < rows; ++t) {
    const size_t position = PositionOf(t, rows);
    const int32_t first = First(routed, t);
    if (first != kNoExpert) {
      ++counts->firsts[static_cast<size_t>(first)];
      if (t > 0 && First(routed, t - 1) != kNoExpert) {
        ++counts->pairs;
        counts->switches += First(routed, t - 1) != first;
      }
    }
    counts->places[position] += k;
    for (int64_t i = 0; i < k; ++i) {
      const int32_t expert = routed.experts[static_cast<size_t>(t * k + i)];
      if (expert == kNoExpert) {
        ++counts->empty[position];
        continue;
      }
      const size_t e = static_cast<size_t>(expert);
      ++of_utterance[e];
      counts->unit.Add(e, static_cast<size_t>(units[static_cast<size_t>(t)]));
      counts->position.Add(e, position);
      for (size_t n = 0; n < turns.size(); ++n) {
        const std::vector<int32_t> &other = *turns[n].units;
        const size_t at =
            static_cast<size_t>((turns[n].first_unit + t) % static_cast<int64_t>(other.size()));
        counts->unit_by_chance[n].Add(e, static_cast<size_t>(other[at]));
        counts->position_by_chance[n].Add(e,
                                          PositionOf((turns[n].first_position + t) % rows, rows));
      }
    }
  }
  counts->utterances.push_back(std::move(of_utterance));
}

void RouteInformation::Add(const std::string &part, const std::vector<std::string> &names,
                           const std::vector<RoutedRows> &mixtures,
                           const std::vector<int32_t> &units,
                           const std::vector<std::string> &labels) {
  CHECK_EQ(names.size(), mixtures.size());
  CHECK_EQ(labels.size(), label_names_.size());
  if (units.empty() || mixtures.empty()) return;
  const int64_t rows = static_cast<int64_t>(units.size());
  for (const RoutedRows &routed : mixtures)
    CHECK_EQ(static_cast<int64_t>(routed.experts.size()), rows * routed.num_choices);
  PartCounts *counts = FindPart(part, names, mixtures);
  for (size_t l = 0; l < labels.size(); ++l) {
    const auto it =
        label_ids_[l].emplace(labels[l], static_cast<int32_t>(label_ids_[l].size())).first;
    counts->labels[l].push_back(it->second);
  }
  std::vector<Turn> turns;
  for (int n = 0; n < kTurns; ++n) {
    // The first utterance has none before it.
    const std::vector<int32_t> &other =
        counts->other_units.empty()
            ? units
            : counts->other_units[static_cast<size_t>(
                  rng_.UniformInt(0, static_cast<int64_t>(counts->other_units.size()) - 1))];
    const int64_t first = rng_.UniformInt(0, static_cast<int64_t>(other.size()) - 1);
    turns.push_back({&other, first, rng_.UniformInt(0, rows - 1)});
  }
  for (size_t i = 0; i < mixtures.size(); ++i)
    AddMixture(mixtures[i], units, turns, &counts->mixtures[i]);
  size_t pair = 0;
  for (size_t i = 0; i < mixtures.size(); ++i) {
    for (size_t j = i + 1; j < mixtures.size(); ++j, ++pair) {
      for (int64_t t = 0; t < rows; ++t) {
        const int32_t a = First(mixtures[i], t), b = First(mixtures[j], t);
        if (a != kNoExpert && b != kNoExpert)
          counts->agreement[pair].Add(static_cast<size_t>(a), static_cast<size_t>(b));
      }
    }
  }
  // Each utterance so far is as likely as any other to be among those that are kept.
  ++counts->num_utterances;
  if (counts->other_units.size() < kOtherUnits) {
    counts->other_units.push_back(units);
  } else {
    const int64_t place = rng_.UniformInt(0, counts->num_utterances - 1);
    if (place < static_cast<int64_t>(kOtherUnits))
      counts->other_units[static_cast<size_t>(place)] = units;
  }
}

RouteInformation::Part RouteInformation::ResultsOf(const PartCounts &counts) const {
  Part part;
  part.name = counts.name;
  const size_t n = counts.mixtures.size();
  part.agreement.assign(n, std::vector<double>(n, 1));
  size_t pair = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j, ++pair) {
      part.agreement[i][j] = part.agreement[j][i] = counts.agreement[pair].NormalisedInformation();
    }
  }
  // The deals are the same for all mixtures.
  std::vector<std::vector<std::vector<int32_t>>> deals(label_names_.size());
  for (size_t l = 0; l < label_names_.size(); ++l) {
    for (int d = 0; d < kDeals; ++d) {
      deals[l].push_back(counts.labels[l]);
      Rng(SubSeed(kSeed, static_cast<uint64_t>(d))).Shuffle(&deals[l].back());
    }
  }
  for (size_t i = 0; i < n; ++i) {
    const MixtureCounts &m = counts.mixtures[i];
    const size_t experts = m.firsts.size();
    Mixture mixture;
    mixture.name = counts.names[i];
    for (size_t l = 0; l < label_names_.size(); ++l) {
      std::vector<JointCounts> chance;
      for (const std::vector<int32_t> &deal : deals[l])
        chance.push_back(ByLabel(m.utterances, deal, experts));
      mixture.told.emplace_back(label_names_[l],
                                ToldBy(ByLabel(m.utterances, counts.labels[l], experts), chance));
    }
    mixture.told.emplace_back("unit", ToldBy(m.unit, m.unit_by_chance));
    mixture.told.emplace_back("position", ToldBy(m.position, m.position_by_chance));
    mixture.switch_rate = Ratio(m.switches, m.pairs);
    int64_t rows = 0;
    double same = 0;
    for (const int64_t count : m.firsts) rows += count;
    for (const int64_t count : m.firsts) same += Ratio(count, rows) * Ratio(count, rows);
    mixture.switch_by_chance = rows == 0 ? 0 : 1 - same;
    for (size_t p = 0; p < kPositions; ++p) mixture.empty[p] = Ratio(m.empty[p], m.places[p]);
    for (size_t j = 0; j < n; ++j) {
      if (j != i) mixture.mean_agreement += part.agreement[i][j] / static_cast<double>(n - 1);
    }
    part.mixtures.push_back(std::move(mixture));
  }
  return part;
}

std::vector<RouteInformation::Part> RouteInformation::Results() const {
  std::vector<Part> results;
  for (const PartCounts &counts : parts_) results.push_back(ResultsOf(counts));
  return results;
}

void RouteInformation::WriteText(std::ostream &os) const {
  const std::vector<Part> parts = Results();
  size_t width = 5;
  for (const Part &part : parts) {
    for (const Mixture &m : part.mixtures) width = std::max(width, m.name.size());
  }
  const auto column = [&os](const char *format, double value) {
    char text[32];
    std::snprintf(text, sizeof text, format, value);
    os << text;
  };
  os << "What the expert tells, % of the entropy of each label, beyond chance (*: more than all of "
     << kDeals << " deals of labels, " << kTurns
     << " turns of units and positions);\nswitches: share of successive rows whose first expert "
        "differs (in any order); agreement with the other layers, 0 to 1; empty: places without an "
        "expert by tenth of the utterance, %\n";
  for (const Part &part : parts) {
    for (const Mixture &m : part.mixtures) {
      os << m.name << std::string(width - m.name.size(), ' ');
      for (const auto &[label, told] : m.told) {
        os << "  " << label;
        column(" %5.1f", 100 * told.Share());
        os << (told.beyond_chance ? "*" : " ");
      }
      column("  switches %.3f", m.switch_rate);
      column(" (%.3f)", m.switch_by_chance);
      column("  agreement %.3f", m.mean_agreement);
      if (std::any_of(m.empty.begin(), m.empty.end(), [](double share) { return share > 0; })) {
        os << "  empty";
        for (const double share : m.empty) column(" %.0f", 100 * share);
      }
      os << "\n";
    }
  }
}

nlohmann::ordered_json RouteInformation::ToJson() const {
  nlohmann::ordered_json j = nlohmann::json::array();
  for (const Part &part : Results()) {
    nlohmann::ordered_json p{{"part", part.name}, {"agreement", part.agreement}};
    for (const Mixture &m : part.mixtures) {
      nlohmann::ordered_json one{{"name", m.name},
                                 {"switch_rate", m.switch_rate},
                                 {"switch_rate_by_chance", m.switch_by_chance},
                                 {"agreement", m.mean_agreement},
                                 {"empty_by_position", m.empty}};
      for (const auto &[label, told] : m.told) {
        one["tells"][label] = {{"bits", told.information},
                               {"bits_corrected", told.corrected},
                               {"bits_by_chance", told.by_chance},
                               {"entropy", told.entropy},
                               {"share", told.Share()},
                               {"p", told.p}};
      }
      p["layers"].push_back(std::move(one));
    }
    j.push_back(std::move(p));
  }
  return j;
}

}  // namespace u2moe
