#include "pipeline/search-units.h"

#include <memory>

#include "modelfile/model-tokenizer.h"

namespace u2moe {

void SearchUnitsOptions::Register(OptionParser *po) {
  po->RegisterInput(
      "units", &units,
      "what the tokens stand for, for --hot-words, --lm and --allowed-words: lines 'unit id', or a "
      "model file");
  tokenizer.Register(po, true);
}

SearchUnits SearchUnitsOptions::Open(const CtcSearchOptions &search) const {
  if (units.empty() || !search.NeedsUnits()) return {};
  // Only phrases and words of lists are cut into units.
  if (search.hot_words.file.empty() && search.allowed_words.file.empty()) {
    return {OpenUnits(units).Units(), nullptr, tokenizer.space_unit};
  }
  const std::shared_ptr<const Tokenizer> cutter = OpenTokenizer(units, tokenizer, true);
  return {cutter->Units().Units(),
          [cutter](const std::vector<std::string> &words) { return cutter->Encode(words, -1); },
          tokenizer.space_unit};
}

}  // namespace u2moe
