// What the choices of a model's routers tell: of language, speaker, unit and position, of one
// another, and how long they last.
#ifndef U2MOE_LAB_ROUTE_INFORMATION_H_
#define U2MOE_LAB_ROUTE_INFORMATION_H_

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/span.h"
#include "lab/mutual-information.h"

namespace u2moe {

// The experts of one mixture for the rows of an utterance, as RouteSink::OnRoute reports them.
struct RoutedRows {
  int num_experts = 0, num_choices = 0;
  Span<int32_t> experts;  // [R * num_choices]
};

// What the labels of these rspecifiers are called: ark:data/utt2lang is "lang". Each name once;
// what gives none is "label1", its place.
std::vector<std::string> LabelNames(const std::vector<std::string> &rspecifiers);

// Mutual information of the expert of an assignment (a row and one of its experts) and
// - each label of utterances, such as the language;
// - the unit that the row is about;
// - the position of the row in its utterance, in tenths.
//
// Counts of few utterances make any label look informative, and the rows of an utterance resemble
// one another, for which no formula corrects. So beside each value stands what chance gives: labels
// dealt to the utterances anew, kDeals times; units of another utterance, positions turned by a
// random number of rows, kTurns times.
class RouteInformation {
 public:
  static constexpr int kPositions = 10, kDeals = 20, kTurns = 5;

  // label_names: of the labels that Add is given.
  explicit RouteInformation(std::vector<std::string> label_names);

  // One utterance in one part of the network: its mixtures, which all have the same rows, by name;
  // the unit of each row [R]; its labels. The names of a part are the same in each call.
  void Add(const std::string &part, const std::vector<std::string> &names,
           const std::vector<RoutedRows> &mixtures, const std::vector<int32_t> &units,
           const std::vector<std::string> &labels);

  // In bits.
  struct Told {
    double information = 0;      // as counted
    double corrected = 0;        // Miller and Madow
    double by_chance = 0;        // mean of what chance gives
    double entropy = 0;          // of the label
    double p = 1;                // share of what chance gives that is as much, (1 + n) / (1 + all)
    bool beyond_chance = false;  // more than all of it
    // The share of the label's entropy that the expert tells beyond chance, not below 0.
    double Share() const;
  };
  struct Mixture {
    std::string name;
    std::vector<std::pair<std::string, Told>> told;  // by label, then "unit" and "position"
    // Share of successive rows, both with experts, whose first experts differ; what it would be if
    // rows were drawn in any order.
    double switch_rate = 0, switch_by_chance = 0;
    // Of the places of the rows in each tenth of the utterances, the share without an expert: lost
    // to a capacity, a threshold, or a policy.
    std::array<double, kPositions> empty = {};
    double mean_agreement = 0;  // with the other mixtures of the part
  };
  struct Part {
    std::string name;
    std::vector<Mixture> mixtures;
    // [i][j]: normalised mutual information of the first experts of mixtures i and j.
    std::vector<std::vector<double>> agreement;
  };
  std::vector<Part> Results() const;

  void WriteText(std::ostream &os) const;
  nlohmann::ordered_json ToJson() const;

 private:
  struct MixtureCounts {
    std::vector<int64_t> firsts;  // [E]
    int64_t pairs = 0, switches = 0;
    std::array<int64_t, kPositions> places = {}, empty = {};
    std::vector<std::vector<int32_t>> utterances;  // [n][E], assignments
    JointCounts unit, position;
    std::vector<JointCounts> unit_by_chance, position_by_chance;  // [kTurns]
  };
  struct PartCounts {
    std::string name;
    std::vector<std::string> names;
    std::vector<MixtureCounts> mixtures;
    std::vector<JointCounts> agreement;             // of i < j, row by row of the triangle
    std::vector<std::vector<int32_t>> labels;       // [label][n]
    std::vector<std::vector<int32_t>> other_units;  // of some utterances before
    int64_t num_utterances = 0;
  };
  // What chance makes of the rows of an utterance: the units of some other utterance, and where
  // in them and in the positions to begin.
  struct Turn {
    const std::vector<int32_t> *units;
    int64_t first_unit, first_position;
  };

  PartCounts *FindPart(const std::string &name, const std::vector<std::string> &names,
                       const std::vector<RoutedRows> &mixtures);
  static void AddMixture(const RoutedRows &routed, const std::vector<int32_t> &units,
                         const std::vector<Turn> &turns, MixtureCounts *counts);
  Part ResultsOf(const PartCounts &counts) const;

  std::vector<std::string> label_names_;
  std::vector<std::map<std::string, int32_t>> label_ids_;
  std::vector<PartCounts> parts_;
  Rng rng_;
};

}  // namespace u2moe

#endif  // U2MOE_LAB_ROUTE_INFORMATION_H_
