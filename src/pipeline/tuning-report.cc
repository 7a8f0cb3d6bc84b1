#include "pipeline/tuning-report.h"

#include <cstdio>
#include <vector>

#include "base/check.h"
#include "pipeline/rescoring-output.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

std::string Fixed(const char *format, double x) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, x);
  return buffer;
}

// A weight that has no part in the scores is not shown.
std::string Shown(bool there, float weight) { return there ? NumberToString(weight) : "-"; }

void WriteRow(std::ostream &os, const std::string &name, const std::vector<std::string> &cells) {
  os << name << std::string(name.size() < 20 ? 20 - name.size() : 1, ' ');
  for (const std::string &cell : cells)
    os << std::string(cell.size() < 9 ? 9 - cell.size() : 1, ' ') << cell;
  os << '\n';
}

std::vector<float> Numbers(const std::string &option, const std::string &list) {
  std::vector<float> numbers;
  for (const std::string &text : ExpandWeights(option, list)) {
    float x = 0;
    CHECK(ParseNumber(text, &x));
    numbers.push_back(x);
  }
  return numbers;
}

}  // namespace

void TuningGridOptions::Register(OptionParser *po) {
  po->Register("ctc-weights", &ctc, "values of --ctc-weight to begin with: 0,0.5 or 0:0.1:1");
  po->Register("reverse-weights", &reverse,
               "the same of --reverse-weight, where there are scores from right to left");
  po->Register("lm-weights", &lm, "the same of --lm-weight, with --lm-scores");
  po->Register("length-bonuses", &bonus, "the same of --length-bonus");
  po->Register("halvings", &halvings,
               "how often steps around the best point, 0.05 at first, are halved; negative: none "
               "are made");
}

TuningGrid TuningGridOptions::Grid() const {
  TuningGrid grid{Numbers("--ctc-weights", ctc), Numbers("--reverse-weights", reverse),
                  Numbers("--lm-weights", lm), Numbers("--length-bonuses", bonus)};
  RescoringOptions check;
  for (const float x : grid.ctc) check.ctc_weight = x, check.Check();
  for (const float x : grid.reverse) check.reverse_weight = x, check.Check();
  for (const float x : grid.lm) check.lm_weight = x, check.Check();
  return grid;
}

void WriteTuningTable(std::ostream &os, const TuningSet &set, const TuningGrid &grid,
                      const TunedWeights &coarse, const TunedWeights &best,
                      const std::string &rate) {
  const auto percent = [&](int64_t errors) {
    return Fixed("%.2f", ErrorPercent(errors, set.num_units));
  };
  const auto row = [&](const std::string &name, const TunedWeights &t) {
    const RescoringOptions &w = t.weights;
    WriteRow(os, name,
             {NumberToString(w.ctc_weight), Shown(set.has_right_to_left, w.reverse_weight),
              Shown(set.has_language, w.lm_weight), NumberToString(w.length_bonus),
              std::to_string(t.errors), percent(t.errors)});
  };
  os << set.lists.size() << " utterances, " << set.num_units << " units\n";
  WriteRow(os, "", {"ctc", "reverse", "lm", "bonus", "errors", rate});
  int64_t first = 0;
  for (const TuningList &list : set.lists) first += list.errors[0];
  WriteRow(os, "first of each list", {"", "", "", "", std::to_string(first), percent(first)});
  const RescoringOptions plain = UntunedWeights(set);
  row("untuned", {plain, TuningErrors(set, plain)});
  row("grid", coarse);
  row("chosen", best);
  const int64_t oracle = OracleErrors(set);
  WriteRow(os, "best of each list", {"", "", "", "", std::to_string(oracle), percent(oracle)});

  os << "\nOne weight changed, the others as chosen: " << rate << '\n';
  const auto profile = [&](const char *name, const std::vector<float> &values,
                           float RescoringOptions::*weight) {
    for (size_t begin = 0; begin < values.size(); begin += 11) {
      std::vector<std::string> at, rates;
      for (size_t i = begin; i < std::min(values.size(), begin + 11); ++i) {
        RescoringOptions w = best.weights;
        w.*weight = values[i];
        at.push_back(NumberToString(values[i]));
        rates.push_back(percent(TuningErrors(set, w)));
      }
      WriteRow(os, name, at);
      WriteRow(os, "", rates);
    }
  };
  profile("ctc-weight", grid.ctc, &RescoringOptions::ctc_weight);
  if (set.has_right_to_left)
    profile("reverse-weight", grid.reverse, &RescoringOptions::reverse_weight);
  if (set.has_language) profile("lm-weight", grid.lm, &RescoringOptions::lm_weight);
  profile("length-bonus", grid.bonus, &RescoringOptions::length_bonus);
}

void WriteTuningConfig(const std::string &wxfilename, const TuningSet &set,
                       const TunedWeights &best, const WerOptions &wer, const std::string &refs) {
  Output out(wxfilename);
  out.Stream() << "# tune-weights: " << best.errors << " errors of " << set.num_units << " ("
               << wer.ToString() << ") on " << Printable(refs, 200) << '\n'
               << "ctc-weight=" << NumberToString(best.weights.ctc_weight) << '\n';
  if (set.has_right_to_left)
    out.Stream() << "reverse-weight=" << NumberToString(best.weights.reverse_weight) << '\n';
  if (set.has_language)
    out.Stream() << "lm-weight=" << NumberToString(best.weights.lm_weight) << '\n';
  out.Stream() << "length-bonus=" << NumberToString(best.weights.length_bonus) << '\n';
  out.Close();
}

}  // namespace u2moe
