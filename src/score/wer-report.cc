#include "score/wer-report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "util/text.h"

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

std::string Decimals(const char *format, double x) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, x == 0 ? 0.0 : x);  // no "-0.000"
  return buffer;
}

double Difference(const WerResult &first, const WerResult &second) {
  const double difference = Number(second) - Number(first);
  return std::isnan(difference) ? 0 : difference;
}

std::string MatchedText(const MatchedPairs &m, const char *what) {
  return Cat("MAPSSWE ", m.segments, m.segments == 1 ? " segment" : " segments", ", mean ",
             Decimals("%.3f", m.mean), what, ", Z ", Decimals("%.3f", m.z), ", p ",
             Decimals("%.4f", m.p));
}

std::string VerdictOfP(double p, double mean, const std::string &second) {
  if (p >= 0.05 || mean == 0) return "no difference";
  return (mean < 0 ? second : "the first") + " is better";
}

void WriteSecond(std::ostream &os, const std::string &prefix, const WerResult &first,
                 const WerResult &second, const BootstrapResult &b) {
  const bool begins = prefix.empty();
  os << prefix << (begins ? "Second " : "second ") << Counts(second.totals) << ", interval 95% "
     << Percent(b.rate2) << '\n';
  os << prefix << (begins ? "Difference " : "difference ") << Fixed(Difference(first, second))
     << " (second - first), interval 95% " << Percent(b.difference) << ": " << Verdict(b) << '\n';
}

void WriteOthers(std::ostream &os, const WerReport &report) {
  const WerResult &first = *report.first;
  if (report.NumOthers() == 1) {
    const WerComparison &c = report.others->front();
    WriteSecond(os, "", first, c.result, c.bootstrap);
    os << MatchedText(c.matched, " (second - first)") << ": "
       << VerdictOfP(c.matched.p, c.matched.mean, "the second") << '\n';
    return;
  }
  for (size_t i = 0; i < report.NumOthers(); ++i) {
    const WerComparison &c = (*report.others)[i];
    const std::string system = Cat("ystem ", i + 2);
    os << 'S' << system << ' ' << Counts(c.result.totals) << ", interval 95% "
       << Percent(c.bootstrap.rate2) << ": " << Printable(c.name, 200) << '\n';
    const double difference = Difference(first, c.result);
    os << 'S' << system << " difference " << Fixed(difference) << " (from the first), interval 95% "
       << Percent(c.bootstrap.difference) << ", p " << Decimals("%.4f", BootstrapP(c.bootstrap))
       << ", Holm's p " << Decimals("%.4f", c.bootstrap_p_holm) << ": "
       << VerdictOfP(c.bootstrap_p_holm, difference, 's' + system) << '\n';
    os << 'S' << system << ' ' << MatchedText(c.matched, "") << ", Holm's p "
       << Decimals("%.4f", c.matched_p_holm) << ": "
       << VerdictOfP(c.matched_p_holm, c.matched.mean, 's' + system) << '\n';
  }
}

void WriteParts(std::ostream &os, const WerReport &report) {
  for (const WerPart &part : report.parts) {
    os << part.title << ' ' << Counts(part.first->totals) << " of " << part.of << '\n';
    if (part.bootstrap == nullptr || part.bootstrap->num_draws == 0) continue;
    os << part.rate << " interval 95% " << Percent(part.bootstrap->rate) << '\n';
    if (part.second != nullptr)
      WriteSecond(os, part.rate + " ", *part.first, *part.second, *part.bootstrap);
  }
}

// Of a hypothesis and another, if there is one, with their intervals.
void AddComparison(const WerResult &first, const WerResult *second, const BootstrapResult &b,
                   nlohmann::ordered_json *j) {
  (*j)["interval95"] = ToJson(b, b.rate);
  if (second == nullptr) return;
  (*j)["second"] = ToJson(*second);
  (*j)["second"]["interval95"] = ToJson(b, b.rate2);
  (*j)["difference"] = {{"second_minus_first", Finite(Number(*second) - Number(first))},
                        {"interval95", ToJson(b, b.difference)},
                        {"second_better_share", b.second_better},
                        {"verdict", Verdict(b)}};
}

nlohmann::ordered_json ToJson(const MatchedPairs &m) {
  return {{"segments", m.segments},
          {"mean", m.mean},
          {"deviation", m.deviation},
          {"z", m.z},
          {"p", m.p}};
}

// All others, each with its name and the p-values of both tests, plain and corrected.
nlohmann::ordered_json Comparisons(const WerReport &report) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < report.NumOthers(); ++i) {
    const WerComparison &c = (*report.others)[i];
    nlohmann::ordered_json j = {{"name", c.name}};
    j.update(ToJson(c.result));
    j["interval95"] = ToJson(c.bootstrap, c.bootstrap.rate2);
    j["difference"] = {{"from_first", Finite(Number(c.result) - Number(*report.first))},
                       {"interval95", ToJson(c.bootstrap, c.bootstrap.difference)},
                       {"p", BootstrapP(c.bootstrap)},
                       {"p_holm", c.bootstrap_p_holm}};
    j["mapsswe"] = ToJson(c.matched);
    j["mapsswe"]["p_holm"] = c.matched_p_holm;
    list.push_back(std::move(j));
  }
  return list;
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
  if (!report.bootstrap || report.bootstrap->num_draws == 0) {
    WriteParts(os, report);
    return;
  }
  const BootstrapResult &b = *report.bootstrap;
  os << "Interval 95% " << Percent(b.rate) << " by bootstrap over " << report.drawn << ", "
     << b.num_draws << " draws, seed " << report.seed << '\n';
  WriteOthers(os, report);
  WriteParts(os, report);
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
    // The first of the others also stands where the only one always did.
    const WerResult *second = report.NumOthers() > 0 ? &report.others->front().result : nullptr;
    AddComparison(*report.first, second, *report.bootstrap, &j);
    if (second != nullptr) {
      j["difference"]["mapsswe"] = ToJson(report.others->front().matched);
      j["comparisons"] = Comparisons(report);
    }
    j["bootstrap"] = {
        {"over", report.drawn}, {"draws", report.bootstrap->num_draws}, {"seed", report.seed}};
  }
  if (report.num_phrases > 0) j["phrases"] = report.num_phrases;
  for (const WerPart &part : report.parts) {
    nlohmann::ordered_json &own = part.group.empty() ? j[part.name] : j[part.group][part.name];
    own = ToJson(*part.first);
    if (part.bootstrap != nullptr) AddComparison(*part.first, part.second, *part.bootstrap, &own);
  }
  // Keys and words never get into this object, so a replacement character can only come from a name
  // given on the command line.
  os << j.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

}  // namespace u2moe
