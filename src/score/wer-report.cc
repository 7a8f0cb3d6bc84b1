#include "score/wer-report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "util/unicode.h"

namespace u2moe {
namespace {

std::string Fixed(double x) {
  if (x > -0.005 && x < 0) x = 0;  // no "-0.00"
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.2f", x);
  return buffer;
}

std::string Percent(const Interval &i) {
  return "[ " + Fixed(100 * i.low) + ", " + Fixed(100 * i.high) + " ]";
}

std::string Counts(const EditCounts &c) {
  return Cat(Fixed(ErrorPercent(c.Errors(), c.RefLength())), " [ ", c.Errors(), " / ",
             c.RefLength(), ", ", c.insertions, " ins, ", c.deletions, " del, ", c.substitutions,
             " sub ]");
}

// Of each Edit, in Kaldi's words.
constexpr const char *kEditNames[] = {"correct", "substitution", "deletion", "insertion"};

// Columns of a unit, at least one for what was done to it.
size_t Width(const std::string &s) { return std::max<size_t>(DisplayWidth(s), 1); }

double Number(const WerResult &r) { return ErrorPercent(r.totals.Errors(), r.totals.RefLength()); }

nlohmann::ordered_json Finite(double x) {
  return std::isfinite(x) ? nlohmann::ordered_json(x) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json ToJson(const WerResult &r) {
  return {{"error_rate", Finite(Number(r))},
          {"errors", r.totals.Errors()},
          {"units", r.totals.RefLength()},
          {"correct", r.totals.correct},
          {"substitutions", r.totals.substitutions},
          {"deletions", r.totals.deletions},
          {"insertions", r.totals.insertions},
          {"sentence_error_rate",
           Finite(ErrorPercent(r.sentence_errors, static_cast<int64_t>(r.utterances.size())))},
          {"sentence_errors", r.sentence_errors},
          {"sentences", r.utterances.size()},
          {"missing", r.num_missing},
          {"extra", r.num_extra},
          {"empty_references", r.num_empty_ref},
          {"empty_hypotheses", r.num_empty_hyp}};
}

// No draw had a reference unit where there are no draws.
nlohmann::ordered_json ToJson(const BootstrapResult &b, const Interval &i) {
  if (b.num_draws == 0) return nullptr;
  return {100 * i.low, 100 * i.high};
}

}  // namespace

std::string Verdict(const BootstrapResult &bootstrap) {
  if (bootstrap.difference.Holds(0)) return "no difference";
  return bootstrap.difference.high < 0 ? "the second is better" : "the first is better";
}

void WriteWerText(std::ostream &os, const WerReport &report) {
  const WerResult &r = *report.first;
  os << '%' << report.opts.RateName() << ' ' << Counts(r.totals)
     << (r.num_missing ? " [PARTIAL]" : "") << '\n';
  const int64_t sentences = static_cast<int64_t>(r.utterances.size());
  os << "%SER " << Fixed(ErrorPercent(r.sentence_errors, sentences)) << " [ " << r.sentence_errors
     << " / " << sentences << " ]\n";
  os << "Scored " << sentences << " sentences, " << r.num_missing << " not present in hyp.\n";
  const TextNormalizer &normalizer = report.opts.Normalizer();
  if (!normalizer.Empty()) os << "Normalised by " << normalizer.Label() << '\n';
  if (!report.bootstrap || report.bootstrap->num_draws == 0) return;
  const BootstrapResult &b = *report.bootstrap;
  os << "Interval 95% " << Percent(b.rate) << " by bootstrap over " << report.drawn << ", "
     << b.num_draws << " draws, seed " << report.seed << '\n';
  if (!report.second) return;
  os << "Second " << Counts(report.second->totals) << ", interval 95% " << Percent(b.rate2) << '\n';
  const double difference = Number(*report.second) - Number(r);
  os << "Difference " << Fixed(std::isnan(difference) ? 0 : difference)
     << " (second - first), interval 95% " << Percent(b.difference) << ": " << Verdict(b) << '\n';
}

void WriteBootstrapText(std::ostream &os, const BootstrapResult &result, bool has_second) {
  const auto line = [&](const char *name, const Spread &s) {
    const double reach = 1.96 * s.deviation;
    os << name << ": %WER " << Fixed(100 * s.mean) << " 95% Conf Interval "
       << Percent({s.mean - reach, s.mean + reach}) << '\n';
  };
  line("Set1", result.spread);
  if (!has_second) return;
  line("Set2", result.spread2);
  os << "Probability of Set2 improving Set1: " << Fixed(100 * result.second_fewer) << '\n';
}

void WriteWerJson(std::ostream &os, const WerReport &report) {
  nlohmann::ordered_json j = {{"rate", report.opts.RateName()},
                              {"counted", report.opts.UnitName()},
                              {"align", report.opts.align},
                              {"normalize", report.opts.Normalizer().Name()},
                              {"normalize_hash", report.opts.Normalizer().Hash()},
                              {"mode", report.opts.mode}};
  j.update(ToJson(*report.first));
  if (report.bootstrap) {
    const BootstrapResult &b = *report.bootstrap;
    j["interval95"] = ToJson(b, b.rate);
    j["bootstrap"] = {{"over", report.drawn}, {"draws", b.num_draws}, {"seed", report.seed}};
    if (report.second) {
      j["second"] = ToJson(*report.second);
      j["second"]["interval95"] = ToJson(b, b.rate2);
      j["difference"] = {
          {"second_minus_first", Finite(Number(*report.second) - Number(*report.first))},
          {"interval95", ToJson(b, b.difference)},
          {"second_better_share", b.second_better},
          {"verdict", Verdict(b)}};
    }
  }
  // Keys and words never get into this object, so a replacement character can only come from a name
  // given on the command line.
  os << j.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

void WritePerUtterance(std::ostream &os, const WerResult &result) {
  const std::string none = "***", space = "<space>";
  for (const ScoredUtterance &u : result.utterances) {
    std::string ref = u.key + " ref ", hyp = u.key + " hyp ", op = u.key + " op  ";
    size_t i = 0, j = 0;
    for (Edit edit : u.edits) {
      std::string a = edit == Edit::kInsertion ? none : u.ref.at(i++);
      std::string b = edit == Edit::kDeletion ? none : u.hyp.at(j++);
      if (a == " ") a = space;
      if (b == " ") b = space;
      const char what = "CSDI"[static_cast<size_t>(edit)];
      const size_t width = std::max(Width(a), Width(b));
      ref += ' ' + a + std::string(width - DisplayWidth(a), ' ');
      hyp += ' ' + b + std::string(width - DisplayWidth(b), ' ');
      op += ' ' + std::string(1, what) + std::string(width - 1, ' ');
    }
    for (std::string *line : {&ref, &hyp, &op}) {
      line->erase(line->find_last_not_of(' ') + 1);
      os << *line << '\n';
    }
    os << u.key << " #csid " << u.counts.correct << ' ' << u.counts.substitutions << ' '
       << u.counts.insertions << ' ' << u.counts.deletions << '\n';
    if (u.missing) os << u.key << " #missing\n";
  }
}

void WriteEdits(std::ostream &os, const WerResult &result, AlignRule rule) {
  Aligner aligner(AlignRule::kKaldiText);
  std::unordered_map<std::string, int32_t> numbers;
  const auto number = [&](const std::vector<std::string> &words) {
    std::vector<int32_t> ids;
    for (const std::string &w : words) {
      ids.push_back(numbers.emplace(w, static_cast<int32_t>(numbers.size())).first->second);
    }
    return ids;
  };
  const auto shown = [](const std::string &word) { return word == " " ? "<space>" : word; };
  for (const ScoredUtterance &u : result.utterances) {
    std::vector<Edit> edits = u.edits;
    if (rule == AlignRule::kKaldi) aligner.Align(number(u.ref), number(u.hyp), &edits);
    size_t i = 0, j = 0;
    for (const Edit edit : edits) {
      os << kEditNames[static_cast<size_t>(edit)];
      if (edit != Edit::kInsertion) os << ' ' << shown(u.ref.at(i++));
      if (edit != Edit::kDeletion) {
        const std::string &word = u.hyp.at(j++);
        if (edit != Edit::kCorrect) os << ' ' << shown(word);
      }
      os << '\n';
    }
  }
}

}  // namespace u2moe
