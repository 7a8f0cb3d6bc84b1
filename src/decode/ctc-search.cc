#include "decode/ctc-search.h"

#include "base/error.h"
#include "decode/ctc-greedy.h"
#include "decode/ctc-prefix-beam.h"

namespace u2moe {
namespace {

struct Method {
  const char *name;
  std::unique_ptr<CtcSearch> (*make)(const CtcSearchOptions &);
};

const Method kMethods[] = {
    {"greedy",
     [](const CtcSearchOptions &o) -> std::unique_ptr<CtcSearch> {
       return std::make_unique<CtcGreedySearch>(o.blank, o.blank_penalty);
     }},
    {"prefix-beam",
     [](const CtcSearchOptions &o) -> std::unique_ptr<CtcSearch> {
       return std::make_unique<CtcPrefixBeamSearch>(o.beam, o.blank, o.blank_penalty);
     }},
};

const Method *FindMethod(const std::string &name) {
  for (const Method &m : kMethods) {
    if (name == m.name) return &m;
  }
  return nullptr;
}

}  // namespace

std::string CtcSearchMethods() {
  std::string names;
  for (const Method &m : kMethods) names += (names.empty() ? "" : ", ") + std::string(m.name);
  return names;
}

void CtcSearchOptions::Register(OptionParser *po) {
  po->Register("method", &method, "search: " + CtcSearchMethods());
  po->Register("beam", &beam,
               "prefixes kept per frame, and tokens tried per frame (prefix-beam only)");
  po->Register("nbest", &nbest,
               "hypotheses written per utterance, at most --beam; above 1 the keys are "
               "<utterance>-<n>, n from 1 (best)");
  po->Register("blank", &blank, "token id of the CTC blank");
  po->Register("blank-penalty", &blank_penalty,
               "natural-log units taken from the blank before each frame is normalised again; "
               "0: none");
}

void CtcSearchOptions::Check() const {
  if (!FindMethod(method)) {
    throw UsageError("--method=", method, ": unknown; known methods are ", CtcSearchMethods());
  }
  if (beam < 1) throw UsageError("--beam=", beam, ": must be at least 1");
  if (nbest < 1) throw UsageError("--nbest=", nbest, ": must be at least 1");
  if (blank < 0) throw UsageError("--blank=", blank, ": must not be negative");
  if (!(blank_penalty >= 0 && blank_penalty < 1e6f)) {
    throw UsageError("--blank-penalty=", blank_penalty, ": must be a number from 0 up");
  }
  if (method == "greedy" && nbest > 1) {
    throw UsageError("--nbest=", nbest,
                     ": greedy search has one hypothesis; use --method=prefix-beam");
  }
  if (method == "prefix-beam" && nbest > beam) {
    throw UsageError("--nbest=", nbest, ": more than --beam=", beam, " hypotheses are never kept");
  }
}

std::string CtcSearchOptions::ToString() const {
  std::string s = "method " + method;
  if (method != "greedy") s += Cat(", beam ", beam);
  s += Cat(", blank ", blank);
  if (blank_penalty > 0) s += Cat(", blank penalty ", blank_penalty);
  return s;
}

std::unique_ptr<CtcSearch> MakeCtcSearch(const CtcSearchOptions &opts) {
  opts.Check();
  std::unique_ptr<CtcSearch> search = FindMethod(opts.method)->make(opts);
  search->Begin();
  return search;
}

std::vector<CtcHypothesis> CtcDecode(ConstView logp, int nbest, CtcSearch *search) {
  search->Begin();
  search->Step(logp);
  return search->End(nbest);
}

}  // namespace u2moe
