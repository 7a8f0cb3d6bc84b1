#include "decode/lm-fusion.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "util/text.h"
#include "util/unit-table.h"

namespace u2moe {
namespace {

NgramTrie ReadModel(const std::string &rxfilename) {
  NgramTrieNotes notes;
  NgramTrie lm = NgramTrie::Read(rxfilename, &notes);
  LOG_INFO << rxfilename << ": " << notes.ToString();
  return lm;
}

}  // namespace

void LmFusionOptions::Register(OptionParser *po) {
  po->RegisterInput("lm", &file,
                    "n-gram model in the ARPA format, whose score is added while searching");
  po->Register("lm-units", &units,
               "what the model is over: words (scored when a word ends) or units (of --units)");
  po->Register("lm-weight", &weight, "factor of the model's natural-log probabilities");
  po->Register("length-bonus", &length_bonus,
               "natural-log units for each word, or unit with --lm-units=units, that the model has "
               "scored");
  po->Register(
      "oov-penalty", &oov_penalty,
      "natural-log units taken, before the factor, for a word that the model does not know");
}

void LmFusionOptions::Check() const {
  if (units != "words" && units != "units") {
    throw UsageError("--lm-units=", units, ": unknown; known are words, units");
  }
  const auto check = [](const char *name, float value, float lowest) {
    if (value >= lowest && value <= 1000) return;
    throw UsageError("--", name, "=", value, ": must be a number from ", lowest, " to 1000");
  };
  check("lm-weight", weight, 0);
  check("length-bonus", length_bonus, -1000);
  check("oov-penalty", oov_penalty, 0);
}

std::string LmFusionOptions::ToString() const {
  if (file.empty()) return "";
  return Cat(", language model ", file, " over ", units, " (weight ", weight, ", length bonus ",
             length_bonus, ", penalty for unknown words ", oov_penalty, ")");
}

LmFusion::LmFusion(const LmFusionOptions &opts, const std::vector<std::string> &units,
                   const std::string &space, int32_t blank)
    : lm_(ReadModel(opts.file)),
      over_words_(opts.units == "words"),
      weight_(opts.weight),
      length_bonus_(opts.length_bonus),
      oov_penalty_(opts.oov_penalty),
      units_(units.size()) {
  constexpr size_t kMark = std::char_traits<char>::length(UnitTable::kSpace);
  bool any_ends_word = false;
  size_t known = 0, unknown = 0;
  std::string first_unknown;
  for (size_t i = 0; i < units.size(); ++i) {
    Unit *u = &units_[i];
    const bool marked = StartsWith(units[i], UnitTable::kSpace);
    u->ends_word = marked || units[i] == space;
    u->text = units[i] == space ? "" : units[i].substr(marked ? kMark : 0);
    any_ends_word |= u->ends_word;
    u->word = lm_.Words().Find(units[i]);
    if (static_cast<int32_t>(i) == blank) continue;
    if (u->word < 0 || u->word == lm_.Unk()) {
      if (unknown++ == 0) first_unknown = units[i];
    } else {
      ++known;
    }
    if (u->word < 0) u->word = lm_.Unk();
  }
  if (over_words_ && !any_ends_word) {
    throw UsageError("--lm-units=words: no unit of the model begins with ", UnitTable::kSpace,
                     " (U+2581), so that words have no ends; use a language model over units and "
                     "--lm-units=units");
  }
  if (over_words_) return;
  if (known == 0) {
    throw UsageError("--lm=", opts.file, ": none of the ", units.size(),
                     " units is among its words, so it is no model over these units; "
                     "--lm-units=words is for one over words");
  }
  if (unknown > 0) {
    LOG_INFO << opts.file << ": " << unknown << " units are unknown to it, the first is '"
             << Printable(first_unknown) << "'";
  }
}

double LmFusion::Score(int32_t state, int32_t word, int32_t *next) const {
  double logp = 0;
  if (word < 0) {
    *next = 0;
  } else {
    logp = std::min(0.0, lm_.Score(state, word, next));
  }
  if (word == lm_.Unk()) logp -= oov_penalty_;
  return weight_ * logp;
}

double LmFusion::ScoreWord(int32_t state, const std::string &word, int32_t *next) const {
  if (word.empty()) {
    *next = state;
    return 0;
  }
  return Score(state, lm_.Find(word), next) + length_bonus_;
}

double LmFusion::ScoreEnd(int32_t state) const {
  int32_t next = 0;
  return weight_ * std::min(0.0, lm_.Score(state, lm_.Eos(), &next));
}

}  // namespace u2moe
