#include "transcript/confidence-map.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "util/text.h"

namespace u2moe {

double ConfidenceLogOdds(double confidence) {
  constexpr double kEdge = 1e-7;
  const double p = std::clamp(confidence, kEdge, 1 - kEdge);
  return std::log(p / (1 - p));
}

void ConfidenceMap::Register(OptionParser *po) {
  po->Register("confidence-slope", &slope,
               "confidences become 1 / (1 + exp(-slope x - offset)), x their log-odds; the slope "
               "is 1 / temperature. compute-nce --fit finds both");
  po->Register("confidence-offset", &offset, "see --confidence-slope");
  po->Register("confidence-fitted-on", &fitted_on,
               "digest of the set that both were fitted on, which compute-nce refuses to report");
}

void ConfidenceMap::Check() const {
  if (!(slope > 0) || !std::isfinite(slope)) {
    throw UsageError("--confidence-slope=", slope, ": expected a number above 0");
  }
  if (!std::isfinite(offset)) throw UsageError("--confidence-offset=", offset, ": not a number");
}

std::string ConfidenceMap::ToConfig() const {
  return Cat("confidence-slope=", NumberToString(slope),
             "\nconfidence-offset=", NumberToString(offset), "\n",
             fitted_on.empty() ? "" : Cat("confidence-fitted-on=", fitted_on, "\n"));
}

double ConfidenceMap::Apply(double confidence) const {
  if (confidence < 0 || IsIdentity()) return confidence;
  return 1 / (1 + std::exp(-slope * ConfidenceLogOdds(confidence) - offset));
}

void ConfidenceMap::Apply(std::vector<TimedWord> *words) const {
  for (TimedWord &word : *words) word.confidence = Apply(word.confidence);
}

void ConfidenceMapOption::Register(OptionParser *po) {
  po->RegisterInput("confidence-map", &file,
                    "what compute-nce --fit wrote for a development set: confidences become "
                    "probabilities by it");
}

ConfidenceMap ConfidenceMapOption::Read() const {
  ConfidenceMap map;
  if (file.empty()) return map;
  OptionParser po("");
  map.Register(&po);
  po.ReadForeignConfig(file);
  if (!po.WasGiven("confidence-slope")) {
    throw UsageError(file, ": no confidence-slope; compute-nce --fit=FILE writes such a file");
  }
  try {
    map.Check();
  } catch (const UsageError &e) {
    throw UsageError(file, ": ", e.what());
  }
  LOG_INFO << "confidences are mapped by " << file << ": slope " << map.slope << ", offset "
           << map.offset
           << (map.fitted_on.empty() ? "" : ", fitted on the set of digest " + map.fitted_on);
  return map;
}

}  // namespace u2moe
