#include "decode/ctc-search.h"

#include "base/error.h"
#include "decode/ctc-greedy.h"
#include "decode/ctc-prefix-beam.h"
#include "util/ctc-topology.h"
#ifdef U2MOE_OPENFST
#include "decode/wfst-search.h"
#endif

namespace u2moe {
namespace {

class GreedyResource : public SearchResource {
 public:
  GreedyResource(const CtcSearchOptions &opts, const SearchUnits &) : opts_(opts) {}

  std::unique_ptr<CtcSearch> NewSearch() const override {
    return std::make_unique<CtcGreedySearch>(opts_.blank, opts_.blank_penalty);
  }
  static void Check(const CtcSearchOptions &opts) {
    if (opts.nbest == 1) return;
    throw UsageError("--nbest=", opts.nbest,
                     ": greedy search has one hypothesis; use --method=prefix-beam");
  }
  static std::string Describe(const CtcSearchOptions &opts) {
    return opts.HasExtras() ? " as prefix-beam" + opts.prefix_beam.ToString() : "";
  }

 private:
  CtcSearchOptions opts_;
};

class PrefixBeamResource : public SearchResource {
 public:
  PrefixBeamResource(const CtcSearchOptions &opts, const SearchUnits &units) : opts_(opts) {
    extras_.num_units = static_cast<int64_t>(units.units.size());
    if (!opts.hot_words.file.empty()) {
      context_ = std::make_unique<const ContextGraph>(MakeContextGraph(opts.hot_words, units));
      extras_.context = context_.get();
      extras_.wenet = opts.hot_words.Wenet();
    }
    if (!opts.lm.file.empty()) {
      lm_ = std::make_unique<const LmFusion>(opts.lm, units.units, units.space, opts.blank);
      extras_.lm = lm_.get();
    }
    if (!opts.allowed_words.file.empty()) {
      words_ = std::make_unique<const AllowedWords>(MakeAllowedWords(opts.allowed_words, units));
      extras_.words = words_.get();
    }
  }

  std::unique_ptr<CtcSearch> NewSearch() const override {
    return std::make_unique<CtcPrefixBeamSearch>(opts_.prefix_beam.beam, opts_.blank,
                                                 opts_.blank_penalty, extras_);
  }
  static void Check(const CtcSearchOptions &opts) { opts.prefix_beam.Check(opts.nbest); }
  static std::string Describe(const CtcSearchOptions &opts) { return opts.prefix_beam.ToString(); }

 private:
  CtcSearchOptions opts_;
  std::unique_ptr<const ContextGraph> context_;
  std::unique_ptr<const LmFusion> lm_;
  std::unique_ptr<const AllowedWords> words_;
  PrefixBeamExtras extras_;
};

// A method is a row: its name, its own options, its resource.
struct Method {
  const char *name;
  void (*check)(const CtcSearchOptions &);
  std::string (*describe)(const CtcSearchOptions &);
  std::unique_ptr<const SearchResource> (*make)(const CtcSearchOptions &, const SearchUnits &);
};

template <class Resource>
constexpr Method Row(const char *name) {
  return {name, Resource::Check, Resource::Describe,
          [](const CtcSearchOptions &opts,
             const SearchUnits &units) -> std::unique_ptr<const SearchResource> {
            return std::make_unique<Resource>(opts, units);
          }};
}

const Method kMethods[] = {Row<GreedyResource>("greedy"), Row<PrefixBeamResource>("prefix-beam"),
#ifdef U2MOE_OPENFST
                           Row<WfstResource>("wfst")
#endif
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

void PrefixBeamOptions::Register(OptionParser *po) {
  po->Register("beam", &beam,
               "prefixes kept per frame, and tokens tried per frame (prefix-beam only)");
}

void PrefixBeamOptions::Check(int32_t nbest) const {
  if (beam < 1) throw UsageError("--beam=", beam, ": must be at least 1");
  if (nbest > beam) {
    throw UsageError("--nbest=", nbest, ": more than --beam=", beam, " hypotheses are never kept");
  }
}

std::string PrefixBeamOptions::ToString() const { return Cat(", beam ", beam); }

void WfstOptions::Register(OptionParser *po) {
  po->RegisterInput("graph", &graph,
                    "FST file of the decoding graph, as compile-graph writes it (wfst only, as the "
                    "following)");
  po->Register("topology", &topology,
               "of a --graph that has none (compile-graph --topology=none): " + CtcTopologyNames() +
                   ", composed with it while searching; empty: the graph has one");
  po->Register("graph-beam", &beam,
               "paths worse than the best by this are given up, natural-log units");
  po->Register("lattice-beam", &lattice_beam,
               "paths of lattices and n-best lists are at most so much worse than the best one");
  po->Register("max-active", &max_active, "states of the graph followed from frame to frame");
  po->Register("min-active", &min_active, "the same, whatever --graph-beam says");
  po->Register("acoustic-scale", &acoustic_scale, "factor on log-posteriors");
  po->Register("blank-skip-thresh", &blank_skip_thresh,
               "frames whose blank is more probable than this are passed over; 1: none");
  po->Register("blank-scale", &blank_scale, "factor on the probability of the blank");
  po->Register("length-penalty", &length_penalty,
               "cost of each token, natural-log units; below 0 it is a bonus, against deletions "
               "(WeNet suggests -3)");
}

void WfstOptions::Check() const {
  if (graph.empty()) {
    throw UsageError("--method=wfst needs --graph=FILE, which compile-graph makes");
  }
  if (!topology.empty()) FindCtcTopology(topology, "--topology");
  const auto positive = [](const char *name, float value) {
    if (!(value > 0 && value < 1e6f))
      throw UsageError("--", name, "=", value, ": must be a number above 0");
  };
  positive("graph-beam", beam);
  positive("lattice-beam", lattice_beam);
  positive("acoustic-scale", acoustic_scale);
  positive("blank-scale", blank_scale);
  positive("blank-skip-thresh", blank_skip_thresh);
  if (!(length_penalty > -1e6f && length_penalty < 1e6f))
    throw UsageError("--length-penalty=", length_penalty, ": must be a number");
  if (max_active < 2) throw UsageError("--max-active=", max_active, ": must be at least 2");
  if (min_active < 0 || min_active >= max_active) {
    throw UsageError("--min-active=", min_active,
                     ": must be from 0 to below --max-active=", max_active);
  }
}

std::string WfstOptions::ToString() const {
  std::string s = Cat(", graph ", graph, ", beam ", beam, ", max-active ", max_active,
                      ", min-active ", min_active, ", lattice-beam ", lattice_beam);
  if (!topology.empty()) s += Cat(", topology ", topology, " composed while searching");
  if (acoustic_scale != 1) s += Cat(", acoustic scale ", acoustic_scale);
  if (blank_skip_thresh < 1) s += Cat(", blank skipped above ", blank_skip_thresh);
  if (blank_scale != 1) s += Cat(", blank scale ", blank_scale);
  if (length_penalty != 0) s += Cat(", length penalty ", length_penalty);
  return s;
}

void CtcSearchOptions::Register(OptionParser *po) {
  po->Register("method", &method, "search: " + CtcSearchMethods());
  prefix_beam.Register(po);
  wfst.Register(po);
  hot_words.Register(po);
  lm.Register(po);
  allowed_words.Register(po);
  po->Register("nbest", &nbest,
               "hypotheses written per utterance, at most --beam; above 1 the keys are "
               "<utterance>-<n>, n from 1 (best)");
  po->Register("blank", &blank, "token id of the CTC blank");
  po->Register("blank-penalty", &blank_penalty,
               "natural-log units taken from the blank before each frame is normalised again; "
               "0: none");
}

void CtcSearchOptions::Check() const {
  const Method *own = FindMethod(method);
  if (own == nullptr) {
    if (method == "wfst") {
      throw UsageError(
          "--method=wfst: this build is without OpenFst; install the package libfst-dev and build "
          "again");
    }
    throw UsageError("--method=", method, ": unknown; known methods are ", CtcSearchMethods());
  }
  if (nbest < 1) throw UsageError("--nbest=", nbest, ": must be at least 1");
  if (blank < 0) throw UsageError("--blank=", blank, ": must not be negative");
  if (!(blank_penalty >= 0 && blank_penalty < 1e6f)) {
    throw UsageError("--blank-penalty=", blank_penalty, ": must be a number from 0 up");
  }
  hot_words.Check();
  lm.Check();
  own->check(*this);
  if (HasExtras() && method == "greedy") prefix_beam.Check(nbest);
}

std::string CtcSearchOptions::ToString() const {
  const Method *own = FindMethod(method);
  std::string s = "method " + method + (own == nullptr ? "" : own->describe(*this));
  s += hot_words.ToString() + lm.ToString() + allowed_words.ToString() + Cat(", blank ", blank);
  if (blank_penalty > 0) s += Cat(", blank penalty ", blank_penalty);
  return s;
}

SearchUnits LetterUnits(const UnitTable &table, const std::string &source) {
  const std::string space = table.Find(UnitTable::kSpace) < 0 ? "" : UnitTable::kSpace;
  return {table.Units(),
          [=](const std::vector<std::string> &words) {
            table.RequireLetters(source);
            return table.Encode(words, space, -1);
          },
          UnitTable::kSpace};
}

std::unique_ptr<const SearchResource> MakeSearchResource(const CtcSearchOptions &opts,
                                                         const SearchUnits &units) {
  opts.Check();
  if (!opts.HasExtras()) return FindMethod(opts.method)->make(opts, units);
  if (opts.NeedsUnits() && units.units.empty()) {
    throw UsageError("--",
                     !opts.hot_words.file.empty() ? "hot-words"
                     : !opts.lm.file.empty()      ? "lm"
                                                  : "allowed-words",
                     ": say what the tokens stand for with --units=units.txt");
  }
  return FindMethod(opts.method == "greedy" ? "prefix-beam" : opts.method)->make(opts, units);
}

std::vector<CtcHypothesis> CtcDecode(ConstView logp, int nbest, CtcSearch *search) {
  search->Begin();
  search->Step(logp);
  return search->End(nbest);
}

}  // namespace u2moe
