#include "pipeline/search-units.h"

#include <memory>

#include "base/error.h"
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

void ModelWordsOptions::Register(OptionParser *po) {
  words.Register(po);
  po->RegisterInput("units", &units,
                    "for --allowed-words: what the model's tokens stand for, lines 'unit id', in "
                    "place of what it holds");
}

std::unique_ptr<const AllowedWords> ModelWordsOptions::Open(const std::string &model,
                                                            int32_t vocab_size) const {
  if (words.file.empty()) return nullptr;
  CtcSearchOptions search;
  search.allowed_words = words;
  const std::string &source = units.empty() ? model : units;
  const SearchUnits opened = SearchUnitsOptions{source, {}}.Open(search);
  if (static_cast<int32_t>(opened.units.size()) != vocab_size) {
    throw DataError(source, ": ", opened.units.size(), " units, but the model has ", vocab_size,
                    "; give those that it was trained with");
  }
  return std::make_unique<const AllowedWords>(MakeAllowedWords(words, opened));
}

}  // namespace u2moe
